//! Where the database is, and how its password gets here: from a file or the environment, never from an argument.

use postgres::Config;
use postgres::config::{Host, SslMode};
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a database cannot be addressed. No variant holds a password, or a text that may have one in it.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a connection string.
    #[error(
        "{origin}: this is no address of a database; write postgresql://USER@HOST:PORT/DATABASE, or for a unix socket \
         \"host=/run/postgresql user=USER dbname=DATABASE\" (the text is not shown because it may hold a password)"
    )]
    Text {
        /// Where it was read.
        origin: String,
    },
    /// A password where everybody can read it.
    #[error(
        "{origin}: the address holds a password, which every user of this machine can see there; leave it out and put it \
         into ~/.pgpass (HOST:PORT:DATABASE:USER:PASSWORD, mode 0600), PGPASSWORD, or a password file"
    )]
    Password {
        /// Where it was read.
        origin: String,
    },
    /// A file with a secret that others can read.
    #[error("{path}: others can read this file, and it holds a password; chmod 0600 {path}")]
    Permissions {
        /// The file.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}; check the path and its owner")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// TLS is asked for.
    #[error(
        "{origin}: sslmode=require, but this program speaks no TLS; use a unix socket, loopback, or a tunnel of yours, and \
         leave sslmode out"
    )]
    Tls {
        /// Where it was read.
        origin: String,
    },
}

/// The address of a database. Shown without its password. It is that of a server, not of a pooler that shares sessions
/// between transactions: a journal's lock lives as long as its session.
#[derive(Clone)]
pub struct Target {
    config: Config,
}

impl Target {
    /// From a command line's argument, or anything else that others can see: an address in either form that libpq knows.
    ///
    /// # Errors
    /// If it is no address, asks for TLS, or holds a password.
    pub fn argument(text: &str, origin: &str) -> Result<Self, TargetError> {
        let target = Self::secret(text, origin)?;
        if target.config.get_password().is_some() {
            return Err(TargetError::Password { origin: origin.to_owned() });
        }
        Ok(target)
    }

    /// From a place that only its owner can see, such as an environment variable: it may hold a password. `origin` is
    /// the name of that place, for errors.
    ///
    /// # Errors
    /// If it is no address, or asks for TLS.
    pub fn secret(text: &str, origin: &str) -> Result<Self, TargetError> {
        let origin = origin.to_owned();
        let Ok(mut config) = text.trim().parse::<Config>() else { return Err(TargetError::Text { origin }) };
        if config.get_ssl_mode() == SslMode::Require {
            return Err(TargetError::Tls { origin });
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(TargetError::Text { origin });
        }
        config.ssl_mode(SslMode::Disable);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        // A peer that is gone without a word is noticed within half a minute.
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3).tcp_user_timeout(Duration::from_secs(30));
        Ok(Self { config })
    }

    /// With the password that is the first line of a file.
    ///
    /// # Errors
    /// If the file cannot be read, or can be read by others.
    pub fn password_file(mut self, path: &Path) -> Result<Self, TargetError> {
        check_private(path)?;
        self.config.password(read(path)?.lines().next().unwrap_or_default());
        Ok(self)
    }

    /// Whether nothing leaves this machine on the way there: unix sockets and loopback.
    pub fn is_local(&self) -> bool {
        let named = self.config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        });
        let addresses = self.config.get_hostaddrs();
        if addresses.is_empty() { named } else { addresses.iter().all(IpAddr::is_loopback) }
    }

    /// With the user and the password of the environment, if it has none yet. The password is that of `PGPASSWORD`, else of
    /// the first line that fits in the file of `PGPASSFILE`, else in `~/.pgpass` if that is there. `variable` reads the
    /// environment.
    ///
    /// # Errors
    /// If a password file is named and cannot be read, or can be read by others.
    pub fn environment(mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, TargetError> {
        if self.config.get_user().is_none()
            && let Some(user) = ["PGUSER", "USER", "LOGNAME"].iter().find_map(|name| variable(name))
        {
            self.config.user(&user);
        }
        if self.config.get_password().is_some() {
            return Ok(self);
        }
        if let Some(password) = variable("PGPASSWORD").filter(|password| !password.is_empty()) {
            self.config.password(password);
            return Ok(self);
        }
        let named = variable("PGPASSFILE").map(PathBuf::from);
        let usual = || Some(Path::new(&variable("HOME")?).join(".pgpass")).filter(|path| path.exists());
        let Some(path) = named.or_else(usual) else { return Ok(self) };
        check_private(&path)?;
        if let Some(password) = self.password_of(&read(&path)?) {
            self.config.password(password);
        }
        Ok(self)
    }

    /// The password of the first line of a .pgpass that fits. Source: PostgreSQL documentation, "The Password File".
    fn password_of(&self, pgpass: &str) -> Option<String> {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            // The file calls every local socket so.
            Some(Host::Unix(_)) => "localhost".to_owned(),
            None => self.config.get_hostaddrs().first()?.to_string(),
        };
        let port = self.config.get_ports().first().unwrap_or(&5432).to_string();
        let user = self.config.get_user().unwrap_or_default().to_owned();
        let wanted = [host, port, self.database().to_owned(), user];
        pgpass.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let fields = fields(line);
            let [of @ .., password] = &fields[..] else { return None };
            let fits = of.len() == wanted.len()
                && of.iter().zip(&wanted).all(|(field, wanted)| field == "*" || field == wanted);
            fits.then(|| password.clone())
        })
    }

    fn database(&self) -> &str {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or_default()
    }

    pub(crate) fn config(&self, application: &str) -> Config {
        let mut config = self.config.clone();
        config.application_name(application);
        config
    }
}

impl fmt::Display for Target {
    /// As a URL without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgresql://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        match (self.config.get_hosts().first(), self.config.get_hostaddrs().first()) {
            (Some(Host::Tcp(host)), _) => write!(f, "{host}")?,
            (Some(Host::Unix(path)), _) => write!(f, "[{}]", path.display())?,
            (None, Some(address)) => write!(f, "{address}")?,
            (None, None) => {}
        }
        write!(f, ":{}/{}", self.config.get_ports().first().unwrap_or(&5432), self.database())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == ':' && fields.len() < 5 {
            fields.push(String::new());
            continue;
        }
        let field = fields.last_mut().expect("there is a first field");
        field.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    fields
}

fn read(path: &Path) -> Result<String, TargetError> {
    fs::read_to_string(path).map_err(|source| TargetError::File { path: path.to_owned(), source })
}

fn check_private(path: &Path) -> Result<(), TargetError> {
    let metadata =
        fs::metadata(path).map_err(|source| TargetError::File { path: path.to_owned(), source })?;
    if metadata.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(TargetError::Permissions { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_password_is_taken_from_secret_places_alone_and_never_shown() {
        let url = "postgresql://ann:hu%20nter2@db.example:5433/day";
        assert!(matches!(Target::argument(url, "--postgres"), Err(TargetError::Password { .. })));
        for text in [
            url,
            "postgresql://ann:hunter2@db.example:port/day",
            "host=x sslmode=require password=hunter2",
            "hunter2",
        ] {
            let shown = match (Target::argument(text, "--postgres"), Target::secret(text, "PITLANE_POSTGRES"))
            {
                (Err(error), Ok(target)) => format!("{error} {error:?} {target} {target:?}"),
                (Err(error), Err(other)) => format!("{error} {error:?} {other} {other:?}"),
                (Ok(_), _) => panic!("{text} is taken"),
            };
            assert!(!shown.contains("nter2"), "{shown}");
        }
        let target = Target::secret(url, "x").unwrap();
        assert_eq!(target.to_string(), "postgresql://ann@db.example:5433/day");
        assert_eq!(target.config.get_password(), Some(&b"hu nter2"[..]));
        let socket = Target::argument("host=/run/postgresql user=ann", "--postgres").unwrap();
        assert_eq!(socket.to_string(), "postgresql://ann@[/run/postgresql]:5432/ann");
    }

    #[test]
    fn password_files_are_read_as_libpq_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pgpass");
        let lines =
            "# a comment\nother:*:*:*:no\ndb.example:5433:day:ann:a\\:b\\\\c:d\nlocalhost:*:*:*:local\n";
        fs::write(&path, lines).unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let named = |name: &str| (name == "PGPASSFILE").then(|| path.display().to_string());
        let target = |text: &str| Target::argument(text, "--postgres").unwrap();
        mode(0o644);
        let open = target("postgresql://ann@db.example:5433/day").environment(&named);
        assert!(matches!(open, Err(TargetError::Permissions { .. })));
        mode(0o600);
        let password = |text: &str| {
            let target = target(text).environment(&named).unwrap();
            target.config.get_password().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
        };
        assert_eq!(password("postgresql://ann@db.example:5433/day").as_deref(), Some("a:b\\c:d"));
        assert_eq!(password("host=/run/postgresql user=bob").as_deref(), Some("local"));
        assert_eq!(password("postgresql://bob@db.example:5433/day"), None);
        let direct = target("postgresql://bob@db.example/day")
            .environment(&|name| (name == "PGPASSWORD").then(|| "direct".to_owned()));
        assert_eq!(direct.unwrap().to_string(), "postgresql://bob@db.example:5432/day");
        let user =
            target("host=/run/postgresql").environment(&|name| (name == "USER").then(|| "carl".to_owned()));
        assert_eq!(user.unwrap().to_string(), "postgresql://carl@[/run/postgresql]:5432/carl");
        fs::write(&path, "in-file\n").unwrap();
        let own = || target("postgresql://bob@db.example/day").password_file(&path);
        assert_eq!(own().unwrap().config.get_password(), Some(&b"in-file"[..]));
        mode(0o640);
        assert!(matches!(own(), Err(TargetError::Permissions { .. })));
    }

    #[test]
    fn another_machine_is_told_from_this_one() {
        for (text, local) in [
            ("postgresql://ann@127.0.0.1/day", true),
            ("postgresql://ann@[::1]/day", true),
            ("postgresql://ann@localhost:5433/day", true),
            ("host=/run/postgresql user=ann", true),
            ("host=db.example hostaddr=127.0.0.1 user=ann", true),
            ("postgresql://ann@10.0.0.7/day", false),
            ("postgresql://ann@localhost,db.example/day", false),
            ("host=localhost hostaddr=10.0.0.7 user=ann", false),
        ] {
            assert_eq!(Target::argument(text, "x").unwrap().is_local(), local, "{text}");
        }
    }
}
