//! What strategies said in two runs of one day, held against each other.

use super::tape::Word;
use pitlane_engine::event::{Action, Signal};
use pitlane_engine::units::{InstrumentId, StrategyId, TsNs};
use std::collections::BTreeMap;

/// A strategy on an instrument: what it says there depends on nothing else.
pub(super) type Speaker = (StrategyId, InstrumentId);

/// What every one of them said.
pub(super) type BySpeaker = BTreeMap<Speaker, Vec<Word>>;

/// Sorts words by who said them; their order stays.
pub(super) fn by_speaker(words: impl IntoIterator<Item = Word>) -> BySpeaker {
    let mut found = BySpeaker::new();
    for word in words {
        found.entry((word.signal.strategy, word.instrument)).or_default().push(word);
    }
    found
}

/// The first place at which two runs say different things: what is said in each, `None` = nothing there.
pub(super) type Split = (Option<Word>, Option<Word>);

/// The first difference of two lists of words up to input `last` of the feed, and how many words were compared.
pub(super) fn first_split(whole: &[Word], cut: &[Word], last: u64) -> (u64, Option<Split>) {
    let mut whole = whole.iter().filter(|word| word.fed <= last);
    let mut cut = cut.iter().filter(|word| word.fed <= last);
    let mut compared = 0;
    loop {
        compared += 1;
        match (whole.next(), cut.next()) {
            (None, None) => return (compared - 1, None),
            (Some(one), Some(other)) if one.fed == other.fed && said(one) == said(other) => {}
            (Some(one), Some(other)) if one.fed < other.fed => return (compared, Some((Some(*one), None))),
            (Some(one), Some(other)) if one.fed > other.fed => return (compared, Some((None, Some(*other)))),
            (one, other) => return (compared, Some((one.copied(), other.copied()))),
        }
    }
}

/// A signal as numbers that can be compared: floats by their bits.
fn said(word: &Word) -> (i64, u64, [u64; 6], u16, u8, u8) {
    let Signal { price, bar_start, facts, confidence_bps, action, reason, .. } = word.signal;
    (price.0, bar_start.0, facts.map(f64::to_bits), confidence_bps, action, reason)
}

/// What two runs with more and less history have in common for one speaker.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    /// When both said that they were ready; `None` = one of them never did.
    pub(super) ready: Option<TsNs>,
    /// Wishes from then on, in either run.
    pub(super) compared: u64,
    /// Those of them that only one run has, or that differ.
    pub(super) splits: Vec<Split>,
}

/// Compares wishes (LONG, SHORT, EXIT) from the time on at which both runs are ready. Not holds, which are recorded once per
/// reason and so depend on what was said before; nor facts, in which an old price always has a last trace.
pub(super) fn settled(less: &[Word], more: &[Word]) -> Settled {
    let ready = |words: &[Word]| words.iter().find(|word| word.is_ready()).map(|word| word.fed.max(1));
    let Some((one, other)) = ready(less).zip(ready(more)) else { return Settled::default() };
    let from = one.max(other);
    let of = |words: &[Word]| -> BTreeMap<u64, Word> {
        let wishes = words.iter().filter(|word| word.fed >= from && word.action() != Action::Hold);
        wishes.map(|word| (word.fed, *word)).collect()
    };
    let time = less.iter().chain(more).find(|word| word.fed == from).map(|word| word.ts);
    let (less, mut more) = (of(less), of(more));
    let mut found = Settled { ready: time, ..Settled::default() };
    let mut splits = BTreeMap::new();
    for (fed, word) in less {
        found.compared += 1;
        let other = more.remove(&fed);
        if other.is_none_or(|other| other.signal.action != word.signal.action) {
            splits.insert(fed, (other, Some(word)));
        }
    }
    found.compared += more.len() as u64;
    splits.extend(more.into_iter().map(|(fed, word)| (fed, (Some(word), None))));
    found.splits = splits.into_values().collect();
    found
}
