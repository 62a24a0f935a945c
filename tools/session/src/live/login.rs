//! `engine login`: one manual login a day becomes a token file. The request token comes on standard input or in a file, the
//! secret in a file or the environment: nothing of it stands on a command line, where other processes see it.

use super::clock::wall_ns;
use crate::cli::ConfigArgs;
use crate::exit::{data, usage};
use anyhow::Context;
use pitlane_config::{BrokerSettings, format_ist};
use pitlane_engine::units::{NS_PER_S, TsNs};
use pitlane_kite_gateway::session::{Secret, exchange, login_url, request_token};
use serde_json::{Value, json};
use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The environment variable with the application's secret, if no file has it.
pub const SECRET_VARIABLE: &str = "PITLANE_API_SECRET";

/// What a login made.
pub struct LoggedIn {
    /// For people.
    pub text: String,
    /// The object `login/1`.
    pub json: Value,
}

/// Prints the page to log in on, takes the request token from `from` or standard input, and writes the token file.
///
/// # Errors
/// If something is not configured, or the broker refuses.
pub fn login(config: &ConfigArgs, from: Option<&Path>) -> anyhow::Result<LoggedIn> {
    let broker = config.load()?.broker;
    let api_key = broker.api_key.as_deref().ok_or_else(|| {
        usage("broker.api_key is not given; the broker's developer console shows it (docs/zerodha.md)")
    })?;
    let token_file = broker
        .token_file
        .as_deref()
        .ok_or_else(|| usage("broker.token_file is not given: where shall the token go?"))?;
    let secret = api_secret(&broker)?;
    eprintln!("open this page, log in, and paste the address you are sent to, or the request token in it:");
    eprintln!("  {}", login_url(&broker.login, api_key));
    let pasted = match from {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        None => {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).context("cannot read standard input")?;
            line
        }
    };
    let token = request_token(&pasted).ok_or_else(|| {
        usage("that is neither a request token nor an address with one (request_token=...); log in again for a fresh one")
    })?;
    let now = wall_ns()?;
    let session = exchange(&broker.rest, api_key, &token, &secret, now)?;
    session.write(token_file)?;
    let expires = format_ist(TsNs(session.expires_ns));
    let text = format!(
        "logged in as {}; the token is in {} and ends at {expires}, in {}",
        session.user_id,
        token_file.display(),
        left(session.expires_ns.saturating_sub(now))
    );
    let json = json!({
        "schema": "login/1", "user": session.user_id, "token_file": token_file, "expires": expires,
        "seconds_left": session.expires_ns.saturating_sub(now) / NS_PER_S,
    });
    Ok(LoggedIn { text, json })
}

/// Hours and minutes of a time.
pub fn left(ns: u64) -> String {
    let minutes = ns / NS_PER_S / 60;
    format!("{} h {:02} min", minutes / 60, minutes % 60)
}

fn api_secret(broker: &BrokerSettings) -> anyhow::Result<Secret> {
    let Some(path) = &broker.api_secret_file else {
        return match std::env::var(SECRET_VARIABLE) {
            Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text)),
            _ => Err(usage(format!(
                "the application's secret is not given: name its file as broker.api_secret_file, or set {SECRET_VARIABLE}"
            ))),
        };
    };
    let shown = path.display();
    let meta = std::fs::metadata(path).map_err(|error| data(format!("cannot read {shown}: {error}")))?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(usage(format!("{shown} can be read by others (mode {mode:o}); chmod 600 {shown}")));
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| data(format!("cannot read {shown}: {error}")))?;
    if text.trim().is_empty() {
        return Err(usage(format!("{shown} is empty; it holds the application's secret and nothing else")));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let path = dir.path().join("secret");
        std::fs::write(&path, " very-secret \n").expect("a file");
        let broker = BrokerSettings { api_secret_file: Some(path.clone()), ..BrokerSettings::default() };
        let mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("our file");
        };
        mode(0o644);
        let error = api_secret(&broker).expect_err("others can read it").to_string();
        assert!(error.contains("chmod 600") && !error.contains("very"), "{error}");
        mode(0o600);
        assert_eq!(api_secret(&broker).expect("it is ours alone"), Secret::new("very-secret"));
        std::fs::write(&path, "\n").expect("a file");
        assert!(api_secret(&broker).expect_err("it is empty").to_string().contains("empty"));
        assert_eq!(left(7_384 * NS_PER_S), "2 h 03 min");
    }
}
