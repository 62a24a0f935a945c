//! The coded fields: small enums with fixed numbers, because the numbers are in journals.

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal $text:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $code,)* }

        impl $name {
            /// Every value, in the order of the codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The value of a code, or `None` for a number this build does not know.
            pub const fn from_u8(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The name used in files, reports and logs.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value of a name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    )*};
}

codes! {
    /// The stages, in pipeline order.
    StageId {
        /// Frames to events.
        Decoder = 1 "decoder",
        /// The one order, and bars.
        Sequencer = 2 "sequencer",
        /// Bars and ticks to signals.
        Strategy = 3 "strategy",
        /// Signals to verdicts and orders.
        Risk = 4 "risk",
        /// Orders to fills and reports.
        Matcher = 5 "matcher",
    }

    /// Classes of inputs, in the order in which equal times are taken.
    Class {
        /// Sessions, configuration, instruments, commands.
        Control = 0 "control",
        /// The passing of time.
        Timer = 1 "timer",
        /// Execution reports of the paper venue.
        Endogenous = 2 "endogenous",
        /// Market data.
        Market = 3 "market",
    }

    /// Side of an order or fill.
    Side {
        /// Buy.
        Buy = 1 "buy",
        /// Sell.
        Sell = 2 "sell",
    }

    /// How an order is priced.
    OrderType {
        /// At the limit price or better.
        Limit = 1 "limit",
        /// At any price within the protection that its price field gives.
        Market = 2 "market",
        /// A limit order that waits until the last price reaches its trigger.
        StopLimit = 3 "sl",
        /// A market order that waits until the last price reaches its trigger.
        StopMarket = 4 "sl_m",
    }

    /// How long an order lives.
    Validity {
        /// Until the session ends.
        Day = 1 "day",
        /// What cannot be filled at once is cancelled.
        Ioc = 2 "ioc",
        /// Filled whole at once, or cancelled whole.
        Fok = 3 "fok",
    }

    /// Why an order is sent.
    Intent {
        /// Opens a position for a strategy's signal.
        Entry = 1 "entry",
        /// Closes a position for a strategy's signal.
        Exit = 2 "exit",
        /// Closes a position because the square-off time has come.
        SquareOff = 3 "square_off",
        /// Closes a position because trading was halted or killed, or an operator wants it.
        Flatten = 4 "flatten",
        /// Closes a position whose loss reached its stop.
        StopLoss = 5 "stop_loss",
        /// Closes a position whose profit reached its target.
        TakeProfit = 6 "take_profit",
        /// Closes a position that was held for as long as it may be.
        HoldingTime = 7 "holding_time",
    }

    /// State of an order in its reports.
    OrderState {
        /// Resting.
        Open = 1 "open",
        /// Resting with a part filled.
        PartiallyFilled = 2 "partially_filled",
        /// Wholly filled; final.
        Filled = 3 "filled",
        /// Cancelled, possibly after a partial fill; final.
        Cancelled = 4 "cancelled",
        /// Never accepted; final.
        Rejected = 5 "rejected",
        /// A stop order that waits for its trigger.
        TriggerPending = 6 "trigger_pending",
        /// Sent to a broker that did not answer: it may rest, be filled, or never have arrived.
        Unknown = 7 "unknown",
    }

    /// Why an order is in the state a report gives.
    ReportReason {
        /// Nothing special.
        None = 0 "none",
        /// The rest of an immediate-or-cancel order.
        IocRest = 1 "ioc_rest",
        /// A cancel request.
        Requested = 2 "requested",
        /// The session ended.
        SessionEnd = 3 "session_end",
        /// The instrument has no price yet.
        NoPrice = 4 "no_price",
        /// The order would trade with an own resting order.
        SelfTrade = 5 "self_trade",
        /// The venue's tables are full.
        VenueFull = 6 "venue_full",
        /// The instrument cannot be traded.
        NotTradable = 7 "not_tradable",
        /// Price or quantity is not a positive multiple of tick or lot.
        Malformed = 8 "malformed",
        /// The order id is already known.
        Duplicate = 9 "duplicate",
        /// A request changed the order.
        Modified = 10 "modified",
        /// The instrument is not in continuous trading.
        Closed = 11 "closed",
        /// The price is outside the instrument's band.
        PriceBand = 12 "price_band",
        /// Trading in the instrument is halted.
        Halted = 13 "halted",
        /// A fill-or-kill order that could not be filled whole.
        FillOrKill = 14 "fill_or_kill",
        /// A post-only order that would have traded at once.
        PostOnly = 15 "post_only",
        /// The venue's profile has no orders of this kind.
        NotAllowed = 16 "not_allowed",
        /// More than the exchange takes in one order.
        FreezeQuantity = 17 "freeze_quantity",
        /// The last price reached the order's trigger.
        Triggered = 18 "triggered",
        /// A market order without a worst price.
        Unprotected = 19 "unprotected",
        /// The rest of a market order that found nobody within its worst price.
        MarketRest = 20 "market_rest",
        /// What a call auction left of an order.
        AuctionEnd = 21 "auction_end",
        /// It would have been more requests than the broker takes.
        Throttled = 22 "throttled",
        /// The broker or its exchange refused it; the gateway's log has their words.
        BrokerRefused = 23 "broker_refused",
        /// It never reached the broker.
        NotSent = 24 "not_sent",
    }

    /// What an instrument's market is doing.
    MarketPhase {
        /// Nothing: no order is taken.
        Closed = 1 "closed",
        /// Orders are collected for a call auction; nothing trades.
        Call = 2 "call",
        /// Orders trade as they come.
        Continuous = 3 "continuous",
        /// Trading is interrupted: orders rest, may be cancelled, and no order is taken.
        Halted = 4 "halted",
    }

    /// What a strategy wants.
    Action {
        /// Be long.
        Long = 1 "LONG",
        /// Be short.
        Short = 2 "SHORT",
        /// Be flat.
        Exit = 3 "EXIT",
        /// Nothing, for the reason given.
        Hold = 4 "HOLD",
    }

    /// Why a strategy says what it says.
    SignalReason {
        /// The fast average crossed above the slow one.
        CrossUp = 1 "cross_up",
        /// The fast average crossed below the slow one.
        CrossDown = 2 "cross_down",
        /// Indicators have not seen enough bars.
        IndicatorsNotReady = 3 "indicators_not_ready",
        /// No price seen yet.
        LtpMissing = 4 "ltp_missing",
        /// No crossing since the last bar.
        NoCross = 5 "no_cross",
        /// The session is not in continuous trading.
        SessionClosed = 6 "session_closed",
        /// Every factor points in one direction that may be taken, or that was taken.
        FactorsAlign = 7 "factors_align",
        /// The factors do not point in one direction that may be taken, or one is against the direction taken.
        FactorsFail = 8 "factors_fail",
        /// No volume seen in this session, so there is no average price.
        VwapMissing = 9 "vwap_missing",
        /// Order-book imbalance is required, and no waiting quantities are known.
        ObiMissing = 10 "obi_missing",
    }

    /// What risk decided about a proposed order.
    Decision {
        /// As proposed.
        Allow = 1 "ALLOW",
        /// With a smaller quantity.
        Reduce = 2 "REDUCE",
        /// Not at all.
        Block = 3 "BLOCK",
        /// Not at all, and no entry for the rest of the session.
        HaltSession = 4 "HALT_SESSION",
    }

    /// The rule that decided.
    Rule {
        /// No rule objected.
        None = 0 "none",
        /// The kill switch is latched.
        KillSwitch = 1 "kill_switch",
        /// The session is halted.
        SessionHalted = 2 "session_halted",
        /// The day's loss reached its limit.
        DailyLoss = 3 "daily_loss",
        /// Square-off has begun.
        SquareOff = 4 "square_off",
        /// The order's value would exceed its limit.
        OrderValue = 5 "order_value",
        /// The order's quantity would exceed its limit.
        OrderQuantity = 6 "order_quantity",
        /// Less than one lot.
        SizeZero = 7 "size_zero",
        /// As many positions are open as may be.
        OpenPositions = 8 "open_positions",
        /// As many orders are open as may be.
        OpenOrders = 9 "open_orders",
        /// The instrument cannot be traded.
        NotTradable = 10 "not_tradable",
        /// The instrument has no price yet.
        LtpMissing = 11 "ltp_missing",
        /// The strategy may not sell short.
        ShortNotAllowed = 12 "short_not_allowed",
        /// The session is not open.
        SessionClosed = 13 "session_closed",
        /// The order's price is too far from the last price.
        PriceCollar = 14 "price_collar",
        /// As many entries were sent today as may be.
        TradesPerDay = 15 "trades_per_day",
        /// As many entries were sent for the instrument today as may be.
        TradesPerSymbol = 16 "trades_per_symbol",
        /// The time of the last entries is over.
        NoNewEntry = 17 "no_new_entry",
        /// As many orders were sent in this second as may be.
        OrderRate = 18 "order_rate",
        /// The fall from the day's highest equity reached its limit.
        Drawdown = 19 "drawdown",
        /// The instrument's loss of the day reached its limit.
        SymbolLoss = 20 "symbol_loss",
        /// The margin blocked would exceed its limit.
        Exposure = 21 "exposure",
        /// The gross value of equities would exceed its limit.
        Leverage = 22 "leverage",
        /// The gross value of futures and options would exceed its limit.
        DerivativesValue = 23 "derivatives_value",
        /// Another strategy of the instrument has the say.
        Conflict = 24 "conflict",
        /// The order's quantity is more than the exchange takes in one order.
        FreezeQuantity = 25 "freeze_quantity",
        /// Positions may only become smaller.
        ReduceOnly = 26 "reduce_only",
        /// Trading in the instrument is halted.
        Halted = 27 "halted",
    }

    /// Periods of bars.
    Timeframe {
        /// One second.
        S1 = 1 "1s",
        /// One minute.
        M1 = 2 "1m",
        /// Three minutes.
        M3 = 3 "3m",
        /// Five minutes.
        M5 = 4 "5m",
        /// Fifteen minutes.
        M15 = 5 "15m",
        /// Thirty minutes, from the session's open.
        M30 = 6 "30m",
        /// Sixty minutes, from the session's open.
        M60 = 7 "60m",
        /// The whole session.
        Day = 8 "day",
    }

    /// Why something became a dead letter.
    DeadReason {
        /// The frame ended inside a packet.
        Truncated = 1 "truncated",
        /// A packet length that no mode has.
        UnknownLength = 2 "unknown_length",
        /// The token is not in the instrument table.
        UnknownInstrument = 3 "unknown_instrument",
        /// A depth price too far from the last price for its field.
        PriceOutOfRange = 4 "price_out_of_range",
        /// A price that the 1/10,000 scale cannot hold exactly.
        PriceInexact = 5 "price_inexact",
        /// A packet without a positive last price.
        NoLastPrice = 6 "no_last_price",
        /// Bytes after the last packet of a frame.
        TrailingBytes = 7 "trailing_bytes",
        /// A row outside the session.
        OutOfSession = 8 "out_of_session",
        /// A row older than the one before it.
        Backward = 9 "backward",
        /// A row that cannot be read.
        Undecodable = 10 "undecodable",
        /// A tick of a bar that is closed.
        LateTick = 11 "late_tick",
        /// A tick whose exchange time is of another date.
        StaleDate = 12 "stale_date",
        /// A tick whose exchange time is later than the sequencer's clock can be wrong.
        FutureTime = 13 "future_time",
        /// Packets that newer ones of their instruments replaced before the sequencer, because the pipeline was behind.
        Conflated = 14 "conflated",
    }

    /// Commands of operators, and of a run's own end.
    CommandCode {
        /// Latch the kill switch.
        Kill = 1 "kill",
        /// The run ends before its session does: cancel what rests, open nothing.
        Stop = 2 "stop",
        /// Latch the kill switch and close every position, whatever is configured for a kill.
        Flatten = 3 "flatten",
        /// Clear the latches, for the reason given: kill switch, halt, reduce-only, and instruments closed by their loss.
        Resume = 4 "resume",
        /// Open nothing, and cancel what would; exits and cancels go on. Latched until a resume.
        ReduceOnly = 5 "reduce_only",
    }

    /// What people must know at once.
    AlarmCode {
        /// A position is open at the session's end.
        NotFlat = 1 "not_flat",
        /// The session was halted.
        Halted = 2 "halted",
        /// The kill switch was latched.
        Killed = 3 "killed",
        /// A report contradicts what is known of its order.
        ReportMismatch = 4 "report_mismatch",
        /// An operator cleared the latches.
        Resumed = 5 "resumed",
    }
}

// Choices of a configuration. They stand in texts, not in events.
codes! {
    /// How displayed volume that leaves without a trade is shared between those ahead of an own order and those behind.
    QueueModel {
        /// All of it was ahead: the own order moves up as fast as can be.
        Front = 1 "front",
        /// All of it was behind: the own order moves up by trades alone.
        Back = 2 "back",
        /// In proportion to the volumes ahead and behind.
        Proportional = 3 "proportional",
        /// In proportion to powers of the volumes ahead and behind.
        Power = 4 "power",
    }

    /// What happens when an order would trade with another of the same account.
    SelfTrade {
        /// The order on its way is cancelled.
        CancelNewest = 1 "cancel_newest",
        /// The resting order is cancelled.
        CancelOldest = 2 "cancel_oldest",
        /// Both lose the smaller quantity; one that reaches zero is cancelled.
        Decrement = 3 "decrement",
    }

    /// Which orders the venue takes.
    VenueProfile {
        /// What the National Stock Exchange and its brokers take from a program.
        Nse = 1 "nse",
        /// All the book can do.
        Full = 2 "full",
    }
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// +1 for a buy, −1 for a sell.
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

/// In what a rule's `observed` and `limit` are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleUnit {
    /// Rupees on the money scale.
    Money,
    /// Nanoseconds since the epoch.
    Time,
    /// Orders, positions, units, priorities, confidence in 1/10,000, or a flag as 1 and 0.
    Count,
}

impl Rule {
    /// The unit of what this rule looks at.
    pub const fn unit(self) -> RuleUnit {
        match self {
            Self::DailyLoss
            | Self::OrderValue
            | Self::PriceCollar
            | Self::Drawdown
            | Self::SymbolLoss
            | Self::Exposure
            | Self::Leverage
            | Self::DerivativesValue => RuleUnit::Money,
            Self::SquareOff | Self::SessionClosed | Self::NoNewEntry => RuleUnit::Time,
            Self::None
            | Self::KillSwitch
            | Self::SessionHalted
            | Self::OrderQuantity
            | Self::SizeZero
            | Self::OpenPositions
            | Self::OpenOrders
            | Self::NotTradable
            | Self::LtpMissing
            | Self::ShortNotAllowed
            | Self::TradesPerDay
            | Self::TradesPerSymbol
            | Self::OrderRate
            | Self::Conflict
            | Self::FreezeQuantity
            | Self::ReduceOnly
            | Self::Halted => RuleUnit::Count,
        }
    }
}

impl OrderState {
    /// Whether nothing can follow.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected)
    }
}

impl Timeframe {
    /// Length in seconds; `None` for the day bar, which is as long as the session.
    pub const fn seconds(self) -> Option<u64> {
        match self {
            Self::S1 => Some(1),
            Self::M1 => Some(60),
            Self::M3 => Some(180),
            Self::M5 => Some(300),
            Self::M15 => Some(900),
            Self::M30 => Some(1_800),
            Self::M60 => Some(3_600),
            Self::Day => None,
        }
    }
}
