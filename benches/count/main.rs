//! Instructions per operation, counted by callgrind: the one figure that a shared machine does not blur.
//!
//! ```text
//! count run SCENARIO    runs one scenario; what is counted is inside `counted_section`
//! count check           counts every scenario under callgrind and compares with benches/baseline.toml
//! count baseline        counts every scenario and writes benches/baseline.toml
//! count allocations     runs every scenario under a counting allocator: its counted section makes none
//! count planted         plants an allocation and 2 % of instructions, and sees that each is caught
//! ```
//!
//! A new scenario is a line in `scenarios::ALL` and a `count baseline`.

mod allocator;
mod baseline;
mod measured;
mod planted;
mod scenarios;
mod stages;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["run", name] => run(name, 0),
        ["run", name, planted] => match planted.parse() {
            Ok(rounds) => run(name, rounds),
            Err(error) => Err(format!("rounds to be planted: {error}")),
        },
        ["check"] => baseline::check(),
        ["baseline"] => baseline::write(),
        ["allocations"] => allocations(),
        ["planted"] => planted::caught(),
        _ => Err("usage: count run SCENARIO [ROUNDS PLANTED] | check | baseline | allocations | planted"
            .to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a scenario, and in its counted section as many rounds of planted instructions.
fn run(name: &str, planted: u64) -> Result<(), String> {
    let mut scenario = scenarios::prepare(name)?;
    counted_section(&mut || {
        (scenario.run)();
        planted::instructions(planted);
    });
    println!("operations {}", scenario.operations);
    Ok(())
}

/// What callgrind counts (`--toggle-collect` by this name), and nothing else.
#[inline(never)]
fn counted_section(run: &mut dyn FnMut()) {
    run();
}

fn allocations() -> Result<(), String> {
    let mut failed = Vec::new();
    for (name, prepare) in scenarios::ALL {
        let mut scenario = prepare();
        let count = allocator::during(|| counted_section(&mut *scenario.run));
        println!("{name}: {count} allocations in {} operations", scenario.operations);
        if count > 0 && !scenarios::MAY_ALLOCATE.contains(name) {
            failed.push(*name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("allocate: {}", failed.join(", "))) }
}
