//! The database as a destination, and as something to compare with.

use crate::destination::{Committed, Destination, Place};
use crate::tail::Journal;
use clap::Args;
use pitlane_parquet::{Archive, ArchiveError, read_file};
use pitlane_postgres::{Database, LoadError, Options, PgError, Sink, Target};
use pitlane_rows::{Projection, RowSink, Table, Tables, Tally, Uuid};
use pitlane_session::exit::{Exit, Refusal, usage};
use std::path::PathBuf;

/// Variable that may hold the whole address, with its password.
const VARIABLE: &str = "PITLANE_POSTGRES";

/// Which database, if any.
#[derive(Args, Clone, Debug, Default)]
pub struct PostgresArgs {
    /// Keep the rows in this database too: postgresql://USER@HOST:PORT/DATABASE without a password, which comes from
    /// PGPASSWORD, ~/.pgpass or --postgres-password-file; or set the variable PITLANE_POSTGRES to the whole address
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// File whose first line is the database's password; readable by its owner alone
    #[arg(long, value_name = "FILE")]
    pub postgres_password_file: Option<PathBuf>,
    /// Keep ticks and their depth in the database too; they are in the Parquet files in any case
    #[arg(long)]
    pub postgres_ticks: bool,
}

/// A database, and the tables that are kept there.
#[derive(Clone, Debug)]
pub struct Kept {
    target: Target,
    /// The tables.
    pub tables: Tables,
}

impl PostgresArgs {
    /// The database, if one is named.
    ///
    /// # Errors
    /// If the address is wrong, or holds a password where others can see it.
    pub fn target(&self) -> anyhow::Result<Option<Kept>> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = match (&self.postgres, variable(VARIABLE)) {
            (Some(url), _) => Target::argument(url, "--postgres"),
            (None, Some(url)) => Target::secret(&url, VARIABLE),
            (None, None) if self.postgres_password_file.is_some() || self.postgres_ticks => {
                return Err(usage(format!("no database is named; give --postgres URL, or set {VARIABLE}")));
            }
            (None, None) => return Ok(None),
        };
        let target = match &self.postgres_password_file {
            Some(path) => named.and_then(|target| target.password_file(path)),
            None => named.and_then(|target| target.environment(&variable)),
        };
        let target = target.map_err(|error| fault(error.into()))?;
        let less = Tables::ALL.without(Table::Ticks).without(Table::Depth);
        let tables = if self.postgres_ticks { Tables::ALL } else { less };
        Ok(Some(Kept { target, tables }))
    }
}

impl Kept {
    fn options(&self) -> Options {
        Options { tables: self.tables, ..Options::default() }
    }
}

/// An error of the database with its exit code. What opening again mends counts as down: it is tried again.
fn fault(error: PgError) -> anyhow::Error {
    let exit = match error.exit_code() {
        _ if error.is_mended_by_reopening() => Exit::Unavailable,
        69 => Exit::Unavailable,
        2 => Exit::Usage,
        3 => Exit::Data,
        _ => Exit::Failure,
    };
    Refusal { exit, message: error.to_string() }.into()
}

struct Postgres(Sink);

/// The place of a journal in a database; it is held until the destination is dropped. Migrates an older schema.
///
/// # Errors
/// If it is down, of a newer version, or held by another process.
pub fn place(kept: &Kept, journal: &Journal) -> anyhow::Result<Place> {
    let opened = Sink::open(&kept.target, journal.context.clone(), kept.options()).map_err(fault)?;
    let (destination, projection) = (Box::new(Postgres(opened.sink)), opened.projection);
    Ok(Place { destination, projection, repairs: Vec::new() })
}

fn committed(committed: Option<pitlane_postgres::Committed>) -> Option<Committed> {
    committed.map(|committed| Committed { rows: committed.rows, offset: committed.offset })
}

impl Destination for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn sink(&mut self) -> &mut dyn RowSink {
        &mut self.0
    }

    fn end_step(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        self.0.end_step(projection).map(committed).map_err(fault)
    }

    fn idle(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        self.0.commit(projection).map(committed).map_err(fault)
    }

    fn finish(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        self.idle(projection)
    }
}

/// What the rows of a journal come to in the database, and the last input whose rows are there.
///
/// # Errors
/// If the database is down or of another version.
pub fn tally(kept: &Kept, journal: Uuid) -> anyhow::Result<(Tally, u64)> {
    let mut database = Database::connect(&kept.target).map_err(fault)?;
    let (tally, stored) = database.tally(journal, kept.tables, None).map_err(fault)?;
    Ok((tally, stored.iter().map(|stored| stored.offset.seq).max().unwrap_or(0)))
}

/// Fills the database with a journal's rows from an archive, range by range; what is there already stays. Gives the rows
/// that went in.
///
/// # Errors
/// If the database fails, or a file or manifest is damaged.
pub fn load(kept: &Kept, archive: &Archive, journal: Uuid) -> anyhow::Result<u64> {
    let manifests = archive.manifests(journal).map_err(crate::fault::archive)?;
    let mut sink = Sink::open_for_load(&kept.target, journal, kept.options()).map_err(fault)?;
    let mut rows = 0;
    for manifest in manifests {
        if manifest.last <= sink.offset().seq {
            continue;
        }
        if manifest.first != sink.offset().seq + 1 {
            let message = format!(
                "the database's rows end at input {}, inside or before the range {} to {} of the archive; let `cold-path \
                 archive` go on with the database from the journal, or use an empty database",
                sink.offset().seq,
                manifest.first,
                manifest.last
            );
            return Err(Refusal { exit: Exit::Data, message }.into());
        }
        let state = hexadecimal(&manifest.resume.state);
        let mut fill = |into: &mut dyn RowSink| -> Result<(), ArchiveError> {
            for entry in &manifest.files {
                let Some(table) = Table::from_name(&entry.kind) else { continue };
                if into.wants().has(table) {
                    read_file(&archive.root().join(&entry.path), table, &mut |row| into.append(table, row))?;
                }
            }
            Ok(())
        };
        let loaded = sink.load(manifest.first, manifest.resume.offset(), &state, &mut fill);
        rows += loaded
            .map_err(|error| match error {
                LoadError::Database(error) => fault(error),
                LoadError::Source(error) => crate::fault::archive(error),
            })?
            .rows;
    }
    Ok(rows)
}

/// The bytes of hexadecimal digits, as a sealed manifest has them.
fn hexadecimal(digits: &str) -> Vec<u8> {
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16).unwrap_or(0);
    digits.as_bytes().chunks(2).map(byte).collect()
}
