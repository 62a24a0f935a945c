//! Makes snapshots while a run goes on: a thread beside the pipeline follows the recorded inputs, runs them again and
//! writes the state down at a checkpoint now and then. The pipeline never waits for it, and knows nothing of it.

use super::origin::{Origin, ids};
use crate::live::say::say;
use crate::run::Plan;
use anyhow::Context;
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::recover::Recovery;
use pitlane_engine::drive::snapshot::SnapshotIds;
use pitlane_engine::event::Event;
use pitlane_engine::limits::CHECKPOINT_INPUTS;
use pitlane_engine::log::NoLog;
use pitlane_engine::sequencer::source::EventReader;
use pitlane_store::{EventStream, INPUTS, Snapshots, StoreError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the thread sleeps at the end of what is recorded so far.
const POLL: Duration = Duration::from_millis(20);

/// The thread that makes a run's snapshots; it ends when this is dropped.
pub struct Snapshotter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Snapshotter {
    /// Starts to follow the journal of `plan`, which must have been made, if snapshots are asked for. The thread inherits
    /// the cpus of the caller.
    ///
    /// # Errors
    /// If the journal cannot be read or the thread cannot be started.
    pub fn start(plan: &Plan) -> anyhow::Result<Option<Self>> {
        let (Some(dir), Some(restart)) = (&plan.journal, &plan.restart) else { return Ok(None) };
        if restart.snapshot_every == 0 {
            return Ok(None);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let every = restart.snapshot_every;
        let follower = Follower::new(dir, &plan.pipeline, ids(plan), every, stop.clone())?;
        let follow = move || {
            // The run does not need them: a restart has further to go.
            if let Err(error) = follower.follow() {
                say(format!("warning: no more snapshots are made: {error:#}; the run itself is unaffected"));
            }
        };
        let thread = std::thread::Builder::new().name("snapshots".to_owned()).spawn(follow)?;
        Ok(Some(Self { stop, thread: Some(thread) }))
    }
}

impl Drop for Snapshotter {
    /// Ends the thread; what it has not come to is left out.
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // Relaxed: a flag without data.
        self.stop.store(true, Ordering::Relaxed);
        thread.thread().unpark();
        // If it panicked it said so, and the run is still good.
        drop(thread.join());
    }
}

/// What the thread works on.
struct Follower {
    recovery: Recovery,
    inputs: UpToCheckpoint,
    snapshots: Snapshots,
    ids: SnapshotIds,
    every: u64,
    /// The last input of the last snapshot.
    last: u64,
}

/// The recorded inputs up to the next checkpoint that has them all.
struct UpToCheckpoint {
    stream: EventStream,
    stop: Arc<AtomicBool>,
    /// Whether the last one taken was a checkpoint.
    at_checkpoint: bool,
    error: Option<StoreError>,
}

impl EventReader for UpToCheckpoint {
    fn next_event(&mut self) -> Option<Event> {
        // Relaxed: a flag without data.
        if self.at_checkpoint || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        match self.stream.try_next() {
            Ok(event) => {
                self.at_checkpoint =
                    event.is_some_and(|event| event.header.seq.0.is_multiple_of(CHECKPOINT_INPUTS));
                event
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

impl Follower {
    fn new(
        dir: &Path,
        config: &PipelineConfig,
        ids: SnapshotIds,
        every: u64,
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let origin = Origin::newest_good(dir, config, ids, |_| true, &mut |_, _| {})?;
        let last = origin.place().seq;
        let mut stream = EventStream::open_kept(dir, INPUTS)?;
        if last > 0 {
            stream.seek(last + 1)?;
        }
        let inputs = UpToCheckpoint { stream, stop, at_checkpoint: false, error: None };
        Ok(Self { recovery: origin.recovery, inputs, snapshots: Snapshots::of(dir), ids, every, last })
    }

    fn follow(mut self) -> anyhow::Result<()> {
        loop {
            self.inputs.at_checkpoint = false;
            self.recovery = self.recovery.run(&mut self.inputs, None, &mut NoLog, &mut |_| {})?;
            if self.inputs.at_checkpoint {
                self.write_if_due()?;
                continue;
            }
            // Asked after the error is there: one that stays is reported when the run has ended.
            let error = self.inputs.error.take();
            if self.inputs.stop.load(Ordering::Relaxed) {
                return error.map_or(Ok(()), |error| Err(error.into()));
            }
            // An error may be one of the moment: a writer that closes removes segments it made ahead.
            std::thread::park_timeout(POLL);
        }
    }

    fn write_if_due(&mut self) -> anyhow::Result<()> {
        let seq = self.recovery.resumed().sequencer.last_seq().0;
        if seq < self.last + self.every {
            return Ok(());
        }
        let bytes = self.recovery.snapshot(self.ids);
        let path = self.snapshots.path(seq);
        self.snapshots.write(seq, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        self.last = seq;
        Ok(())
    }
}
