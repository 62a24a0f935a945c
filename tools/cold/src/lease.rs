//! The claims by which a journal's retention waits for what keeps its rows: one for each place they are kept in. What one
//! place has says nothing of another.

use crate::disk;
use crate::fault;
use crate::postgres::Kept;
use pitlane_journal::Lease;
use pitlane_rows::Offset;
use pitlane_store::{INPUTS, OUTPUTS, has_stream};
use std::path::Path;

/// Names of the leases of an archive and of a database: `archive-` or `postgres-`, and 8 hexadecimal digits of a hash of
/// where it is. Makes the archive's folder, so that its place is known.
///
/// # Errors
/// If the folder cannot be made.
pub fn names(archive: &Path, kept: Option<&Kept>) -> anyhow::Result<Vec<String>> {
    disk::make_folder(archive)?;
    let place = archive.canonicalize().map_err(|error| fault::disk("look at", archive, &error))?;
    let name = |kind: &str, place: &[u8]| format!("{kind}-{:.8}", blake3::hash(place).to_hex());
    let mut names = vec![name("archive", place.as_os_str().as_encoded_bytes())];
    names.extend(kept.map(|kept| name("postgres", kept.to_string().as_bytes())));
    Ok(names)
}

/// Takes leases on both streams of the journal at `dir`, or takes them up again, and moves them up to `to`; never back.
///
/// # Errors
/// If a lease's file is damaged, or the disk fails.
pub fn advance(dir: &Path, names: &[String], to: Offset) -> anyhow::Result<()> {
    for stream in [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(dir, stream)) {
        let last = if stream == INPUTS { to.seq } else { to.outputs };
        for name in names {
            let mut lease = Lease::take(dir, stream, name)?;
            if last > lease.consumed() {
                lease.advance(last)?;
            }
        }
    }
    Ok(())
}
