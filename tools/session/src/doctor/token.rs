//! The broker's access token: whether there is one, who can read it, and when it ends.

use super::Check;
use crate::live::login::left;
use pitlane_config::{BrokerSettings, format_ist};
use pitlane_engine::units::{NS_PER_S, TsNs};
use pitlane_kite_gateway::session::Session;

/// A trading day and its preparation: a token that ends sooner does not last.
const ENOUGH_NS: u64 = 8 * 3_600 * NS_PER_S;

/// Looks at the token file at the wall time `now_ns`; nothing if none is configured.
pub(super) fn token(broker: &BrokerSettings, now_ns: u64) -> Option<Check> {
    let path = broker.token_file.as_ref()?;
    let remedy = "`engine login` with the same --config writes a new one";
    Some(match Session::read(path, now_ns) {
        Err(error) => Check::fail("broker_token", error.to_string(), remedy),
        Ok(session) => {
            let ends = session.expires_ns.saturating_sub(now_ns);
            let shown = format_ist(TsNs(session.expires_ns));
            let found = format!("of {}, ends at {shown}, in {}", session.user_id, left(ends));
            let other = broker.api_key.as_ref().is_some_and(|key| *key != session.api_key);
            match (other, ends < ENOUGH_NS) {
                (true, _) => Check::fail("broker_token", format!("{found}; of another application"), remedy),
                (_, true) => Check::warn("broker_token", found, "log in after 06:00 for the whole day"),
                (false, false) => Check::ok("broker_token", found),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use pitlane_kite_gateway::session::{Secret, expiry};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_ours_alone_of_our_application_and_lasts_the_day() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let path = dir.path().join("token");
        let mut broker = BrokerSettings { token_file: Some(path.clone()), ..BrokerSettings::default() };
        let made = 1_795_235_400 * NS_PER_S; // 2026-11-21 10:00 in India
        let look = |broker: &BrokerSettings, now| token(broker, now).expect("one is configured");
        assert_eq!(look(&broker, made).status, Status::Fail);
        let session = Session {
            user_id: "AB1234".to_owned(),
            api_key: "key".to_owned(),
            access_token: Secret::new("very-secret"),
            made_ns: made,
            expires_ns: expiry(made),
        };
        session.write(&path).expect("a file");
        let found = look(&broker, made);
        assert!(found.status == Status::Ok && found.found.contains("20 h 00 min"), "{}", found.found);
        assert!(!found.found.contains("very-secret"));
        assert_eq!(look(&broker, expiry(made) - ENOUGH_NS + 1).status, Status::Warn);
        assert_eq!(look(&broker, expiry(made)).status, Status::Fail);
        broker.api_key = Some("another".to_owned());
        assert_eq!(look(&broker, made).status, Status::Fail);
        broker.api_key = None;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("our file");
        assert!(look(&broker, made).found.contains("chmod 600"));
        assert!(token(&BrokerSettings::default(), made).is_none());
    }
}
