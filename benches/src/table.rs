//! Figures with their spread beside what they should be, under a line about the machine.

use crate::scratch::memory;
use crate::spread;

/// What a figure should be.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Nothing: it is there to be read beside others.
    None,
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// One line of the table: the middle of the rounds' figures with smallest and largest, and what is to be said of the
/// goal.
pub fn row(what: &str, figures: &[f64], unit: &str, goal: Goal) {
    if figures.is_empty() {
        return;
    }
    let (low, middle, high) = spread(figures.to_vec());
    let verdict = match goal {
        Goal::None => String::new(),
        Goal::AtMost(bound) => format!("goal <= {bound}: {}", met(middle <= bound)),
        Goal::AtLeast(bound) => format!("goal >= {bound}: {}", met(middle >= bound)),
    };
    println!("{what:<66} {middle:>10.2} {unit:<10} ({low:.2} .. {high:.2}) {verdict}");
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn read_or(path: &str, unknown: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| unknown.to_owned(), |text| text.trim().to_owned())
}

/// The kernel's load average, to see who else was there.
pub fn load() -> String {
    read_or("/proc/loadavg", "unknown")
}

/// Prints what the figures are measured on; `disk` is a path on the disk that is written to.
pub fn machine(disk: &str) {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read_or("/proc/cpuinfo", "");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let kernel = read_or("/proc/sys/kernel/osrelease", "unknown");
    let pages = read_or("/sys/kernel/mm/transparent_hugepage/enabled", "unknown");
    println!("machine: {cpus} cpus, {}, Linux {kernel}, huge pages {pages}", model.unwrap_or("unknown"));
    let (device, kind, _) = mount_of(disk);
    println!("disk: {kind} on {device}; load at the start: {}", load());
    let memory = memory();
    let (_, kind, options) = mount_of(&memory.to_string_lossy());
    let huge = options.split(',').find(|option| option.starts_with("huge=")).unwrap_or("huge=never");
    println!("memory: {kind} at {}, {huge}", memory.display());
}

/// Device, kind and options of the mount that holds `path`.
fn mount_of(path: &str) -> (String, String, String) {
    let mounts = read_or("/proc/mounts", "");
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').map(str::to_owned);
        let (device, at, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(&at).then_some((at.len(), device, kind, fields.next()?))
    });
    let unknown = || "unknown".to_owned();
    // Of two at the same place, the later hides the other.
    fields.max_by_key(|&(len, ..)| len).map_or_else(
        || (unknown(), unknown(), unknown()),
        |(_, device, kind, options)| (device, kind, options),
    )
}
