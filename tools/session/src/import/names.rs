//! The instrument table of an import: what the files' symbols and tokens stand for.
//!
//! Asked in this order: the instrument file of the command line, the configuration, the built-in indices, stated defaults
//! with a warning.

use crate::exit::usage;
use crate::instruments::{InstrumentFile, complete};
use jiff::civil::Date;
use pitlane_config::{canonical_symbol, default_instrument};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::units::{InstrumentId, Price, Qty};
use pitlane_feeds::TickFile;
use pitlane_market::Dump;
use std::path::{Path, PathBuf};

/// Segment byte of index tokens.
const SEGMENT_INDEX: u32 = 9;
/// Segment bytes of tokens of shares: NSE and BSE.
const SEGMENTS_CASH: [u32; 2] = [1, 4];
/// Tick of what has no known one.
const TICK_DEFAULT: Price = Price(500);

/// Where instruments are looked up.
pub(super) struct Names<'a> {
    configured: &'a [InstrumentSpec],
    file: Option<InstrumentFile<'a>>,
    built_in: Dump,
    warnings: Vec<String>,
    table: Vec<InstrumentSpec>,
}

impl<'a> Names<'a> {
    /// Reads the instrument file, if there is one.
    ///
    /// # Errors
    /// If it cannot be used.
    pub(super) fn open(configured: &'a [InstrumentSpec], file: Option<&'a Path>) -> anyhow::Result<Self> {
        let (file, warnings) = match file.map(InstrumentFile::open).transpose()? {
            Some((file, warning)) => (Some(file), warning.into_iter().collect()),
            None => (None, Vec::new()),
        };
        let built_in = Dump::built_in();
        Ok(Self { configured, file, built_in, warnings, table: Vec::new() })
    }

    /// The instruments asked for, in the order in which they were first, with what is published for the first of
    /// `dates`; the instrument file; and what is to be said about them.
    pub(super) fn into_table(self, dates: &[Date]) -> (Vec<InstrumentSpec>, Option<Dump>, Vec<String>) {
        let Self { mut table, mut warnings, file, .. } = self;
        let dump = file.map(|file| file.dump);
        if let Some(date) = dates.first() {
            warnings.extend(complete(&mut table, dump.as_ref(), *date));
        }
        (table, dump, warnings)
    }

    /// Takes in `SYMBOL=FILE` arguments.
    ///
    /// # Errors
    /// If an argument or its symbol is malformed.
    pub(super) fn files(&mut self, args: &[String]) -> anyhow::Result<Vec<TickFile>> {
        let mut files = Vec::new();
        for arg in args {
            let (symbol, path) = arg.split_once('=').ok_or_else(|| {
                usage(format!("`{arg}` is not SYMBOL=FILE, such as NSE:RELIANCE=ticks.csv.gz"))
            })?;
            let instrument = self.symbol(symbol)?;
            files.push(TickFile { instrument, path: PathBuf::from(path) });
        }
        Ok(files)
    }

    /// The symbol of an instrument that was taken in.
    pub(super) fn symbol_of(&self, id: InstrumentId) -> &str {
        &self.table[id.index()].symbol
    }

    /// Takes in the instrument with this symbol.
    fn symbol(&mut self, symbol: &str) -> anyhow::Result<InstrumentId> {
        let symbol = canonical_symbol(symbol.trim());
        if let Some(known) = self.known(|spec| spec.symbol == symbol) {
            return Ok(known);
        }
        let listed = self.file.as_ref().and_then(|file| file.dump.by_symbol(symbol)).map(|entry| &entry.spec);
        let configured = || self.configured.iter().find(|spec| spec.symbol == symbol);
        let spec = match listed.or_else(configured) {
            Some(spec) => spec.clone(),
            None => {
                let (spec, warning) = default_instrument(symbol)?;
                self.warnings.push(match &self.file {
                    Some(file) => format!("{} does not list it: {warning}", file.path.display()),
                    None => warning,
                });
                spec
            }
        };
        Ok(self.take(spec))
    }

    /// Takes in the instrument with this token.
    pub(super) fn token(&mut self, token: u32) -> InstrumentId {
        if let Some(known) = self.known(|spec| spec.token == token) {
            return known;
        }
        let listed = self.file.as_ref().and_then(|file| file.dump.by_token(token)).map(|entry| &entry.spec);
        let configured = || self.configured.iter().find(|spec| spec.token == token);
        let built_in = || self.built_in.by_token(token).map(|entry| &entry.spec);
        let spec = listed.or_else(configured).or_else(built_in).cloned().unwrap_or_else(|| {
            let (spec, warning) = nameless(token, self.file.as_ref().map(|file| file.path));
            self.warnings.push(warning);
            spec
        });
        self.take(spec)
    }

    fn known(&self, is_it: impl Fn(&InstrumentSpec) -> bool) -> Option<InstrumentId> {
        let at = self.table.iter().position(is_it)?;
        Some(InstrumentId(u32::try_from(at).expect("as many instruments as tokens at most")))
    }

    /// The place of an instrument in the table; it may be there under this symbol if it was asked for by another name.
    fn take(&mut self, spec: InstrumentSpec) -> InstrumentId {
        self.known(|known| known.symbol == spec.symbol).unwrap_or_else(|| {
            self.table.push(spec);
            InstrumentId(u32::try_from(self.table.len() - 1).expect("as many instruments as tokens at most"))
        })
    }
}

/// What a token without a name is taken for, and the warning that says so. It is not traded: its lot is not known.
fn nameless(token: u32, file: Option<&Path>) -> (InstrumentSpec, String) {
    let segment = token & 0xff;
    let class = match segment {
        SEGMENT_INDEX => InstrumentClass::Index,
        _ if SEGMENTS_CASH.contains(&segment) => InstrumentClass::Equity,
        _ => InstrumentClass::Future,
    };
    let symbol = format!("TOKEN:{token}");
    let remedy = match file {
        Some(path) => format!("{} does not list it; give the instrument file of that day", path.display()),
        None => "name it with --instruments FILE".to_owned(),
    };
    let warning = format!("token {token} has no name: imported as {symbol}, not tradable; {remedy}");
    let (lot, tick) = (Qty(1), TICK_DEFAULT);
    (
        InstrumentSpec {
            symbol,
            token,
            class,
            tradable: false,
            lot,
            tick,
            multiplier: 1,
            freeze: Qty::ZERO,
            derivatives: false,
        },
        warning,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_market::instruments::BROKER_HEADER;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::TempDir::new().expect("a directory");
        let path = dir.path().join("instruments.csv");
        std::fs::write(&path, text).expect("a file");
        (dir, path)
    }

    fn table(names: Names<'_>) -> Vec<(String, u32, i64, i64, bool)> {
        let (table, _, _) = names.into_table(&[]);
        table.into_iter().map(|s| (s.symbol, s.token, s.lot.0, s.tick.0, s.tradable)).collect()
    }

    #[test]
    fn the_file_names_tokens_and_symbols_before_configuration_and_defaults() {
        let rows = [
            "738561,2885,RELIANCE,RELIANCE,0,,0,0.1,1,EQ,NSE,NSE",
            "10923266,42669,NIFTY25O1425000CE,NIFTY,0,2025-10-14,25000,0.05,75,CE,NFO-OPT,NFO",
            "cut,short",
        ];
        let (_dir, path) = file(&format!("{BROKER_HEADER}\n{}\n", rows.join("\n")));
        let (configured, _) = default_instrument("NSE:RELIANCE").expect("a symbol");
        let configured = [InstrumentSpec { tick: Price(7), ..configured }];
        let args = ["NSE:RELIANCE=a", "NSE:NIFTY=b", "NSE:XYZ=c", "NSE:XYZ=d", "NSE:NIFTY 50=e"];
        let args: Vec<String> = args.map(str::to_owned).into();
        let option = ("NFO:NIFTY25O1425000CE".to_owned(), 10_923_266, 75, 500, true);

        let mut names = Names::open(&configured, Some(&path)).expect("a dump");
        let files = names.files(&args).expect("arguments");
        assert_eq!(files.iter().map(|f| f.instrument.0).collect::<Vec<_>>(), [0, 1, 2, 2, 1]);
        assert_eq!(names.token(10_923_266), InstrumentId(3));
        let warned = names.warnings.join("\n");
        assert_eq!(names.warnings.len(), 2, "{warned}");
        assert!(warned.contains("1 of 3 rows cannot be used; the first is line 4"), "{warned}");
        assert!(warned.contains("does not list it: NSE:XYZ"), "{warned}");
        let table_of_file = table(names);
        assert_eq!(table_of_file[0], ("NSE:RELIANCE".to_owned(), 738_561, 1, 1_000, true));
        assert_eq!(table_of_file[1], ("NSE:NIFTY 50".to_owned(), 256_265, 1, 500, false));
        assert_eq!(table_of_file[3], option);

        let mut names = Names::open(&configured, None).expect("no file");
        names.files(&args[..1]).expect("arguments");
        assert_eq!(names.token(738_561), InstrumentId(0), "the same instrument by token");
        assert_eq!(table(names)[0].3, 7, "without the file, the configuration");
    }

    #[test]
    fn tokens_without_a_name_are_not_traded() {
        let mut names = Names::open(&[], None).expect("no file");
        for token in [256_265, 260_105, 265, 10_923_266, 738_561, 999_945, 10_923_266] {
            names.token(token);
        }
        let warned = names.warnings.clone();
        let classes: Vec<InstrumentClass> = names.table.iter().map(|spec| spec.class).collect();
        let symbols: Vec<&str> = names.table.iter().map(|spec| spec.symbol.as_str()).collect();
        let expected = [
            "NSE:NIFTY 50",
            "NSE:NIFTY BANK",
            "BSE:SENSEX",
            "TOKEN:10923266",
            "TOKEN:738561",
            "TOKEN:999945",
        ];
        assert_eq!(symbols, expected);
        use InstrumentClass::{Equity, Future, Index};
        assert_eq!(classes, [Index, Index, Index, Future, Equity, Index]);
        assert!(names.table.iter().all(|spec| !spec.tradable));
        assert_eq!(warned.len(), 3, "{warned:?}");
        assert!(warned[0].contains("token 10923266 has no name") && warned[0].contains("--instruments"));
    }

    #[test]
    fn a_file_that_is_no_dump_is_refused_with_the_option() {
        let (_dir, path) = file("timestamp,token,ltp\n");
        let error = Names::open(&[], Some(&path)).err().expect("an error").to_string();
        assert!(error.contains("--instruments:") && error.contains("instruments.csv"), "{error}");
    }
}
