//! Where ticks come from: files, a journal, or the synthetic market.

use crate::Cli;
use crate::journal_feed::JournalFeed;
use pitlane_config::{Settings, canonical_symbol, default_instrument};
use pitlane_engine::config::{InstrumentSpec, SessionPlan};
use pitlane_engine::feed::FrameFeed;
use pitlane_engine::units::{InstrumentId, Price};
use pitlane_feeds::synthetic::SyntheticFeed;
use pitlane_feeds::{TickCsvFeed, TickFile, scan_dates};
use pitlane_kite_broker::Listing;
use pitlane_market::instruments::OptionRight;
use pitlane_market::{Calendar, Dump};
use pitlane_session::exit::{data, usage};
use pitlane_session::instruments::{self, InstrumentFile};
use pitlane_session::plan::{self, Planner, Purpose};
use std::path::{Path, PathBuf};

/// A market to be played.
pub(crate) struct Source {
    pub(crate) listings: Vec<Listing>,
    pub(crate) plan: SessionPlan,
    pub(crate) feed: Box<dyn FrameFeed>,
}

/// The settings: the demo's market is the default of a synthetic one.
pub(crate) fn settings(cli: &Cli) -> anyhow::Result<Settings> {
    if cli.synthetic { cli.config.load_over(&Settings::demo()) } else { cli.config.load() }
}

/// Opens what the command line asks for; what is to be said about it goes to stderr.
pub(crate) fn open(cli: &Cli, settings: &Settings) -> anyhow::Result<Source> {
    let file = match cli.instruments.as_deref().map(InstrumentFile::open).transpose()? {
        Some((file, warning)) => {
            say(warning);
            Some(file)
        }
        None => None,
    };
    match cli.ticks.as_slice() {
        [] => synthetic(settings, file.as_ref()),
        [dir] if Path::new(dir).is_dir() => journal(Path::new(dir), file.as_ref()),
        files => tick_files(files, settings, file.as_ref()),
    }
}

fn say(lines: impl IntoIterator<Item = String>) {
    lines.into_iter().for_each(|line| eprintln!("warning: {line}"));
}

fn synthetic(settings: &Settings, file: Option<&InstrumentFile<'_>>) -> anyhow::Result<Source> {
    let date = settings.sim.date;
    let (table, warnings) = instruments::table(settings, file, date);
    say(warnings);
    let settings = Settings { instruments: table, ..settings.clone() };
    let specs = settings.instruments()?;
    let dump = file.map(|file| &file.dump);
    let planner = Planner { settings: &settings, calendar: &Calendar::new(), instruments: &specs, dump };
    let planned = planner.plan(date, Purpose::Run)?;
    let config = pitlane_session::market::synthetic_config(&settings);
    let feed = SyntheticFeed::new(&config, &specs, &planned.plan)?;
    Ok(Source { listings: listings(specs, dump), plan: planned.plan, feed: Box::new(feed) })
}

fn journal(dir: &Path, file: Option<&InstrumentFile<'_>>) -> anyhow::Result<Source> {
    let head = pitlane_store::read_head(dir)?;
    let (feed, plan) = JournalFeed::open(dir, &head)?;
    let listings = listings(head.instruments, file.map(|file| &file.dump));
    Ok(Source { listings, plan, feed: Box::new(feed) })
}

fn tick_files(
    args: &[String],
    settings: &Settings,
    file: Option<&InstrumentFile<'_>>,
) -> anyhow::Result<Source> {
    let mut specs: Vec<InstrumentSpec> = Vec::new();
    let mut files = Vec::new();
    for arg in args {
        let (symbol, path) = arg.split_once('=').ok_or_else(|| {
            usage(format!("--ticks: `{arg}` is neither SYMBOL=FILE nor the directory of a journal"))
        })?;
        let symbol = canonical_symbol(symbol.trim());
        let known = specs.iter().position(|spec| spec.symbol == symbol);
        let at = match known {
            Some(at) => at,
            None => {
                specs.push(spec(symbol, settings, file)?);
                specs.len() - 1
            }
        };
        let instrument = InstrumentId(u32::try_from(at).expect("as many instruments as arguments"));
        files.push(TickFile { instrument, path: PathBuf::from(path) });
    }
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let (open, close) = plan::configured(settings).unwrap_or(plan::WIDEST);
    let dates = scan_dates(&paths, open, close)?;
    let [date, others @ ..] = dates.as_slice() else {
        return Err(data("--ticks: no row of the files is in the hours of a session"));
    };
    if !others.is_empty() {
        say([format!("the files have ticks of {} dates; only {date} is played", dates.len())]);
    }
    let dump = file.map(|file| &file.dump);
    say(instruments::complete(&mut specs, dump, *date));
    let settings = Settings { instruments: specs.clone(), ..settings.clone() };
    let planner = Planner { settings: &settings, calendar: &Calendar::new(), instruments: &specs, dump };
    let planned = planner.plan(*date, Purpose::Import)?;
    say(planned.warnings);
    let feed = TickCsvFeed::open(&files, &specs, &[planned.plan.times])?;
    Ok(Source { listings: listings(specs, dump), plan: planned.plan, feed: Box::new(feed) })
}

/// The instrument of a symbol: of the file, the configuration, or the stated defaults.
fn spec(
    symbol: &str,
    settings: &Settings,
    file: Option<&InstrumentFile<'_>>,
) -> anyhow::Result<InstrumentSpec> {
    let listed = file.and_then(|file| file.dump.by_symbol(symbol)).map(|entry| &entry.spec);
    let configured = || settings.instruments.iter().find(|spec| spec.symbol == symbol);
    if let Some(spec) = listed.or_else(configured) {
        return Ok(InstrumentSpec { symbol: symbol.to_owned(), ..spec.clone() });
    }
    let (spec, warning) = default_instrument(symbol)?;
    say([warning]);
    Ok(spec)
}

fn listings(specs: Vec<InstrumentSpec>, dump: Option<&Dump>) -> Vec<Listing> {
    let listing = |spec: InstrumentSpec| {
        let entry = dump.and_then(|dump| dump.by_symbol(&spec.symbol));
        let mut listing = Listing::of(spec);
        if let Some(entry) = entry {
            listing.name = entry.name.clone();
            listing.expiry = entry.expiry.map(|date| date.to_string()).unwrap_or_default();
            listing.strike = entry.strike.unwrap_or(Price::ZERO);
            listing.segment = entry.segment.clone();
            listing.kind = match entry.right {
                Some(OptionRight::Call) => "CE",
                Some(OptionRight::Put) => "PE",
                None => listing.kind,
            };
        }
        listing
    };
    specs.into_iter().map(listing).collect()
}
