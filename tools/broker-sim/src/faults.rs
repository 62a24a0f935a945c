//! What goes wrong, and when: rules from a file, in its order; the first that applies decides.

use anyhow::Context;
use pitlane_config::parse_duration_ns;
use pitlane_engine::units::TsNs;
use pitlane_kite_broker::times;
use pitlane_session::exit::usage;
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// No answer; what was asked for is done `after` later.
    AcceptLate,
    /// Done, and the connection is closed without an answer.
    LoseAnswer,
    /// Done, and answered twice.
    AnswerTwice,
    /// Done, postbacks sent, and answered `after` later.
    PostbackFirst,
    /// Not done; no answer for `after`, then the connection is closed.
    Hang,
    /// Not done: `status` with the broker's error.
    Fail,
    /// Done, and answered with `status`.
    FailAfter,
    /// Not done: an HTML page with `status`.
    Html,
    /// Done, and answered with an HTML page.
    HtmlAfter,
    /// Done; half of the answer, then the connection is closed.
    Truncate,
    /// Not done; the connection is closed.
    Drop,
    /// Not done; the connection stays open and is silent.
    HalfOpen,
    /// Done; then `quantity` of the order fills (half of it, if none is given).
    Partial,
    /// A cancel: `quantity` of the order (half, if none is given) fills just before it arrives.
    CancelRace,
    /// A postback arrives `after` later.
    Delay,
    /// A postback arrives behind the next one.
    Swap,
    /// A postback never arrives.
    Lose,
    /// A postback arrives twice.
    Twice,
    /// A socket is refused with 403.
    Refuse,
    /// A socket's first packets have an exchange time `age` ago.
    StaleFirst,
    /// All sockets are closed.
    DropSockets,
    /// All sockets stay open and are silent for ever.
    HalfOpenSockets,
    /// No packets for `after`, heartbeats go on.
    Freeze,
    /// The access token dies.
    TokenDead,
    /// The broker restarts without its orders: they are gone, and all sockets with them.
    Amnesia,
}

/// On which calls a fault can be.
fn fits(fault: Fault, on: &str) -> bool {
    use Fault::*;
    match fault {
        Delay | Swap | Lose | Twice => on == "postback",
        Refuse | StaleFirst => on == "connect",
        DropSockets | HalfOpenSockets | Freeze | TokenDead | Amnesia => on == "clock",
        Partial => matches!(on, "place" | "modify"),
        CancelRace => on == "cancel",
        _ => CALLS.contains(&on) || matches!(on, "any" | "write" | "read"),
    }
}

/// The names of calls.
const CALLS: &[&str] = &[
    "place",
    "modify",
    "cancel",
    "orders",
    "trades",
    "positions",
    "quote",
    "historical",
    "instruments",
    "session",
    "margins",
    "other",
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    on: String,
    #[serde(rename = "do")]
    fault: Fault,
    /// Not before this market time.
    at: Option<String>,
    /// Not from this market time on.
    until: Option<String>,
    /// Only the call of this number among those that fit, from 1.
    nth: Option<u64>,
    /// Each call whose number is a multiple of this.
    every: Option<u64>,
    probability: Option<f64>,
    /// At most so often.
    count: Option<u64>,
    after: Option<String>,
    age: Option<String>,
    status: Option<u16>,
    quantity: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    seed: Option<u64>,
    #[serde(default)]
    rule: Vec<Rule>,
}

struct Armed {
    rule: Rule,
    from: TsNs,
    until: TsNs,
    after: Option<Duration>,
    age: Duration,
    calls: u64,
    done: u64,
}

impl Armed {
    /// Whether this call, which is counted, is one of those the rule means.
    fn is_due(&self) -> bool {
        let Rule { nth, every, count, .. } = self.rule;
        let most = count.unwrap_or(if self.rule.on == "clock" { 1 } else { u64::MAX });
        self.done < most
            && nth.is_none_or(|nth| nth == self.calls)
            && every.is_none_or(|every| self.calls.is_multiple_of(every.max(1)))
    }
}

/// A fault that happens now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happens {
    pub(crate) fault: Fault,
    pub(crate) after: Option<Duration>,
    pub(crate) age: Duration,
    pub(crate) status: Option<u16>,
    pub(crate) quantity: Option<i64>,
}

impl Happens {
    /// How long, if the rule does not say.
    pub(crate) fn after_or(&self, ms: u64) -> Duration {
        self.after.unwrap_or(Duration::from_millis(ms))
    }
}

/// All rules.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Armed>,
    random: u64,
}

impl Faults {
    /// Reads a file of rules; without one nothing goes wrong. `day` is any time of the trading day.
    pub(crate) fn open(path: Option<&Path>, seed: u64, day: TsNs) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let shown = path.display();
        let text =
            std::fs::read_to_string(path).map_err(|error| usage(format!("--faults {shown}: {error}")))?;
        Self::parse(&text, seed, day).map_err(|error| usage(format!("--faults {shown}: {error:#}")))
    }

    fn parse(text: &str, seed: u64, day: TsNs) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut rules = Vec::new();
        for (number, rule) in (1..).zip(file.rule) {
            let what = || format!("rule {number}, {:?} on {}", rule.fault, rule.on);
            anyhow::ensure!(
                fits(rule.fault, &rule.on),
                "{}: this fault cannot be there; calls are {}, any, write, read, and there are postback, connect, clock",
                what(),
                CALLS.join(", ")
            );
            let probability = rule.probability.unwrap_or(1.0);
            anyhow::ensure!((0.0..=1.0).contains(&probability), "{}: a probability is 0 to 1", what());
            let duration = |text: &Option<String>| -> anyhow::Result<Option<Duration>> {
                text.as_deref().map(|t| Ok(Duration::from_nanos(parse_duration_ns(t)?))).transpose()
            };
            let (after, age) =
                (duration(&rule.after).with_context(what)?, duration(&rule.age).with_context(what)?);
            let time = |name: &str, text: &Option<String>, without: TsNs| match text {
                None => Ok(without),
                Some(text) => {
                    let stamp = format!("{} {text}", &times::stamp(day)[..10]);
                    times::parse(&stamp)
                        .with_context(|| format!("{}: `{name}` is HH:MM:SS, not {text}", what()))
                }
            };
            let from = time("at", &rule.at, TsNs::ZERO)?;
            let until = time("until", &rule.until, TsNs(u64::MAX))?;
            let age = age.unwrap_or(Duration::from_secs(86_400));
            rules.push(Armed { rule, from, until, after, age, calls: 0, done: 0 });
        }
        Ok(Self { rules, random: file.seed.unwrap_or(seed) })
    }

    /// Whether something goes wrong with a call at this time of the market. Every rule counts the call that it fits.
    pub(crate) fn decide(&mut self, call: &str, now: TsNs) -> Option<Happens> {
        let mut first = None;
        for at in 0..self.rules.len() {
            let armed = &mut self.rules[at];
            if !matches(&armed.rule.on, call) || now < armed.from || now >= armed.until {
                continue;
            }
            armed.calls += 1;
            if first.is_none() && armed.is_due() && self.is_struck(at) {
                first = Some(at);
            }
        }
        let armed = &mut self.rules[first?];
        armed.done += 1;
        let Rule { fault, status, quantity, .. } = armed.rule;
        eprintln!("fault: {fault:?} on {call} at {}", times::clock(now));
        Some(Happens { fault, after: armed.after, age: armed.age, status, quantity })
    }

    /// Throws the dice of a rule that has some.
    fn is_struck(&mut self, at: usize) -> bool {
        self.rules[at].rule.probability.is_none_or(|probability| self.chance() < probability)
    }

    /// 0 to 1, by SplitMix64.
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How often each rule was used, a line each.
    pub(crate) fn report(&self) -> impl Iterator<Item = String> {
        self.rules.iter().map(|armed| format!("{:?} on {}: {}", armed.rule.fault, armed.rule.on, armed.done))
    }
}

fn matches(on: &str, call: &str) -> bool {
    match on {
        "any" => CALLS.contains(&call),
        "write" => matches!(call, "place" | "modify" | "cancel"),
        "read" => CALLS.contains(&call) && !matches!(call, "place" | "modify" | "cancel" | "session"),
        on => on == call,
    }
}

/// The name of a call.
pub(crate) fn call_of(method: &str, path: &str) -> &'static str {
    let mut parts = path.trim_matches('/').split('/');
    match (method, parts.next().unwrap_or(""), path.ends_with("/trades")) {
        ("POST", "orders", _) => "place",
        ("PUT", "orders", _) => "modify",
        ("DELETE", "orders", _) => "cancel",
        (_, "trades", _) | (_, "orders", true) => "trades",
        (_, "orders", _) => "orders",
        (_, "portfolio", _) => "positions",
        (_, "quote", _) => "quote",
        (_, "instruments", _) if path.contains("/historical/") => "historical",
        (_, "instruments", _) => "instruments",
        (_, "session", _) => "session",
        (_, "user" | "margins" | "charges", _) => "margins",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> TsNs {
        times::parse(&format!("2026-08-07 {clock}")).expect("a time")
    }

    fn faults(text: &str) -> Faults {
        Faults::parse(text, 1, at("09:00:00")).expect("rules")
    }

    #[test]
    fn rules_apply_by_call_number_time_and_chance() {
        let mut rules = faults(
            "[[rule]]\non='place'\ndo='lose_answer'\nnth=2\n[[rule]]\non='write'\ndo='fail'\nstatus=503\nat='10:00:00'\ncount=1\n",
        );
        let mut ask = |call, clock| rules.decide(call, at(clock)).map(|happens| happens.fault);
        assert_eq!(ask("place", "09:15:00"), None);
        assert_eq!(ask("orders", "09:15:00"), None);
        assert_eq!(ask("place", "09:15:01"), Some(Fault::LoseAnswer));
        assert_eq!(ask("cancel", "10:00:00"), Some(Fault::Fail));
        assert_eq!(ask("cancel", "10:00:01"), None);
        let mut rules = faults("seed=5\n[[rule]]\non='any'\ndo='drop'\nprobability=0.25\n");
        let hit = (0..10_000).filter(|_| rules.decide("quote", at("09:15:00")).is_some()).count();
        assert!((2_300..2_700).contains(&hit), "{hit}");
        let mut rules = faults("[[rule]]\non='clock'\ndo='token_dead'\nat='11:00:00'\n");
        let hit = (0..10).filter(|_| rules.decide("clock", at("11:00:00")).is_some()).count();
        assert_eq!(hit, 1, "a clock strikes once");
        let mut rules = faults("[[rule]]\non='any'\ndo='drop'\nat='11:00:00'\nuntil='11:05:00'\n");
        let hits = ["10:59:59", "11:00:00", "11:04:59", "11:05:00"]
            .map(|clock| rules.decide("quote", at(clock)).is_some());
        assert_eq!(hits, [false, true, true, false]);
    }

    #[test]
    fn wrong_rules_are_refused_with_a_reason() {
        for (text, said) in [
            ("[[rule]]\non='place'\ndo='explode'", "explode"),
            ("[[rule]]\non='quote'\ndo='partial'", "rule 1, Partial on quote"),
            ("[[rule]]\non='place'\ndo='fail'\nprobability=2.0", "0 to 1"),
            ("[[rule]]\non='place'\ndo='hang'\nafter='soon'", "rule 1"),
            ("[[rule]]\non='place'\ndo='hang'\nat='noon'", "HH:MM:SS"),
            ("[[rule]]\non='place'\ndo='hang'\nuntil='noon'", "`until` is HH:MM:SS"),
            ("[[rule]]\non='place'\ndo='hang'\nwhen='noon'", "when"),
        ] {
            let error = Faults::parse(text, 1, at("09:00:00")).err().expect("an error");
            assert!(format!("{error:#}").contains(said), "{text}: {error:#}");
        }
    }

    #[test]
    fn calls_have_names() {
        for (method, path, name) in [
            ("POST", "/orders/regular", "place"),
            ("PUT", "/orders/regular/1", "modify"),
            ("DELETE", "/orders/regular/1", "cancel"),
            ("GET", "/orders/1/trades", "trades"),
            ("GET", "/orders/1", "orders"),
            ("GET", "/instruments/historical/1/minute", "historical"),
            ("GET", "/instruments/NSE", "instruments"),
            ("GET", "/", "other"),
        ] {
            assert_eq!(call_of(method, path), name);
        }
    }
}
