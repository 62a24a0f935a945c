//! What is left to do when the gateway has panicked: its orders at the broker are cancelled, by nothing but the broker's own
//! list and their tags. Positions stay as they are.

use crate::call::{Call, CallId, CallKind, Method};
use crate::rest::Rest;
use crate::tag::{Owner, Tags};
use crate::wire::{self, Said};
use std::io::Write as _;
use std::time::Duration;

/// Looks at the list until nothing works any more, at most so often ...
const LOOKS: u32 = 10;
/// ... with this between them.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Between two cancels: less than eight in a second.
const BETWEEN_CANCELS: Duration = Duration::from_millis(150);

/// Says what happens. A standard error that nobody reads any more must not end it.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn call(rest: &Rest, kind: CallKind, method: Method, path: String) -> Option<Vec<u8>> {
    let call = Call { id: CallId(0), kind, method, path, form: Vec::new(), ends_with_latch: false };
    rest.call(&call).ok().filter(|answer| answer.status == 200).map(|answer| answer.body)
}

/// Cancels every working order that carries a tag of these, as long as the list shows one. Blocking.
pub(crate) fn cancel_all(rest: &Rest, tags: &Tags) {
    say("the order gateway panicked (a bug): its working orders are cancelled; look at the account");
    for _ in 0..LOOKS {
        let list = call(rest, CallKind::Orders, Method::Get, "/orders".into());
        let list = list.and_then(|body| match wire::orders(&body) {
            Ok(Said::Done(list)) => Some(list),
            _ => None,
        });
        if let Some(list) = list {
            let ended = |status: &str| matches!(status, "COMPLETE" | "CANCELLED" | "REJECTED");
            let ours = |tag: &String| matches!(tags.owner(tag), Owner::Ours(_));
            let works = |row: &&wire::OrderRow| !ended(&row.status) && row.tags.iter().any(ours);
            let working: Vec<_> = list.rows.iter().filter(works).collect();
            if working.is_empty() && list.unreadable == list.odd.len() {
                return say("the broker lists no working order of this journal any more");
            }
            for row in working {
                let variety = if row.variety.is_empty() { "regular" } else { &row.variety };
                let path = format!("/orders/{variety}/{}", row.order_id);
                let done = call(rest, CallKind::CancelStray, Method::Delete, path).is_some();
                say(&format!("order {}: cancel {}", row.order_id, if done { "taken" } else { "not taken" }));
                std::thread::sleep(BETWEEN_CANCELS);
            }
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    say("orders of this journal may still work at the broker: CANCEL THEM BY HAND");
}
