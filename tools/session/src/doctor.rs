//! `engine doctor`: looks at the machine for what a run needs or is slowed by, and says what to do.
//!
//! Only reads: no file is written, no thread bound, nothing sent. Each check is a pure function of what was read, so
//! that its verdict on other machines can be tested on this one.

mod mounts;
mod realtime;
#[cfg(test)]
mod tests;
mod token;

use crate::cli::ConfigArgs;
use crate::config_cmd;
use crate::exit::Exit;
use crate::latch::{self, Latch};
use clap::Args;
use comfy_table::{Table, presets};
use jiff::civil::{Date, Time};
use mounts::{file_system, journal_pages, mount_of, shared_memory};
use pitlane_config::{format_bytes, parse_cpu_list, parse_date};
use pitlane_engine::drive::affinity::{allowed_cpus, show};
use pitlane_engine::units::TsNs;
use pitlane_market::{Calendar, Day, Segment};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Segments below which a run cannot start safely: each of its two streams holds the one it writes and one made ahead.
const SEGMENTS_NEEDED: u64 = 4;
/// Segments below which a long session may fill the disk.
const SEGMENTS_COMFORTABLE: u64 = 64;
/// Kernel that brought open-file-description locks, which keep a second engine off a journal.
const KERNEL_MIN: (u32, u32) = (3, 15);
/// Bit of CAP_IPC_LOCK in a capability set: such a process may lock memory without limit.
const CAP_IPC_LOCK: u64 = 1 << 14;
/// Bit of CAP_SYS_NICE: such a process may give its threads any priority.
const CAP_SYS_NICE: u64 = 1 << 23;

/// `engine doctor`.
#[derive(Args, Debug, Default)]
pub struct DoctorArgs {
    /// Configuration to check along with the machine.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where the journal will be; default: journal.dir, else journals
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// The broker's instrument dump of today, to check its age
    #[arg(long, value_name = "FILE")]
    pub instruments: Option<PathBuf>,
    /// Print one JSON object (doctor/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// A run works, but slower, less evenly or less safely than it could; or it could not be found out.
    Warn,
    /// A run cannot work.
    Fail,
}

/// One thing looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its name; programs rely on it.
    pub name: &'static str,
    /// How it came out.
    pub status: Status,
    /// What was found, for people.
    pub found: String,
    /// What to do next; empty if nothing.
    pub remedy: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), remedy: String::new() }
    }

    fn warn(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, found: found.into(), remedy: remedy.into() }
    }

    fn fail(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, found: found.into(), remedy: remedy.into() }
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug)]
pub struct Report {
    /// The checks, in the order in which they are shown.
    pub checks: Vec<Check>,
}

impl Report {
    fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// 0 if nothing failed, else 1; warnings do not fail.
    pub fn exit(&self) -> Exit {
        if self.count(Status::Fail) == 0 { Exit::Ok } else { Exit::Failure }
    }

    /// The object `doctor/1`.
    pub fn json(&self) -> Value {
        json!({
            "schema": "doctor/1",
            "ok": self.exit() == Exit::Ok,
            "passed": self.count(Status::Ok),
            "warnings": self.count(Status::Warn),
            "failures": self.count(Status::Fail),
            "checks": self.checks,
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for check in &self.checks {
            let status = match check.status {
                Status::Ok => "ok",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
            };
            table.add_row(vec![status, check.name, &check.found]);
            if !check.remedy.is_empty() {
                table.add_row(vec!["", "", &format!("-> {}", check.remedy)]);
            }
        }
        let (ok, warn, fail) = (self.count(Status::Ok), self.count(Status::Warn), self.count(Status::Fail));
        format!("{table}\n{ok} ok, {warn} warnings, {fail} failures\n")
    }
}

/// Looks at this machine.
pub fn doctor(args: &DoctorArgs) -> Report {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let allowed = allowed_cpus();
    let limits = read("/proc/self/limits").unwrap_or_default();
    let settings = args.config.load().unwrap_or_default();
    let dir = args.journal.clone().or_else(|| settings.journal.dir.clone());
    let dir = dir.unwrap_or_else(|| PathBuf::from("journals"));
    let existing = existing_ancestor(&dir);
    let mounts = read("/proc/self/mountinfo").unwrap_or_default();
    let on_memory = settings.journal.hot_dir.is_some();
    let memory = settings.journal.hot_dir.clone().unwrap_or_else(|| PathBuf::from("/dev/shm"));
    let memory_mount = mount_of(&mounts, &existing_ancestor(&memory));
    let segment_bytes = settings.journal.segment_bytes;
    let mut checks = vec![
        build_profile(cfg!(debug_assertions)),
        configuration(config_cmd::check(&args.config).map_err(|error| format!("{error:#}"))),
        kernel(read("/proc/sys/kernel/osrelease").as_deref()),
        cpu_features(),
        cpus(&allowed, read("/sys/devices/system/cpu/online").as_deref()),
        cpu_isolation(&allowed, read("/sys/devices/system/cpu/isolated").as_deref()),
        realtime::ticks(
            read("/sys/devices/system/cpu/isolated").as_deref(),
            read("/sys/devices/system/cpu/nohz_full").as_deref(),
        ),
        cpu_quota(quota_cores(&read)),
        cpu_governor(&per_cpu(&allowed, "cpufreq/scaling_governor", &read)),
        smt(&allowed, &per_cpu(&allowed, "topology/thread_siblings_list", &read)),
        clock_source(read("/sys/devices/system/clocksource/clocksource0/current_clocksource").as_deref()),
        realtime::stamps(read("/proc/cpuinfo").as_deref()),
        huge_pages(
            read("/sys/kernel/mm/transparent_hugepage/enabled").as_deref(),
            settings.engine.huge_pages,
        ),
        realtime::throttling(
            read("/proc/sys/kernel/sched_rt_runtime_us").as_deref(),
            settings.engine.realtime_priority,
        ),
        realtime::priority(
            soft_limit(&limits, "Max realtime priority"),
            has_capability(&read, CAP_SYS_NICE),
            settings.engine.realtime_priority,
        ),
        realtime::swap(read("/proc/swaps").as_deref()),
        locked_memory(soft_limit(&limits, "Max locked memory"), has_capability(&read, CAP_IPC_LOCK)),
        open_files(soft_limit(&limits, "Max open files")),
        shared_memory(&memory, memory_mount.as_ref(), disk_space(&existing_ancestor(&memory))),
        journal_pages(&memory, memory_mount.as_ref(), on_memory),
        journal_disk(&dir, disk_space(&existing), segment_bytes),
        file_system(mount_of(&mounts, &existing).as_ref()),
        clock_sync(clock_synced(&read).as_deref()),
    ];
    let today = parse_date(&crate::now_ist()[..10]).expect("it starts with a date");
    checks.push(trading_day(today, crate::plan::configured(&settings)));
    if let Some(path) = &args.instruments {
        checks.push(instrument_file(path, today, modified_on(path)));
    }
    checks.extend(crate::live::clock::wall_ns().ok().and_then(|now| token::token(&settings.broker, now)));
    for (latch, text) in latch::standing(&dir) {
        let name = if latch == Latch::Kill { "kill_switch" } else { "flatten" };
        let remedy = format!("find out why, then `engine resume --journal {} --reason TEXT`", dir.display());
        checks.push(Check::warn(name, format!("latched: {text}"), remedy));
    }
    Report { checks }
}

/// Reads a file, trimmed; `None` if there is none.
type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

fn per_cpu(cpus: &[usize], file: &str, read: Read<'_>) -> Vec<Option<String>> {
    cpus.iter().map(|cpu| read(&format!("/sys/devices/system/cpu/cpu{cpu}/{file}"))).collect()
}

/// The nearest directory on the way up that exists, without symbolic links, for that is what mounts name.
fn existing_ancestor(dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    absolute.ancestors().find_map(|dir| dir.canonicalize().ok()).unwrap_or_else(|| PathBuf::from("/"))
}

/// Size and free bytes of the file system a path is on, from `df`, because the standard library has no such call.
fn disk_space(path: &Path) -> Option<(u64, u64)> {
    let output = Command::new("df").env("LC_ALL", "C").arg("-Pk").arg(path).output().ok()?;
    output.status.success().then_some(())?;
    parse_df(&String::from_utf8_lossy(&output.stdout))
}

/// Size and available bytes in the output of `df -Pk`. The first column may contain blanks, so the percentage is the
/// landmark.
fn parse_df(text: &str) -> Option<(u64, u64)> {
    let words: Vec<&str> = text.lines().nth(1)?.split_whitespace().collect();
    let percent = words.iter().position(|word| word.ends_with('%') || *word == "-")?;
    let kib = |back: usize| words.get(percent.checked_sub(back)?)?.parse::<u64>().ok();
    Some((kib(3)?.checked_mul(1024)?, kib(1)?.checked_mul(1024)?))
}

/// The soft limit of a line of `/proc/self/limits`; `u64::MAX` = unlimited.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn has_capability(read: Read<'_>, capability: u64) -> bool {
    let status = read("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & capability != 0)
}

/// The least cpu quota of this process's control groups, in cores; `None` if there is none.
fn quota_cores(read: Read<'_>) -> Option<f64> {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let mut least: Option<f64> = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let version_1 = controllers.split(',').any(|controller| controller == "cpu");
        if !version_1 && !controllers.is_empty() {
            continue;
        }
        // A group's own limit and those of the groups around it hold; inside a container the root is the group itself.
        for group in Path::new(path).ancestors().map(|group| group.to_string_lossy()) {
            let group = group.trim_end_matches('/');
            let limit = if version_1 {
                let file = |name| read(&format!("/sys/fs/cgroup/cpu{group}/cpu.cfs_{name}_us"));
                file("quota").zip(file("period")).map(|(quota, period)| format!("{quota} {period}"))
            } else {
                read(&format!("/sys/fs/cgroup{group}/cpu.max"))
            };
            let cores = limit.as_deref().and_then(parse_quota);
            least = [least, cores].into_iter().flatten().reduce(f64::min);
        }
    }
    least
}

/// Cores of `quota period`; `max` and -1 mean no limit.
fn parse_quota(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// Whether the clock is kept in step, as `yes` or `no`; `None` if nobody here knows.
fn clock_synced(read: Read<'_>) -> Option<String> {
    if read("/run/systemd/timesync/synchronized").is_some() {
        return Some("yes".to_owned());
    }
    let output =
        Command::new("timedatectl").args(["show", "-p", "NTPSynchronized", "--value"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn build_profile(debug: bool) -> Check {
    if debug {
        return Check::warn(
            "build",
            "debug build",
            "build with `cargo build --release`; figures of this one mean nothing",
        );
    }
    Check::ok("build", "release build")
}

fn configuration(checked: Result<(usize, usize), String>) -> Check {
    match checked {
        Ok((instruments, strategies)) => {
            Check::ok("configuration", format!("{instruments} instruments, {strategies} enabled strategies"))
        }
        Err(error) => {
            Check::fail("configuration", error, "correct it; `engine config schema` lists what is allowed")
        }
    }
}

fn kernel(release: Option<&str>) -> Check {
    let Some(release) = release else {
        return Check::warn("kernel", "unknown", "this is tested on Linux with /proc mounted");
    };
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= KERNEL_MIN => Check::ok("kernel", release),
        (Some(_), Some(_)) => {
            let (major, minor) = KERNEL_MIN;
            Check::fail(
                "kernel",
                release,
                format!("use Linux {major}.{minor} or later: journals are locked by its file locks"),
            )
        }
        _ => Check::warn("kernel", release, "the version cannot be read from this name"),
    }
}

/// CRC-32C of the journal's frames is one instruction or a table walk.
fn cpu_features() -> Check {
    #[cfg(target_arch = "x86_64")]
    let (features, has_crc) = {
        let crc = std::arch::is_x86_feature_detected!("sse4.2");
        let aes = std::arch::is_x86_feature_detected!("aes");
        (format!("sse4.2 {}, aes {}", yes(crc), yes(aes)), crc)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let (features, has_crc) = (format!("{}: not looked at", std::env::consts::ARCH), true);
    if has_crc {
        return Check::ok("cpu_features", features);
    }
    Check::warn(
        "cpu_features",
        features,
        "without sse4.2 the journal's checksums are computed in software; use another cpu model",
    )
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

fn cpus(allowed: &[usize], online: Option<&str>) -> Check {
    let found = format!("{} allowed of {} online", show(allowed), online.unwrap_or("unknown"));
    match allowed.len() {
        0 => Check::fail(
            "cpus",
            "none allowed",
            "the kernel does not say which cpus may be used; check the sandbox",
        ),
        1 => Check::warn(
            "cpus",
            found,
            "the pipeline shares its cpu with helper threads and everything else; allow two or more",
        ),
        _ => Check::ok("cpus", found),
    }
}

fn cpu_isolation(allowed: &[usize], isolated: Option<&str>) -> Check {
    const NAME: &str = "cpu_isolation";
    let isolated = isolated.filter(|list| !list.is_empty()).and_then(|list| parse_cpu_list(list).ok());
    let Some(isolated) = isolated else {
        // Whoever has few cpus has none to spare.
        return match allowed.len() {
            0..4 => Check::ok(NAME, "none isolated, and too few to spare any"),
            _ => Check::warn(
                NAME,
                "none isolated",
                "for low latency boot with isolcpus=, nohz_full= and rcu_nocbs= and name them in --cpu-set",
            ),
        };
    };
    let usable: Vec<usize> = isolated.iter().copied().filter(|cpu| allowed.contains(cpu)).collect();
    if usable.is_empty() {
        let remedy = "allow them to this process (taskset, cpuset of the control group)";
        return Check::warn(NAME, format!("{} isolated, none of them allowed", show(&isolated)), remedy);
    }
    Check::ok(NAME, format!("{} isolated and allowed", show(&usable)))
}

fn cpu_quota(cores: Option<f64>) -> Check {
    match cores {
        None => Check::ok("cpu_quota", "none"),
        Some(cores) => Check::warn(
            "cpu_quota",
            format!("{cores:.2} cores"),
            "a quota stops every thread for the rest of its period; pin cpus by a cpuset instead, and do not use --wait busy",
        ),
    }
}

fn cpu_governor(governors: &[Option<String>]) -> Check {
    let mut names: Vec<&str> = governors.iter().flatten().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [] => Check::ok("cpu_governor", "not visible; a virtual machine's host decides"),
        ["performance"] => Check::ok("cpu_governor", "performance"),
        _ => Check::warn("cpu_governor", names.join(", "), "cpupower frequency-set -g performance"),
    }
}

fn smt(allowed: &[usize], siblings: &[Option<String>]) -> Check {
    let cores = siblings.iter().flatten().filter_map(|list| parse_cpu_list(list).ok());
    let mut shared: Vec<String> = cores
        .map(|core| core.into_iter().filter(|cpu| allowed.contains(cpu)).collect::<Vec<_>>())
        .filter(|core| core.len() > 1)
        .map(|core| show(&core))
        .collect();
    shared.sort_unstable();
    shared.dedup();
    if siblings.iter().all(Option::is_none) {
        return Check::warn(
            "smt",
            "unknown",
            "the topology is not visible; give the pipeline one cpu of each core",
        );
    }
    if shared.is_empty() {
        return Check::ok("smt", "no two allowed cpus share a core, as far as is visible");
    }
    let found = format!("cpus that share a core: {}", shared.join(" and "));
    Check::warn("smt", found, "name one cpu of each core in --cpu-set, and leave the others idle")
}

fn clock_source(name: Option<&str>) -> Check {
    match name {
        Some(name @ ("tsc" | "arch_sys_counter")) => Check::ok("clock_source", name),
        Some(name) => Check::warn(
            "clock_source",
            name,
            "reading it may cost a system call; boot with clocksource=tsc if the tsc is stable",
        ),
        None => Check::warn("clock_source", "unknown", "mount /sys to find out"),
    }
}

fn huge_pages(enabled: Option<&str>, wanted: bool) -> Check {
    // The file lists all choices, the one in force in brackets.
    let chosen = enabled.and_then(|text| text.split(['[', ']']).nth(1));
    match chosen {
        Some("always") => Check::warn(
            "huge_pages",
            "always",
            "compaction stalls threads: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        None | Some("never") if wanted => Check::warn(
            "huge_pages",
            chosen.unwrap_or("not offered by this kernel"),
            "engine.huge_pages may have no effect: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        Some(chosen) => Check::ok("huge_pages", chosen),
        None => Check::ok("huge_pages", "not offered by this kernel"),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        u64::MAX => "unlimited".to_owned(),
        0..1_048_576 => format_bytes(bytes),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

fn locked_memory(soft: Option<u64>, any: bool) -> Check {
    const NAME: &str = "locked_memory";
    match soft {
        _ if any => Check::ok(NAME, "no limit for this process (CAP_IPC_LOCK)"),
        Some(u64::MAX) => Check::ok(NAME, "unlimited"),
        Some(soft) => Check::warn(
            NAME,
            bytes(soft),
            "pages may be swapped out under a run: ulimit -l unlimited (LimitMEMLOCK=infinity)",
        ),
        None => Check::warn(NAME, "unknown", "mount /proc to find out"),
    }
}

fn open_files(soft: Option<u64>) -> Check {
    const NAME: &str = "open_files";
    match soft {
        Some(0..64) => Check::fail(
            NAME,
            format!("{}", soft.unwrap_or(0)),
            "a run opens journals, logs and sockets: ulimit -n 4096",
        ),
        Some(count @ 64..1_024) => Check::warn(NAME, count.to_string(), "ulimit -n 4096"),
        Some(u64::MAX) => Check::ok(NAME, "unlimited"),
        Some(count) => Check::ok(NAME, count.to_string()),
        None => Check::warn(NAME, "unknown", "mount /proc to find out"),
    }
}

fn journal_disk(dir: &Path, space: Option<(u64, u64)>, segment_bytes: u64) -> Check {
    const NAME: &str = "journal_disk";
    let Some((size, free)) = space else {
        return Check::warn(
            NAME,
            format!("{}: free space unknown", dir.display()),
            "install df, or look yourself",
        );
    };
    let segment = format_bytes(segment_bytes);
    let found = format!("{}: {} free of {}", dir.display(), bytes(free), bytes(size));
    if free < SEGMENTS_NEEDED.saturating_mul(segment_bytes) {
        let remedy = format!(
            "a run needs {SEGMENTS_NEEDED} segments of {segment}: free some, or set journal.segment or journal.dir"
        );
        return Check::fail(NAME, found, remedy);
    }
    if free < SEGMENTS_COMFORTABLE.saturating_mul(segment_bytes) {
        let remedy = format!(
            "less than {SEGMENTS_COMFORTABLE} segments of {segment} may not last a session: free some"
        );
        return Check::warn(NAME, found, remedy);
    }
    Check::ok(NAME, found)
}

/// The Indian date on which a file was last written.
fn modified_on(path: &Path) -> Option<Date> {
    let since_epoch = path.metadata().ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let written = pitlane_config::format_ist(TsNs(u64::try_from(since_epoch.as_nanos()).ok()?));
    parse_date(&written[..10]).ok()
}

/// What the calendar knows of `today`; `configured` hours go before it.
fn trading_day(today: Date, configured: Option<(Time, Time)>) -> Check {
    const NAME: &str = "trading_day";
    const REMEDY: &str =
        "give `open` and `close` of [session] if it trades all the same; a synthetic day has its own date";
    let shown =
        |(open, close): (Time, Time)| format!("{} to {}", open.strftime("%H:%M"), close.strftime("%H:%M"));
    if let Some(hours) = configured {
        return Check::ok(NAME, format!("{today}: {} as configured", shown(hours)));
    }
    let calendar = Calendar::new();
    let hours = |segment| {
        calendar
            .sessions(today, segment)
            .hours()
            .map_or_else(String::new, |hours| shown((hours.open, hours.close)))
    };
    let all = || {
        format!(
            "{today}: shares {}, shares with derivatives {}, derivatives {}",
            hours(Segment::Cash),
            hours(Segment::CashWithDerivatives),
            hours(Segment::Derivatives)
        )
    };
    match calendar.sessions(today, Segment::Cash) {
        Day::Trading(_) => Check::ok(NAME, all()),
        Day::Holiday(name) => Check::warn(NAME, format!("{today}: closed, {name}"), REMEDY),
        Day::NoHours { name, .. } => Check::warn(
            NAME,
            format!("{today}: {name}, hours not known"),
            "give `open` and `close` of [session]",
        ),
        Day::Unknown { .. } => Check::warn(
            NAME,
            format!("{} (not in the calendar's data)", all()),
            "update, or give `open` and `close` of [session]",
        ),
    }
}

/// Whether the instrument file is of today: tokens, lots and contracts change from day to day.
fn instrument_file(path: &Path, today: Date, written: Option<Date>) -> Check {
    const NAME: &str = "instrument_file";
    let path = path.display();
    match written {
        None => Check::fail(NAME, format!("{path} cannot be read"), "fetch the broker's instrument dump"),
        Some(date) if date >= today => Check::ok(NAME, format!("{path}, of today")),
        Some(date) => {
            Check::warn(NAME, format!("{path}, of {date}"), "fetch the dump of today: tokens and lots change")
        }
    }
}

fn clock_sync(synced: Option<&str>) -> Check {
    const REMEDY: &str =
        "run chrony or systemd-timesyncd; replay and simulation do not mind, live trading does";
    match synced {
        Some("yes") => Check::ok("clock_sync", "synchronized"),
        Some(_) => Check::warn("clock_sync", "not synchronized", REMEDY),
        None => Check::warn("clock_sync", "unknown", REMEDY),
    }
}
