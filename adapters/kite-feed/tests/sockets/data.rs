//! Every packet and postback that the broker's own clients publish, over a socket, through the decoder.

use crate::server::{Pump, broker, config, frame};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::event::{Event, Full, Kind, Ltp, Quote};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::{InstrumentId, Price, Qty, TsNs};
use pitlane_kite_feed::{Decimal, Mode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use zerocopy::FromZeros;

fn shared() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = std::env::var_os("PITLANE_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let dir = dir.join("kite");
    if !dir.is_dir() {
        println!("skipped: no shared data");
        return None;
    }
    Some(dir)
}

/// The files and what they are expected to say, in the order of the expectations.
fn packets(dir: &Path) -> Vec<(Vec<u8>, Value)> {
    let text = std::fs::read_to_string(dir.join("decoded_expected.jsonl.txt")).unwrap();
    let mut list = Vec::new();
    for pair in text.lines().collect::<Vec<_>>().chunks(2) {
        let name = pair[0].trim_start_matches("## ").split(' ').next().unwrap();
        let bytes = if name.starts_with("ticker") {
            let text = std::fs::read_to_string(dir.join("kiteconnect-mocks").join(name)).unwrap();
            frame(&[base64(text.trim())])
        } else {
            std::fs::read(dir.join("js_packets").join(name)).unwrap()
        };
        list.push((bytes, serde_json::from_str(pair[1]).unwrap()));
    }
    assert_eq!(list.len(), 5);
    list
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    let bits = |chunk: &[u8]| chunk.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit));
    let mut bytes: Vec<u8> = Vec::new();
    for chunk in digits.chunks(4) {
        let all = (bits(chunk) << (6 * (4 - chunk.len()))).to_be_bytes();
        bytes.extend(&all[1..chunk.len()]);
    }
    bytes
}

/// The order updates of the published postback and order list, as the ticker would post them.
pub fn postbacks(dir: &Path) -> Vec<Value> {
    let mocks = dir.join("kiteconnect-mocks");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(mocks.join(name)).unwrap()).unwrap()
    };
    let mut list = vec![read("postback.json")];
    for name in ["orders.json", "order_info.json"] {
        list.extend(read(name)["data"].as_array().unwrap().iter().cloned());
    }
    list
}

fn scaled(value: &Value) -> i64 {
    Decimal::parse(&value.to_string()).unwrap().scaled().unwrap()
}

fn check(event: &Event, expected: &Value) {
    let last = scaled(&expected["last_price"]);
    match event.kind() {
        Kind::Ltp => assert_eq!((event.body::<Ltp>().last.0, expected["len"].as_u64()), (last, Some(8))),
        Kind::Quote => {
            let quote = event.body::<Quote>();
            assert_eq!((quote.last.0, u64::from(quote.volume)), (last, expected["volume"].as_u64().unwrap()));
            let ohlc = [quote.open, quote.high, quote.low, quote.close].map(|price| price.0);
            assert_eq!(ohlc, ["open", "high", "low", "close"].map(|key| scaled(&expected["ohlc"][key])));
        }
        Kind::Full => {
            let full = event.body::<Full>();
            assert_eq!((full.last.0, u64::from(full.volume)), (last, expected["volume"].as_u64().unwrap()));
            assert_eq!(u64::from(full.exchange_secs), expected["exchange_timestamp"].as_u64().unwrap());
            for level in 0..5 {
                let bid = &expected["depth_qty_price_orders"]["buy"][level];
                assert_eq!(u64::from(full.bid_qty[level]), bid[0].as_u64().unwrap());
                assert_eq!(u64::from(full.bid_orders[level]), bid[2].as_u64().unwrap());
                if full.bid_qty[level] > 0 {
                    assert_eq!(last + i64::from(full.bid_delta[level]), scaled(&bid[1]));
                }
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn published_packets_and_postbacks_arrive_as_published() {
    let Some(dir) = shared() else { return };
    let packets = packets(&dir);
    let postbacks = postbacks(&dir);
    assert!(postbacks.len() > 10);
    for tls in [false, true] {
        let (frames, texts) = (packets.clone(), postbacks.clone());
        let url = broker(tls, move |_, peer| {
            let mut socket = peer.upgrade();
            for data in &texts {
                socket.text(&serde_json::json!({"type": "order", "data": data}).to_string());
            }
            for (bytes, _) in &frames {
                socket.binary(bytes);
            }
            socket.linger();
        });
        let mut settings = config(&url, &[(408_065, Mode::Full), (884_737, Mode::Full)]);
        // The packets are of two days.
        settings.stale_secs = 100_000_000;
        settings.withhold_untimed = false;
        let mut pump = Pump::new(settings);
        pump.until(|pump| pump.frames.len() == packets.len());
        let spec = |symbol: &str, token| InstrumentSpec {
            symbol: symbol.to_owned(),
            token,
            class: InstrumentClass::Equity,
            tradable: true,
            lot: Qty(1),
            tick: Price(500),
            multiplier: 1,
            freeze: Qty::ZERO,
            derivatives: false,
        };
        let mut decoder = Decoder::new(&[spec("NSE:INFY", 408_065), spec("NSE:TATAMOTORS", 884_737)], 1);
        for (bytes, (_, expected)) in pump.frames.iter().zip(&packets) {
            let mut event = Event::new(InstrumentId::NONE, 0, &Ltp::new_zeroed());
            let mut cursor = decoder.begin(bytes, TsNs(1));
            assert!(decoder.next(bytes, &mut cursor, &mut event));
            check(&event, expected);
            assert!(!decoder.next(bytes, &mut cursor, &mut event));
        }
        assert_eq!(pump.orders.len(), postbacks.len());
        for (order, data) in pump.orders.iter().zip(&postbacks) {
            assert_eq!(Some(order.order_id.as_str()), data["order_id"].as_str());
            assert_eq!(Some(order.status.as_str()), data["status"].as_str());
            assert_eq!(order.tag.as_deref(), data["tag"].as_str());
            assert_eq!(order.filled_quantity, data["filled_quantity"].as_i64());
            assert_eq!(order.instrument_token, data["instrument_token"].as_i64());
            assert_eq!(order.average_price.unwrap().to_string(), data["average_price"].to_string());
            assert_eq!(order.exchange_timestamp.is_some(), data["exchange_timestamp"].is_string());
        }
    }
}
