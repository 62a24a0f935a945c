//! The instrument table of a run: what is configured, corrected by the broker's instrument file and by what the
//! exchange publishes for the date.

use crate::exit::data;
use jiff::civil::Date;
use pitlane_config::Settings;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_market::instruments::canonical_symbol;
use pitlane_market::{Dump, Entry, tables};
use std::path::Path;

/// An instrument file that was asked for with `--instruments`.
pub struct InstrumentFile<'a> {
    /// Its path, for messages.
    pub path: &'a Path,
    /// What it lists, and the built-in indices.
    pub dump: Dump,
}

impl<'a> InstrumentFile<'a> {
    /// Reads the file; a warning says how many of its rows cannot be used, if any.
    ///
    /// # Errors
    /// If it cannot be read or is no instrument file.
    pub fn open(path: &'a Path) -> anyhow::Result<(Self, Option<String>)> {
        let dump = Dump::open(path).map_err(|error| data(format!("--instruments: {error}")))?;
        let warning = dump.refused().first().map(|first| {
            format!(
                "{}: {} of {} rows cannot be used; the first is line {}: {}",
                path.display(),
                dump.counts().refused,
                dump.counts().rows,
                first.line,
                first.fault
            )
        });
        Ok((Self { path, dump }, warning))
    }
}

/// The table of a run on `date`: the configured instruments, and those of the enabled strategies that the file lists,
/// with token, class, lot and tick as in the file; and what is to be said about them. `tradable = false`, a `freeze`
/// and a `multiplier` of the configuration stay. A contract that has expired is not traded.
pub fn table(
    settings: &Settings,
    file: Option<&InstrumentFile<'_>>,
    date: Date,
) -> (Vec<InstrumentSpec>, Vec<String>) {
    let (mut table, mut warnings) = (settings.instruments.clone(), Vec::new());
    if let Some(file) = file {
        for spec in &mut table {
            match file.dump.by_symbol(&spec.symbol) {
                Some(entry) => *spec = merged(spec, entry, date, &mut warnings),
                None => warnings.push(format!(
                    "{} does not list {}: taken as configured (token {}, lot {}); is the file of {date}?",
                    file.path.display(),
                    spec.symbol,
                    spec.token,
                    spec.lot.0
                )),
            }
        }
        let strategies = settings.strategies.iter().filter(|strategy| strategy.enabled);
        for symbol in strategies.flat_map(|strategy| &strategy.symbols) {
            let symbol = canonical_symbol(symbol);
            let listed =
                file.dump.by_symbol(symbol).filter(|_| table.iter().all(|spec| spec.symbol != symbol));
            if let Some(entry) = listed {
                table.push(merged(&entry.spec, entry, date, &mut warnings));
            }
        }
    }
    warnings.extend(complete(&mut table, file.map(|file| &file.dump), date));
    (table, warnings)
}

/// The file's word on an instrument, with what only the configuration knows.
fn merged(
    configured: &InstrumentSpec,
    entry: &Entry,
    date: Date,
    warnings: &mut Vec<String>,
) -> InstrumentSpec {
    let expired = entry.expiry.filter(|expiry| *expiry < date);
    if let Some(expiry) = expired {
        let symbol = &configured.symbol;
        warnings.push(format!("{symbol} expired on {expiry}, before {date}: it is not traded"));
    }
    InstrumentSpec {
        symbol: configured.symbol.clone(),
        tradable: configured.tradable && entry.spec.tradable && expired.is_none(),
        multiplier: configured.multiplier,
        freeze: configured.freeze,
        derivatives: configured.derivatives,
        ..entry.spec.clone()
    }
}

/// Adds what is published for the date: freeze quantities of contracts that have none yet, and whether futures on a
/// share trade, where the file knows. Says of which contracts no freeze quantity is known.
pub fn complete(table: &mut [InstrumentSpec], dump: Option<&Dump>, date: Date) -> Vec<String> {
    let mut unknown = Vec::new();
    for spec in table.iter_mut() {
        let entry = dump.and_then(|dump| dump.by_token(spec.token));
        match spec.class {
            InstrumentClass::Equity => {
                let underlying = entry.and_then(|entry| entry.underlying.as_deref());
                if let Some((dump, underlying)) = dump.zip(underlying)
                    && dump.futures_cover(date)
                {
                    spec.derivatives = dump.has_live_derivatives(underlying, date);
                }
            }
            InstrumentClass::Index => {}
            InstrumentClass::Future | InstrumentClass::Option => {
                if spec.freeze.is_zero() {
                    spec.freeze = freeze(spec, entry, date).unwrap_or_default();
                }
                if spec.freeze.is_zero() && spec.tradable {
                    unknown.push(spec.symbol.as_str());
                }
            }
        }
    }
    if unknown.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "no freeze quantity is known on {date} for {}: orders are not held to one; give `freeze` in [[instruments]]",
        unknown.join(", ")
    )]
}

fn freeze(spec: &InstrumentSpec, entry: Option<&Entry>, date: Date) -> Option<pitlane_engine::units::Qty> {
    // The list is that of the exchange NSE; a contract of another on the same underlying has its own.
    let listed =
        entry.filter(|entry| entry.exchange() == "NFO").and_then(|entry| entry.underlying.as_deref());
    match listed {
        Some(underlying) => tables::freeze_quantity(underlying, date),
        None => tables::freeze_of_symbol(&spec.symbol, date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use pitlane_engine::units::{Price, Qty};
    use pitlane_market::instruments::BROKER_HEADER;

    const ROWS: &str = "\
738561,2885,RELIANCE,RELIANCE,0,,0,0.1,1,EQ,NSE,NSE
3677697,14366,IDEA,VODAFONE IDEA,0,,0,0.01,1,EQ,NSE,NSE
258,1,NIFTY26AUGFUT,NIFTY,0,2026-08-25,0,0.1,65,FUT,NFO-FUT,NFO
514,2,RELIANCE26AUGFUT,RELIANCE,0,2026-08-25,0,0.1,500,FUT,NFO-FUT,NFO
770,3,RELIANCE26JULFUT,RELIANCE,0,2026-07-28,0,0.1,500,FUT,NFO-FUT,NFO
";

    fn with_file<T>(test: impl FnOnce(&InstrumentFile<'_>) -> T) -> T {
        let path = Path::new("instruments.csv");
        let dump = Dump::read(format!("{BROKER_HEADER}\n{ROWS}").as_bytes(), path).expect("a dump");
        test(&InstrumentFile { path, dump })
    }

    fn configured(symbols: &[&str]) -> Settings {
        let spec = |symbol: &&str| pitlane_config::default_instrument(symbol).expect("a symbol").0;
        let instruments = symbols.iter().map(spec).collect();
        Settings { instruments, ..Settings::default() }
    }

    #[test]
    fn the_file_corrects_what_is_configured() {
        let mut settings = configured(&["NSE:RELIANCE", "NSE:IDEA", "NFO:NIFTY26AUGFUT", "NSE:TCS"]);
        settings.instruments[2].tradable = true;
        settings.instruments[1].tradable = false;
        settings.strategies[0].symbols =
            ["*", "NFO:RELIANCE26JULFUT", "NSE:BANKNIFTY"].map(str::to_owned).into();
        let (table, warnings) = with_file(|file| table(&settings, Some(file), date(2026, 8, 4)));
        let rows: Vec<_> = table
            .iter()
            .map(|s| (s.symbol.as_str(), s.token, s.lot.0, s.tick, s.tradable, s.freeze.0, s.derivatives))
            .collect();
        let mut expected = vec![
            ("NSE:RELIANCE", 738_561, 1, Price(1_000), true, 0, true),
            // What the configuration does not trade, the file does not make tradable.
            ("NSE:IDEA", 3_677_697, 1, Price(100), false, 0, false),
            ("NFO:NIFTY26AUGFUT", 258, 65, Price(1_000), true, 1_800, false),
            ("NSE:TCS", 2_953_217, 1, Price(500), true, 0, rows[3].6),
        ];
        expected.push(("NFO:RELIANCE26JULFUT", 770, 500, Price(1_000), false, 0, false));
        expected.push(("NSE:NIFTY BANK", 260_105, 1, Price(500), false, 0, false));
        assert_eq!(rows, expected);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("does not list NSE:TCS"), "{warnings:?}");
        assert!(warnings[1].contains("expired on 2026-07-28"), "{warnings:?}");
    }

    #[test]
    fn freeze_quantities_are_configured_published_or_unknown() {
        let day = date(2026, 8, 4);
        let mut settings = configured(&["NFO:NIFTY26AUGFUT", "NFO:RELIANCE26AUGFUT", "NSE:RELIANCE"]);
        settings.instruments.iter_mut().for_each(|spec| spec.tradable = true);
        let (found, warnings) = table(&settings, None, day);
        assert_eq!(found.iter().map(|spec| spec.freeze.0).collect::<Vec<_>>(), [1_800, 0, 0]);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("NFO:RELIANCE26AUGFUT") && warnings[0].contains("`freeze`"),
            "{warnings:?}"
        );
        assert!(!warnings[0].contains("NIFTY26AUGFUT") && !warnings[0].contains("NSE:"), "{warnings:?}");
        settings.instruments[0].freeze = Qty(900);
        settings.instruments[1].freeze = Qty(20_000);
        let (found, warnings) = with_file(|file| table(&settings, Some(file), day));
        assert_eq!(found.iter().map(|spec| spec.freeze.0).collect::<Vec<_>>(), [900, 20_000, 0]);
        assert_eq!(warnings, Vec::<String>::new(), "what is given wins");
        settings.instruments[0].freeze = Qty::ZERO;
        let (found, _) = with_file(|file| table(&settings, Some(file), date(2026, 7, 31)));
        assert_eq!(found[0].freeze, Qty::ZERO, "nothing was published for that day");
    }

    #[test]
    fn both_packages_know_the_same_names_of_indices() {
        for name in ["NIFTY", "NIFTY50", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "INDIAVIX", "RELIANCE"] {
            let symbol = format!("NSE:{name}");
            assert_eq!(canonical_symbol(&symbol), pitlane_config::canonical_symbol(&symbol), "{name}");
        }
    }
}
