//! The broker's own packets against the values that are published with them.

use super::*;
use crate::units::decimal;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The folder with the broker's packets, if this machine has it.
fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data = std::env::var("PITLANE_DATA").unwrap_or_else(|_| "../shared/data".into());
    let folder = root.join(data).join("kite");
    folder.is_dir().then_some(folder)
}

/// Standard base64 with padding.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = DIGITS.iter().position(|&known| known == digit).expect("a base64 digit");
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// A price in rupees as the expected file writes it: at least one decimal, no more than needed.
fn rupees(price: Price) -> String {
    let text = decimal(price.0);
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.into() }
}

fn ohlc([open, high, low, close]: [Price; 4]) -> String {
    let [open, high, low, close] = [open, high, low, close].map(rupees);
    format!(r#"{{"open": {open}, "high": {high}, "low": {low}, "close": {close}}}"#)
}

fn levels(last: Price, qty: &[u32; 5], delta: &[i32; 5], orders: &[u16; 5]) -> String {
    let level = |index: usize| {
        // An empty level has distance zero; the file shows price zero.
        let price = if qty[index] == 0 { 0 } else { last.0 + i64::from(delta[index]) };
        format!("[{}, {}, {}]", qty[index], rupees(Price(price)), orders[index])
    };
    format!("[{}]", (0..5).map(level).collect::<Vec<_>>().join(", "))
}

/// The line of the expected file that `event`, of an NSE share with `token`, stands for.
fn line(token: u32, event: &Event) -> String {
    let (length, mode, last) = match event.kind() {
        Kind::Ltp => (8, "ltp", event.body::<Ltp>().last),
        Kind::Quote => (44, "quote", event.body::<Quote>().last),
        _ => (184, "full", event.body::<Full>().last),
    };
    let mut line = format!(
        concat!(
            r#"{{"len": {}, "instrument_token": {}, "segment": "nse", "exchange_token": {}, "#,
            r#""tradable": true, "last_price_paise": {}, "last_price": {}, "mode": "{}""#
        ),
        length,
        token,
        token >> 8,
        last.0 / 100,
        rupees(last),
        mode
    );
    let mut day = |quantity: [u32; 4], average: Price, prices: [Price; 4]| {
        let [last_qty, volume, buy, sell] = quantity;
        write!(
            line,
            concat!(
                r#", "last_quantity": {}, "average_price": {}, "volume": {}, "buy_quantity": {}, "#,
                r#""sell_quantity": {}, "ohlc": {}"#
            ),
            last_qty,
            rupees(average),
            volume,
            buy,
            sell,
            ohlc(prices)
        )
        .unwrap();
    };
    if event.kind() == Kind::Quote {
        let body = event.body::<Quote>();
        let quantities = [body.last_qty, body.volume, body.buy_qty, body.sell_qty];
        day(quantities, body.average, [body.open, body.high, body.low, body.close]);
    }
    if event.kind() == Kind::Full {
        let body = event.body::<Full>();
        let quantities = [body.last_qty, body.volume, body.buy_qty, body.sell_qty];
        day(quantities, body.average, [body.open, body.high, body.low, body.close]);
        write!(
            line,
            concat!(
                r#", "last_trade_time": {}, "oi": {}, "oi_day_high": {}, "oi_day_low": {}, "#,
                r#""exchange_timestamp": {}, "depth_qty_price_orders": {{"buy": {}, "sell": {}}}"#
            ),
            body.last_trade_secs,
            body.open_interest,
            body.open_interest_high,
            body.open_interest_low,
            body.exchange_secs,
            levels(last, &body.bid_qty, &body.bid_delta, &body.bid_orders),
            levels(last, &body.ask_qty, &body.ask_delta, &body.ask_orders)
        )
        .unwrap();
    }
    line + "}"
}

#[test]
fn every_field_of_the_brokers_packets_is_as_published() {
    let Some(folder) = folder() else {
        println!("skipped: no shared data");
        return;
    };
    let expected = std::fs::read_to_string(folder.join("decoded_expected.jsonl.txt")).unwrap();
    let mut lines = expected.lines();
    let mut checked = 0;
    while let Some(title) = lines.next() {
        let name = title.split_whitespace().nth(1).expect("a title names its file");
        let frame = if title.contains("base64") {
            let text = std::fs::read_to_string(folder.join("kiteconnect-mocks").join(name)).unwrap();
            framed(&[&base64(&text)])
        } else {
            std::fs::read(folder.join("js_packets").join(name)).unwrap()
        };
        let event = only(&frame);
        let token = TOKENS[event.header.instrument.index()];
        assert_eq!(line(token, &event), lines.next().expect("a title has a line"), "{name}");
        checked += 1;
    }
    assert_eq!(checked, 5);
}
