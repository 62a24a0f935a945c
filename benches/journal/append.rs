//! Appending against storing the same bytes, and reading against copying them.

use crate::{Payloads, cpu_ns, scratch, settled};
use pitlane_benches::scratch::options;
use pitlane_benches::table::{Goal, row};
use pitlane_journal::{Durability, FRAME_HEADER_BYTES, Reader, Record};
use std::hint::black_box;

const ROUNDS: usize = 9;
const WARM_UP: u64 = 10_000;

/// Appends per round, so that they fit one segment of 128 MiB.
fn appends(lines: usize) -> u64 {
    if lines == 1 { 1_000_000 } else { 400_000 }
}

/// Page faults of this thread so far, small and large.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("a thread knows itself");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |at: usize| fields[at].parse::<u64>().expect("the kernel writes numbers there");
    // minflt and majflt, fields 10 and 12 of the line; the first two are before the parenthesis.
    field(7) + field(9)
}

fn frame_bytes(payload: usize) -> usize {
    (FRAME_HEADER_BYTES + payload).next_multiple_of(8)
}

/// Stores what a frame holds besides its checksum, one behind the other, into touched memory.
fn bare(into: &mut [u8], payloads: &Payloads, count: u64) -> f64 {
    let bytes = frame_bytes(payloads.each);
    let started = cpu_ns();
    let mut position = 0;
    for seq in 1..=count {
        let Record { payload, ts_ns, kind, .. } = payloads.record(seq);
        let frame = &mut into[position..position + bytes];
        let header = [bytes as u64, seq, ts_ns, u64::from(kind)];
        for (at, word) in header.into_iter().enumerate().take(FRAME_HEADER_BYTES / 8) {
            frame[at * 8..at * 8 + 8].copy_from_slice(&word.to_le_bytes());
        }
        frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + payload.len()].copy_from_slice(payload);
        // A reader could see it now: the stores may not be put off.
        black_box(frame.as_mut_ptr());
        position += bytes;
    }
    (cpu_ns() - started) as f64 / count as f64
}

/// Cost of an append at D0 on memory.
pub(crate) fn append() {
    let mut plain = vec![1_u8; 128 << 20];
    for (lines, goal) in [(1, 1.2), (4, 1.6)] {
        let (payloads, count) = (Payloads::new(lines), appends(lines));
        let (mut stored, mut appended, mut ratios, mut faulted) = (vec![], vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            let scratch = scratch();
            let mut writer = settled(&scratch.memory(), options(Durability::D0, 128));
            let before = bare(&mut plain, &payloads, count);
            for seq in 1..=WARM_UP {
                writer.append(payloads.record(seq)).expect("there is room");
            }
            let faults_before = faults();
            let started = cpu_ns();
            for seq in WARM_UP + 1..=WARM_UP + count {
                writer.append(payloads.record(seq)).expect("there is room");
            }
            let ns = (cpu_ns() - started) as f64 / count as f64;
            faulted.push((faults() - faults_before) as f64);
            // Before and after: the speed of memory may drift within the round.
            let bare_ns = (before + bare(&mut plain, &payloads, count)) / 2.0;
            stored.push(bare_ns);
            appended.push(ns);
            ratios.push(ns / bare_ns);
        }
        let name = |what: &str| format!("append, {lines} line(s): {what}");
        row(&name("bare stores"), &stored, "ns", Goal::None);
        row(&name("append with CRC at D0"), &appended, "ns", Goal::None);
        row(&name("ratio"), &ratios, "x", Goal::AtMost(goal));
        row(&name("page faults in the measured loop"), &faulted, "faults", Goal::AtMost(0.0));
    }
}

/// Reading with all checks.
pub(crate) fn read() {
    const RECORDS: u64 = 4_000_000;
    for lines in [1, 4] {
        let count = if lines == 1 { RECORDS } else { RECORDS / 3 };
        let scratch = scratch();
        let payloads = Payloads::new(lines);
        let mut writer = settled(&scratch.memory(), options(Durability::D0, 64));
        for seq in 1..=count {
            writer.append(payloads.record(seq)).expect("there is room");
        }
        writer.close().expect("there is room");
        let bytes = frame_bytes(payloads.each) * count as usize;
        let source = vec![1_u8; 64 << 20];
        let mut target = vec![2_u8; 64 << 20];
        let (mut rates, mut copies, mut shares) = (vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            let mut reader = Reader::open(scratch.hot.join("journal"), "inputs").expect("it was written");
            let (started, mut read) = (cpu_ns(), 0_u64);
            while let Some(frame) = reader.next().expect("it was closed") {
                black_box(frame.payload);
                read += 1;
            }
            let read_s = (cpu_ns() - started) as f64 / 1e9;
            assert_eq!(read, count, "every record comes back");
            let started = cpu_ns();
            let mut left = bytes;
            while left > 0 {
                let part = left.min(source.len());
                target[..part].copy_from_slice(&source[..part]);
                black_box(target.as_mut_ptr());
                left -= part;
            }
            let copy_s = (cpu_ns() - started) as f64 / 1e9;
            rates.push(count as f64 / read_s / 1e6);
            copies.push(bytes as f64 / copy_s / 1e9);
            shares.push(copy_s / read_s);
        }
        let name = |what: &str| format!("read, {lines} line(s): {what}");
        row(&name("verified records"), &rates, "M/s", Goal::AtLeast(50.0));
        row(&name("memcpy of the same bytes"), &copies, "GB/s", Goal::None);
        row(&name("share of memcpy (either goal counts)"), &shares, "x", Goal::AtLeast(0.25));
    }
}
