//! `cold-path recon`: own 1-minute bars against those of another source.
//!
//! ```text
//! journals, or an archive ─► own minutes ───┐
//! files of another source ─► their minutes ─┴─► scores by instrument ─► table or JSON, limits ─► exit code
//! ```
//! Two collectors that look at a market once a second do not agree to the paisa, and neither is the truth. So this
//! measures: what is there on one side only, how often each price is the same, how far apart the rest is, and which
//! minutes are the farthest. It judges only what `--fail-if` was told to.

mod limits;
mod own;
mod report;
mod score;
#[cfg(test)]
mod tests;
mod theirs;

use clap::Args;
use limits::Limit;
use pitlane_config::parse_time;
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S};
use pitlane_session::exit::{Exit, answer_before_exit, data, usage};
use score::Score;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Nanoseconds of a minute.
const MINUTE_NS: u64 = 60 * NS_PER_S;
/// Minutes of a day.
const DAY_MINUTES: u64 = 24 * 60;

/// `cold-path recon`.
#[derive(Args, Clone, Debug, Default)]
pub struct ReconArgs {
    /// Minutes of another source, plain or .gz: rows SYM,YYYYMMDD,HH:MM,O,H,L,C,V,OI named by the minute's end, rows
    /// date,open,high,low,close,volume named by its start, a header with such names, `journal-replay export bars`, or the
    /// broker's JSON of historical candles. SYMBOL= names the instrument where the file does not
    #[arg(long, value_name = "[SYMBOL=]FILE", required = true, num_args = 1..)]
    pub bars: Vec<String>,
    /// Own minutes: a journal; may be given several times. Bars that were not recorded are recomputed
    #[arg(long, value_name = "DIR", required_unless_present = "out", conflicts_with = "out")]
    pub journal: Vec<PathBuf>,
    /// Own minutes: an archive
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Compare this trading date alone, YYYY-MM-DD; may be given several times. Default: every date that is there
    #[arg(long, value_name = "DATE")]
    pub date: Vec<String>,
    /// Of an archive with several journals of a date: the one whose name begins so
    #[arg(long, value_name = "UUID", requires = "out")]
    pub only: Option<String>,
    /// Compare the minutes that start at the first of these times or later, and before the second; Indian time
    #[arg(long, value_name = "HH:MM-HH:MM", default_value = "09:15-15:30")]
    pub hours: String,
    /// List the farthest minutes of each instrument, so many
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub worst: usize,
    /// End with exit code 4 if any instrument meets this, such as exact<60%, within_2bp<97.5%, missing>0 or worst>25;
    /// may be given several times. Shares: coverage, exact, open, high, low, close, volume, within_1bp, within_2bp,
    /// within_5bp, within_10bp. Counts: compared, missing, extra. Basis points: worst
    #[arg(long, value_name = "RULE")]
    pub fail_if: Vec<String>,
    /// Print one JSON object (cold-recon/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// One minute of one source. Prices are in 1/10,000 rupee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minute {
    /// Open, high, low, close.
    prices: [i64; 4],
    /// Volume; 0 where the source has none.
    volume: u64,
}

/// Minutes by their start, nanoseconds since the epoch.
type Minutes = BTreeMap<u64, Minute>;

/// Minutes by symbol.
type BySymbol = BTreeMap<String, Minutes>;

/// Trading date of an instant in India, in days since the epoch.
fn day(ts: u64) -> u64 {
    (ts + IST_OFFSET_NS) / (DAY_MINUTES * MINUTE_NS)
}

/// Which minutes are compared.
#[derive(Clone, Debug)]
struct Window {
    /// First minute of the day.
    from: u64,
    /// The minute of the day behind the last.
    to: u64,
    /// Days since the epoch; all if there are none.
    dates: BTreeSet<u64>,
}

impl Window {
    fn parse(args: &ReconArgs) -> anyhow::Result<Self> {
        let wrong =
            || usage(format!("--hours: `{}` is no HH:MM-HH:MM with the first before the second", args.hours));
        let (from, to) = args.hours.split_once('-').ok_or_else(wrong)?;
        let minute = |text: &str| {
            let time = parse_time(text).ok().filter(|time| time.second() == 0).ok_or_else(wrong)?;
            anyhow::Ok(u64::from(time.hour().unsigned_abs()) * 60 + u64::from(time.minute().unsigned_abs()))
        };
        let (from, to) = (minute(from)?, minute(to)?);
        if from >= to {
            return Err(wrong());
        }
        let midnight = jiff::civil::Time::midnight();
        let date = |text: &String| {
            anyhow::Ok(day(pitlane_config::ist(pitlane_config::parse_date(text)?, midnight).0))
        };
        let dates: anyhow::Result<BTreeSet<u64>> = args.date.iter().map(date).collect();
        Ok(Self { from, to, dates: dates? })
    }

    fn has_date(&self, day: u64) -> bool {
        self.dates.is_empty() || self.dates.contains(&day)
    }

    /// Whether the minute that starts at `start` is within the hours.
    fn has_hour(&self, start: u64) -> bool {
        let minute = (start + IST_OFFSET_NS) / MINUTE_NS % DAY_MINUTES;
        (self.from..self.to).contains(&minute)
    }
}

/// What a comparison came to.
struct Outcome {
    /// By symbol.
    scores: Vec<Score>,
    /// Own instruments that no file is about.
    unchecked: Vec<String>,
    /// Rules that were met, as sentences.
    failed: Vec<String>,
}

/// Compares, and prints what it found.
///
/// # Errors
/// If something cannot be read, an argument is wrong, or there is no minute that both sides have.
pub fn run(args: &ReconArgs) -> anyhow::Result<Exit> {
    let outcome = compare(args)?;
    if args.json {
        answer_before_exit(&report::json(args, &outcome).to_string())?;
    } else {
        answer_before_exit(&report::text(args, &outcome))?;
    }
    Ok(if outcome.failed.is_empty() { Exit::Ok } else { Exit::Divergence })
}

fn compare(args: &ReconArgs) -> anyhow::Result<Outcome> {
    let window = Window::parse(args)?;
    let limits: Vec<Limit> =
        args.fail_if.iter().map(|rule| Limit::parse(rule)).collect::<anyhow::Result<_>>()?;
    let theirs = theirs::read(&args.bars)?;
    let own = match &args.out {
        Some(archive) => own::archived(archive, &window, args.only.as_deref())?,
        None => own::recorded(&args.journal, &window)?,
    };
    let nothing = Minutes::new();
    let scores: Vec<Score> = theirs
        .iter()
        .map(|(symbol, theirs)| Score::of(symbol, own.get(symbol).unwrap_or(&nothing), theirs, &window))
        .collect();
    if scores.iter().all(|score| score.compared == 0) {
        return Err(data(report::nothing_in_common(&own, &theirs, &window)));
    }
    let unchecked = own.keys().filter(|symbol| !theirs.contains_key(*symbol)).cloned().collect();
    let failed = limits.iter().flat_map(|limit| scores.iter().filter_map(|score| limit.met(score))).collect();
    Ok(Outcome { scores, unchecked, failed })
}
