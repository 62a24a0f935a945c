//! The values of whole packets.

use super::*;
use crate::event::{MARKET_INDEX, MARKET_SEGMENT_UNKNOWN, MARKET_TRADE_TIME, MARKET_VOLUME};

fn prices(quote: &Quote) -> [i64; 6] {
    [quote.last, quote.average, quote.open, quote.high, quote.low, quote.close].map(|price| price.0)
}

#[test]
fn a_last_price_packet() {
    let event = only(&known("ltp"));
    assert_eq!(event.header.instrument, InstrumentId(1));
    assert_eq!((event.header.kind, event.header.lines), (Kind::Ltp as u8, 1));
    assert_eq!((event.header.flags, event.header.source), (FLAG_EXO, SOURCE));
    assert_eq!((event.header.seq, event.header.ts, event.header.index), (Seq::ZERO, RECEIVED, 0));
    let body = event.body::<Ltp>();
    assert_eq!((body.last, body.received, body.source_seq, body.flags), (Price(3_929_500), RECEIVED, 1, 0));
}

#[test]
fn a_quote_packet() {
    let event = only(&known("quote"));
    let body = event.body::<Quote>();
    assert_eq!(prices(body), [15_731_500, 15_703_300, 15_691_500, 15_750_000, 15_610_500, 15_678_000]);
    assert_eq!([body.last_qty, body.volume, body.buy_qty, body.sell_qty], [1, 1_175_986, 256_511, 360_503]);
    assert_eq!((body.flags, body.exchange_secs, body.change_raw), (MARKET_VOLUME, 0, 0));
}

#[test]
fn a_full_packet() {
    let event = only(&known("full"));
    let body = event.body::<Full>();
    assert_eq!(
        [body.last, body.average, body.open, body.high, body.low, body.close].map(|price| price.0),
        [15_737_000, 15_703_700, 15_691_500, 15_750_000, 15_610_500, 15_678_000]
    );
    assert_eq!([body.last_qty, body.volume, body.buy_qty, body.sell_qty], [7, 1_192_471, 256_443, 363_009]);
    assert_eq!((body.last_trade_secs, body.exchange_secs), (1_625_461_887, 1_625_461_887));
    assert_eq!([body.open_interest, body.open_interest_high, body.open_interest_low], [0; 3]);
    assert_eq!(body.flags, MARKET_VOLUME | MARKET_TRADE_TIME);
    assert_eq!(body.bid_qty, [5, 140, 2, 219, 50]);
    assert_eq!(body.bid_orders, [1, 2, 1, 7, 1]);
    assert_eq!(
        body.bid_delta.map(|delta| 15_737_000 + delta),
        [15_734_000, 15_730_000, 15_729_500, 15_729_000, 15_728_500]
    );
    assert_eq!(body.ask_qty, [172, 44, 302, 141, 724]);
    assert_eq!(body.ask_orders, [3, 3, 3, 2, 5]);
    assert_eq!(body.ask_delta, [0, 500, 1_500, 2_000, 2_500]);
}

#[test]
fn index_packets_have_an_order_of_their_own() {
    for (name, secs) in [("index quote", 0), ("index full", 1_786_074_300)] {
        let event = only(&known(name));
        assert_eq!(event.header.instrument, InstrumentId(4));
        let body = event.body::<Quote>();
        assert_eq!(prices(body), [251_534_000, 0, 251_000_000, 252_000_000, 250_801_500, 251_234_500]);
        assert_eq!([body.last_qty, body.volume, body.buy_qty, body.sell_qty], [0; 4]);
        assert_eq!((body.flags, body.exchange_secs, body.change_raw), (MARKET_INDEX, secs, 12));
    }
    let event = only(&known("index of 2017"));
    let body = event.body::<Quote>();
    assert_eq!(prices(body), [91_268_500, 0, 91_669_500, 91_676_000, 91_163_000, 91_268_500]);
    assert_eq!(body.change_raw, -36);
}

#[test]
fn packets_of_one_frame_are_numbered_in_their_order() {
    let mut decoder = decoder();
    let events = decode(&mut decoder, &known("four packets"));
    assert_eq!(events.iter().map(|event| event.header.instrument.0).collect::<Vec<_>>(), [0, 2, 3, 4]);
    let lasts: Vec<_> = events[..3].iter().map(|event| event.body::<Ltp>().last.0).collect();
    // The same currency price, of NSE in ten-millionths and of BSE in ten-thousandths.
    assert_eq!(lasts, [15_737_000, 842_525, 842_525]);
    assert_eq!(events[2].body::<Ltp>().source_seq, 3);
    assert_eq!(events[3].body::<Quote>().source_seq, 4);
    assert_eq!(decode(&mut decoder, &known("ltp"))[0].body::<Ltp>().source_seq, 5);
    assert_eq!((decoder.counters().ltp, decoder.counters().index, decoder.counters().frames), (4, 1, 2));
}

#[test]
fn the_segment_fixes_the_price_unit() {
    // Segment, price on the wire, price of the event.
    for (segment, raw, price, flags) in [
        (0, 123_u32, 12_300_i64, MARKET_SEGMENT_UNKNOWN),
        (1, 123, 12_300, 0),
        (2, 123, 12_300, 0),
        (3, 842_525_000, 842_525, 0),
        (4, u32::MAX, 429_496_729_500, 0),
        (5, 123, 12_300, 0),
        (6, 842_525, 842_525, 0),
        (7, 123, 12_300, 0),
        (8, 123, 12_300, 0),
        (9, 123, 12_300, MARKET_INDEX),
        (10, 123, 12_300, MARKET_SEGMENT_UNKNOWN),
        (255, 123, 12_300, MARKET_SEGMENT_UNKNOWN),
    ] {
        let token = 1_000 * 256 + segment;
        let mut decoder = Decoder::new(&[spec(token)], SOURCE);
        let packet = [token.to_be_bytes(), raw.to_be_bytes()].concat();
        let events = decode(&mut decoder, &framed(&[&packet]));
        let body = events[0].body::<Ltp>();
        assert_eq!((body.last.0, body.flags), (price, flags), "segment {segment}");
    }
}

#[test]
fn levels_without_a_price_are_empty() {
    let mut packet = known("full")[4..].to_vec();
    // The second bid: a quantity and orders, no price. The fifth offer: no quantity, a price.
    packet[64 + 12 + 4..64 + 12 + 8].fill(0);
    packet[124 + 48..124 + 52].fill(0);
    let event = only(&framed(&[&packet]));
    let body = event.body::<Full>();
    assert_eq!((body.bid_qty[1], body.bid_delta[1], body.bid_orders[1]), (0, 0, 0));
    assert_eq!((body.ask_qty[4], body.ask_delta[4], body.ask_orders[4]), (0, 2_500, 5));
    assert_eq!((body.bid_qty[0], body.bid_delta[0], body.bid_orders[0]), (5, -3_000, 1));
}

#[test]
fn an_unknown_segment_has_the_layout_of_a_share() {
    let mut packet = known("quote")[4..].to_vec();
    packet[3] = 77;
    let token = u32_at(&packet, 0).unwrap();
    let mut decoder = Decoder::new(&[spec(token)], SOURCE);
    let events = decode(&mut decoder, &framed(&[&packet]));
    assert_eq!(events[0].body::<Quote>().flags, MARKET_SEGMENT_UNKNOWN | MARKET_VOLUME);
    assert_eq!(events[0].body::<Quote>().last, Price(15_731_500));
}

#[test]
fn a_sources_times_never_decrease() {
    let mut decoder = decoder();
    let frame = known("ltp");
    let mut event = blank();
    let mut seen = Vec::new();
    for nanos in [500, 300, 600] {
        let mut cursor = decoder.begin(&frame, TsNs(nanos));
        assert!(decoder.next(&frame, &mut cursor, &mut event));
        seen.push((event.header.ts.0, event.body::<Ltp>().received.0));
    }
    assert_eq!(seen, [(500, 500), (500, 300), (600, 600)]);
}

#[test]
fn heartbeats_yield_nothing_and_are_counted() {
    let mut decoder = decoder();
    for byte in [0, 1, 255] {
        assert_eq!(decode(&mut decoder, &[byte]).len(), 0);
    }
    assert_eq!(decode(&mut decoder, &known("empty")).len(), 0);
    assert_eq!((decoder.counters().frames, decoder.counters().heartbeats), (4, 3));
    assert_eq!(decoder.counters().events(), 0);
}

#[test]
fn a_default_cursor_is_that_of_a_finished_frame() {
    assert!(!decoder().next(&known("ltp"), &mut FrameCursor::default(), &mut blank()));
}
