//! Lines of a file, gzip or plain, one at a time in a buffer that is allocated once.

use crate::error::FeedError;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Bytes kept of a line; no row is longer, so a file without line ends cannot take the memory.
pub(crate) const LINE_KEPT_MAX: usize = 1_024;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 64 * 1_024;
/// First bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What some editors put at the start of a text file.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Reads the lines of one file.
pub(crate) struct Lines {
    path: PathBuf,
    columns: &'static str,
    reader: Box<dyn BufRead + Send>,
    kept: Vec<u8>,
    bytes: usize,
    number: u64,
}

impl Lines {
    /// Opens a file of rows with these columns. Gzip is known by its first bytes, whatever the name.
    pub(crate) fn open(path: &Path, columns: &'static str) -> Result<Self, FeedError> {
        let refuse = |source| FeedError::Open { path: path.to_owned(), source };
        let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(refuse)?);
        let head = file.fill_buf().map_err(refuse)?;
        let is_gzip = head.starts_with(&GZIP_MAGIC);
        if head.is_empty() {
            return Err(FeedError::Empty { path: path.to_owned(), expected: columns });
        }
        if !is_gzip && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
            return Err(FeedError::NotGzip { path: path.to_owned() });
        }
        let reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self {
            path: path.to_owned(),
            columns,
            reader,
            kept: Vec::with_capacity(LINE_KEPT_MAX),
            bytes: 0,
            number: 0,
        })
    }

    /// What is wrong with the file if it has no rows.
    pub(crate) fn no_rows(&self) -> FeedError {
        FeedError::Empty { path: self.path.clone(), expected: self.columns }
    }

    /// Number of the present line, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The present line without its end; long ones are cut.
    pub(crate) fn line(&self) -> &[u8] {
        &self.kept
    }

    /// Bytes of the present line before it was cut.
    pub(crate) fn line_bytes(&self) -> usize {
        self.bytes
    }

    /// Moves to the next line that is not blank; `false` at the end. The header, a first line that starts with a
    /// letter, is passed over if its columns are the expected ones: a volume or a token must never be read as a price.
    pub(crate) fn next(&mut self) -> Result<bool, FeedError> {
        while self.read_line()? {
            let is_blank = self.kept.iter().all(u8::is_ascii_whitespace);
            let is_header = self.number == 1
                && self.kept.iter().find(|b| **b != b'"').is_some_and(u8::is_ascii_alphabetic);
            if is_header && !is_expected_header(&self.kept, self.columns) {
                let found = String::from_utf8_lossy(&self.kept[..self.kept.len().min(80)]).into_owned();
                return Err(FeedError::Header { path: self.path.clone(), found, expected: self.columns });
            }
            if !is_blank && !is_header {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn read_line(&mut self) -> Result<bool, FeedError> {
        self.kept.clear();
        self.bytes = 0;
        let mut ended = false;
        while !ended {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(FeedError::Read { path: self.path.clone(), line: self.number, source });
                }
            };
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|b| *b == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = LINE_KEPT_MAX - self.kept.len();
            self.kept.extend_from_slice(&part[..part.len().min(room)]);
            self.bytes += part.len();
            ended = end.is_some();
            let used = part.len() + usize::from(ended);
            self.reader.consume(used);
        }
        if self.bytes == 0 && !ended {
            return Ok(false);
        }
        self.number += 1;
        if self.kept.last() == Some(&b'\r') {
            self.kept.pop();
            self.bytes -= 1;
        }
        if self.number == 1 && self.kept.starts_with(BYTE_ORDER_MARK) {
            self.kept.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(true)
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Whether a header names the columns in the order in which rows are read.
fn is_expected_header(line: &[u8], expected: &str) -> bool {
    let mut columns = line.split(|byte| *byte == b',').map(|column| {
        let text = String::from_utf8_lossy(column);
        text.trim().trim_matches('"').to_ascii_lowercase()
    });
    expected.split(',').all(|name| columns.next().is_some_and(|column| column == name))
}
