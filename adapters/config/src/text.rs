//! The canonical text of a configuration: complete, in the order of the schema, with one way to write every value.

use crate::archive;
use crate::broker;
use crate::latency::model_text;
use crate::names::{BROKERS, CLASSES, CONFLICTS, PRODUCTS, SIZINGS, SLIPPAGES, name_of};
use crate::settings::{Settings, StrategySettings};
use crate::time::{format_time, time_of_seconds};
use crate::values::{format_bps, format_bytes, format_duration_ns, shortest_decimal};
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::units::NS_PER_S;
use std::fmt::{Display, Write};

impl Settings {
    /// The complete text; reading it gives equal settings.
    pub fn to_toml(&self) -> String {
        let mut text = Text(String::new());
        self.machine(&mut text);
        self.market(&mut text, true);
        text.0
    }

    /// The text that is journaled: everything that can change a result, and nothing that cannot (`[engine]`,
    /// `[journal]`, `[archive]`, `[broker]`, `[clock]`, the speed), because journals of one run are the same bytes on any cpus and at any pace.
    pub fn journaled_toml(&self) -> String {
        let mut text = Text(String::new());
        self.market(&mut text, false);
        text.0
    }

    fn machine(&self, text: &mut Text) {
        text.head("[engine]");
        text.quoted("mode", self.engine.mode.name());
        text.quoted("wait", self.engine.wait.name());
        if let Some(cpus) = &self.engine.cpu_set {
            text.quoted("cpu_set", cpus);
        }
        if let Some(cpus) = &self.engine.aux_cpu_set {
            text.quoted("aux_cpu_set", cpus);
        }
        text.quoted("measure", self.engine.measure.name());
        text.quoted("memory_lock", self.engine.memory_lock.name());
        text.bare("huge_pages", self.engine.huge_pages);
        text.bare("realtime_priority", self.engine.realtime_priority);
        text.head("[journal]");
        if let Some(dir) = &self.journal.dir {
            text.quoted("dir", &dir.to_string_lossy());
        }
        text.quoted("segment", &format_bytes(self.journal.segment_bytes));
        text.bare("snapshot_every", self.journal.snapshot_every);
        if let Some(level) = self.journal.level {
            text.quoted("level", level.name());
        }
        if let Some(hot_dir) = &self.journal.hot_dir {
            text.quoted("hot_dir", &hot_dir.to_string_lossy());
        }
        let lag = &self.journal.lag;
        for (key, ns) in [("lag_warn", lag.warn_ns), ("lag_reduce", lag.reduce_ns), ("lag_halt", lag.halt_ns)]
        {
            text.quoted(key, &format_duration_ns(ns));
        }
        archive::write(text, &self.archive);
        broker::write(text, &self.broker, self.clock.as_ref());
    }

    fn market(&self, text: &mut Text, with_speed: bool) {
        text.head("[session]");
        text.quoted("pre_open", &format_time(self.session.pre_open));
        if let Some(open) = self.session.open {
            text.quoted("open", &format_time(open));
        }
        if let Some(close) = self.session.close {
            text.quoted("close", &format_time(close));
        }
        text.head("[bars]");
        text.quoted("grace", &format_duration_ns(self.bars.grace_ns));
        if let Some(candles) = self.candles {
            text.head("[candles]");
            text.quoted("timeframe", candles.timeframe.name());
            text.quoted("path", candles.path.name());
        }
        self.sim(text, with_speed);
        for instrument in &self.instruments {
            instrument_text(instrument, text);
            if let Some(band) = self.trading.band(&instrument.symbol) {
                let [low, high] = [band.low, band.high].map(|price| quote(&shortest_decimal(price.0)));
                text.bare("band", format!("[{low}, {high}]"));
            }
        }
        // Without this an empty list would read back as the built-in one.
        if self.instruments.is_empty() {
            text.0.insert_str(0, "instruments = []\n");
        }
        for halt in &self.trading.halts {
            text.head("[[halts]]");
            text.quoted("symbol", &halt.symbol);
            text.quoted("from", &format_time(halt.from));
            text.quoted("until", &format_time(halt.until));
        }
        self.strategies.iter().for_each(|strategy| strategy_text(strategy, text));
        if self.strategies.is_empty() {
            text.0.insert_str(0, "strategies = []\n");
        }
        self.risk(text);
        text.head("[charges]");
        text.quoted("broker", name_of(BROKERS, self.charges.broker));
        text.quoted("product", name_of(PRODUCTS, self.charges.product));
        self.venue(text);
    }

    fn sim(&self, text: &mut Text, with_speed: bool) {
        let sim = &self.sim;
        text.head("[sim]");
        text.quoted("date", &sim.date.to_string());
        text.seed("seed", sim.seed);
        if with_speed {
            text.quoted("speed", &sim.speed.to_string());
        }
        if let Some(ns) = sim.duration_ns {
            text.quoted("duration", &format_duration_ns(ns));
        }
        text.quoted("mode", sim.mode.name());
        text.bare("ticks_per_second", sim.ticks_per_second);
        text.quoted("hot_share", &format_bps(sim.hot_share_bps));
        text.bare("hot_rate", sim.hot_rate);
        text.quoted("hot_rotation", &format_duration_ns(sim.hot_rotation_ns));
        text.bare("step_ppm", sim.step_ppm);
        text.quoted("burst", &format_bps(sim.burst_bps));
        text.bare("halts", sim.halts);
        text.quoted("halt_length", &format_duration_ns(sim.halt_ns));
        for command in &sim.commands {
            text.head("[[sim.commands]]");
            text.quoted("at", &format_time(command.at));
            text.quoted("do", command.code.name());
            if !command.reason.is_empty() {
                text.quoted("reason", &command.reason);
            }
        }
    }

    fn risk(&self, text: &mut Text) {
        let risk = &self.risk;
        text.head("[risk]");
        text.quoted("capital", &shortest_decimal(risk.capital.0));
        text.quoted("sizing", name_of(SIZINGS, risk.sizing));
        text.quoted("position", &format_bps(risk.position_bps));
        text.quoted("risk_per_trade", &format_bps(risk.risk_per_trade_bps));
        text.bare("atr_period", risk.atr_period);
        text.quoted("atr_timeframe", risk.atr_timeframe.name());
        // Multiples in bps are on the scale of decimals.
        text.quoted("atr_multiple", &shortest_decimal(risk.atr_multiple_bps));
        text.quoted("conflict", name_of(CONFLICTS, risk.conflict));
        exits_text(
            Some(self.exits.stop_loss_bps),
            Some(self.exits.take_profit_bps),
            Some(self.exits.holding_ns),
            text,
        );
        text.quoted("order_value", &format_bps(risk.order_value_bps));
        text.bare("order_quantity_max", risk.order_quantity_max.0);
        text.bare("open_positions", risk.open_positions_max);
        text.quoted("daily_loss", &format_bps(risk.daily_loss_bps));
        text.quoted("protection", &format_bps(risk.protection_bps));
        text.bare("flatten_on_kill", risk.flatten_on_kill);
        text.quoted("price_collar", &format_bps(risk.price_collar_bps));
        text.bare("trades_per_day", risk.trades_per_day);
        text.bare("trades_per_symbol", risk.trades_per_symbol);
        text.quoted("square_off", &format_time(time_of_seconds(risk.square_off_s)));
        text.quoted("square_off_margin", &seconds(risk.square_off_margin_s));
        text.quoted("no_new_entry", &format_time(time_of_seconds(risk.no_new_entry_s)));
        text.quoted("no_new_entry_margin", &seconds(risk.no_new_entry_margin_s));
        text.bare("orders_per_second", risk.orders_per_second);
        text.quoted("drawdown", &format_bps(risk.drawdown_bps));
        text.quoted("symbol_loss", &format_bps(risk.symbol_loss_bps));
        text.quoted("exposure", &format_bps(risk.exposure_bps));
        text.quoted("leverage", &shortest_decimal(risk.leverage_bps));
        text.quoted("derivatives_value", &shortest_decimal(risk.derivatives_bps));
        text.quoted("margin_equity", &format_bps(risk.margin_equity_bps));
        text.quoted("margin_future", &format_bps(risk.margin_future_bps));
    }

    fn venue(&self, text: &mut Text) {
        let venue = &self.venue;
        text.head("[venue]");
        if venue.live {
            text.bare("live", true);
        }
        text.quoted("latency_min", &format_duration_ns(venue.latency_min_ns));
        text.quoted("latency_spread", &format_duration_ns(venue.latency_spread_ns));
        text.quoted("latency_step", &format_duration_ns(venue.latency_step_ns));
        for (key, model) in [
            ("place_latency", &venue.place_latency),
            ("modify_latency", &venue.modify_latency),
            ("cancel_latency", &venue.cancel_latency),
            ("report_latency", &venue.report_latency),
        ] {
            if !model.is_none() {
                text.bare(key, model_text(model, quote));
            }
        }
        text.quoted("queue_model", venue.queue_model.name());
        text.bare("queue_power", venue.queue_power);
        text.quoted("slippage_model", name_of(SLIPPAGES, venue.slippage_model));
        text.bare("slippage_ticks", venue.slippage_ticks);
        text.quoted("slippage", &format_bps(venue.slippage_bps));
        text.quoted("impact", &format_bps(venue.impact_bps));
        text.quoted("impact_max", &format_bps(venue.impact_max_bps));
        text.quoted("participation", &format_bps(venue.participation_bps));
        text.quoted("profile", venue.profile.name());
        text.quoted("self_trade", venue.self_trade.name());
        text.seed("seed", venue.seed);
    }
}

fn instrument_text(instrument: &InstrumentSpec, text: &mut Text) {
    text.head("[[instruments]]");
    text.quoted("symbol", &instrument.symbol);
    text.bare("token", instrument.token);
    text.quoted("class", name_of(CLASSES, instrument.class));
    text.bare("tradable", instrument.tradable);
    text.bare("lot", instrument.lot.0);
    text.quoted("tick", &shortest_decimal(instrument.tick.0));
    text.bare("multiplier", instrument.multiplier);
    text.bare("freeze", instrument.freeze.0);
    text.bare("derivatives", instrument.derivatives);
}

fn strategy_text(strategy: &StrategySettings, text: &mut Text) {
    text.head("[[strategies]]");
    text.quoted("id", &strategy.id);
    text.quoted("kind", &strategy.kind);
    let symbols: Vec<String> = strategy.symbols.iter().map(|symbol| quote(symbol)).collect();
    text.bare("symbols", format!("[{}]", symbols.join(", ")));
    text.quoted("timeframe", strategy.timeframe.name());
    text.bare("enabled", strategy.enabled);
    text.bare("allow_short", strategy.allow_short);
    text.quoted("entry", if strategy.passive_entry { "passive" } else { "cross" });
    text.quoted("reprice", &format_duration_ns(strategy.reprice_ns));
    text.bare("priority", strategy.priority);
    exits_text(strategy.stop_loss_bps, strategy.take_profit_bps, strategy.holding_ns, text);
    // `{:?}` writes the shortest digits that read back as the same float, and always a point or an exponent.
    let params: Vec<String> =
        strategy.params.iter().map(|(name, value)| format!("{} = {value:?}", quote(name))).collect();
    text.bare(
        "params",
        if params.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", params.join(", ")) },
    );
}

fn exits_text(
    stop_loss_bps: Option<i64>,
    take_profit_bps: Option<i64>,
    holding_ns: Option<u64>,
    text: &mut Text,
) {
    if let Some(bps) = stop_loss_bps {
        text.quoted("stop_loss", &format_bps(bps));
    }
    if let Some(bps) = take_profit_bps {
        text.quoted("take_profit", &format_bps(bps));
    }
    if let Some(ns) = holding_ns {
        text.quoted("holding", &format_duration_ns(ns));
    }
}

/// A number of seconds as a duration.
fn seconds(seconds: u32) -> String {
    format_duration_ns(u64::from(seconds) * NS_PER_S)
}

/// TOML under construction.
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn head(&mut self, head: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        writeln!(self.0, "{gap}{head}").expect("writing to a string cannot fail");
    }

    pub(crate) fn bare(&mut self, key: &str, value: impl Display) {
        writeln!(self.0, "{key} = {value}").expect("writing to a string cannot fail");
    }

    pub(crate) fn quoted(&mut self, key: &str, value: &str) {
        self.bare(key, quote(value));
    }

    /// A seed beyond TOML's integers goes in quotes.
    fn seed(&mut self, key: &str, seed: u64) {
        match i64::try_from(seed) {
            Ok(seed) => self.bare(key, seed),
            Err(_) => self.quoted(key, &seed.to_string()),
        }
    }
}

/// A basic TOML string.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
