//! A last plain pass when the gateway has panicked: what carries the journal's tag and works at the broker is cancelled.
//! Nothing of the gateway's state is used, because nobody knows what is left of it.

use super::log::Log;
use pitlane_kite_gateway::call::{Answer, Call, CallError, CallId, CallKind, Method};
use pitlane_kite_gateway::tag::{Owner, Tags};
use pitlane_kite_gateway::wire::{OrderRow, Said, orders};
use std::time::Duration;

/// Lists that are asked for at most.
const PASSES: u32 = 10;
/// The pause before each call: below the broker's rate whatever the gateway called just before.
const PAUSE: Duration = Duration::from_millis(250);

/// Cancels the working orders of `journal`, by way of `call`; `true` if a last list shows none.
pub(super) fn sweep(
    journal: u64,
    call: &mut dyn FnMut(&Call) -> Result<Answer, CallError>,
    log: &mut Log,
) -> bool {
    let tags = Tags::new(journal);
    let mut number = 0;
    let mut made = |kind, method, path: String| {
        std::thread::sleep(PAUSE);
        number += 1;
        call(&Call { id: CallId(number), kind, method, path, form: Vec::new(), ends_with_latch: false })
    };
    for _ in 0..PASSES {
        let list = match made(CallKind::Orders, Method::Get, "/orders".to_owned()) {
            Ok(answer) => orders(&answer.body),
            Err(error) => {
                log.line(&format!("after the gateway: no list of orders: {error}"));
                continue;
            }
        };
        let Ok(Said::Done(list)) = list else {
            log.line("after the gateway: the list of orders is refused or unreadable");
            continue;
        };
        let working: Vec<&OrderRow> = list.rows.iter().filter(|row| works(row, &tags)).collect();
        if working.is_empty() && list.unreadable == 0 {
            return true;
        }
        for row in working {
            let variety = if row.variety.is_empty() { "regular" } else { &row.variety };
            let path = format!("/orders/{variety}/{}", row.order_id);
            let answered = made(CallKind::CancelStray, Method::Delete, path);
            let said =
                answered.map_or_else(|error| error.to_string(), |answer| format!("status {}", answer.status));
            log.line(&format!("after the gateway: cancel of order {} at the broker: {said}", row.order_id));
        }
    }
    false
}

fn works(row: &OrderRow, tags: &Tags) -> bool {
    let is_over = matches!(row.status.as_str(), "COMPLETE" | "CANCELLED" | "REJECTED");
    !is_over && row.tags.iter().any(|tag| matches!(tags.owner(tag), Owner::Ours(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_engine::units::OrderId;

    #[test]
    fn what_is_ours_and_works_is_cancelled_and_nothing_else() {
        let (ours, other) = (Tags::new(5).of(OrderId(36)), Tags::new(6).of(OrderId(36)));
        let row = |id: &str, tag: &str, status: &str| {
            format!(
                r#"{{"order_id":"{id}","status":"{status}","tag":"{tag}","exchange":"NSE","tradingsymbol":"ITC",
                "transaction_type":"BUY","quantity":10,"filled_quantity":0,"average_price":0,"price":1,
                "trigger_price":0,"product":"MIS","variety":"regular"}}"#
            )
        };
        let (mut gone, mut calls) = (false, 0);
        let mut cancelled = Vec::new();
        let mut call = |call: &Call| {
            calls += 1;
            match call.method {
                Method::Get if calls == 1 => Err(CallError::MayHaveLeft("no answer in time")),
                Method::Get => {
                    let status = if gone { "CANCELLED" } else { "OPEN" };
                    let rows = [
                        row("1", &ours, status),
                        row("2", &other, "OPEN"),
                        row("3", "", "OPEN"),
                        row("4", &ours, "COMPLETE"),
                    ];
                    let body = format!(r#"{{"status":"success","data":[{}]}}"#, rows.join(","));
                    Ok(Answer { status: 200, body: body.into_bytes() })
                }
                _ => {
                    cancelled.push(call.path.clone());
                    gone = cancelled.len() == 2;
                    Ok(Answer { status: 200, body: Vec::new() })
                }
            }
        };
        // The first cancel changes nothing: it is asked for again.
        assert!(sweep(5, &mut call, &mut Log::default()));
        assert_eq!(cancelled, ["/orders/regular/1", "/orders/regular/1"]);
    }

    #[test]
    fn a_broker_that_never_answers_ends_it() {
        let mut call = |_: &Call| Err(CallError::NeverLeft("no connection"));
        assert!(!sweep(5, &mut call, &mut Log::default()));
    }
}
