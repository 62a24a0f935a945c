//! Two runs side by side: what they were made with, what came in, what came out, and what it came to.
//!
//! Numbers that a run gives out (seqs, ids of orders and signals) are not compared: one report more in one run moves all
//! that follow. What is compared is what was decided, when, about what. Whether the runs are the same to the last byte
//! is found out besides.

mod causes;
mod cost;
mod orders;
mod outputs;
mod show;
#[cfg(test)]
mod tests;

use crate::dump::{Decoded, Names, is_shown};
use crate::profit::Bills;
use crate::recorded::Recording;
use causes::{Answers, Cause, Causes};
use clap::Args;
use orders::{Book, Pair};
use outputs::{Difference, Found, Outputs, compare_outputs};
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::event::{Event, FLAG_OUT, Field, Full, Kind, Ltp, Quote, StageId};
use pitlane_engine::ledger::Ledger;
use pitlane_engine::units::TsNs;
use pitlane_journal::EndState;
use pitlane_store::{EventStream, INPUTS, OUTPUTS};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `journal-replay diff`.
#[derive(Args, Debug, Default)]
pub struct DiffArgs {
    /// The first journal, such as that of a day as it was
    pub a: PathBuf,
    /// The second one, such as that of a what-if run over it
    pub b: PathBuf,
    /// How many differing outputs to list; 0 = all
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,
    /// Print one JSON object (journal-diff/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The setting, instrument or field.
    pub name: String,
    /// In the first run; `None` = not there.
    pub a: Option<Value>,
    /// In the second one.
    pub b: Option<Value>,
}

/// The first input from outside that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDifference {
    /// Its seqs; `None` = the run has no such input any more.
    pub seq: [Option<u64>; 2],
    /// Its kind, in the first run that has it.
    pub kind: Kind,
    /// The first field that differs, or `missing`.
    pub changed: Changed,
}

/// What two runs have in common, and what not.
pub struct Diff {
    /// The journals.
    pub dirs: [PathBuf; 2],
    /// Settings that differ.
    pub config: Vec<Changed>,
    /// Instruments that differ, or are in one run only.
    pub instruments: Vec<Changed>,
    /// Inputs from outside, without the preamble.
    pub inputs: [u64; 2],
    /// The first of them that differs.
    pub input: Option<InputDifference>,
    /// Outputs by kind: how many are equal, differ, are in the first, in the second run only.
    pub outputs: BTreeMap<&'static str, [u64; 4]>,
    /// By kind, how many outputs that both runs have differ in which field.
    pub fields: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Why outputs differ, and how many do for that reason.
    pub causes: BTreeMap<Cause, u64>,
    /// When the first answer of the venue that is another one was heard, if one is: in each run.
    pub answers: Option<[Option<TsNs>; 2]>,
    /// What was decided about orders, and what became of them, in the order of time.
    pub orders: Vec<Pair>,
    /// Differing outputs in the order of time, the first `limit`.
    pub listed: Vec<Difference>,
    /// All of them.
    pub differing: u64,
    /// Where recorded bytes differ first, if nothing above says so: stream, seq and field.
    pub bytes: Option<(&'static str, u64, String)>,
    /// Orders, fills and profit by instrument.
    pub ledgers: [Ledger; 2],
    /// Names by instrument.
    pub specs: [Vec<InstrumentSpec>; 2],
    /// What the prices of each are made of.
    pub paths: [String; 2],
    /// Whether those of one are candles.
    pub is_bar_driven: bool,
    /// What the reader should know.
    pub notes: Vec<String>,
}

impl Diff {
    /// Whether the runs are the same.
    pub fn identical(&self) -> bool {
        self.config.is_empty()
            && self.instruments.is_empty()
            && self.input.is_none()
            && self.differing == 0
            && self.bytes.is_none()
    }
}

/// One of the two runs.
struct Run {
    recording: Recording,
    names: Names,
    letter: char,
}

impl Run {
    fn open(dir: &Path, letter: char) -> anyhow::Result<Self> {
        Ok(Self { recording: Recording::open(dir)?, names: Names::read(dir), letter })
    }

    fn value(&self, event: &Event, field: &Field) -> Value {
        Decoded { event, stream: INPUTS, names: &self.names, json: true }.value(field)
    }

    fn instrument(&self, event: &Event) -> Option<&str> {
        self.recording
            .head
            .instruments
            .get(event.header.instrument.index())
            .map(|spec| spec.symbol.as_str())
            .filter(|_| event.header.instrument.is_some())
    }
}

/// Compares the runs recorded in two journals. Outputs that were not recorded are recomputed.
///
/// # Errors
/// If either cannot be read to its end.
pub fn diff(args: &DiffArgs) -> anyhow::Result<Diff> {
    let runs = [Run::open(&args.a, 'A')?, Run::open(&args.b, 'B')?];
    let [a, b] = &runs;
    let config = config_changes(&a.recording.head.config_text, &b.recording.head.config_text);
    let instruments = instrument_changes(&a.recording.head.instruments, &b.recording.head.instruments);
    let specs = [a, b].map(|run| run.recording.head.instruments.clone());
    let mut ledgers = [a, b].map(|run| Ledger::new(&run.recording.head.instruments));
    let mut bills = [a, b].map(|run| Bills::new(&run.recording.head, &run.recording.pipeline));
    let mut walk = Walk { books: Default::default(), answers: Answers::default(), notes: Vec::new() };
    let (inputs, input, since) = compare_inputs(&runs, &mut ledgers, &mut bills, &mut walk)?;
    let mut causes = Causes::new(&config, &instruments);
    let answers = walk.answers.first();
    causes.inputs = since;
    causes.answers = answers.and_then(|times| times.into_iter().flatten().min());
    let mut found = Compared::default();
    let mut sides = [Outputs::open(&a.recording)?, Outputs::open(&b.recording)?];
    // An order comes before its fills in its own run; among the pairs it may not.
    let mut entered = |at: usize, event: &Event| {
        enter(event, &runs[at], &mut walk.books[at], &mut ledgers[at], &mut bills[at]);
    };
    compare_outputs(&runs, &mut sides, &mut entered, &mut |pair| found.add(pair, &mut causes, args.limit))?;
    let mut notes = walk.notes;
    for (side, run) in sides.iter().zip(&runs) {
        side.note(run.letter, &mut notes);
    }
    let bytes = first_bytes(&runs)?;
    let dirs = [args.a.clone(), args.b.clone()];
    let orders = orders::pairs(&runs, &walk.books, &ledgers);
    let Compared { outputs, fields, by_cause, listed, differing } = found;
    Ok(Diff {
        dirs,
        config,
        instruments,
        inputs,
        input,
        outputs,
        fields,
        causes: by_cause,
        answers,
        orders,
        listed,
        differing,
        bytes,
        ledgers,
        specs,
        paths: [a, b].map(|run| run.recording.settings.prices()),
        is_bar_driven: runs.iter().any(|run| run.recording.settings.candles.is_some()),
        notes,
    })
}

/// What the inputs say, beside being compared.
struct Walk {
    books: [Book; 2],
    answers: Answers,
    notes: Vec<String>,
}

/// What the comparison of the outputs comes to.
#[derive(Default)]
struct Compared {
    outputs: BTreeMap<&'static str, [u64; 4]>,
    fields: BTreeMap<&'static str, BTreeMap<String, u64>>,
    by_cause: BTreeMap<Cause, u64>,
    listed: Vec<Difference>,
    differing: u64,
}

impl Compared {
    fn add(&mut self, found: Found, causes: &mut Causes, limit: usize) {
        let kind = found.kind.name();
        let counts = self.outputs.entry(kind).or_insert([0; 4]);
        let Some(mut difference) = found.difference else {
            counts[0] += 1;
            return;
        };
        counts[difference.column()] += 1;
        for field in &difference.fields {
            *self.fields.entry(kind).or_default().entry(field.name.clone()).or_insert(0) += 1;
        }
        difference.cause = causes.explain(difference.stage, difference.ts);
        *self.by_cause.entry(difference.cause).or_insert(0) += 1;
        self.differing += 1;
        if limit == 0 || self.listed.len() < limit {
            self.listed.push(difference);
        }
    }
}

/// Settings by their dotted names; those of `[[tables]]` by the table's number, from 0.
fn settings(text: &str) -> BTreeMap<String, String> {
    let (mut section, mut numbers, mut found) =
        (String::new(), BTreeMap::<String, usize>::new(), BTreeMap::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("[[").and_then(|line| line.strip_suffix("]]")) {
            let number = numbers.entry(name.to_owned()).or_insert(0);
            section = format!("{name}[{number}].");
            *number += 1;
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            // A table below one of several belongs to the last of them.
            let (array, below) = name.split_once('.').unwrap_or((name, ""));
            section = match numbers.get(array) {
                Some(number) => format!("{array}[{}].{below}.", number - 1),
                None => format!("{name}."),
            };
        } else {
            let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
            found.insert(format!("{section}{key}"), value.to_owned());
        }
    }
    found
}

pub(crate) fn config_changes(a: &str, b: &str) -> Vec<Changed> {
    changes(settings(a), settings(b), |value| value.as_str().into())
}

fn instrument_changes(a: &[InstrumentSpec], b: &[InstrumentSpec]) -> Vec<Changed> {
    let table = |specs: &[InstrumentSpec]| -> BTreeMap<String, InstrumentSpec> {
        specs.iter().map(|spec| (spec.symbol.clone(), spec.clone())).collect()
    };
    changes(table(a), table(b), |spec| {
        let InstrumentSpec { token, class, tradable, lot, tick, multiplier, freeze, derivatives, .. } = spec;
        format!(
            "token {token}, {class:?}, tradable {tradable}, lot {}, tick {tick}, multiplier {multiplier}, freeze {}, \
             derivatives {derivatives}",
            lot.0, freeze.0
        )
        .into()
    })
}

fn changes<T: PartialEq>(
    mut a: BTreeMap<String, T>,
    b: BTreeMap<String, T>,
    show: impl Fn(&T) -> Value,
) -> Vec<Changed> {
    let mut found = Vec::new();
    for (name, b) in b {
        let a = a.remove(&name);
        if a.as_ref() != Some(&b) {
            found.push(Changed { name, a: a.as_ref().map(&show), b: Some(show(&b)) });
        }
    }
    found.extend(a.into_iter().map(|(name, a)| Changed { name, a: Some(show(&a)), b: None }));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Whether an input is compared as one: the preamble is compared as such, and reports and wakes are what the run made itself.
fn is_from_outside(kind: Kind) -> bool {
    !matches!(kind, Kind::ConfigText | Kind::Instrument | Kind::Report | Kind::Wake)
}

fn compare_inputs(
    runs: &[Run; 2],
    ledgers: &mut [Ledger; 2],
    bills: &mut [Bills; 2],
    walk: &mut Walk,
) -> anyhow::Result<([u64; 2], Option<InputDifference>, Option<TsNs>)> {
    let mut streams = [
        EventStream::open(&runs[0].recording.dir, INPUTS)?,
        EventStream::open(&runs[1].recording.dir, INPUTS)?,
    ];
    let (mut counts, mut first, mut since) = ([0; 2], None, None);
    loop {
        let mut heads = [None, None];
        for at in 0..2 {
            while let Some(event) = streams[at].try_next()? {
                walk.books[at].input(&event);
                walk.answers.input(at, &runs[at], &event);
                if is_from_outside(event.kind()) {
                    heads[at] = Some(event);
                    counts[at] += 1;
                    mark(&event, &mut ledgers[at]);
                    bills[at].input(&event);
                    break;
                }
            }
        }
        let [a, b] = &heads;
        let Some(one) = a.as_ref().or(b.as_ref()) else { break };
        if first.is_none() {
            let changed = match (a, b) {
                (Some(a), Some(b)) => input_change(runs, a, b),
                (a, b) => {
                    let kind = |event: &Event| event.kind().name().into();
                    let (a, b) = (a.as_ref().map(kind), b.as_ref().map(kind));
                    Some(Changed { name: "missing".to_owned(), a, b })
                }
            };
            let seq = [a, b].map(|event| event.map(|event| event.header.seq.0));
            since =
                changed.is_some().then(|| [a, b].into_iter().flatten().map(|event| event.header.ts).min());
            first = changed.map(|changed| InputDifference { seq, kind: one.kind(), changed });
        }
    }
    for (stream, run) in streams.iter().zip(runs) {
        note_end(stream, run.letter, INPUTS, &mut walk.notes);
    }
    Ok((counts, first, since.flatten()))
}

fn note_end(stream: &EventStream, letter: char, name: &str, notes: &mut Vec<String>) {
    let what = match stream.end_state() {
        Some(EndState::Unsealed) => "not closed: its writer died, or is alive".to_owned(),
        Some(EndState::Torn { segment, offset, reason }) => {
            format!("torn at segment {segment}, offset {offset} ({reason}); what follows was left out")
        }
        Some(EndState::Sealed) | None => return,
    };
    notes.push(format!("{letter}, {name}: {what}"));
}

fn input_change(runs: &[Run; 2], a: &Event, b: &Event) -> Option<Changed> {
    // A session's end comes after the last report, and moves with it.
    let ts = |event: &Event| if event.kind() == Kind::SessionEnd { 0 } else { event.header.ts.0 };
    header_change(runs, a, b, &[("ts", ts(a), ts(b))])
        .or_else(|| fields_changed(runs, a, b).into_iter().next())
}

/// The first of kind, instrument and `numbers` in which two events differ.
fn header_change(runs: &[Run; 2], a: &Event, b: &Event, numbers: &[(&str, u64, u64)]) -> Option<Changed> {
    let changed =
        |name: &str, a: Value, b: Value| Some(Changed { name: name.to_owned(), a: Some(a), b: Some(b) });
    if a.kind() != b.kind() {
        return changed("kind", a.kind().name().into(), b.kind().name().into());
    }
    let symbols = [runs[0].instrument(a), runs[1].instrument(b)];
    if symbols[0] != symbols[1] {
        return changed("instrument", symbols[0].into(), symbols[1].into());
    }
    let (name, a, b) = numbers.iter().find(|(_, a, b)| a != b)?;
    changed(name, (*a).into(), (*b).into())
}

/// Whether a field holds a number that the run gave out, or a hash of what is compared itself.
fn is_local(event: &Event, field: &Field) -> bool {
    let kind = event.kind();
    // The letter of a late tick holds the tick with its number; the tick is an input, and compared as one.
    if kind == Kind::DeadLetter && field.name == "data" {
        return event.header.flags & FLAG_OUT != 0;
    }
    matches!(field.ty, "OrderId" | "Seq")
        || matches!(
            (kind, field.name),
            (Kind::Signal, "id")
                | (Kind::Verdict | Kind::Order, "signal")
                | (Kind::SessionStart, "config_hash" | "instruments_hash")
        )
}

/// The fields in which two events of one kind differ.
fn fields_changed(runs: &[Run; 2], a: &Event, b: &Event) -> Vec<Changed> {
    let fields = a.kind().fields();
    let bytes = |event: &Event, field: &Field| {
        // Strategies have numbers by their place in the configuration; only their names say who they are.
        let used = event.used_bytes().get(field.offset..field.offset + field.bytes);
        used.filter(|_| field.ty != "StrategyId").map(<[u8]>::to_vec)
    };
    let mut changed = Vec::new();
    for field in fields.iter().filter(|field| is_shown(field) && !is_local(a, field)) {
        let same = bytes(a, field).is_some_and(|one| Some(one) == bytes(b, field));
        if same {
            continue;
        }
        let (one, other) = (runs[0].value(a, field), runs[1].value(b, field));
        // What is shown alike may still differ in its bytes, of numbers that are none for one.
        if field.ty != "StrategyId" || one != other {
            changed.push(Changed { name: field.name.to_owned(), a: Some(one), b: Some(other) });
        }
    }
    changed
}

/// Values positions at the last price, as the sink of a run does.
fn mark(event: &Event, ledger: &mut Ledger) {
    let instrument = event.header.instrument;
    if !instrument.is_some() || instrument.index() >= ledger.positions().len() {
        return;
    }
    match event.kind() {
        Kind::Ltp => ledger.mark(instrument, event.body::<Ltp>().last),
        Kind::Quote => ledger.mark(instrument, event.body::<Quote>().last),
        Kind::Full => ledger.mark(instrument, event.body::<Full>().last),
        _ => {}
    }
}

/// Enters an output: its fill in the ledger, and what it says of an order in the book.
fn enter(event: &Event, run: &Run, book: &mut Book, ledger: &mut Ledger, bills: &mut Bills) {
    let instrument = event.header.instrument;
    let Some(position) = ledger.positions().get(instrument.index()) else { return };
    let billed = bills.output(event, position.multiplier);
    book.output(run, event, billed.as_ref());
    let Some(billed) = billed else { return };
    ledger.fill(instrument, billed.side, billed.fill.quantity, billed.value);
    if let Some(charged) = &billed.charged {
        ledger.charge(instrument, charged);
    }
}

/// The stage an output says it is from.
fn stage(event: &Event) -> StageId {
    u8::try_from(event.header.source).ok().and_then(StageId::from_u8).unwrap_or(StageId::Sequencer)
}

/// Where the recorded bytes of two runs differ first. Outputs that were not recorded have none.
fn first_bytes(runs: &[Run; 2]) -> anyhow::Result<Option<(&'static str, u64, String)>> {
    for name in [INPUTS, OUTPUTS] {
        if name == OUTPUTS && runs.iter().any(|run| !run.recording.has_outputs) {
            continue;
        }
        let mut a = EventStream::open(&runs[0].recording.dir, name)?;
        let mut b = EventStream::open(&runs[1].recording.dir, name)?;
        loop {
            let (one, other) = (a.try_next()?, b.try_next()?);
            let (one, other) = match (&one, &other) {
                (None, None) => break,
                (Some(one), Some(other)) => (one, other),
                (Some(event), None) | (None, Some(event)) => {
                    return Ok(Some((name, event.header.seq.0, format!("{} missing", event.kind().name()))));
                }
            };
            let zipped = std::iter::zip(one.used_bytes(), other.used_bytes());
            let Some(at) = zipped.map(|(one, other)| one == other).position(|same| !same) else { continue };
            let field = pitlane_engine::event::field_at(one.kind(), at);
            return Ok(Some((name, one.header.seq.0, format!("{}.{}", one.kind().name(), field.name))));
        }
    }
    Ok(None)
}
