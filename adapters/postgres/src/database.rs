//! A database as its readers see it: its schema, what is in it, and the rows themselves.

use crate::error::PgError;
use crate::link;
use crate::migrations::{self, Migrated, SCHEMA_LATEST};
use crate::target::Target;
use pitlane_rows::postgres::{DecodeError, read_begin, read_row};
use pitlane_rows::{Date, Offset, RowSink, Table, Tables, Tally, Uuid};
use postgres::{Client, GenericClient, Transaction};
use std::io::Read;

/// Up to where a group of a journal's tables is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The journal, as text.
    pub journal: String,
    /// The group.
    pub group: String,
    /// Its tables' names, in the order of their numbers.
    pub tables: Vec<String>,
    /// Up to where the journal is in them.
    pub offset: Offset,
    /// Rows written.
    pub total_rows: u64,
    /// When, in microseconds since the Unix epoch.
    pub updated_us: i64,
}

/// A connection for everything but writing rows.
pub struct Database {
    client: Client,
    at: String,
}

impl Database {
    /// Connects; changes nothing.
    ///
    /// # Errors
    /// See [`PgError`].
    pub fn connect(target: &Target) -> Result<Self, PgError> {
        let client = link::connect(target, &link::application())?;
        Ok(Self { client, at: target.to_string() })
    }

    /// The version of the schema, 0 for none.
    ///
    /// # Errors
    /// If it is newer than this program or not its own, or the database fails.
    pub fn schema_version(&mut self) -> Result<i32, PgError> {
        migrations::version(&mut self.client, &self.at)
    }

    /// Brings the schema up to date, all or nothing.
    ///
    /// # Errors
    /// If it is newer than this program, not its own, or the database fails.
    pub fn migrate(&mut self) -> Result<Migrated, PgError> {
        migrations::migrate(&mut self.client, &self.at)
    }

    /// What is there of all journals, those written last first.
    ///
    /// # Errors
    /// If the schema is not this program's, or the database fails.
    pub fn stored(&mut self) -> Result<Vec<Stored>, PgError> {
        self.check()?;
        query_stored(&mut self.client, None).map_err(|error| PgError::of(&self.at, &error))
    }

    /// Hands the rows of a table to `sink`, in no order; how many there were. `date` is one trading date, or all.
    ///
    /// # Errors
    /// If the schema is not this program's, or the database fails; `sink` may then have some of the rows.
    pub fn read(
        &mut self,
        journal: Uuid,
        table: Table,
        date: Option<Date>,
        sink: &mut dyn RowSink,
    ) -> Result<u64, PgError> {
        self.check()?;
        let mut transaction = snapshot(&mut self.client, &self.at)?;
        copy_out(&mut transaction, &self.at, journal, table, date, sink)
    }

    /// What the rows of a journal come to, and up to where they go by group, as of one moment.
    ///
    /// # Errors
    /// If the schema is not this program's, or the database fails.
    pub fn tally(
        &mut self,
        journal: Uuid,
        tables: Tables,
        date: Option<Date>,
    ) -> Result<(Tally, Vec<Stored>), PgError> {
        self.check()?;
        let mut transaction = snapshot(&mut self.client, &self.at)?;
        let stored = stored(&mut transaction, journal).map_err(|error| PgError::of(&self.at, &error))?;
        let mut tally = Tally::of(tables);
        for table in tables.iter() {
            copy_out(&mut transaction, &self.at, journal, table, date, &mut tally)?;
        }
        Ok((tally, stored))
    }

    /// The address, without its password.
    pub fn address(&self) -> &str {
        &self.at
    }

    fn check(&mut self) -> Result<(), PgError> {
        match self.schema_version()? {
            SCHEMA_LATEST => Ok(()),
            found => Err(PgError::Older { at: self.at.clone(), found }),
        }
    }
}

/// A view of the database that nobody's commits change.
fn snapshot<'c>(client: &'c mut Client, at: &str) -> Result<Transaction<'c>, PgError> {
    let builder = client.build_transaction().isolation_level(postgres::IsolationLevel::RepeatableRead);
    builder.read_only(true).start().map_err(|error| PgError::of(at, &error))
}

/// The offsets of a journal's groups.
pub(crate) fn stored(client: &mut impl GenericClient, journal: Uuid) -> Result<Vec<Stored>, postgres::Error> {
    query_stored(client, Some(journal.to_string()))
}

fn query_stored(
    client: &mut impl GenericClient,
    journal: Option<String>,
) -> Result<Vec<Stored>, postgres::Error> {
    let rows = client.query(
        "SELECT journal::text, table_group, tables, seq, outputs, total_rows, \
         (extract(epoch FROM updated_at) * 1000000)::bigint \
         FROM sink_offset WHERE $1::text IS NULL OR journal = $1::text::uuid ORDER BY updated_at DESC, table_group",
        &[&journal],
    )?;
    let number = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(rows
        .iter()
        .map(|row| Stored {
            journal: row.get(0),
            group: row.get(1),
            tables: row.get(2),
            offset: Offset { seq: number(row.get(3)), outputs: number(row.get(4)) },
            total_rows: number(row.get(5)),
            updated_us: row.get(6),
        })
        .collect())
}

fn copy_out(
    transaction: &mut Transaction<'_>,
    at: &str,
    journal: Uuid,
    table: Table,
    date: Option<Date>,
    sink: &mut dyn RowSink,
) -> Result<u64, PgError> {
    let columns: Vec<String> = table.columns().map(|column| format!("\"{}\"", column.name)).collect();
    let of_date = date.map_or_else(String::new, |date| format!(" AND trading_date = '{date}'"));
    let statement = format!(
        "COPY (SELECT {} FROM {} WHERE journal = '{journal}'{of_date}) TO STDOUT (FORMAT binary)",
        columns.join(", "),
        table.name()
    );
    let mut reader = transaction.copy_out(&statement).map_err(|error| PgError::of(at, &error))?;
    let mut bytes = Vec::new();
    let (mut count, mut begun) = (0, false);
    loop {
        let before = bytes.len();
        let failed = |error: std::io::Error| match error.into_inner().map(|error| error.downcast()) {
            Some(Ok(error)) => PgError::of(at, &error),
            _ => PgError::Away { at: at.to_owned(), what: "its rows ended in the middle".to_owned() },
        };
        reader.by_ref().take(256 << 10).read_to_end(&mut bytes).map_err(failed)?;
        let is_end = bytes.len() == before;
        let mut rest = &bytes[..];
        let outcome = decode(&mut rest, &mut begun, table, &mut count, sink);
        let used = bytes.len() - rest.len();
        match outcome {
            Ok(()) => return Ok(count),
            Err(DecodeError::Incomplete) if !is_end => _ = bytes.drain(..used),
            Err(error) => {
                return Err(PgError::Schema { at: at.to_owned(), what: error.to_string() });
            }
        }
    }
}

/// Decodes whole rows until the trailer.
fn decode(
    rest: &mut &[u8],
    begun: &mut bool,
    table: Table,
    count: &mut u64,
    sink: &mut dyn RowSink,
) -> Result<(), DecodeError> {
    if !*begun {
        read_begin(rest)?;
        *begun = true;
    }
    let mut row = Vec::new();
    while read_row(rest, table, &mut row)? {
        sink.append(table, &row);
        *count += 1;
    }
    Ok(())
}
