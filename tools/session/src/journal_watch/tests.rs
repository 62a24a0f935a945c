//! The limits and what follows from them, without a disk.

use super::*;
use crate::operator::COMMANDS_MAX;
use pitlane_engine::event::Command;
use pitlane_journal::{JournalDir, Record, Writer, WriterOptions};

const MS: u64 = 1_000_000;

fn sight(stream: &'static str, lag_ns: u64, space: Space) -> Sight {
    Sight { stream, lag_ns, space, failed: None }
}

#[test]
fn a_lag_demands_from_its_limit_on() {
    let limits = LagLimits::default();
    for (lag_ns, before, expected) in [
        (0, Demand::None, Demand::None),
        (50 * MS - 1, Demand::None, Demand::None),
        (50 * MS, Demand::None, Demand::Warn),
        (50 * MS - 1, Demand::Warn, Demand::Warn),
        (25 * MS + 1, Demand::Halt, Demand::Warn),
        (25 * MS, Demand::Warn, Demand::None),
        (250 * MS - 1, Demand::None, Demand::Warn),
        (250 * MS, Demand::None, Demand::Reduce),
        (1_000 * MS - 1, Demand::Warn, Demand::Reduce),
        (1_000 * MS, Demand::None, Demand::Halt),
        (u64::MAX, Demand::None, Demand::Halt),
    ] {
        assert_eq!(Demand::of_lag(lag_ns, &limits, before), expected, "{lag_ns} after {before:?}");
    }
    let spaces = [Space::Enough, Space::Warn, Space::Reduce, Space::Halt].map(Demand::of_space);
    assert_eq!(spaces, [Demand::None, Demand::Warn, Demand::Reduce, Demand::Halt]);
}

#[test]
fn a_change_is_told_once_and_the_worst_stream_decides() {
    let mut judge = Judge::new(LagLimits::default(), 2);
    let mut look = |inputs, outputs, space| {
        let (changes, worst, why) =
            judge.look(&[sight("inputs", inputs, Space::Enough), sight("outputs", outputs, space)]);
        let told: Vec<_> = changes.iter().map(|c| (c.event, c.stream, c.state)).collect();
        (told, worst, why)
    };
    assert_eq!(look(0, 0, Space::Enough), (vec![], Demand::None, String::new()));
    let (told, worst, _) = look(60 * MS, 0, Space::Enough);
    assert_eq!((told, worst), (vec![("journal_lag", "inputs", "warn")], Demand::Warn));
    let (told, worst, why) = look(70 * MS, 312 * MS, Space::Enough);
    assert_eq!((told, worst), (vec![("journal_lag", "outputs", "reduce")], Demand::Reduce));
    assert_eq!(why, "journal lag 312 ms of the outputs");
    let (told, worst, why) = look(0, 313 * MS, Space::Halt);
    assert_eq!(told, [("journal_lag", "inputs", "ok"), ("journal_space", "outputs", "halt")]);
    assert_eq!((worst, why.as_str()), (Demand::Halt, "disk of the outputs is 95% full"));
    let (told, worst, _) = look(0, 0, Space::Enough);
    assert_eq!(told, [("journal_lag", "outputs", "ok"), ("journal_space", "outputs", "ok")]);
    assert_eq!(worst, Demand::None);
}

#[test]
fn a_failed_stream_demands_the_most_and_is_told_once() {
    let mut judge = Judge::new(LagLimits::default(), 1);
    let failed = Sight { failed: Some("no".to_owned()), ..sight("inputs", 0, Space::Enough) };
    let (changes, worst, why) = judge.look(std::slice::from_ref(&failed));
    assert_eq!((changes.len(), changes[0].event, worst), (1, "journal_failed", Demand::Halt));
    assert_eq!(why, "journal stream inputs failed: no");
    let (changes, worst, _) = judge.look(&[failed]);
    assert!(changes.is_empty() && worst == Demand::Halt);
}

#[test]
fn a_command_is_handed_once_until_it_gets_worse_or_is_resumed_from() {
    let mut judge = Judge::new(LagLimits::default(), 1);
    for (worst, resumed, expected) in [
        (Demand::Warn, false, None),
        (Demand::Reduce, false, Some(CommandCode::ReduceOnly)),
        (Demand::Reduce, false, None),
        (Demand::None, false, None),
        // Latched still.
        (Demand::Reduce, false, None),
        (Demand::Halt, false, Some(CommandCode::Flatten)),
        (Demand::Reduce, false, None),
        (Demand::Reduce, true, Some(CommandCode::ReduceOnly)),
        (Demand::None, true, None),
    ] {
        if resumed {
            judge.handed = Demand::None;
        }
        let command = judge.command(worst);
        assert_eq!(command, expected, "{worst:?}");
        if command.is_some() {
            judge.handed = worst;
        }
    }
}

/// A writer at D1 and a limit of a nanosecond: as soon as anything is seen waiting, entries are stopped.
#[test]
fn a_real_stream_over_its_limit_is_reduced_with_a_reason() {
    let scratch = tempfile::TempDir::new().expect("a directory");
    let lock = JournalDir::lock(scratch.path()).expect("nobody else");
    let options =
        WriterOptions { segment_bytes: 256 << 10, level: Durability::D1, ..WriterOptions::default() };
    let mut writer = Writer::create(&lock, "inputs", options).expect("there is room");
    let limits = LagLimits { warn_ns: 1, reduce_ns: 1, halt_ns: 60_000 * MS };
    let (notices, heard) = std::sync::mpsc::channel();
    let mut watch = JournalWatch::new(vec![("inputs", writer.durability())], limits, Some(notices));
    let (mut out, mut ring) = rtrb::RingBuffer::new(COMMANDS_MAX);
    let mut command = None;
    for seq in 1..200_000 {
        let record = Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: b"x" };
        writer.append(record).expect("there is room");
        watch.poll(TsNs(seq), &mut out);
        command = ring.pop().ok();
        if command.is_some() {
            break;
        }
    }
    let command = command.expect("two milliseconds pass before a batch is synced");
    let body = command.body::<Command>();
    assert_eq!(body.code, CommandCode::ReduceOnly as u8);
    let reason = crate::operator::reason(body);
    assert!(reason.starts_with("journal lag ") && reason.ends_with(" of the inputs"), "{reason}");
    // A disk that is rather full may have been told of before.
    let notice = heard.try_iter().find(|notice| notice.event == "journal_lag").expect("it was told");
    assert_eq!(notice.state, "reduce");
    assert!(watch.lag_max_ns().load(Ordering::Relaxed) > 0);
    writer.close().expect("the disk is there");
}

#[test]
fn the_level_is_d0_unless_it_is_given() {
    let mut settings = JournalSettings::default();
    let level = |settings: &JournalSettings| level_name(DurabilityPlan::of(settings).level);
    assert_eq!(level(&settings), "D0");
    for given in [DurabilityLevel::D0, DurabilityLevel::D1, DurabilityLevel::D2] {
        settings.level = Some(given);
        assert_eq!(level(&settings), given.name());
    }
}
