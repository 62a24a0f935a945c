//! Candles that are imported and exported again.

use super::*;
use crate::audit::{AuditArgs, audit};
use crate::cli::{ConfigArgs, CpuArgs};
use crate::diff::{DiffArgs, diff};
use crate::exit::{Exit, exit_of};
use crate::export::{What, export};
use crate::whatif::whatif;
use crate::{info, replay_card, verify};
use tempfile::TempDir;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Candles of two days, some left out: rows of a file, and what an export of their bars has.
fn candles(minutes: u64, random: &mut Random) -> (String, Vec<String>) {
    let mut file = "date,open,high,low,close,volume,oi\n".to_owned();
    let mut bars = Vec::new();
    let show = |paise: u64| format!("{}.{:02}", paise / 100, paise % 100);
    for day in ["2026-07-30", "2026-07-31"] {
        for start in (555..930).step_by(minutes as usize) {
            if random.below(20) == 0 {
                continue;
            }
            let (open, low) = (100_000 + random.below(500), 99_900 + random.below(100));
            let high = open.max(100_500) + random.below(50);
            let close = low + random.below(high - low + 1);
            let volume = [0, 1, 2, 3, 5, 100_003][random.below(6) as usize];
            let (clock, prices) =
                (format!("{:02}:{:02}", start / 60, start % 60), [open, high, low, close].map(show));
            file += &format!("{day} {clock}:00,{},{volume},7\n", prices.join(","));
            bars.push(format!("NSE:X,{day}T{clock}:00+05:30,{},{volume}", prices.join(",")));
        }
    }
    (file, bars)
}

fn sets(sets: &[&str]) -> ConfigArgs {
    ConfigArgs { config: Vec::new(), set: sets.iter().map(|set| (*set).to_owned()).collect() }
}

#[test]
fn the_bars_of_imported_candles_are_the_candles() {
    let scratch = TempDir::new().expect("a directory");
    for (minutes, timeframe, path) in [
        (1, "1m", "fixed"),
        (1, "1m", "inverse"),
        (1, "1m", "adaptive"),
        (5, "5m", "adaptive"),
        (30, "30m", "fixed"),
    ] {
        let seed = minutes * 31 + path.len() as u64;
        println!("seed {seed}");
        let (rows, expected) = candles(minutes, &mut Random(seed));
        let name = |what: &str| scratch.path().join(format!("{what}-{timeframe}-{path}"));
        std::fs::write(name("rows"), rows).expect("a file");
        let (config, journal) = (sets(&[]), name("journal"));
        let request = Request { journal: &journal, config: &config, instruments: None };
        let files = [format!("NSE:X={}", name("rows").display())];
        let done = request.bar_csv(&files, timeframe, path).expect("imports");
        let mut csv = Vec::new();
        export(&journal, What::parse("bars", timeframe).expect("bars"), &mut csv).expect("exports");
        let csv = String::from_utf8(csv).expect("text");
        let bars: Vec<String> = csv
            .lines()
            .skip(1)
            .map(|line| line.rsplit_once(',').expect("trades are last").0.to_owned())
            .collect();
        assert_eq!(bars, expected, "{timeframe} {path}");
        let summary = done.json();
        let label = format!("bar-driven: {timeframe} candles as four ticks each, path {path}");
        for said in [
            summary["path"].as_str().expect("text"),
            &done.render(),
            &info::info(&journal).expect("info").render(),
        ] {
            assert!(said.contains(&label), "{said}");
        }
        assert!(done.render().contains("missing in"), "{}", done.render());
    }
}

#[test]
fn ticks_outside_the_hours_are_told_with_the_hours_that_were_asked_for() {
    let scratch = TempDir::new().expect("a directory");
    let rows = scratch.path().join("t.csv");
    std::fs::write(&rows, "2026-07-29 09:20:00,100,1\n").expect("a file");
    let files = [format!("NSE:X={}", rows.display())];
    let refused = |files: &[String]| {
        let config = sets(&["session.open=10:00", "session.close=11:30"]);
        super::ticks(files, &config, None).err().expect("refused").to_string()
    };
    let text = refused(&files);
    assert!(
        text.contains("10:00:00 to 11:30:00") && text.contains("session.open and session.close"),
        "{text}"
    );
    assert!(refused(&[]).contains("no file of ticks is named"));
}

#[test]
fn runs_of_candles_say_so_and_cannot_be_relabelled() {
    let scratch = TempDir::new().expect("a directory");
    let (rows, _) = candles(1, &mut Random(5));
    std::fs::write(scratch.path().join("rows.csv"), rows).expect("a file");
    let [journal, ticks, out] = ["candles", "ticks", "out"].map(|name| scratch.path().join(name));
    let config = sets(&["strategies.ema.params.fast=2", "strategies.ema.params.slow=5"]);
    let request = Request { journal: &journal, config: &config, instruments: None };
    let files = [format!("NSE:X={}", scratch.path().join("rows.csv").display())];
    request.bar_csv(&files, "1m", "adaptive").expect("imports");
    let run = |dirs: &[PathBuf], out: Option<&Path>, changes: &[&str]| {
        whatif(dirs, out, &sets(changes), &CpuArgs::default(), "max", &Default::default())
    };
    let done = run(std::slice::from_ref(&journal), Some(&out), &[]).expect("runs");
    assert!(replay_card::whatif(&done).contains("bar-driven: 1m candles"));
    let verified = verify::verify(&out).expect("verifies");
    assert_eq!(verified.identical, Some(true));
    assert!(verified.notes[0].contains("bar-driven"), "{:?}", verified.notes);
    let audited =
        audit(&AuditArgs { dir: out.clone(), points: 1, days: 2, ..AuditArgs::default() }).expect("audits");
    let differs =
        diff(&DiffArgs { a: journal.clone(), b: out.clone(), ..DiffArgs::default() }).expect("compares");
    for said in [audited.render(), differs.render()] {
        assert!(said.contains(" prices ") && said.contains("bar-driven: 1m candles"), "{said}");
    }
    let path = audited.json()["path"].clone();
    assert!(path.as_str().expect("text").starts_with("bar-driven"), "{path}");
    assert_eq!(differs.json()["path"], serde_json::json!({ "a": path, "b": path }));

    let error = run(std::slice::from_ref(&journal), None, &["candles.path=fixed"]).err().expect("refused");
    assert!(error.to_string().contains("[candles] cannot be changed"), "{error}");
    std::fs::write(scratch.path().join("t.csv"), "2026-07-29 10:00:00,100,1\n2026-07-29 10:00:05,100,2\n")
        .expect("a file");
    let tick_args = [format!("NSE:X={}", scratch.path().join("t.csv").display())];
    tick_csv(&tick_args, &ticks, &sets(&[])).expect("imports");
    let error = run(&[journal.clone(), ticks], None, &[]).err().expect("refused");
    let text = error.to_string();
    assert!(text.contains("ticks, as they were recorded") && text.contains("run them apart"), "{text}");

    let error = request.bar_csv(&files, "1m", "worst").err().expect("refused");
    let text = error.to_string();
    assert!(
        exit_of(&error) == Exit::Usage && text.contains("--path inverse") && text.contains("--path fixed"),
        "{text}"
    );
    assert!(
        request.bar_csv(&files, "day", "fixed").err().expect("refused").to_string().contains("--timeframe")
    );
}
