//! `journal-replay-sweep`: what `journal-replay sweep` becomes.

use clap::Parser;
use pitlane_session::exit::finish;
use pitlane_sweep::SweepArgs;
use std::process::ExitCode;

/// Run recorded days with many sets of parameters, rank the sets, and say how likely the best is luck.
///
/// Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 data missing or corrupt, or --out in use, 4 no set passes the
/// gates, 130/143 signals. A sweep that was stopped, killed too, goes on when the same command is given again.
#[derive(Parser)]
#[command(name = "journal-replay sweep", version)]
struct Cli {
    #[command(flatten)]
    sweep: SweepArgs,
}

fn main() -> ExitCode {
    finish(pitlane_sweep::run(&Cli::parse().sweep))
}
