//! The thread itself: its time, what it hands on, and its end by a bug.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{Event, FLAG_OUT, Intent, Order, OrderState, OrderType, Report, Side, Validity};
use pitlane_engine::units::{
    InstrumentId, Money, NS_PER_MS, NS_PER_S, OrderId, Price, Qty, Seq, StrategyId, TsNs,
};
use pitlane_kite_gateway::Gateway;
use pitlane_kite_gateway::driver::{GatewayThread, Rescue, Rings, Start};
use pitlane_kite_gateway::gateway::{Difference, Note, Restored, Terms, Verdict, Wanted};
use pitlane_kite_gateway::instruments::{Instruments, Listed, Product};
use pitlane_kite_gateway::session::{Secret, Session};
use pitlane_kite_gateway::settings::Settings;
use pitlane_kite_gateway::tag::Tags;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

const START: u64 = 1_795_235_400 * NS_PER_S;

fn start(gateway: Gateway, root: &str, intent: Option<Event>) -> GatewayThread {
    start_with(gateway, root, intent, 4, || 0).0
}

/// A thread with a request, room for so many reports, and what says how far the journal is durable.
fn start_with(
    gateway: Gateway,
    root: &str,
    intent: Option<Event>,
    room: usize,
    durable: impl Fn() -> u64 + Send + 'static,
) -> (GatewayThread, rtrb::Consumer<Event>) {
    let session = Session {
        api_key: "key".into(),
        user_id: "AB1234".into(),
        access_token: Secret::new("token"),
        made_ns: START,
        expires_ns: u64::MAX,
    };
    let (mut to_gateway, intents) = rtrb::RingBuffer::new(4);
    intent.into_iter().for_each(|intent| to_gateway.push(intent).unwrap());
    let (_updates, updates) = rtrb::RingBuffer::new(4);
    let (reports, to_engine) = rtrb::RingBuffer::new(room);
    let start = Start { gateway, root: root.to_owned(), session };
    (GatewayThread::start(start, Rings { intents, updates, reports }, durable).unwrap(), to_engine)
}

/// A broker that has one working order with this tag, until it is cancelled. Tells what was cancelled.
fn broker(tag: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let (cancelled, cancels) = channel();
    std::thread::spawn(move || {
        let mut status = "OPEN";
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut buffer) = (String::new(), [0; 4_096]);
            while !request.contains("\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            let order = |tag: &str| {
                format!(
                    r#"{{"order_id":"1001","status":"{status}","exchange":"NSE","tradingsymbol":"AAA",
                    "transaction_type":"SELL","quantity":10,"filled_quantity":0,"average_price":0,"tag":"{tag}"}}"#
                )
            };
            let data = if let Some(rest) = request.strip_prefix("DELETE ") {
                status = "CANCELLED";
                cancelled.send(rest.split(' ').next().unwrap().to_owned()).unwrap();
                r#"{"order_id":"1001"}"#.to_owned()
            } else if request.starts_with("GET /orders ") {
                // Somebody else's works too, and is none of ours.
                format!("[{},{}]", order(&tag), order("byhand").replace("1001", "2002"))
            } else {
                "[]".to_owned()
            };
            let body = format!(r#"{{"status":"success","data":{data}}}"#);
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
            stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        }
    });
    (root, cancels)
}

#[test]
fn a_panic_leaves_no_order_of_ours_working() {
    let now = START;
    let (root, cancels) = broker(Tags::new(7).of(OrderId(256)));
    let gateway = Gateway::new(Settings::default(), Instruments::default(), 7, now).unwrap();
    let report = Report {
        order: OrderId(256),
        cause: Seq(1),
        vtime: TsNs(now),
        filled: Qty(0),
        filled_value: Money(0),
        quantity: Qty(10),
        number: 1,
        strategy: StrategyId(0),
        state: 1,
        reason: 0,
        side: Side::Sell as u8,
        reserved: [0; 39],
    };
    // Nothing that an engine asks of a broker: it panics, as it does on any bug, before its first call.
    let thread = start(gateway, &root, Some(Event::new(InstrumentId(0), 0, &report)));
    assert_eq!(cancels.recv_timeout(Duration::from_secs(60)).unwrap(), "/orders/regular/1001");
    let shared = std::sync::Arc::clone(thread.shared());
    assert!(thread.join().is_err(), "it goes on as a panic");
    assert_eq!(shared.rescue(), Some(Rescue::NoneWorks));
    let said = shared.take_notes();
    assert!(
        said.iter().any(|note| matches!(note, Note::AfterPanic(said) if said.contains("1001"))),
        "{said:?}"
    );
    assert!(cancels.try_recv().is_err(), "once, and nobody else's");
}

/// The system's clock was an hour ahead when the gateway began, and was corrected: its time has to go on all the same, or
/// its limits and its repetitions stand for an hour.
#[test]
fn the_gateways_time_goes_on_when_the_systems_clock_steps_back() {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let ahead = u64::try_from(wall).unwrap() + 3_600 * NS_PER_S;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::new(Settings::default(), Instruments::default(), 7, ahead).unwrap();
    let thread = start(gateway, &format!("http://{closed}"), None);
    let (mut failed, begun) = (0, Instant::now());
    // Three questions fail at once; the next three come a second later, if the second passes.
    while failed < 6 {
        let notes = thread.shared().take_notes();
        failed += notes.iter().filter(|note| matches!(note, Note::Failed { .. })).count();
        assert!(begun.elapsed() < Duration::from_secs(60), "{failed} questions, and its time stands");
        std::thread::sleep(Duration::from_millis(10));
    }
    thread.join().unwrap();
}

/// An instrument of the broker below.
fn instruments() -> Instruments {
    Instruments::new([Listed {
        instrument: InstrumentId(0),
        exchange: "NSE".into(),
        symbol: "AAA".into(),
        class: InstrumentClass::Equity,
        product: Product::Mis,
        tick: 500,
        lot: 1,
        multiplier: 1,
        freeze: 0,
        tradable: true,
    }])
}

/// A broker with nothing, to which only the token `token` is known, and what was placed there.
fn empty_broker(token: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let (placed, places) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, placed) = (stream.unwrap(), placed.clone());
            std::thread::spawn(move || {
                let (mut request, mut buffer) = (String::new(), [0; 4_096]);
                while !request.contains("\r\n\r\n") {
                    let read = stream.read(&mut buffer).unwrap();
                    request.push_str(&String::from_utf8_lossy(&buffer[..read]));
                }
                let (status, body) = if !request.contains(&format!("token key:{token}\r\n")) {
                    ("403 Forbidden", r#"{"status":"error","message":"x","error_type":"TokenException"}"#)
                } else if request.starts_with("POST ") {
                    placed.send(request).unwrap();
                    ("200 OK", r#"{"status":"success","data":{"order_id":"1001"}}"#)
                } else if request.starts_with("GET /portfolio/positions ") {
                    ("200 OK", r#"{"status":"success","data":{"net":[]}}"#)
                } else {
                    ("200 OK", r#"{"status":"success","data":[]}"#)
                };
                let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length:");
                stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
            });
        }
    });
    (root, places)
}

/// A gateway that looks at its account every second.
fn quick() -> Gateway {
    let settings = Settings {
        reconcile_every: NS_PER_S,
        quiet: NS_PER_MS,
        position_strikes: 1,
        entry_wait: 600 * NS_PER_S,
        ..Settings::default()
    };
    Gateway::new(settings, instruments(), 7, START).unwrap()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_others_ask_of_the_thread_comes_to_its_gateway() {
    let (root, _places) = empty_broker("token");
    let thread = start(quick(), &root, None);
    let shared = thread.shared();
    wait_until("armed", || shared.figures().armed);
    shared.reconnected();
    let interrupted = Note::Disarmed("order updates were interrupted");
    wait_until("interrupted", || shared.take_notes().contains(&interrupted));
    wait_until("armed again", || shared.figures().armed);
    let ledger = Difference::Ledger { instrument: InstrumentId(0), expected: 0, engine: 5 };
    wait_until("positions compared", || {
        shared.set_ledger(vec![(InstrumentId(0), Qty(5))]);
        shared.take_notes().contains(&Note::Difference(ledger.clone(), true))
    });
    assert_eq!(shared.figures().verdict, Verdict::Halt);
    shared.set_ledger(Vec::new());
    shared.resume();
    shared.latch();
    wait_until("latched", || shared.figures().latched);
    assert_ne!(shared.figures().verdict, Verdict::Halt);
    thread.join().unwrap();
}

#[test]
fn a_new_session_is_gone_on_with() {
    let (root, _places) = empty_broker("another");
    let thread = start(quick(), &root, None);
    wait_until("a dead token", || thread.shared().figures().token_dead);
    let session = Session {
        api_key: "key".into(),
        user_id: "AB1234".into(),
        access_token: Secret::new("another"),
        made_ns: START,
        expires_ns: u64::MAX,
    };
    thread.set_session(&session);
    wait_until("armed", || thread.shared().figures().armed);
    thread.join().unwrap();
}

fn entry() -> Wanted {
    Wanted {
        id: OrderId(256),
        instrument: InstrumentId(0),
        strategy: StrategyId(0),
        cause: Seq(5),
        side: Side::Buy,
        order_type: OrderType::Limit,
        validity: Validity::Day,
        intent: Intent::Entry,
        terms: Terms { quantity: 10, price: 1_000_000, trigger: 0, disclosed: 0 },
    }
}

#[test]
fn an_order_leaves_when_its_cause_is_durable() {
    let (root, places) = empty_broker("token");
    let wanted = entry();
    let body = Order {
        id: wanted.id,
        signal: 0,
        quantity: Qty(10),
        price: Price(1_000_000),
        trigger: Price(0),
        disclosed: Qty(0),
        strategy: StrategyId(0),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        validity: Validity::Day as u8,
        intent: Intent::Entry as u8,
        flags: 0,
        reserved: [0; 41],
    };
    let mut event = Event::new(InstrumentId(0), FLAG_OUT, &body);
    event.header.seq = wanted.cause;
    let durable = Arc::new(AtomicU64::new(4));
    let asked = Arc::clone(&durable);
    let thread = start_with(quick(), &root, Some(event), 4, move || asked.load(Ordering::SeqCst)).0;
    let figures = || thread.shared().figures();
    wait_until("armed", || figures().armed && figures().waiting == 1);
    let rounds = figures().rounds;
    wait_until("it goes round", || figures().rounds > rounds + 20);
    assert!(places.try_recv().is_err());
    durable.store(5, Ordering::SeqCst);
    assert!(places.recv_timeout(Duration::from_secs(60)).unwrap().starts_with("POST /orders/regular "));
    thread.join().unwrap();
}

#[test]
fn reports_wait_in_order_for_room() {
    let restored = (1..=5).map(|number| Restored {
        wanted: Wanted { id: OrderId(256 * number), ..entry() },
        quantity_before: 0,
        filled: 0,
        value: 0,
        reports: 1,
        acknowledged: true,
        cancelling: false,
    });
    let mut gateway = quick();
    gateway.restore(restored, []);
    let (thread, mut reports) = start_with(gateway, "http://127.0.0.1:1", None, 1, || 0);
    let mut seen = Vec::new();
    for _ in 0..5 {
        let rounds = thread.shared().figures().rounds;
        wait_until("it goes round", || thread.shared().figures().rounds > rounds + 3);
        wait_until("a report", || {
            reports.pop().is_ok_and(|event| {
                let report = event.body::<Report>();
                assert_eq!(report.state, OrderState::Unknown as u8);
                seen.push(report.order.0 / 256);
                true
            })
        });
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    thread.join().unwrap();
}
