//! A real day, 15 April 2021, from recorded ticks to answers: imported, run by the engine while a sidecar follows, archived,
//! asked in psql and in DuckDB; the same once more while the plug of every part is pulled in turn; and both restored.

use crate::questions::{Rows, compare, of_duckdb, of_postgres};
use crate::{answer, binary, document, printed};
use pitlane_tests::postgres::Server;
use pitlane_tests::shared_data;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DATE: &str = "2021-04-15";

/// Symbols, and how their files begin.
const FILES: [(&str, &str); 9] = [
    ("NSE:NIFTY 50", "15-April_Nifty"),
    ("NSE:NIFTY BANK", "15-April_Nifty_Bank"),
    ("NSE:RELIANCE", "RELIANCE"),
    ("NSE:TCS", "TCS"),
    ("NSE:INFY", "INFY"),
    ("NSE:HDFCBANK", "HDFCBANK"),
    ("NSE:ICICIBANK", "ICICIBANK"),
    ("NSE:SBIN", "SBIN"),
    ("NSE:TATAMOTORS", "TATAMOTORS"),
];

struct Show {
    dir: tempfile::TempDir,
    server: Server,
    /// The database's address.
    url: String,
    name: &'static str,
}

impl Show {
    fn path(&self, what: &str) -> PathBuf {
        self.dir.path().join(format!("{}-{what}", self.name))
    }

    fn engine(&self, speed: &str) -> Command {
        let mut command = Command::new(binary("engine"));
        command.args(["run", "--mode", "replay", "--json", "--speed", speed, "--from"]);
        command.arg(self.dir.path().join("ticks")).arg("--journal").arg(self.path("journal"));
        command.args(["--set", "journal.segment=4MiB"]);
        command
    }

    fn cold(&self, verb: &str) -> Command {
        let mut command = Command::new(binary("cold-path"));
        command.arg(verb).arg("--json").arg("--out").arg(self.path("out")).env_remove("PITLANE_POSTGRES");
        command.args(["--postgres", &self.url, "--postgres-ticks"]);
        if verb != "run" {
            command.args(["--date", DATE]);
        }
        if verb != "restore" {
            command.arg("--journal").arg(self.path("journal"));
        }
        if verb == "run" || verb == "archive" {
            command.args(["--range-inputs", "50000"]);
        }
        command
    }

    /// Inputs that the sidecar has read, of all its destinations the least; 0 before it has said so.
    fn read(&self) -> u64 {
        let mut command = Command::new(binary("cold-path"));
        let output = answer(command.args(["status", "--json", "--out"]).arg(self.path("out")), "");
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let sinks = status["runs"][0]["sinks"].as_array().cloned().unwrap_or_default();
        sinks.iter().filter_map(|sink| sink["read_seq"].as_u64()).min().unwrap_or(0)
    }

    /// Waits until the sidecar has read further than `seq`; how far.
    fn beyond(&self, seq: u64) -> u64 {
        let since = Instant::now();
        loop {
            let read = self.read();
            if read > seq {
                return read;
            }
            assert!(since.elapsed() < Duration::from_secs(120), "it has read {read}, and not beyond {seq}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The document's questions, asked in psql and in DuckDB, which must agree.
    fn answers(&self) -> Vec<Rows> {
        let mut questions = document::questions();
        questions.iter_mut().for_each(|question| question.sql = question.sql.replace("2026-07-31", DATE));
        let postgres = of_postgres(&self.server, self.name, &questions);
        if let Some(duckdb) = of_duckdb(&self.path("out"), &questions) {
            compare(&questions, &duckdb, &postgres, "PostgreSQL");
        }
        postgres
    }

    /// Archives, asks, restores into an empty directory and an empty database, and proves what was restored.
    fn finish(&self) -> Vec<Rows> {
        let archived: Value = serde_json::from_str(&printed(answer(&mut self.cold("archive"), ""))).unwrap();
        let report = &archived["reports"][0];
        assert_eq!((&report["equal"], &report["stores"][2]), (&Value::Bool(true), &"postgres".into()));
        println!("{}: {} rows in {} files", self.name, report["rows"], report["files"]);
        let answers = self.answers();
        // The original is gone, and so is the database.
        let proof = proof(&self.path("journal"));
        fs::remove_dir_all(self.path("journal")).unwrap();
        self.server.psql("postgres", &format!("drop database {}", self.name));
        self.server.database(self.name);
        printed(answer(&mut self.cold("restore"), ""));
        let mut restore = Command::new(binary("cold-path"));
        restore.args(["restore", "--date", DATE, "--out"]).arg(self.path("out"));
        printed(answer(restore.arg("--to").arg(self.path("journal")), ""));
        assert_eq!(self::proof(&self.path("journal")), proof);
        assert_eq!(self.answers(), answers, "the restored database says something else");
        answers
    }
}

/// The state hash that `journal-replay verify` finds identical.
fn proof(journal: &Path) -> Value {
    let mut command = Command::new(binary("journal-replay"));
    let verified = printed(answer(command.args(["verify", "--json"]).arg(journal), ""));
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!(verified["identical"], true, "{verified}");
    verified["state_hash"].clone()
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Kills a process that must be running still.
fn kill(mut child: Child, what: &str) {
    if child.try_wait().unwrap().is_some() {
        let output = child.wait_with_output().unwrap();
        panic!("{what} ended by itself: {}", String::from_utf8_lossy(&output.stderr));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn import(data: &Path, to: &Path) {
    let mut command = Command::new(binary("journal-replay"));
    command.args(["import", "tick-csv", "--json", "--journal"]).arg(to);
    for (symbol, start) in FILES {
        let path = data.join("nse_ticks_2021").join(format!("{start}_15_April.csv.gz"));
        command.arg(format!("{symbol}={}", path.display()));
    }
    printed(answer(&mut command, ""));
}

/// The day with the plug of every part pulled in turn, while it is run and followed.
fn disturbed(show: &Show) {
    let run = || show.engine("x4000");
    let (mut sidecar, engine) = (start(&mut show.cold("run")), start(&mut run()));
    let mut read = show.beyond(2_000);
    kill(sidecar, "the sidecar");
    sidecar = start(&mut show.cold("run"));
    read = show.beyond(read + 5_000);
    show.server.stop_immediately();
    show.server.start_again();
    read = show.beyond(read + 5_000);
    kill(engine, "the engine");
    let engine = start(&mut run());
    show.beyond(read + 5_000);
    kill(sidecar, "the sidecar");
    let done = engine.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // The nightly job, killed at a few places of its way.
    for ms in [30, 150, 400] {
        let mut archive = start(&mut show.cold("archive"));
        std::thread::sleep(Duration::from_millis(ms));
        archive.kill().unwrap();
        archive.wait().unwrap();
    }
}

#[test]
fn april_15_is_the_same_whatever_plug_was_pulled() {
    let (Some(data), Some(server)) = (shared_data::dir(), Server::start()) else { return };
    let dir = tempfile::tempdir().unwrap();
    import(&data, &dir.path().join("ticks"));
    let url = server.database("calm");
    let mut show = Show { dir, server, url, name: "calm" };
    printed(answer(&mut show.engine("max"), ""));
    let calm = show.finish();
    (show.url, show.name) = (show.server.database("cut"), "cut");
    disturbed(&show);
    let cut = show.finish();
    let questions = document::questions();
    for ((question, calm), cut) in questions.iter().zip(&calm).zip(&cut) {
        println!("{}: {} rows", question.title, calm.len());
        // Each journal has its own name.
        let nameless = |rows: &Rows| -> Rows {
            let is_name = |cell: &String| cell.len() == 36 && cell.matches('-').count() == 4;
            rows.iter().map(|row| row.iter().filter(|cell| !is_name(cell)).cloned().collect()).collect()
        };
        assert_eq!(nameless(calm), nameless(cut), "{}", question.title);
    }
}
