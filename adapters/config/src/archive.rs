//! `[archive]`: where `cold-path` keeps the rows of journals.

use crate::error::ConfigError;
use crate::read::{Section, count, flag, text};
use crate::schema::{FLAG, SectionSchema, key, section};
use crate::text::Text;
use crate::tree::{Table, Value};
use std::path::PathBuf;

/// `[archive]`. Nothing here changes a result: rows are made from what a journal has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// The archive's directory.
    pub dir: PathBuf,
    /// Inputs of a range of Parquet files at most.
    pub range_inputs: u64,
    /// A database as `postgresql://USER@HOST:PORT/DATABASE`, without a password; `None` = none.
    pub postgres: Option<String>,
    /// File whose first line is the database's password.
    pub postgres_password_file: Option<PathBuf>,
    /// Whether ticks and their depth are kept in the database too.
    pub postgres_ticks: bool,
    /// Rows of a transaction at most, while a sidecar catches up.
    pub postgres_batch: u64,
    /// Where a verified archive is copied: a directory, or `s3://BUCKET/PREFIX`; `None` = nowhere.
    pub upload: Option<String>,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("archive"),
            range_inputs: 1 << 20,
            postgres: None,
            postgres_password_file: None,
            postgres_ticks: false,
            postgres_batch: 100_000,
            upload: None,
        }
    }
}

const PATH: &str = "a directory's path";

pub(crate) const ARCHIVE_SCHEMA: SectionSchema = section(
    "archive",
    false,
    &[
        key("dir", PATH, "where cold-path keeps journals' rows and segments"),
        key(
            "range_inputs",
            "1 to 1000000000",
            "inputs of a range of Parquet files at most; an archive keeps to it",
        ),
        key(
            "postgres",
            "postgresql://USER@HOST:PORT/DATABASE without a password",
            "the database that keeps the rows too; absent = none",
        ),
        key("postgres_password_file", "a file's path", "its password's file; only its owner may read it"),
        key("postgres_ticks", FLAG, "whether ticks and their depth are kept in the database too"),
        key("postgres_batch", "1 to 1000000000", "rows of a transaction at most, while it catches up"),
        key(
            "upload",
            "a directory's path, or s3://BUCKET/PREFIX",
            "where a verified archive is copied; absent = nowhere",
        ),
    ],
);

/// Reads `[archive]`.
pub(crate) fn read(root: &Table) -> Result<ArchiveSettings, ConfigError> {
    let section = Section::of(root, "archive")?;
    let default = ArchiveSettings::default();
    let word = |value: &Value| text(value).filter(|text| !text.is_empty());
    let path = |value: &Value| word(value).map(PathBuf::from);
    let address = |value: &Value| word(value).filter(|text| text.contains("://"));
    let counted = |value: &Value| count(1..=1_000_000_000)(value).map(u64::from);
    let postgres = section.optional("postgres", address)?;
    if postgres.as_deref().is_some_and(holds_password) {
        // A configuration is printed, and others read it. Nor does the error repeat it.
        return Err(ConfigError::Conflict {
            at: section.place("postgres").split('=').next().unwrap_or_default().to_owned(),
            why: "the address holds a password".to_owned(),
            remedy: "leave it out, and give postgres_password_file, PGPASSWORD or ~/.pgpass".to_owned(),
        });
    }
    Ok(ArchiveSettings {
        dir: section.read("dir", default.dir, path)?,
        range_inputs: section.read("range_inputs", default.range_inputs, counted)?,
        postgres,
        postgres_password_file: section.optional("postgres_password_file", path)?,
        postgres_ticks: section.read("postgres_ticks", default.postgres_ticks, flag)?,
        postgres_batch: section.read("postgres_batch", default.postgres_batch, counted)?,
        upload: section.optional("upload", word)?,
    })
}

fn holds_password(address: &str) -> bool {
    let authority =
        address.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || address.to_ascii_lowercase().contains("password=")
}

/// The section as text.
pub(crate) fn write(text: &mut Text, archive: &ArchiveSettings) {
    text.head("[archive]");
    text.quoted("dir", &archive.dir.to_string_lossy());
    text.bare("range_inputs", archive.range_inputs);
    if let Some(postgres) = &archive.postgres {
        text.quoted("postgres", postgres);
    }
    if let Some(file) = &archive.postgres_password_file {
        text.quoted("postgres_password_file", &file.to_string_lossy());
    }
    text.bare("postgres_ticks", archive.postgres_ticks);
    text.bare("postgres_batch", archive.postgres_batch);
    if let Some(upload) = &archive.upload {
        text.quoted("upload", upload);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Layers, Settings};

    fn sets(texts: &[&str]) -> Result<Settings, crate::ConfigError> {
        Layers { sets: texts.iter().map(|text| (*text).to_owned()).collect(), ..Layers::default() }.load()
    }

    #[test]
    fn the_text_reads_back_equal_and_is_not_journaled() {
        let settings = sets(&[
            "archive.dir=/data/archive",
            "archive.range_inputs=4096",
            "archive.postgres=postgresql://me@127.0.0.1:5432/pitlane",
            "archive.postgres_password_file=/etc/pitlane/password",
            "archive.postgres_ticks=true",
            "archive.postgres_batch=1000",
            "archive.upload=s3://bucket/prefix",
        ])
        .unwrap();
        assert_eq!(Settings::from_toml(&settings.to_toml(), "text").unwrap(), settings);
        assert_eq!(settings.archive.postgres.as_deref(), Some("postgresql://me@127.0.0.1:5432/pitlane"));
        assert!(!settings.journaled_toml().contains("archive"));
    }

    #[test]
    fn a_password_and_a_range_of_nothing_are_refused() {
        for bad in [
            "archive.postgres=postgresql://me:secret@127.0.0.1/pitlane",
            "archive.postgres=pitlane",
            "archive.range_inputs=0",
            "archive.postgres_batch=0",
            "archive.dir=\"\"",
            "archive.folder=x",
        ] {
            let error = sets(&[bad]).unwrap_err().to_string();
            assert!(error.contains("archive") && !error.contains("secret@"), "{bad}: {error}");
        }
    }
}
