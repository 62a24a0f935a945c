//! The figures of a report, one a line.

use super::table::card;
use crate::model::Report;
use crate::show::{amount, date_time, duration, grouped, percent, ratio, ratio_amount};
use crate::stats::Stats;
use pitlane_session::profit::show_date;

type Rows = Vec<(&'static str, String)>;

/// All of them.
pub(super) fn results(report: &Report) -> String {
    let mut rows = of_account(report);
    if report.days.len() > 1 {
        rows.extend(of_days(report));
    }
    rows.extend(of_trades(report));
    rows.extend(of_activity(report));
    card(&rows)
}

fn of_account(report: &Report) -> Rows {
    let stats = &report.stats;
    let yearly = |value: Option<f64>, without: &str| match value {
        None if report.days.len() < 2 => "needs two days".to_owned(),
        None => format!("- ({without})"),
        value => format!("{} (daily returns × √252, no riskless rate)", ratio(value)),
    };
    vec![
        ("capital", amount(stats.capital)),
        ("gross pnl", amount(stats.gross)),
        ("charges", amount(report.charges.total())),
        ("net pnl", format!("{} ({} of capital)", amount(stats.net), percent(stats.share))),
        ("max drawdown", drawdown(stats)),
        ("sharpe", yearly(stats.sharpe, "every day returned the same")),
        ("sortino", yearly(stats.sortino, "no day lost")),
    ]
}

fn drawdown(stats: &Stats) -> String {
    let Some((peak, trough, again)) = stats.drawdown_times else { return "none".to_owned() };
    format!(
        "{} ({} of the highest value), {} to {}; {}",
        amount(stats.drawdown),
        percent(stats.drawdown_share),
        date_time(peak),
        date_time(trough),
        again.map_or("not made up".to_owned(), |again| format!("made up {}", date_time(again)))
    )
}

fn of_days(report: &Report) -> Rows {
    let (up, down) = report.stats.up_down;
    let mut rows = vec![("days up, down", format!("{up}, {down} of {}", report.days.len()))];
    if let Some(((best, won), (worst, lost))) = report.stats.extremes {
        let best = format!("{} on {}", amount(won), show_date(best));
        rows.push(("best, worst day", format!("{best}, {} on {}", amount(lost), show_date(worst))));
    }
    rows
}

fn of_trades(report: &Report) -> Rows {
    let stats = &report.stats;
    let (trades, wins, losses) = stats.trades;
    let ((longs, long_net), (shorts, short_net)) = stats.long_short;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let points = stats.excursion.map(|(worst, best)| {
        format!("{}, {} on average, gross", ratio_amount(Some(worst)), ratio_amount(Some(best)))
    });
    vec![
        ("trades", format!("{trades} ended ({wins} won, {losses} lost), {} open", stats.open)),
        ("win rate", or_none(stats.win_rate.map(percent))),
        (
            "expectancy",
            or_none(stats.expectancy.map(|net| format!("{} a trade, net", ratio_amount(Some(net))))),
        ),
        ("mean win, loss", format!("{}, {}", ratio_amount(stats.mean_win), ratio_amount(stats.mean_loss))),
        ("profit factor", factor(report)),
        ("losing streak", format!("{} trades", stats.losing_streak)),
        ("long, short", format!("{longs} for {}, {shorts} for {}", amount(long_net), amount(short_net))),
        ("time in a trade", or_none(stats.mean_seconds.map(|mean| format!("{} on average", duration(mean))))),
        ("worst, best point", or_none(points)),
    ]
}

fn of_activity(report: &Report) -> Rows {
    let (stats, counts) = (&report.stats, &report.counts);
    let times = if stats.capital.0 > 0 {
        format!(" ({:.2} × capital)", report.turnover.0 as f64 / stats.capital.0 as f64)
    } else {
        String::new()
    };
    let exposure = format!(
        "{} of minutes; {} on average, {} at most",
        percent(stats.in_market),
        ratio_amount(Some(stats.exposure.0)),
        amount(stats.exposure.1)
    );
    let inputs = format!("{} ({} ticks)", grouped(counts.inputs), grouped(counts.ticks));
    vec![
        ("exposure", exposure),
        ("turnover", format!("{}{times}", amount(report.turnover))),
        ("inputs", format!("{inputs}, {} bars", grouped(counts.bars))),
        (
            "orders",
            format!("{}, {} fills, {} refused by the venue", counts.orders, counts.fills, counts.rejects),
        ),
    ]
}

/// The profit factor, or why there is none.
pub(crate) fn factor(report: &Report) -> String {
    match report.stats.profit_factor {
        None if report.stats.trades.1 > 0 => "no losses".to_owned(),
        factor => ratio(factor),
    }
}
