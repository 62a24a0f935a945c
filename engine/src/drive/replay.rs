//! Runs recorded inputs, reports, wake-ups and all, exactly as they were sequenced, and compares what comes out with what was
//! recorded.

use super::sink::{Counts, Sink};
use super::{FusedChain, Stages, checkpoint_due, collect_hashes, state_hash};
use crate::config::PipelineConfig;
use crate::event::{Event, FLAG_ENDO, FLAG_OUT, FLAG_STEP_END, Kind, StageId, field_at};
use crate::ledger::Ledger;
use crate::log::NoLog;
use crate::sequencer::Key;
use crate::sequencer::source::EventReader;
use crate::stage::{Chain, Emit, StepEnd};
use crate::stages::strategy::StrategyError;
use crate::units::Seq;

/// The first place where recorded and recomputed differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The input whose step differs.
    pub seq: Seq,
    /// Number of the output in the step.
    pub index: u32,
    /// The stage that made (or did not make) the output.
    pub stage: StageId,
    /// What kind of event.
    pub kind: Kind,
    /// The first differing field, or `missing` or `unexpected` for a whole event.
    pub field: String,
    /// The recorded value.
    pub recorded: String,
    /// The recomputed value.
    pub recomputed: String,
}

/// What a replay found.
pub struct ReplayResult {
    /// Inputs fed.
    pub inputs: u64,
    /// The last input.
    pub last_seq: Seq,
    /// Outputs recomputed beyond the recorded ones: a crash leaves the outputs shorter than the inputs.
    pub beyond_recorded: u64,
    /// The first of them.
    pub first_beyond: Option<Event>,
    /// The first difference.
    pub divergence: Option<Divergence>,
    /// State hashes of the stages at the end.
    pub stage_hashes: Vec<(StageId, u128)>,
    /// Hash of all recomputed outputs.
    pub outputs_hash: u128,
    /// What was counted.
    pub counts: Counts,
    /// Positions and PnL.
    pub ledger: Ledger,
}

impl ReplayResult {
    /// The one number, as `RunResult::state_hash`.
    pub fn state_hash(&self) -> u128 {
        state_hash(&self.stage_hashes, self.outputs_hash)
    }
}

/// Compares outputs with the recorded ones as they come, and remembers what must come back as inputs.
struct Comparing<'a> {
    recorded: Option<&'a mut (dyn EventReader + 'a)>,
    each: &'a mut (dyn FnMut(&Event) + 'a),
    sink: Sink<NoLog>,
    seq: Seq,
    index: u32,
    beyond: u64,
    first_beyond: Option<Event>,
    divergence: Option<Divergence>,
}

impl Comparing<'_> {
    fn compare(&mut self, output: &Event) {
        let Some(recorded) = &mut self.recorded else { return };
        let Some(expected) = recorded.next_event() else {
            self.beyond += 1;
            self.first_beyond.get_or_insert(*output);
            return;
        };
        if expected.used_bytes() != output.used_bytes() && self.divergence.is_none() {
            self.divergence = Some(difference(&expected, output));
        }
    }
}

impl Emit for Comparing<'_> {
    fn emit(&mut self, event: &Event) {
        self.sink.emit(event);
        if event.header.flags & FLAG_OUT == 0 {
            return;
        }
        if event.header.seq != self.seq {
            self.seq = event.header.seq;
            self.index = 0;
        }
        let mut output = *event;
        output.header.flags &= !FLAG_STEP_END;
        output.header.index = self.index;
        self.index += 1;
        (self.each)(&output);
        self.compare(&output);
    }
}

/// The stage an output says it is from.
fn stage_of(source: u32) -> StageId {
    u8::try_from(source).ok().and_then(StageId::from_u8).unwrap_or(StageId::Sequencer)
}

/// Names what differs between a recomputed output and the recorded bytes that failed their checksum: a field, or the
/// frame around the event if the event is whole.
pub fn damage(recomputed: &Event, recorded: Option<&[u8]>) -> Divergence {
    let bytes = recomputed.used_bytes();
    let at = recorded.and_then(|recorded| std::iter::zip(recorded, bytes).position(|(a, b)| a != b));
    let (field, was, is) = match (recorded, at) {
        (Some(recorded), Some(at)) => {
            let field = field_at(recomputed.kind(), at);
            let show = |bytes: &[u8]| match bytes.get(field.offset..field.offset + field.bytes) {
                Some(value) if value.len() <= 8 => {
                    let mut wide = [0; 8];
                    wide[..value.len()].copy_from_slice(value);
                    u64::from_le_bytes(wide).to_string()
                }
                _ => format!("byte {} = {:#04x}", at - field.offset, bytes[at]),
            };
            (field.name, show(recorded), show(bytes))
        }
        (Some(_), None) => ("frame", "a checksum that does not fit".to_owned(), "the same event".to_owned()),
        (None, _) => ("frame", "unreadable".to_owned(), recomputed.kind().name().to_owned()),
    };
    Divergence {
        seq: recomputed.header.seq,
        index: recomputed.header.index,
        stage: stage_of(recomputed.header.source),
        kind: recomputed.kind(),
        field: field.to_owned(),
        recorded: was,
        recomputed: is,
    }
}

/// Names the first field in which two outputs differ.
pub(super) fn difference(recorded: &Event, recomputed: &Event) -> Divergence {
    let header = recomputed.header;
    let place = |event: &Event| (event.header.seq, event.header.index);
    if place(recorded) != place(recomputed) || recorded.header.kind != header.kind {
        let first = if place(recorded) < place(recomputed) { recorded } else { recomputed };
        let of = |event: &Event| {
            let (seq, index) = place(event);
            format!("{} at seq {} output {index}", event.kind().name(), seq.0)
        };
        let field = match place(recorded).cmp(&place(recomputed)) {
            std::cmp::Ordering::Less => "missing",
            std::cmp::Ordering::Equal => "kind",
            std::cmp::Ordering::Greater => "unexpected",
        };
        return Divergence {
            seq: first.header.seq,
            index: first.header.index,
            stage: stage_of(first.header.source),
            kind: first.kind(),
            field: field.to_owned(),
            recorded: of(recorded),
            recomputed: of(recomputed),
        };
    }
    let at = std::iter::zip(recorded.used_bytes(), recomputed.used_bytes())
        .position(|(a, b)| a != b)
        .expect("the bytes differ somewhere");
    let field = field_at(recomputed.kind(), at);
    let show = |event: &Event| match event.field_value(field) {
        Some(value) => value.to_string(),
        None => format!("byte {} = {:#04x}", at - field.offset, event.used_bytes()[at]),
    };
    Divergence {
        seq: header.seq,
        index: header.index,
        stage: stage_of(header.source),
        kind: recomputed.kind(),
        field: field.name.to_owned(),
        recorded: show(recorded),
        recomputed: show(recomputed),
    }
}

/// Reports and wake-ups that were made and have not come back, to hold the recorded inputs against.
#[derive(Default)]
struct Expected(Vec<Event>);

impl Expected {
    fn add(&mut self, made: &[Event]) {
        self.0.extend_from_slice(made);
    }

    /// Checks a recorded event of the venue against the one that it made in this replay.
    fn check(&mut self, input: &Event) -> Option<Divergence> {
        let identity = Key::of(input).map(|key| key.identity);
        let same = |made: &Event| Key::of(made).map(|key| key.identity) == identity;
        let Some(at) = self.0.iter().position(same) else {
            return Some(Divergence {
                seq: input.header.seq,
                index: 0,
                stage: StageId::Matcher,
                kind: input.kind(),
                field: "unexpected".to_owned(),
                recorded: identity.map_or_else(|| input.kind().name().to_owned(), |what| what.to_string()),
                recomputed: format!("no such {} was made", input.kind().name()),
            });
        };
        let mut made = self.0.swap_remove(at);
        // The place in the order is the sequencer's, not the venue's.
        made.header.seq = input.header.seq;
        made.header.ts = input.header.ts;
        made.header.source = input.header.source;
        (made.used_bytes() != input.used_bytes())
            .then(|| Divergence { stage: StageId::Matcher, ..difference(input, &made) })
    }
}

/// Feeds `inputs` to a fresh pipeline and compares its outputs with `recorded`, if there are any recorded. Stops at the
/// first difference. `each` sees every recomputed output, `input` every input; both are for exports and progress.
///
/// # Errors
/// If a strategy of the recorded configuration cannot be built.
pub fn replay<'a>(
    config: &PipelineConfig,
    inputs: &mut dyn EventReader,
    recorded: Option<&'a mut (dyn EventReader + 'a)>,
    input: &mut dyn FnMut(&Event),
    each: &'a mut (dyn FnMut(&Event) + 'a),
) -> Result<ReplayResult, StrategyError> {
    let mut chain: FusedChain = Stages::new(config)?.fuse();
    let mut out = Comparing {
        recorded,
        each,
        sink: Sink::new(NoLog, config),
        seq: Seq::ZERO,
        index: 0,
        beyond: 0,
        first_beyond: None,
        divergence: None,
    };
    let mut expected = Expected::default();
    let (mut fed, mut last_seq) = (0, Seq::ZERO);
    while let Some(event) = inputs.next_event() {
        input(&event);
        if event.header.flags & FLAG_ENDO != 0 && out.divergence.is_none() {
            out.divergence = expected.check(&event);
        }
        chain.event(&event, &mut out);
        let end = StepEnd { seq: event.header.seq, ts: event.header.ts, checkpoint: checkpoint_due(&event) };
        chain.end(end, &mut out);
        out.sink.end_step(end, 0);
        expected.add(out.sink.endogenous());
        out.sink.clear_endogenous();
        fed += 1;
        last_seq = event.header.seq;
        if out.divergence.is_some() {
            break;
        }
    }
    if out.divergence.is_none()
        && let Some(extra) = out.recorded.as_mut().and_then(|reader| reader.next_event())
    {
        out.divergence = Some(Divergence {
            seq: extra.header.seq,
            index: extra.header.index,
            stage: stage_of(extra.header.source),
            kind: extra.kind(),
            field: "missing".to_owned(),
            recorded: format!("{} after the last recomputed output", extra.kind().name()),
            recomputed: "nothing".to_owned(),
        });
    }
    let stage_hashes = collect_hashes(&mut chain);
    let (_, counts, ledger, outputs_hash) = out.sink.into_parts();
    Ok(ReplayResult {
        inputs: fed,
        last_seq,
        beyond_recorded: out.beyond,
        first_beyond: out.first_beyond,
        divergence: out.divergence,
        stage_hashes,
        outputs_hash,
        counts,
        ledger,
    })
}
