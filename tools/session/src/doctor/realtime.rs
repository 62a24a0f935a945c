//! What takes time from threads that have a cpu to themselves: the scheduler's tick, real-time throttling, paging; and
//! whether time can be read without asking the kernel.

use super::Check;
use pitlane_config::parse_cpu_list;
use pitlane_engine::drive::affinity::show;

/// Isolated cpus still have the scheduler's tick, unless they are named a second time.
pub(super) fn ticks(isolated: Option<&str>, tickless: Option<&str>) -> Check {
    const NAME: &str = "scheduler_tick";
    let list = |text: Option<&str>| text.and_then(|text| parse_cpu_list(text).ok()).unwrap_or_default();
    let (isolated, tickless) = (list(isolated), list(tickless));
    let ticking: Vec<usize> = isolated.iter().copied().filter(|cpu| !tickless.contains(cpu)).collect();
    if isolated.is_empty() {
        return Check::ok(NAME, "no cpu is isolated: the tick is the least of it");
    }
    if ticking.is_empty() {
        return Check::ok(NAME, format!("off on {}", show(&isolated)));
    }
    let cpus = show(&ticking);
    let remedy = format!("boot with nohz_full={cpus} rcu_nocbs={cpus} irqaffinity= the other cpus");
    Check::warn(NAME, format!("on isolated cpus {cpus}"), remedy)
}

/// Real-time threads that do not sleep are stopped for what is left of each period.
pub(super) fn throttling(runtime_us: Option<&str>, wanted: u8) -> Check {
    const NAME: &str = "realtime_throttling";
    match runtime_us {
        None => Check::warn(NAME, "unknown", "mount /proc to find out"),
        Some("-1") => Check::ok(NAME, "off"),
        Some(us) if wanted == 0 => {
            Check::ok(NAME, format!("{us} us of each second; no real-time priority is asked for"))
        }
        Some(us) => Check::warn(
            NAME,
            format!("{us} us of each second"),
            "a spinning thread with engine.realtime_priority would be stopped, so it gets none: \
             sysctl -w kernel.sched_rt_runtime_us=-1, or --wait park",
        ),
    }
}

/// Whether a priority that is asked for can be had.
pub(super) fn priority(limit: Option<u64>, any: bool, wanted: u8) -> Check {
    const NAME: &str = "realtime_priority";
    match limit {
        _ if any => Check::ok(NAME, "no limit for this process (CAP_SYS_NICE)"),
        _ if wanted == 0 => Check::ok(NAME, "none is asked for"),
        Some(limit) if limit >= u64::from(wanted) => Check::ok(NAME, format!("{wanted} may be had")),
        Some(limit) => Check::warn(
            NAME,
            format!("{wanted} is asked for, at most {limit} may be had"),
            "ulimit -r 99 (LimitRTPRIO=99), or grant CAP_SYS_NICE",
        ),
        None => Check::warn(NAME, "unknown", "mount /proc to find out"),
    }
}

/// Whether pages that nobody locked can leave memory.
pub(super) fn swap(swaps: Option<&str>) -> Check {
    const NAME: &str = "swap";
    // The first line is the heading.
    let devices: Vec<&str> =
        swaps.unwrap_or_default().lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    if devices.is_empty() {
        return Check::ok(NAME, "none");
    }
    Check::warn(NAME, devices.join(", "), "swapoff -a, or lock memory: engine.memory_lock = \"on\"")
}

/// Steps are measured with the cpu's own counter, if it runs evenly; else each reading asks the kernel.
pub(super) fn stamps(cpuinfo: Option<&str>) -> Check {
    const NAME: &str = "time_stamps";
    if !cfg!(target_arch = "x86_64") {
        return Check::ok(NAME, "by the kernel's clock");
    }
    let flags = cpuinfo.and_then(|text| text.lines().find_map(|line| line.strip_prefix("flags")));
    let Some(flags) = flags else { return Check::warn(NAME, "unknown", "mount /proc to find out") };
    let has = |flag| flags.split_whitespace().any(|word| word == flag);
    if has("constant_tsc") && has("nonstop_tsc") && has("rdtscp") {
        return Check::ok(NAME, "the cpu's counter runs at one rate and never stops");
    }
    Check::warn(
        NAME,
        "the cpu's counter may change its rate or stop, or cannot be read in order",
        "each reading then asks the kernel, twice the time; set engine.measure = off, or use another cpu model",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn what_takes_time_is_told_with_its_remedy() {
        use Status::{Ok, Warn};
        let swaps = "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n";
        let flags = |flags: &str| format!("processor: 0\nflags\t\t: fpu {flags} sse2\n");
        for (check, status, found) in [
            (ticks(Some(""), Some("")), Ok, "no cpu is isolated"),
            (ticks(None, None), Ok, "no cpu is isolated"),
            (ticks(Some("2-5"), Some("2-5")), Ok, "off on 2-5"),
            (ticks(Some("2-5"), Some("2-3")), Warn, "4-5"),
            (ticks(Some("2-5"), None), Warn, "2-5"),
            (throttling(Some("-1"), 50), Ok, "off"),
            (throttling(Some("950000"), 0), Ok, "no real-time priority is asked for"),
            (throttling(Some("950000"), 50), Warn, "950000"),
            (throttling(None, 0), Warn, "unknown"),
            (priority(Some(0), false, 0), Ok, "none"),
            (priority(Some(0), true, 50), Ok, "CAP_SYS_NICE"),
            (priority(Some(60), false, 50), Ok, "50"),
            (priority(Some(0), false, 50), Warn, "at most 0"),
            (swap(Some("Filename Type Size Used Priority\n")), Ok, "none"),
            (swap(None), Ok, "none"),
            (swap(Some(swaps)), Warn, "/dev/sda2"),
            (stamps(Some(&flags("constant_tsc nonstop_tsc rdtscp"))), Ok, "never stops"),
            (stamps(Some(&flags("constant_tsc nonstop_tsc"))), Warn, "in order"),
            (stamps(Some(&flags("constant_tsc"))), Warn, "stop"),
            (stamps(None), Warn, "unknown"),
        ] {
            assert_eq!(check.status, status, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
            assert_eq!(check.remedy.is_empty(), status == Ok, "{check:?} says what to do");
        }
    }
}
