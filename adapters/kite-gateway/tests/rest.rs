//! The REST side against sockets that behave badly: what is proof that nothing left, and what is not.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_kite_gateway::call::{Call, CallError, CallId, CallKind, Method};
use pitlane_kite_gateway::rest::{Credentials, Rest, Workers};
use pitlane_kite_gateway::session::{Secret, SessionError, exchange};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A server that takes each connection once, hands on what it got, and answers with these bytes (`None`: hangs up).
fn server(answers: Vec<Option<&'static str>>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let (got, requests) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4_096];
            loop {
                let read = stream.read(&mut buffer).unwrap_or(0);
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).to_lowercase();
                let length = text
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                let body = text.split("\r\n\r\n").nth(1).map_or(0, str::len);
                if read == 0 || (text.contains("\r\n\r\n") && body >= length.unwrap_or(0)) {
                    break;
                }
            }
            got.send(String::from_utf8_lossy(&request).into_owned()).unwrap();
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (root, requests)
}

fn rest(root: &str) -> Rest {
    let credentials = Credentials::default();
    credentials.set("key", &Secret::new("tok3n"));
    Rest::new(root, credentials)
}

fn place(id: u64) -> Call {
    let form = vec![("tradingsymbol", "M&M".into()), ("tag", "p0000001".into())];
    let kind = CallKind::Place(pitlane_engine::units::OrderId(256));
    Call {
        id: CallId(id),
        kind,
        method: Method::Post,
        path: "/orders/regular".into(),
        form,
        ends_with_latch: true,
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 51\r\nConnection: close\r\n\r\n{\"status\":\"success\",\"data\":{\"order_id\":\"15122000\"}}";

#[test]
fn what_left_and_what_may_have() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"status\":\"succ";
    let late = "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhtml";
    let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (root, requests) =
        server(vec![Some(OK), None, Some(cut), Some(late), Some(redirect), Some("rubbish\r\n\r\n")]);
    let rest = rest(&root);
    let answer = rest.call(&place(1)).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(b"{\"status\":\"success\""));
    let request = requests.recv().unwrap();
    assert!(request.starts_with("POST /orders/regular HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("\r\nx-kite-version: 3\r\n"), "{request}");
    assert!(request.contains("token key:tok3n"), "{request}");
    assert!(request.ends_with("tradingsymbol=M%26M&tag=p0000001"), "{request}");
    assert!(matches!(rest.call(&place(2)), Err(CallError::MayHaveLeft(_))), "hung up");
    assert!(matches!(rest.call(&place(3)), Err(CallError::MayHaveLeft(_))), "cut");
    assert_eq!(rest.call(&place(4)).unwrap().status, 500);
    assert_eq!(rest.call(&place(5)).unwrap().status, 302, "no redirect is followed");
    assert!(matches!(rest.call(&place(6)), Err(CallError::MayHaveLeft(_))), "no HTTP");
    assert_eq!(requests.iter().count(), 5, "each call is one request");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = self::rest(&format!("http://{closed}"));
    assert!(matches!(nobody.call(&place(7)), Err(CallError::NeverLeft(_))), "refused");
    let tokenless = Rest::new(&root, Credentials::default());
    assert!(matches!(tokenless.call(&place(8)), Err(CallError::NeverLeft(_))), "no token");
    assert!(!format!("{rest:?}").contains("tok3n"), "no secret is shown");
}

#[test]
fn a_call_that_hangs_costs_its_thread_alone() {
    let (root, _requests) = server(vec![Some(OK)]);
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let _kept = hanging.local_addr().unwrap();
    let workers = Workers::start(&rest(&format!("http://{_kept}")), 2).unwrap();
    let others = Workers::start(&rest(&root), 1).unwrap();
    workers.send(place(1));
    others.send(place(2));
    let (id, answer) = others.answer(Duration::from_secs(5)).unwrap();
    assert!(id == CallId(2) && answer.is_ok());
    assert!(workers.answer(Duration::from_millis(50)).is_none());
    let started = Instant::now();
    let (id, answer) = workers.answer(Duration::from_secs(20)).unwrap();
    assert_eq!((id, answer), (CallId(1), Err(CallError::MayHaveLeft("no answer in time"))));
    println!("given up after {:?}", started.elapsed());
}

#[test]
fn the_login_exchange_sends_the_checksum_and_shows_no_secret() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 78\r\nConnection: close\r\n\r\n{\"status\":\"success\",\"data\":{\"user_id\":\"AB1234\",\"access_token\":\"acc3ss\",\"x\":1}}";
    let refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 84\r\nConnection: close\r\n\r\n{\"status\":\"error\",\"message\":\"Token is invalid.\",\"error_type\":\"TokenException\",\"d\":1}";
    let (root, requests) = server(vec![Some(body), Some(refused)]);
    let now = 1_795_235_400_000_000_000;
    let session = exchange(&root, "a", &Secret::new("b"), &Secret::new("c"), now).unwrap();
    assert_eq!((session.user_id.as_str(), session.access_token.reveal()), ("AB1234", "acc3ss"));
    let request = requests.recv().unwrap();
    assert!(
        request.contains("checksum=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        "{request}"
    );
    assert!(!request.to_lowercase().contains("authorization"), "{request}");
    let error = exchange(&root, "a", &Secret::new("b"), &Secret::new("s3cret"), now).unwrap_err();
    assert!(matches!(error, SessionError::Refused { status: 403, .. }), "{error}");
    assert!(
        !format!("{error:?} {error} {session:?}").contains("s3cret")
            && !format!("{session:?}").contains("acc3ss")
    );
}

/// The switch is looked at where calls leave: one that waited for a hand does not, one handed over after it does.
#[test]
fn what_waits_for_a_hand_when_the_switch_is_pulled_does_not_leave() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let (got, requests) = channel();
    let (go, gate) = channel::<()>();
    std::thread::spawn(move || {
        // One connection, kept: the next call finds it made.
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4_096];
        loop {
            let mut request = String::new();
            while !request.contains("tag=p0000001") {
                let read = stream.read(&mut buffer).unwrap_or(0);
                if read == 0 {
                    return;
                }
                request.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            got.send(request).unwrap();
            gate.recv().unwrap();
            stream.write_all(OK.replace("Connection: close\r\n", "").as_bytes()).unwrap();
        }
    });
    let workers = Workers::start(&rest(&root), 1).unwrap();
    workers.send(Call { ends_with_latch: false, ..place(1) });
    workers.send(place(2));
    requests.recv().unwrap();
    workers.latch();
    go.send(()).unwrap();
    let answer = || workers.answer(Duration::from_secs(20)).unwrap();
    assert!(matches!(answer(), (CallId(1), Ok(_))));
    assert_eq!(answer(), (CallId(2), Err(CallError::NeverLeft("the kill switch was pulled"))));
    go.send(()).unwrap();
    workers.send(place(3));
    assert!(matches!(answer(), (CallId(3), Ok(_))), "of after the switch");
    drop(workers);
    assert_eq!(requests.iter().count(), 1, "beside the first one");
}
