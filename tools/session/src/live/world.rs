//! What a run on the wall clock meets, as the runner of pipelines sees it.

use crate::operator::Told;
use crate::signals::Signals;
use pitlane_engine::drive::Broker;
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::event::Event;
use pitlane_engine::stages::live_venue::OpenOrder;
use pitlane_engine::units::{InstrumentId, Qty};
use pitlane_journal::Durable;
use std::path::Path;

/// A run as it is about to begin, or to go on.
pub struct Opening<'a> {
    /// Orders at the broker that are not known to be over, of a run that goes on.
    pub orders: &'a [OpenOrder],
    /// Its positions, those that are not flat.
    pub positions: Vec<(InstrumentId, Qty)>,
    /// How far the inputs are on the disk; `None` without a journal.
    pub inputs: Option<Durable>,
    /// The journal's directory.
    pub dir: Option<&'a Path>,
    /// Who the journal is, the same after every restart.
    pub journal: [u8; 16],
    /// Whether the process was asked to stop.
    pub signals: &'a Signals,
}

/// The market's time, the broker, and who looks after both.
pub trait World {
    /// The market's clock.
    fn pace(&self) -> Pace;

    /// Called when the journal is open and what was recovered is known, before anything is released: the way to a broker,
    /// if the run has one, and who looks after the world while it lasts.
    ///
    /// # Errors
    /// If the run may not begin.
    fn open(&mut self, opening: &Opening<'_>) -> anyhow::Result<(Option<Broker>, Box<dyn Helper>)>;

    /// Called when the run is over, well or badly.
    ///
    /// # Errors
    /// If a thread of the world panicked.
    fn close(&mut self) -> anyhow::Result<()>;
}

/// Looks after a running world, about every millisecond, on the thread of helpers.
pub trait Helper: Send {
    /// Moves on what is there to be moved.
    fn poll(&mut self, commands: &mut rtrb::Producer<Event>);

    /// What an operator told the run just now.
    fn told(&mut self, told: &Told);
}
