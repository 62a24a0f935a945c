//! `[broker]` and `[clock]`: which broker a live feed and live orders go to, and whose time the market keeps.

use crate::error::ConfigError;
use crate::read::{Section, count, duration, named, text};
use crate::schema::{KeySchema, SectionSchema, key, section};
use crate::text::Text;
use crate::time::format_ist;
use crate::tree::{Table, Value};
use crate::values::format_duration_ns;
use pitlane_engine::units::{NS_PER_S, TsNs};
use std::net::IpAddr;
use std::path::PathBuf;

/// `[broker]`. Nothing here changes a result: what the broker did is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// The application's key; no secret, but worth nothing to others. `None` = not given.
    pub api_key: Option<String>,
    /// The file with the application's secret, which `engine login` alone reads.
    pub api_secret_file: Option<PathBuf>,
    /// The file with the day's access token.
    pub token_file: Option<PathBuf>,
    /// Address of the REST interface.
    pub rest: String,
    /// Address of the ticker.
    pub ticker: String,
    /// Address of the site with the login page.
    pub login: String,
    /// Order calls in any second, minute and day.
    pub orders_per_second: u32,
    /// As above.
    pub orders_per_minute: u32,
    /// As above.
    pub orders_per_day: u32,
    /// How long an entry may wait for its turn, in nanoseconds.
    pub entry_wait_ns: u64,
    /// How long an order that was not answered is looked for before it counts as never accepted, in nanoseconds.
    pub absent_after_ns: u64,
    /// Time between two reconciliations in nanoseconds.
    pub reconcile_every_ns: u64,
    /// What an order of somebody else on an instrument of the run means.
    pub foreign_orders: ForeignOrders,
    /// The exchange's id of the algorithm, where one is registered.
    pub algo_id: Option<String>,
    /// How long the end of a run waits for its last orders, in nanoseconds of wall time.
    pub settle_ns: u64,
    /// Without a frame for so long in a session a connection is dead, in nanoseconds.
    pub silent_after_ns: u64,
    /// With heartbeats alone for so long in a session the feed is frozen, in nanoseconds.
    pub frozen_after_ns: u64,
}

/// What an order of somebody else on an instrument of the run means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignOrders {
    /// It is noted; a position that it changes stops trading all the same.
    Note,
    /// It stops trading.
    Halt,
}

impl ForeignOrders {
    /// The name used in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Halt => "halt",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Note, Self::Halt].into_iter().find(|known| known.name() == name)
    }
}

/// `[clock]`: a market time of its own, for a broker on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSettings {
    /// The market's time at `at`.
    pub base: TsNs,
    /// The wall clock's time at which the market's was `base`; `None` = when the run starts.
    pub at: Option<TsNs>,
    /// Market seconds per second.
    pub speed: u32,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            api_key: None,
            api_secret_file: None,
            token_file: None,
            rest: "https://api.kite.trade".to_owned(),
            ticker: "wss://ws.kite.trade".to_owned(),
            login: "https://kite.zerodha.com".to_owned(),
            orders_per_second: 8,
            orders_per_minute: 180,
            orders_per_day: 2_500,
            entry_wait_ns: 2 * NS_PER_S,
            absent_after_ns: 30 * NS_PER_S,
            reconcile_every_ns: 5 * NS_PER_S,
            foreign_orders: ForeignOrders::Note,
            algo_id: None,
            settle_ns: 60 * NS_PER_S,
            silent_after_ns: 5 * NS_PER_S,
            frozen_after_ns: 30 * NS_PER_S,
        }
    }
}

const ADDRESS: &str = "an address without a query; http:// and ws:// to this machine alone";
const INSTANT: &str =
    "an instant such as 2021-04-15T09:14:50+05:30, or its nanoseconds since 1970 as a whole number";

pub(crate) const BROKER_SCHEMA: SectionSchema = section("broker", false, BROKER_KEYS);

const BROKER_KEYS: &[KeySchema] = &[
    key("api_key", "the application's key", "which application logs in"),
    key("api_secret_file", "a path", "the file with the application's secret; only its owner may read it"),
    key("token_file", "a path", "where `engine login` writes the day's access token"),
    key("rest", ADDRESS, "the broker's REST interface"),
    key("ticker", ADDRESS, "the broker's ticker"),
    key("login", ADDRESS, "the site on which one logs in"),
    key("orders_per_second", "1 to 10", "orders, changes and cancels in any second"),
    key("orders_per_minute", "1 to 400", "the same in any minute; at least those of a second"),
    key("orders_per_day", "1 to 5000", "the same in a day; at least those of a minute"),
    key("entry_wait", "0 to 60s, such as 2s", "how long an entry may wait for its turn before it is refused"),
    key(
        "absent_after",
        "10s to 10m, such as 30s",
        "how long an order without an answer is looked for before it counts as never accepted",
    ),
    key("reconcile_every", "1s to 60s", "how often orders, trades and positions are compared"),
    key("foreign_orders", "note or halt", "what an order of somebody else on a traded instrument means"),
    key("algo_id", "1 to 20 of letters, digits and -", "the exchange's id of the algorithm; absent = none"),
    key("settle", "1s to 10m, such as 60s", "how long the end of a run waits for its last orders"),
    key("silent_after", "1s to 60s", "without a frame for so long in a session a connection is dead"),
    key("frozen_after", "1s to 10m", "with heartbeats alone for so long in a session the feed is frozen"),
];

pub(crate) const CLOCK_SCHEMA: SectionSchema = section(
    "clock",
    false,
    &[
        key("base", INSTANT, "the market's time; accepted with a broker on this machine alone"),
        key("at", INSTANT, "when it was that; absent = when the run starts"),
        key("speed", "1 to 100000", "market seconds per second"),
    ],
);

/// Reads `[broker]` and `[clock]`, and what has to fit between them.
pub(crate) fn read(root: &Table) -> Result<(BrokerSettings, Option<ClockSettings>), ConfigError> {
    let broker = broker(&Section::of(root, "broker")?)?;
    let clock = clock(&Section::of(root, "clock")?, &broker)?;
    Ok((broker, clock))
}

fn broker(section: &Section<'_>) -> Result<BrokerSettings, ConfigError> {
    let default = BrokerSettings::default();
    let word = |value: &Value| text(value).filter(|text| !text.is_empty() && text.bytes().all(is_plain));
    let path = |value: &Value| text(value).filter(|text| !text.is_empty()).map(PathBuf::from);
    let address =
        |schemes: [&'static str; 2]| move |value: &Value| text(value).filter(|text| fits(text, schemes));
    let algo_id = |value: &Value| {
        text(value).filter(|id| {
            (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    };
    let seconds = |low: u64, high: u64| duration(low * NS_PER_S..=high * NS_PER_S);
    let found = BrokerSettings {
        api_key: section.optional("api_key", word)?,
        api_secret_file: section.optional("api_secret_file", path)?,
        token_file: section.optional("token_file", path)?,
        rest: section.read("rest", default.rest, address(["https", "http"]))?,
        ticker: section.read("ticker", default.ticker, address(["wss", "ws"]))?,
        login: section.read("login", default.login, address(["https", "http"]))?,
        orders_per_second: section.read("orders_per_second", default.orders_per_second, count(1..=10))?,
        orders_per_minute: section.read("orders_per_minute", default.orders_per_minute, count(1..=400))?,
        orders_per_day: section.read("orders_per_day", default.orders_per_day, count(1..=5_000))?,
        entry_wait_ns: section.read("entry_wait", default.entry_wait_ns, seconds(0, 60))?,
        absent_after_ns: section.read("absent_after", default.absent_after_ns, seconds(10, 600))?,
        reconcile_every_ns: section.read("reconcile_every", default.reconcile_every_ns, seconds(1, 60))?,
        foreign_orders: section.read(
            "foreign_orders",
            default.foreign_orders,
            named(ForeignOrders::from_name),
        )?,
        algo_id: section.optional("algo_id", algo_id)?,
        settle_ns: section.read("settle", default.settle_ns, seconds(1, 600))?,
        silent_after_ns: section.read("silent_after", default.silent_after_ns, seconds(1, 60))?,
        frozen_after_ns: section.read("frozen_after", default.frozen_after_ns, seconds(1, 600))?,
    };
    let ordered = [found.orders_per_second, found.orders_per_minute, found.orders_per_day];
    if !ordered.is_sorted() {
        let why = format!("the broker's order limits are {ordered:?} for a second, a minute and a day");
        let remedy = "keep orders_per_second <= orders_per_minute <= orders_per_day";
        return Err(section.conflict("orders_per_minute", why, remedy));
    }
    Ok(found)
}

fn clock(section: &Section<'_>, broker: &BrokerSettings) -> Result<Option<ClockSettings>, ConfigError> {
    let base = section.optional("base", instant)?;
    let at = section.optional("at", instant)?;
    let speed = section.optional("speed", count(1..=100_000))?;
    let Some(base) = base else {
        return match at.is_some() || speed.is_some() {
            true => Err(section.conflict(
                if at.is_some() { "at" } else { "speed" },
                "[clock] has no base".to_owned(),
                "give the market's time as `base`, or leave the section out for the time of day",
            )),
            false => Ok(None),
        };
    };
    for (name, address) in [("rest", &broker.rest), ("ticker", &broker.ticker)] {
        if !is_local(address) {
            let why = format!("[clock] gives the market a time of its own, and broker.{name} is {address}");
            let remedy =
                "a real market keeps the time of day: leave [clock] out; it is for a broker-sim on 127.0.0.1";
            return Err(section.conflict("base", why, remedy));
        }
    }
    Ok(Some(ClockSettings { base, at, speed: speed.unwrap_or(1) }))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'>')
}

/// Whether an address has the first scheme, or the second and is of this machine.
fn fits(address: &str, [safe, plain]: [&str; 2]) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let written = !rest.is_empty() && rest.bytes().all(|b| is_plain(b) && !matches!(b, b'?' | b'#' | b'@'));
    written && host(address).is_some() && (scheme == safe || scheme == plain && is_local(address))
}

fn host(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// Whether an address is of this machine.
pub fn is_local(address: &str) -> bool {
    host(address).is_some_and(|host| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn instant(value: &Value) -> Option<TsNs> {
    let ns = match value {
        Value::Integer(ns) => i128::from(*ns),
        _ => text(value)?.parse::<jiff::Timestamp>().ok()?.as_nanosecond(),
    };
    // Up to the year 2500, so that a market day fits behind it.
    u64::try_from(ns).ok().filter(|ns| (1..16_725_225_600_000_000_000).contains(ns)).map(TsNs)
}

/// Both sections as text.
pub(crate) fn write(text: &mut Text, broker: &BrokerSettings, clock: Option<&ClockSettings>) {
    text.head("[broker]");
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    for (key, value) in [
        ("api_key", broker.api_key.clone()),
        ("api_secret_file", broker.api_secret_file.as_ref().map(path)),
        ("token_file", broker.token_file.as_ref().map(path)),
        ("algo_id", broker.algo_id.clone()),
    ] {
        if let Some(value) = value {
            text.quoted(key, &value);
        }
    }
    text.quoted("rest", &broker.rest);
    text.quoted("ticker", &broker.ticker);
    text.quoted("login", &broker.login);
    text.bare("orders_per_second", broker.orders_per_second);
    text.bare("orders_per_minute", broker.orders_per_minute);
    text.bare("orders_per_day", broker.orders_per_day);
    text.quoted("foreign_orders", broker.foreign_orders.name());
    for (key, ns) in [
        ("entry_wait", broker.entry_wait_ns),
        ("absent_after", broker.absent_after_ns),
        ("reconcile_every", broker.reconcile_every_ns),
        ("settle", broker.settle_ns),
        ("silent_after", broker.silent_after_ns),
        ("frozen_after", broker.frozen_after_ns),
    ] {
        text.quoted(key, &format_duration_ns(ns));
    }
    if let Some(clock) = clock {
        text.head("[clock]");
        text.quoted("base", &format_ist(clock.base));
        if let Some(at) = clock.at {
            text.quoted("at", &format_ist(at));
        }
        text.bare("speed", clock.speed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layers, Settings};

    fn sets(texts: &[&str]) -> Result<Settings, ConfigError> {
        Layers { sets: texts.iter().map(|text| (*text).to_owned()).collect(), ..Layers::default() }.load()
    }

    const LOCAL: [&str; 2] = ["broker.rest=http://127.0.0.1:8000", "broker.ticker=ws://[::1]:8001"];

    #[test]
    fn addresses_of_other_machines_are_encrypted() {
        for (address, fit) in [
            ("https://api.kite.trade", true),
            ("http://127.0.0.1:9", true),
            ("http://localhost/x", true),
            ("http://[::1]:80", true),
            ("http://api.kite.trade", false),
            ("http://127.0.0.1.example.org", false),
            ("http://127.0.0.1@example.org", false),
            ("ws://127.0.0.1", false),
            ("https://", false),
            ("https://a?b", false),
            ("api.kite.trade", false),
        ] {
            assert_eq!(fits(address, ["https", "http"]), fit, "{address}");
        }
    }

    #[test]
    fn a_clock_of_its_own_needs_a_broker_on_this_machine() {
        let base = "clock.base=2021-04-15T09:14:50+05:30";
        let error = sets(&[base, "clock.speed=50"]).unwrap_err().to_string();
        assert!(error.contains("broker.rest") && error.contains("api.kite.trade"), "{error}");
        let half = sets(&[LOCAL[0], base]).unwrap_err().to_string();
        assert!(half.contains("broker.ticker"), "{half}");
        let settings = sets(&[LOCAL[0], LOCAL[1], base, "clock.speed=50"]).unwrap();
        let clock = settings.clock.unwrap();
        assert_eq!((clock.base, clock.at, clock.speed), (TsNs(1_618_458_290_000_000_000), None, 50));
        let at = sets(&[LOCAL[0], LOCAL[1], base, "clock.at=1618458290000000001"]).unwrap().clock.unwrap();
        assert_eq!((at.at, at.speed), (Some(TsNs(1_618_458_290_000_000_001)), 1));
        assert!(sets(&["clock.speed=50"]).unwrap_err().to_string().contains("base"));
        for bad in ["clock.base=09:15", "clock.base=2021-04-15", "clock.base=-1", "clock.speed=0"] {
            assert!(sets(&[LOCAL[0], LOCAL[1], bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_text_reads_back_equal_and_is_not_journaled() {
        let settings = sets(&[
            LOCAL[0],
            LOCAL[1],
            "clock.base=2021-04-15T09:14:50+05:30",
            "clock.at=2026-11-21T10:00:00.000000001+05:30",
            "broker.api_key=abc",
            "broker.token_file=/tmp/a \"b\"",
            "broker.algo_id=A-1",
            "broker.foreign_orders=halt",
            "broker.orders_per_minute=60",
        ])
        .unwrap();
        assert_eq!(Settings::from_toml(&settings.to_toml(), "text").unwrap(), settings);
        assert!(
            !settings.journaled_toml().contains("broker.") && !settings.journaled_toml().contains("[clock]")
        );
        assert!(!settings.journaled_toml().contains("[broker]"));
        assert!(sets(&["broker.orders_per_minute=5"]).unwrap_err().to_string().contains("orders_per_second"));
    }
}
