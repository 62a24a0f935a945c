//! Listeners, and the thread that lets time pass when nobody asks.

use crate::hub::Hub;
use crate::{http, ws};
use anyhow::Context;
use pitlane_kite_broker::times;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// A broker that is listening.
pub(crate) struct Served {
    hub: Arc<Hub>,
    http: SocketAddr,
    ws: SocketAddr,
}

impl Served {
    /// Binds both addresses and starts to serve.
    pub(crate) fn start(hub: Arc<Hub>, http: &str, ws: &str) -> anyhow::Result<Self> {
        let bind = |flag: &str, text: &str| {
            let listener = TcpListener::bind(text);
            listener.with_context(|| {
                format!("{flag} {text}: cannot listen there; choose another address or port 0")
            })
        };
        let (rest, sockets) = (bind("--http", http)?, bind("--ws", ws)?);
        let (http, ws) = (rest.local_addr()?, sockets.local_addr()?);
        accept(rest, hub.clone(), http::serve);
        accept(sockets, hub.clone(), ws::serve);
        let passing = hub.clone();
        thread::spawn(move || {
            while !passing.stopping.load(Ordering::Relaxed) {
                drop(passing.lock());
                thread::sleep(Duration::from_millis(1));
            }
        });
        Ok(Self { hub, http, ws })
    }

    /// Where it listens and what time its market has: one line of JSON.
    pub(crate) fn announcement(&self) -> anyhow::Result<String> {
        let clock = &self.hub.clock;
        let inner = self.hub.lock();
        let date = &times::stamp(inner.broker.plan().times.open)[..10];
        let line = serde_json::json!({
            "schema": "broker-sim/1",
            "http": self.http.to_string(),
            "ws": self.ws.to_string(),
            "date": date,
            "base": times::candle(clock.base).replace("+0530", "+05:30"),
            "base_ns": clock.base.0,
            "wall_base_ns": clock.wall_base,
            "speed": clock.speed,
            "instruments": inner.broker.listings().len(),
            "now_ns": inner.now().0,
        });
        Ok(line.to_string())
    }

    /// What an engine needs to know of it, as a file for its `--config`. A market without a clock has no `[clock]`.
    pub(crate) fn engine_config(&self) -> String {
        let clock = &self.hub.clock;
        let key = self.hub.lock().broker.config().api_key.clone();
        let times = clock.speed.map_or(String::new(), |speed| {
            format!("\n[clock]\nbase = {}\nat = {}\nspeed = {speed}\n", clock.base.0, clock.wall_base)
        });
        format!(
            "# Made by broker-sim: no real broker, no real money.\n[broker]\napi_key = \"{key}\"\n\
             token_file = \"sim-token\" # made by engine login\nrest = \"http://{}\"\nticker = \"ws://{}\"\n{times}\
             \n[venue]\nlive = true\n",
            self.http, self.ws
        )
    }

    /// Closes all sockets.
    pub(crate) fn finish(self) {
        self.hub.stopping.store(true, Ordering::Relaxed);
        self.hub.lock().finish();
        // The writers' last frames.
        thread::sleep(Duration::from_millis(50));
    }
}

fn accept(listener: TcpListener, hub: Arc<Hub>, serve: fn(&Hub, TcpStream) -> std::io::Result<()>) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            let hub = hub.clone();
            // A client that goes away in the middle of something is no error of the broker.
            thread::spawn(move || _ = serve(&hub, stream));
        }
    });
}
