//! Makes a journal of inputs from other data. No stage runs: what is written is what a feed would have brought, in its
//! one order, with the timers between.

mod names;
#[cfg(test)]
mod tests;

use crate::cli::ConfigArgs;
use crate::exit::{data, tell, usage};
use crate::plan::{self, Planned, Planner, Purpose};
use crate::progress::Progress;
use crate::run::lock_journal;
use crate::sim::Identity;
use crate::summary::card;
use jiff::civil::Date;
use names::Names;
use pitlane_config::{CandlePath, CandleSettings, Settings};
use pitlane_engine::config::{InstrumentSpec, SessionPlan, SessionTimes};
use pitlane_engine::event::{DeadLetter, DeadReason, Kind, Timeframe};
use pitlane_engine::log::EventLog;
use pitlane_engine::sequencer::schedule::{Schedule, TradingChange};
use pitlane_engine::sequencer::source::{Decoded, Merged, Source};
use pitlane_engine::sequencer::{Release, SOURCE_FEED, Sequencer};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::TsNs;
use pitlane_feeds::bar_csv::{self, BarCsvFeed, BarFile, Terms};
use pitlane_feeds::candle_csv::CANDLE_COLUMNS;
use pitlane_feeds::{FeedError, FileFeed, FileReport, TickCsvFeed, kite_csv, scan_dates};
use pitlane_journal::WriterOptions;
use pitlane_market::Calendar;
use pitlane_store::JournalLog;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What an import did.
pub struct Imported {
    journal: PathBuf,
    dates: Vec<u32>,
    files: Vec<FileReport>,
    instruments: Vec<InstrumentSpec>,
    warnings: Vec<String>,
    /// What its prices are made of.
    path: String,
    is_bar_driven: bool,
    events: u64,
    ticks: u64,
    dead: BTreeMap<&'static str, u64>,
    wall_s: f64,
}

/// Releases everything there is to release: ticks, and dead letters by reason.
fn record<S: Source, L: EventLog>(sequencer: &mut Sequencer<S, L>) -> (u64, BTreeMap<&'static str, u64>) {
    let mut progress = Progress::new("import", 0);
    let (mut ticks, mut dead) = (0, BTreeMap::new());
    loop {
        match sequencer.release(TsNs(u64::MAX)) {
            Release::Released => {}
            Release::Finished | Release::LogFailed | Release::BrokerGone => return (ticks, dead),
            Release::Blocked => {
                unreachable!("files never leave an import waiting, and no step is unfinished")
            }
        }
        let event = sequencer.current();
        match event.kind() {
            Kind::Ltp | Kind::Quote | Kind::Full => ticks += 1,
            Kind::DeadLetter => {
                let reason = DeadReason::from_u8(event.body::<DeadLetter>().reason)
                    .map_or("unknown", DeadReason::name);
                *dead.entry(reason).or_insert(0) += 1;
            }
            _ => {}
        }
        let seq = sequencer.last_seq();
        sequencer.on_done(seq);
        if seq.0.is_multiple_of(65_536) {
            progress.at(seq.0);
        }
    }
}

/// An import that is asked for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The journal to write.
    pub journal: &'a Path,
    /// Configuration.
    pub config: &'a ConfigArgs,
    /// `--instruments`: a dump of twelve columns or six, which goes before the configuration's instruments.
    pub instruments: Option<&'a Path>,
}

/// Recorded ticks of one date, opened and not imported.
pub struct Ticks {
    /// The settings, with the ticks' instruments and date.
    pub settings: Settings,
    /// The ticks as frames.
    pub feed: TickCsvFeed,
}

/// Opens the ticks that `args` name, all `SYMBOL=FILE` or all files of tokens, as the imports take them: those of their
/// first date within the configured hours, or 09:15 to 15:30.
///
/// # Errors
/// If an argument, the configuration, the instrument file or a file is wrong.
pub fn ticks(args: &[String], config: &ConfigArgs, instruments: Option<&Path>) -> anyhow::Result<Ticks> {
    let mut settings = config.load()?;
    let configured = settings.instruments.clone();
    let mut names = Names::open(&configured, instruments)?;
    let (open, close) = settings.fixed_hours();
    let by_symbol = args.iter().any(|arg| arg.contains('='));
    let files = if by_symbol { names.files(args)? } else { Vec::new() };
    let paths: Vec<PathBuf> = match by_symbol {
        true => files.iter().map(|file| file.path.clone()).collect(),
        false => args.iter().map(PathBuf::from).collect(),
    };
    let dates = if by_symbol {
        scan_dates(&paths, open, close)?
    } else {
        let found = kite_csv::scan(&paths, open, close)?;
        for token in found.tokens {
            names.token(token);
        }
        found.dates
    };
    // Of files, a scan finds a date or says which hours it looked for.
    let date = *dates.first().ok_or_else(|| usage("no file of ticks is named; give SYMBOL=FILE"))?;
    let (table, _, warnings) = names.into_table(&dates);
    for warning in &warnings {
        tell(&format!("warning: {warning}"));
    }
    settings.sim.date = date;
    let sessions = [settings.fixed_session_times(date)];
    let feed = match by_symbol {
        true => TickCsvFeed::open(&files, &table, &sessions)?,
        false => kite_csv::open(&paths, &table, &sessions)?,
    };
    settings.instruments = table;
    Ok(Ticks { settings, feed })
}

/// Imports `SYMBOL=FILE` arguments with rows `timestamp,ltp,volume` into a new journal, without an instrument file.
///
/// # Errors
/// If an argument, the configuration, a file or the journal is wrong.
pub fn tick_csv(args: &[String], journal: &Path, config: &ConfigArgs) -> anyhow::Result<Imported> {
    Request { journal, config, instruments: None }.tick_csv(args)
}

impl Request<'_> {
    /// Imports `SYMBOL=FILE` arguments with rows `timestamp,ltp,volume`.
    ///
    /// # Errors
    /// If an argument, the configuration, a file or the journal is wrong.
    pub fn tick_csv(&self, args: &[String]) -> anyhow::Result<Imported> {
        let started = Instant::now();
        let settings = self.config.load()?;
        let mut names = Names::open(&settings.instruments, self.instruments)?;
        let files = names.files(args)?;
        let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
        let (open, close) = plan::configured(&settings).unwrap_or(plan::WIDEST);
        let dates = scan_dates(&paths, open, close)?;
        self.import(&settings, &dates, names, "timestamp,ltp,volume", started, |instruments, plans| {
            TickCsvFeed::open(&files, instruments, &times(plans))
        })
    }

    /// Imports `SYMBOL=FILE` arguments with candles of `timeframe`, each as four ticks in the order that `path` says. Both
    /// become settings, and are journaled: whatever shows figures of it says that they are of candles.
    ///
    /// # Errors
    /// If an argument, the configuration, a file or the journal is wrong, or the order cannot be decided by an import.
    pub fn bar_csv(&self, args: &[String], timeframe: &str, path: &str) -> anyhow::Result<Imported> {
        let started = Instant::now();
        let candles = candles(timeframe, path)?;
        let settings = Settings { candles: Some(candles), ..self.config.load()? };
        let mut names = Names::open(&settings.instruments, self.instruments)?;
        let files = names.files(args)?;
        let bar_file = |file: &pitlane_feeds::TickFile| BarFile {
            instrument: file.instrument,
            symbol: names.symbol_of(file.instrument).to_owned(),
            path: file.path.clone(),
        };
        let files: Vec<BarFile> = files.iter().map(bar_file).collect();
        let path = match candles.path {
            CandlePath::Fixed => bar_csv::CandlePath::Fixed,
            CandlePath::Inverse => bar_csv::CandlePath::Inverse,
            CandlePath::Adaptive => bar_csv::CandlePath::Adaptive,
        };
        let terms = Terms { timeframe: candles.timeframe, path };
        let (open, close) = plan::configured(&settings).unwrap_or(plan::WIDEST);
        let dates = bar_csv::scan(&files, terms, open, close)?;
        self.import(&settings, &dates, names, CANDLE_COLUMNS, started, |instruments, plans| {
            BarCsvFeed::open(&files, terms, instruments, plans)
        })
    }

    /// Imports files with rows `timestamp,token,ltp`, each of one token or several.
    ///
    /// # Errors
    /// If the configuration, a file or the journal is wrong.
    pub fn kite_csv(&self, files: &[PathBuf]) -> anyhow::Result<Imported> {
        let started = Instant::now();
        let settings = self.config.load()?;
        let (open, close) = plan::configured(&settings).unwrap_or(plan::WIDEST);
        let found = kite_csv::scan(files, open, close)?;
        let mut names = Names::open(&settings.instruments, self.instruments)?;
        for token in found.tokens {
            names.token(token);
        }
        self.import(&settings, &found.dates, names, "timestamp,token,ltp", started, |instruments, plans| {
            kite_csv::open(files, instruments, &times(plans))
        })
    }

    /// Writes what a feed of these dates and instruments brings.
    fn import<F, O>(
        &self,
        settings: &Settings,
        dates: &[Date],
        names: Names<'_>,
        columns: &str,
        started: Instant,
        open: O,
    ) -> anyhow::Result<Imported>
    where
        F: FileFeed,
        O: FnOnce(&[InstrumentSpec], &[SessionPlan]) -> Result<F, FeedError>,
    {
        let (instruments, dump, warnings) = names.into_table(dates);
        for warning in &warnings {
            tell(&format!("warning: {warning}"));
        }
        let settings = Settings { instruments: instruments.clone(), ..settings.clone() };
        let planner = Planner {
            settings: &settings,
            calendar: &Calendar::new(),
            instruments: &instruments,
            dump: dump.as_ref(),
        };
        let (plans, trading) = plans(&planner, dates)?;
        let identity = Identity::new(&settings, instruments.clone())?;
        let feed = Decoded::new(open(&instruments, &plans)?, Decoder::new(&instruments, SOURCE_FEED));
        let schedule = Schedule::new(&identity.text, identity.config_hash, &instruments, &[], &plans, &[])
            .with_trading(&trading);
        let log = self.log(&settings)?;
        let mut sequencer = Sequencer::new(Merged::new(schedule, feed), log, settings.venue.latency_min_ns);
        let (ticks, dead) = record(&mut sequencer);
        let feed = sequencer.source().second().feed();
        if let Some(error) = feed.error() {
            return Err(data(error.to_string()));
        }
        let files = feed.reports();
        let events = sequencer.last_seq().0;
        sequencer.into_log().finish().map_err(|error| anyhow::anyhow!(error))?;
        refuse_useless(&files, columns, self.journal)?;
        Ok(Imported {
            journal: self.journal.to_owned(),
            dates: plans.iter().map(|plan| plan.times.date).collect(),
            files,
            instruments,
            warnings,
            path: settings.prices(),
            is_bar_driven: settings.candles.is_some(),
            events,
            ticks,
            dead,
            wall_s: started.elapsed().as_secs_f64(),
        })
    }

    fn log(&self, settings: &Settings) -> anyhow::Result<JournalLog> {
        let dir = lock_journal(self.journal)?;
        let segment_bytes = settings.journal.segment_bytes;
        let options = WriterOptions { segment_bytes, sync_on_seal: false, ..Default::default() };
        Ok(JournalLog::inputs(&dir, options)?)
    }
}

/// The sessions without instruments' own hours.
fn times(plans: &[SessionPlan]) -> Vec<SessionTimes> {
    plans.iter().map(|plan| plan.times).collect()
}

/// The candles that are asked for.
fn candles(timeframe: &str, path: &str) -> anyhow::Result<CandleSettings> {
    let known =
        Timeframe::from_name(timeframe).filter(|known| (Timeframe::M1..=Timeframe::M60).contains(known));
    let timeframe = known.ok_or_else(|| {
        usage(format!(
            "--timeframe: `{timeframe}` is none of 1m, 3m, 5m, 15m, 30m, 60m; candles of a day say nothing \
             about what was before what"
        ))
    })?;
    let path = CandlePath::from_name(path).ok_or_else(|| {
        usage(if path == "worst" {
            "--path worst: the worst order depends on the position, and an import has none. Import twice: --path inverse \
             (low before high) is the worst for what is held, --path fixed (high before low) for what is sold short; \
             run both and believe the worse one"
                .to_owned()
        } else {
            format!("--path: `{path}` is none of fixed, inverse, adaptive")
        })
    })?;
    Ok(CandleSettings { timeframe, path })
}

/// The hours of the sessions; what the calendar has to say about their dates goes to stderr.
fn plans(planner: &Planner<'_>, dates: &[Date]) -> anyhow::Result<(Vec<SessionPlan>, Vec<TradingChange>)> {
    let (mut plans, mut trading, mut uncovered) = (Vec::with_capacity(dates.len()), Vec::new(), 0);
    for date in dates {
        let Planned { plan, trading: changes, warnings } = planner.plan(*date, Purpose::Import)?;
        plans.push(plan);
        trading.extend(changes);
        for note in warnings {
            // Of many dates without data the first stands for all.
            let is_covered = planner.calendar.covered().contains(date);
            uncovered += u32::from(!is_covered);
            if is_covered || uncovered == 1 {
                tell(&format!("note: {note}"));
            }
        }
    }
    if uncovered > 1 {
        tell(&format!("note: so are {} more dates", uncovered - 1));
    }
    Ok((plans, trading))
}

/// Refuses a file without a single tick: it is not what it was taken for.
fn refuse_useless(files: &[FileReport], columns: &str, journal: &Path) -> anyhow::Result<()> {
    match files.iter().find(|file| file.frames == 0) {
        None => Ok(()),
        Some(file) => Err(data(format!(
            "{}: none of its {} rows is a tick ({} undecodable, {} out of session); rows are {columns} in Indian time. \
             The rows and reasons are in {}",
            file.path.display(),
            file.rows,
            file.undecodable,
            file.out_of_session,
            journal.display()
        ))),
    }
}

impl Imported {
    /// The symbol of a file of one instrument.
    fn symbol(&self, report: &FileReport) -> Option<&str> {
        // Files of any tokens have an instrument that is in no table.
        self.instruments.get(report.instrument.index()).map(|spec| spec.symbol.as_str())
    }

    /// The object `import-summary/1`.
    pub fn json(&self) -> Value {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|file| {
                json!({
                    "instrument": self.symbol(file),
                    "file": file.path,
                    "rows": file.rows,
                    "frames": file.frames,
                    "out_of_session": file.out_of_session,
                    "backward": file.backward,
                    "undecodable": file.undecodable,
                    "no_last_price": file.no_last_price,
                    "unknown_instrument": file.unknown_instrument,
                    "notes": file.notes,
                })
            })
            .collect();
        json!({
            "schema": "import-summary/1",
            "journal": self.journal,
            "sessions": self.dates,
            "instruments": self.instruments.iter().map(|spec| spec.symbol.as_str()).collect::<Vec<_>>(),
            "path": self.path,
            "events": self.events,
            "ticks": self.ticks,
            "dead_letters": self.dead,
            "files": files,
            "warnings": self.warnings,
            "wall_s": self.wall_s,
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let symbols: Vec<&str> = self.instruments.iter().map(|spec| spec.symbol.as_str()).collect();
        let mut rows = vec![
            ("journal", self.journal.display().to_string()),
            ("sessions", crate::summary::show_dates(&self.dates)),
            ("instruments", symbols.join(", ")),
            ("inputs", format!("{} ({} ticks) in {:.2} s", self.events, self.ticks, self.wall_s)),
            ("dead letters", crate::summary::show_counts(&self.dead)),
        ];
        if self.is_bar_driven {
            rows.push(("prices", self.path.clone()));
        }
        for file in &self.files {
            rows.push((
                "file",
                format!(
                    "{}{}: {} rows, {} ticks, {} out of session, {} backward, {} undecodable",
                    self.symbol(file).map(|symbol| format!("{symbol} ")).unwrap_or_default(),
                    file.path.display(),
                    file.rows,
                    file.frames,
                    file.out_of_session,
                    file.backward,
                    file.undecodable
                ),
            ));
            rows.extend(file.notes.iter().map(|note| ("", note.clone())));
        }
        format!("{}\n\nrun it:  journal-replay whatif {} --out DIR\n", card(&rows), self.journal.display())
    }
}
