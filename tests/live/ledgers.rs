//! Risk's ledger and that of the fills stay one, whatever is reported.

use crate::broker::live;
use pitlane_engine::drive::Stages;
use pitlane_engine::drive::sink::Sink;
use pitlane_engine::event::{Event, FLAG_EXO, Fill, Kind, Order, OrderState, Report, ReportReason, Side};
use pitlane_engine::ledger::Ledger;
use pitlane_engine::log::MemoryLog;
use pitlane_engine::sequencer::source::{Head, Source};
use pitlane_engine::stage::{Chain, StepEnd};
use pitlane_engine::units::{InstrumentId, Money, OrderId, Qty, Seq};
use pitlane_tests::market::Market;
use pitlane_tests::{Rng, seed};

/// Reports that contradict what was sent or said before, come twice, late or of no order: neither side takes them, and
/// where risk takes one, the fills are what it took.
#[test]
fn reports_of_every_kind_leave_one_account() {
    let base = seed("ledgers", 99);
    let (mut taken, mut refused, mut charged) = (0, 0, 0);
    for n in 0..200 {
        let mut rng = Rng(base + n);
        let market = live(Market::new(base + n, 6));
        let mut chain = Stages::new(&market.config).unwrap().fuse();
        let log = MemoryLog::default();
        let mut sink = Sink::new(log.clone(), &market.config);
        let (mut schedule, mut feed) = (market.schedule(), market.feed());
        let (mut seq, mut seen, mut sent) = (Seq::ZERO, 0, Vec::new());
        let mut ledger = Ledger::new(&market.config.instruments);
        let mut late = false;
        let risk = loop {
            let ticks = feed.poll() == Head::Ready;
            let timed = schedule.poll() == Head::Ready;
            let mut event = match (ticks, timed) {
                _ if !sent.is_empty() && rng.below(3) == 0 => report(&sent, &mut rng),
                (true, true) if schedule.head().header.ts <= feed.head().header.ts => take(&mut schedule),
                (true, _) => take(&mut feed),
                (false, true) => take(&mut schedule),
                (false, false) => break &chain.second.second.first,
            };
            seq = seq.next();
            event.header.seq = seq;
            chain.event(&event, &mut sink);
            let end = StepEnd { seq, ts: event.header.ts, checkpoint: false };
            chain.end(end, &mut sink);
            sink.end_step(end, 0);
            let outputs = log.events();
            let fills = outputs[seen..].iter().filter(|output| output.kind() == Kind::Fill).count();
            outputs[seen..].iter().for_each(|output| note(output, &mut sent, &mut ledger));
            if event.kind() == Kind::Report {
                *(if fills > 0 { &mut taken } else { &mut refused }) += 1;
                late |= answered(event.body(), fills > 0, &mut sent);
            }
            seen = outputs.len();
            let risk = &chain.second.second.first;
            for index in 0..market.config.instruments.len() {
                let id = InstrumentId(index as u32);
                let (a, b) = (risk.ledger().position(id), ledger.position(id));
                let known = (b.quantity, b.bought, b.sold);
                assert_eq!((a.quantity, a.bought, a.sold), known, "seed {}", base + n);
            }
            let open = chain.second.second.second.open_orders().len();
            assert_eq!(risk.open_orders(), open, "seed {}", base + n);
        };
        // After a contradiction a person decides what an order cost.
        let (_, _, sunk, _) = sink.into_parts();
        let exact = !risk.killed() && !late;
        charged += u32::from(exact);
        for index in (0..market.config.instruments.len()).filter(|_| exact) {
            let id = InstrumentId(index as u32);
            let (a, b) = (risk.ledger().position(id).charges, sunk.position(id).charges);
            assert_eq!(a, b, "charges, seed {}", base + n);
        }
    }
    println!("{taken} reports with fills, {refused} without, charges of {charged} runs");
    assert!(taken > 200 && refused > 200 && charged > 20);
}

/// Takes an output: an order was sent, or a fill is booked.
fn note(output: &Event, sent: &mut Vec<Sent>, ledger: &mut Ledger) {
    let instrument = output.header.instrument;
    match output.kind() {
        Kind::Order => {
            let order = *output.body::<Order>();
            sent.push(Sent { instrument, order, filled: 0, value: 0, number: 0 });
        }
        Kind::Fill => {
            let fill = output.body::<Fill>();
            let value = fill.price.value(fill.quantity, 1);
            ledger.fill(instrument, Side::from_u8(fill.side).unwrap(), fill.quantity, value);
        }
        _ => {}
    }
}

/// Notes what was reported; whether it came too late to count. An end that does is none, and no gateway sends one.
fn answered(body: &Report, took: bool, sent: &mut [Sent]) -> bool {
    let Some(sent) = sent.iter_mut().find(|sent| sent.order.id == body.order) else { return false };
    let late = body.number <= sent.number;
    sent.number = sent.number.max(body.number);
    if took {
        (sent.filled, sent.value) = (body.filled.0, body.filled_value.0);
    }
    late
}

struct Sent {
    instrument: InstrumentId,
    order: Order,
    filled: i64,
    value: i64,
    number: u32,
}

fn take(source: &mut dyn Source) -> Event {
    let event = *source.head();
    source.advance();
    event
}

/// A report on one of the orders, right or wrong in one thing or another.
fn report(sent: &[Sent], rng: &mut Rng) -> Event {
    let of = &sent[sent.len() - 1 - rng.below(sent.len().min(4) as u64) as usize];
    let left = of.order.quantity.0 - of.filled;
    let added = if left > 0 { rng.below(left as u64 + 1) as i64 } else { 0 };
    let state = match (of.filled + added == of.order.quantity.0, rng.below(6)) {
        (true, _) => OrderState::Filled,
        (_, 0) => OrderState::Unknown,
        (_, 1) => OrderState::Cancelled,
        _ => OrderState::PartiallyFilled,
    };
    let mut body = Report {
        order: of.order.id,
        cause: Seq(of.order.id.0 / 256),
        vtime: pitlane_engine::units::TsNs::ZERO,
        filled: Qty(of.filled + added),
        filled_value: Money(of.value + added * of.order.price.0),
        quantity: of.order.quantity,
        number: of.number + 1,
        strategy: of.order.strategy,
        state: state as u8,
        reason: ReportReason::None as u8,
        side: of.order.side,
        reserved: [0; 39],
    };
    let mut instrument = of.instrument;
    // One in eight is wrong: a contradiction latches the kill switch, after which little happens.
    match rng.below(80) {
        0 => body.filled = Qty(i64::MIN),
        1 => body.filled_value = Money(i64::MIN),
        2 => body.filled = Qty(of.order.quantity.0 + 1),
        3 => body.quantity = Qty(of.order.quantity.0 + 1),
        4 => body.side = 3 - body.side,
        5 => body.state = OrderState::Filled as u8,
        6 => body.state = OrderState::Rejected as u8,
        7 => body.filled_value = Money(of.value - 1),
        8 => body.number = of.number,
        9 => body.order = OrderId(7),
        10 => instrument = InstrumentId((instrument.0 + 1) % 4),
        _ => {}
    }
    Event::new(instrument, FLAG_EXO, &body)
}
