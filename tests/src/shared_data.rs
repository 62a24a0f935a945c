//! Real data that the project does not ship.

use std::path::PathBuf;

/// Where the shared data is: `$PITLANE_DATA`, else `../shared/data` beside the checkout. `None`, said aloud, if absent.
pub fn dir() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = std::env::var_os("PITLANE_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    if dir.join("nse_ticks_2021").is_dir() {
        return Some(dir);
    }
    println!("skipped: no shared data");
    None
}
