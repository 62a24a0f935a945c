//! What orders would block and cost: margins and contract notes.

use super::money;
use crate::broker::Broker;
use crate::decimal;
use crate::error::ApiError;
use crate::json::{Object, array, object};
use crate::orders::{Pricing, Product, side_name};
use pitlane_engine::charges::Charges;
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::Side;
use pitlane_engine::units::{InstrumentId, Money, Price, Qty};
use serde_json::Value;

impl Broker {
    /// `POST /margins/orders`, `/margins/basket`, `/charges/orders`: bodies are JSON arrays.
    pub(crate) fn priced(&self, body: &[u8], what: Priced) -> Result<String, ApiError> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|_| ApiError::input("The body is no JSON array of orders."))?;
        let items = body.as_array().ok_or_else(|| ApiError::input("The body is no JSON array of orders."))?;
        let mut texts = Vec::with_capacity(items.len());
        let mut sum = Charges::NONE;
        let mut total = 0_i128;
        for item in items {
            let asked = self.asked(item, what == Priced::Note)?;
            let charges = self.charges(asked.at, asked.product, asked.side, asked.value(self));
            let margin = self.margin(asked.at, asked.product, asked.side, asked.quantity, asked.price);
            sum = sum.plus(&charges);
            total += i128::from(margin.0);
            texts.push(match what {
                Priced::Note => self.note_json(&asked, &charges),
                Priced::Orders | Priced::Basket => self.margin_json(&asked, margin, &charges),
            });
        }
        if what != Priced::Basket {
            return Ok(array(texts));
        }
        let side = |o: &mut Object<'_>| {
            o.dec("total", money(total));
        };
        Ok(object(|o| {
            o.object("initial", side);
            o.object("final", side);
            o.raw("orders", &array(texts));
            charges_json(o, &sum);
        }))
    }

    fn asked(&self, item: &Value, is_note: bool) -> Result<Asked, ApiError> {
        let text = |name: &str| item[name].as_str().ok_or_else(|| ApiError::missing(name));
        let number = |name: &str| match &item[name] {
            Value::Null => Ok(0),
            Value::Number(number) => decimal::parse(&number.to_string())
                .or_else(|| decimal::parse(number.to_string().strip_suffix(".0")?))
                .ok_or_else(|| ApiError::input(format!("Invalid `{name}`."))),
            _ => Err(ApiError::input(format!("Invalid `{name}`."))),
        };
        let at = self
            .find_symbol(text("exchange")?, text("tradingsymbol")?)
            .ok_or_else(|| ApiError::input("Invalid `tradingsymbol`."))?;
        let side = match text("transaction_type")? {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            _ => return Err(ApiError::input("Invalid `transaction_type`.")),
        };
        let product =
            Product::from_name(text("product")?).ok_or_else(|| ApiError::input("Invalid `product`."))?;
        let pricing = Pricing::from_name(text("order_type")?)
            .ok_or_else(|| ApiError::input("Invalid `order_type`."))?;
        let quantity = number("quantity")?;
        let price = if is_note { number("average_price")? } else { number("price")? };
        let price = if price == 0 && !is_note { self.market.newest(at).last().0 } else { price };
        if quantity <= 0 || quantity % 10_000 != 0 || quantity > 1_000_000_000_000 {
            return Err(ApiError::input("Invalid `quantity`."));
        }
        if !(0..=1 << 38).contains(&price) || is_note && price == 0 {
            return Err(ApiError::input("Invalid price."));
        }
        Ok(Asked { at, side, product, pricing, quantity: Qty(quantity / 10_000), price: Price(price) })
    }

    fn note_json(&self, asked: &Asked, charges: &Charges) -> String {
        let listing = &self.listings[asked.at.index()];
        object(|o| {
            o.str("transaction_type", side_name(asked.side));
            o.str("tradingsymbol", listing.tradingsymbol());
            o.str("exchange", listing.exchange());
            o.str("variety", "regular");
            o.str("product", asked.product.name());
            o.str("order_type", asked.pricing.name());
            o.int("quantity", asked.quantity.0);
            o.dec("price", asked.price.0);
            charges_json(o, charges);
        })
    }

    fn margin_json(&self, asked: &Asked, margin: Money, charges: &Charges) -> String {
        let listing = &self.listings[asked.at.index()];
        let equity = listing.spec.class == InstrumentClass::Equity;
        let premium = listing.spec.class == InstrumentClass::Option && asked.side == Side::Buy;
        let part = |is: bool| if is { margin.0 } else { 0 };
        object(|o| {
            o.str("type", "equity");
            o.str("tradingsymbol", listing.tradingsymbol());
            o.str("exchange", listing.exchange());
            o.dec("span", part(!equity && !premium));
            o.int("exposure", 0);
            o.dec("option_premium", part(premium));
            for name in ["additional", "bo", "cash"] {
                o.int(name, 0);
            }
            o.dec("var", part(equity));
            o.object("pnl", |o| {
                o.int("realised", 0);
                o.int("unrealised", 0);
            });
            o.int("leverage", 10_000 / self.rate(asked.at, asked.product).max(1));
            charges_json(o, charges);
            o.dec("total", margin.0);
        })
    }
}

/// Which answer an array of orders is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priced {
    /// Margins of each.
    Orders,
    /// Margins of all together.
    Basket,
    /// What each would cost: the contract note.
    Note,
}

struct Asked {
    at: InstrumentId,
    side: Side,
    product: Product,
    pricing: Pricing,
    quantity: Qty,
    price: Price,
}

impl Asked {
    fn value(&self, broker: &Broker) -> Money {
        let multiplier = i128::from(broker.spec(self.at).multiplier);
        Money(money(i128::from(self.price.0) * i128::from(self.quantity.0) * multiplier))
    }
}

fn charges_json(o: &mut Object<'_>, charges: &Charges) {
    o.object("charges", |o| {
        o.dec("transaction_tax", charges.stt.0);
        o.str("transaction_tax_type", "stt");
        o.dec("exchange_turnover_charge", charges.exchange.0);
        o.dec("sebi_turnover_charge", charges.sebi.0);
        o.dec("brokerage", charges.brokerage.0);
        o.dec("stamp_duty", charges.stamp.0);
        o.object("gst", |o| {
            o.dec("igst", charges.gst.0);
            o.int("cgst", 0);
            o.int("sgst", 0);
            o.dec("total", charges.gst.0);
        });
        o.dec("total", charges.total().0);
    });
}
