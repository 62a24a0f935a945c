//! The gauges themselves; that they change no byte of a run and are right about it: tests/measured.rs.

use super::*;
use crate::event::{Event, FLAG_OUT, Fill, Order};
use zerocopy::FromZeros;

fn step(ns: u64) -> Measured {
    let (seq, ts) = (Seq(ns), TsNs(2 * ns));
    Measured {
        seq,
        ts,
        kind: Kind::Full as u8,
        instrument: InstrumentId(7),
        outputs: ns as u32,
        caused: ns,
        step_ns: ns,
        order_ns: ns / 2,
    }
}

#[test]
fn the_longest_are_kept_the_longest_first() {
    let worst = Worst::default();
    assert!(worst.read().is_empty());
    // Every length up to 100, in an order without a pattern.
    for at in 0..100 {
        worst.offer(at * 37 % 100 + 1, &step(at * 37 % 100 + 1));
    }
    let kept = worst.read();
    assert_eq!(kept, (85..=100).rev().map(step).collect::<Vec<_>>());
    assert!(!worst.takes(85) && worst.takes(86));
}

#[test]
fn a_reader_never_sees_half_a_step() {
    let worst = Worst::default();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (1..200_000).for_each(|ns| worst.offer(ns, &step(ns))));
        let mut seen = 0;
        while !writer.is_finished() {
            for read in worst.read() {
                assert_eq!(read, step(read.step_ns));
                seen += 1;
            }
        }
        println!("{seen} steps seen");
    });
    assert_eq!(worst.read()[0], step(199_999));
}

#[test]
fn a_step_is_measured_from_its_inputs_arrival_with_what_it_caused() {
    let gauges = Gauges::new(false);
    let mut watch = Watch::new(gauges.clone());
    let clock = Clock::default();
    let started = clock.now_ns();
    let mut output = Event::new(InstrumentId(3), FLAG_OUT, &Order::new_zeroed());
    watch.input(&Event::new(InstrumentId(3), 0, &crate::event::Ltp::new_zeroed()));
    watch.output(&output);
    output = Event::new(InstrumentId(3), FLAG_OUT, &Fill::new_zeroed());
    watch.output(&output);
    watch.output(&output);
    let end = StepEnd { seq: Seq(9), ts: TsNs(90), checkpoint: false };
    let ended = watch.end(end, started);
    // A step without an order follows at once.
    watch.input(&Event::new(InstrumentId(4), 0, &crate::event::Ltp::new_zeroed()));
    watch.end(StepEnd { seq: Seq(10), ts: TsNs(91), checkpoint: false }, ended);
    let read = gauges.read();
    assert_eq!((read.last_seq, read.last_ts), (Seq(10), TsNs(91)));
    assert_eq!((read.steps.count(), read.orders.count(), read.parts.is_none()), (2, 1, true));
    let slow = read.slowest_orders;
    assert_eq!(slow.len(), 1);
    assert_eq!((slow[0].seq, slow[0].instrument, slow[0].outputs), (Seq(9), InstrumentId(3), 3));
    assert_eq!((slow[0].kind, slow[0].step_ns), (Kind::Ltp as u8, ended - started));
    assert_eq!(slow[0].caused().collect::<Vec<_>>(), [Kind::Order, Kind::Fill]);
    assert!(slow[0].order_ns > 0 && slow[0].order_ns <= slow[0].step_ns);
}
