//! Kinds that are made to be found out, and the built-in ones, which are not.

use super::*;
use crate::sim::{Request, run};
use pitlane_engine::config::StrategyConfig;
use pitlane_engine::event::SignalReason;
use pitlane_engine::stages::strategy::{BarView, Said, Settings, Signals, Strategy, rupees};
use pitlane_engine::state::StateIo;
use std::sync::Mutex;
use tempfile::TempDir;

/// Closes of the first pass over the day, by instrument and start: what a kind must not have.
static FIRST_PASS: Mutex<BTreeMap<(u32, u64), f64>> = Mutex::new(BTreeMap::new());

/// Long when the *next* bar closes higher, out when lower; knows it from the pass before.
struct Peek;

/// Long above the mean of all closes it ever saw, out below it.
struct EverMean {
    sum: f64,
    bars: u64,
    above: bool,
}

fn say(action: Action, close: f64, out: &mut Signals) {
    let reason = if action == Action::Long { SignalReason::CrossUp } else { SignalReason::CrossDown };
    out.say(Said { action, reason, confidence_bps: 0, facts: [close, 0.0, 0.0, 0.0, 0.0, 0.0] });
}

impl Strategy for Peek {
    fn on_bar(&mut self, bar: &BarView<'_>, out: &mut Signals) {
        let mut seen = FIRST_PASS.lock().unwrap();
        let key = (bar.instrument.0, bar.bar.start.0);
        let next = seen.range(key..).nth(1).filter(|(next, _)| next.0 == key.0).map(|(_, close)| *close);
        let close = rupees(bar.bar.close);
        seen.insert(key, close);
        let action = if next.unwrap_or(close) > close { Action::Long } else { Action::Exit };
        say(action, close, out);
    }

    fn state(&mut self, _io: &mut StateIo<'_>) {}
}

impl Strategy for EverMean {
    fn on_bar(&mut self, bar: &BarView<'_>, out: &mut Signals) {
        let close = rupees(bar.bar.close);
        self.sum += close;
        self.bars += 1;
        let above = close > self.sum / self.bars as f64;
        if above != self.above {
            self.above = above;
            say(if above { Action::Long } else { Action::Exit }, close, out);
        } else {
            out.hold(SignalReason::NoCross, [close, self.bars as f64, 0.0, 0.0, 0.0, 0.0]);
        }
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.float(&mut self.sum);
        io.count(&mut self.bars);
        io.flag(&mut self.above);
    }
}

const fn kind(
    name: &'static str,
    build: fn(&Settings<'_>) -> Result<Box<dyn Strategy>, String>,
) -> StrategyKind {
    StrategyKind { name, description: "planted", parameters: &[], build }
}

/// Holds until it has seen many bars, then is in or out by the sign of the bar.
struct Patient {
    bars: u64,
}

impl Strategy for Patient {
    fn on_bar(&mut self, bar: &BarView<'_>, out: &mut Signals) {
        self.bars += 1;
        let close = rupees(bar.bar.close);
        if self.bars <= 600 {
            out.hold(SignalReason::IndicatorsNotReady, [close, 0.0, 0.0, 0.0, 0.0, 0.0]);
        } else {
            say(if bar.bar.close > bar.bar.open { Action::Long } else { Action::Exit }, close, out);
        }
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.count(&mut self.bars);
    }
}

static KINDS: [StrategyKind; 4] = [
    REGISTRY[0],
    kind("peek", |_| Ok(Box::new(Peek))),
    kind("patient", |_| Ok(Box::new(Patient { bars: 0 }))),
    kind("ever_mean", |_| Ok(Box::new(EverMean { sum: 0.0, bars: 0, above: false }))),
];

/// A synthetic morning with the demo's strategy.
fn morning() -> TempDir {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("day");
    let set = ["sim.duration=2h", "strategies.0.params.fast=5", "strategies.0.params.slow=12"];
    let config = ConfigArgs { config: Vec::new(), set: set.map(str::to_owned).to_vec() };
    let request = Request {
        config: &config,
        cpus: &Default::default(),
        warmup: &Default::default(),
        mode: None,
        from: None,
        instruments: None,
        journal: Some(&journal),
        speed: Some("max"),
        duration: None,
        until: None,
        seed: None,
        name: "demo",
    };
    run(&request).unwrap();
    dir
}

/// The audit of the morning with the demo's strategy and one of `KINDS` beside it.
fn with(planted: Option<&str>, args: AuditArgs) -> Audit {
    audited(planted, args).unwrap()
}

fn audited(planted: Option<&str>, args: AuditArgs) -> anyhow::Result<Audit> {
    let dir = morning();
    let args = AuditArgs { dir: dir.path().join("day"), days: 8, ..args };
    let recording = Recording::open(&args.dir).unwrap();
    let mut pipeline = recording.pipeline.clone();
    if let Some(kind) = planted {
        let honest = pipeline.strategies[0].clone();
        let (id, kind) = (kind.to_owned(), kind.to_owned());
        pipeline.strategies.push(StrategyConfig { id, kind, params: Vec::new(), ..honest });
    }
    let (text, given) = (&recording.head.config_text, Vec::new());
    let auditor = Auditor { args: &args, recording: &recording, text, kinds: &KINDS, given };
    auditor.audit(&pipeline)
}

fn points(points: u64) -> AuditArgs {
    AuditArgs { points, ..AuditArgs::default() }
}

#[test]
fn a_built_in_kind_passes_and_the_table_says_how_much_history_it_needs() {
    let audit = with(None, points(6));
    let text = audit.render();
    assert!(audit.passed(), "{text}");
    assert!(audit.cuts >= 4 && audit.compared > 200, "{text}");
    let (rows, most) = &audit.warmup;
    let days: Vec<u32> = rows[&StrategyId(0)].iter().map(|after| after.days).collect();
    assert_eq!((days, *most), (vec![0, 1, 2, 4], 8));
    let last = rows[&StrategyId(0)].last().unwrap();
    assert!(last.compared > 10 && last.differ == 0 && last.ready[0] == last.ready[1], "{text}");
    assert_eq!((&audit.json()["passed"], &audit.json()["findings"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn a_kind_that_peeks_is_named_and_the_honest_one_beside_it_is_not() {
    let audit = with(Some("peek"), points(6));
    let text = audit.render();
    assert!(!audit.passed(), "{text}");
    assert!(audit.findings.iter().all(|finding| audit.name(finding) == "peek"), "{text}");
    let of = |check: &str| audit.findings.iter().filter(|found| found.check.name() == check).count();
    assert!(of("look-ahead") > 0 && of("repeat") > 0, "{text}");
    let found = audit.json()["findings"][0].clone();
    for key in ["seq", "ts", "instrument", "strategy"] {
        assert!(!found[key].is_null(), "{key}: {found}");
    }
    assert_ne!(found["a"]["action"], found["b"]["action"], "{found}");
}

#[test]
fn a_kind_that_never_forgets_depends_on_its_warm_up() {
    let audit = with(Some("ever_mean"), points(3));
    let text = audit.render();
    assert!(!audit.passed() && audit.beneath.is_empty(), "{text}");
    let is_named =
        |finding: &Finding| audit.name(finding) == "ever_mean" && finding.check == Check::Warmup(4, 8);
    assert!(audit.findings.iter().all(is_named), "{text}");
    assert!(text.contains("ever_mean: decides otherwise after 4 days than after 8 days"), "{text}");
}

#[test]
fn of_a_strategy_without_a_decision_to_compare_nothing_is_known() {
    let unknown = |audit: &Audit, why: &str| {
        let text = audit.render();
        assert!(audit.passed() && audit.json()["warmup_known"] == false, "{text}");
        assert!(
            text.contains("not known of every strategy: see below") && !text.contains("settles"),
            "{text}"
        );
        assert!(text.contains(why), "{text}");
    };
    unknown(&with(Some("patient"), points(1)), "patient: it wanted nothing on this day");
    let mut audit = with(None, points(1));
    assert!(audit.render().contains("every strategy settles") && audit.json()["warmup_known"] == true);
    // One that needs the longest history to be ready.
    let after = audit.warmup.0.get_mut(&StrategyId(0)).unwrap().last_mut().unwrap();
    *after = After { days: after.days, ready: [0, after.ready[1]], ..After::default() };
    unknown(&audit, "never ready, or without a decision");
}

#[test]
fn a_cut_at_a_time_is_where_it_was_asked_for() {
    let at = |time: &str| AuditArgs { at: vec![time.to_owned()], ..points(1) };
    let audit = with(None, at("10:00"));
    assert_eq!((audit.cuts, audit.passed()), (1, true));
    for (time, word) in [("08:00", "before the first"), ("16:00", "behind the last"), ("1200", "give a time")]
    {
        let refused = audited(None, at(time)).err().expect("nothing is cut off there").to_string();
        assert!(refused.contains(word), "{time}: {refused}");
    }
}

#[test]
fn lengths_double_up_to_the_most() {
    for (most, expected) in
        [(1, vec![0, 1]), (2, vec![0, 1, 2]), (8, vec![0, 1, 2, 4, 8]), (9, vec![0, 1, 2, 4, 8, 9])]
    {
        assert_eq!(lengths(most), expected);
    }
}
