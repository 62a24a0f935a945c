//! The report for a terminal, at most 100 columns wide.

mod results;
mod table;

use crate::model::{Report, Slice, Trade};
use crate::show::{amount, date_time, fact, grouped, milliseconds, percent, time};
use crate::stats::histogram;
use pitlane_engine::units::Money;
use pitlane_session::profit::show_date;
pub(crate) use results::factor;
use results::results;
use std::collections::BTreeMap;
use std::fmt::Write;
use table::{Align, card, table, wrapped};

/// Trades and days that a terminal is shown at most; more are in the JSON and on the page.
const ROWS_MAX: usize = 40;

impl Report {
    /// The report as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        head(self, &mut text);
        section(&mut text, "results", &results(self));
        if self.days.len() > 1 {
            section(&mut text, "months", &months(self));
            section(&mut text, "days", &days(self));
            section(&mut text, "daily returns", &classes(&shares(self.days.iter().map(crate::Day::share))));
        }
        section(&mut text, "by strategy (that opened the trade)", &slices("strategy", &self.strategies));
        section(&mut text, "by symbol", &slices("symbol", &self.symbols));
        section(&mut text, "costs", &costs(self));
        section(
            &mut text,
            "returns of trades, of the value entered",
            &classes(&shares(self.ended().map(Trade::share))),
        );
        section(&mut text, "trades", &trades(self));
        section(&mut text, "signals by hour (HOLD: changes of its reason)", &signals(self));
        let counts = |counts: Vec<(String, u64)>| {
            card(&counts.into_iter().map(|(k, n)| (k, grouped(n))).collect::<Vec<_>>())
        };
        section(&mut text, "verdicts", &counts(self.verdicts.clone().into_iter().collect()));
        let dead = self.dead_letters.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect();
        section(&mut text, "dead letters", &counts(dead));
        section(&mut text, "alarms and commands", &incidents(self));
        section(&mut text, "made with", &models(self));
        text
    }
}

fn section(text: &mut String, title: &str, body: &str) {
    let body = if body.is_empty() { "  none\n" } else { body };
    let _ = write!(text, "\n{title}\n{body}");
}

fn head(report: &Report, text: &mut String) {
    let title = match (report.days.first(), report.days.last()) {
        (Some(first), Some(last)) if first.date != last.date => {
            format!("{} to {}, {} sessions", show_date(first.date), show_date(last.date), report.days.len())
        }
        (Some(day), _) => show_date(day.date),
        _ => "no session".to_owned(),
    };
    let _ = writeln!(text, "report of {title}");
    for note in &report.notes {
        text.push_str(&wrapped("  note: ", note));
    }
    let values: Vec<f64> = report.curve.iter().map(|point| point.equity.0 as f64).collect();
    if let Some(line) = spark(&values, 80) {
        let _ = writeln!(text, "  equity {line}");
    }
}

/// A curve as a line of blocks.
fn spark(values: &[f64], width: usize) -> Option<String> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.len() < 2 || most <= least {
        return None;
    }
    let blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.min(values.len());
    let line = (0..width).map(|at| {
        let value = values[(at + 1) * values.len() / width - 1];
        blocks[(((value - least) / (most - least)) * 7.0).round() as usize]
    });
    Some(line.collect())
}

fn months(report: &Report) -> String {
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut headers = vec!["year"];
    headers.extend(names);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for month in &report.stats.months {
        let year = month.year.to_string();
        if rows.last().is_none_or(|row| row[0] != year) {
            let mut row = vec![String::new(); 13];
            row[0] = year;
            rows.push(row);
        }
        let row = rows.last_mut().expect("the month's year was pushed");
        row[month.month as usize] = format!("{:.1}%", month.share * 100.0).replace("-0.0%", "0.0%");
    }
    table(&headers, &[Align::Right; 13], &rows)
}

fn days(report: &Report) -> String {
    let mut days: Vec<_> = report.days.iter().collect();
    let mut text = String::new();
    if days.len() > ROWS_MAX {
        days.sort_by_key(|day| (std::cmp::Reverse(day.net().0.abs()), day.date));
        days.truncate(ROWS_MAX);
        days.sort_by_key(|day| day.date);
        text = format!("  the {ROWS_MAX} with the largest gain or loss; --json and --html have all\n");
    }
    let rows: Vec<_> = days
        .iter()
        .map(|day| {
            vec![
                show_date(day.date),
                amount(day.gross),
                amount(day.charges),
                amount(day.net()),
                percent(day.share()),
                amount(day.drawdown),
                day.trades.to_string(),
                day.stopped.unwrap_or("").to_owned(),
            ]
        })
        .collect();
    let headers = ["date", "gross", "charges", "net", "return", "drawdown", "trades", "stopped"];
    let mut aligns = [Align::Right; 8];
    (aligns[0], aligns[7]) = (Align::Left, Align::Left);
    text + &table(&headers, &aligns, &rows)
}

fn slices(name: &str, slices: &BTreeMap<String, Slice>) -> String {
    let rows: Vec<_> = slices
        .iter()
        .map(|(name, slice)| {
            let rate = if slice.trades == 0 {
                "-".to_owned()
            } else {
                percent(slice.wins as f64 / slice.trades as f64)
            };
            vec![
                name.clone(),
                slice.trades.to_string(),
                rate,
                amount(slice.gross),
                amount(slice.charges),
                amount(slice.net()),
                amount(slice.turnover),
            ]
        })
        .collect();
    let mut aligns = [Align::Right; 7];
    aligns[0] = Align::Left;
    table(&[name, "trades", "won", "gross", "charges", "net", "turnover"], &aligns, &rows)
}

fn costs(report: &Report) -> String {
    let total = report.charges.total();
    let of_turnover = |part: Money| {
        if report.turnover.is_zero() {
            "-".to_owned()
        } else {
            format!("{:.2} bps", part.0 as f64 / report.turnover.0 as f64 * 1e4)
        }
    };
    let mut rows: Vec<_> = report
        .charges
        .parts()
        .iter()
        .map(|(name, part)| vec![(*name).to_owned(), amount(*part), of_turnover(*part)])
        .collect();
    rows.push(vec!["charges".to_owned(), amount(total), of_turnover(total)]);
    rows.push(vec!["slippage, in gross".to_owned(), amount(report.slippage), of_turnover(report.slippage)]);
    table(&["kind", "rupees", "of turnover"], &[Align::Left, Align::Right, Align::Right], &rows)
}

fn shares(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values.collect()
}

fn classes(values: &[f64]) -> String {
    let (first, width, counts) = histogram(values, 12);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut text = String::new();
    for (class, count) in counts.iter().enumerate() {
        let from = first + width * class as f64;
        let bar = format!(" {}", "█".repeat((count * 50).div_ceil(most) as usize));
        let bar = bar.trim_end();
        let _ =
            writeln!(text, "  {:>9} to {:>9} {:>6}{bar}", class_end(from), class_end(from + width), count);
    }
    text
}

/// The end of a class in percent, with as many decimals as small classes need.
pub(crate) fn class_end(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}%", if text == "-0" { "0" } else { text })
}

/// The trades that are shown where there is room for `most`, in their order: those with the largest gains and losses.
pub(crate) fn chosen(report: &Report, most: usize) -> Vec<&Trade> {
    let mut order: Vec<usize> = (0..report.trades.len()).collect();
    if order.len() > most {
        order.sort_by_key(|&at| (std::cmp::Reverse(report.trades[at].net().0.abs()), at));
        order.truncate(most);
        order.sort_unstable();
    }
    order.into_iter().map(|at| &report.trades[at]).collect()
}

fn trades(report: &Report) -> String {
    let chosen = chosen(report, ROWS_MAX);
    let mut text = String::new();
    if chosen.len() < report.trades.len() {
        text = format!(
            "  the {ROWS_MAX} of {} with the largest gain or loss; --json has all\n",
            report.trades.len()
        );
    }
    let several = report.days.len() > 1;
    for trade in chosen {
        let day = if several { format!("{} ", show_date(trade.date)) } else { String::new() };
        let until = if trade.is_open { "open    ".to_owned() } else { time(trade.closed) };
        let line = format!(
            "{day}{}-{until} {} {} {} {} at {:.2}, out at {:.2}: gross {}, net {} ({}), worst {}, best {}",
            time(trade.opened),
            trade.instrument,
            trade.strategy,
            if trade.is_long { "long" } else { "short" },
            trade.quantity,
            trade.entry_price(),
            trade.exit_price(),
            amount(trade.gross),
            amount(trade.net()),
            percent(trade.share()),
            amount(trade.excursion.0),
            amount(trade.excursion.1),
        );
        text.push_str(&wrapped("  ", &line));
        let why = [("in", Some(&trade.entry)), ("out", trade.exit.as_ref())];
        for (name, why) in why.into_iter().filter_map(|(name, why)| why.map(|why| (name, why))) {
            let facts = why.signal.iter().flat_map(|said| &said.facts);
            let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {}", fact(*value))).collect();
            let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
            text.push_str(&wrapped("      ", &format!("{name}: {}{facts}", why.line())));
        }
    }
    text
}

fn signals(report: &Report) -> String {
    let mut hours: Vec<u8> = report.signals.values().flat_map(|hours| hours.keys().copied()).collect();
    hours.sort_unstable();
    hours.dedup();
    if hours.is_empty() {
        return String::new();
    }
    let names: Vec<String> = hours.iter().map(|hour| format!("{hour:02}h")).collect();
    let mut headers = vec!["signal"];
    headers.extend(names.iter().map(String::as_str));
    headers.push("all");
    let rows: Vec<_> = report
        .signals
        .iter()
        .map(|(name, counts)| {
            let mut row = vec![name.clone()];
            row.extend(hours.iter().map(|hour| counts.get(hour).map_or_else(String::new, u64::to_string)));
            row.push(counts.values().sum::<u64>().to_string());
            row
        })
        .collect();
    let mut aligns = vec![Align::Right; headers.len()];
    aligns[0] = Align::Left;
    table(&headers, &aligns, &rows)
}

fn incidents(report: &Report) -> String {
    let mut text = String::new();
    for incident in &report.incidents {
        let line = format!("{}: {}", incident.kind, incident.what);
        text.push_str(&wrapped(&format!("  {} ", date_time(incident.ts)), &line));
    }
    text
}

fn models(report: &Report) -> String {
    let mut text = String::new();
    let mut shown = None;
    for part in &report.journals {
        let models = &part.models;
        if shown != Some(models) {
            let mut rows = vec![
                ("fills", models.fill.clone()),
                ("latency", models.latency.clone()),
                ("L_min", milliseconds(models.latency_min_ns)),
                ("prices", models.path.clone()),
                ("charges", models.charges.clone()),
            ];
            rows.extend(models.strategies.iter().map(|strategy| ("strategy", strategy.clone())));
            text.push_str(&card(&rows));
            shown = Some(models);
        }
        let dates = if part.dates.0 == part.dates.1 {
            show_date(part.dates.0)
        } else {
            format!("{} to {}", show_date(part.dates.0), show_date(part.dates.1))
        };
        text.push_str(&wrapped(
            "  ",
            &format!(
                "journal {} ({dates}): config {}, instruments {}, inputs {}, outputs {}{}, capital {}",
                part.dir.display(),
                part.config_hash,
                part.instruments_hash,
                part.inputs_hash,
                part.outputs_hash,
                if part.recomputed { " (recomputed)" } else { "" },
                amount(part.capital)
            ),
        ));
    }
    text
}
