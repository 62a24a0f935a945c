//! The journals of a report: opened, put in order, and walked step by step.

use crate::account::Account;
use crate::rerun;
use anyhow::Context;
use pitlane_config::date_number;
use pitlane_engine::sequencer::source::Recorded;
use pitlane_market::{Calendar, Segment};
use pitlane_session::exit::data;
use pitlane_session::profit::show_date;
use pitlane_session::recorded::{Recording, not_closed};
use pitlane_session::sim::check_is_journal;
use pitlane_store::{EventStream, INPUTS, OUTPUTS, has_stream};
use std::path::{Path, PathBuf};

/// Opens the journals at `dirs`, in the order of their first sessions.
///
/// # Errors
/// If one is no journal, or two begin on the same date.
pub fn open(dirs: &[PathBuf]) -> anyhow::Result<Vec<Recording>> {
    let mut journals = Vec::new();
    for dir in dirs {
        check_is_journal(dir)?;
        if !has_stream(dir, INPUTS) {
            return Err(not_a_journal(dir));
        }
        journals.push(Recording::open(dir)?);
    }
    journals.sort_by_key(|journal| journal.head.first_session.date);
    for pair in journals.windows(2) {
        if pair[0].head.first_session.date == pair[1].head.first_session.date {
            return Err(overlap(&pair[0].dir, &pair[1].dir, pair[0].head.first_session.date));
        }
    }
    Ok(journals)
}

/// Two journals of one day: which of them counted is not to be guessed.
pub(crate) fn overlap(one: &Path, other: &Path, date: u32) -> anyhow::Error {
    data(format!(
        "both {} and {} hold {}; each day counts once: leave one of them out (`journal-replay diff` compares two \
         runs of a day)",
        one.display(),
        other.display(),
        show_date(date)
    ))
}

/// A directory without inputs; it may be the folder of several journals.
fn not_a_journal(dir: &Path) -> anyhow::Error {
    let inside = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut journals: Vec<PathBuf> =
        inside.map(|entry| entry.path()).filter(|path| has_stream(path, INPUTS)).collect();
    journals.sort();
    match journals.first() {
        None => data(format!(
            "no journal at {}: it holds no inputs; name the directory a run or import wrote",
            dir.display()
        )),
        Some(first) => data(format!(
            "{} is no journal, but holds {}, such as {}; name those, for instance {}/*",
            dir.display(),
            journals.len(),
            first.display(),
            dir.display()
        )),
    }
}

/// How a walk ended.
pub(crate) struct Walked {
    /// The name that the journal's streams share.
    pub(crate) uuid: [u8; 16],
    /// Whether the outputs were recomputed.
    pub(crate) recomputed: bool,
    /// What is to be known about the record's end.
    pub(crate) notes: Vec<String>,
}

/// Hands every step of the journal to the account.
///
/// # Errors
/// If the journal cannot be read to its end.
pub(crate) fn walk(recording: &Recording, account: &mut Account<'_>) -> anyhow::Result<Walked> {
    if recording.has_outputs { recorded(recording, account) } else { recomputed(recording, account) }
}

fn recorded(recording: &Recording, account: &mut Account<'_>) -> anyhow::Result<Walked> {
    let dir = &recording.dir;
    let mut inputs = EventStream::open(dir, INPUTS)?;
    let mut outputs = EventStream::open(dir, OUTPUTS)?;
    let uuid = inputs.journal_uuid();
    let mut next = outputs.try_next()?;
    let (mut last_input, mut last_output) = (0, 0);
    while let Some(input) = inputs.try_next()? {
        last_input = input.header.seq.0;
        account.hash_input(&input);
        account.input(&input)?;
        while let Some(output) = next.take_if(|output| output.header.seq <= input.header.seq) {
            if output.header.seq != input.header.seq {
                return Err(data(format!(
                    "{}: an output of input {} stands behind those of later inputs; `journal-replay verify {}` says more",
                    dir.display(),
                    output.header.seq.0,
                    dir.display()
                )));
            }
            last_output = output.header.seq.0;
            account.output(&output);
            next = outputs.try_next()?;
        }
        account.end_step();
    }
    inputs.is_closed()?;
    let note = (!outputs.is_closed()?).then(|| {
        format!(
            "{} was not closed: its writer died, or is alive; its figures are those up to input {last_input}, whose last \
             recorded output is of input {last_output}",
            dir.display()
        )
    });
    Ok(Walked { uuid, recomputed: false, notes: note.into_iter().collect() })
}

/// A journal of inputs alone: the recorded settings' run over them, on virtual time.
fn recomputed(recording: &Recording, account: &mut Account<'_>) -> anyhow::Result<Walked> {
    let mut inputs = EventStream::open(&recording.dir, INPUTS)?;
    while let Some(input) = inputs.try_next()? {
        account.hash_input(&input);
    }
    let not_closed = not_closed(&inputs, &recording.dir)?;
    let stream = EventStream::open(&recording.dir, INPUTS)?;
    let (uuid, end) = (stream.journal_uuid(), stream.end());
    let feed = Box::new(Recorded::new(stream, recording.rewrite()));
    rerun::steps(recording, &[], feed, |_| true, account, &mut || true)?;
    if let Some(error) = end.take_error() {
        return Err(error).context("the recorded inputs cannot be read to their end");
    }
    let note = format!(
        "{} has no recorded outputs: its figures were recomputed from the inputs, with the settings in the journal",
        recording.dir.display()
    );
    Ok(Walked { uuid, recomputed: true, notes: [Some(note), not_closed].into_iter().flatten().collect() })
}

/// Trading days between the dates (yyyymmdd, ascending) that are not among them, by the trading calendar of shares;
/// where the calendar knows no holidays, every weekday is one.
pub fn missing(dates: &[u32]) -> Vec<u32> {
    let (Some(&first), Some(&last)) = (dates.first(), dates.last()) else { return Vec::new() };
    let calendar = Calendar::new();
    let mut missing = Vec::new();
    let Some(mut day) = civil(first) else { return missing };
    while let Ok(next) = day.tomorrow() {
        day = next;
        let number = date_number(day);
        if number >= last {
            break;
        }
        let trades = calendar.sessions(day, Segment::CashWithDerivatives).hours().is_some();
        if trades && dates.binary_search(&number).is_err() {
            missing.push(number);
        }
    }
    missing
}

fn civil(date: u32) -> Option<jiff::civil::Date> {
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    jiff::civil::Date::new(i16::try_from(year).ok()?, month as i8, day as i8).ok()
}
