//! Whether the calendar agrees with the hours an import is made with, which are those of the configuration.

use jiff::civil::{Date, Time};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_market::{Calendar, Day, Dump, Segment};
use std::collections::BTreeSet;

/// The instruments of an import, and the dump that may know which shares have live derivatives.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) instruments: &'a [InstrumentSpec],
    pub(super) dump: Option<&'a Dump>,
}

impl Whose<'_> {
    /// The segments an instrument may be of: two for a share of which it is not known whether it has derivatives.
    fn segments(&self, spec: &InstrumentSpec, date: Date) -> Vec<Segment> {
        let known = self.dump.filter(|dump| dump.futures_cover(date));
        match (spec.class, known.and_then(|dump| Some(dump.segment_on(dump.by_token(spec.token)?, date)))) {
            (_, Some(segment)) => vec![segment],
            (InstrumentClass::Future | InstrumentClass::Option, None) => vec![Segment::Derivatives],
            (InstrumentClass::Index, None) => vec![Segment::Cash],
            (InstrumentClass::Equity, None) => vec![Segment::Cash, Segment::CashWithDerivatives],
        }
    }
}

/// What the calendar says against importing these dates with this close, a line each. Dates that it has no data for are
/// passed over, and so are those on which any of the instruments closes, or may close, as configured.
pub(super) fn notes(calendar: &Calendar, dates: &[Date], close: Time, whose: Whose<'_>) -> Vec<String> {
    let covered = dates.iter().filter(|date| calendar.covered().contains(date));
    covered.filter_map(|date| note(calendar, *date, close, whose)).collect()
}

fn note(calendar: &Calendar, date: Date, configured: Time, whose: Whose<'_>) -> Option<String> {
    let mut closes = BTreeSet::new();
    for spec in whose.instruments {
        for segment in whose.segments(spec, date) {
            match calendar.sessions(date, segment) {
                Day::Holiday(name) => {
                    return Some(format!(
                        "{date} is a holiday in the calendar ({name}); imported as a session all the same, because \
                         there are ticks within the configured hours"
                    ));
                }
                day => closes.extend(day.hours().map(|hours| hours.close)),
            }
        }
    }
    if closes.is_empty() || closes.contains(&configured) {
        return None;
    }
    let closes: Vec<String> = closes.iter().map(|close| close.strftime("%H:%M").to_string()).collect();
    Some(format!(
        "the configured close is {}, but in the calendar these instruments close at {} on {date}; set session.close \
         to change that",
        configured.strftime("%H:%M"),
        closes.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};
    use pitlane_engine::units::{Price, Qty};
    use pitlane_market::instruments::BROKER_HEADER;
    use std::path::Path;

    fn spec(symbol: &str, token: u32, class: InstrumentClass) -> InstrumentSpec {
        let (lot, tick) = (Qty(1), Price(500));
        InstrumentSpec { symbol: symbol.to_owned(), token, class, tradable: false, lot, tick, multiplier: 1 }
    }

    #[test]
    fn the_calendar_speaks_when_no_instrument_closes_as_configured() {
        let share = spec("NSE:RELIANCE", 738_561, InstrumentClass::Equity);
        let future = spec("NFO:RELIANCE26AUGFUT", 258, InstrumentClass::Future);
        let index = spec("NSE:NIFTY 50", 256_265, InstrumentClass::Index);
        let rows = "738561,2885,RELIANCE,RELIANCE,0,,0,0.1,1,EQ,NSE,NSE\n\
                    258,1,RELIANCE26AUGFUT,RELIANCE,0,2026-08-27,0,0.1,500,FUT,NFO-FUT,NFO\n";
        let dump = Dump::read(format!("{BROKER_HEADER}\n{rows}").as_bytes(), Path::new("d")).expect("a dump");
        let (before, auction) = (date(2026, 7, 31), date(2026, 8, 3));
        let (c15, c30, c40) = (time(15, 15, 0, 0), time(15, 30, 0, 0), time(15, 40, 0, 0));
        let said = |instruments: &[InstrumentSpec], with_dump: bool, date, close| {
            let whose = Whose { instruments, dump: with_dump.then_some(&dump) };
            notes(&Calendar::new(), &[date], close, whose).join("\n")
        };
        for (instruments, with_dump, date, close, expected) in [
            (vec![share.clone()], true, before, c30, ""),
            (vec![share.clone()], true, auction, c30, "close at 15:15 on 2026-08-03"),
            (vec![share.clone()], true, auction, c15, ""),
            // Without a dump it may be either kind of share.
            (vec![share.clone()], false, auction, c30, ""),
            (vec![share.clone()], false, auction, c15, ""),
            (vec![share.clone()], false, auction, c40, "close at 15:15 or 15:30"),
            (vec![future.clone()], false, auction, c30, "close at 15:40"),
            (vec![future.clone()], true, auction, c40, ""),
            (vec![future, index.clone()], false, auction, c30, ""),
            (vec![index.clone()], false, auction, c30, ""),
            (vec![index.clone()], false, auction, c15, "the configured close is 15:15"),
            (vec![index.clone()], false, date(2026, 1, 26), c30, "holiday in the calendar (Republic Day)"),
            // No data for 2021.
            (vec![index], false, date(2021, 4, 15), c15, ""),
        ] {
            let said = said(&instruments, with_dump, date, close);
            let symbols: Vec<&str> = instruments.iter().map(|spec| spec.symbol.as_str()).collect();
            assert!(said.contains(expected), "{symbols:?} {date} {close}: `{said}`");
            assert_eq!(said.is_empty(), expected.is_empty(), "{symbols:?} {date} {close}: `{said}`");
        }
    }
}
