//! Mutated frames and texts: no panic, and nothing that the bytes do not say.

use crate::sift::{Left, sift};
use crate::text::{Text, TextReader};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::event::{DeadLetter, Event, Full, Kind, Ltp, Quote};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::{InstrumentId, Price, Qty, TsNs};
use serde_json::Value;

/// Mutants of each of the two kinds; all of them under `PITLANE_LONG`.
fn mutants() -> u64 {
    let long = std::env::var_os("PITLANE_LONG").is_some_and(|value| !value.is_empty());
    if long { 1_000_000 } else { 100_000 }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("below a usize")
    }
}

/// Changes, inserts, removes, doubles or cuts bytes of `bytes`, one to four times. `spice` is what is inserted.
fn mutate(bytes: &mut Vec<u8>, spice: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 => bytes.insert(at, spice[random.below(spice.len())]),
            3 if !bytes.is_empty() => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            5 => {
                let end = (at + random.below(40)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            _ if !bytes.is_empty() => bytes[at] = spice[random.below(spice.len())],
            _ => {}
        }
    }
}

/// A frame of random packets of known and unknown instruments.
fn frame(random: &mut Random) -> Vec<u8> {
    let count = random.below(5);
    let mut frame = (count as u16).to_be_bytes().to_vec();
    for _ in 0..count {
        let (token, length) =
            [(257_u32, 8), (257, 44), (257, 184), (513, 184), (9, 8), (9, 28), (9, 32), (769, 8)]
                [random.below(8)];
        let mut packet: Vec<u8> =
            (0..length).map(|_| if random.below(3) == 0 { random.next() as u8 } else { 0 }).collect();
        packet[..4].copy_from_slice(&token.to_be_bytes());
        frame.extend((length as u16).to_be_bytes());
        frame.extend(packet);
    }
    frame
}

fn decoder() -> Decoder {
    let specs: Vec<InstrumentSpec> = [257, 513, 9]
        .map(|token| InstrumentSpec {
            symbol: format!("NSE:T{token}"),
            token,
            class: if token == 9 { InstrumentClass::Index } else { InstrumentClass::Equity },
            tradable: token != 9,
            lot: Qty(1),
            tick: Price(5),
            multiplier: 1,
            freeze: Qty::ZERO,
            derivatives: false,
        })
        .into();
    Decoder::new(&specs, 1)
}

/// All events of a frame, without their running numbers.
fn decode(frame: &[u8]) -> Vec<Event> {
    let mut decoder = decoder();
    let mut cursor = decoder.begin(frame, TsNs(5));
    let mut events = Vec::new();
    let blank = Ltp { last: Price(0), received: TsNs(0), source_seq: 0, flags: 0, reserved: [0; 4] };
    loop {
        let mut event = Event::new(InstrumentId::NONE, 0, &blank);
        if !decoder.next(frame, &mut cursor, &mut event) {
            return events;
        }
        match event.kind() {
            Kind::Ltp => event.body_mut::<Ltp>().source_seq = 0,
            Kind::Quote => event.body_mut::<Quote>().source_seq = 0,
            Kind::Full => event.body_mut::<Full>().source_seq = 0,
            _ => event.body_mut::<DeadLetter>().source_seq = 0,
        }
        events.push(event);
    }
}

/// Token and raw last price of every whole packet of a length some mode has, and whether anything is left over: read
/// anew, byte by byte.
fn reference(frame: &[u8]) -> (Vec<(usize, u32, u32)>, bool) {
    let declared = usize::from(frame[0]) * 256 + usize::from(frame[1]);
    let (mut at, mut packets) = (2, Vec::new());
    let number = |at: usize| (0..4).fold(0_u32, |value, k| value * 256 + u32::from(frame[at + k]));
    while packets.len() < declared {
        if frame.len() < at + 2 {
            return (packets, true);
        }
        let length = usize::from(frame[at]) * 256 + usize::from(frame[at + 1]);
        if frame.len() < at + 2 + length {
            return (packets, true);
        }
        let words = if length >= 8 { (number(at + 2), number(at + 6)) } else { (0, 0) };
        packets.push((length, words.0, words.1));
        at += 2 + length;
    }
    (packets, at < frame.len())
}

#[test]
fn mutated_frames_become_what_they_say_and_sifting_takes_only_what_it_is_told() {
    let mut random = Random(7);
    let (mut ticks, mut dead, mut parts) = (0, 0, 0);
    let mut out = Vec::new();
    for _ in 0..mutants() {
        let mut bytes = frame(&mut random);
        mutate(&mut bytes, &[0, 1, 8, 44, 184, 255], &mut random);
        let events = decode(&bytes);
        if bytes.len() < 2 {
            continue;
        }
        let (packets, rest) = reference(&bytes);
        assert_eq!(events.len(), packets.len() + usize::from(rest), "{bytes:?}");
        for (event, (length, token, raw)) in events.iter().zip(&packets) {
            let last = match event.kind() {
                Kind::Ltp => (8, event.body::<Ltp>().last),
                Kind::Quote => (*length, event.body::<Quote>().last),
                Kind::Full => (184, event.body::<Full>().last),
                _ => {
                    dead += 1;
                    continue;
                }
            };
            assert!([8, 28, 32, 44, 184].contains(length) && *raw > 0);
            assert_eq!(last, (*length, Price(i64::from(*raw) * 100)));
            assert_eq!(
                Some(event.header.instrument.0 as usize),
                [257, 513, 9].iter().position(|t| t == token)
            );
            ticks += 1;
        }
        let mask = random.next();
        let mut number = 0;
        let keep = |number: usize| mask >> (number % 64) & 1 == 1;
        let left = sift(&bytes, &mut out, |_| {
            number += 1;
            keep(number - 1)
        });
        assert_eq!(number, packets.len());
        let of_packets =
            events.iter().enumerate().filter(|(number, _)| *number >= packets.len() || keep(*number));
        let expected: Vec<&[u8]> = of_packets.map(|(_, event)| event.used_bytes()).collect();
        let sifted = match left {
            Left::Whole => decode(&bytes),
            Left::Part => decode(&out),
            Left::Nothing => Vec::new(),
        };
        assert_eq!(sifted.iter().map(Event::used_bytes).collect::<Vec<_>>(), expected, "{bytes:?}");
        parts += usize::from(left == Left::Part);
    }
    println!("{ticks} ticks, {dead} dead letters, {parts} frames rewritten");
    assert!(ticks > 10_000 && dead > 10_000 && parts > 10_000);
}

/// Texts as the broker sends them, and some it should not.
fn texts() -> Vec<String> {
    let mut list: Vec<String> = [
        r#"{"type":"order","data":{"user_id":"AB1234","unfilled_quantity":0,"app_id":1234,"order_id":"220303000308932","exchange_order_id":"1000000001482421","parent_order_id":null,"status":"COMPLETE","status_message":null,"order_timestamp":"2022-03-03 09:24:25","exchange":"NSE","tradingsymbol":"SBIN","instrument_token":779521,"order_type":"MARKET","transaction_type":"BUY","product":"CNC","quantity":1,"price":0,"average_price":470,"filled_quantity":1,"pending_quantity":0,"meta":{},"tag":null,"guid":"X"}}"#,
        r#"{"type":"order","data":{"order_id":"1953367517686685697","status":"UPDATE","quantity":100,"filled_quantity":40,"average_price":470.3325,"tags":["p00abc1z","mktp:2.00"],"meta":{"iceberg":{"leg":1,"legs":5}}}}"#,
        r#"{"type":"error","data":"Unexpected \u20b9 \"error\""}"#,
        r#"{"type":"message","data":"Market is closed"}"#,
        r#"{"type":"instruments_meta","data":{"count":90517,"etag":"W/\"68907d60-55bf\""}}"#,
    ]
    .map(str::to_owned)
    .into();
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = std::env::var_os("PITLANE_DATA").map_or_else(|| root.join("../shared/data"), Into::into);
    let mocks = dir.join("kite/kiteconnect-mocks");
    let orders = std::fs::read_to_string(mocks.join("orders.json"));
    match orders.map(|text| serde_json::from_str::<Value>(&text).unwrap()) {
        Ok(orders) => list.extend(
            orders["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|data| format!(r#"{{"type":"order","data":{data}}}"#)),
        ),
        Err(_) => println!("skipped: no shared data"),
    }
    list
}

/// Whether `ours` is what another parser found in the same place.
fn same_text(ours: Option<&str>, theirs: &Value) -> bool {
    match theirs {
        Value::Null => ours.is_none(),
        Value::String(text) => ours == Some(text),
        // A number is taken as written.
        Value::Number(_) => ours.is_some(),
        _ => false,
    }
}

#[test]
fn mutated_texts_make_no_order_that_they_do_not_hold() {
    let originals = texts();
    let mut reader = TextReader::default();
    let mut random = Random(11);
    let (mut orders, mut refused) = (0, 0);
    for _ in 0..mutants() {
        let mut bytes = originals[random.below(originals.len())].clone().into_bytes();
        mutate(&mut bytes, b"{}[]:,\"\\0123456789-+.eE nulltrue", &mut random);
        // The WebSocket library refuses text that is no UTF-8.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let found = reader.read(&text, TsNs(5));
        let other = serde_json::from_str::<Value>(&text);
        let other = match other {
            Err(why) if why.to_string().contains("number out of range") => continue,
            Err(why) => {
                assert!(found.is_err(), "{why}: {text}\n{found:?}");
                refused += 1;
                continue;
            }
            Ok(other) => other,
        };
        let Ok(Text::Order(update)) = found else {
            refused += u32::from(found.is_err());
            continue;
        };
        assert_eq!(other["type"], "order", "{text}");
        let data = &other["data"];
        assert!(same_text(Some(&update.order_id), &data["order_id"]), "{text}");
        assert!(same_text(Some(&update.status), &data["status"]), "{text}");
        assert!(same_text(update.tag.as_deref(), &data["tag"]), "{text}");
        let quantities = [(update.filled_quantity, "filled_quantity"), (update.quantity, "quantity")];
        for (ours, key) in quantities {
            let theirs = match &data[key] {
                Value::String(text) => text.parse().ok(),
                value => value.as_f64(),
            };
            assert_eq!(ours.map(|value| value as f64), theirs, "{key}: {text}");
            assert!(ours.is_none_or(|value| value >= 0));
        }
        orders += 1;
    }
    println!("{orders} orders, {refused} refused");
    assert!(orders > 10_000 && refused > 10_000);
}
