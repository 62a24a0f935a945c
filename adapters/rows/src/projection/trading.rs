//! Rows of what was wanted, decided, sent and filled.

use super::{Projection, name_of, number_if_any, price_if_any, put};
use crate::tables::{
    Equity, Fill, Order, OrderEvent, OrderRequest, Position, RowSink, Signal, Table, Verdict,
};
use crate::value::{Code, Date, Stamp};
use pitlane_engine::charges::{Charged, Charges};
use pitlane_engine::event::{
    self, Action, Cancel, Decision, Event, Intent, Kind, Modify, OrderState, OrderType, Report, ReportReason,
    Rule, RuleUnit, Side, SignalReason, Timer, Validity,
};
use pitlane_engine::units::{Money, NS_PER_S, TsNs};

impl Projection {
    pub(super) fn signal(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        if !sink.wants().has(Table::Signals) {
            return;
        }
        let (id, signal) = (event.header.instrument, event.body::<event::Signal>());
        let [fact_1, fact_2, fact_3, fact_4, fact_5, fact_6] = signal.facts;
        let row = Signal {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            strategy: self.strategy(signal.strategy),
            signal_id: signal.id as i64,
            action: name_of!(Action, signal.action),
            reason: name_of!(SignalReason, signal.reason),
            price: signal.price,
            bar_start: (!signal.bar_start.is_zero()).then(|| Stamp::of(signal.bar_start)),
            confidence_bps: signal.confidence_bps.into(),
            fact_1,
            fact_2,
            fact_3,
            fact_4,
            fact_5,
            fact_6,
        };
        put(sink, Table::Signals, &self.key(event, idx), &row);
    }

    pub(super) fn verdict(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        if !sink.wants().has(Table::Verdicts) {
            return;
        }
        let (id, verdict) = (event.header.instrument, event.body::<event::Verdict>());
        let unit = match Rule::from_u8(verdict.rule).map_or(RuleUnit::Count, Rule::unit) {
            RuleUnit::Money => "money",
            RuleUnit::Time => "time",
            RuleUnit::Count => "count",
        };
        let row = Verdict {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            strategy: self.strategy(verdict.strategy),
            signal_id: number_if_any(verdict.signal),
            order_id: number_if_any(verdict.order.0),
            decision: name_of!(Decision, verdict.decision),
            rule: name_of!(Rule, verdict.rule),
            side: name_of!(Side, verdict.side),
            intent: name_of!(Intent, verdict.intent),
            wanted: verdict.wanted.0,
            allowed: verdict.allowed.0,
            unit: Code(unit),
            observed: verdict.observed,
            rule_limit: verdict.limit,
        };
        put(sink, Table::Verdicts, &self.key(event, idx), &row);
    }

    pub(super) fn order(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        if !sink.wants().has(Table::Orders) {
            return;
        }
        let (id, order) = (event.header.instrument, event.body::<event::Order>());
        let row = Order {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            strategy: self.strategy(order.strategy),
            order_id: order.id.0 as i64,
            signal_id: number_if_any(order.signal),
            side: name_of!(Side, order.side),
            order_type: name_of!(OrderType, order.order_type),
            validity: name_of!(Validity, order.validity),
            intent: name_of!(Intent, order.intent),
            quantity: order.quantity.0,
            price: price_if_any(order.price),
            trigger: price_if_any(order.trigger),
            disclosed: order.disclosed.0,
            flags: order.flags.into(),
        };
        put(sink, Table::Orders, &self.key(event, idx), &row);
    }

    pub(super) fn order_request(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        if !sink.wants().has(Table::OrderRequests) {
            return;
        }
        let id = event.header.instrument;
        let (instrument_id, symbol) = (id.0 as i32, self.symbol(id));
        let row = if event.kind() == Kind::Cancel {
            let cancel = event.body::<Cancel>();
            OrderRequest {
                instrument_id,
                symbol,
                strategy: self.strategy(cancel.strategy),
                request: Code("cancel"),
                order_id: cancel.order.0 as i64,
                intent: name_of!(Intent, cancel.intent),
                quantity: None,
                price: None,
                trigger: None,
                disclosed: None,
            }
        } else {
            let modify = event.body::<Modify>();
            OrderRequest {
                instrument_id,
                symbol,
                strategy: self.strategy(modify.strategy),
                request: Code("modify"),
                order_id: modify.order.0 as i64,
                intent: name_of!(Intent, modify.intent),
                quantity: Some(modify.quantity.0),
                price: price_if_any(modify.price),
                trigger: price_if_any(modify.trigger),
                disclosed: Some(modify.disclosed.0),
            }
        };
        put(sink, Table::OrderRequests, &self.key(event, idx), &row);
    }

    pub(super) fn report(&self, event: &Event, sink: &mut dyn RowSink) {
        if !sink.wants().has(Table::OrderEvents) {
            return;
        }
        let (id, report) = (event.header.instrument, event.body::<Report>());
        let row = OrderEvent {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            strategy: self.strategy(report.strategy),
            order_id: report.order.0 as i64,
            number: report.number.into(),
            state: name_of!(OrderState, report.state),
            reason: name_of!(ReportReason, report.reason),
            side: name_of!(Side, report.side),
            quantity: report.quantity.0,
            filled: report.filled.0,
            filled_value: report.filled_value,
            cause_seq: report.cause.0 as i64,
            venue_ns: report.vtime.0 as i64,
        };
        put(sink, Table::OrderEvents, &self.key(event, -1), &row);
    }

    /// The rows of a fill: itself, and the position after it.
    pub(super) fn fill(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        let (id, fill) = (event.header.instrument, event.body::<event::Fill>());
        let filled = self.account.filled.expect("the account took the fill before");
        let none = Charged { charges: Charges::NONE, rates_from: 0, stands_in: false };
        let Charged { charges, rates_from, stands_in } = filled.charged.unwrap_or(none);
        let row = Fill {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            strategy: self.strategy(fill.strategy),
            order_id: fill.order.0 as i64,
            number: fill.number.into(),
            maker_order_id: number_if_any(fill.maker.0),
            side: Code(filled.side.name()),
            quantity: fill.quantity.0,
            price: fill.price,
            value: filled.value,
            last: fill.last,
            flags: fill.flags.into(),
            brokerage: charges.brokerage,
            stt: charges.stt,
            exchange_fee: charges.exchange,
            sebi_fee: charges.sebi,
            stamp_duty: charges.stamp,
            gst: charges.gst,
            charges: charges.total(),
            rates_from: (rates_from > 0).then(|| Date::of(rates_from)),
            rates_stand_in: stands_in,
        };
        if sink.wants().has(Table::Fills) {
            put(sink, Table::Fills, &self.key(event, idx), &row);
        }
        self.position(event, idx, filled.pair, "fill", sink);
    }

    /// The row of a pair's position.
    pub(super) fn position(
        &self,
        event: &Event,
        idx: i32,
        pair: usize,
        cause: &'static str,
        sink: &mut dyn RowSink,
    ) {
        if !sink.wants().has(Table::Positions) {
            return;
        }
        let position = self.account.marked(pair);
        let pair = self.account.pairs[pair];
        let row = Position {
            instrument_id: pair.instrument.0 as i32,
            symbol: self.symbol(pair.instrument),
            strategy: self.strategy(pair.strategy),
            cause: Code(cause),
            quantity: position.quantity.0,
            bought: position.bought,
            sold: position.sold,
            realised: position.realised,
            charges: position.charges,
            mark: position.mark,
            gross: position.gross(),
            net: position.net(),
        };
        put(sink, Table::Positions, &self.key(event, idx), &row);
    }

    /// The account at the end of a minute, when that is the second that has passed.
    pub(super) fn minute(&mut self, event: &Event, sink: &mut dyn RowSink) {
        let due = event.body::<Timer>().due;
        if due.0 % (60 * NS_PER_S) == 0 {
            self.equity(event, -1, due, "open", sink);
        }
    }

    pub(super) fn equity(
        &mut self,
        event: &Event,
        idx: i32,
        at: TsNs,
        state: &'static str,
        sink: &mut dyn RowSink,
    ) {
        let account = &mut self.account;
        let ledger = &account.ledger;
        let (capital, net) = (account.capital, ledger.net());
        let equity = Money(capital.0.saturating_add(net.0));
        let peak = account.peak.map_or(equity, |peak| peak.max(equity));
        account.peak = Some(peak);
        if !sink.wants().has(Table::Equity) {
            return;
        }
        let ledger = &self.account.ledger;
        let row = Equity {
            state: Code(state),
            as_of: Stamp::of(at),
            capital,
            realised: ledger.realised(),
            unrealised: ledger.unrealised(),
            charges: ledger.charged(),
            net,
            equity,
            peak,
            drawdown: peak - equity,
            open_positions: ledger.open_positions() as i32,
        };
        put(sink, Table::Equity, &self.key(event, idx), &row);
    }
}
