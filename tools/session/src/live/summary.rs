//! What a run on the wall clock came to beside what every run does: its feed, its orders at the broker.

use pitlane_engine::event::{Event, Kind, Order, OrderState, Report};
use pitlane_engine::units::OrderId;
use pitlane_kite_feed::FeedStatus;
use pitlane_kite_gateway::driver::Figures;
use pitlane_kite_gateway::gateway::Verdict;
use pitlane_store::{EventStream, INPUTS, OUTPUTS};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// `broker` of the summary of a paper or live run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BrokerSummary {
    /// The account that traded; `null` in paper mode.
    pub account: Option<String>,
    /// Connections of the feed that were live, and all.
    pub sockets: (usize, usize),
    /// Packets the feed brought.
    pub packets: u64,
    /// Packets withheld because they were of the broker's cache.
    pub stale: u64,
    /// Packets that a later one of their instrument replaced, because the run was slow.
    pub conflated: u64,
    /// Connections lost.
    pub losses: u64,
    /// Orders by the state of their last report; those without one are `not_reported`.
    pub orders: BTreeMap<&'static str, u64>,
    /// Orders that are not final: look for them at the broker.
    pub open_orders: Vec<OpenAtBroker>,
    /// Order calls of the day, changes and cancels among them; `null` in paper mode.
    pub order_calls: Option<u32>,
    /// What reconciliation said last; `null` in paper mode.
    pub reconciliation: Option<&'static str>,
}

/// An order that may be open at the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenAtBroker {
    /// Its id.
    pub order: u64,
    /// The state of its last report, or `not_reported`.
    pub state: &'static str,
    /// Filled of its quantity.
    pub filled: i64,
    /// Its quantity.
    pub quantity: i64,
}

/// Orders of a journal with their last report, by id.
#[derive(Default)]
struct Orders(BTreeMap<OrderId, (i64, Option<Report>)>);

impl Orders {
    fn output(&mut self, event: &Event) {
        if event.kind() == Kind::Order {
            let order = event.body::<Order>();
            self.0.insert(order.id, (order.quantity.0, None));
        }
    }

    fn input(&mut self, event: &Event) {
        if event.kind() == Kind::Report {
            let report = event.body::<Report>();
            if let Some((_, last)) = self.0.get_mut(&report.order)
                && last.is_none_or(|last| report.number > last.number)
            {
                *last = Some(*report);
            }
        }
    }

    fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        self.0.values().for_each(|(_, last)| *counts.entry(state(last.as_ref())).or_insert(0) += 1);
        counts
    }

    fn open(&self) -> Vec<OpenAtBroker> {
        let is_final = |last: &Option<Report>| {
            last.as_ref().and_then(|last| OrderState::from_u8(last.state)).is_some_and(OrderState::is_final)
        };
        let open = self.0.iter().filter(|(_, (_, last))| !is_final(last));
        open.map(|(id, (quantity, last))| OpenAtBroker {
            order: id.0,
            state: state(last.as_ref()),
            filled: last.as_ref().map_or(0, |last| last.filled.0),
            quantity: *quantity,
        })
        .collect()
    }
}

fn state(last: Option<&Report>) -> &'static str {
    last.and_then(|last| OrderState::from_u8(last.state)).map_or("not_reported", OrderState::name)
}

/// The summary of the run that the journal at `dir` holds.
///
/// # Errors
/// If the journal cannot be read.
pub fn of(
    dir: &Path,
    account: Option<String>,
    feed: &FeedStatus,
    figures: Option<Figures>,
) -> anyhow::Result<BrokerSummary> {
    let mut orders = Orders::default();
    let mut outputs = EventStream::open_kept(dir, OUTPUTS)?;
    while let Some(event) = outputs.try_next()? {
        orders.output(&event);
    }
    let mut inputs = EventStream::open_kept(dir, INPUTS)?;
    while let Some(event) = inputs.try_next()? {
        orders.input(&event);
    }
    let sum = |of: fn(&pitlane_kite_feed::SocketStatus) -> u64| feed.sockets.iter().map(of).sum();
    Ok(BrokerSummary {
        account,
        sockets: super::sockets(feed),
        packets: sum(|socket| socket.packets.get()),
        stale: sum(|socket| socket.stale.get()),
        conflated: sum(|socket| socket.conflated.get()),
        losses: sum(|socket| socket.losses.get()),
        orders: orders.counts(),
        open_orders: orders.open(),
        order_calls: figures.map(|figures| figures.today),
        reconciliation: figures.map(|figures| match figures.verdict {
            Verdict::Unproved => "unproved",
            Verdict::Clean => "clean",
            Verdict::Differs => "differs",
            Verdict::Halt => "halt",
        }),
    })
}

impl BrokerSummary {
    /// Lines for people: name and text.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let (live, all) = self.sockets;
        let feed = format!(
            "{live} of {all} connections, {} packets, {} stale, {} conflated, {} losses",
            self.packets, self.stale, self.conflated, self.losses
        );
        let mut rows = vec![("feed", feed)];
        let Some(account) = &self.account else { return rows };
        let calls = self.order_calls.unwrap_or(0);
        let said = self.reconciliation.unwrap_or("unproved");
        rows.push(("broker", format!("account {account}, {calls} order calls, reconciliation {said}")));
        rows.push(("orders by state", crate::summary::show_counts(&self.orders)));
        let open: Vec<String> = self
            .open_orders
            .iter()
            .map(|order| format!("{} ({}, {} of {})", order.order, order.state, order.filled, order.quantity))
            .collect();
        let open = if open.is_empty() { "nothing".to_owned() } else { open.join(", ") };
        rows.push(("open at the broker", open));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_engine::event::FLAG_EXO;
    use pitlane_engine::units::{InstrumentId, Money, Qty, Seq, StrategyId, TsNs};

    #[test]
    fn the_last_report_says_where_an_order_stands() {
        let mut orders = Orders::default();
        let event = |order: u64, number: u32, state: OrderState| {
            let report = Report {
                order: OrderId(order),
                cause: Seq(1),
                vtime: TsNs(0),
                filled: Qty(1),
                filled_value: Money(1),
                quantity: Qty(10),
                number,
                strategy: StrategyId::NONE,
                state: state as u8,
                reason: 0,
                side: 1,
                reserved: [0; 39],
            };
            Event::new(InstrumentId(0), FLAG_EXO, &report)
        };
        for id in 1..=4 {
            orders.0.insert(OrderId(id), (10, None));
        }
        for (id, number, state) in [
            (1, 1, OrderState::Unknown),
            (1, 2, OrderState::Filled),
            (2, 2, OrderState::PartiallyFilled),
            (2, 1, OrderState::Filled),
            (3, 1, OrderState::Unknown),
            (9, 1, OrderState::Filled),
        ] {
            orders.input(&event(id, number, state));
        }
        let counts = orders.counts();
        assert_eq!(counts[OrderState::Filled.name()], 1);
        assert_eq!((counts[OrderState::Unknown.name()], counts["not_reported"]), (1, 1));
        let open: Vec<u64> = orders.open().iter().map(|order| order.order).collect();
        assert_eq!(open, [2, 3, 4]);
    }
}
