//! A broker that is killed: with its memory, and without.

use super::*;

#[test]
fn a_killed_broker_goes_on_from_its_state_file() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("state");
    let state = path.to_str().unwrap();
    let args = ["--state", state, "--speed", "x20", "--no-rate-limits"];
    let sim = Sim::synthetic(&args);
    let last = sim.last_price();
    sim.ok("POST", "/orders/regular", &buy(last * 1.01, "bought"));
    sim.ok("POST", "/orders/regular", &buy(last * 0.95, "resting"));
    until(|| sim.tagged("bought").unwrap()["status"] == "COMPLETE");
    let token = sim.token.clone();
    let before = (sim.ok("GET", "/orders", ""), sim.ok("GET", "/trades", ""));
    let base = sim.said["wall_base_ns"].clone();
    sim.end("-KILL");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&token) && !text.contains("checksum"), "no secret: {text}");
    // The line that it was writing when it died.
    std::fs::write(&path, text + "{\"now\":17").unwrap();

    let mut again = Sim::synthetic(&args);
    assert_eq!(again.said["wall_base_ns"], base, "the market's clock goes on");
    assert_eq!((again.ok("GET", "/orders", ""), again.ok("GET", "/trades", "")), before);
    again.token = token;
    let resting = again.tagged("resting").unwrap()["order_id"].as_str().unwrap().to_owned();
    again.ok("DELETE", &format!("/orders/regular/{resting}"), "");
    again.end("-KILL");
    let third = Sim::synthetic(&args);
    assert_eq!(third.tagged("resting").unwrap()["status"], "CANCELLED");

    let other = ["--state", state, "--set", "sim.date=2026-07-30"];
    let out = Command::new(env!("CARGO_BIN_EXE_broker-sim")).arg("--synthetic").args(other).output().unwrap();
    assert_eq!(out.status.code(), Some(3), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn without_a_state_file_it_remembers_nothing_but_its_clock_can_go_on() {
    let sim = Sim::synthetic(&["--speed", "x20", "--no-rate-limits"]);
    sim.ok("POST", "/orders/regular", &buy(sim.last_price() * 1.01, "gone"));
    let base = sim.said["wall_base_ns"].as_u64().unwrap();
    sim.end("-KILL");
    let again = Sim::synthetic(&["--speed", "x20", "--wall-base", &base.to_string()]);
    assert_eq!(again.orders(), Vec::<Value>::new());
    assert!(again.said["now_ns"].as_u64() > again.said["base_ns"].as_u64());
}
