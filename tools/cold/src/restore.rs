//! `cold-path restore`: an archive becomes a journal again, byte for byte, or fills an empty database.

use crate::args::{Configured, date};
use crate::postgres::{self, PostgresArgs};
use crate::segments::{self, SegmentManifest};
use crate::store::{self, ObjectStore};
use clap::Args;
use pitlane_parquet::Archive;
use pitlane_rows::Uuid;
use pitlane_session::exit::{Exit, answer, data, usage};
use pitlane_session::summary::card;
use serde_json::json;
use std::path::PathBuf;

/// `cold-path restore`.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// Restore the journal of this trading date
    #[arg(long, value_name = "DATE", required_unless_present = "id")]
    pub date: Option<String>,
    /// Restore this journal; needed where a date has several
    #[arg(long, value_name = "UUID")]
    pub id: Option<String>,
    /// Where the archive is: a directory, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX", default_value = "archive")]
    pub out: String,
    /// Make this directory the journal, byte for byte; it must be new or empty
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    #[command(flatten)]
    /// The database to fill.
    pub postgres: PostgresArgs,
    /// Print one JSON object (cold-restore/1) on stdout
    #[arg(long)]
    pub json: bool,
}

impl RestoreArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        configured.put("out", &mut self.out, configured.settings.dir.to_string_lossy().into_owned());
        self.postgres.configure(configured);
    }
}

/// Restores a journal, a database, or both.
///
/// # Errors
/// If the archive has no such journal or it is damaged, something is in the way, or the database fails.
pub fn run(args: &RestoreArgs) -> anyhow::Result<Exit> {
    let kept = args.postgres.target()?;
    if args.to.is_none() && kept.is_none() {
        return Err(usage(
            "nothing to restore to; give --to DIR for the journal, --postgres URL for a database, or both",
        ));
    }
    if kept.is_some() && args.out.starts_with("s3://") {
        return Err(usage(
            "a database is filled from Parquet files in a directory; copy the archive there first",
        ));
    }
    let store = store::named(&args.out)?;
    let manifest = find(store.as_ref(), args)?;
    if let Some(to) = &args.to {
        segments::restore(store.as_ref(), &manifest, to)?;
    }
    let rows = match &kept {
        Some(kept) => {
            let root = args.out.strip_prefix("file://").unwrap_or(&args.out);
            let last = segments::last_input(store.as_ref(), &manifest)?.unwrap_or(0);
            Some(postgres::load(kept, &Archive::new(root), uuid(&manifest.journal)?, last)?)
        }
        None => None,
    };
    if args.json {
        let value = json!({
            "schema": "cold-restore/1",
            "journal": manifest.journal,
            "dates": manifest.dates,
            "to": args.to,
            "files": manifest.files.len(),
            "bytes": manifest.bytes().0,
            "postgres_rows": rows,
        });
        answer(&value.to_string())?;
        return Ok(Exit::Ok);
    }
    let mut lines = vec![("journal", manifest.journal.clone()), ("dates", manifest.dates.join(", "))];
    if let Some(to) = &args.to {
        lines.push(("restored", format!("{} files in {}", manifest.files.len(), to.display())));
    }
    lines.extend(rows.map(|rows| ("postgres", format!("{rows} rows"))));
    let mut text = card(&lines);
    if let Some(to) = &args.to {
        text = format!("{text}\n\nprove it:  journal-replay verify {}", to.display());
    }
    answer(&text)?;
    Ok(Exit::Ok)
}

fn uuid(text: &str) -> anyhow::Result<Uuid> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    let number = number
        .ok_or_else(|| usage(format!("{text}: not the name of a journal; it has 32 hexadecimal digits")))?;
    Ok(Uuid(number.to_be_bytes()))
}

/// The one journal that is asked for.
fn find(store: &dyn ObjectStore, args: &RestoreArgs) -> anyhow::Result<SegmentManifest> {
    let nothing = |what: &str| data(format!("the archive {} has no journal {what}", store.describe()));
    if let Some(id) = &args.id {
        let id = uuid(id)?;
        return segments::manifest(store, id)?.ok_or_else(|| nothing(&format!("of the name {id}")));
    }
    let wanted = date("--date", args.date.as_deref().unwrap_or_default())?.to_string();
    let mut found = Vec::new();
    for key in store.list("_journal/")?.iter().filter(|key| key.ends_with("/manifest.json")) {
        let id = key.split('/').nth(1).unwrap_or_default();
        if let Some(manifest) = segments::manifest(store, uuid(id)?)?
            && manifest.dates.contains(&wanted)
        {
            found.push(manifest);
        }
    }
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|manifest| manifest.journal.as_str()).collect();
        return Err(usage(format!(
            "{wanted} has several journals; choose one with --id: {}",
            ids.join(", ")
        )));
    }
    found.pop().ok_or_else(|| nothing(&format!("of {wanted}")))
}
