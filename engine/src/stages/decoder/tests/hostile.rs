//! Broken frames: values or a counted dead letter, never a panic, and every event accounted for.

use super::*;

/// Mutated frames to try.
const MUTATIONS: u64 = 1_000_000;

/// A generator of test numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The decoder under test, and the same without vectors.
struct Both {
    decoder: Decoder,
    by_fields: Decoder,
}

impl Both {
    fn new() -> Self {
        Self { decoder: decoder(), by_fields: decoder().by_fields() }
    }
}

/// Decodes `frame` and checks what every event must be, the other way of reading it included; how many there were.
fn checked(both: &mut Both, frame: &[u8], event: &mut Event) -> u64 {
    let Both { decoder, by_fields } = both;
    let mut expected = super::decode(by_fields, frame).into_iter();
    let before = *decoder.counters();
    let mut cursor = decoder.begin(frame, RECEIVED);
    let (mut events, mut dead) = (0, 0);
    while decoder.next(frame, &mut cursor, event) {
        events += 1;
        let number = match event.kind() {
            Kind::Ltp => event.body::<Ltp>().source_seq,
            Kind::Quote => event.body::<Quote>().source_seq,
            Kind::Full => event.body::<Full>().source_seq,
            Kind::DeadLetter => {
                dead += 1;
                event.body::<DeadLetter>().source_seq
            }
            other => panic!("the decoder made a {other:?}"),
        };
        assert_eq!(number, before.events() + events, "numbers are dense");
        assert!(event.header.instrument.is_some() || event.kind() == Kind::DeadLetter);
        assert!(Event::from_bytes(event.used_bytes()).is_ok(), "a journal would refuse the event");
        let expected = expected.next().expect("both ways read the same number of events");
        assert_eq!(event.used_bytes(), expected.used_bytes(), "both ways of reading a packet are the same");
    }
    assert!(expected.next().is_none() && decoder.counters() == by_fields.counters());
    let after = decoder.counters();
    assert_eq!(after.events(), before.events() + events);
    assert_eq!(after.dead_total(), before.dead_total() + dead);
    assert_eq!(after.frames, before.frames + 1);
    events
}

#[test]
fn every_truncation_keeps_the_whole_packets_and_reports_the_rest() {
    for (name, hex) in FRAMES {
        let frame = bytes(hex);
        let whole = decode(&mut decoder(), &frame);
        for length in 0..frame.len() {
            let mut decoder = decoder();
            let events = decode(&mut decoder, &frame[..length]);
            if length == 1 {
                assert_eq!(decoder.counters().heartbeats, 1);
                continue;
            }
            let (last, kept) = events.split_last().expect("a cut-off frame reports it");
            assert_eq!(reason(last), DeadReason::Truncated, "{name} cut to {length}");
            for (kept, whole) in kept.iter().zip(&whole) {
                assert_eq!(kept.used_bytes(), whole.used_bytes(), "{name} cut to {length}");
            }
            assert_eq!(decoder.counters().events(), events.len() as u64);
        }
    }
}

#[test]
fn random_mutations_decode_or_are_counted() {
    let seed = 0x7069_746c_616e_6500;
    println!("seed {seed:#x}");
    let mut random = Random(seed);
    let frames: Vec<Vec<u8>> = FRAMES.iter().map(|frame| bytes(frame.1)).collect();
    let (mut both, mut event, mut frame) = (Both::new(), blank(), Vec::new());
    let (mut total, mut dead) = (0, 0);
    for _ in 0..MUTATIONS {
        frame.clone_from(&frames[random.below(frames.len())]);
        for _ in 0..=random.below(4) {
            let at = random.below(frame.len().max(1));
            match random.below(6) {
                // A field of its own extreme: zero prices, huge lengths.
                4 if at + 4 <= frame.len() => {
                    frame[at..at + 4].fill(if random.below(2) == 0 { 0 } else { 0xff });
                }
                0 => frame.truncate(at),
                1 => frame.extend_from_slice(&random.next().to_be_bytes()[..random.below(8)]),
                2 if at < frame.len() => {
                    frame.remove(at);
                }
                3 if at < frame.len() => frame[at] ^= 1 << random.below(8),
                _ if at < frame.len() => frame[at] = random.next() as u8,
                _ => {}
            }
        }
        total += checked(&mut both, &frame, &mut event);
        dead = both.decoder.counters().dead_total();
    }
    let decoder = both.decoder;
    println!("{total} events, {dead} of them dead letters: {:?}", decoder.counters());
    assert_eq!(decoder.counters().frames, MUTATIONS);
    assert_eq!(decoder.counters().events(), total);
    // The mutations must reach both outcomes and every reason that this decoder has.
    assert!(dead > total / 20 && dead < total * 19 / 20);
    for &reason in &DeadReason::ALL[..7] {
        assert!(decoder.counters().dead(reason) > 0, "no mutation gave {reason}");
    }
}

#[test]
fn pure_noise_decodes_or_is_counted() {
    let seed = 20_210_415;
    println!("seed {seed}");
    let mut random = Random(seed);
    let (mut both, mut event) = (Both::new(), blank());
    for _ in 0..20_000 {
        let frame: Vec<u8> = (0..random.below(600)).map(|_| random.next() as u8 >> random.below(8)).collect();
        checked(&mut both, &frame, &mut event);
    }
}
