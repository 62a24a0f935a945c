//! The hot path makes no allocation, no system call and no page fault over a million events, fused and pinned.
//!
//! Each measurement runs in a process of its own (this program starts itself again): after a warm-up every pipeline
//! thread installs a filter under which any system call but the few it is measured with ends the process, counts its
//! allocations, and compares its page faults. Waiting for work is exempt: a thread without work may yield.

mod measure;

use measure as hot;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    if let Ok(mode) = std::env::var(hot::MODE_VARIABLE) {
        hot::child(&mode);
    }
    let mut failed = 0;
    let modes = hot::MODES;
    for mode in modes {
        let me = std::env::current_exe().expect("the system knows this program's path");
        let status =
            Command::new(me).env(hot::MODE_VARIABLE, mode).status().expect("the program starts again");
        let verdict = hot::explain(status.code());
        println!("hot path, {mode}: {verdict}");
        if status.code() != Some(0) {
            failed += 1;
        }
    }
    println!("{} passed, {failed} failed", modes.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
