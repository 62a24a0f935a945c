//! The object `replay-report/1`. Amounts are decimal texts in rupees, as in every other summary; ratios are numbers.

use crate::model::{Day, JournalPart, Report, Slice, Trade, Why};
use crate::stats::{DAYS_PER_YEAR, Stats, histogram};
use pitlane_config::format_ist;
use pitlane_engine::units::{Money, TsNs};
use pitlane_session::profit::show_date;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Report {
    /// The report as an object.
    pub fn json(&self) -> Value {
        let dates = (self.days.first(), self.days.last());
        let charges: Map<String, Value> =
            self.charges.parts().iter().map(|(name, part)| ((*name).to_owned(), text(*part))).collect();
        json!({
            "schema": "replay-report/1",
            "first_date": dates.0.map(|day| show_date(day.date)),
            "last_date": dates.1.map(|day| show_date(day.date)),
            "summary": summary(&self.stats, self),
            "ratios": ratios(&self.stats),
            "charges": {
                "total": text(self.charges.total()),
                "by_kind": charges,
                "rates_from": self.rates.map(|(from, _)| show_date(from)),
                "rates_stand_in": self.rates.is_some_and(|(_, stand_in)| stand_in),
            },
            "days": self.days.iter().map(day).collect::<Vec<_>>(),
            "months": self.stats.months.iter().map(|month| json!({
                "month": format!("{:04}-{:02}", month.year, month.month),
                "net_pnl": text(month.net),
                "return": month.share,
            })).collect::<Vec<_>>(),
            "daily_returns": distribution(&self.days.iter().map(Day::share).collect::<Vec<_>>()),
            "trade_returns": distribution(&self.ended().map(Trade::share).collect::<Vec<_>>()),
            "strategies": slices(&self.strategies),
            "symbols": slices(&self.symbols),
            "trades": self.trades.iter().map(trade).collect::<Vec<_>>(),
            "verdicts": self.verdicts,
            "signals_by_hour": self.signals,
            "dead_letters": self.dead_letters,
            "incidents": self.incidents.iter().map(|incident| json!({
                "time": format_ist(incident.ts), "kind": incident.kind, "what": incident.what,
            })).collect::<Vec<_>>(),
            "curve_columns": ["ts_ns", "equity", "exposure", "net_exposure"],
            "curve": self.curve.iter().map(|point| json!([
                point.ts.0, text(point.equity), text(point.exposure), text(point.net_exposure),
            ])).collect::<Vec<_>>(),
            "missing_days": self.missing.iter().map(|date| show_date(*date)).collect::<Vec<_>>(),
            "notes": self.notes,
            "journals": self.journals.iter().map(journal).collect::<Vec<_>>(),
        })
    }

    /// The trades that ended.
    pub(crate) fn ended(&self) -> impl Iterator<Item = &Trade> {
        self.trades.iter().filter(|trade| !trade.is_open)
    }
}

fn text(amount: Money) -> Value {
    amount.to_string().into()
}

fn summary(stats: &Stats, report: &Report) -> Value {
    let time = |ts: TsNs| format_ist(ts);
    let counts = &report.counts;
    let (trades, wins, losses) = stats.trades;
    let ((longs, long_net), (shorts, short_net)) = stats.long_short;
    json!({
        "days": report.days.len(),
        "capital": text(stats.capital),
        "gross_pnl": text(stats.gross),
        "charges": text(report.charges.total()),
        "net_pnl": text(stats.net),
        "return": stats.share,
        "max_drawdown": text(stats.drawdown),
        "max_drawdown_share": stats.drawdown_share,
        "max_drawdown_peak": stats.drawdown_times.map(|(peak, ..)| time(peak)),
        "max_drawdown_trough": stats.drawdown_times.map(|(_, trough, _)| time(trough)),
        "max_drawdown_recovered": stats.drawdown_times.and_then(|(.., again)| again).map(time),
        "days_up": stats.up_down.0,
        "days_down": stats.up_down.1,
        "best_day": stats.extremes.map(|((date, net), _)| json!({ "date": show_date(date), "net_pnl": text(net) })),
        "worst_day": stats.extremes.map(|(_, (date, net))| json!({ "date": show_date(date), "net_pnl": text(net) })),
        "turnover": text(report.turnover),
        "slippage": text(report.slippage),
        "trades": trades,
        "wins": wins,
        "losses": losses,
        "open_trades": stats.open,
        "long_trades": longs,
        "long_net_pnl": text(long_net),
        "short_trades": shorts,
        "short_net_pnl": text(short_net),
        "longest_losing_streak": stats.losing_streak,
        "inputs": counts.inputs,
        "ticks": counts.ticks,
        "bars": counts.bars,
        "signals": counts.signals,
        "orders": counts.orders,
        "fills": counts.fills,
        "rejects": counts.rejects,
        "max_exposure": text(stats.exposure.1),
    })
}

fn ratios(stats: &Stats) -> Value {
    json!({
        "annualisation_days": DAYS_PER_YEAR,
        "riskless_rate": 0.0,
        "daily_mean": stats.daily.0,
        "daily_deviation": stats.daily.1,
        "sharpe": stats.sharpe,
        "sortino": stats.sortino,
        "win_rate": stats.win_rate,
        "expectancy": stats.expectancy,
        "mean_win": stats.mean_win,
        "mean_loss": stats.mean_loss,
        "profit_factor": stats.profit_factor,
        "mean_trade_seconds": stats.mean_seconds,
        "mean_adverse_excursion": stats.excursion.map(|(worst, _)| worst),
        "mean_favourable_excursion": stats.excursion.map(|(_, best)| best),
        "minutes_in_market": stats.in_market,
        "mean_exposure": stats.exposure.0,
    })
}

fn day(day: &Day) -> Value {
    json!({
        "date": show_date(day.date),
        "equity_start": text(day.equity.0),
        "equity_end": text(day.equity.1),
        "gross_pnl": text(day.gross),
        "charges": text(day.charges),
        "net_pnl": text(day.net()),
        "return_base": text(day.base),
        "return": day.share(),
        "drawdown": text(day.drawdown),
        "turnover": text(day.turnover),
        "trades": day.trades,
        "wins": day.wins,
        "orders": day.sent.0,
        "fills": day.sent.1,
        "stopped": day.stopped,
        "complete": day.ended,
    })
}

fn distribution(values: &[f64]) -> Value {
    let (first, width, counts) = histogram(values, 24);
    json!({ "from": first, "width": width, "counts": counts })
}

fn slices(slices: &BTreeMap<String, Slice>) -> Value {
    let rows = slices.iter().map(|(name, slice)| {
        json!({
            "name": name,
            "trades": slice.trades,
            "wins": slice.wins,
            "gross_pnl": text(slice.gross),
            "charges": text(slice.charges),
            "net_pnl": text(slice.net()),
            "turnover": text(slice.turnover),
        })
    });
    rows.collect()
}

fn trade(trade: &Trade) -> Value {
    json!({
        "instrument": trade.instrument,
        "strategy": trade.strategy,
        "side": if trade.is_long { "long" } else { "short" },
        "date": show_date(trade.date),
        "opened": format_ist(trade.opened),
        "closed": (!trade.is_open).then(|| format_ist(trade.closed)),
        "quantity": trade.quantity,
        "entry_value": text(trade.entry_value),
        "exit_value": text(trade.exit_value),
        "entry_price": trade.entry_price(),
        "exit_price": trade.exit_price(),
        "gross_pnl": text(trade.gross),
        "charges": text(trade.charges),
        "net_pnl": text(trade.net()),
        "return": trade.share(),
        "max_adverse": text(trade.excursion.0),
        "max_favourable": text(trade.excursion.1),
        "fills": trade.fills,
        "entry": why(&trade.entry),
        "exit": trade.exit.as_ref().map(why),
    })
}

fn why(why: &Why) -> Value {
    let signal = why.signal.as_ref().map(|said| {
        let facts: Map<String, Value> =
            said.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "id": said.id,
            "time": format_ist(said.ts),
            "action": said.action,
            "reason": said.reason,
            "confidence": f64::from(said.confidence_bps) / 1e4,
            "facts": facts,
        })
    });
    json!({ "order_id": why.order, "intent": why.intent, "signal": signal })
}

fn journal(part: &JournalPart) -> Value {
    let models = &part.models;
    json!({
        "journal": part.dir,
        "journal_uuid": part.uuid,
        "first_date": show_date(part.dates.0),
        "last_date": show_date(part.dates.1),
        "capital": text(part.capital),
        "recomputed": part.recomputed,
        "config_hash": part.config_hash,
        "instruments_hash": part.instruments_hash,
        "inputs_xxh3": part.inputs_hash,
        "outputs_xxh3": part.outputs_hash,
        "fill_model": models.fill,
        "latency_model": models.latency,
        "latency_min_ns": models.latency_min_ns,
        "path_model": models.path,
        "charges_by": models.charges,
        "strategies": models.strategies,
    })
}
