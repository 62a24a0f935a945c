//! What a venue's profile refuses, whoever sends it: the paper venue asks here before its exchange sees an order, and a
//! gateway to a real one asks the same before an order leaves.
//!
//! The profile `nse` is the National Stock Exchange as its brokers open it to programs. What an order must be to make
//! sense at all (ticks, lots, a price) is the exchange's business, and so are hours, bands and halts.

use crate::config::{InstrumentClass, InstrumentSpec};
use crate::event::{OrderType, ReportReason, Side, Validity, VenueProfile};
use crate::exchange::Terms;
use crate::units::{Price, Qty};

/// Least share of an equity order that is displayed at a time, as one part in so many: 10 %.
const DISCLOSED_PARTS: i128 = 10;

/// Checks an order, or a resting order's new terms, against a profile.
///
/// | order | profile `nse` | source (market rules) |
/// |---|---|---|
/// | immediate or cancel, limit, stop limit | taken | section 8, order types |
/// | fill or kill | `NotAllowed` | section 8: no FOK |
/// | post-only | `NotAllowed` | section 8 lists no such order |
/// | market or stop market without a worst price | `Unprotected` | section 8: algo market orders must be protected |
/// | stop market in an option | `NotAllowed` | section 8: barred since 2021-09-27 |
/// | stop whose limit is not beyond its trigger | `Malformed` | section 8: SL buy trigger <= limit, sell >= limit |
/// | disclosed quantity in a derivative | `NotAllowed` | section 8: not in F&O |
/// | disclosed quantity below 10 % or not below the quantity | `NotAllowed` | section 8: disclosed quantity |
/// | more than the freeze quantity | `FreezeQuantity` (profile `full` too) | section 7 |
///
/// Profile `full` takes all the rest.
///
/// # Errors
/// The reason with which the order is refused.
pub fn check(profile: VenueProfile, spec: &InstrumentSpec, terms: &Terms) -> Result<(), ReportReason> {
    if spec.freeze > Qty::ZERO && terms.quantity > spec.freeze {
        return Err(ReportReason::FreezeQuantity);
    }
    match profile {
        VenueProfile::Full => Ok(()),
        VenueProfile::Nse => nse(spec.class, terms),
    }
}

fn nse(class: InstrumentClass, terms: &Terms) -> Result<(), ReportReason> {
    let at_market = matches!(terms.order_type, OrderType::Market | OrderType::StopMarket);
    let barred = terms.validity == Validity::Fok
        || terms.post_only
        || class == InstrumentClass::Option && terms.order_type == OrderType::StopMarket;
    if barred {
        return Err(ReportReason::NotAllowed);
    }
    if at_market && terms.price <= Price::ZERO {
        return Err(ReportReason::Unprotected);
    }
    let waits = matches!(terms.order_type, OrderType::StopLimit | OrderType::StopMarket);
    let beyond = match terms.side {
        Side::Buy => terms.trigger <= terms.price,
        Side::Sell => terms.trigger >= terms.price,
    };
    if waits && !beyond {
        return Err(ReportReason::Malformed);
    }
    if terms.disclosed > Qty::ZERO {
        let enough = i128::from(terms.disclosed.0) * DISCLOSED_PARTS >= i128::from(terms.quantity.0);
        if class != InstrumentClass::Equity || !enough || terms.disclosed >= terms.quantity {
            return Err(ReportReason::NotAllowed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Account;
    use crate::units::OrderId;

    fn spec(class: InstrumentClass, freeze: i64) -> InstrumentSpec {
        InstrumentSpec {
            symbol: "NSE:A".into(),
            token: 0,
            class,
            tradable: true,
            lot: Qty(1),
            tick: Price(500),
            multiplier: 1,
            freeze: Qty(freeze),
            derivatives: false,
        }
    }

    /// A limit order to buy 1,000 at 100,000.
    fn limit() -> Terms {
        Terms {
            id: OrderId(1),
            account: Account(1),
            side: Side::Buy,
            order_type: OrderType::Limit,
            validity: Validity::Day,
            quantity: Qty(1_000),
            price: Price(100_000),
            trigger: Price::ZERO,
            disclosed: Qty::ZERO,
            post_only: false,
        }
    }

    /// Asks both profiles, `full` of which must take it.
    fn nse_says(class: InstrumentClass, terms: &Terms) -> Option<ReportReason> {
        assert_eq!(
            check(VenueProfile::Full, &spec(class, 0), terms),
            Ok(()),
            "the full profile takes all kinds"
        );
        check(VenueProfile::Nse, &spec(class, 0), terms).err()
    }

    #[test]
    fn the_nse_profile_refuses_what_the_exchange_and_the_broker_refuse() {
        use InstrumentClass::{Equity, Future, Option as Call};
        use OrderType::{Limit, Market, StopLimit, StopMarket};
        use ReportReason::{Malformed, NotAllowed, Unprotected};
        let stop = |order_type, side, trigger, price| Terms {
            order_type,
            side,
            trigger: Price(trigger),
            price: Price(price),
            ..limit()
        };
        let disclosed = |quantity| Terms { disclosed: Qty(quantity), ..limit() };
        let market = |price| Terms { order_type: Market, price: Price(price), ..limit() };
        let (buy, sell) = (Side::Buy, Side::Sell);
        let cases = [
            ("a limit order", Equity, limit(), None),
            ("in a future", Future, limit(), None),
            ("in an option", Call, limit(), None),
            ("IOC", Equity, Terms { validity: Validity::Ioc, ..limit() }, None),
            ("FOK", Equity, Terms { validity: Validity::Fok, ..limit() }, Some(NotAllowed)),
            ("post-only", Equity, Terms { post_only: true, ..limit() }, Some(NotAllowed)),
            ("a protected market order", Equity, market(101_000), None),
            ("in an option too", Call, market(101_000), None),
            ("without protection", Equity, market(0), Some(Unprotected)),
            ("SL", Call, stop(StopLimit, buy, 100_000, 101_000), None),
            ("SL at its trigger", Equity, stop(StopLimit, sell, 100_000, 100_000), None),
            ("an SL buy below its trigger", Equity, stop(StopLimit, buy, 100_000, 99_500), Some(Malformed)),
            ("an SL sell above it", Equity, stop(StopLimit, sell, 100_000, 100_500), Some(Malformed)),
            ("SL-M", Equity, stop(StopMarket, sell, 100_000, 95_000), None),
            ("SL-M in a future", Future, stop(StopMarket, buy, 100_000, 105_000), None),
            ("SL-M in an option", Call, stop(StopMarket, sell, 100_000, 95_000), Some(NotAllowed)),
            ("SL-M without protection", Equity, stop(StopMarket, sell, 100_000, 0), Some(Unprotected)),
            ("a tenth displayed", Equity, disclosed(100), None),
            ("less", Equity, disclosed(99), Some(NotAllowed)),
            ("nearly all", Equity, disclosed(999), None),
            ("all", Equity, disclosed(1_000), Some(NotAllowed)),
            ("a part in a future", Future, disclosed(500), Some(NotAllowed)),
            ("a part in an option", Call, disclosed(500), Some(NotAllowed)),
        ];
        for (name, class, terms, refused) in cases {
            assert_eq!(nse_says(class, &terms), refused, "{name}");
        }
        let limit_at = Terms { order_type: Limit, price: Price(0), ..limit() };
        assert_eq!(
            nse_says(Equity, &limit_at),
            None,
            "a price that makes no sense is not a matter of profiles"
        );
    }

    #[test]
    fn an_order_above_the_freeze_quantity_is_refused_by_both() {
        for profile in [VenueProfile::Nse, VenueProfile::Full] {
            for (freeze, refused) in [(0, false), (999, true), (1_000, false), (1_001, false)] {
                let found = check(profile, &spec(InstrumentClass::Future, freeze), &limit());
                assert_eq!(
                    found,
                    if refused { Err(ReportReason::FreezeQuantity) } else { Ok(()) },
                    "{freeze}"
                );
            }
        }
    }
}
