//! From settings and a session's instruments to what the stages are built from.

use crate::error::ConfigError;
use crate::instruments::{canonical_symbol, check_table};
use crate::settings::{Settings, StrategySettings};
use crate::suggest::nearest;
use pitlane_engine::config::{InstrumentSpec, PipelineConfig, StrategyConfig};
use pitlane_engine::limits::STRATEGIES_MAX;
use pitlane_engine::units::InstrumentId;

impl Settings {
    /// Looks up the symbols of the enabled strategies in `instruments`; `*` stands for all that are tradable. A
    /// strategy may name an instrument that cannot be traded: its orders are then blocked by risk, as verdicts.
    ///
    /// # Errors
    /// If a symbol is not among `instruments`, an instrument has two enabled strategies, or the table does not hold
    /// together.
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
        let mut owner: Vec<Option<&str>> = vec![None; instruments.len()];
        let mut strategies = Vec::with_capacity(enabled.len());
        for strategy in enabled {
            let ids = resolve(strategy, &instruments)?;
            for id in &ids {
                let before = owner[id.index()].replace(&strategy.id);
                if let Some(other) = before {
                    return Err(two_owners(other, &strategy.id, &instruments[id.index()].symbol));
                }
            }
            strategies.push(StrategyConfig {
                id: strategy.id.clone(),
                kind: strategy.kind.clone(),
                instruments: ids,
                timeframe: strategy.timeframe,
                allow_short: strategy.allow_short,
                passive_entry: strategy.passive_entry,
                params: strategy.params.clone(),
            });
        }
        Ok(PipelineConfig { instruments, bars: self.bars, strategies, risk: self.risk, venue: self.venue })
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

fn two_owners(first: &str, second: &str, symbol: &str) -> ConfigError {
    ConfigError::Conflict {
        at: "[[strategies]]".to_owned(),
        why: format!("`{first}` and `{second}` both trade `{symbol}`, and a position has one owner"),
        remedy: format!("take the symbol from one of them, or set enabled = false on `{second}`"),
    }
}
