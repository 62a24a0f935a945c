//! What must hold before orders with real money may be sent, and what people are told then.
//!
//! A gateway is built with a `Consent` alone, and only `Consent::to_live` makes one: paper mode has none.

use super::clock::wall_ns;
use crate::cli::ConfigArgs;
use crate::exit::Exit;
use crate::exit::{Refusal, usage};
use pitlane_config::{BrokerSettings, Layers, Settings, format_bps, is_local};
use pitlane_engine::config::{InstrumentSpec, PipelineConfig};
use pitlane_journal::Durability;
use pitlane_kite_gateway::session::Session;
use std::fmt::Write;
use std::path::Path;

/// Says that live orders were asked for, twice, with what they need.
pub(super) struct Consent {
    session: Session,
}

impl Consent {
    /// Checks what was asked for, before anything is started.
    ///
    /// # Errors
    /// If a configuration file does not say so itself, the journal is not durable before orders leave, or there is no
    /// fresh token.
    pub(super) fn to_live(
        config: &ConfigArgs,
        settings: &Settings,
        level: Durability,
    ) -> anyhow::Result<Self> {
        if config.config.is_empty() {
            return Err(usage(
                "--mode live sends orders with real money and needs an explicit --config FILE that says so (venue.live = \
                 true); configs/live.toml is one to begin with, --mode paper needs none",
            ));
        }
        // Of the files alone: a variable of the environment is no explicit yes.
        let files = Layers { files: config.config.clone(), ..Layers::default() }.load()?;
        if !files.venue.live || !settings.venue.live {
            return Err(usage(format!(
                "--mode live needs `live = true` in [venue] of {}, and nothing that takes it back",
                shown(config)
            )));
        }
        if level != Durability::D2 {
            return Err(usage(
                "--mode live needs journal.level = \"D2\": an order may leave only when its cause is safe on the disk",
            ));
        }
        Ok(Self { session: token(&settings.broker)? })
    }

    /// The session at the broker.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }
}

/// Exchanges where the broker counts quantities in units, as the engine does. On MCX it counts lots, on CDS and BCD that is
/// not proved: nothing converts, so an order there would be another quantity.
const IN_UNITS: [&str; 4] = ["NSE", "BSE", "NFO", "BFO"];

/// Whether the broker counts orders of an instrument in units.
pub(super) fn counts_units(spec: &InstrumentSpec) -> bool {
    spec.symbol.split_once(':').is_some_and(|(exchange, _)| IN_UNITS.contains(&exchange))
}

/// Refuses to trade what the broker does not count in units.
///
/// # Errors
/// If an instrument on such an exchange is tradable; it is named.
pub(super) fn in_units(instruments: &[InstrumentSpec]) -> anyhow::Result<()> {
    let others: Vec<&str> = instruments
        .iter()
        .filter(|spec| spec.tradable && !counts_units(spec))
        .map(|spec| spec.symbol.as_str())
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(usage(format!(
        "--mode live trades on {} alone: the broker counts quantities of other exchanges in lots, and nothing converts. \
         Remove {}, or set tradable = false in their [[instruments]]",
        IN_UNITS.join(", "),
        others.join(", ")
    )))
}

fn shown(config: &ConfigArgs) -> String {
    config.config.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The day's session at the broker, from its file.
///
/// # Errors
/// If there is none, others can read it, or it has ended.
pub(super) fn token(broker: &BrokerSettings) -> anyhow::Result<Session> {
    let Some(path) = &broker.token_file else {
        return Err(usage(
            "broker.token_file is not given: name the file that `engine login` writes (configs/live.toml shows it)",
        ));
    };
    let session = Session::read(path, wall_ns()?).map_err(|error| {
        usage(format!("no session at the broker: {error}. `engine login` with the same --config makes one"))
    })?;
    match &broker.api_key {
        Some(key) if *key != session.api_key => Err(usage(format!(
            "{} holds a token of another application than broker.api_key; `engine login` makes one of this",
            path.display()
        ))),
        _ => Ok(session),
    }
}

/// What a live run is about to do, in letters that cannot be overlooked.
pub(super) fn banner(
    consent: &Consent,
    settings: &Settings,
    pipeline: &PipelineConfig,
    journal: &Path,
) -> String {
    let (risk, broker) = (&settings.risk, &settings.broker);
    let symbols = |ids: &[pitlane_engine::units::InstrumentId]| {
        ids.iter().map(|id| pipeline.instruments[id.index()].symbol.clone()).collect::<Vec<_>>().join(", ")
    };
    let where_to = if is_local(&broker.rest) { "a broker on this machine" } else { "THE REAL MARKET" };
    let line = "#".repeat(100);
    let mut text =
        format!("{line}\n##\n##   R E A L   M O N E Y :  orders go to {where_to}, {}\n##\n", broker.rest);
    let mut row = |name: &str, value: String| {
        writeln!(text, "##   {name:<14} {value}").expect("writing to a string cannot fail");
    };
    row("account", consent.session.user_id.clone());
    row("capital", format!("{} rupees", risk.capital));
    row(
        "limits",
        format!(
            "day's loss {}, drawdown {}, order {} of capital, {} positions, {} entries a day, {} orders a second",
            format_bps(risk.daily_loss_bps),
            format_bps(risk.drawdown_bps),
            format_bps(risk.order_value_bps),
            risk.open_positions_max,
            risk.trades_per_day,
            broker.orders_per_second,
        ),
    );
    for strategy in &pipeline.strategies {
        row("strategy", format!("{} ({}) on {}", strategy.id, strategy.kind, symbols(&strategy.instruments)));
    }
    row("journal", journal.display().to_string());
    row("stop it", format!("engine kill --journal {}", journal.display()));
    text.push_str("##\n");
    text.push_str(&line);
    text
}

/// A refusal because the broker and the journal do not agree.
pub(super) fn not_clean(differences: &[String], dir: Option<&Path>) -> anyhow::Error {
    let dir = dir.map_or_else(String::new, |dir| format!(" with the journal {}", dir.display()));
    let found =
        if differences.is_empty() { "no reason was given".to_owned() } else { differences.join("; ") };
    let message = format!(
        "the broker's orders and positions do not agree{dir}: {found}. Nothing was traded. Look at the account, put right \
         what a person has to (cancel or close by hand what is not ours), and start again"
    );
    Refusal { exit: Exit::RiskStop, message }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::exit_of;

    fn refused(config: &ConfigArgs, settings: &Settings, level: Durability) -> String {
        let error = Consent::to_live(config, settings, level).err().expect("it is refused");
        assert_eq!(exit_of(&error), Exit::Usage);
        error.to_string()
    }

    #[test]
    fn what_the_broker_counts_in_lots_is_refused_by_name() {
        let spec = |symbol: &str| InstrumentSpec {
            tradable: true,
            ..pitlane_config::default_instrument(symbol).expect("a symbol").0
        };
        let ours = ["NSE:ITC", "BSE:ITC", "NFO:NIFTY26AUGFUT", "BFO:SENSEX26AUGFUT"].map(spec);
        in_units(&ours).expect("units");
        for symbol in ["MCX:CRUDEOIL26AUGFUT", "CDS:USDINR26AUGFUT", "BCD:USDINR26AUGFUT", "NCO:GOLD26AUGFUT"]
        {
            let table = [ours[0].clone(), spec(symbol)];
            let error = in_units(&table).expect_err("it is counted in lots");
            assert_eq!(exit_of(&error), Exit::Usage);
            assert!(error.to_string().contains(symbol), "{error}");
            in_units(&[InstrumentSpec { tradable: false, ..spec(symbol) }]).expect("it is not traded");
        }
    }

    #[test]
    fn live_is_asked_for_twice_by_files_and_needs_d2_and_a_token() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let file = dir.path().join("live.toml");
        let write = |text: &str| std::fs::write(&file, text).expect("a file");
        let mut settings = Settings::default();
        settings.venue.live = true;
        let none = ConfigArgs::default();
        assert!(refused(&none, &settings, Durability::D2).contains("explicit --config"));
        let config = ConfigArgs { config: vec![file.clone()], set: vec!["venue.live=true".to_owned()] };
        write("[risk]\ncapital = 1\n");
        assert!(refused(&config, &settings, Durability::D2).contains("live = true"));
        write("[venue]\nlive = true\n");
        assert!(refused(&config, &Settings::default(), Durability::D2).contains("takes it back"));
        assert!(refused(&config, &settings, Durability::D1).contains("D2"));
        assert!(refused(&config, &settings, Durability::D2).contains("token_file"));
        settings.broker.token_file = Some(dir.path().join("token"));
        assert!(refused(&config, &settings, Durability::D2).contains("engine login"));
        let now = wall_ns().expect("a clock");
        let session = Session {
            user_id: "AB1234".to_owned(),
            api_key: "key".to_owned(),
            access_token: pitlane_kite_gateway::session::Secret::new("very-secret"),
            made_ns: now,
            expires_ns: now + 60_000_000_000,
        };
        session.write(&dir.path().join("token")).expect("a file");
        let consent = Consent::to_live(&config, &settings, Durability::D2).expect("all is there");
        let pipeline = settings.pipeline(settings.instruments().expect("a table")).expect("a pipeline");
        let text = banner(&consent, &settings, &pipeline, Path::new("journals/live"));
        assert!(
            text.contains("R E A L   M O N E Y") && text.contains("AB1234") && text.contains("engine kill")
        );
        assert!(!text.contains("very-secret"));
        settings.broker.api_key = Some("another".to_owned());
        assert!(refused(&config, &settings, Durability::D2).contains("another application"));
    }
}
