use super::*;
use crate::stat::{MeasuredSummary, StatWriter};
use pitlane_engine::drive::measure::Gauges;

fn sample(running: bool, pid: u32, age_s: u64) -> Stat {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Stat {
        schema: "engine-stat/1".to_owned(),
        pid,
        running,
        started: crate::now_ist(),
        updated: crate::now_ist(),
        updated_ns: (now - Duration::from_secs(age_s)).as_nanos() as u64,
        wall_s: 12.0,
        inputs: 5,
        inputs_per_s: 4.0,
        seq_last: 5,
        ts_last: 1_785_469_500_000_000_000,
        tick_to_order_ns: Default::default(),
        last_tick_to_order_ns: Default::default(),
        last_step_ns: Default::default(),
        measured: MeasuredSummary::default(),
    }
}

#[test]
fn a_run_that_was_killed_is_told_from_one_that_runs_or_ended() {
    let me = std::process::id();
    for (stat, expected, word) in [
        (sample(true, me, 0), Life::Running, "running for 12 s"),
        (sample(true, me, 60), Life::Gone, "is gone or stands still"),
        // No process has this number: it is beyond the kernel's largest.
        (sample(true, 5_000_000, 0), Life::Gone, "is gone or stands still"),
        (sample(false, me, 600), Life::Ended, "ended after 12.0 s"),
    ] {
        assert_eq!(life(&stat), expected);
        let text = render(&stat, expected);
        assert!(text.contains(word) && text.contains("2026-07-31T09:15:00+05:30"), "{text}");
    }
}

#[test]
fn the_file_is_there_from_the_start_and_says_that_the_run_ended() {
    let dir = tempfile::TempDir::new().expect("a directory");
    assert!(read(dir.path()).unwrap_err().to_string().contains("engine.measure"));
    let writer = StatWriter::start(dir.path(), Gauges::new(true), Vec::new()).expect("a file");
    let first = read(dir.path()).expect("it is whole");
    assert_eq!((life(&first), first.inputs), (Life::Running, 0));
    drop(writer);
    assert_eq!(life(&read(dir.path()).expect("it is whole")), Life::Ended);
    std::fs::write(dir.path().join(STAT_FILE), "{\"schema\":").unwrap();
    assert!(read(dir.path()).unwrap_err().to_string().contains(STAT_FILE));
}
