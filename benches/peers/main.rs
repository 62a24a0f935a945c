//! Peers side by side: the engine's hop between pinned stages and its exchange, beside crates that others publish, in one
//! process. `cargo bench -p pitlane-benches --features peers --bench peers`, with `hops` or `books` behind `--` for one of them.
//!
//! Rounds take turns, and a ratio is that of one round, so that the machine's moods fall on all of them alike; figures are
//! the middle of the rounds with smallest and largest. What counts is the ratios.

mod books;
mod hop;

use pitlane_benches::table::{load, machine};

/// Rounds of every figure.
const ROUNDS: usize = 9;

fn main() {
    // `cargo test` runs benches as tests: there they only have to build.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    machine(env!("CARGO_TARGET_TMPDIR"));
    let parts: [(&str, fn()); 2] = [("hops", hop::hops), ("books", books::books)];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
    println!("load at the end: {}", load());
}
