//! A proxy that cuts connections: after so many bytes of either direction, or around a commit.

use super::sample::Rng;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Clone, Copy, Debug)]
enum Cut {
    Never,
    /// After so many bytes to the server.
    Sent(u64),
    /// After so many bytes to the client.
    Received(u64),
    /// Before, in the middle of, or right behind the nth commit's message.
    Commit {
        nth: u64,
        bytes: CommitBytes,
    },
    /// When the nth commit is answered, before the client hears of it.
    Answer {
        nth: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum CommitBytes {
    None,
    Half,
    All,
}

/// What cuts came to.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) cuts: AtomicU64,
    pub(super) at_commits: AtomicU64,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    pub(super) counts: Arc<Counts>,
}

impl Proxy {
    /// Cuts `wanted` connections on their way to the port of the server, then leaves them alone.
    pub(super) fn start(server: u16, wanted: u64, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new(Counts::default());
        let (rng, shared) = (Mutex::new(Rng(seed)), counts.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let cut = if shared.cuts.load(Ordering::SeqCst) < wanted {
                    draw(&mut rng.lock().unwrap())
                } else {
                    Cut::Never
                };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                connect(client, server, cut, &shared);
            }
        });
        Self { port, counts }
    }
}

fn draw(rng: &mut Rng) -> Cut {
    // As many small numbers as large ones: the handshake is cut as well as the rows.
    let limit = 1 << (4 + rng.below(16));
    let bytes = 1 + rng.below(limit);
    let nth = rng.below(4);
    match rng.below(8) {
        0..3 => Cut::Sent(bytes),
        3 => Cut::Received(bytes.min(1 + rng.below(4_000))),
        4 => Cut::Commit { nth, bytes: CommitBytes::None },
        5 => Cut::Commit { nth, bytes: CommitBytes::Half },
        6 => Cut::Commit { nth, bytes: CommitBytes::All },
        _ => Cut::Answer { nth },
    }
}

/// What both directions of a connection share.
struct Shared {
    client: TcpStream,
    server: TcpStream,
    counts: Arc<Counts>,
    is_cut: AtomicBool,
    /// The next bytes to the client are those of the answer to be cut.
    answer: AtomicBool,
}

impl Shared {
    fn cut(&self, at_commit: bool) {
        if !self.is_cut.swap(true, Ordering::SeqCst) {
            self.counts.cuts.fetch_add(1, Ordering::SeqCst);
            self.counts.at_commits.fetch_add(u64::from(at_commit), Ordering::SeqCst);
        }
        self.close();
    }

    fn close(&self) {
        _ = self.client.shutdown(Shutdown::Both);
        _ = self.server.shutdown(Shutdown::Both);
    }
}

fn connect(client: TcpStream, server: TcpStream, cut: Cut, counts: &Arc<Counts>) {
    let (from_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let shared = Arc::new(Shared {
        client,
        server,
        counts: counts.clone(),
        is_cut: AtomicBool::new(false),
        answer: AtomicBool::new(false),
    });
    let other = shared.clone();
    thread::spawn(move || to_server(from_client, cut, &shared));
    thread::spawn(move || to_client(from_server, cut, &other));
}

fn to_server(mut from: TcpStream, cut: Cut, shared: &Shared) {
    let (mut buffer, mut sent, mut commits) = (vec![0; 16 << 10], 0, 0);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        // The client waits for each answer, so that a commit's message stands alone.
        let is_commit = bytes.first() == Some(&b'Q') && bytes.windows(6).any(|word| word == b"COMMIT");
        let mut to = &shared.server;
        match cut {
            Cut::Sent(limit) if sent + count as u64 > limit => {
                _ = to.write_all(&bytes[..(limit - sent) as usize]);
                return shared.cut(false);
            }
            Cut::Commit { nth, bytes: which } if is_commit && commits == nth => {
                let part = match which {
                    CommitBytes::None => 0,
                    CommitBytes::Half => count / 2,
                    CommitBytes::All => count,
                };
                _ = to.write_all(&bytes[..part]);
                return shared.cut(true);
            }
            Cut::Answer { nth } if is_commit && commits == nth => shared.answer.store(true, Ordering::SeqCst),
            _ => {}
        }
        commits += u64::from(is_commit);
        sent += count as u64;
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    shared.close();
}

fn to_client(mut from: TcpStream, cut: Cut, shared: &Shared) {
    let (mut buffer, mut received) = (vec![0; 16 << 10], 0);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if shared.answer.load(Ordering::SeqCst) {
            return shared.cut(true);
        }
        let mut to = &shared.client;
        if let Cut::Received(limit) = cut
            && received + count as u64 > limit
        {
            _ = to.write_all(&buffer[..(limit - received) as usize]);
            return shared.cut(false);
        }
        received += count as u64;
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    shared.close();
}
