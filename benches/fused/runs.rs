//! Runs of the pipeline, and where its thread sits.

use crate::{INPUTS, WARM_UP};
use pitlane_engine::drive::affinity::{allowed_cpus, restrict, show};
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::sequencer::Release;
use pitlane_latency_bench::day::{Day, Logs};
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// The cpus there are: the last is the pipeline's, the others everybody else's.
pub(crate) struct Seats {
    cpus: Vec<usize>,
}

/// Cpus of a thread.
#[derive(Clone, Copy)]
pub(crate) struct Seat<'a>(&'a [usize]);

impl Seats {
    /// Those that this process may use. The calling thread leaves the pipeline's, and so do the threads of the journals
    /// that it makes.
    pub(crate) fn find() -> Self {
        let seats = Self { cpus: allowed_cpus() };
        let (_, others) = seats.split();
        restrict(if others.is_empty() { &seats.cpus } else { others });
        seats
    }

    fn split(&self) -> (&[usize], &[usize]) {
        let (others, measured) = self.cpus.split_at(self.cpus.len().saturating_sub(1));
        (measured, others)
    }

    /// The pipeline's.
    pub(crate) fn measured(&self) -> Seat<'_> {
        Seat(self.split().0)
    }

    /// One that is not the pipeline's, if there is one.
    pub(crate) fn other(&self) -> Option<Seat<'_>> {
        self.split().1.first_chunk::<1>().map(|cpu| Seat(cpu))
    }

    /// All of them: the scheduler chooses.
    pub(crate) fn any(&self) -> Seat<'_> {
        Seat(&self.cpus)
    }
}

impl fmt::Display for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (measured, others) = self.split();
        write!(f, "pipeline on cpu {}, everybody else on {}", show(measured), show(others))
    }
}

impl Seat<'_> {
    /// Does `work` on a thread of its own that sits here.
    pub(crate) fn run<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                assert!(restrict(self.0), "the kernel gave these cpus");
                work()
            });
            thread.join().expect("the bench's thread does not panic")
        })
    }
}

/// Millions of inputs a second of a fused run from the day's start, recorded in `logs`. Building it and sealing the logs
/// are not the pipeline's work.
pub(crate) fn rate(day: &Day, logs: Logs, seat: Seat<'_>) -> f64 {
    seat.run(move || {
        let run = day.run(day.player(), logs, WARM_UP + INPUTS).expect("the calendar has the days");
        let mut fused = Fused::new(run).expect("the strategies have their defaults");
        let mut steps = |count: u64| {
            for _ in 0..count {
                assert_eq!(fused.step(), Release::Released, "the days are longer than the run");
            }
        };
        steps(WARM_UP);
        let started = Instant::now();
        steps(INPUTS);
        let seconds = started.elapsed().as_secs_f64();
        let result = fused.into_result();
        assert!(result.log_error.is_none(), "a journal failed: {:?}", result.log_error);
        assert_eq!(result.counts.dead_letters_in, 0, "the pipeline takes every packet of the market");
        assert!(result.counts.orders > 0, "a run that trades nothing measures something else");
        INPUTS as f64 / seconds / 1e6
    })
}

/// A thread that burns its cpu until it is dropped.
pub(crate) struct Neighbour {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    /// Starts to burn on `seat`.
    pub(crate) fn start(seat: Seat<'_>) -> Self {
        let (stop, cpus) = (Arc::new(AtomicBool::new(false)), seat.0.to_vec());
        let asked = stop.clone();
        let thread = std::thread::spawn(move || {
            assert!(restrict(&cpus), "the kernel gave these cpus");
            let mut state = 1_u64;
            // Relaxed: a flag without data.
            while !asked.load(Ordering::Relaxed) {
                for _ in 0..1_000 {
                    state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // Relaxed: as above.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does nothing that can panic but to sit down, which was said on stderr.
            drop(thread.join());
        }
    }
}
