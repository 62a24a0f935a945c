//! What a decoder has done, in numbers.

use crate::event::DeadReason;

/// One place per reason, by its code; reason codes start at 1.
const REASONS: usize = DeadReason::ALL.len() + 1;

/// Counts since the decoder was made. Every event it wrote or stamped is in exactly one of `ltp`, `quote`,
/// `index`, `full` and `dead_letters`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecoderCounters {
    /// Frames begun, heartbeats among them: any of them shows that the link is alive.
    pub frames: u64,
    /// Frames of one byte.
    pub heartbeats: u64,
    /// Packets of 8 bytes.
    pub ltp: u64,
    /// Packets of 44 bytes.
    pub quote: u64,
    /// Packets of 28 and 32 bytes.
    pub index: u64,
    /// Packets of 184 bytes.
    pub full: u64,
    /// Dead letters by the code of their `DeadReason`; the first place is unused.
    pub dead_letters: [u64; REASONS],
}

impl DecoderCounters {
    /// Dead letters for `reason`.
    pub fn dead(&self, reason: DeadReason) -> u64 {
        self.dead_letters[reason as usize]
    }

    /// Dead letters for any reason.
    pub fn dead_total(&self) -> u64 {
        self.dead_letters.iter().sum()
    }

    /// Packets that became market events.
    pub fn market_total(&self) -> u64 {
        self.ltp + self.quote + self.index + self.full
    }

    /// All events; the number of the source's newest one.
    pub fn events(&self) -> u64 {
        self.market_total() + self.dead_total()
    }
}
