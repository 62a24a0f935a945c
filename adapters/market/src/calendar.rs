//! When the market trades: holidays, special sessions, and the hours by segment and date. Times are Indian.
//!
//! ```text
//! date ─► added or listed? ─► holiday, special session, hours not published
//!           │ no
//!           ├─ Saturday, Sunday ─► holiday
//!           ├─ in a year with data ─► regular hours of the segment
//!           └─ otherwise ─► unknown: default hours and a warning
//! ```

mod data;
#[cfg(test)]
mod tests;

use crate::error::MarketError;
use data::{CLOSES, COVERED, DEFAULT_CLOSE, LISTED, Listed, OPEN, PRE_OPENS};
use jiff::SignedDuration;
use jiff::civil::{Date, Time, Weekday};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How long before the end of continuous trading positions must be closed at the latest, in minutes.
pub const SQUARE_OFF_MARGIN_MINUTES: i64 = 10;

/// Whose hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Shares and other cash instruments without live derivatives.
    Cash,
    /// Cash instruments with live derivatives: since 2026-08-03 their day ends with a closing auction.
    CashWithDerivatives,
    /// Futures and options on shares and indices.
    Derivatives,
}

/// Whether hours are published or only reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// By the exchange, or by two independent sources, or set by the user.
    Confirmed,
    /// Not confirmed; the reason, to be shown.
    Unconfirmed(&'static str),
}

/// The phases before continuous trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreOpen {
    /// Orders are taken from here.
    pub start: Time,
    /// Until here market orders may be entered, changed and cancelled, limit orders longer.
    pub market_orders_until: Time,
    /// Until here orders are taken at the latest; it ends at a random moment within the last minute, since
    /// 2026-09-07 the last two.
    pub entry_until: Time,
    /// Matching has ended; what follows until the open is a buffer.
    pub matched_by: Time,
}

/// The hours of one trading day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The auction before the open; `None` if there is none or its times are not known. Of derivatives only
    /// futures of the near months have one.
    pub pre_open: Option<PreOpen>,
    /// Start of continuous trading.
    pub open: Time,
    /// End of continuous trading; this moment is not part of it.
    pub close: Time,
    /// Whether this is certain.
    pub certainty: Certainty,
}

impl Hours {
    /// Minutes of continuous trading, which is the number of minute bars.
    pub fn minutes(&self) -> i64 {
        self.open.duration_until(self.close).as_mins()
    }

    /// When positions are closed: as configured, but no later than ten minutes before the end of continuous
    /// trading. In a session so short that this lies before its open, the open.
    pub fn square_off(&self, configured: Time) -> Time {
        self.square_off_with(configured, SQUARE_OFF_MARGIN_MINUTES)
    }

    /// The same with another margin, in minutes.
    pub fn square_off_with(&self, configured: Time, margin_minutes: i64) -> Time {
        let latest = self.close.saturating_sub(SignedDuration::from_mins(margin_minutes));
        configured.min(latest).max(self.open)
    }
}

/// What a date is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Day {
    /// The market trades.
    Trading(Hours),
    /// It does not, and why.
    Holiday(String),
    /// It trades at hours that are not known: refuse the date, and say what to do.
    NoHours {
        /// The session.
        name: String,
        /// Why, and the remedy.
        reason: String,
    },
    /// A weekday the calendar has no data for.
    Unknown {
        /// What to assume in simulation and replay.
        hours: Hours,
        /// What to tell the user.
        warning: String,
    },
}

impl Day {
    /// The hours, certain or assumed; `None` if there are none.
    pub fn hours(&self) -> Option<Hours> {
        match self {
            Self::Trading(hours) | Self::Unknown { hours, .. } => Some(*hours),
            Self::Holiday(_) | Self::NoHours { .. } => None,
        }
    }
}

/// A day that was added to the built-in data.
#[derive(Clone, Debug)]
enum Added {
    Holiday(String),
    Session { open: Time, close: Time },
}

/// The calendar: the built-in data of NSE, and what was added.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    added: BTreeMap<Date, Added>,
}

impl Calendar {
    /// The built-in data.
    pub fn new() -> Self {
        Self::default()
    }

    /// The dates with data: holidays outside of them are not known.
    pub fn covered(&self) -> RangeInclusive<Date> {
        COVERED.0..=COVERED.1
    }

    /// Adds a holiday, as exchanges do at short notice. It replaces what the date was.
    pub fn add_holiday(&mut self, date: Date, name: &str) {
        self.added.insert(date, Added::Holiday(name.to_owned()));
    }

    /// Adds a session with hours for all segments, such as the evening session of Diwali once its hours are
    /// published. It replaces what the date was.
    ///
    /// # Errors
    /// If it does not open before it closes.
    pub fn add_session(&mut self, date: Date, open: Time, close: Time) -> Result<(), MarketError> {
        if open >= close {
            return Err(MarketError::Session { date, open, close });
        }
        self.added.insert(date, Added::Session { open, close });
        Ok(())
    }

    /// The hours of an ordinary day on a date, open and close, whatever day it is.
    pub fn regular_hours(date: Date, segment: Segment) -> (Time, Time) {
        let hours = regular(date, segment);
        (hours.open, hours.close)
    }

    /// What a date is for a segment.
    pub fn sessions(&self, date: Date, segment: Segment) -> Day {
        match self.added.get(&date) {
            Some(Added::Holiday(name)) => return Day::Holiday(name.clone()),
            Some(Added::Session { open, close }) => {
                let (open, close, certainty) = (*open, *close, Certainty::Confirmed);
                return Day::Trading(Hours { pre_open: None, open, close, certainty });
            }
            None => {}
        }
        if let Some((_, name, listed)) = LISTED.iter().find(|(listed, ..)| *listed == date) {
            return match listed {
                Listed::Holiday => Day::Holiday((*name).to_owned()),
                Listed::RegularHours(why) => {
                    Day::Trading(Hours { certainty: Certainty::Unconfirmed(why), ..regular(date, segment) })
                }
                Listed::NoHours(reason) => {
                    Day::NoHours { name: (*name).to_owned(), reason: (*reason).into() }
                }
            };
        }
        match date.weekday() {
            Weekday::Saturday => Day::Holiday("Saturday".to_owned()),
            Weekday::Sunday => Day::Holiday("Sunday".to_owned()),
            _ if self.covered().contains(&date) => Day::Trading(regular(date, segment)),
            _ => unknown(date, segment),
        }
    }
}

/// The hours of an ordinary day.
fn regular(date: Date, segment: Segment) -> Hours {
    let close =
        CLOSES.iter().find(|row| row.0 == segment && row.1 <= date).map_or(DEFAULT_CLOSE, |row| row.2);
    let pre_open = PRE_OPENS.iter().find(|row| row.0 <= date).map(|row| row.1);
    Hours { pre_open, open: OPEN, close, certainty: Certainty::Confirmed }
}

/// A weekday without data: 09:15 to 15:30, or to the segment's end where that is earlier, because an order
/// after it would be refused.
fn unknown(date: Date, segment: Segment) -> Day {
    let close = regular(date, segment).close.min(DEFAULT_CLOSE);
    let certainty = Certainty::Unconfirmed("no calendar data for this date");
    let hours = Hours { pre_open: None, open: OPEN, close, certainty };
    let (first, last) = COVERED;
    let warning = format!(
        "{date} is outside the calendar's data ({first} to {last}): taken as a trading day from {} to {}; \
         give other hours as `open` and `close` of [session], if it had them",
        OPEN.strftime("%H:%M"),
        close.strftime("%H:%M")
    );
    Day::Unknown { hours, warning }
}
