//! Fills and orders with what they were charged. An order's charges are spread over its fills: each has what it added,
//! so that they sum exactly.

use super::{Names, name};
use crate::profit::{Billed, Bills, show_date};
use crate::recorded::Recording;
use pitlane_config::format_ist;
use pitlane_engine::charges::Charges;
use pitlane_engine::event::{Event, Kind, OrderState, Report, Side};
use pitlane_engine::units::{Money, OrderId, Qty, TsNs, decimal};
use std::collections::BTreeMap;

/// The columns of an order's charges. Its time is that of its last fill.
pub(super) const HEADER: &[&str] = &[
    "order_id",
    "instrument",
    "time",
    "side",
    "quantity",
    "value",
    "brokerage",
    "stt",
    "exchange",
    "sebi",
    "stamp",
    "gst",
    "charges",
    "rates_from",
];

/// Calls `each` with every output and, if it is a fill, what it was charged.
fn each_billed(
    recording: &Recording,
    each: &mut dyn FnMut(&Event, Option<Billed<'_>>),
) -> anyhow::Result<()> {
    let mut bills = Bills::new(&recording.head, &recording.pipeline);
    recording.each_input(&mut |event| bills.input(event))?;
    recording.each_output(&mut |event| {
        let spec = recording.head.instruments.get(event.header.instrument.index());
        let billed = spec.and_then(|spec| bills.output(event, spec.multiplier));
        each(event, billed);
    })
}

/// Calls `row` with the row of every fill.
///
/// # Errors
/// If the journal is damaged.
pub(super) fn each_fill(
    recording: &Recording,
    names: &Names<'_>,
    row: &mut dyn FnMut(Vec<String>),
) -> anyhow::Result<()> {
    each_billed(recording, &mut |event, billed| {
        let Some(Billed { fill, side, charged, .. }) = billed else { return };
        row(vec![
            fill.order.0.to_string(),
            names.instrument(event),
            format_ist(event.header.ts),
            name(Some(side.name())),
            fill.quantity.0.to_string(),
            fill.price.to_string(),
            charged.map_or_else(|| decimal(0), |charged| charged.charges.total().to_string()),
        ]);
    })
}

/// An order of which something was filled.
struct Executed {
    instrument: String,
    side: Side,
    last: TsNs,
    quantity: Qty,
    value: Money,
    charges: Charges,
    rates_from: u32,
}

impl Executed {
    fn row(&self, order: OrderId) -> Vec<String> {
        let mut row = vec![
            order.0.to_string(),
            self.instrument.clone(),
            format_ist(self.last),
            self.side.name().to_owned(),
            self.quantity.0.to_string(),
            self.value.to_string(),
        ];
        row.extend(self.charges.parts().map(|(_, part)| part.to_string()));
        row.push(self.charges.total().to_string());
        row.push(if self.rates_from == 0 { String::new() } else { show_date(self.rates_from) });
        row
    }
}

/// Calls `row` with the row of every executed order, in the order in which they ended; those that had not, at the end.
///
/// # Errors
/// If the journal is damaged.
pub(super) fn each_order(
    recording: &Recording,
    names: &Names<'_>,
    row: &mut dyn FnMut(Vec<String>),
) -> anyhow::Result<()> {
    let mut open = BTreeMap::<OrderId, Executed>::new();
    each_billed(recording, &mut |event, billed| {
        if let Some(Billed { fill, side, value, charged }) = billed {
            let executed = open.entry(fill.order).or_insert_with(|| Executed {
                instrument: names.instrument(event),
                side,
                last: event.header.ts,
                quantity: Qty::ZERO,
                value: Money::ZERO,
                charges: Charges::NONE,
                rates_from: 0,
            });
            executed.last = event.header.ts;
            executed.quantity += fill.quantity;
            executed.value += value;
            if let Some(charged) = charged {
                executed.charges = executed.charges.plus(&charged.charges);
                executed.rates_from = charged.rates_from;
            }
        } else if event.kind() == Kind::Report {
            let report = event.body::<Report>();
            let ended = OrderState::from_u8(report.state).is_some_and(OrderState::is_final);
            if let Some(executed) = ended.then(|| open.remove(&report.order)).flatten() {
                row(executed.row(report.order));
            }
        }
    })?;
    open.iter().for_each(|(order, executed)| row(executed.row(*order)));
    Ok(())
}
