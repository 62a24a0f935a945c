//! What goes between pinned stages when only the way is measured.

use pitlane_engine::event::{Event, FLAG_STEP_END, StageId, Timer};
use pitlane_engine::stage::{Emit, Progress, Stage};
use pitlane_engine::state::StateIo;
use pitlane_engine::units::{InstrumentId, TsNs};

/// An event that is a step of its own. It uses one line of its slot, as last prices, timers and reports of what became of an order do.
pub fn one_line() -> Event {
    let mut event = Event::new(InstrumentId::NONE, 0, &Timer { due: TsNs::ZERO, reserved: [0; 24] });
    event.header.flags |= FLAG_STEP_END;
    event
}

/// The same that uses all four, as a packet with depth does.
pub fn four_lines() -> Event {
    let mut event = one_line();
    event.header.lines = 4;
    event
}

/// A stage that hands everything on.
pub struct HandsOn;

impl Stage for HandsOn {
    const ID: StageId = StageId::Strategy;

    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        out.emit(event);
        Progress::Done
    }

    fn state(&mut self, _io: &mut StateIo<'_>) {}
}
