//! The journal itself in the archive: its sealed segments, compressed, with a manifest from which they are restored byte for
//! byte.

use crate::disk::{self, NewFile};
use crate::fault;
use crate::frontier::{HEADER_BYTES, is_recovered, last_seq};
use crate::store::ObjectStore;
use crate::tail::Journal;
use pitlane_rows::{Date, Uuid};
use pitlane_session::exit::data;
use pitlane_store::{INPUTS, OUTPUTS, has_stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Name and version of the manifest's layout.
const LAYOUT: &str = "pitlane-segments/1";
/// Compression level of zstd. A sealed segment is compressed once, and the nightly job has time; higher ones gain little.
const LEVEL: i32 = 3;
/// What the names of segments end with.
const SEGMENT: &str = ".lxj";
const MANIFEST: &str = "manifest.json";
/// What a journal whose start retention removed cannot be read without.
const PREAMBLE: &str = "PREAMBLE";
const RETAINED: &str = "RETAINED";

/// One file of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentEntry {
    /// Where it is in the journal, such as `inputs/0000000000000000.lxj`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Hash of its bytes, 64 hexadecimal digits.
    pub blake3: String,
    /// Size of its compressed copy, whose name ends with `.zst`.
    pub stored_bytes: u64,
    /// Hash of that.
    pub stored_blake3: String,
}

/// The journal's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentManifest {
    /// `pitlane-segments/1`.
    pub layout: String,
    /// The journal.
    pub journal: String,
    /// Trading dates of its sessions.
    pub dates: Vec<String>,
    /// Its files, by name.
    pub files: Vec<SegmentEntry>,
    /// Hash of this text with nothing between these quotes.
    pub seal: String,
}

impl SegmentManifest {
    fn text(&self) -> String {
        let mut sealed = Self { seal: String::new(), ..self.clone() };
        sealed.seal = blake3::hash(json(&sealed).as_bytes()).to_hex().to_string();
        json(&sealed)
    }

    /// Reads one from its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.layout != LAYOUT {
            return Err(format!("its layout is {}, this program knows {LAYOUT}", manifest.layout));
        }
        if manifest.text() != text {
            return Err("it was changed since it was written".to_owned());
        }
        let plain = |name: &str| !name.starts_with('/') && name.split('/').all(|part| !part.starts_with('.'));
        match manifest.files.iter().find(|file| !plain(&file.name)) {
            Some(file) => Err(format!("{} is no file of a journal", file.name)),
            None => Ok(manifest),
        }
    }

    /// Size of the files, and of their copies.
    pub fn bytes(&self) -> (u64, u64) {
        (
            self.files.iter().map(|file| file.bytes).sum(),
            self.files.iter().map(|file| file.stored_bytes).sum(),
        )
    }
}

fn json(manifest: &SegmentManifest) -> String {
    serde_json::to_string_pretty(manifest).expect("texts and numbers are JSON") + "\n"
}

/// Folder of a journal's segments in an archive.
pub fn folder(journal: Uuid) -> String {
    format!("_journal/{journal}")
}

/// The manifest of a journal's segments in a store; `None` if there is none.
///
/// # Errors
/// If it cannot be read or is damaged.
pub fn manifest(store: &dyn ObjectStore, journal: Uuid) -> anyhow::Result<Option<SegmentManifest>> {
    let key = format!("{}/{MANIFEST}", folder(journal));
    let Some(mut reader) = store.open(&key)? else { return Ok(None) };
    let (mut text, at) = (String::new(), format!("{}/{key}", store.describe()));
    reader.read_to_string(&mut text).map_err(|error| fault::disk("read", Path::new(&at), &error))?;
    SegmentManifest::parse(&text).map(Some).map_err(|what| {
        data(format!("{at} is damaged: {what}; let `cold-path archive` write it again from the journal"))
    })
}

/// What copying came to.
#[derive(Debug)]
pub struct Copied {
    /// All files.
    pub manifest: SegmentManifest,
    /// Files that were compressed by this call.
    pub written: u64,
}

/// Copies what a closed journal consists of, where the archive has not got it byte for byte. Segments that retention has
/// removed from the journal stay in the archive.
///
/// The journal was read through before: what is damaged is not copied over what is whole. And an intact copy is never
/// replaced unless its segment may have changed in order: the one that was the last, and one that recovery has sealed. Any
/// other that differs is left, and [`against`] tells of it.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy(journal: &Journal, dates: &[Date], out: &Path) -> anyhow::Result<Copied> {
    let root = out.join(folder(journal.uuid()));
    let before = match manifest(&crate::store::Directory(out.to_owned()), journal.uuid()) {
        Ok(found) => found.unwrap_or_default(),
        // Made anew from the journal, which is there.
        Err(_) => SegmentManifest::default(),
    };
    let mut entries = before.files.clone();
    let mut written = 0;
    for name in names(journal)? {
        let path = journal.dir.join(&name);
        let (bytes, blake3) = disk::hash_file(&path)?
            .ok_or_else(|| fault::disk("open", &path, &io::ErrorKind::NotFound.into()))?;
        let stored = root.join(format!("{name}.zst"));
        let known = entries.iter().position(|entry| entry.name == name);
        if let Some(entry) = known.map(|at| &entries[at])
            && (entry.bytes, &entry.blake3) == (bytes, &blake3)
            && disk::hash_file(&stored)? == Some((entry.stored_bytes, entry.stored_blake3.clone()))
        {
            continue;
        }
        if let Some(entry) = known.map(|at| &entries[at])
            && is_final(entry, &before, &path)?
            && disk::hash_file(&stored)? == Some((entry.stored_bytes, entry.stored_blake3.clone()))
        {
            continue;
        }
        let (stored_bytes, stored_blake3) = compress(&path, &stored)?;
        written += 1;
        let entry = SegmentEntry { name, bytes, blake3, stored_bytes, stored_blake3 };
        match known {
            Some(at) => entries[at] = entry,
            None => entries.push(entry),
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let manifest = SegmentManifest {
        layout: LAYOUT.to_owned(),
        journal: journal.uuid().to_string(),
        dates: dates.iter().map(Date::to_string).collect(),
        files: entries,
        seal: String::new(),
    };
    disk::write(&root.join(MANIFEST), manifest.text().as_bytes())?;
    Ok(Copied { manifest, written })
}

/// Whether a segment that was stored can have no other bytes by now: its writer has sealed it, and a later one was there.
fn is_final(entry: &SegmentEntry, before: &SegmentManifest, path: &Path) -> anyhow::Result<bool> {
    let Some((stream, _)) = entry.name.split_once('/').filter(|(_, file)| file.ends_with(SEGMENT)) else {
        return Ok(false);
    };
    let later = |other: &SegmentEntry| {
        let same =
            other.name.split_once('/').is_some_and(|(of, file)| of == stream && file.ends_with(SEGMENT));
        same && other.name > entry.name
    };
    let recovered = is_recovered(path).map_err(|error| fault::disk("read", path, &error))?;
    Ok(before.files.iter().any(later) && !recovered)
}

/// What of a journal the stored segments do not have: one line each. Its segments are read whole; those that retention has
/// removed must be stored.
///
/// # Errors
/// If the journal cannot be read.
pub fn against(journal: &Journal, dates: &[Date], manifest: &SegmentManifest) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let stored: BTreeMap<&str, &SegmentEntry> =
        manifest.files.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let live = names(journal)?;
    for name in live.iter().filter(|name| name.ends_with(SEGMENT)) {
        let path = journal.dir.join(name);
        let (bytes, blake3) = disk::hash_file(&path)?
            .ok_or_else(|| fault::disk("open", &path, &io::ErrorKind::NotFound.into()))?;
        match stored.get(name.as_str()) {
            Some(entry) if (entry.bytes, &entry.blake3) == (bytes, &blake3) => {}
            Some(_) => wrong.push(format!(
                "{}: the archive has a copy of this segment with other bytes; if that is the good one, `cold-path restore` \
                 gives the journal as it was",
                path.display()
            )),
            None => wrong.push(format!("{}: the archive has no copy of this segment", path.display())),
        }
    }
    for name in removed(&live) {
        if !stored.contains_key(name.as_str()) {
            wrong.push(format!("{name}: retention has removed it, and the archive has no copy of it"));
        }
    }
    let dates: Vec<String> = dates.iter().map(Date::to_string).collect();
    if manifest.dates != dates {
        let (stored, own) = (manifest.dates.join(", "), dates.join(", "));
        wrong.push(format!("the stored segments are said to be of {stored}, the journal is of {own}"));
    }
    Ok(wrong)
}

/// Whether the last segment of the journal's inputs is the last that is stored, byte for byte.
///
/// # Errors
/// If it cannot be read.
pub fn ends_as_stored(journal: &Journal, manifest: &SegmentManifest) -> anyhow::Result<bool> {
    let of =
        |name: &str| name.split_once('/').is_some_and(|(of, file)| of == INPUTS && file.ends_with(SEGMENT));
    let last = names(journal)?.into_iter().rfind(|name| of(name));
    let stored = manifest.files.iter().rfind(|entry| of(&entry.name));
    let (Some(last), Some(stored)) = (last, stored) else { return Ok(false) };
    let same = || disk::hash_file(&journal.dir.join(&last));
    Ok(last == stored.name && same()? == Some((stored.bytes, stored.blake3.clone())))
}

/// The segments before the first of each stream.
fn removed(live: &[String]) -> Vec<String> {
    let first = |stream: &str| {
        let of = |name: &&String| {
            name.split_once('/').is_some_and(|(of, file)| of == stream && file.ends_with(SEGMENT))
        };
        let file = live.iter().find(of)?.split_once('/')?.1;
        u64::from_str_radix(file.strip_suffix(SEGMENT)?, 16).ok()
    };
    let before = |stream| {
        let first = first(stream).unwrap_or(0);
        (0..first).map(move |index| format!("{stream}/{index:016x}{SEGMENT}"))
    };
    before(INPUTS).chain(before(OUTPUTS)).collect()
}

/// The last input that the stored segments have, as the last header says; `None` if none is stored.
///
/// # Errors
/// If the store fails, or the segment is damaged.
pub fn last_input(store: &dyn ObjectStore, manifest: &SegmentManifest) -> anyhow::Result<Option<u64>> {
    let inputs = manifest.files.iter().rev().filter(|entry| {
        entry.name.split_once('/').is_some_and(|(of, file)| of == INPUTS && file.ends_with(SEGMENT))
    });
    for entry in inputs {
        let key = key(manifest, entry);
        let wrong = |what: &str| data(format!("{}/{key} is damaged: {what}", store.describe()));
        let reader = store.open(&key)?.ok_or_else(|| wrong("it is not there"))?;
        let mut header = [0; HEADER_BYTES];
        let read = zstd::Decoder::new(reader).and_then(|mut decoder| decoder.read_exact(&mut header));
        read.map_err(|error| wrong(&error.to_string()))?;
        match last_seq(&header).ok_or_else(|| wrong("it is no sealed segment"))? {
            0 => {}
            last => return Ok(Some(last)),
        }
    }
    Ok(None)
}

fn key(manifest: &SegmentManifest, entry: &SegmentEntry) -> String {
    format!("_journal/{}/{}.zst", manifest.journal, entry.name)
}

/// The files that a journal is read from.
fn names(journal: &Journal) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for stream in [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(&journal.dir, stream)) {
        let folder = journal.dir.join(stream);
        let entries = std::fs::read_dir(&folder).map_err(|error| fault::disk("read", &folder, &error))?;
        for entry in entries {
            let name = entry.map_err(|error| fault::disk("read", &folder, &error))?.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(SEGMENT) || name == RETAINED {
                names.push(format!("{stream}/{name}"));
            }
        }
    }
    if journal.dir.join(PREAMBLE).is_file() {
        names.push(PREAMBLE.to_owned());
    }
    names.sort();
    Ok(names)
}

fn compress(path: &Path, stored: &Path) -> anyhow::Result<(u64, String)> {
    let mut from = File::open(path).map_err(|error| fault::disk("open", path, &error))?;
    let mut file = NewFile::create(stored)?;
    let compressed = (|| {
        let mut encoder = zstd::Encoder::new(&mut file, LEVEL)?;
        encoder.include_checksum(true)?;
        io::copy(&mut from, &mut encoder)?;
        encoder.finish().map(|_| ())
    })();
    compressed.map_err(|error| fault::disk("compress into", stored, &error))?;
    file.finish()
}

/// What is wrong with a journal's stored segments: one line each. Every one is decompressed.
///
/// # Errors
/// If the store fails.
pub fn check(store: &dyn ObjectStore, manifest: &SegmentManifest) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for entry in &manifest.files {
        let key = key(manifest, entry);
        let Some(reader) = store.open(&key)? else {
            wrong.push(format!("{key}: it is not there"));
            continue;
        };
        match zstd::Decoder::new(reader).and_then(disk::hash) {
            Ok(found) if found == (entry.bytes, entry.blake3.clone()) => {}
            Ok(_) => wrong.push(format!("{key}: it does not hold the bytes that were stored")),
            Err(error) => wrong.push(format!("{key}: {error}")),
        }
    }
    Ok(wrong)
}

/// Makes the directory `to` the journal that is stored. It appears when it is whole.
///
/// # Errors
/// If something is at `to` already, the store fails, or holds other bytes than its manifest says.
pub fn restore(store: &dyn ObjectStore, manifest: &SegmentManifest, to: &Path) -> anyhow::Result<()> {
    let occupied = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) || to.is_file();
    if occupied {
        return Err(data(format!(
            "{}: something is there already, and a restore overwrites nothing; name a new directory",
            to.display()
        )));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".restoring");
    let part = PathBuf::from(part);
    match std::fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(fault::disk("remove", &part, &error));
        }
        _ => {}
    }
    let whole = whole_of(manifest);
    disk::make_folder(&part)?;
    for entry in manifest.files.iter().filter(|entry| !whole || entry.name.ends_with(SEGMENT)) {
        restore_file(store, manifest, entry, &part)?;
    }
    // An empty directory may be there.
    match std::fs::remove_dir(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(fault::disk("replace", to, &error));
        }
        _ => {}
    }
    std::fs::rename(&part, to).map_err(|error| fault::disk("rename", &part, &error))?;
    disk::sync_folder(to)
}

fn restore_file(
    store: &dyn ObjectStore,
    manifest: &SegmentManifest,
    entry: &SegmentEntry,
    into: &Path,
) -> anyhow::Result<()> {
    let key = key(manifest, entry);
    let wrong = |what: &str| {
        data(format!(
            "{}/{key} is damaged: {what}; take it from another copy of the archive",
            store.describe()
        ))
    };
    let reader = store.open(&key)?.ok_or_else(|| wrong("it is not there"))?;
    let path = into.join(&entry.name);
    let mut file = NewFile::create(&path)?;
    let mut decoder = zstd::Decoder::new(reader).map_err(|error| wrong(&error.to_string()))?;
    io::copy(&mut decoder, &mut file).map_err(|error| match error.raw_os_error() {
        Some(_) => fault::disk("write", &path, &error),
        None => wrong(&error.to_string()),
    })?;
    if file.finish()? != (entry.bytes, entry.blake3.clone()) {
        return Err(wrong("its bytes are not those that were stored"));
    }
    Ok(())
}

/// Makes `to` the whole of a journal whose beginning retention has removed: what is gone from the store, and the rest from
/// the journal itself, so that reading it reads the journal.
///
/// # Errors
/// If the store lacks what is gone, or holds other bytes than its manifest says.
pub fn complete(
    store: &dyn ObjectStore,
    manifest: &SegmentManifest,
    journal: &Journal,
    to: &Path,
) -> anyhow::Result<()> {
    let live = names(journal)?;
    for name in removed(&live) {
        let entry = manifest.files.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let dir = journal.dir.display();
            data(format!("journal {dir}: retention has removed {name}, and the archive has no copy of it"))
        })?;
        restore_file(store, manifest, entry, to)?;
    }
    for name in live.iter().filter(|name| name.ends_with(SEGMENT)) {
        let (from, path) = (journal.dir.join(name), to.join(name));
        disk::make_folder(path.parent().unwrap_or(to))?;
        // On another file system it is a copy.
        std::fs::hard_link(&from, &path)
            .or_else(|_| std::fs::copy(&from, &path).map(|_| ()))
            .map_err(|error| fault::disk("copy", &from, &error))?;
    }
    Ok(())
}

/// Whether both streams are stored from their first segment on: then nothing that tells of removed ones is needed.
fn whole_of(manifest: &SegmentManifest) -> bool {
    let first = |stream: &str| format!("{stream}/{:016x}.lxj", 0);
    let has = |name: &str| manifest.files.iter().any(|file| file.name == name);
    let of = |stream: &str| {
        !manifest.files.iter().any(|file| file.name.starts_with(stream)) || has(&first(stream))
    };
    of(INPUTS) && of(OUTPUTS)
}
