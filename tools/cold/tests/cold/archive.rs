//! The nightly job: what it writes, what it notices, what it gives back.

use crate::trust::manifests;
use crate::{
    DATE, RANGE, assert_same, code, cold, day, day_with_snapshots, ends, files, json, on, scratch, stderr,
    tree,
};
use pitlane_parquet::Manifest;
use pitlane_session::verify::verify;
use std::fs;

#[test]
fn a_day_is_archived_verified_and_restored() {
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "25m", &[]);
    let first = json(&ends(&mut on("archive", &journal, &out), 0));
    let report = &first["reports"][0];
    assert_eq!((&first["equal"], &report["equal"]), (&true.into(), &true.into()));
    assert!(report["ranges"].as_u64().unwrap() >= 3 && report["rows"].as_u64().unwrap() > 40_000, "{report}");
    assert_eq!(report["work"]["rows_written"]["parquet"], report["rows"]);
    for kind in ["ticks", "bars_1s", "signals", "orders", "fills", "equity", "sessions", "session_totals"] {
        let of_kind = |row: &&serde_json::Value| row["kind"] == kind;
        assert!(report["kinds"].as_array().unwrap().iter().any(|row| of_kind(&row)), "no {kind}");
    }
    // Again: the same bytes, and nothing written.
    let before = tree(&out);
    let again = json(&ends(&mut on("archive", &journal, &out), 0));
    assert!(before == tree(&out), "a second run changes something");
    assert_eq!(again["reports"][0]["work"]["segments_written"], 0);
    assert_eq!(json(&ends(&mut on("verify", &journal, &out), 0))["equal"], true);
    assert!(before == tree(&out), "verify writes something");
    // And from nothing, the same bytes too.
    let other = dir.path().join("other");
    ends(&mut on("archive", &journal, &other), 0);
    assert_same(&out, &other);
    // Back to a journal that replays to the same bytes.
    let to = dir.path().join("back");
    let mut restore = cold(&["restore", "--date", DATE, "--json", "--out"]);
    restore.arg(&out).arg("--to").arg(&to);
    ends(&mut restore, 0);
    for stream in ["inputs", "outputs"] {
        let segments = files(&to, stream);
        assert!(segments.len() > 2);
        for path in segments {
            let own = journal.join(path.strip_prefix(&to).unwrap());
            assert!(fs::read(&path).unwrap() == fs::read(own).unwrap(), "{}", path.display());
        }
    }
    assert_eq!(verify(&to).unwrap().identical, Some(true));
    // What is restored is archived to the same bytes; and nothing is restored over something.
    let third = dir.path().join("third");
    ends(&mut on("archive", &to, &third), 0);
    assert_same(&out, &third);
    assert!(stderr(&ends(&mut restore, 3)).contains("overwrites nothing"));
}

#[test]
fn what_is_damaged_is_named_and_written_again() {
    let dir = scratch();
    let (journal, out, whole) = (dir.path().join("day"), dir.path().join("out"), dir.path().join("whole"));
    day(&journal, "10m", &[]);
    ends(&mut on("archive", &journal, &whole), 0);
    ends(&mut on("archive", &journal, &out), 0);
    let replace = |path: &std::path::Path, from: &str, to: &str| {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let cut = |path: &std::path::Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let flip = |path: &std::path::Path| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() / 3;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let manifest = files(&out, "_manifest/").into_iter().find(|path| path.extension().is_some()).unwrap();
    let segments = out.join(files(&out, "_journal/").iter().find(|p| p.ends_with("manifest.json")).unwrap());
    let parquet = files(&out, "kind=ticks/")[0].clone();
    let segment = files(&out, "inputs/")[0].clone();
    let damages: [(&str, &dyn Fn()); 8] = [
        ("a manifest that lies", &|| replace(&manifest, "\"rows\": ", "\"rows\": 1")),
        ("half a manifest", &|| cut(&manifest)),
        ("half a file", &|| cut(&parquet)),
        ("a changed byte", &|| flip(&parquet)),
        ("a missing file", &|| fs::remove_file(&parquet).unwrap()),
        ("a changed segment", &|| flip(&segment)),
        ("a missing segment", &|| fs::remove_file(&segment).unwrap()),
        ("a manifest of segments that lies", &|| replace(&segments, "\"bytes\": ", "\"bytes\": 1")),
    ];
    for (name, damage) in damages {
        damage();
        let found = on("verify", &journal, &out).output().unwrap();
        assert_eq!(code(&found), 4, "{name}: {}", stderr(&found));
        let report = json(&found)["reports"][0].clone();
        assert!(!report["faults"].as_array().unwrap().is_empty(), "{name}: {report}");
        ends(&mut on("archive", &journal, &out), 0);
        assert_same(&out, &whole);
    }
}

#[test]
fn a_lie_that_holds_together_is_found_by_counting() {
    let dir = scratch();
    let (journal, out, whole) = (dir.path().join("day"), dir.path().join("out"), dir.path().join("whole"));
    day(&journal, "5m", &[]);
    ends(&mut on("archive", &journal, &out), 0);
    ends(&mut on("archive", &journal, &whole), 0);
    // A manifest under a good seal that leaves a file out, which is gone: all seals, sizes and hashes fit.
    let path = manifests(&out).remove(0);
    let mut manifest = Manifest::read(&path).unwrap();
    let at = manifest.files.iter().position(|file| file.kind == "bars_1s").unwrap();
    let left_out = manifest.files.remove(at);
    fs::remove_file(out.join(left_out.path)).unwrap();
    manifest.seal.clear();
    let text = |manifest: &Manifest| serde_json::to_string_pretty(manifest).unwrap() + "\n";
    manifest.seal = blake3::hash(text(&manifest).as_bytes()).to_hex().to_string();
    fs::write(&path, text(&manifest)).unwrap();
    for verb in ["verify", "archive"] {
        let report = json(&ends(&mut on(verb, &journal, &out), 4))["reports"][0].clone();
        let differences = report["differences"].as_array().unwrap();
        assert!(!differences.is_empty() && report["faults"].as_array().unwrap().is_empty(), "{report}");
        let of = |row: &serde_json::Value| row["kind"] == "bars_1s" && row["store"] == "parquet";
        assert!(differences.iter().all(of), "{differences:?}");
    }
    ends(on("archive", &journal, &out).arg("--rewrite"), 0);
    assert_same(&out, &whole);
}

#[test]
fn an_archive_copies_itself_to_another_place_and_lets_go_of_segments() {
    let dir = scratch();
    let (journal, out, to) = (dir.path().join("day"), dir.path().join("out"), dir.path().join("to"));
    day_with_snapshots(&journal);
    ends(on("archive", &journal, &out).arg("--upload").arg(&to), 0);
    let copied =
        |path: &std::path::Path| tree(path).into_keys().filter(|path| !path.ends_with("LOCK")).collect();
    let (own, there): (Vec<_>, Vec<_>) = (copied(&out), copied(&to));
    assert_eq!(own, there);
    let again = json(&ends(on("archive", &journal, &out).arg("--upload").arg(&to), 0));
    assert_eq!(again["reports"][0]["work"]["uploaded_files"], 0);
    // Retention takes what was verified, and the archive stays whole and verifiable.
    let before = files(&journal, "inputs/").len();
    let retained = json(&ends(on("archive", &journal, &out).args(["--retain", "1"]), 0));
    let after = files(&journal, "inputs/").len();
    assert!(after < before, "{retained}");
    ends(&mut on("verify", &journal, &out), 0);
    ends(&mut on("archive", &journal, &out), 0);
    let back = dir.path().join("back");
    let mut restore = cold(&["restore", "--date", DATE, "--out"]);
    ends(restore.arg(&to).arg("--to").arg(&back), 0);
    assert_eq!(verify(&back).unwrap().identical, Some(true));
    assert_eq!(files(&back, "inputs/").len(), before);
}

#[test]
fn what_cannot_be_is_refused_with_its_exit_code() {
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    ends(&mut on("archive", &journal, &out), 3);
    day(&journal, "3m", &[]);
    let told = |args: &[&str], wanted: i32, what: &str| {
        let mut command = cold(args);
        command.arg("--journal").arg(&journal).arg("--out").arg(&out);
        let text = stderr(&ends(&mut command, wanted));
        assert!(text.contains(what), "{text}");
    };
    told(&["archive", "--date", "2026-07-30"], 3, "no session of 2026-07-30; it has 2026-07-31");
    told(&["archive", "--date", "2026-02-30"], 2, "not a date");
    told(&["archive", "--date", DATE, "--range-inputs", "0"], 2, "a range has inputs");
    told(&["archive", "--date", DATE, "--upload", "gs://x"], 2, "neither a directory");
    told(&["archive", "--date", DATE, "--postgres", "postgresql://u:secret@h/d"], 2, "--postgres");
    told(&["verify", "--date", DATE], 3, "is not in the archive");
    told(&["run", "--postgres-ticks"], 2, "no database is named");
    if cfg!(not(feature = "s3")) {
        told(&["archive", "--date", DATE, "--upload", "s3://bucket/x"], 2, "--features s3");
    }
    ends(&mut on("archive", &journal, &out), 0);
    told(&["archive", "--date", DATE], 2, "other options");
    // Tables of a later version.
    let manifest = files(&out, "_manifest/").into_iter().find(|path| path.extension().is_some()).unwrap();
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"schema\": 1", "\"schema\": 99", 1)).unwrap();
    told(&["archive", "--date", DATE, "--range-inputs", RANGE], 3, "version 99");
    // A journal that no writer closed.
    let open = dir.path().join("open");
    fs::create_dir_all(open.join("inputs")).unwrap();
    let first = files(&journal, "inputs/")[0].clone();
    fs::copy(&first, open.join("inputs").join(first.file_name().unwrap())).unwrap();
    for verb in ["archive", "verify"] {
        ends(&mut on(verb, &open, &out), 3);
    }
    let status = cold(&["status", "--out"]).arg(dir.path()).output().unwrap();
    assert_eq!(code(&status), 3);
}

#[test]
fn several_days_are_filled_in() {
    let dir = scratch();
    let root = dir.path().join("journals");
    day(&root.join("a"), "3m", &[]);
    day(&root.join("b"), "3m", &["sim.date=\"2026-07-30\""]);
    let out = dir.path().join("out");
    let backfill = |from: &str| {
        let mut command = cold(&["backfill", "--json", "--range-inputs", RANGE, "--from", from, "--journal"]);
        command.arg(&root).arg("--out").arg(&out);
        json(&ends(&mut command, 0))
    };
    let dates = |value: serde_json::Value| -> Vec<String> {
        let reports = value["reports"].as_array().unwrap().clone();
        reports.iter().map(|report| report["date"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(dates(backfill("2026-07-31")), [DATE]);
    assert_eq!(dates(backfill("2026-07-01")), [DATE, "2026-07-30"]);
}

#[test]
fn the_configuration_says_where_and_a_flag_wins() {
    let dir = scratch();
    let (journal, config) = (dir.path().join("journal"), dir.path().join("pitlane.toml"));
    day(&journal, "3m", &[]);
    let [kept, other, copied] = ["kept", "other", "copied"].map(|name| dir.path().join(name));
    let text = format!(
        "[archive]\ndir = {:?}\nrange_inputs = 512\nupload = {:?}\n",
        kept.display().to_string(),
        copied.display().to_string()
    );
    fs::write(&config, text).unwrap();
    let job = || {
        let mut command = cold(&["archive", "--date", DATE, "--json", "--config"]);
        command.arg(&config).arg("--journal").arg(&journal);
        command
    };
    ends(&mut job(), 0);
    assert!(kept.is_dir() && copied.is_dir() && !other.exists());
    let verify = ["verify", "--date", DATE, "--config"];
    ends(cold(&verify).arg(&config).arg("--journal").arg(&journal), 0);
    // What an archive was begun with is the flag's word against the file's: the flag is heard, and refused by the archive.
    ends(job().args(["--range-inputs", "513"]), 2);
    ends(job().arg("--out").arg(&other), 0);
    assert!(other.is_dir());
    ends(
        cold(&verify)
            .arg(&config)
            .arg("--out")
            .arg(dir.path().join("nothing"))
            .arg("--journal")
            .arg(&journal),
        3,
    );
    let wrong =
        ends(&mut cold(&["status", "--set", "archive.postgres=postgresql://me:secret@127.0.0.1/x"]), 2);
    assert!(!stderr(&wrong).contains("secret"), "{}", stderr(&wrong));
    // A database of the configuration is opened like one of a flag.
    ends(job().args(["--set", "archive.postgres=postgresql://me@127.0.0.1:9/x"]), 69);
}
