//! What the broker says of an order, from whatever source and in whatever order, becomes reports: cumulative, monotone,
//! each fact once.
//!
//! * Filled never falls, a final order stays final; older rows change nothing.
//! * A row that cannot be of the order it names is a contradiction and changes nothing either.
//! * A fill is reported with its value, which the average price may prove, and the order's trades always do.

use super::order::{Cancel, Change, ChangeStep, REASON_BROKER_REFUSED, Stage, Standing, Tracked, is_end};
use super::{Difference, Gateway, Note, Stray};
use crate::decimal::{Decimal, proved_value};
use crate::settings::{ForeignOrders, MarketStyle};
use crate::tag::Owner;
use crate::wire::{OrderRow, TradeRow};
use pitlane_engine::event::{Event, FLAG_EXO, OrderState, OrderType, Report, ReportReason};
use pitlane_engine::sequencer::SOURCE_BROKER;
use pitlane_engine::units::{Money, OrderId, Qty, TsNs};

/// The contradiction that a row is of another quantity than any the order was to have.
const QUANTITY: &str = "quantity";
/// Lists in a row that must say the same before what cannot be is believed to be meant.
const LISTS_TO_BELIEVE: u32 = 3;

impl Gateway {
    /// Takes a row. `asked` is when the list that it is of was asked for; `None` for what the ticker brings.
    pub(super) fn merge(&mut self, row: &OrderRow, asked: Option<u64>) {
        if row.exchange.is_empty() || row.symbol.is_empty() {
            return self.merge_nameless(row);
        }
        let Some(id) = self.order_of(row, asked.is_some()) else { return };
        let order = &self.orders[&id];
        if let Some(what) = self.mismatch(order, row) {
            if what == QUANTITY && asked.is_none() {
                // The ticker may bring what was so before a change, or before a restart: a list decides.
                let now = self.now;
                let order = self.order_mut(id);
                order.look_at = (!order.is_final() && order.broker_id.is_some()).then_some(now);
                return;
            }
            return self.halt(Difference::Contradiction { order: OrderId(id), what });
        }
        if order.is_final() {
            return self.merge_late(id, row);
        }
        if order.broker_id.is_none() {
            self.adopt(id, row.order_id.clone());
        }
        let order = self.order_mut(id);
        order.absences = 0;
        if row.filled < order.filled {
            return self.merge_shrunk(id, row, asked);
        }
        order.shrunk = 0;
        order.row_asked = order.row_asked.max(asked.unwrap_or(0));
        let stops = matches!(order.wanted.order_type, OrderType::StopLimit | OrderType::StopMarket);
        let standing = order.standing.after(&row.status, stops);
        if standing == Standing::Complete && row.filled != row.quantity {
            return self
                .halt(Difference::Contradiction { order: OrderId(id), what: "complete and not filled" });
        }
        self.merge_fill(id, row.filled);
        self.prove_by_average(id, row);
        self.merge_standing(id, row, standing, asked);
        if !self.orders[&id].is_final() {
            self.settle(id);
        }
    }

    /// A row that does not say of which instrument it is proves nothing; what it is of is asked for.
    fn merge_nameless(&mut self, row: &OrderRow) {
        let now = self.now;
        match self.by_broker.get(&row.order_id).copied() {
            Some(id) if self.orders[&id].is_final() => {}
            Some(id) => self.order_mut(id).look_at = Some(now),
            None => self.reconciliation.soon(now),
        }
    }

    /// The order of ours that a row is of; notes what is none of ours.
    fn order_of(&mut self, row: &OrderRow, listed: bool) -> Option<u64> {
        if let Some(&id) = self.by_broker.get(&row.order_id) {
            return Some(id);
        }
        let ours = row.tags.iter().find_map(|tag| match self.tags.owner(tag) {
            Owner::Ours(id) => Some(id),
            Owner::OtherJournal | Owner::Foreign => None,
        });
        let Some(order) = ours else {
            self.meet_foreign(row);
            return None;
        };
        match self.orders.get(&order.0) {
            // What the ticker brings may be as old as an order that ended in an earlier run.
            None if !listed => None,
            None => {
                self.meet_stray(row, Difference::LostOrder { order, broker_id: row.order_id.clone() });
                None
            }
            Some(known) => match &known.broker_id {
                Some(first) => {
                    let (first, second) = (first.clone(), row.order_id.clone());
                    self.meet_stray(row, Difference::DuplicateOrder { order, first, second });
                    None
                }
                None => Some(order.0),
            },
        }
    }

    fn meet_foreign(&mut self, row: &OrderRow) {
        let works = !Standing::of(&row.status).is_end();
        let Some(listed) = self.instruments.named(&row.exchange, &row.symbol).filter(|_| works) else {
            return;
        };
        let difference =
            Difference::ForeignOrder { broker_id: row.order_id.clone(), instrument: listed.instrument };
        if self.noted.insert(row.order_id.clone()) {
            match self.settings.foreign_orders {
                ForeignOrders::Note => self.note(Note::Difference(difference, false)),
                ForeignOrders::Halt => self.halt(difference),
            }
        }
    }

    /// An order at the broker that carries our tag and cannot be one that is known: if it works, it is cancelled.
    /// One that has ended is of an earlier run of this journal; what it filled is in the positions.
    fn meet_stray(&mut self, row: &OrderRow, difference: Difference) {
        let ended = Standing::of(&row.status).is_end();
        let lost = matches!(difference, Difference::LostOrder { .. });
        match self.strays.get_mut(&row.order_id) {
            Some(stray) => stray.ended |= ended,
            None if ended && lost => {}
            None => {
                let variety = if row.variety.is_empty() { "regular".to_owned() } else { row.variety.clone() };
                let cancel = Cancel::Wanted { not_before: self.now };
                self.strays.insert(row.order_id.clone(), Stray { variety, cancel, cancels: 0, ended });
                self.changed = self.now;
                let listed = self.instruments.named(&row.exchange, &row.symbol);
                let instrument = listed.map(|listed| listed.instrument);
                self.halt_in(difference, instrument);
            }
        }
    }

    /// What cannot be in a row of this order.
    fn mismatch(&self, order: &Tracked, row: &OrderRow) -> Option<&'static str> {
        let listed = self.instruments.get(order.wanted.instrument)?;
        if row.exchange != listed.exchange || row.symbol != listed.symbol {
            Some("instrument")
        } else if row.side != order.wanted.side {
            Some("side")
        } else if !row.product.is_empty() && row.product != listed.product.name() {
            Some("product")
        } else if !order.quantities.contains(&row.quantity) {
            Some(QUANTITY)
        } else {
            None
        }
    }

    /// The broker has the order under this id.
    pub(super) fn adopt(&mut self, id: u64, broker_id: String) {
        let now = self.now;
        self.by_broker.insert(broker_id.clone(), id);
        let order = self.order_mut(id);
        order.broker_id = Some(broker_id);
        let found = matches!(order.stage, Stage::Unknown { .. });
        let unsent = matches!(order.stage, Stage::Waiting { .. });
        order.stage = Stage::Known { since: now };
        (order.look_at, order.absences, order.acknowledged) = (Some(now), 0, true);
        self.touch(id);
        if found {
            self.note(Note::Found(OrderId(id)));
        }
        if unsent {
            let what = "it is at the broker and was never sent";
            self.halt(Difference::Contradiction { order: OrderId(id), what });
        }
    }

    /// A row of an order that has ended.
    fn merge_late(&mut self, id: u64, row: &OrderRow) {
        let order = &self.orders[&id];
        if order.broker_id.is_none() {
            self.by_broker.insert(row.order_id.clone(), id);
            self.order_mut(id).broker_id = Some(row.order_id.clone());
            let variety = if row.variety.is_empty() { "regular".to_owned() } else { row.variety.clone() };
            let ended = Standing::of(&row.status).is_end();
            let cancel = Cancel::Wanted { not_before: self.now };
            let harmless = Standing::of(&row.status) == Standing::Rejected && row.filled == 0;
            if harmless {
                return;
            }
            self.strays.insert(row.order_id.clone(), Stray { variety, cancel, cancels: 0, ended });
            self.halt(Difference::AcceptedAfterEnd { order: OrderId(id), broker_id: row.order_id.clone() });
        } else if let Some(stray) = self.strays.get_mut(&row.order_id) {
            stray.ended |= Standing::of(&row.status).is_end();
        }
        let (known, said) = (self.orders[&id].filled, row.filled);
        if said > known {
            self.order_mut(id).filled = said;
            self.touch(id);
            self.halt(Difference::FillsAfterEnd { order: OrderId(id), known, said });
        }
    }

    /// Less filled than is known: an older row, unless lists that were asked for later go on saying so.
    fn merge_shrunk(&mut self, id: u64, row: &OrderRow, asked: Option<u64>) {
        let order = self.order_mut(id);
        if asked.is_some_and(|asked| asked > order.filled_at) {
            order.shrunk += 1;
            if order.shrunk >= LISTS_TO_BELIEVE {
                let (known, said) = (order.filled, row.filled);
                self.halt(Difference::FillsShrank { order: OrderId(id), known, said });
            }
        }
    }

    fn merge_fill(&mut self, id: u64, filled: i64) {
        let now = self.now;
        let order = self.order_mut(id);
        let more = filled - order.filled;
        if more <= 0 {
            return;
        }
        (order.filled, order.filled_at, order.trades_at) = (filled, now, Some(now));
        let (instrument, sign) = (order.wanted.instrument.0, order.wanted.side.sign());
        *self.positions.entry(instrument).or_default() += sign * more;
        self.moved.insert(instrument, now);
        self.touch(id);
    }

    fn prove_by_average(&mut self, id: u64, row: &OrderRow) {
        let order = &self.orders[&id];
        if row.filled != order.filled || row.filled < order.proved.0 {
            return;
        }
        let listed = self.instruments.get(order.wanted.instrument).expect("an order's instrument is listed");
        let Some(value) = proved_value(row.average, row.filled, listed.tick) else { return };
        let value = value.saturating_mul(listed.multiplier);
        if order.proved.0 == row.filled && order.proved.1 != value {
            let what = "its average price is not that of its trades";
            return self.halt(Difference::Contradiction { order: OrderId(id), what });
        }
        self.order_mut(id).proved = (row.filled, value);
    }

    fn merge_standing(&mut self, id: u64, row: &OrderRow, standing: Standing, asked: Option<u64>) {
        let (now, look_again) = (self.now, self.settings.look_again);
        let order = self.order_mut(id);
        if order.standing.is_end() {
            return;
        }
        let back = standing == Standing::Trigger && order.standing == Standing::Open;
        if order.standing != standing && !back {
            self.touch(id);
        }
        let order = self.order_mut(id);
        match standing {
            Standing::InTransit => order.look_at = Some(now + look_again),
            Standing::Complete | Standing::Cancelled | Standing::Rejected => {
                order.standing = standing;
                order.look_at = None;
                order.ended_by_broker = standing == Standing::Rejected;
                if order.change.is_some() || order.unsure_since.is_some() {
                    // The last report answers the change; the quantity it ended with says whether it came about.
                    order.cause = order.cause.max(order.change.map_or(order.cause, |change| change.cause));
                    order.change = None;
                    order.terms.quantity = row.quantity;
                } else if order.terms.quantity != row.quantity {
                    self.halt(Difference::Terms { order: OrderId(id) });
                }
            }
            Standing::NotModified | Standing::Trigger | Standing::Open => {
                if !back && standing != Standing::NotModified {
                    order.standing = standing;
                }
                order.look_at = None;
                self.merge_terms(id, row, standing, asked);
            }
        }
    }

    /// Whether a change has come about, or an order has terms that nobody here asked for.
    fn merge_terms(&mut self, id: u64, row: &OrderRow, standing: Standing, asked: Option<u64>) {
        let (now, look_again) = (self.now, self.settings.look_again);
        let (lists, time) = (self.settings.absent_lists, self.settings.absent_time);
        let market = self.settings.market;
        let order = self.order_mut(id);
        let shows = |terms: &super::Terms| {
            let price = |shown: Decimal, wanted: i64| shown == Decimal::from_scaled(wanted);
            let (limit, stop) = match order.wanted.order_type {
                OrderType::Limit => (true, false),
                OrderType::Market => (market == MarketStyle::LimitAtWorst, false),
                OrderType::StopLimit => (true, true),
                OrderType::StopMarket => (market == MarketStyle::LimitAtWorst, true),
            };
            row.quantity == terms.quantity
                && (!limit || price(row.price, terms.price))
                && (!stop || price(row.trigger, terms.trigger))
        };
        let Some(Change { to, cause, step }) = order.change else {
            if asked.is_none_or(|asked| asked <= order.terms_at) {
                return;
            }
            let differs = !shows(&order.terms);
            order.terms_differ = if differs { order.terms_differ + 1 } else { 0 };
            let strange = order.terms_differ >= LISTS_TO_BELIEVE;
            return match order.unsure_since {
                Some(since) => self.merge_restored(id, row, !differs, now >= since + time),
                _ if strange => self.halt(Difference::Terms { order: OrderId(id) }),
                _ => {}
            };
        };
        let (sent, answered) = match step {
            ChangeStep::Wanted => return,
            ChangeStep::InFlight { sent, .. } => (sent, None),
            ChangeStep::Asked { sent, at, refused, unchanged } => (sent, Some((at, refused, unchanged))),
        };
        // What the ticker brings may be older than the request: it only makes us look.
        let Some(asked) = asked.filter(|asked| *asked > sent) else {
            order.look_at = Some(now);
            return;
        };
        if shows(&to) {
            (order.terms, order.change, order.cause) = (to, None, order.cause.max(cause));
            (order.terms_differ, order.terms_at) = (0, now);
            let state = order.state().map_or(OrderState::Open as u8, |(state, _)| state);
            return self.answer_change(id, state, ReportReason::Modified as u8);
        }
        let Some((at, refused, unchanged)) = answered else { return };
        let unchanged = unchanged + u32::from(asked > at);
        let stays = (asked > at && (refused || standing == Standing::NotModified))
            || (unchanged >= lists && now >= at + time);
        if stays {
            (order.change, order.terms_at) = (None, now);
            self.refuse_change(id, cause, REASON_BROKER_REFUSED);
        } else {
            order.change =
                Some(Change { to, cause, step: ChangeStep::Asked { sent, at, refused, unchanged } });
            order.look_at = Some(now + look_again);
        }
    }

    /// Which terms an order has that was restored. Those asked for last, or after a while, in which a change under way
    /// could have come about, those that the broker shows. Either way the engine gets its answer.
    fn merge_restored(&mut self, id: u64, row: &OrderRow, as_asked: bool, settled: bool) {
        let order = self.order_mut(id);
        let cause = order.cause;
        if as_asked {
            order.unsure_since = None;
            let state = order.state().map_or(OrderState::Open as u8, |(state, _)| state);
            self.answer_change(id, state, ReportReason::Modified as u8);
        } else if settled {
            let stays = |shown: Decimal, asked: i64| shown.scaled().filter(|_| asked > 0).unwrap_or(asked);
            (order.unsure_since, order.terms_differ) = (None, 0);
            order.terms.quantity = row.quantity;
            order.terms.price = stays(row.price, order.terms.price);
            order.terms.trigger = stays(row.trigger, order.terms.trigger);
            self.refuse_change(id, cause, REASON_BROKER_REFUSED);
        }
    }

    /// Takes trades, each once.
    pub(super) fn merge_trades(&mut self, rows: &[TradeRow]) {
        let mut touched = std::collections::BTreeSet::new();
        for row in rows {
            let Some(&id) = self.by_broker.get(&row.order_id) else { continue };
            let order = self.order_mut(id);
            match order.trades.insert(row.trade_id.clone(), (row.quantity, row.price)) {
                Some(before) if before != (row.quantity, row.price) => {
                    let what = "one of its trades is listed with two prices or quantities";
                    self.halt(Difference::Contradiction { order: OrderId(id), what });
                }
                _ => {
                    touched.insert(id);
                }
            }
        }
        for id in touched {
            self.prove_by_trades(id);
        }
    }

    fn prove_by_trades(&mut self, id: u64) {
        let order = &self.orders[&id];
        // One that was refused because its instrument is none of ours has ended: its trades say nothing here.
        let Some(listed) = self.instruments.get(order.wanted.instrument) else { return };
        let quantity = order.trades.values().fold(0i64, |sum, (quantity, _)| sum.saturating_add(*quantity));
        let wide = order.trades.values().try_fold(0i128, |sum, &(quantity, price)| {
            sum.checked_add(i128::from(quantity) * i128::from(price))
        });
        let value = wide
            .and_then(|wide| wide.checked_mul(i128::from(listed.multiplier)))
            .and_then(|wide| i64::try_from(wide).ok());
        let most = order.quantities.iter().copied().max().unwrap_or(0);
        let off_grid = order.trades.values().any(|(_, price)| price % listed.tick != 0);
        let known = order.filled;
        let contradicts = if quantity > most {
            Some("its trades are more than its quantity")
        } else if off_grid || value.is_none() {
            Some("a trade's price is none of its instrument")
        } else if quantity == order.proved.0 && value != Some(order.proved.1) {
            Some("its average price is not that of its trades")
        } else {
            None
        };
        if let Some(what) = contradicts {
            return self.halt(Difference::Contradiction { order: OrderId(id), what });
        }
        if order.is_final() {
            if quantity > known {
                self.order_mut(id).filled = quantity;
                self.halt(Difference::FillsAfterEnd { order: OrderId(id), known, said: quantity });
            }
            return;
        }
        if quantity > order.proved.0 {
            self.merge_fill(id, quantity);
            self.order_mut(id).proved = (quantity, value.expect("looked at just now"));
        }
        self.settle(id);
    }

    /// Reports what is new and ends what has ended.
    pub(super) fn settle(&mut self, id: u64) {
        let order = self.order_mut(id);
        if order.proved.0 >= order.filled {
            order.trades_at = None;
        }
        if order.proved.0 > order.terms.quantity {
            // A larger quantity came about. Under way, a list will say so; taken as refused, nobody can mend it.
            if order.is_sure() {
                self.halt(Difference::Terms { order: OrderId(id) });
            }
            return;
        }
        let Some((state, reason)) = order.state() else { return };
        if is_end(state) {
            let state = OrderState::from_u8(state).expect("an end is a state of the engine");
            return self.end(id, state, reason);
        }
        if order.told != (state, order.proved.0, order.proved.1) {
            self.tell(id, Some((state, reason)));
        }
    }

    /// The last report of an order.
    pub(super) fn end(&mut self, id: u64, state: OrderState, reason: u8) {
        let order = self.order_mut(id);
        assert!(!order.is_final(), "an order ends once");
        if let Some(change) = order.change.take() {
            order.cause = order.cause.max(change.cause);
        }
        order.look_at = None;
        self.tell(id, Some((state as u8, reason)));
        self.heed_refusal(id, state, reason);
        let stage = std::mem::replace(&mut self.order_mut(id).stage, Stage::Final);
        self.live.remove(&id);
        if !matches!(stage, Stage::Waiting { .. }) {
            self.touch(id);
        }
    }

    /// Answers a change. If the order has come to its end with it, the last report is the answer.
    pub(super) fn answer_change(&mut self, id: u64, state: u8, reason: u8) {
        if is_end(state) { self.settle(id) } else { self.tell(id, Some((state, reason))) }
    }

    /// Makes a report of what is proved, in the state and for the reason given.
    pub(super) fn tell(&mut self, id: u64, says: Option<(u8, u8)>) {
        let Some((state, reason)) = says else { return };
        let order = self.order_mut(id);
        order.number += 1;
        order.told = (state, order.proved.0, order.proved.1);
        let body = Report {
            order: order.wanted.id,
            cause: order.cause,
            vtime: TsNs::ZERO,
            filled: Qty(order.proved.0),
            filled_value: Money(order.proved.1),
            quantity: Qty(order.terms.quantity),
            number: order.number,
            strategy: order.wanted.strategy,
            state,
            reason,
            side: order.wanted.side as u8,
            reserved: [0; 39],
        };
        let mut event = Event::new(order.wanted.instrument, FLAG_EXO, &body);
        event.header.source = SOURCE_BROKER;
        self.reports.push_back(event);
    }
}
