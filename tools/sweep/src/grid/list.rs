//! `--list`: sets as rows of a CSV file, or as tables of a TOML file.

use super::{Axis, SETS_MAX, Sets};
use pitlane_session::exit::usage;
use std::collections::BTreeMap;
use std::path::Path;

/// A set as it is written: keys and values.
type Row = Vec<(String, String)>;

/// Reads a list.
///
/// # Errors
/// If the file cannot be read, is not what its name says, has no set, or two equal ones.
pub(super) fn read(path: &Path) -> anyhow::Result<Sets> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("--list {shown}: cannot be read: {error}; check the path")))?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let rows = if is_toml { toml_rows(&text) } else { csv_rows(&text) };
    let rows = rows.map_err(|why| usage(format!("--list {shown}: {why}")))?;
    if rows.is_empty() {
        return Err(usage(format!(
            "--list {shown}: no set in it; write a row (CSV) or a [[set]] table (TOML) for each"
        )));
    }
    if rows.len() as u64 > SETS_MAX {
        return Err(usage(format!("--list {shown}: more than {SETS_MAX} sets")));
    }
    sets(rows).map_err(|why| usage(format!("--list {shown}: {why}")))
}

fn sets(rows: Vec<Row>) -> Result<Sets, String> {
    let mut axes: Vec<Axis> = Vec::new();
    for (key, value) in rows.iter().flatten() {
        if !key.contains('.') || key.split('.').any(|part| part.trim().is_empty()) {
            return Err(format!(
                "`{key}` is no key of a setting; keys are as for --set, such as strategies.ema.params.fast"
            ));
        }
        match axes.iter_mut().find(|axis| axis.key == *key) {
            None => axes.push(Axis { key: key.clone(), values: vec![value.clone()] }),
            Some(axis) if !axis.values.contains(value) => axis.values.push(value.clone()),
            Some(_) => {}
        }
    }
    let mut seen = BTreeMap::new();
    let mut all = Vec::with_capacity(rows.len());
    for (number, row) in rows.into_iter().enumerate() {
        let mut values = vec![None; axes.len()];
        for (key, value) in row {
            let at = axes.iter().position(|axis| axis.key == key).expect("every key has an axis");
            if values[at].replace(value).is_some() {
                return Err(format!("set {} has `{key}` twice", number + 1));
            }
        }
        if let Some(first) = seen.insert(values.clone(), number) {
            return Err(format!("sets {} and {} are the same; leave one of them out", first + 1, number + 1));
        }
        all.push(values);
    }
    Ok(Sets { axes, rows: Some(all), symbols: 1 })
}

/// Rows under a header of keys; an empty field leaves its key as it is.
fn csv_rows(text: &str) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let keys = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let fields = keys.iter().zip(&record).filter(|(_, value)| !value.is_empty());
        rows.push(fields.map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
    }
    Ok(rows)
}

/// Tables `[[set]]` whose keys, dotted or nested, are those of settings.
fn toml_rows(text: &str) -> Result<Vec<Row>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    if let Some(other) = table.keys().find(|key| *key != "set") {
        return Err(format!("`{other}` is no [[set]]; each set is a table [[set]] with keys as for --set"));
    }
    let Some(toml::Value::Array(entries)) = table.get("set") else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for entry in entries {
        let toml::Value::Table(entry) = entry else {
            return Err("`set` is an array of tables: [[set]]".to_owned());
        };
        let mut row = Vec::new();
        flatten("", entry, &mut row);
        rows.push(row);
    }
    Ok(rows)
}

fn flatten(prefix: &str, table: &toml::Table, row: &mut Row) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, row),
            toml::Value::String(text) => row.push((key, text.clone())),
            other => row.push((key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_toml_say_the_same() {
        let csv = "strategies.ema.params.fast, risk.stop_loss\n5,1%\n10,\n";
        let toml = "[[set]]\nstrategies.ema.params.fast = 5\nrisk.stop_loss = \"1%\"\n[[set]]\n[set.strategies.ema.params]\nfast = 10\n";
        let sorted = |rows: Result<Vec<Row>, String>| {
            let mut rows = rows.expect("it is a list");
            rows.iter_mut().for_each(|row| row.sort());
            rows
        };
        assert_eq!(sorted(csv_rows(csv)), sorted(toml_rows(toml)));
    }

    #[test]
    fn what_is_no_list_is_said() {
        for (rows, words) in [
            (csv_rows("fast\n5\n"), "no key of a setting"),
            (csv_rows("a.b\n5\n5\n"), "sets 1 and 2 are the same"),
            (csv_rows("a.b,a.b\n5,6\n"), "twice"),
            (csv_rows("a.b,a.c\n5\n"), "2"),
            (toml_rows("sets = 5\n"), "no [[set]]"),
        ] {
            let why = rows.and_then(|rows| sets(rows).map(|_| ())).expect_err(words);
            assert!(why.contains(words), "{why}");
        }
    }
}
