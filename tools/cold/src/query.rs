//! `cold-path query`: SQL over an archive.
//!
//! The archive's folders are tables that many programs read. This one has an engine of its own in the cargo feature `sql`,
//! which is off by default because it makes a build several times as long; without it the answer is how to get it, and the
//! same question for DuckDB.

#[cfg(feature = "sql")]
mod embedded;
#[cfg(test)]
mod tests;
mod views;

use crate::args::Configured;
use clap::Args;
use pitlane_parquet::Archive;
use pitlane_session::exit::{Exit, answer, data};
use std::path::PathBuf;

/// `cold-path query`.
#[derive(Args, Clone, Debug, Default)]
pub struct QueryArgs {
    /// The statement, such as "select symbol, sum(quantity) from fills group by 1"
    #[arg(required_unless_present = "duckdb_views")]
    pub sql: Option<String>,
    /// The archive
    #[arg(long, value_name = "DIR", default_value = "archive")]
    pub out: PathBuf,
    /// Print the statements that make the archive's tables known to DuckDB: duckdb -init FILE
    #[arg(long, conflicts_with_all = ["sql", "json"])]
    pub duckdb_views: bool,
    /// Print one JSON object (cold-query/1) on stdout
    #[arg(long)]
    pub json: bool,
}

impl QueryArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        configured.put("out", &mut self.out, configured.settings.dir.clone());
    }
}

/// Answers.
///
/// # Errors
/// If there is no archive, the statement is wrong or more than a question, a file cannot be read, or this build has no
/// engine.
pub fn run(args: &QueryArgs) -> anyhow::Result<Exit> {
    let archive = Archive::new(&args.out);
    if archive.journals()?.is_empty() {
        return Err(data(format!(
            "{} holds no archive; make one with `cold-path archive --out {0}`",
            args.out.display()
        )));
    }
    if args.duckdb_views {
        answer(&views::all(&archive)?)?;
        return Ok(Exit::Ok);
    }
    let sql = args.sql.as_deref().expect("clap asks for it when no views are printed");
    ask(&archive, sql, args.json)
}

#[cfg(feature = "sql")]
fn ask(archive: &Archive, sql: &str, json: bool) -> anyhow::Result<Exit> {
    let text = if json { embedded::json(archive, sql)?.to_string() } else { embedded::table(archive, sql)? };
    answer(&text)?;
    Ok(Exit::Ok)
}

#[cfg(not(feature = "sql"))]
fn ask(archive: &Archive, sql: &str, _json: bool) -> anyhow::Result<Exit> {
    Err(pitlane_session::exit::usage(format!(
        "this build has no SQL engine; `cargo build --release -p pitlane-cold --features sql` makes one that has. DuckDB \
         answers the same question:\n\n{}\n",
        views::command(archive, sql)?
    )))
}
