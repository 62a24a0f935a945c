//! What brokers do.

use crate::rng::Rng;
use pitlane_kite_gateway::call::CallKind;

macro_rules! faults {
    ($($name:ident),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault { $($name,)* }

        pub(crate) const ALL: &[Fault] = &[$(Fault::$name,)*];
    };
}

faults! {
    // Of calls.
    NeverLeft, Dropped, LoseAnswer, AcceptLate, AcceptVeryLate, TimedOut400, Accepted5xx, Unavailable, Html, CutAnswer,
    Truncated, TooMany, Margin, AnswerTwice, PostbackFirst, NoAnswer, Stall,
    // Of the exchange and the ticker.
    Rejected, UnknownStatus, CancelRace, UpdatePostback, PostbackLost, PostbackTwice, OutOfOrder,
    // Of the whole.
    TokenDead, Amnesia, Restart, Reconnect, Latch, ByHand,
}

impl Fault {
    /// What goes wrong with a call, if anything.
    pub(crate) fn of_call(kind: CallKind, rng: &mut Rng) -> Option<Self> {
        use Fault::*;
        if !rng.chance(30) {
            return None;
        }
        let all: &[Self] = match kind {
            CallKind::Place(_) if rng.below(400) == 0 => &[AcceptVeryLate],
            CallKind::Place(_) => &[
                NeverLeft,
                Dropped,
                LoseAnswer,
                AcceptLate,
                TimedOut400,
                Accepted5xx,
                Unavailable,
                Html,
                CutAnswer,
                TooMany,
                Margin,
                AnswerTwice,
                PostbackFirst,
                PostbackFirst,
                NoAnswer,
            ],
            CallKind::Modify(_) | CallKind::Cancel(_) | CallKind::CancelStray => &[
                NeverLeft,
                Dropped,
                LoseAnswer,
                AcceptLate,
                Accepted5xx,
                Unavailable,
                Html,
                CutAnswer,
                TooMany,
                NoAnswer,
                AnswerTwice,
            ],
            // Rarely: the broker's pause is long.
            _ if rng.below(20) == 0 => &[TooMany, NoAnswer],
            _ => &[NeverLeft, Dropped, LoseAnswer, Unavailable, Html, Truncated, AnswerTwice],
        };
        Some(all[rng.below(all.len() as u64) as usize])
    }
}
