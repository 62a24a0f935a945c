//! Positions and profit in integers: what was paid, what was received and what is held are kept, never an
//! average.
//!
//! Gross profit is `sold − bought + quantity × mark × multiplier`, summed over instruments; net profit is that less what
//! was charged. What an order costs is not known here (`charges.rs`), only what was booked.

use crate::charges::{Charged, Charges};
use crate::config::InstrumentSpec;
use crate::event::Side;
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, Price, Qty};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The position in one instrument and the money that went through it since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Position {
    /// What is held, in exchange units; negative when short.
    pub quantity: Qty,
    /// Value of everything bought.
    pub bought: Money,
    /// Value of everything sold.
    pub sold: Money,
    /// The price the position is valued at: the last price seen, zero before the first.
    pub mark: Price,
    /// Profit of completed round trips: `sold − bought` when the quantity was last zero. A single fill that
    /// turns a long position into a short one completes none, because splitting its value would need
    /// rounding.
    pub realised: Money,
    /// What its orders were charged.
    pub charges: Money,
    /// Value of one point of one unit.
    pub multiplier: i64,
}

impl Position {
    /// Gross profit of this instrument at its mark.
    pub fn gross(&self) -> Money {
        held_in_range(self.exact_gross())
    }

    /// Net profit of this instrument at its mark: the gross profit less the charges.
    pub fn net(&self) -> Money {
        held_in_range(self.exact_gross() - i128::from(self.charges.0))
    }

    /// Whether amounts are within what fills and prices make, so that no sum with them leaves the range of numbers.
    fn is_possible(&self) -> bool {
        let amount = |money: Money| (0..=AMOUNT_MAX).contains(&money.0);
        amount(self.bought)
            && amount(self.sold)
            && amount(self.charges)
            && self.quantity.0.unsigned_abs() <= HELD_MAX
            && self.mark.0.unsigned_abs() <= HELD_MAX
            && self.realised.0.unsigned_abs() <= AMOUNT_MAX.unsigned_abs()
    }

    fn exact_gross(&self) -> i128 {
        i128::from(self.sold.0) - i128::from(self.bought.0) + self.value_at(self.mark)
    }

    /// Value of what is held at `price`, exactly: a corrupt price times a large position fits too.
    fn value_at(&self, price: Price) -> i128 {
        // Nearly every value fits 64 bits, where a product is one instruction and the look at its overflow another.
        let narrow =
            price.0.checked_mul(self.quantity.0).and_then(|value| value.checked_mul(self.multiplier));
        narrow.map_or_else(
            || i128::from(price.0) * i128::from(self.quantity.0) * i128::from(self.multiplier),
            i128::from,
        )
    }

    /// What the value of what is held grows by from one mark to another, exactly.
    #[inline(always)]
    fn value_between(&self, from: Price, to: Price) -> i128 {
        let narrow = to.0.checked_sub(from.0).and_then(|points| points.checked_mul(self.quantity.0));
        let narrow = narrow.and_then(|value| value.checked_mul(self.multiplier));
        narrow.map_or_else(|| self.value_at(to) - self.value_at(from), i128::from)
    }

    /// The side of an order that reduces this position, `None` when there is nothing to reduce.
    pub fn closing_side(&self) -> Option<Side> {
        match self.quantity.0.signum() {
            1 => Some(Side::Sell),
            -1 => Some(Side::Buy),
            _ => None,
        }
    }
}

/// Money that went one way through a position, at most: half the range.
const AMOUNT_MAX: i64 = i64::MAX / 2;
/// Units held and a mark in price units, at most: far above any quantity and any packet's price, and their products
/// with the largest multiplier, summed over all instruments, are within 128 bits.
const HELD_MAX: u64 = 1 << 44;

/// A quarter of the range of money, some 230 trillion rupees.
const TOTAL_MAX: i128 = (i64::MAX / 4) as i128;

/// A profit as money. Only a corrupt price can make one beyond the bound; it is held there, because a packet must not be
/// able to stop a process that holds positions, and sums with it must not leave the range either.
#[inline]
fn held_in_range(exact: i128) -> Money {
    Money(exact.clamp(-TOTAL_MAX, TOTAL_MAX) as i64)
}

/// All positions of an account. Every update costs the same, however many instruments there are.
#[derive(Clone, Debug)]
pub struct Ledger {
    positions: Vec<Position>,
    gross: i128,
    realised: Money,
    open: u32,
    charges: Charges,
    /// The sum of the charges.
    charged: Money,
    /// The latest first date of the rates that were used (yyyymmdd), 0 before the first charge.
    rates_from: u32,
    /// Whether rates were used on a date before they were in force.
    rates_stand_in: bool,
}

impl Ledger {
    /// An empty ledger with room for every instrument of the table.
    pub fn new(instruments: &[InstrumentSpec]) -> Self {
        let flat = |spec: &InstrumentSpec| Position {
            quantity: Qty::ZERO,
            bought: Money::ZERO,
            sold: Money::ZERO,
            mark: Price::ZERO,
            realised: Money::ZERO,
            charges: Money::ZERO,
            multiplier: spec.multiplier,
        };
        Self {
            positions: instruments.iter().map(flat).collect(),
            gross: 0,
            realised: Money::ZERO,
            open: 0,
            charges: Charges::NONE,
            charged: Money::ZERO,
            rates_from: 0,
            rates_stand_in: false,
        }
    }

    /// Books a fill of `quantity` units for `value`, which has the multiplier in it already.
    ///
    /// Panics if either is negative or the instrument is not in the table: both are checked where fills
    /// enter.
    pub fn fill(&mut self, instrument: InstrumentId, side: Side, quantity: Qty, value: Money) {
        assert!(quantity.0 >= 0 && value.0 >= 0, "a fill has no sign, its side has");
        let position = &mut self.positions[instrument.index()];
        let before = position.exact_gross();
        let was_open = !position.quantity.is_zero();
        match side {
            Side::Buy => {
                position.bought += value;
                position.quantity += quantity;
            }
            Side::Sell => {
                position.sold += value;
                position.quantity -= quantity;
            }
        }
        let is_open = !position.quantity.is_zero();
        if !is_open {
            let realised = position.sold - position.bought;
            self.realised += realised - position.realised;
            position.realised = realised;
        }
        self.open = self.open + u32::from(is_open) - u32::from(was_open);
        self.gross += position.exact_gross() - before;
    }

    /// Books what was charged for an order of the instrument.
    ///
    /// Panics if a part is negative: what a fill adds to an order's charges never is.
    pub fn charge(&mut self, instrument: InstrumentId, charged: &Charged) {
        assert!(!charged.charges.any_negative(), "a fill never makes an order cheaper");
        let total = charged.charges.total();
        self.positions[instrument.index()].charges += total;
        self.charges = self.charges.plus(&charged.charges);
        self.charged += total;
        self.rates_from = self.rates_from.max(charged.rates_from);
        self.rates_stand_in |= charged.stands_in;
    }

    /// Values the instrument at `price` from now on.
    #[inline(always)]
    pub fn mark(&mut self, instrument: InstrumentId, price: Price) {
        let position = &mut self.positions[instrument.index()];
        // Nothing is worth nothing at any price, and most packets meet no position.
        if !position.quantity.is_zero() {
            self.gross += position.value_between(position.mark, price);
        }
        position.mark = price;
    }

    /// The position in an instrument.
    #[inline]
    pub fn position(&self, instrument: InstrumentId) -> &Position {
        &self.positions[instrument.index()]
    }

    /// All positions, by instrument id.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// Gross profit of the run at the marks, realised and unrealised.
    #[inline]
    pub fn gross(&self) -> Money {
        held_in_range(self.gross)
    }

    /// Net profit of the run at the marks: realised and unrealised, less the charges.
    #[inline]
    pub fn net(&self) -> Money {
        held_in_range(self.gross - i128::from(self.charged.0))
    }

    /// All that was charged, by its parts.
    pub fn charges(&self) -> &Charges {
        &self.charges
    }

    /// The sum of all that was charged.
    pub fn charged(&self) -> Money {
        self.charged
    }

    /// The latest first date (yyyymmdd) of the rates that were used, and whether a trading date before it was charged by
    /// them, because older rates are not known; `None` if nothing was charged.
    pub fn rates(&self) -> Option<(u32, bool)> {
        (self.rates_from > 0).then_some((self.rates_from, self.rates_stand_in))
    }

    /// Gross profit of completed round trips.
    pub fn realised(&self) -> Money {
        self.realised
    }

    /// What the open positions would add to the realised profit if they were closed at their marks.
    pub fn unrealised(&self) -> Money {
        self.gross() - self.realised
    }

    /// Instruments whose quantity is not zero.
    pub fn open_positions(&self) -> u32 {
        self.open
    }

    /// Walks over the whole ledger, by instrument id.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        for position in &mut self.positions {
            let multiplier = position.multiplier;
            io.plain(position);
            if position.multiplier != multiplier || !position.is_possible() {
                io.refuse("a position cannot be");
                position.multiplier = multiplier;
            }
        }
        io.plain(&mut self.gross);
        io.plain(&mut self.realised);
        io.plain(&mut self.open);
        io.plain(&mut self.charges);
        io.within(&mut self.charged, Money::ZERO, Money(AMOUNT_MAX));
        io.within(&mut self.rates_from, 0, 99_991_231);
        io.flag(&mut self.rates_stand_in);
        io.check(|| self.adds_up(), "the ledger's sums are not those of its positions");
    }

    /// Whether the running sums are those of the positions, which are possible.
    fn adds_up(&self) -> bool {
        let parts = self.charges.parts().map(|(_, part)| part.0);
        let of_parts = || parts.iter().map(|&part| i128::from(part)).sum();
        let of_positions = || self.positions.iter().map(|p| i128::from(p.charges.0)).sum();
        let charged = i128::from(self.charged.0);
        parts.iter().all(|&part| part >= 0)
            && charged == of_parts()
            && charged == of_positions()
            && self.gross == self.positions.iter().map(Position::exact_gross).sum::<i128>()
            && i128::from(self.realised.0) == self.positions.iter().map(|p| i128::from(p.realised.0)).sum()
            && self.open as usize == self.positions.iter().filter(|p| !p.quantity.is_zero()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::InstrumentClass;
    use crate::state;

    fn table(multipliers: &[i64]) -> Vec<InstrumentSpec> {
        let spec = |(i, &multiplier): (usize, &i64)| InstrumentSpec {
            symbol: format!("NSE:S{i}"),
            token: i as u32,
            class: InstrumentClass::Equity,
            tradable: true,
            lot: Qty(1),
            tick: Price(500),
            multiplier,
            freeze: Qty::ZERO,
            derivatives: false,
        };
        multipliers.iter().enumerate().map(spec).collect()
    }

    fn hash(ledger: &mut Ledger) -> u128 {
        state::hash(0, |io| ledger.state(io))
    }

    #[test]
    fn a_round_trip_by_hand() {
        let id = InstrumentId(0);
        let mut ledger = Ledger::new(&table(&[1]));
        ledger.mark(id, Price(1_000_000)); // 100.00
        ledger.fill(id, Side::Buy, Qty(10), Money::rupees(1_001));
        assert_eq!((ledger.gross(), ledger.realised()), (Money::rupees(-1), Money::ZERO));
        ledger.mark(id, Price(1_020_000));
        assert_eq!((ledger.gross(), ledger.unrealised()), (Money::rupees(19), Money::rupees(19)));
        ledger.fill(id, Side::Sell, Qty(4), Money::rupees(408));
        assert_eq!((ledger.position(id).quantity, ledger.realised()), (Qty(6), Money::ZERO));
        ledger.fill(id, Side::Sell, Qty(6), Money::rupees(606));
        assert_eq!((ledger.gross(), ledger.realised()), (Money::rupees(13), Money::rupees(13)));
        assert_eq!((ledger.open_positions(), ledger.unrealised()), (0, Money::ZERO));
        ledger.mark(id, Price(9_990_000));
        assert_eq!(ledger.gross(), Money::rupees(13), "a mark without a position moves nothing");
    }

    #[test]
    fn a_short_with_a_multiplier_gains_when_the_price_falls() {
        let id = InstrumentId(1);
        let mut ledger = Ledger::new(&table(&[1, 100]));
        ledger.mark(id, Price(500_000)); // 50.00
        ledger.fill(id, Side::Sell, Qty(2), Price(500_000).value(Qty(2), 100));
        ledger.mark(id, Price(490_000));
        assert_eq!(ledger.gross(), Money::rupees(200));
        assert_eq!(ledger.position(id).closing_side(), Some(Side::Buy));
        assert_eq!(ledger.open_positions(), 1);
    }

    #[test]
    fn the_running_sums_equal_sums_from_scratch() {
        let seed = 20_210_415_u64;
        println!("seed {seed}");
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        let mut ledger = Ledger::new(&table(&[1, 1, 50]));
        for _ in 0..20_000 {
            let id = InstrumentId((next() % 3) as u32);
            let before = hash(&mut ledger);
            if next() % 2 == 0 {
                ledger.mark(id, Price((1 + next() % 100_000) as i64 * 500));
            } else {
                let side = if next() % 2 == 0 { Side::Buy } else { Side::Sell };
                let quantity = Qty((1 + next() % 3) as i64);
                ledger.fill(id, side, quantity, Money((1 + next() % 1_000_000) as i64));
                assert_ne!(hash(&mut ledger), before);
            }
            let total = ledger.positions().iter().fold(Money::ZERO, |sum, p| sum + p.gross());
            let realised = ledger.positions().iter().fold(Money::ZERO, |sum, p| sum + p.realised);
            let open = ledger.positions().iter().filter(|p| !p.quantity.is_zero()).count();
            assert_eq!(ledger.gross(), total);
            assert_eq!(ledger.realised(), realised);
            assert_eq!(ledger.open_positions() as usize, open);
            assert_eq!(ledger.unrealised(), total - realised);
        }
    }
}
