use crate::config::{InstrumentClass, InstrumentSpec};
use crate::units::{Price, Qty};

/// An instrument with `token`.
pub(super) fn spec(token: u32) -> InstrumentSpec {
    InstrumentSpec {
        symbol: format!("NSE:T{token}"),
        token,
        class: if token & 0xff == 9 { InstrumentClass::Index } else { InstrumentClass::Equity },
        tradable: token & 0xff != 9,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
    }
}
