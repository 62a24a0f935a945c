//! Errors of real system calls: a tracer lets the n-th call of one kind fail in a process that recovers, appends and
//! closes. It ends with an error or goes on, but by no signal and no panic of its own, and what it promised is there.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::kills::{Case, Tally};
use super::{Random, is_campaign, long, seed};

/// Calls that can fail on a machine that is in trouble, and how. Without those that allocate memory: a program that gets
/// none is ended by the runtime.
const CALLS: [(&str, &[&str]); 14] = [
    ("openat", &["EMFILE", "EIO", "ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC", "EDQUOT"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("fsync", &["EIO"]),
    ("fallocate", &["ENOSPC", "EIO", "EOPNOTSUPP"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("unlink", &["EIO", "EACCES"]),
    ("mkdir", &["ENOSPC"]),
    ("read", &["EIO"]),
    ("statx", &["EIO"]),
    ("fstatfs", &["EIO"]),
    ("fcntl", &["EIO", "ENOLCK"]),
    ("madvise", &["EINVAL", "EFAULT"]),
    ("clone3", &["EAGAIN"]),
];

/// How many calls of a kind failed, and how many of those processes closed their journal nevertheless.
type Failed = BTreeMap<&'static str, (u64, u64)>;

/// Runs one life with a failing call; whether a call did fail.
fn one(case: &mut Case<'_>, random: &mut Random, by_call: &mut Failed) -> bool {
    let (call, errors) = CALLS[random.below(CALLS.len() as u64) as usize];
    let error = errors[random.below(errors.len() as u64) as usize];
    let most = [4, 40, 400][random.below(3) as usize];
    let inject = format!("inject={call}:error={error}:when={}", 1 + random.below(most));
    let log = case.scratch().join("strace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", &format!("trace={call}"), "-e", &inject, "-o"]).arg(&log);
    case.choose(random, true);
    case.tell(command.arg(std::env::current_exe().unwrap()));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    let life = case.describe();
    assert!(output.status.code().is_some(), "{inject}: {:?}, {life}\n{text}", output.status);
    for line in text.lines().filter(|line| line.contains("panicked at")) {
        assert!(line.contains("journal/src/tests/"), "{inject}: {life}\n{text}");
    }
    let traced = std::fs::read_to_string(&log).unwrap_or_default();
    let failed = traced.contains("(INJECTED)");
    if failed {
        let counts = by_call.entry(call).or_default();
        *counts = (counts.0 + 1, counts.1 + u64::from(output.status.success()));
    }
    failed
}

fn has_strace() -> bool {
    let mut command = Command::new("strace");
    let traced = command.args(["-f", "-qq", "-e", "trace=none", "true"]).stderr(Stdio::null()).status();
    traced.is_ok_and(|status| status.success())
}

#[test]
fn an_error_of_any_real_call_ends_in_an_error_and_loses_nothing() {
    if !has_strace() {
        return println!("skipped: no strace, or it may not trace");
    }
    super::in_its_own_process("tests::calls::campaign");
}

#[test]
#[ignore = "run by the test above"]
fn campaign() {
    if !is_campaign() {
        return;
    }
    let (pattern, tally) = (super::kills::pattern(), std::sync::Mutex::new(Tally::default()));
    let mut random = Random(seed());
    let (mut failed, mut runs, mut by_call) = (0, 0, Failed::new());
    let wanted = if long() { 5_000 } else { 100 };
    while failed < wanted {
        let mut case = Case::new(&mut random, &pattern, &tally);
        for _ in 0..1 + random.below(8) {
            failed += u64::from(one(&mut case, &mut random, &mut by_call));
            case.check(&mut random);
            runs += 1;
            super::progress(runs, 200, "runs");
        }
        assert!(runs < 20 * wanted + 100, "the calls are never made");
    }
    println!("{failed} calls failed in {runs} runs, and how many of these closed in order: {by_call:?}");
}
