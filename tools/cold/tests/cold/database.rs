//! A real database: the same rows as in the files, restored into an empty one, and everything that can be wrong with it.

use crate::postgres::Server;
use crate::trust::manifests;
use crate::{DATE, Rng, code, cold, day, ends, files, json, on, scratch, stderr};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

#[test]
fn journal_files_and_database_have_the_same() {
    let Some(server) = Server::start() else { return };
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "10m", &[]);
    let url = server.database("day");
    // The sidecar, killed in between, then the nightly job.
    let mut rng = Rng::new("cold_database", 7);
    for _ in 0..6 {
        let mut child = on("run", &journal, &out).args(["--postgres", &url]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.below(400)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Its lock goes when the server notices that its holder is gone.
    let archived = json(&ends(on("archive", &journal, &out).args(["--postgres", &url, "--wait", "20s"]), 0));
    let report = &archived["reports"][0];
    assert_eq!(report["stores"], serde_json::json!(["journal", "parquet", "postgres"]));
    let fills = server.psql("day", "select count(*) from fills").trim().parse::<u64>().unwrap();
    assert!(fills > 20, "{fills}");
    assert_eq!(server.psql("day", "select count(*) from ticks").trim(), "0");
    // A row that is changed in the database is a difference.
    server.psql("day", "update fills set quantity = quantity + 1 where seq = (select min(seq) from fills)");
    let found = json(&ends(on("verify", &journal, &out).args(["--postgres", &url]), 4));
    let differences = found["reports"][0]["differences"].as_array().unwrap().clone();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!((&differences[0]["store"], &differences[0]["what"]), (&"postgres".into(), &"sums".into()));
    assert_eq!(differences[0]["kind"], "fills");
    ends(on("archive", &journal, &out).args(["--postgres", &url]), 4);
    // An empty database is filled from the archive, and is then what the journal says; ticks too.
    let again = server.database("again");
    let mut restore =
        cold(&["restore", "--date", DATE, "--postgres", &again, "--postgres-ticks", "--json", "--out"]);
    assert!(json(&ends(restore.arg(&out), 0))["postgres_rows"].as_u64().unwrap() > 10_000);
    assert_eq!(json(&ends(&mut restore, 0))["postgres_rows"], 0);
    ends(on("verify", &journal, &out).args(["--postgres", &again, "--postgres-ticks"]), 0);
    // Wrong in every way.
    let told = |url: &str, wanted: i32, what: &str| {
        let text = stderr(&ends(on("archive", &journal, &out).args(["--postgres", url]), wanted));
        assert!(text.contains(what), "{text}");
    };
    told(&url.replace("/day", "/nothing"), 2, "createdb");
    server.add_user_with_password("ann", "right");
    let own = url.replace("pitlane@", "ann@");
    let mut wrong = on("verify", &journal, &out);
    let text = stderr(&ends(wrong.args(["--postgres", &own]).env("PGPASSWORD", "hunter2"), 2));
    assert!(text.contains("check user and password") && !text.contains("hunter2"), "{text}");
    told("postgresql://nobody@127.0.0.1:1/day", 69, "is away");
    server.psql("again", "update schema_migrations set version = version + 100 where version = (select max(version) from schema_migrations)");
    told(&again, 3, "version");
    assert!(!files(&out, "_report/").is_empty());
}

#[test]
fn a_database_that_was_away_catches_up_by_itself() {
    let Some(server) = Server::start() else { return };
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "10m", &[]);
    let url = server.database("day");
    server.stop_immediately();
    // The files do not wait for it.
    let child = on("run", &journal, &out).args(["--postgres", &url]).spawn().unwrap();
    let since = std::time::Instant::now();
    let sinks = || -> Option<serde_json::Value> {
        let output = cold(&["status", "--json", "--out"]).arg(&out).output().unwrap();
        output.status.success().then(|| json(&output)["runs"][0]["sinks"].clone())
    };
    while !sinks().is_some_and(|sinks| sinks[0]["state"] == "ended" && sinks[1]["state"] == "waiting") {
        assert!(since.elapsed().as_secs() < 60, "{:?}", sinks());
        std::thread::sleep(Duration::from_millis(50));
    }
    server.start_again();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(json(&output)["sinks"][1]["kept_seq"], json(&output)["sinks"][0]["kept_seq"]);
    ends(on("archive", &journal, &out).args(["--postgres", &url]), 0);
}

#[test]
fn nothing_is_restored_into_a_database_unchecked() {
    let Some(server) = Server::start() else { return };
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "20m", &[]);
    ends(&mut on("archive", &journal, &out), 0);
    let url = server.database("day");
    let restore = |wanted: i32| {
        let mut restore =
            cold(&["restore", "--date", DATE, "--postgres", &url, "--postgres-ticks", "--json", "--out"]);
        ends(restore.arg(&out), wanted)
    };
    let rows = || server.psql("day", "select count(*) from ticks").trim().parse::<u64>().unwrap();
    // A good file in the place of another of its table.
    let ticks = files(&out, "kind=ticks/");
    let whole = fs::read(&ticks[0]).unwrap();
    fs::copy(&ticks[1], &ticks[0]).unwrap();
    assert!(stderr(&restore(3)).contains("ticks"));
    fs::write(&ticks[0], whole).unwrap();
    // The last range is missing: what is there adjoins, and is not all.
    let last = manifests(&out).pop().unwrap();
    let text = fs::read(&last).unwrap();
    fs::remove_file(&last).unwrap();
    assert!(stderr(&restore(3)).contains("nothing was loaded"));
    fs::write(&last, text).unwrap();
    restore(0);
    assert!(rows() > 1_000);
    // What is in the database is counted in the end.
    server.psql("day", "delete from fills where seq = (select min(seq) from fills)");
    assert!(stderr(&restore(4)).contains("fills"));
    // Tables that nobody asked about are not called equal.
    let verify = on("verify", &journal, &out).args(["--postgres", &url]).output().unwrap();
    assert_eq!(code(&verify), 2, "{}", stderr(&verify));
    assert!(stderr(&verify).contains("--postgres-ticks"));
}

/// Stands before a server; cuts the first connection off on the client's side alone, after so many bytes to the server,
/// which does not hear of it.
fn half_open(server: u16, bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut left = Some(bytes);
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
            let left = left.take();
            let (back, forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || forward(server, back, None));
            thread::spawn(move || forward(client, forth, left));
        }
    });
    port
}

fn forward(mut from: TcpStream, mut to: TcpStream, mut left: Option<usize>) {
    let mut part = vec![0; 4_096];
    loop {
        let count = from.read(&mut part).unwrap_or(0);
        if let Some(left) = &mut left {
            *left = left.saturating_sub(count);
            if *left == 0 {
                from.shutdown(Shutdown::Both).unwrap();
                // The server's end stays open as long as the test runs.
                std::mem::forget(to);
                return;
            }
        }
        if count == 0 || to.write_all(&part[..count]).is_err() {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}

#[test]
fn a_connection_that_only_the_server_believes_in_ends_nothing() {
    let Some(server) = Server::start() else { return };
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "10m", &[]);
    let url = server.database("day");
    let port = half_open(server.port(), 200_000);
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{port}/"));
    assert_ne!(url, through);
    let done = ends(on("run", &journal, &out).args(["--postgres", &through, "--postgres-ticks"]), 0);
    assert!(stderr(&done).contains("trying again"), "no connection was cut: {}", stderr(&done));
    ends(on("archive", &journal, &out).args(["--postgres", &url, "--postgres-ticks"]), 0);
}
