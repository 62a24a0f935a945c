//! The schema, in steps that are never changed once they are out.

use crate::error::PgError;
use pitlane_rows::postgres as encoding;
use pitlane_rows::{Date, Table};
use postgres::error::SqlState;
use postgres::{Client, GenericClient};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A step.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number; they count from 1 without gaps.
    pub version: i32,
    /// What it is called.
    pub name: &'static str,
    /// Its statements, run in one transaction.
    pub sql: &'static str,
}

impl Migration {
    /// What `schema_migrations` remembers of the statements: their BLAKE3 hash, 64 hexadecimal digits.
    pub fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }
}

/// All of them. A change of the tables is a new one at the end; the ones before stay as they are, or databases that have
/// them are refused.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "tables", sql: include_str!("migrations/0001_tables.sql") },
    Migration { version: 2, name: "offsets and indexes", sql: include_str!("migrations/0002_offsets.sql") },
    Migration { version: 3, name: "views", sql: include_str!("migrations/0003_views.sql") },
    Migration { version: 4, name: "the venue's names", sql: include_str!("migrations/0004_venue.sql") },
];

/// The version after all of them.
pub const SCHEMA_LATEST: i32 = MIGRATIONS.len() as i32;

/// What a migration came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The version before; 0 for none.
    pub from: i32,
    /// The version now.
    pub to: i32,
}

/// Advisory lock of whoever changes the schema: "pitlane" and a number.
const SCHEMA_LOCK: i64 = 0x7069_746c_616e_6501;

/// The version of a database's schema, 0 for none; checks that its steps are ours.
pub(crate) fn version(client: &mut impl GenericClient, at: &str) -> Result<i32, PgError> {
    let failed = |error: postgres::Error| PgError::of(at, &error);
    let there =
        client.query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]).map_err(failed)?;
    if !there.get::<_, bool>(0) {
        return Ok(0);
    }
    let wrong = |what: String| PgError::Schema { at: at.to_owned(), what };
    let rows = client
        .query("SELECT version, name, checksum FROM schema_migrations ORDER BY version", &[])
        .map_err(|error| match error.code() {
            Some(code) if code.code().starts_with("42") && *code != SqlState::INSUFFICIENT_PRIVILEGE => {
                wrong("its table schema_migrations is none of this program".to_owned())
            }
            _ => failed(error),
        })?;
    let found = rows.last().map_or(0, |row| row.get::<_, i32>(0));
    if found > SCHEMA_LATEST {
        return Err(PgError::Newer { at: at.to_owned(), found });
    }
    for (row, migration) in rows.iter().zip(MIGRATIONS) {
        let (version, name, checksum): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
        if version != migration.version {
            return Err(wrong(format!("migration {} is missing in schema_migrations", migration.version)));
        }
        if checksum != migration.checksum() {
            return Err(wrong(format!("migration {version} ({name}) is not the one this program has")));
        }
    }
    Ok(found)
}

/// Brings the schema up to date, all or nothing. Does nothing, and needs no rights, when it is.
pub(crate) fn migrate(client: &mut Client, at: &str) -> Result<Migrated, PgError> {
    let failed = |error: postgres::Error| PgError::of(at, &error);
    check_server(client, at)?;
    let found = version(client, at)?;
    if found == SCHEMA_LATEST {
        return Ok(Migrated { from: found, to: found });
    }
    let mut transaction = client.transaction().map_err(failed)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK]).map_err(failed)?;
    // Another process may have done it meanwhile.
    let from = version(&mut transaction, at)?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL, \
             checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .map_err(failed)?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > from) {
        transaction.batch_execute(migration.sql).map_err(|error| in_the_way(at, migration, &error))?;
        transaction
            .execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                &[&migration.version, &migration.name, &migration.checksum()],
            )
            .map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    Ok(Migrated { from, to: SCHEMA_LATEST })
}

/// Makes the parts of large tables that hold `parts`, where they are not there. Built beside the table and attached, so that
/// readers of the table are not held up.
pub(crate) fn make_parts(
    client: &mut impl GenericClient,
    parts: impl Iterator<Item = (Table, Date)>,
) -> Result<(), postgres::Error> {
    let mut names = BTreeMap::new();
    for (table, date) in parts {
        names.insert(encoding::partition_name(table, date), (table, date));
    }
    if names.is_empty() {
        return Ok(());
    }
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK])?;
    let all: Vec<&str> = names.keys().map(String::as_str).collect();
    let missing = "SELECT part FROM unnest($1::text[]) AS part WHERE to_regclass(part) IS NULL";
    let mut sql = String::new();
    for row in client.query(missing, &[&all])? {
        let part: String = row.get(0);
        let (table, Date(day)) = names[&part];
        let (table, from, to) = (table.name(), Date(day), Date(day + 1));
        write!(
            sql,
            "CREATE TABLE {part} (LIKE {table} INCLUDING ALL EXCLUDING COMMENTS); \
             ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ('{from}') TO ('{to}');"
        )
        .expect("a string takes text");
    }
    client.batch_execute(&sql)
}

/// The oldest server with what is used here, and the one encoding that has every text.
fn check_server(client: &mut Client, at: &str) -> Result<(), PgError> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), \
             current_setting('server_version')",
            &[],
        )
        .map_err(|error| PgError::of(at, &error))?;
    let (number, encoding, version): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
    let wrong = |what| Err(PgError::Schema { at: at.to_owned(), what });
    if number < 130_000 {
        return wrong(format!("the server is version {version}, and 13 is the oldest that is used"));
    }
    if encoding != "UTF8" {
        return wrong(format!("the database's encoding is {encoding}, and texts need UTF8"));
    }
    Ok(())
}

fn in_the_way(at: &str, migration: &Migration, error: &postgres::Error) -> PgError {
    let known = [SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT, SqlState::WRONG_OBJECT_TYPE];
    match error.as_db_error() {
        Some(server) if known.contains(server.code()) => PgError::Schema {
            at: at.to_owned(),
            what: format!(
                "migration {} ({}) finds something in its way: {}",
                migration.version,
                migration.name,
                server.message()
            ),
        },
        _ => PgError::of(at, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_from_one() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, at as i32 + 1);
        }
    }

    /// What databases out there remember. A line is added with a migration, never changed.
    #[test]
    fn migrations_that_are_out_stay_as_they_are() {
        let found: Vec<String> = MIGRATIONS.iter().map(Migration::checksum).collect();
        let expected: Vec<&str> = include_str!("migrations/checksums").lines().collect();
        assert_eq!(found, expected);
    }
}
