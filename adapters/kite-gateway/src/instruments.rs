//! What the broker calls our instruments.

use pitlane_engine::config::InstrumentClass;
use pitlane_engine::units::InstrumentId;
use std::collections::BTreeMap;

/// A product at the broker: how a position is margined and how long it may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Intraday; squared off by the broker at the day's end.
    Mis,
    /// Shares delivered.
    Cnc,
    /// Futures and options carried over.
    Nrml,
}

impl Product {
    /// The broker's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mis => "MIS",
            Self::Cnc => "CNC",
            Self::Nrml => "NRML",
        }
    }
}

/// One instrument as the broker trades it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The engine's id.
    pub instrument: InstrumentId,
    /// As `NSE`.
    pub exchange: String,
    /// The broker's `tradingsymbol`, as `RELIANCE`.
    pub symbol: String,
    /// What it is.
    pub class: InstrumentClass,
    /// The product its orders are sent with.
    pub product: Product,
    /// Smallest price step in 1/10,000; positive.
    pub tick: i64,
    /// Units in a lot; positive.
    pub lot: i64,
    /// Value of one point of one unit; positive.
    pub multiplier: i64,
    /// Largest quantity of one order, zero if none is known.
    pub freeze: i64,
    /// Whether orders may be sent.
    pub tradable: bool,
}

/// The instruments of a session, by id and by name.
#[derive(Clone, Debug, Default)]
pub struct Instruments {
    by_id: BTreeMap<u32, Listed>,
    by_name: BTreeMap<(String, String), u32>,
}

impl Instruments {
    /// A table of these. Panics if an id or a name comes twice, or a tick, lot or multiplier is not positive: the
    /// session's instrument table has been checked for that.
    pub fn new(listed: impl IntoIterator<Item = Listed>) -> Self {
        let mut table = Self::default();
        for row in listed {
            assert!(row.tick > 0 && row.lot > 0 && row.multiplier > 0, "{}: sizes are positive", row.symbol);
            let id = row.instrument.0;
            let twice = table.by_name.insert((row.exchange.clone(), row.symbol.clone()), id).is_some();
            assert!(!twice && !table.by_id.contains_key(&id), "{}: listed twice", row.symbol);
            table.by_id.insert(id, row);
        }
        table
    }

    /// The row of an instrument.
    pub fn get(&self, instrument: InstrumentId) -> Option<&Listed> {
        self.by_id.get(&instrument.0)
    }

    /// The row of a name.
    pub fn named(&self, exchange: &str, symbol: &str) -> Option<&Listed> {
        // Two short strings a row of a list: cheap beside the call that brought it.
        self.by_name.get(&(exchange.to_owned(), symbol.to_owned())).and_then(|id| self.by_id.get(id))
    }

    /// All rows, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Listed> {
        self.by_id.values()
    }
}
