//! Indicators: `f64` with `+ - * /` only, in a fixed order, so that they are the same on every machine.
//!
//! * An indicator says `None` until it has seen what its definition needs: there is no guessed first value.
//! * The definitions are those of TA-Lib, and are tested against it; where one differs, its item says so.
//! * Memory is taken at construction, and an update takes constant time (`Sma`: on average).
//! * NaN never leaves: a value that no price can have ([`is_usable`]) is not taken at all.

mod atr;
mod ema;
mod rsi;
mod sma;
mod vwap;

pub use atr::Atr;
pub use ema::Ema;
pub use rsi::Rsi;
pub use sma::Sma;
pub use vwap::Vwap;

use crate::state::StateIo;

/// The greatest magnitude an indicator takes: above any price in rupees (2^63 ÷ 10,000), and so small that no
/// sum or product of an indicator leaves the range of `f64`.
pub const USABLE_MAX: f64 = 1e15;

/// Whether an indicator takes `value`: finite, and within ±[`USABLE_MAX`].
pub fn is_usable(value: f64) -> bool {
    // A comparison with NaN is false.
    value.abs() <= USABLE_MAX
}

/// Walks over a number made of values that indicators take, at most the sum of `values` of them.
fn amount(io: &mut StateIo<'_>, number: &mut f64, values: f64) {
    io.float(number);
    if number.abs() > USABLE_MAX * values {
        io.refuse("a number of an indicator is beyond its values");
    }
}

/// One step of Wilder's average: the mean of `period` values of which one is replaced by `value`.
fn wilder(average: f64, value: f64, period: u32) -> f64 {
    let period = f64::from(period);
    (average * (period - 1.0) + value) / period
}

/// What is not usable, for tests: none of it may change an indicator.
#[cfg(test)]
const UNUSABLE: [f64; 5] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1.1e15];
