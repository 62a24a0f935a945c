//! Names in files of the engine's own choices.

use pitlane_engine::config::{Broker, Conflict, InstrumentClass, Product, Sizing, Slippage};

/// Classes of instruments.
pub(crate) const CLASSES: &[(&str, InstrumentClass)] = &[
    ("equity", InstrumentClass::Equity),
    ("index", InstrumentClass::Index),
    ("future", InstrumentClass::Future),
    ("option", InstrumentClass::Option),
];

/// Ways to settle what strategies of one instrument want.
pub(crate) const CONFLICTS: &[(&str, Conflict)] =
    &[("priority", Conflict::Priority), ("confidence", Conflict::Confidence), ("netting", Conflict::Netting)];

/// Ways to size an entry.
pub(crate) const SIZINGS: &[(&str, Sizing)] =
    &[("capital", Sizing::Capital), ("risk", Sizing::Risk), ("atr", Sizing::Atr)];

/// Ways to price an aggressive fill where no depth is displayed.
pub(crate) const SLIPPAGES: &[(&str, Slippage)] =
    &[("ticks", Slippage::Ticks), ("bps", Slippage::Bps), ("impact", Slippage::Impact)];

/// Whose charges are taken.
pub(crate) const BROKERS: &[(&str, Broker)] = &[("none", Broker::None), ("zerodha", Broker::Zerodha)];

/// How shares are held.
pub(crate) const PRODUCTS: &[(&str, Product)] =
    &[("intraday", Product::Intraday), ("delivery", Product::Delivery)];

/// The name of a value. Panics if the table lacks it: a test below asks for all.
pub(crate) fn name_of<T: Copy + PartialEq>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, known)| *known == value).expect("the tables hold every value").0
}

/// The value of a name.
pub(crate) fn value_of<T: Copy>(table: &'static [(&str, T)]) -> impl FnOnce(&str) -> Option<T> {
    move |name| table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_has_a_name() {
        for code in 1..=4 {
            let class = InstrumentClass::from_u8(code).unwrap();
            assert_eq!(value_of(CLASSES)(name_of(CLASSES, class)), Some(class));
        }
        for choice in [Conflict::Priority, Conflict::Confidence, Conflict::Netting] {
            assert_eq!(value_of(CONFLICTS)(name_of(CONFLICTS, choice)), Some(choice));
        }
        for choice in [Sizing::Capital, Sizing::Risk, Sizing::Atr] {
            assert_eq!(value_of(SIZINGS)(name_of(SIZINGS, choice)), Some(choice));
        }
        for choice in [Slippage::Ticks, Slippage::Bps, Slippage::Impact] {
            assert_eq!(value_of(SLIPPAGES)(name_of(SLIPPAGES, choice)), Some(choice));
        }
        for choice in [Broker::None, Broker::Zerodha] {
            assert_eq!(value_of(BROKERS)(name_of(BROKERS, choice)), Some(choice));
        }
        for choice in [Product::Intraday, Product::Delivery] {
            assert_eq!(value_of(PRODUCTS)(name_of(PRODUCTS, choice)), Some(choice));
        }
        assert_eq!(value_of(SIZINGS)("kelly"), None);
    }
}
