//! The dead letter of a row that was refused.

use super::lines::Lines;
use pitlane_engine::event::{DeadLetter, DeadReason, Event, FLAG_EXO};
use pitlane_engine::units::{InstrumentId, TsNs};

/// Bytes of a refused row that its dead letter keeps.
const KEPT_MAX: usize = 184;

/// A dead letter that is written anew for each refused row.
#[derive(Debug)]
pub(crate) struct Letter(Event);

impl Default for Letter {
    fn default() -> Self {
        let letter = DeadLetter {
            received: TsNs::ZERO,
            source_seq: 0,
            token: 0,
            original_bytes: 0,
            kept_bytes: 0,
            reason: DeadReason::Undecodable as u8,
            reserved: [0; 1],
            line: 0,
            reserved2: [0; 8],
            data: [0; KEPT_MAX],
        };
        Self(Event::new(InstrumentId::NONE, FLAG_EXO, &letter))
    }
}

impl Letter {
    /// Writes that of the present line.
    pub(crate) fn write(&mut self, lines: &Lines, instrument: InstrumentId, token: u32, reason: DeadReason) {
        let line = lines.line();
        let kept = line.len().min(KEPT_MAX);
        self.0.header.instrument = instrument;
        let letter = self.0.body_mut::<DeadLetter>();
        letter.token = token;
        letter.line = u32::try_from(lines.number()).unwrap_or(u32::MAX);
        letter.original_bytes = u32::try_from(lines.line_bytes()).unwrap_or(u32::MAX);
        letter.kept_bytes = kept as u16;
        letter.reason = reason as u8;
        letter.data = [0; KEPT_MAX];
        letter.data[..kept].copy_from_slice(&line[..kept]);
    }

    /// The event, received at `now`.
    pub(crate) fn at(&mut self, now: TsNs) -> &Event {
        self.0.header.ts = now;
        self.0.body_mut::<DeadLetter>().received = now;
        &self.0
    }
}
