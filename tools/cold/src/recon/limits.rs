//! `--fail-if`: what a comparison must not come to.

use super::score::{FIELDS, MILLI, Score};
use pitlane_session::exit::usage;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    /// Share of their minutes that we have too.
    Coverage,
    /// Share of compared minutes with the same four prices.
    Exact,
    /// Share of those with the same open, high, low or close.
    Field(usize),
    /// Share of those with the same volume.
    Volume,
    /// Share of those with all prices within so many basis points.
    Within(u64),
    /// Minutes that both have.
    Compared,
    /// Minutes that only they have.
    Missing,
    /// Minutes that only we have.
    Extra,
    /// The largest distance in basis points.
    Worst,
}

/// Names of the metrics but those of single prices.
const METRICS: &[(&str, Metric)] = &[
    ("coverage", Metric::Coverage),
    ("exact", Metric::Exact),
    ("volume", Metric::Volume),
    ("within_1bp", Metric::Within(1)),
    ("within_2bp", Metric::Within(2)),
    ("within_5bp", Metric::Within(5)),
    ("within_10bp", Metric::Within(10)),
    ("compared", Metric::Compared),
    ("missing", Metric::Missing),
    ("extra", Metric::Extra),
    ("worst", Metric::Worst),
];

impl Metric {
    fn parse(name: &str) -> Option<Self> {
        let field = FIELDS.iter().position(|field| *field == name).map(Self::Field);
        field.or_else(|| METRICS.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric))
    }

    fn is_share(self) -> bool {
        !matches!(self, Self::Compared | Self::Missing | Self::Extra | Self::Worst)
    }

    /// The value as a fraction; shares in percent, with 0 below the line when there is nothing to take a share of. A source
    /// without volumes has no volume to be judged by.
    fn value(self, score: &Score) -> Option<(u128, u128)> {
        let compared = u128::from(score.compared);
        let share = |count: u64| Some((u128::from(count) * 100, compared));
        match self {
            Self::Coverage => Some((compared * 100, compared + score.only_theirs.len() as u128)),
            Self::Exact => share(score.exact),
            Self::Field(at) => share(score.fields[at].exact),
            Self::Volume => score.volume.as_ref().and_then(|volume| share(volume.exact)),
            Self::Within(bp) => share(score.within(bp)),
            Self::Compared => Some((compared, 1)),
            Self::Missing => Some((score.only_theirs.len() as u128, 1)),
            Self::Extra => Some((score.only_own.len() as u128, 1)),
            Self::Worst => Some((score.worst().into(), MILLI.into())),
        }
    }
}

/// A rule such as `exact<60%`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    text: String,
    metric: Metric,
    /// Fails below the bound, else above it.
    below: bool,
    /// Whether the bound itself fails too.
    inclusive: bool,
    /// In millionths.
    bound: u128,
}

/// What a bound is counted in.
const MILLIONTHS: u128 = 1_000_000;

impl Limit {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let wrong = |what: &str| {
            let names: Vec<&str> =
                FIELDS.iter().chain(METRICS.iter().map(|(name, _)| name)).copied().collect();
            usage(format!(
                "--fail-if: `{text}` {what}; write NAME<NUMBER% or NAME>NUMBER (<= and >= too) with a name of {}",
                names.join(", ")
            ))
        };
        let at = text.find(['<', '>']).ok_or_else(|| wrong("has neither < nor >"))?;
        let (name, rest) = text.split_at(at);
        let metric = Metric::parse(name.trim()).ok_or_else(|| wrong("names nothing that is measured"))?;
        let below = rest.starts_with('<');
        let rest = &rest[1..];
        let (inclusive, number) = rest.strip_prefix('=').map_or((false, rest), |number| (true, number));
        let (number, percent) =
            number.trim().strip_suffix('%').map_or((number.trim(), false), |n| (n.trim(), true));
        if percent && !metric.is_share() {
            return Err(wrong("has a % on what is no share"));
        }
        if !percent && metric.is_share() {
            return Err(wrong("needs a %, because it is about a share"));
        }
        let bound = millionths(number).ok_or_else(|| wrong("has no number up to six decimals"))?;
        Ok(Self { text: text.to_owned(), metric, below, inclusive, bound })
    }

    /// What to say if an instrument meets it. Without minutes to judge by, a rule about shares is met.
    pub(super) fn met(&self, score: &Score) -> Option<String> {
        let (above, under) = self.metric.value(score)?;
        if under == 0 {
            return Some(format!("{}: {}: there is no minute to judge by", self.text, score.symbol));
        }
        let (value, bound) = (above * MILLIONTHS, self.bound * under);
        let met = match (self.below, self.inclusive) {
            (true, false) => value < bound,
            (true, true) => value <= bound,
            (false, false) => value > bound,
            (false, true) => value >= bound,
        };
        let unit = if self.metric.is_share() { "%" } else { "" };
        met.then(|| format!("{}: {} has {}{unit}", self.text, score.symbol, fraction(above, under)))
    }
}

/// A decimal in millionths.
fn millionths(text: &str) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() > 12 || fraction.len() > 6 {
        return None;
    }
    format!("{whole}{fraction:0<6}").parse().ok()
}

/// A fraction with three decimals, cut off, so that what is below a bound is never shown as the bound; whole numbers as such.
pub(super) fn fraction(above: u128, under: u128) -> String {
    if under == 0 {
        return "-".to_owned();
    }
    let thousandths = above * 1_000 / under;
    let (whole, rest) = (thousandths / 1_000, thousandths % 1_000);
    if above.is_multiple_of(under) { whole.to_string() } else { format!("{whole}.{rest:03}") }
}
