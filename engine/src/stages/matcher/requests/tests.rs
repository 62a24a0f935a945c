//! Requests that take their time: what they meet, in which order they arrive, and that none is lost.

use super::*;
use crate::config::{LatencyModel, VenueConfig};
use crate::event::{
    FLAG_ENDO, FLAG_EXO, Fill, Intent, OrderState, OrderType, Report, SessionEnd, SessionStart, Validity,
};
use crate::sequencer::Key;
use crate::stage::{Chain, Emit, Stage, StepEnd, stage_hash};
use crate::stages::matcher::tests::{self as rules, BUY, SELL, START, config, full, order_event};
use crate::state;
use crate::units::NS_PER_MS;

const MS: u64 = NS_PER_MS;

fn constant(ms: u64) -> LatencyModel {
    LatencyModel::Constant(ms * MS)
}

fn spread(from_ms: u64, to_ms: u64) -> LatencyModel {
    LatencyModel::Uniform { least_ns: from_ms * MS, spread_ns: (to_ms - from_ms) * MS, step_ns: MS }
}

/// A venue with a sequencer as simple as can be: what it makes comes back in key order.
struct Run {
    matcher: Matcher,
    seq: u64,
    now: TsNs,
    pending: Vec<Event>,
    fills: Vec<(TsNs, Fill)>,
    reports: Vec<(TsNs, Report)>,
    wakes: Vec<(TsNs, Wake)>,
}

#[derive(Default)]
struct Made(Vec<Event>);

impl Emit for Made {
    fn emit(&mut self, event: &Event) {
        self.0.push(*event);
    }
}

impl Run {
    fn new(place: LatencyModel, modify: LatencyModel, cancel: LatencyModel) -> Self {
        let mut config = config(0);
        config.venue = VenueConfig {
            latency_spread_ns: 0,
            place_latency: place,
            modify_latency: modify,
            cancel_latency: cancel,
            ..config.venue
        };
        let matcher = Matcher::new(&config);
        let (pending, fills, reports, wakes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut run = Self { matcher, seq: 0, now: START, pending, fills, reports, wakes };
        run.session_start();
        run
    }

    fn session_start(&mut self) {
        let body = SessionStart { open: START, close: TsNs(u64::MAX), ..SessionStart::new_zeroed() };
        self.step(Event::new(InstrumentId::NONE, FLAG_EXO, &body));
    }

    fn step(&mut self, mut event: Event) {
        self.seq += 1;
        (event.header.seq, event.header.ts) = (Seq(self.seq), self.now);
        let mut made = Made::default();
        self.matcher.event(&event, &mut made);
        assert_eq!(made.0.remove(0).used_bytes(), event.used_bytes(), "the input is forwarded first");
        let end = StepEnd { seq: Seq(self.seq), ts: self.now, checkpoint: false };
        self.matcher.end(end, &mut made);
        for event in made.0 {
            match event.kind() {
                Kind::Fill => self.fills.push((self.now, *event.body())),
                Kind::Report => self.reports.push((self.now, *event.body())),
                Kind::Wake => self.wakes.push((self.now, *event.body())),
                kind => panic!("the venue made a {kind:?}"),
            }
            if event.kind() != Kind::Fill {
                self.pending.push(event);
            }
        }
    }

    /// Lets come back what is due before `at`, then runs `events` at it.
    fn at(&mut self, at_ms: u64, events: &[Event]) {
        let at = START.plus(at_ms * MS);
        self.come_back(at);
        self.now = at;
        events.iter().for_each(|event| self.step(*event));
    }

    fn come_back(&mut self, before: TsNs) {
        let key = |event: &Event| Key::of(event).expect("only these are pending");
        loop {
            self.pending.sort_by_key(key);
            if self.pending.first().is_none_or(|event| key(event).vtime >= before) {
                return;
            }
            let mut event = self.pending.remove(0);
            self.now = self.now.max(key(&event).vtime);
            event.header.flags = FLAG_ENDO;
            self.step(event);
        }
    }

    /// The times since the start, in milliseconds, and prices of the fills.
    fn filled(&self) -> Vec<(u64, i64, i64)> {
        let since = |ts: TsNs| ts.since(START) / MS;
        self.fills.iter().map(|(ts, fill)| (since(*ts), fill.price.0, fill.quantity.0)).collect()
    }

    /// The reports' times, orders, states and reasons.
    fn reported(&self) -> Vec<(u64, u64, OrderState, ReportReason)> {
        let shown = |(ts, report): &(TsNs, Report)| {
            let state = OrderState::from_u8(report.state).expect("a state");
            let reason = ReportReason::from_u8(report.reason).expect("a reason");
            (ts.since(START) / MS, report.order.0, state, reason)
        };
        self.reports.iter().map(shown).collect()
    }
}

fn cancel(id: u64) -> Event {
    let mut event = rules::cancel(id);
    event.body_mut::<Cancel>().intent = Intent::Exit as u8;
    event
}

fn modify(id: u64, price: i64, quantity: i64) -> Event {
    let mut event = rules::modify(id, price, quantity);
    event.body_mut::<Modify>().intent = Intent::Entry as u8;
    event
}

fn limit(id: u64, side: Side, price: i64, validity: Validity) -> Event {
    order_event(id, 0, side, price, 10, OrderType::Limit, validity)
}

#[test]
fn an_order_meets_the_market_of_the_moment_it_arrives() {
    let mut run = Run::new(constant(5), LatencyModel::None, LatencyModel::None);
    run.at(10, &[full(0, 100_000, 1)]);
    run.at(20, &[limit(7, BUY, 110_000, Validity::Ioc)]);
    assert!(run.fills.is_empty() && run.reports.is_empty());
    run.at(23, &[full(0, 104_000, 1)]);
    run.at(40, &[full(0, 90_000, 1)]);
    assert_eq!(run.filled(), [(25, 104_000, 10)]);
    assert_eq!(run.reported(), [(25, 7, OrderState::Filled, ReportReason::None)]);
    assert_eq!(run.reports[0].1.vtime, START.plus(26 * MS), "its report takes its own time");
    let wake = run.wakes[0].1;
    assert_eq!((wake.order, wake.number, wake.vtime), (OrderId(7), 1, START.plus(25 * MS)));
    assert!(run.matcher.requests.is_empty());
}

#[test]
fn without_latencies_there_are_no_wake_ups() {
    let mut run = Run::new(LatencyModel::None, LatencyModel::None, LatencyModel::None);
    run.at(10, &[full(0, 100_000, 1)]);
    run.at(20, &[limit(7, BUY, 99_000, Validity::Day), modify(7, 98_000, 10), cancel(7)]);
    run.at(90, &[]);
    assert!(run.wakes.is_empty());
    assert_eq!(run.reported().len(), 3);
}

#[test]
fn nothing_overtakes_an_earlier_request_of_its_order() {
    let mut run = Run::new(constant(8), constant(5), LatencyModel::None);
    run.at(10, &[full(0, 100_000, 1)]);
    // The change would be there at 16, the cancel at once; the order arrives at 18, and so do they, behind it.
    run.at(10, &[limit(7, BUY, 99_000, Validity::Day)]);
    run.at(11, &[modify(7, 98_000, 10)]);
    run.at(12, &[cancel(7), limit(8, BUY, 97_000, Validity::Day)]);
    // Moot: a cancel of the order is on its way.
    run.at(13, &[cancel(7), modify(7, 99_000, 10)]);
    assert_eq!(run.wakes.len(), 4);
    run.at(90, &[]);
    let at: Vec<(u64, u64, u32)> =
        run.wakes.iter().map(|(_, w)| (w.vtime.since(START) / MS, w.order.0, w.number)).collect();
    assert_eq!(at, [(18, 7, 1), (18, 7, 2), (18, 7, 3), (20, 8, 1)]);
    assert_eq!(
        run.reported(),
        [
            (18, 7, OrderState::Open, ReportReason::None),
            (18, 7, OrderState::Open, ReportReason::Modified),
            (18, 7, OrderState::Cancelled, ReportReason::Requested),
            (20, 8, OrderState::Open, ReportReason::None),
        ]
    );
    // Nothing of it is on its way any more: without a latency of its own a cancel acts at once.
    run.at(91, &[cancel(8)]);
    assert_eq!(run.reported()[4], (91, 8, OrderState::Cancelled, ReportReason::Requested));
}

#[test]
fn a_late_cancel_lets_the_market_fill() {
    let mut run = Run::new(LatencyModel::None, LatencyModel::None, constant(9));
    run.at(10, &[full(0, 100_000, 1_000)]);
    run.at(11, &[limit(7, BUY, 99_000, Validity::Day)]);
    run.at(12, &[cancel(7)]);
    run.at(15, &[full(0, 98_000, 1_030)]);
    run.at(40, &[full(0, 97_000, 9_000)]);
    assert_eq!(run.filled(), [(15, 99_000, 3)], "a tenth of the volume, before the cancel arrives");
    let last = *run.reported().last().unwrap();
    assert_eq!(last, (21, 7, OrderState::Cancelled, ReportReason::Requested));
}

#[test]
fn what_is_on_its_way_when_the_session_ends_is_refused() {
    let mut run = Run::new(constant(5), constant(5), constant(5));
    run.at(10, &[full(0, 100_000, 1)]);
    run.at(11, &[limit(7, BUY, 99_000, Validity::Day)]);
    run.at(17, &[cancel(7), limit(8, BUY, 98_000, Validity::Day)]);
    run.at(18, &[Event::new(InstrumentId::NONE, FLAG_EXO, &SessionEnd::new_zeroed())]);
    run.at(90, &[]);
    assert_eq!(
        run.reported(),
        [
            (16, 7, OrderState::Open, ReportReason::None),
            (18, 7, OrderState::Cancelled, ReportReason::SessionEnd),
            (22, 8, OrderState::Rejected, ReportReason::SessionEnd),
        ]
    );
    run.session_start();
}

#[test]
fn a_full_table_refuses_orders_and_changes_and_takes_cancels() {
    let mut run = Run::new(constant(50), constant(50), constant(50));
    run.at(10, &[full(0, 100_000, 1)]);
    let orders = |ids: std::ops::Range<u64>| -> Vec<Event> {
        ids.map(|id| limit(id, BUY, 99_000, Validity::Day)).collect()
    };
    run.at(11, &orders(1..100));
    run.at(70, &orders(100..356));
    assert_eq!(run.wakes.len(), 99 + 256);
    run.at(71, &[limit(400, BUY, 99_000, Validity::Day), modify(1, 98_000, 10), modify(399, 98_000, 10)]);
    assert_eq!(
        run.reported()[99..],
        [
            (71, 400, OrderState::Rejected, ReportReason::VenueFull),
            (71, 1, OrderState::Open, ReportReason::VenueFull)
        ]
    );
    let cancels: Vec<Event> = (1..356).map(cancel).collect();
    run.at(72, &cancels);
    // 256 of them have room, and that is as many as may be open.
    assert_eq!(run.matcher.requests.open.len(), REQUESTS_OPEN_MAX);
    assert_eq!(run.wakes.len(), 99 + REQUESTS_OPEN_MAX);
    run.at(900, &[]);
    assert!(run.matcher.requests.is_empty());
}

#[test]
fn a_wake_up_of_another_run_is_ignored() {
    let mut run = Run::new(constant(5), LatencyModel::None, LatencyModel::None);
    run.at(10, &[full(0, 100_000, 1)]);
    run.at(11, &[limit(7, BUY, 99_000, Validity::Day)]);
    let hash = stage_hash(&mut run.matcher);
    for (order, cause, number) in [(8, 3, 1), (7, 9, 1), (7, 3, 2)] {
        let body =
            Wake { order: OrderId(order), cause: Seq(cause), vtime: TsNs::ZERO, number, reserved: [0; 4] };
        run.step(Event::new(InstrumentId(0), FLAG_ENDO, &body));
    }
    assert_eq!(stage_hash(&mut run.matcher), hash);
}

/// What was sent, for the oracle: when, what, and when it arrived.
struct Sent {
    ts: TsNs,
    event: Event,
    vtime: TsNs,
    arrived: bool,
}

/// A random stream of requests over few orders against a list of what was sent: each arrives once, as it was sent, not
/// before its time, and behind what was sent before it about the same order.
fn random_requests(seed: u64, models: [LatencyModel; 3]) -> usize {
    let [place_latency, modify_latency, cancel_latency] = models;
    let config =
        VenueConfig { place_latency, modify_latency, cancel_latency, seed, ..VenueConfig::default() };
    let (latency, mut requests) = (Latency::new(&config), Requests::new());
    let (mut sent, mut random): (Vec<Sent>, u64) = (Vec::new(), seed);
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut now = START;
    for seq in 1..400 {
        now = now.plus(below(3) * MS);
        // What is due arrives first, in key order.
        arrive(&mut requests, &mut sent, now, seq);
        for _ in 0..below(3) {
            let id = 1 + below(6);
            let mut event = match below(3) {
                0 => limit(id, if below(2) == 0 { BUY } else { SELL }, 500 * below(9) as i64, Validity::Day),
                1 => modify(id, 500, 1 + below(5) as i64),
                _ => cancel(id),
            };
            (event.header.seq, event.header.ts) = (Seq(2 * seq), now);
            take(&mut requests, &latency, &mut sent, event);
        }
        let mut bytes = Vec::new();
        state::save(&mut bytes, |io| requests.state(io));
        let mut loaded = Requests::new();
        state::load(&bytes, |io| loaded.state(io)).expect("what was saved");
        requests = loaded;
    }
    arrive(&mut requests, &mut sent, now.plus(1 << 50), 1_000);
    assert!(requests.is_empty() && sent.iter().all(|one| one.arrived), "seed {seed}: a request was lost");
    sent.len()
}

fn id_of(event: &Event) -> OrderId {
    match event.kind() {
        Kind::Order => event.body::<Order>().id,
        Kind::Modify => event.body::<Modify>().order,
        _ => event.body::<Cancel>().order,
    }
}

fn take(requests: &mut Requests, latency: &Latency, sent: &mut Vec<Sent>, event: Event) {
    let (id, ts) = (id_of(&event), event.header.ts);
    let open = || sent.iter().filter(|one| !one.arrived && id_of(&one.event) == id);
    let drawn = latency.request(event.kind(), id, event.header.seq, ts);
    match requests.take(&event, latency) {
        Taken::Now => assert!(drawn.is_none() && open().next().is_none(), "it overtakes"),
        Taken::Moot => {
            assert!(event.kind() != Kind::Order && open().any(|one| one.event.kind() == Kind::Cancel));
        }
        Taken::Full => panic!("{} are open", requests.open.len()),
        Taken::Later(wake) => {
            let expected = open().map(|one| one.vtime).max().unwrap_or(TsNs::ZERO);
            assert_eq!(wake.vtime, expected.max(drawn.unwrap_or(ts.plus(MS))));
            assert!(wake.vtime >= ts.plus(MS), "before the least latency");
            assert_eq!((wake.order, wake.cause), (id, event.header.seq));
            sent.push(Sent { ts, event, vtime: wake.vtime, arrived: false });
        }
    }
}

/// The wake-ups due at `now`, in key order.
fn arrive(requests: &mut Requests, sent: &mut [Sent], now: TsNs, seq: u64) {
    loop {
        let wake = |request: &Request| Wake {
            order: request.ask.order(),
            cause: request.cause,
            vtime: request.vtime,
            number: request.number,
            reserved: [0; 4],
        };
        let events =
            requests.open.iter().map(|request| Event::new(InstrumentId(0), FLAG_ENDO, &wake(request)));
        let Some(mut event) = events.min_by_key(Key::of) else { return };
        let vtime = event.body::<Wake>().vtime;
        if vtime > now {
            return;
        }
        (event.header.seq, event.header.ts) = (Seq(2 * seq - 1), vtime);
        let request = requests.arrive(&event).expect("it was asked for");
        assert_eq!((request.header.seq, request.header.ts), (event.header.seq, vtime));
        assert!(requests.arrive(&event).is_none(), "it arrives once");
        let first = sent.iter_mut().find(|one| !one.arrived && id_of(&one.event) == id_of(&request));
        let first = first.expect("it was sent");
        let bytes = |event: &Event| event.used_bytes()[crate::event::HEADER_BYTES..].to_vec();
        assert_eq!(bytes(&request), bytes(&first.event), "requests of an order change places");
        assert!(first.vtime == vtime && vtime >= first.ts.plus(MS));
        first.arrived = true;
    }
}

#[test]
fn random_requests_arrive_once_in_order_and_not_too_soon() {
    let base = 77;
    println!("seeds from {base}");
    let mut total = 0;
    for n in 0..60 {
        let pick = |k: u64| match (n >> k) % 3 {
            0 => LatencyModel::None,
            1 => constant(1 + k),
            _ => spread(1, 30),
        };
        total += random_requests(base + n, [pick(0), pick(1), pick(2)]);
    }
    assert!(total > 10_000, "too few waited: {total}");
}

#[test]
fn loaded_requests_go_on() {
    let mut run = Run::new(spread(1, 20), spread(1, 20), spread(1, 20));
    run.at(10, &[full(0, 100_000, 1)]);
    run.at(11, &(1..20).map(|id| limit(id, BUY, 99_000, Validity::Day)).collect::<Vec<_>>());
    run.at(12, &[cancel(3), modify(4, 98_000, 5), cancel(4)]);
    let mut bytes = Vec::new();
    state::save(&mut bytes, |io| run.matcher.state(io));
    let mut loaded = Run::new(spread(1, 20), spread(1, 20), spread(1, 20));
    loaded.matcher = {
        let mut settings = config(0);
        settings.venue = VenueConfig {
            latency_spread_ns: 0,
            place_latency: spread(1, 20),
            modify_latency: spread(1, 20),
            cancel_latency: spread(1, 20),
            ..settings.venue
        };
        Matcher::new(&settings)
    };
    state::load(&bytes, |io| loaded.matcher.state(io)).expect("what was saved");
    (loaded.seq, loaded.now, loaded.pending) = (run.seq, run.now, run.pending.clone());
    loaded.reports.clone_from(&run.reports);
    run.at(100, &[]);
    loaded.at(100, &[]);
    assert_eq!(run.reported(), loaded.reported());
    assert_eq!(stage_hash(&mut run.matcher), stage_hash(&mut loaded.matcher));
}

#[test]
fn states_that_cannot_be_are_refused() {
    let mut requests = Requests::new();
    let latency = Latency::new(&VenueConfig { place_latency: constant(5), ..VenueConfig::default() });
    for mut event in [limit(7, BUY, 500, Validity::Day), modify(7, 500, 1), cancel(7)] {
        (event.header.seq, event.header.ts) = (Seq(3), START);
        assert!(matches!(requests.take(&event, &latency), Taken::Later(_)));
    }
    let mut bytes = Vec::new();
    state::save(&mut bytes, |io| requests.state(io));
    let request = 8 + 8 + 4 + 4 + 1;
    for (at, value, why) in [
        (8 + 16, 0, "out of its range"),
        (8 + 24, Kind::Fill as u8, "unknown value"),
        (8 + request + 52, 9, "unknown code"),
        (8 + request + 96 + 16, 1, "one behind the other"),
    ] {
        let mut changed = bytes.clone();
        changed[at] = value;
        let loaded = state::load(&changed, |io| Requests::new().state(io));
        assert!(loaded.as_ref().is_err_and(|error| error.to_string().contains(why)), "{at}: {loaded:?}");
    }
}
