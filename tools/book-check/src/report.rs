//! What a check found, as one JSON object and for people.

use pitlane_session::summary::card;
use serde::Serialize;

/// Exceptions that are kept with their details; the rows of all are.
pub const DETAILS_MAX: usize = 1_000;
/// Exceptions that are shown to people.
const SHOWN_MAX: usize = 25;

/// The object `book-check/1`. What a flow does not have is null.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `book-check/1`.
    pub schema: &'static str,
    /// `lobster`, `quantcup` or `dbn`.
    pub flow: &'static str,
    /// Rows that were scored (lobster: all after the first, which is where the book begins), messages or records.
    pub rows: u64,
    /// Rows after which the book was the row, level by level.
    pub rows_exact: Option<u64>,
    /// Executions: visible ones of a lobster file, the book's own fills of quantcup.
    pub executions: Option<u64>,
    /// Those at the best price of their side.
    pub executions_at_best: Option<u64>,
    /// Runs of executions that were one order.
    pub runs: Option<u64>,
    /// Runs in which the book's fills were those of the file: price, maker, quantity, in order.
    pub runs_exact: Option<u64>,
    /// First message rows, from zero, of the runs that were not exact.
    pub exceptions: Option<Vec<u64>>,
    /// Operations on the book a second, reading and comparing excluded.
    pub ops_per_s: Option<u64>,
    /// Fills that were scored: of quantcup all, of order-by-order records those of continuous trading.
    pub fills: Option<u64>,
    /// Fills at the price of the order that rested.
    pub price_ok: Option<u64>,
    /// Fills at the best price of the book.
    pub at_best: Option<u64>,
    /// Fills of the first order of its price; orders before it that the same event cancels are self-match prevention.
    pub at_front: Option<u64>,
    /// Operations behind `ops_per_s`.
    pub operations: u64,
    /// Whole time, reading included.
    pub wall_s: f64,
    /// Lobster: levels a side.
    pub levels: Option<usize>,
    /// Lobster: rows that the book was not, the first of them.
    pub rows_wrong: Option<Vec<u64>>,
    /// The exceptions, the first of them.
    pub exception_details: Option<Vec<RunDifference>>,
    /// Other things worth knowing, such as records of unknown orders.
    pub notes: Vec<String>,
}

/// A run of executions in which the book's fills were others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunDifference {
    /// Its first message row, from zero.
    pub row: u64,
    /// Executions in it.
    pub length: usize,
    /// Seconds after midnight.
    pub time: String,
    /// The file's fills as `price:id:quantity`; id 0 is anonymous.
    pub actual: String,
    /// The book's.
    pub predicted: String,
}

impl Report {
    /// An empty report of a flow.
    pub fn new(flow: &'static str) -> Self {
        Self { schema: "book-check/1", flow, ..Self::default() }
    }

    /// What does not hold and must, without exception; `None` if all does. Runs may differ (the file does not show all
    /// orders), and so may order-by-order fills (icebergs).
    pub fn failure(&self) -> Option<String> {
        let checks = [
            ("rows are exact", self.rows_exact, Some(self.rows)),
            ("executions are at the best price", self.executions_at_best, self.executions),
            ("fills are at the resting price", self.price_ok.filter(|_| self.flow != "dbn"), self.fills),
            ("fills are of the first order", self.at_front.filter(|_| self.flow != "dbn"), self.fills),
        ];
        let failed = checks.into_iter().find(|(_, part, whole)| part.is_some() && part != whole);
        failed.map(|(what, part, whole)| {
            format!("only {} of {} {what}; the report names the first", part.unwrap_or(0), whole.unwrap_or(0))
        })
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let of = |part: Option<u64>, whole: Option<u64>| {
            part.map(|part| format!("{part} of {}", whole.map_or("?".to_owned(), |whole| whole.to_string())))
        };
        let rows = [
            ("flow", Some(self.flow.to_owned())),
            ("levels", self.levels.map(|levels| levels.to_string())),
            ("rows", Some(self.rows.to_string())),
            ("rows exact", of(self.rows_exact, Some(self.rows))),
            ("executions at best", of(self.executions_at_best, self.executions)),
            ("runs exact", of(self.runs_exact, self.runs)),
            ("fills", self.fills.map(|fills| fills.to_string())),
            ("at resting price", of(self.price_ok, self.fills)),
            ("at best", of(self.at_best, self.fills)),
            ("at front", of(self.at_front, self.fills)),
            ("book", self.ops_per_s.map(|speed| format!("{} operations, {speed}/s", self.operations))),
            ("time", Some(format!("{:.3} s", self.wall_s))),
        ];
        let rows: Vec<_> = rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let mut text = card(&rows);
        for note in &self.notes {
            text += &format!("\nnote: {note}");
        }
        if let Some(wrong) = self.rows_wrong.as_ref().filter(|wrong| !wrong.is_empty()) {
            let shown: Vec<_> = wrong.iter().take(SHOWN_MAX).map(u64::to_string).collect();
            text += &format!("\n\nrows that the book was not (from zero): {}", shown.join(", "));
        }
        if let Some(details) = self.exception_details.as_ref().filter(|details| !details.is_empty()) {
            text += "\n\nruns that were not exact (price:id:quantity, id 0 is anonymous)";
            for RunDifference { row, length, time, actual, predicted } in details.iter().take(SHOWN_MAX) {
                text += &format!("\n message {row}, {length} executions at {time}");
                text += &format!("\n   file  {actual}\n   book  {predicted}");
            }
            let all = self.exceptions.as_ref().map_or(0, Vec::len);
            if all > SHOWN_MAX {
                text += &format!("\n and {} more; --json has the rows of all", all - SHOWN_MAX);
            }
        }
        text
    }
}
