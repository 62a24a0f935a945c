//! Makes a failing list of operations shorter for as long as it still fails.

use crate::pair::Pair;
use crate::venue::{Op, Setup};
use pitlane_engine::units::Price;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is wrong after these operations, compared after each of them; `None` if nothing is.
pub(crate) fn fault(setup: &Setup, ops: &[Op], reference: Price) -> Option<String> {
    let run = || {
        let mut pair = Pair::new(setup);
        ops.iter().try_for_each(|op| {
            pair.apply(*op)?;
            pair.compare(reference)
        })
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => None,
        Ok(Err(what)) => Some(what),
        Err(panic) => Some(message(&*panic)),
    }
}

/// The text of a panic.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("panic: {}", text.unwrap_or_default())
}

/// The shortest list found that still fails, and how it does.
pub(crate) fn shrink(setup: &Setup, mut ops: Vec<Op>, reference: Price) -> (Vec<Op>, String) {
    let mut what =
        fault(setup, &ops, reference).unwrap_or_else(|| "it fails no more when run again".to_owned());
    let mut chunk = ops.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < ops.len() {
            let end = (at + chunk).min(ops.len());
            let shorter = [&ops[..at], &ops[end..]].concat();
            match fault(setup, &shorter, reference) {
                Some(fault) => (ops, what) = (shorter, fault),
                None => at = end,
            }
        }
        chunk = if chunk == 1 && at > ops.len() { 1 } else { chunk / 2 };
    }
    (ops, what)
}
