//! Orders, trades and positions as the broker lists them.

use super::{WireError, id, number, text};
use crate::decimal::Decimal;
use pitlane_engine::event::Side;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Rows of a list, and how many of it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    /// The rows that could be read, in the broker's order.
    pub rows: Vec<T>,
    /// Rows that could not.
    pub unreadable: usize,
    /// Of those, what says whose they are. A row of somebody else's order may be as odd as it likes.
    pub odd: Vec<OddRow>,
}

/// An order's row that could not be read as one, and what could be read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddRow {
    /// The broker's id.
    pub order_id: String,
    /// `tag` and `tags` together; `None` if they could not be read.
    pub tags: Option<Vec<String>>,
    /// As `NSE`; empty if it is not given.
    pub exchange: String,
    /// As `RELIANCE`; empty if it is not given.
    pub symbol: String,
}

/// One order as the broker describes it: a row of a list, or what the ticker brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// The broker's id.
    pub order_id: String,
    /// `tag` and `tags` together.
    pub tags: Vec<String>,
    /// The broker's status, as `OPEN`; the list of them is open-ended.
    pub status: String,
    /// Why, in the broker's words; empty if it gives none.
    pub message: String,
    /// As `NSE`.
    pub exchange: String,
    /// As `RELIANCE`.
    pub symbol: String,
    /// Buy or sell.
    pub side: Side,
    /// Quantity of the order, what is filled included.
    pub quantity: i64,
    /// Filled so far.
    pub filled: i64,
    /// Average price of what is filled, as it is shown.
    pub average: Decimal,
    /// Limit price, zero if there is none.
    pub price: Decimal,
    /// Trigger, zero if there is none.
    pub trigger: Decimal,
    /// As `MIS`; empty if it is not given.
    pub product: String,
    /// As `regular`; empty if it is not given.
    pub variety: String,
}

#[derive(Deserialize)]
struct RawOrder<'a> {
    #[serde(borrow, default)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tag: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status_message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    exchange: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tradingsymbol: Option<&'a RawValue>,
    #[serde(borrow, default)]
    transaction_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    quantity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    filled_quantity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    average_price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    trigger_price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    product: Option<&'a RawValue>,
    #[serde(borrow, default)]
    variety: Option<&'a RawValue>,
}

impl OrderRow {
    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        let raw: RawOrder<'_> = serde_json::from_str(raw.get()).ok()?;
        let mut tags: Vec<String> = text(raw.tag).into_iter().collect();
        if let Some(list) = raw.tags.and_then(|list| serde_json::from_str::<Vec<&RawValue>>(list.get()).ok())
        {
            tags.extend(list.into_iter().filter_map(|tag| text(Some(tag))));
        }
        tags.dedup();
        let filled = number(raw.filled_quantity)?.whole()?;
        let average = match number(raw.average_price) {
            // Nothing is filled, so there is no average: null and absent are as good as 0.
            None if filled == 0 && is_null(raw.average_price) => Decimal::ZERO,
            average => average?,
        };
        let row = Self {
            order_id: id(raw.order_id)?,
            tags,
            status: text(raw.status).filter(|status| !status.is_empty())?,
            message: text(raw.status_message).unwrap_or_default(),
            exchange: text(raw.exchange)?,
            symbol: text(raw.tradingsymbol)?,
            side: side(raw.transaction_type)?,
            quantity: number(raw.quantity)?.whole()?,
            filled,
            average,
            price: number(raw.price).unwrap_or(Decimal::ZERO),
            trigger: number(raw.trigger_price).unwrap_or(Decimal::ZERO),
            product: text(raw.product).unwrap_or_default(),
            variety: text(raw.variety).unwrap_or_default(),
        };
        let sane = row.quantity > 0 && (0..=row.quantity).contains(&row.filled) && row.average.mantissa >= 0;
        sane.then_some(row)
    }
}

fn is_null(raw: Option<&RawValue>) -> bool {
    raw.is_none_or(|raw| raw.get() == "null")
}

impl OddRow {
    /// What a row says of whose it is: at least its id, and nothing that could be ours and is not understood.
    fn read(raw: &RawValue) -> Option<Self> {
        let raw: RawOrder<'_> = serde_json::from_str(raw.get()).ok()?;
        let one = if is_null(raw.tag) { Some(Vec::new()) } else { text(raw.tag).map(|tag| vec![tag]) };
        let list = if is_null(raw.tags) {
            Some(Vec::new())
        } else {
            raw.tags.and_then(|list| serde_json::from_str::<Vec<String>>(list.get()).ok())
        };
        Some(Self {
            order_id: id(raw.order_id)?,
            tags: one.zip(list).map(|(one, list)| [one, list].concat()),
            exchange: text(raw.exchange).unwrap_or_default(),
            symbol: text(raw.tradingsymbol).unwrap_or_default(),
        })
    }
}

fn side(raw: Option<&RawValue>) -> Option<Side> {
    match text(raw)?.as_str() {
        "BUY" => Some(Side::Buy),
        "SELL" => Some(Side::Sell),
        _ => None,
    }
}

/// One trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeRow {
    /// Unique with its exchange and day.
    pub trade_id: String,
    /// The broker's id of the order.
    pub order_id: String,
    /// Units traded.
    pub quantity: i64,
    /// Its price in 1/10,000.
    pub price: i64,
}

#[derive(Deserialize)]
struct RawTrade<'a> {
    #[serde(borrow)]
    trade_id: &'a RawValue,
    #[serde(borrow)]
    order_id: &'a RawValue,
    #[serde(borrow)]
    quantity: &'a RawValue,
    #[serde(borrow)]
    average_price: &'a RawValue,
}

impl TradeRow {
    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        let raw: RawTrade<'_> = serde_json::from_str(raw.get()).ok()?;
        let row = Self {
            trade_id: id(Some(raw.trade_id))?,
            order_id: id(Some(raw.order_id))?,
            quantity: number(Some(raw.quantity))?.whole()?,
            price: number(Some(raw.average_price))?.scaled()?,
        };
        (row.quantity > 0 && row.price > 0).then_some(row)
    }
}

/// One net position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionRow {
    /// As `NSE`.
    pub exchange: String,
    /// As `RELIANCE`.
    pub symbol: String,
    /// As `MIS`.
    pub product: String,
    /// Signed units.
    pub quantity: i64,
}

#[derive(Deserialize)]
struct RawPosition<'a> {
    #[serde(borrow)]
    exchange: &'a RawValue,
    #[serde(borrow)]
    tradingsymbol: &'a RawValue,
    #[serde(borrow)]
    product: &'a RawValue,
    #[serde(borrow)]
    quantity: &'a RawValue,
}

impl PositionRow {
    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        let raw: RawPosition<'_> = serde_json::from_str(raw.get()).ok()?;
        Some(Self {
            exchange: text(Some(raw.exchange))?,
            symbol: text(Some(raw.tradingsymbol))?,
            product: text(Some(raw.product))?,
            quantity: number(Some(raw.quantity))?.whole()?,
        })
    }
}

/// Reads a list row by row, so that one bad row costs itself alone.
pub(super) fn list<T>(data: &RawValue, read: fn(&RawValue) -> Option<T>) -> Result<List<T>, WireError> {
    // A user without orders gets an empty list; some answers have null instead.
    let raw: Option<Vec<&RawValue>> =
        serde_json::from_str(data.get()).map_err(|_| WireError::Data("list"))?;
    let raw = raw.unwrap_or_default();
    let rows: Vec<T> = raw.iter().filter_map(|row| read(row)).collect();
    let unreadable = raw.len() - rows.len();
    Ok(List { rows, unreadable, odd: Vec::new() })
}

/// As [`list`], of orders, with what can be read of odd rows.
pub(super) fn orders(data: &RawValue) -> Result<List<OrderRow>, WireError> {
    let mut read = list(data, OrderRow::read)?;
    if read.unreadable > 0 {
        let raw: Vec<&RawValue> = serde_json::from_str(data.get()).map_err(|_| WireError::Data("list"))?;
        let odd = raw.iter().filter(|row| OrderRow::read(row).is_none());
        read.odd = odd.filter_map(|row| OddRow::read(row)).collect();
    }
    Ok(read)
}
