//! The two files of a day, row by row.

use crate::input::{Rows, Source};
use crate::venue::ID_END;
use pitlane_engine::book::QUANTITY_MAX;
use pitlane_engine::event::Side;
use pitlane_engine::units::{Price, Qty};
use std::collections::VecDeque;

const MESSAGE_COLUMNS: &str = "time,type,id,size,price,direction";
const ROW_COLUMNS: &str = "ask price,ask size,bid price,bid size, the same of the next level, ...";
/// What stands for a price where there is no level, with either sign.
const NO_PRICE: i64 = 9_999_999_999;
/// Messages of one run at most, so that memory is bounded.
const RUN_MAX: usize = 1 << 16;
/// Largest price of the files' scale, which is the engine's.
const PRICE_END: i64 = 1 << 48;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Type 1: a new limit order.
    New,
    /// Type 2: a part of an order is cancelled.
    Reduction,
    /// Type 3: an order is cancelled.
    Deletion,
    /// Type 4: a visible order trades.
    Execution,
    /// Types 5 (a hidden order trades) and 6 (a cross).
    Hidden,
    /// Type 7: trading is halted (price -1), quotes begin (0), trading goes on (1).
    Halt,
}

/// A message. For executions the side is that of the resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its row, from zero.
    pub index: u64,
    /// Nanoseconds after midnight.
    pub time: u64,
    /// What it is.
    pub kind: Kind,
    /// The order.
    pub id: u64,
    /// The quantity.
    pub quantity: Qty,
    /// The price.
    pub price: Price,
    /// The side of the order.
    pub side: Side,
}

/// A level of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The quantity there.
    pub quantity: Qty,
}

/// The book after a message, best levels first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Levels of buys.
    pub bids: Vec<Level>,
    /// Levels of sells.
    pub asks: Vec<Level>,
}

impl Row {
    /// The levels of a side.
    pub fn side(&self, side: Side) -> &[Level] {
        if side == Side::Buy { &self.bids } else { &self.asks }
    }
}

/// Messages with their rows.
pub(super) struct Pairs<'m, 'r> {
    messages: Rows<'m>,
    rows: Rows<'r>,
    levels: usize,
    index: u64,
    ahead: VecDeque<(Message, Row)>,
}

impl<'m, 'r> Pairs<'m, 'r> {
    pub(super) fn open(messages: Source<'m>, rows: Source<'r>) -> anyhow::Result<Self> {
        let (messages, rows) = (Rows::new(messages, MESSAGE_COLUMNS), Rows::new(rows, ROW_COLUMNS));
        Ok(Self { messages, rows, levels: 0, index: 0, ahead: VecDeque::new() })
    }

    pub(super) fn name(&self) -> &str {
        self.messages.name()
    }

    /// Levels a side.
    pub(super) fn levels(&self) -> usize {
        self.levels
    }

    pub(super) fn next(&mut self) -> anyhow::Result<Option<(Message, Row)>> {
        match self.ahead.pop_front() {
            Some(pair) => Ok(Some(pair)),
            None => self.read(),
        }
    }

    /// The run that begins with an execution, up to its last one.
    pub(super) fn run_of(&mut self, message: Message, row: Row) -> anyhow::Result<Vec<(Message, Row)>> {
        let mut more = 0;
        for at in 0.. {
            if at == self.ahead.len() {
                let Some(pair) = self.read()? else { break };
                self.ahead.push_back(pair);
            }
            let next = &self.ahead[at].0;
            if next.time != message.time {
                break;
            }
            match next.kind {
                Kind::Execution if next.side == message.side => more = at + 1,
                Kind::Hidden => {}
                _ => break,
            }
            if at == RUN_MAX {
                return Err(self.messages.error("more than 65536 executions at one time"));
            }
        }
        let mut run = vec![(message, row)];
        run.extend(self.ahead.drain(..more));
        Ok(run)
    }

    fn read(&mut self) -> anyhow::Result<Option<(Message, Row)>> {
        match (self.messages.advance()?, self.rows.advance()?) {
            (false, false) => return Ok(None),
            (true, true) => {}
            (has_message, _) => {
                let ends = |name: &str| {
                    format!("{name} ends before it; both files must have a row for each message")
                };
                return Err(if has_message {
                    self.messages.error(&ends(self.rows.name()))
                } else {
                    self.rows.error(&ends(self.messages.name()))
                });
            }
        }
        let pair = (self.message()?, self.row()?);
        self.index += 1;
        Ok(Some(pair))
    }

    fn message(&self) -> anyhow::Result<Message> {
        let rows = &self.messages;
        let [time, kind, id, quantity, price, direction] = rows.fields()?;
        let time =
            nanoseconds(time).ok_or_else(|| rows.error(&format!("time `{time}` is no number of seconds")))?;
        let kind = match rows.integer("type", kind, 1, 7)? {
            1 => Kind::New,
            2 => Kind::Reduction,
            3 => Kind::Deletion,
            4 => Kind::Execution,
            5 | 6 => Kind::Hidden,
            _ => Kind::Halt,
        };
        let shows = !matches!(kind, Kind::Hidden | Kind::Halt);
        let id = rows.integer("id", id, i64::from(kind == Kind::New), ID_END as i64 - 1)?;
        let least = i64::from(shows);
        let quantity = rows.integer("size", quantity, least, QUANTITY_MAX.0)?;
        let price = rows.integer("price", price, if shows { 1 } else { -1 }, PRICE_END)?;
        let side = match direction {
            "1" => Side::Buy,
            "-1" => Side::Sell,
            _ => return Err(rows.error(&format!("direction `{direction}` is neither 1 nor -1"))),
        };
        let (quantity, price) = (Qty(quantity), Price(price));
        Ok(Message { index: self.index, time, kind, id: id as u64, quantity, price, side })
    }

    fn row(&mut self) -> anyhow::Result<Row> {
        let rows = &self.rows;
        let columns = rows.text().split(',').count();
        if self.levels == 0 {
            if !columns.is_multiple_of(4) {
                return Err(rows.error(&format!("{columns} columns, not four a level")));
            }
            self.levels = columns / 4;
        }
        if columns != self.levels * 4 {
            return Err(rows.error(&format!("{columns} columns instead of {}", self.levels * 4)));
        }
        let mut fields = rows.text().split(',');
        let mut level = |side: &str, levels: &mut Vec<Level>| -> anyhow::Result<()> {
            let (price, quantity) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            let price = rows.integer(&format!("{side} price"), price, -NO_PRICE, PRICE_END)?;
            let quantity = rows.integer(&format!("{side} size"), quantity, 0, QUANTITY_MAX.0)?;
            if price.abs() == NO_PRICE {
                return Ok(());
            }
            if price <= 0 || quantity == 0 {
                return Err(rows.error(&format!("a level of {side} price {price} and size {quantity}")));
            }
            levels.push(Level { price: Price(price), quantity: Qty(quantity) });
            Ok(())
        };
        let mut row = Row { bids: Vec::with_capacity(self.levels), asks: Vec::with_capacity(self.levels) };
        for _ in 0..self.levels {
            level("ask", &mut row.asks)?;
            level("bid", &mut row.bids)?;
        }
        Ok(row)
    }
}

/// Seconds as nanoseconds. Some rows have more than nine decimals, the traces of a float: they are rounded.
fn nanoseconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || fraction.len() > 18 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<18}").parse().ok()?;
    Some(whole * 1_000_000_000 + (fraction + 500_000_000) / 1_000_000_000)
}

/// Nanoseconds as seconds.
pub(super) fn seconds(time: u64) -> String {
    format!("{}.{:09}", time / 1_000_000_000, time % 1_000_000_000)
}
