//! Recovery of a long stream of small events whose writer died.

use crate::{Payloads, scratch, settled};
use pitlane_benches::scratch::options;
use pitlane_benches::table::{Goal, row};
use pitlane_journal::{Durability, Recovered, recover, recover_full};
use std::time::Instant;

const ROUNDS: usize = 3;
const EVENTS: u64 = 10_000_000;

/// Time of both recoveries, and of their parts.
pub(crate) fn recovery() {
    let payloads = Payloads::new(1);
    let mut wall = [vec![], vec![]];
    let mut parts = [const { Vec::new() }; 2].map(|_: Vec<f64>| [const { Vec::<f64>::new() }; 4]);
    let (mut rates, mut scanned) = (vec![], [0, 0]);
    for _ in 0..ROUNDS {
        for (at, full) in [false, true].into_iter().enumerate() {
            let scratch = scratch();
            let mut writer = settled(&scratch.memory(), options(Durability::D0, 64));
            for seq in 1..=EVENTS {
                writer.append(payloads.record(seq)).expect("there is room");
            }
            // As a crash leaves it.
            drop(writer);
            let dir = scratch.memory();
            let started = Instant::now();
            let run = if full { recover_full } else { recover };
            let recovered: Recovered = run(&dir, "inputs").expect("nothing is damaged");
            wall[at].push(started.elapsed().as_secs_f64() * 1e3);
            assert_eq!(recovered.last.map(|last| last.seq), Some(EVENTS), "nothing is lost");
            let ns = recovered.parts;
            let figures = [ns.headers_ns, ns.scan_ns, ns.merge_ns, ns.seal_ns];
            for (part, ns) in parts[at].iter_mut().zip(figures) {
                part.push(ns as f64 / 1e6);
            }
            scanned[at] = recovered.frames_scanned;
            if full {
                rates.push(recovered.frames_scanned as f64 / (ns.scan_ns as f64 / 1e9) / 1e6);
            }
        }
    }
    for (at, name) in ["recover", "recover, every frame"].into_iter().enumerate() {
        println!("{name}: {} of {EVENTS} frames scanned", scanned[at]);
        row(&format!("{name}: 10 M events of one line"), &wall[at], "ms", Goal::None);
        for (part, figures) in ["headers", "scan", "merge", "seal"].iter().zip(&parts[at]) {
            row(&format!("{name}: {part}"), figures, "ms", Goal::None);
        }
    }
    row("recover, every frame: scanned", &rates, "M/s", Goal::None);
}
