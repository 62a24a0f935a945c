//! What a gateway is told: limits, times, and how the engine's orders become the broker's.

use pitlane_engine::units::{NS_PER_MS, NS_PER_S};

/// Order calls a second that no setting may exceed: the broker's, and the exchange's for unregistered algorithms.
pub const ORDERS_PER_SECOND_CAP: u32 = 10;
/// Changes the broker takes of one order.
pub const MODIFIES_CAP: u32 = 25;

/// How many order calls (place, modify and cancel together) may leave in any second, minute and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// In any second; 1 to 10.
    pub per_second: u32,
    /// In any minute.
    pub per_minute: u32,
    /// In the day: orders and changes. Cancels are not held back by it.
    pub per_day: u32,
    /// Of each second, what entries leave to the rest, and half of it exits to cancels and flattening orders; less than
    /// `per_second`.
    pub reserve_second: u32,
    /// Of each minute.
    pub reserve_minute: u32,
    /// Of the day.
    pub reserve_day: u32,
    /// Questions (lists, histories) in any second.
    pub queries_per_second: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            per_second: 8,
            per_minute: 180,
            per_day: 2_500,
            reserve_second: 3,
            reserve_minute: 60,
            reserve_day: 400,
            queries_per_second: 6,
        }
    }
}

/// How a market order of the engine is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketStyle {
    /// As MARKET with the broker's protection: 1/100 percent above 0, or the broker's own choice if zero.
    Protected(u32),
    /// As LIMIT at the worst price that the engine gave; without one it is refused.
    LimitAtWorst,
}

/// What an order that is not ours, on an instrument of ours, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignOrders {
    /// It is noted. (A position that it changes halts all the same.)
    Note,
    /// It halts.
    Halt,
}

/// All of it. Times are in nanoseconds of wall time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Limits of calls.
    pub rates: Rates,
    /// Changes of one order, 0 to 25.
    pub modifies_max: u32,
    /// An entry that could not be sent for so long is refused.
    pub entry_wait: u64,
    /// Order calls under way at once; two of them are not for entries, one of these not for exits. At least 3.
    pub order_calls_max: usize,
    /// Questions under way at once. At least 1.
    pub queries_max: usize,
    /// After a 429 no more calls of its kind (order calls, questions) are sent for so long; cancels and flattening orders
    /// are after a second.
    pub cool_down: u64,
    /// An order whose placement was not answered counts as never accepted when so many lists ...
    pub absent_lists: u32,
    /// ... over so long a time, all asked for after the failure, did not have it.
    pub absent_time: u64,
    /// Time between two looks at an order that is between two states.
    pub look_again: u64,
    /// Time between two reconciliations.
    pub reconcile_every: u64,
    /// Positions are compared when nothing has moved for so long.
    pub quiet: u64,
    /// Comparisons in a row that must find the same difference before it halts.
    pub position_strikes: u32,
    /// A fill whose trades the broker does not list for so long halts.
    pub trades_wait: u64,
    /// Without a whole reconciliation for so long, no entry is sent.
    pub stale_after: u64,
    /// See [`ForeignOrders`].
    pub foreign_orders: ForeignOrders,
    /// See [`MarketStyle`].
    pub market: MarketStyle,
    /// The exchange's id of the algorithm, where one is registered: 1 to 20 letters, digits, `-`.
    pub algo_id: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rates: Rates::default(),
            modifies_max: MODIFIES_CAP,
            entry_wait: 2 * NS_PER_S,
            order_calls_max: 8,
            queries_max: 3,
            cool_down: 10 * NS_PER_S,
            absent_lists: 5,
            absent_time: 30 * NS_PER_S,
            look_again: 700 * NS_PER_MS,
            reconcile_every: 5 * NS_PER_S,
            quiet: 2 * NS_PER_S,
            position_strikes: 2,
            trades_wait: 60 * NS_PER_S,
            stale_after: 30 * NS_PER_S,
            foreign_orders: ForeignOrders::Note,
            market: MarketStyle::Protected(0),
            algo_id: None,
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gateway setting {name}: {rule}")]
pub struct SettingsError {
    /// The setting.
    pub name: &'static str,
    /// What it has to be.
    pub rule: &'static str,
}

impl Settings {
    /// Checks every rule that the fields state.
    ///
    /// # Errors
    /// Names the first setting that breaks one.
    pub fn check(&self) -> Result<(), SettingsError> {
        let rates = &self.rates;
        let algo_id_fits = |id: &String| {
            (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let rules = [
            ("per_second", (1..=ORDERS_PER_SECOND_CAP).contains(&rates.per_second), "must be 1 to 10"),
            ("per_minute", rates.per_minute >= rates.per_second, "must be per_second or more"),
            ("per_day", rates.per_day >= rates.per_minute, "must be per_minute or more"),
            ("reserve_second", rates.reserve_second < rates.per_second, "must be less than per_second"),
            ("reserve_minute", rates.reserve_minute < rates.per_minute, "must be less than per_minute"),
            ("reserve_day", rates.reserve_day < rates.per_day, "must be less than per_day"),
            ("queries_per_second", (1..=10).contains(&rates.queries_per_second), "must be 1 to 10"),
            ("modifies_max", self.modifies_max <= MODIFIES_CAP, "must be at most 25"),
            ("order_calls_max", self.order_calls_max >= 3, "must be at least 3"),
            ("queries_max", self.queries_max >= 1, "must be at least 1"),
            ("absent_lists", self.absent_lists >= 2, "must be at least 2"),
            ("absent_time", self.absent_time >= 10 * NS_PER_S, "must be at least 10 s: brokers accept late"),
            ("reconcile_every", self.reconcile_every >= NS_PER_S, "must be at least 1 s"),
            ("position_strikes", self.position_strikes >= 1, "must be at least 1"),
            (
                "algo_id",
                self.algo_id.as_ref().is_none_or(algo_id_fits),
                "must be 1 to 20 letters, digits or -",
            ),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((name, _, rule)) => Err(SettingsError { name, rule }),
            None => Ok(()),
        }
    }
}
