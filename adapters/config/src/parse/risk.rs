//! `[risk]`: limits, sizes, times, and what closes a position.

use super::{DAY_NS, WHOLE_BPS};
use crate::error::ConfigError;
use crate::instruments::QUANTITY_MAX;
use crate::names::{CONFLICTS, SIZINGS, value_of};
use crate::read::{Section, count, duration, flag, named, scaled, seconds, share, time_of_day, whole};
use crate::settings::ExitSettings;
use crate::time::seconds_of_time;
use crate::tree::Value;
use pitlane_engine::config::RiskConfig;
use pitlane_engine::event::Timeframe;
use pitlane_engine::units::{Money, Qty, SCALE};

/// Entries of a session that can be a limit.
const TRADES_MAX: u32 = 1_000_000;
/// A hundred billion rupees: with the largest quantity it keeps every sum within the range of money.
const CAPITAL_MAX: i64 = 100_000_000_000 * SCALE;
/// Bars of an average true range.
const ATR_PERIOD_MAX: u32 = 1_000;
/// Longest margin before the end of trading, in seconds.
const MARGIN_S_MAX: u32 = 12 * 3_600;

/// A stop loss, in bps.
pub(super) fn stop_loss() -> impl FnOnce(&Value) -> Option<i64> {
    share(0..=WHOLE_BPS)
}

/// A take profit, in bps: an option can gain a multiple of its price.
pub(super) fn take_profit() -> impl FnOnce(&Value) -> Option<i64> {
    share(0..=10 * WHOLE_BPS)
}

/// A holding time, in nanoseconds.
pub(super) fn holding() -> impl FnOnce(&Value) -> Option<u64> {
    duration(0..=DAY_NS)
}

/// The exits of strategies that have none of their own.
pub(super) fn exits(section: &Section<'_>, default: ExitSettings) -> Result<ExitSettings, ConfigError> {
    Ok(ExitSettings {
        stop_loss_bps: section.read("stop_loss", default.stop_loss_bps, stop_loss())?,
        take_profit_bps: section.read("take_profit", default.take_profit_bps, take_profit())?,
        holding_ns: section.read("holding", default.holding_ns, holding())?,
    })
}

/// What is the risk stage's of the section.
pub(super) fn risk(section: &Section<'_>, default: RiskConfig) -> Result<RiskConfig, ConfigError> {
    limits(section, times(section, sizing(section, default)?)?)
}

fn sizing(section: &Section<'_>, default: RiskConfig) -> Result<RiskConfig, ConfigError> {
    let part = || share(1..=WHOLE_BPS);
    // Four decimals of a multiple are its bps.
    let multiple = scaled(SCALE / 100..=100 * SCALE);
    Ok(RiskConfig {
        capital: Money(section.read("capital", default.capital.0, scaled(SCALE..=CAPITAL_MAX))?),
        sizing: section.read("sizing", default.sizing, named(value_of(SIZINGS)))?,
        position_bps: section.read("position", default.position_bps, part())?,
        risk_per_trade_bps: section.read("risk_per_trade", default.risk_per_trade_bps, part())?,
        atr_period: section.read("atr_period", default.atr_period, count(1..=ATR_PERIOD_MAX))?,
        atr_timeframe: section.read("atr_timeframe", default.atr_timeframe, named(Timeframe::from_name))?,
        atr_multiple_bps: section.read("atr_multiple", default.atr_multiple_bps, multiple)?,
        conflict: section.read("conflict", default.conflict, named(value_of(CONFLICTS)))?,
        ..default
    })
}

fn times(section: &Section<'_>, default: RiskConfig) -> Result<RiskConfig, ConfigError> {
    let time = |value: &Value| time_of_day(value).map(seconds_of_time);
    // At the end of trading itself nothing can be sent: a margin of nothing would leave every position open.
    let exits = seconds(60..=MARGIN_S_MAX);
    let margin = seconds(0..=MARGIN_S_MAX);
    let (square_off, entries) = (default.square_off_margin_s, default.no_new_entry_margin_s);
    Ok(RiskConfig {
        square_off_s: section.read("square_off", default.square_off_s, time)?,
        square_off_margin_s: section.read("square_off_margin", square_off, exits)?,
        no_new_entry_s: section.read("no_new_entry", default.no_new_entry_s, time)?,
        no_new_entry_margin_s: section.read("no_new_entry_margin", entries, margin)?,
        ..default
    })
}

fn limits(section: &Section<'_>, default: RiskConfig) -> Result<RiskConfig, ConfigError> {
    let part = || share(1..=WHOLE_BPS);
    let limit = || share(0..=WHOLE_BPS);
    // Four decimals of a multiple are its bps.
    let times = || scaled(0..=1_000 * SCALE);
    // One order a second would leave entries none, which is better said with `enabled = false`.
    let rate = |value: &Value| count(0..=1_000)(value).filter(|&orders| orders != 1);
    let trades = || count(0..=TRADES_MAX);
    let quantity = whole(0..=QUANTITY_MAX);
    Ok(RiskConfig {
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
        trades_per_day: section.read("trades_per_day", default.trades_per_day, trades())?,
        trades_per_symbol: section.read("trades_per_symbol", default.trades_per_symbol, trades())?,
        orders_per_second: section.read("orders_per_second", default.orders_per_second, rate)?,
        drawdown_bps: section.read("drawdown", default.drawdown_bps, limit())?,
        symbol_loss_bps: section.read("symbol_loss", default.symbol_loss_bps, limit())?,
        exposure_bps: section.read("exposure", default.exposure_bps, limit())?,
        leverage_bps: section.read("leverage", default.leverage_bps, times())?,
        derivatives_bps: section.read("derivatives_value", default.derivatives_bps, times())?,
        margin_equity_bps: section.read("margin_equity", default.margin_equity_bps, part())?,
        margin_future_bps: section.read("margin_future", default.margin_future_bps, part())?,
        ..default
    })
}
