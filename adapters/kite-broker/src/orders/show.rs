//! Orders and trades as the broker shows them.

use super::{Order, Status, Trade, side_name};
use crate::broker::Broker;
use crate::decimal;
use crate::json::{Object, array, object, quoted};
use crate::session::sha256_hex;
use crate::times;
use pitlane_engine::units::Qty;

impl Broker {
    fn fields(&self, o: &mut Object<'_>, order: &Order) {
        let listing = &self.listings[order.instrument.index()];
        let stamp = |at: Option<pitlane_engine::units::TsNs>| at.map(times::stamp);
        o.str("placed_by", &order.placed_by);
        o.str("order_id", &order.id);
        o.opt("exchange_order_id", order.exchange_id.as_deref());
        o.opt("parent_order_id", order.parent.as_deref());
        o.opt("status_message", order.message.as_deref());
        o.opt("status_message_raw", order.message.as_deref());
        o.str("order_timestamp", &times::stamp(order.placed));
        o.opt("exchange_update_timestamp", stamp(order.updated).as_deref());
        o.opt("exchange_timestamp", stamp(order.exchange_time).as_deref());
        o.str("variety", "regular");
        o.str("exchange", listing.exchange());
        o.str("tradingsymbol", listing.tradingsymbol());
        o.int("instrument_token", listing.spec.token);
        o.str("order_type", order.pricing.name());
        o.str("transaction_type", side_name(order.side));
        o.str("validity", if order.immediate { "IOC" } else { "DAY" });
        o.int("validity_ttl", 0);
        o.str("product", order.product.name());
        o.int("quantity", order.quantity.0);
        o.int("disclosed_quantity", order.disclosed.0);
        o.dec("price", order.price.0);
        o.dec("trigger_price", order.trigger.0);
        o.dec("average_price", decimal::ratio(order.value, order.filled.0));
        o.int("filled_quantity", order.filled.0);
        o.int("pending_quantity", order.open().0);
        let cancelled = order.status == Status::Cancelled;
        o.int("cancelled_quantity", if cancelled { order.quantity - order.filled } else { Qty::ZERO }.0);
        // What was protected is a limit order by now, and says so by its tags.
        o.int("market_protection", 0);
        o.raw("meta", "{}");
        o.opt("tag", order.tag.as_deref());
        if !order.tags.is_empty() {
            o.raw("tags", &array(order.tags.iter().map(|tag| quoted(tag))));
        }
        o.str("guid", &format!("01X{}", &order.id[order.id.len().saturating_sub(12)..]));
    }

    /// An order as `/orders` shows it.
    pub(crate) fn order_json(&self, order: &Order) -> String {
        object(|o| {
            o.str("account_id", &self.config.user_id);
            o.str("status", order.status.name());
            self.fields(o, order);
            o.flag("modified", order.modified);
        })
    }

    /// An order as the ticker sends it: what is open is an `UPDATE`.
    pub(crate) fn postback_json(&self, order: &Order) -> String {
        let status = if order.status.is_final() { order.status.name() } else { "UPDATE" };
        let checksum = sha256_hex(&[&order.id, &times::stamp(order.placed), &self.config.api_secret]);
        object(|o| {
            o.str("account_id", &self.config.user_id);
            o.str("user_id", &self.config.user_id);
            o.int("app_id", 1);
            o.str("checksum", &checksum);
            o.int("unfilled_quantity", (order.quantity - order.filled).0);
            o.str("status", status);
            self.fields(o, order);
        })
    }

    /// A trade as `/trades` shows it.
    pub(crate) fn trade_json(&self, trade: &Trade) -> String {
        let order = &self.orders.list[trade.order];
        let listing = &self.listings[order.instrument.index()];
        object(|o| {
            o.str("trade_id", &(40_000_000 + trade.number).to_string());
            o.str("order_id", &order.id);
            o.opt("exchange_order_id", order.exchange_id.as_deref());
            o.str("exchange", listing.exchange());
            o.str("tradingsymbol", listing.tradingsymbol());
            o.int("instrument_token", listing.spec.token);
            o.str("product", order.product.name());
            o.str("transaction_type", side_name(order.side));
            o.int("quantity", trade.quantity.0);
            o.dec("average_price", trade.price.0);
            o.str("fill_timestamp", &times::stamp(trade.at));
            o.str("order_timestamp", &times::clock(order.placed));
            o.str("exchange_timestamp", &times::stamp(trade.at));
        })
    }

    /// Puts an order into a state and notes it in its history.
    pub(crate) fn set(&mut self, at: usize, status: Status) {
        self.orders.list[at].status = status;
        let snapshot = self.order_json(&self.orders.list[at]);
        self.orders.list[at].history.push(snapshot);
    }

    /// Sends an order's state to the account's sockets.
    pub(crate) fn post(&mut self, at: usize) {
        let text = self.postback_json(&self.orders.list[at]);
        self.orders.postbacks.push(text);
    }
}
