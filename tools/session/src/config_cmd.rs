//! `engine config`: what a run would be configured with, whether that holds together, and what there is to set.

use crate::cli::ConfigArgs;
use crate::exit::{Exit, usage};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use pitlane_config::{Layers, SCHEMA, Settings};
use pitlane_engine::stages::strategy::Strategies;
use pitlane_engine::stages::strategy::{REGISTRY, words};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `engine config`.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Print the effective configuration as complete TOML
    Show(ShowArgs),
    /// Check the configuration; exit code 0 or 2
    Validate(ValidateArgs),
    /// List every section and key with the values it takes and its meaning
    Schema(SchemaArgs),
}

/// `engine config show`.
#[derive(Args, Debug, Default)]
pub struct ShowArgs {
    /// Files and settings to lay over the defaults.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Say behind each value which layer made it what it is
    #[arg(long)]
    pub origin: bool,
    /// Print one JSON object (config/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// `engine config validate`.
#[derive(Args, Debug, Default)]
pub struct ValidateArgs {
    /// Files and settings to check.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print one JSON object (config-check/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// `engine config schema`.
#[derive(Args, Debug, Default)]
pub struct SchemaArgs {
    /// Print one JSON object (config-schema/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// Does what `command` asks for; returns what to print, ending in a line break, and the exit code.
///
/// # Errors
/// If the configuration is wrong. (`validate --json` answers that with an object instead.)
pub fn run(command: &ConfigCommand) -> anyhow::Result<(String, Exit)> {
    match command {
        ConfigCommand::Show(args) => Ok((show(args)?, Exit::Ok)),
        ConfigCommand::Validate(args) => validate(args),
        ConfigCommand::Schema(args) => {
            Ok((if args.json { format!("{}\n", schema_json()) } else { schema_text() }, Exit::Ok))
        }
    }
}

fn show(args: &ShowArgs) -> anyhow::Result<String> {
    let settings = args.config.load()?;
    let origins = if args.origin { Some(origins(&args.config)?) } else { None };
    let text = settings.to_toml();
    if args.json {
        let mut object = json!({ "schema": "config/1", "toml": text });
        if let Some(origins) = origins {
            object["origins"] = json!(origins);
        }
        return Ok(format!("{object}\n"));
    }
    let Some(origins) = origins else { return Ok(text) };
    let entries = entries(&text);
    let lines =
        text.lines().zip(entries).map(|(line, path)| match path.and_then(|path| origins.get(&path)) {
            Some(origin) => format!("{line:<40} # {origin}\n"),
            None => format!("{line}\n"),
        });
    Ok(lines.collect())
}

fn validate(args: &ValidateArgs) -> anyhow::Result<(String, Exit)> {
    let checked = check(&args.config);
    match checked {
        Ok((instruments, strategies)) if args.json => {
            let object = json!({
                "schema": "config-check/1", "valid": true, "instruments": instruments, "strategies": strategies,
            });
            Ok((format!("{object}\n"), Exit::Ok))
        }
        Ok((instruments, strategies)) => {
            Ok((format!("valid: {instruments} instruments, {strategies} enabled strategies\n"), Exit::Ok))
        }
        Err(error) if args.json => {
            let object = json!({ "schema": "config-check/1", "valid": false, "error": format!("{error:#}") });
            Ok((format!("{object}\n"), crate::exit::exit_of(&error)))
        }
        Err(error) => Err(error),
    }
}

/// Checks a configuration as far as a start would: values, what belongs together, symbols, strategies' parameters.
/// Returns the numbers of instruments and of enabled strategies.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn check(config: &ConfigArgs) -> anyhow::Result<(usize, usize)> {
    let settings = config.load()?;
    let pipeline = settings.pipeline(settings.instruments.clone())?;
    Strategies::new(&pipeline)?;
    let known = |symbol: &str| pipeline.instruments.iter().any(|spec| spec.symbol == symbol);
    if let Some(halt) = settings.trading.halts.iter().find(|halt| !known(&halt.symbol)) {
        return Err(usage(format!(
            "halts: no instrument `{}` in [[instruments]]; correct the symbol, or take the entry out",
            halt.symbol
        )));
    }
    Ok((pipeline.instruments.len(), pipeline.strategies.len()))
}

/// Which layer made each value what it is, by its path. A layer that gives a value which was already in force has not
/// made it, so what is called a default here is one, whoever repeats it.
fn origins(config: &ConfigArgs) -> anyhow::Result<BTreeMap<String, String>> {
    let mut steps = Vec::new();
    let layers = |files: usize, read_env: bool, sets: usize| Layers {
        base: None,
        files: config.config[..files].to_vec(),
        sets: config.set[..sets].to_vec(),
        read_env,
    };
    let all = config.config.len();
    for (at, file) in config.config.iter().enumerate() {
        steps.push((file.display().to_string(), layers(at + 1, false, 0)));
    }
    steps.push(("environment".to_owned(), layers(all, true, 0)));
    for (at, set) in config.set.iter().enumerate() {
        steps.push((format!("--set {set}"), layers(all, true, at + 1)));
    }
    let mut values = values(&Settings::default());
    let mut origins: BTreeMap<String, String> =
        values.keys().map(|path| (path.clone(), "default".to_owned())).collect();
    let (last, mut pending) = (steps.len() - 1, Vec::new());
    for (at, (name, layers)) in steps.into_iter().enumerate() {
        pending.push(name);
        let after = match layers.load() {
            Ok(settings) => self::values(&settings),
            Err(error) if at == last => return Err(error.into()),
            // Incomplete without the layers that follow: what it changes shows together with the next one.
            Err(_) => continue,
        };
        let origin = std::mem::take(&mut pending).join(", ");
        for (path, value) in &after {
            if values.get(path) != Some(value) {
                origins.insert(path.clone(), named(&origin, path));
            }
        }
        origins.retain(|path, _| after.contains_key(path));
        values = after;
    }
    Ok(origins)
}

/// An origin with the name of its variable, if it is the environment and the variable has the plain name.
fn named(origin: &str, path: &str) -> String {
    let variable = format!("PITLANE_{}", path.replace('.', "__").to_ascii_uppercase());
    if origin == "environment" && std::env::var_os(&variable).is_some() {
        return format!("environment {variable}");
    }
    origin.to_owned()
}

fn values(settings: &Settings) -> BTreeMap<String, String> {
    let text = settings.to_toml();
    let value = |line: &str| line.split_once(" = ").map_or("", |(_, value)| value).to_owned();
    entries(&text)
        .into_iter()
        .zip(text.lines())
        .filter_map(|(path, line)| Some((path?, value(line))))
        .collect()
}

/// For each line of a canonical text the path of the value it gives, such as `risk.capital` or `strategies.0.id`.
fn entries(text: &str) -> Vec<Option<String>> {
    let (mut section, mut counts) = (String::new(), BTreeMap::<String, usize>::new());
    let path_of = |line: &str| {
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
            let count = counts.entry(name.to_owned()).or_default();
            section = format!("{name}.{count}.");
            *count += 1;
            return None;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            // A table inside an entry of an array, such as a strategy's parameters, belongs to that entry.
            section = match name
                .split_once('.')
                .and_then(|(array, rest)| Some((counts.get(array)?, array, rest)))
            {
                Some((count, array, rest)) => format!("{array}.{}.{rest}.", count - 1),
                None => format!("{name}."),
            };
            return None;
        }
        line.split_once(" = ").map(|(key, _)| format!("{section}{key}"))
    };
    text.lines().map(path_of).collect()
}

fn schema_text() -> String {
    let mut text = String::new();
    for section in SCHEMA {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for key in section.keys {
            table.add_row(vec![key.name, key.allowed, key.about]);
        }
        let head =
            if section.repeated { format!("[[{}]]", section.name) } else { format!("[{}]", section.name) };
        text.push_str(&format!("{head}\n{table}\n\n"));
    }
    for kind in REGISTRY {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for parameter in kind.parameters {
            let range = format!("{} to {}, default {}", parameter.min, parameter.max, parameter.default);
            table.add_row(vec![parameter.name, &range, parameter.doc]);
        }
        text.push_str(&format!("kind = \"{}\": {}; its params:\n{table}\n\n", kind.name, kind.description));
    }
    text.pop();
    text
}

fn schema_json() -> Value {
    let sections = SCHEMA.iter().map(|section| {
        let keys = section.keys.iter();
        let keys = keys.map(|key| json!({ "name": key.name, "allowed": key.allowed, "about": key.about }));
        json!({ "name": section.name, "repeated": section.repeated, "keys": keys.collect::<Value>() })
    });
    let kinds = REGISTRY.iter().map(|kind| {
        let parameters = kind.parameters.iter().map(|parameter| {
            json!({
                "name": parameter.name,
                "default": parameter.default,
                "min": parameter.min,
                "max": parameter.max,
                "whole": parameter.whole,
                "words": words(kind.name, parameter.name),
                "about": parameter.doc,
            })
        });
        json!({ "name": kind.name, "about": kind.description, "params": parameters.collect::<Value>() })
    });
    let (sections, kinds) = (sections.collect::<Value>(), kinds.collect::<Value>());
    json!({ "schema": "config-schema/1", "sections": sections, "kinds": kinds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(set: &[&str]) -> ConfigArgs {
        ConfigArgs { config: Vec::new(), set: set.iter().map(|&text| text.to_owned()).collect() }
    }

    #[test]
    fn every_line_is_a_head_or_has_a_path_of_its_own() {
        let text =
            "a = []\n[risk]\ncapital = 1\n[[s]]\nid = \"x\"\n\n[[s]]\nid = \"y\"\n[s.params]\nfast = 1\n";
        let paths: Vec<String> = entries(text).into_iter().flatten().collect();
        assert_eq!(paths, ["a", "risk.capital", "s.0.id", "s.1.id", "s.1.params.fast"]);
        let text = Settings::default().to_toml();
        let mut paths: Vec<String> = entries(&text).into_iter().flatten().collect();
        let keys = text.lines().filter(|line| line.contains(" = ")).count();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), keys, "two values have one path");
    }

    #[test]
    fn what_is_shown_reads_back_and_names_the_last_layer_that_changed_a_value() {
        let config = config(&["risk.capital=700000", "venue.slippage_ticks=3", "risk.capital=600000"]);
        let shown = show(&ShowArgs { config: config.clone(), origin: true, json: false }).unwrap();
        let read_back = Settings::from_toml(&shown, "shown").unwrap();
        assert_eq!(read_back, config.load().unwrap());
        let origins = origins(&config).unwrap();
        assert_eq!(origins["risk.capital"], "--set risk.capital=600000");
        assert_eq!(origins["venue.slippage_ticks"], "--set venue.slippage_ticks=3");
        assert_eq!(origins["risk.position"], "default");
        assert!(shown.contains("# --set risk.capital=600000\n"), "{shown}");
    }

    #[test]
    fn a_wrong_configuration_is_exit_code_2_with_and_without_json() {
        for set in ["risk.capitol=1", "risk.capital=0", "strategies.0.symbols=[\"NSE:NOWHERE\"]"] {
            let config = config(&[set]);
            let error = validate(&ValidateArgs { config: config.clone(), json: false }).unwrap_err();
            assert_eq!(crate::exit::exit_of(&error), Exit::Usage, "{set}: {error}");
            let (text, exit) = validate(&ValidateArgs { config, json: true }).unwrap();
            let object: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (exit, &object["valid"], &object["schema"]),
                (Exit::Usage, &json!(false), &json!("config-check/1"))
            );
            assert_eq!(object["error"], format!("{error:#}"));
        }
        let (text, exit) = validate(&ValidateArgs::default()).unwrap();
        assert!(exit == Exit::Ok && text.starts_with("valid: "), "{text}");
    }

    #[test]
    fn the_schema_lists_every_key_as_text_and_as_json() {
        let (text, object) = (schema_text(), schema_json());
        for (section, shown) in SCHEMA.iter().zip(object["sections"].as_array().unwrap()) {
            assert!(text.contains(&format!("[{}]", section.name)));
            assert_eq!(shown["keys"].as_array().unwrap().len(), section.keys.len());
            for key in section.keys {
                assert!(text.contains(key.name) && !key.allowed.is_empty(), "{}.{}", section.name, key.name);
            }
        }
    }
}
