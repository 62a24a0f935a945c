//! What the binary must hold, with files and a real database: it is killed, its connections are cut and its server is
//! stopped at random bytes of what it says to the server, commits included, and in the end every row is there once.

use crate::postgres::Server;
use crate::proxy::Proxy;
use crate::{Rng, assert_same, cold, day, ends, is_long, json, on, scratch, stderr, tree};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Rows of a transaction: so few that a day has dozens of them.
const BATCH: &str = "1500";

/// A day with its undisturbed archive, and a server with an empty schema.
struct Course {
    server: Server,
    dir: tempfile::TempDir,
    /// Rows of the archive.
    rows: u64,
    /// Rounds begun: each has its own database and its own files.
    rounds: u64,
}

impl Course {
    fn start() -> Option<Self> {
        let server = Server::start()?;
        let dir = scratch();
        let (journal, whole) = (dir.path().join("day"), dir.path().join("whole"));
        day(&journal, "3m", &[]);
        ends(&mut on("run", &journal, &whole), 0);
        // The schema alone, to begin each round with.
        let ready = server.database("ready");
        ends(on("run", &journal, &dir.path().join("ready")).args(["--postgres", &ready]), 0);
        let tables = server.psql("ready", "select string_agg(relname, ', ') from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'schema_migrations'");
        server.psql("ready", &format!("truncate {tables}"));
        // The journal's segments beside the undisturbed files: every round's `verify` wants them.
        let archived = json(&ends(&mut on("archive", &journal, &whole), 0));
        let rows = archived["reports"][0]["rows"].as_u64().unwrap();
        Some(Self { server, dir, rows, rounds: 0 })
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("day")
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join(format!("out{}", self.rounds))
    }

    fn database(&self) -> String {
        format!("round{}", self.rounds)
    }

    /// Begins a round; the database's address.
    fn begin(&mut self) -> String {
        self.rounds += 1;
        let name = self.database();
        self.server.psql("postgres", &format!("create database {name} template ready"));
        self.server.url(&name)
    }

    fn sidecar(&self, url: &str) -> Command {
        let mut command = on("run", &self.journal(), &self.out());
        command.args(["--postgres", url, "--postgres-ticks", "--postgres-batch", BATCH]);
        command
    }

    /// Input up to which the round's rows are in the database.
    fn kept(&self) -> u64 {
        let seq = self.server.psql(&self.database(), "select coalesce(sum(seq), 0) from sink_offset");
        seq.trim().parse().unwrap()
    }

    /// Ends a round: the files are those of the undisturbed archive, and `verify` finds counts, sums and checksums of
    /// database, files and journal equal.
    fn check(&self) {
        let (whole, out, url) =
            (self.dir.path().join("whole"), self.out(), self.server.url(&self.database()));
        assert_same(&tables_of(&whole, self.dir.path()), &out);
        copy(&whole.join("_journal"), &out.join("_journal"));
        let mut verify = on("verify", &self.journal(), &out);
        let report = &json(&ends(verify.args(["--postgres", &url, "--postgres-ticks"]), 0))["reports"][0];
        assert_eq!(report["stores"], serde_json::json!(["journal", "parquet", "postgres"]));
        assert_eq!((&report["equal"], &report["rows"]), (&Value::Bool(true), &self.rows.into()));
        fs::remove_dir_all(out).unwrap();
        self.server.psql("postgres", &format!("drop database {} with (force)", self.database()));
    }
}

/// The undisturbed archive without what `run` does not write.
fn tables_of(whole: &Path, dir: &Path) -> PathBuf {
    let bare = dir.join("bare");
    if !bare.is_dir() {
        for (path, bytes) in tree(whole) {
            if path.starts_with("_journal") || path.starts_with("_report") || path.starts_with("_work") {
                continue;
            }
            let to = bare.join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, bytes).unwrap();
        }
    }
    bare
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in tree(from) {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Waits for a sidecar that must end well, or (`None`) was killed.
fn end(child: Child) -> Option<String> {
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert!(!said.contains("panicked"), "{said}");
    match output.status.code() {
        None => None,
        Some(0) => Some(said),
        Some(code) => panic!("exit {code}: {said}"),
    }
}

#[test]
fn a_sidecar_killed_anywhere_leaves_every_row_once() {
    let Some(mut course) = Course::start() else { return };
    let wanted = if is_long() { 3_000 } else { 300 };
    let mut rng = Rng::new("cold_campaign_kills", 20_261_121);
    let pid = Arc::new(AtomicU32::new(0));
    let victim = pid.clone();
    let kill = move || {
        // The number is there before the process can have said so much; a spinning wait of microseconds.
        let pid = std::iter::repeat_with(|| victim.swap(0, Ordering::SeqCst)).find(|pid| *pid != 0);
        let killed = Command::new("kill").arg("-9").arg(pid.unwrap().to_string()).status().unwrap();
        assert!(killed.success());
    };
    let proxy = Proxy::start(course.server.port(), wanted, move |bound| rng.below(bound), kill);
    let (mut kills, mut between, mut half) = (0, 0, 0);
    while kills < wanted {
        let url = proxy.url(&course.begin(), course.server.port());
        let whole = json(
            &cold(&["status", "--json", "--out"]).arg(course.dir.path().join("ready")).output().unwrap(),
        );
        let last = whole["runs"][0]["sinks"][1]["kept_seq"].as_u64().unwrap();
        loop {
            let child = course.sidecar(&url).spawn().unwrap();
            pid.store(child.id(), Ordering::SeqCst);
            let ended = end(child).is_some();
            pid.store(0, Ordering::SeqCst);
            if ended {
                break;
            }
            kills += 1;
            // Sampled: asking costs as much as a kill.
            if kills % 10 == 0 {
                between += u64::from((1..last).contains(&course.kept()));
            }
            half += u64::from(course.out().is_dir() && has_temporaries(&course.out()));
        }
        course.check();
    }
    let at_commits = proxy.counts.at_commits.load(Ordering::SeqCst);
    println!(
        "{kills} kills -9 in {} journals: {at_commits} at commits, {half} with a file half written; of {} looked at, {between} \
         with a part of the journal in the database",
        course.rounds,
        kills / 10
    );
    assert!(at_commits > kills / 10 && between > 0 && half > 0, "the kills miss what they are for");
}

fn has_temporaries(root: &Path) -> bool {
    fs::read_dir(root).unwrap().flatten().any(|entry| {
        let path = entry.path();
        path.to_string_lossy().ends_with(".tmp") || path.is_dir() && has_temporaries(&path)
    })
}

#[test]
fn connections_cut_anywhere_leave_every_row_once() {
    let Some(mut course) = Course::start() else { return };
    let wanted = if is_long() { 1_000 } else { 100 };
    let mut rng = Rng::new("cold_campaign_cuts", 79);
    let proxy = Proxy::start(course.server.port(), wanted, move |bound| rng.below(bound), || {});
    let mut tries = 0;
    while proxy.cuts() < wanted {
        let url = proxy.url(&course.begin(), course.server.port());
        // The first connection is made before anything is followed, and may be cut as well: that is told at once.
        let said = loop {
            let output = course.sidecar(&url).output().unwrap();
            match output.status.code() {
                Some(0) => break stderr(&output),
                Some(69) => {}
                code => panic!("exit {code:?}: {}", stderr(&output)),
            }
        };
        tries += said.matches("trying again").count();
        course.check();
    }
    let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::SeqCst);
    let (at_commits, ambiguous) = (count(&proxy.counts.at_commits), count(&proxy.counts.ambiguous));
    println!(
        "{} cuts in {} journals: {at_commits} at commits, {ambiguous} of these ambiguous; {tries} tries again",
        proxy.cuts(),
        course.rounds
    );
    assert!(ambiguous > wanted / 20, "no commit was ambiguous: the test misses what it is for");
}

#[test]
fn a_server_stopped_anywhere_leaves_every_row_once() {
    let Some(mut course) = Course::start() else { return };
    let wanted = if is_long() { 50 } else { 5 };
    let mut rng = Rng::new("cold_campaign_stops", 78);
    // The connection that reached its byte waits until the server is gone.
    let (ask, asked) = mpsc::channel();
    let stop = move || {
        let (done, gone) = mpsc::channel::<()>();
        if ask.send(done).is_ok() {
            _ = gone.recv();
        }
    };
    let proxy = Proxy::start(course.server.port(), wanted, move |bound| rng.below(bound), stop);
    let mut stops = 0;
    while stops < wanted {
        let url = proxy.url(&course.begin(), course.server.port());
        let mut child = course.sidecar(&url).spawn().unwrap();
        let mut since = Instant::now();
        while child.try_wait().unwrap().is_none() {
            let still = format!("it does not come back after stop {stops} of round {}", course.rounds);
            assert!(since.elapsed() < Duration::from_secs(300), "{still}");
            if let Ok(done) = asked.recv_timeout(Duration::from_millis(20)) {
                course.server.stop_immediately();
                drop(done);
                course.server.start_again();
                stops += 1;
                since = Instant::now();
            }
        }
        end(child).expect("nobody killed it");
        course.check();
    }
    println!("{stops} immediate stops in {} journals", course.rounds);
}
