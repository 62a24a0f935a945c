//! What was wanted, decided, sent, filled, and what came of it.

use super::rows;
use crate::value::{Code, Date, Stamp};
use pitlane_engine::units::{Money, Price};

rows! {
    /// What a strategy wanted, and why.
    Signal {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The strategy's name; `risk` for orders of the risk stage itself.
        strategy: Code<'a>,
        /// Number of the signal in the run, from 1.
        signal_id: i64,
        /// What it wants: `LONG`, `SHORT`, `EXIT`, `HOLD`.
        action: Code<'a>,
        /// Why.
        reason: Code<'a>,
        /// The price at the decision.
        price: Price,
        /// Start of the bar decided on.
        bar_start: Option<Stamp>,
        /// Confidence in 1/10,000.
        confidence_bps: i32,
        /// Fact 1 that was used; the kind of strategy says what it is.
        fact_1: f64,
        /// Fact 2 that was used; the kind of strategy says what it is.
        fact_2: f64,
        /// Fact 3 that was used; the kind of strategy says what it is.
        fact_3: f64,
        /// Fact 4 that was used; the kind of strategy says what it is.
        fact_4: f64,
        /// Fact 5 that was used; the kind of strategy says what it is.
        fact_5: f64,
        /// Fact 6 that was used; the kind of strategy says what it is.
        fact_6: f64,
    }

    /// What risk decided.
    Verdict {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The strategy's name; `risk` for orders of the risk stage itself.
        strategy: Code<'a>,
        /// The signal; nothing for orders of the risk stage itself.
        signal_id: Option<i64>,
        /// The order that follows, if one does.
        order_id: Option<i64>,
        /// `ALLOW`, `REDUCE`, `BLOCK`, `HALT_SESSION`.
        decision: Code<'a>,
        /// The rule that decided; `none` if no rule objected.
        rule: Code<'a>,
        /// `buy` or `sell`.
        side: Code<'a>,
        /// Why the order was proposed.
        intent: Code<'a>,
        /// Quantity proposed.
        wanted: i64,
        /// Quantity allowed.
        allowed: i64,
        /// In what the next two are counted: `money` (1/10,000 rupee), `time` (ns since the epoch), `count`.
        unit: Code<'a>,
        /// What the rule looked at.
        observed: i64,
        /// The rule's limit.
        rule_limit: i64,
    }

    /// An order on its way to the venue.
    Order {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The strategy's name; `risk` for orders of the risk stage itself.
        strategy: Code<'a>,
        /// Client order id.
        order_id: i64,
        /// The signal it follows from; nothing for orders of the risk stage itself.
        signal_id: Option<i64>,
        /// `buy` or `sell`.
        side: Code<'a>,
        /// `limit`, `market`, `sl`, `sl_m`.
        order_type: Code<'a>,
        /// `day`, `ioc`, `fok`.
        validity: Code<'a>,
        /// Why it was sent.
        intent: Code<'a>,
        /// Quantity in exchange units.
        quantity: i64,
        /// Limit; for a market order the worst price allowed, if it has one.
        price: Option<Price>,
        /// The last price at which a stop order wakes.
        trigger: Option<Price>,
        /// Quantity displayed at a time; 0 for all.
        disclosed: i64,
        /// `ORDER_*` flags: 1 post-only.
        flags: i16,
    }

    /// A request to cancel or to change an order.
    OrderRequest {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The strategy's name; `risk` for orders of the risk stage itself.
        strategy: Code<'a>,
        /// `cancel` or `modify`.
        request: Code<'a>,
        /// The order.
        order_id: i64,
        /// Why.
        intent: Code<'a>,
        /// Its new quantity, what is filled already included.
        quantity: Option<i64>,
        /// Its new limit.
        price: Option<Price>,
        /// Its new trigger.
        trigger: Option<Price>,
        /// Its new disclosed quantity; 0 for all.
        disclosed: Option<i64>,
    }

    /// An execution report.
    OrderEvent {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The strategy's name; `risk` for orders of the risk stage itself.
        strategy: Code<'a>,
        /// The order.
        order_id: i64,
        /// Number of the report among the order's, from 1.
        number: i64,
        /// The order's state.
        state: Code<'a>,
        /// Why it is in that state.
        reason: Code<'a>,
        /// `buy` or `sell`.
        side: Code<'a>,
        /// Quantity of the order.
        quantity: i64,
        /// Filled so far.
        filled: i64,
        /// Value of what was filled so far.
        filled_value: Money,
        /// The input in whose step the venue made the report.
        cause_seq: i64,
        /// When the report was to reach the sequencer, in nanoseconds since the Unix epoch.
        venue_ns: i64,
    }

    /// A fill with what it was charged.
    Fill {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The strategy's name; `risk` for orders of the risk stage itself.
        strategy: Code<'a>,
        /// The order.
        order_id: i64,
        /// Number of the fill among the order's, from 1.
        number: i64,
        /// The own order it traded with; nothing if that was the market.
        maker_order_id: Option<i64>,
        /// `buy` or `sell`.
        side: Code<'a>,
        /// Quantity.
        quantity: i64,
        /// Price.
        price: Price,
        /// Price times quantity times the instrument's multiplier.
        value: Money,
        /// The market's last price at that moment.
        last: Price,
        /// `FILL_*` flags: 1 no volume in the feed, 2 was resting, 4 slippage, 8 displayed depth.
        flags: i16,
        /// The broker's part, as far as this fill added to it.
        brokerage: Money,
        /// Securities transaction tax, as far as this fill added to it.
        stt: Money,
        /// The exchange's transaction charge, as far as this fill added to it.
        exchange_fee: Money,
        /// The regulator's fee, as far as this fill added to it.
        sebi_fee: Money,
        /// Stamp duty, as far as this fill added to it.
        stamp_duty: Money,
        /// Goods and services tax, as far as this fill added to it.
        gst: Money,
        /// The sum of the parts.
        charges: Money,
        /// From when the rates used are; nothing if nothing is charged for the instrument.
        rates_from: Option<Date>,
        /// Whether that is after the trading date, because older rates are not known.
        rates_stand_in: bool,
    }

    /// A strategy's position in an instrument.
    Position {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The strategy's name; `risk` for orders of the risk stage itself.
        strategy: Code<'a>,
        /// `fill` or `session_end`.
        cause: Code<'a>,
        /// What is held, in exchange units; negative when short.
        quantity: i64,
        /// Value of everything bought since the start of the journal.
        bought: Money,
        /// Value of everything sold.
        sold: Money,
        /// Profit of completed round trips: sold less bought when the quantity was last zero.
        realised: Money,
        /// What its fills were charged.
        charges: Money,
        /// The price it is valued at: the last one seen.
        mark: Price,
        /// Profit at the mark, before charges: sold less bought and the value of what is held.
        gross: Money,
        /// The same less the charges.
        net: Money,
    }

    /// The account at the end of a minute.
    Equity {
        /// `open` before the session's end, `end` at it.
        state: Code<'a>,
        /// The end of the minute, or of the session.
        as_of: Stamp,
        /// Trading capital as configured.
        capital: Money,
        /// Profit of completed round trips, by instrument, before charges.
        realised: Money,
        /// What the open positions would add at their marks.
        unrealised: Money,
        /// What all fills were charged.
        charges: Money,
        /// Realised and unrealised less charges.
        net: Money,
        /// Capital and net.
        equity: Money,
        /// The highest equity of the session's rows so far.
        peak: Money,
        /// How far the equity is below that.
        drawdown: Money,
        /// Instruments that are held.
        open_positions: i32,
    }
}
