//! One file of an archive, written.

use crate::buffer::Buffer;
use crate::disk::NewFile;
use crate::error::ArchiveError;
use crate::manifest::FileEntry;
use crate::schema::{arrow_schema, properties};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use pitlane_rows::{Date, Table, Uuid};
use std::path::Path;
use std::sync::Arc;

/// Rows that are handed over at a time.
const BATCH_ROWS: usize = 32_768;

/// A range of inputs, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// Digits of a journal's name that stand in its files' names.
const JOURNAL_DIGITS: usize = 12;

/// What the names of a journal's files begin with.
pub(crate) fn prefix(journal: Uuid) -> String {
    let name: String =
        journal.to_string().chars().filter(|digit| *digit != '-').take(JOURNAL_DIGITS).collect();
    format!("part-{name}-")
}

/// Where a file is, from the archive's root.
pub(crate) fn relative_path(table: Table, date: Date, journal: Uuid, Span { first, last }: Span) -> String {
    let (kind, prefix) = (table.name(), prefix(journal));
    format!("kind={kind}/date={date}/{prefix}{first:012}-{last:012}.parquet")
}

/// Writes the files of a table's rows, one for each date.
pub(crate) fn write(
    root: &Path,
    table: Table,
    buffer: &Buffer,
    journal: Uuid,
    span: Span,
) -> Result<Vec<FileEntry>, ArchiveError> {
    let order = buffer.order();
    let mut files = Vec::new();
    for (date, part) in buffer.dates(&order) {
        let path = relative_path(table, date, journal, span);
        files.push(write_one(root, path, table, date, buffer, &order[part])?);
    }
    Ok(files)
}

fn write_one(
    root: &Path,
    relative: String,
    table: Table,
    date: Date,
    buffer: &Buffer,
    order: &[u32],
) -> Result<FileEntry, ArchiveError> {
    let path = root.join(&relative);
    let fault = |error: ParquetError| match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => ArchiveError::Io { doing: "write", path: path.clone(), source: *source },
            Err(source) => ArchiveError::file(&path, source.to_string()),
        },
        other => ArchiveError::file(&path, other.to_string()),
    };
    let options = ArrowWriterOptions::new().with_properties(properties(table)).with_skip_arrow_metadata(true);
    let schema = Arc::new(arrow_schema(table));
    let mut writer =
        ArrowWriter::try_new_with_options(NewFile::create(&path)?, schema, options).map_err(fault)?;
    for rows in order.chunks(BATCH_ROWS) {
        writer.write(&buffer.batch(rows)).map_err(fault)?;
    }
    let (bytes, hash) = writer.into_inner().map_err(fault)?.finish()?;
    let (first_seq, last_seq) = buffer.seqs(order);
    Ok(FileEntry {
        kind: table.name().to_owned(),
        date: date.to_string(),
        path: relative,
        rows: order.len() as u64,
        bytes,
        blake3: hash.to_hex().to_string(),
        first_seq: first_seq as u64,
        last_seq: last_seq as u64,
        sums: buffer.sums(order).map(|(name, sum)| (name.to_owned(), sum.to_string())).collect(),
    })
}
