//! The tables as Parquet has them.

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use pitlane_rows::{ColumnType, SCHEMA_VERSION, Table};

/// Who wrote a file. It does not change with the program's version, because a rewrite gives the same bytes.
const CREATED_BY: &str = "pitlane-parquet 1";

/// Rows of a row group at most: small enough that a query of one instrument skips most of a large file.
const ROW_GROUP_ROWS: usize = 131_072;

/// Rows of a page at most.
const PAGE_ROWS: usize = 8_192;

/// What a column is in memory.
pub(crate) fn data_type(ty: ColumnType) -> DataType {
    match ty {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::I16 => DataType::Int16,
        ColumnType::I32 => DataType::Int32,
        ColumnType::I64 => DataType::Int64,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Price => DataType::Decimal64(18, 4),
        ColumnType::Money => DataType::Decimal128(20, 4),
        ColumnType::Stamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Date => DataType::Date32,
        ColumnType::Uuid | ColumnType::Code => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        ColumnType::Text => DataType::Utf8,
    }
}

/// The schema of a table's files as they are written. A journal's name is a text, because not every reader knows the type
/// of such names. Readers see texts where dictionaries were written.
pub fn arrow_schema(table: Table) -> Schema {
    let field =
        |column: &pitlane_rows::Column| Field::new(column.name, data_type(column.ty), column.nullable);
    Schema::new(table.columns().map(field).collect::<Vec<_>>())
}

/// How a table's files are written: everything that their bytes depend on but the rows.
pub(crate) fn properties(table: Table) -> WriterProperties {
    let level = ZstdLevel::try_new(3).expect("zstd has a level 3");
    let sorted = |name| {
        let at = table.column(name).map(|at| at as i32);
        at.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
    };
    let order = ["instrument_id", "ts_ns"].into_iter().filter_map(sorted).collect();
    let version = KeyValue::new("pitlane.schema".to_owned(), SCHEMA_VERSION.to_string());
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(order))
        .set_key_value_metadata(Some(vec![version]));
    for column in table.columns() {
        // Numbers that grow from row to row, or hardly repeat, are small as differences; the rest as a dictionary.
        let grows = matches!(column.ty, ColumnType::I64 | ColumnType::Stamp) || column.name == "idx";
        if grows {
            let path = ColumnPath::from(column.name);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}
