//! The text of every error.

use super::{file, sets};
use crate::Layers;

/// A file, and the error about it.
const CASES: &[(&str, &str)] = &[
    ("[risk]\n  capitel = 5", "f.toml:2:3: unknown key `capitel` in [risk]; did you mean `capital`?"),
    ("[rsik]", "f.toml:1:2: unknown section `rsik`; did you mean `risk`?"),
    ("[bars]\nperiod = 1", "f.toml:2:1: unknown key `period` in [bars]; known: grace"),
    (
        "[[strategies]]\nid = \"a\"\nkind=\"k\"\nsymbols=[]\nenabeld = true",
        "f.toml:5:1: unknown key `enabeld` in [[strategies]]; did you mean `enabled`?",
    ),
    (
        "[risk]\nposition = \"200%\"",
        "f.toml:2:12: `risk.position` cannot be \"200%\"; \
             allowed: more than 0% up to 100%, in steps of 0.01%, such as 2%",
    ),
    (
        "[venue]\nlatency_min = 5",
        "f.toml:2:15: `venue.latency_min` cannot be 5; allowed: 1ns to 60s, such as 1ms",
    ),
    (
        "[engine]\nmode = \"demo\"",
        "f.toml:2:8: `engine.mode` cannot be \"demo\"; allowed: sim, replay, paper or live",
    ),
    (
        "[engine]\ncpu_set = \"5-2\"",
        "f.toml:2:11: `engine.cpu_set` cannot be \"5-2\"; allowed: a Linux cpu list such as 2-5,8",
    ),
    (
        "[risk]\nflatten_on_kill = 1",
        "f.toml:2:19: `risk.flatten_on_kill` cannot be 1; allowed: true or false",
    ),
    ("risk = 3", "f.toml:1:8: `risk` cannot be 3; allowed: a table with keys of its own"),
    (
        "[strategies]\nid = \"a\"",
        "f.toml:1:1: `strategies` cannot be a table; allowed: tables; write [[strategies]]",
    ),
    (
        "[[instruments]]\nsymbol = \"NSE:X\"\ntoken = 257",
        "f.toml:1:1: [[instruments]] has no `class`; add it (equity, index, future or option)",
    ),
    ("[journal]\nlevel = \"D3\"", "f.toml:2:9: `journal.level` cannot be \"D3\"; allowed: D0, D1 or D2"),
    (
        "[journal]\nlag_warn = \"0\"",
        "f.toml:2:12: `journal.lag_warn` cannot be \"0\"; \
             allowed: 1ns to 60s, such as 50ms; lag_warn <= lag_reduce <= lag_halt",
    ),
    (
        "[journal]\nlag_warn = \"251ms\"",
        "f.toml:2:12: journal.lag_warn is 251ms and journal.lag_reduce is 250ms; \
             keep lag_warn <= lag_reduce <= lag_halt",
    ),
    (
        "[journal]\nlag_halt = \"200ms\"",
        "f.toml:1:1: journal.lag_reduce is 250ms and journal.lag_halt is 200ms; \
             keep lag_warn <= lag_reduce <= lag_halt",
    ),
    (
        "[session]\nopen = \"15:25\"",
        "f.toml:2:8: session.open is given without session.close; \
             give both, or neither for the hours of the trading calendar",
    ),
    (
        "[session]\nclose = \"15:25\"",
        "f.toml:2:9: session.close is given without session.open; \
             give both, or neither for the hours of the trading calendar",
    ),
    (
        "[session]\nopen = \"08:59\"\nclose = \"15:30\"",
        "f.toml:2:8: session.open comes before session.pre_open; keep pre_open <= open < close",
    ),
    (
        "[session]\nopen = \"09:15\"\nclose = \"09:15\"",
        "f.toml:3:9: session.close does not come after session.open; keep pre_open <= open < close",
    ),
    (
        "[session]\nsquare_off = \"15:20\"",
        "f.toml:2:1: unknown key `square_off` in [session]; did you mean `risk.square_off`?",
    ),
    (
        "[engine]\nsymbols = []",
        "f.toml:2:1: unknown key `symbols` in [engine]; did you mean `symbols` in [[strategies]]?",
    ),
    (
        "[session]\nopen = \"09:15\"\nclose = \"15:30\"\n[[sim.commands]]\nat = \"15:31\"\ndo = \"kill\"",
        "f.toml:5:6: sim.commands.0.at lies outside the session; \
             choose a time from session.pre_open to session.close",
    ),
    (
        "[[sim.commands]]\nat = \"08:59\"\ndo = \"kill\"",
        "f.toml:2:6: sim.commands.0.at lies outside the session; \
             choose a time from session.pre_open to session.close",
    ),
    (
        "[[sim.commands]]\nat = \"10:00\"\ndo = \"stop\"",
        "f.toml:3:6: `sim.commands.0.do` cannot be \"stop\"; allowed: kill, flatten, reduce_only or resume",
    ),
    (
        "[[sim.commands]]\nat = \"10:00\"\ndo = \"resume\"\nreason = \"  \"",
        "f.toml:3:6: sim.commands.0 resumes without a reason; \
             add `reason`, which is journaled with the command",
    ),
    (
        "[[strategies]]\nid=\"a\"\nkind=\"k\"\nsymbols=[]\nreprice=\"10s\"",
        "f.toml:5:9: strategy `a` reprices resting entries, but its entries cross at once; \
             set entry = \"passive\", or reprice = 0",
    ),
    (
        "[[strategies]]\nid=\"a\"\nkind=\"k\"\nsymbols=[]\npriority=1001",
        "f.toml:5:10: `strategies.0.priority` cannot be 1001; allowed: 0 to 1000",
    ),
    (
        "[[instruments]]\nsymbol = \"NFO:X\"\ntoken = 258\nclass = \"future\"\nlot = 65\nfreeze = 64",
        "f.toml:6:10: no order of `NFO:X` is possible: its freeze quantity 64 is below its lot 65; \
             correct it; both are in units, and freeze = 0 says that none is known",
    ),
    (
        "[risk]\nsquare_off_margin = \"1500ms\"",
        "f.toml:2:21: `risk.square_off_margin` cannot be \"1500ms\"; \
             allowed: 1m to 12h in whole seconds, such as 10m",
    ),
    (
        "[risk]\nsizing = \"kelly\"",
        "f.toml:2:10: `risk.sizing` cannot be \"kelly\"; allowed: capital, risk or atr",
    ),
    (
        "[[strategies]]\nid=\"a\"\nkind=\"k\"\nsymbols=[]\nparams = { fast = \"x\" }",
        "f.toml:5:19: `strategies.0.params.fast` cannot be \"x\"; allowed: a finite number",
    ),
    (
        "[[instruments]]\nsymbol = \"NSE:X\"\ntoken = 265\nclass = \"equity\"",
        "f.toml:3:9: `NSE:X` is of class equity but its token 265 is of segment 9; \
             index tokens, and only they, are of segment 9 (the low byte of the token)",
    ),
];

#[test]
fn errors_name_place_key_value_and_remedy() {
    for (text, expected) in CASES {
        assert_eq!(file(text).unwrap_err().to_string(), *expected);
    }
    let syntax = file("[risk]\ncapital = = 5").unwrap_err().to_string();
    assert!(
        syntax.starts_with("f.toml:2:11: not valid TOML: ") && syntax.ends_with("; correct that line"),
        "{syntax}"
    );
    let twice = "[[strategies]]\nid=\"a\"\nkind=\"k\"\nsymbols=[]\n".repeat(2);
    let twice = file(&twice).unwrap_err().to_string();
    assert_eq!(twice, "f.toml:6:4: strategy id `a` is there twice; rename one of them");
}

#[test]
fn flags_and_variables_are_named_in_their_errors() {
    let error = |text: &str| sets(&[text]).unwrap_err().to_string();
    assert_eq!(
        error("risk.capitel=5"),
        "--set risk.capitel=5: unknown key `capitel` in [risk]; did you mean `capital`?"
    );
    assert_eq!(
        error("risk.open_positions=0"),
        "--set risk.open_positions=0: `risk.open_positions` cannot be 0; allowed: 1 to 4096"
    );
    assert_eq!(
        error("risk.capital"),
        "--set risk.capital: not of the form section.key=value; write for example --set risk.capital=600000"
    );
    assert!(error("capital=5").contains("not of the form"));
    assert!(
        error("strategies.emma.enabled=false")
            .contains("unknown entry `emma` of [[strategies]]; name one of its 1")
    );
    assert!(error("risk.capital.x=5").contains("`risk.capital` cannot be a table"));
    let layers = Layers { read_env: true, ..Layers::default() };
    let error = layers.load_with(vec![("PITLANE_RISK__CAPITEL".into(), "5".into())]).unwrap_err().to_string();
    assert_eq!(
        error,
        "environment PITLANE_RISK__CAPITEL: unknown key `capitel` in [risk]; did you mean `capital`?"
    );
    let missing =
        Layers { files: vec!["no/such.toml".into()], ..Layers::default() }.load().unwrap_err().to_string();
    assert!(missing.starts_with("cannot read configuration file no/such.toml: "), "{missing}");
}

#[test]
fn a_reason_fits_its_event() {
    let command = |reason: &str| {
        file(&format!("[[sim.commands]]\nat = \"10:00\"\ndo = \"resume\"\nreason = \"{reason}\""))
    };
    assert_eq!(command(&"a".repeat(216)).unwrap().sim.commands[0].reason.len(), 216);
    let error = command(&"é".repeat(109)).unwrap_err().to_string();
    assert!(error.contains("`sim.commands.0.reason`") && error.ends_with("at most 216 bytes"), "{error}");
}
