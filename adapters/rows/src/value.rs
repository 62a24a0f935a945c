//! The types of columns, and the values in them.

use pitlane_engine::units::{Money, NS_PER_S, Price, TsNs};

/// What a column holds. Both stores have the same columns under the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Yes or no.
    Bool,
    /// A whole number of 16 bits.
    I16,
    /// A whole number of 32 bits.
    I32,
    /// A whole number of 64 bits.
    I64,
    /// A binary float of 64 bits: a fact of a signal, never money.
    F64,
    /// A price in rupees with four decimals, `decimal(18,4)`; its value here is in 1/10,000.
    Price,
    /// An amount in rupees with four decimals, `decimal(20,4)`; its value here is in 1/10,000.
    Money,
    /// An instant in UTC, in microseconds, which is the finest that every reader of both stores knows. Where nanoseconds
    /// matter there is a column of them beside it.
    Stamp,
    /// A calendar date.
    Date,
    /// Sixteen bytes that name a journal.
    Uuid,
    /// A text with few different values, which Parquet keeps as a dictionary.
    Code,
    /// Any other text.
    Text,
}

impl ColumnType {
    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::Price => "price",
            Self::Money => "money",
            Self::Stamp => "timestamp",
            Self::Date => "date",
            Self::Uuid => "uuid",
            Self::Code => "code",
            Self::Text => "text",
        }
    }

    /// Whether sums over the column mean something, as a check that nothing was lost or changed.
    pub const fn is_summed(self) -> bool {
        matches!(self, Self::I16 | Self::I32 | Self::I64 | Self::Price | Self::Money)
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub ty: ColumnType,
    /// Whether a row may have nothing in it.
    pub nullable: bool,
    /// What it means.
    pub doc: &'static str,
}

/// What stands in one column of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// Of `Bool`.
    Bool(bool),
    /// Of `I16`.
    I16(i16),
    /// Of `I32`.
    I32(i32),
    /// Of `I64`.
    I64(i64),
    /// Of `F64`.
    F64(f64),
    /// Of `Price` and `Money`: 1/10,000 rupee.
    Decimal(i64),
    /// Of `Stamp`: microseconds since the Unix epoch.
    Stamp(i64),
    /// Of `Date`: days since the Unix epoch.
    Date(i32),
    /// Of `Uuid`.
    Uuid([u8; 16]),
    /// Of `Code` and `Text`; without NUL characters, which Postgres cannot hold.
    Text(&'a str),
}

impl Value<'_> {
    /// What it adds to its column's sum.
    pub fn summand(&self) -> i128 {
        match *self {
            Self::I16(value) => value.into(),
            Self::I32(value) => value.into(),
            Self::I64(value) | Self::Decimal(value) => value.into(),
            _ => 0,
        }
    }
}

/// What a field of a row can be.
pub trait Field: Copy {
    /// The type of its column.
    const TYPE: ColumnType;
    /// Whether it can be nothing.
    const NULLABLE: bool = false;

    /// It as a value.
    fn value<'a>(self) -> Value<'a>
    where
        Self: 'a;
}

macro_rules! fields {
    ($($ty:ty => $column:ident, |$field:ident| $value:expr;)*) => {$(
        impl Field for $ty {
            const TYPE: ColumnType = ColumnType::$column;

            fn value<'a>(self) -> Value<'a>
            where
                Self: 'a,
            {
                let $field = self;
                $value
            }
        }
    )*};
}

fields! {
    bool => Bool, |field| Value::Bool(field);
    i16 => I16, |field| Value::I16(field);
    i32 => I32, |field| Value::I32(field);
    i64 => I64, |field| Value::I64(field);
    f64 => F64, |field| Value::F64(field);
    Price => Price, |field| Value::Decimal(field.0);
    Money => Money, |field| Value::Decimal(field.0);
    Stamp => Stamp, |field| Value::Stamp(field.0);
    Date => Date, |field| Value::Date(field.0);
    Uuid => Uuid, |field| Value::Uuid(field.0);
}

impl<T: Field> Field for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    fn value<'a>(self) -> Value<'a>
    where
        Self: 'a,
    {
        self.map_or(Value::Null, T::value)
    }
}

/// An instant in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub i64);

impl Stamp {
    /// The microsecond in which `ts` lies.
    pub fn of(ts: TsNs) -> Self {
        Self((ts.0 / 1_000) as i64)
    }

    /// That many seconds after the epoch; `None` for 0, which packets use for "absent".
    pub fn of_secs(secs: u32) -> Option<Self> {
        (secs > 0).then(|| Self::of(TsNs(u64::from(secs) * NS_PER_S)))
    }
}

/// A calendar date as days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub i32);

impl Date {
    /// The date of a decimal number yyyymmdd. Months and days that no calendar has count on from those it has.
    pub fn of(yyyymmdd: u32) -> Self {
        let (year, month, day) =
            ((yyyymmdd / 10_000) as i32, (yyyymmdd / 100 % 100) as i32, (yyyymmdd % 100) as i32);
        // Howard Hinnant's days_from_civil: years begin in March, so that the leap day is the last of its year.
        let year = year - i32::from(month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        Self(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// Year, month and day.
    pub fn civil(self) -> (i32, u32, u32) {
        let days = self.0 + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        (year_of_era + era * 400 + i32::from(month <= 2), month as u32, day as u32)
    }
}

impl std::fmt::Display for Date {
    /// As in ISO 8601: `2021-04-15`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The name that the streams of one journal share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl std::fmt::Display for Uuid {
    /// In the usual groups: `00112233-4455-6677-8899-aabbccddeeff`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// A text with few different values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Code<'c>(pub &'c str);

/// Any other text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'t>(pub &'t str);

impl<'c> Field for Code<'c> {
    const TYPE: ColumnType = ColumnType::Code;

    fn value<'a>(self) -> Value<'a>
    where
        Self: 'a,
    {
        Value::Text(self.0)
    }
}

impl<'t> Field for Text<'t> {
    const TYPE: ColumnType = ColumnType::Text;

    fn value<'a>(self) -> Value<'a>
    where
        Self: 'a,
    {
        Value::Text(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        for (yyyymmdd, days, shown) in [
            (19700101, 0, "1970-01-01"),
            (20000229, 11_016, "2000-02-29"),
            (20210415, 18_732, "2021-04-15"),
            (19691231, -1, "1969-12-31"),
        ] {
            assert_eq!(Date::of(yyyymmdd), Date(days));
            assert_eq!(Date(days).to_string(), shown);
        }
        let mut last = None;
        for days in -200_000..200_000 {
            let (year, month, day) = Date(days).civil();
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
            assert!(last < Some((year, month, day)));
            last = Some((year, month, day));
            if year > 0 {
                assert_eq!(Date::of(year as u32 * 10_000 + month * 100 + day), Date(days));
            }
        }
    }

    #[test]
    fn a_journal_is_named_as_everywhere() {
        let uuid = Uuid(std::array::from_fn(|at| (at * 0x11) as u8));
        assert_eq!(uuid.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
