//! Defaults < files < environment < `--set`.

use crate::error::ConfigError;
use crate::settings::Settings;
use crate::tree::{Origin, Table, merge, parse, parse_value, set};
use std::path::PathBuf;

/// Start of the environment variables that configure, as `PITLANE_RISK__CAPITAL`. Variables of this start without a
/// double underscore have other uses (`PITLANE_DATA`) and are left alone.
const ENV_PREFIX: &str = "PITLANE_";

/// Where a configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// A whole configuration in place of the defaults, as TOML, and the name that stands in errors about it.
    pub base: Option<(String, String)>,
    /// Files, each laid over the one before. Arrays (`[[instruments]]`, `[[strategies]]`) are replaced whole.
    pub files: Vec<PathBuf>,
    /// Texts `section.key=value`, the last word. An entry of an array is named by its number from 0, its id or its
    /// symbol: `strategies.ema.params.fast=10`.
    pub sets: Vec<String>,
    /// Whether environment variables `PITLANE_SECTION__KEY` count.
    pub read_env: bool,
}

impl Layers {
    /// Reads and checks all layers.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place: `file:line:column`, the flag or the variable.
    pub fn load(&self) -> Result<Settings, ConfigError> {
        let variables =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let variables = if self.read_env { variables.collect() } else { Vec::new() };
        self.load_with(variables)
    }

    /// `load` with the given environment.
    pub(crate) fn load_with(&self, mut variables: Vec<(String, String)>) -> Result<Settings, ConfigError> {
        let mut root = match &self.base {
            Some((text, name)) => parse(text, name)?,
            None => Table::new(),
        };
        for path in &self.files {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            merge(&mut root, parse(&text, &path.to_string_lossy())?);
        }
        with_default_arrays(&mut root)?;
        variables.retain(|(name, _)| name.strip_prefix(ENV_PREFIX).is_some_and(|rest| rest.contains("__")));
        variables.sort();
        for (name, value) in &variables {
            let path = name[ENV_PREFIX.len()..].to_ascii_lowercase();
            let at = Origin::Env(name.clone());
            set(&mut root, &path.split("__").collect::<Vec<_>>(), parse_value(value, &at), &at)?;
        }
        for text in &self.sets {
            let malformed = || ConfigError::Set { text: text.clone() };
            let (path, value) = text.split_once('=').ok_or_else(malformed)?;
            let path: Vec<&str> = path.trim().split('.').map(str::trim).collect();
            if path.len() < 2 || path.contains(&"") {
                return Err(malformed());
            }
            let at = Origin::Flag(text.clone());
            set(&mut root, &path, parse_value(value.trim(), &at), &at)?;
        }
        Settings::from_table(&root)
    }
}

impl Settings {
    /// Reads one text over the defaults; `name` stands in its errors.
    ///
    /// # Errors
    /// The first thing that is wrong, as `name:line:column`.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, ConfigError> {
        Self::from_table(&parse(text, name)?)
    }
}

/// Makes the default instruments and strategies visible to flags and variables that change one of their keys.
fn with_default_arrays(root: &mut Table) -> Result<(), ConfigError> {
    let defaults = parse(&Settings::default().to_toml(), "built-in defaults")?;
    for (key, node) in defaults {
        if matches!(key.as_str(), "instruments" | "strategies") {
            root.entry(key).or_insert(node);
        }
    }
    Ok(())
}
