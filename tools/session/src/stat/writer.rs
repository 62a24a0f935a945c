//! The thread that makes the file.

use super::{MeasuredSummary, STAT_FILE, Stat};
use crate::live::say::say;
use crate::summary::LatencyNs;
use pitlane_config::format_ist;
use pitlane_engine::drive::measure::{Gauges, Reading};
use pitlane_engine::units::TsNs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// From one writing to the next.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps the file of a running run. When it is dropped the file says how the run ended.
pub struct StatWriter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StatWriter {
    /// Starts to write what `gauges` show into the journal's directory `dir`; `symbols` are the instruments by their ids.
    /// The thread inherits the cpus of the caller.
    ///
    /// # Errors
    /// If the file cannot be made or the thread not be started.
    pub fn start(dir: &Path, gauges: Arc<Gauges>, symbols: Vec<String>) -> io::Result<Self> {
        let mut file = StatFile::new(dir, gauges, symbols);
        file.write(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let keep = move || {
            let mut warned = false;
            loop {
                std::thread::park_timeout(EVERY);
                // Acquire: pairs with the Release in `drop`; the gauges hold all of the run by then.
                let running = !stopped.load(Ordering::Acquire);
                if let Err(error) = file.write(running)
                    && !std::mem::replace(&mut warned, true)
                {
                    say(format!("warning: {}: {error}; the run itself is unaffected", file.path.display()));
                }
                if !running {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("stat".to_owned()).spawn(keep)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for StatWriter {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `start`.
        self.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        if thread.join().is_err() {
            say("warning: the thread that writes stat.json panicked; this is a bug, please report it");
        }
    }
}

struct StatFile {
    path: PathBuf,
    gauges: Arc<Gauges>,
    symbols: Vec<String>,
    began: Instant,
    started: String,
    /// The reading of the last second, and when it was.
    last: Option<(Reading, Instant)>,
}

impl StatFile {
    fn new(dir: &Path, gauges: Arc<Gauges>, symbols: Vec<String>) -> Self {
        let (path, began) = (dir.join(STAT_FILE), Instant::now());
        Self { path, gauges, symbols, began, started: crate::now_ist(), last: None }
    }

    fn stat(&mut self, running: bool) -> Stat {
        let (reading, now) = (self.gauges.read(), Instant::now());
        let updated_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let (mut orders, mut steps, mut seconds) = (reading.orders.clone(), reading.steps.clone(), 0.0);
        if let Some((last, at)) = &self.last {
            (orders, steps) = (orders.since(&last.orders), steps.since(&last.steps));
            seconds = now.duration_since(*at).as_secs_f64();
        }
        let stat = Stat {
            schema: "engine-stat/1".to_owned(),
            pid: std::process::id(),
            running,
            started: self.started.clone(),
            updated: format_ist(TsNs(updated_ns)),
            updated_ns,
            wall_s: now.duration_since(self.began).as_secs_f64(),
            inputs: reading.steps.count(),
            inputs_per_s: crate::summary::rate(steps.count(), seconds),
            seq_last: reading.last_seq.0,
            ts_last: reading.last_ts.0,
            tick_to_order_ns: LatencyNs::of(&reading.orders),
            last_tick_to_order_ns: LatencyNs::of(&orders),
            last_step_ns: LatencyNs::of(&steps),
            measured: MeasuredSummary::of(&reading, &self.symbols),
        };
        self.last = Some((reading, now));
        stat
    }

    /// Puts a new file in the place of the old one, so that a reader finds one or the other.
    fn write(&mut self, running: bool) -> io::Result<()> {
        let text = serde_json::to_string(&self.stat(running))?;
        let part = self.path.with_extension("json.part");
        std::fs::write(&part, text + "\n")?;
        std::fs::rename(&part, &self.path)
    }
}
