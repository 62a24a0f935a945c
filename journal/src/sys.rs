//! What the standard library lacks: the lock on an open file description, and preallocation.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

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

/// Reserves the blocks of the first `bytes` bytes and sets the file's length to them.
///
/// # Errors
///
/// `ENOSPC`, `EFBIG` and whatever else the file system says; a file system that cannot preallocate gets its
/// length only, and the zero-writing that follows finds the lack of space.
pub(crate) fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    let length = libc::off_t::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    loop {
        // SAFETY: the descriptor is open for the length of the call; no memory is passed.
        let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP) => return file.set_len(bytes),
            _ => return Err(error),
        }
    }
}
