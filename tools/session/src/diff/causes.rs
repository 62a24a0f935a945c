//! Why an output differs: what it is made from, and which of that differed before.
//!
//! | an output of | follows from |
//! |---|---|
//! | bars | inputs from outside, `[bars]`, `[session]` |
//! | strategies | those, bars, `[[strategies]]` |
//! | risk | all that, signals, `[risk]`, `[charges]`, what the venue did and when that was heard |
//! | the venue | inputs from outside, orders, `[venue]`, when requests arrive |
//!
//! What differs although nothing of that did before is not explained, and should not be.

use super::{Changed, Run};
use pitlane_engine::event::{Event, Kind, Report, StageId};
use pitlane_engine::units::TsNs;

/// Why an output differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The instruments, or the settings of its stage or one before it.
    Settings,
    /// An input from outside.
    Inputs,
    /// Something that a stage before it made.
    Upstream,
    /// When the venue's answers and wake-ups came, or what they said.
    Answers,
    /// What the venue did with an order.
    Fills,
    /// Nothing that is known.
    Unexplained,
}

impl Cause {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Inputs => "inputs",
            Self::Upstream => "earlier decisions",
            Self::Answers => "when the venue answered",
            Self::Fills => "earlier fills",
            Self::Unexplained => "unexplained",
        }
    }
}

/// What is known to differ, and since when.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    /// By stage: whether its settings differ.
    settings: [bool; STAGES],
    pub(super) inputs: Option<TsNs>,
    pub(super) answers: Option<TsNs>,
    /// The first differing output, by stage.
    outputs: [Option<TsNs>; STAGES],
}

/// Stages behind the decoder, in their order.
const STAGES: usize = 4;

fn place(stage: StageId) -> usize {
    match stage {
        StageId::Decoder | StageId::Sequencer => 0,
        StageId::Strategy => 1,
        StageId::Risk => 2,
        StageId::Matcher => 3,
    }
}

impl Causes {
    /// What differs before anything happens.
    pub(super) fn new(settings: &[Changed], instruments: &[Changed]) -> Self {
        let mut causes = Self::default();
        for changed in settings {
            let section = changed.name.split(['.', '[']).next().unwrap_or_default();
            match section {
                "strategies" => (causes.settings[1], causes.settings[2]) = (true, true),
                "risk" => causes.settings[2] = true,
                // Charges decide about loss limits, and about nothing at the venue.
                "charges" => causes.settings[2] = true,
                "venue" => causes.settings[3] = true,
                "bars" | "session" => causes.settings[0] = true,
                // Threads, journals, the broker's address and the like decide nothing.
                _ => {}
            }
        }
        if !instruments.is_empty() {
            causes.settings = [true; STAGES];
        }
        causes
    }

    /// Why an output of `stage` at `ts` differs, and that it does.
    pub(super) fn explain(&mut self, stage: StageId, ts: TsNs) -> Cause {
        let at = place(stage);
        let since = |since: Option<TsNs>| since.is_some_and(|since| since <= ts);
        let cause = if self.settings[at] {
            Cause::Settings
        } else if since(self.inputs) {
            Cause::Inputs
        } else if self.outputs[..at].iter().any(|first| since(*first)) {
            Cause::Upstream
        } else if at >= 2 && since(self.answers) {
            Cause::Answers
        } else if at == 2 && since(self.outputs[3]) {
            Cause::Fills
        } else if self.outputs[at].is_some_and(|first| first < ts) {
            // What a stage did otherwise before is part of what it knows.
            Cause::Upstream
        } else {
            Cause::Unexplained
        };
        if cause != Cause::Unexplained {
            self.outputs[at].get_or_insert(ts);
        }
        cause
    }
}

/// What the venue sent back in two runs: the first place where that differs.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    heard: [Vec<Answer>; 2],
}

/// When, and of what: instrument, kind, state, units filled.
type Answer = (TsNs, String, u8, u8, i64);

impl Answers {
    pub(super) fn input(&mut self, at: usize, run: &Run, event: &Event) {
        let (state, filled) = match event.kind() {
            Kind::Report => {
                let report = event.body::<Report>();
                (report.state, report.filled.0)
            }
            Kind::Wake => (0, 0),
            _ => return,
        };
        let symbol = run.instrument(event).unwrap_or_default().to_owned();
        self.heard[at].push((event.header.ts, symbol, event.header.kind, state, filled));
    }

    /// The time of the first that differs, in each run.
    pub(super) fn first(&self) -> Option<[Option<TsNs>; 2]> {
        let [a, b] = &self.heard;
        let at = (0..a.len().max(b.len())).find(|at| a.get(*at) != b.get(*at))?;
        Some([a, b].map(|heard| heard.get(at).map(|answer| answer.0)))
    }
}
