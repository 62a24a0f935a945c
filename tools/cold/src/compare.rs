//! Whether journal, Parquet files and database have the same rows: counts, sums and checksums by kind, date and instrument,
//! each store read from its own bytes.

use crate::fault;
use crate::postgres::{self, Kept};
use crate::report::{Names, Report, SCHEMA, Segments, differences, kinds};
use crate::segments;
use crate::store::Directory;
use crate::tail::{Journal, Tail};
use pitlane_parquet::{Archive, Check, Manifest, Verified};
use pitlane_rows::{Date, Offset, Progress, Projection, Table, Tables, Tally, Uuid};
use pitlane_session::exit::data;
use pitlane_session::progress;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

/// Everything that was counted of a journal.
#[derive(Debug)]
pub struct Compared {
    journal: Journal,
    /// Trading dates of its rows.
    pub dates: Vec<Date>,
    own: Tally,
    /// Up to where it was read: everything up to there was compared.
    pub offset: Offset,
    /// Segments that were compressed.
    pub segments_written: u64,
    verified: Verified,
    postgres: Option<Kept>,
    segments: Segments,
    differences: Vec<crate::report::Difference>,
    faults: Vec<String>,
}

/// Counts the rows of a journal, read from its first input to its end.
///
/// # Errors
/// If it is damaged, or has not ended.
pub fn tally_journal(journal: &Journal, repaired: bool) -> anyhow::Result<(Tally, Offset)> {
    let (mut tally, mut projection) = (Tally::new(), Projection::new(journal.context.clone()));
    let mut tail = Tail::open(journal, Offset::default(), repaired)?;
    let mut shown = progress::Progress::new("inputs compared", tail.durable_seq());
    loop {
        let step = tail.advance(&mut projection, &mut tally)? == Progress::Step;
        if !step {
            tail.look()?;
            if tail.has_ended(&projection) {
                return Ok((tally, projection.offset()));
            }
            if tail.advance(&mut projection, &mut tally)? != Progress::Step {
                return Err(data(format!("journal {}: it has not ended", journal.dir.display())));
            }
        }
        if projection.seq().is_multiple_of(1 << 14) {
            shown.at(projection.seq());
        }
    }
}

/// The journal to read from its beginning: itself; where retention has removed that, with what the archive has stored of it
/// before what is left.
fn whole(archive: &Archive, journal: &Journal, scratch: &mut Option<Scratch>) -> anyhow::Result<Journal> {
    if !journal.begins_late()? {
        return Ok(journal.clone());
    }
    let store = Directory(archive.root().to_owned());
    let missing = || {
        data(format!(
            "journal {}: retention has removed its beginning, and the archive has no copy of it",
            journal.dir.display()
        ))
    };
    let manifest = segments::manifest(&store, journal.uuid())?.ok_or_else(missing)?;
    let scratch = scratch.insert(Scratch::make(archive, journal.uuid())?);
    segments::complete(&store, &manifest, journal, &scratch.0)?;
    Journal::open(&scratch.0)
}

/// Reads a journal from its first input to its end, for nothing but to know that it can be read.
///
/// # Errors
/// If it is damaged, or has not ended.
pub fn read_through(archive: &Archive, journal: &Journal, repaired: bool) -> anyhow::Result<()> {
    let mut scratch = None;
    tally_journal(&whole(archive, journal, &mut scratch)?, repaired).map(|_| ())
}

/// A directory of this process that is removed in the end.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    /// Makes one, and removes those of processes that are gone.
    fn make(archive: &Archive, journal: Uuid) -> anyhow::Result<Self> {
        let folder = archive.root().join("_work");
        let of = format!("{journal}.");
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(&of)) else { continue };
            if pid == std::process::id().to_string() || !Path::new("/proc").join(pid).exists() {
                // What cannot be removed is in nobody's way.
                drop(std::fs::remove_dir_all(entry.path()));
            }
        }
        let dir = folder.join(format!("{of}{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|error| fault::disk("create", &dir, &error))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by whoever needs the next one.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Counts all stores and compares them. With `copy` the journal's segments are stored, once the journal was read through
/// without a fault.
///
/// # Errors
/// If one of them cannot be read. What differs is in the answer.
pub fn compare(
    archive: &Archive,
    journal: &Journal,
    kept: Option<&Kept>,
    repaired: bool,
    copy: bool,
) -> anyhow::Result<Compared> {
    let (mut scratch, uuid) = (None, journal.uuid());
    let whole = whole(archive, journal, &mut scratch)?;
    let (own, parquet, database) = thread::scope(|scope| {
        let own = scope.spawn(|| tally_journal(&whole, repaired));
        let database = kept.map(|kept| scope.spawn(|| postgres::tally(kept, uuid)));
        let parquet = tally_parquet(archive, uuid);
        (joined(own), parquet, database.map(joined))
    });
    let ((own, offset), (verified, parquet, manifests)) = (own?, parquet?);
    let (last_seq, dates) = (offset.seq, dates(&own, journal));
    let segments_written = if copy { segments::copy(journal, &dates, archive.root())?.written } else { 0 };
    let mut faults: Vec<String> = verified.faults.iter().map(|fault| fault.error.to_string()).collect();
    if verified.last != last_seq {
        let last = verified.last;
        faults.push(format!("the Parquet files go to input {last}, the journal to {last_seq}"));
    }
    let names = Names(&journal.context.instruments);
    let mut found = differences(&own, &parquet, "parquet", Tables::ALL, names);
    faults.extend(lies(&manifests, &parquet));
    if let (Some(kept), Some(database)) = (kept, database) {
        let (tally, last) = database?;
        if last != last_seq {
            faults.push(format!("the database goes to input {last}, the journal to {last_seq}"));
        }
        found.extend(differences(&own, &tally, "postgres", kept.tables, names));
    }
    for path in archive.unlisted(uuid).map_err(fault::archive)? {
        faults.push(format!(
            "{}: no manifest lists this file, and readers of the folder count its rows; remove it, unless `cold-path run` or `archive` \
             is at work on this archive: then look again when it has ended",
            path.display()
        ));
    }
    let segments = compare_segments(archive, journal, &dates, &mut faults)?;
    let (journal, postgres) = (journal.clone(), kept.cloned());
    Ok(Compared {
        journal,
        dates,
        own,
        offset,
        segments_written,
        verified,
        postgres,
        segments,
        differences: found,
        faults,
    })
}

/// The trading dates of a journal: of its rows, and of its head.
fn dates(own: &Tally, journal: &Journal) -> Vec<Date> {
    let sessions = own.groups().keys().filter(|group| group.table == Table::Sessions);
    let mut dates: Vec<Date> = sessions.map(|group| group.date).collect();
    dates.push(Date::of(journal.context.first_date));
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// Compares the journal's segments with those that are stored, and those with their own manifest.
fn compare_segments(
    archive: &Archive,
    journal: &Journal,
    dates: &[Date],
    faults: &mut Vec<String>,
) -> anyhow::Result<Segments> {
    let store = Directory(archive.root().to_owned());
    Ok(match segments::manifest(&store, journal.uuid()) {
        Ok(Some(manifest)) => {
            faults.extend(segments::check(&store, &manifest)?);
            faults.extend(segments::against(journal, dates, &manifest)?);
            let (bytes, stored_bytes) = manifest.bytes();
            Segments { files: manifest.files.len() as u64, bytes, stored_bytes }
        }
        Ok(None) => {
            faults.push("the archive has no copy of the journal's segments".to_owned());
            Segments::default()
        }
        Err(error) => {
            faults.push(error.to_string());
            Segments::default()
        }
    })
}

/// What a thread that counts has found. It is not stopped, and panics only where there is a bug.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Counts the rows of a journal's Parquet files, and compares their bytes with their manifests.
fn tally_parquet(archive: &Archive, journal: Uuid) -> anyhow::Result<(Verified, Tally, Vec<Manifest>)> {
    let mut verified = archive.verify(journal, Check::Bytes).map_err(fault::archive)?;
    let mut tally = Tally::new();
    let manifests: Vec<Manifest> = archive
        .found(journal)
        .map_err(fault::archive)?
        .into_iter()
        .filter_map(|(_, manifest)| manifest.ok())
        .collect();
    match archive.rows(journal, &mut tally) {
        Ok(_) => {}
        // Told of as a fault already, unless its bytes are those that were written.
        Err(error) if error.is_mended_by_rewriting() => {
            if verified.faults.is_empty() {
                verified.faults.push(pitlane_parquet::Fault { first: 1, error });
            }
        }
        Err(error) => return Err(fault::archive(error)),
    }
    Ok((verified, tally, manifests))
}

/// Where manifests do not say what their files hold.
fn lies(manifests: &[Manifest], tally: &Tally) -> Vec<String> {
    type Said = (u64, BTreeMap<String, i128>);
    let mut said: BTreeMap<(String, String), Said> = BTreeMap::new();
    for file in manifests.iter().flat_map(|manifest| &manifest.files) {
        let (rows, sums) = said.entry((file.kind.clone(), file.date.clone())).or_default();
        *rows += file.rows;
        for (column, sum) in &file.sums {
            *sums.entry(column.clone()).or_default() += sum.parse::<i128>().unwrap_or(0);
        }
    }
    let mut read: BTreeMap<(String, String), Said> = BTreeMap::new();
    for (group, count) in tally.groups() {
        let key = (group.table.name().to_owned(), group.date.to_string());
        let (rows, sums) = read.entry(key).or_default();
        *rows += count.rows;
        for (column, sum) in
            group.table.columns().zip(&count.sums).filter(|(column, _)| column.ty.is_summed())
        {
            *sums.entry(column.name.to_owned()).or_default() += sum;
        }
    }
    let mut keys: Vec<&(String, String)> = said.keys().chain(read.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| said.get(key) != read.get(key));
    let rows = |of: &BTreeMap<(String, String), Said>, key| of.get(key).map_or(0, |(rows, _)| *rows);
    keys.into_iter()
        .map(|key| {
            let (listed, found) = (rows(&said, key), rows(&read, key));
            let what = if listed == found { "other sums than" } else { "another number of rows than" };
            format!("the manifests list {what} the files of {} on {} hold ({listed}, {found})", key.0, key.1)
        })
        .collect()
}

impl Compared {
    /// Whether all stores have the same, and nothing else is wrong.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.faults.is_empty()
    }

    /// The report on one trading date.
    pub fn report(&self, date: Date) -> Report {
        let kinds = kinds(&self.own, date, Names(&self.journal.context.instruments));
        let mut stores = vec!["journal".to_owned(), "parquet".to_owned()];
        stores.extend(self.postgres.as_ref().map(|_| "postgres".to_owned()));
        let tables = |kept: &Kept| kept.tables.iter().map(|table| table.name().to_owned()).collect();
        Report {
            schema: SCHEMA.to_owned(),
            date: date.to_string(),
            journal: self.journal.uuid().to_string(),
            dates: self.dates.iter().map(Date::to_string).collect(),
            last_seq: self.offset.seq,
            stores,
            postgres_tables: self.postgres.as_ref().map(tables),
            equal: self.is_equal(),
            rows: kinds.iter().map(|kind| kind.found.rows).sum(),
            ranges: self.verified.ranges,
            files: self.verified.files,
            bytes: self.verified.bytes,
            segments: self.segments.clone(),
            kinds,
            differences: self.differences.clone(),
            faults: self.faults.clone(),
        }
    }
}
