//! What was done to the broker, line by line: a broker that is started with it does it again and is where it was.
//!
//! Ticks are a function of the market's files, and the broker one of ticks and requests, so the requests and their times
//! are all there is to keep. They hold no secret: of a login only that there was one.

use crate::clock::MarketClock;
use anyhow::Context;
use pitlane_engine::units::TsNs;
use pitlane_session::exit::data;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// Something that changed the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "did")]
pub(crate) enum Did {
    /// A request.
    Call { method: String, path: String, query: String, body: String },
    /// A login.
    Login,
    /// A token's death before its time.
    KillToken,
    /// A loss of memory.
    Forget,
    /// A partial fill out of order.
    Nudge { order: String, quantity: i64 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    now: u64,
    #[serde(flatten)]
    did: Did,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    schema: String,
    date: u32,
    instruments: Vec<String>,
    base_ns: u64,
    wall_base_ns: u64,
    speed: Option<u32>,
}

/// The file.
pub(crate) struct State(File);

impl State {
    /// Opens or makes the file. What is in it comes back with the clock it was made with; a line that a killed process
    /// left unfinished is cut off.
    pub(crate) fn open(
        path: &Path,
        date: u32,
        instruments: Vec<String>,
        clock: &mut MarketClock,
    ) -> anyhow::Result<(Self, Vec<(TsNs, Did)>)> {
        let shown = path.display().to_string();
        let open = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = open.with_context(|| format!("--state {shown}: cannot be opened"))?;
        let text = std::fs::read(path).with_context(|| format!("--state {shown}: cannot be read"))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).with_context(|| format!("--state {shown}: cannot be mended"))?;
        let mut lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let schema = "broker-sim-state/1".to_owned();
        let (base_ns, wall_base_ns, speed) = (clock.base.0, clock.wall_base, clock.speed);
        let Some(first) = lines.next() else {
            let head = Head { schema, date, instruments, base_ns, wall_base_ns, speed };
            writeln!(file, "{}", serde_json::to_string(&head)?)
                .with_context(|| format!("--state {shown}"))?;
            return Ok((Self(file), Vec::new()));
        };
        let unreadable = |line: usize| {
            data(format!("--state {shown}, line {line}: no line of broker-sim; name another file"))
        };
        let head: Head = serde_json::from_slice(first).map_err(|_| unreadable(1))?;
        if (&head.schema, head.date, &head.instruments) != (&schema, date, &instruments) {
            return Err(data(format!(
                "--state {shown} is of {} and {} instruments in a fixed order, not of this market; name another file",
                head.date,
                head.instruments.len()
            )));
        }
        *clock = MarketClock::new(TsNs(head.base_ns), head.wall_base_ns, head.speed);
        let mut done = Vec::new();
        for (number, line) in (2..).zip(lines) {
            let Line { now, did } = serde_json::from_slice(line).map_err(|_| unreadable(number))?;
            done.push((TsNs(now), did));
        }
        Ok((Self(file), done))
    }

    /// Notes what is about to be done. A line that cannot be written is said, and the broker goes on.
    pub(crate) fn note(&mut self, now: TsNs, did: &Did) {
        let line = serde_json::to_string(&Line { now: now.0, did: did.clone() });
        let mut line = line.expect("texts and numbers can be written");
        line.push('\n');
        if let Err(error) = self.0.write_all(line.as_bytes()) {
            eprintln!("error: --state: {error}; a restart will not know of this");
        }
    }
}
