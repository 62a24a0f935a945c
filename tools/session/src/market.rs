//! The synthetic market's knobs from the settings.

use pitlane_config::{PacketMode, Settings};
use pitlane_feeds::SyntheticConfig;
use pitlane_feeds::kite::Mode;

/// The market that `[sim]` describes.
pub fn synthetic_config(settings: &Settings) -> SyntheticConfig {
    let sim = &settings.sim;
    let mode = match sim.mode {
        PacketMode::Full => Mode::Full,
        PacketMode::Quote => Mode::Quote,
        PacketMode::Ltp => Mode::Ltp,
    };
    let share =
        |bps: i64| u32::try_from(bps).expect("shares are checked to be between nothing and everything");
    SyntheticConfig {
        seed: sim.seed,
        ticks_per_second: sim.ticks_per_second,
        hot_share_bps: share(sim.hot_share_bps),
        hot_rate: sim.hot_rate,
        hot_rotation_ns: sim.hot_rotation_ns,
        step_ppm: sim.step_ppm,
        burst_bps: share(sim.burst_bps),
        halts: sim.halts,
        halt_ns: sim.halt_ns,
        modes: vec![mode; settings.instruments.len()],
    }
}
