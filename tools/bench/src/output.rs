//! The files of a run.

pub mod hgrm;
pub mod hlog;
pub mod svg;

use crate::result::{FILE, Found, ResultFile, Row};
use anyhow::Context;
use std::fs::write;
use std::path::{Path, PathBuf};

/// Where a run without `--out` puts its results: the first of `latency/run-1`, `latency/run-2`, … that is not there.
pub fn next_dir() -> PathBuf {
    let dir = |number: u32| Path::new("latency").join(format!("run-{number}"));
    (1..).map(dir).find(|dir| !dir.exists()).unwrap_or_else(|| PathBuf::from("latency"))
}

/// Makes `dir`, and removes what an earlier run left there.
///
/// # Errors
/// If that cannot be.
pub fn clear(dir: &Path) -> anyhow::Result<()> {
    let failed =
        |path: &Path| format!("{}: the results cannot be written there; give another --out", path.display());
    std::fs::create_dir_all(dir).with_context(|| failed(dir))?;
    if !dir.join(FILE).exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir).with_context(|| failed(dir))?.flatten() {
        let path = entry.path();
        let ours =
            path.extension().is_some_and(|ending| ["hgrm", "hlog", "svg"].iter().any(|ours| ending == *ours));
        if ours || path.ends_with(FILE) {
            std::fs::remove_file(&path).with_context(|| failed(&path))?;
        }
    }
    Ok(())
}

/// Writes the percentiles and the windows of a rung.
///
/// # Errors
/// If a file cannot be written.
pub fn rung(dir: &Path, found: &Found, began: std::time::SystemTime) -> anyhow::Result<()> {
    let file = |ending: &str| dir.join(format!("{}.{ending}", found.row.file_stem()));
    put(&file("hgrm"), hgrm::text(&found.sum.latency).as_bytes())?;
    put(&file("service.hgrm"), hgrm::text(&found.sum.service).as_bytes())?;
    put(&file("hlog"), &hlog::bytes(found, began)?)
}

/// Writes the result and a plot for each scenario.
///
/// # Errors
/// If a file cannot be written.
pub fn all(dir: &Path, result: &ResultFile) -> anyhow::Result<()> {
    for (name, rows) in by_scenario(&result.scenarios) {
        put(&dir.join(format!("{name}.svg")), svg::plot(&name, &rows).as_bytes())?;
    }
    put(&dir.join(FILE), format!("{}\n", result.to_json()?).as_bytes())
}

/// The rows of each scenario, in the order of their first.
pub fn by_scenario(rows: &[Row]) -> Vec<(String, Vec<&Row>)> {
    let mut groups: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(name, _)| *name == row.name) {
            Some((_, group)) => group.push(row),
            None => groups.push((row.name.clone(), vec![row])),
        }
    }
    groups
}

fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(path, bytes).with_context(|| format!("{}: cannot be written; is there room?", path.display()))
}
