//! Names become addresses on a helper thread: the system's resolver blocks.

use crate::config::FeedError;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Resolves one host for all connections.
pub(crate) struct Resolver {
    how: How,
}

enum How {
    /// The host is an address already.
    Known(SocketAddr),
    /// A thread that is asked; it ends when this is dropped.
    Asked { questions: Sender<Question>, answers: Receiver<Answer> },
}

/// Who asks, and for which of its attempts.
type Question = (usize, u64);

/// What a connection's attempt gets: no address if there is none.
pub(crate) struct Answer {
    pub(crate) link: usize,
    pub(crate) attempt: u64,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Resolver {
    /// A resolver of `host` and `port`; starts a thread unless the host is an address.
    pub(crate) fn new(host: &str, port: u16) -> Result<Self, FeedError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(Self { how: How::Known(SocketAddr::new(ip, port)) });
        }
        let host = host.to_owned();
        let (questions, asked) = channel::<Question>();
        let (answer, answers) = channel();
        let work = move || {
            for (link, attempt) in asked {
                let addresses =
                    (host.as_str(), port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
                if answer.send(Answer { link, attempt, addresses }).is_err() {
                    return;
                }
            }
        };
        // Not waited for at the end: the system may take minutes to give a name up.
        std::thread::Builder::new()
            .name("kite-resolve".to_owned())
            .spawn(work)
            .map_err(|why| FeedError::System { what: "start the thread that resolves names", why })?;
        Ok(Self { how: How::Asked { questions, answers } })
    }

    /// Asks for the addresses; they are there at once if the host is one.
    pub(crate) fn ask(&self, link: usize, attempt: u64) -> Option<Vec<SocketAddr>> {
        match &self.how {
            How::Known(address) => Some(vec![*address]),
            How::Asked { questions, .. } => {
                // A thread that is gone answers nothing; the attempt then ends by its time-out.
                let _ = questions.send((link, attempt));
                None
            }
        }
    }

    /// The next answer that has come.
    pub(crate) fn answer(&self) -> Option<Answer> {
        match &self.how {
            How::Known(_) => None,
            How::Asked { answers, .. } => answers.try_recv().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_thread_and_names_are_answered() {
        let known = Resolver::new("127.0.0.1", 9).unwrap();
        assert_eq!(known.ask(0, 1), Some(vec!["127.0.0.1:9".parse().unwrap()]));
        let asked = Resolver::new("localhost", 9).unwrap();
        assert_eq!(asked.ask(2, 7), None);
        let answer = loop {
            match asked.answer() {
                Some(answer) => break answer,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!((answer.link, answer.attempt), (2, 7));
        assert!(answer.addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 9));
    }
}
