//! Latency models, price bands and halts as text.

use super::{file, sets};
use crate::{Halt, PriceBand, Settings};
use jiff::civil::time;
use pitlane_engine::config::{LatencyModel, Measured, Quantile};
use pitlane_engine::units::{NS_PER_MS, NS_PER_S, Price};

const MS: u64 = NS_PER_MS;

fn place(value: &str) -> Result<LatencyModel, String> {
    let read = file(&format!("[venue]\nplace_latency = {value}"));
    read.map(|settings| settings.venue.place_latency).map_err(|error| error.to_string())
}

#[test]
fn every_form_is_read_and_written_back() {
    let quantiles = |points: &[(u32, u64)]| {
        LatencyModel::Quantiles(points.iter().map(|&(share_ppm, ns)| Quantile { share_ppm, ns }).collect())
    };
    let recorded = |points: &[(u32, u64)]| {
        LatencyModel::Recorded(points.iter().map(|&(second, ns)| Measured { second, ns }).collect())
    };
    let uniform = |least_ns, spread_ns, step_ns| LatencyModel::Uniform { least_ns, spread_ns, step_ns };
    for (text, model) in [
        (r#""none""#, LatencyModel::None),
        (r#""2ms""#, LatencyModel::Constant(2 * MS)),
        (r#""1ms..5ms""#, uniform(MS, 4 * MS, 1)),
        (r#""1ms..5ms/1500us""#, uniform(MS, 4 * MS, 1_500_000)),
        (r#""1ms..1ms""#, uniform(MS, 0, 1)),
        (
            r#"["p0 1ms", "p50 2ms", "p99.99 59s"]"#,
            quantiles(&[(0, MS), (500_000, 2 * MS), (999_900, 59 * NS_PER_S)]),
        ),
        (r#"["09:15 2ms", "09:16:30 3ms"]"#, recorded(&[(33_300, 2 * MS), (33_390, 3 * MS)])),
    ] {
        assert_eq!(place(text).as_ref(), Ok(&model), "{text}");
        let mut settings = Settings::default();
        settings.venue.place_latency = model;
        let written = settings.to_toml();
        assert!(text == r#""none""# || written.contains(&format!("place_latency = {text}\n")), "{written}");
        assert_eq!(Settings::from_toml(&written, "again").unwrap(), settings);
        assert_eq!(Settings::from_toml(&settings.journaled_toml(), "again").unwrap(), settings);
    }
    let by_flag = sets(&["venue.cancel_latency=1ms..5ms", "venue.report_latency=[\"p50 2ms\"]"]).unwrap();
    assert_eq!(by_flag.venue.cancel_latency, uniform(MS, 4 * MS, 1));
    let said = "place none, modify none, cancel 1ms to 5ms in steps of 1ns, report p50 2ms";
    assert_eq!(by_flag.venue.latency_text(), said);
    assert_eq!(Settings::default().venue.latency_text(), "place none, modify none, cancel none, report 1ms");
}

#[test]
fn what_is_no_model_is_refused_with_its_place() {
    for value in [
        r#""0""#,
        r#""fast""#,
        r#""5ms..1ms""#,
        r#""61s""#,
        r#""1ms..2ms/0""#,
        r#"["2ms"]"#,
        r#"["p101 2ms"]"#,
        r#"["p50 2ms", "09:15 2ms"]"#,
        r#"["24:00 2ms"]"#,
        "true",
        r#"["p-1 2ms"]"#,
        r#"["p50"]"#,
    ] {
        let error = place(value).unwrap_err();
        let start = "f.toml:2:17: `venue.place_latency` cannot be ";
        assert!(
            error.starts_with(start) && error.contains("allowed: none, a duration such as 2ms"),
            "{error}"
        );
    }
    for (value, why) in [
        (r#""999us""#, "(999us) cannot be: it can be shorter than the least latency"),
        (r#"["p50 2ms", "p99 1ms"]"#, "its points do not ascend"),
        (r#"["09:16 2ms", "09:15 2ms"]"#, "its points do not ascend"),
        ("[]", "it has no points"),
    ] {
        let error = place(value).unwrap_err();
        assert!(error.starts_with("f.toml:2:17: venue.place_latency ") && error.contains(why), "{error}");
        assert!(error.contains("venue.latency_min is 1ms"), "{error}");
    }
    let both = file("[venue]\nlatency_spread = \"1ms\"\nreport_latency = \"2ms\"").unwrap_err().to_string();
    assert_eq!(
        both,
        "f.toml:3:18: venue.report_latency is given, and venue.latency_spread is 1ms; set latency_spread = 0, or \
         leave one of them out"
    );
}

const TRADING: &str = r#"
[[instruments]]
symbol = "NSE:Y"
token = 257
class = "equity"
band = ["90", 110.05]
[[instruments]]
symbol = "NSE:Z"
token = 513
class = "equity"
[[halts]]
symbol = "NSE:Z"
from = "12:00"
until = "12:30"
[[halts]]
symbol = "NSE:Y"
from = "11:00"
until = "11:00:01"
"#;

#[test]
fn bands_and_halts_are_read_and_written_back() {
    let settings = file(TRADING).unwrap();
    let band = PriceBand { symbol: "NSE:Y".to_owned(), low: Price(900_000), high: Price(1_100_500) };
    assert_eq!(settings.trading.bands, [band]);
    let halt = |symbol: &str, from, until| Halt { symbol: symbol.to_owned(), from, until };
    assert_eq!(
        settings.trading.halts,
        [
            halt("NSE:Y", time(11, 0, 0, 0), time(11, 0, 1, 0)),
            halt("NSE:Z", time(12, 0, 0, 0), time(12, 30, 0, 0))
        ]
    );
    let text = settings.journaled_toml();
    assert!(text.contains("band = [\"90\", \"110.05\"]\n"), "{text}");
    assert_eq!(Settings::from_toml(&text, "again").unwrap(), settings);
}

#[test]
fn bands_and_halts_that_cannot_be_are_refused() {
    for (from, to, error) in [
        ("[\"90\", 110.05]", "[\"110\", \"90\"]", "f.toml:6:8: `instruments.0.band` cannot be "),
        ("[\"90\", 110.05]", "\"90\"", "f.toml:6:8: `instruments.0.band` cannot be "),
        ("[\"90\", 110.05]", "[0, 5]", "f.toml:6:8: `instruments.0.band` cannot be "),
        ("until = \"12:30\"", "until = \"12:00\"", "f.toml:14:9: halts.0.until does not come after its from"),
        ("until = \"12:30\"", "", "[[halts]] has no `until`"),
        ("symbol = \"NSE:Y\"\nfrom", "symbol = \"NSE:Z\"\nfrom", ""),
    ] {
        let refused = file(&TRADING.replace(from, to));
        if error.is_empty() {
            assert!(refused.is_ok(), "one after the other");
        } else {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(error), "{refused}");
        }
    }
    let twice =
        TRADING.replace("from = \"11:00\"\nuntil = \"11:00:01\"", "from = \"11:30\"\nuntil = \"12:00\"");
    let refused = file(&twice.replace("symbol = \"NSE:Y\"\nfrom", "symbol = \"NSE:Z\"\nfrom")).unwrap_err();
    assert!(refused.to_string().contains("`NSE:Z` is halted twice at one time; make one halt"), "{refused}");
}
