//! Writers that are killed, and a server that is stopped without a word.

use super::*;
use pitlane_postgres::patiently;
use sample::{Rng, sample};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, thread};

const CHILD: &str = "PITLANE_POSTGRES_CHILD";
const SEED: u64 = 31;
const STEPS: u64 = 4_000;

/// Not a test: what the test below starts and kills.
#[test]
fn a_child_that_is_killed() {
    let Ok(url) = env::var(CHILD) else { return };
    write_all(&sample(SEED, STEPS), &url, small(400)).unwrap();
}

#[test]
fn killed_writers_leave_every_row_once() {
    let Some(server) = server() else { return };
    let url = server.database("kills");
    let sample = sample(SEED, STEPS);
    let expected = tally_of(&sample);
    let (wanted, seed) = (if is_long() { 300 } else { 30 }, 77);
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let (mut kills, mut ends) = (0, 0);
    while kills < wanted || ends == 0 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kills::a_child_that_is_killed"])
            .env(CHILD, &url)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        if kills < wanted {
            thread::sleep(Duration::from_micros(10_000 + rng.below(250_000)));
        } else {
            child.wait().unwrap();
        }
        let Some(status) = child.try_wait().unwrap() else {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            continue;
        };
        assert!(status.success(), "{status}");
        check(&sample, &expected, &url);
        ends += 1;
        clear(server, "kills");
    }
    println!("{kills} kills, {ends} whole journals");
}

#[test]
fn immediate_stops_leave_every_row_once() {
    let Some(server) = Server::start() else { return };
    let url = server.database("stops");
    let sample = sample(SEED, STEPS);
    let expected = tally_of(&sample);
    let (wanted, seed) = (if is_long() { 50 } else { 5 }, 78);
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let (mut stops, mut ends, mut waits) = (0, 0, 0);
    while stops < wanted {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut waits = 0;
                let target = target(&url);
                let mut down = |_: &pitlane_postgres::Down<'_>| waits += 1;
                let open = || Sink::open(&target, sample.context.clone(), small(200));
                let opened = patiently(&|| false, &mut down, open).unwrap();
                let (mut sink, mut projection) = (opened.sink, opened.projection);
                let result = write(&sample, &mut sink, &mut projection, &mut |sink, projection| {
                    patiently(&|| false, &mut down, || sink.commit(projection))
                });
                done.store(true, Ordering::Release);
                result.map(|()| waits)
            });
            while !done.load(Ordering::Acquire) && stops < wanted {
                thread::sleep(Duration::from_micros(rng.below(300_000)));
                if !done.load(Ordering::Acquire) {
                    server.stop_immediately();
                    thread::sleep(Duration::from_millis(rng.below(200)));
                    server.start_again();
                    stops += 1;
                }
            }
            waits += writer.join().unwrap().unwrap();
        });
        check(&sample, &expected, &url);
        ends += 1;
        clear(&server, "stops");
    }
    println!("{stops} immediate stops, {waits} waits, {ends} whole journals");
}

#[test]
fn a_server_that_was_away_for_the_whole_session_catches_up() {
    let Some(server) = Server::start() else { return };
    let url = server.database("later");
    server.stop_immediately();
    let sample = sample(5, 500);
    let mut failures = 0;
    let target = target(&url);
    let opened = patiently(
        &|| false,
        &mut |down| {
            failures = down.failures;
            assert_eq!(down.error.exit_code(), 69, "{}", down.error);
            if down.failures == 3 {
                server.start_again();
            }
        },
        || Sink::open(&target, sample.context.clone(), Options::default()),
    )
    .unwrap();
    assert_eq!(failures, 3);
    let (mut sink, mut projection) = (opened.sink, opened.projection);
    write(&sample, &mut sink, &mut projection, &mut |sink, projection| sink.commit(projection)).unwrap();
    check(&sample, &tally_of(&sample), &url);
    // One that is told to stop while it waits gives up.
    server.stop_immediately();
    let gone = patiently(&|| true, &mut |_| {}, || Database::connect(&target));
    assert_eq!(gone.err().unwrap().exit_code(), 69);
}
