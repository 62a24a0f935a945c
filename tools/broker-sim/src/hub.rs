//! Broker, market, sockets and faults under one lock: who asks, asks here.
//!
//! Every entry first lets the market's time pass to now ([`Inner::pass`]), so that a request meets the market of its moment,
//! and nothing depends on which thread came first.

mod play;
mod trouble;

use crate::clock::MarketClock;
use crate::faults::{Fault, Faults, call_of};
use crate::market::Source;
use crate::state::{Did, State};
use pitlane_engine::feed::FrameFeed;
use pitlane_engine::units::{NS_PER_S, Qty, TsNs};
use pitlane_kite_broker::market::Newest;
use pitlane_kite_broker::ticker::{Reply, SOCKETS_MAX};
use pitlane_kite_broker::{Broker, Config, Request, Response, Ticker};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use trouble::{failure, page};

/// Wall time without a frame after which a socket gets a heartbeat.
const HEARTBEAT_NS: u64 = 2 * NS_PER_S;

/// What a socket's writer is given.
pub(crate) enum Out {
    /// A binary frame.
    Binary(Vec<u8>),
    /// A text frame.
    Text(String),
    /// A close frame, and the end.
    Close,
}

/// Wall time between the first subscription and the beginning of a market without a clock.
const SETTLE_NS: u64 = NS_PER_S;

struct Client {
    id: u64,
    ticker: Ticker,
    out: Sender<Out>,
    flags: Arc<ClientFlags>,
    stream: TcpStream,
    last_ns: u64,
    /// The exchange time of the first packets is so much too old.
    stale: Option<Duration>,
}

/// What reader and writer of a socket share.
#[derive(Default)]
pub(crate) struct ClientFlags {
    /// Frames in the queue.
    pub(crate) waiting: AtomicUsize,
    /// Open and silent.
    pub(crate) muted: AtomicBool,
}

impl Client {
    fn send(&mut self, out: Out, wall: u64) {
        self.last_ns = wall;
        self.flags.waiting.fetch_add(1, Ordering::Relaxed);
        // A receiver that is gone belongs to a socket that is about to be forgotten.
        _ = self.out.send(out);
    }
}

/// What becomes of a request.
pub(crate) enum Answer {
    /// These responses, after so long.
    Send(Vec<Response>, Duration),
    /// Half of it, then the end.
    Cut(Response),
    /// The end of the connection, after so long.
    Close(Duration),
    /// Nothing, for ever.
    Silence,
    /// Nothing; after so long it is done, and then the end.
    Late(Duration),
}

/// Everything but the clock.
pub(crate) struct Inner {
    pub(crate) broker: Broker,
    feed: Box<dyn FrameFeed>,
    head: Option<(TsNs, Vec<u8>)>,
    closed: bool,
    faults: Faults,
    clients: Vec<Client>,
    clients_ever: u64,
    state: Option<State>,
    /// A postback that waits for the next one.
    swapped: Option<String>,
    /// Postbacks that come later, by wall time.
    delayed: Vec<(u64, String)>,
    frozen_until: u64,
    /// When a market without a clock begins, by wall time: a while after somebody has subscribed, so that modes are set.
    begins: Option<u64>,
    now: TsNs,
    /// The wall's time of the last call.
    wall: u64,
    left_out: u64,
}

/// The lock and the clock.
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    pub(crate) clock: MarketClock,
    pub(crate) stopping: AtomicBool,
}

impl Hub {
    /// Makes the broker and, with a state file, does again what it holds.
    pub(crate) fn new(
        config: Config,
        market: Source,
        mut clock: MarketClock,
        faults: Faults,
        state: Option<&Path>,
    ) -> anyhow::Result<Arc<Self>> {
        let Source { listings, plan, feed } = market;
        let symbols = listings.iter().map(|listing| listing.spec.symbol.clone()).collect();
        let date = plan.times.date;
        let broker = Broker::new(config, listings, plan);
        let (state, done) = match state {
            Some(path) => {
                let (state, done) = State::open(path, date, symbols, &mut clock)?;
                (Some(state), done)
            }
            None => (None, Vec::new()),
        };
        let mut inner = Inner {
            broker,
            feed,
            head: None,
            closed: false,
            faults,
            clients: Vec::new(),
            clients_ever: 0,
            state,
            swapped: None,
            delayed: Vec::new(),
            frozen_until: 0,
            begins: None,
            now: TsNs::ZERO,
            wall: 0,
            left_out: 0,
        };
        let again = done.len();
        for (now, did) in done {
            inner.play(now);
            inner.again(now, &did);
        }
        // What was sent then is not sent again.
        inner.broker.take_postbacks();
        inner.play(clock.base);
        if again > 0 {
            eprintln!("restarted with {again} things done before");
        }
        Ok(Arc::new(Self { inner: Mutex::new(inner), clock, stopping: AtomicBool::new(false) }))
    }

    /// Takes the lock and lets time pass. A panic of another thread leaves nothing half done that a next request could
    /// not stand.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.pass(&self.clock);
        inner
    }

    /// Does what a request asks for, and what goes wrong with it.
    pub(crate) fn call(&self, request: &Request<'_>) -> Answer {
        let mut inner = self.lock();
        let now = inner.now;
        let happens = inner.faults.decide(call_of(request.method, request.path), now);
        let wall = self.clock.wall();
        let Some(happens) = happens else {
            let response = inner.execute(wall, request);
            inner.dispatch(wall);
            return Answer::Send(vec![response], Duration::ZERO);
        };
        match happens.fault {
            Fault::AcceptLate => return Answer::Late(happens.after_or(3_000)),
            Fault::Hang => return Answer::Close(happens.after_or(10_000)),
            Fault::Drop => return Answer::Close(Duration::ZERO),
            Fault::HalfOpen => return Answer::Silence,
            Fault::Fail => return Answer::Send(vec![failure(happens.status.unwrap_or(503))], Duration::ZERO),
            Fault::Html => return Answer::Send(vec![page(happens.status.unwrap_or(502))], Duration::ZERO),
            Fault::CancelRace => inner.fill_first(request, &happens),
            _ => {}
        }
        let response = inner.execute(wall, request);
        if happens.fault == Fault::Partial {
            inner.fill_after(&response, &happens);
        }
        inner.dispatch(wall);
        match happens.fault {
            Fault::LoseAnswer => Answer::Close(Duration::ZERO),
            Fault::AnswerTwice => Answer::Send(vec![response.clone(), response], Duration::ZERO),
            Fault::PostbackFirst => Answer::Send(vec![response], happens.after_or(500)),
            Fault::FailAfter => Answer::Send(vec![failure(happens.status.unwrap_or(504))], Duration::ZERO),
            Fault::HtmlAfter => Answer::Send(vec![page(happens.status.unwrap_or(502))], Duration::ZERO),
            Fault::Truncate => Answer::Cut(response),
            _ => Answer::Send(vec![response], Duration::ZERO),
        }
    }

    /// Does what a request asked for a while ago.
    pub(crate) fn late(&self, request: &Request<'_>) {
        let mut inner = self.lock();
        let wall = self.clock.wall();
        inner.execute(wall, request);
        inner.dispatch(wall);
    }

    /// Takes a socket in, if its token is alive: its number, its queue, and what it shares with its writer.
    pub(crate) fn connect(
        &self,
        api_key: &str,
        token: &str,
        stream: TcpStream,
    ) -> Result<(u64, Receiver<Out>, Arc<ClientFlags>), u16> {
        let mut inner = self.lock();
        let now = inner.now;
        let happens = inner.faults.decide("connect", now);
        if !inner.broker.is_alive(api_key, token) || happens.is_some_and(|h| h.fault == Fault::Refuse) {
            return Err(403);
        }
        if inner.clients.len() >= SOCKETS_MAX {
            return Err(429);
        }
        let (out, queue) = channel();
        inner.clients_ever += 1;
        let (id, flags) = (inner.clients_ever, Arc::new(ClientFlags::default()));
        let stale = happens.filter(|h| h.fault == Fault::StaleFirst).map(|h| h.age);
        let (ticker, last_ns) = (Ticker::new(), self.clock.wall());
        inner.clients.push(Client { id, ticker, out, flags: flags.clone(), stream, last_ns, stale });
        let meta = format!(
            "{{\"type\":\"instruments_meta\",\"data\":{{\"count\":{},\"etag\":\"1\"}}}}",
            inner.broker.listings().len()
        );
        if let Some(client) = inner.clients.last_mut() {
            client.send(Out::Text(meta), last_ns);
        }
        Ok((id, queue, flags))
    }

    /// Takes a message of a socket.
    pub(crate) fn message(&self, id: u64, text: &str) {
        let mut inner = self.lock();
        let wall = self.clock.wall();
        let Inner { broker, clients, begins, now, .. } = &mut *inner;
        let Some(client) = clients.iter_mut().find(|client| client.id == id) else { return };
        let old =
            client.stale.map(|age| TsNs(now.0.saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(0))));
        let shown = |newest: &mut Newest| {
            if let Some(old) = old {
                newest.set_exchange_time(u32::try_from(old.0 / NS_PER_S).unwrap_or(0));
            }
        };
        for reply in client.ticker.on_text(broker.market(), text, shown) {
            let out = match reply {
                Reply::Frame(bytes) => Out::Binary(bytes),
                Reply::Text(text) => Out::Text(text),
            };
            client.send(out, wall);
        }
        if begins.is_none() && !client.ticker.is_empty() {
            *begins = Some(wall.saturating_add(SETTLE_NS));
        }
    }

    /// Forgets a socket.
    pub(crate) fn disconnect(&self, id: u64) {
        self.lock().clients.retain(|client| client.id != id);
    }
}

impl Inner {
    /// The market's time.
    pub(crate) fn now(&self) -> TsNs {
        self.now
    }

    /// Lets the market's time pass to now, and sends what comes of it.
    fn pass(&mut self, clock: &MarketClock) {
        let wall = clock.wall();
        self.wall = wall;
        match clock.now() {
            Some(now) => self.play(now),
            None => self.play_at_once(clock.base, wall),
        }
        // One at a time: this is called every millisecond.
        if let Some(happens) = self.faults.decide("clock", self.now) {
            self.strike(&happens, wall);
        }
        self.dispatch(wall);
        for client in &mut self.clients {
            if wall.saturating_sub(client.last_ns) >= HEARTBEAT_NS {
                client.send(Out::Binary(vec![0]), wall);
            }
        }
    }

    /// Does what a request asks for, and notes it first.
    fn execute(&mut self, wall: u64, request: &Request<'_>) -> Response {
        let now = self.now;
        if let Err(refused) = self.broker.admit(now, wall, request) {
            return refused;
        }
        let is_session = request.path.starts_with("/session");
        if request.method != "GET" && !is_session {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let did = Did::Call {
                method: request.method.to_owned(),
                path: request.path.to_owned(),
                query: request.query.to_owned(),
                body: text(request.body),
            };
            self.note(&did);
        }
        let response = self.broker.repeat(now, request);
        if is_session && response.status == 200 {
            let logout = request.method == "DELETE";
            self.note(if logout { &Did::KillToken } else { &Did::Login });
            if logout {
                self.drop_sockets();
            }
        }
        response
    }

    fn note(&mut self, did: &Did) {
        if let Some(state) = &mut self.state {
            state.note(self.now, did);
        }
    }

    /// Does again what was done before a restart.
    fn again(&mut self, now: TsNs, did: &Did) {
        match did {
            Did::Call { method, path, query, body } => {
                let request = Request { method, path, query, authorization: None, body: body.as_bytes() };
                self.broker.repeat(now, &request);
            }
            Did::Login => _ = self.broker.login(now),
            Did::KillToken => self.broker.kill_token(),
            Did::Forget => self.broker.forget(),
            Did::Nudge { order, quantity } => self.broker.nudge(order, Qty(*quantity)),
        }
    }

    /// Says what went wrong and ends all sockets.
    pub(crate) fn finish(&mut self) {
        self.faults.report().for_each(|line| eprintln!("faults: {line}"));
        if self.left_out > 0 {
            eprintln!("{} frames were left out for sockets that were too slow", self.left_out);
        }
        let wall = self.wall;
        self.clients.iter_mut().for_each(|client| client.send(Out::Close, wall));
    }
}
