//! Figures to look at, not to pass or fail on: `cargo test -p pitlane-journal --release speed -- --ignored --nocapture`.

use std::time::Instant;

use crate::{Durability, JournalDir, Record, Writer, WriterOptions, recover, recover_full};

const RECORDS: u64 = 4_000_000;

#[test]
#[ignore = "a measurement"]
fn appending_and_recovering() {
    for (level, tiered) in [(Durability::D0, false), (Durability::D1, true), (Durability::D2, true)] {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let disk = tempfile::tempdir().unwrap();
        let dir = if tiered {
            JournalDir::lock_tiered(disk.path(), memory.path()).unwrap()
        } else {
            JournalDir::lock(memory.path()).unwrap()
        };
        let options = WriterOptions { level, sync_on_seal: level > Durability::D0, ..Default::default() };
        let mut writer = Writer::create(&dir, "inputs", options).unwrap();
        let durable = writer.durability();
        std::thread::sleep(std::time::Duration::from_millis(500));
        let payload = [7; 64];
        let mut batches_ns = Vec::new();
        let mut seq = 1;
        while seq <= RECORDS {
            let started = Instant::now();
            for _ in 0..10_000 {
                let record =
                    Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &payload };
                writer.append(record).unwrap();
                seq += 1;
            }
            batches_ns.push(started.elapsed().as_nanos());
        }
        let lag_bytes = durable.lag_bytes();
        batches_ns.sort_unstable();
        let each = batches_ns[batches_ns.len() / 2] as f64 / 10_000.0;
        println!("{level:?}: {each:.1} ns a record (median), {} stalls", writer.stalls_segment_not_ready());
        println!("    behind by {lag_bytes} bytes, {} ns", durable.lag_ns());
        drop(writer);
        let started = Instant::now();
        let recovered = recover(&dir, "inputs").unwrap();
        println!("    recovered in {:?}: {:?}", started.elapsed(), recovered.parts);
        let started = Instant::now();
        let full = recover_full(&dir, "inputs").unwrap();
        println!("    verified in {:?}: {} frames", started.elapsed(), full.frames_scanned);
        assert_eq!(full.frames_scanned, RECORDS);
    }
}
