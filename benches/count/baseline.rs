//! The recorded counts, and how today's compare with them.

use crate::scenarios::{ALL, AT_MOST, MAY_ALLOCATE};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A scenario may grow by this much, in hundredths of a percent, before the check fails; this much less asks for a new
/// baseline.
const TOLERANCE_BPS: u64 = 100;
/// Counts are recorded in hundredths of an instruction per operation.
pub(crate) const PER: u64 = 100;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.toml")
}

/// Counts every scenario and writes the file.
pub(crate) fn write() -> Result<(), String> {
    let mut text = String::from(
        "# Instructions per operation, in hundredths, counted by callgrind. Written by\n\
         # `cargo run --release -p pitlane-benches --bin count -- baseline`; checked by tests/gate, which allows +1 %.\n",
    );
    text.push_str(&format!("rustc = \"{}\"\nvalgrind = \"{}\"\n\n[instructions]\n", rustc()?, valgrind()?));
    for (name, _) in ALL.iter().filter(|(name, _)| !MAY_ALLOCATE.contains(name)) {
        let count = count(name, 0)?;
        println!("{name}: {} instructions per operation", decimal(count));
        text.push_str(&format!("\"{name}\" = {count}\n"));
    }
    fs::write(file(), text).map_err(|error| format!("{}: {error}", file().display()))
}

/// Counts every scenario and compares.
pub(crate) fn check() -> Result<(), String> {
    let recorded = read()?;
    let (was, is) = (recorded.rustc.as_str(), rustc()?);
    if was != is {
        return Err(format!("the baseline is of {was}, this is {is}: count it again with `count baseline`"));
    }
    let (mut failed, mut counted) = (Vec::new(), BTreeMap::new());
    for (name, _) in ALL.iter().filter(|(name, _)| !MAY_ALLOCATE.contains(name)) {
        let is = count(name, 0)?;
        counted.insert(*name, is);
        let Some(&was) = recorded.instructions.get(*name) else {
            failed.push(format!("{name} has no baseline; record it with `count baseline`"));
            continue;
        };
        let verdict = Verdict::of(is, was);
        let (is, was) = (decimal(is), decimal(was));
        let verdict = match verdict {
            Verdict::More => {
                failed.push(format!("{name}: {is} instructions per operation, recorded {was}"));
                "FAILED"
            }
            Verdict::Fewer => "better: record it with `count baseline`",
            Verdict::Same => "ok",
        };
        println!("{name}: {is} instructions per operation, recorded {was}: {verdict}");
    }
    for (name, of, hundredths) in AT_MOST {
        let (is, base) = (counted[name], counted[of]);
        println!("{name}: {} % of {of}, at most {hundredths}", decimal(is * PER * PER / base));
        if is * 100 > base * hundredths {
            failed.push(format!("{name} takes more than {hundredths} % of {of}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// How a count compares with the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More than the tolerance allows.
    More,
    /// So much less that the check would not see a loss of as much.
    Fewer,
    /// Neither.
    Same,
}

impl Verdict {
    pub(crate) fn of(is: u64, was: u64) -> Self {
        if is * 10_000 > was * (10_000 + TOLERANCE_BPS) {
            Self::More
        } else if is * (10_000 + TOLERANCE_BPS) < was * 10_000 {
            Self::Fewer
        } else {
            Self::Same
        }
    }
}

pub(crate) fn decimal(count: u64) -> String {
    format!("{}.{:02}", count / PER, count % PER)
}

struct Recorded {
    rustc: String,
    instructions: BTreeMap<String, u64>,
}

/// Reads the file: lines `key = value`, which is all it has.
fn read() -> Result<Recorded, String> {
    let text = fs::read_to_string(file()).map_err(|error| format!("{}: {error}", file().display()))?;
    let mut recorded = Recorded { rustc: String::new(), instructions: BTreeMap::new() };
    for line in text.lines() {
        let Some((key, value)) = line.split_once(" = ") else { continue };
        let (key, value) = (key.trim_matches('"'), value.trim_matches('"'));
        match (key, value.parse()) {
            ("rustc", _) => value.clone_into(&mut recorded.rustc),
            (_, Ok(count)) => drop(recorded.instructions.insert(key.to_owned(), count)),
            _ => {}
        }
    }
    Ok(recorded)
}

/// Hundredths of an instruction per operation of a scenario: this program again, under callgrind.
pub(crate) fn count(name: &str, planted: u64) -> Result<u64, String> {
    let me = std::env::current_exe().map_err(|error| format!("this program's path: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_section*"])
        .arg(me)
        .args(["run", name, &planted.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be started: {error}; install it (apt install valgrind)"))?;
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let after = |text: &str, word: &str| {
        let place = text.find(word)? + word.len();
        text[place..].trim_start_matches([' ', ':']).split_whitespace().next()?.parse::<u64>().ok()
    };
    match (after(&log, "Collected"), after(&out, "operations")) {
        (Some(collected), Some(operations)) if output.status.success() && collected > operations => {
            Ok(collected * PER / operations)
        }
        _ => Err(format!("{name}: callgrind said nothing that can be used:\n{log}{out}")),
    }
}

fn rustc() -> Result<String, String> {
    first_line("rustc", "--version")
}

fn valgrind() -> Result<String, String> {
    first_line("valgrind", "--version")
}

fn first_line(program: &str, argument: &str) -> Result<String, String> {
    let output = Command::new(program)
        .arg(argument)
        .output()
        .map_err(|error| format!("{program} cannot be started: {error}; install it"))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}
