//! Layers before they have types: a tree of values, each of which remembers where it was given.

use crate::error::ConfigError;
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// Where a key or value was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// Nowhere: it is built in.
    Default,
    /// In a file.
    File { name: String, line: usize, column: usize },
    /// By `--set`, with the whole text.
    Flag(String),
    /// By an environment variable, with its name.
    Env(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("built-in defaults"),
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Flag(text) => write!(f, "--set {text}"),
            Self::Env(name) => write!(f, "environment {name}"),
        }
    }
}

/// Keys and their values.
pub(crate) type Table = BTreeMap<String, Node>;

/// A value in the tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Where its key stands.
    pub(crate) key_at: Origin,
    /// Where the value stands.
    pub(crate) at: Origin,
    /// The value.
    pub(crate) value: Value,
}

/// A value without a unit yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// A date or time that TOML itself knows, as written.
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
}

impl Value {
    /// How the value is shown in an error.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Datetime(text) => text.clone(),
            Self::Array(_) => "an array".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

/// Parses the TOML text of a file called `name`.
pub(crate) fn parse(text: &str, name: &str) -> Result<Table, ConfigError> {
    let document = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        ConfigError::Syntax {
            at: place(text, name, start).to_string(),
            why: error.message().lines().collect::<Vec<_>>().join("; "),
        }
    })?;
    table(document.get_ref(), &|offset| place(text, name, offset))
}

/// Parses a value given on the command line or in the environment: TOML where it is TOML, else text as it is.
pub(crate) fn parse_value(text: &str, at: &Origin) -> Value {
    let parsed = DeValue::parse(text.trim()).ok();
    parsed
        .and_then(|value| convert(value.get_ref(), &|_| at.clone()).ok())
        .unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// Puts `over` on top of `base`: tables merge key by key, everything else (arrays too) is replaced.
pub(crate) fn merge(base: &mut Table, over: Table) {
    for (key, node) in over {
        match (base.get_mut(&key).map(|old| &mut old.value), node) {
            (Some(Value::Table(old)), Node { value: Value::Table(new), .. }) => merge(old, new),
            (_, node) => {
                base.insert(key, node);
            }
        }
    }
}

/// Puts `value` at `path`. An entry of an array is named by its number from 0, its `id` or its `symbol`.
pub(crate) fn set(root: &mut Table, path: &[&str], value: Value, at: &Origin) -> Result<(), ConfigError> {
    let (first, rest) = path.split_first().expect("a path has at least one part");
    let empty = || Node { key_at: at.clone(), at: at.clone(), value: Value::Table(Table::new()) };
    if rest.is_empty() {
        root.insert((*first).to_owned(), Node { key_at: at.clone(), at: at.clone(), value });
        return Ok(());
    }
    let node = root.entry((*first).to_owned()).or_insert_with(empty);
    match &mut node.value {
        Value::Table(table) => set(table, rest, value, at),
        Value::Array(entries) => set_in_array(first, entries, rest, value, at),
        _ => {
            *node = empty();
            let Value::Table(table) = &mut node.value else { unreachable!("an empty node is a table") };
            set(table, rest, value, at)
        }
    }
}

fn set_in_array(
    array: &str,
    entries: &mut [Node],
    path: &[&str],
    value: Value,
    at: &Origin,
) -> Result<(), ConfigError> {
    let name = path[0];
    let named = |node: &Node| match &node.value {
        Value::Table(table) => ["id", "symbol"].iter().any(
            |key| matches!(table.get(*key), Some(Node { value: Value::Text(text), .. }) if text == name),
        ),
        _ => false,
    };
    let place = entries.iter().position(named).or_else(|| name.parse().ok().filter(|at| *at < entries.len()));
    let Some(place) = place else {
        return Err(ConfigError::UnknownKey {
            at: at.to_string(),
            what: "entry",
            key: name.to_owned(),
            place: format!(" of [[{array}]]"),
            hint: format!("name one of its {} entries by number from 0, id or symbol", entries.len()),
        });
    };
    match &mut entries[place].value {
        Value::Table(table) if path.len() > 1 => set(table, &path[1..], value, at),
        old => {
            *old = value;
            Ok(())
        }
    }
}

fn table(source: &DeTable<'_>, place: &dyn Fn(usize) -> Origin) -> Result<Table, ConfigError> {
    let entries = source.iter().map(|(key, value)| {
        let at = place(value.span().start);
        let node = Node { key_at: place(key.span().start), at, value: convert(value.get_ref(), place)? };
        Ok((key.get_ref().to_string(), node))
    });
    entries.collect()
}

fn convert(source: &DeValue<'_>, place: &dyn Fn(usize) -> Origin) -> Result<Value, ConfigError> {
    Ok(match source {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Text(number.as_str().to_owned()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => Value::Text(number.as_str().to_owned()),
        },
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(when) => Value::Datetime(when.to_string()),
        DeValue::Array(entries) => {
            let nodes = entries.iter().map(|entry| {
                let at = place(entry.span().start);
                Ok(Node { key_at: at.clone(), at, value: convert(entry.get_ref(), place)? })
            });
            Value::Array(nodes.collect::<Result<_, ConfigError>>()?)
        }
        DeValue::Table(source) => Value::Table(table(source, place)?),
    })
}

/// Line and column, from 1, of a byte offset. A column counts characters.
fn place(text: &str, name: &str, offset: usize) -> Origin {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Origin::File {
        name: name.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
