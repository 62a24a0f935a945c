//! Positions, funds and charges.

mod priced;

pub(crate) use priced::Priced;

use crate::broker::Broker;
use crate::decimal;
use crate::error::ApiError;
use crate::json::{Object, array, object};
use crate::orders::Product;
use crate::rest::Fields;
use crate::times;
use pitlane_engine::charges::{Charges, Exchange, Segment, Tariff};
use pitlane_engine::config::{self, InstrumentClass};
use pitlane_engine::event::Side;
use pitlane_engine::units::{InstrumentId, Money, Price, Qty};
use std::collections::BTreeMap;

/// What was bought and sold of an instrument under a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Quantity bought, and its value in 1/10,000 without the multiplier.
    pub bought: (i64, i128),
    /// Quantity sold, and its value.
    pub sold: (i64, i128),
}

impl Held {
    fn net(&self) -> i64 {
        self.bought.0 - self.sold.0
    }

    fn side(&mut self, side: Side) -> &mut (i64, i128) {
        match side {
            Side::Buy => &mut self.bought,
            Side::Sell => &mut self.sold,
        }
    }
}

/// Positions by instrument and product.
pub type Positions = BTreeMap<(InstrumentId, Product), Held>;

fn money(wide: i128) -> i64 {
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

impl Broker {
    /// All positions of the day.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Books a trade.
    pub(crate) fn book(
        &mut self,
        at: InstrumentId,
        product: Product,
        side: Side,
        quantity: Qty,
        price: Price,
    ) {
        let held = self.positions.entry((at, product)).or_default().side(side);
        held.0 += quantity.0;
        held.1 += i128::from(price.0) * i128::from(quantity.0);
    }

    /// The net position under a product.
    pub fn net(&self, at: InstrumentId, product: Product) -> Qty {
        Qty(self.positions.get(&(at, product)).map_or(0, Held::net))
    }

    fn pnl(&self, at: InstrumentId, held: &Held) -> i128 {
        let last = i128::from(self.market.newest(at).last().0);
        let multiplier = i128::from(self.spec(at).multiplier);
        (held.sold.1 - held.bought.1 + i128::from(held.net()) * last) * multiplier
    }

    /// `/portfolio/positions`.
    pub(crate) fn positions_json(&self) -> String {
        let all: Vec<String> = self
            .positions
            .iter()
            .map(|((at, product), held)| self.position_json(*at, *product, held))
            .collect();
        object(|o| {
            o.raw("net", &array(all.iter().cloned()));
            o.raw("day", &array(all.iter().cloned()));
        })
    }

    fn position_json(&self, at: InstrumentId, product: Product, held: &Held) -> String {
        let listing = &self.listings[at.index()];
        let multiplier = i128::from(listing.spec.multiplier);
        let newest = self.market.newest(at);
        let averages = [held.bought, held.sold].map(|(quantity, value)| decimal::ratio(value, quantity));
        let values = [held.bought, held.sold].map(|(_, value)| money(value * multiplier));
        let average = match held.net().signum() {
            1 => averages[0],
            -1 => averages[1],
            _ => 0,
        };
        let pnl = money(self.pnl(at, held));
        object(|o| {
            o.str("tradingsymbol", listing.tradingsymbol());
            o.str("exchange", listing.exchange());
            o.int("instrument_token", listing.spec.token);
            o.str("product", product.name());
            o.int("quantity", held.net());
            o.int("overnight_quantity", 0);
            o.int("multiplier", listing.spec.multiplier);
            o.dec("average_price", average);
            o.dec("close_price", newest.ohlc()[3].0);
            o.dec("last_price", newest.last().0);
            o.dec("value", values[1].saturating_sub(values[0]));
            for name in ["pnl", "m2m", "unrealised"] {
                o.dec(name, pnl);
            }
            o.int("realised", 0);
            for (n, side) in ["buy", "sell"].into_iter().enumerate() {
                let quantity = [held.bought.0, held.sold.0][n];
                o.int(&format!("{side}_quantity"), quantity);
                o.dec(&format!("{side}_price"), averages[n]);
                o.dec(&format!("{side}_value"), values[n]);
                o.dec(&format!("{side}_m2m"), values[n]);
                o.int(&format!("day_{side}_quantity"), quantity);
                o.dec(&format!("day_{side}_price"), averages[n]);
                o.dec(&format!("day_{side}_value"), values[n]);
            }
        })
    }

    /// `PUT /portfolio/positions`.
    pub(crate) fn convert(&mut self, fields: &Fields) -> Result<String, ApiError> {
        let at = self
            .find_symbol(fields.need("exchange")?, fields.need("tradingsymbol")?)
            .ok_or_else(|| ApiError::input("Invalid `tradingsymbol`."))?;
        let product = |name| -> Result<Product, ApiError> {
            Product::from_name(fields.need(name)?)
                .ok_or_else(|| ApiError::input(format!("Invalid `{name}`.")))
        };
        let (old, new) = (product("old_product")?, product("new_product")?);
        let side = match fields.need("transaction_type")? {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            _ => return Err(ApiError::input("Invalid `transaction_type`.")),
        };
        let quantity = fields.whole("quantity")?.ok_or_else(|| ApiError::missing("quantity"))?;
        let mut held = self.positions.get(&(at, old)).copied().unwrap_or_default();
        if quantity <= 0 || held.net() * side.sign() < quantity || old == new {
            return Err(ApiError::input("Position conversion quantity is greater than the open position."));
        }
        let (total, value) = *held.side(side);
        let moved = value * i128::from(quantity) / i128::from(total);
        for (product, sign) in [(old, -1), (new, 1)] {
            let entry = self.positions.entry((at, product)).or_default().side(side);
            entry.0 += sign * quantity;
            entry.1 += i128::from(sign) * moved;
        }
        Ok("true".to_owned())
    }

    fn rate(&self, at: InstrumentId, product: Product) -> i64 {
        match (self.spec(at).class, product) {
            (InstrumentClass::Equity, Product::Mis) => self.config.margin_bps[0],
            (InstrumentClass::Equity, _) => 10_000,
            _ => self.config.margin_bps[1],
        }
    }

    /// Margin an order blocks: nothing if it only makes a position smaller.
    pub(crate) fn margin(
        &self,
        at: InstrumentId,
        product: Product,
        side: Side,
        quantity: Qty,
        price: Price,
    ) -> Money {
        let spec = self.spec(at);
        if side.sign() * self.net(at, product).0 < 0 && quantity <= self.net(at, product).abs() {
            return Money::ZERO;
        }
        let premium = spec.class == InstrumentClass::Option && side == Side::Buy;
        let bps = if premium { 10_000 } else { self.rate(at, product) };
        let value = i128::from(price.0) * i128::from(quantity.0) * i128::from(spec.multiplier);
        Money(money(value * i128::from(bps) / 10_000))
    }

    /// What is free: cash at the start, profit and loss, less charges and what is blocked; and what is blocked.
    pub fn funds(&self) -> (Money, Money) {
        let mut blocked = 0_i128;
        let mut pnl = 0_i128;
        for ((at, product), held) in &self.positions {
            let last = i128::from(self.market.newest(*at).last().0) * i128::from(self.spec(*at).multiplier);
            blocked += i128::from(held.net().abs()) * last * i128::from(self.rate(*at, *product)) / 10_000;
            pnl += self.pnl(*at, held);
        }
        for order in self.orders.visible().iter().filter(|order| !order.status.is_final()) {
            let price = if order.price.is_zero() { order.trigger } else { order.price };
            blocked +=
                i128::from(self.margin(order.instrument, order.product, order.side, order.open(), price).0);
        }
        let net = i128::from(self.config.cash.0) + pnl - i128::from(self.charged().0) - blocked;
        (Money(money(net)), Money(money(blocked)))
    }

    /// What the day's orders have cost.
    pub fn charged(&self) -> Money {
        let each = self.orders.visible().iter().map(|order| {
            let value = order.value * i128::from(self.spec(order.instrument).multiplier);
            self.charges(order.instrument, order.product, order.side, Money(money(value))).total()
        });
        each.fold(Money::ZERO, |sum, one| sum + one)
    }

    /// What an executed order costs.
    pub(crate) fn charges(&self, at: InstrumentId, product: Product, side: Side, value: Money) -> Charges {
        let spec = self.spec(at);
        let held =
            if product == Product::Cnc { config::Product::Delivery } else { config::Product::Intraday };
        let Some(segment) = Segment::of(spec.class, held) else { return Charges::NONE };
        let exchange = Exchange::of_symbol(&spec.symbol).unwrap_or(Exchange::Nse);
        Tariff::new(exchange, segment, self.plan.times.date).order(side, value)
    }

    /// Whether the account can pay for an order, or deliver what it sells.
    pub(crate) fn check_funds(
        &self,
        at: InstrumentId,
        product: Product,
        side: Side,
        quantity: Qty,
        price: Price,
    ) -> Result<(), String> {
        if !self.config.check_funds {
            return Ok(());
        }
        if product == Product::Cnc && side == Side::Sell && quantity > self.net(at, product) {
            return Err("Insufficient stock holding: shares are sold from what was bought today.".to_owned());
        }
        let needed = self.margin(at, product, side, quantity, price);
        let (free, _) = self.funds();
        if needed.is_zero() || needed <= free {
            return Ok(());
        }
        Err(format!(
            "Insufficient funds. Required margin is {needed} but available margin is {free}. Check the orderbook for \
             open orders."
        ))
    }

    /// One segment of `/user/margins`.
    pub(crate) fn margins_json(&self, equity: bool) -> String {
        let (net, blocked) = if equity { self.funds() } else { (Money::ZERO, Money::ZERO) };
        let cash = if equity { self.config.cash } else { Money::ZERO };
        object(|o| {
            o.flag("enabled", equity);
            o.dec("net", net.0);
            o.object("available", |o| {
                o.int("adhoc_margin", 0);
                o.dec("cash", cash.0);
                o.dec("opening_balance", cash.0);
                o.dec("live_balance", net.0);
                o.int("collateral", 0);
                o.int("intraday_payin", 0);
            });
            o.object("utilised", |o| {
                o.dec("debits", cash.0.saturating_sub(net.0));
                o.dec("exposure", blocked.0);
                for name in
                    ["m2m_realised", "m2m_unrealised", "option_premium", "payout", "span", "holding_sales"]
                {
                    o.int(name, 0);
                }
                for name in ["turnover", "liquid_collateral", "stock_collateral", "delivery"] {
                    o.int(name, 0);
                }
            });
        })
    }
}

/// The text of an instrument file's rows, one instrument a line.
pub(crate) fn instruments_csv(broker: &Broker, exchange: Option<&str>) -> String {
    let mut text =
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,\
                    instrument_type,segment,exchange\n"
            .to_owned();
    for listing in broker.listings.iter().filter(|l| exchange.is_none_or(|exchange| l.exchange() == exchange))
    {
        let name = match listing.name.contains([',', '"']) {
            true => format!("\"{}\"", listing.name.replace('"', "\"\"")),
            false => listing.name.clone(),
        };
        let fields = [
            listing.spec.token.to_string(),
            (listing.spec.token >> 8).to_string(),
            listing.tradingsymbol().to_owned(),
            name,
            "0".to_owned(),
            listing.expiry.clone(),
            decimal::text(listing.strike.0),
            decimal::text(listing.spec.tick.0),
            listing.spec.lot.0.to_string(),
            listing.kind.to_owned(),
            listing.segment.clone(),
            listing.exchange().to_owned(),
        ];
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

/// A time in an answer: never before 1970, absent if zero.
pub(crate) fn stamp_or_null(o: &mut Object<'_>, key: &str, at: pitlane_engine::units::TsNs) {
    if at.is_zero() { o.null(key) } else { o.str(key, &times::stamp(at)) }
}
