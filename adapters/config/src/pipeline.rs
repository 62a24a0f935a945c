//! From settings and a session's instruments to what the stages are built from.

use crate::error::ConfigError;
use crate::instruments::{canonical_symbol, check_table};
use crate::settings::{Settings, StrategySettings};
use crate::suggest::nearest;
use pitlane_engine::config::{InstrumentSpec, PipelineConfig, Sizing, StrategyConfig};
use pitlane_engine::limits::STRATEGIES_MAX;
use pitlane_engine::units::InstrumentId;

impl Settings {
    /// Looks up the symbols of the enabled strategies in `instruments`; `*` stands for all that are tradable. A
    /// strategy may name an instrument that cannot be traded: its orders are then blocked by risk, as verdicts. Several
    /// strategies may trade one instrument; how many at most is the strategy stage's to say.
    ///
    /// # Errors
    /// If a symbol is not among `instruments`, entries are sized by a stop loss that an enabled strategy does not have,
    /// or the table does not hold together.
    pub fn pipeline(&self, instruments: Vec<InstrumentSpec>) -> Result<PipelineConfig, ConfigError> {
        check_table(&instruments)?;
        let enabled: Vec<&StrategySettings> = self.strategies.iter().filter(|s| s.enabled).collect();
        if enabled.len() > STRATEGIES_MAX {
            return Err(ConfigError::Conflict {
                at: "[[strategies]]".to_owned(),
                why: format!(
                    "{} enabled strategies are more than the {STRATEGIES_MAX} of one engine",
                    enabled.len()
                ),
                remedy: "disable some".to_owned(),
            });
        }
        let strategies = enabled.into_iter().map(|strategy| self.strategy(strategy, &instruments));
        let strategies = strategies.collect::<Result<_, _>>()?;
        let Self { bars, risk, charges, .. } = *self;
        Ok(PipelineConfig { instruments, bars, strategies, risk, charges, venue: self.venue.clone() })
    }

    fn strategy(
        &self,
        strategy: &StrategySettings,
        instruments: &[InstrumentSpec],
    ) -> Result<StrategyConfig, ConfigError> {
        let exits = strategy.exits(&self.exits);
        if self.risk.sizing == Sizing::Risk && exits.stop_loss_bps == 0 {
            return Err(no_stop_loss(&strategy.id));
        }
        Ok(StrategyConfig {
            id: strategy.id.clone(),
            kind: strategy.kind.clone(),
            instruments: resolve(strategy, instruments)?,
            timeframe: strategy.timeframe,
            allow_short: strategy.allow_short,
            passive_entry: strategy.passive_entry,
            reprice_ns: strategy.reprice_ns,
            priority: strategy.priority,
            stop_loss_bps: exits.stop_loss_bps,
            take_profit_bps: exits.take_profit_bps,
            holding_ns: exits.holding_ns,
            params: strategy.params.clone(),
        })
    }
}

/// The ids a strategy's symbols stand for, ascending, each once.
fn resolve(
    strategy: &StrategySettings,
    instruments: &[InstrumentSpec],
) -> Result<Vec<InstrumentId>, ConfigError> {
    let mut chosen = vec![false; instruments.len()];
    for symbol in &strategy.symbols {
        if symbol == "*" {
            chosen
                .iter_mut()
                .zip(instruments)
                .for_each(|(chosen, instrument)| *chosen |= instrument.tradable);
            continue;
        }
        let wanted = canonical_symbol(symbol);
        let Some(index) = instruments.iter().position(|instrument| instrument.symbol == wanted) else {
            let known: Vec<&str> = instruments.iter().map(|instrument| instrument.symbol.as_str()).collect();
            let hint = match nearest(wanted, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "take it out of `symbols`, or add the instrument".to_owned(),
            };
            return Err(ConfigError::UnknownSymbol {
                strategy: strategy.id.clone(),
                symbol: symbol.clone(),
                hint,
            });
        };
        chosen[index] = true;
    }
    let ids = (0..).zip(chosen).filter(|(_, chosen)| *chosen).map(|(index, _)| InstrumentId(index));
    Ok(ids.collect())
}

fn no_stop_loss(id: &str) -> ConfigError {
    ConfigError::Conflict {
        at: "[[strategies]]".to_owned(),
        why: format!("risk.sizing = \"risk\" sizes an entry by its stop loss, and strategy `{id}` has none"),
        remedy: format!(
            "set strategies.{id}.stop_loss, or risk.stop_loss for all, such as 1%, or another risk.sizing"
        ),
    }
}
