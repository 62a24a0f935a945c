//! The dated data, of NSE: holiday circulars CMTR/71775, FAOP/71777 and FAOP/72262, hours CMTR/73362,
//! CMTR/74466 and FAOP/74467, pre-open CMTR/74969 and FAOP/74970, pre-open of futures FAOP/71092. Known as of
//! August 2026.

use super::{PreOpen, Segment};
use jiff::civil::{Date, Time, date, time};

/// First and last date with data.
pub(super) const COVERED: (Date, Date) = (date(2026, 1, 1), date(2026, 12, 31));

/// What a listed date is.
pub(super) enum Listed {
    Holiday,
    /// It trades at the hours of an ordinary day, though it is a weekend; not confirmed, and why.
    RegularHours(&'static str),
    /// It trades at hours that are not known; why, and the remedy.
    NoHours(&'static str),
}

/// Holidays and special sessions. Holidays on weekends are listed for their names.
pub(super) const LISTED: &[(Date, &str, Listed)] = &[
    (date(2026, 1, 15), "Municipal elections in Maharashtra", Listed::Holiday),
    (date(2026, 1, 26), "Republic Day", Listed::Holiday),
    (
        date(2026, 2, 1),
        "Union Budget",
        Listed::RegularHours("the Sunday of the Union Budget traded according to the press only"),
    ),
    (date(2026, 2, 15), "Mahashivratri", Listed::Holiday),
    (date(2026, 3, 3), "Holi", Listed::Holiday),
    (date(2026, 3, 21), "Id-ul-Fitr", Listed::Holiday),
    (date(2026, 3, 26), "Shri Ram Navami", Listed::Holiday),
    (date(2026, 3, 31), "Shri Mahavir Jayanti", Listed::Holiday),
    (date(2026, 4, 3), "Good Friday", Listed::Holiday),
    (date(2026, 4, 14), "Dr. Baba Saheb Ambedkar Jayanti", Listed::Holiday),
    (date(2026, 5, 1), "Maharashtra Day", Listed::Holiday),
    (date(2026, 5, 28), "Bakri Id", Listed::Holiday),
    (date(2026, 6, 26), "Muharram", Listed::Holiday),
    (date(2026, 8, 15), "Independence Day", Listed::Holiday),
    (date(2026, 9, 14), "Ganesh Chaturthi", Listed::Holiday),
    (date(2026, 10, 2), "Mahatma Gandhi Jayanti", Listed::Holiday),
    (date(2026, 10, 20), "Dussehra", Listed::Holiday),
    (
        date(2026, 11, 8),
        "Muhurat trading (Diwali)",
        Listed::NoHours("its hours are published shortly before and are not in the data; configure them"),
    ),
    (date(2026, 11, 10), "Diwali Balipratipada", Listed::Holiday),
    (date(2026, 11, 24), "Prakash Gurpurb Sri Guru Nanak Dev", Listed::Holiday),
    (date(2026, 12, 25), "Christmas", Listed::Holiday),
];

/// Start of continuous trading, in all segments.
pub(super) const OPEN: Time = time(9, 15, 0, 0);
/// End of continuous trading, where nothing else is listed.
pub(super) const DEFAULT_CLOSE: Time = time(15, 30, 0, 0);

/// First day of the closing auction.
const CLOSING_AUCTION_FROM: Date = date(2026, 8, 3);

/// Ends of continuous trading that differ from the default: segment, first day, end.
pub(super) const CLOSES: &[(Segment, Date, Time)] = &[
    (Segment::CashWithDerivatives, CLOSING_AUCTION_FROM, time(15, 15, 0, 0)),
    (Segment::Derivatives, CLOSING_AUCTION_FROM, time(15, 40, 0, 0)),
];

const PRE_OPEN: PreOpen = PreOpen {
    start: time(9, 0, 0, 0),
    market_orders_until: time(9, 8, 0, 0),
    entry_until: time(9, 8, 0, 0),
    matched_by: time(9, 12, 0, 0),
};

const PRE_OPEN_OF_SEPTEMBER_2026: PreOpen = PreOpen {
    start: time(9, 0, 0, 0),
    market_orders_until: time(9, 5, 0, 0),
    entry_until: time(9, 10, 0, 0),
    matched_by: time(9, 12, 0, 0),
};

/// Auctions before the open, the same in all segments: first day, phases; the newest first. That of futures
/// began on the older date; that of the cash market is older than the data.
pub(super) const PRE_OPENS: &[(Date, PreOpen)] =
    &[(date(2026, 9, 7), PRE_OPEN_OF_SEPTEMBER_2026), (date(2025, 12, 8), PRE_OPEN)];
