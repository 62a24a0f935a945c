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

/// Bytes of a huge page, and how they are aligned.
const HUGE: usize = 2 << 20;

/// Moves the process's own memory (not its mapped files) to huge pages, as far as it has whole ones. To be called when
/// all memory of a run is made. Returns the bytes that are on huge pages now.
///
/// # Errors
/// The system's refusal: a kernel without transparent huge pages. One that has them set to `never` may refuse nothing, and
/// leaves 0 bytes.
pub fn to_huge_pages() -> std::io::Result<u64> {
    for (start, bytes) in anonymous(&std::fs::read_to_string("/proc/self/maps")?) {
        let start = std::ptr::without_provenance_mut(start);
        // SAFETY: advice on how the pages of a range are backed; what is in them does not change.
        let rc = unsafe { libc::madvise(start, bytes, libc::MADV_HUGEPAGE) };
        let error = std::io::Error::last_os_error();
        // A range that was given back meanwhile is no failure.
        if rc != 0 && error.raw_os_error() != Some(libc::ENOMEM) {
            return Err(error);
        }
        // Older kernels do not know it and move the pages later, in the background.
        // SAFETY: as above.
        unsafe { libc::madvise(start, bytes, libc::MADV_COLLAPSE) };
    }
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let kib = rollup.lines().find_map(|line| line.strip_prefix("AnonHugePages:"));
    let kib = kib.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.unwrap_or(0) * 1_024)
}

/// Whole huge pages' worth of anonymous writable memory in a text like `/proc/self/maps`: start and length.
fn anonymous(maps: &str) -> Vec<(usize, usize)> {
    let range = |line: &str| {
        // START-END PERMISSIONS OFFSET DEVICE INODE [NAME]; see proc_pid_maps(5).
        let words: Vec<&str> = line.split_whitespace().collect();
        let plain = words.get(1) == Some(&"rw-p") && words.get(4) == Some(&"0");
        (plain && matches!(words.get(5), None | Some(&"[heap]"))).then_some(())?;
        let (start, end) = words[0].split_once('-')?;
        let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).ok());
        let (start, end) = (start?.next_multiple_of(HUGE), end? / HUGE * HUGE);
        (start < end).then(|| (start, end - start))
    };
    maps.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_huge_pages_of_plain_memory_are_moved() {
        let maps = "\
55d0c0200000-55d0c0a00000 r--p 00000000 08:01 1234 /usr/bin/engine
55d0c1000000-55d0c1100000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000500000 rw-p 00000000 00:00 0
7f1000100000-7f1000600000 rw-p 00000000 00:00 0
7f2000000000-7f2000800000 rw-s 00000000 08:01 99 /journals/demo/inputs/1
7f3000000000-7f3000800000 rw-p 00000000 08:01 99 /journals/demo/inputs/1
7ffc00000000-7ffc00800000 rw-p 00000000 00:00 0 [stack]
nonsense
";
        assert_eq!(anonymous(maps), [(0x7f00_0000_0000, 4 << 20), (0x7f10_0020_0000, 4 << 20)]);
    }

    #[test]
    fn the_process_goes_on_on_huge_pages_or_is_told_why_not() {
        let memory: Vec<u64> = (0..2_000_000).collect();
        match to_huge_pages() {
            Ok(bytes) => println!("{bytes} bytes on huge pages"),
            Err(error) => println!("refused: {error}"),
        }
        assert!(memory.iter().copied().eq(0..2_000_000));
    }
}
