//! Recorded or recomputed events as CSV.

mod charges;

use crate::exit::usage;
use crate::recorded::Recording;
use pitlane_config::format_ist;
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::event::{
    Action, Bar, Event, Full, Intent, Kind, Ltp, MARKET_VOLUME, Order, OrderType, Quote, Side, Signal,
    SignalReason, Timeframe, Validity,
};
use pitlane_engine::units::decimal;
use std::io::Write;
use std::path::Path;

/// What to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Closed bars of one timeframe.
    Bars(Timeframe),
    /// Fills.
    Fills,
    /// Market data inputs.
    Ticks,
    /// Signals, HOLD included.
    Signals,
    /// Orders.
    Orders,
    /// What executed orders were charged, by its parts.
    Charges,
}

impl What {
    /// What a name means; bars have a timeframe.
    ///
    /// # Errors
    /// If there is no such thing.
    pub fn parse(name: &str, timeframe: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "bars" => Self::Bars(Timeframe::from_name(timeframe).ok_or_else(|| {
                let names: Vec<&str> = Timeframe::ALL.iter().map(|timeframe| timeframe.name()).collect();
                usage(format!("--timeframe: `{timeframe}` is none of {}", names.join(", ")))
            })?),
            "fills" => Self::Fills,
            "ticks" => Self::Ticks,
            "signals" => Self::Signals,
            "orders" => Self::Orders,
            "charges" => Self::Charges,
            other => {
                return Err(usage(format!(
                    "export: `{other}` is none of bars, fills, ticks, signals, orders, charges"
                )));
            }
        })
    }

    fn header(self) -> &'static [&'static str] {
        match self {
            Self::Bars(_) => &["instrument", "start", "open", "high", "low", "close", "volume", "trades"],
            Self::Fills => &["order_id", "instrument", "time", "side", "quantity", "price", "charges"],
            Self::Charges => charges::HEADER,
            Self::Ticks => &["instrument", "time", "last", "volume"],
            Self::Signals => {
                &["signal_id", "instrument", "time", "strategy", "action", "reason", "confidence", "price"]
            }
            Self::Orders => &[
                "order_id",
                "instrument",
                "time",
                "strategy",
                "side",
                "type",
                "validity",
                "intent",
                "quantity",
                "price",
                "signal_id",
            ],
        }
    }

    /// The row of an event, or `None` if it is of another kind, or more than one event makes a row.
    fn row(self, event: &Event, names: &Names<'_>) -> Option<Vec<String>> {
        let instrument = || names.instrument(event);
        let time = || format_ist(event.header.ts);
        match (self, event.kind()) {
            (Self::Bars(timeframe), Kind::Bar) => {
                let bar = event.body::<Bar>();
                (bar.timeframe == timeframe as u8).then(|| {
                    let price = |price: pitlane_engine::units::Price| price.to_string();
                    vec![
                        instrument(),
                        format_ist(bar.start),
                        price(bar.open),
                        price(bar.high),
                        price(bar.low),
                        price(bar.close),
                        bar.volume.to_string(),
                        bar.trades.to_string(),
                    ]
                })
            }
            (Self::Ticks, Kind::Ltp) => Some(tick(instrument(), time(), event.body::<Ltp>().last.0, None)),
            (Self::Ticks, Kind::Quote) => {
                let quote = event.body::<Quote>();
                let volume = (quote.flags & MARKET_VOLUME != 0).then_some(quote.volume);
                Some(tick(instrument(), time(), quote.last.0, volume))
            }
            (Self::Ticks, Kind::Full) => {
                let full = event.body::<Full>();
                Some(tick(instrument(), time(), full.last.0, Some(full.volume)))
            }
            (Self::Signals, Kind::Signal) => {
                let signal = event.body::<Signal>();
                Some(vec![
                    signal.id.to_string(),
                    instrument(),
                    time(),
                    names.strategy(usize::from(signal.strategy.0)),
                    name(Action::from_u8(signal.action).map(Action::name)),
                    name(SignalReason::from_u8(signal.reason).map(SignalReason::name)),
                    decimal(i64::from(signal.confidence_bps)),
                    signal.price.to_string(),
                ])
            }
            (Self::Orders, Kind::Order) => Some(order(event.body::<Order>(), instrument(), time(), names)),
            _ => None,
        }
    }
}

fn name(name: Option<&'static str>) -> String {
    name.unwrap_or("unknown").to_owned()
}

fn tick(instrument: String, time: String, last: i64, volume: Option<u32>) -> Vec<String> {
    vec![instrument, time, decimal(last), volume.map(|volume| volume.to_string()).unwrap_or_default()]
}

fn order(order: &Order, instrument: String, time: String, names: &Names<'_>) -> Vec<String> {
    vec![
        order.id.0.to_string(),
        instrument,
        time,
        names.strategy(usize::from(order.strategy.0)),
        name(Side::from_u8(order.side).map(Side::name)),
        name(OrderType::from_u8(order.order_type).map(OrderType::name)),
        name(Validity::from_u8(order.validity).map(Validity::name)),
        name(Intent::from_u8(order.intent).map(Intent::name)),
        order.quantity.0.to_string(),
        order.price.to_string(),
        order.signal.to_string(),
    ]
}

/// Names of instruments and strategies by their ids.
struct Names<'a> {
    instruments: &'a [InstrumentSpec],
    strategies: Vec<&'a str>,
}

impl Names<'_> {
    fn instrument(&self, event: &Event) -> String {
        let id = event.header.instrument;
        self.instruments.get(id.index()).map_or_else(String::new, |spec| spec.symbol.clone())
    }

    fn strategy(&self, id: usize) -> String {
        self.strategies.get(id).map_or_else(|| "risk".to_owned(), |&name| name.to_owned())
    }
}

/// Writes what `what` asks for from the journal at `dir` into `out`; returns the number of rows. Outputs that are not
/// recorded are recomputed.
///
/// # Errors
/// If the journal cannot be read or the file cannot be written.
pub fn export(dir: &Path, what: What, out: impl Write) -> anyhow::Result<u64> {
    let recording = Recording::open(dir)?;
    let names = Names {
        instruments: &recording.head.instruments,
        strategies: recording.pipeline.strategies.iter().map(|strategy| strategy.id.as_str()).collect(),
    };
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(what.header())?;
    let (mut rows, mut failed) = (0, None);
    let mut write = |row: Option<Vec<String>>| {
        if let (Some(row), None) = (row, &failed) {
            failed = csv.write_record(&row).err();
            rows += 1;
        }
    };
    match what {
        What::Ticks => recording.each_input(&mut |event| write(what.row(event, &names)))?,
        What::Fills => charges::each_fill(&recording, &names, &mut |row| write(Some(row)))?,
        What::Charges => charges::each_order(&recording, &names, &mut |row| write(Some(row)))?,
        _ => recording.each_output(&mut |event| write(what.row(event, &names)))?,
    }
    if let Some(error) = failed {
        // The cause itself, so that a reader that went away is known as one.
        return Err(match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            other => anyhow::anyhow!("cannot write the rows: {other:?}"),
        });
    }
    csv.flush()?;
    Ok(rows)
}
