//! Tick to order through the engine's own drivers.

use super::arrivals::{InputsTap, OpenFeed, OutputsTap, Shared};
use super::{Measured, Rung};
use crate::day::Day;
use pitlane_engine::drive::clock::Clock;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, RunResult, pinned};
use pitlane_engine::feed::FrameFeed;
use pitlane_engine::sequencer::Release;
use std::sync::Arc;

/// Time to build the pipeline and to start its threads before the schedule begins.
const LEAD_NS: u64 = 100_000_000;

/// When a schedule that is built now begins.
pub(super) fn start_ns() -> u64 {
    Clock::default().now_ns() + LEAD_NS
}

/// The pipeline behind `feed`.
pub(super) fn run<'a>(
    day: &'a Day,
    rung: &Rung,
    feed: impl FrameFeed + 'static,
    shared: &Arc<Shared>,
    start_ns: u64,
) -> anyhow::Result<Run<'a>> {
    let inputs = Box::new(InputsTap::new(shared.clone()));
    let outputs = Box::new(OutputsTap::new(rung, shared.clone(), start_ns));
    day.run(feed, (inputs, outputs), rung.operations_max())
}

/// Runs a pipeline on this thread until its feed closes.
pub(super) fn run_fused(run: Run<'_>, rung: &Rung, shared: &Shared) -> anyhow::Result<RunResult> {
    let mut fused = Fused::new(run)?;
    while !shared.closed() {
        match fused.step() {
            Release::Released => {}
            Release::Blocked => rung.wait.wait(),
            Release::Finished | Release::LogFailed | Release::BrokerGone => break,
        }
    }
    Ok(fused.into_result())
}

/// All stages on one thread.
///
/// # Errors
/// If the pipeline cannot be built.
pub fn fused(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    let mut measured = Measured::empty(rung);
    let (shared, start_ns) = (Shared::new(1), start_ns());
    let feed = OpenFeed::new(day.player(), rung, shared.clone(), start_ns);
    let run = run(day, rung, feed, &shared, start_ns)?;
    rung.began(start_ns + rung.warmup_ns);
    let result = run_fused(run, rung, &shared)?;
    checked(&result)?;
    shared.take(rung, &mut measured)?;
    Ok(measured)
}

/// One thread for each cpu.
///
/// # Errors
/// If the pipeline cannot be built, or a thread not be started or bound.
pub fn split(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    let mut measured = Measured::empty(rung);
    let threads = rung.cpus.len();
    let (shared, start_ns) = (Shared::new(threads), start_ns());
    let feed = OpenFeed::new(day.player(), rung, shared.clone(), start_ns);
    let run = run(day, rung, feed, &shared, start_ns)?;
    let workers = workers(run, threads, RingSizes::default())?;
    rung.began(start_ns + rung.warmup_ns);
    let result = pinned::run(workers, &rung.cpus, rung.wait, &|| shared.closed())?;
    checked(&result)?;
    shared.take(rung, &mut measured)?;
    Ok(measured)
}

/// A run that traded nothing, or whose own market was refused, measured something else.
pub(super) fn checked(result: &RunResult) -> anyhow::Result<()> {
    let counts = &result.counts;
    let refused = counts.dead_letters_in + counts.dead_letters_out;
    anyhow::ensure!(
        refused == 0,
        "{refused} packets of the bench's own market were refused; this is a bug of the bench"
    );
    Ok(())
}
