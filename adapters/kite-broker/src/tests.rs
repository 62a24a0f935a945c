//! The broker's rules, one by one, without sockets.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod fuzz;
mod orders;
mod reads;

use crate::broker::{Broker, Config, Listing};
use crate::rest::Request;
use crate::session::sha256_hex;
use crate::times;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionPlan, SessionTimes};
use pitlane_engine::units::{NS_PER_S, Price, Qty, TsNs};
use serde_json::Value;

/// A share with ticks of 0.05, a future with lots of 75 and a freeze quantity, an index.
pub(super) const SHARE: u32 = 738_561;
pub(super) const FUTURE: u32 = 256 * 100 + 2;
pub(super) const INDEX: u32 = 256_265;

pub(super) struct Desk {
    pub(super) broker: Broker,
    pub(super) now: TsNs,
    pub(super) wall: u64,
    pub(super) token: String,
    volume: u32,
}

pub(super) fn at(clock: &str) -> TsNs {
    times::parse(&format!("2026-08-07 {clock}")).unwrap()
}

fn spec(symbol: &str, token: u32, class: InstrumentClass, lot: i64, freeze: i64) -> InstrumentSpec {
    InstrumentSpec {
        symbol: symbol.into(),
        token,
        class,
        tradable: class != InstrumentClass::Index,
        lot: Qty(lot),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty(freeze),
        derivatives: false,
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let times = SessionTimes {
            date: 20_260_807,
            pre_open: at("09:00:00"),
            open: at("09:15:00"),
            close: at("15:30:00"),
            end: at("15:31:00"),
        };
        let listings = [
            spec("NSE:RELIANCE", SHARE, InstrumentClass::Equity, 1, 0),
            spec("NFO:NIFTY26AUGFUT", FUTURE, InstrumentClass::Future, 75, 1_800),
            spec("NSE:NIFTY 50", INDEX, InstrumentClass::Index, 1, 0),
        ];
        let listings = listings.map(Listing::of).into();
        let broker = Broker::new(config, listings, SessionPlan::from(times));
        let mut desk = Self { broker, now: at("09:15:00"), wall: 0, token: String::new(), volume: 0 };
        desk.token = desk.broker.login(desk.now);
        desk.tick(SHARE, 100_000, 0);
        desk.tick(FUTURE, 2_500_000, 0);
        desk
    }

    /// A packet: last price in paise ÷ 1 and what was traded since the one before it; a second passes.
    pub(super) fn tick(&mut self, token: u32, raw: u32, traded: u32) {
        self.now = self.now.plus(NS_PER_S);
        self.volume += traded;
        let mut packet = [0_u8; 184];
        let seconds = u32::try_from(self.now.0 / NS_PER_S).unwrap();
        let words =
            [(0, token), (4, raw), (8, 1), (12, raw), (16, self.volume + 1), (28, raw), (32, raw), (36, raw)];
        for (place, word) in words.into_iter().chain([(40, 99_000), (60, seconds)]) {
            packet[place..place + 4].copy_from_slice(&word.to_be_bytes());
        }
        let mut frame = vec![0, 1, 0, 184];
        frame.extend_from_slice(&packet);
        self.broker.frame(self.now, &frame);
    }

    pub(super) fn pass_to(&mut self, clock: &str) {
        self.now = at(clock);
        self.broker.advance(self.now);
    }

    /// Status and JSON of an answer; two seconds of wall time pass, so that no limit is met.
    pub(super) fn ask(&mut self, method: &str, path: &str, text: &str) -> (u16, Value) {
        self.wall += 2 * NS_PER_S;
        self.ask_now(method, path, text)
    }

    pub(super) fn ask_now(&mut self, method: &str, path: &str, text: &str) -> (u16, Value) {
        let header = format!("token demo:{}", self.token);
        let in_query = matches!(method, "GET" | "DELETE");
        let (query, body) = if in_query { (text, "") } else { ("", text) };
        let request = Request { method, path, query, authorization: Some(&header), body: body.as_bytes() };
        let answer = self.broker.handle(self.now, self.wall, &request);
        let value = serde_json::from_str(&answer.body).unwrap_or(Value::String(answer.body.clone()));
        (answer.status, value)
    }

    /// The data of an answer that must be a success.
    pub(super) fn get(&mut self, path: &str, query: &str) -> Value {
        let (status, answer) = self.ask("GET", path, query);
        assert_eq!((status, answer["status"].as_str()), (200, Some("success")), "{path}: {answer}");
        answer["data"].clone()
    }

    /// Places an order for the share, with these fields over the usual ones; its id.
    pub(super) fn place(&mut self, fields: &str) -> String {
        let (status, answer) = self.ask("POST", "/orders/regular", &form(fields));
        assert_eq!(status, 200, "{answer}");
        answer["data"]["order_id"].as_str().unwrap().to_owned()
    }

    pub(super) fn statuses(&mut self, id: &str) -> Vec<String> {
        let history = self.get(&format!("/orders/{id}"), "");
        history.as_array().unwrap().iter().map(|o| o["status"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn order(&mut self, id: &str) -> Value {
        let all = self.get("/orders", "");
        all.as_array().unwrap().iter().find(|order| order["order_id"] == id).unwrap().clone()
    }

    pub(super) fn postbacks(&mut self) -> Vec<Value> {
        self.broker.take_postbacks().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

/// A limit order to buy ten shares for 999.00 within the day, with these fields over it.
pub(super) fn form(fields: &str) -> String {
    let usual = "exchange=NSE&tradingsymbol=RELIANCE&transaction_type=BUY&order_type=LIMIT&product=MIS&quantity=10\
                 &price=999&validity=DAY";
    format!("{fields}&{usual}")
}

#[test]
fn a_login_needs_its_checksum_and_gives_the_token_that_opens_everything() {
    let mut desk = Desk::new();
    let checksum = sha256_hex(&["demo", "demo", "demo"]);
    let text = |sum: &str| format!("api_key=demo&request_token=demo&checksum={sum}");
    desk.token = String::new();
    assert_eq!(desk.ask("GET", "/orders", "").1["error_type"], "TokenException");
    let (status, answer) = desk.ask("POST", "/session/token", &text("no"));
    assert_eq!((status, &answer["error_type"]), (403, &Value::from("TokenException")));
    let (status, answer) = desk.ask("POST", "/session/token", &text(&checksum));
    assert_eq!(status, 200, "{answer}");
    desk.token = answer["data"]["access_token"].as_str().unwrap().to_owned();
    assert_eq!(answer["data"]["login_time"], "2026-08-07 09:15:02");
    assert_eq!(desk.ask("GET", "/user/profile", "").1["data"]["user_id"], "DEMO01");
    let logout = format!("api_key=demo&access_token={}", desk.token);
    assert_eq!(desk.ask("DELETE", "/session/token", &logout).1["data"], true);
    assert_eq!(desk.ask("GET", "/user/profile", "").0, 403);
}

#[test]
fn limits_answer_429_with_the_brokers_error() {
    let mut desk = Desk::new();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(desk.ask_now("POST", "/orders/regular", &form("")).0);
    }
    assert_eq!(statuses, [vec![200; 10], vec![429; 2]].concat());
    let (_, answer) = desk.ask_now("POST", "/orders/regular", &form(""));
    assert_eq!(answer["error_type"], "NetworkException");
    assert_eq!(desk.ask_now("GET", "/quote", "i=NSE:RELIANCE").0, 200);
    assert_eq!(desk.ask_now("GET", "/quote/ltp", "i=NSE:RELIANCE").0, 429);
    let day = Config {
        allowed: crate::limits::Allowed { orders_per_day: 2, ..Default::default() },
        ..Config::default()
    };
    let mut desk = Desk::with(day);
    let placed: Vec<u16> = (0..3).map(|_| desk.ask("POST", "/orders/regular", &form("")).0).collect();
    assert_eq!(placed, [200, 200, 429]);
}

#[test]
fn the_same_requests_at_the_same_times_give_the_same_bytes() {
    let day = || {
        let mut desk = Desk::new();
        let id = desk.place("");
        desk.place("transaction_type=SELL&price=1000");
        for step in 0..50 {
            desk.tick(SHARE, 100_000 - step * 5, 100);
        }
        desk.ask("DELETE", &format!("/orders/regular/{id}"), "");
        let posted = desk.broker.take_postbacks();
        (desk.get("/orders", "").to_string(), desk.get("/trades", "").to_string(), posted)
    };
    assert_eq!(day(), day());
}
