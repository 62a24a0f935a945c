//! Random days: random signals of one to three strategies, prices, kills, resumes and hours against a venue that
//! answers as it likes. What must hold is recomputed here from the signals and reports alone.

mod wishes;

use super::*;
use crate::config::{Broker, ChargesConfig, Conflict};
use std::collections::{BTreeMap, BTreeSet};
use wishes::Wishes;

const SEEDS: u64 = 100;
const INSTRUMENTS: u32 = 8;

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What an intraday order in shares on the National Stock Exchange costs by the rates of 2024-10-01, written down anew:
/// all in 1/10,000 of a rupee, of orders too small for the most a broker asks.
fn charge_of(sign: i64, value: i64) -> i64 {
    assert!(value < 666_666_666, "a larger order's brokerage is an amount");
    let rounded = |parts: i64, whole: i64| (2 * parts + whole) / (2 * whole);
    let brokerage = rounded(3 * value, 10_000);
    let tax_or_stamp = if sign < 0 { rounded(25 * value, 100_000) } else { rounded(3 * value, 100_000) };
    let (exchange, fee) = (rounded(307 * value, 10_000_000), rounded(value, 1_000_000));
    // 18 % of 0.03 %, 0.00297 % and 0.0001 %.
    let gst = rounded(18 * 3_307 * value, 1_000_000_000);
    brokerage + tax_or_stamp + exchange + fee + gst
}

/// An order at the toy venue, and what has been delivered of it.
struct Held {
    instrument: u32,
    order: Order,
    filled: i64,
    value: i64,
    number: u32,
    done: bool,
    /// The report with the highest number that risk was given.
    delivered: Option<Report>,
}

pub(super) struct Day {
    pub(super) bench: Bench,
    random: Random,
    pub(super) config: PipelineConfig,
    orders: BTreeMap<u64, Held>,
    /// Reports made and not delivered.
    under_way: Vec<(u32, Report)>,
    prices: Vec<i64>,
    /// Orders by second, entries by instrument.
    sent_in: BTreeMap<u64, u32>,
    trades: Vec<u32>,
    peak: i64,
    /// Instruments whose loss has been at its limit, since the last resume.
    closed: Vec<bool>,
    resumed: bool,
    /// Each instrument's profit at the last resume: risk looks at it again when it changes.
    profits: Vec<Option<i64>>,
    /// The end of each instrument's continuous trading.
    closes: Vec<u64>,
    wishes: Wishes,
    rules: BTreeSet<Rule>,
    entries: u64,
    exits: u64,
}

impl Day {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut config = config(INSTRUMENTS);
        let first = config.strategies.remove(0);
        for _ in 0..1 + random.below(3) {
            let passive_entry = random.one_in(2);
            let allow_short = !random.one_in(3);
            let priority = random.below(3) as u32;
            config.strategies.push(StrategyConfig { passive_entry, allow_short, priority, ..first.clone() });
        }
        config.risk.conflict =
            [Conflict::Priority, Conflict::Confidence, Conflict::Netting][random.below(3) as usize];
        config.risk.open_positions_max = 1 + random.below(4) as u32;
        config.risk.order_quantity_max = Qty(random.below(3) as i64 * 45);
        config.risk.order_value_bps = 300 + random.below(1_200) as i64;
        config.risk.daily_loss_bps = 4 + random.below(60) as i64;
        config.risk.flatten_on_kill = random.one_in(2);
        // Each limit is off on some days.
        config.risk.price_collar_bps = random.below(3) as i64 * 35;
        config.risk.trades_per_day = random.below(5) as u32 * 12;
        config.risk.trades_per_symbol = random.below(5) as u32 * 3;
        config.risk.no_new_entry_s = [0, 36_000, 38_000][random.below(3) as usize];
        config.risk.orders_per_second = [0, 2, 3, 8][random.below(4) as usize];
        config.risk.drawdown_bps = random.below(4) as i64 * 8;
        config.risk.symbol_loss_bps = random.below(4) as i64 * 3;
        config.risk.exposure_bps = random.below(4) as i64 * 150;
        config.risk.leverage_bps = random.below(4) as i64 * 800;
        for spec in &mut config.instruments {
            spec.lot = Qty(1 + random.below(4) as i64);
            spec.freeze = Qty(random.below(3) as i64 * 30);
        }
        if seed % 2 == 1 {
            config.charges = ChargesConfig::default();
        }
        let mut bench = Bench::priced(&config);
        let mut closes = vec![CLOSE; INSTRUMENTS as usize];
        for id in 0..INSTRUMENTS {
            if random.one_in(3) {
                closes[id as usize] = CLOSE - 300 * NS_PER_S;
                assert!(bench.hours(id, OPEN, CLOSE - 300 * NS_PER_S).nothing());
            }
        }
        let wishes = Wishes::new(&config);
        let (orders, under_way, prices) =
            (BTreeMap::new(), Vec::new(), vec![1_000_000; INSTRUMENTS as usize]);
        Self {
            bench,
            random,
            config,
            orders,
            under_way,
            prices,
            sent_in: BTreeMap::new(),
            trades: vec![0; INSTRUMENTS as usize],
            peak: 0,
            closed: vec![false; INSTRUMENTS as usize],
            resumed: false,
            profits: vec![None; INSTRUMENTS as usize],
            closes,
            wishes,
            rules: BTreeSet::new(),
            entries: 0,
            exits: 0,
        }
    }

    /// The quantity and the net profit at the marks of an instrument, from the delivered reports alone.
    fn naive(&self, instrument: u32) -> (i64, i64) {
        let (mut quantity, mut cash) = (0, 0);
        for held in self.orders.values().filter(|held| held.instrument == instrument) {
            if let Some(report) = &held.delivered {
                let sign = Side::from_u8(report.side).unwrap().sign();
                quantity += sign * report.filled.0;
                cash -= sign * report.filled_value.0;
                if self.config.charges.broker == Broker::Zerodha {
                    cash -= charge_of(sign, report.filled_value.0);
                }
            }
        }
        (quantity, cash + quantity * self.prices[instrument as usize])
    }

    /// Whether risk must still expect something of the order.
    fn unanswered(held: &Held) -> bool {
        held.delivered.is_none_or(|report| !OrderState::from_u8(report.state).unwrap().is_final())
    }

    fn is_entry(held: &Held) -> bool {
        held.order.intent == Intent::Entry as u8
    }

    /// Counts an order and checks the number of them in its second.
    fn count(&mut self, entry: bool) {
        let limit = self.config.risk.orders_per_second;
        let orders = self.sent_in.entry(self.bench.ts / NS_PER_S).or_default();
        *orders += 1;
        let most = if entry { limit * 3 / 4 } else { limit };
        assert!(limit == 0 || *orders <= most, "{orders} orders in a second");
    }

    /// An entry against the limits of the day and the account.
    fn check_entry(&mut self, instrument: u32, order: &Order) {
        let risk = self.config.risk;
        let at = instrument as usize;
        let last = self.prices[at];
        assert!(!self.closed[at], "an entry of an instrument that is closed");
        let off = (order.price.0 - last).abs() * 10_000;
        assert!(risk.price_collar_bps == 0 || off <= risk.price_collar_bps * last, "price collar");
        self.trades[at] += 1;
        let day: u32 = self.trades.iter().sum();
        assert!(risk.trades_per_day == 0 || day <= risk.trades_per_day, "trades of the day");
        assert!(risk.trades_per_symbol == 0 || self.trades[at] <= risk.trades_per_symbol, "of a symbol");
        let second_of_day = self.bench.ts / NS_PER_S + 19_800;
        assert!(risk.no_new_entry_s == 0 || second_of_day < u64::from(risk.no_new_entry_s));
        let mut gross = order.price.0.max(last) * order.quantity.0;
        let mut profit = 0;
        for id in 0..INSTRUMENTS {
            let (quantity, total) = self.naive(id);
            profit += total;
            gross += quantity.abs() * self.prices[id as usize];
        }
        for held in self.orders.values().filter(|held| Self::is_entry(held) && Self::unanswered(held)) {
            let filled = held.delivered.map_or(0, |report| report.filled.0);
            let price = held.order.price.0.max(self.prices[held.instrument as usize]);
            gross += (held.order.quantity.0 - filled) * price;
        }
        assert!(-profit < risk.capital.bps(risk.daily_loss_bps).0, "an entry after the day's loss");
        let fallen = self.peak - profit;
        assert!(risk.drawdown_bps == 0 || fallen < risk.capital.bps(risk.drawdown_bps).0, "after a drawdown");
        let equity = risk.capital.0 + profit;
        let within = |value: i64, bps: i64| bps == 0 || value <= equity * bps / 10_000;
        assert!(within(gross, risk.leverage_bps), "leverage");
        assert!(within(gross / 5 - i64::from(INSTRUMENTS), risk.exposure_bps), "exposure");
    }

    /// What was lost against its limits, after each event.
    fn check_losses(&mut self) {
        let limit = |bps: i64| self.config.risk.capital.bps(bps).0;
        let (drawdown, symbol) =
            (limit(self.config.risk.drawdown_bps), limit(self.config.risk.symbol_loss_bps));
        let mut total = 0;
        for id in 0..INSTRUMENTS {
            let (_, profit) = self.naive(id);
            total += profit;
            let looked_at = self.profits[id as usize] != Some(profit);
            self.closed[id as usize] |= symbol > 0 && -profit >= symbol && looked_at;
        }
        self.peak = self.peak.max(total);
        if drawdown > 0 && self.peak - total >= drawdown && !self.resumed {
            assert!(self.bench.risk.halted(), "a drawdown of {} and no halt", self.peak - total);
        }
    }

    fn take(&mut self, seen: &Seen, latched: bool) {
        self.rules.extend(seen.rulings().iter().map(|(_, rule)| *rule));
        for (instrument, order) in &seen.orders {
            let (side, quantity, price, _, intent) = shape(order);
            let most = self.config.risk.order_quantity_max.0;
            let lot = self.config.instruments[*instrument as usize].lot.0;
            let freeze = self.config.instruments[*instrument as usize].freeze.0;
            assert!(most == 0 || quantity <= most, "quantity limit");
            assert!(freeze == 0 || quantity <= freeze, "freeze quantity");
            let close = self.closes[*instrument as usize];
            assert!((OPEN..close).contains(&self.bench.ts), "outside the instrument's hours");
            self.count(intent == Intent::Entry);
            let left_alone = self.bench.risk.killed() && !self.config.risk.flatten_on_kill;
            assert!(!left_alone, "an order after a kill that closes nothing");
            if intent == Intent::Entry {
                self.entries += 1;
                self.check_entry(*instrument, order);
                assert!(!latched, "an entry after a halt, a kill or the square-off");
                assert!(self.bench.ts < close - (CLOSE - SQUARE_OFF), "an entry after its square-off");
                assert_eq!(quantity % lot, 0, "lots");
                let limit = self.config.risk.capital.bps(self.config.risk.order_value_bps);
                assert!(price.value(Qty(quantity), 1) <= limit, "value limit");
                let strategy = &self.config.strategies[usize::from(order.strategy.0)];
                assert!(side == Side::Buy || strategy.allow_short);
                self.wishes.check(*instrument, self.naive(*instrument).0, order);
            } else {
                self.exits += 1;
                let held = self.naive(*instrument).0;
                assert!(held * side.sign() < 0 && quantity <= held.abs(), "an exit of {quantity} of {held}");
            }
            let held = Held {
                instrument: *instrument,
                order: *order,
                filled: 0,
                value: 0,
                number: 0,
                done: false,
                delivered: None,
            };
            assert!(self.orders.insert(order.id.0, held).is_none(), "an order id came twice");
            self.act(order.id.0, false);
        }
        let wrong = [AlarmCode::ReportMismatch, AlarmCode::NotFlat];
        assert!(seen.alarm_codes().iter().all(|code| !wrong.contains(code)), "{:?}", seen.alarms);
        self.wishes.forget(seen, self.config.risk.flatten_on_kill);
        for cancel in &seen.cancels {
            let close = self.closes[self.orders[&cancel.order.0].instrument as usize];
            assert!((OPEN..close).contains(&self.bench.ts), "a cancel outside the instrument's hours");
            self.act(cancel.order.0, true);
        }
        self.check();
        self.check_losses();
    }

    /// The venue does something to an order: fills a part, rejects, rests, cancels; IOC orders finish at
    /// once.
    fn act(&mut self, id: u64, cancel: bool) {
        let held = self.orders.get_mut(&id).expect("cancels name orders that were sent");
        if held.done {
            return;
        }
        let ioc = held.order.validity == Validity::Ioc as u8;
        let left = held.order.quantity.0 - held.filled;
        let part = match self.random.below(4) {
            _ if cancel => 0,
            0 => 0,
            1 => left,
            _ => self.random.below(left as u64 + 1) as i64,
        };
        let rejected = held.number == 0 && !cancel && self.random.one_in(10);
        let part = if rejected { 0 } else { part };
        held.filled += part;
        held.value += part * (self.prices[held.instrument as usize] + self.random.below(5) as i64 * 500);
        let state = match held.filled {
            _ if rejected => OrderState::Rejected,
            filled if filled == held.order.quantity.0 => OrderState::Filled,
            _ if ioc || cancel => OrderState::Cancelled,
            0 => OrderState::Open,
            _ => OrderState::PartiallyFilled,
        };
        held.done = state.is_final();
        held.number += 1;
        let mut body = report(&held.order, held.number, held.filled, state);
        body.filled_value = Money(held.value);
        self.under_way.push((held.instrument, body));
    }

    /// Delivers any report under way, sometimes twice, in any order.
    fn deliver(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let at = self.random.below(self.under_way.len() as u64) as usize;
        let (instrument, body) =
            if self.random.one_in(8) { self.under_way[at] } else { self.under_way.swap_remove(at) };
        let held = self.orders.get_mut(&body.order.0).expect("reports are of orders that were sent");
        if held.delivered.is_none_or(|before| body.number > before.number) && Self::unanswered(held) {
            held.delivered = Some(body);
        }
        let latched = self.latched();
        let seen = self.bench.report(instrument, &body);
        self.take(&seen, latched);
    }

    fn latched(&self) -> bool {
        self.bench.risk.halted() || self.bench.risk.killed() || self.bench.ts >= SQUARE_OFF
    }

    /// Clears the latches. What was closing is forgotten by the strategies, and losses are looked at anew.
    fn resume(&mut self) -> Seen {
        let risk = &self.bench.risk;
        let flattening = risk.halted() || risk.killed() && self.config.risk.flatten_on_kill;
        for id in 0..INSTRUMENTS {
            // Nor is a side opened that was asked for while the latch kept it back.
            let opens = risk.would_open(&risk.desks[id as usize]);
            if flattening || self.closed[id as usize] || opens {
                self.wishes.clear(id);
            }
            self.closed[id as usize] = false;
            self.profits[id as usize] = Some(self.naive(id).1);
        }
        self.resumed = true;
        self.bench.command(CommandCode::Resume)
    }

    /// Whether a position is there or an entry under way, from the reports alone.
    fn occupied(&self, id: u32) -> bool {
        let entering = |held: &Held| held.instrument == id && Self::is_entry(held) && Self::unanswered(held);
        self.naive(id).0 != 0 || self.orders.values().any(entering)
    }

    fn check(&self) {
        let ledger = self.bench.risk.ledger();
        let mut total = 0;
        let mut occupied = 0;
        for id in 0..INSTRUMENTS {
            let (quantity, profit) = self.naive(id);
            assert_eq!(self.bench.held(id), quantity, "position of {id}");
            total += profit;
            occupied += u32::from(self.occupied(id));
        }
        assert_eq!(ledger.net(), Money(total));
        assert_eq!(self.bench.risk.occupied, occupied);
        assert!(occupied <= self.config.risk.open_positions_max, "{occupied} positions");
        let open = self.orders.values().filter(|held| Self::unanswered(held)).count();
        assert_eq!(self.bench.risk.open_orders(), open);
    }

    fn step(&mut self) {
        let latched = self.latched();
        let id = self.random.below(u64::from(INSTRUMENTS)) as u32;
        let seen = match self.random.below(40) {
            0..=7 => {
                let step = self.random.below(41) as i64 - 20;
                let price = &mut self.prices[id as usize];
                *price = (*price + step * 500).max(500_000);
                let last = Price(*price);
                self.bench.tick_at(id, last)
            }
            8..=15 => {
                let action = Action::ALL[self.random.below(4) as usize];
                let by = self.random.below(self.config.strategies.len() as u64) as u16;
                let confidence = self.random.below(4) as u16 * 100;
                let occupied = self.occupied(id);
                let price = Price(self.prices[id as usize]);
                self.wishes.note((id, by), action, confidence, occupied, price);
                self.bench.say(id, by, action, confidence)
            }
            16..=29 => return self.deliver(),
            30..=33 => {
                let resting: Vec<u64> =
                    self.orders.iter().filter(|(_, held)| !held.done).map(|(&id, _)| id).collect();
                if let Some(&id) = resting.get(self.random.below(resting.len().max(1) as u64) as usize) {
                    self.act(id, false);
                }
                return;
            }
            34 if self.random.one_in(200) => self.bench.kill(),
            34 if self.random.one_in(100) => self.resume(),
            _ => {
                self.bench.ts += self.random.below(20) * NS_PER_S;
                self.bench.timer()
            }
        };
        self.take(&seen, latched);
    }

    pub(super) fn run(&mut self) -> u128 {
        while self.bench.ts < CLOSE - 600 * NS_PER_S {
            if self.random.one_in(4) && self.bench.ts < SQUARE_OFF - 200 * NS_PER_S {
                self.bench.ts += 20 * NS_PER_S;
            }
            self.step();
        }
        if self.bench.risk.killed() && !self.config.risk.flatten_on_kill {
            // It left positions to people, who now say that they go.
            let seen = self.resume();
            self.take(&seen, true);
        }
        // Quiet down: everything is answered, seconds pass.
        for _ in 0..400 {
            while !self.under_way.is_empty() {
                self.deliver();
            }
            let seen = self.bench.timer();
            self.take(&seen, true);
        }
        let open = self.bench.risk.ledger().open_positions();
        assert_eq!(open, 0, "square-off comes to an end");
        assert_eq!(self.bench.risk.open_orders(), 0);
        assert!(self.bench.session_end().nothing());
        stage_hash(&mut self.bench.risk)
    }
}

#[test]
fn random_days_keep_every_limit() {
    let (mut entries, mut exits, mut halts, mut kills) = (0, 0, 0, 0);
    let mut rules = BTreeSet::new();
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut day = Day::new(seed);
        let hash = day.run();
        rules.append(&mut day.rules);
        entries += day.entries;
        exits += day.exits;
        halts += u32::from(day.bench.risk.halted());
        kills += u32::from(day.bench.risk.killed());
        if seed % 25 == 0 {
            assert_eq!(Day::new(seed).run(), hash, "the same day again");
        }
    }
    println!("{entries} entries, {exits} exits, {halts} halts, {kills} kills");
    assert!(entries > SEEDS && exits > SEEDS && halts > 10 && kills > 10, "the days were too dull");
    let never: Vec<Rule> = Rule::ALL.iter().copied().filter(|rule| !rules.contains(rule)).collect();
    // A lot always fits its limits, orders never pile up, every instrument is tradable and has a price, hours
    // are kept, there are no derivatives, nobody watches the journal, and nothing is halted.
    let not_here = [
        Rule::SizeZero,
        Rule::OpenOrders,
        Rule::NotTradable,
        Rule::LtpMissing,
        Rule::SessionClosed,
        Rule::DerivativesValue,
        Rule::ReduceOnly,
        Rule::Halted,
    ];
    assert_eq!(never, not_here, "rules that decided nothing in {SEEDS} days");
}
