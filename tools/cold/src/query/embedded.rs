//! The engine of the feature `sql`: DataFusion over the files that the manifests list.

use super::views::files;
use anyhow::Context;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, Schema, TimeUnit, TimestampNanosecondType,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{SessionConfig, SessionContext, col};
use pitlane_parquet::{Archive, arrow_schema};
use pitlane_rows::Table;
use pitlane_session::exit::usage;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// The rows as a table for people.
///
/// # Errors
/// Those of [`answer`].
pub(super) fn table(archive: &Archive, sql: &str) -> anyhow::Result<String> {
    let (_, batches) = answer(archive, sql)?;
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// The object `cold-query/1`: names and types of the columns, and the rows. Decimals are texts, times nanoseconds.
///
/// # Errors
/// Those of [`answer`].
pub(super) fn json(archive: &Archive, sql: &str) -> anyhow::Result<Value> {
    let (schema, batches) = answer(archive, sql)?;
    let columns: Vec<Value> = schema
        .fields()
        .iter()
        .map(|field| json!({ "name": field.name(), "type": field.data_type().to_string() }))
        .collect();
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<Vec<Value>> = batch.columns().iter().map(cells).collect::<anyhow::Result<_>>()?;
        rows.extend(
            (0..batch.num_rows())
                .map(|row| Value::Array(columns.iter().map(|column| column[row].clone()).collect())),
        );
    }
    Ok(json!({ "schema": "cold-query/1", "columns": columns, "rows": rows }))
}

fn cells(column: &ArrayRef) -> anyhow::Result<Vec<Value>> {
    let rows = 0..column.len();
    let each = |value: &dyn Fn(usize) -> Value| -> Vec<Value> {
        rows.clone().map(|row| if column.is_null(row) { Value::Null } else { value(row) }).collect()
    };
    Ok(match column.data_type() {
        DataType::Boolean => each(&|row| column.as_boolean().value(row).into()),
        ty if ty.is_integer() && *ty != DataType::UInt64 => {
            let column = cast(column, &DataType::Int64)?;
            each(&|row| column.as_primitive::<Int64Type>().value(row).into())
        }
        DataType::UInt64 => {
            each(&|row| column.as_primitive::<datafusion::arrow::datatypes::UInt64Type>().value(row).into())
        }
        ty if ty.is_floating() => {
            let column = cast(column, &DataType::Float64)?;
            each(&|row| column.as_primitive::<Float64Type>().value(row).into())
        }
        DataType::Timestamp(_, zone) => {
            let column = cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()))?;
            each(&|row| column.as_primitive::<TimestampNanosecondType>().value(row).into())
        }
        _ => {
            let shown = ArrayFormatter::try_new(column, &FormatOptions::default())?;
            each(&|row| shown.value(row).to_string().into())
        }
    })
}

/// What the engine answers.
///
/// # Errors
/// If the statement is wrong or more than a question, or a file cannot be read.
fn answer(archive: &Archive, sql: &str) -> anyhow::Result<(Arc<Schema>, Vec<RecordBatch>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("cannot start the engine")?;
    runtime.block_on(async {
        let config = SessionConfig::new().with_information_schema(true).with_collect_statistics(true);
        let context = SessionContext::new_with_config(config);
        let mut files = files(archive)?;
        for &table in Table::ALL {
            register(&context, table, files.remove(&table).unwrap_or_default())?;
        }
        let only_questions =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let frame = context.sql_with_options(sql, only_questions).await;
        let frame = frame.map_err(|error| usage(format!("the statement: {}", error.strip_backtrace())))?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.map_err(|error| {
            anyhow::anyhow!("{}; if a file is damaged, `cold-path verify` names it", error.strip_backtrace())
        })?;
        Ok((schema, batches))
    })
}

/// Makes a table of its files known, with the column `date` that readers of the folders see.
fn register(context: &SessionContext, table: Table, files: Vec<PathBuf>) -> anyhow::Result<()> {
    let schema = Arc::new(arrow_schema(table));
    let frame = if files.is_empty() {
        context.read_table(Arc::new(MemTable::try_new(schema, vec![vec![]])?))?
    } else {
        let urls: anyhow::Result<Vec<ListingTableUrl>> = files
            .iter()
            .map(|file| {
                let file = file.canonicalize().with_context(|| file.display().to_string())?;
                Ok(ListingTableUrl::parse(file.to_string_lossy())?)
            })
            .collect();
        let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
        let config =
            ListingTableConfig::new_with_multi_paths(urls?).with_listing_options(options).with_schema(schema);
        context.read_table(Arc::new(ListingTable::try_new(config)?))?
    };
    let mut columns: Vec<_> = table.columns().map(|column| col(column.name)).collect();
    columns.push(col("trading_date").alias("date"));
    context.register_table(table.name(), frame.select(columns)?.into_view())?;
    Ok(())
}
