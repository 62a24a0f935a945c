//! Recorded answers of the broker, and broken ones.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{Event, FLAG_OUT, Intent, Order, OrderType, Side, Validity};
use pitlane_engine::units::{InstrumentId, NS_PER_S, OrderId, Price, Qty, Seq, StrategyId};
use pitlane_kite_gateway::Gateway;
use pitlane_kite_gateway::call::{Answer, CallKind};
use pitlane_kite_gateway::instruments::{Instruments, Listed, Product};
use pitlane_kite_gateway::settings::Settings;
use pitlane_kite_gateway::wire::{self, Said};
use std::path::PathBuf;

const START: u64 = 1_795_235_400 * NS_PER_S;

fn mocks() -> Option<Vec<(String, Vec<u8>)>> {
    let data = std::env::var("PITLANE_DATA").unwrap_or_else(|_| "../shared/data".into());
    let dir =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(data).join("kite/kiteconnect-mocks");
    if !dir.is_dir() {
        println!("skipped: no shared data");
        return None;
    }
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    Some(files)
}

fn done<T>(said: Said<T>) -> T {
    match said {
        Said::Done(data) => data,
        Said::Refused(refusal) => panic!("{refusal:?}"),
    }
}

#[test]
fn every_recorded_answer_is_read() {
    let Some(files) = mocks() else { return };
    assert!(files.len() >= 50, "{} files", files.len());
    let get = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap().1;
    for (name, body) in &files {
        // The ticker's recordings, the webhook and one of mutual funds have no envelope.
        if name.starts_with("ticker") || name == "postback" || name == "mf_sips" {
            continue;
        }
        assert!(wire::check(body).is_ok(), "{name}: {:?}", wire::check(body));
    }
    let orders = done(wire::orders(get("orders")).unwrap());
    assert!(orders.rows.len() >= 5 && orders.unreadable == 0, "{orders:?}");
    assert!(orders.rows.iter().any(|row| row.tags.len() > 1), "tags are read");
    let history = done(wire::orders(get("order_info")).unwrap());
    assert!(history.rows.len() >= 4 && history.unreadable == 0);
    for name in ["trades", "order_trades"] {
        let trades = done(wire::trades(get(name)).unwrap());
        assert!(!trades.rows.is_empty() && trades.unreadable == 0, "{name}");
    }
    assert_eq!(done(wire::trades(get("trades")).unwrap()).rows[1].price, 727_550);
    let positions = done(wire::positions(get("positions")).unwrap());
    assert_eq!((positions.rows.len(), positions.unreadable, positions.rows[0].quantity), (3, 0, 1));
    for name in ["order_response", "order_cancel", "order_modify"] {
        assert_eq!(done(wire::order_id(get(name)).unwrap()), "151220000000000", "{name}");
    }
    assert_eq!(done(wire::order_id(get("autoslice_response")).unwrap()), "1914227164488687616");
    let postback = wire::order_object(std::str::from_utf8(get("postback")).unwrap()).unwrap();
    assert_eq!(
        (postback.status.as_str(), postback.filled, postback.symbol.as_str()),
        ("COMPLETE", 1, "SBIN")
    );
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn mutated(body: &[u8], rng: &mut Rng) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"null",
        b"-1",
        b"1e308",
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\\u0000",
        b"99999999999999999999",
        b"\xff",
        b"COMPLETE",
    ];
    let mut body = body.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(body.len().max(1));
        match rng.below(5) {
            0 => body.truncate(at),
            1 if !body.is_empty() => body[at] ^= 1 << rng.below(8),
            2 if !body.is_empty() => drop(body.remove(at)),
            3 => {
                let piece = PIECES[rng.below(PIECES.len())];
                drop(body.splice(at..at, piece.iter().copied()));
            }
            _ if !body.is_empty() => {
                let end = (at + rng.below(40)).min(body.len());
                drop(body.splice(at..end, PIECES[rng.below(PIECES.len())].iter().copied()));
            }
            _ => {}
        }
    }
    body
}

fn gateway() -> Gateway {
    let listed = Listed {
        instrument: InstrumentId(0),
        exchange: "NSE".into(),
        symbol: "SBIN".into(),
        class: InstrumentClass::Equity,
        product: Product::Mis,
        tick: 500,
        lot: 1,
        multiplier: 1,
        freeze: 0,
        tradable: true,
    };
    let mut gateway = Gateway::new(Settings::default(), Instruments::new([listed]), 7, START).unwrap();
    let body = Order {
        id: OrderId(256),
        signal: 0,
        quantity: Qty(10),
        price: Price(4_700_000),
        trigger: Price(0),
        disclosed: Qty(0),
        strategy: StrategyId(0),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        validity: Validity::Day as u8,
        intent: Intent::Flatten as u8,
        flags: 0,
        reserved: [0; 41],
    };
    let mut event = Event::new(InstrumentId(0), FLAG_OUT, &body);
    event.header.seq = Seq(1);
    gateway.on_durable(Seq(1));
    gateway.on_intent(&event);
    gateway
}

/// A gateway with one order gets broken answers to everything it asks. Whatever they are: no panic, no fill that exceeds
/// the order, and from bodies that do not name its order or tag no report but UNKNOWN.
#[test]
fn rubbish_makes_no_report() {
    let Some(files) = mocks() else { return };
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let texts = if long { 1_000_000 } else { 100_000 };
    let seed = 20_261_121;
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let (mut gateway, mut now, mut unknown) = (gateway(), START, 0);
    for round in 0..texts {
        let mut ended = false;
        now += NS_PER_S;
        gateway.on_tick(now);
        let (_, file) = &files[rng.below(files.len())];
        let body = mutated(file, &mut rng);
        if let Ok(text) = std::str::from_utf8(&body)
            && let Some(row) = wire::order_object(text)
        {
            gateway.on_update(&row);
        }
        for read in [wire::orders, |body: &[u8]| wire::orders(body)] {
            drop(read(&body));
        }
        drop((wire::trades(&body), wire::positions(&body), wire::order_id(&body)));
        while let Some(call) = gateway.next_call() {
            // A placement gets a lost answer, or else it would be taken under whatever id it reads.
            let status = if matches!(call.kind, CallKind::Place(_)) { 502 } else { 200 };
            gateway.on_answer(call.id, Ok(Answer { status, body: body.clone() }));
        }
        while let Some(report) = gateway.next_report() {
            let report = report.body::<pitlane_engine::event::Report>();
            // A text may be cut down to a whole, empty list; enough of those prove that the order never was.
            let never_was = (report.state, report.reason) == (5, 24);
            assert!(report.filled.0 == 0 && (report.state == 7 || never_was), "round {round}: {report:?}");
            unknown += u32::from(report.state == 7);
            ended |= never_was;
        }
        if ended {
            gateway = self::gateway();
        }
        while gateway.next_note().is_some() {}
    }
    assert!(unknown >= 1, "a lost answer makes UNKNOWN");
}
