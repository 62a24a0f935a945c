//! The validated configuration of a run. Plain values: parsing, defaults and units are the business of the edges.

mod latency;

pub use latency::{LATENCY_POINTS_MAX, LatencyModel, Measured, Quantile};

use crate::event::{QueueModel, SelfTrade, VenueProfile};
use crate::units::{IST_OFFSET_NS, InstrumentId, Money, NS_PER_S, Price, Qty, StrategyId, TsNs};

/// What an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum InstrumentClass {
    /// A share or fund in the cash market.
    Equity = 1,
    /// An index: it has values, no orders and no volume.
    Index = 2,
    /// A future.
    Future = 3,
    /// An option.
    Option = 4,
}

impl InstrumentClass {
    /// The class of a code.
    pub const fn from_u8(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Equity),
            2 => Some(Self::Index),
            3 => Some(Self::Future),
            4 => Some(Self::Option),
            _ => None,
        }
    }
}

/// One instrument; its `InstrumentId` is its index in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentSpec {
    /// `NSE:RELIANCE`; at most 40 bytes.
    pub symbol: String,
    /// The broker's token; its low byte is the segment.
    pub token: u32,
    /// What it is.
    pub class: InstrumentClass,
    /// Whether orders may be sent.
    pub tradable: bool,
    /// Units in a lot.
    pub lot: Qty,
    /// Smallest price step.
    pub tick: Price,
    /// Value of one point of one unit.
    pub multiplier: i64,
    /// Largest quantity the exchange takes in one order, in units; zero = none is known.
    pub freeze: Qty,
    /// Whether futures or options on it trade. Since 2026-08-03 the day of such a share ends with a closing
    /// auction, earlier than that of others.
    pub derivatives: bool,
}

/// The hours of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// Trading date as the decimal number yyyymmdd.
    pub date: u32,
    /// First timer.
    pub pre_open: TsNs,
    /// Start of continuous trading.
    pub open: TsNs,
    /// End of continuous trading.
    pub close: TsNs,
    /// Last timer: the close and the grace, rounded up to a second.
    pub end: TsNs,
}

/// Hours of one instrument that differ from its session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentHours {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Start of continuous trading; not before the session's.
    pub open: TsNs,
    /// End of continuous trading; not after the session's.
    pub close: TsNs,
}

/// One session: its hours are the widest of any instrument, and some instruments keep their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPlan {
    /// The session's hours.
    pub times: SessionTimes,
    /// Instruments with other hours, ascending, each once.
    pub hours: Vec<InstrumentHours>,
}

impl SessionPlan {
    /// When `instrument` is in continuous trading: from, until (exclusive).
    pub fn hours_of(&self, instrument: InstrumentId) -> (TsNs, TsNs) {
        let own = self.hours.iter().find(|hours| hours.instrument == instrument);
        own.map_or((self.times.open, self.times.close), |hours| (hours.open, hours.close))
    }
}

impl From<SessionTimes> for SessionPlan {
    fn from(times: SessionTimes) -> Self {
        Self { times, hours: Vec::new() }
    }
}

/// Bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarsConfig {
    /// How long after a boundary the timer closes a bar, in nanoseconds.
    pub grace_ns: u64,
}

/// One strategy instance; its `StrategyId` is its index.
#[derive(Clone, Debug, PartialEq)]
pub struct StrategyConfig {
    /// The instance's name.
    pub id: String,
    /// A kind of the registry.
    pub kind: String,
    /// Instruments it trades, ascending.
    pub instruments: Vec<InstrumentId>,
    /// Period of the bars it sees.
    pub timeframe: crate::event::Timeframe,
    /// Whether it may sell short.
    pub allow_short: bool,
    /// Whether entries rest at the last price instead of crossing at once.
    pub passive_entry: bool,
    /// How long a resting entry stays at a price that the market has left before it follows, in nanoseconds;
    /// zero = it never does.
    pub reprice_ns: u64,
    /// Its weight against other strategies of an instrument: the greater number has the say.
    pub priority: u32,
    /// Loss of a position, as a share of its entry value, that closes it; zero = none.
    pub stop_loss_bps: i64,
    /// Profit of a position, as a share of its entry value, that closes it; zero = none.
    pub take_profit_bps: i64,
    /// How long a position is held at most, in nanoseconds; zero = until something else closes it.
    pub holding_ns: u64,
    /// The kind's own parameters, by name.
    pub params: Vec<(String, f64)>,
}

/// Whose wish counts when strategies of one instrument want different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Conflict {
    /// That of the strategy with the highest priority; of equals, the first configured.
    Priority = 1,
    /// That with the highest confidence; of equals, as by priority.
    Confidence = 2,
    /// All: what each would hold is added up, and the account holds the sum.
    Netting = 3,
}

/// How large an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sizing {
    /// A fixed share of capital.
    Capital = 1,
    /// So that the stop loss, if it is hit at its price, costs a fixed share of capital.
    Risk = 2,
    /// So that a move of a multiple of the average true range costs a fixed share of capital.
    Atr = 3,
}

/// Risk limits. Shares are in hundredths of a percent (bps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskConfig {
    /// Trading capital.
    pub capital: Money,
    /// How large an entry is.
    pub sizing: Sizing,
    /// Share of capital one entry uses (`Sizing::Capital`).
    pub position_bps: i64,
    /// Share of capital one entry may lose (`Sizing::Risk`, `Sizing::Atr`).
    pub risk_per_trade_bps: i64,
    /// Bars of the average true range; at least one.
    pub atr_period: u32,
    /// The bars it is made from.
    pub atr_timeframe: crate::event::Timeframe,
    /// How many average true ranges an entry is taken to risk, in bps (20,000 = two).
    pub atr_multiple_bps: i64,
    /// Whose wish counts when strategies of one instrument differ.
    pub conflict: Conflict,
    /// Largest value of one order, as a share of capital.
    pub order_value_bps: i64,
    /// Largest quantity of one order; zero = no limit.
    pub order_quantity_max: Qty,
    /// Positions open at once, counting entries under way.
    pub open_positions_max: u32,
    /// Loss of the day that halts the session, as a share of the day's opening equity.
    pub daily_loss_bps: i64,
    /// How far from the last price a protected order may trade, in bps.
    pub protection_bps: i64,
    /// Whether a kill also closes the positions.
    pub flatten_on_kill: bool,
    /// How far an entry's price may be from the last price, in bps of it; zero = any distance.
    pub price_collar_bps: i64,
    /// Entries sent in a session; zero = no limit.
    pub trades_per_day: u32,
    /// Entries sent in a session for one instrument; zero = no limit.
    pub trades_per_symbol: u32,
    /// Seconds after midnight, Indian time, from which positions are closed; zero = the margin alone decides.
    pub square_off_s: u32,
    /// Seconds before the end of an instrument's continuous trading from which its position is closed at the
    /// latest; more than zero, because at the end itself nothing is sent any more.
    pub square_off_margin_s: u32,
    /// Seconds after midnight, Indian time, from which no entry is sent; zero = the margin alone decides.
    pub no_new_entry_s: u32,
    /// Seconds before the end of an instrument's continuous trading from which no entry is sent at the latest;
    /// zero = the square-off decides.
    pub no_new_entry_margin_s: u32,
    /// Orders sent in one second of event time, cancels not counted; zero = no limit. Entries stop a quarter
    /// of it earlier.
    pub orders_per_second: u32,
    /// Fall from the day's highest equity that halts the session, as a share of the day's opening equity;
    /// zero = no limit.
    pub drawdown_bps: i64,
    /// Loss of the day of one instrument that closes it for the day, as a share of the day's opening equity;
    /// zero = no limit.
    pub symbol_loss_bps: i64,
    /// Largest margin blocked after an entry, as a share of equity; zero = no limit.
    pub exposure_bps: i64,
    /// Largest gross value of equities after an entry, as a multiple of equity in bps (20,000 = twice); zero
    /// = no limit.
    pub leverage_bps: i64,
    /// Largest gross value of futures and options after an entry, as a multiple of equity in bps; zero = no
    /// limit.
    pub derivatives_bps: i64,
    /// Margin an equity position blocks within the day, as a share of its value.
    pub margin_equity_bps: i64,
    /// Margin a future blocks, as a share of its value.
    pub margin_future_bps: i64,
}

impl RiskConfig {
    /// When positions of an instrument with these hours are closed, and from when on none is opened: each the earlier of
    /// the configured time and a margin before the close, and never before the open. In a session so short, or so late,
    /// that they lie before it, nothing is traded.
    pub fn last_times(&self, open: TsNs, close: TsNs) -> (TsNs, TsNs) {
        let time = |s: u32| {
            TsNs(((open.ist_day() * 86_400 + u64::from(s)) * NS_PER_S).saturating_sub(IST_OFFSET_NS))
        };
        let until = |configured_s: u32, margin_s: u32, otherwise: TsNs| {
            let margin = u64::from(margin_s) * NS_PER_S;
            let latest = if margin_s == 0 { otherwise } else { TsNs(close.0.saturating_sub(margin)) };
            let at = if configured_s == 0 { latest } else { time(configured_s).min(latest) };
            at.max(open)
        };
        let square_off = until(self.square_off_s, self.square_off_margin_s, close);
        (square_off, until(self.no_new_entry_s, self.no_new_entry_margin_s, square_off))
    }

    /// No capital, and every limit that can be off is off (positions are closed a minute before the end): what a configuration starts from that names its
    /// limits itself.
    pub const UNLIMITED: Self = Self {
        capital: Money::ZERO,
        sizing: Sizing::Capital,
        position_bps: 0,
        risk_per_trade_bps: 100,
        atr_period: 14,
        atr_timeframe: crate::event::Timeframe::M5,
        atr_multiple_bps: 20_000,
        conflict: Conflict::Priority,
        order_value_bps: 0,
        order_quantity_max: Qty::ZERO,
        open_positions_max: 0,
        daily_loss_bps: 0,
        protection_bps: 0,
        flatten_on_kill: true,
        price_collar_bps: 0,
        trades_per_day: 0,
        trades_per_symbol: 0,
        square_off_s: 0,
        square_off_margin_s: 60,
        no_new_entry_s: 0,
        no_new_entry_margin_s: 0,
        orders_per_second: 0,
        drawdown_bps: 0,
        symbol_loss_bps: 0,
        exposure_bps: 0,
        leverage_bps: 0,
        derivatives_bps: 0,
        margin_equity_bps: 2_000,
        margin_future_bps: 1_500,
    };
}

/// The paper venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueConfig {
    /// Whether a broker trades, in place of the paper venue. Nothing below holds then but `latency_min_ns`.
    pub live: bool,
    /// `L_min`: the least time between an input and a report it causes, in nanoseconds; more than zero.
    pub latency_min_ns: u64,
    /// Further latency of a report, chosen per report from 0 ..= this by the seed.
    pub latency_spread_ns: u64,
    /// The further latency is a multiple of this; more than zero.
    pub latency_step_ns: u64,
    /// How long a new order takes to the venue; with a model that is not none it acts at a wake-up.
    pub place_latency: LatencyModel,
    /// How long a change of an order takes to the venue.
    pub modify_latency: LatencyModel,
    /// How long a cancel takes to the venue.
    pub cancel_latency: LatencyModel,
    /// How long a report takes; none = `latency_min_ns` and up to `latency_spread_ns` more.
    pub report_latency: LatencyModel,
    /// How far from the last price an aggressive order trades where no depth is displayed.
    pub slippage_model: Slippage,
    /// Adverse distance from the last price of an aggressive fill, in ticks (`Slippage::Ticks`).
    pub slippage_ticks: i64,
    /// The same as a share of the price, in bps (`Slippage::Bps`).
    pub slippage_bps: i64,
    /// What an order as large as a minute's traded volume moves the price, in bps (`Slippage::Impact`).
    pub impact_bps: i64,
    /// Most that an order moves the price, in bps (`Slippage::Impact`).
    pub impact_max_bps: i64,
    /// Largest share of a volume increase that a resting order gets, in bps.
    pub participation_bps: i64,
    /// How displayed volume that leaves without a trade is shared between those ahead of an own order and those behind.
    pub queue_model: QueueModel,
    /// Exponent of `QueueModel::Power`, 1 to `QUEUE_POWER_MAX`.
    pub queue_power: u32,
    /// Which orders are taken.
    pub profile: VenueProfile,
    /// What happens when an order would trade with another of the account.
    pub self_trade: SelfTrade,
    /// Seed of the latencies.
    pub seed: u64,
}

/// Largest exponent of the power queue model: with it a power of a level's volume fits 128 bits.
pub const QUEUE_POWER_MAX: u32 = 4;

/// How far from the last price an aggressive order trades where no depth is displayed. Always against the order, and
/// then to the next tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Slippage {
    /// A fixed number of ticks.
    Ticks = 1,
    /// A fixed share of the price.
    Bps = 2,
    /// A share of the price in proportion to the order's quantity over the volume of the last completed minute.
    Impact = 3,
}

impl Default for VenueConfig {
    /// Reports after a millisecond, a tick of slippage, a tenth of the volume.
    fn default() -> Self {
        Self {
            live: false,
            latency_min_ns: 1_000_000,
            latency_spread_ns: 0,
            latency_step_ns: 1_000_000,
            place_latency: LatencyModel::None,
            modify_latency: LatencyModel::None,
            cancel_latency: LatencyModel::None,
            report_latency: LatencyModel::None,
            slippage_model: Slippage::Ticks,
            slippage_ticks: 1,
            slippage_bps: 5,
            impact_bps: 100,
            impact_max_bps: 200,
            participation_bps: 1_000,
            queue_model: QueueModel::Back,
            queue_power: 3,
            profile: VenueProfile::Nse,
            self_trade: SelfTrade::CancelNewest,
            seed: 1,
        }
    }
}

impl VenueConfig {
    /// How long reports take: the model of their own, else what the least latency and its spread say.
    pub fn reports(&self) -> LatencyModel {
        let (least_ns, spread_ns) = (self.latency_min_ns, self.latency_spread_ns);
        match &self.report_latency {
            LatencyModel::None => {
                LatencyModel::Uniform { least_ns, spread_ns, step_ns: self.latency_step_ns }
            }
            model => model.clone(),
        }
    }

    /// The chosen latencies for people, on a line: `place 2ms, modify none, cancel none, report 1ms`.
    pub fn latency_text(&self) -> String {
        let Self { place_latency, modify_latency, cancel_latency, .. } = self;
        let reports = self.reports();
        format!("place {place_latency}, modify {modify_latency}, cancel {cancel_latency}, report {reports}")
    }
}

/// Whose charges are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Broker {
    /// Nobody's: trading costs nothing, and profit is gross.
    None = 1,
    /// Zerodha's.
    Zerodha = 2,
}

/// How shares are held, which decides what they cost. Futures and options cost the same either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Product {
    /// Bought and sold within the day.
    Intraday = 1,
    /// Taken into the account.
    Delivery = 2,
}

/// What trading costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargesConfig {
    /// Whose charges are taken.
    pub broker: Broker,
    /// How shares are held.
    pub product: Product,
}

impl ChargesConfig {
    /// Trading costs nothing.
    pub const NONE: Self = Self { broker: Broker::None, product: Product::Intraday };
}

impl Default for ChargesConfig {
    /// Zerodha's, intraday.
    fn default() -> Self {
        Self { broker: Broker::Zerodha, product: Product::Intraday }
    }
}

impl VenueConfig {
    /// Queue model, slippage, participation, profile and self-trade prevention in one line: what every result depends on.
    pub fn describe(&self) -> String {
        // Hundredths of a percent, written as a configuration writes them.
        let percent = |bps: i64| {
            let text = format!("{}.{:02}", bps / 100, bps % 100);
            format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
        };
        let slippage = match self.slippage_model {
            Slippage::Ticks if self.slippage_ticks == 1 => "1 tick".to_owned(),
            Slippage::Ticks => format!("{} ticks", self.slippage_ticks),
            Slippage::Bps => percent(self.slippage_bps),
            Slippage::Impact => {
                let (impact, most) = (percent(self.impact_bps), percent(self.impact_max_bps));
                format!("impact {impact} a minute's volume, at most {most}")
            }
        };
        let queue = match self.queue_model {
            QueueModel::Power => format!("power {}", self.queue_power),
            model => model.to_string(),
        };
        format!(
            "queue {queue}; without depth: slippage {slippage}, participation {}; profile {}, self-trade {}",
            percent(self.participation_bps),
            self.profile,
            self.self_trade
        )
    }
}

/// Everything the stages are built from.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineConfig {
    /// The instruments, by id.
    pub instruments: Vec<InstrumentSpec>,
    /// Bars.
    pub bars: BarsConfig,
    /// The strategies, by id.
    pub strategies: Vec<StrategyConfig>,
    /// Risk.
    pub risk: RiskConfig,
    /// What trading costs.
    pub charges: ChargesConfig,
    /// The venue.
    pub venue: VenueConfig,
}

impl PipelineConfig {
    /// The id of strategy number `index`.
    pub fn strategy_id(index: usize) -> StrategyId {
        StrategyId(u16::try_from(index).expect("at most STRATEGIES_MAX strategies"))
    }
}
