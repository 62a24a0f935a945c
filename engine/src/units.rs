//! Quantities as types, so that a price cannot be added to a quantity by accident.
//!
//! Prices and money share one scale, 1/10,000 of the currency unit, so `price × quantity` is money without rounding.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Units of the price and money scale in one rupee.
pub const SCALE: i64 = 10_000;
/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;
/// Nanoseconds in a day.
pub const NS_PER_DAY: u64 = 86_400 * NS_PER_S;
/// Offset of Indian Standard Time from UTC, in nanoseconds. India has no daylight saving.
pub const IST_OFFSET_NS: u64 = (5 * 3600 + 30 * 60) * NS_PER_S;

macro_rules! quantity {
    ($(#[$meta:meta])* $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The zero of the type; for ids and times it means "none".
            pub const ZERO: Self = Self(0);

            /// Whether this is zero.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }
    };
}

quantity! {
    /// A price in 1/10,000 of the currency unit; never negative in a valid market event.
    Price(i64)
}
quantity! {
    /// A quantity in exchange units (shares; for derivatives lots × lot size), or a signed position in the same unit.
    Qty(i64)
}
quantity! {
    /// An amount of money in 1/10,000 of the currency unit.
    Money(i64)
}
quantity! {
    /// A time in nanoseconds since the Unix epoch, UTC.
    TsNs(u64)
}
quantity! {
    /// Position of an event in the one total order of inputs; dense, the first event is 1.
    Seq(u64)
}
quantity! {
    /// Index of an instrument in the session's table; dense from 0. `InstrumentId::NONE` for events without one.
    InstrumentId(u32)
}
quantity! {
    /// Client order id, a function of the input that caused the order: `seq × 256 + n`. Zero means none.
    OrderId(u64)
}
quantity! {
    /// Index of a strategy instance in the configuration; dense from 0.
    StrategyId(u16)
}

impl InstrumentId {
    /// The id of events that concern no instrument.
    pub const NONE: Self = Self(u32::MAX);

    /// The id as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl StrategyId {
    /// Orders of the risk stage itself (square-off, flatten) belong to no strategy.
    pub const NONE: Self = Self(u16::MAX);
}

impl OrderId {
    /// Orders that one input may cause at most: the low byte of the id counts them.
    pub const PER_STEP_MAX: u64 = 256;

    /// The id of the `n`-th order that input `cause` gives rise to.
    #[inline]
    pub fn new(cause: Seq, n: u64) -> Self {
        assert!(n < Self::PER_STEP_MAX, "an input caused more than {} orders", Self::PER_STEP_MAX);
        Self(cause.0 * Self::PER_STEP_MAX + n)
    }
}

impl Price {
    /// Value of `qty` at this price for a contract multiplier, exactly. Panics if it exceeds the range of money
    /// (± 922 trillion rupees), which no account can hold.
    #[inline]
    pub fn value(self, qty: Qty, multiplier: i64) -> Money {
        if let Some(narrow) = self.0.checked_mul(qty.0).and_then(|value| value.checked_mul(multiplier)) {
            return Money(narrow);
        }
        let wide = i128::from(self.0) * i128::from(qty.0) * i128::from(multiplier);
        Money(i64::try_from(wide).expect("a value beyond 922 trillion rupees"))
    }

    /// This price moved by `bps` hundredths of a percent, rounded towards zero on the 1/10,000 scale.
    pub fn shifted_bps(self, bps: i64) -> Self {
        Self(share_bps(self.0, 10_000 + bps).expect("a shifted price fits"))
    }

    /// The nearest multiple of `tick` at or below this price.
    pub fn floor_to(self, tick: Self) -> Self {
        assert!(tick.0 > 0, "tick size must be positive");
        Self(self.0.div_euclid(tick.0) * tick.0)
    }

    /// The nearest multiple of `tick` at or above this price.
    pub fn ceil_to(self, tick: Self) -> Self {
        assert!(tick.0 > 0, "tick size must be positive");
        Self(-((-self.0).div_euclid(tick.0)) * tick.0)
    }
}

/// `bps` hundredths of a percent of `amount`, rounded towards zero; `None` if that is beyond the numbers.
#[inline]
fn share_bps(amount: i64, bps: i64) -> Option<i64> {
    // Nearly every product fits 64 bits, where the division is a multiplication.
    match amount.checked_mul(bps) {
        Some(narrow) => Some(narrow / 10_000),
        None => i64::try_from(i128::from(amount) * i128::from(bps) / 10_000).ok(),
    }
}

/// `dividend ÷ divisor`, rounded towards zero: in 64 bits, where both fit, because a division of 128 is a call.
#[inline]
pub(crate) fn quotient(dividend: i128, divisor: i128) -> i128 {
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) => i128::from(dividend / divisor),
        _ => dividend / divisor,
    }
}

impl Qty {
    /// The largest multiple of `lot` that is not above this quantity.
    #[inline]
    pub fn floor_to_lot(self, lot: Self) -> Self {
        assert!(lot.0 > 0, "lot size must be positive");
        Self(self.0 / lot.0 * lot.0)
    }

    /// The quantity without its sign.
    #[inline]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl Money {
    /// Whole rupees as money.
    pub const fn rupees(rupees: i64) -> Self {
        Self(rupees * SCALE)
    }

    /// `bps` hundredths of a percent of this amount, rounded towards zero.
    pub fn bps(self, bps: i64) -> Self {
        Self(share_bps(self.0, bps).expect("a share of an amount fits"))
    }
}

impl std::ops::Add for Money {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("money stays within its range"))
    }
}

impl std::ops::Sub for Money {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("money stays within its range"))
    }
}

impl std::ops::AddAssign for Money {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::Neg for Money {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl std::ops::Add for Qty {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("quantities stay within their range"))
    }
}

impl std::ops::Sub for Qty {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("quantities stay within their range"))
    }
}

impl std::ops::AddAssign for Qty {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Qty {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::ops::Neg for Qty {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl TsNs {
    /// The instant `ns` nanoseconds later.
    #[inline]
    pub fn plus(self, ns: u64) -> Self {
        Self(self.0.checked_add(ns).expect("a time before the year 2554"))
    }

    /// Nanoseconds from `earlier` to this instant; zero if it is not earlier.
    #[inline]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant of whole seconds since the epoch.
    #[inline]
    pub fn from_secs(secs: u32) -> Self {
        Self(u64::from(secs) * NS_PER_S)
    }

    /// Days since the epoch of the Indian calendar date this instant lies in.
    #[inline]
    pub fn ist_day(self) -> u64 {
        (self.0 + IST_OFFSET_NS) / NS_PER_DAY
    }

    /// Whether that is `day`, without a division.
    #[inline]
    pub fn is_on_ist_day(self, day: u64) -> bool {
        (self.0 + IST_OFFSET_NS).wrapping_sub(day.wrapping_mul(NS_PER_DAY)) < NS_PER_DAY
    }
}

impl Seq {
    /// The sequence number that follows.
    #[inline]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Shows an amount on the 1/10,000 scale as a decimal: at least two decimals, no more than needed.
pub fn decimal(scaled: i64) -> String {
    let sign = if scaled < 0 { "-" } else { "" };
    let abs = scaled.unsigned_abs();
    let (whole, frac) = (abs / 10_000, abs % 10_000);
    if frac % 100 == 0 {
        format!("{sign}{whole}.{:02}", frac / 100)
    } else {
        format!("{sign}{whole}.{frac:04}")
    }
}

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&decimal(self.0))
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&decimal(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_show_sign_and_only_the_digits_needed() {
        for (scaled, shown) in
            [(0, "0.00"), (15_737_000, "1573.70"), (-5_000, "-0.50"), (842_525, "84.2525"), (1, "0.0001")]
        {
            assert_eq!(decimal(scaled), shown);
        }
    }

    #[test]
    fn rounding_to_ticks_goes_the_stated_way() {
        let tick = Price(500);
        assert_eq!(Price(1_234).floor_to(tick), Price(1_000));
        assert_eq!(Price(1_234).ceil_to(tick), Price(1_500));
        assert_eq!(Price(1_500).floor_to(tick), Price(1_500));
        assert_eq!(Price(1_500).ceil_to(tick), Price(1_500));
    }
}
