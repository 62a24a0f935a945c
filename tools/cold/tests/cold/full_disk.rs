//! A disk that is full: a clear error, and nothing lost.

use crate::{assert_same, cold, day, ends, on, scratch, stderr};
use std::path::Path;
use std::process::Command;

/// A file system of its own in memory, unmounted in the end.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={size}");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        done.is_ok_and(|done| done.status.success()).then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).status());
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let dir = scratch();
    let (journal, whole, small) =
        (dir.path().join("day"), dir.path().join("whole"), dir.path().join("small"));
    let Some(mounted) = Small::mount(&small, "700k") else {
        println!("skipped: no small file system can be mounted; run it as root");
        return;
    };
    day(&journal, "10m", &[]);
    ends(&mut on("archive", &journal, &whole), 0);
    let out = small.join("out");
    let full = stderr(&ends(&mut on("archive", &journal, &out), 1));
    assert!(full.contains("check the disk's space") && full.contains("nothing is lost"), "{full}");
    ends(&mut on("run", &journal, &out), 1);
    let bigger = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&small).status().unwrap();
    assert!(bigger.success());
    ends(&mut on("archive", &journal, &out), 0);
    assert_same(&whole, &out);
    // A restore that does not fit leaves nothing that looks like a journal.
    let narrow = dir.path().join("narrow");
    let other = Small::mount(&narrow, "600k").unwrap();
    let mut restore = cold(&["restore", "--date", crate::DATE, "--out"]);
    ends(restore.arg(&out).arg("--to").arg(narrow.join("journal")), 1);
    assert!(!narrow.join("journal").exists());
    drop((mounted, other));
}
