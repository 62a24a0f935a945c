//! Changes and cancels.

use super::place::check_protection;
use super::{Change, Pricing, Status};
use crate::broker::Broker;
use crate::error::ApiError;
use crate::json::object;
use crate::rest::Fields;
use pitlane_engine::event::{Cancel, Event, FLAG_OUT, Intent, Modify};
use pitlane_engine::units::{OrderId, Price, Qty, StrategyId};

impl Broker {
    /// The place of an order that may be changed or cancelled.
    fn working(&self, variety: &str, id: &str) -> Result<usize, ApiError> {
        let at =
            *self.orders.by_id.get(id).ok_or_else(|| ApiError::order("Couldn't find that `order_id`."))?;
        if variety != "regular" {
            return Err(ApiError::input("Invalid `variety` for this order."));
        }
        let order = &self.orders.list[at];
        match order.status {
            Status::Open | Status::TriggerPending if order.change.is_none() && !order.cancelling => Ok(at),
            status if status.is_final() => Err(ApiError::order(format!(
                "Order cannot be modified or cancelled as it is {}.",
                status.name().to_lowercase()
            ))),
            _ => Err(ApiError::input(
                "Order cannot be modified or cancelled as it is being processed. Try later.",
            )),
        }
    }

    /// `PUT /orders/:variety/:order_id`.
    pub(crate) fn modify(&mut self, variety: &str, id: &str, fields: &Fields) -> Result<String, ApiError> {
        let at = self.working(variety, id)?;
        let change = self.change_of(at, fields)?;
        self.orders.list[at].modifications += 1;
        self.orders.list[at].change = Some(change);
        self.set(at, Status::ModifyValidationPending);
        self.set(at, Status::ModifyPending);
        let order = &self.orders.list[at];
        let body = Modify {
            order: OrderId(at as u64 + 1),
            quantity: change.quantity,
            price: change.price,
            trigger: if order.woken { Price::ZERO } else { change.trigger },
            disclosed: change.disclosed,
            strategy: StrategyId::ZERO,
            intent: Intent::Entry as u8,
            reserved: [0; 53],
        };
        self.venue.request(Event::new(order.instrument, FLAG_OUT, &body));
        self.listen();
        Ok(object(|o| o.str("order_id", id)))
    }

    /// What a form changes, checked.
    fn change_of(&self, at: usize, fields: &Fields) -> Result<Change, ApiError> {
        let order = &self.orders.list[at];
        if order.modifications >= self.config.modifications_max {
            return Err(ApiError::order("Maximum allowed order modifications exceeded."));
        }
        let pricing = match fields.get("order_type") {
            None => order.pricing,
            Some(name) => Pricing::from_name(name).ok_or_else(|| ApiError::input("Invalid `order_type`."))?,
        };
        if pricing.waits() != order.pricing.waits() {
            return Err(ApiError::input(
                "This broker changes no stop into another order: cancel it and place anew.",
            ));
        }
        if fields.get("validity").is_some_and(|validity| (validity == "IOC") != order.immediate) {
            return Err(ApiError::input("This broker changes no validity: cancel the order and place anew."));
        }
        let number = |name, was: i64| fields.decimal(name).map(|given| given.unwrap_or(was));
        let quantity = Qty(fields.whole("quantity")?.unwrap_or(order.quantity.0));
        let disclosed = Qty(fields.whole("disclosed_quantity")?.unwrap_or(order.disclosed.0));
        let price = Price(number("price", order.price.0)?);
        let trigger = Price(number("trigger_price", order.trigger.0)?);
        let protection = number("market_protection", 0)?;
        let (instrument, side) = (order.instrument, order.side);
        self.check_terms(instrument, pricing, (quantity, disclosed), price, trigger)?;
        check_protection(pricing, protection)?;
        let price = if pricing.is_protected() {
            let limit = self.protected(instrument, side, pricing, trigger, protection);
            limit.ok_or_else(|| ApiError::order("No last price: a market order cannot be protected."))?
        } else {
            price
        };
        let trigger = if pricing.waits() { trigger } else { Price::ZERO };
        Ok(Change { pricing: pricing.limited(), quantity, price, trigger, disclosed })
    }

    /// `DELETE /orders/:variety/:order_id`.
    pub(crate) fn cancel(&mut self, variety: &str, id: &str) -> Result<String, ApiError> {
        let at = self.working(variety, id)?;
        self.cancel_at(at);
        Ok(object(|o| o.str("order_id", id)))
    }

    pub(crate) fn cancel_at(&mut self, at: usize) {
        self.orders.list[at].cancelling = true;
        self.set(at, Status::CancelPending);
        let body = Cancel {
            order: OrderId(at as u64 + 1),
            strategy: StrategyId::ZERO,
            intent: Intent::Exit as u8,
            reserved: [0; 21],
        };
        self.venue.request(Event::new(self.orders.list[at].instrument, FLAG_OUT, &body));
        self.listen();
    }
}
