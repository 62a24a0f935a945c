//! A saved state goes on like the original.

use super::property::{Day, Random};
use super::*;
use crate::config::{Conflict, Sizing};
use crate::event::ReportReason;
use crate::state::trips::{changed_bytes_never_panic, loaded_stages_go_on};
use zerocopy::FromZeros;

/// Two strategies on three instruments with every kind of exit, sizes from the true range, and entries that rest
/// and follow the market.
fn all_at_work(conflict: Conflict) -> PipelineConfig {
    let mut config = config(3);
    let mut other = config.strategies[0].clone();
    other.instruments.pop();
    other.passive_entry = true;
    other.reprice_ns = 2 * NS_PER_S;
    other.priority = 1;
    config.strategies[0].stop_loss_bps = 60;
    config.strategies[0].take_profit_bps = 90;
    other.holding_ns = 40 * NS_PER_S;
    config.strategies.push(other);
    config.risk.conflict = conflict;
    config.charges = crate::config::ChargesConfig::default();
    config.risk.sizing = Sizing::Atr;
    config.risk.risk_per_trade_bps = 20;
    config.risk.atr_period = 3;
    config.risk.order_value_bps = 20_000;
    config.risk.daily_loss_bps = 500;
    config.risk.symbol_loss_bps = 150;
    config.risk.drawdown_bps = 400;
    config.risk.orders_per_second = 4;
    config
}

/// An order under way, and what was reported of it.
struct Resting {
    instrument: u32,
    order: Order,
    price: Price,
    filled: i64,
    value: i64,
    number: u32,
}

struct Days {
    bench: Bench,
    random: Random,
    prices: [i64; 3],
    orders: Vec<Resting>,
}

impl Days {
    fn new(seed: u64, config: &PipelineConfig) -> Self {
        let bench = Bench::new(config);
        Self { bench, random: Random(seed), prices: [1_000_000; 3], orders: Vec::new() }
    }

    fn take(&mut self, seen: &Seen) {
        for &(instrument, order) in &seen.orders {
            let price = order.price;
            self.orders.push(Resting { instrument, order, price, filled: 0, value: 0, number: 0 });
        }
        for modify in &seen.modifies {
            for resting in self.orders.iter_mut().filter(|resting| resting.order.id == modify.order) {
                resting.price = modify.price;
            }
        }
    }

    /// The venue says something of an order: that it rests, was filled in part or whole, or is gone.
    fn answer(&mut self) {
        if self.orders.is_empty() {
            return;
        }
        let at = self.random.below(self.orders.len() as u64) as usize;
        let resting = &mut self.orders[at];
        let left = resting.order.quantity.0 - resting.filled;
        let (part, gone) = match self.random.below(6) {
            0 => (0, false),
            1 => (0, true),
            2 => (self.random.below(left as u64) as i64, false),
            _ => (left, false),
        };
        resting.filled += part;
        resting.value += part * resting.price.0;
        resting.number += 1;
        let state = match resting.filled {
            filled if filled == resting.order.quantity.0 => OrderState::Filled,
            _ if gone => OrderState::Cancelled,
            0 => OrderState::Open,
            _ => OrderState::PartiallyFilled,
        };
        let mut body = report(&resting.order, resting.number, resting.filled, state);
        body.filled_value = Money(resting.value);
        body.cause = Seq(self.bench.seq);
        let reasons = [ReportReason::None, ReportReason::Modified];
        body.reason = reasons[self.random.below(2) as usize] as u8;
        let instrument = resting.instrument;
        if state.is_final() {
            self.orders.swap_remove(at);
        }
        let seen = self.bench.report(instrument, &body);
        self.take(&seen);
    }

    fn bar(&mut self, id: u32) -> Seen {
        let last = self.prices[id as usize];
        let (high, low) =
            (last + 500 * self.random.below(30) as i64, last - 500 * self.random.below(30) as i64);
        let timeframe = self.bench.risk.config.atr_timeframe as u8;
        let bar =
            Bar { high: Price(high), low: Price(low), close: Price(last), timeframe, ..Bar::new_zeroed() };
        self.bench.input(id, FLAG_OUT, &bar)
    }

    fn step(&mut self) {
        let id = self.random.below(3) as u32;
        let seen = match self.random.below(30) {
            0..=6 => {
                let price = &mut self.prices[id as usize];
                *price = (*price + (self.random.below(21) as i64 - 10) * 500).max(500_000);
                let last = Price(*price);
                self.bench.tick_at(id, last)
            }
            7..=11 => {
                let action = Action::ALL[self.random.below(4) as usize];
                let strategy = if id < 2 { self.random.below(2) as u16 } else { 0 };
                let confidence = self.random.below(10_001) as u16;
                self.bench.say(id, strategy, action, confidence)
            }
            12..=22 => return self.answer(),
            23 => self.bar(id),
            24 if self.random.one_in(60) => {
                let codes =
                    [CommandCode::Kill, CommandCode::Flatten, CommandCode::Resume, CommandCode::Resume];
                self.bench.command(codes[self.random.below(4) as usize])
            }
            _ => self.bench.timer(),
        };
        self.take(&seen);
    }

    /// Two sessions; all that risk was fed.
    fn run(mut self) -> Vec<Event> {
        for id in 0..3 {
            for _ in 0..6 {
                self.bar(id);
            }
        }
        for _ in 0..2 {
            self.bench.hours(1, OPEN, CLOSE - 1_000 * NS_PER_S);
            (0..2_500).for_each(|_| self.step());
            self.bench.ts = CLOSE - 30 * NS_PER_S;
            (0..100).for_each(|_| self.step());
            self.bench.session_end();
            while !self.orders.is_empty() {
                self.answer();
            }
            self.bench.ts = OPEN;
            self.bench.session_start();
            self.bench.command(CommandCode::Resume);
        }
        self.bench.fed
    }
}

#[test]
fn a_loaded_stage_goes_on_and_changed_bytes_never_panic() {
    let mut states = Vec::new();
    for (seed, conflict) in
        [(1, Conflict::Priority), (2, Conflict::Confidence), (3, Conflict::Netting), (4, Conflict::Netting)]
    {
        let config = all_at_work(conflict);
        let stage = || Risk::new(&config);
        let of_this = loaded_stages_go_on(stage, &Days::new(seed, &config).run(), 41);
        if seed == 3 {
            states = of_this;
        }
    }
    let config = all_at_work(Conflict::Netting);
    changed_bytes_never_panic(|| Risk::new(&config), &states, 7);
}

#[test]
fn random_days_go_on_from_any_state() {
    for seed in 0..12 {
        let mut day = Day::new(seed);
        day.run();
        let states = loaded_stages_go_on(|| Risk::new(&day.config), &day.bench.fed, 53);
        if seed == 5 {
            changed_bytes_never_panic(|| Risk::new(&day.config), &states, seed);
        }
    }
}
