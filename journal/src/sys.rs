//! What the standard library lacks: the lock on an open file description, preallocation, file system facts.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

use crate::crc::{LINE_BYTES, Lines};
use crate::format::BODY_WORDS;

/// Takes the write lock on the whole file for this open file description, without waiting.
///
/// Returns `false` if another description holds it. The kernel drops the lock with the last copy of the
/// descriptor, so a killed process leaves none behind.
///
/// # Errors
///
/// What `fcntl` reports, for instance a file system without locks.
pub(crate) fn try_lock_exclusive(file: &File) -> io::Result<bool> {
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open for the length of the call, and F_OFD_SETLK only reads the `flock` it is
    // given.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(false),
        _ => Err(error),
    }
}

/// What preallocated blocks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocks {
    /// The file's own, zero, and there for good: pages of a memory file system.
    Zero,
    /// Maybe only promised, or not written yet.
    Promised,
}

/// Reserves the blocks of the first `bytes` bytes and sets the file's length to them.
///
/// On memory the length comes first: mounted with `huge=within_size`, pages are huge only within it.
///
/// # Errors
///
/// `ENOSPC`, `EFBIG` and whatever else the file system says; a file system that cannot preallocate gets its
/// length only, and the zero-writing that follows finds the lack of space.
pub(crate) fn preallocate(file: &File, bytes: u64) -> io::Result<Blocks> {
    let length = libc::off_t::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    let memory = stat(file)?.f_type as u32 == TMPFS_MAGIC;
    if memory && file.metadata()?.len() < bytes {
        file.set_len(bytes)?;
    }
    loop {
        // SAFETY: the descriptor is open for the length of the call; no memory is passed.
        let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) };
        if result == 0 {
            return Ok(if memory { Blocks::Zero } else { Blocks::Promised });
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP) => return file.set_len(bytes).map(|()| Blocks::Promised),
            _ => return Err(error),
        }
    }
}

/// Of linux/magic.h.
const TMPFS_MAGIC: u32 = 0x0102_1994;

/// The facts of the file system that holds `file`.
fn stat(file: &File) -> io::Result<libc::statfs> {
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the descriptor is open for the length of the call, which writes one `statfs`.
    if unsafe { libc::fstatfs(file.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call filled it; all of its fields are integers.
    Ok(unsafe { stat.assume_init() })
}

/// A file system on which locks, syncs or mappings do not mean what the journal needs, by name.
///
/// # Errors
///
/// What `fstatfs` reports.
pub(crate) fn unsupported_file_system(file: &File) -> io::Result<Option<&'static str>> {
    Ok(unsupported_magic(stat(file)?.f_type as u32))
}

/// The names behind the numbers of linux/magic.h and of the file systems that are not in it.
pub(crate) fn unsupported_magic(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0xff53_4d42 => Some("CIFS"),
        0x517b | 0xfe53_4d42 => Some("SMB"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9P"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x00c3_6400 => Some("CephFS"),
        0x7375_7245 => Some("Coda"),
        0x786f_4256 => Some("VirtualBox shared folders"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        _ => None,
    }
}

/// Bytes free for this user, and bytes in all, of the file system that holds `file`.
///
/// # Errors
///
/// What `fstatfs` reports.
pub(crate) fn free_and_total_bytes(file: &File) -> io::Result<(u64, u64)> {
    let stat = stat(file)?;
    let block_bytes = stat.f_bsize.unsigned_abs();
    // What is reserved for the superuser is neither free nor used: full is when this user gets nothing more.
    let usable = stat.f_blocks.saturating_sub(stat.f_bfree.saturating_sub(stat.f_bavail));
    Ok((stat.f_bavail.saturating_mul(block_bytes), usable.saturating_mul(block_bytes)))
}

/// The kernel's name for this boot.
///
/// # Errors
///
/// If the file cannot be read, or does not hold a UUID.
pub(crate) fn boot_id() -> io::Result<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: Vec<u8> = text.trim().bytes().filter(|&byte| byte != b'-').collect();
    let digit = |at: usize| digits.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let mut id = [0; 16];
    for (at, byte) in id.iter_mut().enumerate() {
        let (Some(high), Some(low)) = (digit(2 * at), digit(2 * at + 1)) else {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        };
        *byte = (high * 16 + low) as u8;
    }
    Ok(id)
}

/// CRC-32C of `body` and then `lines`, going on from `crc`; `None` on a processor without the instructions.
#[inline(always)]
pub(crate) fn crc_of_lines(crc: u32, body: [u64; BODY_WORDS], lines: &[[u8; LINE_BYTES]]) -> Option<u32> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: the processor has both features that the function is compiled for, which the standard
        // library asks it once and then remembers.
        return Some(unsafe { crate::crc::of_lines(crc, body[0], body[1], body[2], lines) });
    }
    let _ = (crc, body, lines);
    None
}

/// Proof that the processor has what `crc::put_lines` is compiled for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WideLines(#[cfg(not(target_arch = "x86_64"))] std::convert::Infallible);

impl WideLines {
    /// Asks the processor.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("sse4.2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("avx")
        {
            return Some(Self());
        }
        None
    }

    /// Stores `body` and `payload` behind it, and returns the CRC-32C of both, going on from `crc`.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(
        self,
        crc: u32,
        body: [u64; BODY_WORDS],
        payload: &[[u8; LINE_BYTES]; N],
        to: &mut Lines<N>,
    ) -> u32 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `self` is only made by `detect`, which has asked for all features that the function is compiled for.
        return unsafe { crate::crc::put_lines(crc, body[0], body[1], body[2], payload, to) };
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = (crc, body, payload, to);
            match self.0 {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    /// Only pages of memory may be taken for zero: on a disk a store into what is only promised can fail with a signal.
    #[test]
    fn blocks_are_zero_on_memory_and_promised_on_a_disk() {
        let on = |dir: &std::path::Path| {
            let file = tempfile::tempfile_in(dir).unwrap();
            let memory = stat(&file).unwrap().f_type as u32 == TMPFS_MAGIC;
            let blocks = preallocate(&file, 1 << 20).unwrap();
            assert_eq!(file.metadata().unwrap().len(), 1 << 20);
            let mut bytes = vec![7; 1 << 20];
            file.read_exact_at(&mut bytes, 0).unwrap();
            assert!(bytes.iter().all(|&byte| byte == 0));
            assert_eq!(blocks, if memory { Blocks::Zero } else { Blocks::Promised }, "{}", dir.display());
            memory
        };
        let (built, shm) =
            (std::path::Path::new(env!("CARGO_MANIFEST_DIR")), std::path::Path::new("/dev/shm"));
        if on(built) {
            println!("skipped: no disk");
        }
        if !shm.is_dir() || !on(shm) {
            println!("skipped: no memory file system");
        }
    }
}
