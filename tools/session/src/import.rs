//! Makes a journal of inputs from other data. No stage runs: what is written is what a feed would have brought, in its
//! one order, with the timers between.

use crate::cli::ConfigArgs;
use crate::exit::{data, usage};
use crate::progress::Progress;
use crate::run::lock_journal;
use crate::sim::Identity;
use crate::summary::card;
use pitlane_config::{canonical_symbol, default_instrument};
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::event::{DeadLetter, DeadReason, Kind};
use pitlane_engine::log::EventLog;
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::sequencer::source::{Decoded, Merged, Source};
use pitlane_engine::sequencer::{Release, SOURCE_FEED, Sequencer};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::{InstrumentId, TsNs};
use pitlane_feeds::tick_csv::FileReport;
use pitlane_feeds::{TickCsvFeed, TickFile, scan_dates};
use pitlane_journal::WriterOptions;
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
    events: u64,
    ticks: u64,
    dead: BTreeMap<&'static str, u64>,
    wall_s: f64,
}

type Table = (Vec<InstrumentSpec>, Vec<TickFile>, Vec<String>);

/// The instrument table of an import: an entry of the configuration where there is one, else stated defaults.
fn table(args: &[String], configured: &[InstrumentSpec]) -> anyhow::Result<Table> {
    let (mut instruments, mut files, mut warnings) = (Vec::<InstrumentSpec>::new(), Vec::new(), Vec::new());
    for arg in args {
        let (symbol, path) = arg
            .split_once('=')
            .ok_or_else(|| usage(format!("`{arg}` is not SYMBOL=FILE, such as NSE:RELIANCE=ticks.csv.gz")))?;
        let symbol = canonical_symbol(symbol.trim());
        let known = instruments.iter().position(|spec| spec.symbol == symbol);
        let index = match (known, configured.iter().find(|spec| spec.symbol == symbol)) {
            (Some(index), _) => index,
            (None, Some(spec)) => {
                instruments.push(spec.clone());
                instruments.len() - 1
            }
            (None, None) => {
                let (spec, warning) = default_instrument(symbol)?;
                warnings.push(warning);
                instruments.push(spec);
                instruments.len() - 1
            }
        };
        let instrument = InstrumentId(u32::try_from(index).expect("arguments are few"));
        files.push(TickFile { instrument, path: PathBuf::from(path) });
    }
    Ok((instruments, files, warnings))
}

/// Releases everything there is to release: ticks, and dead letters by reason.
fn record<S: Source, L: EventLog>(sequencer: &mut Sequencer<S, L>) -> (u64, BTreeMap<&'static str, u64>) {
    let mut progress = Progress::new("import", 0);
    let (mut ticks, mut dead) = (0, BTreeMap::new());
    loop {
        match sequencer.release(TsNs(u64::MAX)) {
            Release::Released => {}
            Release::Finished | Release::LogFailed => return (ticks, dead),
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

/// Imports `SYMBOL=FILE` arguments with rows `timestamp,ltp,volume` into a new journal.
///
/// # Errors
/// If an argument, the configuration, a file or the journal is wrong.
pub fn tick_csv(args: &[String], journal: &Path, config: &ConfigArgs) -> anyhow::Result<Imported> {
    let started = Instant::now();
    let mut settings = config.load()?;
    let (instruments, files, warnings) = table(args, &settings.instruments)?;
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    settings.instruments = instruments.clone();
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let dates = scan_dates(&paths, settings.session.open, settings.session.close)?;
    let sessions: Vec<_> = dates.iter().map(|&date| settings.session_times(date)).collect();
    let identity = Identity::new(&settings, instruments.clone())?;
    let feed = TickCsvFeed::open(&files, &instruments, &sessions)?;
    let feed = Decoded::new(feed, Decoder::new(&instruments, SOURCE_FEED));
    let schedule = Schedule::new(&identity.text, identity.config_hash, &instruments, &sessions, &[]);
    let dir = lock_journal(journal)?;
    let options = WriterOptions {
        segment_bytes: settings.journal.segment_bytes,
        sync_on_seal: false,
        ..Default::default()
    };
    let log = JournalLog::inputs(&dir, options)?;
    let latency_min_ns = settings.venue.latency_min_ns;
    let mut sequencer = Sequencer::new(Merged::new(schedule, feed), log, latency_min_ns);
    let (ticks, dead) = record(&mut sequencer);
    let feed = sequencer.source().second().feed();
    if let Some(error) = feed.error() {
        return Err(data(error.to_string()));
    }
    let files: Vec<FileReport> = feed.report().cloned().collect();
    let events = sequencer.last_seq().0;
    sequencer.into_log().finish().map_err(|error| anyhow::anyhow!(error))?;
    if let Some(file) = files.iter().find(|file| file.frames == 0) {
        return Err(data(format!(
            "{}: none of its {} rows is a tick ({} undecodable, {} out of session); rows are timestamp,ltp,volume in \
             Indian time. The rows and reasons are in {}",
            file.path.display(),
            file.rows,
            file.undecodable,
            file.out_of_session,
            journal.display()
        )));
    }
    let dates = sessions.iter().map(|session| session.date).collect();
    let wall_s = started.elapsed().as_secs_f64();
    Ok(Imported {
        journal: journal.to_owned(),
        dates,
        files,
        instruments,
        warnings,
        events,
        ticks,
        dead,
        wall_s,
    })
}

impl Imported {
    fn symbol(&self, report: &FileReport) -> &str {
        &self.instruments[report.instrument.index()].symbol
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
                })
            })
            .collect();
        json!({
            "schema": "import-summary/1",
            "journal": self.journal,
            "sessions": self.dates,
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
        let dates: Vec<String> = self.dates.iter().map(ToString::to_string).collect();
        let mut rows = vec![
            ("journal", self.journal.display().to_string()),
            ("sessions", dates.join(", ")),
            ("inputs", format!("{} ({} ticks) in {:.2} s", self.events, self.ticks, self.wall_s)),
            ("dead letters", crate::summary::show_counts(&self.dead)),
        ];
        for file in &self.files {
            rows.push((
                "file",
                format!(
                    "{} {}: {} rows, {} ticks, {} out of session, {} backward, {} undecodable",
                    self.symbol(file),
                    file.path.display(),
                    file.rows,
                    file.frames,
                    file.out_of_session,
                    file.backward,
                    file.undecodable
                ),
            ));
        }
        format!("{}\n\nrun it:  journal-replay whatif {} --out DIR\n", card(&rows), self.journal.display())
    }
}
