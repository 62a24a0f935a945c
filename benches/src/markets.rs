//! The markets that the pipeline is measured on, played by `latency-bench`'s day: one packet a frame, the same day again
//! and again, a day later each time.

use pitlane_config::Settings;
use pitlane_latency_bench::day::Day;
use pitlane_session::cli::ConfigArgs;
use pitlane_session::import::ticks;
use std::path::{Path, PathBuf};

/// The symbols of 15 April 2021, and their files.
const APRIL: [(&str, &str); 9] = [
    ("NIFTY 50", "15-April_Nifty_15_April"),
    ("NIFTY BANK", "15-April_Nifty_Bank_15_April"),
    ("RELIANCE", "RELIANCE_15_April"),
    ("TCS", "TCS_15_April"),
    ("INFY", "INFY_15_April"),
    ("HDFCBANK", "HDFCBANK_15_April"),
    ("ICICIBANK", "ICICIBANK_15_April"),
    ("SBIN", "SBIN_15_April"),
    ("TATAMOTORS", "TATAMOTORS_15_April"),
];

/// The files of the broker's ticks of 9 October 2025.
const KITE: [&str; 3] = [
    "ticks_NIFTY50_256265_20251009",
    "ticks_CALL_10923266_10923266_20251009",
    "ticks_PUT_10929666_10929666_20251009",
];

/// The demo's synthetic day: full packets of 184 bytes, five levels a side.
///
/// # Panics
/// Never: the demo's settings make a market.
pub fn depth() -> Day {
    let mut settings = Settings::demo();
    settings.sim.halts = 0;
    Day::new(settings).expect("the demo's settings make a market")
}

/// Where the recorded days are, which the project does not ship: `$PITLANE_DATA`, else `../shared/data` beside the
/// checkout. `None`, said aloud, if absent.
pub fn recorded_days() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let dir = std::env::var_os("PITLANE_DATA").map_or_else(beside, PathBuf::from);
    if dir.join("nse_ticks_2021").is_dir() {
        return Some(dir);
    }
    println!("recorded days: skipped: no shared data");
    None
}

/// Last prices and volumes of two indices and seven shares on 15 April 2021.
///
/// # Panics
/// If a file is not there or cannot be read.
pub fn april(data: &Path) -> Day {
    let file = |name: &str| data.join("nse_ticks_2021").join(format!("{name}.csv.gz"));
    let args = APRIL.map(|(symbol, name)| format!("NSE:{symbol}={}", file(name).display()));
    recorded(&args, None)
}

/// Last prices of an index and two of its options on 9 October 2025, as the broker's socket brought them.
///
/// # Panics
/// If a file is not there or cannot be read.
pub fn kite(data: &Path) -> Day {
    let folder = data.join("kite_ticks_2025");
    let args = KITE.map(|name| folder.join(format!("{name}.csv.gz")).display().to_string());
    recorded(&args, Some(&folder.join("nifty_option_instruments.csv")))
}

fn recorded(args: &[String], instruments: Option<&Path>) -> Day {
    let ticks = ticks(args, &ConfigArgs::default(), instruments).expect("the recorded ticks are there");
    Day::recorded(ticks).expect("the recorded ticks make a market")
}
