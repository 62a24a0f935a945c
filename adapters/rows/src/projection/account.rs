//! What the journal does to the account: positions, charges, totals of the session.

use super::Context;
use pitlane_engine::charges::{Charged, Meter};
use pitlane_engine::event::{
    Event, FLAG_EXO, Fill, Full, Kind, Ltp, OrderState, Quote, Report, SessionStart, Side,
};
use pitlane_engine::ledger::{Ledger, Position};
use pitlane_engine::limits::{INSTRUMENTS_MAX, STRATEGIES_MAX};
use pitlane_engine::state::StateIo;
use pitlane_engine::units::{InstrumentId, Money, OrderId, Price, Qty, StrategyId};

/// A strategy's position in an instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) instrument: InstrumentId,
    pub(super) strategy: StrategyId,
    /// Its mark is not kept: the instrument's counts.
    pub(super) position: Position,
}

const FLAT: Position = Position {
    quantity: Qty::ZERO,
    bought: Money::ZERO,
    sold: Money::ZERO,
    mark: Price::ZERO,
    realised: Money::ZERO,
    charges: Money::ZERO,
    multiplier: 1,
};

/// Counts of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) inputs: u64,
    pub(super) outputs: u64,
    pub(super) ticks: u64,
    pub(super) bars: u64,
    pub(super) signals: u64,
    pub(super) orders: u64,
    pub(super) fills: u64,
    pub(super) rejected: u64,
    pub(super) dead_letters: u64,
    pub(super) alarms: u64,
}

/// What the last fill did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    pub(super) side: Side,
    pub(super) value: Money,
    pub(super) charged: Option<Charged>,
    /// Its pair's place.
    pub(super) pair: usize,
}

/// The account as the venue has it: a fill counts when it is made, not when its report reaches the risk stage.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) capital: Money,
    pub(super) ledger: Ledger,
    meter: Meter,
    /// The order that a broker reported to be over, until the step's end.
    over: Option<OrderId>,
    /// By instrument and strategy.
    pub(super) pairs: Vec<Pair>,
    pub(super) totals: Totals,
    pub(super) turnover: Money,
    /// The highest equity of the session's rows, `None` before the first.
    pub(super) peak: Option<Money>,
    /// The price of the step's input, until it is known that it counts.
    mark: Option<(InstrumentId, Price)>,
    pub(super) filled: Option<Filled>,
}

impl Account {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            capital: context.capital,
            ledger: Ledger::new(&context.instruments),
            meter: Meter::new(&context.instruments, &context.charges),
            over: None,
            pairs: Vec::new(),
            totals: Totals::default(),
            turnover: Money::ZERO,
            peak: None,
            mark: None,
            filled: None,
        }
    }

    /// Notes what an input does.
    pub(super) fn input(&mut self, event: &Event) {
        let id = event.header.instrument;
        let kind = event.kind();
        if kind == Kind::SessionStart {
            self.totals = Totals::default();
            self.turnover = Money::ZERO;
            self.peak = None;
            self.meter.start(event.body::<SessionStart>().date);
        }
        self.totals.inputs += 1;
        let last = match kind {
            Kind::Ltp => event.body::<Ltp>().last,
            Kind::Quote => event.body::<Quote>().last,
            Kind::Full => event.body::<Full>().last,
            Kind::DeadLetter => {
                self.totals.dead_letters += 1;
                return;
            }
            Kind::Report => {
                let state = event.body::<Report>().state;
                self.totals.rejected += u64::from(state == OrderState::Rejected as u8);
                // A broker's: its fills are outputs of this step, and are charged before the order is over.
                let over = OrderState::from_u8(state).is_some_and(OrderState::is_final);
                let brokers = event.header.flags & FLAG_EXO != 0;
                self.over = (over && brokers).then_some(event.body::<Report>().order);
                return;
            }
            _ => return,
        };
        self.totals.ticks += 1;
        self.mark = id.is_some().then_some((id, last));
    }

    /// Notes what an output does.
    pub(super) fn output(&mut self, event: &Event) {
        self.totals.outputs += 1;
        match event.kind() {
            Kind::Bar => self.totals.bars += 1,
            Kind::Signal => self.totals.signals += 1,
            Kind::Order => self.totals.orders += 1,
            Kind::Alarm => self.totals.alarms += 1,
            Kind::DeadLetter => {
                // The bars refused the tick, and so does every stage behind them: its price counts for nothing.
                self.totals.dead_letters += 1;
                self.mark = None;
            }
            Kind::Report => {
                let report = event.body::<Report>();
                if OrderState::from_u8(report.state).is_some_and(OrderState::is_final) {
                    self.meter.finish(report.order);
                }
            }
            Kind::Fill => self.fill(event),
            _ => {}
        }
    }

    fn fill(&mut self, event: &Event) {
        self.apply_mark();
        self.totals.fills += 1;
        let (instrument, fill) = (event.header.instrument, event.body::<Fill>());
        let side = Side::from_u8(fill.side).expect("events are checked where they enter");
        let multiplier = self.ledger.position(instrument).multiplier;
        let value = fill.price.value(fill.quantity, multiplier);
        self.turnover += value;
        self.ledger.fill(instrument, side, fill.quantity, value);
        let charged = self.meter.fill(fill.order, instrument, side, value);
        if let Some(charged) = &charged {
            self.ledger.charge(instrument, charged);
        }
        let pair = self.pair(instrument, fill.strategy, multiplier);
        let position = &mut self.pairs[pair].position;
        match side {
            Side::Buy => {
                position.bought += value;
                position.quantity += fill.quantity;
            }
            Side::Sell => {
                position.sold += value;
                position.quantity -= fill.quantity;
            }
        }
        if position.quantity.is_zero() {
            position.realised = position.sold - position.bought;
        }
        position.charges += charged.map_or(Money::ZERO, |charged| charged.charges.total());
        self.filled = Some(Filled { side, value, charged, pair });
    }

    fn pair(&mut self, instrument: InstrumentId, strategy: StrategyId, multiplier: i64) -> usize {
        let sought = (instrument, strategy);
        match self.pairs.binary_search_by_key(&sought, |pair| (pair.instrument, pair.strategy)) {
            Ok(at) => at,
            Err(at) => {
                let position = Position { multiplier, ..FLAT };
                self.pairs.insert(at, Pair { instrument, strategy, position });
                at
            }
        }
    }

    fn apply_mark(&mut self) {
        if let Some((instrument, price)) = self.mark.take() {
            self.ledger.mark(instrument, price);
        }
    }

    /// All of the step is known.
    pub(super) fn end_step(&mut self) {
        self.apply_mark();
        self.filled = None;
        if let Some(order) = self.over.take() {
            self.meter.finish(order);
        }
    }

    /// A pair's position, valued at the instrument's mark.
    pub(super) fn marked(&self, pair: usize) -> Position {
        let Pair { instrument, position, .. } = self.pairs[pair];
        Position { mark: self.ledger.position(instrument).mark, ..position }
    }

    /// Walks over what is kept between steps.
    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        self.ledger.state(io);
        self.meter.state(io);
        let blank = Pair { instrument: InstrumentId(0), strategy: StrategyId(0), position: FLAT };
        // One for each strategy, and one for the orders of risk itself.
        io.list(&mut self.pairs, INSTRUMENTS_MAX * (STRATEGIES_MAX + 1), &blank, |io, pair| {
            io.plain(&mut pair.instrument);
            io.plain(&mut pair.strategy);
            io.plain(&mut pair.position);
        });
        let place = |pair: &Pair| (pair.instrument, pair.strategy);
        io.check(|| self.pairs.is_sorted_by(|a, b| place(a) < place(b)), "positions are not in their order");
        let instruments = self.ledger.positions().len();
        io.check(
            || self.pairs.iter().all(|pair| pair.instrument.index() < instruments),
            "a position is of no instrument",
        );
        let Totals { inputs, outputs, ticks, bars, signals, orders, fills, rejected, dead_letters, alarms } =
            &mut self.totals;
        for count in [inputs, outputs, ticks, bars, signals, orders, fills, rejected, dead_letters, alarms] {
            io.count(count);
        }
        io.plain(&mut self.turnover);
        io.option(&mut self.peak, || Money::ZERO, |io, peak| io.plain(peak));
    }
}
