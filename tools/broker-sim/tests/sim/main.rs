//! The simulator over real sockets.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod basics;
mod client;
mod faulty;
mod recorded;
mod restart;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running simulator; dropping it kills it.
pub(crate) struct Sim {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) ws: SocketAddr,
    pub(crate) said: Value,
    pub(crate) token: String,
}

impl Drop for Sim {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Sim {
    /// The synthetic market at 09:20, and these arguments.
    pub(crate) fn synthetic(args: &[&str]) -> Self {
        Self::start(&[&["--synthetic", "--from", "09:20"], args].concat())
    }

    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broker-sim"));
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{args:?} said {line:?}"));
        let address = |name: &str| said[name].as_str().unwrap().parse().unwrap();
        let mut sim = Self { child, http: address("http"), ws: address("ws"), token: String::new(), said };
        sim.login();
        sim
    }

    pub(crate) fn login(&mut self) {
        // SHA-256 of demo three times over.
        let sum = pitlane_kite_broker::session::sha256_hex(&["demo", "demo", "demo"]);
        let form = format!("api_key=demo&request_token=demo&checksum={sum}");
        let answer = self.ok("POST", "/session/token", &form);
        self.token = answer["access_token"].as_str().unwrap().to_owned();
    }

    /// Ends it with a signal; its exit code.
    pub(crate) fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    /// The bytes of an answer, as long as the connection gives any; an empty text if it gives none.
    pub(crate) fn raw(&self, method: &str, path: &str, text: &str, patience: Duration) -> String {
        let (target, body) = match method {
            "GET" | "DELETE" if !text.is_empty() => (format!("{path}?{text}"), ""),
            "GET" | "DELETE" => (path.to_owned(), ""),
            _ => (path.to_owned(), text),
        };
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nX-Kite-Version: 3\r\nAuthorization: token demo:{}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let mut piece = [0; 4_096];
        while let Ok(read) = stream.read(&mut piece) {
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(&piece[..read]);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, text: &str) -> (u16, Value) {
        let raw = self.raw(method, path, text, PATIENCE);
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {raw:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())))
    }

    /// The data of an answer that must be a success.
    pub(crate) fn ok(&self, method: &str, path: &str, text: &str) -> Value {
        let (status, answer) = self.ask(method, path, text);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["data"].clone()
    }

    pub(crate) fn orders(&self) -> Vec<Value> {
        self.ok("GET", "/orders", "").as_array().unwrap().clone()
    }

    /// The order with a tag, if the broker has one; more than one is a failure.
    pub(crate) fn tagged(&self, tag: &str) -> Option<Value> {
        let mut found: Vec<Value> = self.orders().into_iter().filter(|order| order["tag"] == tag).collect();
        assert!(found.len() <= 1, "{found:?}");
        found.pop()
    }

    pub(crate) fn last_price(&self) -> f64 {
        self.ok("GET", "/quote/ltp", "i=NSE:RELIANCE")["NSE:RELIANCE"]["last_price"].as_f64().unwrap()
    }

    pub(crate) fn socket(&self) -> Result<Socket, u16> {
        self.socket_with(&self.token)
    }

    pub(crate) fn socket_with(&self, token: &str) -> Result<Socket, u16> {
        let url = format!("ws://{}/?api_key=demo&access_token={token}", self.ws);
        let stream = TcpStream::connect(self.ws).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(url.into_client_request().unwrap(), stream) {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A client of the ticker.
pub(crate) struct Socket(WebSocket<TcpStream>);

impl Socket {
    pub(crate) fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// The next message; `None` when the socket has ended or nothing comes within `patience`.
    pub(crate) fn next(&mut self, patience: Duration) -> Option<Message> {
        self.0.get_mut().set_read_timeout(Some(patience)).unwrap();
        self.0.read().ok().filter(|message| !message.is_close())
    }

    /// The first message that `is` says yes to.
    pub(crate) fn wait(&mut self, is: impl Fn(&Message) -> bool) -> Message {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let message = self.next(PATIENCE).expect("the socket goes on");
            if is(&message) {
                return message;
            }
        }
        panic!("waited in vain");
    }

    /// The next order update.
    pub(crate) fn update(&mut self) -> Value {
        let is_order =
            |message: &Message| matches!(message, Message::Text(text) if text.contains("\"order\""));
        let message = self.wait(is_order);
        let value: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(value["type"], "order");
        value["data"].clone()
    }
}

pub(crate) fn until(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < PATIENCE, "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An order to buy five shares at a price, with a tag.
pub(crate) fn buy(price: f64, tag: &str) -> String {
    let price = (price / 0.05).round() * 0.05;
    format!(
        "exchange=NSE&tradingsymbol=RELIANCE&transaction_type=BUY&order_type=LIMIT&product=MIS&quantity=10&validity=DAY\
         &price={price:.2}&tag={tag}"
    )
}
