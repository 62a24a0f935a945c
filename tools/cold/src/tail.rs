//! A journal, read step by step behind what is durable of it.

use crate::fault;
use crate::frontier::{Frontier, Last};
use anyhow::Context as _;
use pitlane_engine::event::{Event, Kind, SessionStart};
use pitlane_journal::EndState;
use pitlane_rows::{Context, Date, Offset, Progress, Projection, RowSink, Steps, Uuid};
use pitlane_session::exit::data;
use pitlane_session::recorded::Recording;
use pitlane_store::{EventStream, INPUTS, OUTPUTS, StoreError, has_stream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A journal and what its head says.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Where it is.
    pub dir: PathBuf,
    /// What rows are made with.
    pub context: Context,
}

impl Journal {
    /// Opens the journal at `dir`.
    ///
    /// # Errors
    /// If there is none, its run has not begun, or its configuration is not one of this version.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let uuid = EventStream::open_kept(dir, INPUTS)?.journal_uuid();
        let recording = Recording::open(dir)?;
        let context = Context {
            journal: Uuid(uuid),
            venue: recording.venue(),
            instruments: recording.head.instruments,
            strategies: recording.pipeline.strategies.into_iter().map(|strategy| strategy.id).collect(),
            charges: recording.pipeline.charges,
            capital: recording.pipeline.risk.capital,
            config_text: recording.head.config_text,
            first_date: recording.head.first_session.date,
        };
        Ok(Self { dir: dir.to_owned(), context })
    }

    /// Its name.
    pub fn uuid(&self) -> Uuid {
        self.context.journal
    }

    /// Trading dates of its sessions, as far as it is recorded. Reads all inputs.
    ///
    /// # Errors
    /// If they are damaged.
    pub fn dates(&self) -> anyhow::Result<Vec<Date>> {
        let mut dates = vec![Date::of(self.context.first_date)];
        let mut inputs = EventStream::open_kept(&self.dir, INPUTS)?;
        while let Some(event) = inputs.try_next()? {
            if event.kind() == Kind::SessionStart {
                dates.push(Date::of(event.body::<SessionStart>().date));
            }
        }
        dates.sort_unstable();
        dates.dedup();
        Ok(dates)
    }

    /// Whether retention has removed the beginning of one of its streams.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn begins_late(&self) -> anyhow::Result<bool> {
        for stream in [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(&self.dir, stream)) {
            if EventStream::open_kept(&self.dir, stream)?.begins_late() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether and how a journal was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// By its writer: nothing will follow.
    InOrder,
    /// By a repair: nothing follows unless the engine goes on with it.
    Repaired,
    /// Not yet.
    Not,
}

/// How the journal at `dir` stands.
///
/// # Errors
/// If its headers cannot be read.
pub fn closed(dir: &Path) -> anyhow::Result<Closed> {
    let mut closed = Closed::InOrder;
    for stream in [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(dir, stream)) {
        let mut frontier = Frontier::new(dir, stream);
        frontier.look().with_context(|| format!("cannot read {}", dir.join(stream).display()))?;
        match frontier.last() {
            Last::Open => return Ok(Closed::Not),
            Last::Recovered => closed = Closed::Repaired,
            Last::Sealed => {}
        }
    }
    // A writer that has recovered the streams goes on with them, and one that goes over to its next segments has sealed the
    // ones before.
    Ok(if has_writer(dir) { Closed::Not } else { closed })
}

/// Whether the process that the journal's lock names still has the lock open. Its number alone says little: it may be
/// another process' by now. Nothing is locked to find out, so no writer that starts is in the way.
fn has_writer(dir: &Path) -> bool {
    let path = dir.join("LOCK");
    let named = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let (Some(pid), Ok(lock)) = (named, std::fs::metadata(&path)) else { return false };
    match std::fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(open) => open.flatten().any(|file| {
            std::fs::metadata(file.path())
                .is_ok_and(|file| (file.dev(), file.ino()) == (lock.dev(), lock.ino()))
        }),
        // Another user's process: it is taken for the writer.
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// A stream behind its frontier.
struct Stream {
    events: EventStream,
    frontier: Frontier,
    /// Number of the frame that comes next.
    next: u64,
    /// What was read to find out whether the stream has ended, and may not be durable yet.
    held: Option<Event>,
    ended: bool,
}

impl Stream {
    fn open(dir: &Path, stream: &'static str, behind: u64) -> Result<Self, StoreError> {
        let mut events =
            if behind == 0 { EventStream::open(dir, stream)? } else { EventStream::open_kept(dir, stream)? };
        if behind > 0 {
            events.seek(behind + 1)?;
        }
        let frontier = Frontier::new(dir, stream);
        Ok(Self { events, frontier, next: behind + 1, held: None, ended: false })
    }

    /// Whether its last segment was sealed, which counts if recovery did it only as `repaired` says.
    fn is_closed(&self, repaired: bool) -> bool {
        match self.frontier.last() {
            Last::Open => false,
            Last::Sealed => true,
            Last::Recovered => repaired,
        }
    }

    fn take(&mut self) -> Result<Option<Event>, StoreError> {
        if self.next > self.frontier.seq() {
            return Ok(None);
        }
        let event = match self.held.take() {
            Some(event) => Some(event),
            None => self.events.try_next()?,
        };
        self.next += u64::from(event.is_some());
        Ok(event)
    }

    /// Asks the files how far they are durable, and whether they have ended. `repaired` says that what a repair has
    /// sealed counts as ended.
    fn look(&mut self, repaired: bool) -> Result<(), StoreError> {
        let failed = |source| StoreError::Io { path: PathBuf::from("the header of a segment"), source };
        self.frontier.look().map_err(failed)?;
        if self.is_closed(repaired) && self.next > self.frontier.seq() {
            // The next segment may hold something already, which its header does not say yet.
            if self.held.is_none() {
                self.held = self.events.try_next()?;
            }
            self.ended = self.held.is_none() && self.events.end_state() == Some(EndState::Sealed);
        }
        Ok(())
    }
}

/// Hands whole steps of a journal to a projection.
pub struct Tail {
    dir: PathBuf,
    inputs: Stream,
    outputs: Option<Stream>,
    outputs_behind: u64,
    steps: Steps,
    repaired: bool,
}

impl Tail {
    /// Behind `offset`, from where rows are wanted. `repaired` says that the journal was closed by a repair, and that this
    /// is its end.
    ///
    /// # Errors
    /// If the journal cannot be read there, or ends before.
    pub fn open(journal: &Journal, offset: Offset, repaired: bool) -> anyhow::Result<Self> {
        let inputs = Stream::open(&journal.dir, INPUTS, offset.seq)?;
        let mut tail = Self {
            dir: journal.dir.clone(),
            inputs,
            outputs: None,
            outputs_behind: offset.outputs,
            steps: Steps::new(),
            repaired,
        };
        tail.look()?;
        let durable = tail.inputs.frontier.seq();
        if durable < offset.seq {
            return Err(data(format!(
                "journal {}: its inputs are durable up to {durable}, and rows of inputs up to {} were kept: it has lost \
                 records, or is a copy of an earlier time; restore it, or keep its rows in another archive",
                journal.dir.display(),
                offset.seq
            )));
        }
        Ok(tail)
    }

    /// Looks again how far the journal is durable.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn look(&mut self) -> anyhow::Result<()> {
        if self.outputs.is_none() && has_stream(&self.dir, OUTPUTS) {
            self.outputs = match Stream::open(&self.dir, OUTPUTS, self.outputs_behind) {
                Ok(stream) => Some(stream),
                // Its folder is made before its first segment.
                Err(StoreError::Journal(pitlane_journal::JournalError::NoStream { .. }))
                    if !self.inputs.ended =>
                {
                    None
                }
                Err(error) => return Err(error.into()),
            };
        }
        if let Some(outputs) = &mut self.outputs {
            outputs.look(self.repaired)?;
        }
        Ok(self.inputs.look(self.repaired)?)
    }

    /// The next step, if it is durable.
    ///
    /// # Errors
    /// If the journal is damaged.
    pub fn advance(
        &mut self,
        projection: &mut Projection,
        sink: &mut dyn RowSink,
    ) -> anyhow::Result<Progress> {
        let Self { inputs, outputs, steps, repaired, .. } = self;
        // An import has no outputs, which is known when its inputs have ended.
        let outputs_ended = outputs.as_ref().map_or(inputs.is_closed(*repaired), |outputs| outputs.ended);
        let mut next_output = || outputs.as_mut().map_or(Ok(None), Stream::take);
        steps
            .advance(&mut || inputs.take(), &mut next_output, outputs_ended, projection, sink)
            .map_err(fault::steps)
    }

    /// From now on what a repair has closed is the end: see [`closed`].
    pub fn end_where_repaired(&mut self) {
        self.repaired = true;
    }

    /// The last input that is durable.
    pub fn durable_seq(&self) -> u64 {
        self.inputs.frontier.seq()
    }

    /// The durability level of the journal's writer.
    pub fn level(&self) -> u32 {
        self.inputs.frontier.level()
    }

    /// Whether both streams have ended and everything was taken. An output of an input that is not there is left over: such a
    /// journal is not whole.
    pub fn has_ended(&self, projection: &Projection) -> bool {
        self.inputs.ended
            && self.outputs.as_ref().is_none_or(|outputs| outputs.ended)
            && self.steps.is_empty()
            && projection.seq() == self.durable_seq()
    }
}
