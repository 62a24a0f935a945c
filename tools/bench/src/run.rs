//! One rung after another, with somebody watching the machine meanwhile.

use crate::day::{Day, Market};
use crate::environment::Environment;
use crate::meter::{Neighbours, sleep_meter};
use crate::output;
use crate::rate::Rate;
use crate::record::windows;
use crate::result::{Found, ResultFile, SCHEMA, warnings};
use crate::scenario::{Rung, Scenario};
use anyhow::Context;
use pitlane_config::Settings;
use pitlane_engine::drive::affinity::{allowed_cpus, bind, restrict, show, usable_cores};
use pitlane_engine::drive::clock::Clock;
use pitlane_engine::drive::idle::Wait;
use pitlane_session::cli::CpuArgs;
use pitlane_session::cpus::{Placement, WaitChoice};
use pitlane_session::exit::{Exit, usage};
use pitlane_session::progress::Progress;
use pitlane_session::signals::Signals;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What is to be run.
pub struct Plan {
    /// Scenarios in order.
    pub scenarios: Vec<Scenario>,
    /// Rates; empty = each scenario's own.
    pub ladder: Vec<Rate>,
    /// Nanoseconds before anything is recorded, and of what is.
    pub times_ns: (u64, u64),
    /// Where results go.
    pub out: PathBuf,
    /// Where journals go.
    pub journal: PathBuf,
    /// Cpus and how to wait.
    pub seats: Seats,
}

/// Which cpus the threads sit on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seats {
    /// Of the measured threads.
    pub measured: Vec<usize>,
    /// Of helpers, and of the other end where a scenario has one.
    pub helpers: Vec<usize>,
    /// How `--wait` was given.
    wait: WaitChoice,
    /// Cores that can be used.
    usable: usize,
}

impl Seats {
    /// Those of the command line; without `--cpu-set` the last cpu is measured, and the others help.
    ///
    /// # Errors
    /// If a cpu cannot be used, or spinning threads would outnumber the cores.
    pub fn new(args: &CpuArgs, settings: &Settings) -> anyhow::Result<Self> {
        let placement = args.placement(settings)?;
        let wait = WaitChoice::parse(args.wait.as_deref().unwrap_or(settings.engine.wait.name()))?;
        let usable = usable_cores();
        let Placement { cpus, aux, .. } = placement;
        let allowed = allowed_cpus();
        let measured = match cpus {
            Some(cpus) => cpus,
            None => vec![*allowed.last().context("this process may use no cpu")?],
        };
        let others = || allowed.iter().copied().filter(|cpu| !measured.contains(cpu)).collect::<Vec<_>>();
        let mut helpers = aux.unwrap_or_else(others);
        if helpers.is_empty() {
            helpers.clone_from(&measured);
        }
        Ok(Self { measured, helpers, wait, usable })
    }

    /// The cpus of a scenario's threads: its own, then helpers', each cpu once as long as there are any.
    pub fn of(&self, scenario: Scenario) -> Vec<usize> {
        let threads = scenario.threads(self.measured.len());
        let mut cpus: Vec<usize> = self.measured.clone();
        cpus.extend(self.helpers.iter().filter(|cpu| !self.measured.contains(cpu)));
        (0..threads).map(|thread| cpus[thread % cpus.len()]).collect()
    }

    /// How the threads of a scenario wait: they spin where each has a core.
    ///
    /// # Errors
    /// If `busy` was asked for and there are too few cores.
    pub fn wait(&self, scenario: Scenario) -> anyhow::Result<Wait> {
        let cpus = self.of(scenario);
        Ok(match self.wait {
            WaitChoice::Yield => Wait::Yield,
            WaitChoice::Park => Wait::Park,
            WaitChoice::Busy if distinct(&cpus) < cpus.len() || cpus.len() > self.usable => {
                return Err(usage(format!(
                    "{}: {} threads would spin on cpus {}, {} core(s) can be used; give --wait yield, or more cpus",
                    scenario.name(),
                    cpus.len(),
                    show(&cpus),
                    self.usable
                )));
            }
            WaitChoice::Auto if distinct(&cpus) < cpus.len() || cpus.len() > self.usable => Wait::Yield,
            WaitChoice::Busy | WaitChoice::Auto => Wait::Busy,
        })
    }

    /// What has to be said about threads that share cores.
    pub fn warnings(&self, scenarios: &[Scenario]) -> Vec<String> {
        let mut warnings = Vec::new();
        for &scenario in scenarios {
            let cpus = self.of(scenario);
            let name = scenario.name();
            if distinct(&cpus) < cpus.len() {
                warnings.push(format!(
                    "{name}: CORES ARE SHARED: {} threads on cpus {}; they wait for each other's time slices",
                    cpus.len(),
                    show(&sorted(&cpus))
                ));
            }
            if self.helpers.iter().all(|helper| cpus.contains(helper)) {
                warnings.push(format!(
                    "{name}: CORES ARE SHARED: the hiccup meter and other helpers run on the measured cpus {}",
                    show(&sorted(&cpus))
                ));
            }
        }
        warnings
    }
}

fn sorted(cpus: &[usize]) -> Vec<usize> {
    let mut cpus = cpus.to_vec();
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

fn distinct(cpus: &[usize]) -> usize {
    sorted(cpus).len()
}

/// Runs the plan and writes its files.
///
/// # Errors
/// If a scenario or a file fails.
pub fn run(plan: &Plan, market: Market) -> anyhow::Result<(ResultFile, Exit)> {
    let seats = &plan.seats;
    let waits: Vec<Wait> =
        plan.scenarios.iter().map(|&scenario| seats.wait(scenario)).collect::<anyhow::Result<_>>()?;
    output::clear(&plan.out)?;
    let signals = Signals::listen().context("the system refuses signal handlers")?;
    let mut result = ResultFile {
        schema: SCHEMA.to_owned(),
        scenarios: Vec::new(),
        environment: Environment::here(),
        banners: seats.warnings(&plan.scenarios),
        complete: true,
    };
    result.banners.extend(result.environment.warnings());
    restrict(&seats.helpers);
    let recorded = matches!(market, Market::Recorded(_));
    let day = Day::of(market)?;
    if recorded {
        result
            .banners
            .push(format!("the market is recorded ticks: {}, played again and again", day.describe()));
    }
    let rungs = rungs(plan);
    let each_ms = (plan.times_ns.0 + plan.times_ns.1) / 1_000_000;
    let mut progress = Progress::new("latency-bench", each_ms * rungs.len() as u64);
    for (index, &(scenario, rate)) in rungs.iter().enumerate() {
        let wait = waits[plan.scenarios.iter().position(|known| *known == scenario).unwrap_or(0)];
        let cpus = seats.of(scenario);
        let rung = Rung::new(rate, plan.times_ns, wait, cpus, plan.journal.clone());
        let mut at = |ms: u64| progress.at(index as u64 * each_ms + ms.min(each_ms));
        let (found, began) = one(scenario, &day, &rung, &signals, &mut at)
            .with_context(|| format!("{} at {rate}", scenario.name()))?;
        if signals.exit().is_some() {
            result.complete = false;
            break;
        }
        output::rung(&plan.out, &found, began)?;
        result.scenarios.push(found.row);
    }
    drop(progress);
    result.banners.extend(warnings(&result.scenarios));
    if !result.complete {
        result
            .banners
            .insert(0, "a signal ended the run early: the rungs after the last shown are missing".to_owned());
    }
    output::all(&plan.out, &result)?;
    Ok((result, signals.exit().unwrap_or(Exit::Ok)))
}

/// Every scenario at every rate.
fn rungs(plan: &Plan) -> Vec<(Scenario, Rate)> {
    let ladder =
        |scenario: Scenario| if plan.ladder.is_empty() { scenario.ladder() } else { &plan.ladder[..] };
    plan.scenarios
        .iter()
        .flat_map(|&scenario| ladder(scenario).iter().map(move |&rate| (scenario, rate)))
        .collect()
}

/// Runs a rung on a thread of its own, bound to the first of its cpus, and watches the machine from this one.
fn one(
    scenario: Scenario,
    day: &Day,
    rung: &Rung,
    signals: &Signals,
    at: &mut dyn FnMut(u64),
) -> anyhow::Result<(Found, SystemTime)> {
    let (measured, neighbours, sleeper, began) = std::thread::scope(|scope| {
        let measuring = scope.spawn(|| {
            bind(rung.cpus[0])?;
            scenario.measure(day, rung)
        });
        let is_done = || measuring.is_finished();
        // A second helper sleeps; it must end even if the measured thread panics, and `is_finished` says so then too.
        let (neighbours, sleeper, began) = std::thread::scope(|inner| {
            let sleeping = inner.spawn(|| sleep_meter(rung, &is_done));
            let (neighbours, began) = watch(rung, signals, &is_done, at);
            let sleeper =
                sleeping.join().map_err(|_| anyhow::anyhow!("the hiccup meter panicked; see above"));
            (neighbours, sleeper, began)
        });
        let measured =
            measuring.join().map_err(|_| anyhow::anyhow!("the measured thread panicked; see above"))??;
        anyhow::Ok((measured, neighbours, sleeper?, began))
    })?;
    let place = (show(&sorted(&rung.cpus)), rung.wait.to_string());
    let spins = scenario.only_reads_the_clock() && rung.wait == Wait::Busy;
    let shares = foreign_shares(neighbours.shares(), &measured.idle.stalled_shares(), spins);
    Ok((Found::new(scenario, rung.rate, measured, &shares, &sleeper, place), began))
}

/// The others' share of a cpu in each window: by the kernel's account, or, if the measured thread `spins` while nothing is
/// due, by what stalled it then, whichever is more. The kernel of a guest does not see what other guests take.
fn foreign_shares(mut known: Vec<f64>, stalled: &[f64], spins: bool) -> Vec<f64> {
    if spins {
        known.iter_mut().zip(stalled).for_each(|(known, stalled)| *known = known.max(*stalled));
    }
    known
}

/// Looks at the neighbours at each boundary of the rung's windows, until it is done. Also says when it began by the wall
/// clock.
fn watch(
    rung: &Rung,
    signals: &Signals,
    done: &dyn Fn() -> bool,
    at: &mut dyn FnMut(u64),
) -> (Neighbours, SystemTime) {
    let clock = Clock::default();
    let mut neighbours = Neighbours::new(windows(rung.duration_ns));
    let mut began = SystemTime::now();
    while !done() {
        if signals.exit().is_some() {
            rung.stop();
        }
        let now = clock.now_ns();
        let mut nap = Duration::from_millis(20);
        if let Some(begin) = rung.begin_ns() {
            at((now + rung.warmup_ns).saturating_sub(begin) / 1_000_000);
            if let Some(next) = neighbours.next_ns() {
                let next = begin + next;
                if now >= next {
                    if now - begin < 1_000_000_000 {
                        began = SystemTime::now();
                    }
                    neighbours.look(now);
                    continue;
                }
                nap = nap.min(Duration::from_nanos(next - now));
            }
        }
        std::thread::sleep(nap);
    }
    // The last boundary is the rung's end, which is now.
    if neighbours.next_ns().is_some() {
        neighbours.look(clock.now_ns());
    }
    (neighbours, began)
}

/// Where journals go if nobody says: memory, if the system has it.
pub fn journal_dir() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stalls_a_spinning_thread_is_the_others_share_too() {
        let (known, stalled) = (vec![0.01, 0.2, f64::INFINITY], [0.05, 0.1, 0.0]);
        assert_eq!(foreign_shares(known.clone(), &stalled, true), [0.05, 0.2, f64::INFINITY]);
        assert_eq!(foreign_shares(known, &stalled, false), [0.01, 0.2, f64::INFINITY]);
    }
}
