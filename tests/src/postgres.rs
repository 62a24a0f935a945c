//! A real PostgreSQL server for a test: Debian's, as an unprivileged user, in a directory of its own, on loopback and a unix
//! socket. It needs nothing but std and `tempfile`, so that packages this one depends on can include the file.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The superuser of the server.
pub const USER: &str = "pitlane";

/// A server that runs. Dropped, or when this process is gone, it stops and its directory is removed.
pub struct Server {
    bin: PathBuf,
    dir: TempDir,
    port: u16,
    account: Option<(u32, u32)>,
    settings: String,
    guard: Option<Child>,
}

impl Server {
    /// Starts one that does not wait for its disk, which only a power cut would tell from one that does.
    ///
    /// `None`, with a line that says what to do, if PostgreSQL is not installed. Where `PITLANE_INSTALL` is set and this is
    /// root, it is installed first.
    ///
    /// Panics if it is installed and does not start.
    pub fn start() -> Option<Self> {
        Self::start_with(&["fsync=off"])
    }

    /// Starts one with these settings.
    ///
    /// Panics if it is installed and does not start.
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(bin) = find().or_else(install) else {
            println!(
                "skipped: no PostgreSQL server; apt-get install postgresql, or set PITLANE_INSTALL=1 as root"
            );
            return None;
        };
        // initdb refuses root.
        let account = is_root().then(nobody);
        let dir = tempfile::Builder::new().prefix("pitlane-pg").tempdir().expect("a directory can be made");
        if let Some((user, group)) = account {
            chown(dir.path(), Some(user), Some(group)).expect("root may give a directory away");
        }
        let settings = settings.iter().map(|setting| format!(" -c {setting}")).collect();
        let mut server = Self { bin, dir, port: 0, account, settings, guard: None };
        server.run("initdb", &["--no-sync", "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C"]);
        server.guard = Some(server.start_guard());
        // Somebody else may take the port between the look and the start.
        for attempt in 0.. {
            server.port = free_port();
            match server.try_start() {
                Ok(()) => break,
                Err(why) => assert!(attempt < 5, "the server does not start: {why}\n{}", server.log()),
            }
        }
        Some(server)
    }

    /// An address on loopback, for a database of this name, which is made.
    pub fn database(&self, name: &str) -> String {
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// The address on loopback of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgresql://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// The address of a database on the unix socket.
    pub fn socket_url(&self, name: &str) -> String {
        format!("host={} port={} user={USER} dbname={name}", self.dir.path().display(), self.port)
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory: of the socket, the log, and the data under `data`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What the server said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// What `psql` prints, unaligned and without headings. Panics if a statement fails.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let socket = self.dir.path().display().to_string();
        let port = self.port.to_string();
        let set = "ON_ERROR_STOP=1";
        let arguments =
            ["-X", "-q", "-A", "-t", "-v", set, "-h", &socket, "-p", &port, "-U", USER, "-d", database];
        let output = self.command("psql").args(arguments).args(["-c", sql]).output().expect("psql runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {said}");
        String::from_utf8(output.stdout).expect("psql prints UTF-8")
    }

    /// Stops it as a power cut would: no answer, no last checkpoint.
    pub fn stop_immediately(&self) {
        self.run("pg_ctl", &["stop", "-s", "-w", "-m", "immediate"]);
    }

    /// Starts it again, on the same port, after a stop. Panics if it does not start.
    pub fn start_again(&self) {
        self.try_start()
            .unwrap_or_else(|why| panic!("the server does not start again: {why}\n{}", self.log()));
    }

    /// Lets this user in with this password alone. Others need none.
    pub fn add_user_with_password(&self, user: &str, password: &str) {
        self.psql("postgres", &format!("CREATE ROLE {user} LOGIN PASSWORD '{password}'"));
        let rules = self.dir.path().join("data/pg_hba.conf");
        let others = fs::read_to_string(&rules).expect("the rules can be read");
        let rule = format!("host all {user} 127.0.0.1/32 scram-sha-256\n");
        fs::write(&rules, rule + &others).expect("the rules can be written");
        self.psql("postgres", "SELECT pg_reload_conf()");
    }

    fn try_start(&self) -> Result<(), String> {
        let socket = self.dir.path().display();
        let options = format!(
            "-p {} -k {socket} -c listen_addresses=127.0.0.1 -c max_connections=50{}",
            self.port, self.settings
        );
        let log = self.dir.path().join("log").display().to_string();
        let output = self
            .command("pg_ctl")
            .args(["start", "-s", "-w", "-t", "60", "-l", &log, "-o", &options])
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }

    fn command(&self, program: &str) -> Command {
        self.command_of(&self.bin.join(program))
    }

    fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command.env("PGDATA", self.dir.path().join("data"));
        for variable in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGPASSFILE", "PGSERVICE"]
        {
            command.env_remove(variable);
        }
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    /// A process that stops the server when this one is gone, however that came.
    fn start_guard(&self) -> Child {
        let script = "while [ -d /proc/$1 ] && [ -d \"$PGDATA\" ]; do sleep 1; done; \
                      [ -d \"$PGDATA\" ] && { \"$2\" stop -s -m immediate; rm -rf \"$3\"; }";
        let mut guard = self.command_of(Path::new("/bin/sh"));
        guard.args(["-c", script, "guard"]).arg(std::process::id().to_string());
        guard.arg(self.bin.join("pg_ctl")).arg(self.dir.path());
        guard.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        guard.spawn().expect("sh runs")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be stopped already.
        _ = self.command("pg_ctl").args(["stop", "-s", "-w", "-m", "immediate"]).output();
        if let Some(guard) = &mut self.guard {
            _ = guard.kill();
            _ = guard.wait();
        }
    }
}

fn find() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| ["initdb", "pg_ctl", "postgres", "psql"].iter().all(|name| bin.join(name).exists()))
        .collect();
    versions.sort();
    versions.pop()
}

/// Debian's package, without the cluster that it would start by itself.
fn install() -> Option<PathBuf> {
    if !is_root() || std::env::var_os("PITLANE_INSTALL").is_none_or(|value| value.is_empty()) {
        return None;
    }
    let script = "mkdir -p /etc/postgresql-common && f=/etc/postgresql-common/createcluster.conf && \
                  { [ -e $f ] || echo 'create_main_cluster = false' >$f; } && \
                  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql";
    let output = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output().ok()?;
    if !output.status.success() {
        println!("apt-get: {}", String::from_utf8_lossy(&output.stderr));
    }
    find()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// User and group of the account that owns nothing.
fn nobody() -> (u32, u32) {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = accounts.lines().find(|line| line.starts_with("nobody:")).unwrap_or_default();
    let mut numbers = line.split(':').skip(2).map_while(|field| field.parse().ok());
    (numbers.next().unwrap_or(65_534), numbers.next().unwrap_or(65_534))
}

fn free_port() -> u16 {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.unwrap_or_else(|error: io::Error| panic!("no port on loopback: {error}")).port()
}
