//! The instruments of several journals in one table.

use crate::exit::data;
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::units::InstrumentId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The instruments so far, by id.
#[derive(Debug, Default)]
pub(super) struct Table {
    specs: Vec<InstrumentSpec>,
    /// The journal each of them is from.
    from: Vec<PathBuf>,
    /// Those whose freeze quantity is not the same everywhere.
    freezes: BTreeSet<usize>,
}

impl Table {
    /// Takes in the instruments of the journal at `dir`; the ids they have here. Symbols are what makes two the same.
    ///
    /// # Errors
    /// If an instrument is something else than in a journal before: another class, lot, tick or multiplier, or tradable
    /// in one of them only. A run has one of each.
    pub(super) fn unite(
        &mut self,
        dir: &Path,
        specs: &[InstrumentSpec],
    ) -> anyhow::Result<Vec<InstrumentId>> {
        specs.iter().map(|spec| self.take(dir, spec)).collect()
    }

    fn take(&mut self, dir: &Path, spec: &InstrumentSpec) -> anyhow::Result<InstrumentId> {
        let at = match self.specs.iter().position(|known| known.symbol == spec.symbol) {
            Some(at) => {
                if let Some(what) = contradiction(&self.specs[at], spec) {
                    return Err(data(format!(
                        "{} is not the same in {} and {}: {what}. A run has one of it: run the days before and after \
                         the change apart, or import the wrong one again with the instrument file of its day \
                         (--instruments)",
                        spec.symbol,
                        self.from[at].display(),
                        dir.display()
                    )));
                }
                self.soften(at, spec);
                at
            }
            None => {
                let token = self.free_token(spec);
                self.specs.push(InstrumentSpec { token, ..spec.clone() });
                self.from.push(dir.to_owned());
                self.specs.len() - 1
            }
        };
        Ok(InstrumentId(u32::try_from(at).expect("at most INSTRUMENTS_MAX of a journal, and few journals")))
    }

    /// Makes the known instrument as careful as the other: a freeze quantity may change from month to month.
    fn soften(&mut self, at: usize, spec: &InstrumentSpec) {
        let known = &mut self.specs[at];
        known.derivatives |= spec.derivatives;
        if known.freeze == spec.freeze {
            return;
        }
        let least = match (known.freeze.is_zero(), spec.freeze.is_zero()) {
            (true, _) => spec.freeze,
            (_, true) => known.freeze,
            _ => known.freeze.min(spec.freeze),
        };
        known.freeze = least;
        self.freezes.insert(at);
    }

    /// The instrument's token, or a free one of its segment: brokers give the tokens of expired contracts to new ones, and
    /// recorded events are decoded already.
    fn free_token(&self, spec: &InstrumentSpec) -> u32 {
        const SEGMENT_STEP: u32 = 256;
        let mut token = spec.token;
        while self.specs.iter().any(|known| known.token == token) {
            token = token.wrapping_add(SEGMENT_STEP);
        }
        token
    }

    /// The table, and what is to be said about it.
    pub(super) fn into_parts(self) -> (Vec<InstrumentSpec>, Vec<String>) {
        let note = |at: &usize| {
            let InstrumentSpec { symbol, freeze, .. } = &self.specs[*at];
            format!("note: the freeze quantity of {symbol} changes; {} holds on every day", freeze.0)
        };
        let notes = self.freezes.iter().map(note).collect();
        (self.specs, notes)
    }
}

/// In what two instruments of one symbol cannot both be right.
fn contradiction(a: &InstrumentSpec, b: &InstrumentSpec) -> Option<String> {
    let differ = |what: &str, a: String, b: String| (a != b).then(|| format!("{what} {a} and {b}"));
    differ("tick", a.tick.to_string(), b.tick.to_string())
        .or_else(|| differ("lot", a.lot.0.to_string(), b.lot.0.to_string()))
        .or_else(|| differ("multiplier", a.multiplier.to_string(), b.multiplier.to_string()))
        .or_else(|| differ("class", format!("{:?}", a.class), format!("{:?}", b.class)))
        .or_else(|| differ("tradable", a.tradable.to_string(), b.tradable.to_string()))
}
