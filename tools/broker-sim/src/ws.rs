//! The ticker's sockets: the upgrade and what the client says by a library, what is sent to it as plain frames.
//!
//! Reader and writer are two threads over one socket. The library answers pings while the writer sends, so every write is
//! one whole frame under a lock.

use crate::hub::{ClientFlags, Hub, Out};
use pitlane_kite_broker::rest::Fields;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tungstenite::Message;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;

/// A socket whose writes are whole.
#[derive(Clone)]
struct Shared {
    stream: Arc<TcpStream>,
    writing: Arc<Mutex<()>>,
    flags: Option<Arc<ClientFlags>>,
}

impl Shared {
    fn is_muted(&self) -> bool {
        self.flags.as_ref().is_some_and(|flags| flags.muted.load(Ordering::Relaxed))
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&*self.stream).read(buffer);
        while self.is_muted() {
            thread::sleep(Duration::from_millis(100));
            // A client that has gone is let go.
            if self.stream.peek(&mut [0]).is_ok_and(|read| read == 0) {
                return Ok(0);
            }
        }
        read
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_muted() {
            return Ok(bytes.len());
        }
        let _lock = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        (&*self.stream).write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves one socket to its end.
#[expect(clippy::result_large_err, reason = "the library says what a refused upgrade is")]
pub(crate) fn serve(hub: &Hub, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // A client that does not finish its request in this time is sent away.
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let kept = stream.try_clone()?;
    let shared = Shared { stream: Arc::new(stream), writing: Arc::default(), flags: None };
    let mut joined = None;
    let upgrade = |request: &Request, response: Response| {
        let fields = Fields::parse(request.uri().query().unwrap_or(""));
        let given = |name| fields.get(name).unwrap_or("");
        match hub.connect(given("api_key"), given("access_token"), kept) {
            Ok(client) => {
                joined = Some(client);
                Ok(response)
            }
            Err(status) => Err(refusal(status)),
        }
    };
    let accepted = tungstenite::accept_hdr(shared.clone(), upgrade).ok();
    let Some((id, queue, flags)) = joined else { return Ok(()) };
    let Some(mut socket) = accepted else {
        hub.disconnect(id);
        return Ok(());
    };
    socket.get_mut().flags = Some(flags.clone());
    shared.stream.set_read_timeout(None)?;
    let writer = Shared { flags: Some(flags.clone()), ..shared.clone() };
    thread::spawn(move || write_all(writer, &queue, &flags));
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => hub.message(id, &text),
            Ok(Message::Close(_)) | Err(_) => break,
            Ok(_) => {}
        }
    }
    // The answer to a close frame.
    _ = socket.flush();
    hub.disconnect(id);
    _ = shared.stream.shutdown(Shutdown::Both);
    Ok(())
}

fn refusal(status: u16) -> ErrorResponse {
    let body = "{\"status\":\"error\",\"message\":\"Incorrect `api_key` or `access_token`.\",\"data\":null,\"error_type\":\"TokenException\"}";
    let mut response = ErrorResponse::new(Some(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    response
}

/// Sends a socket's queue until it or the socket ends.
fn write_all(mut to: Shared, queue: &Receiver<Out>, flags: &ClientFlags) {
    while let Ok(out) = queue.recv() {
        flags.waiting.fetch_sub(1, Ordering::Relaxed);
        let frame = match out {
            Out::Binary(bytes) => frame(0x82, &bytes),
            Out::Text(text) => frame(0x81, text.as_bytes()),
            Out::Close => frame(0x88, &1_001_u16.to_be_bytes()),
        };
        if to.write(&frame).is_err() {
            return;
        }
    }
    _ = to.stream.shutdown(Shutdown::Both);
}

/// A frame as a server sends it: unmasked, in one piece.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    bytes.push(first);
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..0x1_0000 => {
            bytes.push(126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}
