//! Mutated requests, messages and frames: no panic, and the venue's own assertions hold.

use super::*;
use crate::ticker::Ticker;

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// Up to four bytes changed, removed, doubled or put in.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.below(5) {
            let at = self.below(bytes.len());
            match self.below(4) {
                _ if bytes.is_empty() => bytes.push(self.next() as u8),
                0 => bytes[at] = self.next() as u8,
                1 => _ = bytes.remove(at),
                2 => bytes.insert(at, bytes[at]),
                _ => bytes.insert(at, b"0-.&=%{}[],\"e9"[self.below(14)]),
            }
        }
    }
}

const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH"];
const PATHS: &[&str] = &[
    "/orders/regular",
    "/orders",
    "/trades",
    "/portfolio/positions",
    "/quote",
    "/quote/ohlc",
    "/instruments",
    "/instruments/historical/738561/minute",
    "/margins/orders",
    "/margins/basket",
    "/charges/orders",
    "/user/margins",
    "/session/token",
];
const BODIES: &[&str] = &[
    "order_type=MARKET&market_protection=-1&price=",
    "price=1001&quantity=3",
    "transaction_type=SELL&order_type=SL&trigger_price=999&price=998.5&disclosed_quantity=0",
    "i=NSE:RELIANCE&from=2026-08-07+09:15:00&to=2026-08-07+15:30:00",
    "quantity=4500&autoslice=true&exchange=NFO&tradingsymbol=NIFTY26AUGFUT&product=NRML&price=25000",
    r#"[{"exchange":"NSE","tradingsymbol":"RELIANCE","transaction_type":"BUY","product":"MIS","order_type":"LIMIT","quantity":9,"price":12.5,"average_price":1}]"#,
    r#"{"a":"subscribe","v":[738561,256265]}"#,
    r#"{"a":"mode","v":["full",[738561]]}"#,
];

fn one(rng: &mut Rng, desk: &mut Desk, ticker: &mut Ticker) {
    let mut body = rng.pick(BODIES).as_bytes().to_vec();
    if rng.below(2) == 0 {
        body = form(&String::from_utf8_lossy(&body)).into_bytes();
    }
    if rng.below(2) == 0 {
        rng.mutate(&mut body);
    }
    match rng.below(8) {
        0 => {
            let mut frame = vec![0, 1, 0, 184];
            frame.extend_from_slice(desk.broker.market().of_token(SHARE).unwrap().packet(2));
            rng.mutate(&mut frame);
            desk.now = desk.now.plus(rng.next() % NS_PER_S);
            desk.broker.frame(desk.now, &frame);
        }
        1 => _ = ticker.on_text(desk.broker.market(), &String::from_utf8_lossy(&body), |_| {}),
        _ => {
            let placing = rng.below(3) == 0;
            let mut path = if placing { PATHS[0] } else { rng.pick(PATHS) }.as_bytes().to_vec();
            let known = desk.broker.orders().visible();
            if !placing && rng.below(3) == 0 && !known.is_empty() {
                path = format!("/orders/regular/{}", known[rng.below(known.len())].id()).into_bytes();
            }
            if rng.below(4) == 0 {
                rng.mutate(&mut path);
            }
            let text = String::from_utf8_lossy(&body).into_owned();
            let header = format!("token demo:{}", desk.token);
            let request = Request {
                method: if placing { "POST" } else { rng.pick(METHODS) },
                path: &String::from_utf8_lossy(&path),
                query: &text,
                authorization: Some(&header),
                body: &body,
            };
            let answer = desk.broker.repeat(desk.now, &request);
            assert!(answer.status == 200 || answer.body.contains("\"error_type\""), "{}", answer.body);
            if answer.content_type == "application/json" {
                let parsed = serde_json::from_str::<Value>(&answer.body);
                assert!(parsed.is_ok(), "{}", answer.body);
            }
        }
    }
}

#[test]
fn mutated_requests_and_frames_break_nothing() {
    let runs =
        if std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty()) { 1_000_000 } else { 100_000 };
    let seed = std::env::var("PITLANE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let mut placed = 0;
    for _ in 0..runs / 1_000 {
        let mut desk = Desk::new();
        let mut ticker = Ticker::new();
        for _ in 0..1_000 {
            one(&mut rng, &mut desk, &mut ticker);
            desk.broker.take_postbacks();
        }
        placed += desk.broker.orders().visible().len();
        desk.now = desk.now.max(at("15:31:01"));
        desk.broker.advance(desk.now);
        assert!(desk.broker.orders().visible().iter().all(|order| order.status().is_final()), "the day ends");
    }
    assert!(placed > runs / 200, "{placed} orders of {runs} requests: too few to have tried anything");
}
