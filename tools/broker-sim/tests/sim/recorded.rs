//! Recorded ticks: files as they are, and a journal.

use super::*;
use std::path::PathBuf;

fn shared(name: &str) -> Option<String> {
    let root = std::env::var("PITLANE_DATA").map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(name);
    let found = path.is_file().then(|| path.to_str().unwrap().to_owned());
    if found.is_none() {
        println!("skipped: no shared data");
    }
    found
}

/// Every packet that a subscriber of a market without a clock gets: last prices and volumes of full packets.
fn play(sim: &Sim, token: u32) -> Vec<(u32, u32)> {
    let mut socket = sim.socket().unwrap();
    socket.say(&format!("{{\"a\":\"subscribe\",\"v\":[{token}]}}"));
    socket.say(&format!("{{\"a\":\"mode\",\"v\":[\"full\",[{token}]]}}"));
    let mut packets = Vec::new();
    // A heartbeat says that nothing is left.
    while let Some(message) = socket.next(PATIENCE) {
        if !message.is_binary() {
            continue;
        }
        let bytes = message.into_data();
        let word = |at: usize| u32::from_be_bytes(bytes[4 + at..8 + at].try_into().unwrap());
        match bytes.len() {
            1 => break,
            188 => packets.push((word(4), word(16))),
            _ => {}
        }
    }
    packets
}

#[test]
fn recorded_ticks_arrive_whole_and_candles_are_the_days() {
    let Some(file) = shared("nse_ticks_2021/RELIANCE_15_April.csv.gz") else { return };
    let arg = format!("NSE:RELIANCE={file}");
    let sim = Sim::start(&["--ticks", &arg, "--speed", "max", "--no-rate-limits"]);
    assert_eq!((sim.said["date"].as_str(), sim.said["speed"].is_null()), (Some("2021-04-15"), true));
    let token = 738_561;
    let packets = play(&sim, token);
    assert!(packets.len() > 10_000, "{} packets", packets.len());
    let volume = packets.iter().map(|packet| packet.1).max().unwrap() - packets[0].1;
    assert_eq!(volume, 8_896_735, "the day's volume");
    let path = format!("/instruments/historical/{token}/minute");
    let candles = sim.ok("GET", &path, "from=2021-04-15+09:15:00&to=2021-04-15+15:30:00");
    let candles = candles["candles"].as_array().unwrap();
    let sum: u64 = candles.iter().map(|candle| candle[5].as_u64().unwrap()).sum();
    assert_eq!((candles.len(), sum), (375, 8_896_735));
}

#[test]
fn a_journal_is_a_market_too() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut rows = "timestamp,ltp,volume\n".to_owned();
    for second in 0..120 {
        let (minute, of) = (15 + second / 60, second % 60);
        rows += &format!(
            "2021-04-15 09:{minute}:{of:02},{:.2},{}\n",
            1_900.0 + f64::from(second) * 0.05,
            1_000 + second * 10
        );
    }
    let (csv, journal) = (dir.path().join("ticks.csv"), dir.path().join("journal"));
    std::fs::write(&csv, rows).unwrap();
    let arg = format!("NSE:RELIANCE={}", csv.display());
    let config = pitlane_session::cli::ConfigArgs::default();
    pitlane_session::import::tick_csv(std::slice::from_ref(&arg), &journal, &config).unwrap();
    let of_files = play(&Sim::start(&["--ticks", &arg, "--speed", "max"]), 738_561);
    let of_journal = play(&Sim::start(&["--ticks", journal.to_str().unwrap(), "--speed", "max"]), 738_561);
    assert_eq!((of_files.len() >= 120, &of_files), (true, &of_journal));
}
