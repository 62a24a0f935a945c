//! What several commands are told in the same way.

use crate::destination::{self, Place};
use crate::tail::Journal;
use clap::Args;
use clap::parser::{ArgMatches, ValueSource};
use pitlane_config::ArchiveSettings;
use pitlane_parquet::{Archive, Options, RANGE_INPUTS};
use pitlane_rows::{Date, Tables};
use pitlane_session::exit::usage;
use std::path::PathBuf;

/// `[archive]` of the configuration, and which flags of the command line win over it.
pub struct Configured<'a> {
    /// The section.
    pub settings: &'a ArchiveSettings,
    /// The flags of the subcommand.
    pub flags: &'a ArgMatches,
}

impl Configured<'_> {
    /// Puts the configured value in the place of a default: a flag that was given stays.
    pub fn put<T>(&self, flag: &str, place: &mut T, configured: T) {
        if self.flags.value_source(flag) != Some(ValueSource::CommandLine) {
            *place = configured;
        }
    }
}

/// Where the archive is, and how it is cut.
#[derive(Args, Clone, Debug)]
pub struct ArchiveArgs {
    /// The archive's directory
    #[arg(long, value_name = "DIR", default_value = "archive")]
    pub out: PathBuf,
    /// Inputs of a range of Parquet files at most; an archive keeps to what it was begun with. The rows of a range
    /// are held in memory
    #[arg(long, value_name = "N", default_value_t = RANGE_INPUTS)]
    pub range_inputs: u64,
}

impl ArchiveArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        configured.put("out", &mut self.out, configured.settings.dir.clone());
        configured.put("range_inputs", &mut self.range_inputs, configured.settings.range_inputs);
    }

    /// The archive.
    pub fn archive(&self) -> Archive {
        Archive::new(&self.out)
    }

    /// How it is written.
    ///
    /// # Errors
    /// If a range would have no inputs.
    pub fn options(&self) -> anyhow::Result<Options> {
        if self.range_inputs == 0 {
            return Err(usage("--range-inputs 0: a range has inputs; leave it out for 1048576"));
        }
        Ok(Options { range_inputs: self.range_inputs, tables: Tables::ALL })
    }

    /// The place of a journal in the archive.
    ///
    /// # Errors
    /// Those of [`destination::parquet`].
    pub fn place(&self, journal: &Journal) -> anyhow::Result<Place> {
        destination::parquet(&self.archive(), journal, self.options()?)
    }
}

/// A date as `--date` has it.
///
/// # Errors
/// If it is no date.
pub fn date(flag: &str, text: &str) -> anyhow::Result<Date> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let date = digits.parse().ok().filter(|_| digits.len() == 8).map(Date::of);
    let known = |date: &Date| date.to_string() == text || date.to_string().replace('-', "") == text;
    date.filter(known).ok_or_else(|| usage(format!("{flag} {text}: not a date; write it as 2021-04-15")))
}
