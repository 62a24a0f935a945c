//! What is only read: quotes, candles, instruments, positions, money, the ticker.

use super::*;
use crate::ticker::{Reply, Ticker};
use pitlane_engine::charges::{Exchange, Segment, Tariff};
use pitlane_engine::event::Side;
use pitlane_engine::units::Money;

#[test]
fn quotes_show_the_newest_packet() {
    let mut desk = Desk::new();
    desk.tick(SHARE, 100_105, 500);
    let quote = desk.get("/quote", "i=NSE:RELIANCE&i=NSE:NOBODY&i=NSE%3ANIFTY+50");
    let share = &quote["NSE:RELIANCE"];
    assert_eq!((&share["last_price"], &share["volume"]), (&Value::from(1001.05), &Value::from(501)));
    assert_eq!((&share["ohlc"]["close"], &share["net_change"]), (&Value::from(990), &Value::from(11.05)));
    assert_eq!(
        (&share["timestamp"], &share["last_trade_time"]),
        (&Value::from("2026-08-07 09:15:03"), &Value::Null)
    );
    assert_eq!(share["depth"]["sell"].as_array().unwrap().len(), 5);
    assert_eq!((quote.as_object().unwrap().len(), &share["lower_circuit_limit"]), (1, &Value::from(792)));
    assert_eq!(desk.get("/quote/ltp", "i=738561")["738561"]["last_price"], 1001.05);
    assert_eq!(desk.get("/quote/ohlc", "i=NSE:RELIANCE")["NSE:RELIANCE"]["ohlc"]["open"], 1001.05);
    let many: Vec<String> = (0..501).map(|n| format!("i=NSE:{n}")).collect();
    assert_eq!(desk.ask("GET", "/quote", &many.join("&")).0, 400);
    assert_eq!(desk.ask("GET", "/quote", "").0, 400);
}

#[test]
fn candles_are_the_engines_bars_and_the_running_one_is_unfinished() {
    let mut desk = Desk::new();
    for second in 0..130 {
        desk.tick(SHARE, 100_000 + second * 5, 10);
    }
    let span = "from=2026-08-07+09%3A15%3A00&to=2026-08-07+09%3A20%3A00";
    let answer = desk.get(&format!("/instruments/historical/{SHARE}/minute"), span);
    let candles = answer["candles"].as_array().unwrap();
    assert_eq!(candles.len(), 3);
    // Seconds 1 and 3 to 59 of the first minute: prices 1000.00 to 1002.80; the first packet's volume only seeds.
    assert_eq!(candles[0].to_string(), r#"["2026-08-07T09:15:00+0530",1000,1002.8,1000,1002.8,570]"#);
    assert_eq!(candles[1].to_string(), r#"["2026-08-07T09:16:00+0530",1002.85,1005.8,1002.85,1005.8,600]"#);
    assert_eq!(candles[2][0], "2026-08-07T09:17:00+0530");
    let five = desk.get(&format!("/instruments/historical/{SHARE}/5minute"), &format!("{span}&oi=1"));
    assert_eq!(
        (five["candles"].as_array().unwrap().len(), five["candles"][0].as_array().unwrap().len()),
        (1, 7)
    );
    assert_eq!(five["candles"][0][1], 1000);
    let day = desk.get(&format!("/instruments/historical/{SHARE}/day"), "from=2026-08-07&to=2026-08-07");
    assert_eq!(day["candles"][0][0], "2026-08-07T00:00:00+0530");
    for (path, query) in [
        (format!("/instruments/historical/{SHARE}/2minute"), span),
        ("/instruments/historical/1/minute".to_owned(), span),
        (format!("/instruments/historical/{SHARE}/minute"), "from=2026-08-07"),
        (format!("/instruments/historical/{SHARE}/minute"), "from=2026-01-01&to=2026-08-07"),
        (format!("/instruments/historical/{SHARE}/minute"), "from=2026-08-07&to=2026-08-06"),
    ] {
        assert_eq!(desk.ask("GET", &path, query).0, 400, "{path} {query}");
    }
}

#[test]
fn contract_notes_are_the_engines_charges() {
    let mut desk = Desk::new();
    let cases = [
        ("NSE", "RELIANCE", "MIS", "SELL", "1501.35", 137, Segment::Intraday),
        ("NSE", "RELIANCE", "CNC", "BUY", "560", 1, Segment::Delivery),
        ("NFO", "NIFTY26AUGFUT", "NRML", "SELL", "24987.6", 75, Segment::Futures),
    ];
    for (exchange, symbol, product, side, price, quantity, segment) in cases {
        let body = format!(
            r#"[{{"order_id":"1","exchange":"{exchange}","tradingsymbol":"{symbol}","transaction_type":"{side}","variety":"regular",
               "product":"{product}","order_type":"LIMIT","quantity":{quantity},"average_price":{price}}}]"#
        );
        let (status, answer) = desk.ask("POST", "/charges/orders", &body);
        assert_eq!(status, 200, "{answer}");
        let value = Money(crate::decimal::parse(price).unwrap() * quantity);
        let engine_side = if side == "BUY" { Side::Buy } else { Side::Sell };
        let expected = Tariff::new(Exchange::Nse, segment, 20_260_807).order(engine_side, value);
        let charges = &answer["data"][0]["charges"];
        let shown = |path: &str| crate::decimal::parse(&charges.pointer(path).unwrap().to_string()).unwrap();
        let parts = [
            ("/transaction_tax", expected.stt),
            ("/exchange_turnover_charge", expected.exchange),
            ("/sebi_turnover_charge", expected.sebi),
            ("/brokerage", expected.brokerage),
            ("/stamp_duty", expected.stamp),
            ("/gst/total", expected.gst),
            ("/total", expected.total()),
        ];
        for (path, part) in parts {
            assert_eq!(shown(path), part.0, "{symbol} {path}");
        }
        let (_, margins) = desk.ask("POST", "/margins/orders", &body.replace("average_price", "price"));
        let share = if product == "CNC" {
            10_000
        } else if product == "MIS" {
            2_000
        } else {
            1_500
        };
        let total = crate::decimal::parse(&margins["data"][0]["total"].to_string()).unwrap();
        assert_eq!(total, value.bps(share).0, "{symbol}");
        assert_eq!(margins["data"][0]["charges"]["total"], charges["total"]);
        let (_, basket) = desk.ask("POST", "/margins/basket", &body.replace("average_price", "price"));
        assert_eq!(basket["data"]["final"]["total"], margins["data"][0]["total"]);
    }
    for body in ["", "{}", "[1]", r#"[{"exchange":"NSE"}]"#] {
        assert_eq!(desk.ask("POST", "/charges/orders", body).0, 400, "{body}");
    }
}

#[test]
fn positions_and_money_follow_from_the_trades() {
    let mut desk = Desk::new();
    desk.place("price=1001&quantity=100");
    desk.tick(SHARE, 101_000, 1_000);
    desk.place("price=1000&quantity=40&transaction_type=SELL");
    let position = desk.get("/portfolio/positions", "")["net"][0].clone();
    assert_eq!(
        (&position["quantity"], &position["average_price"]),
        (&Value::from(60), &Value::from(1000.05))
    );
    // 40 × 1009.95 − 100 × 1000.05 + 60 × 1010
    assert_eq!((&position["pnl"], &position["last_price"]), (&Value::from(993), &Value::from(1010)));
    let margins = desk.get("/user/margins/equity", "");
    let blocked = 60 * 1010 / 5;
    assert_eq!(margins["utilised"]["exposure"], blocked);
    let net = Money::rupees(1_000_000) + Money::rupees(993 - blocked) - desk.broker.charged();
    assert_eq!(crate::decimal::parse(&margins["net"].to_string()), Some(net.0));
    assert!(desk.broker.charged() > Money::ZERO);

    let convert = "exchange=NSE&tradingsymbol=RELIANCE&transaction_type=BUY&position_type=day&old_product=MIS&new_product=CNC";
    assert_eq!(desk.ask("PUT", "/portfolio/positions", &format!("{convert}&quantity=61")).0, 400);
    assert_eq!(desk.ask("PUT", "/portfolio/positions", &format!("{convert}&quantity=50")).1["data"], true);
    let net = desk.get("/portfolio/positions", "")["net"].clone();
    let held: Vec<i64> = net.as_array().unwrap().iter().map(|p| p["quantity"].as_i64().unwrap()).collect();
    assert_eq!(held, [50, 10]);
    assert_eq!((net[0]["average_price"].as_f64(), net[0]["product"].as_str()), (Some(1000.05), Some("CNC")));
}

#[test]
fn instruments_are_the_brokers_csv() {
    let mut desk = Desk::new();
    let (_, text) = desk.ask("GET", "/instruments/NFO", "");
    let rows: Vec<&str> = text.as_str().unwrap().lines().collect();
    assert_eq!(rows[1..], ["25602,100,NIFTY26AUGFUT,,0,,0,0.05,75,FUT,NFO-FUT,NFO"]);
    let (_, text) = desk.ask("GET", "/instruments", "");
    assert_eq!(text.as_str().unwrap().lines().count(), 4);
    for path in ["/", "/nothing", "/orders/1/2/3", "/user/margins/gold"] {
        assert_eq!(desk.ask("GET", path, "").0, 404, "{path}");
    }
    assert_eq!(desk.ask("POST", "/quote", "").0, 405);
    assert_eq!(desk.get("/portfolio/holdings", ""), Value::Array(Vec::new()));
}

fn frame(reply: &Reply) -> &[u8] {
    match reply {
        Reply::Frame(bytes) => bytes,
        Reply::Text(text) => panic!("{text}"),
    }
}

#[test]
fn the_ticker_sends_what_was_asked_for() {
    let mut desk = Desk::new();
    let mut ticker = Ticker::new();
    let market = desk.broker.market();
    let replies = ticker.on_text(market, &format!(r#"{{"a":"subscribe","v":[{SHARE},{INDEX},7]}}"#), |_| {});
    // The index had no packet yet, and nobody knows token 7.
    assert_eq!((replies.len(), frame(&replies[0]).len()), (1, 2 + 2 + 44));
    let replies = ticker.on_text(market, &format!(r#"{{"a":"mode","v":["full",[{SHARE}]]}}"#), |_| {});
    assert_eq!(frame(&replies[0]).len(), 2 + 2 + 184);
    ticker.on_text(market, &format!(r#"{{"a":"mode","v":["ltp",[{SHARE},{FUTURE}]]}}"#), |_| {});
    assert_eq!(ticker.len(), 3, "a mode subscribes nothing");
    desk.tick(SHARE, 100_500, 1);
    let sent = ticker.on_frame(desk.broker.market(), &[SHARE, FUTURE]).unwrap();
    assert_eq!(sent, [&[0, 1, 0, 8][..], &SHARE.to_be_bytes(), &100_500_u32.to_be_bytes()].concat());
    ticker.on_text(desk.broker.market(), &format!(r#"{{"a":"unsubscribe","v":[{SHARE}]}}"#), |_| {});
    assert_eq!(ticker.on_frame(desk.broker.market(), &[SHARE]), None);
    for rubbish in
        ["", "{", r#"{"a":"sing"}"#, r#"{"a":"mode","v":["loud",[1]]}"#, r#"{"a":"subscribe","v":"all"}"#]
    {
        for reply in ticker.on_text(desk.broker.market(), rubbish, |_| {}) {
            assert!(matches!(reply, Reply::Text(text) if text.contains("\"type\":\"error\"")), "{rubbish}");
        }
    }
    let many: Vec<String> = (0..3_001).map(|n| n.to_string()).collect();
    let mut ticker = Ticker::new();
    let text = format!(r#"{{"a":"subscribe","v":[{}]}}"#, many.join(","));
    let replies = ticker.on_text(desk.broker.market(), &text, |_| {});
    assert_eq!((ticker.len(), replies.len()), (3_000, 1));
}
