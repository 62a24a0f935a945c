//! A result for people: what has to be said first, the machine, and the ladder of each scenario.

use crate::output::svg::time;
use crate::result::{ResultFile, Row};
use comfy_table::{CellAlignment, Table, presets};

/// The columns of a ladder.
pub const COLUMNS: [&str; 12] = [
    "rate",
    "achieved",
    "p50",
    "p90",
    "p99",
    "p99.9",
    "p99.99",
    "max",
    "samples",
    "service p50",
    "machine p99, max",
    "quiet",
];

/// The cells of a row, under `COLUMNS`.
pub fn cells(row: &Row) -> [String; 12] {
    let ns = |ns: u64| if row.latency.count == 0 { "-".to_owned() } else { time(ns as f64) };
    let p = &row.latency;
    let stalls =
        if row.hiccups.measured_cpu.count > 0 { row.hiccups.measured_cpu } else { row.hiccups.sleeper };
    let stalls = if stalls.count == 0 {
        "-".to_owned()
    } else {
        format!("{}, {}", time(stalls.p99 as f64), time(stalls.max as f64))
    };
    [
        row.rate.to_string(),
        per_second(row.achieved),
        ns(p.p50),
        ns(p.p90),
        ns(p.p99),
        ns(p.p999),
        ns(p.p9999),
        ns(p.max),
        p.count.to_string(),
        ns(row.service.p50),
        stalls,
        format!("{}/{}", row.windows.quiet, row.windows.total),
    ]
}

/// A rate as people read it.
fn per_second(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} M/s", rate / 1e6),
        rate if rate >= 1e4 => format!("{:.1} k/s", rate / 1e3),
        rate => format!("{rate:.0}/s"),
    }
}

/// The whole text.
pub fn render(result: &ResultFile) -> String {
    let mut text = String::new();
    for banner in &result.banners {
        text.push_str(&format!("!! {banner}\n"));
    }
    for (name, value) in result.environment.rows() {
        text.push_str(&format!(" {name:<10} {value}\n"));
    }
    for (name, rows) in crate::output::by_scenario(&result.scenarios) {
        let first = rows[0];
        let what = if first.sample == "order" { "a sample is an order" } else { "a sample is an operation" };
        text.push_str(&format!("\n{name}, cpus {}, wait {}; {what}\n", first.cpus, first.wait));
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(COLUMNS);
        for row in &rows {
            table.add_row(cells(row));
        }
        for index in 0..COLUMNS.len() {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        text.push_str(&format!("{table}\n"));
        for note in rows.iter().flat_map(|row| &row.notes) {
            text.push_str(&format!("  note: {note}\n"));
        }
    }
    text
}
