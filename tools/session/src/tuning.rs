//! What a run asks of the machine besides its cpus: memory that stays, huge pages, real-time priority. Each is had if it
//! can be; what cannot be had is said, and the run goes on without.

use crate::cpus::Placement;
use pitlane_config::{EngineSettings, Measure, MemoryLock, format_bytes};
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::measure::Gauges;
use pitlane_engine::drive::{affinity, memory};
use std::sync::Arc;

/// Time of each second that real-time threads may have, in microseconds; -1 is all of it.
const RT_RUNTIME: &str = "/proc/sys/kernel/sched_rt_runtime_us";

/// The wishes of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// What is measured while it runs.
    pub measure: Measure,
    /// Whether memory is locked.
    pub memory_lock: MemoryLock,
    /// Whether memory is moved to huge pages.
    pub huge_pages: bool,
    /// Real-time priority; zero = none.
    pub realtime_priority: u8,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { measure: Measure::On, memory_lock: MemoryLock::Auto, huge_pages: false, realtime_priority: 0 }
    }
}

impl Tuning {
    /// Those of `[engine]`.
    pub fn of(settings: &EngineSettings) -> Self {
        let EngineSettings { measure, memory_lock, huge_pages, realtime_priority, .. } = *settings;
        Self { measure, memory_lock, huge_pages, realtime_priority }
    }

    /// Where a run is measured, if it is.
    pub fn gauges(self) -> Option<Arc<Gauges>> {
        (self.measure != Measure::Off).then(|| Gauges::new(self.measure == Measure::Stages))
    }

    /// Locks memory and moves it to huge pages, when all of a run's is made. Returns what there is to say.
    pub fn settle_memory(self, bound: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if self.huge_pages {
            notes.push(match memory::to_huge_pages() {
                Ok(0) => "no memory is on huge pages; \
                     echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, or set engine.huge_pages = false"
                    .to_owned(),
                Ok(bytes) => format!("{} are on huge pages", format_bytes(bytes)),
                Err(error) => format!(
                    "memory is not on huge pages ({error}); \
                     echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, or set engine.huge_pages = false"
                ),
            });
        }
        let lock = match self.memory_lock {
            MemoryLock::Auto => bound,
            MemoryLock::On => true,
            MemoryLock::Off => false,
        };
        if lock && let Err(error) = memory::lock() {
            notes.push(format!("memory is not locked ({error}); raise `ulimit -l` to avoid page faults"));
        }
        notes
    }

    /// The priority that the pipeline's threads get under `placement`, or why it is none although one was asked for.
    ///
    /// # Errors
    /// The reason, with what to do.
    pub fn priority(self, placement: &Placement) -> Result<Option<u8>, String> {
        let throttled = std::fs::read_to_string(RT_RUNTIME).is_ok_and(|text| text.trim() != "-1");
        self.checked_priority(placement, throttled, |priority| {
            affinity::check_realtime(priority).map_err(|error| error.to_string())
        })
    }

    fn checked_priority(
        self,
        placement: &Placement,
        throttled: bool,
        check: impl FnOnce(u8) -> Result<(), String>,
    ) -> Result<Option<u8>, String> {
        if self.realtime_priority == 0 {
            return Ok(None);
        }
        let why = |why: String| Err(format!("no real-time priority: {why}"));
        let Some(cpus) = &placement.cpus else {
            return why("it needs cpus of its own; name them with --cpu-set".to_owned());
        };
        let shared = placement.aux.as_ref().is_none_or(|aux| aux.iter().any(|cpu| cpus.contains(cpu)));
        if shared {
            return why("helper threads share the pipeline's cpus and would never run; leave a cpu for them"
                .to_owned());
        }
        if throttled && placement.wait != Wait::Park {
            return why(
                "its threads never sleep, and the kernel would stop them for a part of each second; \
                 sysctl -w kernel.sched_rt_runtime_us=-1, or --wait park"
                    .to_owned(),
            );
        }
        match check(self.realtime_priority) {
            Ok(()) => Ok(Some(self.realtime_priority)),
            Err(error) => why(format!("{error}; raise `ulimit -r` (LimitRTPRIO=99), or grant CAP_SYS_NICE")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_given_only_where_it_stops_nobody_the_run_needs() {
        let place = |cpus: Option<Vec<usize>>, aux: Option<Vec<usize>>, wait| Placement {
            cpus,
            aux,
            wait,
            notes: Vec::new(),
            tuning: Tuning::default(),
        };
        let apart = |wait| place(Some(vec![2, 3]), Some(vec![0, 1]), wait);
        let granted = |_| Ok(());
        let refused = |_| Err("not permitted".to_owned());
        let wish = Tuning { realtime_priority: 50, ..Tuning::default() };
        assert_eq!(Tuning::default().checked_priority(&apart(Wait::Busy), true, granted), Ok(None));
        assert_eq!(wish.checked_priority(&apart(Wait::Busy), false, granted), Ok(Some(50)));
        assert_eq!(wish.checked_priority(&apart(Wait::Park), true, granted), Ok(Some(50)));
        for (placement, throttled, allowed, word) in [
            (place(None, None, Wait::Park), false, true, "--cpu-set"),
            (place(Some(vec![0, 1]), Some(vec![1]), Wait::Yield), false, true, "helper threads share"),
            (place(Some(vec![0]), None, Wait::Busy), false, true, "helper threads share"),
            (apart(Wait::Busy), true, true, "sched_rt_runtime_us"),
            (apart(Wait::Yield), true, true, "--wait park"),
            (apart(Wait::Busy), false, false, "ulimit -r"),
        ] {
            let check = |priority| if allowed { granted(priority) } else { refused(priority) };
            let why = wish.checked_priority(&placement, throttled, check).expect_err("it is refused");
            assert!(why.starts_with("no real-time priority: ") && why.contains(word), "{why}");
        }
    }
}
