//! From `[[strategies]]` to what the stages are built from.

use super::{file, sets};
use crate::demo_universe;
use pitlane_engine::units::{InstrumentId, NS_PER_S};

#[test]
fn strategies_find_their_instruments() {
    let table = demo_universe();
    let pipeline = |texts: &[&str]| sets(texts).unwrap().pipeline(demo_universe());
    let all = pipeline(&[]).unwrap();
    let ids = &all.strategies[0].instruments;
    assert!(ids.iter().all(|id| table[id.index()].tradable) && ids.is_sorted() && ids.len() == 10);
    let named = pipeline(&["strategies.ema.symbols=[\"NSE:TCS\", \"NSE:NIFTY\", \"NSE:TCS\"]"]).unwrap();
    assert_eq!(named.strategies[0].instruments, [InstrumentId(0), InstrumentId(4)]);
    assert!(pipeline(&["strategies.ema.enabled=false"]).unwrap().strategies.is_empty());
    let unknown = pipeline(&["strategies.ema.symbols=[\"NSE:RELAINCE\"]"]).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "strategy `ema`: no instrument `NSE:RELAINCE` in this run; did you mean `NSE:RELIANCE`?"
    );
    let entry =
        |id: &str, symbols: &str| format!("[[strategies]]\nid='{id}'\nkind='k'\nsymbols='{symbols}'\n");
    let two = file(&(entry("a", "*") + &entry("b", "NSE:TCS"))).unwrap().pipeline(demo_universe()).unwrap();
    assert_eq!(two.strategies[1].instruments, [InstrumentId(4)], "an instrument may have several strategies");
    assert!(two.strategies[0].instruments.contains(&InstrumentId(4)));
    let index = file(&entry("a", "*")).unwrap().pipeline(demo_universe()[..2].to_vec()).unwrap();
    assert!(index.strategies[0].instruments.is_empty(), "nothing tradable is nothing to trade, not an error");
}

#[test]
fn own_exits_win_over_common_ones() {
    let text = r#"
[risk]
stop_loss = "1%"
holding = "30m"
[[strategies]]
id = "own"
kind = "k"
symbols = "*"
stop_loss = "0.4%"
take_profit = "2%"
holding = "0"
priority = 7
entry = "passive"
reprice = "5s"
[[strategies]]
id = "common"
kind = "k"
symbols = "*"
"#;
    let pipeline = file(text).unwrap().pipeline(demo_universe()).unwrap();
    let found: Vec<_> = pipeline
        .strategies
        .iter()
        .map(|s| (s.stop_loss_bps, s.take_profit_bps, s.holding_ns, s.priority, s.reprice_ns))
        .collect();
    assert_eq!(found, [(40, 200, 0, 7, 5 * NS_PER_S), (100, 0, 1_800 * NS_PER_S, 0, 0)]);
}

#[test]
fn sizes_by_stop_loss_ask_for_one() {
    let pipeline = |texts: &[&str]| sets(texts).unwrap().pipeline(demo_universe());
    assert_eq!(
        pipeline(&["risk.sizing=risk"]).unwrap_err().to_string(),
        "[[strategies]]: risk.sizing = \"risk\" sizes an entry by its stop loss, and strategy `ema` has none; \
         set strategies.ema.stop_loss, or risk.stop_loss for all, such as 1%, or another risk.sizing"
    );
    assert!(pipeline(&["risk.sizing=risk", "risk.stop_loss=1%"]).is_ok());
    assert!(pipeline(&["risk.sizing=risk", "strategies.ema.stop_loss=1%"]).is_ok());
    assert!(pipeline(&["risk.sizing=risk", "risk.stop_loss=1%", "strategies.ema.stop_loss=0%"]).is_err());
    assert!(pipeline(&["risk.sizing=risk", "strategies.ema.enabled=false"]).is_ok());
    assert!(pipeline(&["risk.sizing=atr"]).is_ok());
}

#[test]
fn a_parameter_may_be_given_by_its_word() {
    let text = |obi: &str| {
        format!(
            "[[strategies]]\nid = \"m\"\nkind = \"multi_factor_momentum\"\nsymbols = [\"*\"]\nparams = {{ obi = {obi} }}"
        )
    };
    for (given, value) in [("\"optional\"", 0.0), ("\"required\"", 1.0), ("0", 0.0), ("1", 1.0)] {
        let settings = file(&text(given)).unwrap();
        assert_eq!(settings.strategies[0].params, [("obi".to_owned(), value)], "{given}");
    }
    let error = file(&text("\"always\"")).unwrap_err().to_string();
    assert!(error.ends_with("allowed: optional or required"), "{error}");
}
