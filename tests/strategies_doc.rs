//! Follows `docs/strategies.md` to the letter: a copy of the sources, its files and edits, its commands in one shell.
//!
//! Each fenced block of the page has a mark on the line above it, which says what it is:
//!
//! | mark | the block |
//! |---|---|
//! | `file: PATH` | is all of that file, which does not exist yet |
//! | `edit: PATH` | is a diff whose old lines occur once in that file |
//! | `run` | is typed into the shell; a command that fails fails the test |
//! | `prints` | is what the `run` above it prints |
//! | `shown` | is for the reader alone |
//!
//! How lines are compared is in `page.rs`; numbers are not.
//!
//! The copy is at `target/strategies-doc`, with a target folder of its own, and is kept: only what has changed is
//! compiled again.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_tests::page::{self, Block, Figures};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../docs/strategies.md");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files by their path within the tree.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// The files below `dir`, but for what is no source: repositories, build and run output.
fn read_tree(dir: &Path, within: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let within = within.join(path.file_name().unwrap());
        if !path.is_dir() {
            tree.insert(within, fs::read(&path).unwrap());
        } else if ![".git", "target", "journals"].iter().any(|name| within.ends_with(name))
            && !path.join("CACHEDIR.TAG").exists()
        {
            read_tree(&path, &within, tree);
        }
    }
}

/// Makes `dir` hold exactly `tree` beside its build output. A file that is right is not touched, so that it is not
/// compiled again.
fn write_tree(dir: &Path, tree: &Tree) {
    let mut there = Tree::new();
    fs::create_dir_all(dir).unwrap();
    read_tree(dir, Path::new(""), &mut there);
    for path in there.keys().filter(|path| !tree.contains_key(*path)) {
        fs::remove_file(dir.join(path)).unwrap();
    }
    for (path, bytes) in tree.iter().filter(|(path, bytes)| there.get(*path) != Some(bytes)) {
        fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
        fs::write(dir.join(path), bytes).unwrap();
    }
    // Runs are never overwritten, so those of the last time have to go.
    if dir.join("journals").exists() {
        fs::remove_dir_all(dir.join("journals")).unwrap();
    }
}

/// The text with the diff applied.
fn edited(text: &str, diff: &str) -> Result<String, String> {
    let (mut old, mut new) = (String::new(), String::new());
    for line in diff.lines() {
        let (sign, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        let row = format!("{rest}\n");
        match sign {
            " " => {
                old.push_str(&row);
                new.push_str(&row);
            }
            "-" => old.push_str(&row),
            "+" => new.push_str(&row),
            _ => return Err(format!("`{line}` is no line of a diff")),
        }
    }
    // From the start of a line on: lines must not match the ends of longer ones.
    let (text, old) = (format!("\n{text}"), format!("\n{old}"));
    match text.matches(&old).count() {
        1 => Ok(text.replacen(&old, &format!("\n{new}"), 1)[1..].to_owned()),
        count => Err(format!("the old lines occur {count} times, not once:{old}")),
    }
}

/// Puts the page's files and edits into the tree.
fn apply(blocks: &[Block], tree: &mut Tree) {
    for Block { mark, line, text } in blocks {
        if let Some(path) = mark.strip_prefix("file: ") {
            let before = tree.insert(PathBuf::from(path), text.clone().into_bytes());
            assert!(before.is_none(), "line {line}: {path} exists already");
        } else if let Some(path) = mark.strip_prefix("edit: ") {
            let bytes = tree.get_mut(Path::new(path));
            let bytes = bytes.unwrap_or_else(|| panic!("line {line}: there is no {path}"));
            let before = std::str::from_utf8(bytes).unwrap();
            let after = edited(before, text).unwrap_or_else(|why| panic!("line {line}: {path}: {why}"));
            *bytes = after.into_bytes();
        }
    }
}

/// Runs `script` in `dir` as a reader would, without network and without settings of this shell; all that it prints.
fn run(dir: &Path, script: &str) -> (bool, String) {
    let home = std::env::var_os("CARGO_HOME");
    // What cargo tells this test is not meant for the cargo of the page.
    let mut shell = page::shell(dir, &["PITLANE_", "CARGO"]);
    shell
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .envs(home.map(|home| ("CARGO_HOME", home)));
    page::run(shell, &format!("set -e\n{script}"))
}

#[test]
fn what_the_page_says_is_what_happens() {
    let cargo = Command::new("cargo").arg("--version").output();
    assert!(
        cargo.is_ok_and(|cargo| cargo.status.success()),
        "cargo is not on PATH; this test builds with it"
    );
    let blocks = page::blocks(PAGE, |mark| {
        let is_file = |of: &str| mark.starts_with(of);
        ["run", "prints", "shown"].contains(&mark) || is_file("file: ") || is_file("edit: ")
    });
    let mut tree = Tree::new();
    read_tree(&root(), Path::new(""), &mut tree);
    apply(&blocks, &mut tree);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("strategies-doc");
    fs::create_dir_all(&dir).unwrap();
    let lock = File::create(dir.join("lock")).unwrap();
    lock.lock().expect("a second run of this test waits for the first");
    let dir = dir.join("tree");
    write_tree(&dir, &tree);

    // One shell for the whole page: what a block exports is there in the next.
    let all: Vec<&Block> = blocks.iter().collect();
    let (is_ok, printed) = run(&dir, &page::script(&all));
    assert!(is_ok, "a command of the page failed:\n{printed}");
    page::compare(&all, &printed, Figures::Any);
    assert_eq!(
        fs::read(dir.join("Cargo.lock")).unwrap(),
        tree[Path::new("Cargo.lock")],
        "cargo changed its lock"
    );
    the_days_are_the_same(&printed);
}

/// The page says that the synthetic day, its proof and the recorded day under the same settings end in one state.
fn the_days_are_the_same(printed: &str) {
    let hashes = page::state_hashes(printed);
    let [run, verified, demo, anew, slower, warm] = hashes.as_slice() else {
        panic!("six runs have six state hashes: {hashes:?}")
    };
    assert_eq!(run, verified, "verify");
    assert_eq!(run, anew, "whatif under the same settings");
    assert!(![demo, slower, warm].contains(&run), "runs under other settings: {hashes:?}");
}

#[test]
fn an_edit_needs_its_old_lines_once() {
    let text = "a\nb\nab\nc\n";
    assert_eq!(edited(text, " b\n+x\n ab\n").unwrap(), "a\nb\nx\nab\nc\n");
    assert_eq!(edited(text, "-a\n+x\n").unwrap(), "x\nb\nab\nc\n");
    assert!(edited(text, "-d\n").unwrap_err().contains("0 times"));
    assert!(edited("a\nb\na\n", "-a\n").unwrap_err().contains("2 times"));
    assert!(edited(text, "?a\n").unwrap_err().contains("no line of a diff"));
}
