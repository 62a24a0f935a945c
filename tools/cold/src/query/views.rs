//! The archive's tables as DuckDB sees them.

use pitlane_parquet::{Archive, ArchiveError};
use pitlane_rows::{ColumnType, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Paths of the files that manifests list, by table.
pub(super) fn files(archive: &Archive) -> Result<BTreeMap<Table, Vec<PathBuf>>, ArchiveError> {
    let mut files = BTreeMap::<Table, Vec<PathBuf>>::new();
    for journal in archive.journals()? {
        for manifest in archive.manifests(journal)? {
            for entry in &manifest.files {
                if let Some(table) = Table::from_name(&entry.kind) {
                    files.entry(table).or_default().push(archive.root().join(&entry.path));
                }
            }
        }
    }
    Ok(files)
}

/// A view of each table; one without rows has no folder, and is a view of no rows.
pub(super) fn all(archive: &Archive) -> Result<String, ArchiveError> {
    let files = files(archive)?;
    Ok(Table::ALL.iter().map(|table| view(archive, *table, files.contains_key(table)) + "\n").collect())
}

/// A command line that asks DuckDB `sql`, with views of the tables that it names.
#[cfg_attr(feature = "sql", allow(dead_code, reason = "a build with an engine asks that"))]
pub(super) fn command(archive: &Archive, sql: &str) -> Result<String, ArchiveError> {
    let (files, words) = (files(archive)?, words(sql));
    let named = Table::ALL.iter().filter(|table| words.contains(table.name()));
    let views: Vec<String> = named.map(|table| view(archive, *table, files.contains_key(table))).collect();
    let script = format!("{} {}", views.join(" "), sql.trim().trim_end_matches(';'));
    Ok(format!("duckdb -c '{}'", script.trim().replace('\'', "'\\''")))
}

/// The words of a statement, in small letters.
fn words(sql: &str) -> BTreeSet<String> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    sql.split(|letter| !is_word(letter)).map(str::to_ascii_lowercase).collect()
}

fn view(archive: &Archive, table: Table, has_files: bool) -> String {
    let name = table.name();
    if has_files {
        let glob = archive.root().join(format!("kind={name}/*/*.parquet"));
        let glob = glob.display().to_string().replace('\'', "''");
        return format!(
            "CREATE VIEW {name} AS SELECT * EXCLUDE (kind) FROM read_parquet('{glob}', hive_partitioning = true);"
        );
    }
    let columns: Vec<String> = table
        .columns()
        .map(|column| format!("CAST(NULL AS {}) AS \"{}\"", duckdb_type(column.ty), column.name))
        .collect();
    format!("CREATE VIEW {name} AS SELECT {}, CAST(NULL AS DATE) AS date WHERE false;", columns.join(", "))
}

/// What DuckDB makes of a column of the files.
pub(super) fn duckdb_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Bool => "BOOLEAN",
        ColumnType::I16 => "SMALLINT",
        ColumnType::I32 => "INTEGER",
        ColumnType::I64 => "BIGINT",
        ColumnType::F64 => "DOUBLE",
        ColumnType::Price => "DECIMAL(18,4)",
        ColumnType::Money => "DECIMAL(20,4)",
        ColumnType::Stamp => "TIMESTAMP WITH TIME ZONE",
        ColumnType::Date => "DATE",
        ColumnType::Uuid | ColumnType::Code | ColumnType::Text => "VARCHAR",
    }
}
