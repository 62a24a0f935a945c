//! The broker closes what is held within the day, shortly before the market closes.

use super::place::Form;
use super::{Pricing, Product};
use crate::broker::Broker;
use pitlane_engine::event::Side;
use pitlane_engine::units::{InstrumentId, NS_PER_S, Qty, TsNs};

/// Seconds between two attempts.
const AGAIN_S: u64 = 60;

impl Broker {
    /// Closes the MIS positions of every instrument whose time has come; called with the passing of time.
    pub(crate) fn square_off(&mut self, now: TsNs) {
        if self.config.square_off_margin_s == 0 || now < self.next_square_off {
            return;
        }
        self.next_square_off = now.plus(AGAIN_S * NS_PER_S);
        for at in 0..self.listings.len() {
            let at = InstrumentId(u32::try_from(at).expect("instruments are numbered in 32 bits"));
            let (_, close) = self.plan.hours_of(at);
            let from = TsNs(close.0.saturating_sub(u64::from(self.config.square_off_margin_s) * NS_PER_S));
            if self.spec(at).tradable && (from..close).contains(&now) {
                self.close_intraday(at);
            }
        }
    }

    fn close_intraday(&mut self, instrument: InstrumentId) {
        let open = |at: &usize| {
            let order = &self.orders.list[*at];
            order.instrument == instrument
                && order.product == Product::Mis
                && !order.status.is_final()
                && !order.cancelling
        };
        let resting: Vec<usize> = (0..self.orders.list.len()).filter(open).collect();
        resting.into_iter().for_each(|at| self.cancel_at(at));
        let held = self.net(instrument, Product::Mis);
        if held.is_zero() {
            return;
        }
        let form = Form {
            instrument,
            side: if held > Qty::ZERO { Side::Sell } else { Side::Buy },
            pricing: Pricing::Market,
            product: Product::Mis,
            immediate: false,
            quantity: held.abs(),
            disclosed: Qty::ZERO,
            price: pitlane_engine::units::Price::ZERO,
            trigger: pitlane_engine::units::Price::ZERO,
            protection: -10_000,
            tag: None,
            autoslice: false,
        };
        let at = self.enter(&form, None);
        self.orders.list[at].placed_by = "RMS".to_owned();
    }
}
