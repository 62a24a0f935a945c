//! A connection, and the lock of a journal on it.

use crate::error::PgError;
use crate::target::Target;
use pitlane_rows::{Uuid, row_hash};
use postgres::{Client, NoTls};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a session of ours is set to. A commit that was answered must outlive the server; a lock that somebody else holds is
/// not waited for without end; a client that vanished is noticed.
const SETTINGS: &str = "\
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
SET lock_timeout = '30s'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '5min';
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET client_min_messages = warning";

pub(crate) fn connect(target: &Target, application: &str) -> Result<Client, PgError> {
    let at = target.to_string();
    let mut client = target.config(application).connect(NoTls).map_err(|error| PgError::of(&at, &error))?;
    client.batch_execute(SETTINGS).map_err(|error| PgError::of(&at, &error))?;
    Ok(client)
}

/// A name that no other session has, within the 63 bytes that the server keeps.
pub fn application() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("pitlane {} {now:x} {}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// How long the session of a writer that was killed may take to end, before it counts as alive.
const GRACE: Duration = Duration::from_secs(3);

/// Takes the advisory lock of a journal's tables, for as long as the session lives. A session of the same name that lost its
/// client is ended first: it may hold the lock, and be about to commit.
pub(crate) fn lock(
    client: &mut Client,
    at: &str,
    application: &str,
    journal: Uuid,
    group: &str,
) -> Result<(), PgError> {
    let failed = |error: postgres::Error| PgError::of(at, &error);
    client
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = $1 AND pid <> pg_backend_pid()",
            &[&application],
        )
        .map_err(failed)?;
    let key = row_hash(&[&journal.0[..], group.as_bytes()].concat()) as i64;
    let since = Instant::now();
    loop {
        if client.query_one("SELECT pg_try_advisory_lock($1)", &[&key]).map_err(failed)?.get(0) {
            return Ok(());
        }
        if since.elapsed() >= GRACE {
            let holder = holder(client, key).map_err(failed)?;
            return Err(PgError::Held { at: at.to_owned(), journal: journal.to_string(), holder });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn holder(client: &mut Client, key: i64) -> Result<String, postgres::Error> {
    let (high, low) = ((key >> 32) & 0xffff_ffff, key & 0xffff_ffff);
    let row = client.query_opt(
        "SELECT a.application_name, coalesce(host(a.client_addr), 'this machine'), a.backend_start::text \
         FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
         WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $1 AND l.objid::bigint = $2 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1",
        &[&high, &low],
    )?;
    Ok(row.map_or("gone by now".to_owned(), |row| {
        let (name, host, since): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        format!("{name} of {host}, since {since}")
    }))
}
