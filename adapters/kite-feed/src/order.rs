//! An order update as the broker posts it on the ticker: typed, exact, and nothing the broker did not say.

use crate::decimal::Decimal;
use crate::text::TextError;
use pitlane_engine::units::TsNs;
use simd_json::prelude::{TypedScalarValue, ValueAsScalar};
use simd_json::tape;

/// Longest text a field may have.
const FIELD_BYTES_MAX: usize = 1_024;
/// Most entries of `tags`.
const TAGS_MAX: usize = 16;
/// India is five and a half hours ahead of UTC, all year.
const IST_SECS: i64 = 19_800;

/// What the broker said of one order. A field it did not send, or sent as `null`, is `None`.
///
/// Updates have no number, may come before the answer to the placement, twice (once per socket), and out of order: key
/// by `order_id`, and let neither a final status nor `filled_quantity` go back. Quantities are not negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderUpdate {
    /// When it was read, by the market clock.
    pub received: TsNs,
    /// The broker's id, 15 to 19 digits today; never empty.
    pub order_id: String,
    /// The broker's status, in its own words; never empty.
    pub status: String,
    /// Why, for people.
    pub status_message: Option<String>,
    /// Why, in the exchange's words.
    pub status_message_raw: Option<String>,
    /// The exchange's id; absent if it never reached the exchange.
    pub exchange_order_id: Option<String>,
    /// The order this one is a leg of.
    pub parent_order_id: Option<String>,
    /// Account.
    pub account_id: Option<String>,
    /// User.
    pub user_id: Option<String>,
    /// Who placed it.
    pub placed_by: Option<String>,
    /// `regular`, `amo`, `co`, `iceberg`, `auction`.
    pub variety: Option<String>,
    /// Exchange, as `NSE`.
    pub exchange: Option<String>,
    /// Symbol without the exchange.
    pub tradingsymbol: Option<String>,
    /// `BUY` or `SELL`.
    pub transaction_type: Option<String>,
    /// `MARKET`, `LIMIT`, `SL`, `SL-M`.
    pub order_type: Option<String>,
    /// `CNC`, `NRML`, `MIS`, `MTF`, `CO`.
    pub product: Option<String>,
    /// `DAY`, `IOC`, `TTL`.
    pub validity: Option<String>,
    /// The tag the order was placed with.
    pub tag: Option<String>,
    /// The broker's own mark.
    pub guid: Option<String>,
    /// SHA-256 over order id, order timestamp and the api secret.
    pub checksum: Option<String>,
    /// All tags; the broker adds its own.
    pub tags: Vec<String>,
    /// The broker's token.
    pub instrument_token: Option<i64>,
    /// Quantity of the order.
    pub quantity: Option<i64>,
    /// Quantity shown.
    pub disclosed_quantity: Option<i64>,
    /// Filled so far.
    pub filled_quantity: Option<i64>,
    /// Not filled; only in postbacks.
    pub unfilled_quantity: Option<i64>,
    /// Still working; not reliable once the order is final.
    pub pending_quantity: Option<i64>,
    /// Cancelled; not reliable.
    pub cancelled_quantity: Option<i64>,
    /// Limit price.
    pub price: Option<Decimal>,
    /// Trigger price.
    pub trigger_price: Option<Decimal>,
    /// Average price of the fills, rounded by the broker to the places it has.
    pub average_price: Option<Decimal>,
    /// Market protection in percent.
    pub market_protection: Option<Decimal>,
    /// When the broker registered its last change.
    pub order_timestamp: Option<TsNs>,
    /// When the exchange changed it last.
    pub exchange_update_timestamp: Option<TsNs>,
    /// When the exchange registered it.
    pub exchange_timestamp: Option<TsNs>,
}

impl OrderUpdate {
    /// Reads the `data` of a text of type `order`. Unknown fields are ignored; a known one of the wrong form, a
    /// negative quantity, a key that stands twice, and an update without id or status are refused.
    pub(crate) fn read(data: &tape::Value<'_, '_>, received: TsNs) -> Result<Self, TextError> {
        let object = data.as_object().ok_or(TextError::NoData)?;
        let mut keys: Vec<&str> = object.keys().collect();
        keys.sort_unstable();
        // Also if one of the two is null, and whatever the key: such a text is not the broker's.
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(TextError::Twice(short(pair[0])));
        }
        let mut update = Self { received, ..Self::default() };
        let (mut order_id, mut status, mut tags) = (None, None, None);
        for (key, value) in object.iter() {
            if value.is_null() {
                continue;
            }
            match key {
                "order_id" => order_id = Some(text(key, &value)?),
                "status" => status = Some(text(key, &value)?),
                "tags" => tags = Some(texts(key, &value)?),
                _ => update.field(key, &value)?,
            }
        }
        update.order_id = order_id.filter(|id| is_id(id)).ok_or(TextError::Field("order_id"))?;
        update.status = status.filter(|status| !status.is_empty()).ok_or(TextError::Field("status"))?;
        update.tags = tags.unwrap_or_default();
        Ok(update)
    }

    fn field(&mut self, key: &str, value: &tape::Value<'_, '_>) -> Result<(), TextError> {
        if let Some((name, place)) = self.text_field(key) {
            *place = Some(text(name, value)?);
        } else if let Some((name, place)) = self.quantity_field(key) {
            let number = decimal(name, value)?.whole().filter(|number| *number >= 0);
            *place = Some(number.ok_or(TextError::Field(name))?);
        } else if let Some((name, place)) = self.decimal_field(key) {
            *place = Some(decimal(name, value)?);
        } else if let Some(place) = self.time_field(key) {
            // Another form of time is not invented into one: the field is then absent.
            *place = value.as_str().and_then(ist_time);
        }
        Ok(())
    }

    fn text_field(&mut self, key: &str) -> Option<(&'static str, &mut Option<String>)> {
        Some(match key {
            "status_message" => ("status_message", &mut self.status_message),
            "status_message_raw" => ("status_message_raw", &mut self.status_message_raw),
            "exchange_order_id" => ("exchange_order_id", &mut self.exchange_order_id),
            "parent_order_id" => ("parent_order_id", &mut self.parent_order_id),
            "account_id" => ("account_id", &mut self.account_id),
            "user_id" => ("user_id", &mut self.user_id),
            "placed_by" => ("placed_by", &mut self.placed_by),
            "variety" => ("variety", &mut self.variety),
            "exchange" => ("exchange", &mut self.exchange),
            "tradingsymbol" => ("tradingsymbol", &mut self.tradingsymbol),
            "transaction_type" => ("transaction_type", &mut self.transaction_type),
            "order_type" => ("order_type", &mut self.order_type),
            "product" => ("product", &mut self.product),
            "validity" => ("validity", &mut self.validity),
            "tag" => ("tag", &mut self.tag),
            "guid" => ("guid", &mut self.guid),
            "checksum" => ("checksum", &mut self.checksum),
            _ => return None,
        })
    }

    fn quantity_field(&mut self, key: &str) -> Option<(&'static str, &mut Option<i64>)> {
        Some(match key {
            "instrument_token" => ("instrument_token", &mut self.instrument_token),
            "quantity" => ("quantity", &mut self.quantity),
            "disclosed_quantity" => ("disclosed_quantity", &mut self.disclosed_quantity),
            "filled_quantity" => ("filled_quantity", &mut self.filled_quantity),
            "unfilled_quantity" => ("unfilled_quantity", &mut self.unfilled_quantity),
            "pending_quantity" => ("pending_quantity", &mut self.pending_quantity),
            "cancelled_quantity" => ("cancelled_quantity", &mut self.cancelled_quantity),
            _ => return None,
        })
    }

    fn decimal_field(&mut self, key: &str) -> Option<(&'static str, &mut Option<Decimal>)> {
        Some(match key {
            "price" => ("price", &mut self.price),
            "trigger_price" => ("trigger_price", &mut self.trigger_price),
            "average_price" => ("average_price", &mut self.average_price),
            "market_protection" => ("market_protection", &mut self.market_protection),
            _ => return None,
        })
    }

    fn time_field(&mut self, key: &str) -> Option<&mut Option<TsNs>> {
        Some(match key {
            "order_timestamp" => &mut self.order_timestamp,
            "exchange_update_timestamp" => &mut self.exchange_update_timestamp,
            "exchange_timestamp" => &mut self.exchange_timestamp,
            _ => return None,
        })
    }
}

/// A key as an error shows it.
fn short(key: &str) -> String {
    key.chars().take(40).collect()
}

fn text(name: &str, value: &tape::Value<'_, '_>) -> Result<String, TextError> {
    let text = value.as_str().filter(|text| text.len() <= FIELD_BYTES_MAX);
    text.map(str::to_owned).ok_or_else(|| TextError::Form(short(name)))
}

fn texts(name: &str, value: &tape::Value<'_, '_>) -> Result<Vec<String>, TextError> {
    let array = value.as_array().filter(|array| array.len() <= TAGS_MAX);
    let array = array.ok_or_else(|| TextError::Form(name.to_owned()))?;
    array.iter().map(|value| text(name, &value)).collect()
}

fn decimal(name: &'static str, value: &tape::Value<'_, '_>) -> Result<Decimal, TextError> {
    value.as_str().and_then(Decimal::parse).ok_or(TextError::Field(name))
}

/// An id is a short word: it goes into addresses of requests.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The instant of `YYYY-MM-DD HH:MM:SS` in Indian time; `None` for any other text.
fn ist_time(text: &str) -> Option<TsNs> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    if bytes.len() != 19 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = &bytes[from..to];
        let value = |value: i64, digit: &u8| value * 10 + i64::from(*digit - b'0');
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, value))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1971 || !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let secs = days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - IST_SECS;
    u64::try_from(secs).ok()?.checked_mul(1_000_000_000).map(TsNs)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, with years that begin in March.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_indian_and_real_or_absent() {
        for (text, secs) in [
            ("2021-07-05 10:41:27", Some(1_625_461_887)),
            ("2022-03-03 09:24:25", Some(1_646_279_665)),
            ("2024-02-29 00:00:00", Some(1_709_145_000)),
            ("2000-03-01 05:30:00", Some(951_868_800)),
            ("2023-02-29 00:00:00", None),
            ("2022-13-03 09:24:25", None),
            ("2022-03-03 24:00:00", None),
            ("2022-03-03T09:24:25", None),
            ("2022-03-03 09:24:2x", None),
            ("0000-00-00 00:00:00", None),
            ("", None),
        ] {
            assert_eq!(ist_time(text), secs.map(|secs: u64| TsNs(secs * 1_000_000_000)), "{text}");
        }
    }
}
