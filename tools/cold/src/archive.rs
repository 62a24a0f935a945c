//! `cold-path archive`, `verify` and `backfill`: what is missing is written, and everything is compared.

use crate::args::{ArchiveArgs, Configured, date};
use crate::compare::{Compared, compare, read_through};
use crate::destination::{Place, Reached, follow};
use crate::fault;
use crate::lease;
use crate::postgres::{self, Kept, PostgresArgs};
use crate::report::Report;
use crate::segments;
use crate::store;
use crate::tail::{Closed, Journal, Tail, closed};
use clap::Args;
use pitlane_config::parse_duration_ns;
use pitlane_parquet::{Archive, Check};
use pitlane_postgres::PgError;
use pitlane_rows::{Date, Offset, Uuid};
use pitlane_session::exit::{Exit, Refusal, answer_before_exit, data, exit_of, tell, usage};
use pitlane_session::progress::Progress;
use pitlane_session::retain::{RetainArgs, retain};
use pitlane_session::signals::Signals;
use pitlane_session::summary::card;
use pitlane_store::INPUTS;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const STEPS: u64 = 16_384;
const POLL: Duration = Duration::from_millis(100);

/// What the commands that archive share.
#[derive(Args, Clone, Debug)]
pub struct JobArgs {
    #[command(flatten)]
    /// The archive.
    pub archive: ArchiveArgs,
    #[command(flatten)]
    /// The database.
    pub postgres: PostgresArgs,
    /// Wait so long for a journal that is not closed yet, that another process archives, or for a database that is down, such
    /// as 30m
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<String>,
    /// Write the journal's Parquet files again, also those that look whole
    #[arg(long)]
    pub rewrite: bool,
    /// Copy the archive of these journals there when it was verified: a directory, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX")]
    pub upload: Option<String>,
    /// Remove the journal's oldest segments when they were verified, but for the newest SEGMENTS of each stream; what a
    /// restart or another reader needs stays, see `journal-replay retain`
    #[arg(long, value_name = "SEGMENTS")]
    pub retain: Option<u64>,
    /// Print one JSON object (cold-archives/1) on stdout
    #[arg(long)]
    pub json: bool,
}

impl JobArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        self.archive.configure(configured);
        self.postgres.configure(configured);
        configured.put("upload", &mut self.upload, configured.settings.upload.clone());
    }
}

/// `cold-path archive`.
#[derive(Args, Clone, Debug)]
pub struct JobOfDay {
    /// The trading date, such as 2021-04-15
    #[arg(long, value_name = "DATE")]
    pub date: String,
    /// A journal with a session of that date; may be given several times
    #[arg(long, value_name = "DIR", required = true)]
    pub journal: Vec<PathBuf>,
    #[command(flatten)]
    /// The rest.
    pub job: JobArgs,
}

/// `cold-path backfill`.
#[derive(Args, Clone, Debug)]
pub struct BackfillArgs {
    /// Journals, or directories with journals in them
    #[arg(long, value_name = "DIR", required = true)]
    pub journal: Vec<PathBuf>,
    /// First trading date; default: the earliest
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
    /// Last trading date; default: the latest
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
    #[command(flatten)]
    /// The rest.
    pub job: JobArgs,
}

/// `cold-path verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The trading date, such as 2021-04-15
    #[arg(long, value_name = "DATE")]
    pub date: String,
    /// A journal with a session of that date; may be given several times
    #[arg(long, value_name = "DIR", required = true)]
    pub journal: Vec<PathBuf>,
    /// The archive's directory
    #[arg(long, value_name = "DIR", default_value = "archive")]
    pub out: PathBuf,
    #[command(flatten)]
    /// The database.
    pub postgres: PostgresArgs,
    /// Print one JSON object (cold-archives/1) on stdout
    #[arg(long)]
    pub json: bool,
}

impl VerifyArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        configured.put("out", &mut self.out, configured.settings.dir.clone());
        self.postgres.configure(configured);
    }
}

/// What was done for a journal, beside what was found.
#[derive(Debug, Default)]
struct Work {
    /// Rows written, by destination.
    rows: BTreeMap<&'static str, u64>,
    repairs: Vec<String>,
    notes: Vec<String>,
    segments: u64,
    uploaded: Option<(String, u64)>,
    withdrawn: u64,
    retained: Option<Value>,
    write_s: f64,
    compare_s: f64,
}

/// The nightly job.
///
/// # Errors
/// If a journal is not there, not closed, damaged, or has no session of the date; if a store fails. What differs is exit code
/// 4.
pub fn archive(args: &JobOfDay) -> anyhow::Result<Exit> {
    let wanted = date("--date", &args.date)?;
    let job = Job::new(&args.job)?;
    let mut done = Done::default();
    for dir in &args.journal {
        let one = job.open(dir).and_then(|(journal, repaired, work)| {
            check_date(&journal, wanted)?;
            job.one(&journal, repaired, work, |date| date == wanted)
        });
        job.note(one, &mut done)?;
    }
    done.tell(args.job.json)
}

/// The same for several days, of whatever journals there are.
///
/// # Errors
/// As for [`archive`]. A journal that is not closed is left out, and named.
pub fn backfill(args: &BackfillArgs) -> anyhow::Result<Exit> {
    let from = args.from.as_deref().map(|text| date("--from", text)).transpose()?.unwrap_or(Date(i32::MIN));
    let to = args.to.as_deref().map(|text| date("--to", text)).transpose()?.unwrap_or(Date(i32::MAX));
    if from > to {
        return Err(usage("--from is behind --to: there are no days between them"));
    }
    let job = Job::new(&args.job)?;
    let mut dirs = Vec::new();
    for dir in &args.journal {
        journals_in(dir, &mut dirs)?;
    }
    if dirs.is_empty() {
        return Err(data("there is no journal in the directories that were named"));
    }
    let (mut done, mut open) = (Done::default(), 0);
    let mut progress = Progress::new("journals archived", dirs.len() as u64);
    for (at, dir) in dirs.iter().enumerate() {
        progress.at(at as u64);
        let mut one = || {
            // Its days first: nothing of another day is waited for.
            let of_days = Journal::open(dir)
                .and_then(|journal| Ok(job.dates(&journal)?.iter().any(|date| (from..=to).contains(date))));
            match of_days {
                Ok(true) => {}
                Ok(false) => return Ok(Done::default()),
                Err(error) if fault::is_not_begun(&error) => return Ok(Done::default()),
                Err(error) => return Err(error),
            }
            if closed(dir)? == Closed::Not && args.job.wait.is_none() {
                open += 1;
                tell(&format!("warning: {} is not closed, and is left out", dir.display()));
                return Ok(Done::default());
            }
            let (journal, repaired, work) = job.open(dir)?;
            job.one(&journal, repaired, work, |date| (from..=to).contains(&date))
        };
        job.note(one(), &mut done)?;
    }
    drop(progress);
    if done.reports.is_empty() && done.failed.is_empty() {
        return Err(data("no closed journal that was named has a session of these days"));
    }
    let exit = done.tell(args.job.json)?;
    Ok(if exit == Exit::Ok && open > 0 { Exit::Data } else { exit })
}

/// Whether an archive has what a journal says. Writes nothing that stays: of a journal whose beginning retention has removed,
/// that is restored under `_work` meanwhile.
///
/// # Errors
/// As for [`archive`].
pub fn verify(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let wanted = date("--date", &args.date)?;
    let (archive, kept) = (Archive::new(&args.out), args.postgres.target()?);
    let mut done = Done::default();
    for dir in &args.journal {
        let closed = closed(dir)?;
        let journal = Journal::open(dir)?;
        if closed == Closed::Not {
            return Err(data(not_closed(dir)));
        }
        check_date(&journal, wanted)?;
        if !archive.manifest_folder(journal.uuid()).is_dir() {
            let out = args.out.display();
            return Err(data(format!(
                "journal {} is not in the archive {out}; `cold-path archive --date {wanted} --journal {0} --out {out}` \
                 puts it there",
                dir.display()
            )));
        }
        let started = Instant::now();
        let compared = compare(&archive, &journal, kept.as_ref(), closed == Closed::Repaired, false)?;
        let work = Work { compare_s: started.elapsed().as_secs_f64(), ..Work::default() };
        done.reports.push((compared.report(wanted), work));
    }
    done.tell(args.json)
}

fn not_closed(dir: &Path) -> String {
    format!(
        "journal {}: it is not closed yet: its writer is at work, or died; wait with --wait 30m, let `engine run` go on with \
         it to its end, or `journal-replay repair {0} --yes`",
        dir.display()
    )
}

fn check_date(journal: &Journal, wanted: Date) -> anyhow::Result<()> {
    if Date::of(journal.context.first_date) == wanted {
        return Ok(());
    }
    let dates = journal.dates()?;
    if dates.contains(&wanted) {
        return Ok(());
    }
    let dates: Vec<String> = dates.iter().map(Date::to_string).collect();
    let dir = journal.dir.display();
    Err(data(format!("journal {dir} has no session of {wanted}; it has {}", dates.join(", "))))
}

/// The journals in a directory, and in those in it.
fn journals_in(dir: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if dir.join(INPUTS).is_dir() {
        found.push(dir.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(dir).map_err(|error| data(format!("{}: {error}", dir.display())))?;
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().try_for_each(|folder| journals_in(folder, found))
}

struct Job<'a> {
    args: &'a JobArgs,
    archive: Archive,
    kept: Option<Kept>,
    store: Option<Box<dyn store::ObjectStore>>,
    until: Option<Instant>,
    signals: Signals,
}

impl<'a> Job<'a> {
    fn new(args: &'a JobArgs) -> anyhow::Result<Self> {
        args.archive.options()?;
        let wait = args.wait.as_deref().map(parse_duration_ns).transpose()?;
        Ok(Self {
            args,
            archive: args.archive.archive(),
            kept: args.postgres.target()?,
            store: args.upload.as_deref().map(store::named).transpose()?,
            until: wait.map(|ns| Instant::now() + Duration::from_nanos(ns)),
            signals: Signals::listen()?,
        })
    }

    /// Ends the command where a signal asked for it: what is written stays, and the rest is written the next time.
    fn check_signal(&self) -> anyhow::Result<()> {
        match self.signals.exit() {
            Some(exit) => {
                let message =
                    "stopped by a signal; what is written stays, and the same command goes on".to_owned();
                Err(Refusal { exit, message }.into())
            }
            None => Ok(()),
        }
    }

    fn may_wait(&self) -> anyhow::Result<bool> {
        self.check_signal()?;
        let may = self.until.is_some_and(|until| Instant::now() < until);
        if may {
            thread::sleep(POLL);
        }
        Ok(may)
    }

    /// The journal, once it is closed; and whether a repair closed it.
    fn open(&self, dir: &Path) -> anyhow::Result<(Journal, bool, Work)> {
        let mut told = false;
        loop {
            let found = closed(dir)?;
            let begun = if dir.join(INPUTS).is_dir() || self.until.is_none() {
                Journal::open(dir).map(Some).or_else(|error| {
                    if self.until.is_some() && fault::is_not_begun(&error) { Ok(None) } else { Err(error) }
                })?
            } else {
                None
            };
            if let (Some(journal), true) = (begun, found != Closed::Not) {
                let mut work = Work::default();
                if found == Closed::Repaired {
                    work.notes.push(
                        "the journal was closed by a repair, not by its writer; if the engine goes on with it, archive it \
                         again"
                            .to_owned(),
                    );
                }
                return Ok((journal, found == Closed::Repaired, work));
            }
            if !self.may_wait()? {
                return Err(data(not_closed(dir)));
            }
            if !std::mem::replace(&mut told, true) {
                tell(&format!("waiting for {} to be closed", dir.display()));
            }
        }
    }

    /// The journal's place in the archive, once no other process holds it.
    fn place(&self, journal: &Journal) -> anyhow::Result<Place> {
        loop {
            let options = self.args.archive.options()?;
            match pitlane_parquet::Writer::open(&self.archive, journal.context.clone(), options) {
                Ok(opened) => return Ok(opened.into()),
                Err(error @ pitlane_parquet::ArchiveError::Held { .. }) => {
                    if !self.may_wait()? {
                        return Err(fault::archive(error));
                    }
                }
                Err(error) => return Err(fault::archive(error)),
            }
        }
    }

    /// Archives a journal and reports on those of its dates that are wanted.
    fn one(
        &self,
        journal: &Journal,
        repaired: bool,
        mut work: Work,
        wanted: impl Fn(Date) -> bool,
    ) -> anyhow::Result<Done> {
        let (started, uuid) = (Instant::now(), journal.uuid());
        // First the lock, then what may change files.
        let place = self.place(journal)?;
        let place = self.mend(journal, place, repaired, &mut work)?;
        let place = self.write(journal, place, repaired, &mut work)?;
        // A database that fails keeps nobody from comparing the rest.
        let failed = match &self.kept {
            Some(kept) => self.fill(kept, journal, repaired, &mut work).err(),
            None => None,
        };
        self.check_signal()?;
        let kept = self.kept.as_ref().filter(|_| failed.is_none());
        work.write_s = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let compared = compare(&self.archive, journal, kept, repaired, true)?;
        work.segments = compared.segments_written;
        work.compare_s = started.elapsed().as_secs_f64();
        let dates: Vec<Date> = compared.dates.iter().copied().filter(|date| wanted(*date)).collect();
        let mut reports = Vec::new();
        for &date in &dates {
            let report = compared.report(date);
            report.store(&Report::path(self.archive.root(), date, uuid))?;
            reports.push(report);
        }
        if compared.is_equal() {
            self.upload(&compared, journal, &mut work)?;
            if failed.is_none() && !reports.is_empty() {
                work.retained = self.retain(journal, compared.offset)?;
            }
        }
        drop(place);
        let mut work = Some(work);
        let reports = reports.into_iter().map(|report| (report, work.take().unwrap_or_default())).collect();
        Ok(Done { reports, failed: failed.into_iter().collect() })
    }

    /// Trading dates of a journal: as its stored segments say, if it ends where they do. Reading all inputs of all journals
    /// every night takes longer with every night.
    fn dates(&self, journal: &Journal) -> anyhow::Result<Vec<Date>> {
        let store = store::Directory(self.archive.root().to_owned());
        let stored = match segments::manifest(&store, journal.uuid()) {
            Ok(Some(stored)) if segments::ends_as_stored(journal, &stored)? => stored,
            // A damaged one is made again.
            _ => return journal.dates(),
        };
        stored.dates.iter().map(|text| date("a date of the stored segments", text)).collect()
    }

    /// Hands a database what it has not got.
    fn fill(&self, kept: &Kept, journal: &Journal, repaired: bool, work: &mut Work) -> anyhow::Result<()> {
        let place = loop {
            match postgres::place(kept, journal) {
                Ok(place) => break place,
                Err(error) if error.is_transient() || matches!(error, PgError::Held { .. }) => {
                    if !self.may_wait()? {
                        return Err(postgres::fault(error));
                    }
                }
                Err(error) => return Err(postgres::fault(error)),
            }
        };
        self.write(journal, place, repaired, work).map(|_| ())
    }

    /// Notes what became of a journal: one that fails keeps nobody from the others. Only a signal ends the command at once.
    ///
    /// # Errors
    /// If a signal came.
    fn note(&self, one: anyhow::Result<Done>, done: &mut Done) -> anyhow::Result<()> {
        self.check_signal()?;
        match one {
            Ok(one) => {
                done.reports.extend(one.reports);
                done.failed.extend(one.failed);
            }
            Err(error) => done.failed.push(error),
        }
        Ok(())
    }

    /// Forgets what is not as its manifests say, so that it is written again.
    fn mend(
        &self,
        journal: &Journal,
        place: Place,
        repaired: bool,
        work: &mut Work,
    ) -> anyhow::Result<Place> {
        work.repairs.clone_from(&place.repairs);
        let uuid = journal.uuid();
        let firsts: BTreeSet<u64> = if self.args.rewrite {
            work.repairs.push("everything, as --rewrite asks".to_owned());
            // From the first range on each is replaced when its turn comes.
            BTreeSet::from([1])
        } else {
            let verified = self.archive.verify(uuid, Check::Rows).map_err(fault::archive)?;
            let faults = verified.faults.iter().map(|fault| fault.error.to_string());
            work.repairs.extend(faults.filter(|fault| !place.repairs.contains(fault)));
            verified.faults.iter().map(|fault| fault.first).collect()
        };
        let Some(first) = firsts.first() else { return Ok(place) };
        if journal.begins_late()? {
            return Err(data(format!(
                "the Parquet files of journal {uuid} from input {first} on are damaged ({}), and retention has removed the \
                 journal's beginning; `cold-path restore --id {uuid} --to DIR` gives the whole journal: archive that",
                work.repairs.join("; ")
            )));
        }
        if self.args.rewrite {
            read_through(&self.archive, journal, repaired)?;
        }
        // While the place is held: another writer would go on behind ranges that vanish.
        self.archive.forget(uuid, &firsts).map_err(fault::archive)?;
        drop(place);
        self.place(journal)
    }

    /// Hands a destination what it has not got.
    fn write(
        &self,
        journal: &Journal,
        mut place: Place,
        repaired: bool,
        work: &mut Work,
    ) -> anyhow::Result<Place> {
        let mut tail = Tail::open(journal, place.projection.offset(), repaired)?;
        let name = place.destination.name();
        let mut progress = Progress::new(&format!("inputs into {name}"), tail.durable_seq());
        let mut rows = 0;
        loop {
            self.check_signal()?;
            match follow(&mut tail, &mut place, STEPS, &mut |committed| rows += committed.rows)? {
                Reached::End => break,
                Reached::Bound => progress.at(place.projection.seq()),
                Reached::Durable => {
                    let (dir, seq) = (journal.dir.display(), place.projection.seq());
                    return Err(data(format!(
                        "journal {dir}: it is closed, but what follows input {seq} is not whole; `journal-replay verify \
                         {dir}` says more"
                    )));
                }
            }
        }
        work.rows.insert(name, rows);
        Ok(place)
    }

    fn upload(&self, compared: &Compared, journal: &Journal, work: &mut Work) -> anyhow::Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        let root = self.archive.root();
        let keys = keys(&self.archive, journal.uuid(), &compared.dates)?;
        let copied = store::copy(root, &keys, store.as_ref())?;
        work.withdrawn = store::withdraw(store.as_ref(), &journal.uuid().to_string(), &keys)?;
        work.uploaded = Some((store.describe(), copied));
        Ok(())
    }

    /// Only what was verified goes: the leases of this job's stores move to where `compared` ends, and no further than the last
    /// range that is complete, because an unfinished one is read again from its first input. Another store has a lease of its
    /// own.
    fn retain(&self, journal: &Journal, compared: Offset) -> anyhow::Result<Option<Value>> {
        let Some(keep) = self.args.retain else { return Ok(None) };
        let manifests = self.archive.manifests(journal.uuid()).map_err(fault::archive)?;
        let complete = manifests.iter().take_while(|manifest| manifest.complete).last();
        let complete = complete.map(|manifest| manifest.resume.offset()).unwrap_or_default();
        let to =
            Offset { seq: complete.seq.min(compared.seq), outputs: complete.outputs.min(compared.outputs) };
        let names = lease::names(self.archive.root(), self.kept.as_ref())?;
        lease::advance(&journal.dir, &names, to)?;
        let args = RetainArgs { dir: journal.dir.clone(), keep, ..RetainArgs::default() };
        Ok(Some(retain(&args)?.json()))
    }
}

/// Everything of a journal that an archive has, from its root; the manifests behind what they list.
///
/// # Errors
/// If the archive cannot be read.
pub fn keys(archive: &Archive, journal: Uuid, dates: &[Date]) -> anyhow::Result<Vec<String>> {
    let mut keys = Vec::new();
    let store = store::Directory(archive.root().to_owned());
    let manifests = archive.manifests(journal).map_err(fault::archive)?;
    for manifest in &manifests {
        keys.extend(manifest.files.iter().map(|file| file.path.clone()));
        keys.push(format!("_manifest/{journal}/{:012}-{:012}.json", manifest.first, manifest.last));
    }
    if let Some(manifest) = segments::manifest(&store, journal)? {
        let folder = segments::folder(journal);
        keys.extend(manifest.files.iter().map(|file| format!("{folder}/{}.zst", file.name)));
        keys.push(format!("{folder}/manifest.json"));
    }
    for date in dates {
        for end in ["json", "txt"] {
            let key = format!("_report/{date}/{journal}.{end}");
            keys.extend(archive.root().join(&key).is_file().then_some(key));
        }
    }
    Ok(keys)
}

/// What became of the journals: reports, and what failed.
#[derive(Default)]
struct Done {
    reports: Vec<(Report, Work)>,
    failed: Vec<anyhow::Error>,
}

impl Done {
    /// Tells what was found, and what failed. Differences decide the exit code, then the first failure.
    ///
    /// # Errors
    /// The only failure, if there is no difference: it is told by whoever gets it.
    fn tell(mut self, json: bool) -> anyhow::Result<Exit> {
        let equal = self.reports.iter().all(|(report, _)| report.equal);
        if !self.reports.is_empty() {
            answer_before_exit(&if json { self.json(equal)? } else { self.render() })?;
        }
        if equal && self.failed.len() <= 1 {
            return self.failed.pop().map_or(Ok(Exit::Ok), Err);
        }
        for error in &self.failed {
            tell(&format!("error: {error:#}"));
        }
        Ok(self.failed.first().filter(|_| equal).map_or(Exit::Divergence, exit_of))
    }

    fn json(&self, equal: bool) -> anyhow::Result<String> {
        let mut reports = Vec::new();
        for (report, work) in &self.reports {
            let mut value = serde_json::to_value(report)?;
            value["work"] = work.json();
            reports.push(value);
        }
        let failed: Vec<String> = self.failed.iter().map(|error| format!("{error:#}")).collect();
        let equal = equal && failed.is_empty();
        let value =
            json!({ "schema": "cold-archives/1", "equal": equal, "reports": reports, "failed": failed });
        Ok(value.to_string())
    }

    fn render(&self) -> String {
        let text = |(report, work): &(Report, Work)| format!("{}\n{}\n", report.render(), work.render());
        self.reports.iter().map(text).collect::<Vec<String>>().join("\n")
    }
}

impl Work {
    fn json(&self) -> Value {
        json!({
            "rows_written": self.rows,
            "segments_written": self.segments,
            "repairs": self.repairs,
            "notes": self.notes,
            "uploaded_to": self.uploaded.as_ref().map(|(to, _)| to),
            "uploaded_files": self.uploaded.as_ref().map(|(_, files)| files),
            "withdrawn_files": self.withdrawn,
            "retention": self.retained,
            "write_s": self.write_s,
            "compare_s": self.compare_s,
        })
    }

    fn render(&self) -> String {
        let mut rows = Vec::new();
        for (name, count) in &self.rows {
            rows.push((*name, format!("{count} rows written")));
        }
        if self.segments > 0 {
            rows.push(("segments", format!("{} files compressed", self.segments)));
        }
        rows.extend(self.repairs.iter().map(|repair| ("written again", repair.clone())));
        rows.extend(self.notes.iter().map(|note| ("note", note.clone())));
        if let Some((to, files)) = &self.uploaded {
            rows.push(("uploaded", format!("{files} files to {to}, each read back")));
            if self.withdrawn > 0 {
                rows.push(("withdrawn", format!("{} files of an earlier copy there", self.withdrawn)));
            }
        }
        if let Some(retained) = &self.retained {
            let removed = |stream: &Value| stream["removed"].as_array().map_or(0, Vec::len);
            let count: usize =
                retained["streams"].as_array().map_or(0, |streams| streams.iter().map(removed).sum());
            rows.push(("retention", format!("{count} segments removed")));
        }
        rows.push(("time", format!("{:.2} s to write, {:.2} s to compare", self.write_s, self.compare_s)));
        card(&rows)
    }
}
