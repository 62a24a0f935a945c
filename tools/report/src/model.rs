//! What a report says, before it is written as text, JSON or a page. Amounts are integers; ratios are made of them at
//! the very end.

use crate::stats::Stats;
use pitlane_engine::charges::Charges;
use pitlane_engine::units::{Money, TsNs};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a set of journals came to.
pub struct Report {
    /// The journals, in date order.
    pub journals: Vec<JournalPart>,
    /// The sessions, in date order.
    pub days: Vec<Day>,
    /// The account's value, minute by minute.
    pub curve: Vec<Point>,
    /// From flat to flat, in the order in which they ended; those that had not ended, at their journal's end.
    pub trades: Vec<Trade>,
    /// By strategy: a trade belongs to the one whose order opened it, whoever closed it.
    pub strategies: BTreeMap<String, Slice>,
    /// By symbol.
    pub symbols: BTreeMap<String, Slice>,
    /// What was charged, by kind.
    pub charges: Charges,
    /// The latest first date (yyyymmdd) of the rates used, and whether they stood in for older ones.
    pub rates: Option<(u32, bool)>,
    /// Value of all fills.
    pub turnover: Money,
    /// What fills cost against the last price at their moment; negative if they were better than it.
    pub slippage: Money,
    /// Verdicts by decision and rule.
    pub verdicts: BTreeMap<String, u64>,
    /// Signals by what they say and by hour of the day, Indian time.
    pub signals: BTreeMap<String, BTreeMap<u8, u64>>,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// Alarms, operators' commands and halts, in their order.
    pub incidents: Vec<Incident>,
    /// What passed.
    pub counts: Counts,
    /// Trading days between the first and the last session of which there is no session.
    pub missing: Vec<u32>,
    /// What a reader must know about the figures.
    pub notes: Vec<String>,
    /// The ratios.
    pub stats: Stats,
}

/// A journal the report is made of.
pub struct JournalPart {
    /// Where it is, as it was named.
    pub dir: PathBuf,
    /// Its name, which its streams share.
    pub uuid: String,
    /// Its first and last session's date.
    pub dates: (u32, u32),
    /// Hash of its configuration text.
    pub config_hash: String,
    /// Hash of its instrument table.
    pub instruments_hash: String,
    /// Hash of its input records.
    pub inputs_hash: String,
    /// Hash of its output records.
    pub outputs_hash: String,
    /// Whether its outputs were recomputed, because none are recorded.
    pub recomputed: bool,
    /// The capital it was made with.
    pub capital: Money,
    /// What its figures depend on.
    pub models: Models,
}

/// What every figure depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Models {
    /// How the venue fills: queue, slippage, participation, profile.
    pub fill: String,
    /// How long requests and reports take.
    pub latency: String,
    /// Least time from a cause to its report, in nanoseconds.
    pub latency_min_ns: u64,
    /// Which prices the day was made of.
    pub path: String,
    /// Whose charges.
    pub charges: String,
    /// Strategies as `id kind(params) timeframe`.
    pub strategies: Vec<String>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Day {
    /// Trading date as yyyymmdd.
    pub date: u32,
    /// Value of the account when it began, and when it ended.
    pub equity: (Money, Money),
    /// What its return is a share of: the capital of its journal, and what was gained since in that journal.
    pub base: Money,
    /// Gross profit.
    pub gross: Money,
    /// What was charged.
    pub charges: Money,
    /// Value of its fills.
    pub turnover: Money,
    /// Trades that ended in it.
    pub trades: u64,
    /// Of these, those with a net profit.
    pub wins: u64,
    /// Orders, fills.
    pub sent: (u64, u64),
    /// Deepest fall from the highest value since the report's start, by minutes.
    pub drawdown: Money,
    /// Why entries stopped, if they were stopped: the rule that halted the session, else the alarm.
    pub stopped: Option<&'static str>,
    /// Whether the session was recorded to its end.
    pub ended: bool,
}

impl Day {
    /// Net profit.
    pub fn net(&self) -> Money {
        self.gross - self.charges
    }

    /// Net profit as a share of what the day began with; 0 if that is not positive.
    pub fn share(&self) -> f64 {
        if self.base.0 > 0 { self.net().0 as f64 / self.base.0 as f64 } else { 0.0 }
    }
}

/// The account at the end of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// End of the minute.
    pub ts: TsNs,
    /// Value of the account.
    pub equity: Money,
    /// Sum of the values of all positions, without their signs.
    pub exposure: Money,
    /// The same with signs: long less short.
    pub net_exposure: Money,
}

/// What belongs to one strategy or one symbol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice {
    /// Trades that ended.
    pub trades: u64,
    /// Of these, those with a net profit.
    pub wins: u64,
    /// Gross profit, open positions at their last price.
    pub gross: Money,
    /// What was charged.
    pub charges: Money,
    /// Value of the fills.
    pub turnover: Money,
}

impl Slice {
    /// Net profit.
    pub fn net(&self) -> Money {
        self.gross - self.charges
    }
}

/// From flat to flat in one instrument.
#[derive(Clone, Debug)]
pub struct Trade {
    /// Symbol.
    pub instrument: String,
    /// The strategy whose order opened it.
    pub strategy: String,
    /// Whether it was opened by buying.
    pub is_long: bool,
    /// Trading date of its end, or of its journal's end.
    pub date: u32,
    /// First fill.
    pub opened: TsNs,
    /// The fill that made it flat; the end of the record if it is open.
    pub closed: TsNs,
    /// Whether it had not ended: what is held is valued at the last price.
    pub is_open: bool,
    /// Units entered.
    pub quantity: i64,
    /// Value of the entering fills.
    pub entry_value: Money,
    /// Value of the leaving fills, and of what is held at the last price.
    pub exit_value: Money,
    /// Value of its fills.
    pub turnover: Money,
    /// Value of one point of one unit.
    pub multiplier: i64,
    /// Profit before charges.
    pub gross: Money,
    /// What its fills were charged.
    pub charges: Money,
    /// Least and greatest gross profit at any price while it was open; never above and below zero.
    pub excursion: (Money, Money),
    /// Fills.
    pub fills: u32,
    /// Why it was opened.
    pub entry: Why,
    /// Why it was closed, by the order of its last fill; `None` while it is open.
    pub exit: Option<Why>,
}

impl Trade {
    /// Profit after charges.
    pub fn net(&self) -> Money {
        self.gross - self.charges
    }

    /// Net profit as a share of the value entered.
    pub fn share(&self) -> f64 {
        if self.entry_value.0 > 0 { self.net().0 as f64 / self.entry_value.0 as f64 } else { 0.0 }
    }

    /// Average price of the entering fills.
    pub fn entry_price(&self) -> f64 {
        average(self.entry_value, self.quantity, self.multiplier)
    }

    /// Average price of the leaving fills, and of what is held at the last price.
    pub fn exit_price(&self) -> f64 {
        average(self.exit_value, self.quantity, self.multiplier)
    }
}

fn average(value: Money, quantity: i64, multiplier: i64) -> f64 {
    let units = quantity as f64 * multiplier as f64;
    if units == 0.0 { 0.0 } else { value.0 as f64 / 1e4 / units }
}

/// Why an order was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// The order.
    pub order: u64,
    /// Its intent.
    pub intent: &'static str,
    /// What the strategy said; `None` for orders of the risk stage itself.
    pub signal: Option<Said>,
}

impl Why {
    /// On a line: `entry: LONG cross_up`.
    pub fn line(&self) -> String {
        match &self.signal {
            Some(said) => format!("{}: {} {}", self.intent, said.action, said.reason),
            None => self.intent.to_owned(),
        }
    }
}

/// A signal with the facts behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Its number in its journal.
    pub id: u64,
    /// When.
    pub ts: TsNs,
    /// LONG, SHORT, EXIT.
    pub action: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Confidence in 1/10,000.
    pub confidence_bps: u16,
    /// The numbers that led to it, with their names.
    pub facts: Vec<(&'static str, f64)>,
}

/// Something that a person should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// When.
    pub ts: TsNs,
    /// Alarm or command.
    pub kind: &'static str,
    /// What.
    pub what: String,
}

/// What passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Inputs.
    pub inputs: u64,
    /// Market data among them.
    pub ticks: u64,
    /// Closed bars.
    pub bars: u64,
    /// Signals other than HOLD.
    pub signals: u64,
    /// Orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Orders the venue refused.
    pub rejects: u64,
}
