//! What can go wrong with an archive.

use pitlane_rows::SCHEMA_VERSION;
use std::io;
use std::path::{Path, PathBuf};

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk or the file system.
    #[error(
        "cannot {doing} {path}: {source}; check the disk's space and the permissions, then do it again: nothing is lost"
    )]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A file that is no Parquet file, or not one of ours.
    #[error("{path} is damaged: {what}; let `cold-path archive` write it again from the journal")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A manifest that cannot be used.
    #[error("{path} is damaged: {what}; let `cold-path archive` write its range again from the journal")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Tables of another version.
    #[error(
        "{path}: its tables have version {found}, this program writes {SCHEMA_VERSION}; use the version that wrote it, or \
         another directory"
    )]
    Schema {
        /// The manifest.
        path: PathBuf,
        /// The version found.
        found: i64,
    },
    /// Written with other options.
    #[error(
        "{path}: it was written with other options ({what}); go on with those, or write the journal into another directory"
    )]
    Options {
        /// The manifest.
        path: PathBuf,
        /// Which.
        what: &'static str,
    },
    /// Another process writes the same journal into the same directory.
    #[error("{path} is held by another process that archives the same journal; wait for it or stop it")]
    Held {
        /// The lock.
        path: PathBuf,
    },
}

impl ArchiveError {
    /// Whether writing the range again from the journal mends it.
    pub fn is_mended_by_rewriting(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Manifest { .. })
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn file(path: &Path, what: impl Into<String>) -> Self {
        Self::File { path: path.to_owned(), what: what.into() }
    }
}
