//! Known frames with their values; the tests are in the modules.

mod broker_files;
mod hostile;
mod refused;
mod values;
#[cfg(target_arch = "x86_64")]
mod vectors;

use super::*;
use crate::config::InstrumentClass;
use crate::event::Kind;
use crate::units::{Price, Qty};

/// Tokens of the known frames: two shares, two currency futures, an index.
pub(super) const TOKENS: [u32; 5] = [408_065, 884_737, 315_907, 1_453_574, 256_265];
/// When every test frame is received.
pub(super) const RECEIVED: TsNs = TsNs(1_700_000_000_000_000_000);
/// The source of every test frame.
pub(super) const SOURCE: u32 = 3;

/// Frames with public values (broker's mock answers and client tests) and frames of our own with values that
/// the broker's own parser gives.
pub(super) const FRAMES: [(&str, &str); 10] = [
    ("ltp", "00010008000d80010000997f"),
    (
        "quote",
        concat!(
            "0001002c",
            "00063a010002668300000001000265690011f1b20003e9ff00058037000264f30002673c000261c90002646c"
        ),
    ),
    (
        "full",
        concat!(
            "000100b8",
            "00063a01000266ba000000070002656d001232170003e9bb00058a01000264f30002673c000261c9",
            "0002646c60e2947f00000000000000000000000060e2947f000000050002669c000100000000008c",
            "0002667400020000000000020002666f00010000000000db0002666a000700000000003200026665",
            "00010000000000ac000266ba000300000000002c000266bf000300000000012e000266c900030000",
            "0000008d000266ce00020000000002d4000266d300050000",
        ),
    ),
    ("index quote", "0001001c0003e9090026618c002673c0002644ef00264cb0002655d90000000c"),
    ("index full", "000100200003e9090026618c002673c0002644ef00264cb0002655d90000000c6a7554bc"),
    ("index of 2017", "0001001c0003e909000ded2d000dfd18000de90e000dfcd7000ded2dffffffdc"),
    (
        "four packets",
        concat!(
            "0004000800063a01000266ba00080004d2033237e948000800162e06000cdb1d0020",
            "0003e9090026618c002673c0002644ef00264cb0002655d90000000c6a7554bc",
        ),
    ),
    ("unknown length, then ltp", "0002000600063a01dead000800063a01000266ba"),
    ("empty", "0000"),
    ("heartbeat", "00"),
];

/// An instrument with `token`.
pub(super) fn spec(token: u32) -> InstrumentSpec {
    InstrumentSpec {
        symbol: format!("NSE:T{token}"),
        token,
        class: if token & 0xff == 9 { InstrumentClass::Index } else { InstrumentClass::Equity },
        tradable: token & 0xff != 9,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    }
}

/// A decoder of the known instruments.
pub(super) fn decoder() -> Decoder {
    Decoder::new(&TOKENS.map(spec), SOURCE)
}

/// The bytes that hexadecimal digits stand for.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The known frame of that name.
pub(super) fn known(name: &str) -> Vec<u8> {
    bytes(FRAMES.iter().find(|frame| frame.0 == name).expect("a known frame").1)
}

/// A frame of `packets`.
pub(super) fn framed(packets: &[&[u8]]) -> Vec<u8> {
    let mut frame = u16::try_from(packets.len()).unwrap().to_be_bytes().to_vec();
    for packet in packets {
        frame.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(packet);
    }
    frame
}

/// An event to be written over.
pub(super) fn blank() -> Event {
    let letter = DeadLetter {
        received: TsNs::ZERO,
        source_seq: 0,
        token: 0,
        original_bytes: 0,
        kept_bytes: 0,
        reason: 0,
        reserved: [0; 1],
        line: 0,
        reserved2: [0; 8],
        data: [0; 184],
    };
    Event::new(InstrumentId::NONE, 0, &letter)
}

/// All events of one frame.
pub(super) fn decode(decoder: &mut Decoder, frame: &[u8]) -> Vec<Event> {
    let mut cursor = decoder.begin(frame, RECEIVED);
    let (mut events, mut event) = (Vec::new(), blank());
    while decoder.next(frame, &mut cursor, &mut event) {
        events.push(event);
    }
    assert!(!decoder.next(frame, &mut cursor, &mut event), "a finished frame stays finished");
    events
}

/// The one event of one frame, by a new decoder.
pub(super) fn only(frame: &[u8]) -> Event {
    let events = decode(&mut decoder(), frame);
    assert_eq!(events.len(), 1);
    events[0]
}

/// The reason of a dead letter.
pub(super) fn reason(event: &Event) -> DeadReason {
    DeadReason::from_u8(event.body::<DeadLetter>().reason).unwrap()
}
