//! What goes and what stays; a run that goes on from what is left is in `docs/journal-tour.md`, which is run as a test.

use super::*;
use crate::dump::tests::{OPEN, journal, options};
use crate::exit::exit_of;
use pitlane_engine::event::{Event, StageId};
use pitlane_engine::log::EventLog;
use pitlane_engine::units::Seq;
use pitlane_journal::{Lease, LeaseInfo};
use pitlane_store::JournalLog;

/// Segments of ten records each.
fn tens(count: u64) -> Vec<Span> {
    (0..count)
        .map(|segment| Span { segment, seqs: Some((segment * 10 + 1, segment * 10 + 10)), bytes: 1 << 20 })
        .collect()
}

fn lease(name: &str, consumed: Option<u64>) -> LeaseInfo {
    LeaseInfo { name: name.to_owned(), consumed }
}

#[test]
fn the_oldest_go_up_to_the_first_that_something_holds() {
    use Hold::{Kept, NoSnapshot, Snapshot};
    let held = |name: &str, consumed| Hold::Lease { name: name.to_owned(), consumed };
    let free = [lease("archive", Some(100))];
    for (keep, needed, leases, goes, hold) in [
        (1, Some(50), &free[..], 4, Kept),
        (2, Some(50), &free, 3, Kept),
        (9, Some(50), &free, 0, Kept),
        // The record that a restart needs first is the one behind the snapshot.
        (1, Some(20), &free, 2, Snapshot(20)),
        (1, Some(19), &free, 1, Snapshot(19)),
        (1, Some(0), &free, 0, Snapshot(0)),
        (1, None, &free, 0, NoSnapshot),
        (1, Some(50), &[], 4, Kept),
        (1, Some(50), &[lease("a", Some(100)), lease("b", Some(30))], 3, held("b", Some(30))),
        (1, Some(50), &[lease("b", Some(29))], 2, held("b", Some(29))),
        (1, Some(50), &[lease("b", None)], 0, held("b", None)),
        (1, Some(20), &[lease("b", Some(10))], 1, held("b", Some(10))),
    ] {
        let plan = StreamPlan::make(INPUTS, tens(5), keep, needed, leases);
        let shown = format!("{keep} {needed:?} {leases:?}: {plan:?}");
        assert_eq!(plan.goes.len(), goes, "{shown}");
        assert_eq!(plan.stays[0].hold, Some(hold), "{shown}");
        assert_eq!(plan.goes.len() + plan.stays.len(), 5, "{shown}");
    }
}

#[test]
fn reasons_are_told_with_segments_and_seqs() {
    let plan = StreamPlan::make(INPUTS, tens(6), 2, Some(40), &[lease("archive", Some(25))]);
    let rows: Vec<String> = plan.rows(true).into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        rows,
        [
            "segments 0 to 1 (seq 1 to 20, 2.0 MiB) would go",
            "segments 2 to 3 (seq 21 to 40, 2.0 MiB) stays: lease archive has consumed up to seq 25 only: not archived yet",
            "segments 4 to 5 (seq 41 to 60, 2.0 MiB) stays: among the newest 2",
        ]
    );
    let value = plan.json();
    assert_eq!((&value["removed_bytes"], &value["kept"][0]["lease"]), (&(2 << 20).into(), &"archive".into()));
}

#[test]
fn without_a_snapshot_nothing_goes_and_what_is_not_closed_is_refused() {
    let scratch = journal("retain");
    std::fs::remove_dir_all(scratch.0.join(OUTPUTS)).unwrap();
    let lock = JournalDir::lock(&scratch.0).unwrap();
    let mut outputs = JournalLog::outputs(&lock, options()).unwrap();
    // Some segments.
    for seq in 1..=10_000 {
        outputs.append(&Event::state_hash(StageId::Risk, 7, Seq(9), OPEN.plus(seq)));
    }
    let args = RetainArgs { dir: scratch.0.clone(), keep: 1, ..RetainArgs::default() };
    let refused = |args: &RetainArgs, word: &str| {
        let error = retain(args).unwrap_err();
        assert!(format!("{error:#}").contains(word), "`{word}` is missing in: {error:#}");
        exit_of(&error)
    };
    use crate::exit::Exit;
    assert_eq!(refused(&args, "in use"), Exit::Data);
    drop((outputs, lock));
    assert_eq!(refused(&args, "not closed"), Exit::Data);
    assert_eq!(
        refused(&RetainArgs { keep: 0, dir: scratch.0.clone(), ..RetainArgs::default() }, "--keep"),
        Exit::Usage
    );
    let yes = crate::repair::RepairArgs { dir: scratch.0.clone(), yes: true, ..Default::default() };
    crate::repair::repair(&yes).unwrap();
    Lease::take(&scratch.0, OUTPUTS, "archive").unwrap();
    let done = retain(&args).unwrap();
    assert!(done.streams.iter().all(|plan| plan.goes.is_empty()), "{}", done.render());
    assert!(done.render().contains("nothing can go"), "{}", done.render());
    assert!(done.json()["oldest_snapshot_seq"].is_null());
    assert_eq!(done.streams[1].stays[0].hold, Some(Hold::NoSnapshot));
}
