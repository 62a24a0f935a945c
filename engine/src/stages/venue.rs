//! Where orders go: the paper venue, or a broker.

use super::live_venue::{LiveVenue, OpenOrder};
use super::matcher::Matcher;
use crate::config::PipelineConfig;
use crate::event::{Event, StageId};
use crate::stage::{Emit, Progress, Stage, StepEnd};
use crate::state::StateIo;

/// The last stage of the chain.
pub enum Venue {
    /// Our own exchange.
    Paper(Box<Matcher>),
    /// A broker, through the gateway.
    Live(Box<LiveVenue>),
}

impl Venue {
    /// The venue of a configuration.
    pub fn new(config: &PipelineConfig) -> Self {
        if config.venue.live {
            Self::Live(Box::new(LiveVenue::new(config)))
        } else {
            Self::Paper(Box::new(Matcher::new(config)))
        }
    }

    /// Orders at a broker that are not known to be over; none with a venue of our own.
    pub fn open_orders(&self) -> &[OpenOrder] {
        match self {
            Self::Paper(_) => &[],
            Self::Live(venue) => venue.open_orders(),
        }
    }
}

impl Stage for Venue {
    const ID: StageId = StageId::Matcher;

    #[inline(always)]
    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        match self {
            Self::Paper(matcher) => matcher.on_event(event, out),
            Self::Live(venue) => venue.on_event(event, out),
        }
    }

    fn resume(&mut self, out: &mut impl Emit) -> Progress {
        match self {
            Self::Paper(matcher) => matcher.resume(out),
            Self::Live(venue) => venue.resume(out),
        }
    }

    #[inline(always)]
    fn on_step_end(&mut self, end: StepEnd, out: &mut impl Emit) -> Progress {
        match self {
            Self::Paper(matcher) => matcher.on_step_end(end, out),
            Self::Live(venue) => venue.on_step_end(end, out),
        }
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        match self {
            Self::Paper(matcher) => matcher.state(io),
            Self::Live(venue) => venue.state(io),
        }
    }
}
