//! Limits the exchange publishes outside the instrument file, by date: freeze quantities of index
//! derivatives, and tick sizes. Source: circulars of NSE as of August 2026; later changes are not in these
//! tables.

use jiff::civil::{Date, date};
use pitlane_engine::units::{Price, Qty, SCALE};

/// A published freeze quantity and when it held.
struct Freeze {
    underlying: &'static str,
    /// First day.
    from: Date,
    /// Last day; `None` for the latest one known, which is taken to hold until the table is renewed.
    until: Option<Date>,
    quantity: i64,
}

const fn freeze(underlying: &'static str, from: Date, until: Option<Date>, quantity: i64) -> Freeze {
    Freeze { underlying, from, until, quantity }
}

/// First trading day of the list of August 2026 (FAOP/75521).
const LIST_OF_AUGUST_2026: Date = date(2026, 8, 3);

/// What was published. Between these spans nothing is known, and nothing is interpolated: the quantity
/// follows the index level month by month.
const FREEZES: &[Freeze] = &[
    freeze("BANKNIFTY", date(2025, 9, 1), Some(date(2025, 9, 30)), 900),
    freeze("FINNIFTY", date(2025, 12, 1), Some(date(2025, 12, 31)), 1200),
    freeze("NIFTY", LIST_OF_AUGUST_2026, None, 1800),
    freeze("BANKNIFTY", LIST_OF_AUGUST_2026, None, 600),
    freeze("FINNIFTY", LIST_OF_AUGUST_2026, None, 1800),
    freeze("MIDCPNIFTY", LIST_OF_AUGUST_2026, None, 2800),
    freeze("NIFTYNXT50", LIST_OF_AUGUST_2026, None, 600),
];

/// The exchange's rule for index derivatives: index levels up to and including the first number, in rupees,
/// freeze above the second.
const FREEZE_BY_LEVEL: &[(i64, i64)] = &[
    (5_750, 8_500),
    (8_625, 5_500),
    (11_500, 4_200),
    (17_250, 2_800),
    (27_500, 1_800),
    (40_000, 1_200),
    (55_000, 900),
    (i64::MAX / SCALE, 600),
];

/// The published freeze quantity of an index's derivatives on a date, in units (not lots): an order above it
/// is held back by the exchange. The underlying is named as in the instrument file (`NIFTY`, `BANKNIFTY`).
///
/// `None` if nothing was published for that underlying and date, which includes all stocks (their list is monthly
/// and not here); `freeze_by_level` then gives what the rule would give for an index. From 2026-08-03 on the list of
/// that day is carried forward.
pub fn freeze_quantity(underlying: &str, date: Date) -> Option<Qty> {
    FREEZES
        .iter()
        .find(|row| {
            row.underlying == underlying && row.from <= date && row.until.is_none_or(|until| date <= until)
        })
        .map(|row| Qty(row.quantity))
}

/// The same for a contract by its symbol, such as `NFO:NIFTY26AUGFUT`. `None` for anything that is no contract of
/// NSE on an index of the table.
pub fn freeze_of_symbol(symbol: &str, date: Date) -> Option<Qty> {
    let contract = symbol.strip_prefix("NFO:")?;
    // A contract's name is its underlying's, and then the year in two digits.
    let is_on = |underlying: &str| {
        let rest = contract.strip_prefix(underlying)?.as_bytes();
        (rest.len() > 2 && rest[..2].iter().all(u8::is_ascii_digit)).then_some(())
    };
    let row = FREEZES.iter().find(|row| is_on(row.underlying).is_some())?;
    freeze_quantity(row.underlying, date)
}

/// The freeze quantity that the exchange's rule gives for an index at this level, in units. The rule is
/// applied monthly, so a level of today need not be the one that counts.
pub fn freeze_by_level(level: Price) -> Qty {
    Qty(by_limit(FREEZE_BY_LEVEL, level))
}

/// The largest quantity one order may have: the freeze quantity rounded down to whole lots; zero if a lot is
/// larger than the freeze quantity. An order of exactly the freeze quantity is taken to pass, which is
/// general knowledge and not confirmed by a circular. Panics if the lot is not positive.
pub fn largest_order(lot: Qty, freeze: Qty) -> Qty {
    freeze.floor_to_lot(lot)
}

/// First day of the tick sizes by price.
const TICKS_BY_CLOSE_FROM: Date = date(2025, 4, 15);

/// Closes up to and including the first number, in rupees, have the second as tick, in 1/10,000 rupee.
const TICKS_BY_CLOSE: &[(i64, i64)] =
    &[(1_000, 500), (5_000, 1_000), (10_000, 5_000), (20_000, 10_000), (i64::MAX / SCALE, 50_000)];

/// The same for index futures by index level.
const INDEX_FUTURE_TICKS: &[(i64, i64)] = &[(15_000, 500), (30_000, 1_000), (i64::MAX / SCALE, 2_000)];

/// The tick size of a share or a stock future that closed at `close` on the last trading day of the month
/// before. For a check only: the instrument file's tick wins. `None` before 2025-04-15, when ticks did not
/// follow this rule.
pub fn tick_by_close(close: Price, date: Date) -> Option<Price> {
    if date < TICKS_BY_CLOSE_FROM {
        return None;
    }
    // The first row is the only one that excludes its limit: 250.00 already has the larger tick.
    if close < Price(250 * SCALE) {
        return Some(Price(100));
    }
    Some(Price(by_limit(TICKS_BY_CLOSE, close)))
}

/// The tick size of an index future at this index level, under the same rules. `None` before 2025-04-15.
pub fn index_future_tick(level: Price, date: Date) -> Option<Price> {
    (date >= TICKS_BY_CLOSE_FROM).then(|| Price(by_limit(INDEX_FUTURE_TICKS, level)))
}

/// The value of the first row whose limit, in rupees, is not below `price`.
fn by_limit(rows: &[(i64, i64)], price: Price) -> i64 {
    let row = rows.iter().find(|(limit, _)| price.0 <= limit * SCALE);
    // A price above the last limit cannot be: it is the largest number of whole rupees.
    row.or(rows.last()).map_or(0, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rupees(text: &str) -> Price {
        let (whole, paise) = text.split_once('.').unwrap();
        assert_eq!(paise.len(), 2, "{text}");
        Price(whole.parse::<i64>().unwrap() * SCALE + paise.parse::<i64>().unwrap() * 100)
    }

    #[test]
    fn ticks_follow_the_close() {
        let day = date(2025, 4, 15);
        let cases = [
            ("0.05", "0.01"),
            ("249.95", "0.01"),
            ("250.00", "0.05"),
            ("1000.00", "0.05"),
            ("1000.05", "0.10"),
            ("5000.00", "0.10"),
            ("5000.05", "0.50"),
            ("10000.00", "0.50"),
            ("10000.05", "1.00"),
            ("20000.00", "1.00"),
            ("20000.05", "5.00"),
            ("150000.00", "5.00"),
        ];
        for (close, tick) in cases {
            assert_eq!(tick_by_close(rupees(close), day), Some(rupees(tick)), "close {close}");
            assert_eq!(tick_by_close(rupees(close), date(2025, 4, 14)), None);
        }
        let cases = [("15000.00", "0.05"), ("15000.05", "0.10"), ("30000.00", "0.10"), ("30000.05", "0.20")];
        for (level, tick) in cases {
            assert_eq!(index_future_tick(rupees(level), day), Some(rupees(tick)), "level {level}");
        }
        assert_eq!(index_future_tick(rupees("15000.00"), date(2025, 4, 14)), None);
        assert_eq!(tick_by_close(Price(i64::MAX), day), Some(rupees("5.00")));
    }

    #[test]
    fn freeze_quantities_are_those_published_for_the_date() {
        let cases = [
            ("NIFTY", date(2026, 8, 2), None),
            ("NIFTY", date(2026, 8, 3), Some(1800)),
            ("NIFTY", date(2026, 11, 23), Some(1800)),
            ("BANKNIFTY", date(2025, 8, 31), None),
            ("BANKNIFTY", date(2025, 9, 1), Some(900)),
            ("BANKNIFTY", date(2025, 9, 30), Some(900)),
            ("BANKNIFTY", date(2025, 10, 1), None),
            ("BANKNIFTY", date(2026, 8, 3), Some(600)),
            ("FINNIFTY", date(2025, 12, 31), Some(1200)),
            ("FINNIFTY", date(2026, 8, 3), Some(1800)),
            ("MIDCPNIFTY", date(2026, 8, 3), Some(2800)),
            ("NIFTYNXT50", date(2026, 8, 3), Some(600)),
            ("RELIANCE", date(2026, 8, 3), None),
        ];
        for (underlying, day, quantity) in cases {
            assert_eq!(freeze_quantity(underlying, day), quantity.map(Qty), "{underlying} on {day}");
        }
    }

    #[test]
    fn contracts_are_known_by_their_symbols() {
        let day = date(2026, 8, 4);
        let cases = [
            ("NFO:NIFTY26AUGFUT", Some(1800)),
            ("NFO:NIFTY2680625000CE", Some(1800)),
            ("NFO:BANKNIFTY26AUGFUT", Some(600)),
            ("NFO:NIFTYNXT5026AUGFUT", Some(600)),
            ("NFO:MIDCPNIFTY26AUG13000PE", Some(2800)),
            // A share, an index, a contract on a share, one of another exchange.
            ("NSE:NIFTY26AUGFUT", None),
            ("NSE:NIFTY 50", None),
            ("NFO:RELIANCE26AUGFUT", None),
            ("BFO:SENSEX26AUGFUT", None),
            ("NFO:NIFTY", None),
        ];
        for (symbol, quantity) in cases {
            assert_eq!(freeze_of_symbol(symbol, day), quantity.map(Qty), "{symbol}");
        }
        assert_eq!(freeze_of_symbol("NFO:NIFTY26AUGFUT", date(2026, 7, 31)), None);
    }

    #[test]
    fn the_rule_by_level_holds_at_its_limits() {
        let cases = [
            ("5750.00", 8500),
            ("5750.05", 5500),
            ("8625.00", 5500),
            ("8625.05", 4200),
            ("11500.00", 4200),
            ("11500.05", 2800),
            ("17250.00", 2800),
            ("17250.05", 1800),
            ("27500.00", 1800),
            ("27500.05", 1200),
            ("40000.00", 1200),
            ("40000.05", 900),
            ("55000.00", 900),
            ("55000.05", 600),
        ];
        for (level, quantity) in cases {
            assert_eq!(freeze_by_level(rupees(level)), Qty(quantity), "level {level}");
        }
    }

    #[test]
    fn the_largest_order_is_whole_lots() {
        let cases = [
            (65, 1800, 1755),
            (30, 600, 600),
            (60, 1800, 1800),
            (120, 2800, 2760),
            (25, 600, 600),
            (700, 600, 0),
        ];
        for (lot, freeze, largest) in cases {
            assert_eq!(largest_order(Qty(lot), Qty(freeze)), Qty(largest), "lot {lot}, freeze {freeze}");
        }
    }
}
