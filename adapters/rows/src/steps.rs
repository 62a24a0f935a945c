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

/// Puts the streams together. A step is complete when an output of a later one is there, or when the outputs have ended:
/// until then the next input waits, so that rows are never made of half a step.
#[derive(Debug, Default)]
pub struct Steps {
    input: Option<Event>,
    output: Option<Event>,
    /// Whether an input was taken whose step is not ended.
    begun: bool,
}

impl Steps {
    /// Nothing read yet. For going on from an [`Offset`](crate::Offset), seek the inputs to `seq + 1` and the outputs to
    /// frame `outputs + 1`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on to the end of the next step. `outputs_ended` says that nothing will follow the outputs that are there: the
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
        loop {
            if self.begun {
                if self.output.is_none() {
                    self.output = outputs().map_err(StepsError::Read)?;
                }
                match &self.output {
                    Some(event) if event.header.seq.0 <= projection.seq() => {
                        projection.output(event, sink)?;
                        self.output = None;
                    }
                    None if !outputs_ended => return Ok(Progress::Waiting),
                    _ => {
                        projection.end_step(sink);
                        self.begun = false;
                        return Ok(Progress::Step);
                    }
                }
            } else {
                if self.input.is_none() {
                    self.input = inputs().map_err(StepsError::Read)?;
                }
                let Some(event) = self.input.take() else { return Ok(Progress::Waiting) };
                projection.input(&event, sink)?;
                self.begun = true;
            }
        }
    }
}
