//! What is left to do when the gateway has panicked: what works at the broker and carries the journal's tag is cancelled, by
//! nothing but the broker's own list, because nobody knows what is left of the gateway's state. Positions stay as they are.

use crate::call::{Answer, Call, CallError, CallId, CallKind, Method};
use crate::tag::{Owner, Tags};
use crate::wire::{self, OrderRow, Said};
use std::time::Duration;

/// Lists in a row that show nothing, until that is believed: what timed out is accepted seconds later.
const CLEAR_LISTS: u32 = 10;
/// Lists at most.
const LISTS_MAX: u32 = 30;
/// Before each list ...
const BEFORE_LIST: Duration = Duration::from_secs(1);
/// ... and before each cancel: less than eight in a second, whatever the gateway called just before.
const BEFORE_CANCEL: Duration = Duration::from_millis(150);

/// What the sweep needs of the world.
pub(crate) struct World<'a> {
    /// Makes a call, and waits for its answer.
    pub(crate) call: &'a mut dyn FnMut(&Call) -> Result<Answer, CallError>,
    /// Tells people. Must not wait for them.
    pub(crate) say: &'a mut dyn FnMut(String),
    /// Waits.
    pub(crate) pause: &'a mut dyn FnMut(Duration),
}

impl World<'_> {
    fn made(&mut self, kind: CallKind, method: Method, path: String) -> Result<Answer, CallError> {
        (self.call)(&Call { id: CallId(0), kind, method, path, form: Vec::new(), ends_with_latch: false })
    }

    /// The orders that work and are ours; `None` if no list says so beyond doubt.
    fn working(&mut self, tags: &Tags) -> Option<Vec<OrderRow>> {
        (self.pause)(BEFORE_LIST);
        let body = match self.made(CallKind::Orders, Method::Get, "/orders".into()) {
            Ok(answer) if answer.status == 200 => answer.body,
            Ok(answer) => {
                (self.say)(format!("no list of orders: status {}", answer.status));
                return None;
            }
            Err(error) => {
                (self.say)(format!("no list of orders: {error}"));
                return None;
            }
        };
        let Ok(Said::Done(list)) = wire::orders(&body) else {
            (self.say)("the list of orders cannot be read".to_owned());
            return None;
        };
        let ended = |status: &str| matches!(status, "COMPLETE" | "CANCELLED" | "REJECTED");
        let ours = |tags_of: &[String]| tags_of.iter().any(|tag| matches!(tags.owner(tag), Owner::Ours(_)));
        // A row that cannot be read is somebody else's only if its tags say so.
        let foreign = list.odd.iter().filter(|row| row.tags.as_ref().is_some_and(|of| !ours(of))).count();
        let rows = list.rows.into_iter().filter(|row| !ended(&row.status) && ours(&row.tags));
        let working: Vec<OrderRow> = rows.collect();
        if working.is_empty() && list.unreadable != foreign {
            (self.say)("the list of orders has rows that cannot be read".to_owned());
            return None;
        }
        Some(working)
    }
}

/// Cancels every working order that carries a tag of these, as long as the lists show one; `true` if they show none any
/// more. Blocking.
pub(crate) fn cancel_all(tags: &Tags, world: &mut World<'_>) -> bool {
    (world.say)("its working orders are cancelled".to_owned());
    let mut clear = 0;
    for _ in 0..LISTS_MAX {
        let Some(working) = world.working(tags) else {
            clear = 0;
            continue;
        };
        clear = if working.is_empty() { clear + 1 } else { 0 };
        if clear == CLEAR_LISTS {
            (world.say)("the broker lists no working order of this journal".to_owned());
            return true;
        }
        for row in working {
            (world.pause)(BEFORE_CANCEL);
            let variety = if row.variety.is_empty() { "regular" } else { &row.variety };
            let path = format!("/orders/{variety}/{}", row.order_id);
            let answered = world.made(CallKind::CancelStray, Method::Delete, path);
            let said =
                answered.map_or_else(|error| error.to_string(), |answer| format!("status {}", answer.status));
            (world.say)(format!("cancel of order {} at the broker: {said}", row.order_id));
        }
    }
    (world.say)("ORDERS OF THIS JOURNAL MAY STILL WORK AT THE BROKER: CANCEL THEM BY HAND".to_owned());
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_engine::units::OrderId;

    fn row(id: &str, tag: &str, status: &str) -> String {
        format!(
            r#"{{"order_id":"{id}","status":"{status}","tag":"{tag}","exchange":"NSE","tradingsymbol":"ITC",
            "transaction_type":"BUY","quantity":10,"filled_quantity":0,"average_price":0,"price":1,
            "trigger_price":0,"product":"MIS","variety":"regular"}}"#
        )
    }

    /// Plays a broker that answers the list of number `n` by `list`: the end, what was cancelled, and lists asked for.
    fn play(list: &mut dyn FnMut(u32) -> Result<Vec<String>, CallError>) -> (bool, Vec<String>, u32) {
        let (mut lists, mut cancelled) = (0, Vec::new());
        let mut call = |call: &Call| {
            if call.method == Method::Delete {
                cancelled.push(call.path.clone());
                return Ok(Answer { status: 200, body: Vec::new() });
            }
            lists += 1;
            let body = format!(r#"{{"status":"success","data":[{}]}}"#, list(lists)?.join(","));
            Ok(Answer { status: 200, body: body.into_bytes() })
        };
        let mut world = World { call: &mut call, say: &mut |_| {}, pause: &mut |_| {} };
        let clear = cancel_all(&Tags::new(5), &mut world);
        (clear, cancelled, lists)
    }

    #[test]
    fn what_is_ours_and_works_is_cancelled_until_lists_show_nothing_for_long() {
        let (ours, other) = (Tags::new(5).of(OrderId(36)), Tags::new(6).of(OrderId(36)));
        let late = Tags::new(5).of(OrderId(37));
        let (clear, cancelled, lists) = play(&mut |list| {
            // The first question fails, the first cancel changes nothing, and one order is accepted late.
            let first = if list < 4 { "OPEN" } else { "CANCELLED" };
            let second = if list == 9 { "OPEN PENDING" } else { "CANCELLED" };
            let mut rows = vec![row("1", &ours, first), row("2", &other, "OPEN"), row("3", "", "OPEN")];
            rows.push(row("4", &ours, "COMPLETE"));
            if list >= 9 {
                rows.push(row("5", &late, second));
            }
            if list == 1 { Err(CallError::MayHaveLeft("no answer in time")) } else { Ok(rows) }
        });
        assert!(clear);
        assert_eq!(cancelled, ["/orders/regular/1", "/orders/regular/1", "/orders/regular/5"]);
        assert_eq!(lists, 9 + CLEAR_LISTS);
    }

    #[test]
    fn a_list_that_cannot_be_read_or_that_does_not_come_is_no_proof() {
        let lost = play(&mut |_| Err(CallError::NeverLeft("no connection")));
        assert_eq!(lost, (false, Vec::new(), LISTS_MAX));
        // Ours by its tag, and nothing else of it can be read.
        let odd = format!(r#"{{"order_id":"1","status":"OPEN","tag":"{}"}}"#, Tags::new(5).of(OrderId(36)));
        assert!(!play(&mut |_| Ok(vec![odd.clone()])).0);
    }
}
