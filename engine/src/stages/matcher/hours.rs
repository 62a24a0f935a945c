//! When each instrument is in continuous trading, and when the next orders must be cancelled because it ends.

use crate::state::StateIo;
use crate::units::{InstrumentId, TsNs};

/// Continuous trading of one instrument: from `open` until just before `close`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    open: TsNs,
    close: TsNs,
}

/// The hours of every instrument in the current session. Before the first session none is open.
pub(super) struct TradingHours {
    spans: Box<[Span]>,
    /// No order rests in an instrument that closes before this: the earliest close of those in which one came
    /// to rest. So a timer before it costs one comparison.
    due: TsNs,
}

/// Nothing rests that will have to be cancelled.
const NEVER: TsNs = TsNs(u64::MAX);

impl TradingHours {
    /// No hours for the instruments `0 .. instruments`.
    pub(super) fn new(instruments: usize) -> Self {
        Self { spans: vec![Span::default(); instruments].into_boxed_slice(), due: NEVER }
    }

    /// Gives every instrument the hours of a session in which nothing rests yet.
    pub(super) fn start(&mut self, open: TsNs, close: TsNs) {
        self.spans.fill(Span { open, close });
        self.due = NEVER;
    }

    /// Gives one instrument its own hours. One that is not in the table is ignored, as its packets are.
    pub(super) fn set(&mut self, instrument: InstrumentId, open: TsNs, close: TsNs) {
        if let Some(span) = self.spans.get_mut(instrument.index()) {
            *span = Span { open, close };
            // They come before any order. Should one rest already, it is not forgotten.
            self.rests(instrument);
        }
    }

    /// Whether an instrument of the table is in continuous trading at `now`.
    pub(super) fn is_open(&self, instrument: InstrumentId, now: TsNs) -> bool {
        let span = self.spans[instrument.index()];
        span.open <= now && now < span.close
    }

    /// Notes that an order came to rest in an instrument of the table.
    pub(super) fn rests(&mut self, instrument: InstrumentId) {
        self.due = self.due.min(self.spans[instrument.index()].close);
    }

    /// Whether orders may rest in instruments that have closed at `now`.
    pub(super) fn is_due(&self, now: TsNs) -> bool {
        self.due <= now
    }

    /// Whether an instrument of the table has closed at `now`.
    pub(super) fn has_closed(&self, instrument: InstrumentId, now: TsNs) -> bool {
        self.spans[instrument.index()].close <= now
    }

    /// Forgets what was noted of resting orders: the caller notes again where some still rest.
    pub(super) fn clear_due(&mut self) {
        self.due = NEVER;
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.time_or_never(&mut self.due);
        for span in &mut self.spans {
            io.time_or_never(&mut span.open);
            io.time_or_never(&mut span.close);
        }
    }
}
