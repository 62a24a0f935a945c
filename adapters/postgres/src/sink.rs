//! A journal's rows on their way into a database.

mod batch;

use crate::database;
use crate::error::PgError;
use crate::link;
use crate::migrations::{self, Migrated};
use crate::target::Target;
use batch::{Batch, Loader};
use pitlane_rows::{Context, Date, Offset, Projection, RowSink, Table, Tables, Uuid, Value};
use postgres::{Client, GenericClient};
use std::collections::BTreeSet;

/// The group of a journal that is written by one sink.
pub const DEFAULT_GROUP: &str = "main";

/// What a sink writes, and how much at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Name of the tables as a group: each group of a journal has its own offset and its own lock, so that one may be added
    /// later, or written beside another. No table is in two groups.
    pub group: String,
    /// The tables. They cannot be changed while the group has rows.
    pub tables: Tables,
    /// Rows after which a batch is due; 1 or more.
    pub batch_rows: u64,
    /// Bytes after which a batch is due: what a sink holds in memory, and one step.
    pub batch_bytes: usize,
    /// Name of the sink's session; `None` for one of its own. Who opens a sink again after a failure gives the name of the
    /// one before: the server may not have noticed yet that its client is gone, and a session of this name is ended first.
    /// No other process may have it: see [`application_name`](crate::application_name).
    pub application: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        let group = DEFAULT_GROUP.to_owned();
        Self { group, tables: Tables::ALL, batch_rows: 100_000, batch_bytes: 32 << 20, application: None }
    }
}

/// A sink, and where it goes on.
pub struct Opened {
    /// The sink.
    pub sink: Sink,
    /// The state of the projection there. Its `offset` says from where the journal is to be read.
    pub projection: Projection,
    /// What was done to the schema.
    pub migrated: Migrated,
}

/// A batch that is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its rows.
    pub rows: u64,
    /// Its bytes, as COPY has them.
    pub bytes: u64,
    /// Up to where the journal is now in the database.
    pub offset: Offset,
    /// Whether the commit's answer was lost, and the database was asked: the rows went in once.
    pub recovered: bool,
}

/// Why a range could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E> {
    /// The database.
    #[error(transparent)]
    Database(#[from] PgError),
    /// Whoever made the rows.
    #[error("{0}")]
    Source(E),
}

/// Gathers rows, and commits them with the place in the journal up to which they go.
pub struct Sink {
    target: Target,
    at: String,
    application: String,
    journal: Uuid,
    options: Options,
    /// `None` after a failure.
    client: Option<Client>,
    batch: Batch,
    /// Where the batch ends, and the state there, once it was tried to commit it.
    end: Option<(Offset, Vec<u8>)>,
    /// Parts of large tables that are known to be there.
    parts: BTreeSet<(Table, Date)>,
    committed: Offset,
    total_rows: u64,
}

impl Sink {
    /// Goes on with a journal where its rows in the database end, or begins with it. Migrates an older schema.
    ///
    /// # Errors
    /// See [`PgError`]. One that `is_transient` may be gone the next time.
    ///
    /// Panics if the options have batches of no rows.
    pub fn open(target: &Target, context: Context, options: Options) -> Result<Opened, PgError> {
        let journal = context.journal;
        let (sink, migrated, state) = Self::begin(target, journal, options)?;
        let wrong = |what: String| {
            let (at, journal) = (sink.at.clone(), journal.to_string());
            PgError::State { at, journal, what }
        };
        let projection = if sink.committed == Offset::default() {
            Projection::new(context)
        } else {
            Projection::load(context, &state).map_err(|error| wrong(error.to_string()))?
        };
        if projection.offset() != sink.committed {
            return Err(wrong("it is of another place".to_owned()));
        }
        Ok(Opened { sink, projection, migrated })
    }

    /// The same for rows that come from an archive rather than from a projection: for [`load`](Self::load).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_for_load(target: &Target, journal: Uuid, options: Options) -> Result<Self, PgError> {
        Self::begin(target, journal, options).map(|(sink, _, _)| sink)
    }

    fn begin(target: &Target, journal: Uuid, options: Options) -> Result<(Self, Migrated, Vec<u8>), PgError> {
        assert!(options.batch_rows > 0, "a batch has rows");
        let mut sink = Self {
            target: target.clone(),
            at: target.to_string(),
            application: options.application.clone().unwrap_or_else(link::application),
            journal,
            batch: Batch::new(options.tables),
            options,
            client: None,
            end: None,
            parts: BTreeSet::new(),
            committed: Offset::default(),
            total_rows: 0,
        };
        let mut client = link::connect(target, &sink.application)?;
        let migrated = migrations::migrate(&mut client, &sink.at)?;
        let (found, state) = sink.take_over(&mut client)?;
        sink.committed = found;
        sink.client = Some(client);
        Ok((sink, migrated, state))
    }

    /// Takes the lock, and asks where the rows end; makes the journal's offset if there is none.
    fn take_over(&mut self, client: &mut Client) -> Result<(Offset, Vec<u8>), PgError> {
        let failed = |error: postgres::Error| PgError::of(&self.at, &error);
        let (journal, group) = (self.journal.to_string(), &self.options.group);
        link::lock(client, &self.at, &self.application, self.journal, group)?;
        let tables: Vec<&str> = self.options.tables.iter().map(Table::name).collect();
        let mut found = Offset::default();
        for stored in database::stored(client, self.journal).map_err(failed)? {
            let what = if stored.group == *group {
                let same = stored.tables == tables;
                found = stored.offset;
                self.total_rows = stored.total_rows;
                (!same).then(|| format!("group {group} has {}", stored.tables.join(" ")))
            } else {
                let shared = stored.tables.iter().find(|table| tables.contains(&table.as_str()));
                shared.map(|table| format!("table {table} is in group {}", stored.group))
            };
            if let Some(what) = what {
                return Err(PgError::Options { at: self.at.clone(), journal, what });
            }
        }
        // The lock is held: nobody else makes or moves it.
        client
            .execute(
                "INSERT INTO sink_offset (journal, table_group, seq, outputs, total_rows, tables, state) \
                 VALUES ($1::text::uuid, $2, 0, 0, 0, $3, '') ON CONFLICT DO NOTHING",
                &[&journal, group, &tables],
            )
            .map_err(failed)?;
        let state = client
            .query_one(
                "SELECT state FROM sink_offset WHERE journal = $1::text::uuid AND table_group = $2",
                &[&journal, group],
            )
            .map_err(failed)?
            .get(0);
        Ok((found, state))
    }

    /// Whether the batch is large enough, or its session over: a place to [`commit`](Self::commit). Ask after each step.
    pub fn is_due(&self, projection: &Projection) -> bool {
        projection.session_ended() && projection.offset() != self.committed
            || self.batch.rows() >= self.options.batch_rows
            || self.batch.bytes() >= self.options.batch_bytes
    }

    /// Commits what was gathered up to the projection's offset; `None` if there is nothing since the last commit. After an
    /// error nothing is lost: the same call may be made again, before anything else. It reconnects when it must.
    ///
    /// # Errors
    /// See [`PgError`]; [`patiently`](crate::patiently) waits where that helps.
    ///
    /// Panics if the projection went on between a failed call and the next.
    pub fn commit(&mut self, projection: &mut Projection) -> Result<Option<Committed>, PgError> {
        let to = projection.offset();
        if to == self.committed {
            return Ok(None);
        }
        let (end, state) = self.end.take().unwrap_or_else(|| (to, projection.save()));
        assert!(end == to, "a commit that failed is made again before the next step");
        let done = self.attempt::<std::convert::Infallible>(to, &state, &mut |_| Ok(()));
        match done {
            Ok(recovered) => Ok(Some(self.done(to, recovered))),
            Err(error) => {
                self.client = None;
                self.end = Some((end, state));
                match error {
                    LoadError::Database(error) => Err(error),
                    LoadError::Source(never) => match never {},
                }
            }
        }
    }

    /// [`commit`](Self::commit) if it [`is_due`](Self::is_due).
    ///
    /// # Errors
    /// As there.
    pub fn end_step(&mut self, projection: &mut Projection) -> Result<Option<Committed>, PgError> {
        if self.is_due(projection) { self.commit(projection) } else { Ok(None) }
    }

    /// Makes the parts of large tables that [`load`](Self::load) will need, in a transaction of its own: made within the
    /// load's, they would keep other sinks from making theirs until its end.
    ///
    /// # Errors
    /// See [`PgError`].
    pub fn make_parts(&mut self, parts: impl Iterator<Item = (Table, Date)>) -> Result<(), PgError> {
        let large = parts.filter(|(table, _)| self.options.tables.has(*table) && table.definition().large);
        let new: Vec<(Table, Date)> = large.filter(|part| !self.parts.contains(part)).collect();
        self.make(new)
    }

    fn make(&mut self, new: Vec<(Table, Date)>) -> Result<(), PgError> {
        let Some(client) = self.client.as_mut().filter(|_| !new.is_empty()) else { return Ok(()) };
        let failed = |error: postgres::Error| PgError::of(&self.at, &error);
        let mut transaction = client.transaction().map_err(failed)?;
        migrations::make_parts(&mut transaction, new.iter().copied()).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.parts.extend(new);
        Ok(())
    }

    /// Writes the rows that `fill` hands over, of the inputs from `first` to `to` and no others, in one transaction, however
    /// many: memory holds a batch of them. `state` is the projection's at `to`. After an error nothing of it is there, and
    /// the same may be called again.
    ///
    /// # Errors
    /// If the database or `fill` fails.
    ///
    /// Panics if the range does not begin where the rows end, or if rows were appended outside.
    pub fn load<E>(
        &mut self,
        first: u64,
        to: Offset,
        state: &[u8],
        fill: &mut dyn FnMut(&mut dyn RowSink) -> Result<(), E>,
    ) -> Result<Committed, LoadError<E>> {
        assert!(first == self.committed.seq + 1 && to.seq >= first, "ranges adjoin");
        assert!(self.batch.rows() == 0, "rows are of one range");
        match self.attempt(to, state, fill) {
            Ok(recovered) => Ok(self.done(to, recovered)),
            Err(error) => {
                self.client = None;
                self.batch.clear();
                Err(error)
            }
        }
    }

    /// One attempt; whether it found that an earlier one had succeeded.
    fn attempt<E>(
        &mut self,
        to: Offset,
        state: &[u8],
        fill: &mut dyn FnMut(&mut dyn RowSink) -> Result<(), E>,
    ) -> Result<bool, LoadError<E>> {
        if self.client.is_none() {
            let mut client = link::connect(&self.target, &self.application)?;
            // The server may have been restored from a copy.
            self.parts.clear();
            migrations::migrate(&mut client, &self.at)?;
            let (found, _) = self.take_over(&mut client)?;
            self.client = Some(client);
            if found == to {
                return Ok(true);
            }
            if found != self.committed {
                return Err(PgError::Moved { at: self.at.clone(), expected: self.committed, found }.into());
            }
        }
        // In a transaction of its own: its lock is gone before the rows go in.
        self.make(self.batch.parts().difference(&self.parts).copied().collect())?;
        let client = self.client.as_mut().expect("it was connected above");
        let failed = |error: postgres::Error| LoadError::Database(PgError::of(&self.at, &error));
        let mut transaction = client.transaction().map_err(failed)?;
        let found = lock_offset(&mut transaction, self.journal, &self.options.group).map_err(failed)?;
        if found != Some(self.committed) {
            let (at, found) = (self.at.clone(), found.unwrap_or_default());
            return Err(PgError::Moved { at, expected: self.committed, found }.into());
        }
        let mut loader =
            Loader::new(&mut transaction, &mut self.batch, &mut self.parts, self.options.batch_bytes);
        fill(&mut loader).map_err(LoadError::Source)?;
        let rows = loader.finish().map_err(failed)?;
        let key = (self.journal, self.options.group.as_str());
        let total = self.total_rows + rows;
        let set = set_offset(&mut transaction, key, self.committed, to, total, state).map_err(failed)?;
        assert!(set, "the row was compared and locked in this transaction");
        transaction.commit().map_err(failed)?;
        Ok(false)
    }

    fn done(&mut self, to: Offset, recovered: bool) -> Committed {
        let (rows, bytes) = self.batch.clear();
        if !recovered {
            self.total_rows += rows;
        }
        self.committed = to;
        self.end = None;
        Committed { rows, bytes, offset: to, recovered }
    }

    /// Up to where the journal is in the database.
    pub fn offset(&self) -> Offset {
        self.committed
    }

    /// Rows of the journal and group in the database.
    pub fn total_rows(&self) -> u64 {
        self.total_rows
    }

    /// Rows that are gathered and not committed.
    pub fn pending_rows(&self) -> u64 {
        self.batch.rows()
    }

    /// Whether the last call reached the database.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// The address, without its password.
    pub fn address(&self) -> &str {
        &self.at
    }
}

impl RowSink for Sink {
    fn wants(&self) -> Tables {
        self.options.tables
    }

    fn append(&mut self, table: Table, row: &[Value<'_>]) {
        self.batch.append(table, row);
    }
}

/// The offset, which nobody else can change before the transaction ends. A transaction of ours that was cut off and is
/// about to commit is waited for here.
fn lock_offset(
    client: &mut impl GenericClient,
    journal: Uuid,
    group: &str,
) -> Result<Option<Offset>, postgres::Error> {
    let row = client.query_opt(
        "SELECT seq, outputs FROM sink_offset WHERE journal = $1::text::uuid AND table_group = $2 FOR UPDATE",
        &[&journal.to_string(), &group],
    )?;
    let number = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(row.map(|row| Offset { seq: number(row.get(0)), outputs: number(row.get(1)) }))
}

/// Sets the offset if it is what it was.
fn set_offset(
    client: &mut impl GenericClient,
    (journal, group): (Uuid, &str),
    from: Offset,
    to: Offset,
    total_rows: u64,
    state: &[u8],
) -> Result<bool, postgres::Error> {
    let number = |number: u64| i64::try_from(number).expect("a journal has fewer inputs than 2^63");
    let changed = client.execute(
        "UPDATE sink_offset SET seq = $3, outputs = $4, total_rows = $5, state = $6, updated_at = clock_timestamp() \
         WHERE journal = $1::text::uuid AND table_group = $2 AND seq = $7 AND outputs = $8",
        &[
            &journal.to_string(),
            &group,
            &number(to.seq),
            &number(to.outputs),
            &number(total_rows),
            &state,
            &number(from.seq),
            &number(from.outputs),
        ],
    )?;
    Ok(changed == 1)
}
