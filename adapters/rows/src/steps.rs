//! The two streams of a journal in one order: every input, then the outputs it caused.

use crate::projection::{Projection, ProjectionError};
use crate::tables::RowSink;
use pitlane_engine::event::Event;

/// What one call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A step is complete: everything up to `Projection::offset` is in the rows, and this is a place to commit.
    Step,
    /// What is there is used up. There may be more later, unless both streams have ended; then all is done.
    Waiting,
}

/// Why the streams cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum StepsError<E> {
    /// A stream could not be read.
    #[error(transparent)]
    Read(E),
    /// The events are not those of one journal, in order.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

/// Puts the streams together. A step is handed on whole, once an output of a later one is there, or when the outputs have
/// ended: so the projection is always between steps when a call returns, and rows are never made of half a step.
#[derive(Debug, Default)]
pub struct Steps {
    input: Option<Event>,
    /// What the input caused, as far as it was read.
    caused: Vec<Event>,
    /// An output of a later step.
    later: Option<Event>,
}

impl Steps {
    /// Nothing read yet. For going on from an [`Offset`](crate::Offset), seek the inputs to `seq + 1` and the outputs to
    /// frame `outputs + 1`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was read that was not handed on.
    pub fn is_empty(&self) -> bool {
        self.input.is_none() && self.caused.is_empty() && self.later.is_none()
    }

    /// Hands the next step to the projection. `outputs_ended` says that nothing will follow the outputs that are there: the
    /// stream is sealed, or the journal has none; ask before each call. `inputs` and `outputs` give the next event, or
    /// `None` while there is none (never one that may still be lost).
    ///
    /// # Errors
    /// If a stream cannot be read, or the events do not follow each other; the projection is then of no more use.
    pub fn advance<E>(
        &mut self,
        inputs: &mut dyn FnMut() -> Result<Option<Event>, E>,
        outputs: &mut dyn FnMut() -> Result<Option<Event>, E>,
        outputs_ended: bool,
        projection: &mut Projection,
        sink: &mut dyn RowSink,
    ) -> Result<Progress, StepsError<E>> {
        if self.input.is_none() {
            self.input = inputs().map_err(StepsError::Read)?;
        }
        let Some(input) = &self.input else { return Ok(Progress::Waiting) };
        loop {
            if self.later.is_none() {
                self.later = outputs().map_err(StepsError::Read)?;
            }
            match self.later.take_if(|output| output.header.seq <= input.header.seq) {
                Some(output) => self.caused.push(output),
                None if self.later.is_none() && !outputs_ended => return Ok(Progress::Waiting),
                None => break,
            }
        }
        projection.input(input, sink)?;
        for output in self.caused.drain(..) {
            projection.output(&output, sink)?;
        }
        projection.end_step(sink);
        self.input = None;
        Ok(Progress::Step)
    }
}
