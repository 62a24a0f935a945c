//! What every client needs: keep-alive, gzip, the ticker's three modes, heartbeats, postbacks, the end.

use super::*;

const RELIANCE: u32 = 738_561;

#[test]
fn a_client_logs_in_trades_and_hears_of_it() {
    let sim = Sim::synthetic(&["--no-rate-limits"]);
    let mut socket = sim.socket().unwrap();
    socket.say(&format!("{{\"a\":\"subscribe\",\"v\":[{RELIANCE},256265]}}"));
    let lengths = |message: &Message| match message {
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    };
    // Quotes of a share and of an index, the newest of each.
    assert_eq!(lengths(&socket.wait(|message| lengths(message) > 1)), 2 + 2 + 44 + 2 + 28);
    socket.say(&format!("{{\"a\":\"mode\",\"v\":[\"full\",[{RELIANCE}]]}}"));
    assert_eq!(lengths(&socket.wait(|message| lengths(message) > 80)), 2 + 2 + 184);
    socket.say(&format!("{{\"a\":\"mode\",\"v\":[\"ltp\",[{RELIANCE}]]}}"));
    assert_eq!(lengths(&socket.wait(|message| lengths(message) == 12)), 12);

    let last = sim.last_price();
    let id =
        sim.ok("POST", "/orders/regular", &buy(last * 0.95, "a"))["order_id"].as_str().unwrap().to_owned();
    assert_eq!(sim.ok("DELETE", &format!("/orders/regular/{id}"), "")["order_id"], id.as_str());
    let update = socket.update();
    assert_eq!(
        (update["status"].as_str(), update["order_id"].as_str()),
        (Some("CANCELLED"), Some(id.as_str()))
    );
    sim.ok("POST", "/orders/regular", &buy(last * 1.01, "b"));
    assert_eq!(socket.update()["status"], "COMPLETE");

    assert_eq!(sim.socket_with("wrong").err(), Some(403));
    let more: Vec<Socket> = (0..2).map(|_| sim.socket().unwrap()).collect();
    assert_eq!(sim.socket().err(), Some(429), "three sockets");
    drop(more);
    until(|| sim.socket().is_ok());
    assert_eq!(sim.end("-TERM"), Some(143));
    while socket.next(PATIENCE).is_some() {}
}

#[test]
fn a_silent_market_sends_heartbeats_and_a_logout_ends_the_sockets() {
    // Before the market opens nothing ticks.
    let mut sim = Sim::start(&["--synthetic", "--from", "09:00"]);
    let mut socket = sim.socket().unwrap();
    let beat = socket.wait(|message| message.is_binary());
    assert_eq!(beat.into_data().len(), 1);
    let logout = format!("api_key=demo&access_token={}", sim.token);
    assert_eq!(sim.ok("DELETE", "/session/token", &logout), true);
    while socket.next(PATIENCE).is_some() {}
    assert_eq!(sim.ask("GET", "/orders", "").0, 403);
    let old = sim.token.clone();
    sim.login();
    assert_ne!(sim.token, old);
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let sim = Sim::synthetic(&[]);
    let mut stream = TcpStream::connect(sim.http).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nauthorization: token demo:{}\r\nAccept-Encoding: gzip\r\n\r\n",
            sim.token
        )
    };
    // Two requests at once, in pieces.
    let both = head("/user/profile") + &head("/trades");
    for piece in both.as_bytes().chunks(7) {
        stream.write_all(piece).unwrap();
    }
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for _ in 0..2 {
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], "success");
    }
    stream.write_all(b"\x00rubbish\r\n\r\n").unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 400"), "{rest}");
}

#[test]
fn wrong_arguments_are_refused_with_a_reason() {
    let dir = tempfile::TempDir::new().unwrap();
    let faults = dir.path().join("faults.toml");
    std::fs::write(&faults, "[[rule]]\non = \"place\"\ndo = \"explode\"\n").unwrap();
    let faults = faults.to_str().unwrap();
    for (args, code, said) in [
        (&["--ticks", "nonsense"][..], 2, "neither SYMBOL=FILE nor the directory"),
        (&["--ticks", "NSE:A=/no/such/file"], 3, "/no/such/file"),
        (&["--synthetic", "--speed", "fast"], 2, "--speed"),
        (&["--synthetic", "--faults", faults], 2, "explode"),
        (&["--synthetic", "--http", "256.0.0.1:1"], 1, "--http"),
        (&[], 2, "--ticks"),
    ] {
        let out = Command::new(env!("CARGO_BIN_EXE_broker-sim")).args(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

#[test]
fn rubbish_on_both_ports_ends_its_connection_and_nothing_else() {
    let sim = Sim::synthetic(&["--no-rate-limits"]);
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let upgrade = format!(
        "GET /?api_key=demo&access_token={} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        sim.token
    );
    let call = format!("GET /orders HTTP/1.1\r\nauthorization: token demo:{}\r\n\r\n", sim.token);
    for round in 0..200 {
        let (address, text) = if round % 2 == 0 { (sim.ws, &upgrade) } else { (sim.http, &call) };
        let mut bytes = text.clone().into_bytes();
        if round % 4 < 2 {
            // Whole, and rubbish behind it: frames that are none.
            bytes.extend((0..next() % 64).map(|_| 0x81));
        }
        for _ in 0..next() % 4 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        let mut stream = TcpStream::connect(address).unwrap();
        _ = stream.write_all(&bytes);
    }
    until(|| sim.socket().is_ok());
    assert_eq!(sim.ask("GET", "/user/profile", "").0, 200);
}
