//! Every interleaving and every permitted reordering of the three hand-overs between a stream's threads, in models that
//! repeat their atomics line by line:
//!
//! * the commit word: `WriteMap::publish` and `ReadMap::commit_word` (`mmap.rs`);
//! * durability: `Work::scan`, `Work::publish` (`durable.rs`), `Durable::durable_seq`, `Writer::append`;
//! * a new segment: `Work::make_ahead`, `Work::trim_hot` (`cold.rs`), `Writer::roll`, `Work::seal` (`durable.rs`).
//!
//! Mapped bytes are cells whose unordered use loom reports. A model in which one ordering is weaker must fail: that shows
//! that it would be noticed.

use ::loom::cell::UnsafeCell;
use ::loom::sync::Arc;
use ::loom::sync::atomic::{AtomicU64, Ordering, fence};
use ::loom::thread;

/// One frame of a mapped segment.
struct Frame {
    payload: UnsafeCell<u64>,
    commit: AtomicU64,
}

// SAFETY: the payload is reached by the protocol under test alone, and loom reports every use that it does not order.
unsafe impl Sync for Frame {}

impl Frame {
    fn new() -> Self {
        Self { payload: UnsafeCell::new(0), commit: AtomicU64::new(0) }
    }

    /// `Segment::write_frame`: the payload, then `WriteMap::publish`.
    fn write(&self, value: u64, order: Ordering) {
        // SAFETY: as above.
        self.payload.with_mut(|payload| unsafe { *payload = value });
        self.commit.store(value, order);
    }

    /// `ReadMap::frame_at`: `commit_word`, then the payload, which must be the one that the word is for.
    fn read(&self) -> Option<u64> {
        let word = self.commit.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if word == 0 {
            return None;
        }
        // SAFETY: as above.
        let payload = self.payload.with(|payload| unsafe { *payload });
        assert_eq!(payload, word, "a torn frame");
        Some(payload)
    }
}

/// An `rtrb` ring with room for one: the tail is stored with Release behind the slot and loaded with Acquire before it.
struct Ring {
    slot: UnsafeCell<u64>,
    tail: AtomicU64,
}

// SAFETY: as of `Frame`.
unsafe impl Sync for Ring {}

impl Ring {
    fn new() -> Self {
        Self { slot: UnsafeCell::new(0), tail: AtomicU64::new(0) }
    }

    fn push(&self, value: u64) {
        // SAFETY: as above.
        self.slot.with_mut(|slot| unsafe { *slot = value });
        self.tail.store(1, Ordering::Release);
    }

    fn pop(&self) -> Option<u64> {
        // SAFETY: as above.
        (self.tail.load(Ordering::Acquire) == 1).then(|| self.slot.with(|slot| unsafe { *slot }))
    }
}

fn model(work: impl Fn() + Sync + Send + 'static) {
    let mut builder = ::loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(work);
}

fn commit_word(order: Ordering) {
    model(move || {
        let frames = Arc::new([Frame::new(), Frame::new()]);
        let writer = {
            let frames = Arc::clone(&frames);
            thread::spawn(move || {
                frames[0].write(1, order);
                frames[1].write(2, order);
            })
        };
        let first = frames[0].read();
        let second = frames[1].read();
        assert!(
            second.is_none() || frames[0].read() == Some(1),
            "the second frame before the first: {first:?}"
        );
        writer.join().unwrap();
    });
}

#[test]
fn loom_who_sees_the_commit_word_sees_the_frame() {
    commit_word(Ordering::Release);
}

#[test]
#[should_panic]
fn loom_notices_a_relaxed_commit_word() {
    commit_word(Ordering::Relaxed);
}

/// A writer, its durable thread, and somebody who waits until a record is durable.
fn durable(publish: Ordering) {
    struct Stream {
        frames: [Frame; 2],
        /// What was written and synced.
        disk: [Frame; 2],
        committed: AtomicU64,
        persisted: AtomicU64,
    }
    model(move || {
        let stream = Arc::new(Stream {
            frames: [Frame::new(), Frame::new()],
            disk: [Frame::new(), Frame::new()],
            committed: AtomicU64::new(0),
            persisted: AtomicU64::new(0),
        });
        let writer = {
            let stream = Arc::clone(&stream);
            thread::spawn(move || {
                for seq in 1..=2 {
                    stream.frames[seq as usize - 1].write(seq, Ordering::Release);
                    stream.committed.store(seq, Ordering::Release);
                }
            })
        };
        let durable = {
            let stream = Arc::clone(&stream);
            thread::spawn(move || {
                let mut seq = 0;
                while seq < 2 {
                    let start = seq;
                    while seq < 2 && stream.frames[seq as usize].read() == Some(seq + 1) {
                        // SAFETY: as of `Frame`; nobody looks before `persisted` says so.
                        stream.disk[seq as usize].payload.with_mut(|payload| unsafe { *payload = seq + 1 });
                        seq += 1;
                    }
                    if seq == start {
                        thread::yield_now();
                    } else {
                        stream.persisted.store(seq, publish);
                    }
                }
            })
        };
        // `Durable::durable_seq`, and what a gate relies on.
        let durable_seq = stream.persisted.load(Ordering::Acquire);
        for seq in 1..=durable_seq {
            // SAFETY: as above.
            let on_disk = stream.disk[seq as usize - 1].payload.with(|payload| unsafe { *payload });
            assert_eq!(on_disk, seq, "said to be durable");
        }
        let committed = stream.committed.load(Ordering::Acquire);
        for seq in 1..=committed {
            assert_eq!(stream.frames[seq as usize - 1].read(), Some(seq), "said to be committed");
        }
        writer.join().unwrap();
        durable.join().unwrap();
        assert_eq!(stream.persisted.load(Ordering::Acquire), 2);
    });
}

#[test]
fn loom_what_is_said_to_be_durable_was_synced() {
    durable(Ordering::Release);
}

#[test]
#[should_panic]
fn loom_notices_a_relaxed_durable_seq() {
    durable(Ordering::Relaxed);
}

/// The cold thread makes segment 1, the writer rolls into it, the durable thread follows and finishes segment 0, which the
/// cold thread then takes away.
fn roll(source_first: bool, trim: Ordering) {
    struct Stream {
        /// The roll frame of segment 0 and the first frame of segment 1.
        frames: [Frame; 2],
        ready: Ring,
        sources: Ring,
        rolled: AtomicU64,
        segment: AtomicU64,
    }
    const ROLL: u64 = 7;
    model(move || {
        let stream = Arc::new(Stream {
            frames: [Frame::new(), Frame::new()],
            ready: Ring::new(),
            sources: Ring::new(),
            rolled: AtomicU64::new(0),
            segment: AtomicU64::new(0),
        });
        let writer = {
            let stream = Arc::clone(&stream);
            thread::spawn(move || {
                if stream.ready.pop().is_none() {
                    // Not yet: other interleavings go on.
                    return;
                }
                stream.frames[0].write(ROLL, Ordering::Release);
                stream.rolled.fetch_add(1, Ordering::Release);
                stream.frames[1].write(1, Ordering::Release);
            })
        };
        let durable = {
            let stream = Arc::clone(&stream);
            thread::spawn(move || {
                // At D0 with one tier: `Work::turn` looks at a segment only when it was left.
                if stream.rolled.load(Ordering::Acquire) == 0 {
                    return;
                }
                assert_eq!(stream.frames[0].read(), Some(ROLL), "left, and not all of it is seen");
                assert_eq!(stream.sources.pop(), Some(1), "a segment gets here before the writer gets it");
                stream.segment.fetch_add(1, Ordering::Release);
            })
        };
        // The cold thread, which made segment 1: its zeros are the cells' first values.
        if source_first {
            stream.sources.push(1);
            stream.ready.push(1);
        } else {
            stream.ready.push(1);
            stream.sources.push(1);
        }
        if stream.segment.load(trim) == 1 {
            // SAFETY: as of `Frame`; taking the segment away stands for a last write to it.
            stream.frames[0].payload.with_mut(|payload| unsafe { *payload = 0 });
        }
        writer.join().unwrap();
        durable.join().unwrap();
        stream.frames[1].read();
    });
}

#[test]
fn loom_a_roll_finds_its_segment_and_a_segment_goes_when_it_is_done() {
    roll(true, Ordering::Acquire);
}

#[test]
#[should_panic]
fn loom_notices_a_segment_that_the_writer_gets_first() {
    roll(false, Ordering::Acquire);
}

#[test]
#[should_panic]
fn loom_notices_a_segment_that_is_taken_away_unordered() {
    roll(true, Ordering::Relaxed);
}
