//! How fast records become durable, and how long one takes to.

use crate::tail::{Sorted, steady};
use crate::{Payloads, scratch, settled};
use pitlane_benches::scratch::options;
use pitlane_benches::table::{Goal, row};
use pitlane_journal::{Durability, FRAME_HEADER_BYTES};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Bytes per second on the disk, of the journal and of plain writes.
pub(crate) fn throughput() {
    const RECORDS: u64 = 900_000;
    let payloads = Payloads::new(4);
    let total = (FRAME_HEADER_BYTES + payloads.each) * RECORDS as usize;
    let (mut journal, mut plains, mut shares, mut shares_once) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let scratch = scratch();
        let each_s = scratch.plain_writes(total, true);
        let once_s = scratch.plain_writes(total, false);
        let mut writer = settled(&scratch.two_tiers(), options(Durability::D1, 64));
        let durable = writer.durability();
        let started = Instant::now();
        for seq in 1..=RECORDS {
            writer.append(payloads.record(seq)).expect("there is room");
        }
        while durable.durable_seq() < RECORDS {
            std::thread::sleep(Duration::from_micros(200));
        }
        let journal_s = started.elapsed().as_secs_f64();
        writer.close().expect("there is room");
        let rate = |seconds: f64| total as f64 / seconds / 1e6;
        journal.push(rate(journal_s));
        plains.push(rate(each_s));
        shares.push(each_s / journal_s);
        shares_once.push(once_s / journal_s);
    }
    row("durable throughput, D1, two tiers", &journal, "MB/s", Goal::None);
    row("plain write + fdatasync every 256 KiB, into made files", &plains, "MB/s", Goal::None);
    row("durable throughput: share of that", &shares, "x", Goal::None);
    row("durable throughput: share of plain writes, one fdatasync", &shares_once, "x", Goal::None);
}

/// Time from an append to its durability at D2.
pub(crate) fn gate() {
    const QUIET: u64 = 1_000;
    const LOAD_RATE: u64 = 100_000;
    let (mut quiet, mut load) = ([vec![], vec![]], [vec![], vec![]]);
    for _ in 0..ROUNDS {
        let scratch = scratch();
        let mut writer = settled(&scratch.two_tiers(), options(Durability::D2, 64));
        let (durable, payloads) = (writer.durability(), Payloads::new(2));
        let mut waits = Vec::with_capacity(QUIET as usize);
        for seq in 1..=QUIET {
            std::thread::sleep(Duration::from_millis(1));
            let started = Instant::now();
            writer.append(payloads.record(seq)).expect("there is room");
            while durable.durable_seq() < seq {
                std::hint::spin_loop();
            }
            waits.push(started.elapsed().as_nanos() as u64);
        }
        let waits = Sorted::new(waits);
        let lags = steady(&mut writer, &durable, LOAD_RATE, LOAD_RATE * 3).lags;
        writer.close().expect("there is room");
        for (figures, sorted) in [(&mut quiet, waits), (&mut load, lags)] {
            figures[0].push(sorted.us(0.5));
            figures[1].push(sorted.us(0.99));
        }
    }
    for (name, [p50, p99]) in [("quiet", quiet), ("at 100,000 appends/s", load)] {
        row(&format!("D2 gate, {name}: p50"), &p50, "us", Goal::None);
        row(&format!("D2 gate, {name}: p99"), &p99, "us", Goal::None);
    }
}
