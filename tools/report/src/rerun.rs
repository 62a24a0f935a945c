//! A journal's inputs run again, on virtual time and on one thread, with nothing journaled.

use crate::account::Account;
use crate::model::Report;
use pitlane_engine::drive::RunResult;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::event::{Action, Bar, Event, Kind, Signal, Timeframe};
use pitlane_engine::log::EventLog;
use pitlane_engine::sequencer::Release;
use pitlane_engine::sequencer::source::Source;
use pitlane_session::recorded::Recording;
use std::sync::{Arc, Mutex};

/// Inputs from one question whether to go on to the next.
const ASK_EVERY: u64 = 1 << 16;

/// A log that keeps the events of a step that are wanted until they are taken.
#[derive(Clone)]
struct Collected {
    events: Arc<Mutex<Vec<Event>>>,
    wanted: fn(&Event) -> bool,
}

impl Collected {
    fn new(wanted: fn(&Event) -> bool) -> Self {
        Self { events: Arc::default(), wanted }
    }

    /// Hands over what was kept, in its order.
    fn drain<E>(&self, mut each: impl FnMut(&Event) -> Result<(), E>) -> Result<(), E> {
        let mut events = self.events.lock().expect("one thread uses the log");
        let done = events.iter().try_for_each(&mut each);
        events.clear();
        done
    }
}

impl EventLog for Collected {
    fn append(&mut self, event: &Event) {
        if (self.wanted)(event) {
            self.events.lock().expect("one thread uses the log").push(*event);
        }
    }
}

/// Runs `feed`, behind the preamble of `recording` and `history`, and hands the account the steps' events that are wanted.
/// `go_on` is asked now and then; `None` if it did not want to.
///
/// # Errors
/// If a strategy cannot be built, or two sessions have one date.
pub(crate) fn steps(
    recording: &Recording,
    history: &[Event],
    feed: Box<dyn Source>,
    wanted: fn(&Event) -> bool,
    account: &mut Account<'_>,
    go_on: &mut dyn FnMut() -> bool,
) -> anyhow::Result<Option<RunResult>> {
    let (inputs, outputs) = (Collected::new(wanted), Collected::new(wanted));
    let run = recording.anew(history, feed, Box::new(inputs.clone()), Box::new(outputs.clone()));
    let mut fused = Fused::new(run)?;
    while fused.step() == Release::Released {
        inputs.drain(|input| account.input(input))?;
        outputs.drain(|output| {
            account.output(output);
            Ok::<_, std::convert::Infallible>(())
        })?;
        account.end_step();
        if fused.last_seq().0.is_multiple_of(ASK_EVERY) && !go_on() {
            return Ok(None);
        }
    }
    Ok(Some(fused.into_result()))
}

/// Runs the inputs in `feed` with the settings of `recording`, which need not be the recorded ones, and says what its days
/// came to: their figures, the curve and the trades; not how many bars, holds and hashes there were, which cost time.
/// `go_on` is asked every 65,536 inputs; `None` if it did not want to.
///
/// # Errors
/// If a strategy cannot be built.
pub fn figures(
    recording: &Recording,
    history: &[Event],
    feed: Box<dyn Source>,
    go_on: &mut dyn FnMut() -> bool,
) -> anyhow::Result<Option<(Report, RunResult)>> {
    let mut report = crate::empty();
    let mut account = Account::new(recording, &mut report, recording.pipeline.risk.capital);
    let Some(result) = steps(recording, history, feed, matters, &mut account, go_on)? else {
        return Ok(None);
    };
    account.finish();
    Ok(Some((report, result)))
}

/// Whether figures follow from the event: most bars, holds and timers change none.
fn matters(event: &Event) -> bool {
    match event.kind() {
        Kind::Timer | Kind::ConfigText | Kind::Instrument => false,
        Kind::Bar => event.body::<Bar>().timeframe == Timeframe::M1 as u8,
        Kind::Signal => event.body::<Signal>().action != Action::Hold as u8,
        _ => true,
    }
}
