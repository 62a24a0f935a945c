//! Ratios of days and trades. Floats, for people alone: nothing here decides about money.

use crate::curve::drawdown;
use crate::model::{Day, Point, Trade};
use pitlane_engine::units::{Money, NS_PER_S, TsNs};

/// Trading days a year, by which daily figures are made yearly.
pub const DAYS_PER_YEAR: f64 = 252.0;

/// Ratios of a report. `None` is a figure that needs more than there is.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Value of the account at the start.
    pub capital: Money,
    /// Gross profit.
    pub gross: Money,
    /// Net profit.
    pub net: Money,
    /// Net profit as a share of the capital.
    pub share: f64,
    /// Deepest fall from the highest value, by minutes.
    pub drawdown: Money,
    /// The same as a share of that highest value.
    pub drawdown_share: f64,
    /// When the highest value was, when the lowest after it, and when the highest was reached again.
    pub drawdown_times: Option<(TsNs, TsNs, Option<TsNs>)>,
    /// Days with a profit, with a loss.
    pub up_down: (u64, u64),
    /// The best and the worst day's net profit, with their dates.
    pub extremes: Option<((u32, Money), (u32, Money))>,
    /// Mean and standard deviation (n − 1) of daily returns.
    pub daily: (f64, Option<f64>),
    /// Mean ÷ standard deviation of daily returns × √252, without a riskless rate.
    pub sharpe: Option<f64>,
    /// Mean ÷ root of the mean square of negative daily returns (over all days) × √252.
    pub sortino: Option<f64>,
    /// Trades that ended; those with a net profit, with a net loss.
    pub trades: (u64, u64, u64),
    /// Trades still open at their journal's end.
    pub open: u64,
    /// Share of ended trades with a net profit.
    pub win_rate: Option<f64>,
    /// Net profit per ended trade, in rupees.
    pub expectancy: Option<f64>,
    /// Mean net profit of those that won, in rupees.
    pub mean_win: Option<f64>,
    /// Mean net loss of those that lost, in rupees, below zero.
    pub mean_loss: Option<f64>,
    /// Sum of net profits ÷ sum of net losses.
    pub profit_factor: Option<f64>,
    /// Most trades in a row that lost.
    pub losing_streak: u64,
    /// Mean time a trade was open, in seconds.
    pub mean_seconds: Option<f64>,
    /// Ended trades opened by buying and their net profit; the same of those opened by selling.
    pub long_short: ((u64, Money), (u64, Money)),
    /// Share of minutes with a position.
    pub in_market: f64,
    /// Mean and greatest gross exposure, in rupees.
    pub exposure: (f64, Money),
    /// Mean of the worst and of the best point of ended trades, in rupees.
    pub excursion: Option<(f64, f64)>,
    /// Years and months with their net profit and compounded return.
    pub months: Vec<Month>,
}

/// A month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Month {
    /// Year.
    pub year: u32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Net profit.
    pub net: Money,
    /// Daily returns, compounded.
    pub share: f64,
}

/// An amount in rupees, for ratios.
pub(crate) fn rupees(amount: Money) -> f64 {
    amount.0 as f64 / 1e4
}

impl Stats {
    /// The ratios of what happened, from an account that was worth `capital`.
    pub fn of(capital: Money, days: &[Day], curve: &[Point], trades: &[Trade]) -> Self {
        let sum = |of: fn(&Day) -> Money| days.iter().fold(Money::ZERO, |sum, day| sum + of(day));
        let (gross, net) = (sum(|day| day.gross), sum(Day::net));
        let share = if capital.0 > 0 { net.0 as f64 / capital.0 as f64 } else { 0.0 };
        let mut stats = Self { capital, gross, net, share, months: months(days), ..Self::default() };
        stats.days(days);
        stats.curve(capital, curve);
        stats.trades(trades);
        stats
    }

    fn days(&mut self, days: &[Day]) {
        let count = |of: fn(&Day) -> bool| days.iter().filter(|day| of(day)).count() as u64;
        self.up_down = (count(|day| day.net() > Money::ZERO), count(|day| day.net() < Money::ZERO));
        let best = days.iter().max_by_key(|day| (day.net(), u32::MAX - day.date));
        let worst = days.iter().min_by_key(|day| (day.net(), day.date));
        let named = |day: &Day| (day.date, day.net());
        self.extremes = best.zip(worst).map(|(best, worst)| (named(best), named(worst)));
        let returns: Vec<f64> = days.iter().map(Day::share).collect();
        let n = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / n.max(1.0);
        self.daily.0 = mean;
        if returns.len() < 2 {
            return;
        }
        let deviation = (returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / (n - 1.0)).sqrt();
        let downside = (returns.iter().map(|r| r.min(0.0) * r.min(0.0)).sum::<f64>() / n).sqrt();
        self.daily.1 = Some(deviation);
        self.sharpe = (deviation > 0.0).then(|| mean / deviation * DAYS_PER_YEAR.sqrt());
        self.sortino = (downside > 0.0).then(|| mean / downside * DAYS_PER_YEAR.sqrt());
    }

    fn curve(&mut self, capital: Money, curve: &[Point]) {
        let values: Vec<Money> =
            std::iter::once(capital).chain(curve.iter().map(|point| point.equity)).collect();
        let worst = drawdown(&values);
        self.drawdown = worst.amount;
        self.drawdown_share = worst.share;
        // The first value is the capital before the first minute.
        let time = |at: usize| curve.get(at.saturating_sub(1)).map(|point| point.ts);
        if worst.amount > Money::ZERO
            && let (Some(peak), Some(trough)) = (time(worst.peak), time(worst.trough))
        {
            let again = (worst.trough..values.len()).find(|&at| values[at] >= values[worst.peak]);
            self.drawdown_times = Some((peak, trough, again.and_then(time)));
        }
        let held = curve.iter().filter(|point| !point.exposure.is_zero()).count();
        let total: i128 = curve.iter().map(|point| i128::from(point.exposure.0)).sum();
        let points = curve.len().max(1) as f64;
        self.in_market = held as f64 / points;
        let most = curve.iter().map(|point| point.exposure).max().unwrap_or(Money::ZERO);
        self.exposure = (total as f64 / 1e4 / points, most);
    }

    fn trades(&mut self, trades: &[Trade]) {
        let ended: Vec<&Trade> = trades.iter().filter(|trade| !trade.is_open).collect();
        self.open = (trades.len() - ended.len()) as u64;
        let (mut won, mut lost, mut wins, mut losses) = (Money::ZERO, Money::ZERO, 0_u64, 0_u64);
        let (mut streak, mut seconds, mut worst, mut best) = (0, 0.0, 0.0, 0.0);
        for trade in &ended {
            let net = trade.net();
            streak = if net < Money::ZERO { streak + 1 } else { 0 };
            self.losing_streak = self.losing_streak.max(streak);
            match net.0.signum() {
                1 => (won, wins) = (won + net, wins + 1),
                -1 => (lost, losses) = (lost + net, losses + 1),
                _ => {}
            }
            seconds += trade.closed.since(trade.opened) as f64 / NS_PER_S as f64;
            worst += rupees(trade.excursion.0);
            best += rupees(trade.excursion.1);
            let (long, short) = &mut self.long_short;
            let side = if trade.is_long { long } else { short };
            *side = (side.0 + 1, side.1 + net);
        }
        let n = ended.len() as u64;
        self.trades = (n, wins, losses);
        let per = |sum: f64, n: u64| (n > 0).then(|| sum / n as f64);
        self.win_rate = per(wins as f64, n);
        self.expectancy = per(rupees(won + lost), n);
        self.mean_win = per(rupees(won), wins);
        self.mean_loss = per(rupees(lost), losses);
        self.profit_factor = (lost < Money::ZERO).then(|| rupees(won) / -rupees(lost));
        self.mean_seconds = per(seconds, n);
        self.excursion = per(worst, n).zip(per(best, n));
    }
}

fn months(days: &[Day]) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    for day in days {
        let (year, month) = (day.date / 10_000, day.date / 100 % 100);
        if months.last().is_none_or(|last| (last.year, last.month) != (year, month)) {
            months.push(Month { year, month, net: Money::ZERO, share: 0.0 });
        }
        let last = months.last_mut().expect("the day's month was pushed");
        last.net += day.net();
        last.share = (1.0 + last.share) * (1.0 + day.share()) - 1.0;
    }
    months
}

/// Equal classes that hold all values: the first one's lower end, their width, and how many values each holds. Widths
/// are 1, 2 or 5 times a power of ten, and zero is an end. Empty for no values.
pub(crate) fn histogram(values: &[f64], classes: usize) -> (f64, f64, Vec<u64>) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return (0.0, 1.0, Vec::new());
    }
    let span = (most - least).max(most.abs().max(least.abs()) * 0.1).max(1e-9);
    let width = nice(span / classes as f64);
    let first = (least / width).floor();
    let last = (most / width).floor();
    let mut counts = vec![0; (last - first) as usize + 1];
    for value in values {
        let class = ((value / width).floor() - first) as usize;
        let end = counts.len() - 1;
        counts[class.min(end)] += 1;
    }
    (first * width, width, counts)
}

/// The least of 1, 2 and 5 times a power of ten that is no less than `width`.
pub(crate) fn nice(width: f64) -> f64 {
    let power = 10_f64.powf(width.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= width * 0.999_999);
    step.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_every_value_and_zero_is_an_end() {
        for values in [vec![0.0], vec![-0.013, 0.002, 0.011], vec![5.0; 9], vec![1e-7, -3.0]] {
            let (first, width, counts) = histogram(&values, 20);
            assert_eq!(counts.iter().sum::<u64>(), values.len() as u64, "{values:?}");
            assert!(counts.len() <= 22, "{values:?}: {} classes of {width}", counts.len());
            let zero = first / width;
            assert!((zero - zero.round()).abs() < 1e-9, "{first} is no multiple of {width}");
        }
        assert!(histogram(&[], 20).2.is_empty());
    }

    #[test]
    fn nice_widths() {
        for (width, wanted) in [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (0.031, 0.05), (700.0, 1_000.0)] {
            assert!((nice(width) / wanted - 1.0).abs() < 1e-9, "{width}: {}", nice(width));
        }
    }
}
