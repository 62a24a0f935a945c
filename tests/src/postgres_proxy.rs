//! A proxy before a PostgreSQL server that cuts connections: after so many bytes of either direction, or around a commit.
//! It needs nothing but std, so that packages this one depends on can include the file.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
pub struct Counts {
    /// Connections cut.
    pub cuts: AtomicU64,
    /// Of these, around a commit's message or its answer.
    pub at_commits: AtomicU64,
    /// Of these, when the whole message had gone to the server, and before the client heard what came of it.
    pub ambiguous: AtomicU64,
}

/// What is done when a connection is about to be cut; the bytes before are on their way.
pub type AtCut = dyn Fn() + Send + Sync;

/// A proxy on loopback, as long as the process lives.
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    /// What it has done.
    pub counts: Arc<Counts>,
}

impl Proxy {
    /// Cuts `wanted` connections on their way to the port of the server, then leaves them alone. `below` gives random
    /// numbers below a bound; `at_cut` is called before each cut.
    ///
    /// Panics if there is no port.
    pub fn start(
        server: u16,
        wanted: u64,
        mut below: impl FnMut(u64) -> u64 + Send + 'static,
        at_cut: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port on loopback");
        let port = listener.local_addr().expect("it listens").port();
        let counts = Arc::new(Counts::default());
        let (shared, at_cut): (_, Arc<AtCut>) = (counts.clone(), Arc::new(at_cut));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let more = shared.cuts.load(Ordering::SeqCst) < wanted;
                let cut = if more { draw(&mut below) } else { Cut::Never };
                _ = client.set_nodelay(true);
                _ = server.set_nodelay(true);
                connect(client, server, cut, &shared, &at_cut);
            }
        });
        Self { port, counts }
    }

    /// The same address with this proxy's port in the place of the server's.
    pub fn url(&self, direct: &str, server: u16) -> String {
        let through = direct.replace(&format!(":{server}/"), &format!(":{}/", self.port));
        assert_ne!(through, direct, "the address names the server's port");
        through
    }

    /// Connections cut so far.
    pub fn cuts(&self) -> u64 {
        self.counts.cuts.load(Ordering::SeqCst)
    }
}

fn draw(below: &mut impl FnMut(u64) -> u64) -> Cut {
    // As many small numbers as large ones: the handshake is cut as well as the rows.
    let limit = 1 << (4 + below(16));
    let bytes = 1 + below(limit);
    let nth = below(4);
    match below(8) {
        0..3 => Cut::Sent(bytes),
        3 => Cut::Received(bytes.min(1 + below(4_000))),
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
    at_cut: Arc<AtCut>,
    is_cut: AtomicBool,
    /// The next bytes to the client are those of the answer to be cut.
    answer: AtomicBool,
}

impl Shared {
    /// `at_commit` says whether this is at a commit, and then whether the server has all of its message.
    fn cut(&self, at_commit: Option<bool>) {
        if !self.is_cut.swap(true, Ordering::SeqCst) {
            (self.at_cut)();
            self.counts.at_commits.fetch_add(u64::from(at_commit.is_some()), Ordering::SeqCst);
            self.counts.ambiguous.fetch_add(u64::from(at_commit == Some(true)), Ordering::SeqCst);
            self.counts.cuts.fetch_add(1, Ordering::SeqCst);
        }
        self.close();
    }

    fn close(&self) {
        _ = self.client.shutdown(Shutdown::Both);
        _ = self.server.shutdown(Shutdown::Both);
    }
}

fn connect(client: TcpStream, server: TcpStream, cut: Cut, counts: &Arc<Counts>, at_cut: &Arc<AtCut>) {
    let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { return };
    let shared = Arc::new(Shared {
        client,
        server,
        counts: counts.clone(),
        at_cut: at_cut.clone(),
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
                return shared.cut(None);
            }
            Cut::Commit { nth, bytes: which } if is_commit && commits == nth => {
                let part = match which {
                    CommitBytes::None => 0,
                    CommitBytes::Half => count / 2,
                    CommitBytes::All => count,
                };
                _ = to.write_all(&bytes[..part]);
                return shared.cut(Some(part == count));
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
            return shared.cut(Some(true));
        }
        let mut to = &shared.client;
        if let Cut::Received(limit) = cut
            && received + count as u64 > limit
        {
            _ = to.write_all(&buffer[..(limit - received) as usize]);
            return shared.cut(None);
        }
        received += count as u64;
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    shared.close();
}
