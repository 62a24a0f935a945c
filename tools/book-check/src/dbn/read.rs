//! The records of a file.
//!
//! A file is a head and records, all little endian. Head: `DBN`, version (1 byte, 1 to 3), length of the rest (4), data set
//! (16), schema (2). A record begins with its length in words of 4 bytes (1), its type (1), publisher (2), instrument (4)
//! and time (8). Order by order (type 160), then: order id (8), price in 1e-9 (8, signed), size (4), flags (1), channel (1),
//! action (1), side (1), receive time (8), delta (4), sequence (4).
//!
//! A decoder of the one record that is needed is less than the crate of them all.

use crate::input::Source;
use crate::venue::ID_END;
use pitlane_engine::event::Side;
use pitlane_engine::units::{OrderId, Price, Qty};
use pitlane_session::exit::data;

const SCHEMAS: [&str; 20] = [
    "mbo",
    "mbp-1",
    "mbp-10",
    "tbbo",
    "trades",
    "ohlcv-1s",
    "ohlcv-1m",
    "ohlcv-1h",
    "ohlcv-1d",
    "definition",
    "statistics",
    "status",
    "imbalance",
    "ohlcv-eod",
    "cmbp-1",
    "cbbo-1s",
    "cbbo-1m",
    "tcbbo",
    "bbo-1s",
    "bbo-1m",
];
const SCHEMA_MBO: u16 = 0;
/// Several kinds of records in a file.
const SCHEMA_MIXED: u16 = u16::MAX;
const TYPE_MBO: u8 = 160;
const MBO_LENGTH: usize = 56;
const FLAG_LAST: u8 = 128;
/// A price that is not there.
const NO_PRICE: i64 = i64::MAX;
/// Half the engine's range of prices. Spreads have negative prices; the engine's are positive: all are raised by this.
const PRICE_HALF: i64 = 1 << 55;
/// Largest head.
const HEAD_MAX: usize = 1 << 26;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new order.
    Add,
    /// Another price or size.
    Modify,
    /// Size taken off an order, or the order.
    Cancel,
    /// All orders are gone.
    Clear,
    /// An order came and traded.
    Trade,
    /// A resting order is filled; what the book shows of it follows.
    Fill,
    /// Nothing about orders.
    Nothing,
}

/// An order-by-order record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The exchange's number of the instrument.
    pub instrument: u32,
    /// The order.
    pub id: OrderId,
    /// The price in 1e-9, raised by half the engine's range; zero if there is none.
    pub price: Price,
    /// The size.
    pub quantity: Qty,
    /// What it says.
    pub action: Action,
    /// The order's side; of trades the side that came.
    pub side: Option<Side>,
    /// Whether the event ends with it.
    pub is_last: bool,
}

/// The order-by-order records of a file.
pub(super) struct Records<'a> {
    source: Source<'a>,
    offset: u64,
    read: u64,
    others: u64,
}

impl<'a> Records<'a> {
    pub(super) fn open(source: Source<'a>) -> anyhow::Result<Self> {
        let mut records = Self { source, offset: 0, read: 0, others: 0 };
        let mut head = [0; 8];
        if records.fill(&mut head)? < head.len() || &head[..3] != b"DBN" {
            return Err(records.error("no DBN file; give one, plain or as .zst"));
        }
        if !(1..=3).contains(&head[3]) {
            return Err(records.error(&format!("DBN version {}; versions 1 to 3 are known", head[3])));
        }
        let length = word(&head[4..]) as usize;
        if !(18..=HEAD_MAX).contains(&length) {
            return Err(
                records.error(&format!("a head of {length} bytes; the file is damaged, fetch it again"))
            );
        }
        let mut head = vec![0; length];
        if records.fill(&mut head)? < length {
            return Err(records.cut_short());
        }
        let schema = u16::from_le_bytes([head[16], head[17]]);
        if schema != SCHEMA_MBO && schema != SCHEMA_MIXED {
            let name = SCHEMAS.get(usize::from(schema)).copied().unwrap_or("unknown");
            return Err(records.error(&format!(
                "its records are {name} (schema {schema}), not order by order (mbo); fetch the mbo schema"
            )));
        }
        Ok(records)
    }

    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    /// Records of other kinds so far.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    pub(super) fn next(&mut self) -> anyhow::Result<Option<Record>> {
        loop {
            let mut bytes = [0; 1_020];
            if self.fill(&mut bytes[..1])? == 0 {
                return Ok(None);
            }
            let length = usize::from(bytes[0]) * 4;
            if length < 16 {
                return Err(
                    self.error(&format!("a record of {length} bytes; the file is damaged, fetch it again"))
                );
            }
            if self.fill(&mut bytes[1..length])? < length - 1 {
                return Err(self.cut_short());
            }
            self.read += 1;
            if bytes[1] != TYPE_MBO {
                self.others += 1;
                continue;
            }
            if length < MBO_LENGTH {
                return Err(
                    self.error(&format!("an order-by-order record of {length} bytes, not {MBO_LENGTH}"))
                );
            }
            return self.decode(&bytes[..MBO_LENGTH]).map(Some);
        }
    }

    fn decode(&self, bytes: &[u8]) -> anyhow::Result<Record> {
        let action = match bytes[38] {
            b'A' => Action::Add,
            b'M' => Action::Modify,
            b'C' => Action::Cancel,
            b'R' => Action::Clear,
            b'T' => Action::Trade,
            b'F' => Action::Fill,
            b'N' => Action::Nothing,
            other => return Err(self.error(&format!("action {:?}", char::from(other)))),
        };
        let side = match bytes[39] {
            b'B' => Some(Side::Buy),
            b'A' => Some(Side::Sell),
            b'N' => None,
            other => return Err(self.error(&format!("side {:?}", char::from(other)))),
        };
        let id = long(&bytes[16..]);
        let price = long(&bytes[24..]) as i64;
        let price = match price {
            NO_PRICE if !matches!(action, Action::Add | Action::Modify | Action::Fill) => Price::ZERO,
            _ if (-PRICE_HALF + 1..=PRICE_HALF).contains(&price) => Price(price + PRICE_HALF),
            _ => return Err(self.error(&format!("price {price}"))),
        };
        if id >= ID_END {
            return Err(self.error(&format!("order id {id}; ids are below {ID_END}")));
        }
        Ok(Record {
            instrument: word(&bytes[4..]),
            id: OrderId(id),
            price,
            quantity: Qty(i64::from(word(&bytes[32..]))),
            action,
            side,
            is_last: bytes[36] & FLAG_LAST != 0,
        })
    }

    /// Reads until `bytes` is full or the file ends; answers how much.
    fn fill(&mut self, bytes: &mut [u8]) -> anyhow::Result<usize> {
        let mut length = 0;
        while length < bytes.len() {
            match self.source.reader.read(&mut bytes[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(
                        self.error(&format!("{error}; the file is damaged or cut short, fetch it again"))
                    );
                }
            }
        }
        self.offset += length as u64;
        Ok(length)
    }

    fn cut_short(&self) -> anyhow::Error {
        self.error("the file is cut short; fetch it again")
    }

    /// An error about the record read last.
    pub(super) fn error(&self, what: &str) -> anyhow::Error {
        let Self { source, offset, read, .. } = self;
        data(format!("{}: record {read}, before offset {offset} of what it unpacks to: {what}", source.name))
    }
}

/// The first four bytes as a number.
fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The first eight bytes as a number.
fn long(bytes: &[u8]) -> u64 {
    u64::from(word(bytes)) | u64::from(word(&bytes[4..])) << 32
}
