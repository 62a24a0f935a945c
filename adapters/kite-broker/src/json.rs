//! JSON texts as the broker writes them, with numbers as exact decimals.

use crate::decimal;
use std::fmt::Write;

/// An object in the making.
pub struct Object<'a>(&'a mut String);

/// The text of an object.
pub fn object(fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut text = String::new();
    write_object(&mut text, fill);
    text
}

/// The text of an array of texts that are JSON already.
pub fn array(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(","))
}

/// A text in quotation marks.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if u32::from(control) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("a text takes what is written");
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn write_object(text: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    text.push('{');
    fill(&mut Object(text));
    text.push('}');
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0.push_str(&quoted(key));
        self.0.push(':');
    }

    /// JSON as it is.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.0.push_str(json);
    }

    /// A text.
    pub fn str(&mut self, key: &str, value: &str) {
        let value = quoted(value);
        self.raw(key, &value);
    }

    /// A text, or null.
    pub fn opt(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.str(key, value),
            None => self.null(key),
        }
    }

    /// Null.
    pub fn null(&mut self, key: &str) {
        self.raw(key, "null");
    }

    /// A whole number.
    pub fn int(&mut self, key: &str, value: impl Into<i128>) {
        let value = value.into().to_string();
        self.raw(key, &value);
    }

    /// A price or an amount in 1/10,000.
    pub fn dec(&mut self, key: &str, scaled: i64) {
        let value = decimal::text(scaled);
        self.raw(key, &value);
    }

    /// True or false.
    pub fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// An object in the object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        write_object(self.0, fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_json() {
        let text = object(|o| {
            o.str("a", "x\"\\\n\u{1}é");
            o.dec("b", 15_737_000);
            o.object("c", |o| o.null("d"));
            o.raw("e", &array(["1".to_owned(), "2".to_owned()]));
            o.flag("f", true);
        });
        assert_eq!(text, r#"{"a":"x\"\\\n\u0001é","b":1573.7,"c":{"d":null},"e":[1,2],"f":true}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
