//! Copies of journals that are whole, damaged, open, and another's.

use super::*;
use crate::dump::tests::{OPEN, Scratch, journal, options};
use crate::exit::{Exit, exit_of};
use pitlane_engine::event::{Event, StageId};
use pitlane_engine::log::EventLog;
use pitlane_engine::units::Seq;
use pitlane_store::JournalLog;
use std::collections::BTreeMap;

fn args(scratch: &Scratch, to: &Path) -> MirrorArgs {
    MirrorArgs { dir: scratch.0.clone(), to: to.to_owned(), json: false }
}

/// The segments below a directory by stream and name.
fn segments(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for stream in [INPUTS, OUTPUTS] {
        for path in fs::read_dir(dir.join(stream)).unwrap().map(|entry| entry.unwrap().path()) {
            found.insert(path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    found
}

fn refused(args: &MirrorArgs, exit: Exit, word: &str) {
    let error = mirror(args).unwrap_err();
    assert_eq!(exit_of(&error), exit, "{error:#}");
    assert!(format!("{error:#}").contains(word), "`{word}` is missing in: {error:#}");
}

#[test]
fn the_copy_is_the_journal_and_is_mended_when_it_is_not() {
    let (scratch, other) = (journal("mirror"), journal("mirror-to"));
    let to = other.0.join("copy");
    let done = mirror(&args(&scratch, &to)).unwrap();
    assert_eq!(segments(&to), segments(&scratch.0));
    assert_eq!(done.json()["streams"][0]["seq_last"], 9);
    assert!(done.render().contains("both copies are the same"), "{}", done.render());
    let path = to.join(INPUTS).join("0000000000000000.lxj");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let done = mirror(&args(&scratch, &to)).unwrap();
    assert_eq!(segments(&to), segments(&scratch.0));
    let repaired = &done.json()["streams"][0]["repaired"];
    assert_eq!((&repaired[0]["segment"], &repaired[0]["offset"]), (&0.into(), &0.into()), "{repaired}");
    assert!(done.render().contains("the copy was damaged at segment 0"), "{}", done.render());
}

#[test]
fn what_is_not_sound_or_not_another_place_is_refused_and_nothing_is_made() {
    let (scratch, other) = (journal("mirror-refused"), journal("mirror-refused-to"));
    for to in [scratch.0.clone(), scratch.0.join("copy"), scratch.0.parent().unwrap().to_owned()] {
        refused(&args(&scratch, &to), Exit::Usage, "--to");
    }
    let to = other.0.join("copy");
    let path = scratch.0.join(INPUTS).join("0000000000000000.lxj");
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[4_200] ^= 1;
    fs::write(&path, bytes).unwrap();
    refused(&args(&scratch, &to), Exit::Data, "damaged at offset");
    fs::write(&path, whole).unwrap();
    fs::remove_dir_all(scratch.0.join(OUTPUTS)).unwrap();
    let lock = JournalDir::lock(&scratch.0).unwrap();
    refused(&args(&scratch, &to), Exit::Data, "in use");
    let mut outputs = JournalLog::outputs(&lock, options()).unwrap();
    outputs.append(&Event::state_hash(StageId::Risk, 7, Seq(5), OPEN));
    drop((outputs, lock));
    refused(&args(&scratch, &to), Exit::Data, "outputs were not closed");
    assert!(!to.exists(), "nothing is made for a journal that is not copied");
    let another = journal("mirror-another");
    mirror(&args(&another, &to)).unwrap();
    let third = journal("mirror-third");
    let before = segments(&to);
    refused(&args(&third, &to), Exit::Data, "belongs elsewhere");
    assert_eq!(segments(&to), before);
}
