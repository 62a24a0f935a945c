//! REST over plain sockets: a thread a connection, keep-alive, and the ways in which an answer can go wrong.

use crate::hub::{Answer, Hub};
use flate2::Compression;
use flate2::write::GzEncoder;
use pitlane_kite_broker::{Request, Response};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

/// Bytes of a request's head and of its body, at most.
const HEAD_MAX: usize = 16 * 1_024;
const BODY_MAX: usize = 1 << 20;
/// Bodies from this length on are compressed for those who take it.
const GZIP_FROM: usize = 1_024;
/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(120);

/// What is kept of a request's head.
struct Head {
    method: String,
    target: String,
    authorization: Option<String>,
    gzip: bool,
    close: bool,
    length: usize,
    expects: bool,
    /// Bytes of the head.
    bytes: usize,
}

/// Serves one connection to its end.
pub(crate) fn serve(hub: &Hub, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut buffer = Vec::new();
    while !hub.stopping.load(Ordering::Relaxed) {
        let head = match read_head(&mut stream, &mut buffer)? {
            Read1::Head(head) => head,
            Read1::End => return Ok(()),
            Read1::Wrong(status, reason) => {
                let text =
                    format!("HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                return stream.write_all(text.as_bytes());
            }
        };
        if head.expects {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let whole = head.bytes + head.length;
        while buffer.len() < whole {
            if fill(&mut stream, &mut buffer)? == 0 {
                return Ok(());
            }
        }
        let body: Vec<u8> = buffer[head.bytes..whole].to_vec();
        buffer.drain(..whole);
        if !respond(hub, &mut stream, &head, &body)? || head.close {
            return Ok(());
        }
    }
    Ok(())
}

/// Answers one request; whether the connection goes on.
fn respond(hub: &Hub, stream: &mut TcpStream, head: &Head, body: &[u8]) -> io::Result<bool> {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let authorization = head.authorization.as_deref();
    let request = Request { method: &head.method, path, query, authorization, body };
    match hub.call(&request) {
        Answer::Send(responses, after) => {
            sleep(after);
            for response in &responses {
                stream.write_all(&wire(response, head))?;
            }
            Ok(true)
        }
        Answer::Cut(response) => {
            let bytes = wire(&response, head);
            stream.write_all(&bytes[..bytes.len() - response.body.len().min(bytes.len()) / 2])?;
            stream.shutdown(Shutdown::Both)?;
            Ok(false)
        }
        Answer::Close(after) => {
            sleep(after);
            stream.shutdown(Shutdown::Both)?;
            Ok(false)
        }
        Answer::Silence => {
            let mut rest = [0; 512];
            stream.set_read_timeout(None)?;
            while stream.read(&mut rest)? > 0 {}
            Ok(false)
        }
        Answer::Late(after) => {
            sleep(after);
            hub.late(&request);
            stream.shutdown(Shutdown::Both)?;
            Ok(false)
        }
    }
}

/// An answer as bytes.
fn wire(response: &Response, head: &Head) -> Vec<u8> {
    let reason = match response.status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    };
    let zipped =
        (head.gzip && response.body.len() >= GZIP_FROM).then(|| gzip(response.body.as_bytes())).flatten();
    let encoding = if zipped.is_some() { "Content-Encoding: gzip\r\n" } else { "" };
    let body = zipped.unwrap_or_else(|| response.body.clone().into_bytes());
    let mut bytes = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\n{encoding}Content-Length: {}\r\nConnection: {}\r\n\r\n",
        response.status,
        response.content_type,
        body.len(),
        if head.close { "close" } else { "keep-alive" },
    )
    .into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

enum Read1 {
    Head(Head),
    End,
    Wrong(u16, &'static str),
}

fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Read1> {
    loop {
        match parse(buffer) {
            Ok(Some(head)) => return Ok(Read1::Head(head)),
            Ok(None) if buffer.len() > HEAD_MAX => {
                return Ok(Read1::Wrong(431, "Request Header Fields Too Large"));
            }
            Ok(None) => {}
            Err((status, reason)) => return Ok(Read1::Wrong(status, reason)),
        }
        if fill(stream, buffer)? == 0 {
            return Ok(Read1::End);
        }
    }
}

fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 8_192];
    let read = stream.read(&mut piece)?;
    buffer.extend_from_slice(&piece[..read]);
    Ok(read)
}

/// The head that a buffer begins with, if all of it is there.
fn parse(buffer: &[u8]) -> Result<Option<Head>, (u16, &'static str)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let bytes = match request.parse(buffer) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err((400, "Bad Request")),
    };
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    if header("Transfer-Encoding").is_some() {
        return Err((411, "Length Required"));
    }
    let length = match header("Content-Length").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(length)) if length <= BODY_MAX => length,
        Some(Ok(_)) => return Err((413, "Content Too Large")),
        Some(Err(_)) => return Err((400, "Bad Request")),
    };
    let has = |name, word: &str| header(name).is_some_and(|value| value.to_ascii_lowercase().contains(word));
    Ok(Some(Head {
        method: request.method.unwrap_or("").to_owned(),
        target: request.path.unwrap_or("").to_owned(),
        authorization: header("Authorization").map(str::to_owned),
        gzip: has("Accept-Encoding", "gzip"),
        close: has("Connection", "close"),
        length,
        expects: has("Expect", "100-continue"),
        bytes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_whole_or_refused() {
        let text = b"POST /orders/regular?x=1 HTTP/1.1\r\nauthorization: token a:b\r\nContent-Length: 5\r\n\r\nhello";
        for end in 0..text.len() - 6 {
            assert!(matches!(parse(&text[..end]), Ok(None)), "{end}");
        }
        let head = parse(text).expect("a head").expect("whole");
        assert_eq!(
            (head.length, head.bytes, head.authorization.as_deref()),
            (5, text.len() - 5, Some("token a:b"))
        );
        for (wrong, status) in [
            (&b"\x01\x02\r\n\r\n"[..], 400),
            (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", 413),
            (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ] {
            assert_eq!(parse(wrong).err().map(|error| error.0), Some(status));
        }
    }

    #[test]
    fn mutated_heads_never_panic() {
        let text = b"PUT /orders/regular/1?a=%41 HTTP/1.1\r\nAuthorization: token a:b\r\nAccept-Encoding: gzip\r\n\r\n";
        let mut state = 1_u64;
        for _ in 0..50_000 {
            let mut bytes = text.to_vec();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            if let Ok(Some(head)) = parse(&bytes) {
                assert!(head.bytes <= bytes.len());
            }
        }
    }
}
