//! The schema reference of the documents.

use crate::tables::{KEY_COLUMNS, Table};
use crate::value::Column;
use std::fmt::Write;

/// The tables and their columns as Markdown, headings of the third level; ends with a line end.
pub fn markdown() -> String {
    let mut text = String::from("### Every table\n\n");
    columns(&mut text, KEY_COLUMNS);
    let mut done: Vec<*const Column> = Vec::new();
    for &table in Table::ALL {
        let definition = table.definition();
        if done.contains(&definition.columns.as_ptr()) {
            continue;
        }
        done.push(definition.columns.as_ptr());
        let alike: Vec<Table> = Table::ALL
            .iter()
            .copied()
            .filter(|other| std::ptr::eq(other.definition().columns, definition.columns))
            .collect();
        let names: Vec<String> = alike.iter().map(|table| format!("`{}`", table.name())).collect();
        write!(text, "\n### {}\n\n", names.join(", ")).expect("a string takes text");
        for table in alike {
            writeln!(text, "{}", table.definition().doc).expect("a string takes text");
        }
        text.push('\n');
        columns(&mut text, definition.columns);
    }
    text
}

fn columns(text: &mut String, columns: &[Column]) {
    text.push_str("| column | type | meaning |\n|---|---|---|\n");
    for column in columns {
        let optional = if column.nullable { ", may be null" } else { "" };
        let (name, ty, doc) = (column.name, column.ty.name(), column.doc.trim());
        writeln!(text, "| `{name}` | {ty}{optional} | {doc} |").expect("a string takes text");
    }
}
