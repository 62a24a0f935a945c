//! The tables as Postgres has them: their statements, and rows in the binary format of `COPY`.
//!
//! Source: PostgreSQL 15 documentation, `COPY`, "Binary Format"; `numeric_send`, `timestamptz_send` and `date_send` of the
//! server's source for the fields.

mod decode;

pub use decode::{DecodeError, read_begin, read_row};

use crate::tables::{PRIMARY_KEY, Table};
use crate::value::{Column, ColumnType, Date, Value};
use std::fmt::Write;

/// Days from 1970-01-01 to 2000-01-01, from which Postgres counts.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400 * 1_000_000;

/// The type of a column.
pub const fn type_name(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Bool => "boolean",
        ColumnType::I16 => "smallint",
        ColumnType::I32 => "integer",
        ColumnType::I64 => "bigint",
        ColumnType::F64 => "double precision",
        ColumnType::Price => "numeric(18,4)",
        ColumnType::Money => "numeric(20,4)",
        ColumnType::Stamp => "timestamptz",
        ColumnType::Date => "date",
        ColumnType::Uuid => "uuid",
        ColumnType::Code | ColumnType::Text => "text",
    }
}

/// `CREATE TABLE` of a table in the current schema. A large one is partitioned by `trading_date`, which is then part of
/// its primary key, as Postgres demands; it follows from the rest of the key.
pub fn create_table(table: Table) -> String {
    let large = table.definition().large;
    let mut sql = format!("CREATE TABLE {} (\n", table.name());
    for column in table.columns() {
        let null = if column.nullable { "" } else { " NOT NULL" };
        writeln!(sql, "    \"{}\" {}{null},", column.name, type_name(column.ty))
            .expect("a string takes text");
    }
    let date = if large { ", trading_date" } else { "" };
    let by = if large { " PARTITION BY RANGE (trading_date)" } else { "" };
    write!(sql, "    PRIMARY KEY ({}{date})\n){by};\n", PRIMARY_KEY.join(", ")).expect("a string takes text");
    sql
}

/// `COMMENT ON` a table and its columns.
pub fn comments(table: Table) -> String {
    let name = table.name();
    let mut sql = format!("COMMENT ON TABLE {name} IS {};\n", quoted(table.definition().doc));
    for &Column { name: column, doc, .. } in table.columns() {
        writeln!(sql, "COMMENT ON COLUMN {name}.\"{column}\" IS {};", quoted(doc.trim()))
            .expect("a string takes text");
    }
    sql
}

/// Name of the part of a large table that holds a date: `ticks_20210415`.
pub fn partition_name(table: Table, date: Date) -> String {
    let (year, month, day) = date.civil();
    format!("{}_{year:04}{month:02}{day:02}", table.name())
}

/// `CREATE TABLE IF NOT EXISTS` of that part; `None` for a table that has no parts.
pub fn create_partition(table: Table, date: Date) -> Option<String> {
    table.definition().large.then(|| {
        format!(
            "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ('{date}') TO ('{}');\n",
            partition_name(table, date),
            table.name(),
            Date(date.0 + 1)
        )
    })
}

/// The statement that [`begin`], [`row`] and [`end`] are the input of.
pub fn copy_statement(table: Table) -> String {
    let columns: Vec<String> = table.columns().map(|column| format!("\"{}\"", column.name)).collect();
    format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name(), columns.join(", "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The header: signature, no flags, no extension.
pub fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
}

/// The trailer.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i16).to_be_bytes());
}

/// One row. `table` decides what a decimal's scale and an integer's width is; `row` is what a sink was given.
///
/// Panics if the row is not one of the table.
pub fn row(out: &mut Vec<u8>, table: Table, row: &[Value<'_>]) {
    assert_eq!(row.len(), table.columns().len(), "a row has a value for each column of its table");
    out.extend_from_slice(&(row.len() as i16).to_be_bytes());
    row.iter().for_each(|value| field(out, value));
}

fn field(out: &mut Vec<u8>, value: &Value<'_>) {
    match *value {
        Value::Null => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Value::Bool(value) => sized(out, &[u8::from(value)]),
        Value::I16(value) => sized(out, &value.to_be_bytes()),
        Value::I32(value) => sized(out, &value.to_be_bytes()),
        Value::I64(value) => sized(out, &value.to_be_bytes()),
        Value::F64(value) => sized(out, &value.to_be_bytes()),
        Value::Decimal(value) => decimal(out, value),
        Value::Stamp(micros) => sized(out, &(micros - EPOCH_MICROS).to_be_bytes()),
        Value::Date(days) => sized(out, &(days - EPOCH_DAYS).to_be_bytes()),
        Value::Uuid(bytes) => sized(out, &bytes),
        Value::Text(text) => sized(out, text.as_bytes()),
    }
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    let count = i32::try_from(bytes.len()).expect("a field is less than 2 GiB");
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Digits of 10,000 that 64 bits need: 10,000 to the fifth is above them.
const DIGITS_MAX: usize = 5;

/// A number in 1/10,000. Postgres keeps digits of 10,000, so that the last of them is the four decimals, at weight −1.
fn decimal(out: &mut Vec<u8>, value: i64) {
    let mut rest = value.unsigned_abs();
    let mut digits = [0_u16; DIGITS_MAX];
    let mut first = DIGITS_MAX;
    while rest > 0 {
        first -= 1;
        digits[first] = (rest % 10_000) as u16;
        rest /= 10_000;
    }
    // Trailing zeros are not kept, and zero has no digits at all.
    let last = digits.iter().rposition(|&digit| digit != 0).map_or(first, |at| at + 1);
    let digits = &digits[first..last];
    let weight = if digits.is_empty() { 0 } else { (DIGITS_MAX - first) as i16 - 2 };
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    out.extend_from_slice(&(8 + 2 * digits.len() as i32).to_be_bytes());
    out.extend_from_slice(&(digits.len() as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&4_u16.to_be_bytes());
    digits.iter().for_each(|digit| out.extend_from_slice(&digit.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server reads from a numeric field: the digits times 10,000 to their weight, in 1/10,000.
    fn read_numeric(bytes: &[u8]) -> i128 {
        let word = |at: usize| i16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let length = i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        assert_eq!(length as usize, bytes.len() - 4);
        let (count, weight, sign, scale) = (word(4), word(6), word(8), word(10));
        assert_eq!((scale, bytes.len()), (4, 12 + 2 * count as usize));
        let mut sum = 0;
        for digit in 0..count {
            let place = i32::from(weight) - i32::from(digit) + 1;
            let value = word(12 + 2 * digit as usize);
            assert!((0..10_000).contains(&value));
            sum += i128::from(value) * 10_000_i128.pow(place as u32);
        }
        if sign == 0x4000 { -sum } else { sum }
    }

    #[test]
    fn decimals_are_what_the_server_reads() {
        let mut values = vec![0, 1, -1, 9_999, 10_000, 10_001, 100_000_000, -100_000_000, i64::MAX, i64::MIN];
        let seed = 0x5EED_u64;
        println!("seed {seed:#x}");
        let mut state = seed;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            values.push((state as i64) >> (state >> 58));
        }
        for value in values {
            let mut bytes = Vec::new();
            decimal(&mut bytes, value);
            assert_eq!(read_numeric(&bytes), i128::from(value), "{value}");
        }
    }

    #[test]
    fn fields_are_as_the_manual_has_them() {
        let mut bytes = Vec::new();
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::I16(-2),
            Value::Stamp(946_684_800_000_001),
            Value::Date(10_958),
            Value::Text("µ"),
        ] {
            field(&mut bytes, &value);
        }
        let expected: &[&[u8]] = &[
            &[255; 4],
            &[0, 0, 0, 1, 1],
            &[0, 0, 0, 2, 255, 254],
            &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 4, 0, 0, 0, 1],
            &[0, 0, 0, 2, 0xc2, 0xb5],
        ];
        assert_eq!(bytes, expected.concat());
        let mut bytes = Vec::new();
        begin(&mut bytes);
        assert_eq!(bytes.len(), 19);
    }

    #[test]
    fn statements_have_every_column() {
        let sql = create_table(Table::Ticks);
        assert!(sql.contains("PARTITION BY RANGE (trading_date)"), "{sql}");
        assert!(sql.contains("PRIMARY KEY (journal, seq, idx, trading_date)"), "{sql}");
        assert!(!create_table(Table::Sessions).contains("PARTITION"));
        let part = create_partition(Table::Ticks, Date::of(20210430)).expect("ticks have parts");
        assert!(part.contains("ticks_20210430") && part.contains("TO ('2021-05-01')"), "{part}");
        for &table in Table::ALL {
            let sql = create_table(table) + &comments(table) + &copy_statement(table);
            for column in table.columns() {
                assert_eq!(
                    sql.matches(&format!("\"{}\"", column.name)).count(),
                    3,
                    "{table:?} {}",
                    column.name
                );
            }
        }
    }
}
