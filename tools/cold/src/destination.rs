//! What rows are kept in. Each destination has its own place in the journal and goes its own pace.

use crate::fault;
use crate::tail::{Journal, Tail};
use pitlane_parquet::{Archive, Opened, Options, Writer, Written};
use pitlane_rows::{Offset, Progress, Projection, RowSink};

/// What was kept at once: all of it is there, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Rows.
    pub rows: u64,
    /// Up to where the journal's rows are now kept.
    pub offset: Offset,
}

/// Whatever keeps rows.
pub trait Destination: Send {
    /// Its name for people.
    fn name(&self) -> &'static str;

    /// Where the rows of the step that comes next go.
    fn sink(&mut self) -> &mut dyn RowSink;

    /// A step has ended; it may keep what it has gathered.
    ///
    /// # Errors
    /// If it cannot. Nothing that was kept is lost; what was gathered may be.
    fn end_step(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>>;

    /// Nothing more is durable for now.
    ///
    /// # Errors
    /// As for `end_step`.
    fn idle(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>>;

    /// This is the end, of the journal or of this process: everything is to be kept.
    ///
    /// # Errors
    /// As for `end_step`.
    fn finish(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>>;
}

/// A destination with its place in a journal.
pub struct Place {
    /// The destination.
    pub destination: Box<dyn Destination>,
    /// The state of the projection at its place.
    pub projection: Projection,
    /// What was found damaged and is written again.
    pub repairs: Vec<String>,
}

/// The Parquet files of an archive.
struct Parquet(Writer);

/// The place of a journal in an archive; it is held until the destination is dropped.
///
/// # Errors
/// If another process holds it, the archive is of another version or has other options, or the disk fails.
pub fn parquet(archive: &Archive, journal: &Journal, options: Options) -> anyhow::Result<Place> {
    Writer::open(archive, journal.context.clone(), options).map(Place::from).map_err(fault::archive)
}

impl From<Opened> for Place {
    fn from(Opened { writer, projection, repairs }: Opened) -> Self {
        Self { destination: Box::new(Parquet(writer)), projection, repairs }
    }
}

fn committed(written: Option<Written>) -> Option<Committed> {
    written.map(|written| Committed { rows: written.rows(), offset: written.offset })
}

impl Destination for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn sink(&mut self) -> &mut dyn RowSink {
        &mut self.0
    }

    fn end_step(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        self.0.end_step(projection).map(committed).map_err(fault::archive)
    }

    /// A range has its fixed end: what comes before it waits in memory.
    fn idle(&mut self, _projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        Ok(None)
    }

    fn finish(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        self.0.finish(projection).map(committed).map_err(fault::archive)
    }
}

/// How far reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The end of the journal: everything is kept.
    End,
    /// The end of what is durable.
    Durable,
    /// The bound on the steps of one call.
    Bound,
}

/// Hands at most `steps` steps on, and calls `kept` for what was committed.
///
/// # Errors
/// If the journal is damaged, or the destination fails.
pub fn follow(
    tail: &mut Tail,
    place: &mut Place,
    steps: u64,
    kept: &mut dyn FnMut(Committed),
) -> anyhow::Result<Reached> {
    let Place { destination, projection, .. } = place;
    for _ in 0..steps {
        if tail.advance(projection, destination.sink())? == Progress::Step {
            destination.end_step(projection)?.into_iter().for_each(&mut *kept);
            continue;
        }
        // Once more behind a new look, which is what tells the end.
        tail.look()?;
        if tail.advance(projection, destination.sink())? == Progress::Step {
            destination.end_step(projection)?.into_iter().for_each(&mut *kept);
            continue;
        }
        if tail.has_ended(projection) {
            destination.finish(projection)?.into_iter().for_each(&mut *kept);
            return Ok(Reached::End);
        }
        destination.idle(projection)?.into_iter().for_each(&mut *kept);
        return Ok(Reached::Durable);
    }
    Ok(Reached::Bound)
}
