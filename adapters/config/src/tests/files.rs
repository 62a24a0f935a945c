//! The configurations of the project itself.

use crate::{Layers, SCHEMA, Settings};
use pitlane_engine::config::{Conflict, Sizing};
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(name)
}

fn load(name: &str) -> Settings {
    Layers { files: vec![path(name)], ..Layers::default() }.load().unwrap()
}

#[test]
fn every_file_is_a_pipeline() {
    let mut files = 0;
    for entry in std::fs::read_dir(path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".toml") {
            continue;
        }
        let settings = load(&name);
        settings.pipeline(settings.instruments().unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        files += 1;
    }
    assert!(files >= 4, "demo, paper, bench and momentum");
}

#[test]
fn the_demo_file_is_the_demo_and_every_key_is_explained() {
    assert_eq!(load("demo.toml"), Settings::demo());
    for section in SCHEMA {
        // What is for a broker alone is explained where there is one.
        let file = if matches!(section.name, "broker" | "clock") { "live.toml" } else { "demo.toml" };
        let text = std::fs::read_to_string(path(file)).unwrap();
        let head =
            if section.repeated { format!("[[{}]]", section.name) } else { format!("[{}]", section.name) };
        let is_head = |line: &str| {
            let rest = line.strip_prefix(head.as_str()).map(str::trim_start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        };
        let bare = |line: &'_ str| line.trim_start_matches("# ").to_owned();
        let mut lines = text.lines().map(bare).skip_while(|line| !is_head(line)).skip(1);
        let body: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with('[')).collect();
        for key in section.keys.iter().filter(|key| key.name != "commands") {
            let written = body.iter().any(|line| line.starts_with(&format!("{} = ", key.name)));
            assert!(written, "{head} {} is not in configs/{file}", key.name);
        }
    }
}

#[test]
fn the_momentum_file_has_two_strategies_on_every_instrument() {
    let settings = load("momentum.toml");
    let pipeline = settings.pipeline(settings.instruments().unwrap()).unwrap();
    let kinds: Vec<&str> = pipeline.strategies.iter().map(|strategy| strategy.kind.as_str()).collect();
    assert_eq!(kinds, ["multi_factor_momentum", "ema_crossover"]);
    assert_eq!(pipeline.strategies[0].instruments, pipeline.strategies[1].instruments);
    assert_eq!((pipeline.risk.conflict, pipeline.risk.sizing), (Conflict::Confidence, Sizing::Atr));
    assert!(pipeline.strategies.iter().all(|strategy| strategy.stop_loss_bps > 0));
}
