//! What is to be said about places in a file: rows that were refused, candles that are missing.

use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S, TsNs};

/// Places that are named one by one.
const NAMED_MAX: usize = 5;

/// The places of one file.
#[derive(Debug, Default)]
pub(super) struct Notes {
    refused: Vec<String>,
    refusals: u64,
    gaps: Vec<String>,
    gap_count: u64,
    missing: u64,
    has_index_volume: bool,
}

impl Notes {
    /// A row was refused; why.
    pub(super) fn refuse(&mut self, line: u64, why: &str) {
        self.refusals += 1;
        if self.refused.len() < NAMED_MAX {
            self.refused.push(format!("line {line}: {why}"));
        }
    }

    /// No candle starts from `from` to before `until`, of which there would be one each `length_ns`.
    pub(super) fn gap(&mut self, from: TsNs, until: TsNs, length_ns: u64) {
        let missing = until.since(from).div_ceil(length_ns);
        if missing == 0 {
            return;
        }
        self.missing += missing;
        self.gap_count += 1;
        if self.gaps.len() < NAMED_MAX {
            self.gaps.push(format!("{missing} from {}", shown(from)));
        }
    }

    /// A candle of an index has a volume.
    pub(super) fn index_volume(&mut self) {
        self.has_index_volume = true;
    }

    /// All of them, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = self.refused.clone();
        let more = self.refusals - self.refused.len() as u64;
        if more > 0 {
            lines.push(format!("{more} more rows were refused; they are in the journal as dead letters"));
        }
        if self.missing > 0 {
            let gaps = if self.gap_count == 1 { "gap" } else { "gaps" };
            let and_more = match self.gap_count - self.gaps.len() as u64 {
                0 => String::new(),
                more => format!(", and {more} more gaps"),
            };
            lines.push(format!(
                "{} candles of the sessions are missing in {} {gaps}: {}{and_more}",
                self.missing,
                self.gap_count,
                self.gaps.join(", ")
            ));
        }
        if self.has_index_volume {
            lines.push("volumes of an index were left out: its packets have none".to_owned());
        }
        lines
    }
}

/// An instant as `YYYY-MM-DD HH:MM` in Indian time.
fn shown(ts: TsNs) -> String {
    let second = i64::try_from((ts.0 + IST_OFFSET_NS) / NS_PER_S).expect("engine time ends in 2554");
    let epoch = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);
    let clock = epoch.saturating_add(jiff::Span::new().seconds(second));
    clock.strftime("%Y-%m-%d %H:%M").to_string()
}
