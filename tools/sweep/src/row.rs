//! What one set came to on one day: fixed bytes, so that results have fixed places in their file.

use pitlane_engine::units::Money;
use pitlane_report::{Day, DayPath, Report};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Bytes of a row in the file.
pub(crate) const ROW_BYTES: usize = 256;

/// The program refuses the combination of the set's values: nothing was run.
pub(crate) const REFUSED: u32 = 1;
/// The session was recorded to its end.
pub(crate) const ENDED: u32 = 2;
/// Risk stopped the trading before it.
pub(crate) const STOPPED: u32 = 4;

/// The figures of a run's day. Amounts are in 1/10,000 rupee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Row {
    /// The set, from 1: zero bytes are no row.
    number: u64,
    /// Trading date as yyyymmdd.
    pub date: u32,
    /// `REFUSED`, `ENDED`, `STOPPED`.
    pub(crate) flags: u32,
    /// Of the run's configuration text.
    pub config_hash: u64,
    /// Of the whole run, as `whatif` prints it; all sessions of a journal have the same.
    state_hash: [u8; 16],
    /// What the return is a share of.
    pub base: i64,
    /// Profit before charges.
    pub gross: i64,
    /// What was charged.
    pub charges: i64,
    /// Value of the fills.
    pub turnover: i64,
    /// Sum of the net profits of trades that won.
    pub won: i64,
    /// Sum of the net profits of trades that lost: below zero.
    pub lost: i64,
    /// The account's highest value, against the day's beginning.
    pub high: i64,
    /// The lowest.
    pub low: i64,
    /// The deepest fall within the day, from its beginning on.
    pub drawdown: i64,
    /// Trades that ended.
    pub trades: u64,
    /// Those of them with a net profit.
    pub wins: u64,
    /// Trades that were open at the journal's end.
    pub open: u64,
    /// Orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    crc: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<Row>() <= ROW_BYTES);

impl Row {
    /// The place of a set that is refused.
    pub(crate) fn refused(set: u64, date: u32) -> Self {
        Self { number: set + 1, date, flags: REFUSED, ..Self::default() }
    }

    /// The rows of a run of `set`, one for each of its days.
    pub(crate) fn of(set: u64, report: &Report, config_hash: u64, state_hash: u128) -> Vec<Self> {
        let paths = report.day_paths();
        let days = report.days.iter().zip(paths);
        days.map(|(day, path)| Self {
            number: set + 1,
            date: day.date,
            flags: if day.ended { ENDED } else { 0 } | if day.stopped.is_some() { STOPPED } else { 0 },
            config_hash,
            state_hash: state_hash.to_le_bytes(),
            base: day.base.0,
            gross: day.gross.0,
            charges: day.charges.0,
            turnover: day.turnover.0,
            high: path.high.0,
            low: path.low.0,
            drawdown: path.drawdown.0,
            trades: day.trades,
            wins: day.wins,
            orders: day.sent.0,
            fills: day.sent.1,
            ..Self::default()
        })
        .map(|row| row.with_trades(report))
        .collect()
    }

    fn with_trades(mut self, report: &Report) -> Self {
        for trade in report.trades.iter().filter(|trade| trade.date == self.date) {
            if trade.is_open {
                self.open += 1;
            } else if trade.net() > Money::ZERO {
                self.won += trade.net().0;
            } else {
                self.lost += trade.net().0;
            }
        }
        self
    }

    /// The set.
    pub fn set(&self) -> u64 {
        self.number - 1
    }

    /// Whether the program refuses the set.
    pub fn is_refused(&self) -> bool {
        self.flags & REFUSED != 0
    }

    /// Whether risk stopped the trading.
    pub(crate) fn is_stopped(&self) -> bool {
        self.flags & STOPPED != 0
    }

    /// The run's state hash.
    pub fn state_hash(&self) -> u128 {
        u128::from_le_bytes(self.state_hash)
    }

    /// Profit after charges.
    pub fn net(&self) -> i64 {
        self.gross - self.charges
    }

    /// How the account went within the day.
    pub(crate) fn path(&self) -> DayPath {
        DayPath { high: Money(self.high), low: Money(self.low), drawdown: Money(self.drawdown) }
    }

    /// The day as reports have it, for their ratios.
    pub(crate) fn day(&self) -> Day {
        let base = Money(self.base);
        Day {
            date: self.date,
            equity: (base, base + Money(self.net())),
            base,
            gross: Money(self.gross),
            charges: Money(self.charges),
            turnover: Money(self.turnover),
            trades: self.trades,
            wins: self.wins,
            sent: (self.orders, self.fills),
            drawdown: Money(self.drawdown),
            stopped: None,
            ended: self.flags & ENDED != 0,
        }
    }

    /// The bytes of the file.
    pub(crate) fn to_bytes(mut self) -> [u8; ROW_BYTES] {
        self.crc = 0;
        self.crc = crc32c::crc32c(self.as_bytes());
        let mut bytes = [0; ROW_BYTES];
        bytes[..size_of::<Self>()].copy_from_slice(self.as_bytes());
        bytes
    }

    /// The row of set `set` on `date`, if the bytes are one that was written whole.
    pub(crate) fn from_bytes(bytes: &[u8], set: u64, date: u32) -> Option<Self> {
        let row = Self::read_from_bytes(&bytes[..size_of::<Self>()]).ok()?;
        let whole = Self { crc: 0, ..row };
        let sound = crc32c::crc32c(whole.as_bytes()) == row.crc && row.number == set + 1 && row.date == date;
        sound.then_some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_a_row_only_if_all_of_them_are_its() {
        let row = Row { number: 8, date: 20_210_412, gross: -5, ..Row::default() };
        let bytes = row.to_bytes();
        assert_eq!(Row::from_bytes(&bytes, 7, 20_210_412), Some(row));
        assert_eq!(Row::from_bytes(&bytes, 8, 20_210_412), None, "of another set");
        assert_eq!(Row::from_bytes(&bytes, 7, 20_210_413), None, "of another day");
        assert_eq!(Row::from_bytes(&[0; ROW_BYTES], 0, 0), None, "a hole");
        for at in 0..size_of::<Row>() {
            let mut torn = bytes;
            torn[at] ^= 1;
            assert_eq!(Row::from_bytes(&torn, 7, 20_210_412), None, "byte {at}");
        }
    }
}
