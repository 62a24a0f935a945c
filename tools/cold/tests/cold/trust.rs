//! What must not be believed: a journal that rots, copies that lack something, leases of others, rows that no one lists.

use crate::{
    DATE, assert_same, code, cold, day, day_with_snapshots, ends, files, json, on, scratch, stderr, tree,
};
use pitlane_cold::segments::SegmentManifest;
use pitlane_journal::leases;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The only journal of an archive.
pub(crate) fn uuid(out: &Path) -> String {
    let folder = fs::read_dir(out.join("_manifest")).unwrap().next().unwrap().unwrap();
    folder.file_name().to_str().unwrap().to_owned()
}

pub(crate) fn manifests(out: &Path) -> Vec<PathBuf> {
    files(out, "_manifest/").into_iter().filter(|path| path.extension().is_some()).collect()
}

fn flip(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// What an archive holds but for what a job says of itself.
fn stored(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    tree(out).into_iter().filter(|(path, _)| path.starts_with("_journal")).collect()
}

#[test]
fn a_segment_that_rots_never_replaces_its_copy() {
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "10m", &[]);
    ends(&mut on("archive", &journal, &out), 0);
    let before = stored(&out);
    for stream in ["outputs/", "inputs/"] {
        let segments = files(&journal, stream);
        assert!(segments.len() > 3, "{segments:?}");
        // In a frame, and behind the last one.
        for at in [|len: usize| len / 3, |len: usize| len - 1] {
            let whole = fs::read(&segments[1]).unwrap();
            flip(&segments[1], at);
            let found = on("archive", &journal, &out).output().unwrap();
            assert!([3, 4].contains(&code(&found)), "{stream}: {}", stderr(&found));
            assert!(before == stored(&out), "{stream}: a good copy is gone");
            assert_ne!(code(&on("verify", &journal, &out).output().unwrap()), 0);
            fs::write(&segments[1], whole).unwrap();
        }
    }
    ends(&mut on("verify", &journal, &out), 0);
}

#[test]
fn segments_that_are_not_stored_are_missed() {
    let dir = scratch();
    let (journal, out, whole) = (dir.path().join("day"), dir.path().join("out"), dir.path().join("whole"));
    day(&journal, "5m", &[]);
    ends(&mut on("archive", &journal, &out), 0);
    ends(&mut on("archive", &journal, &whole), 0);
    // As if the journal had gone on: copies and their manifest hold together, and lack the last segment.
    let folder = out.join("_journal").join(uuid(&out));
    let path = folder.join("manifest.json");
    let change = |change: &dyn Fn(&mut SegmentManifest)| {
        let mut manifest = SegmentManifest::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut manifest);
        manifest.seal.clear();
        let text = |manifest: &SegmentManifest| serde_json::to_string_pretty(manifest).unwrap() + "\n";
        manifest.seal = blake3::hash(text(&manifest).as_bytes()).to_hex().to_string();
        fs::write(&path, text(&manifest)).unwrap();
    };
    let harms: [&dyn Fn(&mut SegmentManifest); 2] = [
        &|manifest| {
            let last = manifest.files.pop().unwrap();
            fs::remove_file(folder.join(last.name + ".zst")).unwrap();
        },
        &|manifest| manifest.dates = vec!["2026-07-30".to_owned()],
    ];
    for harm in harms {
        change(harm);
        let report = json(&ends(&mut on("verify", &journal, &out), 4))["reports"][0].clone();
        assert_eq!(report["faults"].as_array().unwrap().len(), 1, "{report}");
        ends(&mut on("archive", &journal, &out), 0);
        assert_same(&out, &whole);
    }
}

#[test]
fn what_is_left_of_a_retained_journal_is_read_itself() {
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day_with_snapshots(&journal);
    ends(on("archive", &journal, &out).args(["--retain", "1"]), 0);
    // The lease stops where ranges are complete: an unfinished one is read again.
    let complete = |path: &PathBuf| {
        let manifest: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        manifest["complete"].as_bool().unwrap().then(|| manifest["last"].as_u64().unwrap())
    };
    let last = manifests(&out).iter().filter_map(complete).max().unwrap();
    let lease = leases(&journal, "inputs").unwrap().remove(0);
    assert!(lease.name.starts_with("archive-") && lease.consumed == Some(last), "{lease:?}, {last}");
    // What another process left is in nobody's way.
    let work = out.join("_work").join(uuid(&out));
    for folder in [work.clone(), work.with_extension("4000000000")] {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("rest"), b"").unwrap();
    }
    ends(&mut on("verify", &journal, &out), 0);
    assert!(!work.with_extension("4000000000").exists());
    for stream in ["inputs/", "outputs/"] {
        let left = files(&journal, stream);
        let segment = left.iter().find(|path| path.extension().is_some_and(|end| end == "lxj")).unwrap();
        assert!(stream == "outputs/" || !segment.ends_with("0000000000000000.lxj"), "{left:?}");
        let whole = fs::read(segment).unwrap();
        flip(segment, |len| len / 8);
        assert_ne!(code(&on("verify", &journal, &out).output().unwrap()), 0, "{stream} is not read");
        fs::write(segment, whole).unwrap();
    }
    ends(&mut on("archive", &journal, &out), 0);
}

/// Makes the last segments of a journal those that a repair has sealed.
fn repaired(journal: &Path) {
    for stream in ["inputs/", "outputs/"] {
        let segments =
            files(journal, stream).into_iter().filter(|path| path.extension().is_some_and(|e| e == "lxj"));
        let path = segments.max().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        for copy in bytes[..4_096].chunks_exact_mut(2_048) {
            copy[72] |= 8;
            let mut checked = copy[..2_044].to_vec();
            checked[200..328].fill(0);
            copy[2_044..].copy_from_slice(&crc32c::crc32c(&checked).to_le_bytes());
        }
        fs::write(path, bytes).unwrap();
    }
    // The writer of a synthetic day is this process.
    drop(fs::remove_file(journal.join("LOCK")));
}

#[test]
fn a_sidecar_ends_where_a_repair_has_closed_the_journal() {
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "3m", &[]);
    repaired(&journal);
    let mut child = on("run", &journal, &out).spawn().unwrap();
    let since = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if since.elapsed().as_secs() > 60 {
            child.kill().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(status.code(), Some(0));
    ends(&mut on("archive", &journal, &out), 0);
}

#[test]
fn another_archive_keeps_its_own_claim() {
    let dir = scratch();
    let (journal, out, other) = (dir.path().join("day"), dir.path().join("out"), dir.path().join("other"));
    day_with_snapshots(&journal);
    ends(on("run", &journal, &other).arg("--lease"), 0);
    let before = files(&journal, ".lxj").len();
    let kept = json(&ends(on("archive", &journal, &out).args(["--retain", "1"]), 0));
    assert_eq!(files(&journal, ".lxj").len(), before, "{kept}");
    ends(on("archive", &journal, &other).args(["--retain", "1"]), 0);
    assert!(files(&journal, ".lxj").len() < before);
    ends(&mut on("verify", &journal, &out), 0);
    ends(&mut on("verify", &journal, &other), 0);
}

#[test]
fn good_ranges_stay_listed_when_the_journal_is_damaged_behind_a_bad_one() {
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "25m", &[]);
    ends(&mut on("archive", &journal, &out), 0);
    let before = manifests(&out);
    assert!(before.len() >= 3);
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(&before[0]).unwrap()).unwrap();
    flip(&out.join(manifest["files"][0]["path"].as_str().unwrap()), |len| len / 3);
    // Not in the last segment, which is never read here otherwise.
    let segments: Vec<PathBuf> = files(&journal, "inputs/");
    flip(&segments[segments.len() * 3 / 4], |len| len / 3);
    for more in [&[][..], &["--rewrite"]] {
        assert_eq!(code(&on("archive", &journal, &out).args(more).output().unwrap()), 3);
        assert_eq!(manifests(&out), before, "{more:?}");
    }
}

#[test]
fn what_an_earlier_copy_left_there_is_withdrawn() {
    let dir = scratch();
    let (journal, out, to) = (dir.path().join("day"), dir.path().join("out"), dir.path().join("to"));
    day(&journal, "5m", &[]);
    ends(on("archive", &journal, &out).arg("--upload").arg(&to), 0);
    let whole = tree(&to);
    // The last range was shorter when it was copied first.
    let manifest = manifests(&to).pop().unwrap();
    let (first, last) = manifest.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap();
    let shorter = format!("{first}-{:012}", last.parse::<u64>().unwrap() - 1);
    let text = fs::read_to_string(&manifest).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut count = 1;
    for file in value["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let stale = path.replace(&format!("{first}-{last}"), &shorter);
        assert_ne!(path, stale);
        fs::copy(to.join(path), to.join(stale)).unwrap();
        count += 1;
    }
    fs::write(
        manifest.with_file_name(format!("{shorter}.json")),
        text.replace(&format!("{first}-{last}"), &shorter),
    )
    .unwrap();
    assert!(tree(&to).len() == whole.len() + count);
    let again = json(&ends(on("archive", &journal, &out).arg("--upload").arg(&to), 0));
    assert_eq!(again["reports"][0]["work"]["withdrawn_files"], count);
    assert!(tree(&to) == whole);
}

#[test]
fn files_that_no_manifest_lists_are_told_of() {
    let dir = scratch();
    let (journal, out) = (dir.path().join("day"), dir.path().join("out"));
    day(&journal, "5m", &[]);
    ends(&mut on("archive", &journal, &out), 0);
    let listed = files(&out, "kind=ticks/").remove(0);
    let name = listed.file_name().unwrap().to_str().unwrap();
    let stray = listed.with_file_name(name.replacen("-0000", "-9000", 1));
    fs::copy(&listed, &stray).unwrap();
    let report = json(&ends(&mut on("verify", &journal, &out), 4))["reports"][0].clone();
    assert!(report["faults"][0].as_str().unwrap().contains(stray.to_str().unwrap()), "{report}");
    fs::remove_file(stray).unwrap();
    ends(&mut on("verify", &journal, &out), 0);
}

#[test]
fn a_journal_that_fails_keeps_nobody_from_the_others() {
    let dir = scratch();
    let (root, out) = (dir.path().join("journals"), dir.path().join("out"));
    day(&root.join("a"), "3m", &[]);
    day(&root.join("b"), "3m", &[]);
    flip(&files(&root.join("a"), "inputs/")[0], |len| len / 3);
    let mut backfill = cold(&["backfill", "--json", "--journal"]);
    let output = ends(backfill.arg(&root).arg("--out").arg(&out), 3);
    let reports = json(&output)["reports"].as_array().unwrap().clone();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!((&reports[0]["equal"], &reports[0]["date"]), (&true.into(), &DATE.into()));
    assert_eq!(json(&output)["equal"], false);
    // So does a database that is away.
    let other = dir.path().join("other");
    let mut archive = on("archive", &root.join("b"), &other);
    let output = ends(archive.args(["--postgres", "postgresql://nobody@127.0.0.1:1/day"]), 69);
    assert_eq!(json(&output)["reports"][0]["equal"], true);
    assert_eq!(json(&output)["reports"][0]["stores"], serde_json::json!(["journal", "parquet"]));
    assert!(!files(&other, "_report/").is_empty());
}

#[test]
fn journals_of_other_days_are_not_read_again() {
    let dir = scratch();
    let (root, out) = (dir.path().join("journals"), dir.path().join("out"));
    day(&root.join("a"), "5m", &[]);
    day(&root.join("b"), "3m", &["sim.date=\"2026-07-30\""]);
    let backfill = |day: &str| {
        let mut command = cold(&["backfill", "--json", "--from", day, "--to", day, "--journal"]);
        json(&ends(command.arg(&root).arg("--out").arg(&out), 0))
    };
    backfill(DATE);
    let segments = files(&root.join("a"), "inputs/");
    assert!(segments.len() > 2);
    flip(&segments[1], |len| len / 3);
    assert_eq!(backfill("2026-07-30")["reports"].as_array().unwrap().len(), 1);
}
