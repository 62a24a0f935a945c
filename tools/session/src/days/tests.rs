//! Days joined, against the same days imported into one journal.

use super::table::Table;
use super::*;
use crate::audit::{self, AuditArgs};
use crate::cli::{ConfigArgs, CpuArgs};
use crate::exit::{Exit, exit_of};
use crate::export::{What, export};
use crate::warmup::WarmupArgs;
use crate::whatif::{WhatIf, whatif};
use crate::{import, replay_card, verify};
use pitlane_engine::event::Timeframe;
use pitlane_engine::log::EventLog;
use pitlane_engine::sequencer::source::EventReader;
use pitlane_engine::units::{Price, Qty};
use pitlane_journal::{JournalDir, Reader, WriterOptions};
use pitlane_store::JournalLog;
use std::fmt::Write;
use tempfile::TempDir;

/// Days of half an hour.
const SETTINGS: [&str; 10] = [
    "session.pre_open=09:14",
    "session.open=09:15",
    "session.close=09:45",
    "risk.square_off=09:40",
    "risk.square_off_margin=2m",
    "risk.no_new_entry=09:38",
    "risk.no_new_entry_margin=2m",
    "strategies.ema.timeframe=1m",
    "strategies.ema.params.fast=2",
    "strategies.ema.params.slow=5",
];

fn args(more: &[&str]) -> ConfigArgs {
    let set = SETTINGS.iter().chain(more).map(|set| (*set).to_owned()).collect();
    ConfigArgs { config: Vec::new(), set }
}

/// Directories and files of a test.
struct Scratch {
    dir: TempDir,
    seed: u64,
}

impl Scratch {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Self { dir: TempDir::new().expect("a directory"), seed }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A random walk of half an hour on each of `dates`: `SYMBOL=FILE`.
    fn ticks(&mut self, symbol: &str, dates: &[&str]) -> String {
        let path = self.path(&format!("{}-{}.csv", &symbol[4..], dates.join("+")));
        let mut text = String::new();
        for date in dates {
            // A walk that each file of a date has alike.
            let digits: u64 = date.replace('-', "").parse().expect("a date");
            let mut state = self.seed ^ digits ^ (symbol.len() as u64) << 40;
            let (mut price, mut volume) = (100_000_i64, 0_u64);
            // No two instruments of a day tick at once: ties go by the order of the files.
            for second in (symbol.len() % 4..1_800).step_by(4) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                price += ((state >> 33) % 81) as i64 * 5 - 200;
                volume += 10 + (state >> 50);
                let (minute, second) = (15 + second / 60, second % 60);
                let (rupees, paise) = (price / 100, price % 100);
                writeln!(text, "{date} 09:{minute}:{second:02},{rupees}.{paise:02},{volume}").expect("text");
            }
        }
        std::fs::write(&path, text).expect("a file");
        format!("{symbol}={}", path.display())
    }

    fn import(&self, name: &str, files: &[String], more: &[&str]) -> PathBuf {
        let journal = self.path(name);
        import::tick_csv(files, &journal, &args(more)).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        journal
    }

    fn run(&self, dirs: &[PathBuf], out: &str) -> anyhow::Result<WhatIf> {
        let out = self.path(out);
        let (config, cpus) = (ConfigArgs::default(), CpuArgs::default());
        whatif(dirs, Some(&out), &config, &cpus, "max", &WarmupArgs::default())
    }
}

fn exported(journal: &Path, what: What) -> String {
    let mut bytes = Vec::new();
    export(journal, what, &mut bytes).expect("an export");
    String::from_utf8(bytes).expect("text")
}

#[test]
fn days_of_their_own_are_run_as_those_of_one_journal() {
    let mut scratch = Scratch::new(7);
    let dates = ["2026-07-29", "2026-07-30", "2026-07-31"];
    let day = |scratch: &mut Scratch, symbols: &[&str], date: &str| {
        let files: Vec<String> = symbols.iter().map(|symbol| scratch.ticks(symbol, &[date])).collect();
        scratch.import(date, &files, &[])
    };
    // The second day has the instruments the other way round, and the third has one that the first lacks.
    let days = [
        day(&mut scratch, &["NSE:RELIANCE", "NSE:TCS"], dates[0]),
        day(&mut scratch, &["NSE:TCS", "NSE:RELIANCE"], dates[1]),
        day(&mut scratch, &["NSE:INFY", "NSE:TCS"], dates[2]),
    ];
    let files = [
        scratch.ticks("NSE:RELIANCE", &dates[..2]),
        scratch.ticks("NSE:TCS", &dates),
        scratch.ticks("NSE:INFY", &dates[2..]),
    ];
    let together = scratch.import("together", &files, &[]);
    let one = scratch.run(&[together], "of-one").expect("runs");
    let shuffled = [days[2].clone(), days[0].clone(), days[1].clone()];
    let many = scratch.run(&shuffled, "of-many").expect("runs");

    assert!(many.finished.result.counts.orders > 20, "a test of nothing");
    assert_eq!(many.seen.sessions, 3);
    assert_eq!(many.seen.dates, (20_260_729, 20_260_731));
    for what in
        [What::Orders, What::Fills, What::Signals, What::Bars(Timeframe::M1), What::Bars(Timeframe::Day)]
    {
        let [one, many] = ["of-one", "of-many"].map(|name| exported(&scratch.path(name), what));
        assert_eq!(one, many);
    }
    let [one, many] = [&one, &many].map(|run| &run.finished.result.ledger);
    assert_eq!(one.net(), many.net());
    assert_eq!(one.open_positions(), many.open_positions());
    // Averages were carried: the last day alone starts cold.
    scratch.run(&days[2..], "alone").expect("runs");
    let cold = |name: &str| {
        let signals = exported(&scratch.path(name), What::Signals);
        let of_day = signals.lines().filter(|line| line.contains("NSE:TCS,2026-07-31T"));
        of_day.filter(|line| line.contains("indicators_not_ready")).count()
    };
    assert_eq!((cold("of-many"), cold("alone") > 0), (0, true));

    let verified = verify::verify(&scratch.path("of-many")).expect("verifies");
    assert_eq!((verified.identical, verified.notes), (Some(true), Vec::new()));
    // The journal of the run is one like any other, also for the next run.
    let again = scratch.run(&[scratch.path("of-many")], "again").expect("runs");
    assert_eq!(
        again.finished.result.state_hash(),
        scratch.run(&shuffled, "twice").expect("runs").finished.result.state_hash()
    );
}

#[test]
fn what_cannot_be_joined_is_named_with_its_remedy() {
    let mut scratch = Scratch::new(11);
    let file = |scratch: &mut Scratch, date: &str| [scratch.ticks("NSE:RELIANCE", &[date])];
    let (first, second) = (file(&mut scratch, "2026-07-29"), file(&mut scratch, "2026-07-31"));
    let both = [scratch.ticks("NSE:RELIANCE", &["2026-07-28", "2026-07-30"])];
    let days = [
        scratch.import("a", &first, &[]),
        scratch.import("b", &second, &[]),
        scratch.import("a-again", &first, &[]),
        scratch.import("around", &both, &[]),
    ];
    let refused = |dirs: &[&PathBuf]| {
        let dirs: Vec<PathBuf> = dirs.iter().map(|dir| (*dir).clone()).collect();
        let error = scratch.run(&dirs, "refused").err().expect("refused");
        assert!(!scratch.path("refused").exists(), "nothing is written before it is sure");
        (exit_of(&error), error.to_string())
    };
    let (exit, twice) = refused(&[&days[0], &days[1], &days[0]]);
    assert!(exit == Exit::Usage && twice.contains("is given twice"), "{twice}");
    let (exit, same) = refused(&[&days[0], &days[2]]);
    assert!(exit == Exit::Data && same.contains("both hold a session of 2026-07-29"), "{same}");
    assert!(same.contains("leave one out") && same.contains("import the files of both"), "{same}");
    let (_, overlap) = refused(&[&days[0], &days[3]]);
    assert!(
        overlap.contains("overlap") && overlap.contains("2026-07-30T09:45") && overlap.contains("2026-07-29"),
        "{overlap}"
    );
    let (exit, nothing) = refused(&[&days[0], &scratch.path("no-such")]);
    assert!(exit == Exit::Data && nothing.contains("no journal at"), "{nothing}");

    // A trading day between, another configuration.
    let other = scratch.import("c", &file(&mut Scratch::new(11), "2026-08-03"), &["risk.open_positions=3"]);
    let joined = Days::open(&[days[0].clone(), days[1].clone(), other]).expect("they can be joined");
    let notes = joined.notes.join("\n");
    assert!(notes.contains("warning: no journal holds 2026-07-30, on which the market was open"), "{notes}");
    assert!(!notes.contains("2026-08-01") && !notes.contains("2026-08-02"), "a weekend is no gap: {notes}");
    assert!(notes.contains("(risk.open_positions)") && notes.contains("with those of the first"), "{notes}");
    assert_eq!(joined.count(), 3);
}

/// The first `count` inputs of the journal at `from`, as a writer that died behind them leaves them.
fn left_by_a_crash(from: &Path, to: &Path, count: u64) {
    let lock = JournalDir::lock(to).expect("a directory");
    let options = WriterOptions { segment_bytes: 4 << 20, ..WriterOptions::default() };
    let mut log = JournalLog::inputs(&lock, options).expect("a stream");
    let mut inputs = EventStream::open(from, INPUTS).expect("a journal");
    while let Some(event) =
        inputs.try_next().expect("it is sound").filter(|event| event.header.seq.0 <= count)
    {
        log.append(&event);
    }
}

/// Changes a byte of record `seq`.
fn damage(journal: &Path, seq: u64) {
    let mut reader = Reader::open(journal, INPUTS).expect("a journal");
    assert!(reader.seek_seq(seq).expect("it is sound"));
    let frame = reader.next().expect("it is sound").expect("it is there");
    let path = journal.join(INPUTS).join(format!("{:016x}.lxj", frame.segment));
    let at = frame.offset as usize + 40;
    let mut bytes = std::fs::read(&path).expect("a segment");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).expect("a segment");
}

#[test]
fn a_day_whose_rest_is_missing_is_told_and_one_with_a_hole_is_refused() {
    let mut scratch = Scratch::new(5);
    let days = ["2026-07-28", "2026-07-29", "2026-07-30"].map(|date| {
        let files = [scratch.ticks("NSE:RELIANCE", &[date])];
        scratch.import(date, &files, &[])
    });
    let whole = scratch.run(&days, "whole").expect("runs");
    assert!(whole.notes.is_empty(), "{:?}", whole.notes);
    let half = Recording::open(&days[1]).expect("a journal");
    let mut count = 0;
    half.each_input(&mut |_| count += 1).expect("it is sound");
    let cut = scratch.path("cut");
    left_by_a_crash(&days[1], &cut, count / 2);

    let over = [days[0].clone(), cut.clone(), days[2].clone()];
    let told = scratch.run(&over, "told").expect("runs");
    let note = &told.notes[0];
    assert!(note.contains(&format!("{} was not closed", cut.display())), "{note}");
    assert!(note.contains("its day may end before the session does; what was open then went over"), "{note}");
    assert!(replay_card::whatif(&told).contains("was not closed"));
    let last = scratch.run(&over[..2], "last").expect("runs");
    assert!(last.notes[0].contains("was not closed") && !last.notes[0].contains("night"), "{:?}", last.notes);

    // A changed byte in the middle: what follows is there, and nobody would miss it.
    damage(&cut, count / 4);
    let refused = |error: anyhow::Error| {
        let text = format!("{error:#}");
        assert_eq!(exit_of(&error), Exit::Data, "{text}");
        assert!(text.contains(&format!("journal-replay repair {}", cut.display())), "{text}");
    };
    refused(scratch.run(&over, "refused").err().expect("a hole"));
    assert!(!scratch.path("refused").exists(), "nothing is written before it is sure");
    // Nor does anybody else who makes something of all of it.
    refused(verify::verify(&cut).err().expect("a hole"));
    refused(audit::audit(&AuditArgs { dir: cut.clone(), ..AuditArgs::default() }).err().expect("a hole"));
    refused(Recording::open(&cut).expect("its start is sound").each_input(&mut |_| {}).expect_err("a hole"));
    let joined = Days { journals: vec![journal_at(&cut)], ..Days::open(&days[..1]).expect("a day") };
    let mut reader = joined.reader();
    while reader.next_event().is_some() {}
    refused(reader.end().take_error().expect("a hole").into());
}

/// A journal as if it had been sound when it was opened.
fn journal_at(dir: &Path) -> Journal {
    Journal { dir: dir.to_owned(), inputs: 1, ids: vec![InstrumentId(0)] }
}

#[test]
fn instruments_are_one_by_symbol_and_contradictions_name_both_days() {
    let spec = |symbol: &str| pitlane_config::default_instrument(symbol).expect("a symbol").0;
    let (a, b) = (Path::new("monday"), Path::new("tuesday"));
    let mut table = Table::default();
    let reliance = spec("NSE:RELIANCE");
    table.unite(a, &[reliance.clone(), spec("NSE:TCS")]).expect("a table");
    // A contract that got the token of one that expired.
    let reused = InstrumentSpec { token: reliance.token, freeze: Qty(900), ..spec("NSE:INFY") };
    let ids = table
        .unite(b, &[reused, InstrumentSpec { freeze: Qty(1_800), ..reliance.clone() }])
        .expect("a table");
    assert_eq!(ids, [InstrumentId(2), InstrumentId(0)]);
    for (wrong, what) in [
        (InstrumentSpec { tick: Price(1_000), ..reliance.clone() }, "tick 0.05 and 0.10"),
        (InstrumentSpec { lot: Qty(5), ..reliance.clone() }, "lot 1 and 5"),
        (InstrumentSpec { tradable: false, ..reliance.clone() }, "tradable true and false"),
    ] {
        let error = table.unite(b, &[wrong]).expect_err("refused").to_string();
        for part in ["NSE:RELIANCE is not the same in monday and tuesday", what, "--instruments"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
    let (specs, notes) = table.into_parts();
    assert_eq!((specs[0].freeze, specs[2].token), (Qty(1_800), reliance.token + 256));
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("NSE:RELIANCE") && notes[0].contains("1800"), "{notes:?}");
}

#[test]
fn weekdays_of_years_without_a_calendar_are_no_certain_gaps() {
    let mut scratch = Scratch::new(2);
    for (dates, between) in
        [(["2027-01-04", "2027-01-06"], "2027-01-05"), (["2025-06-09", "2025-06-11"], "2025-06-10")]
    {
        let days = dates.map(|date| {
            let files = [scratch.ticks("NSE:RELIANCE", &[date])];
            scratch.import(date, &files, &[])
        });
        let notes = Days::open(&days).expect("they can be joined").notes;
        let note = format!("note: no journal holds {between}; the calendar has no data for them");
        assert!(notes.len() == 1 && notes[0].starts_with(&note), "{notes:?}");
    }
}

#[test]
fn a_run_without_orders_says_why() {
    let mut scratch = Scratch::new(3);
    let files = [scratch.ticks("NSE:RELIANCE", &["2026-07-29"])];
    let day = scratch.import("day", &files, &[]);
    let card = |sets: &[&str]| {
        let config =
            ConfigArgs { config: Vec::new(), set: sets.iter().map(|set| (*set).to_owned()).collect() };
        let done = whatif(
            std::slice::from_ref(&day),
            None,
            &config,
            &CpuArgs::default(),
            "max",
            &WarmupArgs::default(),
        );
        let done = done.expect("runs");
        assert_eq!(replay_card::whatif_json(&done)["notes"], serde_json::json!(done.notes));
        replay_card::whatif(&done)
    };
    let cold = card(&["strategies.ema.params.slow=200"]);
    assert!(
        cold.contains("gave no signal") && cold.contains("ema (ema_crossover, 1m, 1 instruments)"),
        "{cold}"
    );
    let off = card(&["strategies.ema.enabled=false"]);
    assert!(off.contains("no orders: no strategy is enabled"), "{off}");
    let blocked = card(&["risk.no_new_entry=09:15"]);
    assert!(blocked.contains("risk let none of them through: BLOCK no_new_entry"), "{blocked}");
    assert!(!card(&[]).contains("no orders"));
}
