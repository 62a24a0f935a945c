//! A synthetic day, archived.

use pitlane_parquet::{Archive, Options, Writer};
use pitlane_rows::{Context, Progress, Projection, RowSink, Steps, Uuid};
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::recorded::Recording;
use pitlane_session::sim;
use pitlane_session::summary::EngineSummary;
use pitlane_store::{EventStream, INPUTS, OUTPUTS};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use tempfile::TempDir;

/// Inputs of a range: so few that the day has several files of a table.
const RANGE_INPUTS: u64 = 200_000;

/// The day, with its journal and its archive.
pub(crate) struct Day {
    dir: TempDir,
    /// What the run came to.
    pub(crate) summary: EngineSummary,
}

/// The day that is in use, or a new one.
pub(crate) fn day() -> Arc<Day> {
    static DAY: Mutex<Weak<Day>> = Mutex::new(Weak::new());
    let mut held = DAY.lock().expect("no test panics while it makes the day");
    held.upgrade().unwrap_or_else(|| {
        let day = Arc::new(Day::make());
        *held = Arc::downgrade(&day);
        day
    })
}

impl Day {
    fn make() -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let journal = dir.path().join("journal");
        let request = sim::Request {
            config: &ConfigArgs::default(),
            cpus: &CpuArgs::default(),
            mode: None,
            warmup: &Default::default(),
            from: None,
            instruments: None,
            journal: Some(&journal),
            speed: Some("max"),
            duration: None,
            until: None,
            seed: Some(1),
            name: "demo",
        };
        let done = sim::run(&request).expect("the day runs");
        let day = Self { dir, summary: done.summary };
        day.archive();
        day
    }

    /// The archive's directory.
    pub(crate) fn archive_dir(&self) -> PathBuf {
        self.dir.path().join("archive")
    }

    /// The journal's directory.
    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn archive(&self) {
        let archive = Archive::new(self.archive_dir());
        let options = Options { range_inputs: RANGE_INPUTS, ..Options::default() };
        let mut opened = Writer::open(&archive, context(&self.journal_dir()), options).unwrap();
        let writer = &mut opened.writer;
        each_step(&self.journal_dir(), &mut opened.projection, writer, &mut |projection, writer| {
            writer.end_step(projection).unwrap();
        });
        writer.finish(&mut opened.projection).unwrap();
    }
}

/// What the head of a journal says.
pub(crate) fn context(journal: &Path) -> Context {
    let recording = Recording::open(journal).unwrap();
    Context {
        venue: recording.venue(),
        journal: Uuid(EventStream::open(journal, INPUTS).unwrap().journal_uuid()),
        instruments: recording.head.instruments,
        strategies: recording.pipeline.strategies.into_iter().map(|strategy| strategy.id).collect(),
        charges: recording.pipeline.charges,
        capital: recording.pipeline.risk.capital,
        config_text: recording.head.config_text,
        first_date: recording.head.first_session.date,
    }
}

/// Hands all of a sealed journal to `sink`, and calls `end` after each step.
pub(crate) fn each_step<S: RowSink>(
    journal: &Path,
    projection: &mut Projection,
    sink: &mut S,
    end: &mut dyn FnMut(&mut Projection, &mut S),
) {
    let mut inputs = EventStream::open(journal, INPUTS).unwrap();
    let mut outputs = EventStream::open(journal, OUTPUTS).unwrap();
    let mut steps = Steps::new();
    while steps
        .advance(&mut || inputs.try_next(), &mut || outputs.try_next(), true, projection, sink)
        .unwrap()
        == Progress::Step
    {
        end(projection, sink);
    }
}
