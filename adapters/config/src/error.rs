//! What can be wrong with a configuration. Every message says what, where, why, and what to do next.

use std::path::PathBuf;

/// A configuration that cannot be used. All of these are exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("cannot read configuration file {}: {source}; check the path given with --config", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{at}: not valid TOML: {why}; correct that line")]
    Syntax {
        /// File, line and column.
        at: String,
        /// The parser's reason.
        why: String,
    },
    /// A `--set` that is not `section.key=value`.
    #[error("--set {text}: not of the form section.key=value; write for example --set risk.capital=600000")]
    Set {
        /// What was given.
        text: String,
    },
    /// A key or section that does not exist.
    #[error("{at}: unknown {what} `{key}`{place}; {hint}")]
    UnknownKey {
        /// Where it was given.
        at: String,
        /// `key` or `section`.
        what: &'static str,
        /// The name.
        key: String,
        /// ` in [section]`, or nothing at the top.
        place: String,
        /// The nearest name, or all names.
        hint: String,
    },
    /// A value of the wrong type or outside its range.
    #[error("{at}: `{key}` cannot be {value}; allowed: {allowed}")]
    Value {
        /// Where it was given.
        at: String,
        /// Full name of the key.
        key: String,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A table lacks a key that has no default.
    #[error("{at}: {place} has no `{key}`; add it ({allowed})")]
    Missing {
        /// Where the table is.
        at: String,
        /// Which table.
        place: String,
        /// The key.
        key: String,
        /// What is allowed.
        allowed: String,
    },
    /// Two settings that do not go together.
    #[error("{at}: {why}; {remedy}")]
    Conflict {
        /// Where, or which part of the configuration.
        at: String,
        /// What contradicts what.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// A strategy names an instrument that the run does not have.
    #[error("strategy `{strategy}`: no instrument `{symbol}` in this run; {hint}")]
    UnknownSymbol {
        /// The instance.
        strategy: String,
        /// The symbol as written.
        symbol: String,
        /// The nearest symbol, or what to do.
        hint: String,
    },
    /// A value given to one of the public parsers.
    #[error("cannot read {what} from {value:?}; allowed: {allowed}")]
    Parse {
        /// What was expected.
        what: &'static str,
        /// The text.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
}
