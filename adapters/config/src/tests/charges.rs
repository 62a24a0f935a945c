//! The keys of `[charges]`.

use super::sets;
use crate::Settings;
use pitlane_engine::config::{Broker, ChargesConfig, Product};

#[test]
fn charges_are_taken_unless_it_is_said_otherwise() {
    let default = ChargesConfig { broker: Broker::Zerodha, product: Product::Intraday };
    assert_eq!((Settings::default().charges, Settings::demo().charges), (default, default));
    let text = Settings::default().journaled_toml();
    assert!(text.contains("[charges]\nbroker = \"zerodha\"\nproduct = \"intraday\"\n"), "{text}");
    let none = sets(&["charges.broker=none", "charges.product=delivery"]).unwrap();
    assert_eq!(none.charges, ChargesConfig { broker: Broker::None, product: Product::Delivery });
    assert_eq!(none.pipeline(none.instruments().unwrap()).unwrap().charges, none.charges);
    for (set, allowed) in
        [("charges.broker=upstox", "zerodha or none"), ("charges.product=mis", "intraday or delivery")]
    {
        let error = sets(&[set]).unwrap_err().to_string();
        assert!(error.contains(allowed), "{error}");
    }
}
