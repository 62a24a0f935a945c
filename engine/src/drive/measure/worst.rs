//! The longest steps with what they were about. One thread writes; a reader never sees half a step.

use crate::event::Kind;
use crate::units::{InstrumentId, Seq, TsNs};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Steps that are kept.
pub const WORST: usize = 16;
/// Words of a step, the duration by which it is kept first.
const WORDS: usize = 8;

/// A step, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Its input.
    pub seq: Seq,
    /// The input's time.
    pub ts: TsNs,
    /// The input's kind.
    pub kind: u8,
    /// The input's instrument.
    pub instrument: InstrumentId,
    /// Outputs that it caused.
    pub outputs: u32,
    /// Their kinds, a bit for each code.
    pub caused: u64,
    /// From the input's arrival to the end of the step.
    pub step_ns: u64,
    /// From the input's arrival to its first order having left risk; zero without an order.
    pub order_ns: u64,
}

impl Measured {
    /// The kinds of what it caused, in the order of their codes.
    pub fn caused(&self) -> impl Iterator<Item = Kind> {
        let bits = self.caused;
        let bit = |kind: Kind| 1_u64.checked_shl(u32::from(kind as u8)).unwrap_or(0);
        Kind::ALL.iter().copied().filter(move |kind| bits & bit(*kind) != 0)
    }

    fn words(&self, ns: u64) -> [u64; WORDS] {
        let of = u64::from(self.instrument.0) << 32 | u64::from(self.outputs);
        [ns, self.seq.0, self.ts.0, u64::from(self.kind), of, self.caused, self.step_ns, self.order_ns]
    }

    fn of(words: [u64; WORDS]) -> Self {
        let [_, seq, ts, kind, of, caused, step_ns, order_ns] = words;
        let (instrument, outputs) = (InstrumentId((of >> 32) as u32), of as u32);
        Self { seq: Seq(seq), ts: TsNs(ts), kind: kind as u8, instrument, outputs, caused, step_ns, order_ns }
    }
}

/// The longest of what was offered.
pub(super) struct Worst {
    /// Odd while a step is being written.
    version: AtomicU64,
    /// The shortest that is kept: what is not longer need not be offered.
    floor: AtomicU64,
    slots: [[AtomicU64; WORDS]; WORST],
}

impl Default for Worst {
    fn default() -> Self {
        let slots = std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)));
        Self { version: AtomicU64::new(0), floor: AtomicU64::new(0), slots }
    }
}

impl Worst {
    /// Whether a step of `ns` would be kept.
    #[inline]
    pub(super) fn takes(&self, ns: u64) -> bool {
        // Relaxed: only its own thread writes it.
        ns > self.floor.load(Ordering::Relaxed)
    }

    /// Keeps `step` by its duration `ns` in place of the shortest, if it is longer.
    pub(super) fn offer(&self, ns: u64, step: &Measured) {
        if !self.takes(ns) {
            return;
        }
        // Relaxed loads: this thread is the only writer.
        let kept = |slot: &[AtomicU64; WORDS]| slot[0].load(Ordering::Relaxed);
        let shortest = self.slots.iter().min_by_key(|slot| kept(slot)).expect("there are slots");
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // Release: whoever sees one of the words below sees the odd version.
        fence(Ordering::Release);
        for (word, value) in shortest.iter().zip(step.words(ns)) {
            word.store(value, Ordering::Relaxed);
        }
        // Release: whoever sees this version sees the words.
        self.version.store(version.wrapping_add(2), Ordering::Release);
        let floor = self.slots.iter().map(kept).min().expect("there are slots");
        self.floor.store(floor, Ordering::Relaxed);
    }

    /// What is kept, the longest first.
    pub(super) fn read(&self) -> Vec<Measured> {
        loop {
            // Acquire: pairs with the last store of `offer`.
            let before = self.version.load(Ordering::Acquire);
            let words: Vec<[u64; WORDS]> = self
                .slots
                .iter()
                .map(|slot| slot.each_ref().map(|word| word.load(Ordering::Relaxed)))
                .collect();
            // Acquire: pairs with the fence of `offer`; had a word been of a later write, so would the version be.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                let mut words: Vec<_> = words.into_iter().filter(|words| words[0] > 0).collect();
                words.sort_by_key(|words| (std::cmp::Reverse(words[0]), words[1]));
                return words.into_iter().map(Measured::of).collect();
            }
            std::thread::yield_now();
        }
    }
}
