//! The step at which a call's bytes begin to leave: the connection stands.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use ureq::Error;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};

/// How often the kill switch was pulled. Shared by whoever hands calls over and whoever carries them.
#[derive(Clone, Debug, Default)]
pub struct LatchCount(Arc<AtomicU64>);

impl LatchCount {
    /// So often until now.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// The kill switch was pulled: calls that end with it and were handed over before do not leave any more.
    pub fn pull(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// This thread's next call may leave only while the count is this one, until what is returned is dropped.
    pub(super) fn permit(&self, count: u64) -> Permit {
        PERMIT.set(Some((self.clone(), count)));
        Permit
    }
}

/// See [`LatchCount::permit`].
pub(super) struct Permit;

impl Drop for Permit {
    fn drop(&mut self) {
        PERMIT.set(None);
    }
}

/// How far this thread's call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not asked for a connection, or it has one, a new one or an idle one: bytes may have left.
    Unclear,
    /// It asked for a connection and got none.
    NoConnection,
    /// The kill switch was pulled while the connection was made.
    Latched,
}

thread_local! {
    static PERMIT: RefCell<Option<(LatchCount, u64)>> = const { RefCell::new(None) };
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Unclear) };
}

/// A call of this thread begins.
pub(super) fn begin() {
    PHASE.set(Phase::Unclear);
}

/// How far it came.
pub(super) fn phase() -> Phase {
    PHASE.get()
}

/// Makes connections as ever, and says which calls got none. Calls are made on the thread that asks for them.
#[derive(Debug, Default)]
pub(super) struct Watched(DefaultConnector);

impl Connector for Watched {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        PHASE.set(Phase::NoConnection);
        let connection = self.0.connect(details, chained)?;
        let pulled = PERMIT
            .with_borrow(|permit| permit.as_ref().is_some_and(|(latches, count)| latches.now() != *count));
        if pulled {
            PHASE.set(Phase::Latched);
            return Err(Error::ConnectionFailed);
        }
        if connection.is_some() {
            PHASE.set(Phase::Unclear);
        }
        Ok(connection)
    }
}
