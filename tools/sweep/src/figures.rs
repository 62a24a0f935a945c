//! What a set came to over days, and which sets are better: gates first, then weighted z-scores.

use crate::results::Results;
use crate::row::Row;
use pitlane_config::parse_bps;
use pitlane_engine::units::Money;
use pitlane_report::{DAYS_PER_YEAR, Day, Falls, Stats};
use pitlane_session::exit::usage;
use std::ops::Range;

/// What a set came to over some days, each begun with the configured capital.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The set, from 0.
    pub set: u64,
    /// Days.
    pub days: u64,
    /// Profit before charges.
    pub gross: Money,
    /// What was charged.
    pub charges: Money,
    /// Value of the fills.
    pub turnover: Money,
    /// Trades that ended, and those of them with a net profit.
    pub trades: (u64, u64),
    /// Sum of the net profits of trades that won, and of those that lost.
    pub won_lost: (Money, Money),
    /// Trades that were open at a journal's end.
    pub open: u64,
    /// Orders, fills.
    pub sent: (u64, u64),
    /// Days on which risk stopped the trading.
    pub stopped: u64,
    /// Deepest fall from the highest value, by minutes, with the days' profits added up.
    pub drawdown: Money,
    /// Capital of the first day.
    pub capital: Money,
    /// Mean ÷ standard deviation of daily returns × √252; `None` of fewer than two days, or days all alike.
    pub sharpe: Option<f64>,
    /// The daily returns.
    pub returns: Vec<f64>,
}

impl Figures {
    /// The figures of a set's rows, which are in date order.
    ///
    /// # Panics
    /// If one is of a refused set: nothing was run, which is no profit of zero.
    pub(crate) fn of(rows: &[Row]) -> Self {
        assert!(!rows.iter().any(Row::is_refused), "a set is refused on all days, or on none");
        let days: Vec<Day> = rows.iter().map(Row::day).collect();
        let capital = days.first().map_or(Money::ZERO, |day| day.base);
        let stats = Stats::of(capital, &days, &[], &[]);
        let mut falls = Falls::default();
        for row in rows {
            falls.add(&row.path(), Money(row.net()));
        }
        let sum = |of: fn(&Row) -> i64| Money(rows.iter().map(of).sum());
        let count = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
        Self {
            set: rows.first().map_or(0, Row::set),
            days: rows.len() as u64,
            gross: sum(|row| row.gross),
            charges: sum(|row| row.charges),
            turnover: sum(|row| row.turnover),
            trades: (count(|row| row.trades), count(|row| row.wins)),
            won_lost: (sum(|row| row.won), sum(|row| row.lost)),
            open: count(|row| row.open),
            sent: (count(|row| row.orders), count(|row| row.fills)),
            stopped: count(|row| u64::from(row.is_stopped())),
            drawdown: falls.deepest,
            capital,
            sharpe: stats.sharpe,
            returns: days.iter().map(Day::share).collect(),
        }
    }

    /// Profit after charges.
    pub fn net(&self) -> Money {
        self.gross - self.charges
    }

    /// Profit if the same trades had been charged `times` as much.
    pub fn net_at(&self, times: i64) -> Money {
        Money(self.gross.0 - times * self.charges.0)
    }

    /// Share of ended trades with a net profit.
    pub fn win_rate(&self) -> Option<f64> {
        (self.trades.0 > 0).then(|| self.trades.1 as f64 / self.trades.0 as f64)
    }

    /// Sum of net profits ÷ sum of net losses.
    pub fn profit_factor(&self) -> Option<f64> {
        let (won, lost) = self.won_lost;
        (lost < Money::ZERO).then(|| won.0 as f64 / -lost.0 as f64)
    }

    /// Net profit per ended trade, in rupees; what is still open does not count.
    pub fn expectancy(&self) -> Option<f64> {
        let (won, lost) = self.won_lost;
        (self.trades.0 > 0).then(|| (won + lost).0 as f64 / 1e4 / self.trades.0 as f64)
    }

    /// The Sharpe ratio of a day, not of a year.
    pub fn daily_sharpe(&self) -> Option<f64> {
        self.sharpe.map(|yearly| yearly / DAYS_PER_YEAR.sqrt())
    }
}

/// What sets can be ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Net profit.
    Net,
    /// Sharpe ratio.
    Sharpe,
    /// Deepest fall; less is better.
    Drawdown,
    /// Share of trades that won.
    WinRate,
    /// Sum of profits ÷ sum of losses.
    ProfitFactor,
    /// Net profit per trade.
    Expectancy,
    /// Value of the fills; less is better.
    Turnover,
}

const METRICS: [(&str, Metric); 7] = [
    ("net", Metric::Net),
    ("sharpe", Metric::Sharpe),
    ("drawdown", Metric::Drawdown),
    ("win_rate", Metric::WinRate),
    ("profit_factor", Metric::ProfitFactor),
    ("expectancy", Metric::Expectancy),
    ("turnover", Metric::Turnover),
];

impl Metric {
    /// The value, the greater the better.
    fn of(self, figures: &Figures) -> Option<f64> {
        let rupees = |amount: Money| amount.0 as f64 / 1e4;
        match self {
            Self::Net => Some(rupees(figures.net())),
            Self::Sharpe => figures.sharpe,
            Self::Drawdown => Some(-rupees(figures.drawdown)),
            Self::WinRate => figures.win_rate(),
            Self::ProfitFactor => figures.profit_factor(),
            Self::Expectancy => figures.expectancy(),
            Self::Turnover => Some(-rupees(figures.turnover)),
        }
    }
}

/// How sets are ranked.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Fewer trades: not ranked.
    pub trades_min: u64,
    /// A deeper fall: not ranked.
    pub drawdown_max: Option<Limit>,
    /// What counts, and how much.
    pub weights: Vec<(Metric, f64)>,
}

/// A limit of a fall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Rupees.
    Amount(Money),
    /// Hundredths of a percent of the capital.
    Bps(i64),
}

impl Ranking {
    /// The ranking of `--min-trades`, `--max-drawdown` and `--score`.
    ///
    /// # Errors
    /// If a text is no limit or no score.
    pub fn new(trades_min: u64, drawdown_max: Option<&str>, score: &str) -> anyhow::Result<Self> {
        let mut weights: Vec<(Metric, f64)> = Vec::new();
        for part in score.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let known = METRICS.iter().find(|(known, _)| *known == name.trim());
            let Some((name, metric)) = known else {
                let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
                return Err(usage(format!("--score: `{}` is none of {}", name.trim(), names.join(", "))));
            };
            let weight =
                weight.trim().parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight != 0.0);
            let weight = weight.ok_or_else(|| {
                usage(format!("--score: the weight of `{name}` is no number other than 0; write {name}=2"))
            })?;
            if weights.iter().any(|(other, _)| other == metric) {
                return Err(usage(format!("--score: `{name}` is there twice")));
            }
            weights.push((*metric, weight));
        }
        let drawdown_max = drawdown_max.map(limit).transpose()?;
        Ok(Self { trades_min, drawdown_max, weights })
    }

    /// Why a set is not ranked.
    pub fn gate(&self, figures: &Figures) -> Option<String> {
        if figures.trades.0 < self.trades_min {
            return Some(format!("{} trades, at least {} are asked for", figures.trades.0, self.trades_min));
        }
        let most = match self.drawdown_max? {
            Limit::Amount(most) => most,
            Limit::Bps(bps) => figures.capital.bps(bps),
        };
        (figures.drawdown > most)
            .then(|| format!("drawdown {}, at most {most} is asked for", figures.drawdown))
    }
}

fn limit(text: &str) -> anyhow::Result<Limit> {
    let number = text.replace([',', '_'], "");
    if let Ok(bps) = parse_bps(&number) {
        return Ok(Limit::Bps(bps));
    }
    let rupees = number.trim().parse::<i64>().ok().filter(|rupees| (0..=1_000_000_000_000).contains(rupees));
    let rupees = rupees.ok_or_else(|| {
        usage(format!(
            "--max-drawdown {text}: neither whole rupees nor a share of the capital; write 25000 or 5%"
        ))
    })?;
    Ok(Limit::Amount(Money::rupees(rupees)))
}

/// Mean and deviation of a value over sets, one after the other (Welford 1962).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread {
    pub(crate) count: u64,
    mean: f64,
    squares: f64,
}

impl Spread {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// The variance with `less` taken off the count: 0 of all there are, 1 of a sample.
    pub(crate) fn variance(&self, less: u64) -> Option<f64> {
        (self.count > less).then(|| (self.squares / (self.count - less) as f64).max(0.0))
    }

    /// How many deviations a value is off the mean; 0 where all are alike.
    fn z(&self, value: f64) -> f64 {
        let deviation = self.variance(0).unwrap_or(0.0).sqrt();
        if deviation > 0.0 { (value - self.mean) / deviation } else { 0.0 }
    }
}

/// A set that passed the gates, with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Weighted sum of z-scores over the sets that passed the gates. A figure that a set does not have counts as their mean.
    pub score: f64,
    /// Its figures.
    pub figures: Figures,
}

/// The best sets of some days, and what is known of all.
#[derive(Clone, Debug, Default)]
pub struct Ranks {
    /// The best first; of equal scores, the set with the lower number.
    pub best: Vec<Ranked>,
    /// Sets that were run, those of them that passed the gates, and those that the program refuses.
    pub counts: (u64, u64, u64),
    /// The first of those that did not pass, and why.
    pub gated: Option<(u64, String)>,
    /// Sets whose days have a Sharpe ratio, and the variance (n − 1) of those ratios, of a day.
    pub trials: (u64, f64),
    metrics: Vec<Spread>,
}

impl Ranks {
    /// Ranks the sets over some of the days; at most `top` are kept. Every set is read twice, and none is held.
    ///
    /// # Errors
    /// If the results cannot be read.
    pub(crate) fn of(
        results: &Results,
        sets: u64,
        days: Range<usize>,
        ranking: &Ranking,
        top: usize,
    ) -> anyhow::Result<Self> {
        let mut ranks = Self { metrics: vec![Spread::default(); ranking.weights.len()], ..Self::default() };
        let mut sharpes = Spread::default();
        each(results, sets, days.clone(), |set, figures| {
            let Some(figures) = figures else {
                ranks.counts.2 += 1;
                return;
            };
            ranks.counts.0 += 1;
            figures.daily_sharpe().into_iter().for_each(|sharpe| sharpes.add(sharpe));
            if let Some(why) = ranking.gate(&figures) {
                ranks.gated.get_or_insert((set, why));
                return;
            }
            ranks.counts.1 += 1;
            for (spread, (metric, _)) in ranks.metrics.iter_mut().zip(&ranking.weights) {
                metric.of(&figures).into_iter().for_each(|value| spread.add(value));
            }
        })?;
        ranks.trials = (sharpes.count, sharpes.variance(1).unwrap_or(0.0));
        let mut best: Vec<Ranked> = Vec::with_capacity(top + 1);
        each(results, sets, days, |_, figures| {
            let Some(figures) = figures.filter(|figures| ranking.gate(figures).is_none()) else { return };
            let score = ranks.score(&figures, ranking);
            let place = best.partition_point(|other| other.score >= score);
            if place < top {
                best.insert(place, Ranked { score, figures });
                best.truncate(top);
            }
        })?;
        ranks.best = best;
        Ok(ranks)
    }

    /// The score of a set.
    pub(crate) fn score(&self, figures: &Figures, ranking: &Ranking) -> f64 {
        let parts = self.metrics.iter().zip(&ranking.weights);
        parts
            .map(|(spread, (metric, weight))| {
                metric.of(figures).map_or(0.0, |value| spread.z(value)) * weight
            })
            .sum()
    }
}

/// Hands over every set's figures over some of the days; `None` of those that are refused.
///
/// # Errors
/// If the results cannot be read.
pub(crate) fn each(
    results: &Results,
    sets: u64,
    days: Range<usize>,
    mut take: impl FnMut(u64, Option<Figures>),
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for set in 0..sets {
        if !results.read(set, days.start, days.len(), &mut rows)? {
            return Err(pitlane_session::exit::data(format!(
                "set {} has lost a result; give the same command again, which runs what is missing",
                set + 1
            )));
        }
        // A set that is refused is so on every day; see `Sweep::refused`.
        let refused = rows.iter().any(Row::is_refused);
        take(set, (!refused).then(|| Figures::of(&rows)));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    #[test]
    fn spread_is_mean_and_deviation() {
        let mut spread = Spread::default();
        [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().for_each(|value| spread.add(value));
        assert_eq!(spread.variance(0), Some(4.0));
        assert_eq!(spread.z(9.0), 2.0);
        assert_eq!(Spread::default().z(3.0), 0.0);
    }

    #[test]
    fn limits_and_scores_are_read_or_refused_in_words() {
        let ranking = Ranking::new(5, Some("5%"), "net, sharpe=2,drawdown=0.5").unwrap();
        assert_eq!(ranking.drawdown_max, Some(Limit::Bps(500)));
        let wanted = [(Metric::Net, 1.0), (Metric::Sharpe, 2.0), (Metric::Drawdown, 0.5)];
        assert_eq!(ranking.weights, wanted);
        assert_eq!(limit("25,000").unwrap(), Limit::Amount(Money::rupees(25_000)));
        for (limit, score, words) in [
            (Some("deep"), "net", "--max-drawdown deep"),
            (None, "profit", "`profit` is none of net, sharpe"),
            (None, "net=much", "weight of `net`"),
            (None, "net,net", "twice"),
        ] {
            let error = Ranking::new(0, limit, score).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
