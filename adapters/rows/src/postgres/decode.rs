//! Rows as the server gives them back from a binary `COPY … TO`.

use super::{EPOCH_DAYS, EPOCH_MICROS};
use crate::tables::Table;
use crate::value::{ColumnType, Value};

/// Why bytes are not the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are too few: read more and try again from the same place.
    #[error("the rows are not whole yet")]
    Incomplete,
    /// They are something else.
    #[error(
        "the server's rows are not those of table {table}, column {column}; check that its schema is this program's"
    )]
    Malformed {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// Takes the header off `bytes`.
///
/// # Errors
/// If there are too few, or they are no binary rows.
pub fn read_begin(bytes: &mut &[u8]) -> Result<(), DecodeError> {
    const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
    let mut rest = *bytes;
    let malformed = DecodeError::Malformed { table: "any", column: "header" };
    if take(&mut rest, SIGNATURE.len())? != SIGNATURE {
        return Err(malformed);
    }
    let flags = u32::from_be_bytes(array(&mut rest)?);
    let extension = u32::from_be_bytes(array(&mut rest)?);
    if flags != 0 {
        return Err(malformed);
    }
    take(&mut rest, extension as usize)?;
    *bytes = rest;
    Ok(())
}

/// Takes the next row of a table off `bytes`, in the order of its columns; `false` is the trailer. `bytes` stays as it is
/// when there are too few.
///
/// # Errors
/// If there are too few, or they are no row of the table.
pub fn read_row<'a>(
    bytes: &mut &'a [u8],
    table: Table,
    row: &mut Vec<Value<'a>>,
) -> Result<bool, DecodeError> {
    let mut rest = *bytes;
    let columns = table.columns();
    row.clear();
    match i16::from_be_bytes(array(&mut rest)?) {
        -1 => {
            *bytes = rest;
            return Ok(false);
        }
        count if count as usize == columns.len() => {}
        _ => return Err(DecodeError::Malformed { table: table.name(), column: "all" }),
    }
    for column in columns {
        let length = i32::from_be_bytes(array(&mut rest)?);
        let value = match usize::try_from(length) {
            Ok(length) => value(column.ty, take(&mut rest, length)?),
            Err(_) => (length == -1 && column.nullable).then_some(Value::Null),
        };
        row.push(value.ok_or(DecodeError::Malformed { table: table.name(), column: column.name })?);
    }
    *bytes = rest;
    Ok(true)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], DecodeError> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(DecodeError::Incomplete)?;
    *bytes = rest;
    Ok(taken)
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(DecodeError::Incomplete)?;
    *bytes = rest;
    Ok(*taken)
}

fn value(ty: ColumnType, bytes: &[u8]) -> Option<Value<'_>> {
    Some(match ty {
        ColumnType::Bool => Value::Bool(match bytes {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        ColumnType::I16 => Value::I16(i16::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::I32 => Value::I32(i32::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::I64 => Value::I64(i64::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::F64 => Value::F64(f64::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::Price | ColumnType::Money => Value::Decimal(decimal(bytes)?),
        ColumnType::Stamp => {
            Value::Stamp(i64::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_MICROS)?)
        }
        ColumnType::Date => Value::Date(i32::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_DAYS)?),
        ColumnType::Uuid => Value::Uuid(bytes.try_into().ok()?),
        ColumnType::Code | ColumnType::Text => Value::Text(std::str::from_utf8(bytes).ok()?),
    })
}

/// A numeric in 1/10,000; `None` if it is not a number, is finer, or does not fit.
fn decimal(bytes: &[u8]) -> Option<i64> {
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let word = |at: usize| i16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (word(0), word(2), word(4) as u16);
    if digits.len() != 2 * usize::try_from(count).ok()? || !matches!(sign, 0 | 0x4000) {
        return None;
    }
    let mut sum = 0_i128;
    for (at, digit) in digits.chunks_exact(2).enumerate() {
        let digit = i16::from_be_bytes([digit[0], digit[1]]);
        // The last digit that counts has weight −1.
        let place = u32::try_from(i32::from(weight) - i32::try_from(at).ok()? + 1).ok()?;
        let scaled = i128::from(digit).checked_mul(10_000_i128.checked_pow(place)?)?;
        sum = sum.checked_add(scaled).filter(|_| (0..10_000).contains(&digit))?;
    }
    i64::try_from(if sign == 0 { sum } else { -sum }).ok()
}
