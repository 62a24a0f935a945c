//! Several results on one page that needs nothing else: tables, plots, machines.

use crate::output::by_scenario;
use crate::output::svg::{escape, plot};
use crate::result::ResultFile;
use crate::table::{COLUMNS, cells};
use std::fmt::Write;

const STYLE: &str = "body{font-family:sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .7em;text-align:right;border-bottom:1px solid #ddd}\
.banner{background:#fff3cd;padding:.4em .8em;margin:.3em 0}dt{float:left;width:7em;color:#555}dd{margin-left:8em}\
svg{max-width:100%}";

/// The page of `results`, each with the name it was read from.
pub fn page(results: &[(String, ResultFile)]) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Latency</title><style>{STYLE}</style></head><body>\n\
         <h1>Latency</h1>\n<p>Nanoseconds from the intended start; open loop. Windows in which others took 3 % of a cpu or \
         more are left out where quiet ones exist. At max the loop is closed, and figures are service times.</p>\n"
    );
    for (name, result) in results {
        section(&mut html, name, result);
    }
    html.push_str("</body></html>\n");
    html
}

fn section(html: &mut String, name: &str, result: &ResultFile) {
    let mut put = |line: String| writeln!(html, "{line}").expect("a string takes everything");
    put(format!("<h2>{}</h2>", escape(name)));
    for banner in &result.banners {
        put(format!("<p class=\"banner\">{}</p>", escape(banner)));
    }
    put("<dl>".to_owned());
    for (name, value) in result.environment.rows() {
        put(format!("<dt>{name}</dt><dd>{}</dd>", escape(&value)));
    }
    put("</dl>".to_owned());
    for (name, rows) in by_scenario(&result.scenarios) {
        put(format!(
            "<h3>{}, cpus {}, wait {}</h3><table>",
            escape(&name),
            escape(&rows[0].cpus),
            escape(&rows[0].wait)
        ));
        put(format!("<tr>{}</tr>", COLUMNS.map(|column| format!("<th>{column}</th>")).concat()));
        for row in &rows {
            put(format!(
                "<tr>{}</tr>",
                cells(row).map(|cell| format!("<td>{}</td>", escape(&cell))).concat()
            ));
        }
        put("</table>".to_owned());
        for note in rows.iter().flat_map(|row| &row.notes) {
            put(format!("<p>{}</p>", escape(note)));
        }
        put(plot(&name, &rows));
    }
}
