//! The broker: everything behind the sockets.

use crate::account::Positions;
use crate::limits::{Allowed, Limiter};
use crate::market::Market;
use crate::orders::Orders;
use crate::session::Session;
use crate::venue::Venue;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionPlan, VenueConfig};
use pitlane_engine::event::{self, Event, FLAG_EXO};
use pitlane_engine::units::{InstrumentId, Money, Price, Qty, TsNs};
use std::collections::BTreeMap;

/// What a broker is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The app's key.
    pub api_key: String,
    /// The app's secret: checksums are made with it.
    pub api_secret: String,
    /// The request token that the login page would have given; it may be used more than once.
    pub request_token: String,
    /// The account.
    pub user_id: String,
    /// Seed of tokens and order ids.
    pub seed: u64,
    /// Money at the start of the day.
    pub cash: Money,
    /// Whether orders without funds or holdings are rejected.
    pub check_funds: bool,
    /// Automatic market protection in bps.
    pub protection_bps: i64,
    /// Seconds before an instrument's close from which the broker closes MIS positions; zero = it does not.
    pub square_off_margin_s: u32,
    /// Changes an order may have.
    pub modifications_max: u32,
    /// Whether the ticker also says when an order was taken by the exchange; the broker is reported not to.
    pub post_open: bool,
    /// How often one may ask.
    pub allowed: Allowed,
    /// Margin of shares within the day, and of futures and sold options, in bps of their value.
    pub margin_bps: [i64; 2],
    /// The paper venue: how orders fill, and how long they take to get there.
    pub venue: VenueConfig,
}

impl Default for Config {
    /// Everything `demo`, ten lakh rupees, the broker's limits, square-off five minutes before the close.
    fn default() -> Self {
        let demo = || "demo".to_owned();
        Self {
            api_key: demo(),
            api_secret: demo(),
            request_token: demo(),
            user_id: "DEMO01".to_owned(),
            seed: 1,
            cash: Money::rupees(1_000_000),
            check_funds: true,
            protection_bps: 200,
            square_off_margin_s: 300,
            modifications_max: 25,
            post_open: false,
            allowed: Allowed::default(),
            margin_bps: [2_000, 1_500],
            venue: VenueConfig::default(),
        }
    }
}

/// An instrument as the broker lists it.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What the venue needs.
    pub spec: InstrumentSpec,
    /// A company's name, or a contract's underlying; empty if unknown.
    pub name: String,
    /// Last trading day `YYYY-MM-DD`; empty for what does not expire.
    pub expiry: String,
    /// Strike; zero for what has none.
    pub strike: Price,
    /// `EQ`, `FUT`, `CE`, `PE`.
    pub kind: &'static str,
    /// `NSE`, `INDICES`, `NFO-FUT`, `NFO-OPT`.
    pub segment: String,
}

impl Listing {
    /// The listing that follows from a specification alone. Of an option it is not known whether it is a call; its
    /// symbol's end says so.
    pub fn of(spec: InstrumentSpec) -> Self {
        let exchange = spec.symbol.split_once(':').map_or("NSE", |(exchange, _)| exchange).to_owned();
        let (kind, segment) = match spec.class {
            InstrumentClass::Equity => ("EQ", exchange),
            InstrumentClass::Index => ("EQ", "INDICES".to_owned()),
            InstrumentClass::Future => ("FUT", format!("{exchange}-FUT")),
            InstrumentClass::Option if spec.symbol.ends_with("PE") => ("PE", format!("{exchange}-OPT")),
            InstrumentClass::Option => ("CE", format!("{exchange}-OPT")),
        };
        Self { spec, name: String::new(), expiry: String::new(), strike: Price::ZERO, kind, segment }
    }

    /// What stands before the colon of the symbol.
    pub fn exchange(&self) -> &str {
        self.spec.symbol.split_once(':').map_or("", |(exchange, _)| exchange)
    }

    /// What stands behind it.
    pub fn tradingsymbol(&self) -> &str {
        self.spec.symbol.split_once(':').map_or(self.spec.symbol.as_str(), |(_, symbol)| symbol)
    }
}

/// A frame for the sockets: whose packets there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Their tokens, in the order of the packets.
    pub changed: Vec<u32>,
}

/// The broker. All times are the market's, but for the wall time of [`Broker::handle`], by which limits count.
pub struct Broker {
    pub(crate) config: Config,
    pub(crate) listings: Vec<Listing>,
    pub(crate) symbols: BTreeMap<String, InstrumentId>,
    pub(crate) plan: SessionPlan,
    pub(crate) venue: Venue,
    pub(crate) market: Market,
    pub(crate) orders: Orders,
    pub(crate) positions: Positions,
    pub(crate) session: Session,
    pub(crate) limiter: Limiter,
    pub(crate) next_square_off: TsNs,
    /// How often it has lost its memory: its order ids begin anew with another number.
    pub(crate) epoch: u64,
}

impl Broker {
    /// A broker of these instruments for one session.
    ///
    /// Panics on an instrument or a venue out of range, as the engine's stages do.
    pub fn new(config: Config, listings: Vec<Listing>, plan: SessionPlan) -> Self {
        let specs: Vec<InstrumentSpec> = listings.iter().map(|listing| listing.spec.clone()).collect();
        let ids = (0..).map(InstrumentId);
        Self {
            symbols: specs.iter().map(|spec| spec.symbol.clone()).zip(ids).collect(),
            venue: Venue::new(&specs, &config.venue, &plan),
            market: Market::new(specs.iter().map(|spec| (spec.token, spec.class))),
            orders: Orders::default(),
            positions: Positions::default(),
            session: Session::new(config.seed),
            limiter: Limiter::default(),
            next_square_off: TsNs::ZERO,
            epoch: 0,
            config,
            listings,
            plan,
        }
    }

    /// Lets the market's time pass until `now`: timers, wake-ups, square-off, the death of tokens. Times do not go back.
    /// Answers whether a token died.
    pub fn advance(&mut self, now: TsNs) -> bool {
        while let Some(due) = self.venue.next_due(now) {
            self.venue.pass(due);
            self.listen();
            self.square_off(due);
        }
        self.session.expire(now)
    }

    /// Takes a frame in the broker's wire format, received at `received`.
    pub fn frame(&mut self, received: TsNs, bytes: &[u8]) -> Frame {
        self.advance(received);
        let mut changed = Vec::new();
        self.market.frame(received, bytes, &mut changed);
        self.venue.frame(received, bytes);
        self.listen();
        Frame { changed }
    }

    /// The order updates made since this was asked last, oldest first: every socket of the account gets them.
    pub fn take_postbacks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.orders.postbacks)
    }

    /// What is published.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The orders.
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// The instruments.
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// The session's hours.
    pub fn plan(&self) -> &SessionPlan {
        &self.plan
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether `token` opens the ticker.
    pub fn is_alive(&self, api_key: &str, token: &str) -> bool {
        api_key == self.config.api_key && self.session.is_alive(token)
    }

    /// Kills the access token before its time.
    pub fn kill_token(&mut self) {
        self.session.kill();
    }

    /// Logs in as a checked session call would; for a broker that is restarted with what it did.
    pub fn login(&mut self, now: TsNs) -> String {
        self.session.login(now)
    }

    /// Forgets all orders, trades and positions, as a broker does that restarts without its memory. The market goes on.
    pub fn forget(&mut self) {
        for at in 0..self.orders.list.len() {
            if !self.orders.list[at].status.is_final() && !self.orders.list[at].cancelling {
                self.cancel_at(at);
            }
        }
        // The venue still knows the old numbers, so new orders go on counting behind them.
        let known = self.orders.list.len();
        self.orders.by_id.clear();
        self.orders.trades.clear();
        self.orders.postbacks.clear();
        self.orders.hidden = known;
        self.positions = Positions::default();
        self.epoch += 1;
    }

    /// Makes the market trade so much at a resting order's limit, and then be as it was: the partial fill that a fault
    /// asks for. Own orders ahead of it fill first. Nothing if the order does not rest.
    pub fn nudge(&mut self, order_id: &str, quantity: Qty) {
        let Some(order) =
            self.orders.get(order_id).filter(|order| order.status == crate::orders::Status::Open)
        else {
            return;
        };
        let (at, side, price) = (order.instrument, order.side, order.price);
        let newest = *self.market.newest(at);
        let mut full = full_of(&newest);
        full.last = price;
        let quantity = u32::try_from(quantity.0).unwrap_or(u32::MAX);
        let (bids, asks) = match side {
            event::Side::Buy => (0, quantity),
            event::Side::Sell => (quantity, 0),
        };
        (full.bid_qty[0], full.ask_qty[0]) = (bids, asks);
        self.venue.request(Event::new(at, FLAG_EXO, &full));
        let mut after = full_of(&newest);
        after.volume = after.volume.saturating_add(quantity);
        self.venue.request(Event::new(at, FLAG_EXO, &after));
        self.listen();
    }

    pub(crate) fn spec(&self, at: InstrumentId) -> &InstrumentSpec {
        &self.listings[at.index()].spec
    }

    pub(crate) fn find_symbol(&self, exchange: &str, symbol: &str) -> Option<InstrumentId> {
        self.symbols.get(&format!("{exchange}:{symbol}")).copied()
    }
}

/// A market event without depth, as the newest packet has it, whose time is the venue's own.
fn full_of(newest: &crate::market::Newest) -> event::Full {
    let [open, high, low, close] = newest.ohlc();
    event::Full {
        last: newest.last(),
        received: TsNs::ZERO,
        source_seq: 0,
        flags: event::MARKET_VOLUME,
        exchange_secs: 0,
        average: newest.price(12),
        open,
        high,
        low,
        close,
        last_qty: 0,
        volume: newest.word(16),
        buy_qty: 0,
        sell_qty: 0,
        last_trade_secs: 0,
        open_interest: 0,
        open_interest_high: 0,
        open_interest_low: 0,
        bid_qty: [0; 5],
        ask_qty: [0; 5],
        bid_delta: [0; 5],
        ask_delta: [0; 5],
        bid_orders: [0; 5],
        ask_orders: [0; 5],
        reserved: [0; 20],
    }
}
