//! Two sources' minutes of one instrument, compared.

use super::{Minute, Minutes, Window, day};
use std::collections::BTreeSet;

/// Names of the prices, in the order of [`Minute::prices`].
pub(super) const FIELDS: [&str; 4] = ["open", "high", "low", "close"];

/// Basis points up to which minutes are counted together; beyond the last they are far apart.
pub(super) const STEPS_BP: [u64; 5] = [0, 1, 2, 5, 10];

/// A basis point in the unit of distances here, which is a thousandth of one.
pub(super) const MILLI: u64 = 1_000;

/// A minute that both have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Its start, nanoseconds since the epoch.
    pub(super) start: u64,
    /// Our values.
    pub(super) own: Minute,
    /// The other source's.
    pub(super) theirs: Minute,
    /// The largest distance of the four prices.
    pub(super) distance: u64,
}

/// How one price compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldScore {
    /// Minutes in which it is the same.
    pub(super) exact: u64,
    /// Sum of ours less theirs, 1/10,000 rupee.
    pub(super) bias: i128,
    /// Distances in thousandths of a basis point, ascending.
    pub(super) distances: Vec<u64>,
}

impl FieldScore {
    /// The distance that `percent` % of the minutes do not exceed; 0 without any.
    pub(super) fn percentile(&self, percent: usize) -> u64 {
        percentile(&self.distances, percent)
    }
}

/// How the volumes compare; only for a source that has volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct VolumeScore {
    /// Minutes in which it is the same.
    pub(super) exact: u64,
    /// Ours, of the minutes compared.
    pub(super) own: u128,
    /// Theirs, of the same.
    pub(super) theirs: u128,
}

/// How an instrument's minutes compare.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) symbol: String,
    /// Dates of which both have minutes.
    pub(super) days: u64,
    /// Minutes that both have, within the hours.
    pub(super) compared: u64,
    /// Starts of the minutes that only we have, within the hours of those dates.
    pub(super) only_own: Vec<u64>,
    /// Starts of those that only they have.
    pub(super) only_theirs: Vec<u64>,
    /// Their minutes of those dates that are outside the hours asked for.
    pub(super) outside: u64,
    /// Their minutes of other dates.
    pub(super) other_dates: u64,
    /// Minutes in which all four prices are the same.
    pub(super) exact: u64,
    /// By price.
    pub(super) fields: [FieldScore; 4],
    pub(super) volume: Option<VolumeScore>,
    /// All minutes that are not exact, the farthest first.
    pub(super) apart: Vec<Pair>,
}

impl Score {
    pub(super) fn of(symbol: &str, own: &Minutes, theirs: &Minutes, window: &Window) -> Self {
        let dates =
            |minutes: &Minutes| -> BTreeSet<u64> { minutes.keys().map(|start| day(*start)).collect() };
        let own_dates = dates(own);
        // A date that was asked for counts though one side has nothing of it: then all of it is missing.
        let common: BTreeSet<u64> = match window.dates.is_empty() {
            true => dates(theirs).intersection(&own_dates).copied().collect(),
            false => window.dates.clone(),
        };
        let counts = |start: u64| common.contains(&day(start)) && window.has_hour(start);
        let mut score = Self {
            symbol: symbol.to_owned(),
            days: dates(theirs).intersection(&own_dates).filter(|day| window.has_date(**day)).count() as u64,
            compared: 0,
            only_own: own.keys().copied().filter(|at| counts(*at) && !theirs.contains_key(at)).collect(),
            only_theirs: Vec::new(),
            outside: 0,
            other_dates: 0,
            exact: 0,
            fields: Default::default(),
            volume: theirs.values().any(|minute| minute.volume > 0).then(VolumeScore::default),
            apart: Vec::new(),
        };
        for (&start, &minute) in theirs {
            if !common.contains(&day(start)) {
                score.other_dates += 1;
            } else if !window.has_hour(start) {
                score.outside += 1;
            } else if let Some(&own) = own.get(&start) {
                score.take(start, own, minute);
            } else {
                score.only_theirs.push(start);
            }
        }
        for field in &mut score.fields {
            field.distances.sort_unstable();
        }
        score.apart.sort_by_key(|pair| (std::cmp::Reverse(pair.distance), pair.start));
        score
    }

    fn take(&mut self, start: u64, own: Minute, theirs: Minute) {
        self.compared += 1;
        let mut largest = 0;
        for (field, (ours, theirs)) in self.fields.iter_mut().zip(own.prices.into_iter().zip(theirs.prices)) {
            let distance = distance(ours, theirs);
            field.exact += u64::from(distance == 0);
            field.bias += i128::from(ours) - i128::from(theirs);
            field.distances.push(distance);
            largest = largest.max(distance);
        }
        self.exact += u64::from(largest == 0);
        if let Some(volume) = &mut self.volume {
            volume.exact += u64::from(own.volume == theirs.volume);
            volume.own += u128::from(own.volume);
            volume.theirs += u128::from(theirs.volume);
        }
        if largest > 0 {
            self.apart.push(Pair { start, own, theirs, distance: largest });
        }
    }

    /// Minutes whose prices are all within so many basis points.
    pub(super) fn within(&self, bp: u64) -> u64 {
        self.exact + self.apart.iter().filter(|pair| pair.distance <= bp * MILLI).count() as u64
    }

    /// The largest distance of any price.
    pub(super) fn worst(&self) -> u64 {
        self.apart.first().map_or(0, |pair| pair.distance)
    }
}

/// How far apart two prices are, in thousandths of a basis point of `theirs`, which is positive; rounded up, so that 0
/// means the same.
pub(super) fn distance(ours: i64, theirs: i64) -> u64 {
    let apart = u128::from(ours.abs_diff(theirs)) * 10_000 * u128::from(MILLI);
    u64::try_from(apart.div_ceil(u128::from(theirs.unsigned_abs().max(1)))).unwrap_or(u64::MAX)
}

/// Of ascending values the one that `percent` % of them do not exceed.
fn percentile(ascending: &[u64], percent: usize) -> u64 {
    let rank = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(rank - 1).copied().unwrap_or(0)
}
