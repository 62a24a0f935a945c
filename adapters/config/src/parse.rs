//! From the tree of values to typed settings: ranges, and what has to fit together.

use crate::error::ConfigError;
use crate::instruments::{
    MULTIPLIER_MAX, QUANTITY_MAX, TICK_MAX, canonical_symbol, check_table, class_from_name, contradiction,
    symbol_is_valid,
};
use crate::read::{
    Section, count, cpu_list, date, duration, flag, named, scaled, seed, share, text, time_of_day,
    unknown_key, value_error, whole,
};
use crate::schema::SCHEMA;
use crate::settings::{
    EngineSettings, JournalSettings, Mode, PacketMode, ScriptedCommand, SessionSettings, Settings,
    SimSettings, Speed, StrategySettings, Wait,
};
use crate::time::seconds_of_time;
use crate::tree::{Node, Table, Value};
use crate::values;
use pitlane_engine::config::{BarsConfig, InstrumentClass, InstrumentSpec, RiskConfig, VenueConfig};
use pitlane_engine::event::{CommandCode, Timeframe};
use pitlane_engine::units::{Money, NS_PER_S, Price, Qty, SCALE};

/// Longest name of a strategy instance, in bytes.
const STRATEGY_ID_BYTES_MAX: usize = 32;
/// Bytes of a segment: bounds and step of the journal's format.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 256 << 10..=2 << 30;
const SEGMENT_STEP: u64 = 64 << 10;
/// Entries of a session that can be a limit.
const TRADES_MAX: u32 = 1_000_000;
const DAY_NS: u64 = 86_400 * NS_PER_S;
const MINUTE_NS: u64 = 60 * NS_PER_S;
/// A whole share, in bps.
const WHOLE_BPS: i64 = 10_000;
/// A hundred billion rupees: with the quantities above it keeps every sum within the range of money.
const CAPITAL_MAX: i64 = 100_000_000_000 * SCALE;

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
            Some(_) => instruments(root)?,
        };
        let strategies = match root.get("strategies") {
            None => defaults.strategies,
            Some(_) => strategies(root)?,
        };
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
            sim: sim(&Section::of(root, "sim")?, defaults.sim, &session)?,
            instruments,
            strategies,
            risk: risk(&Section::of(root, "risk")?, defaults.risk)?,
            venue: venue(&Section::of(root, "venue")?, defaults.venue)?,
        })
    }
}

fn engine(section: &Section<'_>, default: EngineSettings) -> Result<EngineSettings, ConfigError> {
    Ok(EngineSettings {
        mode: section.read("mode", default.mode, named(Mode::from_name))?,
        wait: section.read("wait", default.wait, named(Wait::from_name))?,
        cpu_set: section.optional("cpu_set", cpu_list)?,
        aux_cpu_set: section.optional("aux_cpu_set", cpu_list)?,
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
    })
}

fn session(section: &Section<'_>, default: SessionSettings) -> Result<SessionSettings, ConfigError> {
    let hours = SessionSettings {
        pre_open: section.read("pre_open", default.pre_open, time_of_day)?,
        open: section.read("open", default.open, time_of_day)?,
        close: section.read("close", default.close, time_of_day)?,
        square_off: section.read("square_off", default.square_off, time_of_day)?,
    };
    let in_order = [
        ("open", "pre_open", hours.pre_open <= hours.open),
        ("square_off", "open", hours.open < hours.square_off),
        ("close", "square_off", hours.square_off <= hours.close),
    ];
    match in_order.iter().find(|(.., holds)| !holds) {
        None => Ok(hours),
        Some((late, early, _)) => Err(section.conflict(
            late,
            format!("session.{late} comes before session.{early}"),
            "keep pre_open <= open < square_off <= close",
        )),
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
    let mut commands = Vec::new();
    for entry in Section::entries(section.table(), "commands", "sim.commands")? {
        let at = entry.required("at", time_of_day)?;
        let code = entry.required("do", named(CommandCode::from_name))?;
        if at < hours.pre_open || at > hours.close {
            let why = format!("{}.at lies outside the session", entry.path());
            return Err(entry.conflict("at", why, "choose a time from session.pre_open to session.close"));
        }
        commands.push(ScriptedCommand { at, code });
    }
    commands.sort_by_key(|command| command.at);
    Ok(commands)
}

fn instruments(root: &Table) -> Result<Vec<InstrumentSpec>, ConfigError> {
    let mut table: Vec<InstrumentSpec> = Vec::new();
    for entry in Section::entries(Some(root), "instruments", "instruments")? {
        let symbol = |value: &Value| {
            let canonical = text(value).map(|text| canonical_symbol(&text).to_owned());
            canonical.filter(|symbol| symbol_is_valid(symbol))
        };
        let symbol = entry.required("symbol", symbol)?;
        let token = entry.required("token", count(1..=u32::MAX))?;
        let class = entry.required("class", named(class_from_name))?;
        let instrument = InstrumentSpec {
            symbol,
            token,
            class,
            tradable: entry.read("tradable", class != InstrumentClass::Index, flag)?,
            lot: Qty(entry.read("lot", 1, whole(1..=QUANTITY_MAX))?),
            tick: Price(entry.read("tick", 500, scaled(1..=TICK_MAX))?),
            multiplier: entry.read("multiplier", 1, whole(1..=MULTIPLIER_MAX))?,
        };
        if let Some((why, remedy)) = contradiction(&instrument) {
            return Err(entry.conflict("token", why, remedy));
        }
        if let Some(other) = table.iter().find(|other| other.symbol == instrument.symbol) {
            let why = format!("symbol `{}` is there twice", other.symbol);
            return Err(entry.conflict("symbol", why, "remove one entry"));
        }
        if let Some(other) = table.iter().find(|other| other.token == token) {
            let why = format!("`{}` and `{}` have the same token {token}", other.symbol, instrument.symbol);
            return Err(entry.conflict("token", why, "give one of them its own token"));
        }
        table.push(instrument);
    }
    check_table(&table)?;
    Ok(table)
}

fn strategies(root: &Table) -> Result<Vec<StrategySettings>, ConfigError> {
    let default = StrategySettings::default();
    let mut all: Vec<StrategySettings> = Vec::new();
    for entry in Section::entries(Some(root), "strategies", "strategies")? {
        let id = entry.required("id", |value| text(value).filter(|id| strategy_id_is_valid(id)))?;
        if all.iter().any(|other| other.id == id) {
            return Err(entry.conflict(
                "id",
                format!("strategy id `{id}` is there twice"),
                "rename one of them",
            ));
        }
        all.push(StrategySettings {
            id,
            kind: entry.required("kind", |value| text(value).filter(|kind| !kind.is_empty()))?,
            symbols: entry.required("symbols", symbols)?,
            timeframe: entry.read("timeframe", default.timeframe, named(Timeframe::from_name))?,
            enabled: entry.read("enabled", default.enabled, flag)?,
            allow_short: entry.read("allow_short", default.allow_short, flag)?,
            passive_entry: entry.read("entry", default.passive_entry, named(passive_entry))?,
            params: params(&entry)?,
        });
    }
    Ok(all)
}

fn strategy_id_is_valid(id: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=STRATEGY_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(letters)
}

fn passive_entry(name: &str) -> Option<bool> {
    match name {
        "cross" => Some(false),
        "passive" => Some(true),
        _ => None,
    }
}

/// Symbols as an array, or one alone; aliases become the exchange's names.
fn symbols(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::Text(symbol) if symbol == "*" || symbol_is_valid(symbol) => {
            Some(canonical_symbol(symbol).to_owned())
        }
        _ => None,
    };
    match value {
        Value::Array(entries) => entries.iter().map(|entry| one(&entry.value)).collect(),
        single => one(single).map(|symbol| vec![symbol]),
    }
}

/// The kind's own numbers. Which there are and their ranges is the registry's business.
fn params(entry: &Section<'_>) -> Result<Vec<(String, f64)>, ConfigError> {
    let Some(node) = entry.node("params") else { return Ok(Vec::new()) };
    let Value::Table(table) = &node.value else {
        return Err(value_error(node, &format!("{}.params", entry.path()), "a table of numbers"));
    };
    let number = |node: &Node| match node.value {
        // Whole numbers beyond 2^53 would be rounded without a word.
        Value::Integer(whole) if whole.unsigned_abs() <= 1 << 53 => Some(whole as f64),
        Value::Float(number) if number.is_finite() => Some(number),
        _ => None,
    };
    let pairs = table.iter().map(|(name, node)| match number(node) {
        Some(value) => Ok((name.clone(), value)),
        None => Err(value_error(node, &format!("{}.params.{name}", entry.path()), "a finite number")),
    });
    pairs.collect()
}

fn risk(section: &Section<'_>, default: RiskConfig) -> Result<RiskConfig, ConfigError> {
    let part = || share(1..=WHOLE_BPS);
    let limit = || share(0..=WHOLE_BPS);
    // Four decimals of a multiple are its bps.
    let times = || scaled(0..=1_000 * SCALE);
    let seconds = |value: &Value| time_of_day(value).map(seconds_of_time);
    // One order a second would leave entries none, which is better said with `enabled = false`.
    let rate = |value: &Value| count(0..=1_000)(value).filter(|&orders| orders != 1);
    let quantity = whole(0..=QUANTITY_MAX);
    Ok(RiskConfig {
        capital: Money(section.read("capital", default.capital.0, scaled(SCALE..=CAPITAL_MAX))?),
        position_bps: section.read("position", default.position_bps, part())?,
        order_value_bps: section.read("order_value", default.order_value_bps, part())?,
        order_quantity_max: Qty(section.read(
            "order_quantity_max",
            default.order_quantity_max.0,
            quantity,
        )?),
        open_positions_max: section.read("open_positions", default.open_positions_max, count(1..=4_096))?,
        daily_loss_bps: section.read("daily_loss", default.daily_loss_bps, part())?,
        protection_bps: section.read("protection", default.protection_bps, part())?,
        flatten_on_kill: section.read("flatten_on_kill", default.flatten_on_kill, flag)?,
        price_collar_bps: section.read("price_collar", default.price_collar_bps, limit())?,
        trades_per_day: section.read("trades_per_day", default.trades_per_day, count(0..=TRADES_MAX))?,
        trades_per_symbol: section.read(
            "trades_per_symbol",
            default.trades_per_symbol,
            count(0..=TRADES_MAX),
        )?,
        no_new_entry_s: section.read("no_new_entry", default.no_new_entry_s, seconds)?,
        orders_per_second: section.read("orders_per_second", default.orders_per_second, rate)?,
        drawdown_bps: section.read("drawdown", default.drawdown_bps, limit())?,
        symbol_loss_bps: section.read("symbol_loss", default.symbol_loss_bps, limit())?,
        exposure_bps: section.read("exposure", default.exposure_bps, limit())?,
        leverage_bps: section.read("leverage", default.leverage_bps, times())?,
        derivatives_bps: section.read("derivatives_value", default.derivatives_bps, times())?,
        margin_equity_bps: section.read("margin_equity", default.margin_equity_bps, part())?,
        margin_future_bps: section.read("margin_future", default.margin_future_bps, part())?,
    })
}

fn venue(section: &Section<'_>, default: VenueConfig) -> Result<VenueConfig, ConfigError> {
    Ok(VenueConfig {
        latency_min_ns: section.read("latency_min", default.latency_min_ns, duration(1..=MINUTE_NS))?,
        latency_spread_ns: section.read(
            "latency_spread",
            default.latency_spread_ns,
            duration(0..=MINUTE_NS),
        )?,
        latency_step_ns: section.read("latency_step", default.latency_step_ns, duration(1..=MINUTE_NS))?,
        slippage_ticks: section.read("slippage_ticks", default.slippage_ticks, whole(0..=1_000))?,
        participation_bps: section.read("participation", default.participation_bps, share(1..=WHOLE_BPS))?,
        seed: section.read("seed", default.seed, seed)?,
    })
}
