//! Sweeps over made days: the same bytes however they come about, figures of an independent computation, words for what is
//! wrong.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod made;

use made::{Days, FOUR, args, csv_of, finished, parquet_rows, scratch};
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::replay_card::whatif_json;
use pitlane_session::warmup::WarmupArgs;
use pitlane_session::whatif;
use pitlane_sweep::{Finished, Outcome, SweepArgs, sweep};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a sweep leaves for its readers.
fn tables(out: &Path) -> [Vec<u8>; 2] {
    ["runs.parquet", "sets.parquet"].map(|name| fs::read(out.join(name)).unwrap())
}

fn results(out: &Path) -> Vec<u8> {
    fs::read(out.join("results.bin")).unwrap()
}

#[test]
fn workers_order_and_interruption_do_not_show_in_any_byte() {
    let (days, scratch) = (Days::new(), scratch());
    let out = |name: &str| scratch.path().join(name);
    let once = SweepArgs { workers: Some(1.try_into().unwrap()), ..args(&days, FOUR, &out("one")) };
    let first = finished(&once);
    assert_eq!(first.ranks.counts, (4, 4, 0));
    let again = |name: &str, workers: usize, shuffle: Option<u64>| SweepArgs {
        workers: Some(workers.try_into().unwrap()),
        shuffle,
        out: out(name),
        ..once.clone()
    };
    for (name, workers, shuffle) in [("two", 2, None), ("five", 5, Some(3)), ("other", 1, Some(8))] {
        finished(&again(name, workers, shuffle));
        assert_eq!(tables(&out(name)), tables(&out("one")), "{name}");
        assert_eq!(results(&out(name)), results(&out("one")), "{name}");
    }
    // Stopped before the n-th question whether to stop, again and again.
    // Ever later, so that each time something is finished in between.
    let (asked, every, mut stops) = (AtomicU64::new(0), AtomicU64::new(7), 0);
    let cut = again("cut", 2, Some(1));
    while let Outcome::Stopped(now, before, all) =
        sweep(&cut, &|| asked.fetch_add(1, Ordering::Relaxed) % every.load(Ordering::Relaxed) == 6).unwrap()
    {
        assert!(now + before <= all && stops < 200, "{now} and {before} of {all}");
        stops += 1;
        every.fetch_add(2, Ordering::Relaxed);
    }
    assert!(stops > 0, "nothing was interrupted");
    println!("interrupted {stops} times");
    assert_eq!(tables(&out("cut")), tables(&out("one")));
    // A result whose bytes are not whole is a hole: it is run again.
    let mut torn = results(&out("cut"));
    let at = torn.len() - 100;
    torn[at - 100] ^= 1;
    fs::write(out("cut").join("results.bin"), &torn).unwrap();
    fs::remove_file(out("cut").join("runs.parquet")).unwrap();
    finished(&cut);
    assert_eq!(tables(&out("cut")), tables(&out("one")));
    assert_eq!(results(&out("cut")), results(&out("one")));
}

fn program(args: &SweepArgs) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_journal-replay-sweep"));
    command.args(&args.dirs).arg("--out").arg(&args.out).args(["--json", "--workers", "1"]);
    args.grid.iter().for_each(|axis| {
        command.args(["--grid", axis]);
    });
    command.args(["--set", &args.config.set[0]]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_killed_and_an_interrupted_sweep_go_on_to_the_same_bytes() {
    let (days, scratch) = (Days::new(), scratch());
    let grid = &["strategies.ema.params.fast=2..6/1", "strategies.ema.params.slow=7..12/1"];
    let whole = args(&days, grid, &scratch.path().join("whole"));
    let output = program(&whole).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for signal in ["KILL", "INT"] {
        let cut = SweepArgs { out: scratch.path().join(signal), ..whole.clone() };
        let mut child = program(&cut).spawn().unwrap();
        let some = 4_096 + 256 * 3;
        while fs::metadata(cut.out.join("results.bin")).map_or(0, |file| file.len()) < some {
            std::thread::sleep(Duration::from_millis(1));
            assert_eq!(child.try_wait().unwrap(), None, "it ended before it could be stopped");
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        if signal == "INT" {
            let words = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(130), "{words}");
            assert!(words.contains("the same command goes on"), "{words}");
        }
        let output = program(&cut).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let json = made::json(&output.stdout);
        let (now, before) = (json["runs"].as_u64().unwrap(), json["runs_before"].as_u64().unwrap());
        println!("{signal}: {before} runs were there, {now} were made");
        assert_eq!(now + before, 30 * days.dirs.len() as u64);
        assert!(before > 0, "nothing was kept");
        assert_eq!(tables(&cut.out), tables(&whole.out), "{signal}");
        assert_eq!(results(&cut.out), results(&whole.out), "{signal}");
    }
}

#[test]
fn shards_put_together_are_the_whole() {
    let (days, scratch) = (Days::new(), scratch());
    let out = |name: &str| scratch.path().join(name);
    finished(&args(&days, FOUR, &out("whole")));
    let mut shards = Vec::new();
    for at in 1..=3 {
        let shard =
            SweepArgs { shard: Some(format!("{at}/3")), ..args(&days, FOUR, &out(&format!("shard{at}"))) };
        assert!(matches!(sweep(&shard, &|| false).unwrap(), Outcome::Shard(runs, 0) if runs > 0));
        shards.push(shard.out);
    }
    let merged = SweepArgs { merge: shards[..2].to_vec(), ..args(&days, FOUR, &out("merged")) };
    let error = sweep(&merged, &|| false).err().expect("a shard is missing").to_string();
    assert!(error.contains("1 of 4 sets are not whole") && error.contains("shard"), "{error}");
    finished(&SweepArgs { merge: shards, ..merged });
    assert_eq!(tables(&out("merged")), tables(&out("whole")));
}

#[test]
fn a_row_is_what_whatif_says_with_the_same_settings() {
    let (days, scratch) = (Days::new(), scratch());
    let out = scratch.path().join("out");
    let only = SweepArgs { symbols: vec!["NSE:AAA".to_owned()], ..args(&days, FOUR, &out) };
    finished(&only);
    let rows = parquet_rows(&out.join("runs.parquet"));
    let mut set = vec!["strategies.ema.symbols=[\"NSE:AAA\"]".to_owned()];
    set.extend(only.config.set.clone());
    for (number, sets) in [(0, ["fast=2", "slow=5"]), (3, ["fast=3", "slow=9"])] {
        for (at, dir) in days.dirs.iter().enumerate() {
            let sets = sets.iter().map(|set| format!("strategies.ema.params.{set}"));
            let config = ConfigArgs { config: Vec::new(), set: set.iter().cloned().chain(sets).collect() };
            let warmup = WarmupArgs::default();
            let done =
                whatif::whatif(std::slice::from_ref(dir), None, &config, &CpuArgs::default(), "max", &warmup)
                    .unwrap();
            let (row, wanted) = (&rows[number * days.dirs.len() + at], whatif_json(&done));
            assert_eq!(row["set"], (number + 1).to_string());
            assert_eq!(row["state_hash"], wanted["state_hash"].as_str().unwrap(), "{row:?}");
            assert_eq!(row["net"], wanted["net_pnl"].as_str().unwrap());
            assert_eq!(row["gross"], wanted["gross_pnl"].as_str().unwrap());
            assert_eq!(row["charges"], wanted["charges"]["total"].as_str().unwrap());
            assert_eq!(row["fills"], wanted["fills"].to_string());
            assert_eq!(row["orders"], wanted["orders"].to_string());
        }
    }
    assert!(rows.iter().any(|row| row["trades"] != "0"), "nothing was traded");
}

#[test]
fn ranking_guards_and_walk_forward_are_those_of_an_independent_computation() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3");
        return;
    }
    let (days, scratch) = (Days::new(), scratch());
    for anchored in [false, true] {
        let out = scratch.path().join(format!("out{anchored}"));
        let grid =
            &["strategies.ema.params.fast=2..4/1", "strategies.ema.params.slow=5,9", "risk.position=5%,10%"];
        let asked = SweepArgs {
            score: "net=1,sharpe=2,drawdown=0.5".to_owned(),
            min_trades: 3,
            walk_forward: Some("2/1".to_owned()),
            anchored,
            seed: 42,
            ..args(&days, grid, &out)
        };
        let done = finished(&asked);
        let file = |name: &str| out.join(name);
        fs::write(file("sweep.json"), done.json(&asked).to_string()).unwrap();
        fs::write(file("runs.csv"), csv_of(&parquet_rows(&file("runs.parquet")))).unwrap();
        let nets =
            done.trades.iter().fold(String::new(), |text, trade| text + &format!("{}\n", trade.net().0));
        fs::write(file("trades.csv"), nets).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/sweep_check.py");
        let check = || {
            let files = ["sweep.json", "runs.csv", "trades.csv"].map(file);
            Command::new("python3").arg(&script).args(files).output().unwrap()
        };
        let output = check();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        print!("{said}");
        assert!(output.status.success(), "{said}");
        // And it would find a wrong figure.
        let mut json = done.json(&asked);
        json["luck"]["deflated_sharpe"]["deflated"] =
            (json["luck"]["deflated_sharpe"]["deflated"].as_f64().unwrap() + 1e-6).into();
        fs::write(file("sweep.json"), json.to_string()).unwrap();
        assert_eq!(check().status.code(), Some(1), "a planted error is not found");
        // Also one that the figures over days would not show: a fall from the day's beginning that is no drawdown.
        fs::write(file("sweep.json"), done.json(&asked).to_string()).unwrap();
        let mut rows = parquet_rows(&file("runs.parquet"));
        let fell = rows.iter_mut().find(|row| row["low"].starts_with('-')).expect("a day with a loss");
        fell.insert("drawdown".to_owned(), "0.0000".to_owned());
        fs::write(file("runs.csv"), csv_of(&rows)).unwrap();
        assert_eq!(check().status.code(), Some(1), "a planted drawdown is not found");
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_run() {
    let (days, scratch) = (Days::new(), scratch());
    let out = scratch.path().join("out");
    let good = || args(&days, FOUR, &out);
    let grid =
        |grid: &[&str]| SweepArgs { grid: grid.iter().map(|axis| (*axis).to_owned()).collect(), ..good() };
    let no_list = Some(scratch.path().join("none.csv"));
    for (asked, words) in [
        (grid(&[]), "nothing to sweep"),
        (grid(&["strategies.ema.params.fsat=2"]), "fsat"),
        (grid(&["strategies.eam.params.fast=2"]), "eam"),
        (grid(&["risk.stop_los=1%"]), "stop_los"),
        (grid(&["risk.stop_loss=deep"]), "deep"),
        (grid(&["instruments.0.lot=2"]), "[[instruments]] cannot be changed"),
        (
            grid(&["strategies.ema.params.fast=2,20", "strategies.ema.params.slow=10"]),
            "1 of 2 sets have values",
        ),
        (grid(&["strategies.ema.params.fast=20", "strategies.ema.params.slow=10"]), "no set can be run"),
        (SweepArgs { symbols: vec!["NSE:ZZZ".into()], ..good() }, "no NSE:ZZZ in"),
        (SweepArgs { grid: Vec::new(), list: no_list, ..good() }, "cannot be read"),
        (SweepArgs { dirs: vec![scratch.path().join("nowhere")], ..good() }, "no journal at"),
        (
            SweepArgs { dirs: vec![days.dirs[0].clone(), days.dirs[0].clone()], ..good() },
            "each day counts once",
        ),
        (SweepArgs { shard: Some("4/3".into()), ..good() }, "write I/N"),
        (SweepArgs { walk_forward: Some("9/1".into()), ..good() }, "leaves none to judge on"),
        (SweepArgs { score: "luck".into(), ..good() }, "`luck` is none of"),
    ] {
        let error = sweep(&asked, &|| false).err().expect(words);
        let error = format!("{error:#}");
        assert!(error.contains(words), "{words}: {error}");
        assert!(!out.exists(), "{words}: something was written");
    }
    let skipping = SweepArgs {
        skip_refused: true,
        ..grid(&["strategies.ema.params.fast=2,20", "strategies.ema.params.slow=10"])
    };
    let done = finished(&skipping);
    assert_eq!(done.ranks.counts, (1, 1, 1));
    assert_eq!(parquet_rows(&out.join("runs.parquet")).len(), days.dirs.len());
    let error = sweep(&good(), &|| false).err().expect("of another grid").to_string();
    assert!(error.contains("holds another sweep") && error.contains("axis"), "{error}");
}

#[test]
fn a_set_that_one_journal_refuses_is_run_on_none() {
    // With 50 on the days before.
    let slow = |day| (day >= 30).then_some("strategies.ema.params.slow=25");
    let (days, scratch) = (Days::with(slow), scratch());
    let out = scratch.path().join("out");
    let asked = SweepArgs {
        walk_forward: Some("2/1".to_owned()),
        min_trades: 0,
        ..args(&days, &["strategies.ema.params.fast=30,3"], &out)
    };
    let error = sweep(&asked, &|| false).err().expect("30 is not below 25").to_string();
    assert!(error.contains("1 of 2 sets have values") && error.contains("day30"), "{error}");
    assert!(!out.exists(), "something was written");
    let done = finished(&SweepArgs { skip_refused: true, ..asked });
    assert_eq!(done.ranks.counts, (1, 1, 1));
    let sets: Vec<String> =
        parquet_rows(&out.join("runs.parquet")).iter().map(|row| row["set"].clone()).collect();
    assert_eq!(sets, ["2"; 5]);
    let walk = done.walk.expect("it was asked for");
    let chosen: Vec<u64> =
        walk.windows.iter().filter_map(|window| Some(window.chosen.as_ref()?.figures.set)).collect();
    assert_eq!(chosen, [1; 3], "a set that is refused somewhere is chosen");
}

#[test]
fn candles_are_named_and_are_not_mixed_with_ticks_and_other_settings_are_told() {
    let slow = |day| (day == 31).then_some("strategies.ema.params.slow=30");
    let (days, scratch) = (Days::with(slow), scratch());
    let [fixed, again, inverse] = [(20, "fixed"), (21, "fixed"), (22, "inverse")]
        .map(|(day, path)| made::candles(scratch.path(), day, path));
    let out = scratch.path().join("out");
    let of = |dirs: Vec<&PathBuf>| SweepArgs {
        dirs: dirs.into_iter().cloned().collect(),
        min_trades: 0,
        ..args(&days, &["strategies.ema.params.fast=2,3"], &out)
    };
    for (other, words) in [(&days.dirs[0], "ticks, as they were recorded"), (&inverse, "path inverse")] {
        let error = sweep(&of(vec![&fixed, other]), &|| false).err().expect("refused").to_string();
        assert!(error.contains("path fixed") && error.contains(words), "{error}");
        assert!(error.contains("run them apart") && !out.exists(), "{error}");
    }
    let asked = of(vec![&fixed, &again]);
    let done = finished(&asked);
    let (text, json) = (done.text(&asked), done.json(&asked));
    assert_eq!(text.matches("bar-driven: 1m candles as four ticks each, path fixed").count(), 1, "{text}");
    assert!(
        json["path"].as_str().unwrap().starts_with("bar-driven") && json["notes"] == serde_json::json!([])
    );

    let asked = SweepArgs { out: scratch.path().join("ticks"), ..of(days.dirs.iter().collect()) };
    let done = finished(&asked);
    let (text, json) = (done.text(&asked), done.json(&asked));
    assert!(!text.contains("bar-driven") && json["path"].as_str().unwrap().starts_with("ticks"), "{text}");
    let note = json["notes"][0].as_str().unwrap();
    assert!(note.contains("day31") && note.contains("(strategies[0].params)"), "{note}");
    assert!(note.contains("each journal keeps its own") && text.contains(note), "{note}");
}

/// Does what the last line says: a `whatif` of the last day, after two days, is the best set's run.
fn look_at_it(done: &Finished, asked: &SweepArgs, dirs: &[PathBuf], out: &Path) {
    let text = done.text(asked);
    let (_, command) = text.rsplit_once("look at it:  journal-replay whatif ").expect("the command");
    let words: Vec<&str> = command.split_whitespace().map(|word| word.trim_matches('\'')).collect();
    let of = |name: &str| -> Vec<String> {
        let values = words.windows(2).filter(|pair| pair[0] == name);
        values.map(|pair| pair[1].to_owned()).collect()
    };
    let (dir, warm) = (PathBuf::from(words[0]), of("--warmup"));
    assert_eq!((&dir, warm.iter().map(PathBuf::from).collect::<Vec<_>>()), (&dirs[2], dirs[..2].to_vec()));
    let config = ConfigArgs { config: Vec::new(), set: of("--set") };
    let warmup = WarmupArgs { warmup: warm, warmup_days: None };
    let run = whatif::whatif(&[dir], None, &config, &CpuArgs::default(), "max", &warmup).unwrap();
    let best = (done.ranks.best[0].figures.set + 1).to_string();
    let rows = parquet_rows(&out.join("runs.parquet"));
    let row = rows.iter().rfind(|row| row["set"] == best).expect("its last day");
    assert_eq!(row["state_hash"], whatif_json(&run)["state_hash"].as_str().unwrap(), "{command}");
}

#[test]
fn every_symbol_by_itself_and_warm_days() {
    let (days, scratch) = (Days::new(), scratch());
    let out = scratch.path().join("each");
    let each = SweepArgs { each_symbol: true, ..args(&days, &["strategies.ema.params.fast=2"], &out) };
    finished(&each);
    let rows = parquet_rows(&out.join("sets.parquet"));
    let symbols: Vec<&str> = rows.iter().map(|row| row["symbol"].as_str()).collect();
    assert_eq!(symbols, ["NSE:AAA", "NSE:BBB"]);
    let warm = scratch.path().join("warm");
    let asked = SweepArgs { warm_days: 2, out: warm.clone(), ..each };
    let done = finished(&asked);
    look_at_it(&done, &asked, &days.dirs[2..], &warm);
    let (cold, warm) = (parquet_rows(&out.join("runs.parquet")), parquet_rows(&warm.join("runs.parquet")));
    let hashes = |at: usize| (cold[at]["state_hash"].clone(), warm[at]["state_hash"].clone());
    let (first, second) = (hashes(0), hashes(1));
    assert_eq!(first.0, first.1, "there is nothing before the first day");
    assert_ne!(second.0, second.1, "history is part of the state");
}

#[test]
fn gates_that_nothing_passes_are_said_and_a_strategy_that_never_trades_has_a_page() {
    let (days, scratch) = (Days::new(), scratch());
    let out = scratch.path().join("out");
    let none = SweepArgs { min_trades: 1_000, ..args(&days, FOUR, &out) };
    let output = program(&none).args(["--min-trades", "1000"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let json = made::json(&output.stdout);
    assert_eq!((&json["sets_ranked"], json["ranking"].as_array().unwrap().len()), (&0.into(), 0));
    assert_eq!(parquet_rows(&out.join("sets.parquet")).len(), 4);
    let asked = SweepArgs {
        min_trades: 0,
        ..args(&days, &["strategies.ema.params.slow=5000,6000"], &scratch.path().join("idle"))
    };
    let done = finished(&asked);
    assert!(done.deflated.is_none() && done.shuffled.is_none());
    assert!(done.text(&asked).contains("Fewer than two trades"));
}
