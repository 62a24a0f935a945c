//! The page's tables.

use super::{class, escape};
use crate::model::{Report, Slice, Trade, Why};
use crate::show::{
    amount, date_time, duration, fact, grouped, milliseconds, percent, ratio_amount, signed_percent, time,
};
use crate::text::chosen;
use pitlane_engine::units::{Money, NS_PER_S};
use pitlane_session::profit::show_date;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Trades that a page shows at most: more would make it slow to open.
const TRADES_MAX: usize = 600;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Writes all of them.
pub(super) fn write(report: &Report, page: &mut String) {
    section(page, "Months", &months(report));
    section(page, "By strategy that opened the trade", &slices("strategy", &report.strategies));
    section(page, "By symbol", &slices("symbol", &report.symbols));
    page.push_str("<div class=\"pair\"><div>");
    section(page, "Costs", &costs(report));
    page.push_str("</div><div>");
    section(page, "Trades in figures", &figures(report));
    page.push_str("</div></div>\n");
    if report.days.len() > 1 {
        section(page, "Days", &days(report));
    }
    section(page, "Trades", &trades(report));
    section(page, "Signals by hour", &signals(report));
    page.push_str("<div class=\"pair\"><div>");
    section(
        page,
        "Verdicts of risk",
        &counts("verdict", report.verdicts.iter().map(|(name, n)| (name.as_str(), *n))),
    );
    page.push_str("</div><div>");
    section(page, "Dead letters", &counts("reason", report.dead_letters.iter().map(|(name, n)| (*name, *n))));
    page.push_str("</div></div>\n");
    section(page, "Alarms and commands", &incidents(report));
    section(page, "Made with", &models(report));
}

fn section(page: &mut String, title: &str, body: &str) {
    let body = if body.is_empty() { "<p class=\"none\">None.</p>" } else { body };
    let _ = writeln!(page, "<h2>{}</h2>\n{body}", escape(title));
}

/// Rows under headers; cells are HTML already.
fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from("<div class=\"wide\"><table><thead><tr>");
    headers.iter().for_each(|header| {
        let _ = write!(text, "<th>{}</th>", escape(header));
    });
    text.push_str("</tr></thead><tbody>");
    for row in rows {
        text.push_str("<tr>");
        row.iter().for_each(|cell| {
            let _ = write!(text, "<td>{cell}</td>");
        });
        text.push_str("</tr>\n");
    }
    text + "</tbody></table></div>"
}

fn money(value: Money) -> String {
    format!("<span class=\"{}\">{}</span>", class(value), amount(value))
}

fn months(report: &Report) -> String {
    let mut headers = vec!["year"];
    headers.extend(MONTHS);
    headers.push("net, rupees");
    let mut rows: Vec<(u32, Vec<String>, Money)> = Vec::new();
    for month in &report.stats.months {
        if rows.last().is_none_or(|(year, ..)| *year != month.year) {
            rows.push((month.year, vec![String::new(); 12], Money::ZERO));
        }
        let (_, cells, net) = rows.last_mut().expect("the month's year was pushed");
        *net += month.net;
        let title = amount(month.net);
        cells[month.month as usize - 1] = format!(
            "<span class=\"{}\" title=\"{title}\">{}</span>",
            class(month.net),
            signed_percent(month.share)
        );
    }
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(year, cells, net)| {
            let mut row = vec![year.to_string()];
            row.extend(cells);
            row.push(money(net));
            row
        })
        .collect();
    table(&headers, &rows)
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
                escape(name),
                slice.trades.to_string(),
                rate,
                money(slice.gross),
                amount(slice.charges),
                money(slice.net()),
                amount(slice.turnover),
            ]
        })
        .collect();
    table(&[name, "trades", "won", "gross", "charges", "net", "turnover"], &rows)
}

fn costs(report: &Report) -> String {
    let bps = |part: Money| {
        if report.turnover.is_zero() {
            "-".to_owned()
        } else {
            format!("{:.2} bps", part.0 as f64 / report.turnover.0 as f64 * 1e4)
        }
    };
    let row = |name: &str, part: Money| vec![escape(name), amount(part), bps(part)];
    let mut rows: Vec<_> = report.charges.parts().iter().map(|(name, part)| row(name, *part)).collect();
    rows.push(row("all charges", report.charges.total()));
    rows.push(row("slippage against the last price, in gross", report.slippage));
    rows.push(vec!["turnover".to_owned(), amount(report.turnover), String::new()]);
    table(&["kind", "rupees", "of turnover"], &rows)
}

fn figures(report: &Report) -> String {
    let stats = &report.stats;
    let ((longs, long_net), (shorts, short_net)) = stats.long_short;
    let (worst, best) = stats.excursion.unzip();
    let row = |name: &str, value: String| vec![escape(name), value];
    let mut rows = vec![
        row("mean win", ratio_amount(stats.mean_win)),
        row("mean loss", ratio_amount(stats.mean_loss)),
        row("losers in a row, at most", stats.losing_streak.to_string()),
        row("long", format!("{longs}, net {}", amount(long_net))),
        row("short", format!("{shorts}, net {}", amount(short_net))),
        row("mean time in a trade", stats.mean_seconds.map_or_else(|| "-".to_owned(), duration)),
        row("mean worst point, gross", ratio_amount(worst)),
        row("mean best point, gross", ratio_amount(best)),
        row("mean exposure", ratio_amount(Some(stats.exposure.0))),
    ];
    if let (Some(((best, won), (worst, lost))), true) = (stats.extremes, report.days.len() > 1) {
        let (up, down) = stats.up_down;
        rows.push(row("days up, down", format!("{up}, {down}")));
        rows.push(row("best day", format!("{}, {}", show_date(best), amount(won))));
        rows.push(row("worst day", format!("{}, {}", show_date(worst), amount(lost))));
    }
    table(&["figure", ""], &rows)
}

fn days(report: &Report) -> String {
    let rows: Vec<_> = report
        .days
        .iter()
        .map(|day| {
            vec![
                show_date(day.date),
                money(day.gross),
                amount(day.charges),
                money(day.net()),
                signed_percent(day.share()),
                amount(day.drawdown),
                day.trades.to_string(),
                day.wins.to_string(),
                day.sent.0.to_string(),
                amount(day.turnover),
                escape(day.stopped.unwrap_or(if day.ended { "" } else { "cut off" })),
            ]
        })
        .collect();
    let headers = [
        "date", "gross", "charges", "net", "return", "drawdown", "trades", "won", "orders", "turnover",
        "stopped",
    ];
    table(&headers, &rows)
}

fn trades(report: &Report) -> String {
    let chosen = chosen(report, TRADES_MAX);
    if chosen.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    if chosen.len() < report.trades.len() {
        let _ = write!(
            text,
            "<p class=\"sub\">The {TRADES_MAX} of {} with the largest gain or loss; the JSON has all.</p>",
            grouped(report.trades.len() as u64)
        );
    }
    text.push_str("<div class=\"wide\"><table class=\"dense\"><thead><tr>");
    for header in [
        "opened", "for", "symbol", "side", "quantity", "in at", "out at", "gross", "charges", "net",
        "return", "worst", "best",
    ] {
        let _ = write!(text, "<th>{header}</th>");
    }
    text.push_str("</tr></thead><tbody>\n");
    let several = report.days.len() > 1;
    chosen.into_iter().for_each(|trade| row(&mut text, trade, several));
    text + "</tbody></table></div><p class=\"sub\">A trade lasts from flat to flat in its instrument; a fill that turns a \
            position around is cut at zero. Worst and best: least and greatest gross profit at any price while it was open.</p>"
}

fn row(text: &mut String, trade: &Trade, several: bool) {
    let opened = if several { date_time(trade.opened) } else { time(trade.opened) };
    let seconds = trade.closed.since(trade.opened) as f64 / NS_PER_S as f64;
    let lasted = if trade.is_open { "still open".to_owned() } else { duration(seconds) };
    let cells = [
        opened,
        lasted,
        escape(&trade.instrument),
        (if trade.is_long { "long" } else { "short" }).to_owned(),
        trade.quantity.to_string(),
        format!("{:.2}", trade.entry_price()),
        format!("{:.2}", trade.exit_price()),
        money(trade.gross),
        amount(trade.charges),
        money(trade.net()),
        signed_percent(trade.share()),
        amount(trade.excursion.0),
        amount(trade.excursion.1),
    ];
    text.push_str("<tr class=\"has-why\">");
    cells.iter().for_each(|cell| {
        let _ = write!(text, "<td>{cell}</td>");
    });
    let exit =
        trade.exit.as_ref().map_or_else(String::new, |exit| format!("<br><b>out</b> {}", reason(exit)));
    let _ = writeln!(
        text,
        "</tr><tr class=\"why\"><td colspan=\"13\">{} · <b>in</b> {}{exit}</td></tr>",
        escape(&trade.strategy),
        reason(&trade.entry)
    );
}

fn reason(why: &Why) -> String {
    let facts = why.signal.iter().flat_map(|said| &said.facts);
    let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {}", fact(*value))).collect();
    let confidence = why.signal.as_ref().map(|said| f64::from(said.confidence_bps) / 1e4);
    let confidence = confidence.map_or_else(String::new, |share| format!(", confidence {}", percent(share)));
    let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) };
    escape(&format!("{}{confidence}{facts}", why.line()))
}

fn signals(report: &Report) -> String {
    let mut hours: Vec<u8> = report.signals.values().flat_map(|hours| hours.keys().copied()).collect();
    hours.sort_unstable();
    hours.dedup();
    let names: Vec<String> = hours.iter().map(|hour| format!("{hour:02}:00")).collect();
    let mut headers = vec!["signal"];
    headers.extend(names.iter().map(String::as_str));
    headers.push("all");
    let rows: Vec<_> = report
        .signals
        .iter()
        .map(|(name, counts)| {
            let mut row = vec![escape(name)];
            row.extend(hours.iter().map(|hour| counts.get(hour).map_or_else(String::new, |n| grouped(*n))));
            row.push(grouped(counts.values().sum()));
            row
        })
        .collect();
    let table = table(&headers, &rows);
    if table.is_empty() {
        return table;
    }
    table + "<p class=\"sub\">A HOLD is recorded when its reason changes.</p>"
}

fn counts<'a>(name: &str, counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let rows: Vec<_> = counts.map(|(name, count)| vec![escape(name), grouped(count)]).collect();
    table(&[name, "count"], &rows)
}

fn incidents(report: &Report) -> String {
    let rows: Vec<_> = report
        .incidents
        .iter()
        .map(|incident| {
            let what = format!("<span class=\"left\">{}</span>", escape(&incident.what));
            vec![date_time(incident.ts), incident.kind.to_owned(), what]
        })
        .collect();
    table(&["time", "kind", "what"], &rows)
}

fn models(report: &Report) -> String {
    let mut text = String::new();
    let mut shown = None;
    let pair = |text: &mut String, name: &str, value: &str| {
        let _ = write!(text, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    };
    for part in &report.journals {
        let models = &part.models;
        if shown != Some(models) {
            text.push_str("<dl>");
            pair(&mut text, "fills", &models.fill);
            pair(&mut text, "latency", &models.latency);
            pair(&mut text, "L_min", &milliseconds(models.latency_min_ns));
            pair(&mut text, "prices", &models.path);
            pair(&mut text, "charges", &models.charges);
            models.strategies.iter().for_each(|strategy| pair(&mut text, "strategy", strategy));
            text.push_str("</dl>");
            shown = Some(models);
        }
    }
    let rows: Vec<_> = report
        .journals
        .iter()
        .map(|part| {
            let code = |hash: &str| format!("<code>{}</code>", escape(hash));
            let recomputed = if part.recomputed { " (recomputed)" } else { "" };
            let dates = if part.dates.0 == part.dates.1 {
                show_date(part.dates.0)
            } else {
                format!("{} to {}", show_date(part.dates.0), show_date(part.dates.1))
            };
            vec![
                escape(&part.dir.display().to_string()),
                dates,
                amount(part.capital),
                code(&part.config_hash),
                code(&part.inputs_hash),
                format!("{}{recomputed}", code(&part.outputs_hash)),
            ]
        })
        .collect();
    text + &table(&["journal", "dates", "capital", "config", "inputs", "outputs"], &rows)
}
