//! `broker-sim`: a Kite-compatible broker on loopback, with the faults that brokers have.

mod clock;
mod faults;
mod http;
mod hub;
mod journal_feed;
mod market;
mod serve;
mod state;
mod ws;

use anyhow::Context;
use clap::Parser;
use pitlane_config::{Speed, parse_time};
use pitlane_engine::units::{Money, NS_PER_S, TsNs};
use pitlane_session::cli::ConfigArgs;
use pitlane_session::exit::{Exit, answer, finish, usage};
use pitlane_session::signals::Signals;
use std::path::PathBuf;
use std::process::ExitCode;

/// Plays a Kite Connect 3 broker on this machine: REST, WebSocket ticker, order postbacks, and faults on request.
///
/// Its market is recorded ticks at any speed, or a synthetic one; its exchange is the paper venue. At the start one JSON
/// line says where it listens and what time its market has. It ends by a signal. Exit codes: 1 failure, 2 usage,
/// 3 data, 130/143 signals.
#[derive(Parser)]
#[command(name = "broker-sim", version)]
pub(crate) struct Cli {
    /// Recorded ticks: SYMBOL=FILE (rows timestamp,ltp,volume) for each instrument, or the directory of one journal
    #[arg(long, value_name = "SYMBOL=FILE|JOURNAL_DIR", num_args = 1.., required_unless_present = "synthetic")]
    pub(crate) ticks: Vec<String>,
    /// The synthetic market of the configuration
    #[arg(long, conflicts_with = "ticks")]
    pub(crate) synthetic: bool,
    /// The broker's instrument file: tokens, lots, ticks, expiries
    #[arg(long, value_name = "FILE")]
    pub(crate) instruments: Option<PathBuf>,
    /// How fast the market's time passes: x1 to x100000, or max (as fast as the first subscriber can take it)
    #[arg(long, value_name = "xN|max", default_value = "x1")]
    pub(crate) speed: String,
    /// The market's time at the start, Indian; what was before it is played at once
    #[arg(long, value_name = "HH:MM[:SS]")]
    pub(crate) from: Option<String>,
    /// Unix time in nanoseconds at which the market's clock starts to go; the default is now
    #[arg(long, value_name = "NS")]
    pub(crate) wall_base: Option<u64>,
    /// Where the WebSocket ticker listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) ws: String,
    /// Where the REST interface listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) http: String,
    /// What goes wrong, and when: TOML, see docs/broker-sim.md
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Keeps what was done in this file; a broker started with a file that is there goes on from it
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Writes here the settings with which an engine in live mode trades with this broker
    #[arg(long, value_name = "FILE")]
    pub(crate) engine_config: Option<PathBuf>,
    /// Money of the account at the start of the day, in rupees
    #[arg(long, value_name = "RUPEES", default_value_t = 1_000_000)]
    pub(crate) cash: u32,
    /// Do not reject orders for want of money or holdings
    #[arg(long)]
    pub(crate) no_funds_check: bool,
    /// Answer any number of requests
    #[arg(long)]
    pub(crate) no_rate_limits: bool,
    /// Seconds before an instrument's close from which MIS positions are closed; 0 = never
    #[arg(long, value_name = "S", default_value_t = 300)]
    pub(crate) square_off_margin: u32,
    /// Seed of tokens, order ids and faults
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

fn main() -> ExitCode {
    finish(run(&Cli::parse()))
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let signals = Signals::listen().context("cannot listen for signals")?;
    let settings = market::settings(cli)?;
    let market = market::open(cli, &settings)?;
    let mut config = pitlane_kite_broker::Config {
        seed: cli.seed,
        cash: Money::rupees(i64::from(cli.cash)),
        check_funds: !cli.no_funds_check,
        square_off_margin_s: cli.square_off_margin,
        venue: settings.venue.clone(),
        ..Default::default()
    };
    // The demo credentials, unless the environment has others: secrets never stand on a command line.
    for (name, value) in [
        ("BROKER_SIM_API_KEY", &mut config.api_key),
        ("BROKER_SIM_API_SECRET", &mut config.api_secret),
        ("BROKER_SIM_REQUEST_TOKEN", &mut config.request_token),
    ] {
        if let Ok(given) = std::env::var(name) {
            *value = given;
        }
    }
    if cli.no_rate_limits {
        config.allowed = pitlane_kite_broker::limits::Allowed {
            orders_per_s: 0,
            quotes_per_s: 0,
            historical_per_s: 0,
            others_per_s: 0,
            orders_per_minute: 0,
            orders_per_day: 0,
            cool_down_ns: 0,
        };
    }
    let clock = clock(cli, &market)?;
    let faults = faults::Faults::open(cli.faults.as_deref(), cli.seed, market.plan.times.pre_open)?;
    let hub = hub::Hub::new(config, market, clock, faults, cli.state.as_deref())?;
    let served = serve::Served::start(hub, &cli.http, &cli.ws)?;
    if let Some(path) = &cli.engine_config {
        std::fs::write(path, served.engine_config())
            .with_context(|| format!("--engine-config {}: cannot write it", path.display()))?;
    }
    answer(&served.announcement()?)?;
    let exit = loop {
        match signals.exit() {
            Some(exit) => break exit,
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    served.finish();
    Ok(exit)
}

/// The market's clock: from `--from`, or ten seconds before the open.
fn clock(cli: &Cli, market: &market::Source) -> anyhow::Result<clock::MarketClock> {
    let times = &market.plan.times;
    let base = match &cli.from {
        Some(text) => {
            let time = parse_time(text).context("--from")?;
            let seconds = u64::from(time.hour().unsigned_abs()) * 3_600
                + u64::from(time.minute().unsigned_abs()) * 60
                + u64::from(time.second().unsigned_abs());
            pitlane_kite_broker::times::at_second_of_day(times.open, seconds)
        }
        None => TsNs(times.open.0.saturating_sub(10 * NS_PER_S)).max(times.pre_open),
    };
    let speed = match Speed::from_name(&cli.speed) {
        Some(Speed::Max) => None,
        Some(Speed::Times(times)) => Some(times),
        None => return Err(usage(format!("--speed: `{}` is none of max, x1 ... x100000", cli.speed))),
    };
    Ok(clock::MarketClock::new(base, cli.wall_base.unwrap_or_else(clock::wall_ns), speed))
}
