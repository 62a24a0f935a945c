//! What a recovery starts from: the newest good snapshot, or nothing.

use super::Place;
use crate::run::Plan;
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::recover::Recovery;
use pitlane_engine::drive::snapshot::{self, SnapshotIds};
use pitlane_engine::hash::StateHasher;
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

    /// The newest snapshot that is good and not beyond either stream; without one, the start.
    pub(super) fn newest(dir: &Path, plan: &Plan, ends: &Ends) -> anyhow::Result<Self> {
        // Where the outputs were cut behind it they are compared from an earlier place on.
        let inside =
            |found: &Self| found.outputs <= ends.outputs_last() && found.place().seq <= ends.inputs_last();
        Self::newest_good(dir, &plan.pipeline, ids(plan), inside, &mut |path, why| {
            eprintln!("warning: snapshot {} is left out: {why}", path.display());
        })
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

/// Why the snapshot at `seq` of a journal is not good for a run of `config`; `Ok` if it is.
///
/// # Errors
/// The reason, for people.
pub fn snapshot_state(
    dir: &Path,
    seq: u64,
    config: &PipelineConfig,
    config_hash: u64,
    instruments_hash: u64,
) -> Result<(), String> {
    let ids = SnapshotIds { build_hash: build_hash(), config_hash, instruments_hash };
    load(&Snapshots::of(dir), seq, config, ids).map(|_| ())
}
