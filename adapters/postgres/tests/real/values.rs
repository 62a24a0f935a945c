//! Every type of column there and back: extremes, nothing, all of Unicode.

use super::*;
use pitlane_rows::{ColumnType, Date, Table, Value};
use std::collections::BTreeMap;

const ROWS: usize = 40;

/// Texts that need care somewhere on the way.
fn texts() -> Vec<String> {
    let long = "नमस्ते ".repeat(30_000);
    let all =
        ["", "NULL", "\\N", "a\tb\nc\r\"'\\;--", "ऄ𝕊µ\u{1F680}\u{10FFFF}\u{1}\u{7f}\u{85}\u{2028}", " end "];
    all.into_iter().map(str::to_owned).chain([long]).collect()
}

/// A value of a type; different numbers are different values, until they run out.
fn value(ty: ColumnType, number: usize, texts: &[String]) -> Value<'_> {
    fn pick<T: Copy>(number: usize, of: &[T]) -> T {
        of[number % of.len()]
    }
    // What numeric(18,4) and numeric(20,4) hold: a price has 14 digits before the point.
    let price = 10_i64.pow(18) - 1;
    match ty {
        ColumnType::Bool => Value::Bool(number % 2 == 1),
        ColumnType::I16 => Value::I16(pick(number, &[0, 1, -1, i16::MAX, i16::MIN])),
        ColumnType::I32 => Value::I32(pick(number, &[0, 1, -1, i32::MAX, i32::MIN])),
        ColumnType::I64 => Value::I64(pick(number, &[0, 1, -1, i64::MAX, i64::MIN])),
        ColumnType::F64 => Value::F64(pick(
            number,
            &[
                0.0,
                -0.0,
                0.1,
                f64::MAX,
                f64::MIN_POSITIVE,
                5e-324,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
            ],
        )),
        ColumnType::Price => {
            Value::Decimal(pick(number, &[0, 1, -1, 500, 9_999, 10_000, 250_000_500, price, -price]))
        }
        ColumnType::Money => {
            Value::Decimal(pick(number, &[0, 1, -1, 12_345_678, 100_000_000, i64::MAX, i64::MIN]))
        }
        ColumnType::Stamp => Value::Stamp(pick(
            number,
            &[
                0,
                -1,
                1_618_457_400_123_456,
                946_684_800_000_000,
                -200_000_000_000_000_000,
                9_000_000_000_000_000_000,
            ],
        )),
        ColumnType::Date => Value::Date(pick(number, &[0, -1, 18_732, 10_957, -700_000, 2_000_000])),
        ColumnType::Uuid => Value::Uuid([number as u8; 16]),
        // Codes are short: some are in an index.
        ColumnType::Code => Value::Text(&texts[number % (texts.len() - 1)]),
        ColumnType::Text => Value::Text(&texts[number % texts.len()]),
    }
}

fn row<'a>(table: Table, number: usize, journal: Uuid, texts: &'a [String]) -> Vec<Value<'a>> {
    let mut row: Vec<Value<'a>> = table
        .columns()
        .enumerate()
        .map(|(at, column)| match (column.nullable, (number + at) % 3) {
            (true, 0) => Value::Null,
            _ => value(column.ty, number + at, texts),
        })
        .collect();
    row[0] = Value::Uuid(journal.0);
    row[2] = Value::Date([18_732, 10_592, 47_481][number % 3]);
    row[3] = Value::I64([i64::MIN, -1, 0, i64::MAX][number % 4]);
    row[4] = Value::I32(number as i32 - 20);
    row
}

/// What the server has in a column, in a form that is the same in SQL and here.
fn asked(ty: ColumnType, name: &str) -> String {
    let plain = match ty {
        ColumnType::F64 => format!("encode(float8send(\"{name}\"), 'hex')"),
        ColumnType::Stamp => format!("(extract(epoch FROM \"{name}\") * 1000000)::bigint::text"),
        ColumnType::Date => format!("(\"{name}\" - date '1970-01-01')::text"),
        ColumnType::Code | ColumnType::Text => format!("md5(\"{name}\") || length(\"{name}\")"),
        _ => format!("\"{name}\"::text"),
    };
    format!("coalesce({plain}, 'nothing')")
}

fn expected(value: &Value<'_>, md5: &BTreeMap<&str, String>) -> String {
    match *value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::I16(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) | Value::Stamp(value) => value.to_string(),
        Value::F64(value) => format!("{:016x}", value.to_bits()),
        Value::Decimal(value) => {
            let (sign, value) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
            format!("{sign}{}.{:04}", value / 10_000, value % 10_000)
        }
        Value::Date(days) => days.to_string(),
        Value::Uuid(bytes) => Uuid(bytes).to_string(),
        Value::Text(text) => format!("{}{}", md5[text], text.chars().count()),
    }
}

#[test]
fn every_type_of_column_goes_there_and_back() {
    let Some(server) = server() else { return };
    let url = server.database("types");
    let (journal, texts) = (Uuid([0xab; 16]), texts());
    let to = Offset { seq: 9, outputs: 4 };
    let mut tally = Tally::new();
    let mut each = |sink: &mut dyn RowSink| {
        for &table in Table::ALL {
            (0..ROWS).for_each(|number| sink.append(table, &row(table, number, journal, &texts)));
        }
        Ok::<(), String>(())
    };
    each(&mut tally).unwrap();
    // Batches so small that rows are copied on many times within the transaction.
    let options = Options { batch_bytes: 100_000, ..Options::default() };
    let mut sink = Sink::open_for_load(&target(&url), journal, options.clone()).unwrap();
    assert_eq!(sink.offset(), Offset::default());
    let broken = sink.load(1, to, b"state", &mut |sink| {
        each(sink).unwrap();
        Err("the file ends in the middle".to_owned())
    });
    assert_eq!(broken.unwrap_err().to_string(), "the file ends in the middle");
    let loaded = sink.load(1, to, b"state", &mut each).unwrap();
    assert_eq!((loaded.rows, loaded.offset), ((ROWS * Table::ALL.len()) as u64, to));
    drop(sink);
    let mut database = Database::connect(&target(&url)).unwrap();
    let (found, stored) = database.tally(journal, Tables::ALL, None).unwrap();
    assert_eq!(tally.differences(&found), []);
    assert_eq!((stored[0].offset, stored[0].total_rows), (to, loaded.rows));
    let (day, _) = database.tally(journal, Tables::NONE.with(Table::Fills), Some(Date(47_481))).unwrap();
    assert_eq!(day.rows(Table::Fills), ROWS as u64 / 3);
    let (nothing, _) = database.tally(Uuid([1; 16]), Tables::ALL, None).unwrap();
    assert!(nothing.groups().is_empty());
    // It goes on from there, and nowhere else.
    let sink = Sink::open_for_load(&target(&url), journal, options).unwrap();
    assert_eq!(sink.offset(), to);
    check_as_text(server, journal, &texts);
}

/// The server's own words for each value, rather than the bytes we gave it.
fn check_as_text(server: &Server, journal: Uuid, texts: &[String]) {
    let file = server.dir().join("text");
    let md5: BTreeMap<&str, String> = texts
        .iter()
        .map(|text| {
            std::fs::write(&file, text).unwrap();
            let output = std::process::Command::new("md5sum").arg(&file).output().unwrap();
            (text.as_str(), String::from_utf8(output.stdout).unwrap()[..32].to_owned())
        })
        .collect();
    for &table in Table::ALL {
        let columns: Vec<String> = table.columns().map(|column| asked(column.ty, column.name)).collect();
        let sql = format!("SELECT {} FROM {} ORDER BY idx", columns.join(","), table.name());
        let said = server.psql("types", &sql);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), ROWS);
        for (number, line) in lines.into_iter().enumerate() {
            let row = row(table, number, journal, texts);
            let expected: Vec<String> = row.iter().map(|value| expected(value, &md5)).collect();
            assert_eq!(line, expected.join("|"), "{table:?} {number}");
        }
    }
}
