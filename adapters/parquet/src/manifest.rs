//! What a range of a journal became: its files, and the state from which the next range goes on.

use crate::disk::NewFile;
use crate::error::ArchiveError;
use crate::file::Span;
use pitlane_rows::{Offset, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Name and version of a manifest's layout.
const LAYOUT: &str = "pitlane-manifest/1";

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// The table's name.
    pub kind: String,
    /// Trading date of its rows, YYYY-MM-DD.
    pub date: String,
    /// Where it is, from the archive's root.
    pub path: String,
    /// How many rows it has.
    pub rows: u64,
    /// How large it is.
    pub bytes: u64,
    /// Hash of its bytes, 64 hexadecimal digits.
    pub blake3: String,
    /// Least `seq` of its rows.
    pub first_seq: u64,
    /// Greatest `seq` of its rows.
    pub last_seq: u64,
    /// Sums of its integer and decimal columns, decimals in 1/10,000 rupee.
    pub sums: BTreeMap<String, String>,
}

/// From where the next range goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The last input of the range.
    pub seq: u64,
    /// Outputs up to there.
    pub outputs: u64,
    /// State of the projection, in hexadecimal digits.
    pub state: String,
}

impl Resume {
    /// Up to where the journal was read.
    pub fn offset(&self) -> Offset {
        Offset { seq: self.seq, outputs: self.outputs }
    }

    /// The state's bytes; `None` if they are no hexadecimal digits.
    pub fn state_bytes(&self) -> Option<Vec<u8>> {
        let digits = self.state.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let even = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
        even.then(|| digits.chunks(2).map(byte).collect())?
    }
}

/// A range of a journal and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `pitlane-manifest/1`.
    pub layout: String,
    /// Version of the tables' columns.
    pub schema: i32,
    /// Version of the program that wrote it.
    pub writer: String,
    /// The journal.
    pub journal: String,
    /// First input of the range.
    pub first: u64,
    /// Last input of the range.
    pub last: u64,
    /// Number of the session that runs at its end, or ran last.
    pub session: u32,
    /// Whether the range ends where ranges end. One that does not was the end of the journal when it was written; it is
    /// written again when the journal has grown.
    pub complete: bool,
    /// Whether its last input ended its session.
    pub session_ended: bool,
    /// Inputs of a range at most.
    pub range_inputs: u64,
    /// Names of the tables that were wanted.
    pub tables: Vec<String>,
    /// The files, by kind and date. A table without rows has none.
    pub files: Vec<FileEntry>,
    /// From where the next range goes on.
    pub resume: Resume,
    /// Hash of this text with nothing between these quotes.
    pub seal: String,
}

impl Manifest {
    pub(crate) fn new(span: Span, journal: String) -> Self {
        Self {
            layout: LAYOUT.to_owned(),
            schema: SCHEMA_VERSION,
            writer: format!("pitlane {}", env!("CARGO_PKG_VERSION")),
            journal,
            first: span.first,
            last: span.last,
            session: 0,
            complete: false,
            session_ended: false,
            range_inputs: 0,
            tables: Vec::new(),
            files: Vec::new(),
            resume: Resume { seq: span.last, outputs: 0, state: String::new() },
            seal: String::new(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        Span { first: self.first, last: self.last }
    }

    /// Name of its file.
    pub(crate) fn file_name(&self) -> String {
        format!("{:012}-{:012}.json", self.first, self.last)
    }

    /// The whole text, sealed.
    fn text(&self) -> String {
        let mut sealed = Self { seal: String::new(), ..self.clone() };
        sealed.seal = blake3::hash(json(&sealed).as_bytes()).to_hex().to_string();
        json(&sealed)
    }

    /// Writes it into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf, ArchiveError> {
        let path = folder.join(self.file_name());
        let mut file = NewFile::create(&path)?;
        file.write_all(self.text().as_bytes()).map_err(ArchiveError::io("write", &path))?;
        file.finish()?;
        Ok(path)
    }

    /// Reads one, and checks its seal and its version.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or of tables of another version.
    pub fn read(path: &Path) -> Result<Self, ArchiveError> {
        let fault = |what: String| ArchiveError::Manifest { path: path.to_owned(), what };
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => fault("it is no text".to_owned()),
            _ => ArchiveError::Io { doing: "read", path: path.to_owned(), source: error },
        })?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
        // The version first: another one may well have other fields.
        let found = value.get("schema").and_then(serde_json::Value::as_i64);
        let found = found.ok_or_else(|| fault("it does not say of which version it is".to_owned()))?;
        let known = value.get("layout").and_then(serde_json::Value::as_str) == Some(LAYOUT);
        if !known || found != i64::from(SCHEMA_VERSION) {
            return Err(ArchiveError::Schema { path: path.to_owned(), found });
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| fault(error.to_string()))?;
        if manifest.text() != text {
            return Err(fault("it was changed since it was written".to_owned()));
        }
        if manifest.first == 0 || manifest.first > manifest.last || manifest.resume.seq != manifest.last {
            return Err(fault("its range cannot be".to_owned()));
        }
        if path.file_name().is_none_or(|name| name != manifest.file_name().as_str()) {
            return Err(fault("it is of another range than its name says".to_owned()));
        }
        Ok(manifest)
    }
}

fn json(manifest: &Manifest) -> String {
    serde_json::to_string_pretty(manifest).expect("texts and numbers are JSON") + "\n"
}
