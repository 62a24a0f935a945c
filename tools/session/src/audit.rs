//! `journal-replay audit`: whether a strategy decides by the past alone, and by enough of it.
//!
//! *Look-ahead*: the day is run whole, then cut off behind some of its decisions. What was decided before a cut must be the
//! same, word by word; what a strategy knew of the rest of the day shows there.
//!
//! *Warm-up*: the day is run after histories of different length. From the time on at which a strategy says that it is ready,
//! it must want the same after less history as after more. Indicators with a long memory need some of it to forget where
//! they began, which the table says; one that never forgets depends on the length of its warm-up, and is named.
//!
//! All runs are of one process, the whole day first, so that a kind that keeps what it saw of the day for the next run is
//! found out. What a kind carries in itself, it knows in every run: that is for the eyes.

mod compare;
mod show;
mod tape;
#[cfg(test)]
mod tests;

use crate::cli::ConfigArgs;
use crate::dump::Bound;
use crate::exit::{data, usage};
use crate::plan::Planner;
use crate::progress::Progress;
use crate::recorded::{Recording, not_closed};
use crate::sim::Identity;
use crate::warmup::{self, WarmupArgs};
use crate::whatif::refuse_recorded;
use clap::Args;
use compare::{BySpeaker, Settled, Split, by_speaker, first_split, settled};
use pitlane_engine::config::{InstrumentHours, PipelineConfig, SessionPlan, SessionTimes};
use pitlane_engine::event::{Action, Bar, Event, Hours, Kind, SessionStart};
use pitlane_engine::stages::strategy::{REGISTRY, StrategyKind};
use pitlane_engine::units::{InstrumentId, StrategyId, TsNs};
use pitlane_market::Calendar;
use pitlane_store::{EventStream, INPUTS};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tape::{Cut, Heard, Tape, Task, Word};

/// `journal-replay audit`.
#[derive(Args, Clone, Debug, Default)]
pub struct AuditArgs {
    /// The recorded day
    pub dir: PathBuf,
    /// How many times the day is cut off, each behind a decision
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub points: u64,
    /// Cut it off at this time instead: RFC 3339, or HH:MM or HH:MM:SS in Indian time on the first session's date; may be
    /// given several times
    #[arg(long, value_name = "TIME")]
    pub at: Vec<String>,
    /// The most days of history that strategies are tried with, where --warmup does not give some
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=60))]
    pub days: u32,
    /// Other settings than the recorded ones
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The history
    #[command(flatten)]
    pub warmup: WarmupArgs,
    /// Print one JSON object (journal-audit/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// What was asked when two runs answered differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The day was cut off there.
    LookAhead(TsNs),
    /// Nothing was different: the whole day again.
    Repeat,
    /// So many days of history, and the most.
    Warmup(u32, u32),
}

/// A decision that is another one in a run that should decide the same.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// What was different between the runs.
    pub check: Check,
    who: compare::Speaker,
    /// What was said with the whole day, or the most history; and with less.
    said: Split,
    /// How many decisions of this strategy, instrument and check differ, if that was counted.
    count: u64,
}

impl Finding {
    fn word(&self) -> Word {
        self.said.0.or(self.said.1).expect("one of the runs said something")
    }

    /// The recorded number of the input that is answered.
    pub fn seq(&self) -> u64 {
        self.word().seq
    }

    /// The strategy's place in the configuration.
    pub fn strategy(&self) -> StrategyId {
        self.who.0
    }
}

/// One strategy after one length of history, against the longest.
#[derive(Clone, Debug, Default)]
pub struct After {
    /// Days.
    pub days: u32,
    /// Speakers that were ready, and all.
    pub ready: [u64; 2],
    /// The last time at which one of them said that it was ready.
    pub ready_at: TsNs,
    /// Wishes that were compared.
    pub compared: u64,
    /// Those that differ.
    pub differ: u64,
    /// The last of them.
    pub last: Option<TsNs>,
}

/// What an audit found.
pub struct Audit {
    /// The journal.
    pub dir: PathBuf,
    /// The first session's date as yyyymmdd.
    pub date: u32,
    /// Inputs from outside.
    pub inputs: u64,
    /// What its prices are made of.
    pub path: String,
    /// Whether they are candles.
    pub is_bar_driven: bool,
    /// Cuts.
    pub cuts: usize,
    /// Decisions that were held against those of a day that was cut off.
    pub compared: u64,
    /// What each strategy wanted: LONG, SHORT, EXIT.
    pub wishes: BTreeMap<StrategyId, u64>,
    /// Cuts before which outputs differ although no decision of a strategy does.
    pub beneath: Vec<TsNs>,
    /// Where history came from.
    pub source: String,
    /// What each strategy did after each length of history but the longest, which is the last number.
    pub warmup: (BTreeMap<StrategyId, Vec<After>>, u32),
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What is to be said about the journal.
    pub notes: Vec<String>,
    pipeline: PipelineConfig,
}

impl Audit {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.findings.is_empty() && self.beneath.is_empty()
    }

    /// Whether every strategy decided something that could be compared after less history and more. One that was never ready,
    /// or wanted nothing, has no finding and may still depend on its warm-up.
    pub fn warmup_known(&self) -> bool {
        self.wishes.keys().all(|strategy| self.settled_after(*strategy).is_some())
    }

    /// The strategy after the longest of the shorter histories; `None` if nothing is known of it there.
    fn settled_after(&self, strategy: StrategyId) -> Option<&After> {
        let last = self.warmup.0.get(&strategy)?.last()?;
        (self.wishes.get(&strategy) != Some(&0) && last.compared > 0).then_some(last)
    }
}

/// Audits the strategies of a recorded day.
///
/// # Errors
/// If the journal cannot be read, the settings do not fit it, or no strategy decided anything.
pub fn audit(args: &AuditArgs) -> anyhow::Result<Audit> {
    let recording = Recording::open(&args.dir)?;
    let mut settings = args.config.load_over(&recording.settings)?;
    // Whoever traded then, the paper venue trades now.
    settings.venue.live = false;
    refuse_recorded(&recording.settings, &settings)?;
    let identity = Identity::new(&settings, recording.head.instruments.clone())?;
    let planner = Planner {
        settings: &settings,
        calendar: &Calendar::new(),
        instruments: &identity.pipeline.instruments,
        dump: None,
    };
    let date = recording.head.first_session.date;
    let given = warmup::over_recorded(&args.warmup, &args.dir, &planner, date)?.history;
    Auditor { args, recording: &recording, text: &identity.text, kinds: REGISTRY, given }
        .audit(&identity.pipeline)
}

/// What an audit is made from.
struct Auditor<'a> {
    args: &'a AuditArgs,
    recording: &'a Recording,
    text: &'a str,
    kinds: &'static [StrategyKind],
    /// History from the command line.
    given: Vec<Event>,
}

impl Auditor<'_> {
    fn audit(self, pipeline: &PipelineConfig) -> anyhow::Result<Audit> {
        let Self { args, recording, text, kinds, given } = self;
        let FirstSession { plan, history: recorded, not_closed } = first_session(recording)?;
        let tape = Tape { recording, text, pipeline, kinds, plan: &plan };
        let mut progress = Progress::new("audit", 0);
        let mut run = |task: Task<'_>| tape.run(task, &mut |seq| progress.at(seq));
        let own = if given.is_empty() { recorded } else { given };
        let times = times(args, recording)?;
        let base = Task { history: &own, ..Task::default() };
        let whole = run(Task { times: &times, minutes: true, ..base })?;
        let end = whole.end.ok_or_else(|| data(format!("{}: it holds no inputs", args.dir.display())))?;
        let mut audit = Audit {
            dir: args.dir.clone(),
            date: plan.times.date,
            inputs: end.fed,
            path: recording.settings.prices(),
            is_bar_driven: recording.settings.candles.is_some(),
            cuts: 0,
            compared: 0,
            wishes: wishes(&whole.words, pipeline),
            beneath: Vec::new(),
            source: String::new(),
            warmup: (BTreeMap::new(), 0),
            findings: Vec::new(),
            notes: not_closed.into_iter().collect(),
            pipeline: pipeline.clone(),
        };
        if audit.wishes.values().all(|count| *count == 0) {
            return Err(data(format!(
                "{}: no strategy wanted anything on this day (no LONG, SHORT or EXIT), so there is nothing to audit; \
                 `journal-replay export signals` says what they held for; take another day, or other settings",
                args.dir.display()
            )));
        }
        let cuts = if times.is_empty() { cuts(&whole.words, args.points) } else { whole.at_times.clone() };
        let useless = |cut: &Cut| !times.is_empty() && (cut.fed == 0 || cut.fed == end.fed);
        if cuts.iter().any(useless) {
            return Err(usage(
                "--at: a time is before the first input or behind the last, so nothing is cut off there",
            ));
        }
        audit.look_ahead(&whole, &cuts, end, &mut |task| run(Task { history: &own, ..task }))?;
        audit.warm_up(&histories(args, &own, &whole.minutes, &plan), &mut run)?;
        Ok(audit)
    }
}

type RunTask<'a> = dyn FnMut(Task<'_>) -> anyhow::Result<Heard> + 'a;

impl Audit {
    fn look_ahead(
        &mut self,
        whole: &Heard,
        cuts: &[Cut],
        end: Cut,
        run: &mut RunTask<'_>,
    ) -> anyhow::Result<()> {
        let mut cuts: Vec<Cut> = cuts.to_vec();
        cuts.sort_by_key(|cut| cut.last_seq);
        cuts.dedup_by_key(|cut| cut.last_seq);
        self.cuts = cuts.len();
        let first = by_speaker(whole.words.iter().copied());
        // The whole day again: it also says what all outputs were up to each cut.
        let seqs: Vec<u64> = cuts.iter().map(|cut| cut.last_seq).collect();
        let again = run(Task { seqs: &seqs, ..Task::default() })?;
        self.hold(&first, &again, end.fed, Check::Repeat);
        for (cut, hash) in std::iter::zip(cuts, again.hashes) {
            let heard = run(Task { feed: cut.fed, seqs: &[cut.last_seq], ..Task::default() })?;
            let differs = self.hold(&first, &heard, cut.fed, Check::LookAhead(cut.ts));
            if !differs && heard.hashes != [hash] {
                self.beneath.push(cut.ts);
            }
        }
        Ok(())
    }

    /// Holds what was said in a run against what was said first.
    fn hold(&mut self, first: &BySpeaker, heard: &Heard, last: u64, check: Check) -> bool {
        let second = by_speaker(heard.words.iter().copied());
        let speakers: BTreeSet<_> = first.keys().chain(second.keys()).copied().collect();
        let before = self.findings.len();
        for who in speakers {
            let of = |words: &BySpeaker| words.get(&who).cloned().unwrap_or_default();
            let (compared, split) = first_split(&of(first), &of(&second), last);
            self.compared += compared;
            self.findings.extend(split.map(|said| Finding { check, who, said, count: 1 }));
        }
        self.findings.len() > before
    }

    fn warm_up(&mut self, histories: &Histories, run: &mut RunTask<'_>) -> anyhow::Result<()> {
        self.source.clone_from(&histories.source);
        let Some(((most, longest), shorter)) = histories.by_days.split_last() else { return Ok(()) };
        self.warmup.1 = *most;
        let more = by_speaker(run(Task { history: longest, ..Task::default() })?.words);
        for (days, history) in shorter {
            let less = by_speaker(run(Task { history, ..Task::default() })?.words);
            // Only the longest of the shorter ones must settle; how long that takes before is for the table.
            let is_last = Some(*days) == shorter.last().map(|(days, _)| *days);
            let speakers: BTreeSet<_> = more.keys().chain(less.keys()).copied().collect();
            for who in speakers {
                let of = |words: &BySpeaker| words.get(&who).cloned().unwrap_or_default();
                let found = settled(&of(&less), &of(&more));
                self.note(who.0, *days, &found);
                if let Some(said) = found.splits.first().filter(|_| is_last) {
                    let (check, count) = (Check::Warmup(*days, *most), found.splits.len() as u64);
                    self.findings.push(Finding { check, who, said: *said, count });
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, strategy: StrategyId, days: u32, found: &Settled) {
        let rows = self.warmup.0.entry(strategy).or_default();
        if rows.last().is_none_or(|row| row.days != days) {
            rows.push(After { days, ..After::default() });
        }
        let row = rows.last_mut().expect("it was put there");
        row.ready[1] += 1;
        row.ready[0] += u64::from(found.ready.is_some());
        row.ready_at = row.ready_at.max(found.ready.unwrap_or_default());
        row.compared += found.compared;
        row.differ += found.splits.len() as u64;
        let last = found.splits.last().and_then(|(one, other)| one.or(*other)).map(|word| word.ts);
        row.last = row.last.max(last);
    }
}

/// Histories by their number of days, ascending.
struct Histories {
    source: String,
    by_days: Vec<(u32, Vec<Event>)>,
}

/// The lengths to try: none, 1, 2, 4 and so on, up to `most`.
fn lengths(most: u32) -> Vec<u32> {
    let mut found = vec![0];
    let doubled = std::iter::successors(Some(1_u32), |days| days.checked_mul(2));
    found.extend(doubled.take_while(|days| *days < most));
    found.push(most);
    found
}

/// The fewest days of real history that say something: with two, the only shorter one may be too short for anybody.
const OWN_DAYS_MIN: usize = 3;

/// The last days of `own`, if there are enough; else the session's own minutes on days before it.
fn histories(
    args: &AuditArgs,
    own: &[Event],
    minutes: &[(InstrumentId, Bar)],
    plan: &SessionPlan,
) -> Histories {
    let day = |event: &Event| event.body::<Bar>().start.ist_day();
    let days: BTreeSet<u64> = own.iter().map(day).collect();
    if days.len() < OWN_DAYS_MIN {
        let source = "the day itself on the days before it, at another level each".to_owned();
        let made = |days: u32| (days, warmup::repeated(minutes, plan, days));
        return Histories { source, by_days: lengths(args.days).into_iter().map(made).collect() };
    }
    let last = |count: u32| {
        let first = (count as usize).checked_sub(1).and_then(|before| days.iter().nth_back(before));
        let first = first.copied().unwrap_or(u64::MAX);
        (count, own.iter().filter(|event| day(event) >= first).copied().collect())
    };
    let source = format!("{} days given or recorded", days.len());
    Histories { source, by_days: lengths(days.len() as u32).into_iter().map(last).collect() }
}

/// Times of cuts, as asked for.
fn times(args: &AuditArgs, recording: &Recording) -> anyhow::Result<Vec<TsNs>> {
    let date = Some(recording.head.first_session.date);
    let time = |text: &String| match Bound::parse("--at", text, date)? {
        Bound::Time(ns) => Ok(TsNs(ns)),
        Bound::Seq(_) => Err(usage(format!("--at {text}: give a time, such as 11:30"))),
    };
    args.at.iter().map(time).collect()
}

/// What is read of the journal once.
struct FirstSession {
    /// Its hours.
    plan: SessionPlan,
    /// What was recorded before it.
    history: Vec<Event>,
    not_closed: Option<String>,
}

fn first_session(recording: &Recording) -> anyhow::Result<FirstSession> {
    let SessionStart { date, pre_open, open, close, end, .. } = recording.head.first_session;
    let mut plan: SessionPlan = SessionTimes { date, pre_open, open, close, end }.into();
    let (mut sessions, mut history) = (0, Vec::new());
    let mut inputs = EventStream::open(&recording.dir, INPUTS)?;
    while let Some(event) = inputs.try_next()? {
        match event.kind() {
            Kind::SessionStart => sessions += 1,
            Kind::Hours if sessions == 1 => {
                let Hours { open, close, .. } = *event.body::<Hours>();
                let instrument = event.header.instrument;
                plan.hours.push(InstrumentHours { instrument, open, close });
            }
            Kind::Bar if sessions == 0 => history.push(event),
            _ => {}
        }
    }
    let not_closed = not_closed(&inputs, &recording.dir)?;
    Ok(FirstSession { plan, history, not_closed })
}

fn wishes(words: &[Word], pipeline: &PipelineConfig) -> BTreeMap<StrategyId, u64> {
    let ids = (0..pipeline.strategies.len()).map(PipelineConfig::strategy_id);
    let mut found: BTreeMap<StrategyId, u64> = ids.map(|id| (id, 0)).collect();
    for word in words.iter().filter(|word| word.action() != Action::Hold) {
        *found.entry(word.signal.strategy).or_default() += 1;
    }
    found
}

/// Cuts behind decisions that want something: `points` in all, as many of each strategy, spread over the day.
fn cuts(words: &[Word], points: u64) -> Vec<Cut> {
    let mut by_strategy: BTreeMap<StrategyId, Vec<&Word>> = BTreeMap::new();
    for word in words.iter().filter(|word| word.action() != Action::Hold) {
        by_strategy.entry(word.signal.strategy).or_default().push(word);
    }
    let each = points.div_ceil(by_strategy.len() as u64);
    let mut found = Vec::new();
    for words in by_strategy.values() {
        let last = words.len() as u64 - 1;
        let spread = (0..each).map(|n| if each == 1 { last / 2 } else { last * n / (each - 1) });
        found.extend(spread.map(|at| words[at as usize]).map(|word| Cut {
            fed: word.fed,
            last_seq: word.run_seq,
            ts: word.ts,
        }));
    }
    found
}
