//! A server that is not there when a writer begins. What kills, cuts and stops come to, the tests of `cold-path` show.

use super::*;
use pitlane_postgres::patiently;
use sample::sample;

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
