//! Fills become trades: from flat to flat, instrument by instrument.
//!
//! A fill that turns a long position into a short one is cut at zero: what closes belongs to the old trade, the rest opens
//! a new one. Its value is cut exactly, being price × quantity; its charges in proportion to the quantities, the closing
//! part rounded down, so that both parts sum to the whole.

use crate::model::{Trade, Why};
use pitlane_engine::event::Side;
use pitlane_engine::units::{Money, Price, Qty, TsNs};

/// A fill as a trade sees it.
pub(crate) struct Filled<'a> {
    pub(crate) ts: TsNs,
    pub(crate) side: Side,
    pub(crate) quantity: Qty,
    pub(crate) price: Price,
    pub(crate) multiplier: i64,
    pub(crate) charged: Money,
    /// The strategy of its order.
    pub(crate) strategy: &'a str,
    /// Why its order was sent.
    pub(crate) why: &'a Why,
}

/// A trade that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    trade: Trade,
    /// What is held, negative when short.
    held: i64,
    bought: Money,
    sold: Money,
}

impl Running {
    fn open(fill: &Filled<'_>, instrument: &str) -> Self {
        let trade = Trade {
            instrument: instrument.to_owned(),
            strategy: fill.strategy.to_owned(),
            is_long: fill.side == Side::Buy,
            date: 0,
            opened: fill.ts,
            closed: fill.ts,
            is_open: true,
            quantity: 0,
            entry_value: Money::ZERO,
            exit_value: Money::ZERO,
            turnover: Money::ZERO,
            multiplier: fill.multiplier,
            gross: Money::ZERO,
            charges: Money::ZERO,
            excursion: (Money::ZERO, Money::ZERO),
            fills: 0,
            entry: fill.why.clone(),
            exit: None,
        };
        Self { trade, held: 0, bought: Money::ZERO, sold: Money::ZERO }
    }

    /// Takes `quantity` units of a fill, which do not cross zero.
    fn take(&mut self, fill: &Filled<'_>, quantity: Qty, charged: Money) {
        let value = fill.price.value(quantity, fill.multiplier);
        match fill.side {
            Side::Buy => self.bought += value,
            Side::Sell => self.sold += value,
        }
        self.held += fill.side.sign() * quantity.0;
        if (fill.side == Side::Buy) == self.trade.is_long {
            self.trade.quantity += quantity.0;
            self.trade.entry_value += value;
        } else {
            self.trade.exit_value += value;
            self.trade.exit = Some(fill.why.clone());
        }
        self.trade.turnover += value;
        self.trade.charges += charged;
        self.trade.fills += 1;
        self.trade.closed = fill.ts;
    }

    /// Gross profit if what is held were worth `price`.
    fn gross_at(&self, price: Price) -> Money {
        let held = i128::from(price.0) * i128::from(self.held) * i128::from(self.trade.multiplier);
        let exact = i128::from(self.sold.0) - i128::from(self.bought.0) + held;
        Money(exact.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64)
    }

    /// Notes a price at which it stands.
    pub(crate) fn mark(&mut self, price: Price) {
        let gross = self.gross_at(price);
        let (worst, best) = &mut self.trade.excursion;
        (*worst, *best) = ((*worst).min(gross), (*best).max(gross));
    }

    /// As it stands at the record's end.
    pub(crate) fn unfinished(mut self, price: Price, ts: TsNs, date: u32) -> Trade {
        self.mark(price);
        // Held within the range, as profits are: a corrupt price must not end a report.
        let held = i128::from(price.0) * i128::from(self.held.abs()) * i128::from(self.trade.multiplier);
        let held = Money(held.clamp(0, i128::from(i64::MAX / 4)) as i64);
        Trade {
            gross: self.gross_at(price),
            exit_value: self.trade.exit_value + held,
            closed: ts,
            date,
            exit: None,
            ..self.trade
        }
    }

    fn finished(mut self, date: u32) -> Trade {
        self.mark(Price::ZERO);
        Trade { gross: self.sold - self.bought, is_open: false, date, ..self.trade }
    }
}

/// Books a fill on the running trade of its instrument; what it ended, if it ended one.
pub(crate) fn book(
    running: &mut Option<Running>,
    fill: &Filled<'_>,
    instrument: &str,
    date: u32,
) -> Option<Trade> {
    let held = running.as_ref().map_or(0, |trade| trade.held);
    let closing = if held.signum() == -fill.side.sign() { held.abs().min(fill.quantity.0) } else { 0 };
    let opening = fill.quantity.0 - closing;
    let for_closing = share(fill.charged, closing, fill.quantity.0);
    let mut ended = None;
    if closing > 0 {
        let trade = running.as_mut().expect("what is held belongs to a trade");
        trade.take(fill, Qty(closing), for_closing);
        if trade.held == 0 {
            ended = running.take().map(|trade| trade.finished(date));
        }
    }
    if opening > 0 {
        let trade = running.get_or_insert_with(|| Running::open(fill, instrument));
        trade.take(fill, Qty(opening), fill.charged - for_closing);
    }
    ended
}

/// `part` of `whole` of an amount that is not negative, rounded down.
fn share(amount: Money, part: i64, whole: i64) -> Money {
    if part == whole {
        return amount;
    }
    let wide = i128::from(amount.0) * i128::from(part) / i128::from(whole);
    Money(i64::try_from(wide).expect("a part of an amount is no more than it"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    fn why() -> Why {
        Why { order: 1, intent: "entry", signal: None }
    }

    fn run(fills: &[(Side, i64, i64, i64)]) -> (Vec<Trade>, Option<Running>) {
        let (mut running, mut trades, why) = (None, Vec::new(), why());
        for (at, &(side, quantity, rupees, charged)) in fills.iter().enumerate() {
            let fill = Filled {
                ts: TsNs(at as u64),
                side,
                quantity: Qty(quantity),
                price: Price(rupees * 10_000),
                multiplier: 1,
                charged: Money(charged),
                strategy: "s",
                why: &why,
            };
            trades.extend(book(&mut running, &fill, "NSE:X", 20_260_731));
            if let Some(trade) = &mut running {
                trade.mark(fill.price);
            }
        }
        (trades, running)
    }

    #[test]
    fn in_parts_and_out_in_parts_is_one_trade() {
        use Side::{Buy, Sell};
        let (trades, running) =
            run(&[(Buy, 10, 100, 5), (Buy, 10, 90, 5), (Sell, 5, 95, 1), (Sell, 15, 110, 2)]);
        assert!(running.is_none());
        let [trade] = &trades[..] else { panic!("{trades:?}") };
        assert_eq!((trade.gross, trade.charges), (Money::rupees(225), Money(13)));
        assert_eq!((trade.quantity, trade.fills, trade.is_long, trade.is_open), (20, 4, true, false));
        assert_eq!(trade.entry_price(), 95.0);
        assert_eq!(trade.exit_price(), (5.0 * 95.0 + 15.0 * 110.0) / 20.0);
        assert_eq!(trade.excursion, (Money::rupees(-100), Money::rupees(225)));
    }

    #[test]
    fn a_reversal_is_cut_at_zero_and_nothing_is_lost() {
        use Side::{Buy, Sell};
        let (trades, running) = run(&[(Buy, 3, 100, 7), (Sell, 10, 110, 11), (Buy, 7, 100, 3)]);
        assert!(running.is_none());
        let [long, short] = &trades[..] else { panic!("{trades:?}") };
        assert_eq!((long.gross, short.gross), (Money::rupees(30), Money::rupees(70)));
        // 11 × 3 / 10 rounded down is 3.
        assert_eq!((long.charges, short.charges), (Money(10), Money(11)));
        assert_eq!((long.is_long, short.is_long, short.quantity), (true, false, 7));
    }

    #[test]
    fn what_is_held_at_the_end_counts_at_its_price() {
        let (trades, running) = run(&[(Side::Sell, 4, 100, 1)]);
        assert!(trades.is_empty());
        let trade = running.unwrap().unfinished(Price(900_000), TsNs(9), 20_260_731);
        assert_eq!((trade.gross, trade.is_open, trade.exit.clone()), (Money::rupees(40), true, None));
        assert_eq!(trade.excursion, (Money::ZERO, Money::rupees(40)));
        assert_eq!(trade.exit_price(), 90.0);
    }
}
