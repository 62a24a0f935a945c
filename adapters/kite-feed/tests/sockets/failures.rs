//! Brokers that fail, each in its own way.

use crate::server::{Pump, broker, config, frame, ltp};
use pitlane_kite_feed::{Lost, Mode};
use std::io::Write;
use std::time::Duration;

/// Serves a good connection: subscription, one frame, then quiet heartbeats until the client is gone.
fn good(peer: crate::server::Peer) {
    let mut socket = peer.upgrade();
    socket.messages(2);
    socket.binary(&frame(&[ltp(1, 7)]));
    socket.linger();
}

fn settings(url: &str) -> pitlane_kite_feed::FeedConfig {
    let mut config = config(url, &[(1, Mode::Ltp)]);
    config.withhold_untimed = false;
    config
}

#[test]
fn garbage_of_every_kind_is_survived_and_named() {
    let url = broker(false, |number, peer| match number {
        0 => drop(peer.answer(b"\x00\x01garbage\r\n\r\n")),
        1 => drop(peer.answer(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")),
        2 => drop(peer.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>maintenance</html>")),
        3 => drop(peer.answer(b"")),
        4 => drop(peer.answer(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")),
        5 => drop(peer),
        // A masked frame, a reserved operation, a frame of a terabyte, text that is none.
        6..=9 => {
            let mut socket = peer.upgrade();
            let bytes: &[u8] = match number {
                6 => &[0x82, 0x81, 1, 2, 3, 4, 5],
                7 => &[0x83, 0x00],
                8 => &[0x82, 0x7f, 0, 0, 1, 0, 0, 0, 0, 0],
                _ => &[0x81, 0x02, 0xff, 0xfe],
            };
            socket.ws.get_mut().write_all(bytes).unwrap();
            socket.linger();
        }
        // The socket closes in order.
        10 => {
            let mut socket = peer.upgrade();
            socket.ws.close(None).unwrap();
            socket.linger();
        }
        _ => good(peer),
    });
    let mut pump = Pump::new(settings(&url));
    pump.until(|pump| pump.frames.len() == 1);
    let losses = pump.losses();
    assert_eq!(losses.len(), 11, "{losses:?}");
    assert_eq!(losses[1..3], [Lost::Status(500), Lost::Status(200)]);
    assert_eq!(losses[6..10], [Lost::Protocol; 4]);
    assert_eq!(losses[10], Lost::Closed);
    for place in [0, 3, 4, 5] {
        assert!(matches!(losses[place], Lost::Upgrade | Lost::Io | Lost::Closed), "{place}: {losses:?}");
    }
    assert_eq!(pump.frames[0], frame(&[ltp(1, 7)]));
}

#[test]
fn nobody_there_and_nobody_trusted_are_told_apart() {
    // A port that was just given up, so that nobody listens on it.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut pump = Pump::new(settings(&format!("ws://{gone}")));
    pump.until(|pump| pump.losses().len() >= 3);
    assert!(pump.losses().iter().all(|why| *why == Lost::Connect), "{:?}", pump.losses());

    let url = broker(true, |_, mut peer| {
        // The handshake fails: this read says so.
        let _ = peer.stream.read(&mut [0]);
    });
    let mut config = settings(&url);
    config.roots = pitlane_kite_feed::TlsRoots::Web;
    let mut pump = Pump::new(config);
    pump.until(|pump| pump.losses().len() >= 2);
    assert!(pump.losses().iter().all(|why| *why == Lost::Tls), "{:?}", pump.losses());
}

#[test]
fn half_open_sockets_are_found_at_every_stage() {
    for tls in [false, true] {
        let url = broker(tls, |number, mut peer| match number {
            // Accepted and never answered; in TLS the handshake is not.
            0 => std::thread::sleep(Duration::from_secs(30)),
            // TLS is done, the upgrade never answered.
            1 => {
                let _ = peer.stream.read(&mut [0]);
                std::thread::sleep(Duration::from_secs(30));
            }
            // Upgraded, and then nothing, not even a heartbeat.
            2 => {
                let socket = peer.upgrade();
                std::thread::sleep(Duration::from_secs(30));
                drop(socket);
            }
            _ => good(peer),
        });
        let mut config = settings(&url);
        config.connect = Duration::from_millis(300);
        config.silent = Duration::from_millis(300);
        let mut pump = Pump::new(config);
        pump.until(|pump| pump.frames.len() == 1);
        assert_eq!(pump.losses(), [Lost::Slow, Lost::Slow, Lost::Silent]);
    }
}

#[test]
fn a_frozen_feed_is_reconnected_in_a_session_and_left_alone_outside() {
    let serve = |number: usize, peer: crate::server::Peer| {
        if number > 0 {
            return good(peer);
        }
        let mut socket = peer.upgrade();
        socket.messages(2);
        while socket.ws.send(tungstenite::Message::Binary(vec![0].into())).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let url = broker(false, serve);
    let mut config = settings(&url);
    config.frozen = Duration::from_millis(300);
    let mut pump = Pump::new(config.clone());
    pump.until(|pump| pump.frames.len() == 1);
    assert_eq!(pump.losses(), [Lost::Frozen]);
    assert!(pump.handle.status.sockets[0].heartbeats.get() > 5);

    config.url = broker(false, serve);
    config.sessions.clear();
    let mut pump = Pump::new(config);
    pump.until(|pump| pump.handle.status.sockets[0].heartbeats.get() > 150);
    assert_eq!((pump.losses(), pump.connects()), (vec![], 1));
}

#[test]
fn a_feed_that_has_only_old_packets_says_so() {
    let url = broker(false, |_, peer| {
        let mut socket = peer.upgrade();
        let old = crate::server::full(257, 5, crate::server::NOW_SECS - 300);
        while socket.ws.send(tungstenite::Message::Binary(frame(std::slice::from_ref(&old)).into())).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut config = config(&url, &[(257, Mode::Full)]);
    config.frozen = Duration::from_millis(200);
    let mut pump = Pump::new(config);
    let told = |pump: &Pump| {
        pump.notes.iter().filter(|note| matches!(note, pitlane_kite_feed::Note::AllStale { .. })).count()
    };
    pump.until(|pump| told(pump) == 1 && pump.handle.status.sockets[0].stale.get() > 100);
    assert_eq!((told(&pump), pump.frames.len(), pump.losses()), (1, 0, vec![]));
}

#[test]
fn a_pipeline_that_stood_still_does_not_blame_the_broker() {
    let url = broker(false, |_, peer| {
        let mut socket = peer.upgrade();
        socket.messages(2);
        while socket.ws.send(tungstenite::Message::Binary(frame(&[ltp(1, 7)]).into())).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut config = settings(&url);
    config.silent = Duration::from_millis(400);
    config.frozen = config.silent;
    let mut pump = Pump::new(config);
    for round in 1..=3 {
        pump.until(|pump| pump.frames.len() >= 50 * round);
        std::thread::sleep(Duration::from_millis(600));
    }
    pump.until(|pump| pump.frames.len() >= 300);
    assert_eq!((pump.losses(), pump.connects()), (vec![], 1));
}
