//! An archive as a whole: what is in it, and whether it is what its manifests say.

use crate::disk::{entries, remove};
use crate::error::ArchiveError;
use crate::file::{prefix, relative_path};
use crate::manifest::{FileEntry, Manifest};
use crate::read::{read_file, uuid};
use pitlane_rows::{Date, RowSink, Table, Uuid, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folder of the manifests. Readers of Parquet folders pass over names that begin so.
const MANIFESTS: &str = "_manifest";

/// A directory of Parquet files.
#[derive(Clone, Debug)]
pub struct Archive {
    root: PathBuf,
}

/// A manifest as it was found: where it is, and what it says or why that is not known.
pub type Found = (PathBuf, Result<Manifest, ArchiveError>);

/// How closely files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Whether they are there and as large as they should be.
    Presence,
    /// Also whether their bytes are those that were written.
    Bytes,
    /// Also whether what is read from them has the counts and sums of the manifest.
    Rows,
}

/// Something that is not as a manifest says.
#[derive(Debug)]
pub struct Fault {
    /// First input of the range.
    pub first: u64,
    /// What is wrong.
    pub error: ArchiveError,
}

/// What a verification saw.
#[derive(Debug, Default)]
pub struct Verified {
    /// Intact manifests.
    pub ranges: u64,
    /// Files that were looked at.
    pub files: u64,
    /// Rows they should have.
    pub rows: u64,
    /// Bytes they should have.
    pub bytes: u64,
    /// The last input of the ranges that follow each other from the first input on.
    pub last: u64,
    /// Whether the last of these ranges is complete.
    pub complete: bool,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

impl Archive {
    /// The archive in a directory, which need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of a journal's manifests.
    pub fn manifest_folder(&self, journal: Uuid) -> PathBuf {
        self.root.join(MANIFESTS).join(journal.to_string())
    }

    /// The journals that are in it.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn journals(&self) -> Result<Vec<Uuid>, ArchiveError> {
        let folders = entries(&self.root.join(MANIFESTS))?;
        let name = |path: &PathBuf| uuid(path.file_name()?.to_str()?).map(Uuid);
        Ok(folders.iter().filter_map(name).collect())
    }

    /// A journal's manifests by their ranges; each as it was found.
    ///
    /// # Errors
    /// If the directory cannot be read, or a manifest is of another version.
    pub fn found(&self, journal: Uuid) -> Result<Vec<Found>, ArchiveError> {
        let mut found = Vec::new();
        for path in entries(&self.manifest_folder(journal))? {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let manifest = match Manifest::read(&path) {
                Err(error) if !error.is_mended_by_rewriting() => return Err(error),
                Ok(manifest) if manifest.journal != journal.to_string() => Err(ArchiveError::Manifest {
                    path: path.clone(),
                    what: format!("it is of journal {}", manifest.journal),
                }),
                other => other,
            };
            found.push((path, manifest));
        }
        Ok(found)
    }

    /// A journal's manifests by their ranges.
    ///
    /// # Errors
    /// Those of [`found`](Self::found), and if one is damaged.
    pub fn manifests(&self, journal: Uuid) -> Result<Vec<Manifest>, ArchiveError> {
        self.found(journal)?.into_iter().map(|(_, manifest)| manifest).collect()
    }

    /// Compares a journal's files with its manifests. What is wrong is in the answer; an error is what kept it from looking.
    ///
    /// # Errors
    /// If the directory cannot be read, or a manifest is of another version.
    pub fn verify(&self, journal: Uuid, check: Check) -> Result<Verified, ArchiveError> {
        let mut verified = Verified::default();
        let mut follows = true;
        for (path, manifest) in self.found(journal)? {
            let manifest = match manifest {
                Ok(manifest) => manifest,
                Err(error) => {
                    follows = false;
                    verified.faults.push(Fault { first: first_of(&path), error });
                    continue;
                }
            };
            verified.ranges += 1;
            if follows && manifest.first != verified.last + 1 {
                follows = false;
                let what = format!("the range before it should end at input {}", manifest.first - 1);
                // Behind a gap nothing is wrong with the range itself: what is missing comes first.
                let first = manifest.first.min(verified.last + 1);
                verified.faults.push(Fault { first, error: ArchiveError::Manifest { path, what } });
            }
            if follows {
                verified.last = manifest.last;
                verified.complete = manifest.complete;
            }
            for entry in &manifest.files {
                verified.files += 1;
                verified.rows += entry.rows;
                verified.bytes += entry.bytes;
                match self.check_file(journal, &manifest, entry, check) {
                    Ok(()) => {}
                    Err(error) if error.is_mended_by_rewriting() => {
                        verified.faults.push(Fault { first: manifest.first, error });
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(verified)
    }

    /// Whether a file is what its manifest says.
    ///
    /// # Errors
    /// What is wrong with it, or what kept it from being looked at.
    pub fn check_file(
        &self,
        journal: Uuid,
        manifest: &Manifest,
        entry: &FileEntry,
        check: Check,
    ) -> Result<(), ArchiveError> {
        let path = self.root.join(&entry.path);
        let fault = |what: String| Err(ArchiveError::File { path: path.clone(), what });
        let (Some(table), Some(date)) = (Table::from_name(&entry.kind), parse_date(&entry.date)) else {
            return fault(format!("there is no table {} or date {}", entry.kind, entry.date));
        };
        if entry.path != relative_path(table, date, journal, manifest.span()) {
            return fault("its name is not that of its range".to_owned());
        }
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return fault("it is not there".to_owned());
            }
            Err(source) => return Err(ArchiveError::Io { doing: "look at", path, source }),
            Ok(found) if found.len() != entry.bytes => {
                return fault(format!("it has {} bytes, and should have {}", found.len(), entry.bytes));
            }
            Ok(_) => {}
        }
        if check >= Check::Bytes && hash_file(&path)? != entry.blake3 {
            return fault("its bytes are not those that were written".to_owned());
        }
        if check >= Check::Rows { check_rows(&path, table, entry) } else { Ok(()) }
    }

    /// Hands every row of a journal to `sink`, range by range in the order of the manifests.
    ///
    /// # Errors
    /// If a manifest or a file cannot be read.
    pub fn rows(&self, journal: Uuid, sink: &mut dyn RowSink) -> Result<u64, ArchiveError> {
        let (mut rows, wanted) = (0, sink.wants());
        for manifest in self.manifests(journal)? {
            for entry in &manifest.files {
                let path = self.root.join(&entry.path);
                let table = Table::from_name(&entry.kind)
                    .ok_or_else(|| ArchiveError::file(&path, format!("there is no table {}", entry.kind)))?;
                if wanted.has(table) {
                    rows += read_file(&path, table, &mut |row| sink.append(table, row))?;
                }
            }
        }
        Ok(rows)
    }

    /// Removes the manifests of the ranges that begin at one of `firsts`, so that a writer makes them again from the journal;
    /// the files stay until then, and so does what is behind: a writer replaces each range as it comes to it, and where the
    /// journal is damaged before that, the good ones are still listed. Returns how many there were.
    ///
    /// The caller holds the journal's place in the archive (a [`Writer`](crate::Writer)) meanwhile: another writer would go on
    /// behind what is removed.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub fn forget(&self, journal: Uuid, firsts: &BTreeSet<u64>) -> Result<u64, ArchiveError> {
        let mut removed = 0;
        for path in entries(&self.manifest_folder(journal))? {
            let is_manifest = path.extension().is_some_and(|extension| extension == "json");
            if is_manifest && firsts.contains(&first_of(&path)) {
                removed += u64::from(remove(&path)?);
            }
        }
        Ok(removed)
    }

    /// Parquet files of a journal that none of its manifests lists, from the archive's root: readers that take all files of
    /// a folder count their rows.
    ///
    /// # Errors
    /// If the directory cannot be read, or a manifest is of another version.
    pub fn unlisted(&self, journal: Uuid) -> Result<Vec<PathBuf>, ArchiveError> {
        let found = self.found(journal)?;
        let manifests = found.iter().filter_map(|(_, manifest)| manifest.as_ref().ok());
        let listed: BTreeSet<PathBuf> =
            manifests.flat_map(|manifest| &manifest.files).map(|file| self.root.join(&file.path)).collect();
        let prefix = prefix(journal);
        let own = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(&prefix) && name.ends_with(".parquet")
        };
        let mut unlisted = Vec::new();
        for &table in Table::ALL {
            for date in entries(&self.root.join(format!("kind={}", table.name())))? {
                if date.is_dir() {
                    let files = entries(&date)?.into_iter().filter(own);
                    unlisted.extend(files.filter(|path| !listed.contains(path)));
                }
            }
        }
        Ok(unlisted)
    }
}

/// The first input that a manifest's name gives; 0 if it gives none.
fn first_of(path: &Path) -> u64 {
    let first = |path: &Path| path.file_stem()?.to_str()?.split_once('-')?.0.parse().ok();
    first(path).unwrap_or(0)
}

fn parse_date(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let date = Date::of(digits.parse().ok().filter(|_| digits.len() == 8)?);
    (date.to_string() == text).then_some(date)
}

/// Hash of a file's bytes, 64 hexadecimal digits.
fn hash_file(path: &Path) -> Result<String, ArchiveError> {
    let mut file = std::fs::File::open(path).map_err(ArchiveError::io("open", path))?;
    let (mut hasher, mut part) = (blake3::Hasher::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut part).map_err(ArchiveError::io("read", path))? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            count => hasher.update(&part[..count]),
        };
    }
}

fn check_rows(path: &Path, table: Table, entry: &FileEntry) -> Result<(), ArchiveError> {
    let seq_at = table.column("seq").expect("every table has a key");
    let (mut least, mut greatest) = (u64::MAX, 0);
    let mut sums = vec![0_i128; table.columns().len()];
    let rows = read_file(path, table, &mut |row| {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value.summand());
        if let Value::I64(seq) = row[seq_at] {
            least = least.min(seq as u64);
            greatest = greatest.max(seq as u64);
        }
    })?;
    let summed = table.columns().zip(&sums).filter(|(column, _)| column.ty.is_summed());
    let sums: BTreeMap<String, String> =
        summed.map(|(column, sum)| (column.name.to_owned(), sum.to_string())).collect();
    if rows != entry.rows {
        return Err(ArchiveError::file(path, format!("it has {rows} rows, and should have {}", entry.rows)));
    }
    if (least, greatest) != (entry.first_seq, entry.last_seq) {
        let (first, last) = (entry.first_seq, entry.last_seq);
        let what =
            format!("its rows are of inputs {least} to {greatest}, and should be of {first} to {last}");
        return Err(ArchiveError::file(path, what));
    }
    match sums.iter().find(|(name, sum)| entry.sums.get(*name) != Some(sum)) {
        None => Ok(()),
        Some((name, sum)) => {
            let should = entry.sums.get(name).map_or("missing", String::as_str);
            Err(ArchiveError::file(path, format!("the sum of {name} is {sum}, and should be {should}")))
        }
    }
}
