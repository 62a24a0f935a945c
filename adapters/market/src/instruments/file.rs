//! From a file to rows: compression, line ends, quotes, the header.

use super::row::{self, Layout, RowFault};
use super::{BROKER_HEADER, Dump, SHORT_HEADER, indices};
use crate::error::MarketError;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// How much of a wrong first line an error shows, in characters.
const SHOWN_MAX: usize = 120;

pub(super) fn open(path: &Path) -> Result<Dump, MarketError> {
    let opened = |source| MarketError::Open { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(opened)?);
    if path.extension().is_none_or(|extension| extension != "gz") {
        return read(file, path);
    }
    if !file.fill_buf().map_err(opened)?.starts_with(&[0x1f, 0x8b]) {
        return Err(MarketError::NotGzip { path: path.to_owned() });
    }
    read(BufReader::new(MultiGzDecoder::new(file)), path)
}

pub(super) fn read(mut reader: impl BufRead, path: &Path) -> Result<Dump, MarketError> {
    let mut bytes = Vec::new();
    let mut line = 0;
    let mut layout = None;
    let mut dump = Dump::new();
    // Line by line, not record by record: no dump has line ends inside quotes, and a quote that is never
    // closed must spoil its own row only.
    loop {
        bytes.clear();
        let failed = |source| MarketError::Read { path: path.to_owned(), line, source };
        if reader.read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
            break;
        }
        line += 1;
        let bytes = bytes.trim_ascii();
        match layout {
            None => layout = Some(header(bytes, path)?),
            Some(_) if bytes.is_empty() => {}
            Some(layout) => dump.take(line, one(bytes, layout, line)),
        }
    }
    if dump.counts.rows == 0 {
        return Err(MarketError::Empty { path: path.to_owned() });
    }
    for index in indices::all() {
        // The file's own row for an index, if it has one, stays.
        let _ = dump.insert(index);
    }
    Ok(dump)
}

/// The layout that a first line announces, with or without byte order mark and quotes.
fn header(bytes: &[u8], path: &Path) -> Result<Layout, MarketError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    match text.replace('"', "").as_str() {
        BROKER_HEADER => Ok(Layout::Broker),
        SHORT_HEADER => Ok(Layout::Short),
        _ => {
            let found = text.chars().take(SHOWN_MAX).collect();
            Err(MarketError::Header { path: path.to_owned(), found })
        }
    }
}

fn one(bytes: &[u8], layout: Layout, line: u64) -> Result<super::Entry, RowFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| RowFault::NotText)?;
    if !text.contains('"') {
        return row::entry(&text.split(',').collect::<Vec<_>>(), layout, line);
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(bytes.len().max(1))
        .from_reader(bytes);
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => row::entry(&record.iter().collect::<Vec<_>>(), layout, line),
        Ok(false) | Err(_) => Err(RowFault::NotText),
    }
}
