//! What a journal's figures depend on, in words.

use crate::model::{JournalPart, Models};
use pitlane_engine::config::{Broker, Product};
use pitlane_session::profit::show_date;
use pitlane_session::recorded::Recording;

/// The models of a journal.
pub(crate) fn of(journal: &Recording) -> Models {
    let pipeline = &journal.pipeline;
    let venue = &pipeline.venue;
    let product = match pipeline.charges.product {
        Product::Intraday => "intraday",
        Product::Delivery => "delivery",
    };
    let charges = match pipeline.charges.broker {
        Broker::None => "none".to_owned(),
        Broker::Zerodha => format!("zerodha, {product}"),
    };
    let strategies = pipeline.strategies.iter().map(|strategy| {
        let params: Vec<String> =
            strategy.params.iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!(
            "{}: {}({}) on {}, {} symbols",
            strategy.id,
            strategy.kind,
            params.join(", "),
            strategy.timeframe.name(),
            strategy.instruments.len()
        )
    });
    Models {
        fill: venue.describe(),
        latency: venue.latency_text(),
        latency_min_ns: venue.latency_min_ns,
        path: journal.settings.prices(),
        charges,
        strategies: strategies.collect(),
    }
}

/// A note if journals of one report were made with different models.
pub(crate) fn notes(journals: &[JournalPart]) -> Option<String> {
    let first = journals.first()?;
    let other = journals.iter().find(|journal| journal.models != first.models)?;
    Some(format!(
        "the journals were not all made alike: models or strategies of {} differ from those of {}; see the journals below",
        show_date(other.dates.0),
        show_date(first.dates.0)
    ))
}
