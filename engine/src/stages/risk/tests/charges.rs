//! What orders cost counts as lost: positions, equity and every loss limit are after charges.

use super::*;
use crate::charges::{Exchange, Segment, Tariff};
use crate::config::{ChargesConfig, Product};

fn charged(instruments: u32) -> PipelineConfig {
    let mut config = config(instruments);
    config.charges = ChargesConfig::default();
    config
}

fn cost(segment: Segment, side: Side, rupees: i64) -> Money {
    Tariff::new(Exchange::Nse, segment, 20_210_415).order(side, Money::rupees(rupees)).total()
}

#[test]
fn a_round_trip_at_one_price_loses_its_charges() {
    for product in [Product::Intraday, Product::Delivery] {
        let mut config = charged(2);
        config.charges.product = product;
        let segment = Segment::of(InstrumentClass::Equity, product).unwrap();
        let mut bench = Bench::priced(&config);
        // A hundred units at Rs 100.
        assert_eq!(bench.open(0, Action::Long), 100);
        let entry = cost(segment, Side::Buy, 10_000);
        assert_eq!(bench.risk.equity(), config.risk.capital - entry);
        let exit = bench.signal(0, Action::Exit).order();
        bench.fill_all(0, &exit);
        let both = entry + cost(segment, Side::Sell, 10_000);
        let ledger = bench.risk.ledger();
        assert_eq!((ledger.gross(), ledger.charged(), ledger.net()), (Money::ZERO, both, -both));
        assert_eq!(ledger.realised(), Money::ZERO, "realised is before charges");
        let (one, other) = (ledger.position(InstrumentId(0)), ledger.position(InstrumentId(1)));
        assert_eq!((one.charges, one.net(), other.charges), (both, -both, Money::ZERO));
        assert_eq!(ledger.rates(), Some((20_241_001, true)), "the rates of 2021 are not known");
        assert_eq!(bench.risk.equity(), config.risk.capital - both);
    }
}

#[test]
fn parts_of_an_order_cost_what_it_costs_whole() {
    let mut bench = Bench::priced(&charged(1));
    let order = bench.signal(0, Action::Long).order();
    let mut number = 0;
    for filled in [1, 3, 3, 60, 99] {
        number += 1;
        bench.fill(0, &order, number, filled, OrderState::PartiallyFilled);
        let so_far = cost(Segment::Intraday, Side::Buy, 100 * filled);
        assert_eq!(bench.risk.ledger().charged(), so_far, "after {filled}");
        // A report that comes twice is charged once.
        bench.fill(0, &order, number, filled, OrderState::PartiallyFilled);
        assert_eq!(bench.risk.ledger().charged(), so_far);
    }
    bench.fill(0, &order, number + 1, 99, OrderState::Cancelled);
    assert_eq!(bench.risk.ledger().charged(), cost(Segment::Intraday, Side::Buy, 9_900));
}

#[test]
fn an_order_that_is_not_filled_costs_nothing() {
    let mut bench = Bench::priced(&charged(1));
    for state in [OrderState::Cancelled, OrderState::Rejected] {
        let order = bench.signal(0, Action::Long).order();
        bench.fill(0, &order, 1, 0, state);
        assert_eq!((bench.risk.ledger().charged(), bench.risk.ledger().rates()), (Money::ZERO, None));
    }
}

/// Round trips at one price until something blocks: the rulings of the last signal or fill, and how many were made.
fn until_blocked(config: &PipelineConfig) -> (Option<Rule>, u32) {
    let mut bench = Bench::priced(config);
    for made in 0..60 {
        bench.ts += NS_PER_S;
        let entry = bench.signal(0, Action::Long);
        let Some((_, entry)) = entry.orders.first() else {
            return (entry.rulings().last().map(|r| r.1), made);
        };
        let mut seen = bench.fill_all(0, entry);
        if seen.nothing() {
            let exit = bench.signal(0, Action::Exit).order();
            seen = bench.fill_all(0, &exit);
        }
        if let Some((_, rule)) = seen.rulings().first() {
            return (Some(*rule), made);
        }
    }
    (None, 60)
}

#[test]
fn every_loss_limit_trips_by_charges_alone() {
    // Brokerage twice three rupees, tax two and a half, the rest little: some ten rupees for a hundred units.
    let trip = cost(Segment::Intraday, Side::Buy, 10_000) + cost(Segment::Intraday, Side::Sell, 10_000);
    assert!((90_000..110_000).contains(&trip.0), "{trip}");
    type Set = fn(&mut RiskConfig);
    let table: [(Rule, Set); 3] = [
        (Rule::DailyLoss, |risk| risk.daily_loss_bps = 10),
        (Rule::Drawdown, |risk| risk.drawdown_bps = 10),
        (Rule::SymbolLoss, |risk| risk.symbol_loss_bps = 10),
    ];
    for (rule, set) in table {
        let mut config = charged(1);
        // A tenth of a percent of a lakh is a hundred rupees.
        set(&mut config.risk);
        let trips = 100 * SCALE / trip.0;
        let (tripped, made) = until_blocked(&config);
        assert_eq!(tripped, Some(rule));
        assert!((trips - 1..=trips + 1).contains(&i64::from(made)), "{rule}: after {made} of {trips}");
        config.charges = ChargesConfig::NONE;
        assert_eq!(until_blocked(&config), (None, 60), "{rule}: nothing else lost anything");
    }
}

#[test]
fn the_date_of_the_session_decides_and_is_state() {
    let config = charged(1);
    let mut bench = Bench::priced(&config);
    let before = stage_hash(&mut bench.risk);
    bench.risk.tariffs.start(20_260_401);
    assert_ne!(stage_hash(&mut bench.risk), before);
    bench.open(0, Action::Long);
    assert_eq!(bench.risk.ledger().rates(), Some((20_260_301, false)));
    let now = Tariff::new(Exchange::Nse, Segment::Intraday, 20_260_401);
    let expected = now.order(Side::Buy, Money::rupees(10_000));
    assert_eq!(bench.risk.ledger().charges(), &expected);
}
