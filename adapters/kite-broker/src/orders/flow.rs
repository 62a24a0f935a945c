//! What the venue says becomes trades, statuses and postbacks.

use super::{Status, Trade};
use crate::broker::Broker;
use crate::venue::Said;
use pitlane_engine::event::{Fill, OrderState, Report, ReportReason};
use pitlane_engine::units::OrderId;

impl Broker {
    /// Takes in what the venue said.
    pub(crate) fn listen(&mut self) {
        for said in self.venue.take_said() {
            match said {
                Said::Fill(_, fill) => self.on_fill(&fill),
                Said::Report(_, report) => self.on_report(&report),
                Said::Bar(at, bar) => self.market.bar(at, &bar),
            }
        }
    }

    /// The place of an order by the venue's id of it.
    fn place_of(&self, id: OrderId) -> Option<usize> {
        let at = usize::try_from(id.0).ok()?.checked_sub(1)?;
        // What is forgotten stays so.
        (self.orders.hidden..self.orders.list.len()).contains(&at).then_some(at)
    }

    fn on_fill(&mut self, fill: &Fill) {
        let Some(at) = self.place_of(fill.order) else { return };
        let now = self.venue.now();
        let order = &mut self.orders.list[at];
        order.filled += fill.quantity;
        order.value += i128::from(fill.price.0) * i128::from(fill.quantity.0);
        let number = self.orders.trades.len() as u64 + 1;
        let (instrument, product, side) = (order.instrument, order.product, order.side);
        self.book(instrument, product, side, fill.quantity, fill.price);
        self.orders.trades.push(Trade {
            number,
            order: at,
            price: fill.price,
            quantity: fill.quantity,
            at: now,
        });
    }

    fn on_report(&mut self, report: &Report) {
        let Some(at) = self.place_of(report.order) else { return };
        let state = OrderState::from_u8(report.state).expect("the venue's own code");
        let reason = ReportReason::from_u8(report.reason).expect("the venue's own code");
        let now = self.venue.now();
        if state == OrderState::Rejected {
            return self.reject(at, refusal(reason).to_owned());
        }
        let order = &mut self.orders.list[at];
        order.updated = Some(now);
        order.woken |= state != OrderState::TriggerPending;
        let is_new = order.exchange_id.is_none();
        if is_new {
            order.exchange_time = Some(now);
            order.exchange_id = Some(format!("13{:014}", at + 1));
        }
        let changed = self.settle_change(at, state, reason);
        match state {
            OrderState::TriggerPending => self.set_once(at, Status::TriggerPending),
            OrderState::Open | OrderState::PartiallyFilled => self.set_once(at, Status::Open),
            OrderState::Filled => {
                if is_new {
                    self.set(at, Status::Open);
                }
                self.set(at, Status::Complete);
            }
            OrderState::Cancelled => {
                if is_new {
                    self.set(at, Status::Open);
                }
                self.orders.list[at].cancelling = false;
                self.orders.list[at].message = cancelled(reason).map(str::to_owned);
                self.set(at, Status::Cancelled);
            }
            // A venue reports no others.
            _ => return,
        }
        let partly = state == OrderState::PartiallyFilled;
        if state.is_final() || partly || changed || self.config.post_open {
            self.post(at);
        }
    }

    /// Ends a change that was on its way, if one was; whether it was taken.
    fn settle_change(&mut self, at: usize, state: OrderState, reason: ReportReason) -> bool {
        let Some(change) = self.orders.list[at].change.take() else { return false };
        let taken = reason == ReportReason::Modified || state.is_final();
        let order = &mut self.orders.list[at];
        if taken {
            (order.pricing, order.quantity, order.price) = (change.pricing, change.quantity, change.price);
            (order.trigger, order.disclosed) = (change.trigger, change.disclosed);
            (order.modified, order.message) = (true, None);
            self.set(at, Status::Modified);
        } else {
            order.message = Some(refusal(reason).to_owned());
            self.set(at, Status::NotModified);
        }
        taken
    }

    /// Sets a status unless it is the order's already and nothing else in it has changed.
    fn set_once(&mut self, at: usize, status: Status) {
        self.set(at, status);
        let history = &mut self.orders.list[at].history;
        if history.len() > 1 && history[history.len() - 1] == history[history.len() - 2] {
            history.pop();
        }
    }
}

/// Why the exchange refused an order, for people.
fn refusal(reason: ReportReason) -> &'static str {
    match reason {
        ReportReason::Closed | ReportReason::SessionEnd => {
            "16387 : The market is closed for this instrument; orders are taken within its hours."
        }
        ReportReason::Halted => "Trading in this instrument is halted.",
        ReportReason::NoPrice => "The instrument has no price yet.",
        ReportReason::Malformed => "16052 : The exchange does not take these prices or quantities.",
        ReportReason::NotAllowed => "The exchange does not take orders of this kind.",
        ReportReason::FreezeQuantity => "Quantity is above the freeze quantity.",
        ReportReason::PriceBand => "17070 : The price is out of the execution range.",
        ReportReason::SelfTrade => "17142 : The order would trade with an own order.",
        ReportReason::VenueFull => "This broker holds 256 open orders and no more.",
        ReportReason::NotTradable => "The instrument is not tradable.",
        _ => "The exchange refused it.",
    }
}

/// Why an order was cancelled, for people; `None` if it was asked for.
fn cancelled(reason: ReportReason) -> Option<&'static str> {
    match reason {
        ReportReason::Requested => None,
        ReportReason::IocRest => Some("17170 : IOC order: the rest is cancelled."),
        ReportReason::SessionEnd | ReportReason::Closed => Some("The market has closed."),
        ReportReason::SelfTrade => Some("17142 : Cancelled to prevent a trade with an own order."),
        ReportReason::PriceBand => Some("17070 : The price is out of the execution range."),
        _ => Some("Cancelled by the exchange."),
    }
}
