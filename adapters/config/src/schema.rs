//! Every section and key, once: what is not here is unknown, and what a key allows is quoted from here.

use crate::archive::ARCHIVE_SCHEMA;
use crate::broker::{BROKER_SCHEMA, CLOCK_SCHEMA};

/// One key of a section.
#[derive(Clone, Copy, Debug)]
pub struct KeySchema {
    /// The name.
    pub name: &'static str,
    /// Which values it takes.
    pub allowed: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// One section, `[name]` or `[[name]]`.
#[derive(Clone, Copy, Debug)]
pub struct SectionSchema {
    /// The name.
    pub name: &'static str,
    /// Whether it is an array of tables.
    pub repeated: bool,
    /// Its keys.
    pub keys: &'static [KeySchema],
}

pub(crate) const fn key(name: &'static str, allowed: &'static str, about: &'static str) -> KeySchema {
    KeySchema { name, allowed, about }
}

pub(crate) const fn section(name: &'static str, repeated: bool, keys: &'static [KeySchema]) -> SectionSchema {
    SectionSchema { name, repeated, keys }
}

/// Which values a share takes that may be nothing, which switches its limit off.
const LIMIT: &str = "0% to 100%, in steps of 0.01%; 0% = no limit";
/// Which values a multiple of equity takes.
const TIMES: &str = "0 to 1000 with at most four decimals, such as 2; 0 = no limit";
/// Which values a share takes that must be more than nothing.
const SHARE: &str = "more than 0% up to 100%, in steps of 0.01%, such as 2%";
/// Which values a share takes that may be nothing.
const SHARE_OR_NONE: &str = "0% to 100%, in steps of 0.01%, such as 0.05%";
const TIME: &str = "a time of day HH:MM or HH:MM:SS in quotes, Indian time";
/// Which values a time takes that may be left to its margin.
const TIME_OR_NONE: &str =
    "a time of day HH:MM or HH:MM:SS in quotes, Indian time; 00:00 = no time of its own, the margin alone";
const TIMEFRAME: &str = "1s, 1m, 3m, 5m, 15m, 30m, 60m or day";
const STOP: &str = "0% to 100%, in steps of 0.01%; 0% = off";
const PROFIT: &str = "0% to 1000%, in steps of 0.01%; 0% = off";
const HOLDING: &str = "0 to 24h, such as 45m; 0 = off";
const LAG: &str = "1ns to 60s, such as 50ms; lag_warn <= lag_reduce <= lag_halt";
const LATENCY: &str = "none, a duration such as 2ms, a range such as 1ms..5ms or 1ms..5ms/500us, quantiles such as [\"p50 2ms\", \
     \"p99 9ms\"], or times of day such as [\"09:15 2ms\", \"09:16 3ms\"]; at least latency_min, at most 60s";
pub(crate) const FLAG: &str = "true or false";

/// The sections in the order of the canonical text.
pub const SCHEMA: &[SectionSchema] = &[
    section(
        "engine",
        false,
        &[
            key("mode", "sim, replay, paper or live", "where inputs come from and where orders go"),
            key("wait", "auto, busy, yield or park", "what a thread without work does"),
            key(
                "cpu_set",
                "a Linux cpu list such as 2-5,8",
                "one stage group per cpu; absent = all on one thread",
            ),
            key(
                "aux_cpu_set",
                "a Linux cpu list such as 0-1",
                "cpus of the helper threads; absent = the rest",
            ),
            key("measure", "off, on or stages", "what is measured of a run while it runs: engine stat"),
            key("memory_lock", "auto, on or off", "lock memory; auto = if stages have cpus of their own"),
            key("huge_pages", FLAG, "whether the stages' memory is moved to huge pages"),
            key(
                "realtime_priority",
                "0 to 99; 0 = none",
                "real-time priority of stages with cpus of their own",
            ),
        ],
    ),
    section(
        "journal",
        false,
        &[
            key("dir", "a directory's path", "where the journal is written; absent = named by the command"),
            key("segment", "256KiB to 2GiB in steps of 64KiB", "size of a segment file"),
            key(
                "snapshot_every",
                "0 to 1000000000",
                "inputs between snapshots, which a helper thread makes and a restart starts from; 0 = none",
            ),
            key(
                "level",
                "D0, D1 or D2",
                "when a record is on the disk: D0 when the kernel likes, D1 within milliseconds, D2 at once and before \
                 anything leaves the machine; absent = D0, because synthetic and recorded days can be run again",
            ),
            key(
                "hot_dir",
                "a directory's path, such as /dev/shm/pitlane",
                "where the journal is mapped, on a memory file system, and copied from; absent = in dir itself",
            ),
            key(
                "lag_warn",
                LAG,
                "how far the disk may be behind without a word (level D1 and D2, paced runs)",
            ),
            key("lag_reduce", LAG, "how far before nothing is opened any more"),
            key("lag_halt", LAG, "how far before every position is closed"),
        ],
    ),
    ARCHIVE_SCHEMA,
    BROKER_SCHEMA,
    CLOCK_SCHEMA,
    section(
        "session",
        false,
        &[
            key("pre_open", TIME, "first timer; the open, if that is earlier"),
            key("open", TIME, "start of continuous trading of all instruments; absent = by the calendar"),
            key("close", TIME, "end of continuous trading of all instruments; absent = by the calendar"),
        ],
    ),
    section(
        "bars",
        false,
        &[key("grace", "0 to 60s, such as 2s", "how long after its end a silent bar stays open")],
    ),
    section(
        "candles",
        false,
        &[
            key(
                "timeframe",
                "1m, 3m, 5m, 15m, 30m or 60m",
                "period of the candles that `import bar-csv` made ticks of, which writes it; absent = recorded ticks",
            ),
            key("path", "fixed, inverse or adaptive", "in which order it took a candle's prices"),
        ],
    ),
    section(
        "sim",
        false,
        &[
            key("date", "a date YYYY-MM-DD from 1970 on", "trading date of the synthetic session"),
            key("seed", "a whole number from 0", "seed of the synthetic market"),
            key("speed", "max, real or xN with N from 1 to 100000", "pace at which virtual time passes"),
            key("duration", "more than 0, such as 10m", "how much of the session is run; absent = all of it"),
            key("mode", "full, quote or ltp", "packets of tradable instruments"),
            key("ticks_per_second", "1 to 1000000", "packets a second of an ordinary instrument"),
            key("hot_share", "0% to 100%, in steps of 0.01%", "share of instruments that are hot"),
            key("hot_rate", "1 to 1000", "how many times as often a hot instrument ticks"),
            key("hot_rotation", "1s to 24h", "how long the same instruments stay hot"),
            key("step_ppm", "1 to 10000", "largest random move of one tick, in millionths of the price"),
            key("burst", "0% to 100%, in steps of 0.01%", "share of frames that start a burst"),
            key("halts", "0 to 10000", "trading halts in a session, over all instruments"),
            key("halt_length", "0 to 24h, such as 5m", "how long a halted instrument is silent"),
            key("commands", "tables with at, do and reason", "operator's commands at set times"),
        ],
    ),
    section(
        "sim.commands",
        true,
        &[
            key("at", TIME, "when"),
            key("do", "kill, flatten, reduce_only or resume", "which command"),
            key("reason", "text of at most 216 bytes", "why; a resume must have one"),
        ],
    ),
    section(
        "instruments",
        true,
        &[
            key("symbol", "EXCHANGE:NAME of at most 40 bytes, such as NSE:RELIANCE", "the exchange's name"),
            key("token", "1 to 4294967295", "the broker's token; its low byte is the segment"),
            key("class", "equity, index, future or option", "what it is"),
            key("tradable", FLAG, "whether orders may be sent"),
            key("lot", "1 to 1000000000", "units in a lot"),
            key("tick", "0.0001 to 1000000 rupees, such as \"0.05\"", "smallest price step"),
            key("multiplier", "1 to 1000000", "value of one point of one unit"),
            key(
                "freeze",
                "0 to 1000000000, at least a lot; 0 = none known",
                "largest quantity the exchange takes in one order",
            ),
            key("derivatives", FLAG, "whether futures or options on it trade; default true for equities"),
            key(
                "band",
                "two prices in rupees, the lower one first, such as [\"90\", \"110\"]",
                "the prices its orders may have; absent = any",
            ),
        ],
    ),
    section(
        "halts",
        true,
        &[
            key("symbol", "a symbol of the run's instruments", "what does not trade"),
            key("from", TIME, "from when, on every session's day"),
            key("until", TIME, "until when"),
        ],
    ),
    section(
        "strategies",
        true,
        &[
            key("id", "1 to 32 of a-z, 0-9, - and _", "name of the instance"),
            key("kind", "a kind of strategy, such as ema_crossover", "its rules"),
            key("symbols", "an array of symbols; \"*\" = all tradable", "what it trades"),
            key("timeframe", TIMEFRAME, "the bars it sees"),
            key("enabled", FLAG, "whether it runs"),
            key("allow_short", FLAG, "whether it may sell short"),
            key("entry", "cross or passive", "whether entries cross at once or rest at the last price"),
            key(
                "reprice",
                "0 to 24h, such as 10s; 0 = never",
                "how long a resting entry stays at a price left behind",
            ),
            key("priority", "0 to 1000", "weight against other strategies of an instrument"),
            key("stop_loss", STOP, "loss of a position that closes it; absent = that of [risk]"),
            key("take_profit", PROFIT, "profit of a position that closes it; absent = that of [risk]"),
            key("holding", HOLDING, "longest time a position is held; absent = that of [risk]"),
            key("params", "a table of numbers", "the kind's own parameters"),
        ],
    ),
    section(
        "risk",
        false,
        &[
            key("capital", "1 to 100000000000 rupees with at most four decimals", "trading capital"),
            key("sizing", "capital, risk or atr", "what the size of an entry follows from"),
            key("position", SHARE, "share of capital one entry uses (sizing capital)"),
            key("risk_per_trade", SHARE, "share of capital one entry may lose (sizing risk and atr)"),
            key("atr_period", "1 to 1000", "bars of the average true range (sizing atr)"),
            key("atr_timeframe", TIMEFRAME, "the bars it is made from"),
            key(
                "atr_multiple",
                "0.01 to 100 with at most four decimals, such as 2",
                "how many average true ranges an entry is taken to risk (sizing atr)",
            ),
            key(
                "conflict",
                "priority, confidence or netting",
                "whose wish counts when strategies of one instrument differ",
            ),
            key("stop_loss", STOP, "loss of a position, of its entry's value, that closes it"),
            key("take_profit", PROFIT, "profit of a position, of its entry's value, that closes it"),
            key("holding", HOLDING, "longest time a position is held"),
            key("order_value", SHARE, "largest value of one order, as a share of capital"),
            key("order_quantity_max", "0 to 1000000000; 0 = no limit", "largest quantity of one order"),
            key("open_positions", "1 to 4096", "positions open at once"),
            key("daily_loss", SHARE, "loss of the day that halts the session"),
            key("protection", SHARE, "how far from the last price a protected order may trade"),
            key("flatten_on_kill", FLAG, "whether a kill also closes the positions"),
            key("price_collar", LIMIT, "how far an entry's price may be from the last price"),
            key("trades_per_day", "0 to 1000000; 0 = no limit", "entries sent in a session"),
            key(
                "trades_per_symbol",
                "0 to 1000000; 0 = no limit",
                "entries sent in a session for one symbol",
            ),
            key("square_off", TIME_OR_NONE, "when positions are closed"),
            key(
                "square_off_margin",
                "1m to 12h in whole seconds, such as 10m",
                "how long before the end of an instrument's trading its position is closed at the latest",
            ),
            key("no_new_entry", TIME_OR_NONE, "from when on no entry is sent"),
            key(
                "no_new_entry_margin",
                "0 to 12h in whole seconds, such as 30m; 0 = the square-off decides",
                "how long before the end of an instrument's trading entries stop at the latest",
            ),
            key(
                "orders_per_second",
                "2 to 1000, or 0 = no limit",
                "orders sent in one second; entries stop a quarter earlier",
            ),
            key("drawdown", LIMIT, "fall from the day's highest equity that halts the session"),
            key("symbol_loss", LIMIT, "loss of the day of a symbol that closes it for the day"),
            key("exposure", LIMIT, "largest margin blocked, as a share of equity"),
            key("leverage", TIMES, "largest gross value of equities, as a multiple of equity"),
            key(
                "derivatives_value",
                TIMES,
                "largest gross value of futures and options, as a multiple of equity",
            ),
            key("margin_equity", SHARE, "margin an equity blocks within the day, as a share of its value"),
            key("margin_future", SHARE, "margin a future blocks, as a share of its value"),
        ],
    ),
    section(
        "charges",
        false,
        &[
            key("broker", "zerodha or none", "whose charges are taken; none = trading costs nothing"),
            key("product", "intraday or delivery", "how shares are held, which decides what they cost"),
        ],
    ),
    section(
        "venue",
        false,
        &[
            key("live", FLAG, "whether a broker trades, with real money; --mode live alone is not enough"),
            key("latency_min", "1ns to 60s, such as 1ms", "least time between an input and its report"),
            key("latency_spread", "0 to 60s", "further latency, chosen per report from 0 to this"),
            key("latency_step", "1ns to 60s", "the further latency is a multiple of this"),
            key("place_latency", LATENCY, "how long an order takes to the venue"),
            key("modify_latency", LATENCY, "how long a change of an order takes to the venue"),
            key("cancel_latency", LATENCY, "how long a cancel takes to the venue"),
            key("report_latency", LATENCY, "how long a report takes; none = by the three keys above"),
            key(
                "queue_model",
                "front, back, proportional or power",
                "whose displayed volume leaves a queue without a trade: those ahead of an own order, those behind, both",
            ),
            key("queue_power", "1 to 4", "exponent of queue_model power"),
            key(
                "slippage_model",
                "ticks, bps or impact",
                "how far from the last price an aggressive order trades where no depth is displayed",
            ),
            key("slippage_ticks", "0 to 1000", "that distance in ticks (slippage_model ticks)"),
            key("slippage", SHARE_OR_NONE, "that distance as a share of the price (slippage_model bps)"),
            key(
                "impact",
                SHARE_OR_NONE,
                "that distance for an order as large as the last minute's volume (slippage_model impact)",
            ),
            key("impact_max", SHARE_OR_NONE, "its most (slippage_model impact)"),
            key("participation", SHARE, "share of traded volume a resting order gets at most, without depth"),
            key(
                "profile",
                "nse or full",
                "which orders are taken: what NSE and its brokers take, or all kinds",
            ),
            key(
                "self_trade",
                "cancel_newest, cancel_oldest or decrement",
                "what happens when an order would trade with another of the account",
            ),
            key("seed", "a whole number from 0", "seed of the latencies"),
        ],
    ),
];

/// The section called `name`. Panics if there is none: names come from this crate.
pub(crate) fn find(name: &str) -> &'static SectionSchema {
    SCHEMA.iter().find(|section| section.name == name).expect("sections are named in this crate")
}

impl SectionSchema {
    /// What `key` allows. Panics if the section has no such key.
    pub(crate) fn allowed(&self, key: &str) -> &'static str {
        self.keys.iter().find(|k| k.name == key).expect("keys are named in this crate").allowed
    }
}
