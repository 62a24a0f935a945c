//! What a set of rows comes to, whatever order they come in: how two stores of the same rows are compared.

use crate::postgres;
use crate::tables::{COLUMNS_MAX, RowSink, Table, Tables};
use crate::value::{Date, Value};
use pitlane_engine::hash::StateHasher;
use std::collections::BTreeMap;

/// Rows that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Their table.
    pub table: Table,
    /// Their trading date.
    pub date: Date,
    /// Their instrument's place in its session's table; `None` for rows and tables without one.
    pub instrument: Option<i32>,
}

/// What the rows of a group come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many there are.
    pub rows: u64,
    /// Sums of the columns, in their order; 0 where the type has no sum.
    pub sums: Vec<i128>,
    /// Sum, modulo 2^128, of a hash of each row as [`postgres::row`] writes it: of every bit of every value.
    pub checksum: u128,
}

/// Counts rows by table, date and instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    groups: BTreeMap<Group, Count>,
    line: Vec<u8>,
    tables: Option<Tables>,
}

impl Tally {
    /// Nothing counted yet; all tables are wanted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same of some tables alone.
    pub fn of(tables: Tables) -> Self {
        Self { tables: Some(tables), ..Self::default() }
    }

    /// The groups with what they come to, in their order.
    pub fn groups(&self) -> &BTreeMap<Group, Count> {
        &self.groups
    }

    /// Rows of a table, of all dates and instruments.
    pub fn rows(&self, table: Table) -> u64 {
        self.groups.iter().filter(|(group, _)| group.table == table).map(|(_, count)| count.rows).sum()
    }

    /// The groups of which the two have not the same, with what each has.
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<(Group, Option<&'a Count>, Option<&'a Count>)> {
        let mut groups: Vec<Group> = self.groups.keys().chain(other.groups.keys()).copied().collect();
        groups.sort_unstable();
        groups.dedup();
        let both = |group: Group| (group, self.groups.get(&group), other.groups.get(&group));
        groups.into_iter().map(both).filter(|(_, one, other)| one != other).collect()
    }
}

/// The hash of one row as [`postgres::row`] writes it, and as the server gives it back from a binary `COPY … TO`.
pub fn row_hash(encoded: &[u8]) -> u128 {
    let mut hasher = StateHasher::new(0);
    hasher.bytes(encoded);
    hasher.finish()
}

/// Place of the trading date among the columns of the key.
const DATE_AT: usize = 2;

impl RowSink for Tally {
    fn wants(&self) -> Tables {
        self.tables.unwrap_or(Tables::ALL)
    }

    fn append(&mut self, table: Table, row: &[Value<'_>]) {
        assert!(row.len() <= COLUMNS_MAX, "no table has so many columns");
        let Value::Date(date) = row[DATE_AT] else {
            unreachable!("every table has a trading date in its key")
        };
        let instrument = table.instrument_column().and_then(|at| match row[at] {
            Value::I32(id) => Some(id),
            _ => None,
        });
        self.line.clear();
        postgres::row(&mut self.line, table, row);
        let hash = row_hash(&self.line);
        let group = Group { table, date: Date(date), instrument };
        let count = self.groups.entry(group).or_insert_with(|| Count {
            rows: 0,
            sums: vec![0; row.len()],
            checksum: 0,
        });
        count.rows += 1;
        count.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value.summand());
        count.checksum = count.checksum.wrapping_add(hash);
    }
}
