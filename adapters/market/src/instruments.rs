//! Instrument dumps: what can be traded, under which token, in which lots and price steps.
//!
//! ```text
//! dump.csv(.gz) ─► lines ─► rows ─┬─ readable ─► Entry ──┬─► Dump: by symbol, by token
//!                                 └─ anything else ─► Refused (line, reason)
//! built-in indices ──────────────────────────────────────┘
//! ```
//!
//! Two layouts are known by their header: the broker's dump of twelve columns, and a short one of six for
//! options of one exchange. The broker's dump lists no indices, so those that derivatives are written on are
//! built in.

mod file;
mod indices;
mod row;
#[cfg(test)]
mod tests;

pub use indices::canonical_symbol;
pub use row::RowFault;

use crate::calendar::Segment;
use crate::error::MarketError;
use jiff::civil::Date;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::hash::StateHasher;
use pitlane_engine::units::Price;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

/// First line of the broker's dump.
pub const BROKER_HEADER: &str = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange";
/// First line of the short layout.
pub const SHORT_HEADER: &str = "symbol,token,strike,expiry,option_type,lot_size";

/// Domain of the table's hash.
const HASH_DOMAIN: u64 = 0x6d61_726b_6574;

/// The right an option gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionRight {
    /// To buy; `CE` in the dump.
    Call,
    /// To sell; `PE` in the dump.
    Put,
}

/// One instrument of the dump, or a built-in index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the engine needs. Tradable are equities of NSE and BSE, and futures and options of NFO and BFO;
    /// contracts of other exchanges are not, because their multiplier is not in the dump and a wrong one
    /// would be wrong money.
    pub spec: InstrumentSpec,
    /// The dump's name: a company's, or a contract's underlying; empty if there is none.
    pub name: String,
    /// What derivatives call the underlying: of a contract the name, else read off its symbol; of a share its
    /// own trading symbol; of a built-in index its derivatives' name (`NIFTY`). `None` if it cannot be told.
    pub underlying: Option<String>,
    /// Last trading day; of futures and options only.
    pub expiry: Option<Date>,
    /// Strike price; of options only.
    pub strike: Option<Price>,
    /// Call or put; of options only.
    pub right: Option<OptionRight>,
    /// The dump's segment: `NSE`, `NFO-FUT`, `NFO-OPT`, `INDICES`.
    pub segment: String,
    /// Its line in the file, from 1; 0 if built in.
    pub line: u64,
}

impl Entry {
    /// The exchange: what stands before the colon of the symbol.
    pub fn exchange(&self) -> &str {
        self.spec.symbol.split_once(':').map_or("", |(exchange, _)| exchange)
    }
}

/// A row that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Why.
    pub fault: RowFault,
}

/// What became of a file's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read, without header and blank lines.
    pub rows: u64,
    /// Shares and other cash instruments.
    pub equities: u64,
    /// Indices in the file; the built-in ones are not counted.
    pub indices: u64,
    /// Futures.
    pub futures: u64,
    /// Options.
    pub options: u64,
    /// Rows that could not be used.
    pub refused: u64,
}

/// An instrument file, read and checked.
#[derive(Debug)]
pub struct Dump {
    entries: Vec<Entry>,
    by_symbol: BTreeMap<String, usize>,
    by_token: BTreeMap<u32, usize>,
    /// Last expiry of the NFO futures by underlying.
    futures: BTreeMap<String, Date>,
    refused: Vec<Refused>,
    counts: Counts,
}

impl Dump {
    /// Reads a dump, plain or named `.gz`. Rows that cannot be used are counted with their reason.
    ///
    /// # Errors
    /// If the file is missing, unreadable, named `.gz` without being gzip, has neither of the two headers, or
    /// no rows.
    pub fn open(path: &Path) -> Result<Self, MarketError> {
        file::open(path)
    }

    /// Reads a dump from anything; `path` is what errors name.
    ///
    /// # Errors
    /// As [`Dump::open`].
    pub fn read(reader: impl BufRead, path: &Path) -> Result<Self, MarketError> {
        file::read(reader, path)
    }

    /// The built-in indices alone, for those who have no file.
    pub fn built_in() -> Self {
        let mut dump = Self::new();
        for index in indices::all() {
            dump.insert(index).expect("the built-in indices differ in symbol and token");
        }
        dump
    }

    fn new() -> Self {
        Self {
            entries: Vec::new(),
            by_symbol: BTreeMap::new(),
            by_token: BTreeMap::new(),
            futures: BTreeMap::new(),
            refused: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Takes a row's outcome in.
    fn take(&mut self, line: u64, outcome: Result<Entry, RowFault>) {
        self.counts.rows += 1;
        if let Err(fault) = outcome.and_then(|entry| self.insert(entry)) {
            self.counts.refused += 1;
            self.refused.push(Refused { line, fault });
        }
    }

    /// Adds an entry. The first of two with one symbol or token stays.
    fn insert(&mut self, entry: Entry) -> Result<(), RowFault> {
        if let Some(first) = self.by_symbol.get(&entry.spec.symbol) {
            let first = self.entries[*first].line;
            return Err(RowFault::Duplicate { what: "symbol", value: entry.spec.symbol, first });
        }
        if let Some(first) = self.by_token.get(&entry.spec.token) {
            let first = self.entries[*first].line;
            return Err(RowFault::Duplicate { what: "token", value: entry.spec.token.to_string(), first });
        }
        if entry.line > 0 {
            let count = match entry.spec.class {
                InstrumentClass::Equity => &mut self.counts.equities,
                InstrumentClass::Index => &mut self.counts.indices,
                InstrumentClass::Future => &mut self.counts.futures,
                InstrumentClass::Option => &mut self.counts.options,
            };
            *count += 1;
        }
        if entry.spec.class == InstrumentClass::Future
            && entry.exchange() == "NFO"
            && let (Some(underlying), Some(expiry)) = (&entry.underlying, entry.expiry)
        {
            let last = self.futures.entry(underlying.clone()).or_insert(expiry);
            *last = expiry.max(*last);
        }
        self.by_symbol.insert(entry.spec.symbol.clone(), self.entries.len());
        self.by_token.insert(entry.spec.token, self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    /// The instrument called `EXCHANGE:TRADINGSYMBOL`; if there is none, the index of which that is a common
    /// name (`NSE:BANKNIFTY`).
    pub fn by_symbol(&self, symbol: &str) -> Option<&Entry> {
        match self.by_symbol.get(symbol) {
            Some(at) => self.entries.get(*at),
            // By token, since a file that lists indices may spell them otherwise.
            None => self.by_token(indices::token_of(symbol)?),
        }
    }

    /// The instrument of the broker's token.
    pub fn by_token(&self, token: u32) -> Option<&Entry> {
        self.entries.get(*self.by_token.get(&token)?)
    }

    /// All instruments: those of the file in its order, then the built-in indices it does not list.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The rows that could not be used, in the order of the file.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// What became of the rows.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether NFO futures of this underlying (`RELIANCE`, `NIFTY`) have not expired on `date`; a contract
    /// still trades on its expiry date. Cash instruments for which this holds end continuous trading at 15:15
    /// since 2026-08-03.
    ///
    /// False says nothing if the file is of another date or has no futures: ask `futures_cover` first.
    pub fn has_live_derivatives(&self, underlying: &str, date: Date) -> bool {
        self.futures.get(underlying).is_some_and(|last| *last >= date)
    }

    /// Whether the file can answer `has_live_derivatives` for a date: any NFO future at all has not expired
    /// on it.
    pub fn futures_cover(&self, date: Date) -> bool {
        self.futures.values().any(|last| *last >= date)
    }

    /// Whose hours an instrument keeps on a date: derivatives', those of a cash instrument with live
    /// derivatives, or those of any other. Indices keep the last, since they are published until the cash
    /// market's end.
    pub fn segment_on(&self, entry: &Entry, date: Date) -> Segment {
        let underlying = entry.underlying.as_deref();
        match entry.spec.class {
            InstrumentClass::Future | InstrumentClass::Option => Segment::Derivatives,
            InstrumentClass::Equity
                if underlying.is_some_and(|name| self.has_live_derivatives(name, date)) =>
            {
                Segment::CashWithDerivatives
            }
            InstrumentClass::Equity | InstrumentClass::Index => Segment::Cash,
        }
    }
}

/// The hash of the instruments a session uses, in their order, over everything that decides about money:
/// token, class, lot, tick, multiplier, expiry, strike. Names and line numbers are not in it.
pub fn table_hash<'a>(used: impl IntoIterator<Item = &'a Entry>) -> u128 {
    let mut hasher = StateHasher::new(HASH_DOMAIN);
    for entry in used {
        let Entry { spec, expiry, strike, right, .. } = entry;
        hasher.u64(spec.symbol.len() as u64);
        hasher.bytes(spec.symbol.as_bytes());
        hasher.u64(u64::from(spec.token));
        hasher.u64(spec.class as u64);
        hasher.u64(u64::from(spec.tradable));
        hasher.i64(spec.lot.0);
        hasher.i64(spec.tick.0);
        hasher.i64(spec.multiplier);
        hasher.i64(expiry.map_or(0, |date| {
            i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
        }));
        hasher.i64(strike.map_or(0, |strike| strike.0));
        hasher.u64(right.map_or(0, |right| 1 + right as u64));
    }
    hasher.finish()
}
