//! What holds the journal: the file systems, and the pages of the one on memory.

use super::{Check, bytes};
use std::path::Path;

/// File systems on which mapped files or locks of another process or host may not behave.
const REMOTE_OR_LAYERED: &[&str] = &["nfs", "nfs4", "cifs", "smb3", "9p", "overlay", "ceph", "virtiofs"];

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where it is mounted.
    pub(super) at: String,
    /// Its type, as `ext4`.
    pub(super) kind: String,
    pub(super) read_only: bool,
    /// Which files of a memory file system have huge pages: `never`, `within_size`, `always`, `advise`.
    pub(super) huge: String,
}

/// The file system that holds `path`.
pub(super) fn mount_of(mountinfo: &str, path: &Path) -> Option<Mount> {
    // id parent major:minor root MOUNT OPTIONS [optional fields] - TYPE SOURCE SUPER-OPTIONS; see proc(5).
    let mounts = mountinfo.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let fields: Vec<&str> = before.split(' ').collect();
        let at = fields.get(4)?.replace("\\040", " ");
        path.starts_with(&at).then_some(())?;
        let mut file_system = after.split(' ');
        let kind = file_system.next()?.to_owned();
        let read_only = fields.get(5)?.split(',').any(|option| option == "ro");
        let huge =
            file_system.nth(1).unwrap_or("").split(',').find_map(|option| option.strip_prefix("huge="));
        let huge = huge.unwrap_or("never").to_owned();
        Some((at.len(), Mount { at, kind, read_only, huge }))
    });
    // The longest mount point holds the path; of two on one place the later one hides the earlier.
    mounts.max_by_key(|(length, _)| *length).map(|(_, mount)| mount)
}

/// Whether the journal's directory is one that mapped files and locks work on.
pub(super) fn file_system(mount: Option<&Mount>) -> Check {
    const NAME: &str = "journal_file_system";
    let Some(Mount { kind, read_only, .. }) = mount else {
        return Check::warn(NAME, "unknown", "mount /proc to find out");
    };
    if *read_only {
        let found = format!("{kind}, read-only");
        return Check::fail(NAME, found, "give another --journal, or remount it writable");
    }
    if kind == "tmpfs" {
        let remedy = "memory: a journal there does not survive a restart of the machine";
        return Check::warn(NAME, kind, remedy);
    }
    if kind.starts_with("fuse") || REMOTE_OR_LAYERED.contains(&kind.as_str()) {
        let remedy =
            "mapped files and locks may not behave there; put the journal on a local disk (ext4, xfs)";
        return Check::warn(NAME, kind, remedy);
    }
    Check::ok(NAME, kind)
}

/// Whether there is room for a journal on memory; `space` is size and free bytes.
pub(super) fn shared_memory(dir: &Path, mount: Option<&Mount>, space: Option<(u64, u64)>) -> Check {
    const NAME: &str = "shared_memory";
    let dir = dir.display();
    match (mount.map(|mount| mount.kind.as_str()), space) {
        (Some("tmpfs"), Some((size, free))) => {
            let found = format!("{dir}: {} free of {}", bytes(free), bytes(size));
            if free < 256 << 20 {
                let remedy = "a journal on memory needs more: free some, or remount it with a larger size=";
                return Check::warn(NAME, found, remedy);
            }
            Check::ok(NAME, found)
        }
        (Some("tmpfs"), None) => Check::warn(NAME, format!("{dir}: free space unknown"), "install df"),
        _ => Check::warn(
            NAME,
            format!("{dir} is not on memory"),
            format!(
                "mkdir -p {dir} && mount -t tmpfs -o huge=within_size tmpfs {dir} if journals shall be on memory"
            ),
        ),
    }
}

/// Whether a journal on memory has huge pages: a segment of small ones takes some ten times as long to make, and that
/// is what bounds a journal at full rate.
pub(super) fn journal_pages(dir: &Path, mount: Option<&Mount>, wanted: bool) -> Check {
    const NAME: &str = "journal_pages";
    let Some(Mount { huge, at, .. }) = mount.filter(|mount| mount.kind == "tmpfs") else {
        return Check::ok(NAME, "no memory file system");
    };
    let found = format!("{}: huge={huge}", dir.display());
    if wanted && !matches!(huge.as_str(), "always" | "within_size") {
        let remedy = format!(
            "mount -o remount,huge=within_size {at}: journals in journal.hot_dir are made ten times as fast"
        );
        return Check::warn(NAME, found, remedy);
    }
    Check::ok(NAME, found)
}
