//! The broker's JSON, read leniently where a field does not matter and not at all where it does.
//!
//! Numbers are taken as the text they are (`RawValue`) and read by [`Decimal`]. Unknown fields are passed over; a row
//! without what names and counts it makes its list incomplete, and an incomplete list proves no absence.

mod rows;

pub use rows::{List, OddRow, OrderRow, PositionRow, TradeRow};

use crate::decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Why a body is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not JSON, cut short, or not the broker's envelope (an error page of a proxy, say).
    #[error("the body is not the broker's JSON ({0}); what was asked for may have happened all the same")]
    NotJson(String),
    /// The envelope says success and its data is not what was asked for.
    #[error("the answer has no usable {0}; what was asked for may have happened all the same")]
    Data(&'static str),
}

/// A refusal in the broker's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The broker's `error_type`, as `InputException`.
    pub kind: String,
    /// The broker's words, at most 200 letters of them.
    pub message: String,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<T> {
    /// `"status":"success"` with its data.
    Done(T),
    /// `"status":"error"`.
    Refused(Refusal),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error_type: Option<&'a RawValue>,
}

/// A JSON string's text; `None` for null and whatever is no string.
fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str::<String>(raw?.get()).ok()
}

fn clipped(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

fn open<T>(body: &[u8], read: impl FnOnce(&RawValue) -> Result<T, WireError>) -> Result<Said<T>, WireError> {
    let not_json = |why: String| WireError::NotJson(clipped(&why));
    let body = std::str::from_utf8(body).map_err(|error| not_json(error.to_string()))?;
    let envelope: Envelope<'_> = serde_json::from_str(body).map_err(|error| not_json(error.to_string()))?;
    match envelope.status.as_ref() {
        "success" => read(envelope.data.ok_or(WireError::Data("data"))?).map(Said::Done),
        "error" => Ok(Said::Refused(Refusal {
            kind: clipped(&text(envelope.error_type).unwrap_or_default()),
            message: clipped(&text(envelope.message).unwrap_or_default()),
        })),
        _ => Err(not_json("its status is neither success nor error".into())),
    }
}

/// Whether a body is the broker's envelope at all.
///
/// # Errors
/// If it is not.
pub fn check(body: &[u8]) -> Result<Said<()>, WireError> {
    match open(body, |_| Ok(())) {
        // Some answers have nothing to say but that it is done.
        Err(WireError::Data(_)) => Ok(Said::Done(())),
        said => said,
    }
}

/// The order id that answers a placement, a change or a cancel.
///
/// # Errors
/// If the body is not the broker's, or has no order id.
pub fn order_id(body: &[u8]) -> Result<Said<String>, WireError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        order_id: &'a RawValue,
    }
    open(body, |data| {
        let data: Data<'_> = serde_json::from_str(data.get()).map_err(|_| WireError::Data("order_id"))?;
        id(Some(data.order_id)).ok_or(WireError::Data("order_id"))
    })
}

/// An id: 1 to 40 letters and digits, as a string or a plain number.
fn id(raw: Option<&RawValue>) -> Option<String> {
    let shown = match text(raw) {
        Some(shown) => shown,
        None => raw?.get().to_owned(),
    };
    let fits = (1..=40).contains(&shown.len())
        && shown.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-')
        && !matches!(shown.as_str(), "null" | "true" | "false");
    fits.then_some(shown)
}

/// The rows of `GET /orders` and of `GET /orders/:id` (there the states of one order, the last one last).
///
/// # Errors
/// If the body is not the broker's, or not a list.
pub fn orders(body: &[u8]) -> Result<Said<List<OrderRow>>, WireError> {
    open(body, rows::orders)
}

/// The rows of `GET /trades` and of `GET /orders/:id/trades`.
///
/// # Errors
/// If the body is not the broker's, or not a list.
pub fn trades(body: &[u8]) -> Result<Said<List<TradeRow>>, WireError> {
    open(body, |data| rows::list(data, TradeRow::read))
}

/// The net rows of `GET /portfolio/positions`.
///
/// # Errors
/// If the body is not the broker's, or has no list `net`.
pub fn positions(body: &[u8]) -> Result<Said<List<PositionRow>>, WireError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        net: &'a RawValue,
    }
    open(body, |data| {
        let data: Data<'_> = serde_json::from_str(data.get()).map_err(|_| WireError::Data("net"))?;
        rows::list(data.net, PositionRow::read)
    })
}

/// One order object that stands alone, as in the ticker's text messages and the webhook.
pub fn order_object(body: &str) -> Option<OrderRow> {
    OrderRow::read(serde_json::from_str::<&RawValue>(body).ok()?)
}

/// The access token and user id that `POST /session/token` answers with.
///
/// # Errors
/// If the body is not the broker's, or lacks one of them.
pub(crate) fn session(body: &[u8]) -> Result<Said<(String, String)>, WireError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        access_token: &'a RawValue,
        #[serde(borrow)]
        user_id: &'a RawValue,
    }
    open(body, |data| {
        let data: Data<'_> = serde_json::from_str(data.get()).map_err(|_| WireError::Data("access_token"))?;
        let token = text(Some(data.access_token)).filter(|token| !token.is_empty());
        let user = text(Some(data.user_id));
        token.zip(user).ok_or(WireError::Data("access_token"))
    })
}

fn number(raw: Option<&RawValue>) -> Option<Decimal> {
    Decimal::parse(raw?.get())
}
