//! Routes, forms and answers.

use crate::account::{Priced, instruments_csv, stamp_or_null};
use crate::broker::Broker;
use crate::decimal;
use crate::error::ApiError;
use crate::json::{Object, array, object, quoted};
use crate::limits::Class;
use crate::session::sha256_hex;
use crate::times;
use pitlane_engine::units::{InstrumentId, NS_PER_S, TsNs};

/// Instruments of one quote call.
const QUOTES_MAX: usize = 500;
/// Instruments of one call for last prices or day figures.
const PRICES_MAX: usize = 1_000;

/// A request, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: &'a str,
    /// What stands before the question mark.
    pub path: &'a str,
    /// What stands behind it.
    pub query: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The body: a form, or JSON.
    pub body: &'a [u8],
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Names and values of a query or a form.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `a=b&c=d`; what is malformed stays as it is.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// A value that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name)?;
        (!found.1.is_empty()).then_some(found.1.as_str())
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::missing(name))
    }

    /// A price, a percentage; `None` if it is not given.
    pub(crate) fn decimal(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let invalid = || ApiError::input(format!("Invalid `{name}`."));
        self.get(name)
            .map(|text| decimal::parse(text).filter(|value| value.abs() <= 1 << 40).ok_or_else(invalid))
            .transpose()
    }

    /// A whole number, also as `10.0`.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.decimal(name)? {
            Some(scaled) if scaled % 10_000 != 0 => Err(ApiError::input(format!("Invalid `{name}`."))),
            value => Ok(value.map(|scaled| scaled / 10_000)),
        }
    }
}

/// Undoes `%41` and `+`. What is no UTF-8 becomes the sign for that.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let hex = || u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        match byte {
            b'+' => out.push(b' '),
            b'%' => match hex() {
                Some(value) => {
                    out.push(value);
                    at += 2;
                }
                None => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What an answer's data are: JSON, or a CSV file.
enum Data {
    Json(String),
    Csv(String),
}

impl Broker {
    /// Answers a request at the market's time `now`. `wall_ns` is any clock that does not go back; the limits count by it.
    pub fn handle(&mut self, now: TsNs, wall_ns: u64, request: &Request<'_>) -> Response {
        match self.admit(now, wall_ns, request) {
            Ok(()) => self.repeat(now, request),
            Err(refused) => refused,
        }
    }

    /// The first half of [`Broker::handle`]: whether a request comes from whom it says, and is not one too many.
    ///
    /// # Errors
    /// If not: the answer.
    pub fn admit(&mut self, now: TsNs, wall_ns: u64, request: &Request<'_>) -> Result<(), Response> {
        self.advance(now);
        let allowed = self.config.allowed;
        let admitted = match self.authorized(request) {
            Ok(()) => self.limiter.take(class(request), wall_ns, &allowed),
            Err(error) => Err(error),
        };
        admitted.map_err(|error| self.answer(Err(error)))
    }

    /// The other half: does what a request asks for, at `now`, whoever sent it and however often. A broker that is
    /// restarted with what it did comes to the same state by repeating it.
    pub fn repeat(&mut self, now: TsNs, request: &Request<'_>) -> Response {
        self.advance(now);
        let done = self.route(now, request);
        self.answer(done)
    }

    fn answer(&self, done: Result<Data, ApiError>) -> Response {
        let json = "application/json";
        match done {
            Ok(Data::Json(data)) => Response {
                status: 200,
                content_type: json,
                body: format!("{{\"status\":\"success\",\"data\":{data}}}"),
            },
            Ok(Data::Csv(body)) => Response { status: 200, content_type: "text/csv", body },
            Err(error) => Response { status: error.status, content_type: json, body: error.body() },
        }
    }

    fn authorized(&self, request: &Request<'_>) -> Result<(), ApiError> {
        if request.path.starts_with("/session/") {
            return Ok(());
        }
        self.session.check(&self.config.api_key, request.authorization)
    }

    fn route(&mut self, now: TsNs, request: &Request<'_>) -> Result<Data, ApiError> {
        let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let form = || Fields::parse(&String::from_utf8_lossy(request.body));
        let query = || Fields::parse(request.query);
        let json = match (request.method, path.as_slice()) {
            ("POST", ["session", "token"]) => self.session_json(now, &form()),
            ("DELETE", ["session", "token"]) => {
                let query = query();
                let known = self
                    .is_alive(query.get("api_key").unwrap_or(""), query.get("access_token").unwrap_or(""));
                if !known {
                    return Err(ApiError::token());
                }
                self.session.kill();
                Ok("true".to_owned())
            }
            ("POST", ["orders", variety]) => self.place(variety, &form()),
            ("PUT", ["orders", variety, id]) => self.modify(variety, id, &form()),
            ("DELETE", ["orders", variety, id]) => self.cancel(variety, id),
            ("PUT", ["portfolio", "positions"]) => self.convert(&form()),
            ("POST", ["margins", "orders"]) => self.priced(request.body, Priced::Orders),
            ("POST", ["margins", "basket"]) => self.priced(request.body, Priced::Basket),
            ("POST", ["charges", "orders"]) => self.priced(request.body, Priced::Note),
            ("GET", ["instruments"]) => return Ok(Data::Csv(instruments_csv(self, None))),
            ("GET", ["instruments", exchange]) => {
                return Ok(Data::Csv(instruments_csv(self, Some(exchange))));
            }
            ("GET", path) => self.read(path, &query()),
            _ => Err(ApiError { status: 405, ..ApiError::route() }),
        };
        json.map(Data::Json)
    }

    fn read(&self, path: &[&str], query: &Fields) -> Result<String, ApiError> {
        let orders = &self.orders;
        match path {
            ["user", "profile"] | ["user", "profile", "full"] => Ok(object(|o| self.profile(o))),
            ["user", "margins"] => Ok(object(|o| {
                o.raw("equity", &self.margins_json(true));
                o.raw("commodity", &self.margins_json(false));
            })),
            ["user", "margins", segment @ ("equity" | "commodity")] => {
                Ok(self.margins_json(*segment == "equity"))
            }
            ["orders"] => Ok(array(orders.visible().iter().map(|order| self.order_json(order)))),
            ["orders", id] => {
                let order =
                    orders.get(id).ok_or_else(|| ApiError::order("Couldn't find that `order_id`."))?;
                Ok(array(order.history.iter().cloned()))
            }
            ["orders", id, "trades"] => {
                let at =
                    orders.by_id.get(*id).ok_or_else(|| ApiError::order("Couldn't find that `order_id`."))?;
                let own = orders.trades.iter().filter(|trade| trade.order == *at);
                Ok(array(own.map(|trade| self.trade_json(trade))))
            }
            ["trades"] => Ok(array(orders.trades.iter().map(|trade| self.trade_json(trade)))),
            ["portfolio", "positions"] => Ok(self.positions_json()),
            ["portfolio", "holdings"] | ["portfolio", "holdings", "compact" | "auctions"] => {
                Ok("[]".to_owned())
            }
            ["quote"] => self.quotes(query, QUOTES_MAX, Self::quote),
            ["quote", "ohlc"] => self.quotes(query, PRICES_MAX, Self::ohlc),
            ["quote", "ltp"] => self.quotes(query, PRICES_MAX, |_, _, _| {}),
            ["instruments", "historical", token, interval] => self.historical(token, interval, query),
            _ => Err(ApiError::route()),
        }
    }

    fn session_json(&mut self, now: TsNs, form: &Fields) -> Result<String, ApiError> {
        let Self { config, .. } = self;
        let (key, token) = (form.need("api_key")?, form.need("request_token")?);
        let checksum = sha256_hex(&[&config.api_key, &config.request_token, &config.api_secret]);
        if key != config.api_key || token != config.request_token {
            return Err(ApiError {
                message: "Token is invalid or has expired.".to_owned(),
                ..ApiError::token()
            });
        }
        if form.need("checksum")? != checksum {
            return Err(ApiError { message: "Invalid `checksum`.".to_owned(), ..ApiError::token() });
        }
        let access = self.session.login(now);
        let public = sha256_hex(&["public", &access]);
        Ok(object(|o| {
            self.profile(o);
            o.str("api_key", &self.config.api_key);
            o.str("access_token", &access);
            o.str("public_token", &public[..32]);
            o.str("enctoken", "");
            o.str("refresh_token", "");
            o.str("silo", "");
            o.str("login_time", &times::stamp(now));
        }))
    }

    fn profile(&self, o: &mut Object<'_>) {
        let list = |names: &[&str]| array(names.iter().map(|name| quoted(name)));
        o.str("user_id", &self.config.user_id);
        o.str("user_type", "individual");
        o.str("email", "demo@example.com");
        o.str("user_name", "Broker Simulator");
        o.str("user_shortname", "Simulator");
        o.str("broker", "ZERODHA");
        o.raw("exchanges", &list(&["NSE", "BSE", "NFO", "BFO"]));
        o.raw("products", &list(&["CNC", "NRML", "MIS"]));
        o.raw("order_types", &list(&["MARKET", "LIMIT", "SL", "SL-M"]));
        o.null("avatar_url");
        o.object("meta", |o| o.str("demat_consent", "physical"));
    }

    /// A map by the names asked for; names without an instrument or a price are left out.
    fn quotes(
        &self,
        query: &Fields,
        most: usize,
        more: impl Fn(&Self, InstrumentId, &mut Object<'_>),
    ) -> Result<String, ApiError> {
        let names: Vec<&str> = query.all("i").collect();
        if names.is_empty() || names.len() > most {
            return Err(ApiError::input(format!("Give 1 to {most} instruments as `i`.")));
        }
        let find = |name: &str| {
            let by_symbol = self.symbols.get(name).copied();
            by_symbol.or_else(|| self.market.find(name.parse().ok()?))
        };
        Ok(object(|o| {
            for name in names {
                let Some(at) = find(name).filter(|at| self.market.newest(*at).is_seen()) else { continue };
                let text = object(|o| {
                    o.int("instrument_token", self.spec(at).token);
                    o.dec("last_price", self.market.newest(at).last().0);
                    more(self, at, o);
                });
                o.raw(name, &text);
            }
        }))
    }

    fn ohlc(&self, at: InstrumentId, o: &mut Object<'_>) {
        let prices = self.market.newest(at).ohlc();
        o.object("ohlc", |o| {
            for (name, price) in ["open", "high", "low", "close"].into_iter().zip(prices) {
                o.dec(name, price.0);
            }
        });
    }

    fn quote(&self, at: InstrumentId, o: &mut Object<'_>) {
        let newest = self.market.newest(at);
        stamp_or_null(o, "timestamp", newest.exchange_time());
        let close = newest.ohlc()[3].0;
        o.dec("net_change", if close == 0 { 0 } else { newest.last().0 - close });
        self.ohlc(at, o);
        if newest.is_index() {
            return;
        }
        stamp_or_null(o, "last_trade_time", TsNs::from_secs(newest.word(44)));
        for (name, place) in
            [("last_quantity", 8), ("volume", 16), ("buy_quantity", 20), ("sell_quantity", 24)]
        {
            o.int(name, newest.word(place));
        }
        o.dec("average_price", newest.price(12).0);
        for (name, place) in [("oi", 48), ("oi_day_high", 52), ("oi_day_low", 56)] {
            o.int(name, newest.word(place));
        }
        let tick = self.spec(at).tick;
        let band = |bps| pitlane_engine::units::Price(close).shifted_bps(bps).floor_to(tick).0;
        o.dec("lower_circuit_limit", band(-2_000));
        o.dec("upper_circuit_limit", band(2_000));
        let levels = |from: usize| {
            array((from..from + 5).map(|level| {
                let (price, quantity, orders) = newest.level(level);
                object(|o| {
                    o.dec("price", price.0);
                    o.int("quantity", quantity);
                    o.int("orders", orders);
                })
            }))
        };
        o.object("depth", |o| {
            o.raw("buy", &levels(0));
            o.raw("sell", &levels(5));
        });
    }

    fn historical(&self, token: &str, interval: &str, query: &Fields) -> Result<String, ApiError> {
        let at = token.parse().ok().and_then(|token| self.market.find(token));
        let at = at.ok_or_else(|| ApiError::input("Invalid `instrument_token`."))?;
        let (minutes, days) = match interval {
            "minute" => (1, 60),
            "3minute" => (3, 100),
            "5minute" => (5, 100),
            "10minute" => (10, 100),
            "15minute" => (15, 200),
            "30minute" => (30, 200),
            "60minute" => (60, 400),
            "day" => (0, 2_000),
            _ => return Err(ApiError::input("Invalid `interval`.")),
        };
        let time = |name| {
            times::parse(query.need(name)?)
                .ok_or_else(|| ApiError::input(format!("Invalid `{name}`: YYYY-MM-DD HH:MM:SS.")))
        };
        let (from, to) = (time("from")?, time("to")?);
        if to < from {
            return Err(ApiError::input("`to` is before `from`."));
        }
        if to.since(from) > days * times::DAY_S * NS_PER_S {
            return Err(ApiError::input(format!("interval exceeds max limit: {days} days")));
        }
        let with_interest = query.get("oi") == Some("1");
        let (open, _) = self.plan.hours_of(at);
        let candles = self.market.candles(at).of_minutes(minutes, open, from, to);
        Ok(object(|o| {
            o.raw(
                "candles",
                &array(candles.iter().map(|candle| {
                    let mut fields = vec![quoted(&times::candle(candle.start))];
                    fields.extend(candle.prices.iter().map(|price| decimal::text(price.0)));
                    fields.push(candle.volume.to_string());
                    if with_interest {
                        fields.push(candle.open_interest.to_string());
                    }
                    array(fields)
                })),
            );
        }))
    }
}

/// What a request is counted with.
fn class(request: &Request<'_>) -> Class {
    let path = request.path.trim_start_matches('/');
    if path.starts_with("orders") && request.method != "GET" {
        Class::Order
    } else if path.starts_with("quote") {
        Class::Quote
    } else if path.starts_with("instruments/historical") {
        Class::Historical
    } else {
        Class::Other
    }
}
