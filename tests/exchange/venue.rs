//! What both exchanges are asked, and what they answer.

use pitlane_engine::event::{MarketPhase, ReportReason, SelfTrade, Side};
use pitlane_engine::exchange::{
    Account, Change, End, Exchange, Holding, Indicative, Limits, Listing, Record, Terms, Unmatched,
};
use pitlane_engine::stage::Progress;
use pitlane_engine::state;
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};
use pitlane_tests::naive::{Market, Naive, Order};

/// What an exchange is asked to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Enter(InstrumentId, Terms),
    Modify(OrderId, Change),
    Cancel(OrderId),
    CancelAll(InstrumentId, Account),
    Traded(InstrumentId, Price),
    Phase(InstrumentId, MarketPhase),
    Band(InstrumentId, Price, Price),
    Uncross(InstrumentId, Price, Unmatched),
    /// `Uncross`, then continuous trading.
    Open(InstrumentId, Price, Unmatched),
    AddVolume(InstrumentId, Side, Price, Qty),
    TakeVolume(InstrumentId, Side, Price, Qty, End),
    TakeAhead(OrderId, Qty),
    TakeBehind(OrderId, Qty),
    AddAhead(OrderId, Qty),
    TakeNextTo(OrderId, Qty),
    Sweep(InstrumentId, Side, Price, Qty),
    ClearVolume(InstrumentId),
    /// The state is saved and loaded into an exchange just built. The naive one has no such thing.
    Restart,
}

/// What an operation answered beside its records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Nothing,
    Found(bool),
    Taken(Qty),
    Refused(ReportReason),
}

/// What exchanges are built from.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) listings: Vec<Listing>,
    pub(crate) limits: Limits,
    pub(crate) self_trade: SelfTrade,
}

/// An order as both can describe it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) id: OrderId,
    pub(crate) account: Account,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) trigger: Price,
    pub(crate) open: Qty,
    pub(crate) displayed: Qty,
    pub(crate) filled: Qty,
}

/// All that can be seen of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// Buys, sells, waiting buys, waiting sells.
    pub(crate) orders: [Vec<View>; 4],
    /// Price, displayed quantity and orders of every level: buys, sells.
    pub(crate) levels: [Vec<(Price, Qty, u32)>; 2],
    pub(crate) last: Price,
    pub(crate) phase: MarketPhase,
    pub(crate) open_orders: usize,
}

/// An exchange that can be asked.
pub(crate) trait Venue {
    fn new(setup: &Setup) -> Self;
    fn apply(&mut self, op: Op, records: &mut Vec<Record>) -> Answer;
    fn seen(&self, instrument: InstrumentId) -> Seen;
    fn indicative(&self, instrument: InstrumentId, reference: Price) -> Option<Indicative>;
    /// Anonymous volume at the order's price: before it, behind it, in all.
    fn volumes(&self, id: OrderId) -> [Qty; 3];
}

/// The exchange with its bound and its restarts.
pub(crate) struct Real {
    exchange: Exchange,
    setup: Setup,
}

impl Real {
    /// Calls an operation, and `resume` until it is done. No call makes more records than it may.
    fn bounded(
        &mut self,
        records: &mut Vec<Record>,
        call: impl FnOnce(&mut Exchange, &mut dyn FnMut(Record)) -> Progress,
    ) -> Answer {
        let bound = self.setup.limits.records_max;
        let mut before = records.len();
        let mut progress = call(&mut self.exchange, &mut |record| records.push(record));
        assert!(records.len() - before <= bound, "a call made more than {bound} records");
        while progress == Progress::More {
            before = records.len();
            progress = self.exchange.resume(&mut |record| records.push(record));
            assert!(records.len() - before <= bound, "a call made more than {bound} records");
        }
        Answer::Nothing
    }

    fn restart(&mut self) {
        let mut bytes = Vec::new();
        state::save(&mut bytes, |io| self.exchange.state(io));
        let before = state::hash(1, |io| self.exchange.state(io));
        let Setup { listings, limits, self_trade } = &self.setup;
        self.exchange = Exchange::new(listings, *limits, *self_trade);
        state::load(&bytes, |io| self.exchange.state(io)).expect("what was saved can be loaded");
        assert_eq!(state::hash(1, |io| self.exchange.state(io)), before, "the state came back another");
        let mut again = Vec::new();
        state::save(&mut again, |io| self.exchange.state(io));
        assert_eq!(again, bytes, "the state is saved as other bytes");
    }

    pub(crate) fn validate(&self) {
        self.exchange.validate();
    }
}

impl Venue for Real {
    fn new(setup: &Setup) -> Self {
        let Setup { listings, limits, self_trade } = setup;
        Self { exchange: Exchange::new(listings, *limits, *self_trade), setup: setup.clone() }
    }

    fn apply(&mut self, op: Op, records: &mut Vec<Record>) -> Answer {
        let requested = ReportReason::Requested;
        match op {
            Op::Enter(instrument, terms) => {
                self.bounded(records, |e, mut each| e.enter(instrument, &terms, &mut each))
            }
            Op::Modify(id, change) => self.bounded(records, |e, mut each| e.modify(id, &change, &mut each)),
            Op::Cancel(id) => {
                Answer::Found(self.exchange.cancel(id, requested, &mut |record| records.push(record)))
            }
            Op::CancelAll(instrument, account) => {
                self.bounded(records, |e, mut each| e.cancel_all(instrument, account, requested, &mut each))
            }
            Op::Traded(instrument, last) => {
                self.bounded(records, |e, mut each| e.traded(instrument, last, &mut each))
            }
            Op::Phase(instrument, phase) => {
                self.bounded(records, |e, mut each| e.set_phase(instrument, phase, &mut each))
            }
            Op::Band(instrument, low, high) => {
                self.bounded(records, |e, mut each| e.set_band(instrument, low, high, &mut each))
            }
            Op::Uncross(instrument, reference, unmatched) => {
                self.bounded(records, |e, mut each| e.uncross(instrument, reference, unmatched, &mut each))
            }
            Op::Open(instrument, reference, unmatched) => {
                self.apply(Op::Uncross(instrument, reference, unmatched), records);
                self.apply(Op::Phase(instrument, MarketPhase::Continuous), records)
            }
            Op::AddVolume(instrument, side, price, quantity) => {
                answer(self.exchange.add_volume(instrument, side, price, quantity))
            }
            Op::TakeVolume(instrument, side, price, quantity, end) => {
                Answer::Taken(self.exchange.take_volume(instrument, side, price, quantity, end))
            }
            Op::TakeAhead(id, quantity) => Answer::Taken(self.exchange.take_volume_ahead(id, quantity)),
            Op::TakeBehind(id, quantity) => Answer::Taken(self.exchange.take_volume_behind(id, quantity)),
            Op::AddAhead(id, quantity) => answer(self.exchange.add_volume_ahead(id, quantity)),
            Op::TakeNextTo(id, quantity) => Answer::Taken(self.exchange.take_volume_next_to(id, quantity)),
            Op::Sweep(instrument, side, limit, quantity) => self
                .bounded(records, |e, mut each| e.sweep_volume(instrument, side, limit, quantity, &mut each)),
            Op::ClearVolume(instrument) => {
                self.exchange.clear_volume(instrument);
                Answer::Nothing
            }
            Op::Restart => {
                self.restart();
                Answer::Nothing
            }
        }
    }

    fn seen(&self, instrument: InstrumentId) -> Seen {
        let exchange = &self.exchange;
        let queue = |side| exchange.queue(instrument, side).map(View::from).collect();
        let waiting = |side| exchange.waiting(instrument, side).map(View::from).collect();
        let levels = |side| {
            let levels: Vec<(Price, Qty, u32)> = exchange
                .levels(instrument, side)
                .map(|level| (level.price, level.quantity, level.orders))
                .collect();
            let best =
                exchange.best(instrument, side).map(|level| (level.price, level.quantity, level.orders));
            assert_eq!(best, levels.first().copied(), "the best level is the first");
            levels
        };
        let (buy, sell) = (Side::Buy, Side::Sell);
        Seen {
            orders: [queue(buy), queue(sell), waiting(buy), waiting(sell)],
            levels: [levels(buy), levels(sell)],
            last: exchange.last(instrument),
            phase: exchange.phase(instrument),
            open_orders: exchange.open_orders(instrument),
        }
    }

    fn indicative(&self, instrument: InstrumentId, reference: Price) -> Option<Indicative> {
        self.exchange.indicative(instrument, reference)
    }

    fn volumes(&self, id: OrderId) -> [Qty; 3] {
        let Some(held) = self.exchange.get(id) else { return [Qty::ZERO; 3] };
        let all = self.exchange.volume(held.instrument, held.side, held.price);
        [self.exchange.volume_ahead(id), self.exchange.volume_behind(id), all]
    }
}

impl Venue for Naive {
    fn new(setup: &Setup) -> Self {
        Self::new(&setup.listings, setup.limits.orders, setup.limits.anonymous, setup.self_trade)
    }

    fn apply(&mut self, op: Op, records: &mut Vec<Record>) -> Answer {
        let requested = ReportReason::Requested;
        match op {
            Op::Enter(instrument, terms) => self.enter(instrument, &terms, records),
            Op::Modify(id, change) => self.modify(id, &change, records),
            Op::Cancel(id) => return Answer::Found(self.cancel(id, requested, records)),
            Op::CancelAll(instrument, account) => self.cancel_all(instrument, account, requested, records),
            Op::Traded(instrument, last) => self.traded(instrument, last, records),
            Op::Phase(instrument, phase) => self.set_phase(instrument, phase, records),
            Op::Band(instrument, low, high) => self.set_band(instrument, low, high, records),
            Op::Uncross(instrument, reference, unmatched) => {
                self.uncross(instrument, reference, unmatched, records);
            }
            Op::Open(instrument, reference, unmatched) => {
                self.uncross(instrument, reference, unmatched, records);
                self.set_phase(instrument, MarketPhase::Continuous, records);
            }
            Op::AddVolume(instrument, side, price, quantity) => {
                return answer(self.add_volume(instrument, side, price, quantity));
            }
            Op::TakeVolume(instrument, side, price, quantity, end) => {
                return Answer::Taken(self.take_volume(instrument, side, price, quantity, end));
            }
            Op::TakeAhead(id, quantity) => return Answer::Taken(self.take_volume_ahead(id, quantity)),
            Op::TakeBehind(id, quantity) => return Answer::Taken(self.take_volume_behind(id, quantity)),
            Op::AddAhead(id, quantity) => return answer(self.add_volume_ahead(id, quantity)),
            Op::TakeNextTo(id, quantity) => return Answer::Taken(self.take_volume_next_to(id, quantity)),
            Op::Sweep(instrument, side, limit, quantity) => {
                self.sweep_volume(instrument, side, limit, quantity, records);
            }
            Op::ClearVolume(instrument) => self.clear_volume(instrument),
            Op::Restart => {}
        }
        Answer::Nothing
    }

    fn seen(&self, instrument: InstrumentId) -> Seen {
        let market = &self.markets[instrument.index()];
        let resting = |side| market.queue(side).iter().map(|order| view(order, false)).collect();
        let waiting = |side| market.waiting(side).iter().map(|order| view(order, true)).collect();
        let (buy, sell) = (Side::Buy, Side::Sell);
        let own = |order: &&Order| order.terms.id.0 & pitlane_tests::naive::ANONYMOUS == 0;
        Seen {
            orders: [resting(buy), resting(sell), waiting(buy), waiting(sell)],
            levels: [levels(market, buy), levels(market, sell)],
            last: market.last,
            phase: market.phase,
            open_orders: market.all().iter().filter(own).count(),
        }
    }

    fn indicative(&self, instrument: InstrumentId, reference: Price) -> Option<Indicative> {
        self.indicative(instrument, reference)
    }

    fn volumes(&self, id: OrderId) -> [Qty; 3] {
        let Some(order) = self.get(id) else { return [Qty::ZERO; 3] };
        let holds = |market: &Market| market.all().iter().any(|other| other.terms.id == id);
        let number = self.markets.iter().position(holds).unwrap();
        let all = self.volume(InstrumentId(number as u32), order.terms.side, order.terms.price);
        let [ahead, behind] = self.around(id);
        [ahead, behind, all]
    }
}

fn answer(result: Result<(), ReportReason>) -> Answer {
    result.map_or_else(Answer::Refused, |()| Answer::Nothing)
}

fn levels(market: &Market, side: Side) -> Vec<(Price, Qty, u32)> {
    let mut levels: Vec<(Price, Qty, u32)> = Vec::new();
    for order in market.queue(side) {
        match levels.last_mut() {
            Some((price, shown, orders)) if *price == order.terms.price => {
                *shown += order.shown;
                *orders += 1;
            }
            _ => levels.push((order.terms.price, order.shown, 1)),
        }
    }
    levels
}

fn view(order: &Order, waits: bool) -> View {
    let terms = order.terms;
    View {
        id: terms.id,
        account: terms.account,
        side: terms.side,
        price: terms.price,
        trigger: if waits { terms.trigger } else { Price::ZERO },
        open: order.open,
        displayed: if waits { Qty::ZERO } else { order.shown },
        filled: order.filled,
    }
}

impl From<Holding> for View {
    fn from(held: Holding) -> Self {
        Self {
            id: held.id,
            account: held.account,
            side: held.side,
            price: held.price,
            trigger: held.trigger,
            open: held.open,
            displayed: held.displayed,
            filled: held.filled,
        }
    }
}
