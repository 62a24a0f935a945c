//! The exchange with everything it has compiled in, run by a flow.

use super::{Book, Op, Side, Totals};
use pitlane_engine::event::{OrderType, SelfTrade, Validity};
use pitlane_engine::exchange::{Account, Exchange, Limits, Listing, Record, Terms};
use pitlane_engine::stage::Progress;
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};

const ONLY: InstrumentId = InstrumentId(0);
/// Beyond the window a new price walks over the levels: with 4,096 ticks, of which 3,072 reach into a side, a book of 5,000
/// prices a side has a tail 24 times the mixed flow's, with these it has the same. The window costs 4 bytes a tick.
const LADDER_TICKS: usize = 16_384;

/// The exchange: one instrument, every order of an account of its own, so that self-trade prevention looks and never acts.
pub struct Full {
    exchange: Exchange,
    totals: Totals,
}

impl Full {
    #[inline(always)]
    fn enter(&mut self, id: u32, side: Side, order_type: OrderType, price: u32, quantity: u32) {
        let terms = Terms {
            id: OrderId(u64::from(id)),
            account: Account(id),
            side,
            order_type,
            validity: Validity::Day,
            quantity: Qty(i64::from(quantity)),
            price: Price(i64::from(price)),
            trigger: Price::ZERO,
            disclosed: Qty::ZERO,
            post_only: false,
        };
        let totals = &mut self.totals;
        let mut each = |record| note(totals, record);
        let mut progress = self.exchange.enter(ONLY, &terms, &mut each);
        while progress == Progress::More {
            progress = self.exchange.resume(&mut each);
        }
    }
}

fn note(totals: &mut Totals, record: Record) {
    match record {
        Record::Trade { quantity, .. } => {
            totals.trades += 1;
            totals.quantity += quantity.0.unsigned_abs();
        }
        Record::Rejected { id, reason } => panic!("order {id:?} of a flow was rejected: {reason:?}"),
        _ => {}
    }
}

impl Book for Full {
    const NAME: &'static str = "exchange";

    fn new(orders: usize, _ids: usize) -> Self {
        let listing = Listing { tick: Price(1), lot: Qty(1), freeze: Qty::ZERO };
        let limits = Limits { orders, anonymous: 0, records_max: 48, ladder_ticks: LADDER_TICKS };
        Self {
            exchange: Exchange::new(&[listing], limits, SelfTrade::CancelNewest),
            totals: Totals::default(),
        }
    }

    fn apply(&mut self, op: Op) {
        let (id, side, order_type, price, quantity) = match op {
            Op::Add { id, side, price, quantity } => (id, side, OrderType::Limit, price, quantity),
            Op::Market { id, side, quantity } => (id, side, OrderType::Market, 0, quantity),
            Op::Cancel { id } => {
                let requested = pitlane_engine::event::ReportReason::Requested;
                let there = self.exchange.cancel(OrderId(u64::from(id)), requested, &mut |_| {});
                assert!(there, "a flow cancels what rests");
                return;
            }
        };
        self.enter(id, side, order_type, price, quantity);
    }

    fn totals(&self) -> Totals {
        self.totals
    }
}
