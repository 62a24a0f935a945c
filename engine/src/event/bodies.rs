//! The bodies of all events, their kinds and their field tables, from one list.

use super::fields::Field;
use super::{Body, HEADER_BYTES, LINE_BYTES};
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, Seq, StrategyId, TsNs};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! bodies {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $lines:literal lines {
        $($(#[$fmeta:meta])* $field:ident: $ty:ty,)*
    })*) => {
        /// What an event is. The numbers are in journals: they are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind { $($(#[$meta])* $name = $code,)* }

        impl Kind {
            /// Every kind, in the order of the codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind of a code, or `None` for a number this build does not know. One load: every stage asks it of every
            /// event.
            #[inline]
            pub const fn from_u8(code: u8) -> Option<Self> {
                const OF: [Option<Kind>; 256] = {
                    let mut of = [None; 256];
                    $(of[$code] = Some(Kind::$name);)*
                    of
                };
                OF[code as usize]
            }

            /// The name used in dumps and documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Lines of an event of this kind.
            pub const fn lines(self) -> u8 {
                match self { $(Self::$name => $lines,)* }
            }

            /// The fields of its body; offsets count from the start of the event.
            pub const fn fields(self) -> &'static [Field] {
                match self { $(Self::$name => $name::FIELDS,)* }
            }
        }

        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
            #[repr(C)]
            pub struct $name { $($(#[$fmeta])* pub $field: $ty,)* }

            impl $name {
                /// Name, place and type of every field.
                pub const FIELDS: &[Field] = &[$(Field {
                    name: stringify!($field),
                    offset: HEADER_BYTES + std::mem::offset_of!($name, $field),
                    bytes: size_of::<$ty>(),
                    ty: stringify!($ty),
                },)*];
            }

            const _: () = assert!(size_of::<$name>() == $lines * LINE_BYTES - HEADER_BYTES);
            const _: () = assert!(align_of::<$name>() <= 8);

            impl Body for $name {
                const KIND: Kind = Kind::$name;
                const LINES: u8 = $lines;
            }
        )*
    };
}

bodies! {
    /// Opens a session: date, hours and what the session was run with.
    SessionStart = 1, 2 lines {
        /// Trading date as the decimal number yyyymmdd.
        date: u32,
        /// Number of the session in its journal, from 1.
        number: u32,
        /// First timer; ticks before the open are not in bars.
        pre_open: TsNs,
        /// Start of continuous trading.
        open: TsNs,
        /// End of continuous trading.
        close: TsNs,
        /// Last timer of the session: the close and the grace.
        end: TsNs,
        /// Hash of the configuration text.
        config_hash: u64,
        /// Hash of the instrument table.
        instruments_hash: u64,
        /// Hash of the hours of the session and of the instruments that keep their own.
        calendar_hash: u64,
        /// Zero.
        reserved: [u8; 32],
    }

    /// Ends a session: positions must be flat, day orders die.
    SessionEnd = 2, 1 lines {
        /// Trading date as the decimal number yyyymmdd.
        date: u32,
        /// Number of the session in its journal, from 1.
        number: u32,
        /// Zero.
        reserved: [u8; 24],
    }

    /// A second has passed.
    Timer = 3, 1 lines {
        /// The second that has come.
        due: TsNs,
        /// Zero.
        reserved: [u8; 24],
    }

    /// An operator's command.
    Command = 4, 4 lines {
        /// A `CommandCode`.
        code: u8,
        /// Used bytes of the reason below.
        reason_bytes: u8,
        /// Zero.
        reserved: [u8; 6],
        /// What the operator typed as reason, UTF-8, padded with zeros.
        reason: [u8; 216],
    }

    /// One instrument of the session's table; its id is in the header.
    Instrument = 5, 2 lines {
        /// Symbol as `NSE:RELIANCE`, padded with zeros.
        symbol: [u8; 40],
        /// The broker's token.
        token: u32,
        /// An `InstrumentClass` as a number: 1 equity, 2 index, 3 future, 4 option.
        class: u8,
        /// 1 if orders may be sent, else 0.
        tradable: u8,
        /// 1 if futures or options on it trade, which decides when its day ends; else 0.
        derivatives: u8,
        /// Zero.
        reserved: [u8; 1],
        /// Units in a lot.
        lot: Qty,
        /// Smallest price step.
        tick: Price,
        /// Value of one point of one unit: 1 but for some commodities.
        multiplier: i64,
        /// Largest quantity the exchange takes in one order; zero if none is known.
        freeze: Qty,
        /// Zero.
        reserved2: [u8; 16],
    }

    /// A part of the configuration text the journal was made with.
    ConfigText = 6, 4 lines {
        /// Number of this part, from 0.
        part: u16,
        /// Number of parts.
        parts: u16,
        /// Used bytes of the text below.
        used_bytes: u32,
        /// The text, padded with zeros.
        text: [u8; 216],
    }

    /// Hours of one instrument that differ from its session's; they follow the session's start.
    Hours = 7, 1 lines {
        /// Start of continuous trading.
        open: TsNs,
        /// End of continuous trading.
        close: TsNs,
        /// Zero.
        reserved: [u8; 16],
    }

    /// Whether and within which prices an instrument trades, from now on.
    TradingState = 8, 1 lines {
        /// Lowest price an order may have; zero = any.
        low: Price,
        /// Highest price an order may have; zero = any.
        high: Price,
        /// A `MarketPhase`.
        phase: u8,
        /// Zero.
        reserved: [u8; 15],
    }

    /// A packet in last-price mode.
    Ltp = 16, 1 lines {
        /// Last traded price or index value.
        last: Price,
        /// When it was received.
        received: TsNs,
        /// Number within its source.
        source_seq: u64,
        /// `MARKET_*` flags.
        flags: u32,
        /// Zero.
        reserved: [u8; 4],
    }

    /// A packet in quote mode, and an index packet with day figures.
    Quote = 17, 2 lines {
        /// Last traded price or index value.
        last: Price,
        /// When it was received.
        received: TsNs,
        /// Number within its source.
        source_seq: u64,
        /// `MARKET_*` flags.
        flags: u32,
        /// Exchange time in Unix seconds; 0 = absent (full index packets have it).
        exchange_secs: u32,
        /// The day's volume-weighted average price.
        average: Price,
        /// The day's open.
        open: Price,
        /// The day's high.
        high: Price,
        /// The day's low.
        low: Price,
        /// The previous close.
        close: Price,
        /// Last traded quantity.
        last_qty: u32,
        /// Volume traded today.
        volume: u32,
        /// Total quantity of pending buy orders.
        buy_qty: u32,
        /// Total quantity of pending sell orders.
        sell_qty: u32,
        /// Index packets: the broker's own change figure, of uncertain unit; kept, not used.
        change_raw: i32,
        /// Zero.
        reserved: [u8; 4],
    }

    /// A packet in full mode: a quote with times, open interest and five levels a side.
    Full = 18, 4 lines {
        /// Last traded price.
        last: Price,
        /// When it was received.
        received: TsNs,
        /// Number within its source.
        source_seq: u64,
        /// `MARKET_*` flags.
        flags: u32,
        /// Exchange time in Unix seconds; 0 = absent.
        exchange_secs: u32,
        /// The day's volume-weighted average price.
        average: Price,
        /// The day's open.
        open: Price,
        /// The day's high.
        high: Price,
        /// The day's low.
        low: Price,
        /// The previous close.
        close: Price,
        /// Last traded quantity.
        last_qty: u32,
        /// Volume traded today.
        volume: u32,
        /// Total quantity of pending buy orders.
        buy_qty: u32,
        /// Total quantity of pending sell orders.
        sell_qty: u32,
        /// Time of the last trade in Unix seconds; 0 = absent.
        last_trade_secs: u32,
        /// Open interest.
        open_interest: u32,
        /// The day's highest open interest.
        open_interest_high: u32,
        /// The day's lowest open interest.
        open_interest_low: u32,
        /// Quantities of the bids, best first; 0 = empty level.
        bid_qty: [u32; 5],
        /// Quantities of the offers, best first; 0 = empty level.
        ask_qty: [u32; 5],
        /// Prices of the bids as distances from the last price in 1/10,000.
        bid_delta: [i32; 5],
        /// Prices of the offers as distances from the last price in 1/10,000.
        ask_delta: [i32; 5],
        /// Numbers of orders of the bids.
        bid_orders: [u16; 5],
        /// Numbers of orders of the offers.
        ask_orders: [u16; 5],
        /// Zero.
        reserved: [u8; 20],
    }

    /// What could not be used: as an input, a refused packet or row; as an output, a late tick.
    DeadLetter = 19, 4 lines {
        /// When it was received.
        received: TsNs,
        /// Number within its source.
        source_seq: u64,
        /// The token it names, 0 if none could be read.
        token: u32,
        /// Bytes of the original.
        original_bytes: u32,
        /// Bytes kept below.
        kept_bytes: u16,
        /// A `DeadReason`.
        reason: u8,
        /// Zero.
        reserved: [u8; 1],
        /// The line of the file it came from, from 1; 0 for packets and outputs.
        line: u32,
        /// Zero.
        reserved2: [u8; 8],
        /// The first bytes of the original.
        data: [u8; 184],
    }

    /// An execution report: as an output, when the venue makes it; as an input, when it is sequenced.
    Report = 24, 2 lines {
        /// The order.
        order: OrderId,
        /// The input in whose step the venue made it.
        cause: Seq,
        /// Its time on virtual time: when it reaches the sequencer.
        vtime: TsNs,
        /// Filled so far.
        filled: Qty,
        /// Value of what was filled so far.
        filled_value: Money,
        /// Quantity of the order.
        quantity: Qty,
        /// Number of the report among the order's, from 1.
        number: u32,
        /// The strategy the order belongs to.
        strategy: StrategyId,
        /// An `OrderState`.
        state: u8,
        /// A `ReportReason`.
        reason: u8,
        /// A `Side`.
        side: u8,
        /// Zero.
        reserved: [u8; 39],
    }

    /// The venue asks to be called again: as an output, when it asks; as an input, when the time has come.
    Wake = 25, 1 lines {
        /// The order on whose account it asks.
        order: OrderId,
        /// The input in whose step it asked.
        cause: Seq,
        /// When it is to be called, on virtual time.
        vtime: TsNs,
        /// Number of the request among those of the order that are on their way, from 1.
        number: u32,
        /// Zero.
        reserved: [u8; 4],
    }

    /// A closed bar: as an output, of this run; as an input, of earlier days, from which indicators warm up.
    Bar = 32, 2 lines {
        /// Start of the period.
        start: TsNs,
        /// End of the period: the start of the next one, or the session's close.
        end: TsNs,
        /// First price.
        open: Price,
        /// Highest price.
        high: Price,
        /// Lowest price.
        low: Price,
        /// Last price.
        close: Price,
        /// Volume: the increase of the running maximum of the day's volume.
        volume: u64,
        /// Σ price × volume of the observed changes; the bar's VWAP is turnover ÷ volume.
        turnover: Money,
        /// Open interest at the last tick.
        open_interest: u32,
        /// Observed changes; the feed is conflated, so these are not all trades.
        trades: u32,
        /// Whole periods without a bar between the previous bar of the session and this one.
        gap: u32,
        /// A `Timeframe`.
        timeframe: u8,
        /// `BAR_*` flags.
        flags: u8,
        /// Zero.
        reserved: [u8; 18],
    }

    /// What a strategy wants, and why.
    Signal = 33, 2 lines {
        /// Number of the signal in the run, from 1.
        id: u64,
        /// The price at the decision.
        price: Price,
        /// Start of the bar decided on.
        bar_start: TsNs,
        /// The facts used; the kind of strategy says what each is.
        facts: [f64; 6],
        /// The strategy instance.
        strategy: StrategyId,
        /// Confidence in 1/10,000.
        confidence_bps: u16,
        /// An `Action`.
        action: u8,
        /// A `SignalReason`.
        reason: u8,
        /// Zero.
        reserved: [u8; 18],
    }

    /// What risk decided about a proposed order, and by which rule.
    Verdict = 34, 2 lines {
        /// The signal, 0 for orders of the risk stage itself.
        signal: u64,
        /// The order that follows, zero if none does.
        order: OrderId,
        /// Quantity proposed.
        wanted: Qty,
        /// Quantity allowed.
        allowed: Qty,
        /// What the rule looked at, in its own unit.
        observed: i64,
        /// The rule's limit, in the same unit.
        limit: i64,
        /// The strategy.
        strategy: StrategyId,
        /// A `Decision`.
        decision: u8,
        /// A `Rule`.
        rule: u8,
        /// A `Side`.
        side: u8,
        /// An `Intent`.
        intent: u8,
        /// Zero.
        reserved: [u8; 42],
    }

    /// An order on its way to the venue.
    Order = 35, 2 lines {
        /// Client order id.
        id: OrderId,
        /// The signal it follows from, 0 for orders of the risk stage itself.
        signal: u64,
        /// Quantity.
        quantity: Qty,
        /// Limit price; for a market order the worst price allowed, zero if it has none.
        price: Price,
        /// The last price at which a stop order wakes, zero for others.
        trigger: Price,
        /// Quantity displayed at a time, zero for all.
        disclosed: Qty,
        /// The strategy.
        strategy: StrategyId,
        /// A `Side`.
        side: u8,
        /// An `OrderType`.
        order_type: u8,
        /// A `Validity`.
        validity: u8,
        /// An `Intent`.
        intent: u8,
        /// `ORDER_*` flags.
        flags: u8,
        /// Zero.
        reserved: [u8; 41],
    }

    /// A request to cancel an order.
    Cancel = 36, 1 lines {
        /// The order.
        order: OrderId,
        /// The strategy.
        strategy: StrategyId,
        /// An `Intent`: why it is cancelled.
        intent: u8,
        /// Zero.
        reserved: [u8; 21],
    }

    /// One fill of one order.
    Fill = 37, 2 lines {
        /// The order filled.
        order: OrderId,
        /// The order it traded with, zero if that was the market.
        maker: OrderId,
        /// Price.
        price: Price,
        /// Quantity.
        quantity: Qty,
        /// The market's last price at that moment.
        last: Price,
        /// Number of the fill among the order's, from 1.
        number: u32,
        /// The strategy.
        strategy: StrategyId,
        /// A `Side`.
        side: u8,
        /// `FILL_*` flags.
        flags: u8,
        /// Zero.
        reserved: [u8; 48],
    }

    /// A request to change a resting order: a smaller quantity keeps its place in the queue, another price or a larger
    /// quantity takes it to the end.
    Modify = 38, 2 lines {
        /// The order.
        order: OrderId,
        /// Its new quantity, what is filled already included.
        quantity: Qty,
        /// Its new limit.
        price: Price,
        /// Its new trigger, zero if it has none.
        trigger: Price,
        /// Its new disclosed quantity, zero for all.
        disclosed: Qty,
        /// The strategy.
        strategy: StrategyId,
        /// An `Intent`: why it is changed.
        intent: u8,
        /// Zero.
        reserved: [u8; 53],
    }

    /// A stage's state hash at the end of a step.
    StateHash = 40, 1 lines {
        /// Low half.
        low: u64,
        /// High half.
        high: u64,
        /// A `StageId`.
        stage: u32,
        /// Zero.
        reserved: [u8; 12],
    }

    /// Something a person must know at once.
    Alarm = 41, 1 lines {
        /// What it is about, in the unit the code implies (a position, a loss).
        value: i64,
        /// The order, if one is meant.
        order: OrderId,
        /// An `AlarmCode`.
        code: u8,
        /// Zero.
        reserved: [u8; 15],
    }

    /// Marks the end of a step that emitted nothing, between threads; never journaled.
    StepMarker = 64, 1 lines {
        /// Zero.
        reserved: [u8; 32],
    }
}

/// The packet is of an index.
pub const MARKET_INDEX: u32 = 1;
/// The packet has a volume field.
pub const MARKET_VOLUME: u32 = 2;
/// The packet has a last-trade-time field.
pub const MARKET_TRADE_TIME: u32 = 4;
/// The segment is unknown to this build; its price divisor was taken as 100.
pub const MARKET_SEGMENT_UNKNOWN: u32 = 8;

/// The bar's time is the sequencer's, because its packets carry no exchange time.
pub const BAR_RECEIVE_TIME: u8 = 1;
/// The bar was closed by the timer.
pub const BAR_BY_TIMER: u8 = 2;
/// Periods without a bar precede this one.
pub const BAR_AFTER_GAP: u8 = 4;

/// The feed has no volume, so a resting order was filled whole.
pub const FILL_NO_VOLUME: u8 = 1;
/// The order was resting when it was filled.
pub const FILL_MAKER: u8 = 2;
/// The price is the last price moved by the configured slippage.
pub const FILL_SLIPPAGE: u8 = 4;
/// The quantity was taken from the displayed depth.
pub const FILL_DEPTH: u8 = 8;

/// The order is cancelled rather than trade at once.
pub const ORDER_POST_ONLY: u8 = 1;

impl InstrumentId {
    /// Whether an event with this id concerns an instrument.
    pub const fn is_some(self) -> bool {
        self.0 != u32::MAX
    }
}
