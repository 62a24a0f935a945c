//! The layers together: what they give, and the text of every error.

use crate::settings::{ScriptedCommand, Speed, Wait};
use crate::{ConfigError, Layers, Settings, demo_universe};
use jiff::civil::{date, time};
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{CommandCode, Timeframe};
use pitlane_engine::units::{InstrumentId, Money, NS_PER_S, Price, Qty};
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
        sets: vec![
            "risk.daily_loss=4%".into(),
            "session.square_off = 15:10".into(),
            "engine.cpu_set=3".into(),
        ],
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
    assert_eq!(settings.session.square_off, time(15, 10, 0, 0));
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
[journal]
dir = "a \"quoted\" dir\\x"
segment = "1MiB"
[session]
pre_open = "09:00:30"
open = "09:16"
close = "15:00"
square_off = "14:50"
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
do = "kill"
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
[[strategies]]
id = "one"
kind = "k"
symbols = "NSE:NIFTY"
timeframe = "day"
enabled = false
allow_short = true
entry = "passive"
params = { b = 0.1, a = 1e300, c = -3 }
[[strategies]]
id = "two"
kind = "k"
symbols = []
[risk]
capital = 1_234_567.0001
position = "1%"
order_value = "3%"
order_quantity_max = 9
open_positions = 6
daily_loss = "100%"
protection = "35bps"
flatten_on_kill = false
price_collar = "0%"
trades_per_day = 0
trades_per_symbol = 1_000_000
no_new_entry = "14:45:30"
orders_per_second = 2
drawdown = "0.01%"
symbol_loss = "1%"
exposure = "100%"
leverage = 1.5
derivatives_value = "0"
margin_equity = "25%"
margin_future = "16%"
[venue]
latency_min = "1ns"
latency_spread = "40ms"
latency_step = "250us"
slippage_ticks = 0
participation = "100%"
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
    let parsed = everything();
    assert_eq!(parsed.sim.seed, u64::MAX);
    assert_eq!(parsed.sim.speed, Speed::Times(10));
    assert_eq!(parsed.engine.wait, Wait::Park);
    assert_eq!(parsed.risk.capital, Money(12_345_670_001));
    assert_eq!((parsed.risk.no_new_entry_s, parsed.risk.leverage_bps), (53_130, 15_000));
    assert_eq!(parsed.sim.commands[0], ScriptedCommand { at: time(10, 0, 0, 0), code: CommandCode::Kill });
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

#[test]
fn errors_name_place_key_value_and_remedy() {
    let cases = [
        ("[risk]\n  capitel = 5", "f.toml:2:3: unknown key `capitel` in [risk]; did you mean `capital`?"),
        ("[rsik]", "f.toml:1:2: unknown section `rsik`; did you mean `risk`?"),
        ("[bars]\nperiod = 1", "f.toml:2:1: unknown key `period` in [bars]; known: grace"),
        (
            "[[strategies]]\nid = \"a\"\nkind=\"k\"\nsymbols=[]\nenabeld = true",
            "f.toml:5:1: unknown key `enabeld` in [[strategies]]; did you mean `enabled`?",
        ),
        (
            "[risk]\nposition = \"200%\"",
            "f.toml:2:12: `risk.position` cannot be \"200%\"; \
             allowed: more than 0% up to 100%, in steps of 0.01%, such as 2%",
        ),
        (
            "[venue]\nlatency_min = 5",
            "f.toml:2:15: `venue.latency_min` cannot be 5; allowed: 1ns to 60s, such as 1ms",
        ),
        (
            "[engine]\nmode = \"demo\"",
            "f.toml:2:8: `engine.mode` cannot be \"demo\"; allowed: sim, replay, paper or live",
        ),
        (
            "[engine]\ncpu_set = \"5-2\"",
            "f.toml:2:11: `engine.cpu_set` cannot be \"5-2\"; allowed: a Linux cpu list such as 2-5,8",
        ),
        (
            "[risk]\nflatten_on_kill = 1",
            "f.toml:2:19: `risk.flatten_on_kill` cannot be 1; allowed: true or false",
        ),
        ("risk = 3", "f.toml:1:8: `risk` cannot be 3; allowed: a table with keys of its own"),
        (
            "[strategies]\nid = \"a\"",
            "f.toml:1:1: `strategies` cannot be a table; allowed: tables; write [[strategies]]",
        ),
        (
            "[[instruments]]\nsymbol = \"NSE:X\"\ntoken = 257",
            "f.toml:1:1: [[instruments]] has no `class`; add it (equity, index, future or option)",
        ),
        (
            "[session]\nopen = \"15:25\"",
            "f.toml:1:1: session.square_off comes before session.open; \
             keep pre_open <= open < square_off <= close",
        ),
        (
            "[[sim.commands]]\nat = \"16:00\"\ndo = \"kill\"",
            "f.toml:2:6: sim.commands.0.at lies outside the session; \
             choose a time from session.pre_open to session.close",
        ),
        (
            "[[strategies]]\nid=\"a\"\nkind=\"k\"\nsymbols=[]\nparams = { fast = \"x\" }",
            "f.toml:5:19: `strategies.0.params.fast` cannot be \"x\"; allowed: a finite number",
        ),
        (
            "[[instruments]]\nsymbol = \"NSE:X\"\ntoken = 265\nclass = \"equity\"",
            "f.toml:3:9: `NSE:X` is of class equity but its token 265 is of segment 9; \
             index tokens, and only they, are of segment 9 (the low byte of the token)",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(file(text).unwrap_err().to_string(), expected);
    }
    let syntax = file("[risk]\ncapital = = 5").unwrap_err().to_string();
    assert!(
        syntax.starts_with("f.toml:2:11: not valid TOML: ") && syntax.ends_with("; correct that line"),
        "{syntax}"
    );
    let twice = "[[strategies]]\nid=\"a\"\nkind=\"k\"\nsymbols=[]\n".repeat(2);
    let twice = file(&twice).unwrap_err().to_string();
    assert_eq!(twice, "f.toml:6:4: strategy id `a` is there twice; rename one of them");
}

#[test]
fn limits_have_the_defaults_that_are_promised_and_can_be_off() {
    let text = Settings::default().to_toml();
    for line in [
        "price_collar = \"2%\"",
        "trades_per_day = 50",
        "trades_per_symbol = 10",
        "no_new_entry = \"15:00\"",
        "orders_per_second = 8",
        "drawdown = \"3%\"",
        "symbol_loss = \"0.5%\"",
        "exposure = \"80%\"",
        "leverage = \"2\"",
        "derivatives_value = \"10\"",
        "margin_equity = \"20%\"",
        "margin_future = \"15%\"",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} in {text}");
    }
    let off =
        sets(&["risk.no_new_entry=00:00", "risk.orders_per_second=0", "risk.drawdown=0%", "risk.leverage=0"]);
    let off = off.unwrap().risk;
    assert_eq!((off.no_new_entry_s, off.orders_per_second, off.drawdown_bps, off.leverage_bps), (0, 0, 0, 0));
    for (set, allowed) in [
        ("risk.orders_per_second=1", "2 to 1000, or 0 = no limit"),
        ("risk.margin_equity=0%", "more than 0%"),
        ("risk.leverage=1001", "0 to 1000"),
        ("risk.drawdown=101%", "0% = no limit"),
        ("risk.no_new_entry=25:00", "00:00 = no time of its own"),
    ] {
        let error = sets(&[set]).unwrap_err().to_string();
        assert!(error.contains(allowed), "{error}");
    }
}

#[test]
fn flags_and_variables_are_named_in_their_errors() {
    let error = |text: &str| sets(&[text]).unwrap_err().to_string();
    assert_eq!(
        error("risk.capitel=5"),
        "--set risk.capitel=5: unknown key `capitel` in [risk]; did you mean `capital`?"
    );
    assert_eq!(
        error("risk.open_positions=0"),
        "--set risk.open_positions=0: `risk.open_positions` cannot be 0; allowed: 1 to 4096"
    );
    assert_eq!(
        error("risk.capital"),
        "--set risk.capital: not of the form section.key=value; write for example --set risk.capital=600000"
    );
    assert!(error("capital=5").contains("not of the form"));
    assert!(
        error("strategies.emma.enabled=false")
            .contains("unknown entry `emma` of [[strategies]]; name one of its 1")
    );
    assert!(error("risk.capital.x=5").contains("`risk.capital` cannot be a table"));
    let layers = Layers { read_env: true, ..Layers::default() };
    let error = layers.load_with(vec![("PITLANE_RISK__CAPITEL".into(), "5".into())]).unwrap_err().to_string();
    assert_eq!(
        error,
        "environment PITLANE_RISK__CAPITEL: unknown key `capitel` in [risk]; did you mean `capital`?"
    );
    let missing =
        Layers { files: vec!["no/such.toml".into()], ..Layers::default() }.load().unwrap_err().to_string();
    assert!(missing.starts_with("cannot read configuration file no/such.toml: "), "{missing}");
}

#[test]
fn strategies_find_their_instruments() {
    let table = demo_universe();
    let pipeline = |texts: &[&str]| sets(texts).unwrap().pipeline(demo_universe());
    let all = pipeline(&[]).unwrap();
    let ids = &all.strategies[0].instruments;
    assert!(ids.iter().all(|id| table[id.index()].tradable) && ids.is_sorted() && ids.len() == 10);
    let named = pipeline(&["strategies.ema.symbols=[\"NSE:TCS\", \"NSE:NIFTY\", \"NSE:TCS\"]"]).unwrap();
    assert_eq!(named.strategies[0].instruments, [InstrumentId(0), InstrumentId(4)]);
    assert!(pipeline(&["strategies.ema.enabled=false"]).unwrap().strategies.is_empty());
    let unknown = pipeline(&["strategies.ema.symbols=[\"NSE:RELAINCE\"]"]).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "strategy `ema`: no instrument `NSE:RELAINCE` in this run; did you mean `NSE:RELIANCE`?"
    );
    let entry =
        |id: &str, symbols: &str| format!("[[strategies]]\nid='{id}'\nkind='k'\nsymbols='{symbols}'\n");
    let two = file(&(entry("a", "*") + &entry("b", "NSE:TCS"))).unwrap();
    assert_eq!(
        two.pipeline(demo_universe()).unwrap_err().to_string(),
        "[[strategies]]: `a` and `b` both trade `NSE:TCS`, and a position has one owner; \
         take the symbol from one of them, or set enabled = false on `b`"
    );
    let index = file(&entry("a", "*")).unwrap().pipeline(demo_universe()[..2].to_vec()).unwrap();
    assert!(index.strategies[0].instruments.is_empty(), "nothing tradable is nothing to trade, not an error");
}

#[test]
fn a_session_ends_on_a_whole_second_after_the_grace() {
    let mut settings = Settings::default();
    settings.bars.grace_ns = 1_500_000_000;
    let times = settings.session_times(date(2026, 7, 31));
    assert_eq!(times.date, 20_260_731);
    assert_eq!(times.open.0, 1_785_469_500 * NS_PER_S);
    assert_eq!(times.open.since(times.pre_open), 900 * NS_PER_S);
    assert_eq!(times.end.since(times.close), 2 * NS_PER_S);
    assert_eq!(times.close.since(times.square_off), 600 * NS_PER_S);
}
