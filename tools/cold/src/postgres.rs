//! The database as a destination, and as something to compare with.

use crate::args::Configured;
use crate::destination::{Committed, Destination, Place};
use crate::tail::Journal;
use clap::Args;
use pitlane_parquet::{Archive, ArchiveError, Check, read_file};
use pitlane_postgres::{Database, LoadError, Options, PgError, Sink, Target, application_name};
use pitlane_rows::{Projection, RowSink, Table, Tables, Tally, Uuid};
use pitlane_session::exit::{Exit, Refusal, tell, usage};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

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
    /// The database of the configuration, which the variable wins over.
    #[arg(skip)]
    configured: Option<String>,
}

/// A database, and the tables that are kept there.
#[derive(Clone, Debug)]
pub struct Kept {
    target: Target,
    /// The tables.
    pub tables: Tables,
    /// Name of this process' session there: one that lost its client is ended when the next is opened.
    application: String,
    batch_rows: u64,
}

impl fmt::Display for Kept {
    /// The address, without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl PostgresArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        let settings = configured.settings;
        self.configured = settings.postgres.clone();
        let file = settings.postgres_password_file.clone();
        configured.put("postgres_password_file", &mut self.postgres_password_file, file);
        configured.put("postgres_ticks", &mut self.postgres_ticks, settings.postgres_ticks);
    }

    /// The database, if one is named.
    ///
    /// # Errors
    /// If the address is wrong, or holds a password where others can see it.
    pub fn target(&self) -> anyhow::Result<Option<Kept>> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = match (&self.postgres, variable(VARIABLE), &self.configured) {
            (Some(url), ..) => Target::argument(url, "--postgres"),
            (None, Some(url), _) => Target::secret(&url, VARIABLE),
            (None, None, Some(url)) => Target::argument(url, "archive.postgres"),
            (None, None, None) if self.postgres_password_file.is_some() || self.postgres_ticks => {
                return Err(usage(format!(
                    "no database is named; give --postgres URL or archive.postgres, or set {VARIABLE}"
                )));
            }
            (None, None, None) => return Ok(None),
        };
        let target = match &self.postgres_password_file {
            Some(path) => named.and_then(|target| target.password_file(path)),
            None => named.and_then(|target| target.environment(&variable)),
        };
        let target = target.map_err(|error| fault(error.into()))?;
        if !target.is_local() {
            tell(&format!(
                "warning: {target} is another machine, and this program speaks no TLS: rows go there in clear text; use a \
                 tunnel to a socket or to loopback where others can listen"
            ));
        }
        let less = Tables::ALL.without(Table::Ticks).without(Table::Depth);
        let tables = if self.postgres_ticks { Tables::ALL } else { less };
        let batch_rows = Options::default().batch_rows;
        Ok(Some(Kept { target, tables, application: application_name(), batch_rows }))
    }
}

impl Kept {
    /// The same in transactions of so many rows.
    ///
    /// # Errors
    /// If they have none.
    pub fn in_batches(self, batch_rows: u64) -> anyhow::Result<Self> {
        if batch_rows == 0 {
            return Err(usage("--postgres-batch 0: a transaction has rows; leave it out for 100000"));
        }
        Ok(Self { batch_rows, ..self })
    }

    fn options(&self) -> Options {
        let (tables, batch_rows) = (self.tables, self.batch_rows);
        Options { tables, batch_rows, application: Some(self.application.clone()), ..Options::default() }
    }
}

/// An error of the database with its exit code. What opening again mends counts as down: it is tried again.
pub fn fault(error: PgError) -> anyhow::Error {
    let exit = match error.exit_code() {
        _ if error.is_mended_by_reopening() => Exit::Unavailable,
        69 => Exit::Unavailable,
        2 => Exit::Usage,
        3 => Exit::Data,
        _ => Exit::Failure,
    };
    Refusal { exit, message: error.to_string() }.into()
}

struct Postgres {
    sink: Sink,
    /// When it was last committed what was gathered by then, because nothing followed.
    idle: Option<Instant>,
}

/// Between two commits of a few rows, each of which the server syncs.
const IDLE: Duration = Duration::from_millis(200);

/// The place of a journal in a database; it is held until the destination is dropped. Migrates an older schema.
///
/// # Errors
/// If it is down, of a newer version, or held by another process.
pub fn place(kept: &Kept, journal: &Journal) -> Result<Place, PgError> {
    let opened = Sink::open(&kept.target, journal.context.clone(), kept.options())?;
    let (destination, projection) = (Box::new(Postgres { sink: opened.sink, idle: None }), opened.projection);
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
        &mut self.sink
    }

    fn end_step(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        self.sink.end_step(projection).map(committed).map_err(fault)
    }

    fn idle(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        if self.idle.is_some_and(|last| last.elapsed() < IDLE) {
            return Ok(None);
        }
        self.idle = Some(Instant::now());
        self.finish(projection)
    }

    fn finish(&mut self, projection: &mut Projection) -> anyhow::Result<Option<Committed>> {
        self.sink.commit(projection).map(committed).map_err(fault)
    }
}

/// What the rows of a journal come to in the database, and the last input whose rows are there in all tables.
///
/// # Errors
/// If the database is down or of another version, or keeps other tables of the journal than those that would be counted.
pub fn tally(kept: &Kept, journal: Uuid) -> anyhow::Result<(Tally, u64)> {
    let mut database = Database::connect(&kept.target).map_err(fault)?;
    let (tally, stored) = database.tally(journal, kept.tables, None).map_err(fault)?;
    let has =
        |table: Table| stored.iter().any(|stored| stored.tables.iter().any(|name| name == table.name()));
    let other = |table: &&Table| has(**table) != kept.tables.has(**table);
    if let Some(table) = Table::ALL.iter().find(other).filter(|_| !stored.is_empty()) {
        let keeps = if has(*table) { "keeps" } else { "does not keep" };
        return Err(usage(format!(
            "{kept}: it {keeps} the {} of journal {journal}; give --postgres-ticks as when it was filled, or another database",
            table.name()
        )));
    }
    Ok((tally, stored.iter().map(|stored| stored.offset.seq).min().unwrap_or(0)))
}

/// Fills the database with a journal's rows from an archive, range by range; what is there already stays. Every file is
/// compared with its manifest before its rows go in, and all that is in the database with all files in the end. `last` is the
/// journal's last input. Gives the rows that went in.
///
/// # Errors
/// If the database fails, a file or manifest is damaged or missing, or the database has other rows in the end.
pub fn load(kept: &Kept, archive: &Archive, journal: Uuid, last: u64) -> anyhow::Result<u64> {
    let verified = archive.verify(journal, Check::Bytes).map_err(crate::fault::archive)?;
    if let Some(found) = verified.faults.into_iter().next() {
        return Err(crate::fault::archive(found.error));
    }
    if verified.last != last {
        let message = format!(
            "the archive's Parquet files of journal {journal} go to input {}, and the journal that is stored there to {last}: \
             nothing was loaded; let `cold-path archive` make them whole, or take another copy of the archive",
            verified.last
        );
        return Err(Refusal { exit: Exit::Data, message }.into());
    }
    let rows = fill(kept, archive, journal)?;
    prove(kept, archive, journal)?;
    Ok(rows)
}

/// Compares what is in the database with the files.
fn prove(kept: &Kept, archive: &Archive, journal: Uuid) -> anyhow::Result<()> {
    let mut own = Tally::of(kept.tables);
    archive.rows(journal, &mut own).map_err(crate::fault::archive)?;
    let (found, _) = tally(kept, journal)?;
    let Some((group, files, database)) = own.differences(&found).into_iter().next() else { return Ok(()) };
    let rows = |count: Option<&pitlane_rows::Count>| count.map_or(0, |count| count.rows);
    let message = format!(
        "{kept}: what is there of journal {journal} is not what the archive's files hold: {} of {}: {} rows, in the files {}, or \
         the same number and other values; use an empty database",
        group.table.name(),
        group.date,
        rows(database),
        rows(files)
    );
    Err(Refusal { exit: Exit::Divergence, message }.into())
}

fn fill(kept: &Kept, archive: &Archive, journal: Uuid) -> anyhow::Result<u64> {
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
        let wrong = |what: &str| ArchiveError::Manifest {
            path: archive.manifest_folder(journal),
            what: format!("range {} to {}: {what}", manifest.first, manifest.last),
        };
        let state = manifest.resume.state_bytes();
        let state = state.ok_or_else(|| crate::fault::archive(wrong("its state is no hexadecimal text")))?;
        let mut fill = |into: &mut dyn RowSink| -> Result<(), ArchiveError> {
            for entry in &manifest.files {
                // Its bytes were those of the manifest a moment ago; what goes in is counted all the same.
                let table = Table::from_name(&entry.kind).ok_or_else(|| wrong("a file is of no table"))?;
                if !into.wants().has(table) {
                    continue;
                }
                let path = archive.root().join(&entry.path);
                let rows = read_file(&path, table, &mut |row| into.append(table, row))?;
                if rows != entry.rows {
                    return Err(wrong("a file has another number of rows"));
                }
            }
            Ok(())
        };
        let parts = manifest.files.iter().filter_map(|entry| {
            Some((Table::from_name(&entry.kind)?, crate::args::date("a manifest's date", &entry.date).ok()?))
        });
        sink.make_parts(parts).map_err(fault)?;
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
