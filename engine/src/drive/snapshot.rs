//! Snapshots: the state of a whole run at a checkpoint, as bytes and back.
//!
//! ```text
//! head       magic, versions, place in both streams, hashes of what the run is made with     120 bytes
//! sections   per section: id, length, hash of the state, bytes      sequencer, bars, strategy, risk, matcher, sink
//! checksum   128 bits over all of the above
//! ```
//! A snapshot is made by a follower that runs the recorded inputs again (`recover`), never by the pipeline itself. It is
//! taken at a checkpoint, where the stages' hashes stand in the outputs too. A loaded state must hash to what the
//! snapshot says; whatever does not is no snapshot, and an older one, or the whole record, serves instead.

use super::recover::{RecoverCounts, Recovery};
use super::{Resumed, Stages};
use crate::config::PipelineConfig;
use crate::event::{SCHEMA_VERSION, StageId};
use crate::stage::Stage;
use crate::stages::strategy::StrategyError;
use crate::state::{self, StateError, StateIo};
use crate::units::{Seq, TsNs};
use xxhash_rust::xxh3::xxh3_128;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const MAGIC: [u8; 8] = *b"PITSNAP1";
/// Section of the sequencer, which is no stage of its own; stages have their ids.
const SECTION_SEQUENCER: u32 = 100;
/// Section of the end of the chain.
const SECTION_SINK: u32 = 101;
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 16;

/// Where a snapshot stands, and of which run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SnapshotHead {
    magic: [u8; 8],
    /// Version of the event layouts; those of the state follow from the program's version.
    schema_version: u64,
    /// Hash of the program's version, of which the layout of states is part.
    pub build_hash: u64,
    /// Hash of the configuration text.
    pub config_hash: u64,
    /// Hash of the instrument table.
    pub instruments_hash: u64,
    /// The last input.
    pub seq: Seq,
    /// Its time.
    pub ts: TsNs,
    /// Outputs recorded up to it.
    pub outputs: u64,
    /// Inputs of the schedule up to it.
    pub scheduled: u64,
    /// Inputs of feeds up to it.
    pub fed: u64,
    /// Number of sections.
    sections: u64,
    reserved: [u64; 4],
}

const _: () = assert!(size_of::<SnapshotHead>() == 120);

/// What comes before the bytes of a section.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SectionHead {
    id: u32,
    reserved: u32,
    bytes: u64,
    hash: [u64; 2],
}

/// Why bytes are no snapshot of this run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SnapshotError {
    /// Damaged, cut, or something else.
    #[error("it is damaged or no snapshot: {0}")]
    Damaged(&'static str),
    /// Of another run or program.
    #[error("it is of another {0}")]
    Other(&'static str),
    /// A state that cannot be.
    #[error("section {section}: {source}")]
    State {
        /// The section.
        section: u32,
        /// Why.
        source: StateError,
    },
    /// A state that hashes to something else than was saved.
    #[error("section {0}: the loaded state has another hash")]
    Hash(u32),
    /// A strategy cannot be built.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
}

/// The program and the run that snapshots belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotIds {
    /// Hash of the program's version.
    pub build_hash: u64,
    /// Hash of the configuration text.
    pub config_hash: u64,
    /// Hash of the instrument table.
    pub instruments_hash: u64,
}

type Walk<'a> = &'a mut dyn FnMut(&mut StateIo<'_>);

/// Calls `each` with every section and the walk over its state, in the order of the file.
fn sections(resumed: &mut Resumed, each: &mut dyn FnMut(u32, Walk<'_>)) {
    let Resumed { stages: Stages { bars, strategy, risk, matcher }, sequencer, sink } = resumed;
    each(SECTION_SEQUENCER, &mut |io| sequencer.state(io));
    each(StageId::Sequencer as u32, &mut |io| bars.state(io));
    each(StageId::Strategy as u32, &mut |io| strategy.state(io));
    each(StageId::Risk as u32, &mut |io| risk.state(io));
    each(StageId::Matcher as u32, &mut |io| matcher.state(io));
    each(SECTION_SINK, &mut |io| sink.state_mut().state(io));
}

/// The snapshot of a run that has just finished a checkpoint's step. `counts` are those since the run's start.
pub fn save(resumed: &mut Resumed, counts: RecoverCounts, ids: SnapshotIds) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut head = SnapshotHead {
        magic: MAGIC,
        schema_version: u64::from(SCHEMA_VERSION),
        build_hash: ids.build_hash,
        config_hash: ids.config_hash,
        instruments_hash: ids.instruments_hash,
        seq: resumed.sequencer.last_seq(),
        ts: resumed.sequencer.last_ts(),
        outputs: resumed.sink.state_mut().counts().outputs,
        scheduled: counts.scheduled,
        fed: counts.fed,
        sections: 0,
        reserved: [0; 4],
    };
    let mut body = Vec::new();
    sections(resumed, &mut |id, walk| {
        bytes.clear();
        state::save(&mut bytes, |io| walk(io));
        let hash = state::hash(u64::from(id), |io| walk(io));
        let hash = [hash as u64, (hash >> 64) as u64];
        let section = SectionHead { id, reserved: 0, bytes: bytes.len() as u64, hash };
        body.extend_from_slice(section.as_bytes());
        body.extend_from_slice(&bytes);
        head.sections += 1;
    });
    let mut file = head.as_bytes().to_vec();
    file.extend_from_slice(&body);
    let checksum = xxh3_128(&file);
    file.extend_from_slice(&checksum.to_le_bytes());
    file
}

/// Where the snapshot in `file` stands; the bytes are checked whole.
///
/// # Errors
/// If they are no undamaged snapshot.
pub fn head(file: &[u8]) -> Result<SnapshotHead, SnapshotError> {
    let content = file.len().checked_sub(CHECKSUM_BYTES).ok_or(SnapshotError::Damaged("it is too short"))?;
    let (content, checksum) = file.split_at(content);
    if xxh3_128(content).to_le_bytes() != checksum {
        return Err(SnapshotError::Damaged("its checksum does not fit"));
    }
    let (head, _) =
        SnapshotHead::read_from_prefix(content).map_err(|_| SnapshotError::Damaged("it is too short"))?;
    if head.magic != MAGIC {
        return Err(SnapshotError::Damaged("it does not start as one"));
    }
    Ok(head)
}

/// The run that `file` is a snapshot of, to be recovered from there on.
///
/// # Errors
/// If it is damaged, of another run or program, or holds a state that cannot be.
pub fn load(
    config: &PipelineConfig,
    file: &[u8],
    ids: SnapshotIds,
) -> Result<(SnapshotHead, Recovery), SnapshotError> {
    let head = head(file)?;
    if head.schema_version != u64::from(SCHEMA_VERSION) || head.build_hash != ids.build_hash {
        return Err(SnapshotError::Other("version of the program"));
    }
    if head.config_hash != ids.config_hash {
        return Err(SnapshotError::Other("configuration"));
    }
    if head.instruments_hash != ids.instruments_hash {
        return Err(SnapshotError::Other("instrument table"));
    }
    let mut resumed = Resumed::nothing(config)?;
    let mut left = &file[size_of::<SnapshotHead>()..file.len() - CHECKSUM_BYTES];
    let (mut count, mut fault) = (0, None);
    sections(&mut resumed, &mut |id, walk| {
        if fault.is_none() {
            fault = load_section(&mut left, id, walk).err();
            count += 1;
        }
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    if !left.is_empty() || count != head.sections {
        return Err(SnapshotError::Damaged("it has other sections"));
    }
    let (seq, ts) = (resumed.sequencer.last_seq(), resumed.sequencer.last_ts());
    if (seq, ts) != (head.seq, head.ts) || resumed.sink.state_mut().counts().outputs != head.outputs {
        return Err(SnapshotError::Damaged("its head is of another place"));
    }
    Ok((head, Recovery::resume(resumed, head)))
}

fn load_section(left: &mut &[u8], id: u32, walk: Walk<'_>) -> Result<(), SnapshotError> {
    let (section, rest) =
        SectionHead::read_from_prefix(left).map_err(|_| SnapshotError::Damaged("a section is missing"))?;
    if section.id != id {
        return Err(SnapshotError::Damaged("it has other sections"));
    }
    let size = usize::try_from(section.bytes).unwrap_or(usize::MAX);
    let (bytes, rest) =
        rest.split_at_checked(size).ok_or(SnapshotError::Damaged("a section is longer than the file"))?;
    state::load(bytes, |io| walk(io)).map_err(|source| SnapshotError::State { section: id, source })?;
    let hash = state::hash(u64::from(id), |io| walk(io));
    if [hash as u64, (hash >> 64) as u64] != section.hash {
        return Err(SnapshotError::Hash(id));
    }
    *left = rest;
    Ok(())
}
