//! Known bugs, planted on purpose behind the feature `planted` and chosen by name at run time, so that the tests can
//! prove that they would catch them. Without the feature every question is answered `false` at compile time.

/// The bugs that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// The release rule is the time of the last finished event plus `L_min`, and nothing else.
    FrontierLastFinished = 1,
    /// The venue publishes `done_seq` before its step ends.
    DoneBeforeStepEnd = 2,
    /// The report ring is drained before `done_seq` is loaded.
    DrainBeforeLoad = 3,
    /// The release rule allows a time equal to the frontier's promise.
    ReleaseAtBound = 4,
}

impl Bug {
    /// Every bug with the name it is chosen by.
    pub const ALL: &[(&'static str, Self)] = &[
        ("frontier-last-finished", Self::FrontierLastFinished),
        ("done-before-step-end", Self::DoneBeforeStepEnd),
        ("drain-before-load", Self::DrainBeforeLoad),
        ("release-at-bound", Self::ReleaseAtBound),
    ];

    /// The bug of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, bug)| *bug)
    }
}

#[cfg(feature = "planted")]
mod chosen {
    use std::cell::Cell;

    thread_local! {
        static BUG: Cell<u8> = const { Cell::new(0) };
    }

    /// Plants `bug` for everything that runs on this thread, or none. The seeded simulation runs on one thread.
    pub fn plant(bug: Option<super::Bug>) {
        BUG.with(|cell| cell.set(bug.map_or(0, |bug| bug as u8)));
    }

    pub(crate) fn is_planted(bug: super::Bug) -> bool {
        BUG.with(|cell| cell.get() == bug as u8)
    }
}

#[cfg(feature = "planted")]
pub(crate) use chosen::is_planted;
#[cfg(feature = "planted")]
pub use chosen::plant;

#[cfg(not(feature = "planted"))]
pub(crate) const fn is_planted(_bug: Bug) -> bool {
    false
}
