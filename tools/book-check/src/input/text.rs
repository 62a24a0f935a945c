//! Rows of numbers, with the place of what is wrong in them.

use super::Source;
use pitlane_session::exit::data;
use std::io::{BufRead, Read};

/// Longest line, in bytes.
const LINE_MAX: u64 = 1 << 16;

/// The lines of a file, one at a time.
pub struct Rows<'a> {
    source: Source<'a>,
    /// What a line holds, for errors.
    columns: &'static str,
    line: u64,
    bytes: Vec<u8>,
}

impl<'a> Rows<'a> {
    /// The lines of a file of these columns.
    pub fn new(source: Source<'a>, columns: &'static str) -> Self {
        Self { source, columns, line: 0, bytes: Vec::new() }
    }

    /// Goes to the next line; `false` at the end.
    ///
    /// # Errors
    /// If the file cannot be read on, or a line is too long, empty or no text.
    pub fn advance(&mut self) -> anyhow::Result<bool> {
        self.read()?;
        if self.bytes.is_empty() {
            return Ok(false);
        }
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
        }
        if self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        if !self.bytes.is_ascii() {
            return Err(self.error("it is no text"));
        }
        if self.bytes.is_empty() {
            let after = self.line;
            self.read()?;
            if self.bytes.is_empty() {
                return Ok(false);
            }
            self.line = after;
            return Err(self.error("the line is empty"));
        }
        Ok(true)
    }

    fn read(&mut self) -> anyhow::Result<()> {
        self.bytes.clear();
        let mut reader = (&mut *self.source.reader).take(LINE_MAX + 1);
        let read = reader.read_until(b'\n', &mut self.bytes);
        if let Err(error) = read {
            return Err(data(format!(
                "cannot read {} after line {}: {error}; the file is damaged or cut short, fetch it again",
                self.source.name, self.line
            )));
        }
        if !self.bytes.is_empty() {
            self.line += 1;
        }
        if self.bytes.len() as u64 > LINE_MAX {
            return Err(self.error(&format!("the line is longer than {LINE_MAX} bytes")));
        }
        Ok(())
    }

    /// The line.
    pub fn text(&self) -> &str {
        // It was found to be ASCII.
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// Its number, from one.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The file.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The line's columns, if they are as many as expected.
    ///
    /// # Errors
    /// If they are not.
    pub fn fields<const N: usize>(&self) -> anyhow::Result<[&str; N]> {
        let mut fields = [""; N];
        let mut count = 0;
        for field in self.text().split(',') {
            if let Some(place) = fields.get_mut(count) {
                *place = field.trim();
            }
            count += 1;
        }
        if count == N { Ok(fields) } else { Err(self.error(&format!("{count} columns instead of {N}"))) }
    }

    /// A column as an integer from `least` to `most`.
    ///
    /// # Errors
    /// If it is none.
    #[inline]
    pub fn integer(&self, what: &str, field: &str, least: i64, most: i64) -> anyhow::Result<i64> {
        match field.trim().parse::<i64>() {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            Ok(value) => Err(self.error(&format!("{what} {value} is not from {least} to {most}"))),
            Err(_) => Err(self.error(&format!("{what} `{field}` is no integer"))),
        }
    }

    /// An error about the line.
    pub fn error(&self, what: &str) -> anyhow::Error {
        data(format!(
            "{}:{}: {what}; expected rows `{}`: check that it is the right file, or fetch it again",
            self.source.name, self.line, self.columns
        ))
    }
}
