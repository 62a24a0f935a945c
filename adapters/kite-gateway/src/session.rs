//! The daily login: the page's address, the exchange of the request token, and the file that keeps what came of it.
//!
//! Secrets are never shown: [`Secret`] prints as stars, and no error holds one.

use crate::call::{CallError, Method};
use crate::rest::{Credentials, Rest};
use crate::wire::{self, Said};
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where a user logs in.
pub const LOGIN_ROOT: &str = "https://kite.zerodha.com";
/// Tokens end at this hour of the Indian day.
const EXPIRY_HOUR: u64 = 6;

/// Text that nobody may see.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret; white space around it is dropped.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().to_owned())
    }

    /// The text itself, for the wire and for the file.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The address of the login page of an app.
pub fn login_url(root: &str, api_key: &str) -> String {
    format!("{}/connect/login?v=3&api_key={api_key}", root.trim_end_matches('/'))
}

/// The request token in what a user pastes: the token itself, or the whole address they were sent to.
pub fn request_token(pasted: &str) -> Option<Secret> {
    let pasted = pasted.trim();
    let token = match pasted.split_once("request_token=") {
        Some((_, rest)) => rest.split(['&', '#']).next().unwrap_or(""),
        None => pasted,
    };
    let fits = !token.is_empty() && token.len() <= 64 && token.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then(|| Secret::new(token))
}

/// Lower-case hex SHA-256 of key, request token and secret, one behind the other.
pub fn checksum(api_key: &str, request_token: &Secret, api_secret: &Secret) -> String {
    let mut hash = Sha256::new();
    for part in [api_key, request_token.reveal(), api_secret.reveal()] {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The call had no answer.
    #[error("the login was not answered: {0}; a request token works once, so log in again")]
    Call(#[from] CallError),
    /// The broker refused it.
    #[error(
        "the broker refused the login ({status} {kind}: {message}); check key and secret, and log in again"
    )]
    Refused {
        /// HTTP status.
        status: u16,
        /// `error_type`.
        kind: String,
        /// The broker's words.
        message: String,
    },
    /// The answer cannot be read.
    #[error("the login's answer cannot be read ({0}); log in again")]
    Answer(#[from] wire::WireError),
    /// The token file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("{path} can be read by others (mode {mode:o}); chmod 600 it, and log in again if they may have")]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no token file.
    #[error("{path} is no token file; log in again")]
    Unreadable {
        /// Which.
        path: PathBuf,
    },
    /// Its token has ended.
    #[error("the token in {path} ended at 06:00; log in again")]
    Expired {
        /// Which.
        path: PathBuf,
    },
}

/// A session at the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub user_id: String,
    /// Of which app.
    pub api_key: String,
    /// What every call carries.
    pub access_token: Secret,
    /// When it was made, in nanoseconds since the epoch.
    pub made_ns: u64,
    /// When it ends.
    pub expires_ns: u64,
}

/// The next 06:00 Indian time after `made_ns`.
pub fn expiry(made_ns: u64) -> u64 {
    const DAY: u64 = 86_400 * NS_PER_S;
    let at = EXPIRY_HOUR * 3_600 * NS_PER_S;
    let local = made_ns + IST_OFFSET_NS;
    let today = local - local % DAY + at;
    (if local < today { today } else { today + DAY }) - IST_OFFSET_NS
}

/// Exchanges a request token for a session. `now_ns` is the wall time.
///
/// # Errors
/// If the broker does not answer or refuses.
pub fn exchange(
    root: &str,
    api_key: &str,
    request_token: &Secret,
    api_secret: &Secret,
    now_ns: u64,
) -> Result<Session, SessionError> {
    let rest = Rest::new(root, Credentials::default());
    let checksum = checksum(api_key, request_token, api_secret);
    let form =
        [("api_key", api_key), ("request_token", request_token.reveal()), ("checksum", checksum.as_str())];
    let answer = rest.request(Method::Post, "/session/token", &form, false)?;
    match wire::session(&answer.body)? {
        Said::Done((access_token, user_id)) if answer.status == 200 => Ok(Session {
            user_id,
            api_key: api_key.to_owned(),
            access_token: Secret::new(access_token),
            made_ns: now_ns,
            expires_ns: expiry(now_ns),
        }),
        Said::Done(_) => Err(wire::WireError::Data("success status").into()),
        Said::Refused(refusal) => {
            Err(SessionError::Refused { status: answer.status, kind: refusal.kind, message: refusal.message })
        }
    }
}

impl Session {
    /// Writes it to a file that only its owner can read, whole or not at all.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), SessionError> {
        let failed = |source| SessionError::File { path: path.to_owned(), source };
        let text = serde_json::to_string(self).expect("texts and numbers always serialise");
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = path.with_file_name(name);
        // A leftover of a crash may have any permissions: it is not reused.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new).map_err(failed)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| std::fs::rename(&new, path)).map_err(failed)
    }

    /// Reads it back. `now_ns` is the wall time.
    ///
    /// # Errors
    /// If others can read the file, if it is none, or if its token has ended.
    pub fn read(path: &Path, now_ns: u64) -> Result<Self, SessionError> {
        let failed = |source| SessionError::File { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        #[cfg(unix)]
        {
            let meta = file.metadata().map_err(failed)?;
            let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777;
            if mode & 0o077 != 0 {
                return Err(SessionError::Exposed { path: path.to_owned(), mode });
            }
        }
        let text = std::io::read_to_string(file).map_err(failed)?;
        // A parser's error could quote the text.
        let session: Self =
            serde_json::from_str(&text).map_err(|_| SessionError::Unreadable { path: path.to_owned() })?;
        // The file may claim what it wants: a token never outlives the next 06:00.
        if now_ns >= session.expires_ns.min(expiry(session.made_ns)) {
            return Err(SessionError::Expired { path: path.to_owned() });
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: u64 = 1_795_235_400 * NS_PER_S; // 2026-11-21 12:00 in India

    fn session() -> Session {
        Session {
            user_id: "AB1234".into(),
            api_key: "key".into(),
            access_token: Secret::new("very-secret"),
            made_ns: MADE,
            expires_ns: expiry(MADE),
        }
    }

    #[test]
    fn a_token_ends_at_the_next_six_o_clock() {
        let six = expiry(MADE);
        assert_eq!((six + IST_OFFSET_NS) % (86_400 * NS_PER_S), 6 * 3_600 * NS_PER_S);
        assert_eq!(expiry(six), six + 86_400 * NS_PER_S);
        assert_eq!(expiry(six - 1), six);
    }

    #[test]
    fn the_checksum_is_sha_256_of_the_three_texts() {
        // `printf abc | sha256sum`
        let of = checksum("a", &Secret::new("b"), &Secret::new("c"));
        assert_eq!(of, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(login_url(LOGIN_ROOT, "k"), "https://kite.zerodha.com/connect/login?v=3&api_key=k");
        let pasted = "https://app/?status=success&request_token=Ab12&action=login";
        assert_eq!(request_token(pasted), Some(Secret::new("Ab12")));
        assert_eq!(request_token(" Ab12\n"), Some(Secret::new("Ab12")));
        assert_eq!(request_token("not a token"), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_and_secrets_are_not_shown() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.json");
        session().write(&path).unwrap();
        session().write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(Session::read(&path, MADE).unwrap(), session());
        assert!(!format!("{:?}", session()).contains("very-secret"));
        assert!(matches!(Session::read(&path, expiry(MADE)), Err(SessionError::Expired { .. })));
        // Whatever it claims, it ends at six; and where it claims to end before, it does.
        for (expires_ns, ended) in [(u64::MAX, expiry(MADE)), (MADE + 5, MADE + 5)] {
            Session { expires_ns, ..session() }.write(&path).unwrap();
            assert!(Session::read(&path, ended - 1).is_ok());
            assert!(matches!(Session::read(&path, ended), Err(SessionError::Expired { .. })));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Session::read(&path, MADE), Err(SessionError::Exposed { mode: 0o640, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "{\"access_token\":\"very-secret\"").unwrap();
        let error = Session::read(&path, MADE).unwrap_err();
        assert!(
            matches!(error, SessionError::Unreadable { .. }) && !format!("{error:?}{error}").contains("very")
        );
    }
}
