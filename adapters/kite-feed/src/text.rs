//! The ticker's text frames: `{"type": …, "data": …}`.
//!
//! simd-json builds a tape from them, without recursion. It would read numbers as floats, so every number is first put
//! in quotation marks: what the broker wrote reaches `Decimal` digit by digit, and ids of 19 digits stay whole.

use crate::decimal::is_number;
use crate::order::OrderUpdate;
use pitlane_engine::units::TsNs;
use simd_json::prelude::ValueAsScalar;
use simd_json::{Buffers, fill_tape, tape};

/// Longest text that is read; order postbacks have one or two thousand bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1_024;
/// Deepest nesting that is read.
const DEPTH_MAX: usize = 32;
/// Characters of a broker's notice that are kept.
const NOTICE_CHARS_MAX: usize = 512;

/// What a text frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// An order changed.
    Order(Box<OrderUpdate>),
    /// The broker reports an error.
    Error(String),
    /// The broker announces something.
    Message(String),
    /// A type that is not documented, or one that carries nothing we use.
    Other,
}

/// Why a text frame cannot be used. It is counted and told, and nothing else follows from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// More than `TEXT_BYTES_MAX` bytes.
    #[error("a text of {0} bytes, more than any message of the broker: not read")]
    Long(usize),
    /// Not JSON, or nested too deeply.
    #[error("not JSON, or nested too deeply")]
    Json,
    /// No object with a `type`.
    #[error("no object with a type")]
    NoType,
    /// A type that needs data came without.
    #[error("no data")]
    NoData,
    /// A field that must be there is missing, or is no number where one must be.
    #[error("field {0} is missing or not of its form")]
    Field(&'static str),
    /// A field is not of its form.
    #[error("field {0} is not of its form")]
    Form(String),
    /// A key stands twice, so nobody knows which one holds.
    #[error("field {0} stands twice")]
    Twice(String),
}

/// Reads text frames; keeps its buffers.
pub struct TextReader {
    quoted: Vec<u8>,
    buffers: Buffers,
}

impl Default for TextReader {
    fn default() -> Self {
        Self { quoted: Vec::with_capacity(4_096), buffers: Buffers::with_max_depth(4_096, DEPTH_MAX + 1) }
    }
}

impl TextReader {
    /// Reads one text that was received at `received`.
    pub fn read(&mut self, text: &str, received: TsNs) -> Result<Text, TextError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TextError::Long(text.len()));
        }
        quote_numbers(text, &mut self.quoted).ok_or(TextError::Json)?;
        let mut tape = tape::Tape(Vec::new());
        fill_tape(&mut self.quoted, &mut self.buffers, &mut tape).map_err(|_| TextError::Json)?;
        let root = tape.as_value();
        let object = root.as_object().ok_or(TextError::NoType)?;
        let (mut kind, mut data) = (None, None);
        for (key, value) in object.iter() {
            let place = match key {
                "type" => &mut kind,
                "data" => &mut data,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(TextError::Twice(key.to_owned()));
            }
        }
        let kind = kind.as_ref().and_then(ValueAsScalar::as_str).ok_or(TextError::NoType)?;
        match kind {
            "order" => {
                let update = OrderUpdate::read(&data.ok_or(TextError::NoData)?, received)?;
                Ok(Text::Order(Box::new(update)))
            }
            "error" => Ok(Text::Error(notice(data.as_ref()))),
            "message" => Ok(Text::Message(notice(data.as_ref()))),
            _ => Ok(Text::Other),
        }
    }
}

/// A notice for people: its first characters, without control characters. Data that is no text is said to be that.
fn notice(data: Option<&tape::Value<'_, '_>>) -> String {
    let text = data.and_then(ValueAsScalar::as_str).unwrap_or("(no text)");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NOTICE_CHARS_MAX).collect()
}

/// Copies `text` into `out` with every number in quotation marks. `None` for what cannot be JSON: a number that is
/// none, one in a key's place, a string without an end, nesting beyond `DEPTH_MAX`.
fn quote_numbers(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    out.clear();
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => string_end(bytes, at)?,
            b'-' | b'0'..=b'9' => {
                let rest = &bytes[at..];
                let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = at + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
                let next = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
                if !is_number(&text[at..end]) || next == Some(&b':') {
                    return None;
                }
                out.push(b'"');
                out.extend_from_slice(&bytes[at..end]);
                out.push(b'"');
                at = end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at + 1
            }
            _ => at + 1,
        };
        if depth > DEPTH_MAX {
            return None;
        }
        out.extend_from_slice(&bytes[at..end]);
        at = end;
    }
    Some(())
}

/// The place behind the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::Decimal;

    fn read(text: &str) -> Result<Text, TextError> {
        TextReader::default().read(text, TsNs(5))
    }

    fn order(data: &str) -> Result<OrderUpdate, TextError> {
        match read(&format!(r#"{{"type":"order","data":{data}}}"#))? {
            Text::Order(update) => Ok(*update),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn notices_unknown_types_and_rubbish_are_told_apart() {
        for (text, expected) in [
            (
                r#"{"type":"error","data":"Token\nis invalid"}"#,
                Ok(Text::Error("Token is invalid".to_owned())),
            ),
            (r#"{"data":"Market closed","type":"message"}"#, Ok(Text::Message("Market closed".to_owned()))),
            (r#"{"type":"message"}"#, Ok(Text::Message("(no text)".to_owned()))),
            (
                r#"{"type":"instruments_meta","data":{"count":90517,"etag":"W/\"68907d60-55bf\""}}"#,
                Ok(Text::Other),
            ),
            (r#"{"type":"app_code","timestamp":"2023-05-30T13:31:46+05:30"}"#, Ok(Text::Other)),
            (r#"{"type":"order"}"#, Err(TextError::NoData)),
            (r#"{"type":"order","data":[1,2]}"#, Err(TextError::NoData)),
            (r#"{"type":5}"#, Ok(Text::Other)),
            (r#"{"type":null}"#, Err(TextError::NoType)),
            (r"[]", Err(TextError::NoType)),
            (r"7", Err(TextError::NoType)),
            ("", Err(TextError::Json)),
            ("not json", Err(TextError::Json)),
            (r#"{"type":"order","data":{"#, Err(TextError::Json)),
            (r#"{"type":"message",1:2}"#, Err(TextError::Json)),
            (r#"{"type":"message","a":01}"#, Err(TextError::Json)),
            (r#"{"type":"message","data":"x","data":"y"}"#, Err(TextError::Twice("data".to_owned()))),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(read(&"[".repeat(40_000)), Err(TextError::Json));
        assert_eq!(read(&" ".repeat(TEXT_BYTES_MAX + 1)), Err(TextError::Long(TEXT_BYTES_MAX + 1)));
    }

    #[test]
    fn numbers_stay_exact_and_ids_whole() {
        let update = order(
            r#"{"order_id":1953367517686685697,"status":"COMPLETE","quantity":3.0,"filled_quantity":3,
                "average_price":470.333333333333,"price":1e2,"tag":null,"tags":["mktp","mktp:2.00"],"meta":"{}"}"#,
        )
        .unwrap();
        assert_eq!(update.order_id, "1953367517686685697");
        assert_eq!(
            (update.quantity, update.filled_quantity, update.pending_quantity),
            (Some(3), Some(3), None)
        );
        assert_eq!(update.average_price, Some(Decimal { digits: 470_333_333_333_333, places: 12 }));
        assert_eq!(update.price.and_then(Decimal::scaled), Some(1_000_000));
        assert_eq!((update.tag, update.tags), (None, vec!["mktp".to_owned(), "mktp:2.00".to_owned()]));
        assert_eq!(update.received, TsNs(5));
    }

    #[test]
    fn an_update_that_could_mislead_is_refused_whole() {
        for (data, error) in [
            (r#"{"status":"OPEN"}"#, TextError::Field("order_id")),
            (r#"{"order_id":"","status":"OPEN"}"#, TextError::Field("order_id")),
            (r#"{"order_id":"1/../2","status":"OPEN"}"#, TextError::Field("order_id")),
            (r#"{"order_id":"1","status":null}"#, TextError::Field("status")),
            (r#"{"order_id":"1","status":{}}"#, TextError::Form("status".to_owned())),
            (r#"{"order_id":"1","status":"OPEN","filled_quantity":-1}"#, TextError::Field("filled_quantity")),
            (
                r#"{"order_id":"1","status":"OPEN","filled_quantity":1.5}"#,
                TextError::Field("filled_quantity"),
            ),
            (r#"{"order_id":"1","status":"OPEN","quantity":true}"#, TextError::Field("quantity")),
            (r#"{"order_id":"1","status":"OPEN","average_price":[]}"#, TextError::Field("average_price")),
            (r#"{"order_id":"1","status":"OPEN","status":null}"#, TextError::Twice("status".to_owned())),
            (r#"{"order_id":"1","status":"OPEN","order_id":"2"}"#, TextError::Twice("order_id".to_owned())),
            (r#"{"order_id":"1","status":"OPEN","price":1,"price":1}"#, TextError::Twice("price".to_owned())),
        ] {
            assert_eq!(order(data), Err(error), "{data}");
        }
    }
}
