//! The binary as a script sees it: exit codes, files, JSON. No figure is judged here.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_latency-bench")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(out: &Output) -> Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", text(&out.stdout), text(&out.stderr));
    })
}

#[test]
fn what_is_wrong_on_the_command_line_ends_with_two_and_says_what() {
    let table: [(&[&str], &str); 14] = [
        (&[], "Usage"),
        (&["frobnicate"], "unrecognized"),
        (&["run", "rnig"], "no scenario `rnig`"),
        (&["run", "clock", "--rate", "1G"], "`1G`"),
        (&["run", "clock", "--rate", "1k,1000"], "twice"),
        (&["run", "clock", "--duration", "soon"], "--duration: `soon`"),
        (&["run", "clock", "--duration", "1ms"], "50ms to 1h"),
        (&["run", "clock", "--warmup", "2h"], "at most 1h"),
        (&["run", "clock", "--wait", "often"], "`often`"),
        (&["run", "clock", "--cpu-set", "4000"], "4000"),
        (&["run", "pipeline-split", "--cpu-set", "0"], "--cpu-set"),
        (&["run", "clock", "--set", "engine.wiat=busy"], "wiat"),
        (&["compare", "/nowhere", "/nowhere", "--fail-if", "p42>+1%"], "names no metric"),
        (&["report"], "RESULTS"),
    ];
    for (args, expected) in table {
        let out = bench(args);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn results_that_are_not_there_end_with_three() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("result.json");
    std::fs::write(&broken, "{\"schema\": \"other/1\"}").unwrap();
    for path in ["/nowhere", broken.to_str().unwrap()] {
        let out = bench(&["compare", path, path]);
        assert_eq!(out.status.code(), Some(3), "{}", text(&out.stderr));
    }
}

#[test]
fn the_list_names_every_scenario() {
    let listed = json(&bench(&["list", "--json"]));
    let names: Vec<&str> =
        listed["scenarios"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in [
        "ring",
        "clock",
        "decode",
        "bars",
        "strategy",
        "risk",
        "match",
        "journal",
        "pipeline",
        "wire-to-order",
        "wire-to-order-ws",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    assert!(text(&bench(&["list"]).stdout).contains("tick to order"));
}

/// Every field that the contract names, and that it holds together.
fn check_row(row: &Value) {
    let number = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key} in {row}"));
    let ladder = ["p50", "p90", "p99", "p999", "p9999", "max"].map(number);
    assert!(ladder.is_sorted(), "{row}");
    assert!(number("count") > 0 && row["achieved"].as_f64().unwrap() > 0.0, "{row}");
    assert!(row["name"].is_string() && (row["rate"] == "max" || row["rate"].is_u64()), "{row}");
    for key in ["service", "hiccups", "windows"] {
        assert!(row[key].is_object(), "{key}");
    }
    assert_eq!(row["service"]["count"], row["count"]);
}

fn run(out: &Path, scenarios: &[&str], rate: &str) -> Value {
    let mut args = vec!["run"];
    args.extend(scenarios);
    args.extend([
        "--rate",
        rate,
        "--duration",
        "200ms",
        "--warmup",
        "50ms",
        "--json",
        "--out",
        out.to_str().unwrap(),
    ]);
    let journal = out.parent().unwrap().join("journals");
    args.extend(["--journal", journal.to_str().unwrap()]);
    let done = bench(&args);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    json(&done)
}

#[test]
fn a_run_of_every_scenario_writes_what_the_contract_names() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let result = run(&out, &[], "2k,max");
    assert_eq!(result["schema"], "latency-result/1");
    let rows = result["scenarios"].as_array().unwrap();
    assert_eq!(rows.len(), 22, "eleven scenarios at two rates");
    rows.iter().for_each(check_row);
    for key in ["cpu", "kernel", "governor", "clock_source", "isolation", "huge_pages"] {
        assert!(result["environment"][key].is_string(), "{key}");
    }
    // Some hundred samples are too few for a tail, and that stands above the table.
    let banners = result["banners"].as_array().unwrap();
    assert!(
        banners.iter().any(|banner| banner.as_str().unwrap().contains("fewer than 100,000")),
        "{banners:?}"
    );
    let on_disk: Value = serde_json::from_slice(&std::fs::read(out.join("result.json")).unwrap()).unwrap();
    assert_eq!(on_disk, result);
    for row in rows {
        let stem =
            format!("{}-{}", row["name"].as_str().unwrap(), if row["rate"] == "max" { "max" } else { "2k" });
        for ending in ["hgrm", "hlog", "service.hgrm"] {
            assert!(out.join(format!("{stem}.{ending}")).is_file(), "{stem}.{ending}");
        }
        let plot =
            std::fs::read_to_string(out.join(format!("{}.svg", row["name"].as_str().unwrap()))).unwrap();
        assert!(
            plot.starts_with("<svg ") && plot.ends_with("</svg>\n") && plot.matches("<polyline").count() == 4
        );
    }
    let left: Vec<_> = std::fs::read_dir(dir.path().join("journals")).into_iter().flatten().collect();
    assert!(left.is_empty(), "the journal scenario removes what it wrote: {left:?}");

    // Another run into the same place leaves nothing of the first.
    run(&out, &["clock"], "2k");
    assert!(!out.join("ring-2k.hgrm").exists() && out.join("clock-2k.hgrm").exists());
}

#[test]
fn a_pipeline_on_two_threads_orders_too() {
    let cpus = pitlane_engine::drive::affinity::allowed_cpus();
    let [first, second, ..] = cpus[..] else {
        println!("skipped: one cpu");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (out, set) = (dir.path().join("out"), format!("{first},{second}"));
    let out = out.to_str().unwrap();
    let args = [
        "run",
        "pipeline-split",
        "--rate",
        "5k",
        "--duration",
        "1s",
        "--warmup",
        "50ms",
        "--json",
        "--out",
        out,
    ];
    let done = bench(&[&args[..], &["--cpu-set", &set, "--wait", "yield"]].concat());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let result = json(&done);
    check_row(&result["scenarios"][0]);
    assert_eq!(result["scenarios"][0]["sample"], "order");
}

#[test]
fn compare_passes_fails_with_four_and_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("base");
    let mut result = run(&base, &["clock"], "2k,max");
    for row in result["scenarios"].as_array_mut().unwrap() {
        for (key, value) in [("p50", 100), ("p99", 200), ("p999", 1_000), ("p9999", 2_000), ("max", 3_000)] {
            row[key] = value.into();
        }
        row["achieved"] = 1_000_000.0.into();
    }
    let write = |name: &str, result: &Value| {
        let path = dir.path().join(name);
        std::fs::write(&path, result.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let before = write("before.json", &result);
    let mut slower = result.clone();
    slower["scenarios"][1]["p999"] = 1_101.into();
    let slower = write("slower.json", &slower);
    let mut fewer = result.clone();
    fewer["scenarios"].as_array_mut().unwrap().remove(0);
    let fewer = write("fewer.json", &fewer);
    let code = |new: &str, gates: &[&str]| {
        let mut args = vec!["compare", before.as_str(), new];
        gates.iter().for_each(|gate| args.extend(["--fail-if", gate]));
        let out = bench(&args);
        (out.status.code().unwrap(), text(&out.stdout))
    };
    assert_eq!(code(&slower, &[]).0, 0, "without a gate nothing fails");
    for (gates, expected) in [
        (&["p99.9>+10%"][..], 4),
        (&["p99.9>+10.2%"], 0),
        (&["p50>+0%,p99>+0%"], 0),
        (&["p50>+0%", "p99.9>1us"], 4),
        (&["p99.9>2us"], 0),
        (&["achieved<-5%"], 0),
        (&["achieved<1M"], 0),
        (&["achieved<1.1M"], 4),
    ] {
        let (code, said) = code(&slower, gates);
        assert_eq!(code, expected, "{gates:?}: {said}");
        assert_eq!(said.contains("FAILED clock at"), expected == 4, "{said}");
    }
    assert_eq!(code(&before, &["p99.9>+10%,max>+0%"]).0, 0, "nothing changed");
    let (failed, said) = code(&fewer, &["p99.9>+10%"]);
    assert!(failed == 4 && said.contains("not measured"), "{said}");
    let page = dir.path().join("page.html");
    let out = bench(&["report", &before, &slower, "--out", page.to_str().unwrap(), "--json"]);
    assert_eq!(json(&out)["results"], 2);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.matches("<svg ").count() == 2 && !html.contains("http://") | html.contains("xmlns"));
}
