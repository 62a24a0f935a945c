//! A journal that no market made: events of every kind, drawn from a seed, as a run would record them. The tests of
//! `pitlane-parquet` use this file too.

use super::{Context, Uuid};
use pitlane_engine::config::{ChargesConfig, InstrumentClass, InstrumentSpec};
use pitlane_engine::event::*;
use pitlane_engine::units::{InstrumentId, Money, NS_PER_S, OrderId, Price, Qty, Seq, StrategyId, TsNs};
use zerocopy::FromZeros;

/// A small generator of numbers.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn price(&mut self) -> Price {
        Price((1 + self.below(400_000)) as i64 * 500)
    }
}

/// The two streams and what their head says.
pub(crate) struct Sample {
    pub(crate) context: Context,
    pub(crate) inputs: Vec<Event>,
    pub(crate) outputs: Vec<Event>,
}

#[derive(Clone, Copy)]
struct Open {
    id: OrderId,
    instrument: InstrumentId,
    strategy: StrategyId,
    side: Side,
    fills: u32,
}

struct Maker {
    rng: Rng,
    ts: u64,
    index: u32,
    inputs: Vec<Event>,
    outputs: Vec<Event>,
    open: Vec<Open>,
}

const INSTRUMENTS: usize = 5;
const START: u64 = 1_618_457_400 * NS_PER_S; // 2021-04-15T03:30:00Z
pub(crate) const DATES: [u32; 3] = [20210415, 20210416, 20210419];

/// A journal of three sessions with `steps` inputs each, between their start and their end.
pub(crate) fn sample(seed: u64, steps: u64) -> Sample {
    let mut maker =
        Maker { rng: Rng(seed), ts: START, index: 0, inputs: vec![], outputs: vec![], open: vec![] };
    let context = context();
    maker.input(InstrumentId::NONE, &ConfigText { used_bytes: 3, ..zero() });
    for id in 0..INSTRUMENTS {
        maker.input(InstrumentId(id as u32), &Instrument { class: 1, ..zero() });
    }
    for (number, date) in DATES.into_iter().enumerate() {
        let open = TsNs(maker.ts);
        let number = number as u32 + 1;
        maker.input(InstrumentId::NONE, &SessionStart { date, number, open, end: open, ..zero() });
        for _ in 0..steps {
            maker.step();
        }
        maker.open.clear();
        maker.input(InstrumentId::NONE, &SessionEnd { date, number, ..zero() });
        maker.output(InstrumentId::NONE, &StateHash { low: 7, high: u64::MAX, stage: 4, ..zero() });
        maker.ts += 3_600 * NS_PER_S;
    }
    Sample { context, inputs: maker.inputs, outputs: maker.outputs }
}

fn context() -> Context {
    let spec = |id: usize| InstrumentSpec {
        symbol: format!("NSE:S{id}"),
        token: id as u32 * 256 + 1,
        class: if id == 4 { InstrumentClass::Future } else { InstrumentClass::Equity },
        tradable: true,
        lot: Qty(1),
        tick: Price(500),
        multiplier: if id == 4 { 10 } else { 1 },
        freeze: Qty(id as i64 * 100),
        derivatives: id.is_multiple_of(2),
    };
    Context {
        journal: Uuid(std::array::from_fn(|at| at as u8 * 17)),
        instruments: (0..INSTRUMENTS).map(spec).collect(),
        strategies: vec!["ema".to_owned(), "méan".to_owned()],
        charges: ChargesConfig::default(),
        capital: Money::rupees(1_000_000),
        config_text: "a = \"b\"\n".to_owned(),
        venue: "paper",
        first_date: DATES[0],
    }
}

fn zero<T: FromZeros>() -> T {
    T::new_zeroed()
}

impl Maker {
    fn input<B: Body>(&mut self, instrument: InstrumentId, body: &B) {
        let mut event = Event::new(instrument, FLAG_EXO, body);
        event.header.seq = Seq(self.inputs.len() as u64 + 1);
        event.header.ts = TsNs(self.ts);
        self.index = 0;
        self.inputs.push(event);
    }

    fn output<B: Body>(&mut self, instrument: InstrumentId, body: &B) {
        let cause = self.inputs.last().expect("an output has a cause").header;
        let mut event = Event::output(StageId::Risk, &cause, instrument, body);
        event.header.index = self.index;
        self.index += 1;
        self.outputs.push(event);
    }

    fn step(&mut self) {
        let before = self.ts / (20 * NS_PER_S);
        self.ts += self.rng.below(2 * NS_PER_S);
        let id = InstrumentId(self.rng.below(INSTRUMENTS as u64) as u32);
        if self.ts / (20 * NS_PER_S) > before {
            let due = TsNs(self.ts / (20 * NS_PER_S) * 20 * NS_PER_S);
            self.input(InstrumentId::NONE, &Timer { due, ..zero() });
            self.bars();
            return;
        }
        let (received, last) = (TsNs(self.ts - 5), self.rng.price());
        match self.rng.below(20) {
            0 => self.input(id, &TradingState { low: Price(500), phase: 3, ..zero() }),
            1 => self.input(
                InstrumentId::NONE,
                &Command { code: 2, reason_bytes: 3, reason: [b'x'; 216], ..zero() },
            ),
            2 => {
                let letter =
                    DeadLetter { received, reason: 10, line: 9, kept_bytes: 2, data: [0xAB; 184], ..zero() };
                self.input(InstrumentId::NONE, &letter);
            }
            3 => self.input(id, &Hours { open: TsNs(START), close: TsNs(START + 5), ..zero() }),
            4 => self.input(
                id,
                &Report { order: OrderId(9), state: 5, side: 1, reason: 3, filled: Qty(3), ..zero() },
            ),
            5..8 => self.input(id, &Ltp { last, received, source_seq: 1, ..zero() }),
            8..11 => {
                let volume = self.rng.next() as u32;
                self.input(id, &Quote { last, received, volume, flags: MARKET_VOLUME, ..zero() });
            }
            _ => {
                let exchange_secs = (self.ts / NS_PER_S) as u32;
                let bid_qty = [5, 4, 0, 0, u32::MAX];
                self.input(
                    id,
                    &Full { last, received, exchange_secs, bid_qty, bid_delta: [-500; 5], ..zero() },
                );
                if self.rng.below(10) == 0 {
                    // The bars refused the tick.
                    self.output(id, &DeadLetter { received, reason: 11, token: 1, ..zero() });
                    return;
                }
            }
        }
        for _ in 0..self.rng.below(4) {
            self.trade();
        }
    }

    fn bars(&mut self) {
        for timeframe in Timeframe::ALL {
            let id = InstrumentId(self.rng.below(INSTRUMENTS as u64) as u32);
            let (start, end) = (TsNs(self.ts - self.ts % NS_PER_S), TsNs(self.ts));
            let (open, volume) = (self.rng.price(), self.rng.below(1 << 40));
            let turnover = Money(self.rng.next() as i64 >> 2);
            let timeframe = *timeframe as u8;
            self.output(id, &Bar { start, end, open, volume, turnover, timeframe, ..zero() });
        }
        self.output(InstrumentId::NONE, &Alarm { value: i64::MIN, code: 2, ..zero() });
    }

    fn trade(&mut self) {
        let strategy = [StrategyId(0), StrategyId(1), StrategyId::NONE][self.rng.below(3) as usize];
        let instrument = InstrumentId(self.rng.below(INSTRUMENTS as u64) as u32);
        let choice = self.rng.below(6);
        match choice {
            0 => {
                let signal = Signal {
                    id: 3,
                    price: self.rng.price(),
                    facts: [0.1; 6],
                    strategy,
                    action: 1,
                    reason: 1,
                    ..zero()
                };
                self.output(instrument, &signal);
            }
            1 if self.open.len() < 50 => {
                let seq = self.inputs.last().expect("there is an input").header.seq;
                let id = OrderId(seq.0 * 256 + u64::from(self.index));
                let side = if self.rng.below(2) == 0 { Side::Buy } else { Side::Sell };
                self.output(
                    instrument,
                    &Verdict {
                        order: id,
                        decision: 1,
                        rule: 5,
                        side: side as u8,
                        intent: 1,
                        strategy,
                        ..zero()
                    },
                );
                let (price, side_code) = (self.rng.price(), side as u8);
                let order = Order {
                    id,
                    price,
                    side: side_code,
                    order_type: 1,
                    validity: 1,
                    intent: 1,
                    strategy,
                    ..zero()
                };
                self.output(instrument, &order);
                self.open.push(Open { id, instrument, strategy, side, fills: 0 });
            }
            2 => self.output(instrument, &Cancel { order: OrderId(1), strategy, intent: 1, ..zero() }),
            3 => self.output(instrument, &Modify { order: OrderId(1), strategy, intent: 1, ..zero() }),
            _ if !self.open.is_empty() => {
                let at = self.rng.below(self.open.len() as u64) as usize;
                self.open[at].fills += 1;
                let Open { id, instrument, strategy, side, fills } = self.open[at];
                let (price, quantity) = (self.rng.price(), Qty(1 + self.rng.below(3) as i64));
                let fill =
                    Fill { order: id, price, quantity, number: fills, strategy, side: side as u8, ..zero() };
                self.output(instrument, &fill);
                if self.rng.below(3) == 0 {
                    self.open.swap_remove(at);
                    self.output(
                        instrument,
                        &Report { order: id, state: 3, side: side as u8, strategy, ..zero() },
                    );
                }
            }
            _ => {}
        }
    }
}
