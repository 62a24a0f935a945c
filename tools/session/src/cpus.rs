//! Which thread runs where, and how it waits.

use crate::exit::usage;
use crate::tuning::Tuning;
use pitlane_engine::drive::affinity::{self, AffinityError, allowed_cpus, usable_cores};
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::topology::STAGES;

/// How a user wants threads to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitChoice {
    /// Spin where every thread has a core to itself, else yield.
    Auto,
    /// Spin.
    Busy,
    /// Yield.
    Yield,
    /// Nap.
    Park,
}

impl WaitChoice {
    /// The choice of a name.
    ///
    /// # Errors
    /// If there is no such choice.
    pub fn parse(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "auto" => Self::Auto,
            "busy" => Self::Busy,
            "yield" => Self::Yield,
            "park" => Self::Park,
            other => return Err(usage(format!("wait: `{other}` is none of auto, busy, yield, park"))),
        })
    }
}

/// The effective placement of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Cpus of the pipeline's threads, in pipeline order; `None` = one thread, fused, not bound.
    pub cpus: Option<Vec<usize>>,
    /// Cpus of helper threads; `None` = wherever the system puts them.
    pub aux: Option<Vec<usize>>,
    /// How the pipeline's threads wait.
    pub wait: Wait,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What else is asked of the machine.
    pub tuning: Tuning,
}

impl Placement {
    /// Threads of the pipeline.
    pub fn threads(&self) -> usize {
        self.cpus.as_ref().map_or(1, Vec::len)
    }

    /// Places a run on the cpus asked for.
    ///
    /// # Errors
    /// If a cpu is offline or forbidden, or if spinning threads would outnumber the cores.
    pub fn resolve(
        cpu_set: Option<Vec<usize>>,
        aux_cpu_set: Option<Vec<usize>>,
        wait: WaitChoice,
    ) -> anyhow::Result<Self> {
        let usable = usable_cores();
        let mut notes = Vec::new();
        if let Some(aux) = &aux_cpu_set {
            affinity::check(aux)?;
        }
        let Some(mut cpus) = cpu_set else {
            let wait = concrete(wait, 1, usable, false)?;
            return Ok(Self { cpus: None, aux: aux_cpu_set, wait, notes, tuning: Tuning::default() });
        };
        if cpus.is_empty() {
            return Err(usage("--cpu-set is empty; give at least one cpu, or leave it out"));
        }
        affinity::check(&cpus)?;
        if cpus.len() > STAGES {
            notes.push(format!(
                "cpus {} are left free: there are {STAGES} stages",
                affinity::show(&cpus[STAGES..])
            ));
            cpus.truncate(STAGES);
        }
        let aux =
            aux_cpu_set.unwrap_or_else(|| allowed_cpus().into_iter().filter(|c| !cpus.contains(c)).collect());
        let aux_shares = aux.is_empty() || aux.iter().any(|cpu| cpus.contains(cpu));
        let aux = if aux.is_empty() { cpus.clone() } else { aux };
        if aux_shares {
            notes.push(format!(
                "helper threads share cpus {} with the pipeline: none is left for them; expect stalls",
                affinity::show(&aux)
            ));
        }
        let wait = concrete(wait, cpus.len(), usable, aux_shares)?;
        Ok(Self { cpus: Some(cpus), aux: Some(aux), wait, notes, tuning: Tuning::default() })
    }
}

/// What `auto` means here, and whether `busy` is possible.
fn concrete(wait: WaitChoice, threads: usize, usable: usize, aux_shares: bool) -> anyhow::Result<Wait> {
    Ok(match wait {
        WaitChoice::Yield => Wait::Yield,
        WaitChoice::Park => Wait::Park,
        WaitChoice::Busy if threads > usable => {
            return Err(AffinityError::TooFewCores { threads, usable }.into());
        }
        WaitChoice::Busy => Wait::Busy,
        // A fused run that nobody bound waits only for a paced clock: naps cost it nothing.
        WaitChoice::Auto if threads == 1 => Wait::Park,
        WaitChoice::Auto if threads > usable || aux_shares => Wait::Yield,
        WaitChoice::Auto => Wait::Busy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_spins_only_where_every_thread_has_a_core() {
        for (threads, usable, aux_shares, wait) in [
            (5, 8, false, Wait::Busy),
            (2, 2, true, Wait::Yield),
            (5, 2, false, Wait::Yield),
            (1, 8, false, Wait::Park),
        ] {
            assert_eq!(concrete(WaitChoice::Auto, threads, usable, aux_shares).unwrap(), wait);
        }
    }

    #[test]
    fn busy_is_refused_with_the_remedy_when_threads_outnumber_cores() {
        let error = concrete(WaitChoice::Busy, 5, 2, false).unwrap_err();
        assert!(error.to_string().contains("--wait yield"), "{error}");
    }

    #[test]
    fn no_cpu_or_an_absent_one_is_refused() {
        for cpus in [vec![], vec![1_000]] {
            assert!(Placement::resolve(Some(cpus), None, WaitChoice::Auto).is_err());
        }
    }
}
