//! The report as one page: no script, no font, no picture from anywhere else. It follows the reader's light or dark
//! setting and prints on paper.

mod svg;
mod tables;

use crate::model::{Report, Trade};
use crate::show::{amount, date_time, percent, ratio, ratio_amount, signed_percent};
use crate::stats::histogram;
use crate::text::factor;
use pitlane_engine::units::Money;
use pitlane_session::profit::show_date;
use std::fmt::Write;
use svg::Curve;

const STYLE: &str = include_str!("html/style.css");

impl Report {
    /// The report as a page.
    pub fn html(&self) -> String {
        let title = escape(&title(self));
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"sub\">{}</p>\n",
            escape(&subtitle(self))
        );
        for note in &self.notes {
            let _ = writeln!(page, "<p class=\"note\">{}</p>", escape(note));
        }
        page.push_str(&tiles(self));
        page.push_str(&curves(self));
        tables::write(self, &mut page);
        page.push_str("</body>\n</html>\n");
        page
    }
}

/// Text as it may stand in the page.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn title(report: &Report) -> String {
    match (report.days.first(), report.days.last()) {
        (Some(first), Some(last)) if first.date != last.date => {
            format!("Report of {} to {}", show_date(first.date), show_date(last.date))
        }
        (Some(day), _) => format!("Report of {}", show_date(day.date)),
        _ => "Report".to_owned(),
    }
}

fn subtitle(report: &Report) -> String {
    let Some(part) = report.journals.first() else { return String::new() };
    let alike = report.journals.iter().all(|other| other.models == part.models);
    let days = report.days.len();
    let sessions = if days == 1 { "1 session".to_owned() } else { format!("{days} sessions") };
    format!(
        "{sessions} · {} · L_min {}",
        if alike {
            part.models.strategies.join(" · ")
        } else {
            "several strategies or models, see below".to_owned()
        },
        crate::show::milliseconds(part.models.latency_min_ns)
    )
}

fn tile(page: &mut String, name: &str, value: &str, class: &str, below: &str) {
    let _ = write!(
        page,
        "<div class=\"tile\"><span>{}</span><b class=\"{class}\">{}</b><span>{}</span></div>",
        escape(name),
        escape(value),
        escape(below)
    );
}

/// The class of a gain or loss.
pub(crate) fn class(amount: Money) -> &'static str {
    match amount.0.signum() {
        1 => "gain",
        -1 => "loss",
        _ => "",
    }
}

fn tiles(report: &Report) -> String {
    let stats = &report.stats;
    let (trades, wins, losses) = stats.trades;
    let mut page = String::from("<div class=\"tiles\">");
    tile(
        &mut page,
        "Net profit",
        &amount(stats.net),
        class(stats.net),
        &format!("{} of {}", signed_percent(stats.share), amount(stats.capital)),
    );
    tile(
        &mut page,
        "Gross profit",
        &amount(stats.gross),
        class(stats.gross),
        &format!("charges {}", amount(report.charges.total())),
    );
    tile(
        &mut page,
        "Deepest drawdown",
        &amount(stats.drawdown),
        "",
        &format!("{} of the highest value", percent(stats.drawdown_share)),
    );
    let yearly = |value: Option<f64>| match value {
        None if report.days.len() < 2 => "needs two days".to_owned(),
        _ => "daily × √252".to_owned(),
    };
    tile(
        &mut page,
        "Sharpe · Sortino",
        &format!("{} · {}", ratio(stats.sharpe), ratio(stats.sortino)),
        "",
        &yearly(stats.sharpe),
    );
    tile(
        &mut page,
        "Trades",
        &trades.to_string(),
        "",
        &format!("{wins} won, {losses} lost, {} open", stats.open),
    );
    tile(
        &mut page,
        "Win rate",
        &stats.win_rate.map_or_else(|| "-".to_owned(), percent),
        "",
        &format!("profit factor {}", factor(report)),
    );
    tile(&mut page, "Expectancy", &ratio_amount(stats.expectancy), "", "rupees a trade, net");
    tile(
        &mut page,
        "Time in the market",
        &percent(stats.in_market),
        "",
        &format!("exposure at most {}", amount(stats.exposure.1)),
    );
    page + "</div>\n"
}

fn curves(report: &Report) -> String {
    let points = &report.curve;
    if points.is_empty() {
        return "<p class=\"none\">No minute was recorded, so there is no curve.</p>\n".to_owned();
    }
    let ticks = svg::ticks(points, &report.days);
    let capital = crate::stats::rupees(report.stats.capital);
    let equity: Vec<f64> = points.iter().map(|point| crate::stats::rupees(point.equity)).collect();
    let mut peak = capital;
    let falls = equity.iter().map(|value| {
        peak = peak.max(*value);
        value - peak
    });
    let (exposure_title, exposure) = exposure(report);
    let curve = |title, height, values, class, base| Curve { title, height, values, class, base };
    let charts = [
        curve("Account, rupees", 280.0, equity.clone(), "line", capital),
        curve("Below its highest value, rupees", 130.0, falls.collect(), "fall", 0.0),
        curve(exposure_title, 130.0, exposure, "line", 0.0),
    ];
    let mut page = String::from("<figure>");
    charts.iter().for_each(|chart| page.push_str(&chart.draw(&ticks)));
    let drawdown = report.stats.drawdown_times.map_or_else(String::new, |(peak, trough, again)| {
        let again =
            again.map_or(", not made up".to_owned(), |again| format!(", made up {}", date_time(again)));
        format!(" Deepest fall from {} to {}{again}.", date_time(peak), date_time(trough))
    });
    let _ = writeln!(
        page,
        "<figcaption>At the end of every minute: fills so far, what is held at the close of its last one-minute bar, less \
         charges. The dashed line is the capital. Nights and days without a session are left out.{}</figcaption></figure>",
        escape(&drawdown)
    );
    page + &distributions(report)
}

/// Gross exposure by minutes; of many days, each day's mean, because minutes would be a block of ink.
fn exposure(report: &Report) -> (&'static str, Vec<f64>) {
    let of = |point: &crate::Point| crate::stats::rupees(point.exposure);
    if report.days.len() <= 20 {
        return ("Gross exposure, rupees", report.curve.iter().map(of).collect());
    }
    let same_day = |one: &crate::Point, other: &crate::Point| one.ts.ist_day() == other.ts.ist_day();
    let days = report.curve.chunk_by(same_day).flat_map(|day| {
        let mean = day.iter().map(of).sum::<f64>() / day.len() as f64;
        std::iter::repeat_n(mean, day.len())
    });
    ("Gross exposure, each day's mean, rupees", days.collect())
}

fn distributions(report: &Report) -> String {
    let trades: Vec<f64> = report.ended().map(Trade::share).collect();
    let days: Vec<f64> = report.days.iter().map(crate::Day::share).collect();
    let mut page = String::from("<div class=\"pair\">");
    if days.len() > 1 {
        let _ =
            write!(page, "<figure>{}</figure>", svg::columns("Daily returns", &histogram(&days, 24), "days"));
    }
    if !trades.is_empty() {
        let chart =
            svg::columns("Net returns of trades, of the value entered", &histogram(&trades, 24), "trades");
        let _ = write!(page, "<figure>{chart}</figure>");
    }
    page + "</div>\n"
}
