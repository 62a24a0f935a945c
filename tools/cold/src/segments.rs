//! The journal itself in the archive: its sealed segments, compressed, with a manifest from which they are restored byte for
//! byte.

use crate::disk::{self, NewFile};
use crate::fault;
use crate::store::ObjectStore;
use crate::tail::Journal;
use pitlane_rows::{Date, Uuid};
use pitlane_session::exit::data;
use pitlane_store::{INPUTS, OUTPUTS, has_stream};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Name and version of the manifest's layout.
const LAYOUT: &str = "pitlane-segments/1";
/// Compression level of zstd. A sealed segment is compressed once, and the nightly job has time; higher ones gain little.
const LEVEL: i32 = 3;
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

/// The files that a journal is read from.
fn names(journal: &Journal) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for stream in [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(&journal.dir, stream)) {
        let folder = journal.dir.join(stream);
        let entries = std::fs::read_dir(&folder).map_err(|error| fault::disk("read", &folder, &error))?;
        for entry in entries {
            let name = entry.map_err(|error| fault::disk("read", &folder, &error))?.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(".lxj") || name == RETAINED {
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
        let key = format!("_journal/{}/{}.zst", manifest.journal, entry.name);
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
    for entry in manifest.files.iter().filter(|entry| !whole || entry.name.ends_with(".lxj")) {
        let key = format!("_journal/{}/{}.zst", manifest.journal, entry.name);
        let wrong = |what: &str| {
            data(format!(
                "{}/{key} is damaged: {what}; take it from another copy of the archive",
                store.describe()
            ))
        };
        let reader = store.open(&key)?.ok_or_else(|| wrong("it is not there"))?;
        let path = part.join(&entry.name);
        let mut file = NewFile::create(&path)?;
        let mut decoder = zstd::Decoder::new(reader).map_err(|error| wrong(&error.to_string()))?;
        io::copy(&mut decoder, &mut file).map_err(|error| match error.raw_os_error() {
            Some(_) => fault::disk("write", &path, &error),
            None => wrong(&error.to_string()),
        })?;
        if file.finish()? != (entry.bytes, entry.blake3.clone()) {
            return Err(wrong("its bytes are not those that were stored"));
        }
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

/// Whether both streams are stored from their first segment on: then nothing that tells of removed ones is needed.
fn whole_of(manifest: &SegmentManifest) -> bool {
    let first = |stream: &str| format!("{stream}/{:016x}.lxj", 0);
    let has = |name: &str| manifest.files.iter().any(|file| file.name == name);
    let of = |stream: &str| {
        !manifest.files.iter().any(|file| file.name.starts_with(stream)) || has(&first(stream))
    };
    of(INPUTS) && of(OUTPUTS)
}
