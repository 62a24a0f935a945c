//! What the nightly job found, as an object and for people. Only facts about the data are stored, no times of the job: running
//! it again gives the same bytes.

use crate::disk;
use pitlane_rows::{Count, Date, Group, Table, Tables, Tally, Uuid};
use pitlane_session::summary::card;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Name and version of the object.
pub const SCHEMA: &str = "cold-archive/1";

/// Differences that are shown to people; all are in the object.
const SHOWN: usize = 20;

/// What one store has of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Rows.
    pub rows: u64,
    /// Sum of the rows' hashes modulo 2^128, 32 hexadecimal digits.
    pub checksum: String,
}

impl Found {
    fn of(count: &Count) -> Self {
        Self { rows: count.rows, checksum: format!("{:032x}", count.checksum) }
    }
}

/// The rows of a kind and an instrument, as the journal says them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// The table.
    pub kind: String,
    /// The instrument; `null` for rows of none.
    pub instrument: Option<String>,
    /// Rows and checksum.
    #[serde(flatten)]
    pub found: Found,
    /// Sums of the integer and decimal columns, decimals in 1/10,000 rupee.
    pub sums: BTreeMap<String, String>,
}

/// Something of which two stores do not have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The table.
    pub kind: String,
    /// Trading date of the rows.
    pub date: String,
    /// The instrument; `null` for rows of none.
    pub instrument: Option<String>,
    /// `parquet`, `postgres` or `manifest`: the store that is not as the journal.
    pub store: String,
    /// What is not the same: `rows`, `sums` or `checksum`.
    pub what: String,
    /// What the journal has; `null` for nothing.
    pub journal: Option<Found>,
    /// What the store has.
    pub found: Option<Found>,
}

/// The journal's segments in the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the compressed copies.
    pub stored_bytes: u64,
}

/// One journal on one trading date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `cold-archive/1`.
    pub schema: String,
    /// The trading date.
    pub date: String,
    /// The journal.
    pub journal: String,
    /// Trading dates of all its sessions.
    pub dates: Vec<String>,
    /// Its last input.
    pub last_seq: u64,
    /// What was compared: journal, parquet, and postgres if there is a database.
    pub stores: Vec<String>,
    /// Tables that the database keeps; `null` without one.
    pub postgres_tables: Option<Vec<String>>,
    /// Whether all stores have the same rows, and the segments are whole.
    pub equal: bool,
    /// Rows of the date.
    pub rows: u64,
    /// Ranges of the journal's Parquet files.
    pub ranges: u64,
    /// Its Parquet files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The journal itself.
    pub segments: Segments,
    /// The date's rows by kind and instrument, as the journal says them.
    pub kinds: Vec<Kind>,
    /// What is not the same, of all dates of the journal.
    pub differences: Vec<Difference>,
    /// What else is wrong: files that are not as their manifests say.
    pub faults: Vec<String>,
}

/// Names of a journal's instruments, by id.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a>(pub &'a [pitlane_engine::config::InstrumentSpec]);

impl Names<'_> {
    fn of(&self, group: Group) -> Option<String> {
        let id = group.instrument?;
        let name = usize::try_from(id).ok().and_then(|id| self.0.get(id)).map(|spec| spec.symbol.clone());
        Some(name.unwrap_or_else(|| format!("#{id}")))
    }
}

/// The rows of a date by kind and instrument.
pub fn kinds(tally: &Tally, date: Date, names: Names<'_>) -> Vec<Kind> {
    let of_date = tally.groups().iter().filter(|(group, _)| group.date == date);
    let kind = |(group, count): (&Group, &Count)| Kind {
        kind: group.table.name().to_owned(),
        instrument: names.of(*group),
        found: Found::of(count),
        sums: sums(group.table, count),
    };
    of_date.map(kind).collect()
}

fn sums(table: Table, count: &Count) -> BTreeMap<String, String> {
    let summed = table.columns().zip(&count.sums).filter(|(column, _)| column.ty.is_summed());
    summed.map(|(column, sum)| (column.name.to_owned(), sum.to_string())).collect()
}

/// What a store that keeps `tables` does not have as the journal has it.
pub fn differences(
    journal: &Tally,
    store: &Tally,
    name: &str,
    tables: Tables,
    names: Names<'_>,
) -> Vec<Difference> {
    let difference = |(group, own, other): (Group, Option<&Count>, Option<&Count>)| {
        let what = match (own, other) {
            (Some(own), Some(other)) if own.rows == other.rows && own.sums == other.sums => "checksum",
            (Some(own), Some(other)) if own.rows == other.rows => "sums",
            _ => "rows",
        };
        Difference {
            kind: group.table.name().to_owned(),
            date: group.date.to_string(),
            instrument: names.of(group),
            store: name.to_owned(),
            what: what.to_owned(),
            journal: own.map(Found::of),
            found: other.map(Found::of),
        }
    };
    let kept = |(group, ..): &(Group, Option<&Count>, Option<&Count>)| tables.has(group.table);
    journal.differences(store).into_iter().filter(kept).map(difference).collect()
}

impl Report {
    /// Where it is stored, without the ending.
    pub fn path(out: &Path, date: Date, journal: Uuid) -> PathBuf {
        out.join("_report").join(date.to_string()).join(journal.to_string())
    }

    /// Stores it as JSON and as text, unless the same is there.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn store(&self, path: &Path) -> anyhow::Result<()> {
        disk::write(&path.with_extension("json"), (serde_json::to_string_pretty(self)? + "\n").as_bytes())?;
        disk::write(&path.with_extension("txt"), self.render().as_bytes())
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let mut rows = vec![
            ("date", self.date.clone()),
            ("journal", format!("{}, to input {}", self.journal, self.last_seq)),
            ("rows", self.rows.to_string()),
            ("parquet", format!("{} files, {}, {} ranges", self.files, mib(self.bytes), self.ranges)),
            (
                "segments",
                format!(
                    "{} files, {} as {}",
                    self.segments.files,
                    mib(self.segments.bytes),
                    mib(self.segments.stored_bytes)
                ),
            ),
            ("compared", self.stores.join(" = ")),
        ];
        rows.push(("equal", self.equal.to_string()));
        let mut text = card(&rows);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let mut by_kind: BTreeMap<&str, (u64, u64, u128)> = BTreeMap::new();
        for kind in &self.kinds {
            let (instruments, rows, checksum) = by_kind.entry(&kind.kind).or_default();
            *instruments += u64::from(kind.instrument.is_some());
            *rows += kind.found.rows;
            let one = u128::from_str_radix(&kind.found.checksum, 16).unwrap_or(0);
            *checksum = checksum.wrapping_add(one);
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n {:<16} {:>11} {:>12}  checksum", "kind", "instruments", "rows");
        for (kind, (instruments, rows, checksum)) in by_kind {
            let _ = writeln!(text, " {kind:<16} {instruments:>11} {rows:>12}  {checksum:032x}");
        }
        for fault in &self.faults {
            let _ = writeln!(text, "\n wrong: {fault}");
        }
        for difference in self.differences.iter().take(SHOWN) {
            let rows = |found: &Option<Found>| found.as_ref().map_or(0, |found| found.rows);
            let _ = writeln!(
                text,
                "\n differs: {} of {}{}: {} in {}: {} rows, in the journal {}",
                difference.kind,
                difference.date,
                difference.instrument.as_ref().map_or_else(String::new, |name| format!(", {name}")),
                difference.what,
                difference.store,
                rows(&difference.found),
                rows(&difference.journal)
            );
        }
        if !self.equal {
            let _ = writeln!(
                text,
                "\n next: `cold-path archive --rewrite` makes the Parquet files again from the journal; a database whose rows \
                 differ is filled anew: an empty one, and `cold-path restore --postgres`"
            );
        }
        if self.differences.len() > SHOWN {
            let _ = writeln!(text, "\n and {} more, which the JSON lists", self.differences.len() - SHOWN);
        }
        text
    }
}
