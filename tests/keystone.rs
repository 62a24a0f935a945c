//! The keystone: on virtual time every driver gives the same bytes, and the test would notice if one did not.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::config::LatencyModel;
use pitlane_engine::drive::affinity::allowed_cpus;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::recover::{Recovery, Skip};
use pitlane_engine::drive::replay::replay;
use pitlane_engine::drive::topology::RingSizes;
use pitlane_engine::drive::{Resumed, Run};
use pitlane_engine::event::{
    Alarm, AlarmCode, Decision, Event, Intent, Kind, Order, OrderState, Report, ReportReason, Rule, Wake,
};
use pitlane_engine::log::{MemoryLog, NoLog};
use pitlane_engine::sequencer::schedule::{Schedule, instruments_hash};
use pitlane_engine::sequencer::source::{Recorded, Rewrite, Source};
use pitlane_engine::units::{InstrumentId, OrderId, Seq, TsNs};
use pitlane_tests::market::{LATENCY_MIN_NS, Market};
use pitlane_tests::{Activity, Outcome, Rng, events_of, run_fused, run_pinned, run_sim, seed};
use std::collections::BTreeMap;

/// Seeded schedules per run of the suite, and with `tests/gate --long`.
const SCHEDULES: u64 = 600;
const SCHEDULES_LONG: u64 = 20_000;

/// Seconds of market in one schedule.
const SECONDS: u64 = 24;

fn difference(a: &Outcome, b: &Outcome) -> String {
    let first =
        |a: &[u8], b: &[u8]| std::iter::zip(a, b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
    format!(
        "inputs {} and {} bytes, first difference at {}; outputs {} and {} bytes, first difference at {}",
        a.inputs.len(),
        b.inputs.len(),
        first(&a.inputs, &b.inputs),
        a.outputs.len(),
        b.outputs.len(),
        first(&a.outputs, &b.outputs)
    )
}

/// The market of schedule number `n`: last prices and resting orders, or depth and everything risk can do; of every other
/// eight with a venue that takes its time, price bands and halts.
fn market(rng: &mut Rng, n: u64) -> Market {
    let seed = rng.draw();
    let depth = !(n / 4).is_multiple_of(2);
    let market = if depth { Market::depth(seed, SECONDS) } else { Market::new(seed, SECONDS) };
    if (n / 8).is_multiple_of(2) { market } else { market.late(seed) }
}

/// Runs schedules until one differs from fused or gets stuck; what was found, and what the runs did in all. `plant` is
/// called around each simulated run, so that the reference stays sound.
fn first_failure(base: u64, schedules: u64, plant: &dyn Fn(bool)) -> (Option<String>, Activity) {
    let mut total = Activity::default();
    for n in 0..schedules {
        let mut rng = Rng(base.wrapping_add(n));
        let market = market(&mut rng, n);
        let (reference, activity) = run_fused(&market);
        total.add(&activity);
        let threads = 2 + (n % 4) as usize;
        let rings = if n % 3 == 2 { RingSizes { events: 64, ..RingSizes::MIN } } else { RingSizes::MIN };
        plant(true);
        let simulated = run_sim(&market, threads, rings, rng.draw());
        plant(false);
        match simulated {
            Ok(outcome) if outcome == reference => {}
            Ok(outcome) => {
                let what = difference(&reference, &outcome);
                return (Some(format!("seed {base} schedule {n}, {threads} workers: {what}")), total);
            }
            Err(error) => {
                return (Some(format!("seed {base} schedule {n}, {threads} workers: {error}")), total);
            }
        }
    }
    (None, total)
}

#[test]
fn every_seeded_schedule_equals_fused() {
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let schedules = if long { SCHEDULES_LONG } else { SCHEDULES };
    let (failure, total) = first_failure(seed("keystone", 20_260_731), schedules, &|_| {});
    assert_eq!(failure, None);
    println!("{schedules} schedules: {total:?}");
    // The runs must have been about something: orders, fills, and orders that only a report can cause.
    assert!(total.orders > 20 * schedules && total.fills > 10 * schedules, "too little happened: {total:?}");
    let never: Vec<Rule> =
        Rule::ALL.iter().copied().filter(|&rule| total.rules[rule as usize] == 0).collect();
    // Five instruments never have 128 orders open; a kind speaks of prices, so there is one; and a kind that may not go
    // short says EXIT.
    assert_eq!(
        never,
        [Rule::OpenOrders, Rule::LtpMissing, Rule::ShortNotAllowed],
        "rules that decided nothing"
    );
    assert!(Decision::ALL.iter().all(|&decision| total.decisions[decision as usize] > 0), "{total:?}");
    assert!(Intent::ALL.iter().all(|&intent| total.intents[intent as usize] > 0), "{total:?}");
    assert!(total.modifies > schedules / 20, "{total:?}");
    assert!(total.wakes > 10 * schedules, "{total:?}");
}

#[test]
fn threads_of_their_own_equal_fused_under_every_wait() {
    let late = seed("pinned late", 7);
    for market in [
        Market::new(seed("pinned", 7), 60),
        Market::depth(seed("pinned depth", 7), 60),
        Market::depth(late, 60).late(late),
    ] {
        threads_equal_fused(&market);
    }
}

fn threads_equal_fused(market: &Market) {
    let (reference, activity) = run_fused(market);
    assert!(activity.fills > 20, "too little happened: {activity:?}");
    let cpus = allowed_cpus();
    for wait in [Wait::Busy, Wait::Yield, Wait::Park] {
        for threads in 1..=cpus.len().min(5) {
            let outcome = run_pinned(market, &cpus[..threads], wait);
            assert!(
                outcome == reference,
                "{threads} threads, {wait:?}: {}",
                difference(&reference, &outcome)
            );
        }
        // More workers than cores: each cpu hosts several. Spinning would only be slow, so it is left out.
        if wait != Wait::Busy {
            let shared: Vec<usize> = cpus.iter().copied().cycle().take(5).collect();
            let outcome = run_pinned(market, &shared, wait);
            assert!(outcome == reference, "5 threads, {wait:?}: {}", difference(&reference, &outcome));
        }
    }
}

/// What a run's record says of its requests, by order.
#[derive(Default)]
struct Requests {
    /// Steps in which the order was sent, and was answered for the last time.
    sent: BTreeMap<OrderId, Seq>,
    answered: BTreeMap<OrderId, u32>,
    /// Wake-ups asked for and not yet come: cause, number, time.
    asked: BTreeMap<OrderId, Vec<(Seq, u32, TsNs)>>,
    came: usize,
    /// Exits by instrument as they were sent, and those that a halt or a band refused.
    exits: BTreeMap<InstrumentId, Vec<(Seq, OrderId)>>,
    refused: Vec<(InstrumentId, Seq)>,
}

impl Requests {
    fn output(&mut self, event: &Event) {
        match event.kind() {
            Kind::Order => {
                let order = event.body::<Order>();
                assert_eq!(self.sent.insert(order.id, event.header.seq), None);
                if order.intent != Intent::Entry as u8 {
                    let exits = self.exits.entry(event.header.instrument).or_default();
                    exits.push((event.header.seq, order.id));
                }
            }
            Kind::Wake => {
                let wake = event.body::<Wake>();
                assert_eq!(wake.cause, event.header.seq);
                assert!(wake.vtime >= event.header.ts.plus(LATENCY_MIN_NS), "sooner than the least latency");
                self.asked.entry(wake.order).or_default().push((wake.cause, wake.number, wake.vtime));
            }
            _ => {}
        }
    }

    fn input(&mut self, event: &Event) {
        match event.kind() {
            Kind::Wake => {
                let wake = event.body::<Wake>();
                let asked = self.asked.get_mut(&wake.order).expect("it was asked for");
                // Of one order they come as they were asked for.
                assert_eq!(asked.remove(0), (wake.cause, wake.number, wake.vtime), "order {}", wake.order.0);
                assert!(event.header.ts >= wake.vtime);
                self.came += 1;
            }
            Kind::Report => {
                let report = event.body::<Report>();
                let state = OrderState::from_u8(report.state).unwrap();
                *self.answered.entry(report.order).or_default() += u32::from(state.is_final());
                let by_trading = [ReportReason::Halted, ReportReason::PriceBand].map(|reason| reason as u8);
                let exits = self.exits.get(&event.header.instrument);
                let is_exit = exits.is_some_and(|exits| exits.iter().any(|exit| exit.1 == report.order));
                if state == OrderState::Rejected && by_trading.contains(&report.reason) && is_exit {
                    self.refused.push((event.header.instrument, event.header.seq));
                }
            }
            Kind::SessionEnd => assert!(self.asked.values().all(Vec::is_empty), "on its way after the end"),
            _ => {}
        }
    }
}

#[test]
fn requests_of_an_order_keep_their_order_and_none_is_lost() {
    let base = seed("requests", 20_260_801);
    let (mut came, mut orders, mut retried, mut lost) = (0, 0, 0, 0);
    for n in 0..60 {
        let market =
            if n % 2 == 0 { Market::new(base + n, SECONDS) } else { Market::depth(base + n, SECONDS) };
        let (inputs, outputs) = events_of(&market.late(base + n));
        let mut requests = Requests::default();
        let mut next = outputs.iter().peekable();
        for input in &inputs {
            requests.input(input);
            while let Some(output) = next.next_if(|output| output.header.seq == input.header.seq) {
                requests.output(output);
            }
        }
        let Requests { sent, answered, asked, came: wakes, exits, refused } = requests;
        // What the venue refuses for a while is tried again, up to the end of the session.
        for (instrument, seq) in &refused {
            let again = exits[instrument].iter().any(|exit| exit.0 > *seq);
            let alarmed = |output: &Event| {
                output.kind() == Kind::Alarm
                    && output.header.instrument == *instrument
                    && output.body::<Alarm>().code == AlarmCode::NotFlat as u8
            };
            // Refused in the last second there is no other try: the alarm says that the position is open.
            assert!(again || outputs.iter().any(alarmed), "seed {}: input {} is forgotten", base + n, seq.0);
            lost += usize::from(!again);
        }
        retried += refused.len();
        assert!(asked.values().all(Vec::is_empty), "seed {}", base + n);
        for (order, seq) in &sent {
            let finals = answered.get(order).copied().unwrap_or(0);
            assert_eq!(
                finals,
                1,
                "seed {}: order {} of input {} has {finals} ends",
                base + n,
                order.0,
                seq.0
            );
        }
        (came, orders) = (came + wakes, orders + sent.len());
    }
    println!(
        "{came} wake-ups, {orders} orders, {retried} exits refused by halts and bands, {lost} of them for good"
    );
    assert!(retried > 10, "halts and bands refused {retried} exits");
    assert!(came > 1_000 && orders > 1_000, "too little happened: {came} wake-ups, {orders} orders");
}

/// A run of `market` over other sources, from `resume` on: its inputs and outputs.
fn rerun(
    market: &Market,
    schedule: impl Source + 'static,
    feed: impl Source + 'static,
    resume: Option<Box<Resumed>>,
) -> (Vec<u8>, Vec<u8>) {
    let (inputs, outputs) = (MemoryLog::default(), MemoryLog::default());
    let run = Run {
        resume,
        ..Run::new(
            &market.config,
            Box::new(schedule),
            Box::new(feed),
            Box::new(inputs.clone()),
            Box::new(outputs.clone()),
        )
    };
    Fused::new(run).unwrap().run(Wait::Yield, &|| false);
    (inputs.bytes(), outputs.bytes())
}

fn bytes(events: &[Event]) -> Vec<u8> {
    events.iter().flat_map(Event::used_bytes).copied().collect()
}

#[test]
fn what_is_on_its_way_is_there_again_after_a_recovery() {
    let base = seed("recovered", 20_260_802);
    let mut carried = 0;
    for n in 0..12 {
        let market = Market::depth(base + n, SECONDS).late(base + n);
        let (inputs, outputs) = events_of(&market);
        let wakes = |events: &[Event]| events.iter().filter(|event| event.kind() == Kind::Wake).count();
        // Cut behind inputs in whose steps the venue asked for a wake-up.
        let causes: Vec<usize> = outputs
            .iter()
            .filter(|output| output.kind() == Kind::Wake)
            .map(|output| output.header.seq.0 as usize)
            .collect();
        for &cut in causes.iter().step_by(causes.len() / 3 + 1) {
            let last = inputs[cut - 1].header.seq;
            let made = outputs.partition_point(|output| output.header.seq <= last);
            carried += wakes(&outputs[..made]) - wakes(&inputs[..cut]);
            let (mut recorded, mut again) = (outputs[..made].iter().copied(), inputs[..cut].iter().copied());
            let recovery = Recovery::new(&market.config).unwrap();
            let recovery = recovery.run(&mut again, Some(&mut recorded), &mut NoLog, &mut |_| {}).unwrap();
            let counts = recovery.counts();
            let schedule = Skip::new(market.schedule(), counts.scheduled);
            let feed = Skip::new(market.feed(), counts.fed);
            let rest = rerun(&market, schedule, feed, Some(Box::new(recovery.into_resumed())));
            let expected = (bytes(&inputs[cut..]), bytes(&outputs[made..]));
            assert!(rest == expected, "seed {}, cut behind input {cut}", base + n);
        }
    }
    assert!(carried > 20, "only {carried} wake-ups were pending at the cuts");
}

#[test]
fn recorded_wake_ups_are_replayed_and_what_if_runs_make_their_own() {
    let seed = seed("recorded", 20_260_803);
    let market = Market::new(seed, 60).late(5);
    let (inputs, outputs) = events_of(&market);
    assert!(inputs.iter().filter(|event| event.kind() == Kind::Wake).count() > 20);
    let verify = |inputs: &[Event]| {
        let (mut fed, mut recorded) = (inputs.iter().copied(), outputs.iter().copied());
        replay(&market.config, &mut fed, Some(&mut recorded), &mut |_| {}, &mut |_| {}).unwrap().divergence
    };
    assert_eq!(verify(&inputs), None);
    for (field, change) in [
        ("vtime", (|wake: &mut Wake| wake.vtime = wake.vtime.plus(1)) as fn(&mut Wake)),
        ("unexpected", |wake| wake.number += 1),
        ("unexpected", |wake| wake.cause = wake.cause.next()),
    ] {
        let mut changed = inputs.clone();
        let wake = changed.iter_mut().find(|event| event.kind() == Kind::Wake).unwrap();
        change(wake.body_mut());
        let seq = wake.header.seq;
        let found = verify(&changed).unwrap();
        assert_eq!((found.kind, found.field.as_str(), found.seq), (Kind::Wake, field, seq));
    }
    // The same settings over the recorded inputs from outside are the same run; another latency is another one.
    let start = market.sessions[0].pre_open;
    let whatif = |market: &Market| {
        let preamble = Schedule::preamble_only("a test", &market.config.instruments, &[], start);
        let rewrite =
            Rewrite { config_hash: 1, instruments_hash: instruments_hash(&market.config.instruments) };
        rerun(market, preamble, Recorded::new(inputs.clone().into_iter(), rewrite), None)
    };
    assert!(whatif(&market) == (bytes(&inputs), bytes(&outputs)));
    let mut prompt = market.clone();
    prompt.config.venue.place_latency = LatencyModel::None;
    assert!(whatif(&prompt).1 != bytes(&outputs));
}

#[test]
fn a_seed_is_a_run() {
    let market = Market::new(seed("twice", 11), 30);
    assert!(run_fused(&market).0 == run_fused(&market).0);
    assert!(run_fused(&market).0 != run_fused(&Market::new(12, 30)).0, "another seed must be another run");
}

#[cfg(feature = "planted")]
#[test]
fn every_planted_release_rule_is_caught() {
    use pitlane_engine::planted::{Bug, plant};
    // One bug by name if `PITLANE_PLANTED` is set, else all of them.
    let chosen = std::env::var("PITLANE_PLANTED").ok();
    let wanted = |name: &str| chosen.as_deref().is_none_or(|chosen| chosen == name);
    assert!(chosen.as_deref().is_none_or(|name| Bug::from_name(name).is_some()), "no such bug: {chosen:?}");
    for &(name, bug) in Bug::ALL.iter().filter(|(name, _)| wanted(name)) {
        let around = |on: bool| plant(on.then_some(bug));
        let (failure, _) = first_failure(seed(name, 20_260_731), SCHEDULES, &around);
        println!("{name}: {}", failure.as_deref().unwrap_or("not caught"));
        assert!(failure.is_some(), "the planted bug {name} was not caught in {SCHEDULES} schedules");
    }
}
