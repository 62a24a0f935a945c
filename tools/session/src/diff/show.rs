//! A comparison for people and programs.

use super::outputs::Difference;
use super::{Changed, Diff, InputDifference};
use crate::summary::card;
use comfy_table::{Table, presets};
use pitlane_engine::event::Kind;
use pitlane_engine::units::{InstrumentId, Money};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Of one instrument in one run.
struct Traded {
    bought: Money,
    sold: Money,
    /// What is left over.
    position: i64,
    charges: Money,
    /// What was gained, after charges.
    net: Money,
}

/// What pnl figures are.
const PNL_BASIS: &str = "net of the configured charges";

impl Diff {
    /// Stage, seqs and field of the first output that differs; the first recorded bytes if no output does.
    fn first_divergence(&self) -> Option<Value> {
        if let Some(first) = self.listed.first() {
            let field = match first.place {
                [Some(_), Some(_)] => first.fields.first().map_or("", |field| field.name.as_str()),
                [Some(_), None] => "missing in B",
                _ => "missing in A",
            };
            return Some(json!({
                "stream": "outputs",
                "seq_a": first.place[0].map(|(seq, _)| seq),
                "seq_b": first.place[1].map(|(seq, _)| seq),
                "stage": first.stage.name(),
                "kind": first.kind.name(),
                "field": field,
            }));
        }
        let (stream, seq, field) = self.bytes.as_ref()?;
        Some(json!({ "stream": stream, "seq_a": seq, "field": field }))
    }

    fn count(&self, kind: Kind) -> [u64; 2] {
        let [equal, differ, a, b] = self.outputs.get(kind.name()).copied().unwrap_or_default();
        [equal + differ + a, equal + differ + b]
    }

    fn total(&self) -> [Money; 2] {
        [self.ledgers[0].net(), self.ledgers[1].net()]
    }

    /// By symbol, what was traded in either run.
    fn traded(&self) -> BTreeMap<&str, [Option<Traded>; 2]> {
        let mut found: BTreeMap<&str, [Option<Traded>; 2]> = BTreeMap::new();
        for (at, (ledger, specs)) in self.ledgers.iter().zip(&self.specs).enumerate() {
            for (id, spec) in specs.iter().enumerate() {
                let position = ledger.position(InstrumentId(id as u32));
                if position.bought == Money::ZERO && position.sold == Money::ZERO {
                    continue;
                }
                let traded = Traded {
                    bought: position.bought,
                    sold: position.sold,
                    position: position.quantity.0,
                    charges: position.charges,
                    net: position.net(),
                };
                found.entry(spec.symbol.as_str()).or_default()[at] = Some(traded);
            }
        }
        found
    }

    /// The object `journal-diff/1`.
    pub fn json(&self) -> Value {
        let changes = |changes: &[Changed]| changes.iter().map(change_json).collect::<Vec<_>>();
        let outputs: BTreeMap<&str, Value> = self
            .outputs
            .iter()
            .map(|(kind, [equal, differ, a, b])| {
                (*kind, json!({ "equal": equal, "differ": differ, "only_a": a, "only_b": b }))
            })
            .collect();
        let pnl = |traded: &Option<Traded>| traded.as_ref().map_or(Money::ZERO, |traded| traded.net);
        let side = |traded: &Option<Traded>| {
            traded.as_ref().map(|traded| {
                json!({
                    "bought": traded.bought.to_string(),
                    "sold": traded.sold.to_string(),
                    "position": traded.position,
                    "charges": traded.charges.to_string(),
                    "pnl": traded.net.to_string(),
                })
            })
        };
        let instruments: BTreeMap<&str, Value> = self
            .traded()
            .iter()
            .map(|(symbol, [a, b])| {
                let difference = (pnl(b) - pnl(a)).to_string();
                (*symbol, json!({ "a": side(a), "b": side(b), "difference": difference }))
            })
            .collect();
        let [a, b] = self.total();
        let [charged_a, charged_b] = [self.ledgers[0].charged(), self.ledgers[1].charged()];
        let [orders, fills] = [self.count(Kind::Order), self.count(Kind::Fill)];
        json!({
            "schema": "journal-diff/1",
            "a": self.dirs[0],
            "b": self.dirs[1],
            "identical": self.identical(),
            "path": { "a": self.paths[0], "b": self.paths[1] },
            "config": changes(&self.config),
            "instruments": changes(&self.instruments),
            "inputs": self.inputs_json(),
            "outputs": outputs,
            "fields": self.fields,
            "because": self.causes_json(),
            "unexplained": self.unexplained(),
            "first_other_answer": self.answers.map(|[a, b]| json!({ "a": a.map(|ts| ts.0), "b": b.map(|ts| ts.0) })),
            "cost": self.cost_json(),
            "differing": self.differing,
            "differences": self.listed.iter().map(difference_json).collect::<Vec<_>>(),
            "differences_left_out": self.differing - self.listed.len() as u64,
            "first_divergence": self.first_divergence(),
            "totals": {
                "orders": { "a": orders[0], "b": orders[1] },
                "fills": { "a": fills[0], "b": fills[1] },
                "net_pnl": { "a": a.to_string(), "b": b.to_string(), "difference": (b - a).to_string() },
                "charges": {
                    "a": charged_a.to_string(),
                    "b": charged_b.to_string(),
                    "difference": (charged_b - charged_a).to_string(),
                },
                "pnl_basis": PNL_BASIS,
                "by_instrument": instruments,
            },
            "notes": self.notes,
        })
    }

    fn inputs_json(&self) -> Value {
        json!({
            "a": self.inputs[0],
            "b": self.inputs[1],
            "equal": self.input.is_none(),
            "first_difference": self.input.as_ref().map(input_json),
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let mut rows = vec![
            ("A", self.dirs[0].display().to_string()),
            ("B", self.dirs[1].display().to_string()),
            ("identical", self.identical().to_string()),
            ("settings", how_many(self.config.len())),
            ("instruments", how_many(self.instruments.len())),
            ("inputs", self.inputs_text()),
        ];
        if self.is_bar_driven {
            let [a, b] = &self.paths;
            rows.push(("prices", if a == b { a.clone() } else { format!("{a} in A, {b} in B") }));
        }
        for (kind, [equal, differ, a, b]) in &self.outputs {
            let fields = self.fields.get(kind).map(fields_text).unwrap_or_default();
            rows.push((
                kind,
                format!("{equal} equal, {differ} differ{fields}, {a} only in A, {b} only in B"),
            ));
        }
        rows.extend(self.causes_rows());
        if let Some(first) = self.first_divergence() {
            rows.push(("first divergence", divergence_text(&first)));
        }
        let [a, b] = self.total();
        rows.push(("pnl", format!("{a} in A, {b} in B, difference {} rupees ({PNL_BASIS})", b - a)));
        rows.extend(self.notes.iter().map(|note| ("note", note.clone())));
        let mut text = format!("{}\n", card(&rows));
        for (title, changes) in [("settings", &self.config), ("instruments", &self.instruments)] {
            if !changes.is_empty() {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "\n{title} that differ (A | B)");
            }
            for change in changes {
                let _ = writeln!(text, "  {}", change_text(change));
            }
        }
        self.render_traded(&mut text);
        self.render_cost(&mut text);
        self.render_listed(&mut text);
        text
    }

    fn inputs_text(&self) -> String {
        let [a, b] = self.inputs;
        let Some(InputDifference { seq, kind, changed }) = &self.input else {
            return format!("{a} from outside, equal");
        };
        let [seq_a, seq_b] = seq.map(|seq| seq.map_or_else(|| "end".to_owned(), |seq| seq.to_string()));
        format!(
            "{a} in A, {b} in B; the first that differs: seq {seq_a} | {seq_b}, {}, {}",
            kind.name(),
            change_text(changed)
        )
    }

    fn render_traded(&self, text: &mut String) {
        let traded = self.traded();
        if traded.is_empty() {
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(vec!["instrument", "pnl A", "pnl B", "difference", "position A", "position B"]);
        for (symbol, [a, b]) in &traded {
            let pnl = |traded: &Option<Traded>| traded.as_ref().map_or(Money::ZERO, |traded| traded.net);
            let position =
                |traded: &Option<Traded>| traded.as_ref().map_or(0, |traded| traded.position).to_string();
            let difference = (pnl(b) - pnl(a)).to_string();
            let (pnl_a, pnl_b) = (pnl(a).to_string(), pnl(b).to_string());
            table.add_row(vec![(*symbol).to_owned(), pnl_a, pnl_b, difference, position(a), position(b)]);
        }
        write_table(text, &table);
    }

    fn render_listed(&self, text: &mut String) {
        if self.listed.is_empty() {
            return;
        }
        let _ = writeln!(text, "\noutputs that differ (- only in A, + only in B, ~ in both)");
        for difference in &self.listed {
            let sign = ["~", "-", "+"][difference.column() - 1];
            let _ = writeln!(text, "{sign} {} [{}]", difference.line, difference.cause.name());
            for field in &difference.fields {
                let _ = writeln!(text, "    {}", change_text(field));
            }
        }
        let left_out = self.differing - self.listed.len() as u64;
        if left_out > 0 {
            let _ = writeln!(text, "and {left_out} more; --limit 0 lists all");
        }
    }
}

pub(super) fn write_table(text: &mut String, table: &Table) {
    let shown = table.to_string();
    let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n{}", lines.join("\n"));
}

/// Which fields differ how often, the most frequent first.
fn fields_text(fields: &BTreeMap<String, u64>) -> String {
    let mut fields: Vec<(&String, &u64)> = fields.iter().collect();
    fields.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let shown: Vec<String> = fields.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!(" ({})", shown.join(", "))
}

fn how_many(count: usize) -> String {
    if count == 0 { "equal".to_owned() } else { format!("{count} differ") }
}

fn divergence_text(first: &Value) -> String {
    let number = |key: &str| first[key].as_u64().map_or_else(|| "-".to_owned(), |seq| seq.to_string());
    let field = first["field"].as_str().unwrap_or_default();
    match (first["stage"].as_str(), first["kind"].as_str()) {
        (Some(stage), Some(kind)) => {
            format!("seq {} | {}, stage {stage}, {kind}, {field}", number("seq_a"), number("seq_b"))
        }
        _ => {
            let stream = first["stream"].as_str().unwrap_or_default();
            format!("{stream}, seq {}, {field}: numbers or hashes only", number("seq_a"))
        }
    }
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn change_text(change: &Changed) -> String {
    format!("{}: {} | {}", change.name, plain(change.a.as_ref()), plain(change.b.as_ref()))
}

fn change_json(change: &Changed) -> Value {
    json!({ "name": change.name, "a": change.a, "b": change.b })
}

fn input_json(input: &InputDifference) -> Value {
    json!({
        "seq_a": input.seq[0],
        "seq_b": input.seq[1],
        "kind": input.kind.name(),
        "field": change_json(&input.changed),
    })
}

fn difference_json(difference: &Difference) -> Value {
    let place = |at: usize| difference.place[at].map(|(seq, index)| json!({ "seq": seq, "index": index }));
    json!({
        "in": (["both", "a", "b"][difference.column() - 1]),
        "ts": difference.ts.0,
        "kind": difference.kind.name(),
        "stage": difference.stage.name(),
        "a": place(0),
        "b": place(1),
        "fields": difference.fields.iter().map(change_json).collect::<Vec<_>>(),
        "line": difference.line,
        "because": difference.cause.name(),
    })
}
