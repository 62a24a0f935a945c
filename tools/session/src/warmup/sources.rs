//! Where minutes come from: journals and candle files.

use super::merge::money;
use super::minutes::{MINUTE_NS, Minutes};
use crate::exit::{data, usage};
use crate::plan::{Planner, Purpose};
use crate::recorded::Recording;
use anyhow::Context;
use jiff::civil::Date;
use pitlane_config::{canonical_symbol, date_number, format_ist};
use pitlane_engine::config::{InstrumentHours, InstrumentSpec, SessionPlan, SessionTimes};
use pitlane_engine::event::{Bar, Event, Hours, Kind, SessionStart, Timeframe};
use pitlane_engine::units::{InstrumentId, TsNs};
use pitlane_feeds::candle_csv::{self, Candle};
use std::path::Path;

/// Takes the 1-minute bars of the sessions that the journal at `dir` holds, recorded or recomputed, of the instruments
/// of `table` by their symbols. What the journal was itself started from is not taken.
pub(super) fn journal(dir: &Path, table: &[InstrumentSpec], minutes: &mut Minutes) -> anyhow::Result<()> {
    let recording = Recording::open(dir)?;
    let plans = plans(&recording)?;
    for plan in &plans {
        let date = plan.times.date;
        minutes
            .check_date(date)
            .map_err(|why| data(format!("--warmup {}: its session of {date} {why}", dir.display())))?;
    }
    let place = |spec: &InstrumentSpec| table.iter().position(|own| own.symbol == spec.symbol);
    let ids: Vec<Option<InstrumentId>> =
        recording.head.instruments.iter().map(|spec| place(spec).map(id)).collect();
    let mut failed = None;
    let mut take = |event: &Event| {
        if event.kind() != Kind::Bar || failed.is_some() {
            return;
        }
        let bar = event.body::<Bar>();
        if bar.timeframe != Timeframe::M1 as u8 {
            return;
        }
        let Some(instrument) = ids.get(event.header.instrument.index()).copied().flatten() else {
            minutes.pass_over(1);
            return;
        };
        let plan = plans.iter().rev().find(|plan| plan.times.open <= bar.start);
        let plan = plan.expect("a recorded bar is of a session, and starts at or after its open");
        let hours = plan.hours_of(event.header.instrument);
        failed = minutes.take(instrument, hours, bar).err().map(|why| (bar.start, why));
    };
    recording.each_output(&mut take)?;
    match failed {
        None => Ok(()),
        Some((start, why)) => {
            Err(data(format!("--warmup {}: its bar of {} {why}", dir.display(), format_ist(start))))
        }
    }
}

fn id(place: usize) -> InstrumentId {
    InstrumentId(u32::try_from(place).expect("at most INSTRUMENTS_MAX instruments"))
}

/// The recorded sessions with their hours.
fn plans(recording: &Recording) -> anyhow::Result<Vec<SessionPlan>> {
    let mut plans: Vec<SessionPlan> = Vec::new();
    recording.each_input(&mut |event| match event.kind() {
        Kind::SessionStart => {
            let start = event.body::<SessionStart>();
            let SessionStart { date, pre_open, open, close, end, .. } = *start;
            plans.push(SessionTimes { date, pre_open, open, close, end }.into());
        }
        Kind::Hours => {
            let Hours { open, close, .. } = *event.body::<Hours>();
            if let Some(plan) = plans.last_mut() {
                plan.hours.push(InstrumentHours { instrument: event.header.instrument, open, close });
            }
        }
        _ => {}
    })?;
    Ok(plans)
}

/// Takes the candles of a file. Its dates have the hours that an import of them would have; what is to be said about
/// those goes to `warnings`, a line a date.
pub(super) fn candles(
    symbol: &str,
    path: &Path,
    planner: &Planner<'_>,
    minutes: &mut Minutes,
    warnings: &mut Vec<String>,
) -> anyhow::Result<()> {
    let symbol = canonical_symbol(symbol.trim());
    let place = planner.instruments.iter().position(|spec| spec.symbol == symbol).ok_or_else(|| {
        usage(format!(
            "--warmup {symbol}={}: the run has no instrument {symbol}; give it in [[instruments]], or leave this out",
            path.display()
        ))
    })?;
    let found = candle_csv::read(path, symbol).map_err(|error| data(format!("--warmup: {error}")))?;
    minutes.pass_over(found.others);
    let mut day: Option<(u64, SessionPlan)> = None;
    for candle in &found.candles {
        let refused = |why| {
            data(format!("--warmup: {}:{}: the minute {} {why}", path.display(), candle.line, {
                format_ist(candle.start)
            }))
        };
        let number = candle.start.ist_day();
        let plan = match day.take() {
            Some((known, plan)) if known == number => plan,
            _ => {
                let date = ist_date(candle.start);
                minutes.check_date(date_number(date)).map_err(refused)?;
                let planned = planner.plan(date, Purpose::Import).with_context(|| {
                    format!("--warmup: {}:{}: leave its date out, or", path.display(), candle.line)
                })?;
                warnings.extend(planned.warnings);
                planned.plan
            }
        };
        let hours = plan.hours_of(id(place));
        minutes.take(id(place), hours, &bar(candle, hours.1)).map_err(refused)?;
        day = Some((number, plan));
    }
    Ok(())
}

/// The Indian date of an instant.
pub(crate) fn ist_date(ts: TsNs) -> Date {
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = i64::try_from(ts.ist_day()).expect("engine time ends in 2554");
    epoch.saturating_add(jiff::Span::new().days(days))
}

/// A candle as a bar of a session that ends at `close`. Candles have no turnover: the close stands for the average price.
fn bar(candle: &Candle, close: TsNs) -> Bar {
    Bar {
        start: candle.start,
        end: candle.start.plus(MINUTE_NS).min(close),
        open: candle.open,
        high: candle.high,
        low: candle.low,
        close: candle.close,
        volume: candle.volume,
        turnover: money(i128::from(candle.close.0) * i128::from(candle.volume)),
        open_interest: candle.open_interest,
        trades: candle.trades,
        gap: 0,
        timeframe: Timeframe::M1 as u8,
        flags: 0,
        reserved: [0; 18],
    }
}
