//! Tables as Parquet: `runs.parquet`, a row for each set and day, and `sets.parquet`, a row for each set. The bytes follow
//! from the rows; rows are written as they come and not held.

use crate::figures::{Figures, Ranking, Ranks};
use crate::grid::Sets;
use crate::results::Results;
use crate::row::Row;
use anyhow::Context;
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use jiff::civil;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use pitlane_engine::units::Money;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who wrote a file; it does not change with the program's version, because the same rows give the same bytes.
const CREATED_BY: &str = "pitlane-sweep 1";
/// Rows that are handed over at a time.
const BATCH_ROWS: usize = 8_192;
/// Digits of an amount, of which four are decimals.
const MONEY: (u8, i8) = (20, 4);

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Whole,
    Ratio,
    Money,
    Date,
    Flag,
    Text,
}

/// A value of a row; `None` is null.
enum Cell<'a> {
    Whole(Option<i64>),
    Ratio(Option<f64>),
    Money(Money),
    Date(u32),
    Flag(bool),
    Text(Option<&'a str>),
}

enum Builder {
    Whole(Int64Builder),
    Ratio(Float64Builder),
    Money(Decimal128Builder),
    Date(Date32Builder),
    Flag(BooleanBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn new(ty: Type) -> Self {
        match ty {
            Type::Whole => Self::Whole(Int64Builder::new()),
            Type::Ratio => Self::Ratio(Float64Builder::new()),
            Type::Money => {
                Self::Money(Decimal128Builder::new().with_data_type(DataType::Decimal128(MONEY.0, MONEY.1)))
            }
            Type::Date => Self::Date(Date32Builder::new()),
            Type::Flag => Self::Flag(BooleanBuilder::new()),
            Type::Text => Self::Text(StringBuilder::new()),
        }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Whole(builder), Cell::Whole(value)) => builder.append_option(*value),
            (Self::Ratio(builder), Cell::Ratio(value)) => builder.append_option(*value),
            (Self::Money(builder), Cell::Money(value)) => builder.append_value(i128::from(value.0)),
            (Self::Date(builder), Cell::Date(date)) => builder.append_value(days_since_1970(*date)),
            (Self::Flag(builder), Cell::Flag(value)) => builder.append_value(*value),
            (Self::Text(builder), Cell::Text(value)) => builder.append_option(*value),
            _ => unreachable!("a row has its table's types"),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Whole(builder) => Arc::new(builder.finish()),
            Self::Ratio(builder) => Arc::new(builder.finish()),
            Self::Money(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Flag(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

fn days_since_1970(date: u32) -> i32 {
    let day = civil::Date::new((date / 10_000) as i16, (date / 100 % 100) as i8, (date % 100) as i8);
    let day = day.expect("a session's date was checked when its journal was written");
    (day - civil::date(1970, 1, 1)).get_days()
}

/// A file under its temporary name until it is whole.
struct Table {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    builders: Vec<Builder>,
    rows: usize,
    path: PathBuf,
    temporary: PathBuf,
}

impl Table {
    fn create(path: PathBuf, columns: &[(String, Type)]) -> anyhow::Result<Self> {
        let fields = columns.iter().map(|(name, ty)| {
            let ty = match ty {
                Type::Whole => DataType::Int64,
                Type::Ratio => DataType::Float64,
                Type::Money => DataType::Decimal128(MONEY.0, MONEY.1),
                Type::Date => DataType::Date32,
                Type::Flag => DataType::Boolean,
                Type::Text => DataType::Utf8,
            };
            Field::new(name, ty, true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let level = ZstdLevel::try_new(3).expect("zstd has a level 3");
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::ZSTD(level))
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let temporary = path.with_extension("parquet.tmp");
        let failed = || format!("cannot write {}; check the disk", temporary.display());
        let file = File::create(&temporary).with_context(failed)?;
        let writer =
            ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options).with_context(failed)?;
        let builders = columns.iter().map(|(_, ty)| Builder::new(*ty)).collect();
        Ok(Self { writer, schema, builders, rows: 0, path, temporary })
    }

    fn push(&mut self, cells: &[Cell<'_>]) -> anyhow::Result<()> {
        assert_eq!(cells.len(), self.builders.len(), "a row has a value for each column");
        self.builders.iter_mut().zip(cells).for_each(|(builder, cell)| builder.push(cell));
        self.rows += 1;
        if self.rows.is_multiple_of(BATCH_ROWS) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).context("a batch of rows")?;
        let failed = || format!("cannot write {}; check the disk", self.temporary.display());
        self.writer.write(&batch).with_context(failed)?;
        // Rows that are not compressed yet are held until their group is: it must not grow with the sweep.
        if self.writer.in_progress_rows() >= 16 * BATCH_ROWS {
            self.writer.flush().with_context(failed)?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        let failed = || format!("cannot write {}; check the disk", self.path.display());
        let file = self.writer.into_inner().with_context(failed)?;
        file.sync_all().with_context(failed)?;
        fs::rename(&self.temporary, &self.path).with_context(failed)
    }
}

/// The columns of the sets' own values.
struct Given {
    columns: Vec<(String, Type)>,
}

impl Given {
    /// Those of `sets`: numbers where all values of a key are.
    fn new(sets: &Sets, own: &[(&str, Type)]) -> Self {
        let taken: Vec<&str> = own.iter().map(|(name, _)| *name).collect();
        let ty = |values: &[String]| {
            if values.iter().all(|value| value.parse::<i64>().is_ok()) {
                Type::Whole
            } else if values.iter().all(|value| value.parse::<f64>().is_ok_and(f64::is_finite)) {
                Type::Ratio
            } else {
                Type::Text
            }
        };
        let types = sets.axes.iter().map(|axis| ty(&axis.values));
        Self { columns: sets.names(&taken).into_iter().zip(types).collect() }
    }

    fn cells<'a>(&self, values: &[Option<&'a str>]) -> Vec<Cell<'a>> {
        let cell = |((_, ty), value): (&(String, Type), &Option<&'a str>)| match ty {
            Type::Whole => Cell::Whole(value.and_then(|value| value.parse().ok())),
            Type::Ratio => Cell::Ratio(value.and_then(|value| value.parse().ok())),
            _ => Cell::Text(*value),
        };
        self.columns.iter().zip(values).map(cell).collect()
    }
}

/// `set`, the sets' values, then the rest.
fn columns(own: &[(&str, Type)], given: &Given) -> Vec<(String, Type)> {
    let named = |(name, ty): &(&str, Type)| ((*name).to_owned(), *ty);
    let (set, rest) = own.split_first().expect("a table has columns");
    [named(set)].into_iter().chain(given.columns.iter().cloned()).chain(rest.iter().map(named)).collect()
}

const RUNS: [(&str, Type); 21] = [
    ("set", Type::Whole),
    ("date", Type::Date),
    // The return is `net` of this.
    ("base", Type::Money),
    ("net", Type::Money),
    ("gross", Type::Money),
    ("charges", Type::Money),
    ("turnover", Type::Money),
    ("trades", Type::Whole),
    ("wins", Type::Whole),
    ("win_rate", Type::Ratio),
    ("won", Type::Money),
    ("lost", Type::Money),
    ("open_trades", Type::Whole),
    ("orders", Type::Whole),
    ("fills", Type::Whole),
    ("drawdown", Type::Money),
    // The account's highest and lowest value of a minute, against the day's beginning: drawdowns over days follow from them.
    ("high", Type::Money),
    ("low", Type::Money),
    ("stopped", Type::Flag),
    ("config_hash", Type::Text),
    ("state_hash", Type::Text),
];

/// Writes `runs.parquet`; returns how many rows it has.
///
/// # Errors
/// If results cannot be read, or the file cannot be written.
pub(crate) fn runs(dir: &Path, results: &Results, sets: &Sets, days: usize) -> anyhow::Result<u64> {
    let given = Given::new(sets, &RUNS);
    let mut table = Table::create(dir.join("runs.parquet"), &columns(&RUNS, &given))?;
    let mut rows: Vec<Row> = Vec::new();
    for set in 0..sets.count() {
        // Refused sets have no runs; a lost result was found when the sets were ranked.
        results.read(set, 0, days, &mut rows)?;
        let values = sets.values(set);
        for row in rows.iter().filter(|row| !row.is_refused()) {
            let (config, state) = (format!("{:016x}", row.config_hash), format!("{:032x}", row.state_hash()));
            let count = |count: u64| Cell::Whole(Some(count as i64));
            let win_rate = (row.trades > 0).then(|| row.wins as f64 / row.trades as f64);
            let mut cells = vec![count(set + 1)];
            cells.extend(given.cells(&values));
            cells.extend([
                Cell::Date(row.date),
                Cell::Money(Money(row.base)),
                Cell::Money(Money(row.net())),
                Cell::Money(Money(row.gross)),
                Cell::Money(Money(row.charges)),
                Cell::Money(Money(row.turnover)),
                count(row.trades),
                count(row.wins),
                Cell::Ratio(win_rate),
                Cell::Money(Money(row.won)),
                Cell::Money(Money(row.lost)),
                count(row.open),
                count(row.orders),
                count(row.fills),
                Cell::Money(Money(row.drawdown)),
                Cell::Money(Money(row.high)),
                Cell::Money(Money(row.low)),
                Cell::Flag(row.is_stopped()),
                Cell::Text(Some(&config)),
                Cell::Text(Some(&state)),
            ]);
            table.push(&cells)?;
        }
    }
    let written = table.rows as u64;
    table.finish()?;
    Ok(written)
}

const SETS: [(&str, Type); 21] = [
    ("set", Type::Whole),
    ("days", Type::Whole),
    ("net", Type::Money),
    ("gross", Type::Money),
    ("charges", Type::Money),
    ("net_at_2x_charges", Type::Money),
    ("net_at_3x_charges", Type::Money),
    ("turnover", Type::Money),
    ("trades", Type::Whole),
    ("wins", Type::Whole),
    ("win_rate", Type::Ratio),
    ("profit_factor", Type::Ratio),
    ("expectancy", Type::Ratio),
    ("open_trades", Type::Whole),
    ("orders", Type::Whole),
    ("fills", Type::Whole),
    ("drawdown", Type::Money),
    ("sharpe", Type::Ratio),
    ("stopped_days", Type::Whole),
    ("score", Type::Ratio),
    ("not_ranked", Type::Text),
];

/// Writes `sets.parquet`.
///
/// # Errors
/// If results cannot be read, or the file cannot be written.
pub(crate) fn sets(
    dir: &Path,
    results: &Results,
    sets: &Sets,
    days: usize,
    ranks: &Ranks,
    ranking: &Ranking,
) -> anyhow::Result<()> {
    let given = Given::new(sets, &SETS);
    let mut table = Table::create(dir.join("sets.parquet"), &columns(&SETS, &given))?;
    let mut failed = Ok(());
    crate::figures::each(results, sets.count(), 0..days, |set, figures| {
        if let Some(figures) = figures.filter(|_| failed.is_ok()) {
            let mut cells = vec![Cell::Whole(Some(set as i64 + 1))];
            cells.extend(given.cells(&sets.values(set)));
            let gate = ranking.gate(&figures);
            let score = gate.is_none().then(|| ranks.score(&figures, ranking));
            cells.extend(set_cells(&figures));
            cells.extend([Cell::Ratio(score), Cell::Text(gate.as_deref())]);
            failed = table.push(&cells);
        }
    })?;
    failed?;
    table.finish()
}

fn set_cells(figures: &Figures) -> [Cell<'static>; 18] {
    let count = |count: u64| Cell::Whole(Some(count as i64));
    [
        count(figures.days),
        Cell::Money(figures.net()),
        Cell::Money(figures.gross),
        Cell::Money(figures.charges),
        Cell::Money(figures.net_at(2)),
        Cell::Money(figures.net_at(3)),
        Cell::Money(figures.turnover),
        count(figures.trades.0),
        count(figures.trades.1),
        Cell::Ratio(figures.win_rate()),
        Cell::Ratio(figures.profit_factor()),
        Cell::Ratio(figures.expectancy()),
        count(figures.open),
        count(figures.sent.0),
        count(figures.sent.1),
        Cell::Money(figures.drawdown),
        Cell::Ratio(figures.sharpe),
        count(figures.stopped),
    ]
}
