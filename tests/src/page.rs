//! Pages whose commands are run and whose printed lines are compared.
//!
//! Each fenced block of such a page has a mark on the line above it, such as `<!-- run -->`. Whoever reads the page says
//! which marks there are and which blocks belong together; these are common to all:
//!
//! | mark | the block |
//! |---|---|
//! | begins with `run` | is typed into a shell, one for the whole page |
//! | begins with `prints` | is what the `run` above it prints |
//!
//! Of what is printed, the quoted lines must come in their order, with other lines or none between them. Blanks in a row
//! count as one, and `...` or `…` stands for anything within a line.

use std::path::Path;
use std::process::Command;

/// A fenced block of a page.
#[derive(Clone, Debug)]
pub struct Block {
    /// What it is.
    pub mark: String,
    /// Line of the page, from 1, at which its text starts.
    pub line: usize,
    /// What is in it.
    pub text: String,
}

impl Block {
    /// Whether it is typed.
    pub fn is_run(&self) -> bool {
        self.mark.starts_with("run")
    }
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figures {
    /// Like any other words.
    Compared,
    /// Not, but that a zero is one: figures that change with the engine.
    Any,
}

/// The blocks of a page, in their order; every mark is one that `knows`.
pub fn blocks(page: &str, knows: impl Fn(&str) -> bool) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut before, mut is_open) = ("", false);
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") && is_open {
            is_open = false;
        } else if line.starts_with("```") {
            let mark = before.strip_prefix("<!-- ").and_then(|mark| mark.strip_suffix(" -->"));
            let mark = mark.unwrap_or_else(|| panic!("line {}: a block without a mark", number + 1));
            assert!(knows(mark), "line {}: unknown mark `{mark}`", number + 1);
            blocks.push(Block { mark: mark.to_owned(), line: number + 2, text: String::new() });
            is_open = true;
        } else if let Some(block) = blocks.last_mut().filter(|_| is_open) {
            block.text.push_str(line);
            block.text.push('\n');
        }
        before = line;
    }
    assert!(!is_open, "the last block is not closed");
    blocks
}

/// A shell in `dir` without settings of this process whose names begin with one of `without`.
pub fn shell(dir: &Path, without: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if without.iter().any(|prefix| name.starts_with(prefix)) {
            shell.env_remove(name);
        }
    }
    shell.current_dir(dir);
    shell
}

/// A shell in `dir` that has the binaries built beside this test on its path, and none of our settings. They must be there.
pub fn shell_with_binaries(dir: &Path) -> Command {
    let mut shell = shell(dir, &["PITLANE_"]);
    let path = format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap_or_default());
    shell.env("PATH", path).env("TMPDIR", dir);
    shell
}

/// Where the binaries are; `engine` and `journal-replay` must be among them.
pub fn binaries() -> std::path::PathBuf {
    let me = std::env::current_exe().expect("the system knows this program's path");
    let dir = me.ancestors().nth(2).expect("tests are built into target/PROFILE/deps").to_owned();
    for name in ["engine", "journal-replay"] {
        let path = dir.join(name);
        assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    }
    dir
}

/// Runs `script`: whether it ended well, and all that it prints.
pub fn run(mut shell: Command, script: &str) -> (bool, String) {
    let output = shell.args(["-c", &format!("exec 2>&1\n{script}")]).output().expect("there is a shell");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn marker(line: usize) -> String {
    format!("=== line {line} of the page ===")
}

/// What is typed of `blocks`, with a line before each that says where it is from.
pub fn script(blocks: &[&Block]) -> String {
    let runs = blocks.iter().filter(|block| block.is_run());
    runs.map(|block| format!("echo '{}'\n{}", marker(block.line), block.text)).collect()
}

/// Holds what the page quotes against what its `script` printed.
pub fn compare(blocks: &[&Block], printed: &str, figures: Figures) {
    let mut last: Option<&str> = None;
    for block in blocks {
        if block.is_run() {
            let from = printed.split_once(&format!("{}\n", marker(block.line)));
            let from = from.unwrap_or_else(|| panic!("line {} was not come to:\n{printed}", block.line)).1;
            last = Some(from.split_once("=== line").map_or(from, |(printed, _)| printed));
        } else if block.mark.starts_with("prints") {
            let printed = last.take().expect("a block of what is printed follows one that is run");
            if let Some(line) = missing(&block.text, printed, figures) {
                panic!("line {}: not printed in its place: {line}\n{printed}", block.line);
            }
        }
    }
}

/// The state hashes among what is printed.
pub fn state_hashes(printed: &str) -> Vec<&str> {
    printed.lines().filter_map(|line| line.trim().strip_prefix("state hash")).map(str::trim).collect()
}

/// A line with single blanks; of figures that may be any, `#` for every number but `0`.
fn plain(line: &str, figures: Figures) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let words = words.join(" ");
    if figures == Figures::Compared {
        return words;
    }
    let (mut plain, mut digits) = (String::new(), String::new());
    for c in words.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            plain.push_str(if digits == "0" { "0" } else { "#" });
            digits.clear();
        }
        plain.push(c);
    }
    plain.trim().to_owned()
}

/// Whether `line` is what is `shown`.
fn is_shown(shown: &str, line: &str, figures: Figures) -> bool {
    let (shown, line) = (plain(&shown.replace('…', "..."), figures), plain(line, figures));
    let pieces: Vec<&str> = shown.split("...").map(str::trim).collect();
    let [first, middle @ .., last] = pieces.as_slice() else { return shown == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// The first shown line that is not printed in its place.
fn missing<'a>(shown: &'a str, printed: &str, figures: Figures) -> Option<&'a str> {
    let mut printed = printed.lines();
    let mut shown = shown.lines().filter(|line| !["...", "…"].contains(&line.trim()));
    shown.find(|shown| !printed.any(|line| is_shown(shown, line, figures)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_lines_are_found_in_their_order() {
        let printed = " run   day 12\n bars  17, 0\nidentical true\n";
        for (shown, any, compared) in [
            ("run day 13\n...\nidentical true\n", None, Some("run day 13")),
            ("run day …\nidentical true\n", None, None),
            ("bars 18, 0\n", None, Some("bars 18, 0")),
            ("bars 18, 3\n", Some("bars 18, 3"), Some("bars 18, 3")),
            ("run ... 12\n", None, None),
            ("run ... x\n", Some("run ... x"), Some("run ... x")),
            ("identical true\nrun day 12\n", Some("run day 12"), Some("run day 12")),
            ("identical false\n", Some("identical false"), Some("identical false")),
            ("identical\n", Some("identical"), Some("identical")),
        ] {
            assert_eq!(missing(shown, printed, Figures::Any), any, "{shown}");
            assert_eq!(missing(shown, printed, Figures::Compared), compared, "{shown}");
        }
    }

    #[test]
    fn blocks_have_marks_and_lines() {
        let page = "a\n<!-- run -->\n```sh\ntrue\n```\n\n<!-- prints -->\n```\nx\n```\n";
        let found = blocks(page, |mark| mark == "run" || mark == "prints");
        let lines: Vec<(&str, usize, &str)> =
            found.iter().map(|block| (block.mark.as_str(), block.line, block.text.as_str())).collect();
        assert_eq!(lines, [("run", 4, "true\n"), ("prints", 9, "x\n")]);
    }
}
