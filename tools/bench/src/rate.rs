//! How often: the grammar of `--rate`, and the intended times that follow from it.

use pitlane_session::exit::usage;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The highest rate that can be asked for, in operations a second: one in ten nanoseconds, which is a step of the clock.
pub const RATE_MAX: u64 = 100_000_000;

/// How often operations are meant to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value", into = "serde_json::Value")]
pub enum Rate {
    /// So many a second, at equal distances.
    PerSecond(u64),
    /// One after the other, as fast as they go: a closed loop, so there is no intended time.
    Max,
}

impl fmt::Display for Rate {
    /// As `--rate` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Max => f.write_str("max"),
            Self::PerSecond(rate) if rate.is_multiple_of(1_000_000) => write!(f, "{}M", rate / 1_000_000),
            Self::PerSecond(rate) if rate >= 1_000_000 && rate.is_multiple_of(100_000) => {
                write!(f, "{}.{}M", rate / 1_000_000, rate / 100_000 % 10)
            }
            Self::PerSecond(rate) if rate.is_multiple_of(1_000) => write!(f, "{}k", rate / 1_000),
            Self::PerSecond(rate) => write!(f, "{rate}"),
        }
    }
}

impl From<Rate> for serde_json::Value {
    /// A number of operations a second, or `"max"`.
    fn from(rate: Rate) -> Self {
        match rate {
            Rate::PerSecond(rate) => rate.into(),
            Rate::Max => "max".into(),
        }
    }
}

impl TryFrom<serde_json::Value> for Rate {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        match value.as_u64() {
            Some(rate @ 1..=RATE_MAX) => Ok(Self::PerSecond(rate)),
            _ if value == "max" => Ok(Self::Max),
            _ => Err(format!("a rate is a number of operations a second or \"max\", not {value}")),
        }
    }
}

impl Rate {
    /// One rate: `max`, or a number with an optional `k` or `M`, such as `100k` or `2.5M`.
    ///
    /// # Errors
    /// If it is neither, or not between 1 and `RATE_MAX`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let refuse = || {
            usage(format!(
                "--rate: `{text}` is no rate; give max, or 1 to 100M operations a second such as 500, 100k or 2.5M"
            ))
        };
        let (digits, unit) = match text.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1_000),
            None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
        let has_point = digits.contains('.');
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || has_point == fraction.is_empty()
        {
            return Err(refuse());
        }
        let scale = 10_u64.pow(fraction.len() as u32);
        let number = |part: &str| part.parse::<u64>().unwrap_or(0);
        let scaled = (number(whole) * scale + number(fraction)) * unit;
        if !scaled.is_multiple_of(scale) || !(1..=RATE_MAX).contains(&(scaled / scale)) {
            return Err(refuse());
        }
        Ok(Self::PerSecond(scaled / scale))
    }

    /// A ladder of rates, separated by commas; each once, in the order given.
    ///
    /// # Errors
    /// If one of them is no rate, or stands there twice.
    pub fn parse_ladder(text: &str) -> anyhow::Result<Vec<Self>> {
        let mut ladder = Vec::new();
        for part in text.split(',') {
            let rate = Self::parse(part.trim())?;
            if ladder.contains(&rate) {
                return Err(usage(format!("--rate: {rate} stands there twice; give each rate once")));
            }
            ladder.push(rate);
        }
        Ok(ladder)
    }

    /// Operations a second; `None` for a closed loop.
    pub fn per_second(self) -> Option<u64> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::Max => None,
        }
    }
}

/// The intended start of one operation after another, in nanoseconds of the engine's clock.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Intended start of the next one in 1 / 2^16 ns.
    next: u128,
    step: u128,
}

const FRACTION: u32 = 16;

impl Pace {
    /// Starts at `start_ns`, `per_second` operations a second.
    pub fn new(start_ns: u64, per_second: u64) -> Self {
        let step = (1_000_000_000_u128 << FRACTION) / u128::from(per_second);
        Self { next: u128::from(start_ns) << FRACTION, step }
    }

    /// The intended start of the next operation.
    pub fn peek(&self) -> u64 {
        (self.next >> FRACTION) as u64
    }

    /// Goes on to the one after it.
    pub fn advance(&mut self) {
        self.next += self.step;
    }

    /// Puts everything still to come off by `ns`: the schedule stood still.
    pub fn shift(&mut self, ns: u64) {
        self.next += u128::from(ns) << FRACTION;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_shown_in_the_same_words() {
        for (text, rate, shown) in [
            ("max", Rate::Max, "max"),
            ("1", Rate::PerSecond(1), "1"),
            ("100k", Rate::PerSecond(100_000), "100k"),
            ("2.5M", Rate::PerSecond(2_500_000), "2.5M"),
            ("1000000", Rate::PerSecond(1_000_000), "1M"),
            ("0.5k", Rate::PerSecond(500), "500"),
            ("100M", Rate::PerSecond(100_000_000), "100M"),
        ] {
            assert_eq!(Rate::parse(text).unwrap(), rate, "{text}");
            assert_eq!(rate.to_string(), shown);
            let json = serde_json::to_string(&rate).unwrap();
            assert_eq!(serde_json::from_str::<Rate>(&json).unwrap(), rate, "{json}");
        }
        let ladder = Rate::parse_ladder("10k, 1M,max").unwrap();
        assert_eq!(ladder, [Rate::PerSecond(10_000), Rate::PerSecond(1_000_000), Rate::Max]);
    }

    #[test]
    fn what_is_no_rate_is_refused_by_its_text() {
        for text in ["", "0", "fast", "1G", "-1", "1.", ".5k", "1.5", "1e6", "100.1M", "101M", "99999999999M"]
        {
            let error = Rate::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        assert!(Rate::parse_ladder("1k,1000").unwrap_err().to_string().contains("twice"));
        assert!(Rate::parse_ladder("1k,,2k").is_err());
        assert!(serde_json::from_str::<Rate>("0").is_err());
    }

    #[test]
    fn intended_times_do_not_drift() {
        let mut pace = Pace::new(5, 3_000_000);
        for _ in 0..3_000_000 {
            pace.advance();
        }
        let off = 1_000_000_005 - pace.peek();
        assert!(off <= 3_000_000 >> FRACTION | 1 << 6, "{off} ns too early after a second");
        pace.shift(100);
        assert_eq!(pace.peek() + off, 1_000_000_105);
    }
}
