//! When frames come and whose packets they carry.

use super::SyntheticConfig;
use crate::rng::SplitMix64;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionPlan};
use pitlane_engine::units::{InstrumentId, NS_PER_S, TsNs};

/// Packets of a frame at most.
pub(super) const PACKETS_MAX: u16 = 8;
/// Frames that follow the first of a burst, at most.
const BURST_FRAMES_MAX: u64 = 4;
/// Shortest time between the frames of a burst, in nanoseconds.
const BURST_GAP_NS: u64 = 1_000;
/// By how much that time varies.
const BURST_GAP_SPREAD_NS: u64 = 50_000;

/// A frame that is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// When.
    pub(super) at: TsNs,
    /// How many packets it may have.
    pub(super) packets: u16,
    /// The first instrument of an opening frame, which shows every instrument once.
    opening: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Schedule {
    now: u64,
    close: u64,
    instruments: usize,
    /// Instruments shown so far by the opening frames.
    opened: usize,
    hot: usize,
    hot_rate: u64,
    hot_first: usize,
    rotation_ns: u64,
    rotate_at: u64,
    /// Twice the mean gap between frames: gaps are uniform below it.
    gap_bound: u64,
    burst_bps: u64,
    burst_left: u64,
    /// Halts to come, by start: (start, instrument).
    halts: Vec<(u64, usize)>,
    halts_begun: usize,
    halt_ns: u64,
    halted_until: Vec<u64>,
    /// When each instrument trades: from, until (exclusive).
    hours: Vec<(TsNs, TsNs)>,
    /// The last frame in which an instrument had a packet; it has at most one a frame.
    seen_at: Vec<u64>,
}

impl Schedule {
    pub(super) fn new(
        config: &SyntheticConfig,
        instruments: &[InstrumentSpec],
        plan: &SessionPlan,
        rng: &mut SplitMix64,
    ) -> Self {
        let count = instruments.len();
        // Rounded up, so that any share but zero makes at least one instrument hot.
        let hot = (count * config.hot_share_bps as usize).div_ceil(10_000);
        let hot_rate = u64::from(config.hot_rate);
        let weight = (count - hot) as u64 + hot as u64 * hot_rate;
        let per_second = weight * u64::from(config.ticks_per_second);
        let (open, close) = (plan.times.open.0, plan.times.close.0);
        let mut haltable: Vec<usize> =
            (0..count).filter(|i| instruments[*i].class != InstrumentClass::Index).collect();
        if haltable.is_empty() {
            haltable.extend(0..count);
        }
        let mut halts: Vec<(u64, usize)> = (0..config.halts)
            .map(|_| (open + rng.below(close - open), haltable[rng.below(haltable.len() as u64) as usize]))
            .collect();
        halts.sort_unstable();
        Self {
            now: open,
            close,
            instruments: count,
            opened: 0,
            hot,
            hot_rate,
            hot_first: rng.below(count as u64) as usize,
            rotation_ns: config.hot_rotation_ns,
            rotate_at: open.saturating_add(config.hot_rotation_ns),
            gap_bound: (2 * NS_PER_S / per_second).max(1),
            burst_bps: u64::from(config.burst_bps),
            burst_left: 0,
            halts,
            halts_begun: 0,
            halt_ns: config.halt_ns,
            halted_until: vec![0; count],
            hours: (0..count as u32).map(|id| plan.hours_of(InstrumentId(id))).collect(),
            seen_at: vec![0; count],
        }
    }

    /// The next frame, or `None` at the close. Times increase strictly.
    pub(super) fn next_frame(&mut self, rng: &mut SplitMix64) -> Option<Frame> {
        if self.opened < self.instruments {
            let first = self.opened;
            let packets = (self.instruments - first).min(usize::from(PACKETS_MAX));
            if first > 0 {
                self.now += BURST_GAP_NS;
            }
            self.opened += packets;
            let at = TsNs(self.now);
            let packets = u16::try_from(packets).expect("at most PACKETS_MAX");
            return (self.now < self.close).then_some(Frame { at, packets, opening: Some(first) });
        }
        let packets = if self.burst_left > 0 {
            self.burst_left -= 1;
            self.now += BURST_GAP_NS + rng.below(BURST_GAP_SPREAD_NS);
            many(rng)
        } else {
            self.now += 1 + rng.below(self.gap_bound);
            if self.burst_bps > 0 && rng.chance_bps(self.burst_bps) {
                self.burst_left = 1 + rng.below(BURST_FRAMES_MAX);
                many(rng)
            } else {
                1
            }
        };
        self.turn(rng);
        (self.now < self.close).then_some(Frame { at: TsNs(self.now), packets, opening: None })
    }

    /// The instrument of packet number `slot` of `frame`; `None` if it is closed or halted or has had its packet.
    /// What is drawn does not depend on that, so hours of its own take an instrument's packets away and no more.
    pub(super) fn pick(&mut self, frame: &Frame, slot: u16, rng: &mut SplitMix64) -> Option<usize> {
        let instrument = match frame.opening {
            Some(first) => first + usize::from(slot),
            None => self.weighted(rng),
        };
        let (open, close) = self.hours[instrument];
        if frame.at < open || close <= frame.at {
            return None;
        }
        if self.halted_until[instrument] > frame.at.0 || self.seen_at[instrument] == frame.at.0 {
            return None;
        }
        self.seen_at[instrument] = frame.at.0;
        Some(instrument)
    }

    /// A random instrument, hot ones `hot_rate` times as likely.
    fn weighted(&self, rng: &mut SplitMix64) -> usize {
        let hot_weight = self.hot as u64 * self.hot_rate;
        let drawn = rng.below(hot_weight + (self.instruments - self.hot) as u64);
        let offset =
            if drawn < hot_weight { drawn / self.hot_rate } else { self.hot as u64 + drawn - hot_weight };
        let place = self.hot_first + offset as usize;
        if place >= self.instruments { place - self.instruments } else { place }
    }

    /// Rotates the hot instruments and begins halts that are due.
    fn turn(&mut self, rng: &mut SplitMix64) {
        while self.now >= self.rotate_at {
            self.rotate_at = self.rotate_at.saturating_add(self.rotation_ns);
            self.hot_first = rng.below(self.instruments as u64) as usize;
        }
        while let Some((start, instrument)) =
            self.halts.get(self.halts_begun).filter(|halt| halt.0 <= self.now)
        {
            self.halted_until[*instrument] = start.saturating_add(self.halt_ns);
            self.halts_begun += 1;
        }
    }
}

/// How many packets a frame of a burst has.
fn many(rng: &mut SplitMix64) -> u16 {
    2 + rng.below(u64::from(PACKETS_MAX) - 1) as u16
}
