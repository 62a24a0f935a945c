//! Every event of a journal in one line each: aligned text for people, JSON for programs; and the same, live.

mod decoded;
#[cfg(test)]
pub(crate) mod tests;

use crate::exit::{Exit, tell, usage};
use crate::recorded::Recording;
use crate::signals::Signals;
use clap::Args;
use jiff::Timestamp;
use pitlane_config::{canonical_symbol, ist, parse_date, parse_time};
use pitlane_engine::event::{Event, Kind};
use pitlane_engine::units::StrategyId;
use pitlane_journal::EndState;
use pitlane_store::{EventStream, INPUTS, OUTPUTS, has_stream, read_head};
use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use decoded::{Decoded, is_shown, write_line};

/// How long `tail` sleeps at the end of what is recorded so far.
const POLL: Duration = Duration::from_millis(20);
/// Polls in a row that must fail before `tail` believes the damage: a writer that closes removes the segments it made
/// ahead, and for a moment that looks like a hole.
const FAILED_POLLS_MAX: u32 = 50;

/// `journal-replay dump`.
#[derive(Args, Debug, Default)]
pub struct DumpArgs {
    /// The journal
    pub dir: PathBuf,
    /// inputs or outputs; default: both, every input before the outputs of its step
    #[arg(long)]
    pub stream: Option<String>,
    /// Only events of this kind, such as Order; may be given several times
    #[arg(long, value_name = "NAME")]
    pub kind: Vec<String>,
    /// Only events of this instrument, such as NSE:RELIANCE
    #[arg(long, value_name = "SYMBOL")]
    pub instrument: Option<String>,
    /// First event: a seq, a time in RFC 3339, or HH:MM or HH:MM:SS in Indian time on the first session's date
    #[arg(long, value_name = "SEQ|TIME")]
    pub from: Option<String>,
    /// Last event, written as for --from; an event at exactly that seq or time is included
    #[arg(long, value_name = "SEQ|TIME")]
    pub to: Option<String>,
    /// Print JSON lines (journal-event/1): prices and money as decimal strings, times in nanoseconds since the epoch
    #[arg(long)]
    pub json: bool,
}

/// `journal-replay tail`.
#[derive(Args, Debug, Default)]
pub struct TailArgs {
    /// The journal
    pub dir: PathBuf,
    /// inputs or outputs; default: outputs, or inputs if no outputs are recorded
    #[arg(long)]
    pub stream: Option<String>,
    /// How many of the events already recorded to show first
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    pub lines: usize,
    /// Print JSON lines, as dump does
    #[arg(long)]
    pub json: bool,
}

/// Writes the events that `args` asks for to `out`, in the order of the run; returns their number.
///
/// # Errors
/// If the arguments do not fit the journal, the journal is damaged (what comes before is written), or `out` fails.
pub fn dump(args: &DumpArgs, out: &mut dyn Write) -> anyhow::Result<u64> {
    let names = Names::read(&args.dir);
    let filter = Filter::of(args, &names)?;
    let streams = match args.stream.as_deref() {
        Some(name) => vec![stream_named(name)?],
        None if has_stream(&args.dir, OUTPUTS) => vec![INPUTS, OUTPUTS],
        None => vec![INPUTS],
    };
    let mut written = 0;
    walk(&args.dir, &streams, &filter, &mut |event, stream| {
        written += 1;
        Ok(write_line(out, event, stream, &names, args.json)?)
    })?;
    Ok(written)
}

/// Calls `each` with every event of the streams that the filter wants, in the order of the run, and the stream it is
/// from.
///
/// # Errors
/// If a stream is damaged (what comes before was handed over), or `each` fails.
pub(crate) fn walk(
    dir: &Path,
    streams: &[&'static str],
    filter: &Filter,
    each: &mut dyn FnMut(&Event, &'static str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut heads = Vec::new();
    for &name in streams {
        let mut stream = EventStream::open_kept(dir, name)?;
        let head = stream.try_next()?;
        if let Some(event) = head.filter(|_| stream.begins_late()) {
            tell(&format!("note: {name} before seq {} were removed by retention", event.header.seq.0));
        }
        heads.push(Head { name, stream, head });
    }
    // Seqs ascend in both streams, so the smaller head is next; of equal ones the input, which stands first.
    while let Some((at, event)) = heads
        .iter()
        .enumerate()
        .filter_map(|(at, head)| Some((at, head.head?)))
        .min_by_key(|(at, event)| (event.header.seq, *at))
    {
        if filter.is_behind(&event) {
            return Ok(());
        }
        if filter.wants(&event) {
            each(&event, heads[at].name)?;
        }
        heads[at].head = heads[at].stream.try_next()?;
    }
    for head in &heads {
        if let Some(EndState::Torn { segment, offset, reason }) = head.stream.end_state() {
            let name = head.name;
            tell(&format!("note: {name} end torn at segment {segment}, offset {offset} ({reason})"));
        }
    }
    Ok(())
}

/// Writes the last events recorded to `out`, then every further one as it is recorded, until the stream is sealed or
/// a signal comes. A journal whose writer was killed looks like one whose writer is silent: that ends by signal only.
///
/// # Errors
/// If there is no such stream, it is damaged, or `out` fails.
pub fn tail(args: &TailArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let name = match args.stream.as_deref() {
        Some(name) => stream_named(name)?,
        None if has_stream(&args.dir, OUTPUTS) => OUTPUTS,
        None => INPUTS,
    };
    let signals = Signals::listen()?;
    follow(args, name, &|| signals.exit(), out)
}

fn follow(
    args: &TailArgs,
    name: &'static str,
    stop: &dyn Fn() -> Option<Exit>,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let mut stream = EventStream::open_kept(&args.dir, name)?;
    let mut names = Names::read(&args.dir);
    // Up to the first end the last events are kept, after it each event is written as it comes.
    let (mut last, mut at_end, mut failed_polls) = (VecDeque::new(), false, 0);
    loop {
        if let Some(exit) = stop() {
            return Ok(exit);
        }
        let idle = match stream.try_next() {
            Ok(Some(event)) => {
                last.push_back(event);
                failed_polls = 0;
                if !at_end && last.len() > args.lines {
                    last.pop_front();
                }
                false
            }
            Ok(None) => {
                failed_polls = 0;
                true
            }
            Err(error) if failed_polls >= FAILED_POLLS_MAX => return Err(error.into()),
            Err(_) => {
                failed_polls += 1;
                true
            }
        };
        at_end |= idle;
        if !at_end {
            continue;
        }
        if !names.complete && !last.is_empty() {
            names = Names::read(&args.dir);
        }
        for event in last.drain(..) {
            write_line(out, &event, name, &names, args.json)?;
        }
        if idle {
            out.flush()?;
            if failed_polls == 0 && stream.end_state() == Some(EndState::Sealed) {
                return Ok(Exit::Ok);
            }
            std::thread::sleep(POLL);
        }
    }
}

fn stream_named(name: &str) -> anyhow::Result<&'static str> {
    match name {
        "inputs" => Ok(INPUTS),
        "outputs" => Ok(OUTPUTS),
        other => Err(usage(format!("--stream: `{other}` is none of inputs, outputs"))),
    }
}

/// A stream and its next event.
struct Head {
    name: &'static str,
    stream: EventStream,
    head: Option<Event>,
}

/// Names by ids. What cannot be named is shown by its number: a dump is for journals in any state.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) instruments: Vec<String>,
    pub(crate) strategies: Vec<String>,
    /// The first session's date as yyyymmdd.
    date: Option<u32>,
    complete: bool,
}

impl Names {
    pub(crate) fn read(dir: &Path) -> Self {
        let Ok(head) = read_head(dir) else { return Self::default() };
        let date = Some(head.first_session.date);
        let instruments = head.instruments.into_iter().map(|spec| spec.symbol).collect();
        // A configuration of another version names no strategies here, and is no reason to show nothing.
        let strategies = Recording::open(dir).map_or_else(
            |_| Vec::new(),
            |recording| recording.pipeline.strategies.into_iter().map(|strategy| strategy.id).collect(),
        );
        Self { instruments, strategies, date, complete: true }
    }

    pub(crate) fn instrument(&self, event: &Event) -> Option<String> {
        let id = event.header.instrument;
        let symbol = || self.instruments.get(id.index()).cloned().unwrap_or_else(|| format!("#{}", id.0));
        id.is_some().then(symbol)
    }

    pub(crate) fn strategy(&self, id: u16) -> String {
        if id == StrategyId::NONE.0 {
            return "risk".to_owned();
        }
        self.strategies.get(usize::from(id)).cloned().unwrap_or_else(|| format!("#{id}"))
    }
}

/// One end of a range; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Seq(u64),
    Time(u64),
}

impl Bound {
    pub(crate) fn parse(flag: &str, text: &str, date: Option<u32>) -> anyhow::Result<Self> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Seq(seq));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            // Before 1970 is before every event.
            return Ok(Self::Time(u64::try_from(at.as_nanosecond()).unwrap_or(0)));
        }
        let time = parse_time(text).map_err(|_| {
            usage(format!(
                "{flag}: `{text}` is neither a seq nor a time; write 1200, 09:20 or 2026-07-31T09:20:00+05:30"
            ))
        })?;
        let date = date.ok_or_else(|| {
            usage(format!(
                "{flag} {text}: the journal has no session to take the date from; give a seq or RFC 3339"
            ))
        })?;
        let date = parse_date(&format!("{:04}-{:02}-{:02}", date / 10_000, date / 100 % 100, date % 100))?;
        Ok(Self::Time(ist(date, time).0))
    }

    /// How the event lies to this end.
    fn order(self, event: &Event) -> std::cmp::Ordering {
        match self {
            Self::Seq(seq) => event.header.seq.0.cmp(&seq),
            Self::Time(ns) => event.header.ts.0.cmp(&ns),
        }
    }
}

/// Which events are wanted.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    kinds: Vec<Kind>,
    instruments: Vec<u32>,
    from: Option<Bound>,
    to: Option<Bound>,
}

impl Filter {
    fn of(args: &DumpArgs, names: &Names) -> anyhow::Result<Self> {
        let instruments: Vec<String> = args.instrument.iter().cloned().collect();
        Self::new(&args.kind, &instruments, args.from.as_deref(), args.to.as_deref(), names)
    }

    /// Of each list one must fit; an empty one fits all.
    pub(crate) fn new(
        kinds: &[String],
        instruments: &[String],
        from: Option<&str>,
        to: Option<&str>,
        names: &Names,
    ) -> anyhow::Result<Self> {
        let kind = |text: &String| {
            let found = Kind::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
            let all = || Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            found.copied().ok_or_else(|| usage(format!("--kind: `{text}` is none of {}", all())))
        };
        let instrument = |text: &String| {
            let symbol = canonical_symbol(text);
            let found = names.instruments.iter().position(|known| known == symbol);
            let known = names.instruments.join(", ");
            found.map(|at| at as u32).ok_or_else(|| {
                usage(format!("--instrument: `{text}` is not in this journal; in it are {known}"))
            })
        };
        let bound =
            |flag, text: Option<&str>| text.map(|text| Bound::parse(flag, text, names.date)).transpose();
        Ok(Self {
            kinds: kinds.iter().map(kind).collect::<anyhow::Result<_>>()?,
            instruments: instruments.iter().map(instrument).collect::<anyhow::Result<_>>()?,
            from: bound("--from", from)?,
            to: bound("--to", to)?,
        })
    }

    fn is_behind(&self, event: &Event) -> bool {
        self.to.is_some_and(|to| to.order(event).is_gt())
    }

    fn wants(&self, event: &Event) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind()))
            && (self.instruments.is_empty() || self.instruments.contains(&event.header.instrument.0))
            && self.from.is_none_or(|from| from.order(event).is_ge())
    }
}
