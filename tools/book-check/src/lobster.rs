//! NASDAQ messages and the book after each of them, as LOBSTER writes them.
//!
//! *Book.* It begins as row 0, whose levels are anonymous volume; a first message that is a new order is split off to the
//! back of its level. New orders join; cancels, deletions and executions take from their order, or from the anonymous
//! volume of the price if it is unknown; the other types show nothing. After each message two moves follow the file's
//! window: *reveal* a level beyond our deepest, *evict* ours beyond the row's deepest. Then book and row must be equal.
//!
//! *Matcher.* A run is what one order did: consecutive executions of equal time and side, hidden ones allowed between. A
//! second exchange gets one immediate-or-cancel order in its place, of the sum and at the worst price; its fills must be
//! the run's: price, maker, quantity, in order, adjacent anonymous ones of a price as one. If they are not, it takes over
//! the first exchange's book, so that errors do not add up. What the file shows only later cannot be swept.

mod book;
mod read;

use crate::meter::Meter;
use crate::report::{DETAILS_MAX, Report, RunDifference};
use book::Book;
use pitlane_session::exit::data;
use pitlane_session::progress::Progress;
pub use read::{Kind, Level, Message, Row};
use read::{Pairs, seconds};

use crate::input::Source;
use pitlane_engine::event::Side;
use pitlane_engine::units::{Price, Qty};

/// Messages between two steps of the progress bar.
const PROGRESS_STEP: u64 = 4_096;

/// A fill of a run; the maker is 0 for anonymous volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fill {
    price: Price,
    maker: u64,
    quantity: Qty,
}

/// Scores a day.
///
/// # Errors
/// If a file cannot be read, a line is wrong, or the files are not of each other.
pub fn score(messages: Source<'_>, rows: Source<'_>) -> anyhow::Result<Report> {
    let mut pairs = Pairs::open(messages, rows)?;
    let Some((message, row)) = pairs.next()? else {
        return Err(data(format!("{} has no rows; fetch it again", pairs.name())));
    };
    let mut scorer = Scorer::seeded(&message, &row);
    let mut progress = Progress::new("messages", 0);
    while let Some((message, row)) = pairs.next()? {
        if scorer.rows.is_multiple_of(PROGRESS_STEP) {
            progress.at(scorer.rows);
        }
        if message.kind == Kind::Execution {
            let run = pairs.run_of(message, row)?;
            scorer.run(&run);
        } else {
            scorer.step(&message, &row);
            scorer.by_orders.apply(&message, &mut scorer.meter);
            scorer.by_orders.follow(&row, &mut scorer.meter);
        }
        if scorer.by_rows.is_full() || scorer.by_orders.is_full() {
            let most = crate::venue::ORDERS_MAX;
            return Err(data(format!("{}: more than {most} orders rest at once", pairs.name())));
        }
    }
    Ok(scorer.report(pairs.levels()))
}

struct Scorer {
    /// What the rows say.
    by_rows: Book,
    /// What comes of it when runs are orders.
    by_orders: Book,
    rows: u64,
    rows_exact: u64,
    rows_wrong: Vec<u64>,
    executions: u64,
    at_best: u64,
    off_best: Vec<u64>,
    runs: u64,
    exceptions: Vec<u64>,
    details: Vec<RunDifference>,
    meter: Meter,
}

impl Scorer {
    fn seeded(message: &Message, row: &Row) -> Self {
        Self {
            by_rows: Book::seeded(message, row),
            by_orders: Book::seeded(message, row),
            rows: 0,
            rows_exact: 0,
            rows_wrong: Vec::new(),
            executions: 0,
            at_best: 0,
            off_best: Vec::new(),
            runs: 0,
            exceptions: Vec::new(),
            details: Vec::new(),
            meter: Meter::default(),
        }
    }

    /// Applies a message to the book of the rows, and scores the book.
    fn step(&mut self, message: &Message, row: &Row) {
        self.rows += 1;
        if message.kind == Kind::Execution {
            self.executions += 1;
            if self.by_rows.best(message.side) == Some(message.price) {
                self.at_best += 1;
            } else if self.off_best.len() < DETAILS_MAX {
                self.off_best.push(message.index);
            }
        }
        self.by_rows.apply(message, &mut self.meter);
        self.by_rows.follow(row, &mut self.meter);
        if self.by_rows.shows(row) {
            self.rows_exact += 1;
        } else if self.rows_wrong.len() < DETAILS_MAX {
            self.rows_wrong.push(message.index);
        }
    }

    /// Scores a run, whose first and last rows are executions.
    fn run(&mut self, run: &[(Message, Row)]) {
        let executions =
            || run.iter().map(|(message, _)| message).filter(|message| message.kind == Kind::Execution);
        let Some(((first, _), (_, last))) = run.first().zip(run.last()) else { return };
        let side = first.side.opposite();
        let prices = executions().map(|message| message.price);
        let worst = if side == Side::Buy { prices.max() } else { prices.min() };
        let quantity = Qty(executions().map(|message| message.quantity.0).sum());
        let mut predicted = Vec::new();
        self.by_orders.sweep(
            first.index,
            side,
            worst.unwrap_or(first.price),
            quantity,
            &mut self.meter,
            |fill| {
                push(&mut predicted, fill);
            },
        );
        let mut actual = Vec::new();
        for (message, row) in run {
            if message.kind == Kind::Execution {
                let maker = if self.by_rows.holds(message.id) { message.id } else { 0 };
                push(&mut actual, Fill { price: message.price, maker, quantity: message.quantity });
            }
            self.step(message, row);
        }
        self.runs += 1;
        if predicted == actual {
            self.by_orders.follow(last, &mut self.meter);
            return;
        }
        self.by_orders.take_over(&self.by_rows);
        self.exceptions.push(first.index);
        if self.details.len() < DETAILS_MAX {
            self.details.push(RunDifference {
                row: first.index,
                length: executions().count(),
                time: seconds(first.time),
                actual: shown(&actual),
                predicted: shown(&predicted),
            });
        }
    }

    fn report(self, levels: usize) -> Report {
        let mut report = Report::new("lobster");
        report.rows = self.rows;
        report.rows_exact = Some(self.rows_exact);
        report.executions = Some(self.executions);
        report.executions_at_best = Some(self.at_best);
        report.runs = Some(self.runs);
        report.runs_exact = Some(self.runs - self.exceptions.len() as u64);
        report.exceptions = Some(self.exceptions);
        report.ops_per_s = self.meter.per_second();
        report.operations = self.meter.operations();
        report.levels = Some(levels);
        report.rows_wrong = Some(self.rows_wrong);
        report.exception_details = Some(self.details);
        if levels == 1 {
            report
                .notes
                .push("one level shows what a sweep began with, not what it met: its runs say little".into());
        }
        if !self.off_best.is_empty() {
            report.notes.push(format!("executions off the best price at messages {:?}", self.off_best));
        }
        report
    }
}

/// Adds a fill; adjacent anonymous ones of a price are one.
fn push(fills: &mut Vec<Fill>, fill: Fill) {
    match fills.last_mut() {
        Some(last) if last.maker == 0 && fill.maker == 0 && last.price == fill.price => {
            last.quantity += fill.quantity;
        }
        _ => fills.push(fill),
    }
}

fn shown(fills: &[Fill]) -> String {
    let shown = fills.iter().map(|fill| format!("{}:{}:{}", fill.price.0, fill.maker, fill.quantity.0));
    shown.collect::<Vec<_>>().join(" ")
}
