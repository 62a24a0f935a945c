//! What the figures were measured on. A figure without it cannot be repeated.

use pitlane_engine::drive::affinity::{allowed_cpus, show, usable_cores};
use serde::{Deserialize, Serialize};
use std::fs::read_to_string;

/// The machine, its settings, and the build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Model of the cpu.
    pub cpu: String,
    /// Cpus this process may use, as a list.
    pub cpus: String,
    /// Cores that spinning threads can have at once.
    pub usable_cores: usize,
    /// Whether a hypervisor runs the machine.
    pub virtual_machine: bool,
    /// Kernel release.
    pub kernel: String,
    /// Frequency governor of the first cpu; `none` where the kernel has no say.
    pub governor: String,
    /// Isolated cpus, as a list.
    pub isolation: String,
    /// Cpus without a regular tick, as a list.
    pub nohz_full: String,
    /// Clock source of the kernel.
    pub clock_source: String,
    /// Transparent huge pages: `always`, `madvise`, `never`.
    pub huge_pages: String,
    /// Hyperthreads of the first cpu's core, as a list.
    pub siblings: String,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// This process' nice value, -20 to 19: below 0 it takes cpu time from its neighbours, above it leaves it to them.
    pub nice: i32,
    /// Version of this program.
    pub version: String,
    /// `release`, or `debug`.
    pub build: String,
    /// When the run began, Indian time.
    pub time: String,
    /// The command.
    pub command: String,
}

impl Environment {
    /// This machine, now.
    pub fn here() -> Self {
        let sys = |path: &str| word(&format!("/sys/devices/system/{path}"));
        let cpuinfo = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let thp = read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
        let chosen = thp.split(['[', ']']).nth(1).unwrap_or("unknown").to_owned();
        let memory = field(&read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal");
        let memory_kib: u64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
        let own = read_to_string("/proc/self/stat").unwrap_or_default();
        // Field 19; the two before the last parenthesis are the number and the name.
        let nice = own.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(16)?.parse().ok());
        let allowed = allowed_cpus();
        Self {
            cpu: field(&cpuinfo, "model name"),
            cpus: show(&allowed),
            usable_cores: usable_cores(),
            virtual_machine: field(&cpuinfo, "flags").split_whitespace().any(|flag| flag == "hypervisor"),
            kernel: word("/proc/sys/kernel/osrelease"),
            governor: sys("cpu/cpu0/cpufreq/scaling_governor"),
            isolation: sys("cpu/isolated"),
            nohz_full: sys("cpu/nohz_full"),
            clock_source: sys("clocksource/clocksource0/current_clocksource"),
            huge_pages: chosen,
            siblings: sys("cpu/cpu0/topology/thread_siblings_list"),
            memory_mib: memory_kib / 1024,
            nice: nice.unwrap_or(0),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            time: pitlane_session::now_ist(),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        }
    }

    /// What makes figures of this machine worse than they look, or better.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.build != "release" {
            warnings.push("this is a debug build: its figures say nothing".to_owned());
        }
        if self.virtual_machine {
            warnings.push(
                "this is a virtual machine: other guests and the hypervisor stall it unseen".to_owned(),
            );
        }
        if self.isolation == "none" {
            warnings
                .push("no cpu is isolated: the scheduler may give the measured cpu to anybody".to_owned());
        }
        if self.clock_source != "tsc" {
            warnings.push(format!("the kernel does not trust the TSC (clock source {})", self.clock_source));
        }
        if self.nice != 0 {
            warnings.push(format!(
                "this process has the nice value {}: others get less, or more, than usual",
                self.nice
            ));
        }
        warnings
    }

    /// Name and value of everything, for tables.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let machine = if self.virtual_machine { " (virtual machine)" } else { "" };
        vec![
            ("cpu", format!("{}{machine}, cpus {}", self.cpu, self.cpus)),
            ("memory", format!("{} MiB, huge pages {}", self.memory_mib, self.huge_pages)),
            ("kernel", format!("{}, clock source {}", self.kernel, self.clock_source)),
            ("governor", self.governor.clone()),
            ("isolation", format!("{}, without tick {}", self.isolation, self.nohz_full)),
            ("build", format!("{} {}", self.version, self.build)),
            ("time", self.time.clone()),
            ("command", self.command.clone()),
        ]
    }
}

/// The first line of a small file; `none` if it is empty or not there.
fn word(path: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() || line == "(null)" { "none".to_owned() } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_cpu_and_a_kernel() {
        let here = Environment::here();
        assert!(here.usable_cores >= 1 && here.cpus != "none" && here.kernel != "none", "{here:?}");
        assert!(!here.rows().is_empty());
    }

    #[test]
    fn warnings_name_what_disturbs() {
        let quiet = Environment {
            build: "release".into(),
            isolation: "2-5".into(),
            clock_source: "tsc".into(),
            ..Environment::default()
        };
        assert_eq!(quiet.warnings(), [""; 0]);
        let loud = Environment { virtual_machine: true, isolation: "none".into(), ..Environment::default() };
        assert_eq!(loud.warnings().len(), 4);
    }
}
