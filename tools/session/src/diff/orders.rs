//! What became of each order in two runs, and what the difference cost.
//!
//! An order is the same decision in both runs if strategy, instrument, side and intent are equal and it was sent at the same
//! time, or within a minute in the same turn. What an order gained is its fills at the instrument's last price, less its
//! charges: summed over all orders that is the run's net profit, so the differences of the pairs add up to the difference of
//! the runs, and nothing is left over.

use super::Run;
use crate::profit::Billed;
use pitlane_engine::event::{Event, Intent, Kind, Order, OrderState, Report, Side};
use pitlane_engine::ledger::Ledger;
use pitlane_engine::units::{InstrumentId, Money, NS_PER_S, OrderId, Price, TsNs};
use std::collections::{BTreeMap, VecDeque};

/// How far apart in time two orders of one decision may be.
const SAME_DECISION_NS: u64 = 60 * NS_PER_S;

/// One order of one run.
#[derive(Clone, Debug)]
pub struct Fate {
    /// The input that caused it.
    pub seq: u64,
    /// When it was sent.
    pub ts: TsNs,
    /// The instrument.
    pub instrument: InstrumentId,
    /// The strategy's name, or `risk`.
    pub strategy: String,
    /// Its side.
    pub side: Side,
    /// Why it was sent.
    pub intent: u8,
    /// Its limit.
    pub price: Price,
    /// Units sent.
    pub quantity: i64,
    /// Units filled.
    pub filled: i64,
    /// What the fills came to, with the multiplier.
    pub value: i128,
    /// When it was filled first.
    pub first_fill: Option<TsNs>,
    /// What it was charged.
    pub charges: i128,
    /// When the first report of it was heard.
    pub heard: Option<TsNs>,
}

impl Fate {
    /// An order that is first met in `event`.
    fn new(event: &Event, strategy: String, side: Side) -> Self {
        Self {
            seq: event.header.seq.0,
            ts: event.header.ts,
            instrument: event.header.instrument,
            strategy,
            side,
            intent: 0,
            price: Price::ZERO,
            quantity: 0,
            filled: 0,
            value: 0,
            first_fill: None,
            charges: 0,
            heard: None,
        }
    }

    /// What it gained at the instrument's last price, after charges.
    fn net(&self, ledger: &Ledger) -> i128 {
        let position = ledger.position(self.instrument);
        let held = i128::from(position.mark.0) * i128::from(self.filled) * i128::from(position.multiplier);
        let gross = match self.side {
            Side::Buy => held - self.value,
            Side::Sell => self.value - held,
        };
        gross - self.charges
    }
}

/// How the two orders of a decision differ, the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Sent in the first run only.
    OnlyA,
    /// Sent in the second run only.
    OnlyB,
    /// Of another quantity.
    Size,
    /// Filled less in the second run.
    FilledLess,
    /// Filled more in the second run.
    FilledMore,
    /// Filled alike at other prices: slippage.
    Price,
    /// Filled alike, charged otherwise.
    Charges,
    /// Sent or filled at another time, which cost nothing.
    Time,
    /// In nothing but what follows from the instrument's last price.
    None,
}

impl Change {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnlyA => "sent only in A",
            Self::OnlyB => "sent only in B",
            Self::Size => "another quantity",
            Self::FilledLess => "filled less in B",
            Self::FilledMore => "filled more in B",
            Self::Price => "other prices",
            Self::Charges => "other charges",
            Self::Time => "another time",
            Self::None => "the same",
        }
    }
}

/// A decision that both runs, or one of them, made into an order.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The order in each run.
    pub of: [Option<Fate>; 2],
    /// How they differ.
    pub change: Change,
    /// What the second run gained more by it.
    pub cost: Money,
}

/// The orders of a run, as they are found in its streams.
#[derive(Default)]
pub(super) struct Book {
    fates: BTreeMap<OrderId, Fate>,
    heard: BTreeMap<OrderId, TsNs>,
    /// Orders in the order in which they were sent.
    sent: Vec<OrderId>,
}

impl Book {
    /// Notes an input. All of them come before the outputs.
    pub(super) fn input(&mut self, event: &Event) {
        if event.kind() != Kind::Report {
            return;
        }
        let report = event.body::<Report>();
        // A refused duplicate is no answer to the order whose id it has.
        if report.number > 0 || report.state != OrderState::Rejected as u8 {
            self.heard.entry(report.order).or_insert(event.header.ts);
        }
    }

    /// Notes an output, and what its fill was charged.
    pub(super) fn output(&mut self, run: &Run, event: &Event, billed: Option<&Billed<'_>>) {
        let header = &event.header;
        if event.kind() == Kind::Order {
            let order = event.body::<Order>();
            let Some(side) = Side::from_u8(order.side) else { return };
            let (intent, quantity, price) = (order.intent, order.quantity.0, order.price);
            let strategy = run.names.strategy(order.strategy.0);
            self.send(order.id, Fate { intent, price, quantity, ..Fate::new(event, strategy, side) });
        }
        let Some(billed) = billed else { return };
        if !self.fates.contains_key(&billed.fill.order) {
            // An order from before the start of what is kept: its fills are all that is known of it.
            let strategy = run.names.strategy(billed.fill.strategy.0);
            self.send(billed.fill.order, Fate::new(event, strategy, billed.side));
        }
        let fate = self.fates.get_mut(&billed.fill.order).expect("it was put there if it was not");
        fate.filled += billed.fill.quantity.0;
        fate.value += i128::from(billed.value.0);
        fate.first_fill.get_or_insert(header.ts);
        let charged = billed.charged.as_ref().map_or(Money::ZERO, |charged| charged.charges.total());
        fate.charges += i128::from(charged.0);
    }

    fn send(&mut self, id: OrderId, fate: Fate) {
        let heard = self.heard.get(&id).copied();
        if self.fates.insert(id, Fate { heard, ..fate }).is_none() {
            self.sent.push(id);
        }
    }

    /// The orders of every decision: strategy, symbol, side, intent.
    fn by_decision(&self, run: &Run) -> BTreeMap<(String, String, u8, u8), VecDeque<Fate>> {
        let mut found: BTreeMap<_, VecDeque<Fate>> = BTreeMap::new();
        for fate in self.sent.iter().filter_map(|id| self.fates.get(id)) {
            let spec = run.recording.head.instruments.get(fate.instrument.index());
            let symbol = spec.map(|spec| spec.symbol.clone()).unwrap_or_default();
            let key = (fate.strategy.clone(), symbol, fate.side as u8, fate.intent);
            found.entry(key).or_default().push_back(fate.clone());
        }
        found
    }
}

/// The decisions of two runs, in the order of time.
pub(super) fn pairs(runs: &[Run; 2], books: &[Book; 2], ledgers: &[Ledger; 2]) -> Vec<Pair> {
    let (first, mut second) = (books[0].by_decision(&runs[0]), books[1].by_decision(&runs[1]));
    let mut found = Vec::new();
    for (key, ours) in first {
        let theirs = second.remove(&key).unwrap_or_default();
        found.extend(matched(ours, theirs));
    }
    found.extend(second.into_values().flatten().map(|fate| [None, Some(fate)]));
    let mut pairs: Vec<Pair> = found.into_iter().map(|of| judged(of, ledgers)).collect();
    pairs.sort_by_key(|pair| pair.of.iter().flatten().map(|fate| (fate.ts, fate.seq)).min());
    pairs
}

/// The orders of one decision, matched: those of one time first, then what is near in its turn.
fn matched(ours: VecDeque<Fate>, mut theirs: VecDeque<Fate>) -> Vec<[Option<Fate>; 2]> {
    let (mut found, mut rest) = (Vec::new(), VecDeque::new());
    for fate in ours {
        match theirs.iter().position(|other| other.ts == fate.ts) {
            Some(at) => {
                let other = theirs.remove(at);
                found.push([Some(fate), other]);
            }
            None => rest.push_back(fate),
        }
    }
    while let (Some(one), Some(other)) = (rest.front(), theirs.front()) {
        let (a, b) = (one.ts, other.ts);
        let is_near = a.max(b).since(a.min(b)) <= SAME_DECISION_NS;
        let ours = if is_near || a < b { rest.pop_front() } else { None };
        let theirs = if is_near || a >= b { theirs.pop_front() } else { None };
        found.push([ours, theirs]);
    }
    found.extend(rest.into_iter().map(|fate| [Some(fate), None]));
    found.extend(theirs.into_iter().map(|fate| [None, Some(fate)]));
    found
}

fn judged(of: [Option<Fate>; 2], ledgers: &[Ledger; 2]) -> Pair {
    let net = |at: usize| of[at].as_ref().map_or(0, |fate| fate.net(&ledgers[at]));
    let cost = Money((net(1) - net(0)) as i64);
    let change = match &of {
        [Some(_), None] | [None, None] => Change::OnlyA,
        [None, Some(_)] => Change::OnlyB,
        [Some(a), Some(b)] if a.quantity != b.quantity => Change::Size,
        [Some(a), Some(b)] if b.filled < a.filled => Change::FilledLess,
        [Some(a), Some(b)] if b.filled > a.filled => Change::FilledMore,
        [Some(a), Some(b)] if a.value != b.value => Change::Price,
        [Some(a), Some(b)] if a.charges != b.charges => Change::Charges,
        [Some(a), Some(b)] if (a.ts, a.first_fill) != (b.ts, b.first_fill) => Change::Time,
        _ => Change::None,
    };
    Pair { of, change, cost }
}

/// The name of an intent.
pub(super) fn intent(code: u8) -> &'static str {
    Intent::from_u8(code).map_or("unknown", Intent::name)
}
