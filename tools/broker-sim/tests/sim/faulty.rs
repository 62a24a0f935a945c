//! Every fault, seen from a client's side.

use super::*;

fn faults(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("faults.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

fn rules(rules: &[(&str, &str, &str)]) -> String {
    rules
        .iter()
        .map(|(on, fault, more)| format!("[[rule]]\non = \"{on}\"\ndo = \"{fault}\"\n{more}\n"))
        .collect()
}

#[test]
fn calls_go_wrong_in_every_way() {
    let (_dir, path) = faults(&rules(&[
        ("place", "lose_answer", "nth = 1"),
        ("place", "accept_late", "nth = 2\nafter = \"400ms\""),
        ("place", "answer_twice", "nth = 3"),
        ("place", "fail", "nth = 4\nstatus = 503"),
        ("place", "html", "nth = 5"),
        ("place", "truncate", "nth = 6"),
        ("place", "drop", "nth = 7"),
        ("place", "fail", "nth = 8\nstatus = 429"),
        ("place", "html_after", "nth = 9\nstatus = 200"),
        ("place", "fail_after", "nth = 10"),
        ("place", "half_open", "nth = 11"),
        ("place", "hang", "nth = 12\nafter = \"200ms\""),
        ("place", "partial", "nth = 13\nquantity = 4"),
        ("cancel", "cancel_race", "nth = 1\nquantity = 5"),
        ("cancel", "cancel_race", "nth = 2\nquantity = 10"),
    ]));
    let sim = Sim::synthetic(&["--faults", &path, "--no-rate-limits"]);
    let low = sim.last_price() * 0.95;
    let soon = Duration::from_millis(700);
    // The two that fill stand before the others.
    let price =
        |tag: &str| low + ["t3", "t13"].iter().position(|one| *one == tag).map_or(0.0, |at| 1.0 + at as f64);
    let place = |tag: &str| sim.raw("POST", "/orders/regular", &buy(price(tag), tag), soon);
    let placed = |tag: &str| sim.tagged(tag).is_some();

    assert_eq!((place("t1").as_str(), placed("t1")), ("", true));
    let started = Instant::now();
    let stream = std::thread::scope(|scope| {
        let late = scope.spawn(|| place("t2"));
        until(|| placed("t2"));
        assert!(started.elapsed() >= Duration::from_millis(400), "it was not there at once");
        late.join().unwrap()
    });
    assert_eq!(stream, "");
    assert_eq!((place("t3").matches("HTTP/1.1 200").count(), placed("t3")), (2, true));
    let answer = place("t4");
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("NetworkException") && !placed("t4"),
        "{answer}"
    );
    let answer = place("t5");
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("text/html") && !placed("t5"), "{answer}");
    let answer = place("t6");
    let promised: usize =
        answer.split("Content-Length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let came = answer.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
    assert!(came < promised && placed("t6"), "{answer}");
    assert_eq!((place("t7").as_str(), placed("t7")), ("", false));
    assert!(place("t8").starts_with("HTTP/1.1 429") && !placed("t8"));
    let answer = place("t9");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("<html>") && placed("t9"), "{answer}");
    assert!(place("t10").starts_with("HTTP/1.1 504") && placed("t10"));
    assert_eq!((place("t11").as_str(), placed("t11")), ("", false), "open and silent");
    assert_eq!((place("t12").as_str(), placed("t12")), ("", false));

    place("t13");
    let order = sim.tagged("t13").unwrap();
    assert_eq!((order["status"].as_str(), order["filled_quantity"].as_i64()), (Some("OPEN"), Some(4)));
    let cancel = |order: &Value| {
        sim.ask("DELETE", &format!("/orders/regular/{}", order["order_id"].as_str().unwrap()), "")
    };
    assert_eq!(cancel(&order).0, 200);
    let order = sim.tagged("t13").unwrap();
    let cancelled = (order["filled_quantity"].as_i64(), order["cancelled_quantity"].as_i64());
    assert_eq!((order["status"].as_str(), cancelled), (Some("CANCELLED"), (Some(9), Some(1))));
    let (status, answer) = cancel(&sim.tagged("t3").unwrap());
    assert_eq!((status, answer["error_type"].as_str()), (400, Some("OrderException")), "it was filled first");
    assert_eq!(sim.tagged("t3").unwrap()["status"], "COMPLETE");
    assert_eq!(sim.orders().len(), 7);
}

#[test]
fn postbacks_are_early_late_doubled_lost_and_out_of_order() {
    let (_dir, path) = faults(&rules(&[
        ("place", "postback_first", "nth = 1\nafter = \"500ms\""),
        ("postback", "swap", "nth = 2"),
        ("postback", "twice", "nth = 4"),
        ("postback", "lose", "nth = 5"),
        ("postback", "delay", "nth = 6\nafter = \"600ms\""),
    ]));
    let sim = Sim::synthetic(&["--faults", &path, "--no-rate-limits"]);
    let mut socket = sim.socket().unwrap();
    let high = sim.last_price() * 1.01;
    let place = |tag: &str| sim.ok("POST", "/orders/regular", &buy(high, tag));
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| (place("p1"), Instant::now()));
        let heard = (socket.update(), Instant::now());
        let answer = answer.join().unwrap();
        assert_eq!(heard.0["order_id"], answer.0["order_id"]);
        assert!(heard.1 < answer.1, "before the answer");
    });
    let started = Instant::now();
    for tag in ["p2", "p3", "p4", "p5", "p6", "p7"] {
        place(tag);
    }
    let tags: Vec<String> = (0..6).map(|_| socket.update()["tag"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tags, ["p3", "p2", "p4", "p4", "p7", "p6"]);
    assert!(started.elapsed() >= Duration::from_millis(600));
}

#[test]
fn sockets_are_refused_stale_frozen_dropped_and_silent() {
    // A market minute is a wall second.
    let (_dir, path) = faults(&rules(&[
        ("connect", "refuse", "nth = 1"),
        ("connect", "stale_first", "nth = 2\nage = \"1h\""),
        ("clock", "freeze", "at = \"09:24:00\"\nafter = \"5s\""),
        ("clock", "half_open_sockets", "at = \"09:30:00\""),
        ("clock", "drop_sockets", "at = \"09:35:00\""),
        ("clock", "amnesia", "at = \"09:38:00\""),
        ("clock", "token_dead", "at = \"09:40:00\""),
    ]));
    let sim = Sim::start(&[
        "--synthetic",
        "--from",
        "09:22",
        "--speed",
        "x60",
        "--faults",
        &path,
        "--no-rate-limits",
    ]);
    assert_eq!(sim.socket().err(), Some(403));
    let mut socket = sim.socket().unwrap();
    socket.say("{\"a\":\"subscribe\",\"v\":[738561]}");
    socket.say("{\"a\":\"mode\",\"v\":[\"full\",[738561]]}");
    let is_full = |message: &Message| matches!(message, Message::Binary(bytes) if bytes.len() == 188);
    let time = |message: Message| {
        let bytes = message.into_data();
        u32::from_be_bytes(bytes[4 + 60..4 + 64].try_into().unwrap())
    };
    let stale = time(socket.wait(is_full));
    let fresh = time(socket.wait(is_full));
    assert!((3_000..4_000).contains(&(fresh - stale)), "{stale} {fresh}");
    // Frozen: heartbeats, and nothing else.
    let mut beats = 0;
    while beats < 2 {
        let message = socket.next(Duration::from_secs(4)).expect("heartbeats go on");
        beats = if message.into_data().len() == 1 { beats + 1 } else { 0 };
    }
    socket.wait(is_full);
    // Silent: the socket stays open, and not even a heartbeat comes.
    while socket.next(Duration::from_millis(2_500)).is_some() {}
    assert!(socket.next(Duration::from_millis(100)).is_none());
    let mut second = sim.socket().unwrap();
    let id = sim.ok("POST", "/orders/regular", &buy(sim.last_price() * 0.95, "x"))["order_id"].clone();
    while second.next(PATIENCE).is_some() {}
    until(|| sim.ask("GET", "/orders", "").1["data"] == Value::Array(Vec::new()));
    assert_eq!(sim.ask("GET", &format!("/orders/{}", id.as_str().unwrap()), "").0, 400);
    until(|| sim.ask("GET", "/orders", "").0 == 403);
    assert_eq!(sim.socket().err(), Some(403));
}
