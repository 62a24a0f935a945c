//! The broker's official client against the simulator, unchanged but for its root addresses.

use super::*;
use std::path::Path;

/// The version that the script was written for.
const CLIENT: &str = "kiteconnect==5.2.2";

/// A Python with the client, in the build directory; `None` if there is none and none can be had.
fn python() -> Option<String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kite-client");
    let python = dir.join("bin/python").to_str().unwrap().to_owned();
    let run = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        out.is_ok_and(|status| status.success())
    };
    let works = || run(&python, &["-c", "import kiteconnect"]);
    if works() {
        return Some(python);
    }
    let made = run("python3", &["-m", "venv", dir.to_str().unwrap()])
        && run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", CLIENT]);
    (made && works()).then_some(python)
}

#[test]
fn the_official_client_works_unchanged() {
    let Some(python) = python() else {
        println!("skipped: no {CLIENT} (python3 -m venv and pip are needed)");
        return;
    };
    let sim = Sim::synthetic(&["--speed", "x10"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/official_client.py");
    let out =
        Command::new(python).args([script, &sim.http.to_string(), &sim.ws.to_string()]).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("official client: ok"), "{said}{errors}");
}
