//! An audit for people and programs.

use super::tape::Word;
use super::{After, Audit, Check, Finding};
use crate::profit::show_date;
use crate::summary::card;
use comfy_table::{Table, presets};
use pitlane_config::format_ist;
use pitlane_engine::units::{StrategyId, TsNs};
use serde_json::{Value, json};
use std::fmt::Write;

/// Findings that the text lists; the object has all of them.
const LISTED: usize = 20;

fn time(ts: TsNs) -> String {
    format_ist(ts).trim_end_matches("+05:30").replacen('T', " ", 1)
}

/// A length of history.
fn days(days: u32) -> String {
    match days {
        0 => "none".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn said_text(word: Option<Word>) -> String {
    let Some(word) = word else { return "nothing".to_owned() };
    let facts: Vec<String> = word.signal.facts.iter().map(ToString::to_string).collect();
    let (action, reason) = (word.action().name(), word.reason().name());
    format!("{action} {reason} at {} ({})", word.signal.price, facts.join(", "))
}

fn said_json(word: Option<Word>) -> Value {
    word.map_or(Value::Null, |word| {
        json!({
            "action": word.action().name(),
            "reason": word.reason().name(),
            "price": word.signal.price.to_string(),
            "confidence_bps": word.signal.confidence_bps,
            "facts": word.signal.facts,
        })
    })
}

impl Audit {
    fn strategy(&self, id: StrategyId) -> &str {
        &self.pipeline.strategies[usize::from(id.0)].id
    }

    /// The name of the strategy that a finding is about.
    pub fn name(&self, finding: &Finding) -> &str {
        self.strategy(finding.strategy())
    }

    fn symbol(&self, finding: &Finding) -> &str {
        &self.pipeline.instruments[finding.who.1.index()].symbol
    }

    /// The text.
    pub fn render(&self) -> String {
        let wishes: Vec<String> =
            self.wishes.iter().map(|(id, count)| format!("{} {count}", self.strategy(*id))).collect();
        let looks = self.findings.iter().filter(|finding| !matches!(finding.check, Check::Warmup(..)));
        let look_ahead = match looks.count() {
            0 => format!("none: {} decisions are the same in {} days cut off", self.compared, self.cuts),
            count => {
                format!("FOUND: {count} of {} comparisons with {} days cut off", self.compared, self.cuts)
            }
        };
        let warm = self.findings.iter().any(|finding| matches!(finding.check, Check::Warmup(..)));
        let warm_up = match (warm, self.warmup_known()) {
            (true, _) => "FOUND: a strategy depends on the length of its history",
            (false, true) => "every strategy settles",
            (false, false) => "not known of every strategy: see below",
        };
        let mut rows = vec![
            ("day", format!("{}, {} inputs from outside", show_date(self.date), self.inputs)),
            ("decisions", wishes.join(", ")),
            ("look-ahead", look_ahead),
            ("warm-up", warm_up.to_owned()),
            ("history", self.source.clone()),
        ];
        if self.is_bar_driven {
            rows.insert(1, ("prices", self.path.clone()));
        }
        rows.extend(self.notes.iter().map(|note| ("note", note.clone())));
        let mut text = format!("{}\n", card(&rows));
        self.render_warmup(&mut text);
        self.render_findings(&mut text);
        text
    }

    fn render_warmup(&self, text: &mut String) {
        let (rows, most) = &self.warmup;
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let against = format!("differ from {}", days(*most));
        table.set_header(vec!["strategy", "history", "ready", "by", "decisions", &against, "the last at"]);
        for (strategy, afters) in rows {
            for after in afters {
                let last = after.last.map_or_else(|| "-".to_owned(), time);
                let by = if after.ready[0] == 0 { "-".to_owned() } else { time(after.ready_at) };
                table.add_row(vec![
                    self.strategy(*strategy).to_owned(),
                    days(after.days),
                    format!("{} of {}", after.ready[0], after.ready[1]),
                    by,
                    after.compared.to_string(),
                    after.differ.to_string(),
                    last,
                ]);
            }
        }
        let shown = table.to_string();
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{}\n", lines.join("\n"));
        for (strategy, afters) in rows {
            let _ = writeln!(text, "{}", self.advice(*strategy, afters));
        }
    }

    /// What the rows of a strategy mean for whoever starts it.
    fn advice(&self, strategy: StrategyId, afters: &[After]) -> String {
        let (name, most) = (self.strategy(strategy), days(self.warmup.1));
        if self.wishes.get(&strategy) == Some(&0) {
            return format!("{name}: it wanted nothing on this day; nothing is known of it");
        }
        let Some(last) = self.settled_after(strategy) else {
            return format!(
                "{name}: never ready, or without a decision, after less than {most}; try more --days"
            );
        };
        if last.differ > 0 {
            return format!("{name}: decides otherwise after {} than after {most}", days(last.days));
        }
        let enough = afters.iter().rev().take_while(|after| after.differ == 0 && after.compared > 0).last();
        match enough.map_or(last.days, |after| after.days) {
            0 => format!(
                "{name}: from the moment it says it is ready, it decides the same whatever came before"
            ),
            least => format!(
                "{name}: decides the same after {} of history and more, not after less; start it with --warmup",
                days(least)
            ),
        }
    }

    fn question(&self, check: Check) -> [String; 2] {
        match check {
            Check::LookAhead(at) => {
                ["with the whole day".to_owned(), format!("with the day cut off behind {}", time(at))]
            }
            Check::Repeat => ["in the first run".to_owned(), "in a second one".to_owned()],
            Check::Warmup(less, more) => {
                [more, less].map(|length| format!("after a history of {}", days(length)))
            }
        }
    }

    fn render_findings(&self, text: &mut String) {
        for finding in self.findings.iter().take(LISTED) {
            let [one, other] = self.question(finding.check);
            let more =
                if finding.count > 1 { format!(", the first of {}", finding.count) } else { String::new() };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "\n{}: strategy {}, {}, seq {}, {}{more}\n  {one}: {}\n  {other}: {}",
                finding.check.name(),
                self.name(finding),
                self.symbol(finding),
                finding.seq(),
                time(finding.word().ts),
                said_text(finding.said.0),
                said_text(finding.said.1),
            );
        }
        if self.findings.len() > LISTED {
            let _ = writeln!(text, "\nand {} more; --json lists all", self.findings.len() - LISTED);
        }
        for ts in &self.beneath {
            let _ = writeln!(
                text,
                "\nlook-ahead: no strategy decides otherwise with the day cut off behind {}, but an output before it is \
                 another one: a bug of bars, risk or venue; `journal-replay verify` it, and report it",
                time(*ts)
            );
        }
    }

    /// The object `journal-audit/1`.
    pub fn json(&self) -> Value {
        let (rows, most) = &self.warmup;
        let warmup: Vec<Value> = rows
            .iter()
            .flat_map(|(strategy, afters)| afters.iter().map(move |after| (strategy, after)))
            .map(|(strategy, after)| {
                json!({
                    "strategy": self.strategy(*strategy),
                    "days": after.days,
                    "ready": after.ready[0],
                    "of": after.ready[1],
                    "ready_ts": (after.ready[0] > 0).then_some(after.ready_at.0),
                    "decisions": after.compared,
                    "differ": after.differ,
                    "last_ts": after.last.map(|ts| ts.0),
                })
            })
            .collect();
        let decisions: std::collections::BTreeMap<&str, u64> =
            self.wishes.iter().map(|(id, count)| (self.strategy(*id), *count)).collect();
        json!({
            "schema": "journal-audit/1",
            "journal": self.dir,
            "date": show_date(self.date),
            "passed": self.passed(),
            "warmup_known": self.warmup_known(),
            "inputs": self.inputs,
            "path": self.path,
            "decisions": decisions,
            "cuts": self.cuts,
            "compared": self.compared,
            "history": { "source": self.source, "days_most": most, "after": warmup },
            "notes": self.notes,
            "beneath_ts": self.beneath.iter().map(|ts| ts.0).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(|finding| self.finding_json(finding)).collect::<Vec<_>>(),
        })
    }

    fn finding_json(&self, finding: &Finding) -> Value {
        let (cut, history) = match finding.check {
            Check::LookAhead(at) => (Some(at.0), None),
            Check::Repeat => (None, None),
            Check::Warmup(less, more) => (None, Some([more, less])),
        };
        json!({
            "check": finding.check.name(),
            "strategy": self.name(finding),
            "instrument": self.symbol(finding),
            "seq": finding.seq(),
            "ts": finding.word().ts.0,
            "cut_ts": cut,
            "history_days": history,
            "a": said_json(finding.said.0),
            "b": said_json(finding.said.1),
            "differing": finding.count,
        })
    }
}

impl Check {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::LookAhead(_) => "look-ahead",
            Self::Repeat => "repeat",
            Self::Warmup(..) => "warm-up",
        }
    }
}
