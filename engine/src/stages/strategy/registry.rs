//! The kinds of strategies this build knows. A new kind is a file of its own and a line in `REGISTRY`.

use super::api::Strategy;
use super::{ema_crossover, multi_factor};
use crate::config::StrategyConfig;

/// Every kind, in the order in which they are listed to people.
pub const REGISTRY: &[StrategyKind] = &[ema_crossover::KIND, multi_factor::KIND];

/// A kind of strategy.
#[derive(Clone, Copy, Debug)]
pub struct StrategyKind {
    /// The name used in the configuration.
    pub name: &'static str,
    /// What it does, in a line.
    pub description: &'static str,
    /// Its parameters.
    pub parameters: &'static [Parameter],
    /// Makes the state for one instrument; refuses parameters that do not fit each other, with the reason.
    pub build: fn(&Settings<'_>) -> Result<Box<dyn Strategy>, String>,
}

/// A parameter of a kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// The name used in the configuration.
    pub name: &'static str,
    /// The value if none is configured.
    pub default: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// Whether only whole numbers make sense.
    pub whole: bool,
    /// What it means, and which way to turn it.
    pub doc: &'static str,
}

/// What an instance is built from: every parameter of its kind has a checked value.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// The kind.
    pub kind: &'a StrategyKind,
    /// Whether it may ask for a short position.
    pub allow_short: bool,
    values: Vec<f64>,
}

/// Why a strategy instance cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StrategyError {
    /// No such kind.
    #[error("strategy {id}: unknown kind {kind:?}; did you mean {nearest:?}?")]
    UnknownKind {
        /// The instance.
        id: String,
        /// The kind asked for.
        kind: String,
        /// The known kind with the nearest name.
        nearest: &'static str,
    },
    /// The kind has no such parameter.
    #[error("strategy {id}: unknown parameter {name:?}; did you mean {nearest:?}?")]
    UnknownParameter {
        /// The instance.
        id: String,
        /// The parameter named.
        name: String,
        /// The parameter of the kind with the nearest name; empty if the kind has none.
        nearest: &'static str,
    },
    /// A parameter is given twice.
    #[error("strategy {id}: parameter {name:?} is given twice")]
    DuplicateParameter {
        /// The instance.
        id: String,
        /// The parameter.
        name: &'static str,
    },
    /// A value outside the parameter's range.
    #[error("strategy {id}: {name} = {value} is not in {min} ..= {max}")]
    OutOfRange {
        /// The instance.
        id: String,
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The least value allowed.
        min: f64,
        /// The greatest value allowed.
        max: f64,
    },
    /// A fraction where only whole numbers make sense.
    #[error("strategy {id}: {name} = {value} must be a whole number")]
    NotWhole {
        /// The instance.
        id: String,
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Values that do not fit each other.
    #[error("strategy {id}: {reason}")]
    Conflict {
        /// The instance.
        id: String,
        /// What does not fit.
        reason: String,
    },
    /// An instrument id beyond the table.
    #[error("strategy {id}: instrument {instrument} is not in the table")]
    UnknownInstrument {
        /// The instance.
        id: String,
        /// The id.
        instrument: u32,
    },
    /// More instances on one instrument than one call of the stage may answer for.
    #[error("instrument {instrument} has {found} strategies; at most {max} are possible")]
    TooManyOnInstrument {
        /// The instrument's id.
        instrument: u32,
        /// Instances on it.
        found: usize,
        /// How many are possible.
        max: usize,
    },
    /// More instances than an engine may have.
    #[error("{found} strategies are configured; at most {max} are possible")]
    TooMany {
        /// Instances configured.
        found: usize,
        /// How many are possible.
        max: usize,
    },
}

/// The value that a word stands for as a parameter of a kind: `obi = "required"` is 1. `None` if the parameter has no
/// such word.
pub fn value_of_word(kind: &str, parameter: &str, word: &str) -> Option<f64> {
    let words = words(kind, parameter);
    words.iter().position(|known| *known == word).map(|value| value as f64)
}

/// What the values of a parameter are called, from 0 on; nothing if they are plain numbers.
pub fn words(kind: &str, parameter: &str) -> &'static [&'static str] {
    let named = [(multi_factor::KIND.name, multi_factor::OBI)];
    named
        .iter()
        .find(|(of, (name, _))| (*of, *name) == (kind, parameter))
        .map_or(&[], |(_, (_, words))| words)
}

impl StrategyKind {
    /// The kind of a name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        REGISTRY.iter().find(|kind| kind.name == name)
    }
}

impl Settings<'static> {
    /// Checks the kind and the parameters of an instance and fills in the defaults.
    ///
    /// # Errors
    /// If the kind or a parameter is unknown, or a value is out of range, fractional or given twice.
    pub fn resolve(config: &StrategyConfig) -> Result<Self, StrategyError> {
        Self::resolve_among(config, REGISTRY)
    }

    /// The same for an instance of one of `kinds`.
    ///
    /// # Errors
    /// As `resolve`.
    pub fn resolve_among(
        config: &StrategyConfig,
        kinds: &'static [StrategyKind],
    ) -> Result<Self, StrategyError> {
        let id = || config.id.clone();
        let found = kinds.iter().find(|kind| kind.name == config.kind);
        let kind = found.ok_or_else(|| StrategyError::UnknownKind {
            id: id(),
            kind: config.kind.clone(),
            nearest: nearest(&config.kind, kinds.iter().map(|kind| kind.name)),
        })?;
        let mut given = vec![None; kind.parameters.len()];
        for (name, value) in &config.params {
            let place = kind.parameters.iter().position(|p| p.name == name).ok_or_else(|| {
                StrategyError::UnknownParameter {
                    id: id(),
                    name: name.clone(),
                    nearest: nearest(name, kind.parameters.iter().map(|p| p.name)),
                }
            })?;
            if given[place].is_some() {
                return Err(StrategyError::DuplicateParameter {
                    id: id(),
                    name: kind.parameters[place].name,
                });
            }
            given[place] = Some(kind.parameters[place].checked(*value, &config.id)?);
        }
        let value = |(p, given): (&Parameter, Option<f64>)| given.unwrap_or(p.default);
        let values = kind.parameters.iter().zip(given).map(value).collect();
        Ok(Self { kind, allow_short: config.allow_short, values })
    }
}

impl Settings<'_> {
    /// The value of a parameter of the kind; panics if the kind has none of that name.
    pub fn value(&self, name: &str) -> f64 {
        let place = self.kind.parameters.iter().position(|p| p.name == name);
        self.values[place.expect("a kind reads only the parameters it declares")]
    }

    /// The value of a parameter declared whole and within `u32`.
    pub fn whole(&self, name: &str) -> u32 {
        self.value(name) as u32
    }
}

impl Parameter {
    fn checked(&self, value: f64, id: &str) -> Result<f64, StrategyError> {
        // A comparison with NaN is false, so NaN is refused here as well.
        if !(self.min..=self.max).contains(&value) {
            let (name, min, max) = (self.name, self.min, self.max);
            return Err(StrategyError::OutOfRange { id: id.to_owned(), name, value, min, max });
        }
        if self.whole && value.fract() != 0.0 {
            return Err(StrategyError::NotWhole { id: id.to_owned(), name: self.name, value });
        }
        Ok(value)
    }
}

/// The candidate with the fewest edits from `name`, the first of equals; empty if there is none.
fn nearest(name: &str, candidates: impl Iterator<Item = &'static str>) -> &'static str {
    candidates.min_by_key(|candidate| edits(name, candidate)).unwrap_or("")
}

/// Levenshtein distance: insertions, deletions and replacements of characters.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timeframe;

    fn instance(kind: &str, params: &[(&str, f64)]) -> StrategyConfig {
        StrategyConfig {
            id: "x".into(),
            kind: kind.into(),
            instruments: vec![],
            timeframe: Timeframe::M1,
            allow_short: false,
            passive_entry: false,
            reprice_ns: 0,
            priority: 0,
            stop_loss_bps: 0,
            take_profit_bps: 0,
            holding_ns: 0,
            params: params.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    #[test]
    fn defaults_are_filled_in_and_given_values_kept() {
        let settings = Settings::resolve(&instance("ema_crossover", &[("slow", 30.0)])).unwrap();
        assert_eq!((settings.value("fast"), settings.whole("slow")), (20.0, 30));
    }

    #[test]
    fn refusals_name_what_is_wrong_and_the_nearest_right_name() {
        let error = |kind: &str, params: &[(&str, f64)]| match Settings::resolve(&instance(kind, params)) {
            Ok(settings) => (settings.kind.build)(&settings).err().unwrap(),
            Err(error) => error.to_string(),
        };
        type Given = &'static [(&'static str, f64)];
        let table: [(&str, Given, &str); 8] = [
            ("ema_crosover", &[], "did you mean \"ema_crossover\""),
            ("ema_crossover", &[("fats", 3.0)], "did you mean \"fast\""),
            ("ema_crossover", &[("sloww", 3.0)], "did you mean \"slow\""),
            ("ema_crossover", &[("fast", 0.0)], "not in 1 ..= 10000"),
            ("ema_crossover", &[("fast", f64::NAN)], "not in 1 ..= 10000"),
            ("ema_crossover", &[("fast", 2.5)], "whole number"),
            ("ema_crossover", &[("fast", 3.0), ("fast", 4.0)], "twice"),
            ("ema_crossover", &[("fast", 50.0)], "fast (50) must be less than slow (50)"),
        ];
        for (kind, params, expected) in table {
            let shown = error(kind, params);
            assert!(shown.contains(expected), "{shown:?} does not contain {expected:?}");
        }
    }

    #[test]
    fn the_registry_is_consistent() {
        for kind in REGISTRY {
            assert_eq!(REGISTRY.iter().filter(|other| other.name == kind.name).count(), 1);
            for p in kind.parameters {
                assert!((p.min..=p.max).contains(&p.default), "{}.{}", kind.name, p.name);
            }
            let settings = Settings::resolve(&instance(kind.name, &[])).unwrap();
            assert!((kind.build)(&settings).is_ok(), "{} builds from its defaults", kind.name);
        }
    }
}
