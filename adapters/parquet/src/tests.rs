//! An archive against the projection, against itself in pieces, and against what can happen to its files.

#[path = "../../rows/src/tests/sample.rs"]
mod sample;

use crate::{Archive, ArchiveError, Check, Manifest, Opened, Options, Writer, read_file};
use pitlane_engine::event::Event;
use pitlane_rows::{Context, Projection, RowSink, Table, Tables, Tally, Uuid, Value};
use sample::{Rng, Sample, sample};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const OPTIONS: Options = Options { range_inputs: 250, tables: Tables::ALL };

/// Feeds the step of the next input, and says where its outputs end.
fn step(sample: &Sample, projection: &mut Projection, sink: &mut dyn RowSink) {
    let offset = projection.offset();
    let input = &sample.inputs[offset.seq as usize];
    projection.input(input, sink).unwrap();
    let of_step = |output: &&Event| output.header.seq == input.header.seq;
    for output in sample.outputs[offset.outputs as usize..].iter().take_while(of_step) {
        projection.output(output, sink).unwrap();
    }
    projection.end_step(sink);
}

/// Archives the first `inputs` inputs in one go.
fn archive(root: &Path, sample: &Sample, inputs: usize) -> Archive {
    let archive = Archive::new(root);
    let Opened { mut writer, mut projection, repairs } =
        Writer::open(&archive, sample.context.clone(), OPTIONS).unwrap();
    assert!(repairs.is_empty(), "{repairs:?}");
    run(sample, &mut writer, &mut projection, inputs);
    writer.finish(&mut projection).unwrap();
    archive
}

fn run(sample: &Sample, writer: &mut Writer, projection: &mut Projection, inputs: usize) {
    while (projection.seq() as usize) < inputs {
        step(sample, projection, writer);
        writer.end_step(projection).unwrap();
    }
}

fn tally(sample: &Sample) -> Tally {
    let (mut tally, mut projection) = (Tally::new(), Projection::new(sample.context.clone()));
    while (projection.seq() as usize) < sample.inputs.len() {
        step(sample, &mut projection, &mut tally);
    }
    tally
}

/// Every file under `root` with its bytes; the locks are empty.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, at: &Path, tree: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, tree);
            } else {
                tree.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(root, root, &mut all);
    all
}

fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (tree(one), tree(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in &one {
        assert!(other[path] == *bytes, "{} differs", path.display());
    }
}

#[test]
fn what_is_read_is_what_was_projected() {
    let (sample, dir) = (sample(1, 1_500), tempfile::tempdir().unwrap());
    let archive = archive(dir.path(), &sample, sample.inputs.len());
    assert_eq!(archive.journals().unwrap(), [sample.context.journal]);
    let mut read = Tally::new();
    let rows = archive.rows(sample.context.journal, &mut read).unwrap();
    let projected = tally(&sample);
    assert!(projected.differences(&read).is_empty());
    let verified = archive.verify(sample.context.journal, Check::Rows).unwrap();
    assert!(verified.faults.is_empty(), "{:?}", verified.faults);
    assert_eq!((verified.rows, verified.last), (rows, sample.inputs.len() as u64));
    assert!(verified.complete && verified.ranges >= 18);
    // The manifests' own sums, counted in the projection.
    let manifests = archive.manifests(sample.context.journal).unwrap();
    for &table in Table::ALL {
        let files =
            manifests.iter().flat_map(|manifest| &manifest.files).filter(|file| file.kind == table.name());
        let rows: u64 = files.clone().map(|file| file.rows).sum();
        assert_eq!(rows, projected.rows(table), "{table:?}");
        for (at, column) in table.columns().enumerate().filter(|(_, column)| column.ty.is_summed()) {
            let listed: i128 =
                files.clone().map(|file| file.sums[column.name].parse::<i128>().unwrap()).sum();
            let groups = projected.groups().iter().filter(|(group, _)| group.table == table);
            assert_eq!(
                listed,
                groups.map(|(_, count)| count.sums[at]).sum::<i128>(),
                "{table:?} {}",
                column.name
            );
        }
    }
}

#[test]
fn files_are_sorted_and_lie_where_their_date_is() {
    let (sample, dir) = (sample(2, 600), tempfile::tempdir().unwrap());
    let archive = archive(dir.path(), &sample, sample.inputs.len());
    for manifest in archive.manifests(sample.context.journal).unwrap() {
        for file in &manifest.files {
            let table = Table::from_name(&file.kind).unwrap();
            let mut last = None;
            read_file(&dir.path().join(&file.path), table, &mut |row| {
                let Value::Date(date) = row[2] else { panic!("no date") };
                assert_eq!(pitlane_rows::Date(date).to_string(), file.date);
                let instrument = table.instrument_column().and_then(|at| match row[at] {
                    Value::I32(id) => Some(id),
                    _ => None,
                });
                let Value::I64(ts) = row[6] else { panic!("no time") };
                assert!(last <= Some((instrument, ts)), "{}", file.path);
                last = Some((instrument, ts));
            })
            .unwrap();
            assert!(file.path.starts_with(&format!("kind={}/date={}/part-", file.kind, file.date)));
        }
    }
}

#[test]
fn writing_again_gives_the_same_bytes() {
    let sample = sample(3, 700);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    archive(one.path(), &sample, sample.inputs.len());
    let archive_of_other = archive(other.path(), &sample, sample.inputs.len());
    assert_same(one.path(), other.path());
    // Over what is there, too.
    let found = archive_of_other.found(sample.context.journal).unwrap();
    let firsts = found.iter().map(|(_, manifest)| manifest.as_ref().unwrap().first).collect();
    assert!(archive_of_other.forget(sample.context.journal, &firsts).unwrap() > 5);
    archive(other.path(), &sample, sample.inputs.len());
    assert_same(one.path(), other.path());
}

#[test]
fn any_split_gives_the_same_files() {
    let rounds = if std::env::var_os("PITLANE_LONG").is_some_and(|long| !long.is_empty()) { 100 } else { 4 };
    for seed in 0..rounds {
        println!("seed {seed}");
        let (sample, mut rng) = (sample(seed, 300), Rng(seed + 99));
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        archive(whole.path(), &sample, sample.inputs.len());
        let archive = Archive::new(parts.path());
        let mut there = 0;
        while there < sample.inputs.len() {
            let Opened { mut writer, mut projection, repairs } =
                Writer::open(&archive, sample.context.clone(), OPTIONS).unwrap();
            assert!(repairs.is_empty(), "{repairs:?}");
            assert!(projection.seq() as usize <= there);
            there = sample.inputs.len().min(there + rng.below(300) as usize);
            run(&sample, &mut writer, &mut projection, there);
            // The process dies here; or it ends in order, with a range that is not complete.
            if rng.below(2) == 0 || there == sample.inputs.len() {
                writer.finish(&mut projection).unwrap();
                let verified = archive.verify(sample.context.journal, Check::Bytes).unwrap();
                assert!(verified.faults.is_empty(), "{:?}", verified.faults);
                assert_eq!(verified.last as usize, there);
            }
        }
        assert_same(whole.path(), parts.path());
    }
}

/// What is done to a file of a range and to the range's manifest.
type Harm = fn(&Path, &Path);

/// Harms, and how closely one has to look to find them.
const HARMS: &[(&str, Check, Harm)] = &[
    ("the file is gone", Check::Presence, |file, _| fs::remove_file(file).unwrap()),
    ("the file is half-written", Check::Presence, |file, _| {
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    }),
    ("a byte of the file", Check::Bytes, |file, _| {
        let mut bytes = fs::read(file).unwrap();
        let at = bytes.len() / 3;
        bytes[at] ^= 1;
        fs::write(file, bytes).unwrap();
    }),
    ("a manifest that says less", Check::Presence, |_, manifest| {
        let text = fs::read_to_string(manifest).unwrap();
        fs::write(manifest, text.replacen("\"rows\": ", "\"rows\": 1", 1)).unwrap();
    }),
    ("a manifest that is cut off", Check::Presence, |_, manifest| {
        let text = fs::read_to_string(manifest).unwrap();
        fs::write(manifest, &text[..text.len() / 2]).unwrap();
    }),
    ("a manifest that lies under a good seal", Check::Rows, |_, manifest| {
        let mut lie = Manifest::read(manifest).unwrap();
        lie.files[0].rows += 1;
        lie.write(manifest.parent().unwrap()).unwrap();
    }),
    ("a manifest that lies about sums", Check::Rows, |_, manifest| {
        let mut lie = Manifest::read(manifest).unwrap();
        lie.files[0].sums.insert("seq".to_owned(), "1".to_owned());
        lie.write(manifest.parent().unwrap()).unwrap();
    }),
    ("a manifest that points elsewhere", Check::Presence, |_, manifest| {
        let mut lie = Manifest::read(manifest).unwrap();
        lie.files[0].path = "../elsewhere.parquet".to_owned();
        lie.write(manifest.parent().unwrap()).unwrap();
    }),
    ("a manifest with another state", Check::Presence, |file, manifest| {
        let mut lie = Manifest::read(manifest).unwrap();
        lie.resume.outputs += 1;
        lie.write(manifest.parent().unwrap()).unwrap();
        fs::remove_file(file).unwrap();
    }),
    ("a manifest is gone", Check::Presence, |_, manifest| fs::remove_file(manifest).unwrap()),
];

#[test]
fn what_happens_to_files_is_found_and_mended() {
    let (sample, whole) = (sample(5, 260), tempfile::tempdir().unwrap());
    let journal = sample.context.journal;
    archive(whole.path(), &sample, sample.inputs.len());
    for (name, check, harm) in HARMS {
        let dir = tempfile::tempdir().unwrap();
        let archive = archive(dir.path(), &sample, sample.inputs.len());
        let (manifest, read) = archive.found(journal).unwrap().remove(2);
        let read = read.unwrap();
        harm(&dir.path().join(&read.files[0].path), &manifest);
        let verified = archive.verify(journal, *check).unwrap();
        let fault = verified.faults.first().unwrap_or_else(|| panic!("{name}: not found"));
        assert!(fault.error.is_mended_by_rewriting(), "{name}: {:?}", fault.error);
        assert!(fault.error.to_string().contains(dir.path().to_str().unwrap()), "{name}: {}", fault.error);
        if *check > Check::Presence {
            assert!(archive.verify(journal, Check::Presence).unwrap().faults.is_empty(), "{name}");
            let ranges = archive.found(journal).unwrap().len();
            assert_eq!(archive.forget(journal, &[fault.first].into()).unwrap(), 1, "{name}");
            assert_eq!(
                archive.found(journal).unwrap().len(),
                ranges - 1,
                "{name}: good ranges are forgotten"
            );
        }
        let Opened { mut writer, mut projection, repairs } =
            Writer::open(&archive, sample.context.clone(), OPTIONS).unwrap();
        assert_eq!(repairs.len(), 1, "{name}: {repairs:?}");
        assert!(projection.seq() < read.last, "{name}");
        run(&sample, &mut writer, &mut projection, sample.inputs.len());
        writer.finish(&mut projection).unwrap();
        drop(writer);
        assert!(archive.verify(journal, Check::Rows).unwrap().faults.is_empty(), "{name}");
        assert_same(whole.path(), dir.path());
    }
}

#[test]
fn what_a_dead_writer_left_is_swept() {
    let (sample, whole, dir) = (sample(6, 400), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    archive(whole.path(), &sample, sample.inputs.len());
    archive(dir.path(), &sample, 400);
    // It died between the files of a range and its manifest, and inside a file.
    let archive_of_dir = Archive::new(dir.path());
    let journal = sample.context.journal;
    let (manifest, read) = archive_of_dir.found(journal).unwrap().pop().unwrap();
    assert!(!read.unwrap().complete);
    fs::remove_file(&manifest).unwrap();
    let some = tree(dir.path()).into_keys().find(|path| path.starts_with("kind=ticks")).unwrap();
    let name = some.file_name().unwrap().to_str().unwrap();
    fs::write(dir.path().join(&some).with_file_name(format!(".{name}.tmp")), b"PAR1").unwrap();
    fs::write(manifest.with_file_name(".x.json.tmp"), b"{").unwrap();
    let other = dir.path().join(&some).with_file_name("part-000000000000-000000000001-000000000002.parquet");
    fs::write(&other, b"of another journal").unwrap();
    archive(dir.path(), &sample, sample.inputs.len());
    fs::remove_file(other).expect("files of other journals are left alone");
    assert_same(whole.path(), dir.path());
}

#[test]
fn a_file_that_no_manifest_lists_is_told_of() {
    let (sample, dir) = (sample(9, 400), tempfile::tempdir().unwrap());
    let journal = sample.context.journal;
    let archive = archive(dir.path(), &sample, sample.inputs.len());
    assert!(archive.unlisted(journal).unwrap().is_empty());
    let (manifest, read) = archive.found(journal).unwrap().remove(1);
    let read = read.unwrap();
    let listed: Vec<PathBuf> = read.files.iter().map(|file| dir.path().join(&file.path)).collect();
    fs::remove_file(manifest).unwrap();
    let found = archive.unlisted(journal).unwrap();
    assert!(!listed.is_empty() && listed.iter().all(|path| found.contains(path)), "{found:?}");
    assert_eq!(found.len(), listed.len());
    // A range that is missing is what is wrong, not the one behind it.
    let verified = archive.verify(journal, Check::Presence).unwrap();
    let firsts: Vec<u64> = verified.faults.iter().map(|fault| fault.first).collect();
    assert_eq!(firsts, [read.first]);
    assert_eq!(archive.forget(journal, &firsts.into_iter().collect()).unwrap(), 0);
}

#[test]
fn what_cannot_be_gone_on_with_is_refused() {
    let (sample, dir) = (sample(7, 200), tempfile::tempdir().unwrap());
    let archive = archive(dir.path(), &sample, sample.inputs.len());
    let open = |options| Writer::open(&archive, sample.context.clone(), options);
    let first = open(OPTIONS).unwrap();
    assert!(matches!(open(OPTIONS), Err(ArchiveError::Held { .. })));
    drop(first);
    let other = Options { range_inputs: 251, ..OPTIONS };
    assert!(matches!(open(other), Err(ArchiveError::Options { what: "inputs of a range", .. })));
    let other = Options { tables: Tables::ALL.without(Table::Ticks), ..OPTIONS };
    assert!(matches!(open(other), Err(ArchiveError::Options { what: "tables", .. })));
    let (manifest, _) = archive.found(sample.context.journal).unwrap().remove(0);
    let text = fs::read_to_string(&manifest).unwrap();
    let schema = format!("\"schema\": {}", pitlane_rows::SCHEMA_VERSION);
    for (newer, found) in [("\"schema\": 99, \"more\": 1", 99), ("\"schema\": 0", 0)] {
        fs::write(&manifest, text.replace(&schema, newer)).unwrap();
        match open(OPTIONS).err() {
            Some(ArchiveError::Schema { found: it, .. }) => assert_eq!(it, found),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_write_that_fails_is_done_again() {
    let (sample, whole, dir) = (sample(8, 400), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    archive(whole.path(), &sample, sample.inputs.len());
    let archive = Archive::new(dir.path());
    let Opened { mut writer, mut projection, .. } =
        Writer::open(&archive, sample.context.clone(), OPTIONS).unwrap();
    // Where a folder should be there is a file.
    let blocked = dir.path().join("kind=fills");
    fs::write(&blocked, b"").unwrap();
    let mut failed = 0;
    while (projection.seq() as usize) < sample.inputs.len() {
        step(&sample, &mut projection, &mut writer);
        if let Err(error) = writer.end_step(&mut projection) {
            assert!(matches!(&error, ArchiveError::Io { .. }) && !error.is_mended_by_rewriting(), "{error}");
            assert!(writer.pending_rows() > 0);
            failed += 1;
            fs::remove_file(&blocked).unwrap();
            assert!(writer.end_step(&mut projection).unwrap().is_some());
        }
    }
    assert_eq!((failed, writer.pending_rows()), (1, 0));
    assert_eq!(writer.finish(&mut projection).unwrap(), None);
    assert_same(whole.path(), dir.path());
}
