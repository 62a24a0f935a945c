//! What all flows do with an exchange: run an operation to its end.

use pitlane_engine::event::{OrderType, ReportReason, SelfTrade, Side, Validity};
use pitlane_engine::exchange::{Account, Change, Exchange, Limits, Listing, Record, Terms};
use pitlane_engine::stage::Progress;
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};

/// Orders that rest at once, in all instruments.
pub(crate) const ORDERS_MAX: usize = 1 << 17;
/// Pieces of anonymous volume at once.
const ANONYMOUS_MAX: usize = 1 << 12;
/// Records of one call; longer sweeps take several calls.
const RECORDS_MAX: usize = 1 << 10;
/// Ids of orders in a file are below; the check's own orders have higher ones.
pub(crate) const ID_END: u64 = 1 << 62;

/// An exchange of `instruments` with prices in steps of one, without lots, bands or self-trade prevention.
pub(crate) fn exchange(instruments: usize, ladder_ticks: usize) -> Exchange {
    let listing = Listing { tick: Price(1), lot: Qty(1), freeze: Qty::ZERO };
    let limits =
        Limits { orders: ORDERS_MAX, anonymous: ANONYMOUS_MAX, records_max: RECORDS_MAX, ladder_ticks };
    // All orders are the market's, which trades with itself: the setting has no effect.
    Exchange::new(&vec![listing; instruments], limits, SelfTrade::CancelNewest)
}

/// The terms of a limit order.
pub(crate) fn limit_order(id: OrderId, side: Side, price: Price, quantity: Qty, validity: Validity) -> Terms {
    Terms {
        id,
        account: Account::MARKET,
        side,
        order_type: OrderType::Limit,
        validity,
        quantity,
        price,
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
        post_only: false,
    }
}

/// Goes on with an operation until it is done.
pub(crate) fn finish(exchange: &mut Exchange, first: Progress, each: &mut impl FnMut(Record)) {
    let mut progress = first;
    while progress == Progress::More {
        progress = exchange.resume(each);
    }
}

/// Enters an order and sees it through.
pub(crate) fn enter(
    exchange: &mut Exchange,
    instrument: InstrumentId,
    terms: &Terms,
    each: &mut impl FnMut(Record),
) {
    let progress = exchange.enter(instrument, terms, each);
    finish(exchange, progress, each);
}

/// Takes `quantity` off an order that keeps its place, or all of it; `false` if the id is not held.
pub(crate) fn reduce(exchange: &mut Exchange, id: OrderId, quantity: Qty) -> bool {
    let Some(held) = exchange.get(id) else { return false };
    if quantity >= held.open {
        return exchange.cancel(id, ReportReason::Requested, &mut |_| ());
    }
    let change = Change {
        quantity: held.filled + held.open - quantity,
        price: held.price,
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
    };
    let progress = exchange.modify(id, &change, &mut |_| ());
    finish(exchange, progress, &mut |_| ());
    true
}
