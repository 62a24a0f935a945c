//! What trading costs: brokerage, taxes and fees of an executed order, in integers.
//!
//! A charge is a function of an order's market, side, trading date and filled value. Each of its parts is computed
//! exactly and rounded half up to 1/10,000 of a rupee; the whole is the sum of the parts. What a fill adds is the
//! difference of that function before and after it, so that an order costs the same however it was filled, and what was
//! booked is right after every fill. The rates are dated: `charges/rates.rs`.

mod meter;
mod rates;
#[cfg(test)]
mod tests;

pub use meter::Meter;

use crate::config::{Broker, ChargesConfig, InstrumentClass, InstrumentSpec, Product};
use crate::event::Side;
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, quotient};
use rates::{Brokerage, Rate, Rows, Schedule, Transaction, WHOLE};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// An exchange whose charges are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The National Stock Exchange.
    Nse = 0,
    /// The Bombay Stock Exchange.
    Bse = 1,
}

impl Exchange {
    /// The exchange of a symbol by its prefix: `NSE:` and `NFO:`, `BSE:` and `BFO:`; `None` for any other, which is charged
    /// as on the National Stock Exchange.
    pub fn of_symbol(symbol: &str) -> Option<Self> {
        match symbol.split_once(':')?.0 {
            "NSE" | "NFO" => Some(Self::Nse),
            "BSE" | "BFO" => Some(Self::Bse),
            _ => None,
        }
    }
}

/// What is traded, as far as rates differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Shares that are kept.
    Delivery = 0,
    /// Shares that are closed the same day.
    Intraday = 1,
    /// Futures.
    Futures = 2,
    /// Options; the value is the premium.
    Options = 3,
}

impl Segment {
    /// The segment of a class of instruments; `None` for an index, which does not trade.
    pub const fn of(class: InstrumentClass, product: Product) -> Option<Self> {
        match (class, product) {
            (InstrumentClass::Equity, Product::Delivery) => Some(Self::Delivery),
            (InstrumentClass::Equity, Product::Intraday) => Some(Self::Intraday),
            (InstrumentClass::Future, _) => Some(Self::Futures),
            (InstrumentClass::Option, _) => Some(Self::Options),
            (InstrumentClass::Index, _) => None,
        }
    }
}

/// The parts of what was charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Charges {
    /// The broker's.
    pub brokerage: Money,
    /// Securities transaction tax.
    pub stt: Money,
    /// The exchange's transaction charge, with the investor protection fund's part.
    pub exchange: Money,
    /// The regulator's fee.
    pub sebi: Money,
    /// Stamp duty.
    pub stamp: Money,
    /// Goods and services tax.
    pub gst: Money,
}

impl Charges {
    /// Nothing.
    pub const NONE: Self = Self {
        brokerage: Money::ZERO,
        stt: Money::ZERO,
        exchange: Money::ZERO,
        sebi: Money::ZERO,
        stamp: Money::ZERO,
        gst: Money::ZERO,
    };

    /// The sum of the parts.
    pub fn total(&self) -> Money {
        self.amounts().into_iter().fold(Money::ZERO, |sum, part| sum + part)
    }

    /// The parts without their names.
    #[inline]
    fn amounts(&self) -> [Money; 6] {
        [self.brokerage, self.stt, self.exchange, self.sebi, self.stamp, self.gst]
    }

    /// Whether a part is below zero.
    #[inline]
    pub(crate) fn any_negative(&self) -> bool {
        self.amounts().into_iter().fold(0, |signs, part| signs | part.0) < 0
    }

    /// The parts with their names.
    pub fn parts(&self) -> [(&'static str, Money); 6] {
        [
            ("brokerage", self.brokerage),
            ("stt", self.stt),
            ("exchange", self.exchange),
            ("sebi", self.sebi),
            ("stamp", self.stamp),
            ("gst", self.gst),
        ]
    }

    fn with(&self, other: &Self, each: impl Fn(Money, Money) -> Money) -> Self {
        Self {
            brokerage: each(self.brokerage, other.brokerage),
            stt: each(self.stt, other.stt),
            exchange: each(self.exchange, other.exchange),
            sebi: each(self.sebi, other.sebi),
            stamp: each(self.stamp, other.stamp),
            gst: each(self.gst, other.gst),
        }
    }

    /// These and `other`, part by part.
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, |one, other| one + other)
    }

    /// What these have more than `before`, part by part.
    pub fn since(&self, before: &Self) -> Self {
        self.with(before, |now, before| now - before)
    }
}

/// What a fill added, and from when its rates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// What was added.
    pub charges: Charges,
    /// The latest first date (yyyymmdd) of the rates used.
    pub rates_from: u32,
    /// Whether that is after the trading date: older rates are not known, and these stand in for them.
    pub stands_in: bool,
}

/// The rates of one market on one date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tariff {
    brokerage: Brokerage,
    stt_buy: Rate,
    stt_sell: Rate,
    transaction: Transaction,
    sebi: Rate,
    stamp_buy: Rate,
    gst: Rate,
    from: u32,
    stands_in: bool,
}

impl Tariff {
    /// The rates of `segment` on `exchange` on a trading date (yyyymmdd); before the first known ones, those.
    pub fn new(exchange: Exchange, segment: Segment, date: u32) -> Self {
        let Schedule { brokerage, stt_buy, stt_sell, transaction, sebi, stamp_buy, gst } =
            rates::schedule(exchange, segment);
        let mut from = 0;
        Self {
            brokerage: at(brokerage, date, &mut from),
            stt_buy: at(stt_buy, date, &mut from),
            stt_sell: at(stt_sell, date, &mut from),
            transaction: at(transaction, date, &mut from),
            sebi: at(sebi, date, &mut from),
            stamp_buy: at(stamp_buy, date, &mut from),
            gst: at(gst, date, &mut from),
            from,
            stands_in: from > date,
        }
    }

    /// What was charged by these rates.
    fn charged(&self, charges: Charges) -> Charged {
        Charged { charges, rates_from: self.from, stands_in: self.stands_in }
    }

    /// What an order costs of which `value` was filled. Nothing filled costs nothing.
    ///
    /// Panics if the value is negative.
    pub fn order(&self, side: Side, value: Money) -> Charges {
        let Ok(amount) = u64::try_from(value.0) else { panic!("a value has no sign, its side has") };
        self.narrow(side, amount).unwrap_or_else(|| self.wide(side, amount))
    }

    /// Securities transaction tax and stamp duty of a side.
    fn duties(&self, side: Side) -> (Rate, Rate) {
        match side {
            Side::Buy => (self.stt_buy, self.stamp_buy),
            Side::Sell => (self.stt_sell, 0),
        }
    }

    /// What an order costs, in 64 bits: what nearly every order's value fits; `None` if this one does not.
    fn narrow(&self, side: Side, value: u64) -> Option<Charges> {
        const WHOLE: u64 = rates::WHOLE as u64;
        // Parts of the money unit in 1/WHOLE, as below.
        let share = |rate: Rate| value.checked_mul(rate.unsigned_abs());
        let amount = |money: Money| money.0.unsigned_abs().checked_mul(WHOLE);
        let half_up = |parts: u64| Some(Money((parts.checked_add(WHOLE / 2)? / WHOLE) as i64));
        let brokerage = match self.brokerage {
            Brokerage::Free => 0,
            Brokerage::Capped(rate, most) => share(rate)?.min(amount(most)?),
            Brokerage::Flat(money) => {
                if value == 0 {
                    0
                } else {
                    amount(money)?
                }
            }
        };
        let (stt, stamp) = self.duties(side);
        let sebi = share(self.sebi)?;
        let taxed = brokerage.checked_add(share(self.transaction.taxed)?)?.checked_add(sebi)?;
        // A floor of a floor is the floor of the whole: first by WHOLE, part by part, then by WHOLE again.
        let (units, parts, gst) = (taxed / WHOLE, taxed % WHOLE, self.gst.unsigned_abs());
        let parts = parts.checked_mul(gst)?.checked_add(WHOLE * WHOLE / 2)? / WHOLE;
        let gst = units.checked_mul(gst)?.checked_add(parts)? / WHOLE;
        Some(Charges {
            brokerage: half_up(brokerage)?,
            stt: half_up(share(stt)?)?,
            exchange: half_up(share(self.transaction.rate)?)?,
            sebi: half_up(sebi)?,
            stamp: half_up(share(stamp)?)?,
            gst: Money(gst as i64),
        })
    }

    /// The same for any value.
    #[cold]
    #[inline(never)]
    fn wide(&self, side: Side, value: u64) -> Charges {
        let value = i128::from(value);
        // Parts of the money unit in 1/WHOLE, exact: the value times a rate is within 93 bits.
        let share = |rate: Rate| value * i128::from(rate);
        let brokerage = match self.brokerage {
            Brokerage::Free => 0,
            Brokerage::Capped(rate, most) => share(rate).min(i128::from(most.0) * WHOLE),
            Brokerage::Flat(amount) => i128::from(amount.0) * WHOLE * value.signum(),
        };
        let (stt, stamp) = self.duties(side);
        let taxed = brokerage + share(self.transaction.taxed) + share(self.sebi);
        Charges {
            brokerage: half_up(brokerage, WHOLE),
            stt: half_up(share(stt), WHOLE),
            exchange: half_up(share(self.transaction.rate), WHOLE),
            sebi: half_up(share(self.sebi), WHOLE),
            stamp: half_up(share(stamp), WHOLE),
            gst: half_up(taxed * i128::from(self.gst), WHOLE * WHOLE),
        }
    }
}

/// The value that holds on `date`, or the first one; raises `from` to its first date.
fn at<T: Copy>(rows: Rows<T>, date: u32, from: &mut u32) -> T {
    let known = rows.iter().rev().find(|(first, _)| *first <= date);
    let (first, value) = known.unwrap_or(&rows[0]);
    *from = first.max(from).to_owned();
    *value
}

/// `amount` in parts of which `parts` are a unit of money, rounded half up; never negative.
#[inline]
fn half_up(amount: i128, parts: i128) -> Money {
    let units = quotient(amount + parts / 2, parts);
    Money(i64::try_from(units).expect("a charge is less than its value, or little"))
}

/// The tariffs of all instruments on the running session's date.
#[derive(Clone, Debug)]
pub struct Tariffs {
    /// By instrument; `None` if it does not trade, or nothing is charged.
    markets: Box<[Option<(Exchange, Segment)>]>,
    /// By exchange and segment.
    rates: [[Tariff; 4]; 2],
    /// The trading date (yyyymmdd), 0 before the first session.
    date: u32,
}

impl Tariffs {
    /// The tariffs of an instrument table before the first session.
    pub fn new(instruments: &[InstrumentSpec], config: &ChargesConfig) -> Self {
        let market = |spec: &InstrumentSpec| {
            let segment = match config.broker {
                Broker::None => None,
                Broker::Zerodha => Segment::of(spec.class, config.product),
            };
            Some((Exchange::of_symbol(&spec.symbol).unwrap_or(Exchange::Nse), segment?))
        };
        Self { markets: instruments.iter().map(market).collect(), rates: rates_of(0), date: 0 }
    }

    /// Begins a session on a trading date (yyyymmdd).
    pub fn start(&mut self, date: u32) {
        self.date = date;
        self.rates = rates_of(date);
    }

    /// The tariff of an instrument today, `None` if nothing is charged for it.
    pub fn of(&self, instrument: InstrumentId) -> Option<&Tariff> {
        let (exchange, segment) = self.markets.get(instrument.index()).copied().flatten()?;
        Some(&self.rates[exchange as usize][segment as usize])
    }

    /// What it adds to an order's charges that its filled value rises from `before` to `after`; `None` if nothing is
    /// charged for the instrument.
    pub fn added(
        &self,
        instrument: InstrumentId,
        side: Side,
        before: Money,
        after: Money,
    ) -> Option<Charged> {
        let tariff = self.of(instrument)?;
        let mut charges = tariff.order(side, after);
        if !before.is_zero() {
            charges = charges.since(&tariff.order(side, before));
        }
        Some(tariff.charged(charges))
    }

    /// Walks over the state: the date.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.date, 0, 99_991_231);
        if io.is_loading() {
            self.rates = rates_of(self.date);
        }
    }
}

fn rates_of(date: u32) -> [[Tariff; 4]; 2] {
    use Segment::{Delivery, Futures, Intraday, Options};
    [Exchange::Nse, Exchange::Bse].map(|exchange| {
        [Delivery, Intraday, Futures, Options].map(|segment| Tariff::new(exchange, segment, date))
    })
}
