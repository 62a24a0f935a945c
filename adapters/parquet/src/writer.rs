//! A journal's rows on their way into an archive.

use crate::archive::{Archive, Check};
use crate::buffer::Buffer;
use crate::disk::{TEMPORARY, entries, make_folder, remove, sync_folder};
use crate::error::ArchiveError;
use crate::file::{self, Span};
use crate::manifest::{Manifest, Resume};
use pitlane_rows::{Context, Offset, Projection, RowSink, Table, Tables, Uuid, Value};
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Inputs of a range, unless its session ends before: as many rows of ticks at most. They are held in memory until the
/// range is complete, because a file is in the order of its instruments: some 200 bytes a tick, and as many for its depth.
pub const RANGE_INPUTS: u64 = 1 << 20;

/// What an archive of a journal is to hold. It cannot be changed while there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Inputs of a range at most; 1 or more.
    pub range_inputs: u64,
    /// The tables to keep.
    pub tables: Tables,
}

impl Default for Options {
    fn default() -> Self {
        Self { range_inputs: RANGE_INPUTS, tables: Tables::ALL }
    }
}

/// Gathers the rows of a range, and writes them when it is complete.
pub struct Writer {
    archive: Archive,
    journal: Uuid,
    options: Options,
    /// By the tables' numbers.
    buffers: Vec<Buffer>,
    /// First input of the range that is gathered.
    first: u64,
    /// Held as long as the writer lives.
    _lock: File,
}

/// A writer, and where it goes on.
pub struct Opened {
    /// The writer.
    pub writer: Writer,
    /// The state of the projection there. Its `offset` says from where the journal is to be read.
    pub projection: Projection,
    /// Ranges that were there and are written again, each with its reason.
    pub repairs: Vec<String>,
}

/// A range that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its manifest.
    pub manifest: Manifest,
    /// Up to where the journal is now archived.
    pub offset: Offset,
}

impl Written {
    /// Rows of all its files.
    pub fn rows(&self) -> u64 {
        self.manifest.files.iter().map(|file| file.rows).sum()
    }
}

impl Writer {
    /// Goes on with a journal behind the last of its ranges that are complete and whose files are there, or begins with it.
    ///
    /// # Errors
    /// If another process writes the same journal into the same archive, the archive is of another version or has other
    /// options, or the disk fails.
    ///
    /// Panics if the options have ranges of no inputs.
    pub fn open(archive: &Archive, context: Context, options: Options) -> Result<Opened, ArchiveError> {
        assert!(options.range_inputs > 0, "a range has inputs");
        let journal = context.journal;
        let folder = archive.manifest_folder(journal);
        make_folder(&folder)?;
        let lock = hold(&folder)?;
        sweep_temporary(archive.root(), &folder, journal)?;
        let (mut kept, mut repairs) = intact(archive, journal, &options)?;
        let projection = loop {
            let Some(last) = kept.last() else { break Projection::new(context) };
            let loaded = last.resume.state_bytes().ok_or_else(|| "it is no hexadecimal text".to_owned());
            let loaded = loaded.and_then(|bytes| {
                Projection::load(context.clone(), &bytes).map_err(|error| error.to_string())
            });
            match loaded {
                Ok(projection) if projection.offset() == last.resume.offset() => break projection,
                Ok(_) => repairs.push(format!("{}: the state is of another place", last.file_name())),
                Err(why) => repairs.push(format!("{}: {why}", last.file_name())),
            }
            kept.pop();
        };
        let first = projection.seq() + 1;
        let buffers = Table::ALL.iter().map(|&table| Buffer::new(table)).collect();
        let writer = Self { archive: archive.clone(), journal, options, buffers, first, _lock: lock };
        Ok(Opened { writer, projection, repairs })
    }

    /// Says that a step has ended. Writes the range if it ends there, and returns it. After an error nothing is lost: the
    /// same call may be made again, before anything else.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn end_step(&mut self, projection: &mut Projection) -> Result<Option<Written>, ArchiveError> {
        let is_end = projection.seq().is_multiple_of(self.options.range_inputs) || projection.session_ended();
        if is_end { self.commit(projection, true).map(Some) } else { Ok(None) }
    }

    /// Writes what there is of a range that is not complete, because the journal ends there for now. It is written again,
    /// with what was added, by a writer that comes later.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn finish(&mut self, projection: &mut Projection) -> Result<Option<Written>, ArchiveError> {
        if projection.seq() < self.first { Ok(None) } else { self.commit(projection, false).map(Some) }
    }

    /// Rows that are gathered and not written.
    pub fn pending_rows(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.rows() as u64).sum()
    }

    fn commit(&mut self, projection: &mut Projection, complete: bool) -> Result<Written, ArchiveError> {
        let span = Span { first: self.first, last: projection.seq() };
        assert!(span.first <= span.last, "a range has inputs");
        let folder = self.archive.manifest_folder(self.journal);
        remove_overlapping_manifests(&folder, span)?;
        let mut manifest = Manifest::new(span, self.journal.to_string());
        for (&table, buffer) in Table::ALL.iter().zip(&self.buffers) {
            manifest.files.extend(file::write(self.archive.root(), table, buffer, self.journal, span)?);
        }
        self.remove_overlapping_files(span, &manifest)?;
        let offset = projection.offset();
        manifest.session = projection.session().0;
        manifest.complete = complete;
        manifest.session_ended = projection.session_ended();
        manifest.range_inputs = self.options.range_inputs;
        manifest.tables = names(self.options.tables);
        let state = projection.save().iter().map(|byte| format!("{byte:02x}")).collect();
        manifest.resume = Resume { seq: offset.seq, outputs: offset.outputs, state };
        let path = manifest.write(&folder)?;
        // As it will be read: sealed.
        let manifest = Manifest::read(&path)?;
        self.buffers = Table::ALL.iter().map(|&table| Buffer::new(table)).collect();
        self.first = span.last + 1;
        Ok(Written { manifest, offset })
    }

    /// Removes files of the same inputs under other names, beside those that were written: an unfinished range that has
    /// grown, or what a crash left before its manifest.
    fn remove_overlapping_files(&self, span: Span, manifest: &Manifest) -> Result<(), ArchiveError> {
        let listed: BTreeSet<PathBuf> =
            manifest.files.iter().map(|file| self.archive.root().join(&file.path)).collect();
        let dates: BTreeSet<&str> = manifest.files.iter().map(|file| file.date.as_str()).collect();
        for &table in Table::ALL {
            for date in &dates {
                let folder = self.archive.root().join(format!("kind={}/date={date}", table.name()));
                let mut removed = false;
                for path in entries(&folder)? {
                    let other = span_of(&path, self.journal);
                    let overlaps = |other: Span| other.first <= span.last && other.last >= span.first;
                    if other.is_some_and(overlaps) && !listed.contains(&path) {
                        removed |= remove(&path)?;
                    }
                }
                if removed {
                    sync_folder(&folder)?;
                }
            }
        }
        Ok(())
    }
}

impl RowSink for Writer {
    fn wants(&self) -> Tables {
        self.options.tables
    }

    fn append(&mut self, table: Table, row: &[Value<'_>]) {
        self.buffers[table as usize].push(row);
    }
}

fn names(tables: Tables) -> Vec<String> {
    tables.iter().map(|table| table.name().to_owned()).collect()
}

/// The lock that tells two writers of one journal apart; the operating system lets go of it when its holder dies.
fn hold(folder: &Path) -> Result<File, ArchiveError> {
    let path = folder.join("LOCK");
    let lock = File::options().create(true).write(true).truncate(false).open(&path);
    let lock = lock.map_err(ArchiveError::io("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ArchiveError::Held { path }),
        Err(TryLockError::Error(source)) => Err(ArchiveError::Io { doing: "lock", path, source }),
    }
}

/// The complete ranges from the first input on whose files are there, and what is wrong with the next, if anything is.
fn intact(
    archive: &Archive,
    journal: Uuid,
    options: &Options,
) -> Result<(Vec<Manifest>, Vec<String>), ArchiveError> {
    let (mut kept, mut repairs): (Vec<Manifest>, Vec<String>) = (Vec::new(), Vec::new());
    for (path, manifest) in archive.found(journal)? {
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                repairs.push(error.to_string());
                break;
            }
        };
        let what = if manifest.range_inputs != options.range_inputs {
            Some("inputs of a range")
        } else {
            (manifest.tables != names(options.tables)).then_some("tables")
        };
        if let Some(what) = what {
            return Err(ArchiveError::Options { path, what });
        }
        if manifest.first != kept.last().map_or(0, |last| last.last) + 1 {
            repairs.push(format!("{}: the range before it is missing", path.display()));
            break;
        }
        // An unfinished range is written again in any case.
        if !manifest.complete {
            break;
        }
        let mut bad = None;
        for entry in &manifest.files {
            match archive.check_file(journal, &manifest, entry, Check::Presence) {
                Ok(()) => {}
                Err(error) if error.is_mended_by_rewriting() => bad = Some(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        if let Some(why) = bad {
            repairs.push(why);
            break;
        }
        kept.push(manifest);
    }
    Ok((kept, repairs))
}

/// The inputs that a file's name gives, if it is one of the journal's.
fn span_of(path: &Path, journal: Uuid) -> Option<Span> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_prefix(&file::prefix(journal))?.strip_suffix(".parquet")?;
    let (first, last) = name.split_once('-')?;
    Some(Span { first: first.parse().ok()?, last: last.parse().ok()? })
}

/// Removes the manifests that a new range replaces, so that no input is in two of them.
fn remove_overlapping_manifests(folder: &Path, span: Span) -> Result<(), ArchiveError> {
    for path in entries(folder)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(name) = name.strip_suffix(".json") else { continue };
        let ends =
            name.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        let (first, last): (u64, u64) = ends.unwrap_or((0, u64::MAX));
        if first <= span.last && last >= span.first {
            remove(&path)?;
        }
    }
    sync_folder(folder)
}

/// Removes what a writer of the journal that died left under temporary names.
fn sweep_temporary(root: &Path, folder: &Path, journal: Uuid) -> Result<(), ArchiveError> {
    let is_temporary = |path: &PathBuf, prefix: &str| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(prefix) && name.ends_with(TEMPORARY)
    };
    for path in entries(folder)?.iter().filter(|path| is_temporary(path, ".")) {
        remove(path)?;
    }
    let prefix = format!(".{}", file::prefix(journal));
    for &table in Table::ALL {
        for date in entries(&root.join(format!("kind={}", table.name())))? {
            if date.is_dir() {
                for path in entries(&date)?.iter().filter(|path| is_temporary(path, &prefix)) {
                    remove(path)?;
                }
            }
        }
    }
    Ok(())
}
