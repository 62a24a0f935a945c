//! `ema_crossover`: long when a fast average of closes crosses above a slow one, out or short when it crosses
//! below.
//!
//! Facts: fast, slow, previous fast, previous slow, close (rupees), bars seen. Averages run across sessions.

use super::api::{BarView, Facts, Said, Signals, Strategy};
use super::indicators::Ema;
use super::registry::{Parameter, Settings, StrategyKind};
use crate::event::{Action, SignalReason};
use crate::state::StateIo;

/// The kind's entry in the registry.
pub(super) const KIND: StrategyKind = StrategyKind {
    name: "ema_crossover",
    description: "LONG when EMA(fast) of closes crosses above EMA(slow), SHORT or EXIT when it crosses below",
    parameters: &[
        Parameter {
            name: "fast",
            default: 20.0,
            min: 1.0,
            max: 10_000.0,
            whole: true,
            doc: "Bars of the fast average; fewer react sooner and cross more often",
        },
        Parameter {
            name: "slow",
            default: 50.0,
            min: 1.0,
            max: 10_000.0,
            whole: true,
            doc: "Bars of the slow average; more than `fast`",
        },
    ],
    build,
};

/// Distance of the averages, as a share of the slow one, from which the confidence is full: 1 %.
const FULL_CONFIDENCE: f64 = 0.01;

fn build(settings: &Settings<'_>) -> Result<Box<dyn Strategy>, String> {
    let (fast, slow) = (settings.whole("fast"), settings.whole("slow"));
    if fast >= slow {
        return Err(format!("fast ({fast}) must be less than slow ({slow})"));
    }
    Ok(Box::new(EmaCrossover {
        allow_short: settings.allow_short,
        bars: 0,
        fast: Ema::new(fast),
        slow: Ema::new(slow),
    }))
}

struct EmaCrossover {
    allow_short: bool,
    bars: u64,
    fast: Ema,
    slow: Ema,
}

impl EmaCrossover {
    /// Share of `FULL_CONFIDENCE` that the averages are apart, in 1/10,000.
    fn confidence_bps(fast: f64, slow: f64) -> u16 {
        if slow <= 0.0 {
            return 0;
        }
        let distance = (fast - slow).abs() / slow;
        if distance >= FULL_CONFIDENCE { 10_000 } else { (distance / FULL_CONFIDENCE * 10_000.0) as u16 }
    }
}

impl Strategy for EmaCrossover {
    fn on_bar(&mut self, bar: &BarView<'_>, out: &mut Signals) {
        let close = bar.close();
        let before = self.fast.value().zip(self.slow.value());
        self.fast.update(close);
        self.slow.update(close);
        self.bars += 1;
        let now = self.fast.value().zip(self.slow.value());
        let (Some((prev_fast, prev_slow)), Some((fast, slow))) = (before, now) else {
            out.hold(SignalReason::IndicatorsNotReady, [0.0, 0.0, 0.0, 0.0, close, self.bars as f64]);
            return;
        };
        let facts: Facts = [fast, slow, prev_fast, prev_slow, close, self.bars as f64];
        let confidence_bps = Self::confidence_bps(fast, slow);
        if prev_fast <= prev_slow && fast > slow {
            out.say(Said { action: Action::Long, reason: SignalReason::CrossUp, confidence_bps, facts });
        } else if prev_fast >= prev_slow && fast < slow {
            let action = if self.allow_short { Action::Short } else { Action::Exit };
            out.say(Said { action, reason: SignalReason::CrossDown, confidence_bps, facts });
        } else {
            out.hold(SignalReason::NoCross, facts);
        }
    }

    fn wants_ticks(&self) -> bool {
        false
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.count(&mut self.bars);
        self.fast.state(io);
        self.slow.state(io);
    }
}
