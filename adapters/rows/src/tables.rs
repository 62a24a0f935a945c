//! The tables. This is the one place that says what they hold: rows, the schemas of both stores and the reference in the
//! documents are made from it.
//!
//! Every table begins with the columns of [`Key`]. `kind` and `date` are names of no column, because the archive's folders
//! are called so and readers make columns of them.

mod market;
mod run;
mod trading;

pub use market::{Bar, Depth, Tick};
pub use run::{
    Alarm, Checkpoint, Command, DeadLetter, Hours, Instrument, Session, SessionTotals, TradingState,
};
pub use trading::{Equity, Fill, Order, OrderEvent, OrderRequest, Position, Signal, Verdict};

use crate::value::{Column, Date, Field, Stamp, Uuid, Value};
use pitlane_engine::event::Timeframe;

/// Version of the columns of all tables. It grows with every change of any of them.
pub const SCHEMA_VERSION: i32 = 1;

/// Most columns of a table.
pub const COLUMNS_MAX: usize = 48;

/// Where a row comes from: what tells it from every other row of its table, in every store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// The journal.
    pub journal: Uuid,
    /// Number of the session in its journal.
    pub session: i32,
    /// Its trading date.
    pub trading_date: Date,
    /// The input that is, or caused, what the row tells.
    pub seq: i64,
    /// What tells the row from others of its step: the number of the output that it tells, −1 for the input itself, and
    /// below that for what is known at the step's end.
    pub idx: i32,
    /// Its time in nanoseconds.
    pub ts_ns: i64,
}

/// The columns every table begins with. `journal`, `seq` and `idx` are the primary key.
pub const KEY_COLUMNS: &[Column] = &[
    column::<Uuid>("journal", " The journal."),
    column::<i32>("session", " Number of the session in its journal, from 1; 0 before the first."),
    column::<Date>("trading_date", " Trading date of the session, in India."),
    column::<i64>(
        "seq",
        " Place in the one order of inputs of the input that is, or caused, what the row tells.",
    ),
    column::<i32>(
        "idx",
        " What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.",
    ),
    column::<Stamp>("ts", " The sequencer's time of that input, in microseconds."),
    column::<i64>("ts_ns", " The same in nanoseconds since the Unix epoch, UTC."),
];

/// Names of the columns that tell a row from every other of its table.
pub const PRIMARY_KEY: &[&str] = &["journal", "seq", "idx"];

impl Key {
    /// It as values, one for each of [`KEY_COLUMNS`].
    pub fn values(&self) -> [Value<'static>; KEY_COLUMNS.len()] {
        [
            self.journal.value(),
            self.session.value(),
            self.trading_date.value(),
            self.seq.value(),
            self.idx.value(),
            Stamp(self.ts_ns.div_euclid(1_000)).value(),
            self.ts_ns.value(),
        ]
    }
}

/// What a field's type says of its column.
const fn column<T: Field>(name: &'static str, doc: &'static str) -> Column {
    Column { name, ty: T::TYPE, nullable: T::NULLABLE, doc }
}

/// A row of columns that a table may have.
pub trait Row {
    /// Its columns behind those of the key.
    const COLUMNS: &'static [Column];

    /// Calls `take` with its values, the key's included, in the order of the columns.
    fn with_values(&self, key: &Key, take: &mut dyn FnMut(&[Value<'_>]));
}

macro_rules! rows {
    ($($(#[doc = $rdoc:literal])+ $row:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $ty:ty,)*
    })*) => {$(
        $(#[doc = $rdoc])+
        #[derive(Clone, Copy, Debug)]
        pub struct $row<'a> {
            $($(#[doc = $doc])+ pub $field: $ty,)*
        }

        impl<'a> crate::tables::Row for $row<'a> {
            const COLUMNS: &'static [crate::value::Column] =
                &[$(crate::tables::column::<$ty>(stringify!($field), concat!($($doc),+)),)*];

            fn with_values(
                &self,
                key: &crate::tables::Key,
                take: &mut dyn FnMut(&[crate::value::Value<'_>]),
            ) {
                let [journal, session, date, seq, idx, ts, ts_ns] = key.values();
                take(&[
                    journal, session, date, seq, idx, ts, ts_ns,
                    $(crate::value::Field::value(self.$field),)*
                ]);
            }
        }
    )*};
}
use rows;

/// A table's name and what its rows are.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its name, in both stores.
    pub name: &'static str,
    /// One sentence: a row for what.
    pub doc: &'static str,
    /// The columns behind those of the key.
    pub columns: &'static [Column],
    /// Whether it grows with the market data rather than with the trading, so that a database keeps a part of it per day.
    pub large: bool,
}

macro_rules! tables {
    ($($variant:ident = $name:literal, $row:ty, $size:ident, $doc:literal;)*) => {
        /// A table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Table { $(#[doc = $doc] $variant,)* }

        impl Table {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its definition.
            pub const fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$variant => &Definition {
                        name: $name,
                        doc: $doc,
                        columns: <$row as Row>::COLUMNS,
                        large: $size,
                    },)*
                }
            }
        }
    };
}

const LARGE: bool = true;
const SMALL: bool = false;

tables! {
    Sessions = "sessions", Session<'static>, SMALL, "A trading session that was begun.";
    SessionTotals = "session_totals", SessionTotals<'static>, SMALL, "What a session had come to when it ended.";
    Instruments = "instruments", Instrument<'static>, SMALL, "An instrument of a session's table.";
    Hours = "hours", Hours<'static>, SMALL, "Hours of an instrument that are not its session's.";
    TradingStates = "trading_states", TradingState<'static>, SMALL,
        "A change of whether, and within which prices, an instrument trades.";
    Commands = "commands", Command<'static>, SMALL, "A command of an operator, or of a run's own end.";
    Alarms = "alarms", Alarm<'static>, SMALL, "Something a person had to know at once.";
    Checkpoints = "checkpoints", Checkpoint<'static>, SMALL, "A stage's state hash at the end of a step.";
    DeadLetters = "dead_letters", DeadLetter<'static>, LARGE, "Something that could not be used, and why.";
    Ticks = "ticks", Tick<'static>, LARGE, "A packet of market data.";
    Depth = "depth", Depth<'static>, LARGE, "The five levels a side of a full packet, under the key of its tick.";
    Bars1s = "bars_1s", Bar<'static>, LARGE, "A closed bar of one second.";
    Bars1m = "bars_1m", Bar<'static>, LARGE, "A closed bar of one minute.";
    Bars3m = "bars_3m", Bar<'static>, LARGE, "A closed bar of three minutes.";
    Bars5m = "bars_5m", Bar<'static>, LARGE, "A closed bar of five minutes.";
    Bars15m = "bars_15m", Bar<'static>, SMALL, "A closed bar of fifteen minutes.";
    Bars30m = "bars_30m", Bar<'static>, SMALL, "A closed bar of thirty minutes.";
    Bars60m = "bars_60m", Bar<'static>, SMALL, "A closed bar of sixty minutes.";
    BarsDay = "bars_day", Bar<'static>, SMALL, "A closed bar of a session.";
    Signals = "signals", Signal<'static>, LARGE, "What a strategy wanted, and why.";
    Verdicts = "verdicts", Verdict<'static>, LARGE, "What risk decided about a proposed order, and by which rule.";
    Orders = "orders", Order<'static>, LARGE, "An order on its way to the venue.";
    OrderRequests = "order_requests", OrderRequest<'static>, LARGE, "A request to cancel or to change an order.";
    OrderEvents = "order_events", OrderEvent<'static>, LARGE, "An execution report, when it reached the sequencer.";
    Fills = "fills", Fill<'static>, LARGE, "A fill of an order, with what it was charged.";
    Positions = "positions", Position<'static>, LARGE,
        "A strategy's position in an instrument after a fill, and at the session's end.";
    Equity = "equity", Equity<'static>, LARGE, "The account at the end of a minute.";
}

impl Table {
    /// Its name, in both stores.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// The table of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// Its columns, the key's first.
    pub fn columns(self) -> impl ExactSizeIterator<Item = &'static Column> {
        let behind = self.definition().columns;
        (0..KEY_COLUMNS.len() + behind.len())
            .map(move |at| KEY_COLUMNS.get(at).unwrap_or_else(|| &behind[at - KEY_COLUMNS.len()]))
    }

    /// The place of a column.
    pub fn column(self, name: &str) -> Option<usize> {
        self.columns().position(|column| column.name == name)
    }

    /// The place of `instrument_id`, in a table that has it.
    pub fn instrument_column(self) -> Option<usize> {
        let first = self.definition().columns.first();
        first.is_some_and(|column| column.name == "instrument_id").then_some(KEY_COLUMNS.len())
    }

    /// The table of closed bars of a period.
    pub const fn of_bars(timeframe: Timeframe) -> Self {
        match timeframe {
            Timeframe::S1 => Self::Bars1s,
            Timeframe::M1 => Self::Bars1m,
            Timeframe::M3 => Self::Bars3m,
            Timeframe::M5 => Self::Bars5m,
            Timeframe::M15 => Self::Bars15m,
            Timeframe::M30 => Self::Bars30m,
            Timeframe::M60 => Self::Bars60m,
            Timeframe::Day => Self::BarsDay,
        }
    }
}

/// A set of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables(u64);

const _: () = assert!(Table::ALL.len() <= 64);

impl Tables {
    /// Every table.
    pub const ALL: Self = Self((1 << Table::ALL.len()) - 1);
    /// No table.
    pub const NONE: Self = Self(0);

    /// Whether `table` is one of them.
    pub const fn has(self, table: Table) -> bool {
        self.0 & 1 << table as u8 != 0
    }

    /// These and `table`.
    #[must_use]
    pub const fn with(self, table: Table) -> Self {
        Self(self.0 | 1 << table as u8)
    }

    /// These without `table`.
    #[must_use]
    pub const fn without(self, table: Table) -> Self {
        Self(self.0 & !(1 << table as u8))
    }

    /// They in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Table> {
        Table::ALL.iter().copied().filter(move |table| self.has(*table))
    }
}

/// Whoever keeps rows.
pub trait RowSink {
    /// The tables it wants rows of; no others are made for it.
    fn wants(&self) -> Tables {
        Tables::ALL
    }

    /// Takes a row: one value for each of the table's columns, in their order. It is called in the order of `seq` and may
    /// only gather: whatever can fail is done between steps, by whoever owns the sink.
    fn append(&mut self, table: Table, row: &[Value<'_>]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_told_apart_and_no_column_is_called_as_a_folder() {
        let names: BTreeSet<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        assert_eq!(names.len(), Table::ALL.len());
        for &table in Table::ALL {
            let columns: BTreeSet<&str> = table.columns().map(|column| column.name).collect();
            assert_eq!(columns.len(), table.columns().len(), "{table:?}");
            assert!(table.columns().len() <= COLUMNS_MAX, "{table:?}");
            assert!(!columns.contains("kind") && !columns.contains("date"), "{table:?}");
            assert!(table.columns().all(|column| !column.doc.trim().is_empty()), "{table:?}");
            assert_eq!(Table::from_name(table.name()), Some(table));
            assert_eq!(Table::ALL[table as usize], table);
            assert_eq!(table.instrument_column(), table.column("instrument_id"), "{table:?}");
        }
        for key in PRIMARY_KEY {
            assert!(KEY_COLUMNS.iter().any(|column| column.name == *key && !column.nullable));
        }
    }

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let set = Tables::ALL.without(Table::Ticks);
        assert!(!set.has(Table::Ticks) && set.has(Table::Equity));
        assert_eq!(set.iter().count(), Table::ALL.len() - 1);
        assert_eq!(Tables::NONE.with(Table::Fills).iter().collect::<Vec<_>>(), [Table::Fills]);
    }
}
