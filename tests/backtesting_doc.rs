//! Follows `docs/backtesting.md` to the letter, with the binaries that were built beside this test. The ticks it is about are
//! not the project's; without them nothing runs.
//!
//! | mark | the block |
//! |---|---|
//! | `run` | is typed into a shell, one for the whole page, with `DATA` set |
//! | `prints` | is what the `run` above it prints |
//! | `shown` | is for the reader alone |
//!
//! How lines are compared is in `page.rs`; numbers are, too: the day is fixed, and so are its results.

use pitlane_tests::page::{self, Block, Figures};
use pitlane_tests::shared_data;

const PAGE: &str = include_str!("../docs/backtesting.md");

#[test]
fn what_the_tutorial_says_is_what_happens() {
    let blocks = page::blocks(PAGE, |mark| ["run", "prints", "shown"].contains(&mark));
    let Some(data) = shared_data::dir() else { return };
    let data = data.canonicalize().expect("it is there").join("nse_ticks_2021");
    let shm = std::path::Path::new("/dev/shm");
    let scratch = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let scratch = scratch.expect("a directory can be made");
    let mut shell = page::shell_with_binaries(scratch.path());
    shell.env("DATA", data);
    let all: Vec<&Block> = blocks.iter().collect();
    let (is_ok, printed) = page::run(shell, &format!("set -e\n{}", page::script(&all)));
    assert!(is_ok, "a command of the page failed:\n{printed}");
    page::compare(&all, &printed, Figures::Compared);
}
