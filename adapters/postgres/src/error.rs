//! What can go wrong with a database.

use crate::migrations::SCHEMA_LATEST;
use crate::target::TargetError;
use pitlane_rows::Offset;
use postgres::error::SqlState;
use std::error::Error;

/// Why rows cannot be written or read. `at` is always the address without its password.
#[derive(Debug, thiserror::Error)]
pub enum PgError {
    /// The address.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nobody answers, or the connection broke.
    #[error(
        "{at} is away ({what}); check that the server runs and is reachable there: the journal keeps what is to come"
    )]
    Away {
        /// The database.
        at: String,
        /// The operating system's or the server's words.
        what: String,
    },
    /// The server starts, stops, is full, or has no connection free.
    #[error(
        "{at} cannot take rows now ({what}); {remedy}: nothing is lost, the journal keeps what is to come"
    )]
    Busy {
        /// The database.
        at: String,
        /// The server's words.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The user or password is wrong.
    #[error(
        "{at} refuses the user ({what}); check user and password: ~/.pgpass (mode 0600), PGPASSWORD or the password file"
    )]
    Login {
        /// The database.
        at: String,
        /// The server's words, which name the user alone.
        what: String,
    },
    /// There is no such database.
    #[error("{at}: {what}; make it with `createdb`, owned by this user, or correct the address")]
    NoDatabase {
        /// The database.
        at: String,
        /// The server's words.
        what: String,
    },
    /// The user may not do that.
    #[error("{at}: {what}; the user needs CREATE on the schema, and the tables must be its own")]
    Privilege {
        /// The database.
        at: String,
        /// The server's words.
        what: String,
    },
    /// The schema is of a later program.
    #[error(
        "{at}: its schema has version {found}, this program knows up to {SCHEMA_LATEST}; use the program that made it, or a newer \
         one"
    )]
    Newer {
        /// The database.
        at: String,
        /// The version found.
        found: i32,
    },
    /// The schema is not what its version says, or tables are in the way.
    #[error("{at}: {what}; use an empty database, or restore the schema as it was")]
    Schema {
        /// The database.
        at: String,
        /// What is not as it should be.
        what: String,
    },
    /// Reading from a database without the schema, or with an old one.
    #[error(
        "{at}: its schema has version {found}, reading needs {SCHEMA_LATEST}; a sink that is opened migrates it (`cold-path run` or \
         `archive` with the same address)"
    )]
    Older {
        /// The database.
        at: String,
        /// The version found; 0 for none.
        found: i32,
    },
    /// Another process writes the same journal into the same database.
    #[error("{at}: journal {journal} is held by another writer ({holder}); wait for it or stop it")]
    Held {
        /// The database.
        at: String,
        /// The journal.
        journal: String,
        /// Who, as far as the server tells.
        holder: String,
    },
    /// Tables of the journal are or were written by a sink with other options.
    #[error(
        "{at}: journal {journal} was written with other tables ({what}); go on with those, or use another database"
    )]
    Options {
        /// The database.
        at: String,
        /// The journal.
        journal: String,
        /// Which.
        what: String,
    },
    /// The database ends at another place than this writer believes: it was restored from a copy, or another writer was
    /// there.
    #[error(
        "{at}: its rows end at input {}, output {}, this writer's last commit was at input {}, output {}; open it again, which \
         goes on from where the rows end",
        found.seq, found.outputs, expected.seq, expected.outputs
    )]
    Moved {
        /// The database.
        at: String,
        /// What the writer believed.
        expected: Offset,
        /// What is there.
        found: Offset,
    },
    /// A saved state that is not of the journal.
    #[error(
        "{at}: the state saved with journal {journal} cannot be used ({what}); it is another journal under the same name, or one \
         with other instruments: use an empty database"
    )]
    State {
        /// The database.
        at: String,
        /// The journal.
        journal: String,
        /// What is wrong.
        what: String,
    },
    /// A row is there already: rows of the journal were put there by hand or by something else.
    #[error(
        "{at}: {what}; rows of this journal are there which no sink wrote: remove them, or use an empty database"
    )]
    Duplicate {
        /// The database.
        at: String,
        /// The server's words, with the key.
        what: String,
    },
    /// Rows that are not those of the table, or anything else that the server does not take.
    #[error(
        "{at}: the server answers {code}: {what}; check its log, and that its schema was not changed by hand"
    )]
    Server {
        /// The database.
        at: String,
        /// The code: PostgreSQL documentation, "PostgreSQL Error Codes".
        code: String,
        /// The server's words.
        what: String,
    },
}

impl PgError {
    /// Whether the same call may succeed later with nobody changing anything here: wait and call again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Busy { .. })
    }

    /// Whether opening the sink again, and reading the journal from where it says, mends it.
    pub fn is_mended_by_reopening(&self) -> bool {
        matches!(self, Self::Moved { .. })
    }

    /// The exit code of a program that ends because of it: 69 for a service that is down, 2 for configuration, 3 for data
    /// that does not fit or a journal in use, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Away { .. } | Self::Busy { .. } => 69,
            Self::Target(_) | Self::Login { .. } | Self::NoDatabase { .. } | Self::Privilege { .. } => 2,
            Self::Newer { .. }
            | Self::Older { .. }
            | Self::Schema { .. }
            | Self::Held { .. }
            | Self::Options { .. }
            | Self::Moved { .. }
            | Self::State { .. }
            | Self::Duplicate { .. } => 3,
            Self::Server { .. } => 1,
        }
    }

    /// What a client's error means. `at` is the address without its password.
    pub(crate) fn of(at: &str, error: &postgres::Error) -> Self {
        let at = at.to_owned();
        let Some(server) = error.as_db_error() else {
            let what = chain(error);
            // The client tells its own errors apart by their words alone.
            let is = |words: &[&str]| words.iter().any(|words| what.starts_with(words));
            return if is(&["invalid configuration", "authentication error"]) {
                Self::Login { at, what }
            } else if is(&["query returned", "error encoding", "error deserializing", "error serializing"]) {
                Self::Server { at, code: "nothing that fits".to_owned(), what }
            } else {
                Self::Away { at, what }
            };
        };
        let what = match server.detail() {
            Some(detail) => format!("{}: {detail}", server.message()),
            None => server.message().to_owned(),
        };
        let busy = |remedy| Self::Busy { at: at.clone(), what: what.clone(), remedy };
        match server.code() {
            code if *code == SqlState::INVALID_PASSWORD
                || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                // No detail: it may quote the server's file of rules.
                Self::Login { at, what: server.message().to_owned() }
            }
            code if *code == SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { at, what },
            code if *code == SqlState::INSUFFICIENT_PRIVILEGE => Self::Privilege { at, what },
            code if *code == SqlState::UNIQUE_VIOLATION => Self::Duplicate { at, what },
            code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                busy("it is a standby or set to read only: address the primary")
            }
            code if *code == SqlState::DISK_FULL => busy("make room on the server's disk"),
            code if *code == SqlState::ADMIN_SHUTDOWN
                || *code == SqlState::CRASH_SHUTDOWN
                || *code == SqlState::CANNOT_CONNECT_NOW =>
            {
                busy("wait until it is up")
            }
            // Class 53: insufficient resources. 40: rolled back for others' sake. 55P03, 57014: locks and limits of time.
            code if code.code().starts_with("53") => busy("give the server more of it"),
            code if code.code().starts_with("40")
                || *code == SqlState::LOCK_NOT_AVAILABLE
                || *code == SqlState::QUERY_CANCELED
                || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                || code.code().starts_with("58")
                || code.code().starts_with("08")
                || code.code().starts_with("57P") =>
            {
                busy("it will be tried again")
            }
            code => Self::Server { code: code.code().to_owned(), at, what },
        }
    }
}

/// An error's words with those of its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
