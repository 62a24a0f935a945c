//! A simulated broker and an engine as two processes, and what each of them says afterwards.

use pitlane_tests::shared_data;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) fn binary(name: &str) -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let path = me.ancestors().nth(2).unwrap().join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    path
}

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Ends it as a loss of power would.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end: the exit code, `None` if it was killed or does not end in time.
    pub(crate) fn wait(&mut self, most: Duration) -> Option<i32> {
        let deadline = Instant::now() + most;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

pub(crate) fn sleep_until(wall: u64) {
    while wall_ns() < wall {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A market, and how a broker plays it.
pub(crate) struct Market {
    /// `--synthetic`, or `--ticks` with its files; and whatever else.
    pub(crate) args: Vec<String>,
    pub(crate) speed: u32,
    pub(crate) from: &'static str,
    /// When its time begins to go: long enough for the engine to log in, to reconcile and to connect.
    pub(crate) wall_base: u64,
}

/// A simulated broker, and what its first line says.
pub(crate) struct Sim {
    process: Process,
    said: Value,
}

impl Sim {
    pub(crate) fn start(market: &Market, dir: &Path) -> Self {
        Self::start_at(market, dir, &[])
    }

    fn start_at(market: &Market, dir: &Path, addresses: &[&str]) -> Self {
        let mut command = Command::new(binary("broker-sim"));
        command.args(&market.args).args(["--speed", &format!("x{}", market.speed), "--from", market.from]);
        command.args(["--wall-base", &market.wall_base.to_string(), "--state"]).arg(dir.join("broker.state"));
        command.args(addresses);
        let errors = File::options().create(true).append(true).open(dir.join("broker.err")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let process = Process(child);
        let said = serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!("{error}: {line:?}\n{}", std::fs::read_to_string(dir.join("broker.err")).unwrap())
        });
        Self { process, said }
    }

    /// Dies, and a moment later comes back where it was, with what it had.
    pub(crate) fn die_and_come_back(&mut self, market: &Market, dir: &Path, after: Duration) {
        self.process.kill();
        std::thread::sleep(after);
        let (http, ws) = (self.text("http"), self.text("ws"));
        *self = Self::start_at(market, dir, &["--http", &http, "--ws", &ws]);
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.said[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.said)).to_owned()
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.said[key].as_u64().unwrap_or_else(|| panic!("{key} in {}", self.said))
    }

    /// The sections of a configuration that lead an engine to it.
    pub(crate) fn sections(&self, dir: &Path, broker: &str) -> String {
        format!(
            "[broker]\napi_key = \"demo\"\ntoken_file = \"{}\"\nrest = \"http://{}\"\nticker = \"ws://{}\"\n{broker}\
             [clock]\nbase = {}\nat = {}\nspeed = {}\n[venue]\nlive = true\n\
             [journal]\nlag_warn = \"60s\"\nlag_reduce = \"60s\"\nlag_halt = \"60s\"\n",
            dir.join("token").display(),
            self.text("http"),
            self.text("ws"),
            self.number("base_ns"),
            self.number("wall_base_ns"),
            self.number("speed"),
        )
    }
}

/// What the broker at `http` answers to a question of the account whose token is in `dir`; `None` if it does not.
pub(crate) fn ask(http: &str, dir: &Path, path: &str) -> Option<Value> {
    let session: Value = serde_json::from_str(&read(dir, "token")).ok()?;
    let mut stream = TcpStream::connect(http).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let token = session["access_token"].as_str()?;
    let head = "X-Kite-Version: 3\r\nConnection: close";
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: x\r\n{head}\r\nAuthorization: token demo:{token}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let mut body: Value = serde_json::from_str(body).ok()?;
    (body["status"] == "success").then(|| body["data"].take())
}

pub(crate) fn login(config: &Path) -> bool {
    let mut command = Command::new(binary("engine"));
    command.arg("login").arg("--config").arg(config).env("PITLANE_API_SECRET", "demo");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"demo\n").unwrap();
    child.wait().unwrap().success()
}

pub(crate) fn engine(config: &Path, dir: &Path, until: &str) -> Process {
    let mut command = Command::new(binary("engine"));
    command.args(["run", "--mode", "live", "--json", "--until", until]).arg("--config").arg(config);
    command.arg("--journal").arg(dir.join("journal"));
    command.stdout(File::create(dir.join("summary.json")).unwrap());
    command.stderr(File::options().create(true).append(true).open(dir.join("engine.err")).unwrap());
    Process(command.spawn().unwrap())
}

pub(crate) fn read(dir: &Path, name: &str) -> String {
    match std::fs::read(dir.join(name)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => panic!("{name} cannot be read: {error}"),
    }
}

/// The summary of a run whose journal proves itself; or why it does not.
pub(crate) fn verified(dir: &Path) -> Result<Value, String> {
    let summary: Value = serde_json::from_str(&read(dir, "summary.json"))
        .map_err(|error| format!("no summary: {error}\n{}", read(dir, "engine.err")))?;
    let mut verify = Command::new(binary("journal-replay"));
    let output: Output = verify.args(["verify", "--json"]).arg(dir.join("journal")).output().unwrap();
    let verified: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("verify: {error}"))?;
    let same = |key: &str| verified[key] == summary[key];
    if verified["identical"] == true && same("net_pnl") && same("state_hash") {
        Ok(summary)
    } else {
        Err(format!("the journal does not prove the run: {verified}\n{summary}"))
    }
}

/// The directory of the recorded day, if it and python are there.
pub(crate) fn recorded() -> Option<PathBuf> {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    let data = shared_data::dir().map(|dir| dir.join("nse_ticks_2021"));
    if data.is_none() || !python.is_ok_and(|status| status.success()) {
        println!("skipped: no shared data, or no python3");
        return None;
    }
    data
}

pub(crate) fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap()
}

pub(crate) fn is_long() -> bool {
    std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty())
}
