//! Which sets of parameters there are: a grid of axes, or a list. Sets are numbered from 0 and made when they are asked
//! for, so that a million of them take no memory.

mod list;
mod range;

use pitlane_session::exit::usage;
use std::collections::BTreeSet;
use std::path::Path;

/// The key of the axis that `--each-symbol` makes.
pub(crate) const SYMBOL: &str = "symbol";
/// More values of one key are refused: nobody meant that.
const VALUES_MAX: usize = 100_000;
/// More sets are refused: at 20 ms a day they would take a week of days.
const SETS_MAX: u64 = 10_000_000;

/// A key and the values it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// `section.key`, as for `--set`; or `symbol`.
    pub key: String,
    /// Its values, as for `--set`; of a list, those that occur.
    pub values: Vec<String>,
}

/// All sets.
#[derive(Clone, Debug)]
pub struct Sets {
    /// The keys with their values.
    pub axes: Vec<Axis>,
    /// Of a list: each set's values. `None`: every combination of the axes' values, the last axis changing first.
    rows: Option<Vec<Vec<Option<String>>>>,
    symbols: usize,
}

impl Sets {
    /// The sets of `--grid` texts or of a list, each of them once for every one of `each_symbol` if there are any.
    ///
    /// # Errors
    /// If a text is no axis, a key or value is there twice, nothing is there, or too much.
    pub fn new(grid: &[String], list: Option<&Path>, each_symbol: &[String]) -> anyhow::Result<Self> {
        let mut sets = match list {
            Some(_) if !grid.is_empty() => {
                return Err(usage("--grid and --list: a sweep has a grid or a list of sets, not both"));
            }
            Some(path) => list::read(path)?,
            None => {
                let axes = grid.iter().map(|text| axis(text)).collect::<anyhow::Result<_>>()?;
                Self { axes, rows: None, symbols: 1 }
            }
        };
        if sets.axes.is_empty() && each_symbol.is_empty() {
            return Err(usage(
                "nothing to sweep: give --grid KEY=V1,V2,..., such as --grid strategies.ema.params.fast=5,10,20, or a range \
                 5..20/5; or --list FILE",
            ));
        }
        let mut keys = BTreeSet::new();
        if let Some(axis) = sets.axes.iter().find(|axis| !keys.insert(axis.key.as_str())) {
            return Err(usage(format!("`{}` is there twice; put all its values into one --grid", axis.key)));
        }
        if !each_symbol.is_empty() {
            sets.symbols = each_symbol.len();
            sets.axes.push(Axis { key: SYMBOL.to_owned(), values: each_symbol.to_vec() });
        }
        let count =
            sets.axes.iter().try_fold(1_u64, |count, axis| count.checked_mul(axis.values.len() as u64));
        if sets.rows.is_none() && count.is_none_or(|count| count > SETS_MAX) {
            let sizes: Vec<String> =
                sets.axes.iter().map(|axis| format!("{} of {}", axis.values.len(), axis.key)).collect();
            return Err(usage(format!(
                "the grid has more than {SETS_MAX} sets ({}); give fewer values",
                sizes.join(", ")
            )));
        }
        Ok(sets)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        match &self.rows {
            Some(rows) => (rows.len() * self.symbols) as u64,
            None => self.axes.iter().map(|axis| axis.values.len() as u64).product(),
        }
    }

    /// The values of set `number`, one for each axis; `None` where a list says nothing.
    pub fn values(&self, number: u64) -> Vec<Option<&str>> {
        if let Some(rows) = &self.rows {
            let (row, symbol) = (number as usize / self.symbols, number as usize % self.symbols);
            let given = rows[row].iter().map(Option::as_deref);
            let symbol = self.axes.get(rows[row].len()).map(|axis| Some(axis.values[symbol].as_str()));
            return given.chain(symbol).collect();
        }
        let mut left = number;
        let mut values: Vec<Option<&str>> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            let count = axis.values.len() as u64;
            values.push(Some(&axis.values[(left % count) as usize]));
            left /= count;
        }
        values.reverse();
        values
    }

    /// The symbol of set `number`, if each is run by itself.
    pub fn symbol(&self, number: u64) -> Option<&str> {
        let at = self.axes.iter().position(|axis| axis.key == SYMBOL)?;
        self.values(number)[at]
    }

    /// The settings of set `number`, as texts for `--set`, without its symbol.
    pub fn flags(&self, number: u64) -> Vec<String> {
        let given = self.axes.iter().zip(self.values(number));
        let given = given.filter(|(axis, _)| axis.key != SYMBOL);
        given.filter_map(|(axis, value)| value.map(|value| format!("{}={value}", axis.key))).collect()
    }

    /// Short names of the axes: the last parts of their keys that tell them apart and are none of `taken`.
    pub fn names(&self, taken: &[&str]) -> Vec<String> {
        let tail = |key: &str, parts: usize| {
            let all: Vec<&str> = key.split('.').collect();
            all[all.len().saturating_sub(parts)..].join(".")
        };
        let name = |axis: &Axis| {
            let most = axis.key.split('.').count();
            let alone = |name: &String, parts: usize| {
                let same = self.axes.iter().filter(|other| tail(&other.key, parts) == *name).count();
                same == 1 && !taken.contains(&name.as_str())
            };
            let found = (1..most).map(|parts| (tail(&axis.key, parts), parts));
            found
                .into_iter()
                .find(|(name, parts)| alone(name, *parts))
                .map_or(axis.key.clone(), |(name, _)| name)
        };
        self.axes.iter().map(name).collect()
    }

    /// What the sets are, in lines: the same lines are the same sets.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for axis in &self.axes {
            text += &format!("axis {} = {}\n", axis.key, axis.values.join(", "));
        }
        for (number, row) in self.rows.iter().flatten().enumerate() {
            let row: Vec<&str> = row.iter().map(|value| value.as_deref().unwrap_or("-")).collect();
            text += &format!("set {number} = {}\n", row.join(", "));
        }
        text
    }
}

/// `KEY=V1,V2,A..B/STEP`.
fn axis(text: &str) -> anyhow::Result<Axis> {
    let malformed = || {
        usage(format!(
            "--grid {text}: not of the form section.key=V1,V2,...; write for example --grid strategies.ema.params.fast=5,10,20"
        ))
    };
    let (key, values) = text.split_once('=').ok_or_else(malformed)?;
    let key = key.trim();
    if !key.contains('.') || key.split('.').any(|part| part.trim().is_empty()) {
        return Err(malformed());
    }
    let mut all: Vec<String> = Vec::new();
    for value in split(values) {
        if value.is_empty() {
            return Err(usage(format!(
                "--grid {text}: a value of `{key}` is empty; write {key}=V1,V2 without blanks between commas"
            )));
        }
        all.extend(range::values(&value, VALUES_MAX).map_err(|why| usage(format!("--grid {text}: {why}")))?);
        if all.len() > VALUES_MAX {
            return Err(usage(format!("--grid {text}: more than {VALUES_MAX} values; give fewer")));
        }
    }
    let mut seen = BTreeSet::new();
    if let Some(value) = all.iter().find(|value| !seen.insert(value.as_str())) {
        return Err(usage(format!(
            "--grid {text}: `{value}` is there twice; each value is one set, give it once"
        )));
    }
    Ok(Axis { key: key.to_owned(), values: all })
}

/// Values between commas; commas in brackets, braces and quotes belong to their value.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth, mut quoted) = (Vec::new(), String::new(), 0_usize, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(std::mem::take(&mut part).trim().to_owned());
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part.trim().to_owned());
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    fn sets(grid: &[&str]) -> anyhow::Result<Sets> {
        Sets::new(&grid.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), None, &[])
    }

    #[test]
    fn a_grid_is_every_combination_and_the_last_axis_changes_first() {
        let sets = sets(&["strategies.ema.params.fast=5,10", "risk.stop_loss=0.5%..1.5%/0.5%"]).unwrap();
        assert_eq!(sets.count(), 6);
        let flags: Vec<String> = (0..6).map(|set| sets.flags(set).join(" ")).collect();
        assert_eq!(flags[0], "strategies.ema.params.fast=5 risk.stop_loss=0.5%");
        assert_eq!(flags[1], "strategies.ema.params.fast=5 risk.stop_loss=1%");
        assert_eq!(flags[5], "strategies.ema.params.fast=10 risk.stop_loss=1.5%");
        assert_eq!(sets.names(&["net"]), ["fast", "stop_loss"]);
    }

    #[test]
    fn symbols_are_an_axis_of_grids_and_of_lists() {
        let grid = ["risk.position=1%,2%".to_owned()];
        let symbols = ["NSE:A".to_owned(), "NSE:B".to_owned()];
        let sets = Sets::new(&grid, None, &symbols).unwrap();
        assert_eq!((sets.count(), sets.symbol(0), sets.symbol(3)), (4, Some("NSE:A"), Some("NSE:B")));
        assert_eq!(sets.flags(3), ["risk.position=2%"]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.csv");
        std::fs::write(&path, "risk.position,risk.stop_loss\n1%,\n2%,3%\n").unwrap();
        let sets = Sets::new(&[], Some(&path), &symbols).unwrap();
        assert_eq!((sets.count(), sets.symbol(1), sets.symbol(2)), (4, Some("NSE:B"), Some("NSE:A")));
        assert_eq!(sets.flags(1), ["risk.position=1%"]);
        assert_eq!(sets.flags(2), ["risk.position=2%", "risk.stop_loss=3%"]);
    }

    #[test]
    fn names_tell_axes_apart() {
        let sets = sets(&["strategies.a.params.fast=1", "strategies.b.params.fast=1", "x.net=1"]).unwrap();
        assert_eq!(sets.names(&["net"]), ["a.params.fast", "b.params.fast", "x.net"]);
    }

    #[test]
    fn what_is_no_grid_is_refused_in_words() {
        for (grid, words) in [
            (&[][..], "nothing to sweep"),
            (&["fast=1"], "not of the form"),
            (&["risk.stop_loss"], "not of the form"),
            (&["risk.position="], "is empty"),
            (&["risk.position=1%,,2%"], "is empty"),
            (&["risk.position=1%,1%"], "`1%` is there twice"),
            (&["risk.position=1%", "risk.position=2%"], "is there twice"),
            (&["a.b=5..1/1"], "ends before it begins"),
            (&["a.b=1..5/0"], "step"),
            (&["a.b=1..5ms/1s"], "units"),
            (&["a.b=0..9999/1", "a.c=0..9999/1"], "more than"),
        ] {
            let error = sets(grid).unwrap_err().to_string();
            assert!(error.contains(words), "{grid:?}: {error}");
        }
    }

    #[test]
    fn commas_in_brackets_and_quotes_are_no_ends() {
        assert_eq!(split(r#"["a","b"], "x,y",3"#), [r#"["a","b"]"#, r#""x,y""#, "3"]);
    }
}
