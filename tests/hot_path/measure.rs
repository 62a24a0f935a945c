//! Measuring a pipeline thread: its allocations, system calls and page faults after a warm-up.

use pitlane_engine::drive::measure::Gauges;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::worker::{Duty, Worker};
use pitlane_engine::drive::{Run, affinity, memory};
use pitlane_engine::event::Event;
use pitlane_engine::sequencer::source::{Head, Source};
use pitlane_journal::{JournalDir, WriterOptions};
use pitlane_store::JournalLog;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The variable that tells a process of this test what to measure.
pub(crate) const MODE_VARIABLE: &str = "PITLANE_HOT_PATH";
/// What can be measured.
pub(crate) const MODES: &[&str] = &["fused", "pinned-2", "pinned-5"];

const WARM_UP_EVENTS: u64 = 300_000;
const MEASURED_EVENTS: u64 = 1_000_000;
/// A third of what the run records at most: 1,300,000 inputs of 288 bytes and some timers.
const INPUTS_SEGMENT_BYTES: u64 = 160 << 20;
/// The same of the outputs, some hundred bytes an input.
const OUTPUTS_SEGMENT_BYTES: u64 = 80 << 20;
const EXIT_ALLOCATED: i32 = 1;
const EXIT_FAULTED: i32 = 2;
const EXIT_SHORT: i32 = 3;
const EXIT_NO_LOCK: i32 = 4;
const EXIT_NO_FILTER: i32 = 5;
/// A forbidden system call ends the process with this plus its number; 255 stands for all higher ones.
const EXIT_CALL: i32 = 32;

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Counts the allocations of armed threads.
struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    if ARMED.with(Cell::get) {
        // Relaxed: a counter read after the threads have been waited for.
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

/// What an exit code of the measuring process means.
pub(crate) fn explain(code: Option<i32>) -> String {
    match code {
        Some(0) => format!("ok: {MEASURED_EVENTS} events without an allocation, system call or page fault"),
        Some(EXIT_ALLOCATED) => "FAILED: allocations on a pipeline thread".to_owned(),
        Some(EXIT_FAULTED) => "FAILED: page faults on a pipeline thread".to_owned(),
        Some(EXIT_SHORT) => "FAILED: the run ended before the measurement did".to_owned(),
        Some(EXIT_NO_LOCK) => "FAILED: memory cannot be locked here (ulimit -l)".to_owned(),
        Some(EXIT_NO_FILTER) => "FAILED: system call filters cannot be installed here".to_owned(),
        Some(code) if code >= EXIT_CALL => {
            let or_higher = if code == 255 { " or higher" } else { "" };
            format!("FAILED: system call number {}{or_higher} on a pipeline thread", code - EXIT_CALL)
        }
        other => format!("FAILED: ended with {other:?}"),
    }
}

/// Leaves the process at once: the filter allows nothing gentler.
fn leave(code: i32) -> ! {
    // SAFETY: ends the process; nothing runs after it.
    unsafe { libc::_exit(code) }
}

/// Page faults of this thread so far, minor and major.
fn faults() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills the structure the pointer describes.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    // SAFETY: zeroed memory is a valid `rusage`, and the kernel wrote one over it.
    let usage = unsafe { usage.assume_init() };
    usage.ru_minflt + usage.ru_majflt
}

extern "C" fn on_forbidden_call(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // The layout of SIGSYS: si_signo, si_errno, si_code, padding, the address (8 bytes), the number.
    // SAFETY: the kernel passes a whole siginfo_t, which is larger than the 28 bytes up to the number.
    let place = unsafe { info.cast::<i32>().add(6) };
    // SAFETY: as above, and the structure is aligned to more than four bytes.
    let number = unsafe { place.read() };
    leave((EXIT_CALL + number).min(255));
}

/// From now on this thread may only leave, ask for its faults, and yield.
fn forbid_system_calls() {
    let allowed = [libc::SYS_exit_group, libc::SYS_getrusage, libc::SYS_sched_yield];
    let op = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = vec![op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for (index, call) in allowed.iter().enumerate() {
        let to_allow = (allowed.len() - index) as u8;
        program.push(op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_allow, 0, *call as u32));
    }
    program.push(op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_TRAP));
    program.push(op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeroed memory is a valid `sigaction`.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = on_forbidden_call as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the action is initialised and its handler only leaves the process.
    unsafe { libc::sigaction(libc::SIGSYS, action, std::ptr::null_mut()) };
    // SAFETY: takes numbers only.
    let no_new = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the kernel copies the program that `filter` describes.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter) };
    if no_new != 0 || set != 0 {
        leave(EXIT_NO_FILTER);
    }
}

/// Counts what the pipeline takes from its source.
struct Counted<S> {
    source: S,
    taken: Arc<AtomicU64>,
}

impl<S: Source> Source for Counted<S> {
    fn poll(&mut self) -> Head {
        self.source.poll()
    }

    fn head(&self) -> &Event {
        self.source.head()
    }

    fn advance(&mut self) {
        self.source.advance();
        // Relaxed: a counter that only says how far the run is.
        self.taken.fetch_add(1, Ordering::Relaxed);
    }
}

/// One pipeline thread: warm up, measure, and then keep working so that the others can finish measuring.
fn measured_thread(mut worker: Box<dyn Worker>, taken: &AtomicU64, ready: &AtomicU64) -> ! {
    let turn = |worker: &mut Box<dyn Worker>| match worker.duty_cycle(256) {
        Duty::Worked => {}
        Duty::Idle => std::thread::yield_now(),
        Duty::Finished | Duty::Failed => leave(EXIT_SHORT),
    };
    // Relaxed: as above.
    while taken.load(Ordering::Relaxed) < WARM_UP_EVENTS {
        turn(&mut worker);
    }
    forbid_system_calls();
    faults();
    let before = faults();
    ARMED.with(|armed| armed.set(true));
    while taken.load(Ordering::Relaxed) < WARM_UP_EVENTS + MEASURED_EVENTS {
        turn(&mut worker);
    }
    ARMED.with(|armed| armed.set(false));
    if faults() != before {
        leave(EXIT_FAULTED);
    }
    // Release: pairs with the Acquire in `child`; the allocations are counted before.
    ready.fetch_add(1, Ordering::Release);
    loop {
        match worker.duty_cycle(256) {
            Duty::Worked => {}
            _ => std::thread::yield_now(),
        }
    }
}

/// Both records, with all segments that the run fills made beforehand: at full rate it is faster than any machine makes them,
/// and would wait, which is a system call. It still goes from one to the next, twice.
fn journals(dir: &std::path::Path) -> (JournalLog, JournalLog) {
    let lock = JournalDir::lock(dir).expect("the directory is free");
    let of = |segment_bytes| WriterOptions { segment_bytes, sync_on_seal: false, ..WriterOptions::default() };
    let inputs = JournalLog::inputs(&lock, of(INPUTS_SEGMENT_BYTES)).expect("there is room for a journal");
    let outputs = JournalLog::outputs(&lock, of(OUTPUTS_SEGMENT_BYTES)).expect("there is room for a journal");
    // The first and two ahead of each; memory is locked, so mapped pages are there.
    let made = 3 * (INPUTS_SEGMENT_BYTES + OUTPUTS_SEGMENT_BYTES);
    let started = Instant::now();
    while mapped_bytes() < made {
        if started.elapsed() > Duration::from_secs(60) {
            leave(EXIT_SHORT);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    (inputs, outputs)
}

/// Bytes of mapped files that are in memory.
fn mapped_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is /proc");
    let kib = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    (kib("RssShmem:") + kib("RssFile:")) << 10
}

/// Runs one measurement in this process and ends it with the verdict.
pub(crate) fn child(mode: &str) -> ! {
    let threads: usize = mode.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(1);
    let dir =
        std::path::Path::new(if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" });
    let journal = tempfile::tempdir_in(dir).expect("a temporary directory can be made");
    if memory::lock().is_err() {
        leave(EXIT_NO_LOCK);
    }
    let taken = Arc::new(AtomicU64::new(0));
    let day = pitlane_tests::synthetic::day(WARM_UP_EVENTS + MEASURED_EVENTS + 500_000);
    let logs = journals(journal.path());
    let run = Run {
        measure: Some(Gauges::new(true)),
        ..Run::new(
            &day.config,
            Box::new(day.schedule()),
            Box::new(Counted { source: day.feed(), taken: taken.clone() }),
            Box::new(logs.0),
            Box::new(logs.1),
        )
    };
    let workers = workers(run, threads, RingSizes::default()).expect("the strategies exist");
    let ready = Arc::new(AtomicU64::new(0));
    let count = workers.len() as u64;
    let cpus = affinity::allowed_cpus();
    for (index, worker) in workers.into_iter().enumerate() {
        let (taken, ready, cpu) = (taken.clone(), ready.clone(), cpus[index % cpus.len()]);
        std::thread::spawn(move || {
            affinity::bind(cpu).expect("an allowed cpu can be bound");
            measured_thread(worker, &taken, &ready)
        });
    }
    // Acquire: pairs with the Release in `measured_thread`.
    while ready.load(Ordering::Acquire) < count {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(journal);
    leave(if ALLOCATIONS.load(Ordering::Relaxed) == 0 { 0 } else { EXIT_ALLOCATED })
}
