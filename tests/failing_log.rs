//! A journal that fails in mid-run: nothing that was not journaled is ever released, fused or between threads.

use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, sim};
use pitlane_engine::event::Event;
use pitlane_engine::log::{EventLog, LogError, MemoryLog};
use pitlane_engine::sequencer::Release;
use pitlane_engine::units::Seq;
use pitlane_tests::market::Market;

/// Takes inputs up to `last`, and fails at the next.
struct FailsAfter {
    taken: MemoryLog,
    last: u64,
    failed: bool,
}

impl EventLog for FailsAfter {
    fn append(&mut self, event: &Event) {
        self.failed |= event.header.seq.0 > self.last;
        if !self.failed {
            self.taken.append(event);
        }
    }

    fn failed(&self) -> bool {
        self.failed
    }

    fn finish(&mut self) -> Result<(), LogError> {
        if self.failed { Err("the disk is full".into()) } else { Ok(()) }
    }
}

fn run(market: &Market, last: u64) -> (Run<'_>, MemoryLog, MemoryLog) {
    let (taken, outputs) = (MemoryLog::default(), MemoryLog::default());
    let run = Run::new(
        &market.config,
        Box::new(market.schedule()),
        Box::new(market.feed()),
        Box::new(FailsAfter { taken: taken.clone(), last, failed: false }),
        Box::new(outputs.clone()),
    );
    (run, taken, outputs)
}

fn last_seq(log: &MemoryLog) -> Seq {
    log.events().last().map_or(Seq::ZERO, |event| event.header.seq)
}

#[test]
fn what_was_not_journaled_is_not_released() {
    let market = Market::new(3, 24);
    for last in [1, 30, 31, 200, 1_000] {
        let (run_fused, taken, outputs) = run(&market, last);
        let mut fused = Fused::new(run_fused).expect("the market's strategies exist");
        let mut release = fused.step();
        while release == Release::Released {
            release = fused.step();
        }
        assert_eq!(release, Release::LogFailed);
        assert_eq!(fused.last_seq(), Seq(last), "fused, failing after {last}");
        let result = fused.into_result();
        assert!(result.log_error.is_some(), "the failure is told");
        assert_eq!(last_seq(&taken), Seq(last));
        assert!(last_seq(&outputs) <= Seq(last), "an output without its input");
        for threads in 2..=5 {
            let (run_pinned, taken, outputs) = run(&market, last);
            let workers =
                workers(run_pinned, threads, RingSizes::MIN).expect("the market's strategies exist");
            assert!(sim::run(workers, last).is_err(), "a failed journal ends the run");
            assert_eq!(last_seq(&taken), Seq(last));
            assert!(last_seq(&outputs) <= Seq(last), "an output without its input, {threads} workers");
        }
    }
}
