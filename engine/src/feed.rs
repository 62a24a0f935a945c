//! What the decoder reads: frames as they came off a wire, from a socket, a file or a generator.

use crate::event::Event;
use crate::units::TsNs;

/// What a feed has to offer now.
#[derive(Debug)]
pub enum FeedItem<'a> {
    /// One frame in the broker's wire format, and when it was received (for a file: its row's time).
    Frame {
        /// Receive time; should not decrease, and is raised to the previous one if it does.
        received: TsNs,
        /// The frame's bytes.
        bytes: &'a [u8],
    },
    /// Input that never became a frame, as a `DeadLetter` event with its reason.
    Refused(&'a Event),
    /// Nothing now, more later. On virtual time an open feed without a head blocks the sequencer.
    Pending,
    /// Nothing now, and whatever comes later is received later than now: on the wall clock, timers and reports go on.
    Quiet,
    /// Nothing ever again.
    Closed,
}

/// A source of frames. Polling allocates nothing once the feed runs.
pub trait FrameFeed: Send {
    /// The next item; it is consumed by the call.
    fn poll(&mut self) -> FeedItem<'_>;
}

impl<F: FrameFeed + ?Sized> FrameFeed for Box<F> {
    fn poll(&mut self) -> FeedItem<'_> {
        (**self).poll()
    }
}
