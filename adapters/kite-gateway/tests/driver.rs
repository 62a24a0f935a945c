//! The thread itself: its time, and its end by a bug.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::event::{Event, Report, Side};
use pitlane_engine::units::{InstrumentId, Money, NS_PER_S, OrderId, Qty, Seq, StrategyId, TsNs};
use pitlane_kite_gateway::Gateway;
use pitlane_kite_gateway::driver::{GatewayThread, Rescue, Rings, Start};
use pitlane_kite_gateway::gateway::Note;
use pitlane_kite_gateway::instruments::Instruments;
use pitlane_kite_gateway::session::{Secret, Session};
use pitlane_kite_gateway::settings::Settings;
use pitlane_kite_gateway::tag::Tags;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

const START: u64 = 1_795_235_400 * NS_PER_S;

fn start(gateway: Gateway, root: &str, now: u64, intent: Option<Event>) -> GatewayThread {
    let session = Session {
        api_key: "key".into(),
        user_id: "AB1234".into(),
        access_token: Secret::new("token"),
        made_ns: now,
        expires_ns: now + 3_600 * NS_PER_S,
    };
    let (mut to_gateway, intents) = rtrb::RingBuffer::new(4);
    intent.into_iter().for_each(|intent| to_gateway.push(intent).unwrap());
    let (_updates, updates) = rtrb::RingBuffer::new(4);
    let (reports, _reports) = rtrb::RingBuffer::new(4);
    let start = Start { gateway, root: root.to_owned(), session };
    GatewayThread::start(start, Rings { intents, updates, reports }, || 0).unwrap()
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
    let thread = start(gateway, &root, now, Some(Event::new(InstrumentId(0), 0, &report)));
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
    let thread = start(gateway, &format!("http://{closed}"), ahead, None);
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
