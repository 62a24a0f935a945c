//! Modes paper and live: a run on the wall clock over the broker's feed, with the paper venue or with the broker itself.
//!
//! ```text
//!  ticker ─► kite-feed ─► pipeline ─► orders ─► kite-gateway ─► REST          live alone: needs a consent
//!                │            ▲                    │  ▲
//!                └─ postbacks ┼──► helper ─────────┼──┘
//!                             └────── reports ◄────┘
//! ```

pub mod clock;
mod consent;
mod feed;
mod helper;
mod listings;
mod log;
pub mod login;
mod orders;
pub(crate) mod say;
pub mod summary;
pub mod world;

use crate::exit::usage;
use crate::journal_watch::DurabilityPlan;
use crate::resume::Restart;
use crate::run::Plan;
use crate::sim::{Done, Request, finish_in, journal_named, session, until};
use anyhow::Context;
use clock::MarketClock;
use consent::{Consent, banner, in_units};
use feed::Market;
use helper::Minder;
use log::Log;
use pitlane_config::{Mode, Settings, format_ist};
use pitlane_engine::config::{PipelineConfig, SessionTimes};
use pitlane_engine::drive::Broker;
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::units::TsNs;
use pitlane_journal::Durability;
use pitlane_kite_feed::{FeedHandle, FeedStatus, TokenSlot};
use pitlane_kite_gateway::driver::Rescue;
use pitlane_kite_gateway::session::Session;
use std::path::PathBuf;
use std::sync::Arc;
use world::{Helper, Opening, World};

/// Runs `request` in mode paper or live.
///
/// # Errors
/// If the configuration, the token, the journal or the broker does not allow it.
pub(crate) fn run(request: &Request<'_>, settings: &Settings, mode: Mode) -> anyhow::Result<Done> {
    let live = mode == Mode::Live;
    refuse_flags(request, mode)?;
    let clock = MarketClock::start(settings.clock.as_ref())?;
    let mut settings = settings.clone();
    settings.sim.date = clock.date()?;
    // Whatever the file says: without --mode live no order leaves.
    settings.venue.live &= live;
    let durability = durability(&settings, live);
    let consent = live.then(|| Consent::to_live(request.config, &settings, durability.level)).transpose()?;
    let (identity, planned, warmup) = session(request.instruments, &settings, request.warmup)?;
    if live {
        in_units(&identity.pipeline.instruments)?;
    }
    let times = planned.plan.times;
    refuse_over(&settings, &times, clock.pace().now())?;
    let until = until(request, &settings, &times)?;
    // Always the same for a day: what was cut short goes on, and its open orders are not forgotten.
    let name = format!("{}-{}", mode.name(), settings.sim.date);
    let journal = journal_named(request, &settings, || PathBuf::from("journals").join(&name))?;
    let instruments = &identity.pipeline.instruments;
    let schedule = Schedule::new(
        &identity.text,
        identity.config_hash,
        instruments,
        &warmup.history,
        std::slice::from_ref(&planned.plan),
        &[],
    )
    .with_trading(&planned.trading);
    let Market { source, handle, tokens, session: feeds } =
        feed::market(&settings, instruments, &times, clock.pace())?;
    let status = handle.status.clone();
    let plan = Plan {
        config_hash: identity.config_hash,
        instruments_hash: identity.instruments_hash,
        placement: request.cpus.placement(&settings)?,
        journal: Some(journal.clone()),
        segment_bytes: settings.journal.segment_bytes,
        durability,
        pace: None,
        until,
        span: (times.pre_open, times.end.min(until)),
        what: "session",
        recorded: None,
        stamps: true,
        restart: Some(Restart {
            config_text: identity.text,
            recorded_feed: false,
            live_feed: true,
            snapshot_every: settings.journal.snapshot_every,
        }),
        pipeline: identity.pipeline,
    };
    log::panics_to(journal.clone());
    if let Some(consent) = &consent {
        say::say(banner(consent, &settings, &plan.pipeline, &journal));
    }
    let title =
        format!("{} {}, market time from {}", mode.name(), settings.sim.date, format_ist(clock.pace().now()));
    let account = consent.as_ref().map(|consent| consent.session().user_id.clone());
    let mut world = Venue {
        pace: clock.pace().clone(),
        settings,
        pipeline: plan.pipeline.clone(),
        consent,
        parts: Some((clock, handle, tokens, feeds)),
        gateway: None,
        dir: None,
    };
    let mut done = finish_in(&plan, Box::new(schedule), source, title, warmup.summary, &mut world)?;
    done.summary.broker = Some(summary::of(&journal, account, &status, world.figures())?);
    Ok(done)
}

/// What is configured; without a level a run on the wall clock is durable, and a live one before its orders leave.
fn durability(settings: &Settings, live: bool) -> DurabilityPlan {
    let mut durability = DurabilityPlan::of(&settings.journal);
    if settings.journal.level.is_none() {
        durability.level = if live { Durability::D2 } else { Durability::D1 };
    }
    durability
}

/// Refuses what other modes take.
fn refuse_flags(request: &Request<'_>, mode: Mode) -> anyhow::Result<()> {
    if request.from.is_some() || request.speed.is_some() {
        return Err(usage(format!(
            "--from and --speed belong to other modes; {} keeps the market's time ([clock] of the configuration)",
            mode.name()
        )));
    }
    Ok(())
}

/// Refuses a session that has ended.
fn refuse_over(settings: &Settings, times: &SessionTimes, now: TsNs) -> anyhow::Result<()> {
    if now > times.end {
        return Err(usage(format!(
            "the session of {} ended at {}, and the market's clock shows {}; start before it",
            settings.sim.date,
            format_ist(times.end),
            format_ist(now)
        )));
    }
    Ok(())
}

/// The world of a paper run, or with a consent of a live one.
struct Venue {
    pace: Pace,
    settings: Settings,
    pipeline: PipelineConfig,
    consent: Option<Consent>,
    parts: Option<(MarketClock, FeedHandle, Arc<TokenSlot>, Session)>,
    gateway: Option<(orders::Running, Arc<pitlane_kite_gateway::driver::Shared>)>,
    /// The journal's directory, once it is open.
    dir: Option<PathBuf>,
}

impl Venue {
    /// What the gateway showed last.
    fn figures(&self) -> Option<pitlane_kite_gateway::driver::Figures> {
        self.gateway.as_ref().map(|(_, shared)| shared.figures())
    }
}

impl World for Venue {
    fn pace(&self) -> Pace {
        self.pace.clone()
    }

    fn open(&mut self, opening: &Opening<'_>) -> anyhow::Result<(Option<Broker>, Box<dyn Helper>)> {
        let (clock, feed, tokens, feeds) = self.parts.take().expect("a world is opened once");
        self.dir = opening.dir.map(std::path::Path::to_owned);
        let mut log = Log::default();
        if let Some(dir) = opening.dir {
            log.beside(dir)
                .with_context(|| format!("cannot write {}", dir.join(log::LIVE_LOG_FILE).display()))?;
        }
        let mut broker = None;
        let mut gateway = None;
        if let Some(consent) = &self.consent {
            let instruments = &self.pipeline.instruments;
            let (way, opened) = orders::open(consent, &self.settings, instruments, opening, &mut log)?;
            self.gateway = Some((opened.running.clone(), opened.shared.clone()));
            (broker, gateway) = (Some(way), Some(opened));
        }
        // The older of the two: whoever has an older one than the file is given that.
        let session = self.consent.as_ref().map_or(feeds, |consent| consent.session().clone());
        Ok((broker, Box::new(Minder::new(clock, feed, tokens, &self.settings.broker, log, gateway, session))))
    }

    fn close(&mut self) -> anyhow::Result<()> {
        let Some((running, shared)) = &self.gateway else { return Ok(()) };
        // After a run that came to its end the gateway has gone already. After any other its orders still work.
        let mut log = Log::default();
        if let Some(Err(error)) = self.dir.as_deref().map(|dir| log.beside(dir)) {
            log.line(&format!("warning: {} cannot be written: {error}", log::LIVE_LOG_FILE));
        }
        orders::wind_down(running, shared, orders::settle(&self.settings.broker), &mut log);
        let thread = running.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let joined = thread.map_or(Ok(()), pitlane_kite_gateway::driver::GatewayThread::join);
        shared.take_notes().iter().for_each(|note| log.line(&format!("gateway: {note:?}")));
        if joined.is_ok() {
            return Ok(());
        }
        let what = match shared.rescue() {
            Some(Rescue::NoneWorks) => "none of its orders works at the broker",
            _ => "ITS ORDERS MAY STILL WORK AT THE BROKER",
        };
        Err(anyhow::anyhow!(
            "the order gateway panicked; this is a bug, please report it with the message above. {what}; positions stay as \
             they are: look at the account, then start again on the same journal"
        ))
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // However the run ended, by an early error or a panic: nothing is left at the broker with nobody behind it.
        drop(self.close());
    }
}

/// Sockets of a feed that are live, of how many.
fn sockets(status: &FeedStatus) -> (usize, usize) {
    let live = status.sockets.iter().filter(|socket| socket.connects.get() > 0).count();
    (live, status.sockets.len())
}
