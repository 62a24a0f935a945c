//! One or many recorded days anew: the recorded inputs from outside, other strategies, risk or venue, new reports.

mod quiet;

use crate::cli::{ConfigArgs, CpuArgs};
use crate::cpus::{Placement, WaitChoice};
use crate::days::{Days, Seen};
use crate::exit::{tell, usage};
use crate::journal_watch::DurabilityPlan;
use crate::plan::Planner;
use crate::resume::Restart;
use crate::run::{Finished, Plan, execute};
use crate::sim::{Identity, pace, speed};
use crate::warmup::{self, WarmupArgs, WarmupSummary};
use pitlane_config::{Settings, Speed, format_ist};
use pitlane_engine::event::CommandCode;
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::sequencer::source::{Recorded, Rewrite, Source};
use pitlane_engine::units::TsNs;
use pitlane_market::Calendar;
use pitlane_store::StreamEnd;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// Recorded days, ready to be run.
pub struct Prepared {
    /// The settings of the new run: the recorded ones, changed by the command line.
    pub settings: Settings,
    /// The preamble.
    pub schedule: Schedule,
    /// The recorded inputs from outside.
    pub feed: Box<dyn Source>,
    /// Where an error in the recorded inputs will be found.
    pub end: StreamEnd,
    /// First and last recorded time.
    pub span: (TsNs, TsNs),
    /// The history the new run starts from, if any.
    pub warmup: Option<WarmupSummary>,
    /// What came by of them, to be asked behind the run.
    pub seen: Arc<Mutex<Seen>>,
    /// What is to be said about the days; stderr has it already.
    pub notes: Vec<String>,
    identity: Identity,
    /// How many inputs are recorded, and how many of them were read.
    recorded: (u64, Arc<AtomicU64>),
}

impl Prepared {
    /// How a run of it goes on with what its journal holds.
    pub fn restart(&self) -> Restart {
        Restart {
            config_text: self.identity.text.clone(),
            recorded_feed: true,
            live_feed: false,
            snapshot_every: self.settings.journal.snapshot_every,
        }
    }

    /// The plan of the run, fused and unpaced, without a journal.
    pub fn plan(&self) -> Plan {
        let placement = Placement::resolve(None, None, WaitChoice::Auto).expect("no cpus are asked for");
        Plan {
            pipeline: self.identity.pipeline.clone(),
            config_hash: self.identity.config_hash,
            instruments_hash: self.identity.instruments_hash,
            placement,
            journal: None,
            segment_bytes: self.settings.journal.segment_bytes,
            durability: DurabilityPlan::of(&self.settings.journal),
            pace: None,
            until: TsNs(u64::MAX),
            span: self.span,
            what: "replay",
            recorded: Some(self.recorded.clone()),
            // Only a live run's latencies mean anything; who shows them says so.
            stamps: false,
            restart: None,
        }
    }
}

/// Opens the recorded journals at `from`, in any order, for one run with the settings the first day was made with, changed
/// by `config`, from the history it was made with, or that of `warmup` if it had none. What is to be said about the days
/// goes to stderr.
///
/// # Errors
/// If a journal cannot be read, the days cannot be joined, the settings do not fit them, or the history cannot be used.
pub fn prepare(from: &[PathBuf], config: &ConfigArgs, warmup: &WarmupArgs) -> anyhow::Result<Prepared> {
    let days = Days::open(from)?;
    for note in &days.notes {
        tell(note);
    }
    let mut settings = config.load_over(&days.settings)?;
    // What a broker did is not done again: the paper venue trades, whatever did then.
    settings.venue.live = false;
    refuse_recorded(&days.settings, &settings)?;
    let identity = Identity::new(&settings, days.instruments.clone())?;
    let rewrite = Rewrite { config_hash: identity.config_hash, instruments_hash: identity.instruments_hash };
    let planner = Planner {
        settings: &settings,
        calendar: &Calendar::new(),
        instruments: &identity.pipeline.instruments,
        dump: None,
    };
    let start = days.first_session.pre_open;
    let warmup = warmup::over_recorded(warmup, days.first_dir(), &planner, days.first_session.date)?;
    let schedule =
        Schedule::preamble_only(&identity.text, &identity.pipeline.instruments, &warmup.history, start);
    let reader = days.reader();
    let (end, seen) = (reader.end(), reader.seen());
    let recorded = (days.inputs(), reader.reached());
    let feed = Box::new(Recorded::new(reader, rewrite));
    let span = (start, days.last);
    let warmup = warmup.summary;
    let notes = days.notes;
    Ok(Prepared { settings, schedule, feed, end, span, warmup, seen, notes, identity, recorded })
}

/// Refuses changes of what the recording fixes: they would stand in the new run's configuration without effect.
///
/// # Errors
/// The first of them.
pub fn refuse_recorded(recorded: &Settings, wanted: &Settings) -> anyhow::Result<()> {
    let hours =
        |settings: &Settings| (settings.session.pre_open, settings.session.open, settings.session.close);
    let market = |settings: &Settings| {
        // The pace is not the market's, and the recording's own script is recorded with it.
        let mut sim = settings.sim.clone();
        sim.speed = Speed::Max;
        sim
    };
    for (differs, keys) in [
        (recorded.instruments != wanted.instruments, "[[instruments]]"),
        (recorded.trading != wanted.trading, "[[halts]] and the band of [[instruments]]"),
        (hours(recorded) != hours(wanted), "session.pre_open, session.open and session.close"),
        (market(recorded) != market(wanted), "[sim]"),
        (recorded.candles != wanted.candles, "[candles]"),
    ] {
        if differs {
            return Err(usage(format!(
                "{keys} cannot be changed: the recorded day fixes them; give them to `import` or `engine run`, \
                 which record the day. Strategies, risk (risk.square_off too), venue and bars can be changed"
            )));
        }
    }
    Ok(())
}

/// A finished what-if run.
pub struct WhatIf {
    /// The run.
    pub finished: Finished,
    /// Where its journal is.
    pub out: Option<PathBuf>,
    /// Least latency of its venue.
    pub latency_min_ns: u64,
    /// What it was built from.
    pub pipeline: pitlane_engine::config::PipelineConfig,
    /// What its prices are made of.
    pub path: String,
    /// Whether they are candles.
    pub is_bar_driven: bool,
    /// The days that came by.
    pub seen: Seen,
    /// The history it started from, if any.
    pub warmup: Option<WarmupSummary>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Runs the recorded days of `dirs` as one, journaling to `out` if that is given.
///
/// # Errors
/// As `prepare`, and as a run.
pub fn whatif(
    dirs: &[PathBuf],
    out: Option<&Path>,
    config: &ConfigArgs,
    cpus: &CpuArgs,
    pace_text: &str,
    warmup: &WarmupArgs,
) -> anyhow::Result<WhatIf> {
    let prepared = prepare(dirs, config, warmup)?;
    let speed = speed(Some(pace_text), Speed::Max)?;
    let plan = Plan {
        placement: cpus.placement(&prepared.settings)?,
        journal: out.map(Path::to_path_buf),
        durability: DurabilityPlan::of(&prepared.settings.journal),
        pace: pace(speed, prepared.span.0),
        what: "whatif",
        ..prepared.plan()
    };
    let end = prepared.end.clone();
    let finished = execute(&plan, Box::new(prepared.schedule), prepared.feed)?;
    if let Some(error) = end.take_error() {
        return Err(error.into());
    }
    let seen = prepared.seen.lock().expect("the run is over").clone();
    // Once more, where the figures are: stderr may be far above, or nowhere.
    let told = |note: &String| note.trim_start_matches("note: ").to_owned();
    let mut notes: Vec<String> = prepared.notes.iter().map(told).collect();
    notes.extend(said(&seen));
    notes.extend(quiet::why(&finished.result.counts, &plan.pipeline));
    Ok(WhatIf {
        finished,
        out: plan.journal.clone(),
        latency_min_ns: plan.pipeline.venue.latency_min_ns,
        pipeline: plan.pipeline,
        path: prepared.settings.prices(),
        is_bar_driven: prepared.settings.candles.is_some(),
        seen,
        warmup: prepared.warmup,
        notes,
    })
}

/// What is to be said about what came by.
fn said(seen: &Seen) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some((code, at, dir)) = &seen.first_command {
        let others = match seen.commands {
            1 => String::new(),
            all => format!(" and {} more", all - 1),
        };
        let lasting = matches!(code, CommandCode::Kill | CommandCode::Flatten | CommandCode::ReduceOnly);
        let effect = if lasting { "; what it latched stays until a resume, over sessions" } else { "" };
        notes.push(format!(
            "recorded commands are obeyed again: {} at {} in {}{others}{effect}",
            code.name(),
            format_ist(*at),
            dir.display()
        ));
    }
    if seen.history_left_out > 0 {
        notes.push(format!(
            "{} bars that later days were started from were left out: the days themselves come before",
            seen.history_left_out
        ));
    }
    notes
}
