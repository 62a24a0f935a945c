//! What recorded days came to: text for a terminal, JSON (`replay-report/1`), and one page that needs no network.
//!
//! A report reads journals and nothing else; its bytes follow from theirs. How its figures are defined stands in
//! `trades.rs` (a trade), `curve.rs` (the account by minutes) and `stats.rs` (ratios).

mod account;
mod curve;
mod facts;
mod html;
mod json;
mod model;
mod models;
mod rerun;
mod show;
mod source;
mod stats;
mod text;
mod trades;

pub use curve::{DayPath, Falls};
pub use model::{Counts, Day, Incident, JournalPart, Models, Point, Report, Said, Slice, Trade, Why};
pub use rerun::figures;
pub use source::{missing, open};
pub use stats::{DAYS_PER_YEAR, Month, Stats};

use account::Account;
use clap::Args;
use pitlane_config::Settings;
use pitlane_engine::charges::Charges;
use pitlane_engine::sequencer::schedule::instruments_hash;
use pitlane_engine::units::Money;
use pitlane_session::exit::{answer, usage};
use pitlane_session::profit::show_date;
use pitlane_session::progress::Progress;
use pitlane_session::recorded::Recording;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The command line of `journal-replay report`.
#[derive(Args, Clone, Debug, Default)]
pub struct ReportArgs {
    /// The journals, of one day or of many; in the report they are in date order
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Print one JSON object (replay-report/1) in place of the text
    #[arg(long)]
    pub json: bool,
    /// Also write the report as one HTML page, which needs nothing else to be read
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Where to write the text or the JSON; default: stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Reads the journals of `args` and writes what is asked for.
///
/// # Errors
/// If a journal cannot be read, two hold the same day, or a file cannot be written.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let report = read(&args.dirs)?;
    if let Some(path) = &args.html {
        write(path, &report.html())?;
    }
    let text = if args.json { format!("{}\n", report.json()) } else { report.text() };
    match &args.out {
        Some(path) => write(path, &text),
        None => answer(&text),
    }
}

/// Writes a file under another name until it is whole: nobody must take a part for the whole.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let failed = |error: std::io::Error| usage(format!("cannot write {}: {error}", path.display()));
    std::fs::write(&part, text).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}

/// Reads the journals at `dirs` into a report.
///
/// # Errors
/// If one cannot be read to its end, or two hold the same day.
pub fn read(dirs: &[PathBuf]) -> anyhow::Result<Report> {
    let journals = source::open(dirs)?;
    let capital = journals.first().map_or(Money::ZERO, |journal| journal.pipeline.risk.capital);
    let mut report = empty();
    let mut worth = capital;
    let mut progress = Progress::new("report", journals.len() as u64);
    let mut capitals = Vec::new();
    for (number, journal) in journals.iter().enumerate() {
        progress.at(number as u64);
        capitals.push((journal.pipeline.risk.capital, worth));
        let days_before = report.days.len();
        let mut account = Account::new(journal, &mut report, worth);
        let walked = source::walk(journal, &mut account)?;
        let hashes = account.hashes();
        worth = account.finish();
        report.notes.extend(walked.notes.iter().cloned());
        let dates = &report.days[days_before..];
        let first = journal.head.first_session.date;
        let dates = (first, dates.last().map_or(first, |day| day.date));
        report.journals.push(part(journal, &walked, hashes, dates));
    }
    report.notes.extend(models::notes(&report.journals));
    report.notes.extend(capital_note(&capitals));
    let dates: Vec<u32> = report.days.iter().map(|day| day.date).collect();
    report.missing = source::missing(&dates);
    report.notes.extend(missing_note(&report.missing));
    day_drawdowns(&mut report);
    sum_up(&mut report);
    report.stats = Stats::of(capital, &report.days, &report.curve, &report.trades);
    report.notes.extend(other_notes(&report));
    Ok(report)
}

fn empty() -> Report {
    Report {
        journals: Vec::new(),
        days: Vec::new(),
        curve: Vec::new(),
        trades: Vec::new(),
        strategies: BTreeMap::new(),
        symbols: BTreeMap::new(),
        charges: Charges::NONE,
        rates: None,
        turnover: Money::ZERO,
        slippage: Money::ZERO,
        verdicts: BTreeMap::new(),
        signals: BTreeMap::new(),
        dead_letters: BTreeMap::new(),
        incidents: Vec::new(),
        counts: Counts::default(),
        missing: Vec::new(),
        notes: Vec::new(),
        stats: Stats::default(),
    }
}

fn part(
    journal: &Recording,
    walked: &source::Walked,
    hashes: (String, String),
    dates: (u32, u32),
) -> JournalPart {
    JournalPart {
        dir: journal.dir.clone(),
        uuid: walked.uuid.iter().map(|byte| format!("{byte:02x}")).collect(),
        dates,
        config_hash: format!("{:016x}", Settings::hash(&journal.head.config_text)),
        instruments_hash: format!("{:016x}", instruments_hash(&journal.head.instruments)),
        inputs_hash: hashes.0,
        outputs_hash: hashes.1,
        recomputed: walked.recomputed,
        capital: journal.pipeline.risk.capital,
        models: models::of(journal),
    }
}

/// How the journals' capitals fit together: each with what the account was worth by the journals before.
fn capital_note(capitals: &[(Money, Money)]) -> Option<String> {
    let (first, later) = capitals.split_first()?;
    if later.is_empty() || later.iter().all(|(capital, worth)| capital == worth) {
        return None;
    }
    Some(if later.iter().all(|(capital, _)| *capital == first.0) {
        format!(
            "each journal begins with a capital of {} of its own: gains are not carried into sizes; the curve adds them up",
            show::amount(first.0)
        )
    } else {
        "the journals begin with different capitals that are not what the days before left; a day's return is a share of \
         its own journal's capital, the curve adds up profits"
            .to_owned()
    })
}

fn missing_note(missing: &[u32]) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let shown: Vec<String> = missing.iter().take(10).map(|date| show_date(*date)).collect();
    let more = if missing.len() > 10 { format!(" and {} more", missing.len() - 10) } else { String::new() };
    let known = pitlane_market::Calendar::new().covered();
    let (from, to) = (pitlane_config::date_number(*known.start()), pitlane_config::date_number(*known.end()));
    let guessed = missing.iter().any(|date| !(from..=to).contains(date));
    let guessed = if guessed { "; some may be holidays, which are not known for their year" } else { "" };
    Some(format!(
        "{} trading days between the first and the last are not there: {}{more}{guessed}",
        missing.len(),
        shown.join(", ")
    ))
}

impl Report {
    /// The days' paths, by minutes.
    pub fn day_paths(&self) -> Vec<DayPath> {
        let mut points = self.curve.iter().peekable();
        let path = |day: &Day| {
            // A point belongs to the Indian date it lies in.
            let of_day = std::iter::from_fn(|| points.next_if(|point| show::date_of(point.ts) <= day.date));
            let values: Vec<Money> = of_day.map(|point| point.equity).collect();
            DayPath::of(day.equity.0, &values)
        };
        self.days.iter().map(path).collect()
    }
}

/// Each day's deepest fall from the highest value since the start.
fn day_drawdowns(report: &mut Report) {
    let mut run = Falls::default();
    for (at, path) in report.day_paths().into_iter().enumerate() {
        let day = &mut report.days[at];
        day.drawdown = run.add(&path, day.net());
    }
}

/// Sums trades by their strategies and symbols.
fn sum_up(report: &mut Report) {
    for trade in &report.trades {
        for slice in [
            report.strategies.entry(trade.strategy.clone()).or_default(),
            report.symbols.entry(trade.instrument.clone()).or_default(),
        ] {
            slice.trades += u64::from(!trade.is_open);
            slice.wins += u64::from(!trade.is_open && trade.net() > Money::ZERO);
            slice.gross += trade.gross;
            slice.charges += trade.charges;
            slice.turnover += trade.turnover;
        }
    }
}

fn other_notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.trades.is_empty() {
        let said = match report.counts.signals {
            0 => "no strategy asked for one; the HOLD reasons say why".to_owned(),
            signals => format!("strategies spoke {signals} times; the verdicts say what became of it"),
        };
        notes.push(format!("nothing was traded: {said}"));
    }
    if report.stats.open > 0 {
        notes.push(format!(
            "{} trades were still open at the end of their journal: valued at the last price, not counted as won or lost",
            report.stats.open
        ));
    }
    for day in report.days.iter().filter(|day| day.stopped.is_some() || !day.ended) {
        let date = show_date(day.date);
        if let Some(stopped) = day.stopped {
            let alarms = report.incidents.iter().filter(|incident| incident.kind == "alarm");
            let mut alarms = alarms.filter(|alarm| show::date_of(alarm.ts) == day.date);
            let alarm =
                alarms.find(|alarm| alarm.what.starts_with("halted") || alarm.what.starts_with("killed"));
            let alarm =
                alarm.map_or_else(String::new, |alarm| format!(" ({} {})", show::time(alarm.ts), alarm.what));
            notes.push(format!("trading was stopped on {date}: {stopped}{alarm}"));
        }
        if !day.ended {
            notes.push(format!("the record of {date} ends before the session does"));
        }
    }
    if let Some((from, true)) = report.rates {
        let from = show_date(from);
        notes.push(format!("charges by rates from {from}, which stand in for older ones that are not known"));
    }
    notes
}
