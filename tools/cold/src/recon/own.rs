//! Own minutes: from journals, or from an archive.

use super::{BySymbol, Minute, Window, day};
use anyhow::Context;
use pitlane_config::format_ist;
use pitlane_engine::event::{Bar, Kind, Timeframe};
use pitlane_engine::units::TsNs;
use pitlane_parquet::{Archive, ArchiveError, read_file};
use pitlane_rows::{Date, Table, Value};
use pitlane_session::exit::{data, usage};
use pitlane_session::recorded::Recording;
use std::path::{Path, PathBuf};

/// The closed minutes of journals. Bars that were not recorded are recomputed.
///
/// # Errors
/// If a journal cannot be read, or two of them have one minute and say different things.
pub(super) fn recorded(journals: &[PathBuf], window: &Window) -> anyhow::Result<BySymbol> {
    let mut own = BySymbol::new();
    for dir in journals {
        let recording = Recording::open(dir)?;
        let mut differs = None;
        recording.each_output(&mut |event| {
            if event.kind() != Kind::Bar {
                return;
            }
            let bar = event.body::<Bar>();
            if bar.timeframe != Timeframe::M1 as u8 || !window.has_date(day(bar.start.0)) {
                return;
            }
            let Some(spec) = recording.head.instruments.get(event.header.instrument.index()) else { return };
            let minute =
                Minute { prices: [bar.open.0, bar.high.0, bar.low.0, bar.close.0], volume: bar.volume };
            if !put(&mut own, &spec.symbol, bar.start.0, minute) && differs.is_none() {
                differs = Some((spec.symbol.clone(), bar.start));
            }
        })?;
        if let Some((symbol, start)) = differs {
            return Err(data(format!(
                "{}: {symbol} {} is in a journal before it, and is not the same there; name one journal of a day",
                dir.display(),
                format_ist(start)
            )));
        }
    }
    Ok(own)
}

/// Takes a minute; false if there is another one in its place.
fn put(own: &mut BySymbol, symbol: &str, start: u64, minute: Minute) -> bool {
    if !own.contains_key(symbol) {
        own.insert(symbol.to_owned(), Default::default());
    }
    let minutes = own.get_mut(symbol).expect("it was put there if it was missing");
    *minutes.entry(start).or_insert(minute) == minute
}

/// Places of the columns that are read of a row of `bars_1m`.
struct Places {
    symbol: usize,
    start: usize,
    prices: [usize; 4],
    volume: usize,
}

impl Places {
    fn new() -> Self {
        let at = |name| Table::Bars1m.column(name).expect("bars have it");
        Self {
            symbol: at("symbol"),
            start: at("start_at"),
            prices: ["open", "high", "low", "close"].map(at),
            volume: at("volume"),
        }
    }

    /// Symbol, start and values of a row; `None` for one of other types, which no file has that was read as `bars_1m`.
    fn minute<'a>(&self, row: &[Value<'a>]) -> Option<(&'a str, u64, Minute)> {
        let (Value::Text(symbol), Value::Stamp(micros), Value::I64(volume)) =
            (row[self.symbol], row[self.start], row[self.volume])
        else {
            return None;
        };
        let mut prices = [0; 4];
        for (price, at) in prices.iter_mut().zip(self.prices) {
            let Value::Decimal(value) = row[at] else { return None };
            *price = value;
        }
        Some((symbol, micros.unsigned_abs() * 1_000, Minute { prices, volume: volume.unsigned_abs() }))
    }
}

/// The minutes of an archive, of the journal whose name begins with `only` if that is given.
///
/// # Errors
/// If there is no such archive or journal, a file cannot be read, or two journals have one minute and say different things.
pub(super) fn archived(root: &Path, window: &Window, only: Option<&str>) -> anyhow::Result<BySymbol> {
    let archive = Archive::new(root);
    let all = archive.journals()?;
    let journals: Vec<_> =
        all.iter().filter(|journal| only.is_none_or(|only| journal.to_string().starts_with(only))).collect();
    if journals.is_empty() {
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        return Err(match only {
            Some(only) if !names.is_empty() => usage(format!(
                "--only: no journal's name begins with `{only}`; there are {}",
                names.join(", ")
            )),
            _ => data(format!(
                "{} holds no archive; make one with `cold-path archive --out {0}`",
                root.display()
            )),
        });
    }
    let (mut own, places) = (BySymbol::new(), Places::new());
    for journal in journals {
        for manifest in archive.manifests(*journal)? {
            for entry in &manifest.files {
                if entry.kind != Table::Bars1m.name() || !wanted(&entry.date, window)? {
                    continue;
                }
                let path = root.join(&entry.path);
                read_minutes(&path, &places, &mut own).with_context(|| format!("journal {journal}"))?;
            }
        }
    }
    Ok(own)
}

/// Whether a file's date is asked for.
fn wanted(date: &str, window: &Window) -> anyhow::Result<bool> {
    let number = pitlane_config::date_number(pitlane_config::parse_date(date)?);
    Ok(window.has_date(u64::from(Date::of(number).0.unsigned_abs())))
}

fn read_minutes(path: &Path, places: &Places, own: &mut BySymbol) -> anyhow::Result<()> {
    let (mut strange, mut differs) = (false, None);
    let read = read_file(path, Table::Bars1m, &mut |row| match places.minute(row) {
        None => strange = true,
        Some((symbol, start, minute)) => {
            if !put(own, symbol, start, minute) && differs.is_none() {
                differs = Some(format!("{symbol} {}", format_ist(TsNs(start))));
            }
        }
    });
    read.map_err(|error| match error {
        error @ ArchiveError::Io { .. } => error.into(),
        error => data(format!("{error}; `cold-path verify` says what else is wrong")),
    })?;
    if strange {
        return Err(data(format!("{}: its columns are not of the types of bars", path.display())));
    }
    match differs {
        None => Ok(()),
        Some(what) => Err(data(format!(
            "{}: {what} is in the archive twice, and not the same; say which journal counts with --only UUID",
            path.display()
        ))),
    }
}
