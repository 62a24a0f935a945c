//! Connections that are cut at random bytes, commits included.

use super::*;
use proxy::Proxy;
use sample::{Rng, sample};
use std::sync::atomic::Ordering;

#[test]
fn cut_connections_leave_every_row_once() {
    let Some(server) = server() else { return };
    let direct = server.database("cuts");
    let sample = sample(32, 3_000);
    let expected = tally_of(&sample);
    let (wanted, seed) = (if is_long() { 1_000 } else { 100 }, 79);
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let proxy = Proxy::start(server.port(), wanted, move |bound| rng.below(bound), || {});
    let url = proxy.url(&direct, server.port());
    let (mut ends, mut recovered, mut errors) = (0, 0, 0);
    while proxy.cuts() < wanted {
        let opened = retry(&mut errors, || Sink::open(&target(&url), sample.context.clone(), small(300)));
        let (mut sink, mut projection) = (opened.sink, opened.projection);
        write(&sample, &mut sink, &mut projection, &mut |sink, projection| {
            let committed = retry(&mut errors, || sink.commit(projection));
            recovered += u64::from(committed.is_some_and(|committed| committed.recovered));
            Ok(committed)
        })
        .unwrap();
        drop(sink);
        check(&sample, &expected, &direct);
        ends += 1;
        clear(server, "cuts");
    }
    let at_commits = proxy.counts.at_commits.load(Ordering::SeqCst);
    println!(
        "{} cuts, {at_commits} of them at commits; {errors} errors, {recovered} commits found made, {ends} whole journals",
        proxy.cuts()
    );
    assert!(recovered > 0, "no commit's answer was lost: the test misses what it is for");
}

fn retry<T>(errors: &mut u64, mut attempt: impl FnMut() -> Result<T, PgError>) -> T {
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        *errors += 1;
    }
}
