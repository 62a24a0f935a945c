//! Migrations and views.

use super::*;
use pitlane_postgres::{MIGRATIONS, Migrated, SCHEMA_LATEST};
use pitlane_rows::Table;
use sample::sample;
use std::thread;

/// Everything that tells one set of tables from another.
const SHAPE: &str = "SELECT c.table_name, c.ordinal_position, c.column_name, c.data_type, c.numeric_precision, \
    c.numeric_scale, c.is_nullable, col_description(c.table_name::regclass, c.ordinal_position::int), \
    pg_get_partkeydef(c.table_name::regclass), \
    (SELECT string_agg(pg_get_constraintdef(oid), ';') FROM pg_constraint WHERE conrelid = c.table_name::regclass) \
    FROM information_schema.columns c WHERE c.table_schema = 'public' AND c.table_name = ANY($$TABLES$$) ORDER BY 1, 2";

fn shape(server: &Server, database: &str) -> String {
    let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
    server.psql(database, &SHAPE.replace("TABLES", &format!("{{{}}}", names.join(","))))
}

#[test]
fn migrations_come_to_the_tables_of_the_code() {
    let Some(server) = server() else { return };
    let migrated = server.database("migrated");
    let mut database = Database::connect(&target(&migrated)).unwrap();
    assert_eq!(database.schema_version().unwrap(), 0);
    assert!(matches!(database.stored(), Err(PgError::Older { found: 0, .. })));
    assert_eq!(database.migrate().unwrap(), Migrated { from: 0, to: SCHEMA_LATEST });
    assert_eq!(database.migrate().unwrap(), Migrated { from: SCHEMA_LATEST, to: SCHEMA_LATEST });
    assert_eq!(database.stored().unwrap(), []);
    server.database("direct");
    for &table in Table::ALL {
        let sql = pitlane_rows::postgres::create_table(table) + &pitlane_rows::postgres::comments(table);
        server.psql("direct", &sql);
    }
    let shape_of_code = shape(server, "direct");
    assert_eq!(
        shape(server, "migrated"),
        shape_of_code,
        "a change of the tables needs a migration of its own"
    );
    let columns: usize = Table::ALL.iter().map(|table| table.columns().len()).sum();
    assert_eq!(shape_of_code.lines().count(), columns);
}

#[test]
fn older_schemas_are_migrated_and_others_refused() {
    let Some(server) = server() else { return };
    let whole = server.database("whole");
    Database::connect(&target(&whole)).unwrap().migrate().unwrap();
    for from in 1..SCHEMA_LATEST {
        let name = format!("older_{from}");
        let url = server.database(&name);
        server.psql(
            &name,
            "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL, \
            checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
        );
        for migration in &MIGRATIONS[..from as usize] {
            server.psql(&name, migration.sql);
            let values = format!("({}, '{}', '{}')", migration.version, migration.name, migration.checksum());
            server.psql(&name, &format!("INSERT INTO schema_migrations VALUES {values}"));
        }
        let mut database = Database::connect(&target(&url)).unwrap();
        assert_eq!(database.migrate().unwrap(), Migrated { from, to: SCHEMA_LATEST });
        assert_eq!(shape(server, &name), shape(server, "whole"));
    }
    let sample = sample(1, 10);
    let refused = |change: &str, back: &str| {
        server.psql("whole", change);
        let error = write_all(&sample, &whole, Options::default()).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        server.psql("whole", back);
        error
    };
    let newer = refused(
        "INSERT INTO schema_migrations VALUES (99, 'later', '')",
        "DELETE FROM schema_migrations WHERE version = 99",
    );
    assert!(matches!(newer, PgError::Newer { found: 99, .. }), "{newer}");
    let other = refused(
        "UPDATE schema_migrations SET checksum = 'x' || checksum WHERE version = 2",
        "UPDATE schema_migrations SET checksum = substr(checksum, 2) WHERE version = 2",
    );
    assert!(matches!(other, PgError::Schema { .. }) && other.to_string().contains("migration 2"), "{other}");
    write_all(&sample, &whole, Options::default()).unwrap();
    let occupied = server.database("occupied");
    server.psql("occupied", "CREATE TABLE ticks (price numeric)");
    let error = write_all(&sample, &occupied, Options::default()).unwrap_err();
    assert!(matches!(error, PgError::Schema { .. }) && error.to_string().contains("\"ticks\""), "{error}");
    assert_eq!(
        server.psql("occupied", "SELECT to_regclass('sessions') IS NULL").trim(),
        "t",
        "all or nothing"
    );
    server.psql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    let error = write_all(&sample, &server.url("latin"), Options::default()).unwrap_err();
    assert!(error.to_string().contains("UTF8"), "{error}");
}

#[test]
fn many_who_migrate_at_once_do_it_once() {
    let Some(server) = server() else { return };
    let url = server.database("at_once");
    let from: Vec<i32> = thread::scope(|scope| {
        let each = || scope.spawn(|| Database::connect(&target(&url)).unwrap().migrate().unwrap().from);
        let threads: Vec<_> = (0..6).map(|_| each()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(from.iter().filter(|&&from| from == 0).count(), 1, "{from:?}");
    assert_eq!(
        server.psql("at_once", "SELECT count(*) FROM schema_migrations").trim(),
        SCHEMA_LATEST.to_string()
    );
}

#[test]
fn the_views_say_what_the_tables_say() {
    let Some(server) = server() else { return };
    let url = server.database("views");
    write_all(&sample(3, 2_000), &url, Options::default()).unwrap();
    let ask = |sql: &str| server.psql("views", sql).trim().to_owned();
    // Profit by day adds up to the last totals, which the engine's own ledger made.
    for column in ["gross", "charges", "net"] {
        let by_day = ask(&format!("SELECT sum({column}) FROM pnl_by_strategy"));
        let total = ask(&format!("SELECT {column} FROM session_totals ORDER BY session DESC LIMIT 1"));
        assert_eq!(by_day, total, "{column}");
    }
    let turnover = ask("SELECT sum(turnover) FROM session_totals");
    assert_eq!(ask("SELECT sum(turnover) FROM pnl_by_strategy"), turnover);
    assert_eq!(ask("SELECT sum(value) FROM trades"), turnover);
    assert_eq!(ask("SELECT count(*) FROM trades WHERE order_type IS NULL"), "0", "each fill has its order");
    assert_eq!(
        ask("SELECT count(*), min(trading_date) FROM trades_of_the_day"),
        ask("SELECT count(*), max(trading_date) FROM fills WHERE trading_date = '2021-04-19'")
    );
    // What is held is what the fills come to.
    assert_eq!(
        ask("SELECT instrument_id, strategy, quantity FROM positions_now ORDER BY 1, 2"),
        ask(
            "SELECT instrument_id, strategy, sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END) FROM fills \
             GROUP BY 1, 2 HAVING sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END) <> 0 ORDER BY 1, 2"
        )
    );
    assert!(!ask("SELECT * FROM positions_now").is_empty());
    // Large tables have a part for each day, and people's questions skip the others.
    assert_eq!(ask("SELECT count(*) FROM pg_inherits WHERE inhparent = 'ticks'::regclass"), "3");
    let plan = ask("EXPLAIN SELECT count(*) FROM ticks WHERE trading_date = '2021-04-16'");
    assert!(plan.contains("ticks_20210416") && !plan.contains("ticks_20210415"), "{plan}");
}
