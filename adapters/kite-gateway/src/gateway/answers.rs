//! Answers to calls, and above all what a missing or odd answer does and does not prove.
//!
//! A placement is over when the broker gives an id, when nothing left this machine, or when the broker refuses it in a
//! way that excludes an order: a 4xx status with the broker's own envelope and an error type of the checks that come
//! before the exchange. A 400 that speaks of a time-out is none: orders have been placed seconds after one. A 429 comes
//! from the rate limiter in front of everything. All else leaves the order UNKNOWN.

use super::order::{
    Cancel, ChangeStep, REASON_BROKER_REFUSED, REASON_NOT_SENT, REASON_THROTTLED, STATE_UNKNOWN, Stage,
};
use super::pump::cancel_again;
use super::{Difference, Gateway, Note, UnderWay};
use crate::call::{Answer, CallError, CallId, CallKind};
use crate::wire::{self, Refusal, Said, WireError};
use pitlane_engine::event::OrderState;
use pitlane_engine::units::{NS_PER_S, OrderId};

/// What an answer to an order call proves.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The broker took it, under this id.
    Taken(String),
    /// It never left.
    NotSent,
    /// The rate limiter turned it away.
    TooFast,
    /// The broker refused it, provably.
    Refused(Refusal),
    /// The session is dead; refused with it.
    TokenDead(Refusal),
    /// Nobody knows; perhaps with words of the broker.
    Unclear { why: String, refused: bool },
}

/// A call without an answer for so long is taken as one whose answer was lost. Twice what a call may take.
const CALL_GIVEN_UP: u64 = 15 * NS_PER_S;

/// Error types of checks that come before an order exists.
const BEFORE_THE_ORDER: &[&str] = &[
    "InputException",
    "MarginException",
    "HoldingException",
    "PermissionException",
    "PermissionError",
    "UserException",
    "TwoFAException",
];

fn speaks_of_time(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["timed out", "timeout", "time out", "time-out"].iter().any(|words| message.contains(words))
}

/// The rate limiter's words. The error type says nothing: it is also that of a broken way to the exchange.
fn speaks_of_rate(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    // Whole phrases: a "limit order" and what "could not be generated" are no rates.
    let words = [
        "too many",
        "rate limit",
        "rate-limit",
        "request limit",
        "requests per",
        "limit exceeded",
        "exceeded the limit",
        "maximum allowed",
        "slow down",
    ];
    message.is_empty() || words.iter().any(|words| message.contains(words))
}

fn outcome(result: Result<Answer, CallError>) -> Outcome {
    let answer = match result {
        Err(CallError::NeverLeft(_)) => return Outcome::NotSent,
        Err(CallError::MayHaveLeft(why)) => return Outcome::Unclear { why: why.into(), refused: false },
        Ok(answer) => answer,
    };
    let status = answer.status;
    let said = wire::order_id(&answer.body);
    match (status, said) {
        (200..=299, Ok(Said::Done(id))) => Outcome::Taken(id),
        (429, Ok(Said::Refused(refusal))) if !speaks_of_rate(&refusal.message) => {
            Outcome::Unclear { why: format!("429 {}: {}", refusal.kind, refusal.message), refused: false }
        }
        (429, _) => Outcome::TooFast,
        (403, Ok(Said::Refused(refusal))) if refusal.kind == "TokenException" => Outcome::TokenDead(refusal),
        (400 | 403 | 404 | 405 | 410 | 428, Ok(Said::Refused(refusal)))
            if BEFORE_THE_ORDER.contains(&refusal.kind.as_str()) && !speaks_of_time(&refusal.message) =>
        {
            Outcome::Refused(refusal)
        }
        (_, Ok(Said::Refused(refusal))) => Outcome::Unclear {
            why: format!("{status} {}: {}", refusal.kind, refusal.message),
            refused: (400..500).contains(&status) && !speaks_of_time(&refusal.message),
        },
        (_, Ok(Said::Done(_))) => {
            Outcome::Unclear { why: format!("status {status} with an order id"), refused: false }
        }
        (_, Err(error)) => Outcome::Unclear { why: format!("{status}: {error}"), refused: false },
    }
}

impl Gateway {
    /// The answer to a call, or why there is none. An id that is not under way is passed over: the answer came twice.
    pub fn on_answer(&mut self, call: CallId, result: Result<Answer, CallError>) {
        self.take_answer(call, result);
        self.pump();
    }

    /// Calls without an answer for longer than any can take: whoever carried them is gone.
    pub(super) fn give_up_calls(&mut self) {
        let now = self.now;
        // One that nobody fetched has not left: it waits for its hands.
        let unfetched = |id: u64| self.calls.iter().any(|call| call.id.0 == id);
        let given_up: Vec<u64> = self
            .under_way
            .values()
            .filter(|call| now >= call.asked + CALL_GIVEN_UP && !unfetched(call.id))
            .map(|call| call.id)
            .collect();
        for id in given_up {
            self.take_answer(CallId(id), Err(CallError::MayHaveLeft("no answer of any kind")));
        }
    }

    fn take_answer(&mut self, call: CallId, result: Result<Answer, CallError>) {
        let Some(under_way) = self.under_way.remove(&call.0) else { return };
        if under_way.kind.is_order_call() {
            let left = !matches!(result, Err(CallError::NeverLeft(_)));
            self.governor.answered(under_way.asked, left, self.now);
        }
        match under_way.kind {
            CallKind::Place(id) => self.placed(id, under_way, outcome(result)),
            CallKind::Modify(id) => self.modified(id, under_way, outcome(result)),
            CallKind::Cancel(id) => self.cancelled(id, under_way, outcome(result)),
            CallKind::CancelStray => self.stray_cancelled(call, under_way, outcome(result)),
            _ => self.on_list(under_way, result),
        }
    }

    fn placed(&mut self, order: OrderId, under_way: UnderWay, outcome: Outcome) {
        self.heed(under_way, &outcome);
        let id = order.0;
        if let Outcome::Taken(broker_id) = &outcome {
            return self.placed_as(id, broker_id.clone());
        }
        // The ticker was faster than a bad answer: it is there, whatever the answer says.
        if self.orders[&id].stage != Stage::Placing {
            return;
        }
        let now = self.now;
        match outcome {
            Outcome::Taken(_) => {}
            Outcome::NotSent => self.end(id, OrderState::Rejected, REASON_NOT_SENT),
            Outcome::TooFast => self.end(id, OrderState::Rejected, REASON_THROTTLED),
            Outcome::Refused(_) | Outcome::TokenDead(_) => {
                self.end(id, OrderState::Rejected, REASON_BROKER_REFUSED);
            }
            Outcome::Unclear { refused, .. } => {
                let order = self.order_mut(id);
                order.stage = Stage::Unknown { since: now, refused };
                order.look_at = Some(now);
                self.touch(id);
                self.tell(id, Some((STATE_UNKNOWN, 0)));
            }
        }
    }

    fn placed_as(&mut self, id: u64, broker_id: String) {
        let known = self.orders[&id].broker_id.clone();
        match (known, self.by_broker.get(&broker_id)) {
            (Some(known), _) if known == broker_id => {}
            (Some(first), _) => {
                self.halt(Difference::DuplicateOrder { order: OrderId(id), first, second: broker_id });
            }
            (None, Some(_)) => {
                let what = "the broker gave it the id of another order";
                self.halt(Difference::Contradiction { order: OrderId(id), what });
                let now = self.now;
                self.order_mut(id).stage = Stage::Unknown { since: now, refused: false };
                self.tell(id, Some((STATE_UNKNOWN, 0)));
            }
            (None, None) => self.adopt(id, broker_id),
        }
    }

    fn modified(&mut self, order: OrderId, under_way: UnderWay, outcome: Outcome) {
        self.heed(under_way, &outcome);
        let now = self.now;
        let order = self.order_mut(order.0);
        // A list may have settled it before, and another change may be on its way by now.
        let Some((change, sent)) = order.change.as_mut().and_then(|change| match change.step {
            ChangeStep::InFlight { call, sent } if call == under_way.id => Some((change, sent)),
            _ => None,
        }) else {
            return;
        };
        let (id, cause) = (order.wanted.id.0, change.cause);
        // Even a refusal is believed only when a list agrees: the request may have met an order that just ended with it.
        let refused = matches!(outcome, Outcome::Refused(_) | Outcome::TokenDead(_));
        change.step = ChangeStep::Asked { sent, at: now, refused, unchanged: 0 };
        order.look_at = Some(now);
        let reason = match outcome {
            Outcome::NotSent => REASON_NOT_SENT,
            Outcome::TooFast => REASON_THROTTLED,
            _ => return,
        };
        (order.change, order.terms_at) = (None, now);
        self.refuse_change(id, cause, reason);
    }

    fn cancelled(&mut self, order: OrderId, under_way: UnderWay, outcome: Outcome) {
        self.heed(under_way, &outcome);
        let (now, again) = (self.now, self.now + self.settings.look_again);
        let order = self.order_mut(order.0);
        order.look_at = Some(now);
        // A cancel can be repeated: it names the order, and ends it once.
        order.cancel = match outcome {
            Outcome::NotSent | Outcome::TooFast | Outcome::TokenDead(_) => {
                Cancel::Wanted { not_before: again }
            }
            _ => {
                order.cancels += 1;
                Cancel::Asked { at: now }
            }
        };
    }

    fn stray_cancelled(&mut self, call: CallId, under_way: UnderWay, outcome: Outcome) {
        self.heed(under_way, &outcome);
        let (at, look_again) = (self.now, self.settings.look_again);
        let broker_id = self.stray_calls.remove(&call.0).expect("a stray's cancel names its order");
        let stray = self.strays.get_mut(&broker_id).expect("strays are kept");
        let answered = !matches!(outcome, Outcome::NotSent | Outcome::TooFast | Outcome::TokenDead(_));
        stray.cancels += u32::from(answered);
        stray.cancel = match outcome {
            Outcome::Taken(_) => Cancel::Asked { at },
            // Another cancel harms nothing; the list says when it has ended.
            _ if answered => Cancel::Wanted { not_before: at + cancel_again(stray.cancels) },
            // What never came there is no reason to wait longer each time.
            _ => Cancel::Wanted { not_before: at + look_again },
        };
    }

    /// What concerns all calls: a dead session, a cool-down, the broker's words.
    fn heed(&mut self, under_way: UnderWay, outcome: &Outcome) {
        let kind = under_way.kind;
        match outcome {
            Outcome::Taken(_) => {}
            Outcome::NotSent => self.note(Note::Failed { kind, why: "it did not leave".into() }),
            Outcome::TooFast => {
                self.governor.cool_down(true, self.now, self.settings.cool_down);
                self.note(Note::RateLimited(kind));
            }
            Outcome::Refused(refusal) | Outcome::TokenDead(refusal) => {
                let words = format!("{}: {}", refusal.kind, refusal.message);
                self.note(Note::Refused { kind, words });
                if matches!(outcome, Outcome::TokenDead(_)) {
                    self.token_died(under_way);
                }
            }
            Outcome::Unclear { why, .. } => self.note(Note::Failed { kind, why: why.clone() }),
        }
    }

    fn token_died(&mut self, call: UnderWay) {
        if !self.token_dead && call.session == self.session {
            self.token_dead = true;
            self.note(Note::TokenDead);
            self.disarm("the broker's session is dead");
        }
    }

    fn on_list(&mut self, call: UnderWay, result: Result<Answer, CallError>) {
        let kind = call.kind;
        let failed = match self.read_list(call, result) {
            Ok(()) => return,
            Err(why) => why,
        };
        self.note(Note::Failed { kind, why: failed });
        let again = self.now + self.settings.look_again;
        match kind {
            CallKind::History(id) => self.order_mut(id.0).look_at = Some(again),
            CallKind::OrderTrades(id) => self.order_mut(id.0).trades_at = Some(again),
            _ => {}
        }
        if call.cycle {
            self.reconciliation.fail(self.now);
        }
    }

    fn read_list(&mut self, call: UnderWay, result: Result<Answer, CallError>) -> Result<(), String> {
        let answer = result.map_err(|error| error.to_string())?;
        if answer.status == 429 {
            self.governor.cool_down(false, self.now, self.settings.cool_down);
            self.note(Note::RateLimited(call.kind));
            return Err("too many requests".into());
        }
        if answer.status != 200 {
            let said = wire::check(&answer.body);
            if let (403, Ok(Said::Refused(refusal))) = (answer.status, &said)
                && refusal.kind == "TokenException"
            {
                self.token_died(call);
            }
            return Err(format!("status {}", answer.status));
        }
        match call.kind {
            CallKind::Orders => {
                let list = listed(wire::orders(&answer.body))?;
                self.unreadable(call.kind, list.unreadable);
                self.on_orders(&list, call);
            }
            CallKind::History(id) => {
                let list = listed(wire::orders(&answer.body))?;
                self.unreadable(call.kind, list.unreadable);
                let again = self.now + self.settings.look_again;
                self.order_mut(id.0).look_at = Some(again);
                let known = self.orders[&id.0].broker_id.clone();
                let last = list.rows.last().ok_or("an empty history")?;
                // The last row must be readable and of this order; its earlier states say nothing new.
                if list.unreadable == 0 && known.as_ref() == Some(&last.order_id) {
                    self.merge(last, Some(call.asked));
                }
            }
            CallKind::Trades | CallKind::OrderTrades(_) => {
                let list = listed(wire::trades(&answer.body))?;
                self.unreadable(call.kind, list.unreadable);
                self.merge_trades(&list.rows);
                self.trades_listed(&call);
            }
            _ => {
                let list = listed(wire::positions(&answer.body))?;
                self.unreadable(call.kind, list.unreadable);
                self.on_positions(&list, &call);
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, kind: CallKind, rows: usize) {
        if rows > 0 {
            self.note(Note::Unreadable { kind, rows });
        }
    }
}

fn listed<T>(said: Result<Said<T>, WireError>) -> Result<T, String> {
    match said {
        Ok(Said::Done(list)) => Ok(list),
        Ok(Said::Refused(refusal)) => Err(format!("{}: {}", refusal.kind, refusal.message)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Outcome {
        outcome(Ok(Answer { status, body: body.as_bytes().to_vec() }))
    }

    fn error(kind: &str, message: &str) -> String {
        format!(r#"{{"status":"error","message":"{message}","error_type":"{kind}","data":null}}"#)
    }

    #[test]
    fn only_what_proves_is_taken_as_proof() {
        assert_eq!(
            of(200, r#"{"status":"success","data":{"order_id":"151220000000000"}}"#),
            Outcome::Taken("151220000000000".into())
        );
        for (status, kind) in [
            (400, "InputException"),
            (400, "MarginException"),
            (428, "HoldingException"),
            (403, "PermissionException"),
        ] {
            assert!(matches!(of(status, &error(kind, "no")), Outcome::Refused(_)), "{status} {kind}");
        }
        assert!(matches!(of(403, &error("TokenException", "x")), Outcome::TokenDead(_)));
        assert_eq!(of(429, "<html>slow down</html>"), Outcome::TooFast);
        assert_eq!(of(429, &error("NetworkException", "Too many requests")), Outcome::TooFast);
        assert_eq!(of(429, &error("NetworkException", "")), Outcome::TooFast);
        assert_eq!(outcome(Err(CallError::NeverLeft("refused"))), Outcome::NotSent);
        let unclear = [
            (400, error("OrderException", "odd")),
            (400, error("InputException", "Request timed out, check the order book")),
            (500, error("OrderException", "x")),
            (503, error("NetworkException", "OMS")),
            (502, "<html>Bad gateway</html>".into()),
            (200, "<html>maintenance</html>".into()),
            (200, r#"{"status":"success","data":{"order_i"#.into()),
            (200, r#"{"status":"success","data":{}}"#.into()),
            (200, r#"{"status":"success","data":{"order_id":""}}"#.into()),
            (200, r#"{"status":"success","data":{"order_id":null}}"#.into()),
            (500, r#"{"status":"success","data":{"order_id":"1"}}"#.into()),
            (403, "<html>forbidden</html>".into()),
            (429, error("NetworkException", "The order management system did not answer")),
            (429, error("NetworkException", "Limit order could not be generated")),
            (302, String::new()),
        ];
        for (status, body) in unclear {
            assert!(matches!(of(status, &body), Outcome::Unclear { .. }), "{status} {body}");
        }
    }
}
