//! Random days at the venue: orders, cancels, modifies and prices of two instruments with hours of their own,
//! with reports that come back late.

use super::tests::{BUY, SELL, START, Step, TICK, Venue, cancel, full, modify, order_event, timer};
use super::*;
use crate::event::{FILL_MAKER, FLAG_EXO, OrderState, OrderType, ReportReason, Validity};
use crate::limits::REPORTS_PER_ORDER_MAX;
use crate::stage::stage_hash;
use crate::state::trips::{changed_bytes_never_panic, loaded_stages_go_on};
use crate::units::{NS_PER_MS, OrderId};
use std::collections::BTreeMap;
use zerocopy::FromZeros;

/// A random sequence from a seed (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What the outside knows of an order.
#[derive(Default)]
struct Account {
    instrument: usize,
    quantity: i64,
    filled: i64,
    value: i128,
    fills: u32,
    aggressive: bool,
    modified: bool,
    /// The last report, and how many were made and are under way.
    last: Option<Report>,
    under_way: usize,
}

struct Day {
    venue: Venue,
    random: Random,
    slippage: i64,
    next_id: u64,
    last: [i64; 2],
    volume: [u32; 2],
    accounts: BTreeMap<u64, Account>,
    under_way: Vec<Report>,
    merged: u64,
    /// From when until when the instruments may trade.
    hours: [(TsNs, TsNs); 2],
    ended: bool,
    counts: Counts,
}

/// What a day must have enough of.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    modified: u64,
    refused: u64,
    closed: u64,
    expired: u64,
    /// Aggressive fills that stood behind an own order.
    behind: u64,
    /// Orders cancelled because they would have traded with an own one.
    self_trades: u64,
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let slippage = random.below(3) as i64;
        let mut day = Self {
            venue: Venue::new(slippage),
            random,
            slippage,
            next_id: 256,
            last: [100_000, 200_000],
            volume: [0; 2],
            accounts: BTreeMap::new(),
            under_way: Vec::new(),
            merged: 0,
            hours: [(START, START); 2],
            ended: false,
            counts: Counts::default(),
        };
        // Less than the spread of the latencies, so that later reports would overtake if they could.
        day.venue.gap_ns = NS_PER_MS / 2;
        day.open();
        day.market(0);
        day.market(1);
        day
    }

    /// The session, of which the second instrument trades a part only.
    fn open(&mut self) {
        let start = self.venue.ts;
        let at = |ms: u64| start.plus(ms * NS_PER_MS);
        let close = 500 + self.random.below(300);
        let own = (at(self.random.below(60)), at(200 + self.random.below(300)));
        self.hours = [(start, at(close)), own];
        let start = SessionStart { open: start, close: at(close), ..SessionStart::new_zeroed() };
        self.venue.step(&[Event::new(InstrumentId::NONE, FLAG_EXO, &start)]);
        let hours = Hours { open: own.0, close: own.1, reserved: [0; 16] };
        self.venue.step(&[Event::new(InstrumentId(1), FLAG_EXO, &hours)]);
    }

    fn is_open(&self, instrument: usize) -> bool {
        let (open, close) = self.hours[instrument];
        (open..close).contains(&self.venue.ts)
    }

    fn timer(&mut self) {
        let step = self.venue.step(&[timer()]);
        assert!(step.fills.is_empty());
        self.enter(&step);
        for instrument in [0, 1] {
            let rests = !self.venue.matcher.is_empty(InstrumentId(instrument));
            let closed = self.hours[instrument as usize].1 <= self.venue.ts;
            assert!(!(closed && rests), "an order outlived its instrument's close");
        }
    }

    /// Asks for other terms of a resting or a recent order, some of them impossible.
    fn modify(&mut self) {
        let (instrument, side) = (self.random.below(2) as u32, [BUY, SELL][self.random.below(2) as usize]);
        let nth = self.random.below(12) as usize;
        let resting = self.venue.queue(instrument, side).into_iter().nth(nth);
        let id = resting.map_or(self.next_id - 1 - self.random.below(60), |order| order.0);
        let (instrument, filled) = match self.accounts.get(&id) {
            Some(account) => (account.instrument, account.filled),
            None => return,
        };
        let lot = [1, 75][instrument];
        let quantity =
            lot * self.random.below(400 / lot as u64) as i64 + i64::from(self.random.below(20) == 0);
        let away = self.random.below(9) as i64 - 4;
        let price = self.last[instrument] + away * TICK + i64::from(self.random.below(20) == 0);
        let resting = self.venue.matcher.exchange.get(OrderId(id));
        let possible = quantity > filled && quantity % lot == 0 && price % TICK == 0;
        let step = self.venue.step(&[modify(id, price, quantity)]);
        let taken = possible && resting.is_some() && self.is_open(instrument);
        if taken {
            let account = self.accounts.get_mut(&id).expect("found above");
            (account.quantity, account.modified) = (quantity, true);
        }
        for fill in &step.fills {
            assert!(
                taken && fill.order.0 == id && fill.flags & FILL_MAKER == 0,
                "a fill of nothing asked for"
            );
            self.accounts.get_mut(&id).expect("known").aggressive = true;
        }
        assert!(resting.is_some() || step.reports.is_empty(), "it came too late");
        self.counts.modified += u64::from(taken);
        self.counts.refused += u64::from(resting.is_some() && !taken);
        self.enter(&step);
    }

    fn market(&mut self, instrument: usize) {
        self.last[instrument] += TICK * (self.random.below(5) as i64 - 2);
        let traded = if self.random.below(4) == 0 { 0 } else { self.random.below(3_000) as u32 };
        self.volume[instrument] += traded;
        let event = full(instrument as u32, self.last[instrument], self.volume[instrument]);
        let step = self.venue.step(&[event]);
        let filled: i64 = step.fills.iter().map(|fill| fill.quantity.0).sum();
        assert!(filled * 10 <= i64::from(traded), "more than a tenth of the volume: {filled} of {traded}");
        for fill in &step.fills {
            let side = Side::from_u8(fill.side).expect("a side");
            assert_eq!(fill.flags, FILL_MAKER);
            let through = side.sign() * (fill.price.0 - self.last[instrument]);
            assert!(through >= TICK, "a maker fill without a trade through its price");
        }
        self.enter(&step);
    }

    fn orders(&mut self) {
        let count = 1 + self.random.below(3);
        let mut events = Vec::new();
        for _ in 0..count {
            let instrument = self.random.below(2) as usize;
            let side = if self.random.below(2) == 0 { BUY } else { SELL };
            let lot = [1, 75][instrument];
            let quantity = lot * (1 + self.random.below(400 / lot as u64) as i64);
            let away = self.random.below(9) as i64 - 3;
            let price = self.last[instrument] - side.sign() * away * TICK;
            let (order_type, validity) = match self.random.below(6) {
                0 => (OrderType::Market, Validity::Day),
                1 => (OrderType::Limit, Validity::Ioc),
                _ => (OrderType::Limit, Validity::Day),
            };
            let id = self.next_id;
            self.next_id += 1;
            self.accounts.insert(id, Account { instrument, quantity, ..Account::default() });
            events.push(order_event(id, instrument as u32, side, price, quantity, order_type, validity));
            if self.random.below(20) == 0 {
                events.push(cancel(id));
            }
        }
        let step = self.venue.step(&events);
        for fill in &step.fills {
            let side = Side::from_u8(fill.side).expect("a side");
            let worse = side.sign() * (fill.price.0 - fill.last.0);
            assert!(worse >= self.slippage * TICK, "an aggressive fill is worse by the slippage");
            // More only behind an own order that waits at a better price for its share of the volume.
            self.counts.behind += u64::from(worse > self.slippage * TICK);
            self.accounts.get_mut(&fill.order.0).expect("known").aggressive = true;
        }
        self.enter(&step);
    }

    fn cancel(&mut self) {
        let id = self.next_id - 1 - self.random.below(60).min(self.next_id - 1);
        let step = self.venue.step(&[cancel(id)]);
        assert!(step.fills.is_empty());
        self.enter(&step);
    }

    /// A report comes back, one of the oldest of any order; reports of one order never overtake each other.
    fn give_back(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let reach = self.under_way.len().min(40) as u64;
        let picked = self.random.below(reach) as usize;
        let order = self.under_way[picked].order;
        let first =
            self.under_way.iter().position(|report| report.order == order).expect("at least the one picked");
        let report = self.under_way.remove(first);
        self.accounts.get_mut(&order.0).expect("known").under_way -= 1;
        let step = self.venue.step(&[Event::new(InstrumentId(0), FLAG_ENDO, &report)]);
        self.enter(&step);
    }

    /// Enters what a step gave and checks it against what was known.
    fn enter(&mut self, step: &Step) {
        for fill in &step.fills {
            let account = self.accounts.get_mut(&fill.order.0).expect("a fill of an order that was sent");
            let (open, close) = self.hours[account.instrument];
            assert!((open..close).contains(&self.venue.ts), "a fill outside the hours");
            account.fills += 1;
            assert_eq!(fill.number, account.fills, "fills are numbered");
            account.filled += fill.quantity.0;
            assert!(account.filled <= account.quantity, "an order is never overfilled");
            let multiplier = [1, 2][account.instrument];
            account.value += i128::from(fill.price.0) * i128::from(fill.quantity.0) * multiplier;
        }
        for (place, report) in step.reports.iter().enumerate() {
            assert!(
                step.reports[..place].iter().all(|other| other.order != report.order),
                "two reports in a step"
            );
            self.enter_report(report);
        }
        self.venue.matcher.exchange.validate();
    }

    fn enter_report(&mut self, report: &Report) {
        let account = self.accounts.get_mut(&report.order.0).expect("a report of an order that was sent");
        let (open, close) = self.hours[account.instrument];
        let (now, reason) = (self.venue.ts, report.reason);
        let rejected = report.state == OrderState::Rejected as u8;
        let closed = reason == ReportReason::Closed as u8;
        assert!(
            !rejected || closed != (open..close).contains(&now),
            "closed outside the hours, and only there"
        );
        let expired = reason == ReportReason::SessionEnd as u8;
        self.counts.self_trades += u64::from(reason == ReportReason::SelfTrade as u8);
        self.counts.closed += u64::from(rejected && closed);
        self.counts.expired += u64::from(expired && !self.ended);
        assert_eq!(report.quantity.0, account.quantity);
        assert_eq!(report.filled.0, account.filled, "the cumulative quantity is the sum of the fills");
        assert_eq!(i128::from(report.filled_value.0), account.value, "so is the value");
        let state = OrderState::from_u8(report.state).expect("a state");
        if state == OrderState::Filled {
            assert_eq!(account.filled, account.quantity);
        }
        match &account.last {
            None => assert_eq!(report.number, 1),
            Some(last) => {
                assert!(
                    !OrderState::from_u8(last.state).expect("a state").is_final(),
                    "a report after the final one"
                );
                assert_eq!(report.number, last.number + 1, "reports are numbered");
                assert!(report.vtime >= last.vtime, "a report overtakes an earlier one");
                assert!(report.filled >= last.filled);
                self.merged += u64::from(report.filled.0 - last.filled.0 > 0 && account.under_way == 3);
            }
        }
        account.last = Some(*report);
        account.under_way += 1;
        assert!(account.under_way <= REPORTS_PER_ORDER_MAX, "too many reports under way");
        self.under_way.push(*report);
    }

    fn close(&mut self) {
        self.ended = true;
        let step = self.venue.session_end();
        self.enter(&step);
        while !self.under_way.is_empty() {
            self.give_back();
        }
        assert_eq!(self.venue.matcher.open_orders(), 0);
        assert_eq!(self.venue.matcher.orders.len(), 0, "every slot is free at the end");
        for (id, account) in &self.accounts {
            let last = account.last.as_ref().unwrap_or_else(|| panic!("order {id} was never reported"));
            let state = OrderState::from_u8(last.state).expect("a state");
            assert!(state.is_final(), "order {id} has no final report");
            assert_eq!(last.filled.0, account.filled, "order {id}: the final report has all fills");
            let whole = account.filled == account.quantity && (account.modified || account.fills == 1);
            assert!(!account.aggressive || whole, "an aggressive order fills whole, at once");
        }
    }
}

fn run(seed: u64) -> (u128, Day) {
    let mut day = Day::new(seed);
    // From days on which reports hardly come back to days on which they do at once.
    let returns = 5 + day.random.below(21);
    for _ in 0..1_500 {
        match day.random.below(100) {
            0..40 => {
                let instrument = day.random.below(2) as usize;
                day.market(instrument);
            }
            // The risk stage sends nothing while as many orders are open, or unreported, as the venue holds.
            40..64 if day.venue.matcher.orders.len() + 3 <= OPEN_ORDERS_MAX => day.orders(),
            64..67 => day.cancel(),
            67..68 => day.timer(),
            68..75 => day.modify(),
            roll if roll >= 75 && roll < 75 + returns => day.give_back(),
            _ => {}
        }
    }
    let hash = stage_hash(&mut day.venue.matcher);
    day.close();
    (hash, day)
}

#[test]
fn random_days_keep_the_promises_of_reports_and_fills() {
    let (mut fills, mut reports, mut merged, mut counts) = (0u64, 0u64, 0, Counts::default());
    for seed in 0..60 {
        let (hash, day) = run(seed);
        println!("seed {seed}: {} orders, state {hash:032x}", day.accounts.len());
        fills += day.accounts.values().map(|account| u64::from(account.fills)).sum::<u64>();
        reports += day
            .accounts
            .values()
            .filter_map(|account| account.last)
            .map(|last| u64::from(last.number))
            .sum::<u64>();
        merged += day.merged;
        counts.modified += day.counts.modified;
        counts.refused += day.counts.refused;
        counts.closed += day.counts.closed;
        counts.expired += day.counts.expired;
        counts.behind += day.counts.behind;
        counts.self_trades += day.counts.self_trades;
    }
    println!("{fills} fills, {reports} reports, {merged} at the bound of reports under way, {counts:?}");
    assert!(fills > 5_000 && merged > 50, "the days were too quiet to prove anything");
    let Counts { modified, refused, closed, expired, behind, self_trades } = counts;
    assert!(modified > 500 && refused > 100 && closed > 1_000 && expired > 50, "too little of: {counts:?}");
    assert!(behind > 20 && self_trades > 100, "too little of: {counts:?}");
}

#[test]
fn equal_days_have_equal_state() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed).0, run(seed).0);
    }
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn a_loaded_stage_goes_on_and_changed_bytes_never_panic() {
    for seed in 0..6 {
        let (_, day) = run(seed);
        let stage = || Matcher::new(&super::tests::config(day.slippage));
        let states = loaded_stages_go_on(stage, &day.venue.fed, 43);
        if seed == 2 {
            changed_bytes_never_panic(stage, &states, seed);
        }
    }
}
