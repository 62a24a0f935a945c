//! Binding threads to cpus, and finding out which cpus there are to bind to.
//!
//! Isolated cpus are the very ones users pass, and the list of `core_affinity` omits them: so the id is accepted, bound,
//! and what the kernel gave is verified.

use std::mem::MaybeUninit;

/// Why a cpu cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AffinityError {
    /// The cpu is offline or forbidden to this process.
    #[error("cpu {cpu} cannot be used: it is offline or forbidden here; usable are {usable}")]
    Unusable {
        /// The cpu asked for.
        cpu: usize,
        /// The cpus that may be used, as a list.
        usable: String,
    },
    /// The kernel did not bind the thread as asked.
    #[error("cpu {cpu}: the kernel bound the thread to {got} instead; check cgroup cpusets")]
    NotBound {
        /// The cpu asked for.
        cpu: usize,
        /// The cpus the thread is bound to, as a list.
        got: String,
    },
    /// More spinning threads than cores.
    #[error(
        "wait = busy needs a core for each of {threads} spinning threads, and only {usable} can be used; \
         give fewer cpus in --cpu-set, or --wait yield"
    )]
    TooFewCores {
        /// Threads that would spin.
        threads: usize,
        /// Cores that can be used.
        usable: usize,
    },
}

/// The cpus this thread may run on, ascending.
pub fn allowed_cpus() -> Vec<usize> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: pid 0 is this thread, the pointer and the size describe `set`, which the kernel fills.
    let rc = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) };
    if rc != 0 {
        return Vec::new();
    }
    // SAFETY: zeroed memory is a valid, empty set, and the kernel wrote a set over it.
    let set = unsafe { set.assume_init() };
    let in_set = |&cpu: &usize| {
        // SAFETY: `cpu` is below CPU_SETSIZE, the number of bits of the set.
        unsafe { libc::CPU_ISSET(cpu, &set) }
    };
    (0..libc::CPU_SETSIZE as usize).filter(in_set).collect()
}

/// Binds the calling thread to one cpu and verifies it.
///
/// # Errors
/// If the cpu cannot be used.
pub fn bind(cpu: usize) -> Result<(), AffinityError> {
    let usable = allowed_cpus();
    if cpu >= libc::CPU_SETSIZE as usize || !core_affinity::set_for_current(core_affinity::CoreId { id: cpu })
    {
        return Err(AffinityError::Unusable { cpu, usable: show(&usable) });
    }
    let got = allowed_cpus();
    if got == [cpu] { Ok(()) } else { Err(AffinityError::NotBound { cpu, got: show(&got) }) }
}

/// Whether every cpu of `cpus` can be bound, found out by binding a thread of its own to each.
///
/// # Errors
/// The first cpu that cannot be used.
pub fn check(cpus: &[usize]) -> Result<(), AffinityError> {
    let usable = allowed_cpus();
    std::thread::scope(|scope| {
        for &cpu in cpus {
            let probe = scope.spawn(move || bind(cpu));
            if probe.join().is_ok_and(|bound| bound.is_err()) {
                return Err(AffinityError::Unusable { cpu, usable: show(&usable) });
            }
        }
        Ok(())
    })
}

/// Restricts the calling thread to `cpus`; threads it starts inherit that. Ids that cannot be used are left out.
pub fn restrict(cpus: &[usize]) -> bool {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    for &cpu in cpus.iter().filter(|&&cpu| cpu < libc::CPU_SETSIZE as usize) {
        // SAFETY: zeroed memory is a valid, empty set.
        let set = unsafe { set.assume_init_mut() };
        // SAFETY: `cpu` is below CPU_SETSIZE.
        unsafe { libc::CPU_SET(cpu, set) };
    }
    // SAFETY: pid 0 is this thread, and the set is initialised.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set.as_ptr()) == 0 }
}

/// Gives the calling thread a real-time priority of 1 to 99: no ordinary thread of its cpu runs while it does.
///
/// # Errors
/// The system's refusal, usually a limit (`ulimit -r`) or a missing capability (CAP_SYS_NICE).
pub fn set_realtime(priority: u8) -> std::io::Result<()> {
    let param = libc::sched_param { sched_priority: i32::from(priority) };
    // SAFETY: pid 0 is this thread, and the pointer is to a whole parameter.
    let rc = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) };
    if rc == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Whether threads of this process can have a real-time priority, found out by one of its own.
///
/// # Errors
/// As `set_realtime`.
pub fn check_realtime(priority: u8) -> std::io::Result<()> {
    std::thread::scope(|scope| {
        let probe = scope.spawn(move || set_realtime(priority));
        probe.join().unwrap_or_else(|_| Err(std::io::Error::other("the probing thread panicked")))
    })
}

/// Cores that spinning threads can have at once: the allowed cpus, or less where a control group grants less time.
pub fn usable_cores() -> usize {
    let allowed = allowed_cpus().len().max(1);
    cgroup_quota_cores().map_or(allowed, |quota| allowed.min(quota.max(1)))
}

/// Whole cores of the control group's cpu quota (version 2), if one is set.
fn cgroup_quota_cores() -> Option<usize> {
    let text = std::fs::read_to_string("/sys/fs/cgroup/cpu.max").ok()?;
    let mut words = text.split_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok()?;
    usize::try_from(quota / period.max(1)).ok()
}

/// A cpu list as people and Linux write it: `2-5,8`.
pub fn show(cpus: &[usize]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < cpus.len() {
        let mut end = at;
        while end + 1 < cpus.len() && cpus[end + 1] == cpus[end] + 1 {
            end += 1;
        }
        parts.push(if end == at { cpus[at].to_string() } else { format!("{}-{}", cpus[at], cpus[end]) });
        at = end + 1;
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_shown_as_linux_writes_them() {
        for (cpus, text) in [(&[][..], "none"), (&[3], "3"), (&[0, 1, 2, 5, 7, 8], "0-2,5,7-8")] {
            assert_eq!(show(cpus), text);
        }
    }

    #[test]
    fn a_cpu_that_does_not_exist_is_refused_by_number() {
        let error = check(&[1_000]).unwrap_err();
        assert!(matches!(error, AffinityError::Unusable { cpu: 1_000, .. }), "{error}");
    }

    #[test]
    fn an_allowed_cpu_is_bound_and_verified() {
        let cpu = allowed_cpus()[0];
        std::thread::scope(|scope| {
            scope.spawn(move || assert_eq!(bind(cpu), Ok(()))).join().unwrap();
        });
    }
}
