//! Known bugs, planted on purpose behind the feature `planted`, so that the tests can prove that they would catch
//! them. A bug belongs to a [`Disk`](crate::disk::Disk), because a stream has three threads.

/// The bugs that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "planted"), allow(dead_code, reason = "only asked for"))]
pub(crate) enum Bug {
    /// The commit word is stored before the payload.
    EarlyCommit,
    /// Readers and recovery take any checksum.
    CrcSkipped,
    /// The checksum does not depend on the frame's place.
    CrcSeedWithoutOffset,
    /// A batch carries its own watermark instead of the previous one's.
    WatermarkEarly,
    /// The last batch of a segment is not synced before the next segment is written.
    SyncSkippedOnRoll,
    /// A new segment's name is not made durable.
    DirSyncMissing,
    /// Recovery stores a new checksum over a torn frame instead of cutting it.
    RecoveryRechecksums,
    /// A segment of an older epoch is accepted behind a newer one.
    StaleEpochAccepted,
    /// `durable_seq` is published before the sync.
    DurableBeforeSync,
    /// A failed sync is ignored.
    SyncErrorIgnored,
    /// Recovery does not look at the watermark.
    WatermarkIgnored,
    /// Recovery does not look into the hot tier.
    HotTierIgnored,
    /// The hot tier of another boot is merged.
    BootIdIgnored,
    /// The hash chain starts anew in every segment.
    ChainNotLinked,
    /// A seq that repeats is accepted.
    SeqIgnored,
    /// Recovery takes what it can read for what is on the disk, also after a failed sync.
    CleanPagesTrusted,
    /// Recovery removes segments without a sync behind each.
    RemovalsTogether,
}

#[cfg(feature = "planted")]
mod chosen {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static BUG: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug in what this thread reads and recovers.
    #[cfg(test)]
    pub(crate) fn plant(bug: Option<Bug>) {
        BUG.with(|cell| cell.set(bug));
    }

    pub(crate) fn is_planted(bug: Bug) -> bool {
        BUG.with(Cell::get) == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub(crate) use chosen::is_planted;
#[cfg(all(feature = "planted", test))]
pub(crate) use chosen::plant;

/// Whether reading and recovery on this thread have this bug.
#[cfg(not(feature = "planted"))]
#[inline]
pub(crate) const fn is_planted(_bug: Bug) -> bool {
    false
}
