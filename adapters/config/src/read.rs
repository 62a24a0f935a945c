//! Reading typed values out of the tree, with errors that name the key, the value and what is allowed.

use crate::error::ConfigError;
use crate::schema::{SCHEMA, SectionSchema, find};
use crate::suggest::{hint, nearest};
use crate::tree::{Node, Origin, Table, Value};
use crate::{time, values};
use pitlane_engine::units::NS_PER_S;
use std::ops::RangeInclusive;

/// One table of the tree and the section it is read as.
pub(crate) struct Section<'a> {
    schema: &'static SectionSchema,
    /// Full name, with a number for an entry of an array.
    path: String,
    at: Origin,
    table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    /// The section `[name]`; empty if it was not given.
    pub(crate) fn of(root: &'a Table, name: &str) -> Result<Self, ConfigError> {
        match root.get(name) {
            Some(node) => Self::from_node(node, name, name.to_owned()),
            None => Ok(Self { schema: find(name), path: name.to_owned(), at: Origin::Default, table: None }),
        }
    }

    /// The entries of the array `key` in `table`, read as the section `name`.
    pub(crate) fn entries(table: Option<&'a Table>, key: &str, name: &str) -> Result<Vec<Self>, ConfigError> {
        match table.and_then(|table| table.get(key)) {
            None => Ok(Vec::new()),
            Some(Node { value: Value::Array(entries), .. }) => entries
                .iter()
                .enumerate()
                .map(|(index, entry)| Self::from_node(entry, name, format!("{name}.{index}")))
                .collect(),
            Some(node) => Err(value_error(node, name, &format!("tables; write [[{name}]]"))),
        }
    }

    fn from_node(node: &'a Node, name: &str, path: String) -> Result<Self, ConfigError> {
        let schema = find(name);
        let Value::Table(table) = &node.value else {
            return Err(value_error(node, &path, "a table with keys of its own"));
        };
        let known: Vec<&str> = schema.keys.iter().map(|key| key.name).collect();
        if let Some((key, unknown)) = table.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            let place = if schema.repeated { format!(" in [[{name}]]") } else { format!(" in [{name}]") };
            let mut error = unknown_key(unknown, "key", key, place, &known);
            if let (ConfigError::UnknownKey { hint, .. }, Some(there)) = (&mut error, elsewhere(key, &known))
            {
                *hint = format!("did you mean {there}?");
            }
            return Err(error);
        }
        Ok(Self { schema, path, at: node.at.clone(), table: Some(table) })
    }

    /// The table, if the section was given.
    pub(crate) fn table(&self) -> Option<&'a Table> {
        self.table
    }

    /// The section's full name.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The node of a key, if it was given.
    pub(crate) fn node(&self, key: &str) -> Option<&'a Node> {
        self.table.and_then(|table| table.get(key))
    }

    /// The value of `key`, or `default` if it was not given.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        default: T,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, ConfigError> {
        Ok(self.optional(key, parse)?.unwrap_or(default))
    }

    /// The value of `key`, if it was given.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let allowed = self.schema.allowed(key);
        let Some(node) = self.node(key) else {
            return Ok(None);
        };
        match parse(&node.value) {
            Some(value) => Ok(Some(value)),
            None => Err(value_error(node, &format!("{}.{key}", self.path), allowed)),
        }
    }

    /// The value of `key`, which has no default.
    pub(crate) fn required<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, ConfigError> {
        self.optional(key, parse)?.ok_or_else(|| ConfigError::Missing {
            at: self.at.to_string(),
            place: format!("[[{}]]", self.schema.name),
            key: key.to_owned(),
            allowed: self.schema.allowed(key).to_owned(),
        })
    }

    /// An error about how this section's values fit together.
    pub(crate) fn conflict(&self, key: &str, why: String, remedy: &str) -> ConfigError {
        ConfigError::Conflict { at: self.place(key), why, remedy: remedy.to_owned() }
    }

    /// Where a key's value stands, or the section if it is not there.
    pub(crate) fn place(&self, key: &str) -> String {
        self.node(key).map_or(&self.at, |node| &node.at).to_string()
    }
}

/// The place of a key that belongs to another section, unless one of the `known` ones is near.
fn elsewhere(key: &str, known: &[&str]) -> Option<String> {
    if nearest(key, known).is_some() {
        return None;
    }
    let section = SCHEMA.iter().find(|section| section.keys.iter().any(|other| other.name == key))?;
    Some(if section.repeated {
        format!("`{key}` in [[{}]]", section.name)
    } else {
        format!("`{}.{key}`", section.name)
    })
}

/// An unknown name at `node`.
pub(crate) fn unknown_key(
    node: &Node,
    what: &'static str,
    key: &str,
    place: String,
    known: &[&str],
) -> ConfigError {
    ConfigError::UnknownKey {
        at: node.key_at.to_string(),
        what,
        key: key.to_owned(),
        place,
        hint: hint(key, known),
    }
}

/// A value that its key does not allow.
pub(crate) fn value_error(node: &Node, key: &str, allowed: &str) -> ConfigError {
    ConfigError::Value {
        at: node.at.to_string(),
        key: key.to_owned(),
        value: node.value.shown(),
        allowed: allowed.to_owned(),
    }
}

/// Text; a number or a TOML date or time counts as the text it was written as.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Datetime(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) if number.is_finite() => Some(number.to_string()),
        _ => None,
    }
}

/// A flag.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        _ => None,
    }
}

/// A whole number in a range.
pub(crate) fn whole(range: RangeInclusive<i64>) -> impl FnOnce(&Value) -> Option<i64> {
    move |value| match value {
        Value::Integer(number) => Some(*number).filter(|number| range.contains(number)),
        _ => None,
    }
}

/// A whole number in a range that a `u32` holds.
pub(crate) fn count(range: RangeInclusive<u32>) -> impl FnOnce(&Value) -> Option<u32> {
    move |value| match value {
        Value::Integer(number) => u32::try_from(*number).ok().filter(|number| range.contains(number)),
        _ => None,
    }
}

/// A seed; above the range of TOML's integers it is written in quotes.
pub(crate) fn seed(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::Text(text) if !text.starts_with('+') => text.parse().ok(),
        _ => None,
    }
}

/// A number on the 1/10,000 scale in a range on that scale.
pub(crate) fn scaled(range: RangeInclusive<i64>) -> impl FnOnce(&Value) -> Option<i64> {
    move |value| {
        text(value).and_then(|text| values::parse_scaled(&text)).filter(|number| range.contains(number))
    }
}

/// A share in bps in a range of bps.
pub(crate) fn share(range: RangeInclusive<i64>) -> impl FnOnce(&Value) -> Option<i64> {
    move |value| text(value).and_then(|text| values::parse_bps(&text).ok()).filter(|bps| range.contains(bps))
}

/// A duration of whole seconds in a range of them.
pub(crate) fn seconds(range: RangeInclusive<u32>) -> impl FnOnce(&Value) -> Option<u32> {
    move |value| {
        let ns = duration(0..=u64::MAX)(value).filter(|ns| ns.is_multiple_of(NS_PER_S))?;
        u32::try_from(ns / NS_PER_S).ok().filter(|seconds| range.contains(seconds))
    }
}

/// A duration in a range of nanoseconds.
pub(crate) fn duration(range: RangeInclusive<u64>) -> impl FnOnce(&Value) -> Option<u64> {
    move |value| {
        text(value).and_then(|text| values::parse_duration_ns(&text).ok()).filter(|ns| range.contains(ns))
    }
}

/// A time of day.
pub(crate) fn time_of_day(value: &Value) -> Option<jiff::civil::Time> {
    text(value).and_then(|text| time::parse_time(&text).ok())
}

/// A date.
pub(crate) fn date(value: &Value) -> Option<jiff::civil::Date> {
    text(value).and_then(|text| time::parse_date(&text).ok())
}

/// A cpu list, kept as text because only the run knows which cpus there are.
pub(crate) fn cpu_list(value: &Value) -> Option<String> {
    text(value).filter(|text| values::parse_cpu_list(text).is_ok())
}

/// A name out of a list of them.
pub(crate) fn named<T>(from_name: impl FnOnce(&str) -> Option<T>) -> impl FnOnce(&Value) -> Option<T> {
    move |value| text(value).and_then(|text| from_name(&text))
}
