//! Keeping memory where it is: a page fault on the hot path costs more than the whole pipeline.

/// Locks all memory of the process, now and later, so that nothing on the hot path is touched for the first time and
/// nothing is swapped out. Journal segments are then present as soon as they are mapped.
///
/// # Errors
/// The system's refusal, usually a limit (`ulimit -l`); the run works without, with a few faults.
pub fn lock() -> std::io::Result<()> {
    // SAFETY: the call takes flags only.
    let rc = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) };
    if rc == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
