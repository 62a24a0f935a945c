//! The grammar that all binaries share.

use crate::cpus::{Placement, WaitChoice};
use crate::tuning::Tuning;
use anyhow::Context;
use clap::Args;
use pitlane_config::{Layers, Settings, parse_cpu_list};
use std::path::PathBuf;

/// Where the configuration comes from. Defaults < files < environment (PITLANE_SECTION__KEY) < --set.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration file in TOML; may be given several times, later files win
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// One setting, such as risk.capital=600000; wins over files and environment
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Loads the settings over the built-in defaults.
    ///
    /// # Errors
    /// If a file, variable or setting is wrong.
    pub fn load(&self) -> anyhow::Result<Settings> {
        Ok(self.layers(None).load()?)
    }

    /// Loads the settings over `base` in place of the defaults.
    ///
    /// # Errors
    /// If a file, variable or setting is wrong.
    pub fn load_over(&self, base: &Settings) -> anyhow::Result<Settings> {
        Ok(self.layers(Some((base.to_toml(), "the settings it starts from".to_owned()))).load()?)
    }

    fn layers(&self, base: Option<(String, String)>) -> Layers {
        Layers { base, files: self.config.clone(), sets: self.set.clone(), read_env: true }
    }
}

/// Which cpus to use, and how to wait.
#[derive(Args, Clone, Debug, Default)]
pub struct CpuArgs {
    /// Cpus of the pipeline as a Linux list, such as 2-6: one stage each; one cpu means all stages fused
    #[arg(long, value_name = "LIST")]
    pub cpu_set: Option<String>,
    /// Cpus of helper threads (journal preparation, progress); default: the others
    #[arg(long, value_name = "LIST")]
    pub aux_cpu_set: Option<String>,
    /// How threads wait: busy (spin), yield, park (nap), auto
    #[arg(long, value_name = "HOW")]
    pub wait: Option<String>,
}

impl CpuArgs {
    /// The placement asked for; flags win over `settings`.
    ///
    /// # Errors
    /// If a list is wrong or a cpu cannot be used.
    pub fn placement(&self, settings: &Settings) -> anyhow::Result<Placement> {
        let list = |flag: &Option<String>, name: &'static str, setting: &Option<String>| {
            let text = flag.as_ref().or(setting.as_ref());
            text.map(|text| parse_cpu_list(text))
                .transpose()
                .with_context(|| format!("{name} is no cpu list"))
        };
        let cpu_set = list(&self.cpu_set, "--cpu-set", &settings.engine.cpu_set)?;
        let aux = list(&self.aux_cpu_set, "--aux-cpu-set", &settings.engine.aux_cpu_set)?;
        let wait = match &self.wait {
            Some(name) => WaitChoice::parse(name)?,
            None => WaitChoice::parse(settings.engine.wait.name())?,
        };
        let placement = Placement::resolve(cpu_set, aux, wait)?;
        Ok(Placement { tuning: Tuning::of(&settings.engine), ..placement })
    }
}
