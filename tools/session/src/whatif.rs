//! A recorded day anew: the recorded inputs from outside, other strategies, risk or venue, new reports.

use crate::cli::{ConfigArgs, CpuArgs};
use crate::cpus::{Placement, WaitChoice};
use crate::exit::usage;
use crate::journal_watch::DurabilityPlan;
use crate::plan::Planner;
use crate::recorded::Recording;
use crate::resume::Restart;
use crate::run::{Finished, Plan, execute};
use crate::sim::{Identity, pace, speed};
use crate::warmup::{self, WarmupArgs, WarmupSummary};
use pitlane_config::{Settings, Speed};
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::sequencer::source::{Recorded, Rewrite, Source};
use pitlane_engine::units::TsNs;
use pitlane_market::Calendar;
use pitlane_store::{EventStream, INPUTS, StreamEnd};
use std::path::{Path, PathBuf};

/// A recorded day, ready to be run.
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
    identity: Identity,
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
            restart: None,
        }
    }
}

/// Opens the recorded journal at `from` for a run with the settings it was made with, changed by `config`, from
/// the history it was made with, or that of `warmup` if it had none.
///
/// # Errors
/// If the journal cannot be read, the settings do not fit it, or the history cannot be used.
pub fn prepare(from: &Path, config: &ConfigArgs, warmup: &WarmupArgs) -> anyhow::Result<Prepared> {
    let recording = Recording::open(from)?;
    let mut settings = config.load_over(&recording.settings)?;
    // What a broker did is not done again: the paper venue trades, whatever did then.
    settings.venue.live = false;
    refuse_recorded(&recording.settings, &settings)?;
    let identity = Identity::new(&settings, recording.head.instruments.clone())?;
    let rewrite = Rewrite { config_hash: identity.config_hash, instruments_hash: identity.instruments_hash };
    let stream = EventStream::open(from, INPUTS)?;
    let end = stream.end();
    let start = recording.head.first_session.pre_open;
    let planner = Planner {
        settings: &settings,
        calendar: &Calendar::new(),
        instruments: &identity.pipeline.instruments,
        dump: None,
    };
    let warmup = warmup::over_recorded(warmup, from, &planner, recording.head.first_session.date)?;
    let schedule =
        Schedule::preamble_only(&identity.text, &identity.pipeline.instruments, &warmup.history, start);
    let last = last_time(from)?;
    let feed = Box::new(Recorded::new(stream, rewrite));
    Ok(Prepared { settings, schedule, feed, end, span: (start, last), warmup: warmup.summary, identity })
}

/// Refuses changes of what the recording fixes: they would stand in the new run's configuration without effect.
pub(crate) fn refuse_recorded(recorded: &Settings, wanted: &Settings) -> anyhow::Result<()> {
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

/// A guess at the last recorded time that costs nothing: the end of the last segment's first frame would need a scan, so
/// the first session's end stands for it.
fn last_time(from: &Path) -> anyhow::Result<TsNs> {
    Ok(pitlane_store::read_head(from)?.first_session.end)
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
    /// The history it started from, if any.
    pub warmup: Option<WarmupSummary>,
}

/// Runs the recorded day of `dir`, journaling to `out` if that is given.
///
/// # Errors
/// As `prepare`, and as a run.
pub fn whatif(
    dir: &Path,
    out: Option<&Path>,
    config: &ConfigArgs,
    cpus: &CpuArgs,
    pace_text: &str,
    warmup: &WarmupArgs,
) -> anyhow::Result<WhatIf> {
    let prepared = prepare(dir, config, warmup)?;
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
    Ok(WhatIf {
        finished,
        out: plan.journal.clone(),
        latency_min_ns: plan.pipeline.venue.latency_min_ns,
        pipeline: plan.pipeline,
        warmup: prepared.warmup,
    })
}
