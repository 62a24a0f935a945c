//! The pinned workers and rings on one thread, under a seeded scheduler: every interleaving of whole duty cycles, every
//! full ring, reproducible from a seed.

use super::RunResult;
use super::worker::{Duty, Worker, empty_result};

/// Why a simulated run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// No worker can do anything, and not all have finished.
    #[error(
        "deadlock after {cycles} duty cycles: no worker can go on, and {unfinished} of them are not finished"
    )]
    Deadlock {
        /// Duty cycles run.
        cycles: u64,
        /// Workers that wait for something.
        unfinished: usize,
    },
    /// A journal failed.
    #[error("a journal failed")]
    LogFailed,
}

/// How the scheduler picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Any worker, any budget.
    Uniform,
    /// One worker goes as far as it can before the next is picked.
    Greedy,
    /// One worker is starved for a while.
    Starve(usize),
    /// The end of the chain is preferred, one event at a time.
    Lockstep,
}

struct Rng(u64);

impl Rng {
    /// SplitMix64: small, seeded, the same everywhere.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Runs `workers` to their end under the schedule of `seed`.
///
/// # Errors
/// On a deadlock, and when a journal fails.
pub fn run(mut workers: Vec<Box<dyn Worker>>, seed: u64) -> Result<RunResult, SimError> {
    let mut rng = Rng(seed);
    let mut finished = vec![false; workers.len()];
    let mut cycles = 0_u64;
    let mut fruitless = 0_u32;
    let mut mood = Mood::Uniform;
    while finished.iter().any(|done| !done) {
        if rng.below(64) == 0 {
            mood = match rng.below(4) {
                0 => Mood::Uniform,
                1 => Mood::Greedy,
                2 => Mood::Starve(rng.below(workers.len())),
                _ => Mood::Lockstep,
            };
        }
        let (index, budget) = pick(mood, &mut rng, workers.len());
        cycles += 1;
        let duty = if finished[index] { Duty::Idle } else { workers[index].duty_cycle(budget) };
        match duty {
            Duty::Worked => fruitless = 0,
            Duty::Idle => fruitless += 1,
            Duty::Finished => {
                finished[index] = true;
                fruitless = 0;
            }
            Duty::Failed => return Err(SimError::LogFailed),
        }
        // Long idle stretches are possible by chance; a fair round in which nobody can go on is not.
        if fruitless > 64 {
            if !fair_round(&mut workers, &mut finished)? {
                let unfinished = finished.iter().filter(|done| !**done).count();
                return Err(SimError::Deadlock { cycles, unfinished });
            }
            fruitless = 0;
        }
    }
    let mut result = empty_result();
    for worker in workers {
        worker.finish(&mut result);
    }
    Ok(result)
}

fn pick(mood: Mood, rng: &mut Rng, workers: usize) -> (usize, usize) {
    match mood {
        Mood::Uniform => (rng.below(workers), 1 + rng.below(8)),
        Mood::Greedy => (rng.below(workers), 4_096),
        Mood::Starve(starved) => {
            let index = rng.below(workers);
            let budget = if rng.below(16) == 0 { 1 } else { 64 };
            if index == starved { ((index + 1) % workers, budget) } else { (index, budget) }
        }
        Mood::Lockstep => (workers - 1 - rng.below(workers) / 2, 1),
    }
}

/// Gives every worker two turns; `false` if none of them could use any.
fn fair_round(workers: &mut [Box<dyn Worker>], finished: &mut [bool]) -> Result<bool, SimError> {
    let mut progress = false;
    for _ in 0..2 {
        for (worker, done) in workers.iter_mut().zip(finished.iter_mut()) {
            if *done {
                continue;
            }
            match worker.duty_cycle(1) {
                Duty::Worked => progress = true,
                Duty::Idle => {}
                Duty::Finished => {
                    *done = true;
                    progress = true;
                }
                Duty::Failed => return Err(SimError::LogFailed),
            }
        }
    }
    Ok(progress || finished.iter().all(|done| *done))
}
