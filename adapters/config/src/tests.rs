//! The layers together: what they give, and the text of every error.

mod charges;
mod errors;
mod files;
mod latency;
mod risk;
mod session;
mod strategies;

use crate::settings::{DurabilityLevel, ExitSettings, JournalSettings, ScriptedCommand, Speed, Wait};
use crate::{ConfigError, Layers, Settings};
use jiff::civil::{date, time};
use pitlane_engine::config::{Conflict, InstrumentClass, Sizing, Slippage};
use pitlane_engine::event::{CommandCode, QueueModel, SelfTrade, Timeframe, VenueProfile};
use pitlane_engine::units::{Money, Price, Qty};
use std::path::Path;
use tempfile::TempDir;

fn sets(texts: &[&str]) -> Result<Settings, ConfigError> {
    Layers { sets: texts.iter().map(|text| (*text).to_owned()).collect(), ..Layers::default() }.load()
}

fn file(text: &str) -> Result<Settings, ConfigError> {
    Settings::from_toml(text, "f.toml")
}

#[test]
fn no_layer_at_all_is_the_default() {
    assert_eq!(sets(&[]).unwrap(), Settings::default());
    assert_eq!(file("").unwrap(), Settings::default());
}

#[test]
fn the_demo_can_buy_a_lot_of_the_future() {
    let demo = Settings::demo();
    let lot = Price(252_000_000).value(Qty(65), 1);
    assert!(demo.risk.capital.bps(demo.risk.position_bps) >= lot);
    assert!(Settings::default().risk.capital.bps(demo.risk.position_bps) < lot);
}

#[test]
fn later_layers_win_key_by_key() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let first = write(
        "a.toml",
        "[risk]\ncapital = 100\nposition = \"1%\"\norder_value = \"1%\"\ndaily_loss = \"1%\"\n",
    );
    let second = write("b.toml", "[risk]\nposition = \"2%\"\norder_value = \"2%\"\ndaily_loss = \"2%\"\n");
    let layers = Layers {
        base: None,
        files: vec![first, second],
        sets: vec!["risk.daily_loss=4%".into(), "risk.square_off = 15:10".into(), "engine.cpu_set=3".into()],
        read_env: true,
    };
    let variables = [
        ("PITLANE_RISK__ORDER_VALUE", "3%"),
        ("PITLANE_RISK__DAILY_LOSS", "3%"),
        ("PITLANE_SIM__DATE", "2026-08-03"),
        ("PITLANE_DATA", "/elsewhere"),
        ("OTHER__THING", "x"),
    ];
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let settings = layers.load_with(variables).unwrap();
    assert_eq!(settings.risk.capital, Money::rupees(100));
    assert_eq!(
        (settings.risk.position_bps, settings.risk.order_value_bps, settings.risk.daily_loss_bps),
        (200, 300, 400)
    );
    assert_eq!(settings.risk.square_off_s, (15 * 60 + 10) * 60);
    assert_eq!((settings.sim.date, settings.engine.cpu_set.as_deref()), (date(2026, 8, 3), Some("3")));
}

#[test]
fn a_base_stands_in_for_the_defaults_under_every_layer() {
    let layers = Layers {
        base: Some((everything().to_toml(), "base".to_owned())),
        sets: vec!["risk.capital=7".into(), "strategies.two.enabled=false".into()],
        ..Layers::default()
    };
    let mut expected = everything();
    expected.risk.capital = Money::rupees(7);
    expected.strategies[1].enabled = false;
    assert_eq!(layers.load().unwrap(), expected);
}

#[test]
fn entries_of_arrays_are_set_by_number_id_or_symbol() {
    let settings = sets(&[
        "strategies.ema.params.fast=10",
        "strategies.0.timeframe=5m",
        "instruments.NSE:INFY.tick=0.01",
        "strategies.ema.symbols=[\"NSE:INFY\", \"NSE:BANKNIFTY\"]",
    ])
    .unwrap();
    assert_eq!(settings.strategies[0].params, [("fast".to_owned(), 10.0), ("slow".to_owned(), 50.0)]);
    assert_eq!(settings.strategies[0].timeframe, Timeframe::M5);
    assert_eq!(settings.strategies[0].symbols, ["NSE:INFY", "NSE:NIFTY BANK"]);
    let infy = settings.instruments.iter().find(|i| i.symbol == "NSE:INFY").unwrap();
    assert_eq!(infy.tick, Price(100));
}

/// A text of which every value differs from the default.
const EVERYTHING: &str = r#"
[engine]
mode = "replay"
wait = "park"
cpu_set = "2-5,8"
aux_cpu_set = "0"
measure = "stages"
memory_lock = "off"
huge_pages = true
realtime_priority = 42
[journal]
dir = "a \"quoted\" dir\\x"
segment = "1MiB"
snapshot_every = 100000
level = "D2"
hot_dir = "/dev/shm/elsewhere"
lag_warn = "1ms"
lag_reduce = "2ms"
lag_halt = "3ms"
[session]
pre_open = "09:00:30"
open = "09:16"
close = "15:00"
[bars]
grace = "1500ms"
[sim]
date = 2027-01-04
seed = "18446744073709551615"
speed = "x10"
duration = "90s"
mode = "quote"
ticks_per_second = 7
hot_share = "0.01%"
hot_rate = 2
hot_rotation = "1h"
step_ppm = 99
burst = "0%"
halts = 0
halt_length = "0"
[[sim.commands]]
at = "11:00:01"
do = "kill"
[[sim.commands]]
at = "10:00"
do = "flatten"
[[sim.commands]]
at = "11:00:01"
do = "resume"
reason = " the \"feed\" is back "
[[instruments]]
symbol = "NSE:NIFTY"
token = 256265
class = "index"
[[instruments]]
symbol = "NFO:X26AUGFUT"
token = 0x102
class = "future"
lot = 75
tick = 0.1
multiplier = 3
freeze = 1800
derivatives = true
[[instruments]]
symbol = "NSE:Y"
token = 257
class = "equity"
derivatives = false
[[strategies]]
id = "one"
kind = "k"
symbols = "NSE:NIFTY"
timeframe = "day"
enabled = false
allow_short = true
entry = "passive"
reprice = "2500ms"
priority = 1000
stop_loss = "0%"
take_profit = "1000%"
holding = "45m"
params = { b = 0.1, a = 1e300, c = -3 }
[[strategies]]
id = "two"
kind = "k"
symbols = []
[risk]
capital = 1_234_567.0001
sizing = "atr"
position = "1%"
risk_per_trade = "0.5%"
atr_period = 20
atr_timeframe = "15m"
atr_multiple = 1.5
conflict = "netting"
stop_loss = "2%"
take_profit = "3%"
holding = "1h"
order_value = "3%"
order_quantity_max = 9
open_positions = 6
daily_loss = "100%"
protection = "35bps"
flatten_on_kill = false
price_collar = "0%"
trades_per_day = 0
trades_per_symbol = 1_000_000
square_off = "00:00"
square_off_margin = "15m"
no_new_entry = "14:45:30"
no_new_entry_margin = "0"
orders_per_second = 2
drawdown = "0.01%"
symbol_loss = "1%"
exposure = "100%"
leverage = 1.5
derivatives_value = "0"
margin_equity = "25%"
margin_future = "16%"
[charges]
broker = "none"
product = "delivery"
[candles]
timeframe = "5m"
path = "adaptive"

[venue]
latency_min = "1ns"
latency_spread = "40ms"
latency_step = "250us"
queue_model = "power"
queue_power = 4
slippage_model = "impact"
slippage_ticks = 0
slippage = "0%"
impact = "0.5%"
impact_max = "100%"
participation = "100%"
profile = "full"
self_trade = "decrement"
seed = 77
"#;

fn everything() -> Settings {
    file(EVERYTHING).unwrap()
}

#[test]
fn the_canonical_text_reads_back_equal() {
    let mut empty = Settings::default();
    (empty.instruments, empty.strategies) = (Vec::new(), Vec::new());
    for settings in [Settings::default(), Settings::demo(), everything(), empty] {
        let text = settings.to_toml();
        let again = Settings::from_toml(&text, "canonical").unwrap();
        assert_eq!(again, settings, "{text}");
        assert_eq!(again.to_toml(), text);
    }
}

#[test]
fn values_are_read_with_their_units() {
    let parsed = everything();
    assert_eq!(parsed.sim.seed, u64::MAX);
    assert_eq!(parsed.sim.speed, Speed::Times(10));
    assert_eq!(parsed.engine.wait, Wait::Park);
    let JournalSettings { level, hot_dir, lag, .. } = &parsed.journal;
    assert_eq!(
        (*level, hot_dir.as_deref()),
        (Some(DurabilityLevel::D2), Some(Path::new("/dev/shm/elsewhere")))
    );
    assert_eq!((lag.warn_ns, lag.reduce_ns, lag.halt_ns), (1_000_000, 2_000_000, 3_000_000));
    assert_eq!(parsed.risk.capital, Money(12_345_670_001));
    assert_eq!((parsed.risk.no_new_entry_s, parsed.risk.leverage_bps), (53_130, 15_000));
    let venue = &parsed.venue;
    assert_eq!((venue.queue_model, venue.queue_power), (QueueModel::Power, 4));
    assert_eq!(
        (venue.slippage_model, venue.impact_bps, venue.impact_max_bps),
        (Slippage::Impact, 50, 10_000)
    );
    assert_eq!((venue.profile, venue.self_trade), (VenueProfile::Full, SelfTrade::Decrement));
    let command =
        |h, s, code, reason: &str| ScriptedCommand { at: time(h, 0, s, 0), code, reason: reason.to_owned() };
    let commands = [
        command(10, 0, CommandCode::Flatten, ""),
        command(11, 1, CommandCode::Kill, ""),
        command(11, 1, CommandCode::Resume, "the \"feed\" is back"),
    ];
    assert_eq!(parsed.sim.commands, commands);
    assert_eq!(
        (parsed.session.open, parsed.session.close),
        (Some(time(9, 16, 0, 0)), Some(time(15, 0, 0, 0)))
    );
}

#[test]
fn what_decides_about_positions_is_read_with_its_units() {
    let parsed = everything();
    let risk = &parsed.risk;
    assert_eq!((risk.sizing, risk.conflict), (Sizing::Atr, Conflict::Netting));
    assert_eq!((risk.risk_per_trade_bps, risk.atr_period, risk.atr_multiple_bps), (50, 20, 15_000));
    assert_eq!((risk.square_off_s, risk.square_off_margin_s, risk.no_new_entry_margin_s), (0, 900, 0));
    let hour = 3_600_000_000_000;
    let exits = ExitSettings { stop_loss_bps: 200, take_profit_bps: 300, holding_ns: hour };
    assert_eq!(parsed.exits, exits);
    let own = ExitSettings { stop_loss_bps: 0, take_profit_bps: 100_000, holding_ns: hour / 4 * 3 };
    assert_eq!(parsed.strategies[0].exits(&exits), own, "nothing of its own is a value too");
    assert_eq!(parsed.strategies[1].exits(&exits), exits);
    assert_eq!((parsed.strategies[0].reprice_ns, parsed.strategies[0].priority), (2_500_000_000, 1_000));
    let derivatives: Vec<_> = parsed.instruments.iter().map(|i| (i.freeze, i.derivatives)).collect();
    assert_eq!(derivatives, [(Qty(0), false), (Qty(1_800), true), (Qty(0), false)]);
    assert_eq!(parsed.instruments[1].class, InstrumentClass::Future);
}

#[test]
fn the_journaled_text_leaves_out_what_cannot_change_a_result() {
    let base = everything();
    let mut other = base.clone();
    other.engine = Settings::default().engine;
    other.journal = Settings::default().journal;
    other.sim.speed = Speed::Max;
    let text = base.journaled_toml();
    assert_eq!(text, other.journaled_toml());
    assert_eq!(Settings::from_toml(&text, "journal").unwrap(), other);
    assert_eq!(Settings::hash(&text), Settings::hash(&other.journaled_toml()));
    other.risk.position_bps += 1;
    assert_ne!(Settings::hash(&text), Settings::hash(&other.journaled_toml()));
}
