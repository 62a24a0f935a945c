//! What a user gets wrong, and what a server can do to a writer.

use super::*;
use pitlane_postgres::patiently;
use sample::sample;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn refusal(url: &Target) -> PgError {
    Database::connect(url).err().expect("it does not connect")
}

#[test]
fn wrong_addresses_and_passwords_are_told_apart_and_never_shown() {
    let Some(server) = server() else { return };
    server.database("locked_day");
    server.add_user_with_password("ann", "hunter2");
    let locked = format!("postgresql://ann@127.0.0.1:{}/locked_day", server.port());
    let with = |password: &str| {
        let variable = |name: &str| (name == "PGPASSWORD").then(|| password.to_owned());
        target(&locked).environment(&variable).unwrap()
    };
    assert!(Database::connect(&with("hunter2")).is_ok());
    let nobody = TcpPort::closed();
    for (target, exit, says) in [
        (with("hunter3"), 2, "password"),
        (target(&locked), 2, "password"),
        (target(&server.url("no_such_day")), 2, "no_such_day"),
        (target(&format!("postgresql://ann@127.0.0.1:{nobody}/day")), 69, "refused"),
        (target("postgresql://ann@no-such-host.invalid/day"), 69, "no-such-host.invalid"),
        (target("host=/nowhere user=ann"), 69, "/nowhere"),
    ] {
        let error = refusal(&target);
        assert_eq!(error.exit_code(), exit, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter"), "{error}");
    }
    // ann may not make tables here: Debian's server 15 gives public to its owner alone.
    let error = Database::connect(&with("hunter2")).unwrap().migrate().unwrap_err();
    assert!(matches!(error, PgError::Privilege { .. }), "{error}");
    assert_eq!(error.exit_code(), 2);
    let socket = Database::connect(&target(&server.socket_url("locked_day"))).unwrap();
    assert!(socket.address().starts_with("postgresql://pitlane@[/"), "{}", socket.address());
}

struct TcpPort;

impl TcpPort {
    /// One on which nobody listens.
    fn closed() -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }
}

#[test]
fn a_second_writer_of_a_journal_is_refused() {
    let Some(server) = server() else { return };
    let url = server.database("two_writers");
    let sample = sample(4, 50);
    let open = |options| Sink::open(&target(&url), sample.context.clone(), options);
    let mut first = open(Options::default()).unwrap();
    let error = open(Options::default()).err().unwrap();
    assert!(matches!(error, PgError::Held { .. }), "{error}");
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains(&format!("pitlane {} ", std::process::id())), "{error}");
    // Another journal is none of its business.
    let mut other = sample.context.clone();
    other.journal = Uuid([7; 16]);
    Sink::open(&target(&url), other, Options::default()).unwrap();
    // Nor is another group of tables, if it is another's.
    let group = |tables| Options { group: "ticks".to_owned(), tables, ..Options::default() };
    let error = open(group(Tables::NONE.with(pitlane_rows::Table::Ticks))).err().unwrap();
    assert!(matches!(error, PgError::Options { .. }) && error.exit_code() == 3, "{error}");
    step(&sample, &mut first.projection, &mut first.sink);
    first.sink.commit(&mut first.projection).unwrap();
    drop(first);
    let again = open(Options::default()).unwrap();
    assert_eq!(again.projection.seq(), 1);
    drop(again);
    let without = Options { tables: Tables::ALL.without(pitlane_rows::Table::Depth), ..Options::default() };
    assert!(matches!(open(without).err().unwrap(), PgError::Options { .. }));
    let mut strange = sample.context.clone();
    strange.instruments.pop();
    let error = Sink::open(&target(&url), strange, Options::default()).err().unwrap();
    assert!(matches!(error, PgError::State { .. }) && error.exit_code() == 3, "{error}");
}

#[test]
fn groups_of_tables_go_each_at_its_own_pace() {
    let Some(server) = server() else { return };
    let url = server.database("groups");
    let sample = sample(6, 300);
    let ticks = Tables::NONE.with(pitlane_rows::Table::Ticks).with(pitlane_rows::Table::Depth);
    let rest = ticks.iter().fold(Tables::ALL, Tables::without);
    for (group, tables) in [("main", rest), ("ticks", ticks)] {
        write_all(&sample, &url, Options { group: group.to_owned(), tables, ..Options::default() }).unwrap();
    }
    let mut database = Database::connect(&target(&url)).unwrap();
    let (found, stored) = database.tally(sample.context.journal, Tables::ALL, None).unwrap();
    assert_eq!(tally_of(&sample).differences(&found), []);
    assert_eq!(stored.len(), 2);
}

#[test]
fn journals_side_by_side_share_the_parts_of_a_day() {
    let Some(server) = server() else { return };
    let url = server.database("side_by_side");
    let journals: Vec<Sample> = (1..5)
        .map(|number| {
            let mut sample = sample(40 + number, 400);
            sample.context.journal = Uuid([number as u8; 16]);
            sample
        })
        .collect();
    std::thread::scope(|scope| {
        for sample in &journals {
            let url = &url;
            scope.spawn(move || {
                let opened = Sink::open(&target(url), sample.context.clone(), small(150)).unwrap();
                let (mut sink, mut projection) = (opened.sink, opened.projection);
                write(sample, &mut sink, &mut projection, &mut |sink, projection| {
                    patiently(&|| false, &mut |down| println!("{}", down.error), || sink.commit(projection))
                })
                .unwrap();
            });
        }
    });
    for sample in &journals {
        check(sample, &tally_of(sample), &url);
    }
    assert_eq!(Database::connect(&target(&url)).unwrap().stored().unwrap().len(), journals.len());
}

#[test]
fn a_database_that_is_not_what_it_was_is_noticed() {
    let Some(server) = server() else { return };
    let url = server.database("restored");
    let sample = sample(8, 300);
    let open = || Sink::open(&target(&url), sample.context.clone(), small(100)).unwrap();
    let mut opened = open();
    for _ in 0..200 {
        step(&sample, &mut opened.projection, &mut opened.sink);
    }
    opened.sink.commit(&mut opened.projection).unwrap();
    // Somebody goes back to a copy, of nothing.
    clear(server, "restored");
    step(&sample, &mut opened.projection, &mut opened.sink);
    for _ in 0..2 {
        // Of the connection that it had, and of a new one.
        let error = opened.sink.commit(&mut opened.projection).unwrap_err();
        assert!(error.is_mended_by_reopening() && !error.is_transient(), "{error}");
    }
    drop(opened);
    assert_eq!(open().projection.seq(), 0);
    write_all(&sample, &url, small(100)).unwrap();
    check(&sample, &tally_of(&sample), &url);
    // Somebody puts rows there by hand: the primary key is the last guard.
    server.psql("restored", "UPDATE sink_offset SET seq = 0, outputs = 0, state = ''");
    let error = write_all(&sample, &url, Options::default()).unwrap_err();
    assert!(matches!(error, PgError::Duplicate { .. }) && error.to_string().contains("seq"), "{error}");
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn sessions_that_the_server_ends_are_opened_again() {
    let Some(server) = server() else { return };
    let url = server.database("ended");
    let sample = sample(9, 1_500);
    let opened = Sink::open(&target(&url), sample.context.clone(), small(1_000)).unwrap();
    let (mut sink, mut projection) = (opened.sink, opened.projection);
    let mut errors = 0;
    write(&sample, &mut sink, &mut projection, &mut |sink, projection| {
        server.psql(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ended'",
        );
        patiently(&|| false, &mut |_| errors += 1, || sink.commit(projection))
    })
    .unwrap();
    assert!(errors > 2);
    check(&sample, &tally_of(&sample), &url);
}

/// A file system of a few megabytes.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let disk = Self(dir);
        disk.mount(&format!("size={size},mode=0777")).then_some(disk)
    }

    fn mount(&self, options: &str) -> bool {
        let command =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(self.0.path()).output();
        command.is_ok_and(|output| output.status.success())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_is_waited_for() {
    let Some(disk) = SmallDisk::new("24m") else {
        println!("skipped: a small disk needs root and mount");
        return;
    };
    let Some(server) = Server::start() else { return };
    // A tablespace's directory belongs to the server's account.
    let place = disk.path().join("space");
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
    let owner = fs::metadata(server.dir().join("data")).unwrap();
    let (user, group) =
        (std::os::unix::fs::MetadataExt::uid(&owner), std::os::unix::fs::MetadataExt::gid(&owner));
    std::os::unix::fs::chown(&place, Some(user), Some(group)).unwrap();
    server.psql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
    server.psql("postgres", "CREATE DATABASE filled TABLESPACE small");
    let url = server.url("filled");
    let sample = sample(10, 12_000);
    let opened = Sink::open(&target(&url), sample.context.clone(), small(5_000)).unwrap();
    let (mut sink, mut projection) = (opened.sink, opened.projection);
    let mut waits = 0;
    let mut down = |down: &pitlane_postgres::Down<'_>| {
        waits += 1;
        assert!(down.error.to_string().contains("make room on the server's disk"), "{}", down.error);
        assert_eq!(down.error.exit_code(), 69);
        if down.failures == 2 {
            assert!(disk.mount("remount,size=500m"));
        }
    };
    write(&sample, &mut sink, &mut projection, &mut |sink, projection| {
        patiently(&|| false, &mut down, || sink.commit(projection))
    })
    .unwrap();
    assert!(waits >= 2, "the disk was never full");
    check(&sample, &tally_of(&sample), &url);
}
