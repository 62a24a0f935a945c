//! A real database: the same rows as in the files, restored into an empty one, and everything that can be wrong with it.

use crate::postgres::Server;
use crate::{DATE, Rng, cold, day, ends, files, json, on, scratch, stderr};
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
