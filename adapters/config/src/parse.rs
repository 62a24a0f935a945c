//! From the tree of values to typed settings: ranges, and what has to fit together.

mod risk;
mod tables;
mod trading;

use crate::archive;
use crate::broker;
use crate::error::ConfigError;
use crate::latency;
use crate::names::{BROKERS, PRODUCTS, SLIPPAGES, value_of};
use crate::read::{
    Section, count, cpu_list, date, duration, flag, named, seed, share, text, time_of_day, unknown_key, whole,
};
use crate::schema::SCHEMA;
use crate::settings::{
    CandlePath, CandleSettings, DurabilityLevel, EngineSettings, JournalSettings, LagLimits, Measure,
    MemoryLock, Mode, PacketMode, ScriptedCommand, SessionSettings, Settings, SimSettings, Speed, Wait,
};
use crate::tree::{Table, Value};
use crate::values;
use pitlane_engine::config::{BarsConfig, ChargesConfig, QUEUE_POWER_MAX, VenueConfig};
use pitlane_engine::event::{CommandCode, QueueModel, SelfTrade, Timeframe, VenueProfile};
use pitlane_engine::units::NS_PER_S;

/// Bytes of a segment: bounds and step of the journal's format.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 256 << 10..=2 << 30;
const SEGMENT_STEP: u64 = 64 << 10;
/// Bytes of a reason that the command's event holds.
const REASON_BYTES_MAX: usize = 216;
const DAY_NS: u64 = 86_400 * NS_PER_S;
const MINUTE_NS: u64 = 60 * NS_PER_S;
/// A whole share, in bps.
const WHOLE_BPS: i64 = 10_000;

impl Settings {
    /// Reads a merged tree; what it lacks has its default.
    pub(crate) fn from_table(root: &Table) -> Result<Self, ConfigError> {
        let sections = SCHEMA.iter().map(|section| section.name).filter(|name| !name.contains('.'));
        let known: Vec<&str> = sections.collect();
        if let Some((key, node)) = root.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return Err(unknown_key(node, "section", key, String::new(), &known));
        }
        let defaults = Self::default();
        let instruments = match root.get("instruments") {
            None => defaults.instruments,
            Some(_) => tables::instruments(root)?,
        };
        let strategies = match root.get("strategies") {
            None => defaults.strategies,
            Some(_) => tables::strategies(root)?,
        };
        let (broker, clock) = broker::read(root)?;
        let limits = Section::of(root, "risk")?;
        let session = session(&Section::of(root, "session")?, defaults.session)?;
        Ok(Self {
            engine: engine(&Section::of(root, "engine")?, defaults.engine)?,
            journal: journal(&Section::of(root, "journal")?, defaults.journal)?,
            session,
            bars: BarsConfig {
                grace_ns: Section::of(root, "bars")?.read(
                    "grace",
                    defaults.bars.grace_ns,
                    duration(0..=MINUTE_NS),
                )?,
            },
            candles: candles(&Section::of(root, "candles")?)?,
            sim: sim(&Section::of(root, "sim")?, defaults.sim, &session)?,
            instruments,
            strategies,
            risk: risk::risk(&limits, defaults.risk)?,
            exits: risk::exits(&limits, defaults.exits)?,
            charges: charges(&Section::of(root, "charges")?, defaults.charges)?,
            venue: venue(&Section::of(root, "venue")?, defaults.venue)?,
            trading: trading::trading(root)?,
            archive: archive::read(root)?,
            broker,
            clock,
        })
    }
}

fn engine(section: &Section<'_>, default: EngineSettings) -> Result<EngineSettings, ConfigError> {
    Ok(EngineSettings {
        mode: section.read("mode", default.mode, named(Mode::from_name))?,
        wait: section.read("wait", default.wait, named(Wait::from_name))?,
        cpu_set: section.optional("cpu_set", cpu_list)?,
        aux_cpu_set: section.optional("aux_cpu_set", cpu_list)?,
        measure: section.read("measure", default.measure, named(Measure::from_name))?,
        memory_lock: section.read("memory_lock", default.memory_lock, named(MemoryLock::from_name))?,
        huge_pages: section.read("huge_pages", default.huge_pages, flag)?,
        realtime_priority: section
            .read("realtime_priority", i64::from(default.realtime_priority), whole(0..=99))?
            .unsigned_abs() as u8,
    })
}

fn journal(section: &Section<'_>, default: JournalSettings) -> Result<JournalSettings, ConfigError> {
    let segment = |value: &Value| {
        let bytes = text(value).and_then(|text| values::parse_bytes(&text).ok());
        bytes.filter(|bytes| SEGMENT_BYTES.contains(bytes) && bytes % SEGMENT_STEP == 0)
    };
    let dir = |value: &Value| text(value).filter(|text| !text.is_empty()).map(Into::into);
    Ok(JournalSettings {
        dir: section.optional("dir", dir)?,
        segment_bytes: section.read("segment", default.segment_bytes, segment)?,
        snapshot_every: section
            .read("snapshot_every", default.snapshot_every as i64, whole(0..=1_000_000_000))?
            .unsigned_abs(),
        level: section.optional("level", named(DurabilityLevel::from_name))?,
        hot_dir: section.optional("hot_dir", dir)?,
        lag: lag(section, default.lag)?,
    })
}

fn lag(section: &Section<'_>, default: LagLimits) -> Result<LagLimits, ConfigError> {
    let limit = |key, default| section.read(key, default, duration(1..=MINUTE_NS));
    let lag = LagLimits {
        warn_ns: limit("lag_warn", default.warn_ns)?,
        reduce_ns: limit("lag_reduce", default.reduce_ns)?,
        halt_ns: limit("lag_halt", default.halt_ns)?,
    };
    let [warn, reduce, halt] = [lag.warn_ns, lag.reduce_ns, lag.halt_ns].map(values::format_duration_ns);
    let refuse = |key, why| Err(section.conflict(key, why, "keep lag_warn <= lag_reduce <= lag_halt"));
    if lag.warn_ns > lag.reduce_ns {
        return refuse("lag_warn", format!("journal.lag_warn is {warn} and journal.lag_reduce is {reduce}"));
    }
    if lag.reduce_ns > lag.halt_ns {
        return refuse(
            "lag_reduce",
            format!("journal.lag_reduce is {reduce} and journal.lag_halt is {halt}"),
        );
    }
    Ok(lag)
}

fn session(section: &Section<'_>, default: SessionSettings) -> Result<SessionSettings, ConfigError> {
    let hours = SessionSettings {
        pre_open: section.read("pre_open", default.pre_open, time_of_day)?,
        open: section.optional("open", time_of_day)?,
        close: section.optional("close", time_of_day)?,
    };
    let refuse = |key: &str, why: &str, remedy| Err(section.conflict(key, why.to_owned(), remedy));
    let both = "give both, or neither for the hours of the trading calendar";
    let order = "keep pre_open <= open < close";
    match (hours.open, hours.close) {
        (Some(_), None) => refuse("open", "session.open is given without session.close", both),
        (None, Some(_)) => refuse("close", "session.close is given without session.open", both),
        (Some(open), _) if open < hours.pre_open => {
            refuse("open", "session.open comes before session.pre_open", order)
        }
        (Some(open), Some(close)) if close <= open => {
            refuse("close", "session.close does not come after session.open", order)
        }
        _ => Ok(hours),
    }
}

fn candles(section: &Section<'_>) -> Result<Option<CandleSettings>, ConfigError> {
    let whole_minutes = |name: &str| {
        Timeframe::from_name(name).filter(|timeframe| (Timeframe::M1..=Timeframe::M60).contains(timeframe))
    };
    let timeframe = section.optional("timeframe", named(whole_minutes))?;
    let path = section.optional("path", named(CandlePath::from_name))?;
    match (timeframe, path) {
        (Some(timeframe), Some(path)) => Ok(Some(CandleSettings { timeframe, path })),
        (None, None) => Ok(None),
        (given, _) => {
            let key = if given.is_some() { "timeframe" } else { "path" };
            let why = format!("candles.{key} is given alone");
            Err(section.conflict(key, why, "leave both out; `journal-replay import bar-csv` writes them"))
        }
    }
}

fn sim(
    section: &Section<'_>,
    default: SimSettings,
    hours: &SessionSettings,
) -> Result<SimSettings, ConfigError> {
    Ok(SimSettings {
        date: section.read("date", default.date, date)?,
        seed: section.read("seed", default.seed, seed)?,
        speed: section.read("speed", default.speed, named(Speed::from_name))?,
        duration_ns: section.optional("duration", duration(1..=DAY_NS))?,
        mode: section.read("mode", default.mode, named(PacketMode::from_name))?,
        ticks_per_second: section.read("ticks_per_second", default.ticks_per_second, count(1..=1_000_000))?,
        hot_share_bps: section.read("hot_share", default.hot_share_bps, share(0..=WHOLE_BPS))?,
        hot_rate: section.read("hot_rate", default.hot_rate, count(1..=1_000))?,
        hot_rotation_ns: section.read(
            "hot_rotation",
            default.hot_rotation_ns,
            duration(NS_PER_S..=DAY_NS),
        )?,
        step_ppm: section.read("step_ppm", default.step_ppm, count(1..=10_000))?,
        burst_bps: section.read("burst", default.burst_bps, share(0..=WHOLE_BPS))?,
        halts: section.read("halts", default.halts, count(0..=10_000))?,
        halt_ns: section.read("halt_length", default.halt_ns, duration(0..=DAY_NS))?,
        commands: commands(section, hours)?,
    })
}

fn commands(section: &Section<'_>, hours: &SessionSettings) -> Result<Vec<ScriptedCommand>, ConfigError> {
    // A stop is the end of a run, which has its own settings.
    let scripted = |code: &CommandCode| *code != CommandCode::Stop;
    let reason = |value: &Value| {
        let trimmed = text(value).map(|text| text.trim().to_owned());
        trimmed.filter(|text| text.len() <= REASON_BYTES_MAX)
    };
    let mut commands = Vec::new();
    for entry in Section::entries(section.table(), "commands", "sim.commands")? {
        let at = entry.required("at", time_of_day)?;
        let code = entry.required("do", named(|name| CommandCode::from_name(name).filter(scripted)))?;
        let reason = entry.read("reason", String::new(), reason)?;
        // Without hours of its own, the session's are known when the calendar was asked: `check_commands`.
        if at < hours.pre_open || hours.close.is_some_and(|close| at > close) {
            let why = format!("{}.at lies outside the session", entry.path());
            return Err(entry.conflict("at", why, "choose a time from session.pre_open to session.close"));
        }
        if code == CommandCode::Resume && reason.is_empty() {
            let why = format!("{} resumes without a reason", entry.path());
            return Err(entry.conflict("do", why, "add `reason`, which is journaled with the command"));
        }
        commands.push(ScriptedCommand { at, code, reason });
    }
    commands.sort_by_key(|command| command.at);
    Ok(commands)
}

fn charges(section: &Section<'_>, default: ChargesConfig) -> Result<ChargesConfig, ConfigError> {
    Ok(ChargesConfig {
        broker: section.read("broker", default.broker, named(value_of(BROKERS)))?,
        product: section.read("product", default.product, named(value_of(PRODUCTS)))?,
    })
}

fn venue(section: &Section<'_>, default: VenueConfig) -> Result<VenueConfig, ConfigError> {
    let venue = VenueConfig {
        live: section.read("live", default.live, flag)?,
        latency_min_ns: section.read("latency_min", default.latency_min_ns, duration(1..=MINUTE_NS))?,
        latency_spread_ns: section.read(
            "latency_spread",
            default.latency_spread_ns,
            duration(0..=MINUTE_NS),
        )?,
        latency_step_ns: section.read("latency_step", default.latency_step_ns, duration(1..=MINUTE_NS))?,
        place_latency: section.read("place_latency", default.place_latency, latency::model)?,
        modify_latency: section.read("modify_latency", default.modify_latency, latency::model)?,
        cancel_latency: section.read("cancel_latency", default.cancel_latency, latency::model)?,
        report_latency: section.read("report_latency", default.report_latency, latency::model)?,
        queue_model: section.read("queue_model", default.queue_model, named(QueueModel::from_name))?,
        queue_power: section.read("queue_power", default.queue_power, count(1..=QUEUE_POWER_MAX))?,
        slippage_model: section.read("slippage_model", default.slippage_model, named(value_of(SLIPPAGES)))?,
        slippage_ticks: section.read("slippage_ticks", default.slippage_ticks, whole(0..=1_000))?,
        slippage_bps: section.read("slippage", default.slippage_bps, share(0..=WHOLE_BPS))?,
        impact_bps: section.read("impact", default.impact_bps, share(0..=WHOLE_BPS))?,
        impact_max_bps: section.read("impact_max", default.impact_max_bps, share(0..=WHOLE_BPS))?,
        participation_bps: section.read("participation", default.participation_bps, share(1..=WHOLE_BPS))?,
        profile: section.read("profile", default.profile, named(VenueProfile::from_name))?,
        self_trade: section.read("self_trade", default.self_trade, named(SelfTrade::from_name))?,
        seed: section.read("seed", default.seed, seed)?,
    };
    check_latencies(section, &venue)?;
    Ok(venue)
}

/// Whether the latency models hold together, and none is shorter than the least latency.
fn check_latencies(section: &Section<'_>, venue: &VenueConfig) -> Result<(), ConfigError> {
    let least = values::format_duration_ns(venue.latency_min_ns);
    for (key, model) in [
        ("place_latency", &venue.place_latency),
        ("modify_latency", &venue.modify_latency),
        ("cancel_latency", &venue.cancel_latency),
        ("report_latency", &venue.report_latency),
    ] {
        if let Some(fault) = model.fault(venue.latency_min_ns) {
            let why = format!("venue.{key} ({model}) cannot be: {fault}; venue.latency_min is {least}");
            return Err(section.conflict(
                key,
                why,
                "write its points in ascending order, none below latency_min",
            ));
        }
    }
    if !venue.report_latency.is_none() && venue.latency_spread_ns > 0 {
        let spread = values::format_duration_ns(venue.latency_spread_ns);
        let why = format!("venue.report_latency is given, and venue.latency_spread is {spread}");
        return Err(section.conflict(
            "report_latency",
            why,
            "set latency_spread = 0, or leave one of them out",
        ));
    }
    Ok(())
}
