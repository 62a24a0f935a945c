//! Both exchanges under the same operations.

use crate::venue::{Op, Real, Setup, Venue};
use pitlane_engine::event::MarketPhase;
use pitlane_engine::exchange::Record;
use pitlane_engine::units::{InstrumentId, Price};
use pitlane_tests::naive::Naive;
use std::collections::BTreeMap;

/// How often something happened.
pub(crate) type Tally = BTreeMap<&'static str, u64>;

/// What a record says, in one word, and its reason.
fn words(record: Record) -> [Option<&'static str>; 2] {
    let (what, reason) = match record {
        Record::Trade { .. } => ("trade", None),
        Record::Rested { .. } => ("rests", None),
        Record::Waiting { .. } => ("waits", None),
        Record::Triggered { .. } => ("wakes", None),
        Record::Modified { .. } => ("modifies", None),
        Record::Decremented { .. } => ("decrements", None),
        Record::Kept { reason, .. } => ("keeps", Some(reason)),
        Record::Cancelled { reason, .. } => ("cancels", Some(reason)),
        Record::Rejected { reason, .. } => ("rejects", Some(reason)),
    };
    [Some(what), reason.map(|reason| reason.name())]
}

/// The two, side by side.
pub(crate) struct Pair {
    pub(crate) real: Real,
    pub(crate) naive: Naive,
    instruments: usize,
    /// Operations so far.
    pub(crate) ops: u64,
    /// Records so far by what they say, and by their reasons.
    pub(crate) records: Tally,
}

impl Pair {
    pub(crate) fn new(setup: &Setup) -> Self {
        let instruments = setup.listings.len();
        Self { real: Real::new(setup), naive: Venue::new(setup), instruments, ops: 0, records: Tally::new() }
    }

    /// Does one operation on both and compares what they answer.
    pub(crate) fn apply(&mut self, op: Op) -> Result<(), String> {
        if !self.may_be_asked(op) {
            return Ok(());
        }
        let (mut real, mut naive) = (Vec::new(), Vec::new());
        let answers = [self.naive.apply(op, &mut naive), self.real.apply(op, &mut real)];
        self.ops += 1;
        for what in real.iter().flat_map(|record| words(*record)).flatten() {
            *self.records.entry(what).or_default() += 1;
        }
        if naive != real {
            let at = naive.iter().zip(&real).take_while(|(one, other)| one == other).count();
            let (should, is) = (naive.get(at), real.get(at));
            return Err(format!(
                "{op:?}\n  record {at} should be {should:?}\n  and is {is:?}\n  {naive:?}\n  {real:?}"
            ));
        }
        if answers[0] != answers[1] {
            return Err(format!("{op:?}\n  should answer {:?}\n  and answers {:?}", answers[0], answers[1]));
        }
        Ok(())
    }

    /// Whether a caller that keeps the contract may ask this: a call auction ends by being uncrossed, and nothing else is.
    fn may_be_asked(&self, op: Op) -> bool {
        let is_call =
            |instrument: InstrumentId| self.naive.markets[instrument.index()].phase == MarketPhase::Call;
        match op {
            Op::Phase(instrument, _) => !is_call(instrument),
            Op::Uncross(instrument, ..) | Op::Open(instrument, ..) => is_call(instrument),
            _ => true,
        }
    }

    /// Compares all that can be seen of both.
    pub(crate) fn compare(&self, reference: Price) -> Result<(), String> {
        self.real.validate();
        for number in 0..self.instruments {
            let instrument = InstrumentId(number as u32);
            let [should, is] = [self.naive.seen(instrument), self.real.seen(instrument)];
            if should != is {
                return Err(format!("instrument {number} should look\n  {should:?}\nand looks\n  {is:?}"));
            }
            let [should, is] =
                [self.naive.indicative(instrument, reference), self.real.indicative(instrument, reference)];
            if should != is {
                return Err(format!(
                    "the auction at {reference:?} should find\n  {should:?}\nand finds\n  {is:?}"
                ));
            }
            for order in self.naive.seen(instrument).orders.iter().flatten().take(4) {
                let [should, is] = [self.naive.volumes(order.id), self.real.volumes(order.id)];
                if should != is {
                    return Err(format!(
                        "volumes of {:?} should be\n  {should:?}\nand are\n  {is:?}",
                        order.id
                    ));
                }
            }
        }
        Ok(())
    }
}
