//! A live feed against brokers on loopback: good ones, bad ones, slow ones.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(missing_docs, unreachable_pub, reason = "a test")]

mod data;
mod failures;
mod pieces;
mod server;
mod slow;

use pitlane_kite_feed::{LinkState, Mode, Note, TokenState};
use server::{NOW_SECS, Socket};
use server::{Pump, Shared, broker, config, credentials, frame, full, ltp, postback};
use std::sync::Arc;

/// What a connection that carries tokens 257 (full) and 513 (quote) says, two tokens a message.
const SCRIPT: [&str; 3] = [
    r#"{"a":"subscribe","v":[257,513]}"#,
    r#"{"a":"mode","v":["quote",[513]]}"#,
    r#"{"a":"mode","v":["full",[257]]}"#,
];

#[test]
fn subscribes_answers_pings_and_hands_on_what_comes_plain_and_tls() {
    for tls in [false, true] {
        let heard: Shared<String> = Arc::default();
        let log = Arc::clone(&heard);
        let url = broker(tls, move |_, peer| {
            let mut socket = peer.upgrade();
            log.lock().unwrap().push(socket.uri.clone());
            let messages = socket.messages(3);
            log.lock().unwrap().extend(messages);
            socket.ws.send(tungstenite::Message::Ping(vec![7, 7].into())).unwrap();
            assert_eq!(socket.ws.read().unwrap(), tungstenite::Message::Pong(vec![7, 7].into()));
            socket.binary(&[0]);
            socket.binary(&frame(&[full(257, 5, NOW_SECS)]));
            socket.text(&postback(1));
            socket.text(r#"{"type":"error","data":"tok/en is dead"}"#);
            socket.text(r#"{"type":"message","data":"lunch"}"#);
            socket.text(r#"{"type":"app_code"}"#);
            socket.text("<html>");
            socket.binary(&[]);
            socket.linger();
        });
        let mut pump = Pump::new(config(&url, &[(257, Mode::Full), (513, Mode::Quote)]));
        pump.until(|pump| pump.frames.len() == 2);
        let expected = [&url[url.len()..], "/?api_key=key&access_token=tok%2Fen"].concat();
        assert_eq!(heard.lock().unwrap()[0], expected);
        assert_eq!(heard.lock().unwrap()[1..], SCRIPT.map(str::to_owned));
        assert_eq!(pump.frames, [frame(&[full(257, 5, NOW_SECS)]), vec![]]);
        assert_eq!((pump.orders.len(), pump.orders[0].order_id.as_str()), (1, "1"));
        assert_eq!(
            pump.notes,
            [
                Note::Connected { socket: 0 },
                Note::BrokerError("(secret) is dead".to_owned()),
                Note::BrokerMessage("lunch".to_owned()),
                Note::TextRefused("not JSON, or nested too deeply".to_owned()),
            ]
        );
        let status = Arc::clone(&pump.handle.status);
        let socket = &status.sockets[0];
        assert_eq!((socket.frames.get(), socket.heartbeats.get(), socket.packets.get()), (3, 1, 1));
        assert_eq!((socket.texts.get(), status.texts_other.get(), status.texts_refused.get()), (5, 1, 1));
        assert_eq!(
            (socket.asked.get(), socket.state(), status.token()),
            (3, LinkState::Live, TokenState::Accepted)
        );
        assert!(status.all_live() && socket.last_frame_at().unwrap().0 >= NOW_SECS * 1_000_000_000);

        pump.handle.control.close();
        pump.until(|pump| pump.closed);
        assert_eq!(socket.state(), LinkState::Closed);
    }
}

#[test]
fn a_dropped_socket_comes_back_with_the_same_subscription_and_books_stale_until_fresh() {
    for tls in [false, true] {
        let heard: Shared<Vec<String>> = Arc::default();
        let log = Arc::clone(&heard);
        let url = broker(tls, move |number, peer| {
            let mut socket = peer.upgrade();
            log.lock().unwrap().push(socket.messages(3));
            // The cached packets, one of them old; then news.
            let old = full(257, 1, NOW_SECS - 3_600);
            socket.binary(&frame(&[old, ltp(999, 2), ltp(513, 3)]));
            socket.binary(&frame(&[full(257, 4, NOW_SECS - 5), ltp(513, 5)]));
            if number == 3 {
                socket.linger();
            }
        });
        let mut config = config(&url, &[(257, Mode::Full), (513, Mode::Quote)]);
        config.batch = 2;
        let mut pump = Pump::new(config);
        pump.until(|pump| pump.frames.len() == 8);
        assert_eq!(*heard.lock().unwrap(), vec![SCRIPT.map(str::to_owned).to_vec(); 4]);
        for frames in pump.frames.chunks(2) {
            let unknown = frame(&[ltp(999, 2)]);
            assert_eq!(frames, [unknown, frame(&[full(257, 4, NOW_SECS - 5), ltp(513, 5)])]);
        }
        let socket = &pump.handle.status.sockets[0];
        assert_eq!((socket.stale.get(), socket.ticks.get(), socket.packets.get()), (8, 12, 20));
        assert_eq!((socket.connects.get(), socket.losses.get()), (4, 3));
        assert!(
            pump.losses().iter().all(|why| *why == pitlane_kite_feed::Lost::Closed),
            "{:?}",
            pump.losses()
        );
    }
}

#[test]
fn two_sockets_share_the_instruments_and_one_lives_without_the_other() {
    let sockets: Shared<(Vec<String>, Socket)> = Arc::default();
    let shelf = Arc::clone(&sockets);
    let url = broker(false, move |_, peer| {
        let mut socket = peer.upgrade();
        let mut messages = socket.messages(2);
        messages.sort();
        shelf.lock().unwrap().push((messages, socket));
    });
    let mut config = config(&url, &[(1, Mode::Ltp), (2, Mode::Ltp), (3, Mode::Ltp)]);
    config.per_socket = 2;
    config.withhold_untimed = false;
    let mut pump = Pump::new(config);
    pump.until(|_| sockets.lock().unwrap().len() == 2);
    sockets.lock().unwrap().sort_by_key(|(messages, _)| messages[1].clone());
    {
        let mut sockets = sockets.lock().unwrap();
        assert_eq!(sockets[0].0, [r#"{"a":"mode","v":["ltp",[1,2]]}"#, r#"{"a":"subscribe","v":[1,2]}"#]);
        assert_eq!(sockets[1].0, [r#"{"a":"mode","v":["ltp",[3]]}"#, r#"{"a":"subscribe","v":[3]}"#]);
        sockets[0].1.binary(&frame(&[ltp(1, 10)]));
        sockets[1].1.binary(&frame(&[ltp(3, 30)]));
    }
    pump.until(|pump| pump.frames.len() == 2);
    // The first connection dies; the second goes on, and the first comes back with its own instruments.
    let (_, lost) = sockets.lock().unwrap().remove(0);
    drop(lost);
    sockets.lock().unwrap()[0].1.binary(&frame(&[ltp(3, 31)]));
    pump.until(|pump| pump.frames.len() == 3 && sockets.lock().unwrap().len() == 2);
    assert_eq!(pump.frames[2], frame(&[ltp(3, 31)]));
    assert_eq!(sockets.lock().unwrap()[1].0[1], r#"{"a":"subscribe","v":[1,2]}"#);
    assert_eq!(pump.connects(), 3);
    pump.until(|pump| pump.handle.status.all_live());
}

#[test]
fn a_dead_token_stops_every_attempt_until_another_one_is_given() {
    let asked: Shared<String> = Arc::default();
    let log = Arc::clone(&asked);
    let url = broker(false, move |number, peer| {
        if number < 2 {
            log.lock().unwrap().push("refused".to_owned());
            drop(peer.answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
        } else {
            let socket = peer.upgrade();
            log.lock().unwrap().push(socket.uri.clone());
            socket.linger();
        }
    });
    let mut config = config(&url, &[(1, Mode::Ltp), (2, Mode::Ltp)]);
    config.per_socket = 1;
    let mut pump = Pump::new(config);
    let all_wait =
        |pump: &Pump| pump.handle.status.sockets.iter().all(|socket| socket.state() == LinkState::NeedToken);
    pump.until(all_wait);
    assert_eq!(pump.handle.status.token(), TokenState::Refused);
    // Back-off is two milliseconds here: hammering would show.
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_millis(100) {
        pump.poll();
    }
    pump.tokens.set(credentials("tok/en"));
    pump.times(20_000);
    assert!(all_wait(&pump));
    assert!(asked.lock().unwrap().len() <= 2, "the same token again is no new token");
    assert_eq!(pump.notes.iter().filter(|note| **note == Note::NeedToken).count(), 1);

    // The second connection may have been held back before it asked at all.
    let early = asked.lock().unwrap().len();
    pump.tokens.set(credentials("new"));
    if early == 1 {
        // The broker refuses this one too.
        pump.until(|pump| pump.notes.iter().filter(|note| **note == Note::NeedToken).count() == 2);
        pump.tokens.set(credentials("newer"));
    }
    pump.until(|pump| pump.handle.status.all_live());
    assert!(asked.lock().unwrap()[2..].iter().all(|uri| uri.contains("access_token=new")));
    assert_eq!(pump.handle.status.token(), TokenState::Accepted);
}

#[test]
fn without_any_token_it_asks_for_one_and_waits() {
    // By name: an address where nobody listens may come first, and is passed over.
    let url = broker(false, |_, peer| peer.upgrade().linger()).replace("127.0.0.1", "localhost");
    let tokens = Arc::new(pitlane_kite_feed::TokenSlot::default());
    let mut pump = Pump::with(config(&url, &[]), tokens);
    pump.times(10_000);
    assert_eq!((pump.handle.status.token(), &pump.notes[..]), (TokenState::Missing, &[Note::NeedToken][..]));
    pump.tokens.set(credentials("late"));
    pump.until(|pump| pump.handle.status.all_live());
}
