//! `journal-replay sweep`: recorded days run with many sets of parameters, ranked, and judged for luck.
//!
//! ```text
//! grid, list ─► sets ─┐
//! journals ─► days ───┴─► runs on all cores ─► results.bin ─► ranks, walk-forward, guards ─► text, replay-sweep/1
//!             held only while they are run        └─► runs.parquet, sets.parquet
//! ```
//! A run is a set on a journal, fused, without a journal of its own: what `whatif` does with the same settings, and with the
//! same state hash. Every result has its own place in `results.bin`, so that neither order, nor number of workers, nor an
//! interruption shows in what is made of them.

mod days;
mod figures;
mod grid;
mod guards;
mod results;
mod row;
mod runs;
mod show;
mod table;
mod walk;

pub use figures::{Figures, Limit, Metric, Ranked, Ranking, Ranks};
pub use grid::{Axis, Sets};
pub use guards::{Deflated, Shuffled};
pub use row::Row;
pub use walk::{Steps, Walk, Window};

use anyhow::Context;
use clap::Args;
use days::Days;
use pitlane_config::canonical_symbol;
use pitlane_engine::drive::affinity::allowed_cpus;
use pitlane_engine::event::SCHEMA_VERSION;
use pitlane_engine::hash::StateHasher;
use pitlane_report::Trade;
use pitlane_session::cli::ConfigArgs;
use pitlane_session::exit::{Exit, answer, answer_before_exit, data, tell, usage};
use pitlane_session::profit::show_date;
use pitlane_session::signals::Signals;
use results::Results;
use runs::{Done, Plan, Sweep};
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The command line of `journal-replay sweep`.
#[derive(Args, Clone, Debug)]
pub struct SweepArgs {
    /// The recorded days
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// A setting and the values it takes: strategies.ema.params.fast=5,10,20, or a range 5..20/5 or 0.5%..2%/0.5%; of
    /// several, every combination is a set
    #[arg(long, value_name = "KEY=V1,V2")]
    pub grid: Vec<String>,
    /// A file of sets in place of a grid: CSV with a header of keys and a row for each set, or TOML with a `[[set]]` table for
    /// each
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// Where results go: results.bin, runs.parquet, sets.parquet. The same command goes on with what is there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    /// What all sets start from, over the recorded settings
    pub config: ConfigArgs,
    /// Trade these symbols alone, together, such as NSE:TCS,NSE:INFY
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Run every symbol by itself: each set once for each of them
    #[arg(long)]
    pub each_symbol: bool,
    /// Warm each journal's indicators up from the minutes of the N journals before it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub warm_days: usize,
    /// Threads; default: one for each allowed cpu
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Do this part of the sets only, such as 2/5; put the parts together with --merge
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,
    /// Take what the shards in these directories have, then rank all
    #[arg(long, value_name = "DIR", conflicts_with = "shard")]
    pub merge: Vec<PathBuf>,
    /// Leave out sets whose values do not go together, such as a fast average that is slower than the slow one
    #[arg(long)]
    pub skip_refused: bool,
    /// Rank only sets with so many trades
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub min_trades: u64,
    /// Rank only sets with no deeper drawdown: rupees, or a share of the capital such as 5%
    #[arg(long, value_name = "LIMIT")]
    pub max_drawdown: Option<String>,
    /// What sets are ranked by, z-scored and weighted: net, sharpe, drawdown, win_rate, profit_factor, expectancy, turnover;
    /// drawdown and turnover count as the better the less
    #[arg(long, value_name = "METRIC=WEIGHT", default_value = "net=1,sharpe=1,drawdown=1")]
    pub score: String,
    /// Sets shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Choose the best set on TRAIN days, judge it on the TEST days behind them, go on TEST days, and so on
    #[arg(long, value_name = "TRAIN/TEST")]
    pub walk_forward: Option<String>,
    /// With --walk-forward: choose on all days before, not on the last TRAIN alone
    #[arg(long, requires = "walk_forward")]
    pub anchored: bool,
    /// Seed of the trade shuffling
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object (replay-sweep/1) on stdout
    #[arg(long)]
    pub json: bool,
    /// Take the runs in another order, which must not matter
    #[arg(long, value_name = "SEED", hide = true)]
    pub shuffle: Option<u64>,
}

/// A finished sweep.
pub struct Finished {
    pub(crate) sets: Sets,
    /// Date of every day, as yyyymmdd.
    pub dates: Vec<u32>,
    /// What the prices of all days are made of.
    pub(crate) path: String,
    pub(crate) is_bar_driven: bool,
    pub(crate) workers: usize,
    pub(crate) done: Done,
    pub(crate) rows: u64,
    /// How the sets rank.
    pub ranks: Ranks,
    pub(crate) ranking: Ranking,
    /// Walk-forward, if it was asked for.
    pub walk: Option<Walk>,
    /// Of the best set.
    pub deflated: Option<Deflated>,
    /// Of the best set.
    pub shuffled: Option<Shuffled>,
    /// The command that makes the best set's run on the last journal.
    pub(crate) look: String,
    /// The best set's trades.
    pub trades: Vec<Trade>,
    pub(crate) notes: Vec<String>,
}

/// How a sweep ended.
pub enum Outcome {
    /// Everything is there and ranked.
    Finished(Box<Finished>),
    /// A shard is done: runs made now, and those that were there.
    Shard(u64, u64),
    /// The process was asked to stop: runs made now, those that were there, and all.
    Stopped(u64, u64, u64),
}

/// Runs the sweep of `args`, and prints what came of it.
///
/// # Errors
/// If arguments, settings or journals are wrong, or results cannot be kept.
pub fn run(args: &SweepArgs) -> anyhow::Result<Exit> {
    let signals = Signals::listen()?;
    let asked = signals.clone();
    let out = args.out.display();
    match sweep(args, &move || asked.exit().is_some())? {
        Outcome::Finished(finished) => {
            answer_before_exit(&if args.json {
                finished.json(args).to_string()
            } else {
                finished.text(args)
            })?;
            Ok(if finished.ranks.best.is_empty() { Exit::Divergence } else { Exit::Ok })
        }
        Outcome::Shard(runs, before) => {
            let text = format!(
                "shard {} is done: {runs} runs made, {before} were there, in {out}; with all shards there, the same command \
                 with --merge DIR for each in place of --shard ranks them",
                args.shard.as_deref().unwrap_or_default()
            );
            answer(&if args.json { show::shard_json(args, runs, before).to_string() } else { text })?;
            Ok(Exit::Ok)
        }
        Outcome::Stopped(runs, before, all) => {
            let kept = runs + before;
            tell(&format!("stopped: {kept} of {all} runs are kept in {out}; the same command goes on"));
            Ok(signals.exit().unwrap_or(Exit::Interrupted))
        }
    }
}

/// Runs the sweep of `args`; `stop` is asked all the time.
///
/// # Errors
/// As `run`.
pub fn sweep(args: &SweepArgs, stop: &(dyn Fn() -> bool + Sync)) -> anyhow::Result<Outcome> {
    // What can be wrong with the words is said before anything is read.
    let ranking = Ranking::new(args.min_trades, args.max_drawdown.as_deref(), &args.score)?;
    let shard = args.shard.as_deref().map_or(Ok((0, 1)), shard)?;
    if !args.each_symbol {
        Sets::new(&args.grid, args.list.as_deref(), &[])?;
    }
    let days = Days::open(&args.dirs, &args.config, args.warm_days)?;
    let steps = args.walk_forward.as_deref();
    let steps = steps.map(|text| Steps::new(text, args.anchored, days.dates.len())).transpose()?;
    let symbols = symbols(args, &days)?;
    let each: &[String] = if args.each_symbol { &symbols } else { &[] };
    let sets = Sets::new(&args.grid, args.list.as_deref(), each)?;
    let sweep =
        Sweep { days: &days, sets: &sets, symbols: if args.each_symbol { &[] } else { &symbols }, stop };
    let refused = check(&sweep, args.skip_refused)?;
    let about = about(args, &sweep)?;
    let (count, dates) = (sets.count(), days.dates.clone());
    let results = Results::open(&args.out, &about, count, &dates)?;
    for dir in &args.merge {
        results.take(&Results::read_only(dir, &about, count, &dates)?)?;
    }
    let workers = args.workers.map_or_else(|| allowed_cpus().len().max(1), NonZeroUsize::get);
    let plan = Plan { workers, shard, shuffle: args.shuffle };
    if !args.merge.is_empty() {
        all_there(&sweep, &results)?;
    }
    let done = sweep.fill(&results, &plan)?;
    if !done.whole {
        let all = count * days.journals.len() as u64;
        return Ok(Outcome::Stopped(done.runs, done.before, all));
    }
    if args.shard.is_some() {
        return Ok(Outcome::Shard(done.runs, done.before));
    }
    let ranks = Ranks::of(&results, count, 0..dates.len(), &ranking, args.top.max(1))?;
    let rows = table::runs(&args.out, &results, &sets, dates.len())?;
    table::sets(&args.out, &results, &sets, dates.len(), &ranks, &ranking)?;
    let walk = steps.map(|steps| steps.walk(&results, count, dates.len(), &ranking)).transpose()?;
    let best = ranks.best.first().map(|best| &best.figures);
    let Some(trades) = best.map_or(Ok(Some(Vec::new())), |best| trades(&sweep, &results, best.set))? else {
        return Ok(Outcome::Stopped(done.runs, done.before, count * days.journals.len() as u64));
    };
    let last = days.journals.last().expect("there is a journal");
    let best_flags = best.map_or(Ok(Vec::new()), |best| sweep.flags(last, best.set))?;
    let deflated = best.and_then(|best| Deflated::of(best, ranks.trials));
    let shuffled = Shuffled::of(&trades, args.seed);
    let mut notes = days.notes.clone();
    notes.extend(refused);
    let recorded = &last.recording.settings;
    let finished = Finished {
        dates,
        path: recorded.prices(),
        is_bar_driven: recorded.candles.is_some(),
        workers,
        done,
        rows,
        ranks,
        ranking,
        walk,
        deflated,
        shuffled,
        trades,
        look: show::look(args, last, &best_flags),
        notes,
        sets,
    };
    Ok(Outcome::Finished(Box::new(finished)))
}

/// `I/N` as a number from 0 and a count.
fn shard(text: &str) -> anyhow::Result<(u64, u64)> {
    let parts = text.split_once('/').and_then(|(at, of)| at.trim().parse().ok().zip(of.trim().parse().ok()));
    let parts = parts.filter(|(at, of): &(u64, u64)| (1..=*of).contains(at));
    let (at, of) =
        parts.ok_or_else(|| usage(format!("--shard {text}: write I/N with I from 1 to N, such as 2/5")))?;
    Ok((at - 1, of))
}

/// The symbols that may be traded: those asked for, which every journal must have; for `--each-symbol` alone, all tradable
/// ones that every journal has.
fn symbols(args: &SweepArgs, days: &Days) -> anyhow::Result<Vec<String>> {
    let mut chosen: Vec<String> = Vec::new();
    for symbol in &args.symbols {
        let symbol = canonical_symbol(symbol.trim()).to_owned();
        if chosen.contains(&symbol) {
            return Err(usage(format!("--symbols: `{symbol}` is there twice")));
        }
        for journal in &days.journals {
            let has = &journal.recording.head.instruments;
            match has.iter().find(|spec| spec.symbol == symbol) {
                Some(spec) if spec.tradable => {}
                Some(_) => {
                    return Err(usage(format!(
                        "--symbols: {symbol} is not tradable in {}; an index is not, its futures are",
                        journal.name()
                    )));
                }
                None => {
                    let names: Vec<&str> = has.iter().map(|spec| spec.symbol.as_str()).take(12).collect();
                    return Err(usage(format!(
                        "--symbols: no {symbol} in {}, which has {}; leave out the symbol or the journal",
                        journal.name(),
                        names.join(", ")
                    )));
                }
            }
        }
        chosen.push(symbol);
    }
    if args.each_symbol && chosen.is_empty() {
        let (first, rest) = days.journals.split_first().expect("there is a journal");
        let tradable = |journal: &days::Journal, symbol: &str| {
            journal.recording.head.instruments.iter().any(|spec| spec.tradable && spec.symbol == symbol)
        };
        let all = first.recording.head.instruments.iter().map(|spec| spec.symbol.clone());
        chosen =
            all.filter(|s| tradable(first, s) && rest.iter().all(|journal| tradable(journal, s))).collect();
        if chosen.is_empty() {
            return Err(usage(
                "--each-symbol: no tradable symbol is in every journal; name some with --symbols",
            ));
        }
    }
    Ok(chosen)
}

/// Checks every set on every journal before the first is run: hours of work must not end at a typo. Returns a note about those
/// that are left out.
fn check(sweep: &Sweep<'_>, skip: bool) -> anyhow::Result<Option<String>> {
    let count = sweep.sets.count();
    let (mut refused, mut why) = (0, String::new());
    for set in 0..count {
        if let Some(reason) = sweep.refused(set)? {
            refused += 1;
            if refused == 1 {
                why = reason;
            }
        }
    }
    match refused {
        0 => Ok(None),
        all if all == count => Err(usage(format!("no set can be run; the first: {why}"))),
        _ if skip => Ok(Some(format!(
            "{refused} of {count} sets are left out, their values do not go together; the first: {why}"
        ))),
        _ => Err(usage(format!(
            "{refused} of {count} sets have values that do not go together; the first: {why}; change the grid, or leave them \
             out with --skip-refused"
        ))),
    }
}

/// Refuses a merge that lacks something.
fn all_there(sweep: &Sweep<'_>, results: &Results) -> anyhow::Result<()> {
    let (count, days) = (sweep.sets.count(), sweep.days.dates.len());
    let (mut lacking, mut first, mut rows) = (0, None, Vec::new());
    for set in 0..count {
        if !results.read(set, 0, days, &mut rows)? {
            lacking += 1;
            first.get_or_insert(set + 1);
        }
    }
    match first {
        None => Ok(()),
        Some(first) => Err(data(format!(
            "--merge: {lacking} of {count} sets are not whole, the first is {first}; a shard is missing or was stopped: run it \
             to its end, then merge again (of N shards, set S is in shard (S - 1) mod N + 1)"
        ))),
    }
}

/// What makes a sweep this one and no other, in lines.
fn about(args: &SweepArgs, sweep: &Sweep<'_>) -> anyhow::Result<String> {
    let program = program_hash().context("this program's own file cannot be read")?;
    let mut text = format!(
        "pitlane sweep 1, event layout {SCHEMA_VERSION}, program {} {:032x}\nwarm days {}\n",
        env!("CARGO_PKG_VERSION"),
        program,
        args.warm_days
    );
    for journal in &sweep.days.journals {
        let dates: Vec<String> = journal.dates.iter().map(|date| show_date(*date)).collect();
        let settings = pitlane_config::Settings::hash(&journal.recording.settings.journaled_toml());
        text +=
            &format!("days {}: inputs {:032x}, settings {settings:016x}\n", dates.join(", "), journal.hash);
    }
    text += &format!("symbols {}\n", sweep.symbols.join(", "));
    text += &sweep.sets.describe();
    Ok(text)
}

/// The hash of this program: results of two programs are not mixed.
fn program_hash() -> std::io::Result<u128> {
    let mut file = std::fs::File::open(std::env::current_exe()?)?;
    let (mut hasher, mut part) = (StateHasher::new(0), vec![0; 1 << 20]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hasher.finish()),
            length => hasher.bytes(&part[..length]),
        }
    }
}

/// Runs a set again for its trades, in the order in which they ended; `None` if the process is to stop.
fn trades(sweep: &Sweep<'_>, results: &Results, set: u64) -> anyhow::Result<Option<Vec<Trade>>> {
    let (mut trades, mut kept) = (Vec::new(), Vec::new());
    for (at, journal) in sweep.days.journals.iter().enumerate() {
        let Some((report, rows, _)) = sweep.run(journal, sweep.days.inputs(at)?, set)? else {
            return Ok(None);
        };
        let found = results.read(set, journal.first, journal.dates.len(), &mut kept)?;
        if !found || kept != rows {
            return Err(data(format!(
                "set {} came to something else on {} when it was run again: this program or these journals are not those that \
                 made {}; begin anew with another --out",
                set + 1,
                journal.name(),
                "results.bin"
            )));
        }
        trades.extend(report.into_iter().flat_map(|report| report.trades).filter(|trade| !trade.is_open));
    }
    Ok(Some(trades))
}
