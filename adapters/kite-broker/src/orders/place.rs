//! A new order: what the broker checks, and its way to the venue.

use super::{Order, Pricing, Product, Status};
use crate::broker::Broker;
use crate::decimal;
use crate::error::ApiError;
use crate::json::{array, object};
use crate::rest::Fields;
use crate::times;
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{self, Event, FLAG_OUT, Intent, OrderType, Side, Validity};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty, StrategyId, TsNs};

/// Slices an order is split into at most.
const SLICES_MAX: i64 = 10;
/// The largest quantity the broker takes.
const QUANTITY_MAX: i64 = 100_000_000;

/// An order as asked for.
#[derive(Clone, Debug)]
pub struct Form {
    pub(crate) instrument: InstrumentId,
    pub(crate) side: Side,
    pub(crate) pricing: Pricing,
    pub(crate) product: Product,
    pub(crate) immediate: bool,
    pub(crate) quantity: Qty,
    pub(crate) disclosed: Qty,
    pub(crate) price: Price,
    pub(crate) trigger: Price,
    pub(crate) protection: i64,
    pub(crate) tag: Option<String>,
    pub(crate) autoslice: bool,
}

impl Broker {
    /// `POST /orders/regular`.
    pub(crate) fn place(&mut self, variety: &str, fields: &Fields) -> Result<String, ApiError> {
        if variety != "regular" {
            return Err(ApiError::input(format!(
                "Invalid `variety`: this broker takes regular orders, not {variety}."
            )));
        }
        let form = self.form(fields)?;
        let most = self.config.allowed.orders_per_day;
        if most > 0 && self.orders.placed >= most {
            return Err(ApiError::rate("Maximum allowed order requests per day exceeded"));
        }
        let freeze = self.spec(form.instrument).freeze;
        if form.autoslice && freeze > Qty::ZERO && form.quantity > freeze {
            return self.place_slices(&form, freeze);
        }
        self.orders.placed += 1;
        let at = self.enter(&form, None);
        Ok(object(|o| o.str("order_id", &self.orders.list[at].id)))
    }

    /// Splits an order above the freeze quantity. The first slice is the parent, and the rest its children.
    fn place_slices(&mut self, form: &Form, freeze: Qty) -> Result<String, ApiError> {
        let largest = freeze.floor_to_lot(self.spec(form.instrument).lot);
        if largest.is_zero() || form.quantity.0 > largest.0 * SLICES_MAX {
            return Err(ApiError::input(format!("Autoslice makes at most {SLICES_MAX} orders.")));
        }
        let (mut left, mut ids) = (form.quantity, Vec::new());
        while left > Qty::ZERO {
            let quantity = left.min(largest);
            left -= quantity;
            self.orders.placed += 1;
            let slice = Form { quantity, disclosed: Qty::ZERO, ..form.clone() };
            let at = self.enter(&slice, Some(ids.first().cloned().unwrap_or_default()));
            ids.push(self.orders.list[at].id.clone());
        }
        let child = |id: &String| object(|o| o.str("order_id", id));
        Ok(object(|o| {
            o.str("order_id", &ids[0]);
            o.raw("children", &array(ids[1..].iter().map(child)));
        }))
    }

    /// Reads and checks a form as the broker's front does: what is wrong here never becomes an order.
    fn form(&self, fields: &Fields) -> Result<Form, ApiError> {
        let instrument =
            self.find_symbol(fields.need("exchange")?, fields.need("tradingsymbol")?).ok_or_else(|| {
                ApiError::input(
                    "The instrument you are placing an order for has either expired or does not exist.",
                )
            })?;
        let side = match fields.need("transaction_type")? {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            _ => return Err(ApiError::input("Invalid `transaction_type`.")),
        };
        let pricing = Pricing::from_name(fields.need("order_type")?)
            .ok_or_else(|| ApiError::input("Invalid `order_type`."))?;
        let product = Product::from_name(fields.need("product")?)
            .ok_or_else(|| ApiError::input("Invalid `product`."))?;
        let immediate = match fields.get("validity").unwrap_or("DAY") {
            "DAY" => false,
            "IOC" => true,
            _ => return Err(ApiError::input("Invalid `validity`: this broker takes DAY and IOC.")),
        };
        let tag = fields.get("tag").map(str::to_owned);
        if tag.as_ref().is_some_and(|tag| tag.len() > 20 || !tag.bytes().all(|b| b.is_ascii_alphanumeric())) {
            return Err(ApiError::input("Invalid `tag`: at most 20 letters and digits."));
        }
        let form = Form {
            instrument,
            side,
            pricing,
            product,
            immediate,
            quantity: Qty(fields.whole("quantity")?.ok_or_else(|| ApiError::missing("quantity"))?),
            disclosed: Qty(fields.whole("disclosed_quantity")?.unwrap_or(0)),
            price: Price(fields.decimal("price")?.unwrap_or(0)),
            trigger: Price(fields.decimal("trigger_price")?.unwrap_or(0)),
            protection: fields.decimal("market_protection")?.unwrap_or(0),
            tag,
            autoslice: fields.get("autoslice") == Some("true"),
        };
        self.check_form(&form)?;
        Ok(form)
    }

    fn check_form(&self, form: &Form) -> Result<(), ApiError> {
        let spec = self.spec(form.instrument);
        if !spec.tradable {
            return Err(ApiError::input("The instrument is not tradable."));
        }
        let fits = match spec.class {
            InstrumentClass::Equity => form.product != Product::Nrml,
            _ => form.product != Product::Cnc,
        };
        if !fits {
            return Err(ApiError::input(format!(
                "Invalid `product` {} for this segment.",
                form.product.name()
            )));
        }
        self.check_terms(
            form.instrument,
            form.pricing,
            (form.quantity, form.disclosed),
            form.price,
            form.trigger,
        )?;
        check_protection(form.pricing, form.protection)
    }

    /// Checks quantities and prices of an order, or of a change.
    pub(crate) fn check_terms(
        &self,
        at: InstrumentId,
        pricing: Pricing,
        (quantity, disclosed): (Qty, Qty),
        price: Price,
        trigger: Price,
    ) -> Result<(), ApiError> {
        let spec = self.spec(at);
        if quantity.0 <= 0 || quantity.0 > QUANTITY_MAX {
            return Err(ApiError::input("Invalid `quantity`."));
        }
        if quantity.floor_to_lot(spec.lot) != quantity {
            return Err(ApiError::input(format!(
                "Quantity should be a multiple of the lot size {}.",
                spec.lot.0
            )));
        }
        if disclosed.0 < 0 || disclosed > quantity {
            return Err(ApiError::input("Invalid `disclosed_quantity`."));
        }
        let limited = matches!(pricing, Pricing::Limit | Pricing::Stop);
        for (name, value, needed) in [("price", price, limited), ("trigger_price", trigger, pricing.waits())]
        {
            if needed && value.0 <= 0 {
                return Err(ApiError::missing(name));
            }
            if needed && (value.floor_to(spec.tick) != value || value.0 > 1 << 38) {
                return Err(ApiError::input(format!(
                    "Tick size for this script is {}. Kindly enter price in the multiple of tick size for this script.",
                    decimal::text(spec.tick.0)
                )));
            }
        }
        Ok(())
    }

    /// The limit with which a protected order goes to the exchange; `None` without a last price.
    pub(crate) fn protected(
        &self,
        at: InstrumentId,
        side: Side,
        pricing: Pricing,
        trigger: Price,
        protection: i64,
    ) -> Option<Price> {
        let from = if pricing.waits() {
            trigger
        } else {
            Some(self.market.newest(at).last()).filter(|last| last.0 > 0)?
        };
        // The percentage is in 1/10,000 of a percent, which is 1/100 of a basis point.
        let bps = if protection < 0 { self.config.protection_bps } else { protection / 100 };
        let tick = self.spec(at).tick;
        Some(match side {
            Side::Buy => from.shifted_bps(bps).floor_to(tick).max(from.ceil_to(tick)),
            Side::Sell => from.shifted_bps(-bps).ceil_to(tick).min(from.floor_to(tick)).max(tick),
        })
    }

    /// Takes an order in: gives it an id, runs risk management, and sends it to the venue. Its place in the list.
    pub(crate) fn enter(&mut self, form: &Form, slice_of: Option<String>) -> usize {
        let at = self.orders.list.len();
        let order = self.new_order(form, slice_of, at as u64 + 1);
        self.orders.by_id.insert(order.id.clone(), at);
        self.orders.list.push(order);
        self.set(at, Status::PutReceived);
        self.set(at, Status::ValidationPending);
        match self.risk(form) {
            Err(message) => self.reject(at, message),
            Ok(limit) => {
                let order = &mut self.orders.list[at];
                (order.pricing, order.price) = (order.pricing.limited(), limit);
                self.set(at, Status::OpenPending);
                self.send(at);
            }
        }
        at
    }

    fn new_order(&self, form: &Form, slice_of: Option<String>, number: u64) -> Order {
        let now = self.venue.now();
        let id =
            format!("{}{:04}{number:09}", times::six_digits(now), (self.config.seed + self.epoch) % 10_000);
        let mut tags: Vec<String> = form.tag.iter().cloned().collect();
        if let Some(parent) = slice_of {
            let parent = if parent.is_empty() { id.clone() } else { parent };
            tags.extend(["autoslice".to_owned(), format!("autoslice:{parent}")]);
        }
        if form.pricing.is_protected() {
            let percent =
                if form.protection < 0 { self.config.protection_bps } else { form.protection / 100 };
            tags.extend(["mktp".to_owned(), format!("mktp:{}.{:02}", percent / 100, percent % 100)]);
        }
        Order {
            id,
            exchange_id: None,
            parent: None,
            placed_by: self.config.user_id.clone(),
            instrument: form.instrument,
            side: form.side,
            pricing: form.pricing,
            product: form.product,
            immediate: form.immediate,
            quantity: form.quantity,
            disclosed: form.disclosed,
            price: if form.pricing.is_protected() { Price::ZERO } else { form.price },
            trigger: if form.pricing.waits() { form.trigger } else { Price::ZERO },
            tag: form.tag.clone(),
            tags,
            status: Status::PutReceived,
            message: None,
            filled: Qty::ZERO,
            value: 0,
            placed: now,
            exchange_time: None,
            updated: None,
            modified: false,
            modifications: 0,
            woken: false,
            change: None,
            cancelling: false,
            history: Vec::new(),
        }
    }

    /// Risk management: the limit with which an order goes to the exchange, or why it does not.
    fn risk(&self, form: &Form) -> Result<Price, String> {
        let spec = self.spec(form.instrument);
        if spec.freeze > Qty::ZERO && form.quantity > spec.freeze {
            return Err(format!(
                "Quantity {} is above the freeze quantity {}.",
                form.quantity.0, spec.freeze.0
            ));
        }
        let limit = if form.pricing.is_protected() {
            self.protected(form.instrument, form.side, form.pricing, form.trigger, form.protection)
                .ok_or("No last price: a market order cannot be protected.")?
        } else {
            form.price
        };
        self.check_funds(form.instrument, form.product, form.side, form.quantity, limit)?;
        Ok(limit)
    }

    fn send(&mut self, at: usize) {
        let order = &self.orders.list[at];
        let body = event::Order {
            id: OrderId(at as u64 + 1),
            signal: 0,
            quantity: order.quantity,
            price: order.price,
            trigger: order.trigger,
            disclosed: order.disclosed,
            strategy: StrategyId::ZERO,
            side: order.side as u8,
            order_type: if order.pricing.waits() { OrderType::StopLimit } else { OrderType::Limit } as u8,
            validity: if order.immediate { Validity::Ioc } else { Validity::Day } as u8,
            intent: Intent::Entry as u8,
            flags: 0,
            reserved: [0; 41],
        };
        let event = Event::new(order.instrument, FLAG_OUT, &body);
        self.venue.request(event);
        self.listen();
    }

    pub(crate) fn reject(&mut self, at: usize, message: String) {
        let now: TsNs = self.venue.now();
        let order = &mut self.orders.list[at];
        (order.message, order.updated) = (Some(message), Some(now));
        self.set(at, Status::Rejected);
        self.post(at);
    }
}

/// Market protection as the broker wants it since April 2026.
pub(crate) fn check_protection(pricing: Pricing, protection: i64) -> Result<(), ApiError> {
    if !pricing.is_protected() {
        return Ok(());
    }
    match protection {
        0 => Err(ApiError::input(format!(
            "{} orders without market protection are not allowed via API. Set market_protection, or use a limit order.",
            pricing.name()
        ))),
        -10_000 | 1..=1_000_000 => Ok(()),
        _ => Err(ApiError::input("Invalid `market_protection`: -1, or more than 0 and up to 100 percent.")),
    }
}
