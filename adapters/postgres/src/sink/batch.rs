//! Rows as COPY wants them, and their way to the server.

use crate::migrations;
use pitlane_rows::postgres as encoding;
use pitlane_rows::{Date, RowSink, Table, Tables, Value};
use postgres::Transaction;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Rows of one transaction, by table.
pub(super) struct Batch {
    wants: Tables,
    /// By the tables' numbers: the header and rows, or nothing.
    lines: Vec<Vec<u8>>,
    rows: u64,
    bytes: usize,
    /// Parts of large tables that the rows are of.
    parts: BTreeSet<(Table, Date)>,
    /// By the tables' numbers: the date of the last row.
    last: Vec<Option<i32>>,
}

/// Place of the trading date among the columns of the key.
const DATE_AT: usize = 2;

impl Batch {
    pub(super) fn new(wants: Tables) -> Self {
        let lines = Table::ALL.iter().map(|_| Vec::new()).collect();
        let last = vec![None; Table::ALL.len()];
        Self { wants, lines, rows: 0, bytes: 0, parts: BTreeSet::new(), last }
    }

    pub(super) fn append(&mut self, table: Table, row: &[Value<'_>]) {
        if !self.wants.has(table) {
            return;
        }
        let at = table as usize;
        let lines = &mut self.lines[at];
        let before = lines.len();
        if lines.is_empty() {
            encoding::begin(lines);
        }
        encoding::row(lines, table, row);
        self.bytes += lines.len() - before;
        self.rows += 1;
        if let Value::Date(date) = row[DATE_AT]
            && self.last[at] != Some(date)
            && table.definition().large
        {
            self.last[at] = Some(date);
            self.parts.insert((table, Date(date)));
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn parts(&self) -> &BTreeSet<(Table, Date)> {
        &self.parts
    }

    /// Forgets the rows; how many rows and bytes there were.
    pub(super) fn clear(&mut self) -> (u64, u64) {
        self.lines.iter_mut().for_each(Vec::clear);
        self.last.fill(None);
        self.parts.clear();
        (std::mem::take(&mut self.rows), std::mem::take(&mut self.bytes) as u64)
    }

    /// Copies all rows, and keeps them: the transaction may fail yet.
    fn copy(&self, transaction: &mut Transaction<'_>) -> Result<(), postgres::Error> {
        for (&table, lines) in Table::ALL.iter().zip(&self.lines).filter(|(_, lines)| !lines.is_empty()) {
            let mut writer = transaction.copy_in(&encoding::copy_statement(table))?;
            match write(&mut writer, lines) {
                Ok(()) => _ = writer.finish()?,
                // The server refused rows already sent, and says why only now; if it says nothing, the connection is gone.
                Err(error) => {
                    return Err(match (writer.finish(), inner(error)) {
                        (Err(said), Some(sent)) if said.as_db_error().is_none() => sent,
                        (Err(said), _) => said,
                        (Ok(_), Some(sent)) => sent,
                        (Ok(_), None) => unreachable!("the writer fails with the client's own errors alone"),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Bytes handed to the client at a time: it buffers 4 KiB, or what it is given.
const CHUNK: usize = 64 << 10;

fn write(writer: &mut impl Write, lines: &[u8]) -> io::Result<()> {
    for chunk in lines.chunks(CHUNK) {
        writer.write_all(chunk)?;
    }
    let mut trailer = Vec::new();
    encoding::end(&mut trailer);
    writer.write_all(&trailer)
}

fn inner(error: io::Error) -> Option<postgres::Error> {
    error.into_inner()?.downcast().ok().map(|error| *error)
}

/// Takes rows within a transaction, and copies them on whenever they are many.
pub(super) struct Loader<'a, 't> {
    transaction: &'a mut Transaction<'t>,
    batch: &'a mut Batch,
    /// Parts that are there.
    parts: &'a mut BTreeSet<(Table, Date)>,
    batch_bytes: usize,
    /// Rows and bytes copied so far; `append` cannot fail, so the first error waits here.
    copied: (u64, u64),
    failed: Option<postgres::Error>,
}

impl<'a, 't> Loader<'a, 't> {
    pub(super) fn new(
        transaction: &'a mut Transaction<'t>,
        batch: &'a mut Batch,
        parts: &'a mut BTreeSet<(Table, Date)>,
        batch_bytes: usize,
    ) -> Self {
        Self { transaction, batch, parts, batch_bytes, copied: (0, 0), failed: None }
    }

    fn spill(&mut self) -> Result<(), postgres::Error> {
        let new: Vec<(Table, Date)> = self.batch.parts.difference(self.parts).copied().collect();
        migrations::make_parts(self.transaction, new.iter().copied())?;
        self.batch.copy(self.transaction)
    }

    /// Copies what is left; how many rows there were in all. They stay counted in the batch.
    pub(super) fn finish(mut self) -> Result<u64, postgres::Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.spill()?;
        self.batch.rows += self.copied.0;
        self.batch.bytes += self.copied.1 as usize;
        Ok(self.batch.rows)
    }
}

impl RowSink for Loader<'_, '_> {
    fn wants(&self) -> Tables {
        self.batch.wants
    }

    fn append(&mut self, table: Table, row: &[Value<'_>]) {
        if self.failed.is_some() {
            return;
        }
        self.batch.append(table, row);
        if self.batch.bytes >= self.batch_bytes {
            self.failed = self.spill().err();
            let (rows, bytes) = self.batch.clear();
            self.copied = (self.copied.0 + rows, self.copied.1 + bytes);
        }
    }
}
