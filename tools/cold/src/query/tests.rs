use super::views;
use pitlane_parquet::Archive;
use pitlane_rows::Table;
use pitlane_session::exit::{Exit, exit_of};

#[test]
fn a_view_has_every_table() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::new(dir.path().join("it's"));
    let all = views::all(&archive).unwrap();
    assert_eq!(all.lines().count(), Table::ALL.len());
    for (table, line) in Table::ALL.iter().zip(all.lines()) {
        assert!(line.starts_with(&format!("CREATE VIEW {} AS SELECT ", table.name())), "{line}");
        assert!(line.ends_with("WHERE false;"), "nothing was archived: {line}");
        assert!(table.columns().all(|column| line.contains(&format!("\"{}\"", column.name))), "{line}");
    }
}

#[test]
fn a_command_line_names_the_tables_of_the_statement_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::new(dir.path());
    let sql = "SELECT x.symbol FROM Fills AS x, bars_1m WHERE side = 'buy' AND fills_left = 1;";
    let command = views::command(&archive, sql).unwrap();
    assert_eq!(command.matches("CREATE VIEW").count(), 2, "{command}");
    assert!(command.contains("VIEW fills ") && command.contains("VIEW bars_1m "), "{command}");
    // One argument of a shell, whatever quotes are in it.
    assert!(command.starts_with("duckdb -c '") && command.contains(r"side = '\''buy'\''"), "{command}");
}

#[test]
fn where_there_is_no_archive_there_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let args = super::QueryArgs {
        sql: Some("SELECT 1".to_owned()),
        out: dir.path().join("none"),
        ..Default::default()
    };
    let error = super::run(&args).unwrap_err();
    assert_eq!(exit_of(&error), Exit::Data, "{error}");
    assert!(error.to_string().contains("cold-path archive"), "{error}");
}
