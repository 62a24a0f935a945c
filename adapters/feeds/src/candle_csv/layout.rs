//! Which column is what.

/// What a column with a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Our symbol: rows of others are passed over.
    Instrument,
    /// Somebody else's symbol or token: it must be the same in all rows.
    Constant,
}

/// Places of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// The time, or the date if `clock` has the time of day.
    pub(super) time: usize,
    /// The time of day.
    pub(super) clock: Option<usize>,
    /// Open, high, low, close.
    pub(super) prices: [usize; 4],
    /// Volume of the minute.
    pub(super) volume: Option<usize>,
    /// Open interest.
    pub(super) open_interest: Option<usize>,
    /// Trades.
    pub(super) trades: Option<usize>,
    /// Whose candle it is.
    pub(super) name: Option<(usize, Named)>,
}

/// How the rows of a file are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The columns.
    pub(super) columns: Columns,
    /// Least number of fields of a row.
    pub(super) fewest: usize,
    /// Largest number of fields of a row.
    pub(super) most: usize,
    /// Whether the time is that of the minute's end.
    pub(super) named_by_end: bool,
}

/// Names of the time's column.
const TIMES: [&str; 5] = ["date", "timestamp", "start", "datetime", "time"];

impl Layout {
    /// The layout that a first line tells, and whether it is a header: a line that names an `open`.
    pub(super) fn of_first(fields: &[&[u8]]) -> Result<(Self, bool), String> {
        let names: Vec<String> =
            fields.iter().map(|field| String::from_utf8_lossy(field).to_ascii_lowercase()).collect();
        if names.iter().any(|name| name == "open") {
            return Self::of_header(&names).map(|layout| (layout, true));
        }
        Self::of_row(fields).map(|layout| (layout, false))
    }

    fn of_header(names: &[String]) -> Result<Self, String> {
        let all = |wanted: &[&str]| -> Vec<usize> {
            let is_wanted = |name: &String| wanted.contains(&name.as_str());
            names.iter().enumerate().filter(|(_, name)| is_wanted(name)).map(|(at, _)| at).collect()
        };
        let one = |wanted: &[&str]| match all(wanted)[..] {
            [] => Ok(None),
            [at] => Ok(Some(at)),
            [first, second, ..] => {
                Err(format!("the columns `{}` and `{}` say the same", names[first], names[second]))
            }
        };
        let needed = |wanted: &[&str]| {
            one(wanted)?.ok_or_else(|| format!("no column `{}` among `{}`", wanted[0], names.join(",")))
        };
        let instrument = one(&["instrument"])?.map(|at| (at, Named::Instrument));
        let foreign = one(&["symbol", "token"])?.map(|at| (at, Named::Constant));
        Ok(Self {
            columns: Columns {
                time: needed(&TIMES)?,
                clock: None,
                prices: [needed(&["open"])?, needed(&["high"])?, needed(&["low"])?, needed(&["close"])?],
                volume: one(&["volume"])?,
                open_interest: one(&["oi", "open_interest"])?,
                trades: one(&["trades"])?,
                name: instrument.or(foreign),
            },
            fewest: names.len(),
            most: names.len(),
            named_by_end: false,
        })
    }

    /// The layout of rows without a header, which is known by the number of fields and the look of the second.
    fn of_row(fields: &[&[u8]]) -> Result<Self, String> {
        let is_compact = |field: &[u8]| field.len() == 8 && field.iter().all(u8::is_ascii_digit);
        let starts_with_digit = fields[0].first().is_some_and(u8::is_ascii_digit);
        let none = Columns {
            time: 0,
            clock: None,
            prices: [1, 2, 3, 4],
            volume: Some(5),
            open_interest: Some(6),
            trades: None,
            name: None,
        };
        match fields.len() {
            6 | 7 if starts_with_digit => Ok(Self { columns: none, fewest: 6, most: 7, named_by_end: false }),
            8 | 9 if is_compact(fields[1]) => {
                let columns = Columns {
                    time: 1,
                    clock: Some(2),
                    prices: [3, 4, 5, 6],
                    volume: Some(7),
                    open_interest: Some(8),
                    trades: None,
                    name: Some((0, Named::Constant)),
                };
                Ok(Self { columns, fewest: 8, most: 9, named_by_end: true })
            }
            _ => {
                let line: Vec<_> = fields.iter().map(|field| String::from_utf8_lossy(field)).collect();
                let line: String = line.join(",").chars().take(80).collect();
                Err(format!("the columns of `{line}` are not known"))
            }
        }
    }
}
