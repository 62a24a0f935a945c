//! The thread, against a broker that is not there.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::units::NS_PER_S;
use pitlane_kite_gateway::Gateway;
use pitlane_kite_gateway::driver::{GatewayThread, Rings, Start};
use pitlane_kite_gateway::gateway::Note;
use pitlane_kite_gateway::instruments::Instruments;
use pitlane_kite_gateway::session::{Secret, Session};
use pitlane_kite_gateway::settings::Settings;
use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

/// The system's clock was an hour ahead when the gateway began, and was corrected: its time has to go on all the same, or
/// its limits and its repetitions stand for an hour.
#[test]
fn the_gateways_time_goes_on_when_the_systems_clock_steps_back() {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let ahead = u64::try_from(wall).unwrap() + 3_600 * NS_PER_S;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::new(Settings::default(), Instruments::default(), 7, ahead).unwrap();
    let session = Session {
        api_key: "key".into(),
        user_id: "AB1234".into(),
        access_token: Secret::new("token"),
        made_ns: ahead,
        expires_ns: ahead + 3_600 * NS_PER_S,
    };
    let (_intents, intents) = rtrb::RingBuffer::new(4);
    let (_updates, updates) = rtrb::RingBuffer::new(4);
    let (reports, _reports) = rtrb::RingBuffer::new(4);
    let start = Start { gateway, root: format!("http://{closed}"), session };
    let thread = GatewayThread::start(start, Rings { intents, updates, reports }, || 0).unwrap();
    let (mut failed, begun) = (0, Instant::now());
    // Three questions fail at once; the next three come a second later, if the second passes.
    while failed < 6 {
        let notes = thread.shared().take_notes();
        failed += notes.iter().filter(|note| matches!(note, Note::Failed { .. })).count();
        assert!(begun.elapsed() < Duration::from_secs(60), "{failed} questions, and its time stands");
        std::thread::sleep(Duration::from_millis(10));
    }
    thread.join().unwrap();
}
