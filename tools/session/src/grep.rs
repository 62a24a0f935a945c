//! The events of a journal that match what is asked for, printed as `dump` prints them.

#[cfg(test)]
mod tests;

use crate::dump::{Filter, Names, walk, write_line};
use crate::exit::usage;
use clap::Args;
use pitlane_engine::event::{Event, Field};
use pitlane_engine::units::StrategyId;
use pitlane_store::{INPUTS, OUTPUTS, has_stream};
use std::io::Write;
use std::path::PathBuf;

/// `journal-replay grep`. All that is given must match; of what may be given several times, one must.
#[derive(Args, Debug, Default)]
pub struct GrepArgs {
    /// The journal
    pub dir: PathBuf,
    /// Events of this kind, such as Order; may be given several times
    #[arg(long, value_name = "NAME")]
    pub kind: Vec<String>,
    /// Events of this instrument, such as NSE:RELIANCE; may be given several times
    #[arg(long, value_name = "SYMBOL")]
    pub instrument: Vec<String>,
    /// Events that name this strategy by its id in the configuration, or `risk` for what risk does of its own accord
    #[arg(long, value_name = "ID")]
    pub strategy: Option<String>,
    /// Events that name this order, as order, maker or id
    #[arg(long, value_name = "N")]
    pub order: Option<u64>,
    /// Events whose line, as dump prints it for people, contains this text
    #[arg(long)]
    pub text: Option<String>,
    /// First event: a seq, a time in RFC 3339, or HH:MM or HH:MM:SS in Indian time on the first session's date
    #[arg(long, value_name = "SEQ|TIME")]
    pub from: Option<String>,
    /// Last event, written as for --from; an event at exactly that seq or time is included
    #[arg(long, value_name = "SEQ|TIME")]
    pub to: Option<String>,
    /// Print JSON lines, as dump does
    #[arg(long)]
    pub json: bool,
}

/// Writes every event of both streams that matches to `out`, every input before the outputs of its step; returns their
/// number.
///
/// # Errors
/// If the arguments do not fit the journal, the journal is damaged (what matches before is written), or `out` fails.
pub fn grep(args: &GrepArgs, out: &mut dyn Write) -> anyhow::Result<u64> {
    let names = Names::read(&args.dir);
    let filter = Filter::new(&args.kind, &args.instrument, args.from.as_deref(), args.to.as_deref(), &names)?;
    let strategy = args.strategy.as_deref().map(|id| strategy(id, &names)).transpose()?;
    let streams: &[&'static str] =
        if has_stream(&args.dir, OUTPUTS) { &[INPUTS, OUTPUTS] } else { &[INPUTS] };
    let (mut written, mut line) = (0, Vec::new());
    walk(&args.dir, streams, &filter, &mut |event, stream| {
        let named = |ty, value| fields(event, ty).any(|found| found == value);
        let wanted = strategy.is_none_or(|id| named("StrategyId", u64::from(id.0)))
            && args.order.is_none_or(|id| named("OrderId", id));
        if !wanted {
            return Ok(());
        }
        if let Some(text) = &args.text {
            line.clear();
            write_line(&mut line, event, stream, &names, false)?;
            if !String::from_utf8_lossy(&line).contains(text.as_str()) {
                return Ok(());
            }
        }
        written += 1;
        Ok(write_line(out, event, stream, &names, args.json)?)
    })?;
    Ok(written)
}

/// The values of an event's fields of one type.
fn fields<'a>(event: &'a Event, ty: &'a str) -> impl Iterator<Item = u64> + 'a {
    let of_type = move |field: &&Field| field.ty == ty;
    event.kind().fields().iter().filter(of_type).filter_map(|field| event.field_value(field))
}

fn strategy(id: &str, names: &Names) -> anyhow::Result<StrategyId> {
    if id == "risk" {
        return Ok(StrategyId::NONE);
    }
    // As dump shows it where the configuration is not of this version.
    let number = id.strip_prefix('#').and_then(|number| number.parse().ok());
    let named = || names.strategies.iter().position(|known| known == id).map(|at| at as u16);
    number.or_else(named).map(StrategyId).ok_or_else(|| {
        let known = names.strategies.join(", ");
        usage(format!("--strategy: `{id}` is not in this journal; in it are {known} and risk"))
    })
}
