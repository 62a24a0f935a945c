//! Small days of two shares, and how to read what a sweep writes.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use clap::Parser;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pitlane_session::cli::ConfigArgs;
use pitlane_session::import;
use pitlane_sweep::{Finished, Outcome, SweepArgs, sweep};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory on memory where there is some, so that journals cost no disk.
pub(crate) fn scratch() -> TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { TempDir::new_in(shm) } else { TempDir::new() }.unwrap()
}

/// What all days are made with.
const SETTINGS: [&str; 4] =
    ["journal.segment=16MiB", "session.pre_open=09:14", "session.open=09:15", "session.close=10:45"];

/// Recorded days of two shares, an hour and a half each.
pub(crate) struct Days {
    _dir: TempDir,
    pub(crate) dirs: Vec<PathBuf>,
}

impl Days {
    pub(crate) fn new() -> Self {
        Self::with(|_| None)
    }

    /// Each made with a setting more, by its day of the month.
    pub(crate) fn with(more: impl Fn(u32) -> Option<&'static str>) -> Self {
        let dir = scratch();
        let mut dirs = Vec::new();
        for (number, day) in (27..=31).enumerate() {
            let set = SETTINGS.into_iter().chain(more(day)).map(str::to_owned).collect();
            let config = ConfigArgs { config: Vec::new(), set };
            let mut files = Vec::new();
            for (symbol, first) in [("AAA", 100_000_i64), ("BBB", 240_000)] {
                let path = dir.path().join(format!("{day}{symbol}.csv"));
                std::fs::write(&path, ticks(day, first, number as u64 * 2 + u64::from(symbol == "BBB")))
                    .unwrap();
                files.push(format!("NSE:{symbol}={}", path.display()));
            }
            let journal = dir.path().join(format!("day{day}"));
            import::tick_csv(&files, &journal, &config).unwrap();
            dirs.push(journal);
        }
        Self { _dir: dir, dirs }
    }
}

/// An hour and a half of one share on `day` as candles in that order of prices; where its journal is.
pub(crate) fn candles(scratch: &Path, day: u32, path: &str) -> PathBuf {
    let mut rows = "date,open,high,low,close,volume\n".to_owned();
    for minute in 0..90_u32 {
        let low = 1_000 + (minute / 7) % 5 * 3 + minute % 3;
        let (open, high, close) = (low + 1, low + 4, low + 3);
        let (hour, minute) = (9 + (15 + minute) / 60, (15 + minute) % 60);
        writeln!(rows, "2026-07-{day:02} {hour:02}:{minute:02}:00,{open},{high},{low},{close},800").unwrap();
    }
    let (file, journal) = (scratch.join(format!("{day}{path}.csv")), scratch.join(format!("{day}{path}")));
    std::fs::write(&file, rows).unwrap();
    let config = ConfigArgs { config: Vec::new(), set: SETTINGS.map(str::to_owned).to_vec() };
    let request = import::Request { journal: &journal, config: &config, instruments: None };
    request.bar_csv(&[format!("NSE:AAA={}", file.display())], "1m", path).unwrap();
    journal
}

/// A walk of prices in paise that wanders around a slow wave, a tick every three seconds.
fn ticks(day: u32, first: i64, seed: u64) -> String {
    let mut state = seed + 1;
    let mut text = "timestamp,ltp,volume\n".to_owned();
    let (mut price, mut volume) = (first, 0_i64);
    for second in (0..5_400_i64).step_by(3) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let up = if (second / 600 + seed as i64) % 2 == 0 { 9 } else { 7 };
        price += ((state >> 60) as i64 - 16 + up) * 5 + 40 - 5 * up / 9;
        price = price.clamp(first * 9 / 10, first * 11 / 10);
        volume += 100 + (state >> 57) as i64;
        let at = 9 * 3_600 + 15 * 60 + second;
        let (hour, minute, left) = (at / 3_600, at / 60 % 60, at % 60);
        let paise = price / 5 * 5;
        writeln!(
            text,
            "2026-07-{day:02} {hour:02}:{minute:02}:{left:02},{}.{:02},{volume}",
            paise / 100,
            paise % 100
        )
        .unwrap();
    }
    text
}

/// Four sets.
pub(crate) const FOUR: &[&str] = &["strategies.ema.params.fast=2,3", "strategies.ema.params.slow=5,9"];

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    sweep: SweepArgs,
}

/// The arguments of a sweep over the days.
pub(crate) fn args(days: &Days, grid: &[&str], out: &Path) -> SweepArgs {
    let mut line = vec!["sweep".to_owned(), "--out".to_owned(), out.display().to_string()];
    line.extend(["--set".to_owned(), "strategies.ema.allow_short=true".to_owned()]);
    line.extend(grid.iter().flat_map(|axis| ["--grid".to_owned(), (*axis).to_owned()]));
    line.extend(days.dirs.iter().map(|dir| dir.display().to_string()));
    Cli::parse_from(line).sweep
}

/// Runs a sweep to its end.
pub(crate) fn finished(args: &SweepArgs) -> Finished {
    match sweep(args, &|| false) {
        Ok(Outcome::Finished(finished)) => *finished,
        Ok(_) => panic!("it was not finished"),
        Err(error) => panic!("{error:#}"),
    }
}

pub(crate) fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// A row: columns and their values as text, in the file's order of columns.
pub(crate) type TextRow = std::collections::BTreeMap<String, String>;

/// The rows of a Parquet file.
pub(crate) fn parquet_rows(path: &Path) -> Vec<TextRow> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let cells = schema.fields().iter().zip(batch.columns());
            rows.push(cells.map(|(field, column)| (field.name().clone(), text(column, row))).collect());
        }
    }
    rows
}

fn text(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Decimal128(..) => {
            let value = i64::try_from(column.as_primitive::<Decimal128Type>().value(row)).unwrap();
            pitlane_engine::units::Money(value).to_string()
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(days)).to_string()
        }
        other => panic!("no column of a sweep is {other}"),
    }
}

/// Rows as CSV.
pub(crate) fn csv_of(rows: &[TextRow]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(rows[0].keys()).unwrap();
    rows.iter().for_each(|row| writer.write_record(row.values()).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}
