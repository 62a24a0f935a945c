//! A file of an archive, read back as rows.

use crate::error::ArchiveError;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal64Type, Decimal128Type, Float64Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pitlane_rows::{Column, ColumnType, Table, Value};
use std::fs::File;
use std::path::Path;

/// Calls `each` with every row of a table's file, in the file's order; the values are as a sink was given them. Returns how
/// many there are.
///
/// # Errors
/// If the file cannot be read, is damaged, or is not of that table.
pub fn read_file(path: &Path, table: Table, each: &mut dyn FnMut(&[Value<'_>])) -> Result<u64, ArchiveError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ArchiveError::file(path, "it is not there"),
        _ => ArchiveError::Io { doing: "open", path: path.to_owned(), source: error },
    })?;
    let fault = |error: &dyn std::fmt::Display| ArchiveError::file(path, error.to_string());
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| fault(&error))?;
    let names: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().as_str()).collect();
    if !names.iter().copied().eq(table.columns().map(|column| column.name)) {
        return Err(fault(&format!("its columns are not those of {}", table.name())));
    }
    let mut rows = 0;
    for batch in builder.build().map_err(|error| fault(&error))? {
        let batch = batch.map_err(|error| fault(&error))?;
        rows += batch.num_rows() as u64;
        each_row(&batch, table, each).map_err(|what| fault(&what))?;
    }
    Ok(rows)
}

fn each_row(batch: &RecordBatch, table: Table, each: &mut dyn FnMut(&[Value<'_>])) -> Result<(), String> {
    let columns: Vec<(&Column, &ArrayRef)> = table.columns().zip(batch.columns()).collect();
    let mut values = Vec::with_capacity(columns.len());
    for row in 0..batch.num_rows() {
        values.clear();
        for (column, array) in &columns {
            let value = value(column, array, row);
            values.push(value.ok_or_else(|| format!("column {} is not of its type", column.name))?);
        }
        each(&values);
    }
    Ok(())
}

fn value<'a>(column: &Column, array: &'a ArrayRef, row: usize) -> Option<Value<'a>> {
    if array.is_null(row) {
        return column.nullable.then_some(Value::Null);
    }
    Some(match column.ty {
        ColumnType::Bool => Value::Bool(array.as_boolean_opt()?.value(row)),
        ColumnType::I16 => Value::I16(array.as_primitive_opt::<Int16Type>()?.value(row)),
        ColumnType::I32 => Value::I32(array.as_primitive_opt::<Int32Type>()?.value(row)),
        ColumnType::I64 => Value::I64(array.as_primitive_opt::<Int64Type>()?.value(row)),
        ColumnType::F64 => Value::F64(array.as_primitive_opt::<Float64Type>()?.value(row)),
        ColumnType::Price | ColumnType::Money => Value::Decimal(match array.data_type() {
            DataType::Decimal64(_, 4) => array.as_primitive_opt::<Decimal64Type>()?.value(row),
            DataType::Decimal128(_, 4) => {
                array.as_primitive_opt::<Decimal128Type>()?.value(row).try_into().ok()?
            }
            _ => return None,
        }),
        ColumnType::Stamp => Value::Stamp(array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row)),
        ColumnType::Date => Value::Date(array.as_primitive_opt::<Date32Type>()?.value(row)),
        ColumnType::Uuid => Value::Uuid(uuid(array.as_string_opt::<i32>()?.value(row))?),
        ColumnType::Code | ColumnType::Text => Value::Text(array.as_string_opt::<i32>()?.value(row)),
    })
}

/// The bytes of a journal's name.
pub(crate) fn uuid(name: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = name.bytes().filter(|byte| *byte != b'-').map(|byte| (byte as char).to_digit(16));
    for byte in &mut bytes {
        *byte = (digits.next()?? * 16 + digits.next()??) as u8;
    }
    digits.next().is_none().then_some(bytes)
}
