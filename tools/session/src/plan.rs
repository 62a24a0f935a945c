//! When a session's instruments trade: the configured hours, or those of the calendar by date and segment.

mod trading;

use crate::exit::usage;
use jiff::civil::{Date, Time};
use pitlane_config::{Settings, ist};
use pitlane_engine::config::{InstrumentClass, InstrumentHours, InstrumentSpec, SessionPlan};
use pitlane_engine::sequencer::schedule::TradingChange;
use pitlane_engine::units::InstrumentId;
use pitlane_market::calendar::Certainty;
use pitlane_market::{Calendar, Day, Dump, Segment};

/// The hours within which any instrument has ever traded in a regular session: what counts as a trading day's tick
/// before its date and instruments are known.
pub const WIDEST: (Time, Time) = (jiff::civil::time(9, 15, 0, 0), jiff::civil::time(15, 40, 0, 0));

/// What the hours are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A market that is made or joined: it must be one that trades.
    Run,
    /// Ticks of the day exist, so it traded, whatever the calendar says.
    Import,
}

/// The hours of a session, and what is to be said about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The hours.
    pub plan: SessionPlan,
    /// Price bands and halts, by time.
    pub trading: Vec<TradingChange>,
    /// For stderr, a line each.
    pub warnings: Vec<String>,
}

/// Where hours come from.
#[derive(Clone, Copy)]
pub struct Planner<'a> {
    /// `[session]` and the grace of `[bars]`.
    pub settings: &'a Settings,
    /// The trading calendar.
    pub calendar: &'a Calendar,
    /// The instruments of the run, by id.
    pub instruments: &'a [InstrumentSpec],
    /// The instrument file, which may know whether futures on a share trade on a date.
    pub dump: Option<&'a Dump>,
}

/// The configured hours, if there are any; they hold for every instrument on every date.
pub fn configured(settings: &Settings) -> Option<(Time, Time)> {
    settings.session.open.zip(settings.session.close)
}

impl Planner<'_> {
    /// The hours of the session of `date`: the widest of any instrument, and those that keep their own.
    ///
    /// # Errors
    /// If the calendar knows the date as a holiday (`Purpose::Run` only), or as a session without published hours, and
    /// none are configured. The message names the remedy.
    pub fn plan(&self, date: Date, purpose: Purpose) -> anyhow::Result<Planned> {
        let mut planned = self.hours_of(date, purpose)?;
        planned.trading = self.trading(date, &planned.plan, &mut planned.warnings)?;
        if purpose == Purpose::Run {
            planned.warnings.extend(self.untraded(&planned.plan));
        }
        Ok(planned)
    }

    /// What to say if the times of risk leave an instrument's session without a moment for an entry.
    fn untraded(&self, plan: &SessionPlan) -> Option<String> {
        let never = |(id, spec): &(u32, &InstrumentSpec)| {
            let (open, close) = plan.hours_of(InstrumentId(*id));
            spec.tradable && self.settings.risk.last_times(open, close).1 <= open
        };
        let mut found = (0..).zip(self.instruments).filter(never);
        let (id, first) = found.next()?;
        let others = match found.count() {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        Some(format!(
            "{}{others} will not be traded: the last entry (risk.no_new_entry) or the square-off (risk.square_off) is not \
             after the open at {}. Set both to \"00:00\", and the margins before the close decide",
            first.symbol,
            pitlane_config::format_ist(plan.hours_of(InstrumentId(id)).0),
        ))
    }

    fn hours_of(&self, date: Date, purpose: Purpose) -> anyhow::Result<Planned> {
        if let Some((open, close)) = configured(self.settings) {
            return Ok(Planned {
                plan: self.settings.session_times(date, open, close).into(),
                trading: Vec::new(),
                warnings: Vec::new(),
            });
        }
        let mut warnings = Vec::new();
        let mut hours = Vec::with_capacity(self.instruments.len());
        for spec in self.instruments {
            hours.push(self.hours(date, self.segment(spec, date), purpose, &mut warnings)?);
        }
        let none = self.instruments.is_empty();
        let widest = if none { self.hours(date, Segment::Cash, purpose, &mut warnings)? } else { hours[0] };
        let (open, close) =
            hours.iter().fold(widest, |(open, close), own| (open.min(own.0), close.max(own.1)));
        let own = (0..).zip(hours).filter(|(_, own)| *own != (open, close));
        let own = own.map(|(id, (open, close))| InstrumentHours {
            instrument: InstrumentId(id),
            open: ist(date, open),
            close: ist(date, close),
        });
        let times = self.settings.session_times(date, open, close);
        let plan = SessionPlan { times, hours: own.collect() };
        Ok(Planned { plan, trading: Vec::new(), warnings: of_the_longest(warnings) })
    }

    /// Whose hours an instrument keeps. An instrument file that has futures of the date knows better than the table.
    fn segment(&self, spec: &InstrumentSpec, date: Date) -> Segment {
        let known = self.dump.filter(|dump| dump.futures_cover(date));
        let listed = known.and_then(|dump| Some(dump.segment_on(dump.by_token(spec.token)?, date)));
        listed.unwrap_or(match spec.class {
            InstrumentClass::Future | InstrumentClass::Option => Segment::Derivatives,
            InstrumentClass::Equity if spec.derivatives => Segment::CashWithDerivatives,
            InstrumentClass::Equity | InstrumentClass::Index => Segment::Cash,
        })
    }

    /// The hours of a segment, from and until; what is to be said about them goes to `warnings`, with the close.
    fn hours(
        &self,
        date: Date,
        segment: Segment,
        purpose: Purpose,
        warnings: &mut Vec<(Time, String)>,
    ) -> anyhow::Result<(Time, Time)> {
        let hours = match self.calendar.sessions(date, segment) {
            Day::Trading(hours) => {
                if let Certainty::Unconfirmed(why) = hours.certainty {
                    warnings.push((hours.close, format!("the hours of {date} are not confirmed: {why}")));
                }
                hours
            }
            Day::Unknown { hours, warning } => {
                warnings.push((hours.close, warning));
                hours
            }
            Day::Holiday(name) if purpose == Purpose::Import => {
                let (open, close) = Calendar::regular_hours(date, segment);
                let warning = format!(
                    "{date} is a holiday in the calendar ({name}); imported as a session with the hours of an \
                     ordinary day all the same, because there are ticks within them"
                );
                warnings.push((close, warning));
                return Ok((open, close));
            }
            Day::Holiday(name) => {
                return Err(usage(format!(
                    "the market is closed on {date}: {name}. Choose another date (--set sim.date=YYYY-MM-DD), or, if \
                     it trades after all, give its hours as `open` and `close` of [session]"
                )));
            }
            Day::NoHours { name, reason } => {
                return Err(usage(format!(
                    "{date} is a special session, {name}: {reason} as `open` and `close` of [session]"
                )));
            }
        };
        Ok((hours.open, hours.close))
    }
}

/// One warning a date is enough: that of the segment that trades longest.
fn of_the_longest(warnings: Vec<(Time, String)>) -> Vec<String> {
    warnings.into_iter().max_by_key(|(close, _)| *close).map(|(_, text)| text).into_iter().collect()
}

#[cfg(test)]
mod tests;
