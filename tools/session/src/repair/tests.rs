//! Journals that were closed, left by a crash, and damaged.

use super::*;
use crate::dump::tests::{OPEN, Scratch, journal, options};
use crate::exit::exit_of;
use pitlane_engine::event::{Event, StageId};
use pitlane_engine::log::EventLog;
use pitlane_engine::units::Seq;
use pitlane_journal::Reader;
use pitlane_store::JournalLog;
use std::collections::BTreeMap;

fn args(scratch: &Scratch, yes: bool) -> RepairArgs {
    RepairArgs { dir: scratch.0.clone(), yes, ..RepairArgs::default() }
}

/// Every segment file with its bytes, and the file of the epoch.
fn files(scratch: &Scratch) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in [scratch.0.clone(), scratch.0.join(INPUTS), scratch.0.join(OUTPUTS)] {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            // The lock file names the process that held it last.
            if path.is_file() && !path.ends_with("LOCK") {
                let bytes = std::fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

/// Outputs of `count` records whose writer died, and where its frames end in the last segment with any.
fn crashed_outputs(scratch: &Scratch, count: u64) -> (PathBuf, u64) {
    std::fs::remove_dir_all(scratch.0.join(OUTPUTS)).unwrap();
    let lock = JournalDir::lock(&scratch.0).unwrap();
    let mut outputs = JournalLog::outputs(&lock, options()).unwrap();
    for seq in 1..=count {
        outputs.append(&Event::state_hash(StageId::Risk, 7, Seq(seq), OPEN.plus(seq)));
    }
    drop(outputs);
    let mut reader = Reader::open(&scratch.0, OUTPUTS).unwrap();
    while reader.next().unwrap().is_some() {}
    let name = format!("{:016x}.lxj", reader.segment());
    (scratch.0.join(OUTPUTS).join(name), reader.offset())
}

fn overwrite(path: &Path, offset: u64, change: impl Fn(&mut u8)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes[offset as usize]);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_closed_journal_is_left_as_it_is() {
    let scratch = journal("repair-closed");
    let before = files(&scratch);
    for yes in [false, true] {
        let found = repair(&args(&scratch, yes)).unwrap();
        assert!(!found.done && found.exit() == Exit::Ok, "{}", found.render());
        assert!(found.render().contains("nothing to repair"), "{}", found.render());
        assert_eq!(found.json()["needed"], false);
        assert_eq!(files(&scratch), before);
    }
}

#[test]
fn a_torn_tail_is_named_and_cut_only_with_yes() {
    let scratch = journal("repair-torn");
    let (segment, end) = crashed_outputs(&scratch, 10);
    // Half of a frame: its length is there, its checksum is not.
    overwrite(&segment, end, |byte| *byte = 96);
    overwrite(&segment, end + 40, |byte| *byte = 1);
    let before = files(&scratch);
    let look = repair(&args(&scratch, false)).unwrap();
    assert_eq!(files(&scratch), before, "without --yes nothing is written");
    assert_eq!((look.done, look.exit()), (false, Exit::Ok));
    let torn = &look.json()["streams"][1]["torn"];
    assert_eq!((torn["offset"].as_u64(), torn["bytes"].as_u64()), (Some(end), Some(41)), "{torn}");
    assert!(look.render().contains("41 bytes of a torn tail") && look.render().contains("--yes"));

    let done = repair(&args(&scratch, true)).unwrap();
    assert!(done.done && done.render().contains("repaired"), "{}", done.render());
    assert_eq!(done.json()["streams"][1]["seq_last"], 10);
    let mut reader = Reader::open(&scratch.0, OUTPUTS).unwrap();
    let mut records = 0;
    while reader.next().unwrap().is_some() {
        records += 1;
    }
    assert_eq!((records, reader.end()), (10, Some(pitlane_journal::EndState::Sealed)));
    let again = repair(&args(&scratch, true)).unwrap();
    assert!(!again.done && again.nothing_to_do(), "{}", again.render());
}

#[test]
fn damage_is_named_with_segment_offset_and_seqs_and_nothing_is_written() {
    let scratch = journal("repair-damage");
    // The other stream needs a repair, and must not get it while this one is damaged.
    std::fs::remove_dir_all(scratch.0.join(INPUTS)).unwrap();
    let lock = JournalDir::lock(&scratch.0).unwrap();
    drop(JournalLog::inputs(&lock, options()).unwrap());
    drop(lock);
    std::fs::remove_dir_all(scratch.0.join(OUTPUTS)).unwrap();
    let lock = JournalDir::lock(&scratch.0).unwrap();
    let mut outputs = JournalLog::outputs(&lock, options()).unwrap();
    // Four segments, so that records follow the damaged one's.
    for seq in 1..=10_000 {
        outputs.append(&Event::state_hash(StageId::Risk, 7, Seq(seq), OPEN.plus(seq)));
    }
    outputs.finish().unwrap();
    drop((outputs, lock));
    let mut reader = Reader::open(&scratch.0, OUTPUTS).unwrap();
    assert!(reader.seek_seq(4_000).unwrap());
    let frame = reader.next().unwrap().unwrap();
    let (segment, offset) = (frame.segment, frame.offset);
    drop(reader);
    let path = scratch.0.join(OUTPUTS).join(format!("{segment:016x}.lxj"));
    overwrite(&path, offset + 50, |byte| *byte ^= 4);
    let before = files(&scratch);
    for yes in [false, true] {
        let found = repair(&args(&scratch, yes)).unwrap();
        assert_eq!((found.exit(), found.done, files(&scratch) == before), (Exit::Data, false, true));
        let damage = &found.damaged[0];
        assert_eq!((damage.stream, damage.segment, damage.offset), (OUTPUTS, segment, offset));
        assert_eq!(damage.seq_first, Some(4_000));
        let last = damage.seq_last.expect("records follow in the next block");
        // Behind the last one named, reading works again, and no sooner.
        let readable = |seq| {
            let mut reader = Reader::open(&scratch.0, OUTPUTS).unwrap();
            reader.seek_seq(seq).is_ok_and(|there| there)
        };
        assert!(last >= 4_000 && readable(last + 1) && !readable(last), "{damage:?}");
        assert!(found.render().contains(&format!("seq 4000 to {last}")), "{}", found.render());
    }
}

#[test]
fn a_journal_in_use_and_a_place_without_one_are_refused() {
    let scratch = journal("repair-refused");
    let lock = JournalDir::lock(&scratch.0).unwrap();
    let error = repair(&args(&scratch, true)).unwrap_err();
    assert_eq!(exit_of(&error), Exit::Data, "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    drop(lock);
    let empty = scratch.0.join("nothing");
    let error = repair(&RepairArgs { dir: empty.clone(), ..RepairArgs::default() }).unwrap_err();
    assert_eq!(exit_of(&error), Exit::Data);
    assert!(!empty.exists(), "looking makes no directory");
}

/// Ten thousand outputs of a writer with a mirror; also what is in them.
fn mirrored(scratch: &Scratch, mirror: &Path) {
    for stream in [INPUTS, OUTPUTS] {
        std::fs::remove_dir_all(scratch.0.join(stream)).unwrap();
    }
    let lock = JournalDir::lock_with(&scratch.0, None, Some(mirror)).unwrap();
    JournalLog::inputs(&lock, options()).unwrap().finish().unwrap();
    let mut outputs = JournalLog::outputs(&lock, options()).unwrap();
    for seq in 1..=10_000 {
        outputs.append(&Event::state_hash(StageId::Risk, 7, Seq(seq), OPEN.plus(seq)));
    }
    outputs.finish().unwrap();
}

#[test]
fn a_mirror_repairs_what_is_refused_without_it() {
    let (scratch, other) = (journal("repair-mirror"), journal("repair-mirror-copy"));
    let mirror = other.0.join("mirror");
    std::fs::create_dir_all(&mirror).unwrap();
    mirrored(&scratch, &mirror);
    let before = files(&scratch);
    let path = scratch.0.join(OUTPUTS).join("0000000000000001.lxj");
    overwrite(&path, 100_000, |byte| *byte ^= 1);
    let refused = repair(&args(&scratch, true)).unwrap();
    assert_eq!((refused.exit(), refused.done), (Exit::Data, false));
    assert!(refused.render().contains("--mirror"), "{}", refused.render());
    let with = |yes| RepairArgs { mirror: Some(mirror.clone()), ..args(&scratch, yes) };
    let look = repair(&with(false)).unwrap();
    assert_eq!((look.exit(), look.done, look.nothing_to_do()), (Exit::Ok, false, false), "{}", look.render());
    let repaired = look.json()["streams"][1]["repaired"][0].clone();
    assert_eq!((&repaired["segment"], &repaired["offset"]), (&1.into(), &65_536.into()), "{repaired}");
    // All records of which a byte is in the second block, and no others.
    let seqs = |at: &str| repaired[at].as_u64().expect("the copy tells");
    let mut reader = Reader::open(&mirror, OUTPUTS).unwrap();
    let mut within = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        let end = frame.offset + 32 + frame.payload.len() as u64;
        if frame.segment == 1 && frame.offset < 131_072 && end > 65_536 {
            within.push(frame.seq);
        }
    }
    assert_eq!((seqs("seq_first"), seqs("seq_last")), (within[0], within[within.len() - 1]));
    assert!(
        look.render().contains(&format!("seq {} to {}", within[0], seqs("seq_last"))),
        "{}",
        look.render()
    );
    assert_ne!(std::fs::read(&path).unwrap(), before[&path], "without --yes it stays as it is");
    let done = repair(&with(true)).unwrap();
    assert!(done.done && done.exit() == Exit::Ok, "{}", done.render());
    assert_eq!(std::fs::read(&path).unwrap(), before[&path], "every byte is back");
    let missing = RepairArgs { mirror: Some(other.0.join("none")), ..args(&scratch, true) };
    assert!(repair(&missing).unwrap_err().to_string().contains("--mirror"));
}

#[test]
fn what_only_the_hot_directory_has_is_taken_over() {
    let (scratch, other) = (journal("repair-hot"), journal("repair-hot-dir"));
    let hot = other.0.join("hot");
    std::fs::create_dir_all(&hot).unwrap();
    for stream in [INPUTS, OUTPUTS] {
        std::fs::remove_dir_all(scratch.0.join(stream)).unwrap();
    }
    let lock = JournalDir::lock_tiered(&scratch.0, &hot).unwrap();
    let mut inputs = JournalLog::inputs(&lock, options()).unwrap();
    for seq in 1..=500 {
        inputs.append(&Event::state_hash(StageId::Risk, 7, Seq(seq), OPEN.plus(seq)));
    }
    pitlane_store::note_hot_dir(&lock, &hot).unwrap();
    drop((inputs, lock));
    // Where that is the journal says itself.
    let gone = hot.with_file_name("gone");
    std::fs::rename(&hot, &gone).unwrap();
    let found = repair(&args(&scratch, false)).unwrap();
    assert!(found.render().contains("which is not there"), "{}", found.render());
    std::fs::rename(&gone, &hot).unwrap();
    let found = repair(&args(&scratch, true)).unwrap();
    assert!(found.done && found.render().contains("which was looked at"), "{}", found.render());
    assert_eq!(found.json()["hot_dir"], hot.to_str().unwrap());
    assert_eq!(found.json()["streams"][0]["seq_last"], 500, "nothing that was appended is lost");
}
