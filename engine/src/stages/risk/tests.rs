//! The stage as a whole. `Bench` feeds one event at a time and checks what holds for every call.

mod charges;
mod commands;
mod conflicts;
mod day_limits;
mod exits;
mod hours;
mod latches;
mod limits;
mod property;
mod reports;
mod reprice;
mod sizing;
mod state;
mod targets;

use super::*;
use crate::config::{BarsConfig, InstrumentClass, InstrumentSpec, StrategyConfig, VenueConfig};
use crate::event::{
    Action, Body, Cancel, Decision, FLAG_ENDO, FLAG_EXO, FLAG_OUT, Intent, Ltp, Modify, Order, OrderState,
    Report, Rule, SessionEnd, Side, SignalReason, Timeframe, Timer, Validity, Verdict,
};
use crate::sequencer::schedule::command_event;
use crate::stage::stage_hash;
use crate::units::{NS_PER_S, Qty, SCALE, Seq, StrategyId};

const OPEN: u64 = 1_000 * NS_PER_S;
const SQUARE_OFF: u64 = 19_000 * NS_PER_S;
const CLOSE: u64 = 20_000 * NS_PER_S;

/// Rs 1,00,000 of capital, entries of 10 %, orders up to 20 %, five positions, a day's loss of 2 %,
/// protection 0.5 %; instruments of lot 1 and tick 0.05, one strategy over all, which may go short.
fn config(instruments: u32) -> PipelineConfig {
    let spec = |i| InstrumentSpec {
        symbol: format!("NSE:S{i}"),
        token: i,
        class: InstrumentClass::Equity,
        tradable: true,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    let strategy = StrategyConfig {
        id: "x".into(),
        kind: "ema_crossover".into(),
        instruments: (0..instruments).map(InstrumentId).collect(),
        timeframe: Timeframe::M1,
        allow_short: true,
        passive_entry: false,
        reprice_ns: 0,
        priority: 0,
        stop_loss_bps: 0,
        take_profit_bps: 0,
        holding_ns: 0,
        params: vec![],
    };
    PipelineConfig {
        instruments: (0..instruments).map(spec).collect(),
        bars: BarsConfig { grace_ns: 0 },
        strategies: vec![strategy],
        risk: RiskConfig {
            capital: Money::rupees(100_000),
            position_bps: 1_000,
            order_value_bps: 2_000,
            order_quantity_max: Qty::ZERO,
            open_positions_max: 5,
            daily_loss_bps: 200,
            protection_bps: 50,
            flatten_on_kill: true,
            square_off_margin_s: ((CLOSE - SQUARE_OFF) / NS_PER_S) as u32,
            ..RiskConfig::UNLIMITED
        },
        charges: crate::config::ChargesConfig::NONE,
        venue: VenueConfig {
            latency_min_ns: 1,
            latency_spread_ns: 0,
            latency_step_ns: 1,
            slippage_ticks: 0,
            participation_bps: 1_000,
            seed: 1,
            ..VenueConfig::default()
        },
    }
}

#[derive(Default)]
struct Collected(Vec<Event>);

impl Emit for Collected {
    fn emit(&mut self, event: &Event) {
        self.0.push(*event);
    }
}

struct Bench {
    risk: Risk,
    seq: u64,
    ts: u64,
    signals: u64,
    /// All it was fed.
    fed: Vec<Event>,
}

/// What a call emitted of its own, by kind.
#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    orders: Vec<(u32, Order)>,
    cancels: Vec<Cancel>,
    modifies: Vec<Modify>,
    verdicts: Vec<Verdict>,
    alarms: Vec<Alarm>,
}

impl Seen {
    fn alarm_codes(&self) -> Vec<AlarmCode> {
        self.alarms.iter().map(|alarm| AlarmCode::from_u8(alarm.code).unwrap()).collect()
    }

    fn rulings(&self) -> Vec<(Decision, Rule)> {
        let pair = |v: &Verdict| (Decision::from_u8(v.decision).unwrap(), Rule::from_u8(v.rule).unwrap());
        self.verdicts.iter().map(pair).collect()
    }

    /// The one order, of instrument 0.
    fn order(&self) -> Order {
        assert_eq!(self.orders.len(), 1, "{:?}", self.orders);
        self.orders[0].1
    }

    fn nothing(&self) -> bool {
        self.events.is_empty()
    }
}

impl Bench {
    /// A bench in a running session, one second after the open.
    fn new(config: &PipelineConfig) -> Self {
        let mut bench =
            Self { risk: Risk::new(config), seq: 0, ts: OPEN - NS_PER_S, signals: 0, fed: Vec::new() };
        bench.session_start();
        bench.ts = OPEN + NS_PER_S;
        bench
    }

    /// A bench whose first `prices` instruments have a last price of Rs 100.
    fn priced(config: &PipelineConfig) -> Self {
        let mut bench = Self::new(config);
        for id in 0..config.instruments.len() as u32 {
            assert!(bench.tick(id, 100).nothing());
        }
        bench
    }

    /// A new input.
    fn input<B: Body>(&mut self, instrument: u32, flags: u16, body: &B) -> Seen {
        self.seq += 1;
        self.same_step(instrument, flags, body)
    }

    /// An event of the step of the last input.
    fn same_step<B: Body>(&mut self, instrument: u32, flags: u16, body: &B) -> Seen {
        let mut event = Event::new(InstrumentId(instrument), flags, body);
        event.header.seq = Seq(self.seq);
        event.header.ts = TsNs(self.ts);
        self.fed.push(event);
        let mut all = Collected::default();
        let mut progress = self.risk.on_event(&event, &mut all);
        let mut before = 0;
        loop {
            assert!(all.0.len() - before <= EMIT_MAX, "one call emitted too much");
            before = all.0.len();
            if progress == Progress::Done {
                break;
            }
            progress = self.risk.resume(&mut all);
        }
        assert_eq!(all.0[0].used_bytes(), event.used_bytes(), "the input goes first");
        Self::sorted(event.header, &all.0[1..])
    }

    /// Sorts the outputs by kind; every order directly follows the verdict that allows it.
    fn sorted(cause: Header, events: &[Event]) -> Seen {
        let mut seen = Seen { events: events.to_vec(), ..Seen::default() };
        for event in events {
            let header = event.header;
            assert_eq!((header.seq, header.ts, header.source), (cause.seq, cause.ts, StageId::Risk as u32));
            match event.kind() {
                Kind::Order => {
                    let order = *event.body::<Order>();
                    let verdict: Verdict = *seen.verdicts.last().expect("a verdict goes first");
                    assert_eq!((verdict.order, verdict.allowed), (order.id, order.quantity));
                    assert_eq!(
                        (verdict.signal, verdict.side, verdict.intent),
                        (order.signal, order.side, order.intent)
                    );
                    seen.orders.push((header.instrument.0, order));
                }
                Kind::Modify => seen.modifies.push(*event.body::<Modify>()),
                Kind::Cancel => seen.cancels.push(*event.body::<Cancel>()),
                Kind::Verdict => seen.verdicts.push(*event.body::<Verdict>()),
                Kind::Alarm => seen.alarms.push(*event.body::<Alarm>()),
                kind => panic!("risk made a {}", kind.name()),
            }
        }
        seen
    }

    fn session_start(&mut self) -> Seen {
        let body = SessionStart {
            date: 20_210_415,
            number: 1,
            pre_open: TsNs(OPEN - 900 * NS_PER_S),
            open: TsNs(OPEN),
            close: TsNs(CLOSE),
            end: TsNs(CLOSE + 2 * NS_PER_S),
            config_hash: 0,
            instruments_hash: 0,
            calendar_hash: 0,
            reserved: [0; 32],
        };
        self.input(u32::MAX, FLAG_EXO, &body)
    }

    fn session_end(&mut self) -> Seen {
        self.input(u32::MAX, FLAG_EXO, &SessionEnd { date: 20_210_415, number: 1, reserved: [0; 24] })
    }

    fn timer(&mut self) -> Seen {
        self.ts += NS_PER_S;
        self.input(u32::MAX, FLAG_EXO, &Timer { due: TsNs(self.ts), reserved: [0; 24] })
    }

    fn command(&mut self, code: CommandCode) -> Seen {
        self.input(u32::MAX, FLAG_EXO, command_event(code, "").body::<Command>())
    }

    fn kill(&mut self) -> Seen {
        self.command(CommandCode::Kill)
    }

    fn stop(&mut self) -> Seen {
        self.command(CommandCode::Stop)
    }

    /// Hours of one instrument that differ from its session's.
    fn hours(&mut self, instrument: u32, open: u64, close: u64) -> Seen {
        let body = Hours { open: TsNs(open), close: TsNs(close), reserved: [0; 16] };
        self.input(instrument, FLAG_EXO, &body)
    }

    /// A tick that the bars refused.
    fn refused_tick(&mut self, instrument: u32, last: Price) -> Seen {
        let body = Ltp { last, received: TsNs(self.ts), source_seq: 0, flags: 0, reserved: [0; 4] };
        self.input(instrument, FLAG_EXO | crate::event::FLAG_REFUSED, &body)
    }

    fn tick(&mut self, instrument: u32, rupees: i64) -> Seen {
        self.tick_at(instrument, Price(rupees * SCALE))
    }

    fn tick_at(&mut self, instrument: u32, last: Price) -> Seen {
        let body = Ltp { last, received: TsNs(self.ts), source_seq: 0, flags: 0, reserved: [0; 4] };
        self.input(instrument, FLAG_EXO, &body)
    }

    /// A signal in a step of its own.
    fn signal(&mut self, instrument: u32, action: Action) -> Seen {
        self.seq += 1;
        self.signal_same_step(instrument, action)
    }

    fn signal_same_step(&mut self, instrument: u32, action: Action) -> Seen {
        self.say_same_step(instrument, 0, action, 0)
    }

    /// A signal of a strategy with its confidence, in a step of its own.
    fn say(&mut self, instrument: u32, strategy: u16, action: Action, confidence_bps: u16) -> Seen {
        self.seq += 1;
        self.say_same_step(instrument, strategy, action, confidence_bps)
    }

    fn say_same_step(&mut self, id: u32, strategy: u16, action: Action, confidence_bps: u16) -> Seen {
        self.signals += 1;
        let body = Signal {
            id: self.signals,
            price: Price::ZERO,
            bar_start: TsNs::ZERO,
            facts: [0.0; 6],
            strategy: StrategyId(strategy),
            confidence_bps,
            action: action as u8,
            reason: SignalReason::CrossUp as u8,
            reserved: [0; 18],
        };
        self.same_step(id, FLAG_OUT, &body)
    }

    fn report(&mut self, instrument: u32, report: &Report) -> Seen {
        self.input(instrument, FLAG_ENDO, report)
    }

    /// Reports on `order` as its report number `number`: `filled` units at Rs 100 so far.
    fn fill(&mut self, instrument: u32, order: &Order, number: u32, filled: i64, state: OrderState) -> Seen {
        self.report(instrument, &report(order, number, filled, state))
    }

    /// Lets `order` be filled whole, at Rs 100.
    fn fill_all(&mut self, instrument: u32, order: &Order) -> Seen {
        self.fill(instrument, order, 1, order.quantity.0, OrderState::Filled)
    }

    /// Opens a position of instrument `id` and returns its quantity.
    fn open(&mut self, id: u32, action: Action) -> i64 {
        let seen = self.signal(id, action);
        let (_, order) = seen.orders[0];
        assert!(self.fill_all(id, &order).nothing());
        self.held(id)
    }

    fn held(&self, instrument: u32) -> i64 {
        self.risk.ledger().position(InstrumentId(instrument)).quantity.0
    }
}

fn report(order: &Order, number: u32, filled: i64, state: OrderState) -> Report {
    Report {
        order: order.id,
        cause: order.id.0.checked_div(256).map(Seq).unwrap_or_default(),
        vtime: TsNs::ZERO,
        filled: Qty(filled),
        filled_value: Money::rupees(100 * filled),
        quantity: order.quantity,
        number,
        strategy: order.strategy,
        state: state as u8,
        reason: 0,
        side: order.side,
        reserved: [0; 39],
    }
}

/// The parts of an order that tests look at.
fn shape(order: &Order) -> (Side, i64, Price, Validity, Intent) {
    (
        Side::from_u8(order.side).unwrap(),
        order.quantity.0,
        order.price,
        Validity::from_u8(order.validity).unwrap(),
        Intent::from_u8(order.intent).unwrap(),
    )
}
