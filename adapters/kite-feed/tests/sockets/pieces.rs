//! TCP may cut anywhere: the upgrade's answer, headers, payloads, fragments of a message.

use crate::server::{Pump, config, frame, full, ltp, postback};
use pitlane_kite_feed::Mode;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use tungstenite::handshake::derive_accept_key;

/// What the broker sends after the upgrade: a heartbeat, a frame, a ping, a postback in three fragments with a ping
/// between, a longer frame.
fn stream() -> Vec<u8> {
    let mut bytes = vec![0x82, 1, 0];
    let short = frame(&[ltp(1, 5), ltp(2, 6)]);
    bytes.extend([0x82, short.len() as u8]);
    bytes.extend(&short);
    bytes.extend([0x89, 2, b'h', b'i']);
    let text = postback(77).into_bytes();
    let (first, rest) = text.split_at(5);
    let (second, third) = rest.split_at(40);
    for (head, part) in [(0x01, first), (0x00, second), (0x80, third)] {
        bytes.extend([head, part.len() as u8]);
        bytes.extend(part);
        if head == 0x01 {
            bytes.extend([0x89, 0]);
        }
    }
    let long = frame(&[full(257, 9, crate::server::NOW_SECS)]);
    bytes.extend([0x82, 126]);
    bytes.extend((long.len() as u16).to_be_bytes());
    bytes.extend(&long);
    bytes
}

/// Polls until the listener has a connection with a whole request; the connection and the answer to the upgrade.
fn accept(listener: &TcpListener, pump: &mut Pump) -> (TcpStream, Vec<u8>) {
    let mut stream = loop {
        pump.poll();
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(why) => assert_eq!(why.kind(), ErrorKind::WouldBlock),
        }
    };
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        pump.poll();
        let mut part = [0; 1_024];
        match stream.read(&mut part) {
            Ok(count) => request.extend_from_slice(&part[..count]),
            Err(why) => assert_eq!(why.kind(), ErrorKind::WouldBlock),
        }
    }
    let request = String::from_utf8(request).unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    (stream, answer.into_bytes())
}

#[test]
fn a_cut_at_every_byte_changes_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let mut settings = config(&url, &[(1, Mode::Ltp), (2, Mode::Ltp), (257, Mode::Full)]);
    settings.withhold_untimed = false;
    settings.frame_bytes = 4_096;
    let expected = [frame(&[ltp(1, 5), ltp(2, 6)]), frame(&[full(257, 9, crate::server::NOW_SECS)])];
    let (mut cut, mut total) = (1, 2);
    while cut <= total {
        let mut pump = Pump::new(settings.clone());
        let (mut stream, mut bytes) = accept(&listener, &mut pump);
        let answer_bytes = bytes.len();
        bytes.extend(self::stream());
        total = bytes.len();
        // The last round sends byte by byte; but for the answer, which the library refuses in so many pieces.
        let parts: Vec<&[u8]> = if cut == total {
            let (answer, rest) = bytes.split_at(answer_bytes);
            std::iter::once(answer).chain(rest.chunks(1)).collect()
        } else {
            vec![&bytes[..cut], &bytes[cut..]]
        };
        for part in parts {
            let sent = stream.write_all(part);
            assert!(sent.is_ok(), "cut at {cut}: {:?}", pump.notes);
            pump.times(8);
        }
        pump.until(|pump| pump.frames.len() == 2 && pump.orders.len() == 1);
        assert_eq!(
            (&pump.frames[..], pump.orders[0].order_id.as_str()),
            (&expected[..], "77"),
            "cut at {cut}"
        );
        let socket = &pump.handle.status.sockets[0];
        assert_eq!(
            (socket.heartbeats.get(), socket.texts.get(), socket.losses.get()),
            (1, 1, 0),
            "cut at {cut}"
        );
        cut += 1;
    }
    assert!(total > 400);
}
