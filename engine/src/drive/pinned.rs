//! One thread per worker, bound to its cpu.

use super::RunResult;
use super::affinity::{AffinityError, bind, set_realtime};
use super::idle::Wait;
use super::worker::{Duty, Worker, empty_result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Events a worker handles before it looks up.
const BUDGET: usize = 256;

const RUNNING: u8 = 0;
const STOPPING: u8 = 1;
const ABORTED: u8 = 2;

/// Why a pinned run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum PinnedError {
    /// A thread could not be bound.
    #[error(transparent)]
    Affinity(#[from] AffinityError),
    /// A worker panicked: a bug. Its message went to stderr.
    #[error("the thread of `{0}` panicked; this is a bug, please report it with the message above")]
    Panicked(&'static str),
    /// A thread did not get its priority.
    #[error("a thread cannot have the real-time priority: {0}; set engine.realtime_priority to 0")]
    Priority(std::io::Error),
    /// The system has no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Sets the run's state to aborted when a worker's thread unwinds, so that the others do not wait for it for ever.
struct AbortOnPanic(Arc<AtomicU8>);

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Relaxed: a flag without data; the others look at it again and again.
            self.0.store(ABORTED, Ordering::Relaxed);
        }
    }
}

/// Runs `workers` to their end, one thread each, on `cpus` (one id per worker). `stop` is asked now and then on the
/// caller's thread; once it says so, the input from outside is closed.
///
/// # Errors
/// If a thread cannot be started or bound, or panics.
pub fn run(
    workers: Vec<Box<dyn Worker>>,
    cpus: &[usize],
    wait: Wait,
    stop: &dyn Fn() -> bool,
) -> Result<RunResult, PinnedError> {
    run_realtime(workers, cpus, wait, None, stop)
}

/// The same with a real-time priority of the threads, which must be one that can be had (`affinity::check_realtime`).
///
/// # Errors
/// As `run`, and if a thread does not get the priority.
pub fn run_realtime(
    workers: Vec<Box<dyn Worker>>,
    cpus: &[usize],
    wait: Wait,
    priority: Option<u8>,
    stop: &dyn Fn() -> bool,
) -> Result<RunResult, PinnedError> {
    assert_eq!(workers.len(), cpus.len(), "one cpu per worker");
    let state = Arc::new(AtomicU8::new(RUNNING));
    let mut threads = Vec::new();
    for (worker, &cpu) in workers.into_iter().zip(cpus) {
        let state = state.clone();
        let name = worker.name();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _abort = AbortOnPanic(state.clone());
            if let Err(error) = bind(cpu) {
                // Relaxed: as above.
                state.store(ABORTED, Ordering::Relaxed);
                return Err(PinnedError::Affinity(error));
            }
            if let Some(priority) = priority
                && let Err(error) = set_realtime(priority)
            {
                // Relaxed: as above.
                state.store(ABORTED, Ordering::Relaxed);
                return Err(PinnedError::Priority(error));
            }
            Ok(turn(worker, wait, &state))
        })?;
        threads.push((name, thread));
    }
    while !threads.iter().all(|(_, thread)| thread.is_finished()) {
        std::thread::sleep(std::time::Duration::from_millis(2));
        if stop() {
            // Relaxed: a request; whoever sees it late stops late. An abort stays an abort.
            let _ = state.compare_exchange(RUNNING, STOPPING, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
    let mut result = empty_result();
    let mut finished = Vec::new();
    for (name, thread) in threads {
        finished.push(thread.join().map_err(|_| PinnedError::Panicked(name))??);
    }
    for worker in finished {
        worker.finish(&mut result);
    }
    Ok(result)
}

/// The life of a worker's thread.
fn turn(mut worker: Box<dyn Worker>, wait: Wait, state: &AtomicU8) -> Box<dyn Worker> {
    let mut told = false;
    loop {
        match worker.duty_cycle(BUDGET) {
            Duty::Worked => {}
            Duty::Idle => wait.wait(),
            Duty::Finished => return worker,
            Duty::Failed => {
                // Relaxed: as above.
                state.store(ABORTED, Ordering::Relaxed);
                return worker;
            }
        }
        // Relaxed: as above.
        match state.load(Ordering::Relaxed) {
            ABORTED => return worker,
            STOPPING if !told => {
                told = true;
                worker.stop();
            }
            _ => {}
        }
    }
}
