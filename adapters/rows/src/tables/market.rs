//! What the market said: ticks, depth, bars.

use super::rows;
use crate::value::{Code, Stamp};
use pitlane_engine::units::{Money, Price};

rows! {
    /// A packet of market data. What its mode does not have is nothing.
    Tick {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// Mode of the packet: `ltp`, `quote`, `full`.
        mode: Code<'a>,
        /// Last traded price or index value.
        last: Price,
        /// When it was received, in nanoseconds since the Unix epoch.
        received_ns: i64,
        /// Number within its source.
        source_seq: i64,
        /// `MARKET_*` flags: 1 index, 2 has a volume, 4 has a last trade time, 8 unknown segment.
        flags: i32,
        /// The exchange's time, in whole seconds.
        exchange_at: Option<Stamp>,
        /// Time of the last trade, in whole seconds.
        last_trade_at: Option<Stamp>,
        /// Last traded quantity.
        last_qty: Option<i64>,
        /// Volume traded today.
        volume: Option<i64>,
        /// The day's volume-weighted average price.
        average: Option<Price>,
        /// The day's open.
        day_open: Option<Price>,
        /// The day's high.
        day_high: Option<Price>,
        /// The day's low.
        day_low: Option<Price>,
        /// The previous close.
        previous_close: Option<Price>,
        /// Total quantity of pending buy orders.
        buy_qty: Option<i64>,
        /// Total quantity of pending sell orders.
        sell_qty: Option<i64>,
        /// Open interest.
        open_interest: Option<i64>,
        /// The day's highest open interest.
        open_interest_high: Option<i64>,
        /// The day's lowest open interest.
        open_interest_low: Option<i64>,
    }

    /// The levels of a full packet, under the key of its tick.
    Depth {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// Price of the best bid; nothing if the level is empty.
        bid1_price: Option<Price>,
        /// Quantity of the best bid.
        bid1_qty: i64,
        /// Orders of the best bid.
        bid1_orders: i32,
        /// Price of the second bid; nothing if the level is empty.
        bid2_price: Option<Price>,
        /// Quantity of the second bid.
        bid2_qty: i64,
        /// Orders of the second bid.
        bid2_orders: i32,
        /// Price of the third bid; nothing if the level is empty.
        bid3_price: Option<Price>,
        /// Quantity of the third bid.
        bid3_qty: i64,
        /// Orders of the third bid.
        bid3_orders: i32,
        /// Price of the fourth bid; nothing if the level is empty.
        bid4_price: Option<Price>,
        /// Quantity of the fourth bid.
        bid4_qty: i64,
        /// Orders of the fourth bid.
        bid4_orders: i32,
        /// Price of the fifth bid; nothing if the level is empty.
        bid5_price: Option<Price>,
        /// Quantity of the fifth bid.
        bid5_qty: i64,
        /// Orders of the fifth bid.
        bid5_orders: i32,
        /// Price of the best offer; nothing if the level is empty.
        ask1_price: Option<Price>,
        /// Quantity of the best offer.
        ask1_qty: i64,
        /// Orders of the best offer.
        ask1_orders: i32,
        /// Price of the second offer; nothing if the level is empty.
        ask2_price: Option<Price>,
        /// Quantity of the second offer.
        ask2_qty: i64,
        /// Orders of the second offer.
        ask2_orders: i32,
        /// Price of the third offer; nothing if the level is empty.
        ask3_price: Option<Price>,
        /// Quantity of the third offer.
        ask3_qty: i64,
        /// Orders of the third offer.
        ask3_orders: i32,
        /// Price of the fourth offer; nothing if the level is empty.
        ask4_price: Option<Price>,
        /// Quantity of the fourth offer.
        ask4_qty: i64,
        /// Orders of the fourth offer.
        ask4_orders: i32,
        /// Price of the fifth offer; nothing if the level is empty.
        ask5_price: Option<Price>,
        /// Quantity of the fifth offer.
        ask5_qty: i64,
        /// Orders of the fifth offer.
        ask5_orders: i32,
    }

    /// A closed bar.
    Bar {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// Start of the period.
        start_at: Stamp,
        /// End of the period: the start of the next one, or the session's close.
        end_at: Stamp,
        /// First price.
        open: Price,
        /// Highest price.
        high: Price,
        /// Lowest price.
        low: Price,
        /// Last price.
        close: Price,
        /// Volume: the increase of the running maximum of the day's volume.
        volume: i64,
        /// Sum of price times volume of the observed changes; the bar's VWAP is turnover / volume.
        turnover: Money,
        /// Open interest at the last tick.
        open_interest: i64,
        /// Observed changes; the feed is conflated, so these are not all trades.
        trades: i64,
        /// Whole periods without a bar between the previous bar of the session and this one.
        gap: i64,
        /// `BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.
        flags: i16,
    }
}
