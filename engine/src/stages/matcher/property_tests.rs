//! Random days at the venue: orders, cancels and prices, with reports that come back late.

use super::tests::{BUY, SELL, Step, TICK, Venue, cancel, full, order_event};
use super::*;
use crate::limits::REPORTS_PER_ORDER_MAX;
use crate::stage::stage_hash;
use crate::units::NS_PER_MS;
use std::collections::BTreeMap;

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
        };
        // Less than the spread of the latencies, so that later reports would overtake if they could.
        day.venue.gap_ns = NS_PER_MS / 2;
        day.market(0);
        day.market(1);
        day
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
            assert_eq!(worse, self.slippage * TICK, "an aggressive fill is worse by the slippage");
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
            account.fills += 1;
            assert_eq!(fill.number, account.fills, "fills are numbered");
            account.filled += fill.quantity.0;
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
        self.venue.matcher.books.validate();
    }

    fn enter_report(&mut self, report: &Report) {
        let account = self.accounts.get_mut(&report.order.0).expect("a report of an order that was sent");
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
            assert!(!account.aggressive || account.fills == 1, "an aggressive order fills whole, at once");
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
            40..70 if day.venue.matcher.orders.len() + 3 <= OPEN_ORDERS_MAX => day.orders(),
            70..75 => day.cancel(),
            roll if roll < 75 + returns => day.give_back(),
            _ => {}
        }
    }
    let hash = stage_hash(&day.venue.matcher);
    day.close();
    (hash, day)
}

#[test]
fn random_days_keep_the_promises_of_reports_and_fills() {
    let (mut fills, mut reports, mut merged) = (0u64, 0u64, 0);
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
    }
    println!("{fills} fills, {reports} reports, {merged} at the bound of reports under way");
    assert!(fills > 5_000 && merged > 50, "the days were too quiet to prove anything");
}

#[test]
fn equal_days_have_equal_state() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed).0, run(seed).0);
    }
    assert_ne!(run(1).0, run(2).0);
}
