//! Walk-forward: the best set of some days trades the days behind them, again and again; what it made there is put together.
//!
//! ```text
//! rolling 5/2    ■■■■■□□ · ·          anchored 5/2    ■■■■■□□ · ·          ■ the set is chosen on these
//!                · · ■■■■■□□                          ■■■■■■■□□          □ and judged on these
//! ```
//! No run is made for it: every set was run on every day, each day begun with the configured capital, flat.

use crate::figures::{Figures, Ranked, Ranking, Ranks};
use crate::results::Results;
use crate::row::Row;
use pitlane_session::exit::usage;
use std::ops::Range;

/// How to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Days a set is chosen on; anchored, the first time.
    pub train: usize,
    /// Days it is judged on.
    pub test: usize,
    /// Whether it is chosen on all days before.
    pub is_anchored: bool,
}

/// A window.
#[derive(Clone, Debug)]
pub struct Window {
    /// The days the set is chosen on, by number.
    pub train: Range<usize>,
    /// The days it is judged on.
    pub test: Range<usize>,
    /// The best set of the first; `None` if none passed the gates, and nothing is traded.
    pub chosen: Option<Ranked>,
    /// What it came to on the second.
    pub out: Option<Figures>,
}

/// All windows.
#[derive(Clone, Debug)]
pub struct Walk {
    /// How it was walked.
    pub steps: Steps,
    /// The windows in date order.
    pub windows: Vec<Window>,
    /// The judged days one after the other; windows without a set are left out.
    pub stitched: Option<Figures>,
    /// Mean daily return of the judged days ÷ that of the days of choosing, each window counting its days; `None` if the
    /// latter is not above 0.
    pub efficiency: Option<f64>,
}

impl Steps {
    /// Reads `TRAIN/TEST`.
    ///
    /// # Errors
    /// If it is none, or there are not enough days.
    pub fn new(text: &str, is_anchored: bool, days: usize) -> anyhow::Result<Self> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(train, test)| train.trim().parse().ok().zip(test.trim().parse().ok()));
        let (train, test) =
            parts.filter(|(train, test): &(usize, usize)| *train > 0 && *test > 0).ok_or_else(|| {
                usage(format!(
                    "--walk-forward {text}: write TRAIN/TEST in days, such as 5/2: chosen on 5, judged on 2"
                ))
            })?;
        if days <= train {
            return Err(usage(format!(
                "--walk-forward {text}: there are {days} days, which leaves none to judge on behind the first {train}; \
                 choose on fewer days, or give more journals"
            )));
        }
        Ok(Self { train, test, is_anchored })
    }

    fn windows(self, days: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        (self.train..days).step_by(self.test).map(move |at| {
            let from = if self.is_anchored { 0 } else { at - self.train };
            (from..at, at..(at + self.test).min(days))
        })
    }

    /// Walks over the results.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn walk(
        self,
        results: &Results,
        sets: u64,
        days: usize,
        ranking: &Ranking,
    ) -> anyhow::Result<Walk> {
        let (mut windows, mut rows, mut stitched) = (Vec::new(), Vec::new(), Vec::<Row>::new());
        let (mut chosen_on, mut judged_on) = ((0.0, 0), (0.0, 0));
        for (train, test) in self.windows(days) {
            let mut ranks = Ranks::of(results, sets, train.clone(), ranking, 1)?;
            let chosen = ranks.best.pop();
            let mut out = None;
            if let Some(Ranked { figures, .. }) = &chosen {
                // It was there a moment ago, when all were ranked.
                let found = results.read(figures.set, test.start, test.len(), &mut rows)?;
                assert!(found, "every result is there before anything is ranked");
                stitched.extend_from_slice(&rows);
                let judged = Figures::of(&rows);
                add(&mut chosen_on, &figures.returns);
                add(&mut judged_on, &judged.returns);
                out = Some(judged);
            }
            windows.push(Window { train, test, chosen, out });
        }
        let mean = |(sum, count): (f64, usize)| if count > 0 { sum / count as f64 } else { 0.0 };
        let (inside, outside) = (mean(chosen_on), mean(judged_on));
        Ok(Walk {
            steps: self,
            windows,
            stitched: (!stitched.is_empty()).then(|| Figures::of(&stitched)),
            efficiency: (inside > 0.0).then(|| outside / inside),
        })
    }
}

fn add(sum: &mut (f64, usize), returns: &[f64]) {
    sum.0 += returns.iter().sum::<f64>();
    sum.1 += returns.len();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    #[test]
    fn windows_judge_every_day_behind_the_first_once_and_never_on_what_came_after() {
        for (text, anchored, days) in
            [("5/2", false, 10), ("5/2", true, 10), ("1/1", false, 3), ("3/9", true, 5)]
        {
            let steps = Steps::new(text, anchored, days).unwrap();
            let windows: Vec<_> = steps.windows(days).collect();
            let judged: Vec<usize> = windows.iter().flat_map(|(_, test)| test.clone()).collect();
            assert_eq!(judged, (steps.train..days).collect::<Vec<_>>(), "{text}");
            for (train, test) in windows {
                assert_eq!(train.end, test.start);
                assert!(if anchored { train.start == 0 } else { train.len() == steps.train });
            }
        }
        assert!(Steps::new("5/0", false, 9).unwrap_err().to_string().contains("write TRAIN/TEST"));
        assert!(Steps::new("9/1", false, 9).unwrap_err().to_string().contains("there are 9 days"));
    }
}
