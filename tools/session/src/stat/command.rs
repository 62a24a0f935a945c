//! `engine stat`: shows the file of a run.

use super::{STAT_FILE, Stat, time_text};
use crate::exit::{Exit, answer, data, usage};
use crate::signals::Signals;
use crate::summary::card;
use anyhow::Context;
use clap::Args;
use pitlane_config::format_ist;
use pitlane_engine::units::TsNs;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that is older is not kept by a running engine any more: it makes one each second.
const STALE: Duration = Duration::from_secs(5);

/// `engine stat`.
#[derive(Args, Debug, Default)]
pub struct StatArgs {
    /// The journal of the run
    #[arg(value_name = "DIR", conflicts_with = "journal")]
    pub dir: Option<PathBuf>,
    /// The same
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Show it again every second until the run ends
    #[arg(long)]
    pub watch: bool,
    /// Print one JSON object (engine-stat/1) on stdout; with --watch one a line
    #[arg(long)]
    pub json: bool,
}

/// How the run that keeps a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Running,
    Ended,
    /// It says that it runs, and nobody has written it for `STALE`, or its process is gone.
    Gone,
}

/// Shows what the run of a journal measured, or measures.
///
/// # Errors
/// If there is no measurement, or it cannot be read.
pub fn stat(args: &StatArgs) -> anyhow::Result<Exit> {
    let dir = args.dir.as_ref().or(args.journal.as_ref());
    let dir = dir.ok_or_else(|| usage("stat needs the journal of a run: engine stat DIR"))?;
    let signals =
        args.watch.then(Signals::listen).transpose().context("the system refuses signal handlers")?;
    loop {
        let stat = read(dir)?;
        let life = life(&stat);
        if args.json {
            answer(&serde_json::to_string(&stat)?)?;
        } else {
            // On a terminal each takes the place of the last.
            let clear = if args.watch && std::io::stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };
            answer(&format!("{clear}{}\n", render(&stat, life)))?;
        }
        match &signals {
            Some(signals) if life == Life::Running => {
                if let Some(exit) = signals.exit() {
                    return Ok(exit);
                }
                std::thread::sleep(Duration::from_secs(1));
            }
            _ => return Ok(Exit::Ok),
        }
    }
}

fn read(dir: &Path) -> anyhow::Result<Stat> {
    crate::sim::check_is_journal(dir)?;
    let path = dir.join(STAT_FILE);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(data(format!(
                "no measurement at {}: its run was made with engine.measure = off, by another command than `engine`, \
                 or by an older one",
                path.display()
            )));
        }
        other => other.with_context(|| path.display().to_string())?,
    };
    serde_json::from_str(&text).map_err(|error| {
        data(format!(
            "{}: {error}: not what this engine writes; run `engine` of the same build",
            path.display()
        ))
    })
}

fn life(stat: &Stat) -> Life {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = now.saturating_sub(Duration::from_nanos(stat.updated_ns));
    let process = Path::new("/proc").join(stat.pid.to_string());
    match stat.running {
        false => Life::Ended,
        true if age > STALE || !process.exists() => Life::Gone,
        true => Life::Running,
    }
}

fn render(stat: &Stat, life: Life) -> String {
    let state = match life {
        Life::Running => format!("process {}, running for {:.0} s", stat.pid, stat.wall_s),
        Life::Ended => format!("ended after {:.1} s, {}", stat.wall_s, stat.updated),
        Life::Gone => format!("process {} is gone or stands still; last heard of {}", stat.pid, stat.updated),
    };
    let reached = match stat.seq_last {
        0 => "nothing yet".to_owned(),
        seq => format!("seq {seq}, {}", format_ist(TsNs(stat.ts_last))),
    };
    let mut rows = vec![("run", state), ("reached", reached), ("inputs", inputs(stat))];
    if life == Life::Running {
        rows.push(("last second", last_second(stat)));
    }
    let measured = stat.measured.rows(&stat.tick_to_order_ns);
    rows.extend(measured.iter().map(|(name, text)| (name.as_str(), text.clone())));
    let mut text = card(&rows);
    for (title, steps) in
        [("slowest orders", &stat.measured.slowest_orders), ("slowest steps", &stat.measured.slowest_steps)]
    {
        if !steps.is_empty() {
            text.push_str(&format!("\n\n {title}"));
        }
        for step in steps {
            let ns = if title == "slowest orders" { step.order_ns.unwrap_or(0) } else { step.step_ns };
            text.push_str(&format!("\n   {}", step.line(ns)));
        }
    }
    text
}

fn inputs(stat: &Stat) -> String {
    match stat.running {
        true => format!("{}, {:.0}/s now", stat.inputs, stat.inputs_per_s),
        false => stat.inputs.to_string(),
    }
}

fn last_second(stat: &Stat) -> String {
    let (orders, steps) = (&stat.last_tick_to_order_ns, &stat.last_step_ns);
    format!(
        "tick to order p99 {} of {}, step p99 {}, longest {}",
        time_text(orders.p99),
        orders.count,
        time_text(steps.p99),
        time_text(steps.max)
    )
}

#[cfg(test)]
mod tests;
