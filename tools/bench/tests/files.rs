//! The files, read back by readers that share no code with what wrote them.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use flate2::read::ZlibDecoder;
use pitlane_engine::drive::idle::Wait;
use pitlane_latency_bench::output::{hgrm, hlog};
use pitlane_latency_bench::rate::Rate;
use pitlane_latency_bench::record::{Recorder, WINDOW_NS, histogram};
use pitlane_latency_bench::result::Found;
use pitlane_latency_bench::scenario::{Measured, Rung, Scenario};
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Three windows of latencies from a seed, the second of them loud; and the raw values of each.
fn found() -> (Found, Vec<Vec<u64>>) {
    let rung = Rung::new(Rate::PerSecond(1_000), (0, 3 * WINDOW_NS), Wait::Busy, vec![0], "".into());
    let mut recorder = Recorder::new(rung.duration_ns);
    recorder.begin_at(1);
    let mut raw = Vec::new();
    let mut state = 7_u64;
    for window in 0..3 {
        let mut values = Vec::new();
        for sample in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // From 100 ns on, with a tail up to seconds.
            let value = 100 + (state >> 54) + if sample % 1_000 == 0 { state >> 34 } else { 0 };
            let intended = 1 + window * WINDOW_NS + sample;
            recorder.record(intended, intended, intended + value);
            values.push(value);
        }
        raw.push(values);
    }
    let measured = Measured { recorder, ..Measured::empty(&rung) };
    let shares = [0.0, 0.5, 0.029];
    let place = ("0".to_owned(), "busy".to_owned());
    (Found::new(Scenario::Clock, rung.rate, measured, &shares, &histogram(), place), raw)
}

/// The value below which a share of `values` lies, counted by hand.
fn exact(values: &[u64], quantile: f64) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (quantile * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted[rank.min(sorted.len()) - 1]
}

/// Equal at the three digits that are kept.
fn close(found: f64, exact: u64) -> bool {
    (found - exact as f64).abs() <= exact as f64 / 500.0 + 1.0
}

#[test]
fn loud_windows_are_left_out_and_the_share_is_said() {
    let (found, raw) = found();
    let windows = &found.row.windows;
    assert_eq!((windows.total, windows.quiet, windows.used.as_str()), (3, 2, "quiet"));
    assert!((windows.thrown_away - 1.0 / 3.0).abs() < 1e-12);
    let quiet = [raw[0].clone(), raw[2].clone()].concat();
    assert_eq!(found.row.latency.count, 40_000);
    for (shown, quantile) in
        [(found.row.latency.p50, 0.5), (found.row.latency.p999, 0.999), (found.row.latency.max, 1.0)]
    {
        assert!(close(shown as f64, exact(&quiet, quantile)), "{quantile}: {shown}");
    }
}

#[test]
fn an_hgrm_file_holds_the_distribution_as_plotters_read_it() {
    let (found, raw) = found();
    let quiet = [raw[0].clone(), raw[2].clone()].concat();
    let text = hgrm::text(&found.sum.latency);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]);
    assert_eq!(lines.next(), Some(""));
    let (comments, rows): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('#'));
    let (mut last_value, mut last_quantile, mut last_total) = (0.0, -1.0, 0);
    for row in &rows {
        let words: Vec<&str> = row.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<f64>().unwrap();
        let (value, quantile, total) = (number(0), number(1), words[2].parse::<u64>().unwrap());
        assert!(value >= last_value && quantile > last_quantile && total >= last_total, "{row}");
        assert!(close(value, exact(&quiet, quantile)), "{row}: {}", exact(&quiet, quantile));
        if quantile < 1.0 {
            assert!((number(3) * (1.0 - quantile) - 1.0).abs() < 0.01, "{row}");
        } else {
            assert_eq!(words.len(), 3, "the last line has no inverse");
        }
        (last_value, last_quantile, last_total) = (value, quantile, total);
    }
    assert_eq!((last_quantile, last_total), (1.0, 40_000));
    assert_eq!(comments.len(), 3);
    assert!(comments[0].starts_with("#[Mean    =") && comments[0].contains(", StdDeviation   ="));
    assert!(comments[1].starts_with("#[Max     =") && comments[1].ends_with("40000]"));
    assert!(comments[2].starts_with("#[Buckets =") && comments[2].ends_with("2048]"));
}

/// Base 64 with padding.
fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{} is no base 64", byte as char),
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | u32::from(value(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Values and counts of an encoded histogram: "HistogramV2 compressed", as the format's specification has it.
fn decode(text: &str) -> Vec<(u64, u64)> {
    let outer = base64(text);
    let word = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(word(&outer, 0), 0x1c84_9314, "the cookie of a compressed histogram");
    assert_eq!(word(&outer, 4) as usize, outer.len() - 8);
    let mut bytes = Vec::new();
    ZlibDecoder::new(&outer[8..]).read_to_end(&mut bytes).unwrap();
    assert_eq!(word(&bytes, 0), 0x1c84_9313, "the cookie of a histogram");
    assert_eq!(word(&bytes, 12), 3, "digits");
    let payload = &bytes[40..40 + word(&bytes, 4) as usize];
    let (mut at, mut index, mut counts) = (0, 0_u64, Vec::new());
    while at < payload.len() {
        // LEB128, of which the ninth byte has all its eight bits; then zig-zag.
        let (mut raw, mut shift) = (0_u64, 0);
        loop {
            let byte = payload[at];
            at += 1;
            if shift == 56 {
                raw |= u64::from(byte) << shift;
                break;
            }
            raw |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let number = (raw >> 1) as i64 ^ -((raw & 1) as i64);
        if number < 0 {
            index += number.unsigned_abs();
        } else {
            if number > 0 {
                counts.push((value_of(index), number.unsigned_abs()));
            }
            index += 1;
        }
    }
    counts
}

/// The middle of the values that share a counter, with 2,048 counters in the first bucket and 1,024 in the others.
fn value_of(index: u64) -> u64 {
    if index < 2_048 {
        return index;
    }
    let bucket = index / 1_024 - 1;
    let low = (index % 1_024 + 1_024) << bucket;
    low + (1 << bucket >> 1)
}

#[test]
fn an_hlog_file_holds_every_window_and_marks_the_loud_one() {
    let (found, raw) = found();
    let began = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    let text = String::from_utf8(hlog::bytes(&found, began).unwrap()).unwrap();
    assert!(text.contains("#[BaseTime: 1700000000.25"), "{text:.300}");
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()) || line.starts_with("Tag="))
        .collect();
    assert_eq!(rows.len(), 3);
    for (window, row) in rows.iter().enumerate() {
        let row = match row.strip_prefix("Tag=") {
            Some(rest) => {
                assert_eq!((window, rest.split(',').next()), (1, Some("loud")));
                rest.split_once(',').unwrap().1
            }
            None => row,
        };
        let fields: Vec<&str> = row.split(',').collect();
        assert_eq!(fields[0].parse::<f64>().unwrap(), window as f64);
        assert_eq!(fields[1].parse::<f64>().unwrap(), 1.0);
        let max = *raw[window].iter().max().unwrap();
        assert!(close(fields[2].parse::<f64>().unwrap() * 1e6, max), "{} ms, {max} ns", fields[2]);
        let counts = decode(fields[3]);
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 20_000);
        for quantile in [0.5, 0.99, 0.999, 1.0] {
            let rank = (quantile * 20_000.0_f64).ceil() as u64;
            let mut seen = 0;
            let at = counts.iter().find(|(_, count)| {
                seen += count;
                seen >= rank
            });
            let (value, _) = at.unwrap();
            assert!(
                close(*value as f64, exact(&raw[window], quantile)),
                "window {window}, {quantile}: {value}"
            );
        }
    }
}

/// HdrHistogram as Python has it reads both files: see the script. In the long campaign, because it is fetched once.
#[test]
fn pythons_hdrhistogram_reads_both_files() {
    if std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty()) {
        let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts");
        let run = |program: &str, args: &[&std::path::Path]| {
            let out = std::process::Command::new(program).args(args).output().unwrap();
            let said = [out.stdout, out.stderr].concat();
            (out.status.success(), String::from_utf8(said).unwrap().trim().to_owned())
        };
        let dir = tempfile::tempdir().unwrap();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| dir.path().into(), PathBuf::from);
        let (venv, wanted) = (target.join("hdr-reader"), scripts.join("hdr_requirements.txt"));
        let (made, python) = run(scripts.join("readers_venv.sh").to_str().unwrap(), &[&venv, &wanted]);
        if !made {
            println!("skipped: no Python package hdrhistogram: {python}");
            return;
        }
        let (found, _) = found();
        let [log, plot] = ["windows.hlog", "windows.hgrm"].map(|name| dir.path().join(name));
        std::fs::write(&log, hlog::bytes(&found, SystemTime::now()).unwrap()).unwrap();
        let text = hgrm::text(&found.sum.latency);
        std::fs::write(&plot, &text).unwrap();
        let check = scripts.join("hdr_check.py");
        let (agrees, said) = run(&python, &[&check, &plot, &log]);
        assert!(agrees, "{said}");
        println!("{said}");
        // A figure that is not the histogram's is found.
        let row = text.lines().nth(20).unwrap();
        let value: f64 = row.split_whitespace().next().unwrap().parse().unwrap();
        let planted = row.replacen(&format!("{value:.3}"), &format!("{:.3}", value * 1.01), 1);
        std::fs::write(&plot, text.replacen(row, &planted, 1)).unwrap();
        let (agrees, said) = run(&python, &[&check, &plot, &log]);
        assert!(!agrees && said.contains("line 21"), "{said}");
    }
}
