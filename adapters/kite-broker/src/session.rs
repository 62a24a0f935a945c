//! Login and tokens.

use crate::error::ApiError;
use crate::times;
use pitlane_engine::units::TsNs;
use sha2::{Digest, Sha256};

/// The hour at which tokens die, in seconds after midnight, Indian time.
pub const TOKEN_DEATH_S: u64 = 6 * 3_600;

/// Lowercase hexadecimal SHA-256 of the parts one after another.
pub fn sha256_hex(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part.as_bytes()));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The session of the one account. Logging in while a token lives gives that token again, so that several programs may
/// share the account; after its death, a logout or an expiry the next one is another.
#[derive(Clone)]
pub struct Session {
    seed: u64,
    generation: u64,
    /// The living token and when it dies.
    token: Option<(String, TsNs)>,
}

impl Session {
    /// Nobody is logged in. Tokens are a function of the seed and of how many there were.
    pub fn new(seed: u64) -> Self {
        Self { seed, generation: 0, token: None }
    }

    /// Logs in at `now`: the access token.
    pub fn login(&mut self, now: TsNs) -> String {
        self.expire(now);
        if let Some((token, _)) = &self.token {
            return token.clone();
        }
        self.generation += 1;
        let text = sha256_hex(&["access", &self.seed.to_string(), &self.generation.to_string()]);
        let token = text[..32].to_owned();
        let today = times::at_second_of_day(now, TOKEN_DEATH_S);
        let dies = if now < today { today } else { today.plus(times::DAY_S * 1_000_000_000) };
        self.token = Some((token.clone(), dies));
        token
    }

    /// Ends the session: logout, or a token that dies before its time.
    pub fn kill(&mut self) {
        self.token = None;
    }

    /// Lets a token die whose time has come; whether one did.
    pub fn expire(&mut self, now: TsNs) -> bool {
        let dead = self.token.as_ref().is_some_and(|(_, dies)| now >= *dies);
        if dead {
            self.kill();
        }
        dead
    }

    /// Whether `token` is the living one.
    pub fn is_alive(&self, token: &str) -> bool {
        self.token.as_ref().is_some_and(|(living, _)| living == token)
    }

    /// Checks an `Authorization` header, `token <api_key>:<access_token>`.
    ///
    /// # Errors
    /// If it is missing, of another key, or of a dead token.
    pub fn check(&self, api_key: &str, header: Option<&str>) -> Result<(), ApiError> {
        let pair = header.and_then(|text| text.strip_prefix("token ")).and_then(|text| text.split_once(':'));
        match pair {
            Some((key, token)) if key == api_key && self.is_alive(token) => Ok(()),
            _ => Err(ApiError::token()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_engine::units::NS_PER_S;

    #[test]
    fn tokens_live_until_six_in_the_morning() {
        let morning = times::parse("2021-04-15 09:00:00").expect("a time");
        let mut session = Session::new(7);
        let token = session.login(morning);
        assert_eq!((token.len(), session.login(morning.plus(NS_PER_S)) == token), (32, true));
        let header = format!("token demo:{token}");
        assert_eq!(session.check("demo", Some(&header)), Ok(()));
        for wrong in [None, Some("token demo:x"), Some("demo"), Some(header.replace("demo", "else").as_str())]
        {
            assert_eq!(session.check("demo", wrong), Err(ApiError::token()), "{wrong:?}");
        }
        assert!(!session.expire(times::parse("2021-04-16 05:59:59").expect("a time")));
        assert!(session.expire(times::parse("2021-04-16 06:00:00").expect("a time")));
        assert_eq!(session.check("demo", Some(&header)), Err(ApiError::token()));
        let night = times::parse("2021-04-16 05:00:00").expect("a time");
        let other = session.login(night);
        assert_ne!(other, token);
        assert!(session.expire(times::parse("2021-04-16 06:00:00").expect("a time")), "an hour later");
    }

    #[test]
    fn the_checksum_is_plain_concatenation() {
        // sha256("abc"), FIPS 180.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(&["a", "b", "c"]), expected);
    }
}
