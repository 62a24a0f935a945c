//! What the differences came to: why outputs differ, and in rupees, by what became of orders, by strategy, and by order.

use super::causes::Cause;
use super::orders::{Change, Fate, Pair, intent};
use super::{Diff, show};
use comfy_table::{Table, presets};
use pitlane_config::format_ist;
use pitlane_engine::units::{Money, TsNs};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Orders whose difference cost most, as many as the text lists.
const LISTED: usize = 10;

/// What a class of orders came to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: u64,
    cost: i128,
}

impl Sum {
    fn add(&mut self, cost: Money) {
        self.count += 1;
        self.cost += i128::from(cost.0);
    }

    fn money(self) -> Money {
        Money(self.cost as i64)
    }
}

impl Diff {
    /// Outputs that differ although nothing did that they follow from.
    pub fn unexplained(&self) -> u64 {
        self.causes.get(&Cause::Unexplained).copied().unwrap_or(0)
    }

    pub(super) fn causes_rows(&self) -> Vec<(&'static str, String)> {
        if self.differing == 0 {
            return Vec::new();
        }
        let why: Vec<String> =
            self.causes.iter().map(|(cause, count)| format!("{} {count}", cause.name())).collect();
        let mut rows = vec![("because of", why.join(", "))];
        if let Some(heard) = &self.answers {
            let [a, b] = heard.map(|ts| ts.map_or_else(|| "none".to_owned(), time));
            rows.push(("venue's answers", format!("the first other one at {a} in A, {b} in B")));
        }
        rows
    }

    pub(super) fn causes_json(&self) -> Value {
        self.causes.iter().map(|(cause, count)| (cause.name().to_owned(), Value::from(*count))).collect()
    }

    fn by_change(&self) -> BTreeMap<Change, Sum> {
        let mut found: BTreeMap<Change, Sum> = BTreeMap::new();
        for pair in &self.orders {
            found.entry(pair.change).or_default().add(pair.cost);
        }
        found
    }

    /// By strategy: orders in each run, and the difference.
    fn by_strategy(&self) -> BTreeMap<&str, ([u64; 2], Sum)> {
        let mut found: BTreeMap<&str, ([u64; 2], Sum)> = BTreeMap::new();
        for pair in &self.orders {
            let Some(fate) = pair.of.iter().flatten().next() else { continue };
            let (counts, sum) = found.entry(fate.strategy.as_str()).or_default();
            counts.iter_mut().zip(&pair.of).for_each(|(count, fate)| *count += u64::from(fate.is_some()));
            sum.add(pair.cost);
        }
        found
    }

    /// Orders of decisions that became something else, those that cost most first.
    fn dearest(&self) -> Vec<&Pair> {
        let mut found: Vec<&Pair> = self.orders.iter().filter(|pair| pair.change != Change::None).collect();
        found.sort_by_key(|pair| std::cmp::Reverse(pair.cost.0.unsigned_abs()));
        found
    }

    pub(super) fn cost_json(&self) -> Value {
        let classes: BTreeMap<&str, Value> = self
            .by_change()
            .into_iter()
            .map(|(change, sum)| {
                let difference = sum.money().to_string();
                (change.name(), json!({ "orders": sum.count, "difference": difference }))
            })
            .collect();
        let strategies: BTreeMap<&str, Value> = self
            .by_strategy()
            .into_iter()
            .map(|(name, ([a, b], sum))| {
                let difference = sum.money().to_string();
                (name, json!({ "orders": { "a": a, "b": b }, "difference": difference }))
            })
            .collect();
        json!({
            "by_change": classes,
            "by_strategy": strategies,
            "orders": self.dearest().into_iter().map(|pair| self.pair_json(pair)).collect::<Vec<_>>(),
        })
    }

    fn pair_json(&self, pair: &Pair) -> Value {
        let side = |at: usize| pair.of[at].as_ref().map(|fate| self.fate_json(at, fate));
        json!({
            "change": pair.change.name(),
            "difference": pair.cost.to_string(),
            "a": side(0),
            "b": side(1),
        })
    }

    fn fate_json(&self, at: usize, fate: &Fate) -> Value {
        json!({
            "seq": fate.seq,
            "ts": fate.ts.0,
            "instrument": self.specs[at].get(fate.instrument.index()).map(|spec| spec.symbol.as_str()),
            "strategy": fate.strategy,
            "side": fate.side.name(),
            "intent": intent(fate.intent),
            "quantity": fate.quantity,
            "price": fate.price.to_string(),
            "filled": fate.filled,
            "value": Money(fate.value as i64).to_string(),
            "charges": Money(fate.charges as i64).to_string(),
            "first_fill_ts": fate.first_fill.map(|ts| ts.0),
            "heard_ts": fate.heard.map(|ts| ts.0),
        })
    }

    pub(super) fn render_cost(&self, text: &mut String) {
        let dearest = self.dearest();
        if dearest.is_empty() {
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(vec!["orders", "count", "pnl B less A"]);
        let total = self.by_change().values().fold(Sum::default(), |mut total, sum| {
            total.count += sum.count;
            total.cost += sum.cost;
            total
        });
        for (change, sum) in self.by_change() {
            table.add_row(vec![change.name().to_owned(), sum.count.to_string(), sum.money().to_string()]);
        }
        table.add_row(vec!["all".to_owned(), total.count.to_string(), total.money().to_string()]);
        show::write_table(text, &table);
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(vec!["strategy", "orders A", "orders B", "pnl B less A"]);
        for (name, ([a, b], sum)) in self.by_strategy() {
            table.add_row(vec![name.to_owned(), a.to_string(), b.to_string(), sum.money().to_string()]);
        }
        show::write_table(text, &table);
        self.render_dearest(text, &dearest);
    }

    fn render_dearest(&self, text: &mut String, dearest: &[&Pair]) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\norders that became something else, the dearest first (A | B)");
        for pair in dearest.iter().take(LISTED) {
            let Some((at, fate)) =
                pair.of.iter().enumerate().find_map(|(at, fate)| Some((at, fate.as_ref()?)))
            else {
                continue;
            };
            let symbol = self.specs[at].get(fate.instrument.index()).map_or("?", |spec| spec.symbol.as_str());
            let [a, b] = [0, 1].map(|at| self.fate_text(at, pair.of[at].as_ref()));
            let _ = writeln!(
                text,
                "  {} {symbol} {} {} {}: {}, {} rupees: {a} | {b}",
                time(fate.ts),
                fate.strategy,
                fate.side.name(),
                intent(fate.intent),
                pair.change.name(),
                pair.cost,
            );
        }
        if dearest.len() > LISTED {
            let _ = writeln!(text, "  and {} more; --json lists all", dearest.len() - LISTED);
        }
    }

    fn fate_text(&self, at: usize, fate: Option<&Fate>) -> String {
        let Some(fate) = fate else { return "-".to_owned() };
        let multiplier = self.specs[at].get(fate.instrument.index()).map_or(1, |spec| spec.multiplier);
        let units = i128::from(fate.filled) * i128::from(multiplier);
        // An average for the eyes; the sums are exact.
        let average =
            if units == 0 { String::new() } else { format!(" at {}", Money((fate.value / units) as i64)) };
        let late = match fate.first_fill {
            Some(filled) => format!(" after {}", pitlane_config::format_duration_ns(filled.since(fate.ts))),
            None => String::new(),
        };
        format!("{} of {}{average}{late}", fate.filled, fate.quantity)
    }
}

fn time(ts: TsNs) -> String {
    format_ist(ts).trim_end_matches("+05:30").replacen('T', " ", 1)
}
