//! The rows of one table and one range, by columns, until they are written in the order of their file.

use crate::schema::arrow_schema;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal64Array, Decimal128Array, DictionaryArray, Float64Array,
    Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use pitlane_rows::{ColumnType, Date, Table, Uuid, Value};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Precision of a price: 18 digits, of which four are decimals.
const PRICE_MAX: i64 = 1_000_000_000_000_000_000;

enum Data {
    Bool(Vec<bool>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    Code { ids: Vec<i32>, names: Names },
    Text { ends: Vec<usize>, text: String },
}

/// The different texts of a column, in the order in which they came.
#[derive(Default)]
struct Names {
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, i32>,
    /// The journal that was named last: all rows of a range are of one.
    journal: Option<([u8; 16], i32)>,
}

impl Names {
    fn id(&mut self, name: &str) -> i32 {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let (name, id): (Arc<str>, _) = (name.into(), self.names.len() as i32);
        self.names.push(Arc::clone(&name));
        self.ids.insert(name, id);
        id
    }

    fn journal(&mut self, uuid: [u8; 16]) -> i32 {
        match self.journal {
            Some((known, id)) if known == uuid => id,
            _ => {
                let id = self.id(&Uuid(uuid).to_string());
                self.journal = Some((uuid, id));
                id
            }
        }
    }
}

struct Column {
    ty: ColumnType,
    data: Data,
    /// Whether there is a value; empty for a column that always has one.
    there: Vec<bool>,
    nullable: bool,
}

impl Column {
    fn new(ty: ColumnType, nullable: bool) -> Self {
        let data = match ty {
            ColumnType::Bool => Data::Bool(Vec::new()),
            ColumnType::I16 => Data::I16(Vec::new()),
            ColumnType::I32 | ColumnType::Date => Data::I32(Vec::new()),
            ColumnType::I64 | ColumnType::Price | ColumnType::Money | ColumnType::Stamp => {
                Data::I64(Vec::new())
            }
            ColumnType::F64 => Data::F64(Vec::new()),
            ColumnType::Uuid | ColumnType::Code => Data::Code { ids: Vec::new(), names: Names::default() },
            ColumnType::Text => Data::Text { ends: Vec::new(), text: String::new() },
        };
        Self { ty, data, there: Vec::new(), nullable }
    }

    fn push(&mut self, value: &Value<'_>) {
        let there = !matches!(value, Value::Null);
        assert!(there || self.nullable, "a column that is never null has a value in every row");
        if self.nullable {
            self.there.push(there);
        }
        match (&mut self.data, *value) {
            (Data::Bool(data), Value::Bool(value)) => data.push(value),
            (Data::I16(data), Value::I16(value)) => data.push(value),
            (Data::I32(data), Value::I32(value) | Value::Date(value)) => data.push(value),
            (Data::I64(data), Value::I64(value) | Value::Stamp(value)) => data.push(value),
            (Data::I64(data), Value::Decimal(value)) => {
                let fits = self.ty == ColumnType::Money || (-PRICE_MAX < value && value < PRICE_MAX);
                assert!(fits, "no packet can hold a price of 18 digits");
                data.push(value);
            }
            (Data::F64(data), Value::F64(value)) => data.push(value),
            (Data::Code { ids, names }, Value::Text(name)) => ids.push(names.id(name)),
            (Data::Code { ids, names }, Value::Uuid(uuid)) => ids.push(names.journal(uuid)),
            (Data::Text { ends, text }, Value::Text(value)) => {
                text.push_str(value);
                ends.push(text.len());
            }
            (Data::Bool(data), Value::Null) => data.push(false),
            (Data::I16(data), Value::Null) => data.push(0),
            (Data::I32(data), Value::Null) => data.push(0),
            (Data::I64(data), Value::Null) => data.push(0),
            (Data::F64(data), Value::Null) => data.push(0.0),
            (Data::Code { ids, .. }, Value::Null) => ids.push(0),
            (Data::Text { ends, text }, Value::Null) => ends.push(text.len()),
            (_, value) => panic!("{value:?} does not belong into a column of type {}", self.ty.name()),
        }
    }

    fn array(&self, order: &[u32]) -> ArrayRef {
        let there = |&at: &u32| !self.nullable || self.there[at as usize];
        fn gather<T: Copy, U>(
            data: &[T],
            order: &[u32],
            there: impl Fn(&u32) -> bool,
            to: impl Fn(T) -> U,
        ) -> Vec<Option<U>> {
            order.iter().map(|at| there(at).then(|| to(data[*at as usize]))).collect()
        }
        match (&self.data, self.ty) {
            (Data::Bool(data), _) => Arc::new(BooleanArray::from(gather(data, order, there, |v| v))),
            (Data::I16(data), _) => Arc::new(Int16Array::from(gather(data, order, there, |v| v))),
            (Data::I32(data), ColumnType::Date) => {
                Arc::new(Date32Array::from(gather(data, order, there, |v| v)))
            }
            (Data::I32(data), _) => Arc::new(Int32Array::from(gather(data, order, there, |v| v))),
            (Data::I64(data), ColumnType::Price) => Arc::new(
                Decimal64Array::from(gather(data, order, there, |v| v))
                    .with_precision_and_scale(18, 4)
                    .expect("18 digits fit 64 bits"),
            ),
            (Data::I64(data), ColumnType::Money) => Arc::new(
                Decimal128Array::from(gather(data, order, there, i128::from))
                    .with_precision_and_scale(20, 4)
                    .expect("20 digits fit 128 bits"),
            ),
            (Data::I64(data), ColumnType::Stamp) => Arc::new(
                TimestampMicrosecondArray::from(gather(data, order, there, |v| v)).with_timezone("UTC"),
            ),
            (Data::I64(data), _) => Arc::new(Int64Array::from(gather(data, order, there, |v| v))),
            (Data::F64(data), _) => Arc::new(Float64Array::from(gather(data, order, there, |v| v))),
            (Data::Code { ids, names }, _) => {
                let keys = Int32Array::from(gather(ids, order, there, |v| v));
                let names = StringArray::from_iter_values(names.names.iter());
                Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(names)))
            }
            (Data::Text { ends, text }, _) => {
                let of = |at: &u32| {
                    let at = *at as usize;
                    let start = if at == 0 { 0 } else { ends[at - 1] };
                    &text[start..ends[at]]
                };
                Arc::new(order.iter().map(|at| there(at).then(|| of(at))).collect::<StringArray>())
            }
        }
    }

    fn sum(&self, order: &[u32]) -> i128 {
        // What is not there stands as zero, and adds nothing.
        fn all<T: Copy + Into<i128>>(data: &[T], order: &[u32]) -> i128 {
            order.iter().map(|at| data[*at as usize].into()).sum()
        }
        match &self.data {
            Data::I16(data) => all(data, order),
            Data::I32(data) => all(data, order),
            Data::I64(data) => all(data, order),
            _ => 0,
        }
    }
}

/// The rows of one table.
pub(crate) struct Buffer {
    table: Table,
    columns: Vec<Column>,
    rows: usize,
}

const DATE_AT: usize = 2;
const SEQ_AT: usize = 3;

impl Buffer {
    pub(crate) fn new(table: Table) -> Self {
        let columns = table.columns().map(|column| Column::new(column.ty, column.nullable)).collect();
        Self { table, columns, rows: 0 }
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn push(&mut self, row: &[Value<'_>]) {
        assert_eq!(row.len(), self.columns.len(), "a row has a value for each column of its table");
        assert!(self.rows < u32::MAX as usize, "a range has fewer rows than 32 bits count");
        self.columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        self.rows += 1;
    }

    /// The rows in the order of their files: by trading date and instrument, and as they came within one, which is by time.
    pub(crate) fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.rows as u32).collect();
        let date = self.numbers(DATE_AT);
        match self.table.instrument_column() {
            Some(at) => {
                let (instrument, there) = (self.numbers(at), &self.columns[at].there);
                // What concerns no instrument comes first.
                let key = |&row: &u32| {
                    let row = row as usize;
                    (date[row], there.get(row).copied().unwrap_or(true), instrument[row])
                };
                order.sort_by_key(key);
            }
            None => order.sort_by_key(|&row| date[row as usize]),
        }
        order
    }

    /// The parts of `order` that are of one date each.
    pub(crate) fn dates(&self, order: &[u32]) -> Vec<(Date, Range<usize>)> {
        let date = self.numbers(DATE_AT);
        let mut parts: Vec<(Date, Range<usize>)> = Vec::new();
        for (at, &row) in order.iter().enumerate() {
            let date = Date(date[row as usize]);
            match parts.last_mut() {
                Some((last, part)) if *last == date => part.end = at + 1,
                _ => parts.push((date, at..at + 1)),
            }
        }
        parts
    }

    fn numbers(&self, at: usize) -> &[i32] {
        match &self.columns[at].data {
            Data::I32(data) => data,
            _ => unreachable!("dates and instruments are numbers of 32 bits"),
        }
    }

    /// Some rows as a batch.
    pub(crate) fn batch(&self, order: &[u32]) -> RecordBatch {
        let arrays = self.columns.iter().map(|column| column.array(order)).collect();
        RecordBatch::try_new(Arc::new(arrow_schema(self.table)), arrays)
            .expect("the columns are those of the table, one value a row")
    }

    /// Least and greatest `seq` of some rows, of which there is at least one.
    pub(crate) fn seqs(&self, order: &[u32]) -> (i64, i64) {
        let Data::I64(seqs) = &self.columns[SEQ_AT].data else { unreachable!("numbers of 64 bits") };
        let of = |at: &u32| seqs[*at as usize];
        (order.iter().map(of).min().unwrap_or(0), order.iter().map(of).max().unwrap_or(0))
    }

    /// Sums of the columns that have one, by name.
    pub(crate) fn sums(&self, order: &[u32]) -> impl Iterator<Item = (&'static str, i128)> {
        let columns = self.table.columns().zip(&self.columns);
        columns
            .filter(|(column, _)| column.ty.is_summed())
            .map(|(column, data)| (column.name, data.sum(order)))
    }
}
