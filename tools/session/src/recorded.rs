//! A recorded run, ready to be read, verified or exported.

use pitlane_config::Settings;
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::replay::{ReplayResult, replay};
use pitlane_engine::drive::{Run, RunResult};
use pitlane_engine::event::Event;
use pitlane_engine::log::{EventLog, NoLog};
use pitlane_engine::sequencer::Release;
use pitlane_engine::sequencer::schedule::{Schedule, instruments_hash};
use pitlane_engine::sequencer::source::{EventReader, Recorded, Rewrite, Source};
use pitlane_engine::units::Seq;
use pitlane_store::{EventStream, Head, INPUTS, OUTPUTS, has_stream, read_head};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A journal with its configuration.
pub struct Recording {
    /// Where it is.
    pub dir: PathBuf,
    /// What it starts with.
    pub head: Head,
    /// The settings it was made with.
    pub settings: Settings,
    /// What its stages are built from.
    pub pipeline: PipelineConfig,
    /// Whether outputs were recorded.
    pub has_outputs: bool,
}

impl Recording {
    /// Opens the journal at `dir`.
    ///
    /// # Errors
    /// If it cannot be read, or its configuration is not one of this version.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let head = read_head(dir)?;
        let settings =
            Settings::from_toml(&head.config_text, &format!("configuration in {}", dir.display()))?;
        let pipeline = settings.pipeline(head.instruments.clone())?;
        let has_outputs = has_stream(dir, OUTPUTS);
        Ok(Self { dir: dir.to_owned(), head, settings, pipeline, has_outputs })
    }

    /// Where its orders went: `paper`, or the broker's name.
    pub fn venue(&self) -> &'static str {
        if self.settings.venue.live { "zerodha" } else { "paper" }
    }

    /// Calls `each` with every recorded input.
    ///
    /// # Errors
    /// If the journal is damaged.
    pub fn each_input(&self, each: &mut dyn FnMut(&Event)) -> anyhow::Result<()> {
        each_event(&self.dir, INPUTS, each)
    }

    /// Calls `each` with every output: the recorded ones, or recomputed ones if none were recorded.
    ///
    /// # Errors
    /// If the journal is damaged.
    pub fn each_output(&self, each: &mut dyn FnMut(&Event)) -> anyhow::Result<()> {
        if self.has_outputs {
            return each_event(&self.dir, OUTPUTS, each);
        }
        self.recompute(&mut |_| {}, each).map(|_| ())
    }

    /// What session starts say in a run with these settings.
    pub fn rewrite(&self) -> Rewrite {
        Rewrite {
            config_hash: Settings::hash(&self.head.config_text),
            instruments_hash: instruments_hash(&self.head.instruments),
        }
    }

    /// A run with these settings, behind `history`, over all of `feed`: on virtual time, as fast as possible, with nobody who
    /// could interfere.
    pub fn anew(
        &self,
        history: &[Event],
        feed: Box<dyn Source>,
        inputs: Box<dyn EventLog>,
        outputs: Box<dyn EventLog>,
    ) -> Run<'_> {
        let Head { config_text, instruments, first_session } = &self.head;
        let start = first_session.pre_open;
        Run::new(
            &self.pipeline,
            Box::new(Schedule::preamble_only(config_text, instruments, history, start)),
            feed,
            inputs,
            outputs,
        )
    }

    /// Runs the recorded inputs from outside on virtual time, as a what-if run of the recorded settings would. For
    /// journals of inputs alone: nobody recorded the venue's reports, so the venue makes them.
    ///
    /// # Errors
    /// If the inputs are damaged.
    pub fn recompute(
        &self,
        progress: &mut dyn FnMut(Seq),
        each: &mut dyn FnMut(&Event),
    ) -> anyhow::Result<RunResult> {
        let inputs = EventStream::open(&self.dir, INPUTS)?;
        let end = inputs.end();
        let feed = Box::new(Recorded::new(inputs, self.rewrite()));
        let outputs = Collected::default();
        let mut fused = Fused::new(self.anew(&[], feed, Box::new(NoLog), Box::new(outputs.clone())))?;
        while fused.step() == Release::Released {
            outputs.take(each);
            progress(fused.last_seq());
        }
        match end.take_error() {
            Some(error) => Err(error.into()),
            None => Ok(fused.into_result()),
        }
    }

    /// Runs the recorded inputs again, comparing with `recorded` outputs if there are any.
    ///
    /// # Errors
    /// If the inputs are damaged.
    pub fn replay<'a>(
        &self,
        recorded: Option<&'a mut (dyn EventReader + 'a)>,
        input: &mut dyn FnMut(&Event),
        each: &'a mut (dyn FnMut(&Event) + 'a),
    ) -> anyhow::Result<ReplayResult> {
        let mut inputs = EventStream::open(&self.dir, INPUTS)?;
        let end = inputs.end();
        let result = replay(&self.pipeline, &mut inputs, recorded, input, each)?;
        match end.take_error() {
            Some(error) => Err(error.into()),
            None => Ok(result),
        }
    }
}

/// A log that keeps the outputs of a step until they are taken.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<Event>>>);

impl Collected {
    fn take(&self, each: &mut dyn FnMut(&Event)) {
        let mut events = self.0.lock().expect("one thread uses the log");
        for event in events.drain(..) {
            each(&event);
        }
    }
}

impl EventLog for Collected {
    fn append(&mut self, event: &Event) {
        self.0.lock().expect("one thread uses the log").push(*event);
    }
}

fn each_event(dir: &Path, stream: &'static str, each: &mut dyn FnMut(&Event)) -> anyhow::Result<()> {
    let mut events = EventStream::open(dir, stream)?;
    while let Some(event) = events.try_next()? {
        each(&event);
    }
    Ok(events.is_closed().map(|_| ())?)
}

/// What is to be said of figures that are made of `inputs`, which were read to their end: nothing, if they were closed.
///
/// # Errors
/// If they end in a hole: figures of a part would be wrong.
pub fn not_closed(inputs: &EventStream, dir: &Path) -> anyhow::Result<Option<String>> {
    let note = || {
        format!(
            "{} was not closed: its writer died, or is alive, and its day may end before the session does",
            dir.display()
        )
    };
    Ok((!inputs.is_closed()?).then(note))
}
