//! What becomes a dead letter, and with what in it.

use super::*;

/// Token, length of the original, and reason of a dead letter.
fn letter(event: &Event) -> (u32, u32, DeadReason) {
    let body = event.body::<DeadLetter>();
    (body.token, body.original_bytes, reason(event))
}

#[test]
fn an_unknown_length_is_skipped() {
    let events = decode(&mut decoder(), &known("unknown length, then ltp"));
    assert_eq!(events.len(), 2);
    assert_eq!(letter(&events[0]), (408_065, 6, DeadReason::UnknownLength));
    assert_eq!(events[0].body::<DeadLetter>().data[..7], [0x00, 0x06, 0x3a, 0x01, 0xde, 0xad, 0]);
    assert_eq!(events[0].header.instrument, InstrumentId(0));
    assert_eq!(events[1].body::<Ltp>().last, Price(15_737_000));
    assert_eq!(events[1].body::<Ltp>().source_seq, 2);
}

#[test]
fn lengths_and_segments_must_fit() {
    let (full, quote) = (known("full")[4..].to_vec(), known("quote")[4..].to_vec());
    let (index28, index32) = (known("index quote")[4..].to_vec(), known("index full")[4..].to_vec());
    let with_token = |packet: &[u8], token: u32| [&token.to_be_bytes(), &packet[4..]].concat();
    let packets = [
        with_token(&full, 256_265),
        with_token(&quote, 256_265),
        with_token(&index28, 408_065),
        with_token(&index32, 408_065),
        Vec::new(),
        vec![1, 2, 3],
        vec![0; 300],
    ];
    let frame = framed(&packets.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let events = decode(&mut decoder(), &frame);
    let letters: Vec<_> = events.iter().map(letter).collect();
    let expected = [(256_265, 184), (256_265, 44), (408_065, 28), (408_065, 32), (0, 0), (0, 3), (0, 300)];
    assert_eq!(letters, expected.map(|(token, length)| (token, length, DeadReason::UnknownLength)));
    assert_eq!(events.iter().map(|e| e.body::<DeadLetter>().kept_bytes).max(), Some(184));
}

#[test]
fn a_frame_that_ends_early_keeps_what_was_whole() {
    // Bytes, whole packets, token and length of what was left.
    for (hex, whole, token, left) in [
        ("0002000800063a01000266ba0008", 1, 0, 2),
        ("0002000800063a01000266ba", 1, 0, 0),
        ("0001002c00063a01000266ba", 0, 408_065, 10),
        ("00010008000000", 0, 0, 5),
        ("000100", 0, 0, 1),
        ("", 0, 0, 0),
    ] {
        let mut decoder = decoder();
        let events = decode(&mut decoder, &bytes(hex));
        assert_eq!(events.len(), whole + 1, "{hex}");
        assert_eq!(letter(&events[whole]), (token, left, DeadReason::Truncated), "{hex}");
        assert_eq!(decoder.counters().dead(DeadReason::Truncated), 1);
    }
}

#[test]
fn bytes_after_the_last_packet_are_reported() {
    for (hex, length) in [("0000ff", 1), ("0001000800063a01000266baabcd", 2)] {
        let events = decode(&mut decoder(), &bytes(hex));
        assert_eq!(letter(events.last().unwrap()), (0, length, DeadReason::TrailingBytes));
    }
}

#[test]
fn an_instrument_must_be_in_the_table() {
    let event = only(&bytes("0001000800063b01000266ba"));
    assert_eq!(letter(&event), (408_321, 8, DeadReason::UnknownInstrument));
    assert!(!event.header.instrument.is_some());
    assert_eq!((event.header.flags, event.header.lines, event.header.ts), (FLAG_EXO, 4, RECEIVED));
}

#[test]
fn a_packet_needs_a_last_price() {
    for name in ["ltp", "quote", "full", "index quote", "index full"] {
        let mut frame = known(name);
        frame[8..12].fill(0);
        assert_eq!(letter(&only(&frame)).2, DeadReason::NoLastPrice, "{name}");
    }
}

#[test]
fn prices_that_the_scale_cannot_hold_are_refused() {
    // NSE currency prices have three digits more than the scale.
    let exact = bytes("000100080004d2033237e948");
    assert_eq!(only(&exact).body::<Ltp>().last, Price(842_525));
    let inexact = bytes("000100080004d2033237e949");
    assert_eq!(letter(&only(&inexact)), (315_907, 8, DeadReason::PriceInexact));
    // Every price of a packet counts that an order can have: not the day's average.
    let mut packet = known("full")[4..].to_vec();
    packet[..4].copy_from_slice(&315_907_u32.to_be_bytes());
    let fields = [4, 12, 28, 32, 36, 40].into_iter().chain((0..10).map(|level| 64 + level * 12 + 4));
    let fields: Vec<usize> = fields.collect();
    for &field in &fields {
        packet[field..field + 4].copy_from_slice(&842_525_000_u32.to_be_bytes());
    }
    assert_eq!(only(&framed(&[&packet])).body::<Full>().bid_delta, [0; 5]);
    for &field in &fields {
        let mut packet = packet.clone();
        packet[field + 3] += 1;
        let event = only(&framed(&[&packet]));
        if field == 12 {
            assert_eq!(event.body::<Full>().average, Price(842_525), "an average is rounded down");
        } else {
            assert_eq!(letter(&event).2, DeadReason::PriceInexact, "offset {field}");
        }
    }
}

#[test]
fn a_level_too_far_from_the_last_price_refuses_the_packet() {
    let mut packet = known("full")[4..].to_vec();
    // The last price is 1 paisa: distances are the levels' prices less that.
    packet[4..8].copy_from_slice(&1_u32.to_be_bytes());
    let reach = u32::try_from(i32::MAX / 100).unwrap() + 1;
    for field in [64 + 4, 124 + 4, 124 + 48 + 4] {
        let mut near = packet.clone();
        near[field..field + 4].copy_from_slice(&reach.to_be_bytes());
        assert_eq!(only(&framed(&[&near])).kind(), Kind::Full);
        let mut far = packet.clone();
        far[field..field + 4].copy_from_slice(&(reach + 1).to_be_bytes());
        assert_eq!(letter(&only(&framed(&[&far]))), (408_065, 184, DeadReason::PriceOutOfRange));
    }
    // Below the last price as well.
    packet[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(letter(&only(&framed(&[&packet]))).2, DeadReason::PriceOutOfRange);
}

#[test]
fn refused_rows_are_numbered_with_the_frames() {
    let mut decoder = decoder();
    decode(&mut decoder, &known("ltp"));
    let mut row = blank();
    row.body_mut::<DeadLetter>().reason = DeadReason::Undecodable as u8;
    row.body_mut::<DeadLetter>().received = TsNs(RECEIVED.0 - 5);
    decoder.stamp(&mut row);
    let body = row.body::<DeadLetter>();
    assert_eq!((body.source_seq, body.received), (2, TsNs(RECEIVED.0 - 5)));
    assert_eq!((row.header.ts, row.header.source, row.header.flags), (RECEIVED, SOURCE, FLAG_EXO));
    row.body_mut::<DeadLetter>().received = TsNs(RECEIVED.0 + 5);
    decoder.stamp(&mut row);
    assert_eq!((row.header.ts, row.body::<DeadLetter>().source_seq), (TsNs(RECEIVED.0 + 5), 3));
    assert_eq!(decode(&mut decoder, &known("ltp"))[0].header.ts, TsNs(RECEIVED.0 + 5));
    assert_eq!(decoder.counters().dead(DeadReason::Undecodable), 2);
    assert_eq!((decoder.counters().dead_total(), decoder.counters().events()), (2, 4));
}
