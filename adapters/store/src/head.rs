//! What a run's journal starts with: the configuration it was made with, and its instruments.

use super::{Preamble, StoreError};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::event::{ConfigText, Event, Instrument, Kind, SessionStart};
use std::path::Path;

/// The preamble of a journal.
#[derive(Clone, Debug)]
pub struct Head {
    /// The configuration text.
    pub config_text: String,
    /// The instruments, by id.
    pub instruments: Vec<InstrumentSpec>,
    /// The first session.
    pub first_session: SessionStart,
}

/// Reads the preamble of the journal at `dir`, also one that was kept when retention removed the start of the inputs.
///
/// # Errors
/// If the journal cannot be read, or does not start with a preamble and a session.
pub fn read_head(dir: &Path) -> Result<Head, StoreError> {
    let mut events = Preamble::open(dir)?;
    let not_a_run = |what| StoreError::NotARun { path: dir.to_owned(), what };
    let (mut text, mut instruments) = (Vec::new(), Vec::new());
    while let Some(event) = events.try_next()? {
        match event.kind() {
            Kind::ConfigText => {
                let part = event.body::<ConfigText>();
                let used = part.text.get(..part.used_bytes as usize);
                text.extend_from_slice(
                    used.ok_or_else(|| not_a_run("a configuration part is longer than its field"))?,
                );
            }
            Kind::Instrument => {
                instruments.push(spec(&event).ok_or_else(|| not_a_run("an instrument is unreadable"))?)
            }
            Kind::SessionStart => {
                let config_text =
                    String::from_utf8(text).map_err(|_| not_a_run("the configuration is not UTF-8"))?;
                return Ok(Head { config_text, instruments, first_session: *event.body() });
            }
            // Bars of earlier days, from which indicators warm up.
            Kind::Bar => {}
            _ => return Err(not_a_run("it does not start with a configuration, instruments and a session")),
        }
    }
    Err(StoreError::NotBegun { path: dir.to_owned() })
}

fn spec(event: &Event) -> Option<InstrumentSpec> {
    let body = event.body::<Instrument>();
    let used = body.symbol.iter().position(|&byte| byte == 0).unwrap_or(body.symbol.len());
    Some(InstrumentSpec {
        symbol: std::str::from_utf8(&body.symbol[..used]).ok()?.to_owned(),
        token: body.token,
        class: InstrumentClass::from_u8(body.class)?,
        tradable: body.tradable == 1,
        lot: body.lot,
        tick: body.tick,
        multiplier: body.multiplier,
        freeze: body.freeze,
        derivatives: body.derivatives == 1,
    })
}
