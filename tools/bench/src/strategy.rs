//! The bench's own strategy: it orders on a fixed share of the ticks, so that tick to order has samples at every rate.
//! It keeps two averages over bars, as a crossover does, so that its stage has work besides.

use pitlane_engine::config::{PipelineConfig, StrategyConfig};
use pitlane_engine::event::{Action, SignalReason, Timeframe};
use pitlane_engine::stages::strategy::indicators::Ema;
use pitlane_engine::stages::strategy::{
    BarView, Parameter, Said, Settings, Signals, Strategy, StrategyKind, TickView,
};
use pitlane_engine::state::StateIo;

/// The kinds that a bench's pipeline is built from.
pub static KINDS: [StrategyKind; 1] = [KIND];

/// An instrument's ticks between two of its orders: with two indices among twelve instruments, 3.3 % of all ticks order.
pub const ORDER_EVERY: u32 = 25;

const KIND: StrategyKind = StrategyKind {
    name: "every_nth_tick",
    description: "LONG and EXIT in turns, on every n-th tick of an instrument",
    parameters: &[Parameter {
        name: "every",
        default: ORDER_EVERY as f64,
        min: 1.0,
        max: 1_000_000.0,
        whole: true,
        doc: "Ticks of an instrument from one order to the next",
    }],
    build,
};

fn build(settings: &Settings<'_>) -> Result<Box<dyn Strategy>, String> {
    Ok(Box::new(EveryNthTick {
        every: u64::from(settings.whole("every")),
        ticks: 0,
        fast: Ema::new(20),
        slow: Ema::new(50),
    }))
}

struct EveryNthTick {
    every: u64,
    ticks: u64,
    fast: Ema,
    slow: Ema,
}

impl Strategy for EveryNthTick {
    fn on_bar(&mut self, bar: &BarView<'_>, _out: &mut Signals) {
        self.fast.update(bar.close());
        self.slow.update(bar.close());
    }

    fn on_tick(&mut self, tick: &TickView<'_>, out: &mut Signals) {
        if !tick.trading {
            return;
        }
        self.ticks += 1;
        if !self.ticks.is_multiple_of(self.every) {
            return;
        }
        let enters = (self.ticks / self.every) % 2 == 1;
        let averages = [self.fast.value().unwrap_or(0.0), self.slow.value().unwrap_or(0.0)];
        out.say(Said {
            action: if enters { Action::Long } else { Action::Exit },
            reason: if enters { SignalReason::CrossUp } else { SignalReason::CrossDown },
            confidence_bps: 10_000,
            facts: [averages[0], averages[1], 0.0, 0.0, 0.0, self.ticks as f64],
        });
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.count(&mut self.ticks);
        self.fast.state(io);
        self.slow.state(io);
    }
}

/// Puts the strategy on every tradable instrument of `config`, in place of whatever was there.
pub fn install(config: &mut PipelineConfig) {
    let tradable = |(index, spec): (usize, &pitlane_engine::config::InstrumentSpec)| {
        spec.tradable.then_some(pitlane_engine::units::InstrumentId(index as u32))
    };
    config.strategies = vec![StrategyConfig {
        id: "bench".to_owned(),
        kind: KIND.name.to_owned(),
        instruments: config.instruments.iter().enumerate().filter_map(tradable).collect(),
        timeframe: Timeframe::S1,
        allow_short: false,
        passive_entry: false,
        reprice_ns: 0,
        priority: 0,
        stop_loss_bps: 0,
        take_profit_bps: 0,
        holding_ns: 0,
        params: Vec::new(),
    }];
}
