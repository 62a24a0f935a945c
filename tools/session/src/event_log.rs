//! The structured event log: what a run decided and did, as JSON lines for people and log collectors.
//!
//! A helper thread follows the recorded outputs of the run's own journal, and of its inputs the operator's
//! commands, so the hot path knows nothing of it. The journal is the record; the log can be made again from it
//! at any time. Not logged are bars, state
//! hashes, orders that risk allowed unchanged (the order itself is) and reports that say no more than the
//! fills do.

#[cfg(test)]
mod tests;

use crate::operator::reason;
use anyhow::Context;
use pitlane_config::format_ist;
use pitlane_engine::event::{
    Action, Alarm, AlarmCode, Cancel, Command, CommandCode, DeadLetter, DeadReason, Decision, Event, Fill,
    Intent, Kind, Modify, Order, OrderState, OrderType, Report, ReportReason, Rule, RuleUnit, Side, Signal,
    SignalReason, Validity, Verdict,
};
use pitlane_engine::units::{Seq, StrategyId, TsNs, decimal};
use pitlane_journal::EndState;
use pitlane_store::{EventStream, INPUTS, OUTPUTS, StoreError, has_stream};
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the thread sleeps at the end of what is recorded so far.
const POLL: Duration = Duration::from_millis(100);
/// Bytes gathered before they are written, while there is no pause.
const BUFFER_BYTES: usize = 64 * 1024;
/// What a code or id is called that this build or table does not have.
const UNKNOWN: &str = "unknown";

/// Names of instruments and strategies by their ids.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Symbols as `NSE:RELIANCE`, in the order of the session's table.
    pub instruments: Vec<String>,
    /// Ids of the strategy instances, in the order of the configuration.
    pub strategies: Vec<String>,
}

impl Names {
    /// The symbol, or `None` for events that concern no instrument.
    fn instrument(&self, event: &Event) -> Option<&str> {
        let id = event.header.instrument;
        id.is_some().then(|| self.instruments.get(id.index()).map_or(UNKNOWN, String::as_str))
    }

    fn strategy(&self, id: StrategyId) -> &str {
        if id == StrategyId::NONE {
            return "risk";
        }
        self.strategies.get(usize::from(id.0)).map_or(UNKNOWN, String::as_str)
    }
}

/// Something to be logged that is no event of the pipeline: it happens on the wall clock, and is in no journal.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The run's time when it happened.
    pub ts: TsNs,
    /// The last input by then.
    pub seq: u64,
    /// `journal_lag`, `journal_space` or `journal_failed`.
    pub event: &'static str,
    /// The stream of the journal.
    pub stream: &'static str,
    /// `ok`, `warn`, `reduce` or `halt`.
    pub state: &'static str,
    /// For people.
    pub text: String,
}

/// The thread that writes the event log of a run. Dropped without `finish` it still writes what is recorded
/// by then.
pub struct EventLogWriter {
    stop: Arc<AtomicBool>,
    notices: Sender<Notice>,
    thread: Option<JoinHandle<anyhow::Result<u64>>>,
}

impl EventLogWriter {
    /// Starts to follow the outputs of the journal at `journal`, which must have been made, and to write them
    /// to `file`. A file that exists is overwritten. The thread inherits the cpus of the caller.
    ///
    /// # Errors
    /// If there are no recorded outputs, the file cannot be made or the thread cannot be started.
    pub fn start(journal: &Path, names: Names, file: &Path) -> io::Result<Self> {
        let stream = EventStream::open_kept(journal, OUTPUTS).map_err(io::Error::other)?;
        let inputs = match has_stream(journal, INPUTS) {
            true => Some(EventStream::open_kept(journal, INPUTS).map_err(io::Error::other)?),
            false => None,
        };
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("event log {}: {error}", file.display()));
        let out = BufWriter::with_capacity(BUFFER_BYTES, File::create(file).map_err(named)?);
        let (notices, heard) = channel();
        let tail =
            Tail { stream, inputs, input: None, notices: heard, names, out, lines: 0, unflushed: false };
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shown) = (stop.clone(), file.display().to_string());
        let follow = move || tail.follow(&stopped).with_context(|| format!("event log {shown}"));
        let thread = std::thread::Builder::new().name("event-log".to_owned()).spawn(follow)?;
        Ok(Self { stop, notices, thread: Some(thread) })
    }

    /// Where notices for the log go; they come behind what is recorded by then.
    pub fn notices(&self) -> Sender<Notice> {
        self.notices.clone()
    }

    /// Writes everything up to the end of the stream and ends the thread. To be called when the journal is
    /// sealed, or its writer is gone. Returns the number of lines.
    ///
    /// # Errors
    /// If the stream could not be read to its end, or the file not be written.
    pub fn finish(mut self) -> anyhow::Result<u64> {
        self.join()
    }

    fn join(&mut self) -> anyhow::Result<u64> {
        let Some(thread) = self.thread.take() else { return Ok(0) };
        // Release: pairs with the Acquire in `Tail::follow`; what was recorded before the call is drained.
        self.stop.store(true, Ordering::Release);
        thread.thread().unpark();
        thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the event log's thread panicked")))
    }
}

impl Drop for EventLogWriter {
    fn drop(&mut self) {
        // Whoever drops it has an error of its own to report.
        drop(self.join());
    }
}

/// What the thread works on.
struct Tail {
    stream: EventStream,
    inputs: Option<EventStream>,
    /// The input that was read ahead.
    input: Option<Event>,
    notices: Receiver<Notice>,
    names: Names,
    out: BufWriter<File>,
    lines: u64,
    unflushed: bool,
}

impl Tail {
    fn follow(mut self, stop: &AtomicBool) -> anyhow::Result<u64> {
        loop {
            // Acquire: pairs with the Release in `join`. Asked before reading, so that the last round sees
            // all.
            let last_round = stop.load(Ordering::Acquire);
            let read = self.drain(last_round)?;
            self.told()?;
            self.flush()?;
            match (read, self.stream.end_state()) {
                // While the run goes on, what is sealed is only what it had recorded before it was restarted.
                (Ok(()), Some(EndState::Sealed)) if last_round => return Ok(self.lines),
                (Ok(()), Some(EndState::Torn { segment, offset, reason })) if last_round => {
                    anyhow::bail!("outputs end torn in segment {segment} at offset {offset}: {reason}")
                }
                (Ok(()), _) if last_round => return Ok(self.lines),
                (Err(error), _) if last_round => return Err(error.into()),
                // Errors count only when nobody writes any more: a writer that closes removes the segments it
                // made ahead, and for a moment that looks like a hole in the stream.
                _ => std::thread::park_timeout(POLL),
            }
        }
    }

    /// Writes what is recorded so far: every output, and before it the commands up to its step. Commands behind the
    /// last output come when one follows, or in the last round. The outer error is the file's, the inner one a
    /// stream's.
    fn drain(&mut self, last_round: bool) -> io::Result<Result<(), StoreError>> {
        loop {
            let output = match self.stream.try_next() {
                Ok(output) => output,
                Err(error) => return Ok(Err(error)),
            };
            let until = output.map_or(Seq(u64::MAX), |output| output.header.seq);
            if (output.is_some() || last_round)
                && let Err(error) = self.commands(until)?
            {
                return Ok(Err(error));
            }
            let Some(output) = output else { return Ok(Ok(())) };
            self.write(&output)?;
        }
    }

    /// Writes the commands among the inputs up to `until`.
    fn commands(&mut self, until: Seq) -> io::Result<Result<(), StoreError>> {
        let Some(mut inputs) = self.inputs.take() else { return Ok(Ok(())) };
        let outcome = loop {
            let read = match self.input.take() {
                Some(input) => Ok(Some(input)),
                None => inputs.try_next(),
            };
            match read {
                Ok(Some(input)) if input.header.seq > until => {
                    self.input = Some(input);
                    break Ok(());
                }
                Ok(Some(input)) if input.kind() == Kind::Command => self.write(&input)?,
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.inputs = Some(inputs);
        Ok(outcome)
    }

    /// Writes the notices so far.
    fn told(&mut self) -> io::Result<()> {
        while let Ok(Notice { ts, seq, event, stream, state, text }) = self.notices.try_recv() {
            let details = Details::Journal { stream, state, text };
            let line = Line { ts: format_ist(ts), ts_ns: ts.0, seq, event, instrument: None, details };
            serde_json::to_writer(&mut self.out, &line)?;
            self.line_written()?;
        }
        Ok(())
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let Some(line) = Line::of(event, &self.names) else { return Ok(()) };
        serde_json::to_writer(&mut self.out, &line)?;
        self.line_written()
    }

    fn line_written(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")?;
        self.lines += 1;
        self.unflushed = true;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unflushed) { self.out.flush() } else { Ok(()) }
    }
}

/// One line. Names and their order are what log collectors are set up for: only add.
#[derive(Serialize)]
struct Line<'a> {
    ts: String,
    ts_ns: u64,
    seq: u64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instrument: Option<&'a str>,
    #[serde(flatten)]
    details: Details<'a>,
}

/// What is particular to an event. Prices, money and order ids are strings, because readers of JSON take
/// numbers for floats. Ids that are zero, which means none, are left out.
#[derive(Serialize)]
#[serde(untagged)]
enum Details<'a> {
    Signal {
        strategy: &'a str,
        action: &'static str,
        reason: &'static str,
        confidence: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<String>,
        signal_id: u64,
        facts: [f64; 6],
    },
    Verdict {
        rule: &'static str,
        observed: Value,
        limit: Value,
        wanted: i64,
        allowed: i64,
        strategy: &'a str,
        intent: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signal_id: Option<u64>,
    },
    Order {
        order_id: String,
        side: &'static str,
        #[serde(rename = "type")]
        order_type: &'static str,
        validity: &'static str,
        intent: &'static str,
        quantity: i64,
        price: String,
        strategy: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signal_id: Option<u64>,
    },
    Cancel {
        order_id: String,
        intent: &'static str,
        strategy: &'a str,
    },
    Fill {
        order_id: String,
        side: &'static str,
        quantity: i64,
        price: String,
        number: u32,
        last: String,
        strategy: &'a str,
    },
    Report {
        order_id: String,
        reason: &'static str,
        side: &'static str,
        quantity: i64,
        filled: i64,
        strategy: &'a str,
    },
    Modify {
        order_id: String,
        quantity: i64,
        price: String,
        intent: &'static str,
        strategy: &'a str,
    },
    Command {
        command: &'static str,
        #[serde(skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    Alarm {
        code: &'static str,
        value: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        order_id: Option<String>,
    },
    DeadLetter {
        reason: &'static str,
        source_seq: u64,
    },
    Journal {
        stream: &'static str,
        state: &'static str,
        text: String,
    },
}

impl<'a> Line<'a> {
    /// The line of an output or a command, or `None` if it is not logged.
    fn of(output: &Event, names: &'a Names) -> Option<Self> {
        let (event, details) = match output.kind() {
            Kind::Signal => signal(output.body(), names),
            Kind::Verdict => verdict(output.body(), names)?,
            Kind::Order => ("order_placed", order(output.body(), names)),
            Kind::Cancel => ("cancel_sent", cancel(output.body(), names)),
            Kind::Modify => ("modify_sent", modify(output.body(), names)),
            Kind::Command => ("operator_command", command(output.body())),
            Kind::Fill => ("order_filled", fill(output.body(), names)),
            Kind::Report => report(output.body(), names)?,
            Kind::Alarm => ("alarm", alarm(output.body())),
            Kind::DeadLetter => {
                let letter = output.body::<DeadLetter>();
                let reason = name(DeadReason::from_u8(letter.reason).map(DeadReason::name));
                ("dead_letter", Details::DeadLetter { reason, source_seq: letter.source_seq })
            }
            _ => return None,
        };
        let header = &output.header;
        let (ts, ts_ns, seq) = (format_ist(header.ts), header.ts.0, header.seq.0);
        Some(Line { ts, ts_ns, seq, event, instrument: names.instrument(output), details })
    }
}

fn name(name: Option<&'static str>) -> &'static str {
    name.unwrap_or(UNKNOWN)
}

fn side(code: u8) -> &'static str {
    name(Side::from_u8(code).map(Side::name))
}

fn intent(code: u8) -> &'static str {
    name(Intent::from_u8(code).map(Intent::name))
}

/// An id whose zero means none.
fn id(id: u64) -> Option<u64> {
    (id != 0).then_some(id)
}

fn signal<'a>(body: &Signal, names: &'a Names) -> (&'static str, Details<'a>) {
    let (action, reason) = (Action::from_u8(body.action), SignalReason::from_u8(body.reason));
    let event = match (action, reason) {
        // People look for these by name: they say why nothing happens.
        (
            Some(Action::Hold),
            Some(
                reason @ (SignalReason::LtpMissing
                | SignalReason::IndicatorsNotReady
                | SignalReason::VwapMissing
                | SignalReason::ObiMissing),
            ),
        ) => reason.name(),
        (Some(Action::Hold), _) => "hold_decision",
        _ => "signal",
    };
    let details = Details::Signal {
        strategy: names.strategy(body.strategy),
        action: name(action.map(Action::name)),
        reason: name(reason.map(SignalReason::name)),
        confidence: f64::from(body.confidence_bps) / 10_000.0,
        price: (!body.price.is_zero()).then(|| body.price.to_string()),
        signal_id: body.id,
        facts: body.facts,
    };
    (event, details)
}

fn verdict<'a>(body: &Verdict, names: &'a Names) -> Option<(&'static str, Details<'a>)> {
    let event = match Decision::from_u8(body.decision)? {
        Decision::Allow => return None,
        Decision::Reduce => "risk_reduced",
        Decision::Block => "risk_blocked",
        Decision::HaltSession => "risk_halted",
    };
    let rule = Rule::from_u8(body.rule);
    let details = Details::Verdict {
        rule: name(rule.map(Rule::name)),
        observed: in_unit_of(rule, body.observed),
        limit: in_unit_of(rule, body.limit),
        wanted: body.wanted.0,
        allowed: body.allowed.0,
        strategy: names.strategy(body.strategy),
        intent: intent(body.intent),
        signal_id: id(body.signal),
    };
    Some((event, details))
}

/// What a rule looked at, in the rule's unit: money as a decimal, a time as a time, a count as it is.
fn in_unit_of(rule: Option<Rule>, value: i64) -> Value {
    match (rule.map(Rule::unit), u64::try_from(value)) {
        (Some(RuleUnit::Money), _) => decimal(value).into(),
        (Some(RuleUnit::Time), Ok(ns)) => format_ist(TsNs(ns)).into(),
        _ => value.into(),
    }
}

fn order<'a>(body: &Order, names: &'a Names) -> Details<'a> {
    Details::Order {
        order_id: body.id.0.to_string(),
        side: side(body.side),
        order_type: name(OrderType::from_u8(body.order_type).map(OrderType::name)),
        validity: name(Validity::from_u8(body.validity).map(Validity::name)),
        intent: intent(body.intent),
        quantity: body.quantity.0,
        price: body.price.to_string(),
        strategy: names.strategy(body.strategy),
        signal_id: id(body.signal),
    }
}

fn cancel<'a>(body: &Cancel, names: &'a Names) -> Details<'a> {
    let (order_id, strategy) = (body.order.0.to_string(), names.strategy(body.strategy));
    Details::Cancel { order_id, intent: intent(body.intent), strategy }
}

fn modify<'a>(body: &Modify, names: &'a Names) -> Details<'a> {
    Details::Modify {
        order_id: body.order.0.to_string(),
        quantity: body.quantity.0,
        price: body.price.to_string(),
        intent: intent(body.intent),
        strategy: names.strategy(body.strategy),
    }
}

fn command<'a>(body: &Command) -> Details<'a> {
    let command = name(CommandCode::from_u8(body.code).map(CommandCode::name));
    Details::Command { command, reason: reason(body) }
}

fn fill<'a>(body: &Fill, names: &'a Names) -> Details<'a> {
    Details::Fill {
        order_id: body.order.0.to_string(),
        side: side(body.side),
        quantity: body.quantity.0,
        price: body.price.to_string(),
        number: body.number,
        last: body.last.to_string(),
        strategy: names.strategy(body.strategy),
    }
}

fn report<'a>(body: &Report, names: &'a Names) -> Option<(&'static str, Details<'a>)> {
    let modified = ReportReason::from_u8(body.reason) == Some(ReportReason::Modified);
    let event = match OrderState::from_u8(body.state)? {
        OrderState::Rejected => "order_rejected",
        OrderState::Cancelled => "order_cancelled",
        OrderState::Unknown => "order_unknown",
        OrderState::Open | OrderState::TriggerPending | OrderState::PartiallyFilled if modified => {
            "order_modified"
        }
        OrderState::Open | OrderState::TriggerPending | OrderState::PartiallyFilled | OrderState::Filled => {
            return None;
        }
    };
    let details = Details::Report {
        order_id: body.order.0.to_string(),
        reason: name(ReportReason::from_u8(body.reason).map(ReportReason::name)),
        side: side(body.side),
        quantity: body.quantity.0,
        filled: body.filled.0,
        strategy: names.strategy(body.strategy),
    };
    Some((event, details))
}

fn alarm<'a>(body: &Alarm) -> Details<'a> {
    let code = AlarmCode::from_u8(body.code);
    // A halt states the loss; the others state quantities.
    let value = if code == Some(AlarmCode::Halted) { decimal(body.value).into() } else { body.value.into() };
    let order_id = id(body.order.0).map(|id| id.to_string());
    Details::Alarm { code: name(code.map(AlarmCode::name)), value, order_id }
}
