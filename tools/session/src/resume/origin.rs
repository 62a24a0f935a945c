//! What a recovery starts from: the newest good snapshot, or nothing.

use super::Place;
use crate::exit::data;
use crate::live::say::say;
use crate::recorded::Recording;
use crate::run::Plan;
use pitlane_config::Settings;
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::recover::Recovery;
use pitlane_engine::drive::snapshot::{self, SnapshotIds};
use pitlane_engine::hash::StateHasher;
use pitlane_engine::sequencer::schedule::instruments_hash;
use pitlane_journal::Recovered;
use pitlane_store::{Ends, Snapshots};
use std::path::Path;

/// Where a recovery starts.
pub(super) struct Origin {
    /// The run at that place.
    pub recovery: Recovery,
    /// The last input of the snapshot; `None` = the start of the journal.
    pub snapshot_seq: Option<u64>,
    outputs: u64,
}

impl Origin {
    /// The start of the journal.
    pub(super) fn start(config: &PipelineConfig) -> anyhow::Result<Self> {
        Ok(Self { recovery: Recovery::new(config)?, snapshot_seq: None, outputs: 0 })
    }

    /// The newest snapshot that is good, not beyond either stream, and behind which both are whole; without one, the
    /// start.
    ///
    /// # Errors
    /// If there is none, and retention removed the start.
    pub(super) fn newest(dir: &Path, plan: &Plan, ends: &Ends) -> anyhow::Result<Self> {
        let kept = |ends: Option<&Recovered>| ends.and_then(|ends| ends.kept_from).unwrap_or(1);
        let (inputs, outputs) = (kept(ends.inputs.as_ref()), kept(ends.outputs.as_ref()));
        // Where the outputs were cut behind it they are compared from an earlier place on.
        let inside = |found: &Self| {
            let Place { seq, outputs: made } = found.place();
            made <= ends.outputs_last()
                && seq <= ends.inputs_last()
                && seq + 1 >= inputs
                && made + 1 >= outputs
        };
        let origin = Self::newest_good(dir, &plan.pipeline, ids(plan), inside, &mut |path, why| {
            say(format!("warning: snapshot {} is left out: {why}", path.display()));
        })?;
        if origin.snapshot_seq.is_none() && (inputs > 1 || outputs > 1) {
            let shown = dir.display();
            return Err(data(format!(
                "journal {shown}: retention removed its inputs before {inputs} and outputs before {outputs}, and no good \
                 snapshot reaches so far, so it cannot be gone on with; restore {shown}/snapshots or the segments from a \
                 copy, or name another directory with --journal"
            )));
        }
        Ok(origin)
    }

    /// The newest good snapshot that `wanted` takes; without one, the start. `refused` is
    /// told of those that are not good.
    pub(super) fn newest_good(
        dir: &Path,
        config: &PipelineConfig,
        ids: SnapshotIds,
        wanted: impl Fn(&Self) -> bool,
        refused: &mut dyn FnMut(&Path, &str),
    ) -> anyhow::Result<Self> {
        let snapshots = Snapshots::of(dir);
        for seq in snapshots.list().unwrap_or_default() {
            match load(&snapshots, seq, config, ids) {
                Ok(found) if wanted(&found) => return Ok(found),
                Ok(_) => {}
                Err(why) => refused(&snapshots.path(seq), &why),
            }
        }
        Self::start(config)
    }

    /// Where it is in both streams.
    pub(super) fn place(&self) -> Place {
        Place { seq: self.snapshot_seq.unwrap_or(0), outputs: self.outputs }
    }
}

/// What snapshots of a run carry.
pub(super) fn ids(plan: &Plan) -> SnapshotIds {
    let (config_hash, instruments_hash) = (plan.config_hash, plan.instruments_hash);
    SnapshotIds { build_hash: build_hash(), config_hash, instruments_hash }
}

fn build_hash() -> u64 {
    let mut hasher = StateHasher::new(0);
    hasher.bytes(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.finish() as u64
}

fn load(
    snapshots: &Snapshots,
    seq: u64,
    config: &PipelineConfig,
    ids: SnapshotIds,
) -> Result<Origin, String> {
    let bytes = snapshots.read(seq).map_err(|error| error.to_string())?;
    let (head, recovery) = snapshot::load(config, &bytes, ids).map_err(|error| error.to_string())?;
    if head.seq.0 != seq {
        return Err(format!("it is the one of input {}, under another name", head.seq.0));
    }
    Ok(Origin { recovery, snapshot_seq: Some(seq), outputs: head.outputs })
}

/// A recorded run as far as a snapshot has it.
pub(crate) struct Begun {
    /// The run, to be run on.
    pub(crate) recovery: Recovery,
    /// The last input of the snapshot; `None` = nothing was run yet.
    pub(crate) snapshot_seq: Option<u64>,
}

/// The newest snapshot of `recording` before the input `before` that is good, and behind which both streams are there,
/// which begin with the records `kept`; else the start. Without `before` the oldest that is.
///
/// # Errors
/// If a strategy cannot be built.
pub(crate) fn begin_before(
    recording: &Recording,
    before: Option<u64>,
    kept: [u64; 2],
) -> anyhow::Result<Begun> {
    let ids = SnapshotIds {
        build_hash: build_hash(),
        config_hash: Settings::hash(&recording.head.config_text),
        instruments_hash: instruments_hash(&recording.head.instruments),
    };
    let snapshots = Snapshots::of(&recording.dir);
    let mut found = snapshots.list().unwrap_or_default();
    if before.is_none() {
        found.reverse();
    }
    let good = |&seq: &u64| {
        let origin = load(&snapshots, seq, &recording.pipeline, ids).ok()?;
        (seq + 1 >= kept[0] && origin.outputs + 1 >= kept[1]).then_some(origin)
    };
    let mut wanted = found.iter().filter(|seq| before.is_none_or(|before| **seq < before));
    let origin = match wanted.find_map(good) {
        Some(origin) => origin,
        None => Origin::start(&recording.pipeline)?,
    };
    Ok(Begun { recovery: origin.recovery, snapshot_seq: origin.snapshot_seq })
}

/// Whether the snapshot at `seq` of a journal is good for a run of `config`: how many outputs were recorded by then.
///
/// # Errors
/// Why it is not, for people.
pub fn snapshot_state(
    dir: &Path,
    seq: u64,
    config: &PipelineConfig,
    config_hash: u64,
    instruments_hash: u64,
) -> Result<u64, String> {
    let ids = SnapshotIds { build_hash: build_hash(), config_hash, instruments_hash };
    load(&Snapshots::of(dir), seq, config, ids).map(|found| found.outputs)
}
