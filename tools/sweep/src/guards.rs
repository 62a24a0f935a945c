//! How likely the best set is luck: many were tried, on few days, with some order of trades.
//!
//! *Deflated Sharpe ratio* (D. Bailey and M. López de Prado, The Deflated Sharpe Ratio: Correcting for Selection Bias,
//! Backtest Overfitting and Non-Normality, Journal of Portfolio Management 40 (5), 2014, 94–107): the probability that the
//! true Sharpe ratio is above the one that the best of N sets without any skill would be expected to show.
//!
//! ```text
//! SR0 = √V × ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e)))                        γ = 0.5772…, V variance of the N ratios
//! DSR = Φ( (SR − SR0) √(T − 1) / √(1 − skew × SR + (kurtosis − 1)/4 × SR²) )    T days; ratios of a day
//! ```
//! N is the number of sets that were tried and have a ratio. Sets that differ little count as much as others, so N is too
//! large for them, and the figure too low rather than too high. Skewness and kurtosis (3 for a normal distribution) are those
//! of all days, with n below.

mod normal;

use crate::figures::Figures;
use pitlane_engine::units::Money;
use pitlane_report::Trade;

/// What the deflated Sharpe ratio is made of, and it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deflated {
    /// The Sharpe ratio of a day.
    pub sharpe: f64,
    /// What the best of so many sets without skill would show.
    pub expected: f64,
    /// Sets tried.
    pub trials: u64,
    /// Variance of their ratios.
    pub variance: f64,
    /// Days.
    pub days: u64,
    /// Skewness of the daily returns.
    pub skewness: f64,
    /// Their kurtosis; 3 for a normal distribution.
    pub kurtosis: f64,
    /// Probability that the true ratio is above 0, as if nothing else had been tried.
    pub probabilistic: f64,
    /// Probability that it is above `expected`.
    pub deflated: f64,
}

/// Euler's constant γ.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

impl Deflated {
    /// The ratio of a set that was the best of `trials`, whose ratios have `variance`. `None` without a Sharpe ratio.
    pub fn of(figures: &Figures, (trials, variance): (u64, f64)) -> Option<Self> {
        let sharpe = figures.daily_sharpe()?;
        let n = figures.returns.len() as f64;
        let mean = figures.returns.iter().sum::<f64>() / n;
        let moment = |power: i32| figures.returns.iter().map(|r| (r - mean).powi(power)).sum::<f64>() / n;
        let deviation = moment(2).sqrt();
        let (skewness, kurtosis) = (moment(3) / deviation.powi(3), moment(4) / deviation.powi(4));
        let expected = expected_best(trials, variance);
        // What is below the root is above 0 for any real distribution; days too few can say otherwise.
        let spread = (1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe).max(1e-12).sqrt();
        let above = |other: f64| normal::below((sharpe - other) * (n - 1.0).sqrt() / spread);
        Some(Self {
            sharpe,
            expected,
            trials,
            variance,
            days: figures.days,
            skewness,
            kurtosis,
            probabilistic: above(0.0),
            deflated: above(expected),
        })
    }
}

/// The greatest of `trials` ratios to be expected if none has any skill.
fn expected_best(trials: u64, variance: f64) -> f64 {
    if trials < 2 {
        return 0.0;
    }
    let n = trials as f64;
    let first = normal::quantile(1.0 - 1.0 / n);
    let second = normal::quantile(1.0 - 1.0 / (n * std::f64::consts::E));
    variance.sqrt() * ((1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)
}

/// What other orders and other choices of the same trades would have come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shuffled {
    /// Trades.
    pub trades: u64,
    /// Orders and choices tried.
    pub rounds: u64,
    /// Where the numbers come from.
    pub seed: u64,
    /// Deepest fall of the trades in the order in which they ended, trade by trade.
    pub drawdown: Money,
    /// The same in other orders: median and 95th percentile.
    pub drawdowns: (Money, Money),
    /// Share of other orders whose fall is deeper.
    pub deeper: f64,
    /// Trades drawn again, with repetition: net profit's 5th percentile, median and 95th percentile.
    pub nets: (Money, Money, Money),
    /// Share of those whose net profit is not above 0.
    pub losing: f64,
}

/// Rounds of shuffling.
pub(crate) const ROUNDS: u64 = 1_000;

impl Shuffled {
    /// Shuffles and draws trades again; `None` for fewer than two.
    pub fn of(trades: &[Trade], seed: u64) -> Option<Self> {
        let nets: Vec<i64> = trades.iter().map(|trade| trade.net().0).collect();
        if nets.len() < 2 {
            return None;
        }
        let mut random = SplitMix64(seed);
        let (mut falls, mut sums) = (Vec::new(), Vec::new());
        let mut order = nets.clone();
        for _ in 0..ROUNDS {
            for left in (1..order.len()).rev() {
                order.swap(left, random.below(left as u64 + 1) as usize);
            }
            falls.push(fall(&order));
            sums.push((0..nets.len()).map(|_| nets[random.below(nets.len() as u64) as usize]).sum::<i64>());
        }
        let drawdown = fall(&nets);
        let share = |count: usize| count as f64 / ROUNDS as f64;
        let deeper = share(falls.iter().filter(|other| **other > drawdown).count());
        let losing = share(sums.iter().filter(|sum| **sum <= 0).count());
        falls.sort_unstable();
        sums.sort_unstable();
        Some(Self {
            trades: nets.len() as u64,
            rounds: ROUNDS,
            seed,
            drawdown: Money(drawdown),
            drawdowns: (percentile(&falls, 50), percentile(&falls, 95)),
            deeper,
            nets: (percentile(&sums, 5), percentile(&sums, 50), percentile(&sums, 95)),
            losing,
        })
    }
}

/// The value that `percent` of the values, which are sorted, do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> Money {
    Money(sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1])
}

/// Deepest fall of a sum from its highest value before, 0 at the start.
fn fall(nets: &[i64]) -> i64 {
    let (mut sum, mut peak, mut deepest) = (0_i64, 0_i64, 0_i64);
    for net in nets {
        sum += net;
        peak = peak.max(sum);
        deepest = deepest.max(peak - sum);
    }
    deepest
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    /// A number below `bound`; biased by less than `bound / 2^64`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * u128::from(bound)) >> 64) as u64
    }
}
