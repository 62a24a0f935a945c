//! One scenario for every ring: events in slots of the engine's size go from a pinned thread to another and back, one at
//! a time (what a hop takes) or with a window of them under way (what it takes in a stream). A lap is two hops.

use crate::ROUNDS;
use crossbeam::channel;
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;
use disruptor::{BusySpin, Producer, build_single_producer};
use pitlane_benches::hop::{HandsOn, four_lines, one_line};
use pitlane_benches::spread;
use pitlane_benches::table::{Goal, row};
use pitlane_engine::drive::affinity::{allowed_cpus, bind};
use pitlane_engine::drive::ring::{Outlet, ring};
use pitlane_engine::drive::topology::RingSizes;
use pitlane_engine::drive::worker::{Duty, StageWorker, Worker};
use pitlane_engine::event::Event;
use pitlane_engine::stage::Emit;
use pitlane_engine::units::Seq;
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Events under way in a stream: few enough that no ring is full.
const WINDOW: u64 = 256;
/// Bursts of a measurement, of which the middle one counts: it is one in which both threads had their cpus.
const BURSTS: usize = 500;
/// A measurement ends after this, however many bursts those were; undisturbed it takes a tenth of it.
const LONGEST: Duration = Duration::from_millis(500);
/// Events that the engine's workers handle before they look up, as pinned runs have it.
const BUDGET: usize = 256;

/// What is measured of a ring.
#[derive(Clone, Copy)]
struct Laps {
    /// The measuring end, and the other.
    cpus: [usize; 2],
    /// Events under way at most.
    window: u64,
    /// Events that go there and back in a burst, which is much shorter than a turn of the scheduler.
    burst: u64,
    /// What goes there and back.
    event: Event,
}

impl Laps {
    /// Nanoseconds a hop in the middle burst. `send` says whether there was room, `receive` how many came back, `echo` whether it did
    /// anything.
    fn time(
        self,
        mut send: impl FnMut(&Event) -> bool + Send,
        mut receive: impl FnMut() -> u64 + Send,
        mut echo: impl FnMut() -> bool + Send,
    ) -> f64 {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                bind(self.cpus[1]).expect("the cpu is one of those allowed");
                // Relaxed: a flag without data.
                while !done.load(Ordering::Relaxed) {
                    if !echo() {
                        spin_loop();
                    }
                }
            });
            let measuring = scope.spawn(|| {
                bind(self.cpus[0]).expect("the cpu is one of those allowed");
                let (started, mut ns) = (Instant::now(), Vec::new());
                self.burst(&mut send, &mut receive);
                while ns.len() < BURSTS && started.elapsed() < LONGEST {
                    let started = Instant::now();
                    self.burst(&mut send, &mut receive);
                    ns.push(started.elapsed().as_nanos() as f64 / (2 * self.burst) as f64);
                }
                spread(ns).1
            });
            let ns = measuring.join();
            // Relaxed: as above.
            done.store(true, Ordering::Relaxed);
            ns.expect("the measuring thread does not panic")
        })
    }

    /// Sends a burst of events and waits until all are back.
    fn burst(self, send: &mut impl FnMut(&Event) -> bool, receive: &mut impl FnMut() -> u64) {
        let mut event = self.event;
        let (mut sent, mut back) = (0, 0);
        while back < self.burst {
            if sent < self.burst && sent - back < self.window {
                event.header.seq = Seq(sent);
                sent += u64::from(send(&event));
            }
            match receive() {
                0 => spin_loop(),
                some => back += some,
            }
        }
    }
}

fn slots() -> usize {
    RingSizes::default().events
}

/// The floor: one cache line goes there and back.
fn line(laps: Laps) -> f64 {
    let line = CachePadded::new(AtomicU64::new(0));
    let (line, mut sent, mut seen) = (&*line, 0, 0);
    laps.time(
        move |_| {
            sent += 2;
            line.store(sent - 1, Ordering::Release);
            true
        },
        move || {
            let is_back = line.load(Ordering::Acquire) == seen + 2;
            seen += 2 * u64::from(is_back);
            u64::from(is_back)
        },
        || {
            let at = line.load(Ordering::Acquire);
            let is_here = at % 2 == 1;
            if is_here {
                line.store(at + 1, Ordering::Release);
            }
            is_here
        },
    )
}

/// The ring that the engine's stands on, bare.
fn rtrb(laps: Laps) -> f64 {
    let (mut there, mut arriving) = rtrb::RingBuffer::<Event>::new(slots());
    let (mut returning, mut back) = rtrb::RingBuffer::<Event>::new(slots());
    laps.time(
        move |event| there.push(*event).is_ok(),
        move || u64::from(back.pop().map(|event| black_box(event.header.seq)).is_ok()),
        move || {
            let Ok(event) = arriving.pop() else { return false };
            returning.push(event).expect("fewer are under way than fit");
            true
        },
    )
}

/// Between the engine's stages: the other end is a worker as pinned runs have it, this one writes and reads as workers do.
fn engine(laps: Laps) -> f64 {
    let (there, arriving) = ring(slots());
    let (returning, mut back) = ring(slots());
    let mut there = Outlet::new(there);
    let mut worker = StageWorker::new("hop", "hop_output_full", HandsOn, arriving, returning, |_, _| {});
    laps.time(
        move |event| {
            let room = there.room();
            if let Some(slots) = room {
                there.write(slots, |call| {
                    call.emit(event);
                    call.end_step(event.header.seq, event.header.ts);
                });
            }
            room.is_some()
        },
        move || {
            let count = back.slots().min(BUDGET);
            if count == 0 {
                return 0;
            }
            let chunk = back.read_chunk(count).expect("that many events are there");
            let (first, second) = chunk.as_slices();
            for event in first.iter().chain(second) {
                black_box(event.header.seq);
            }
            chunk.commit_all();
            count as u64
        },
        move || worker.duty_cycle(BUDGET) == Duty::Worked,
    )
}

/// The same with events that use all of their slot.
fn engine_four_lines(laps: Laps) -> f64 {
    engine(Laps { event: four_lines(), ..laps })
}

fn array_queue(laps: Laps) -> f64 {
    let queue = || Arc::new(ArrayQueue::<Event>::new(slots()));
    let (there, back) = (queue(), queue());
    let (arriving, returning) = (there.clone(), back.clone());
    laps.time(
        move |event| there.push(*event).is_ok(),
        move || u64::from(back.pop().map(|event| black_box(event.header.seq)).is_some()),
        move || {
            let Some(event) = arriving.pop() else { return false };
            returning.push(event).expect("fewer are under way than fit");
            true
        },
    )
}

fn bounded_channel(laps: Laps) -> f64 {
    let (there, arriving) = channel::bounded::<Event>(slots());
    let (returning, back) = channel::bounded::<Event>(slots());
    laps.time(
        move |event| there.try_send(*event).is_ok(),
        move || u64::from(back.try_recv().map(|event| black_box(event.header.seq)).is_ok()),
        move || {
            let Ok(event) = arriving.try_recv() else { return false };
            returning.try_send(event).expect("fewer are under way than fit");
            true
        },
    )
}

/// The `disruptor` crate with pollers, so that its threads are the same as everybody's.
fn disruptor(laps: Laps) -> f64 {
    let (mut arriving, builder) = build_single_producer(slots(), one_line, BusySpin).new_event_poller();
    let mut there = builder.build();
    let (mut back, builder) = build_single_producer(slots(), one_line, BusySpin).new_event_poller();
    let mut returning = builder.build();
    laps.time(
        move |event| there.try_publish(|slot| *slot = *event).is_ok(),
        move || {
            let Ok(mut events) = back.poll() else { return 0 };
            (&mut events).fold(0, |count, event| {
                black_box(event.header.seq);
                count + 1
            })
        },
        move || {
            let Ok(mut events) = arriving.poll() else { return false };
            for event in &mut events {
                returning.publish(|slot| *slot = *event);
            }
            true
        },
    )
}

/// A ring's name and its measurement.
type Peer = (&'static str, fn(Laps) -> f64);

const PEERS: [Peer; 7] = [
    ("rtrb, bare", rtrb),
    ("the engine, between pinned stages", engine),
    ("the engine, events of four lines", engine_four_lines),
    ("crossbeam ArrayQueue", array_queue),
    ("crossbeam channel", bounded_channel),
    ("disruptor crate, poller", disruptor),
    ("one cache line, raw", line),
];

/// Prints the hops of all.
pub(crate) fn hops() {
    let cpus = allowed_cpus();
    let [first, second, ..] = cpus[..] else {
        println!("hops: skipped: a hop between pinned threads takes two cpus");
        return;
    };
    let bytes = size_of::<Event>();
    println!("hops of slots of {bytes} bytes between cpus {first} and {second}, rings of {}", slots());
    for (what, window, burst) in [("hop", 1, 500), ("in a stream", WINDOW, 4 * WINDOW)] {
        let laps = Laps { cpus: [first, second], window, burst, event: one_line() };
        // A line is one event; there is no stream of it.
        let peers = if window == 1 { &PEERS[..] } else { &PEERS[..PEERS.len() - 1] };
        let mut ns = vec![Vec::new(); peers.len()];
        for _ in 0..ROUNDS {
            for (figures, (_, measure)) in ns.iter_mut().zip(peers) {
                figures.push(measure(laps));
            }
        }
        for ((name, _), figures) in peers.iter().zip(&ns) {
            row(&format!("{what}: {name}"), figures, "ns", Goal::None);
        }
        for ((name, _), figures) in peers.iter().zip(&ns).skip(1) {
            let ratios: Vec<f64> = figures.iter().zip(&ns[0]).map(|(ns, bare)| ns / bare).collect();
            let is_ours = *name == PEERS[1].0 && window == 1;
            let goal = if is_ours { Goal::AtMost(1.05) } else { Goal::None };
            row(&format!("{what}: {name}, by bare rtrb"), &ratios, "x", goal);
        }
    }
}
