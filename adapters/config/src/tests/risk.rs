//! The keys of `[risk]`: what is promised about them, and their ranges.

use super::sets;
use crate::Settings;
use pitlane_engine::config::RiskConfig;

#[test]
fn limits_have_the_defaults_that_are_promised_and_can_be_off() {
    let text = Settings::default().to_toml();
    for line in [
        "price_collar = \"2%\"",
        "trades_per_day = 50",
        "trades_per_symbol = 10",
        "square_off = \"15:20\"",
        "square_off_margin = \"10m\"",
        "no_new_entry = \"15:00\"",
        "no_new_entry_margin = \"30m\"",
        "sizing = \"capital\"",
        "risk_per_trade = \"1%\"",
        "atr_period = 14",
        "atr_timeframe = \"5m\"",
        "atr_multiple = \"2\"",
        "conflict = \"priority\"",
        "stop_loss = \"0%\"",
        "take_profit = \"0%\"",
        "holding = \"0ns\"",
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
        ("risk.atr_multiple=0", "0.01 to 100"),
        ("risk.atr_period=0", "1 to 1000"),
        ("risk.risk_per_trade=0%", "more than 0%"),
        ("risk.take_profit=1000.01%", "0% to 1000%"),
        ("risk.stop_loss=101%", "0% = off"),
        ("risk.holding=25h", "0 to 24h"),
        ("risk.no_new_entry_margin=13h", "0 = the square-off decides"),
        ("risk.square_off=24:00", "the margin alone"),
        ("risk.no_new_entry=25:00", "00:00 = no time of its own"),
    ] {
        let error = sets(&[set]).unwrap_err().to_string();
        assert!(error.contains(allowed), "{error}");
    }
}

#[test]
fn no_limit_at_all_reads_back() {
    // What measures the machine and not the market starts from it, and its journal holds this text.
    let mut settings = Settings::demo();
    settings.risk = RiskConfig {
        capital: settings.risk.capital,
        position_bps: 1_000,
        order_value_bps: 2_000,
        open_positions_max: 5,
        daily_loss_bps: 200,
        protection_bps: 50,
        ..RiskConfig::UNLIMITED
    };
    assert_eq!(Settings::from_toml(&settings.journaled_toml(), "journal").unwrap(), settings);
}
