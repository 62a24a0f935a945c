//! Calls over HTTPS, blocking, on threads of their own: a broker that hangs costs its thread and nothing else.

mod connect;
mod workers;

pub use connect::LatchCount;
pub use workers::{Answered, Workers};

use crate::call::{Answer, Call, CallError, Method};
use crate::session::Secret;
use connect::{Phase, Watched};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use ureq::http::Response;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, Body, Error, Timeout};

/// The broker's root.
pub const ROOT: &str = "https://api.kite.trade";
/// What the official clients wait for an answer.
pub const TIME_OUT: Duration = Duration::from_secs(7);
/// Bytes an answer may have: the day's orders at the most the broker allows, and the dump of all instruments.
const BODY_MAX: u64 = 64 << 20;
/// A connection that was idle for longer may have been closed by the other side, which the next request would notice
/// only after it left.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Connections that are kept for the next call: as many as calls may be under way, or a burst pays for names and TLS
/// anew.
const IDLE_CONNECTIONS: usize = 16;

/// Who calls. Shared by all threads; a new token takes effect with the next call.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    header: Arc<RwLock<Option<Secret>>>,
}

impl Credentials {
    /// Calls from now on carry this key and token.
    pub fn set(&self, api_key: &str, access_token: &Secret) {
        let value = Secret::new(format!("token {api_key}:{}", access_token.reveal()));
        *self.header.write().expect("nothing panics with this lock held") = Some(value);
    }

    fn get(&self) -> Option<Secret> {
        self.header.read().expect("nothing panics with this lock held").clone()
    }
}

/// The broker's REST interface.
#[derive(Clone, Debug)]
pub struct Rest {
    agent: Agent,
    root: String,
    credentials: Credentials,
}

impl Rest {
    /// An interface at `root`, as [`ROOT`] or `http://127.0.0.1:8080`.
    pub fn new(root: &str, credentials: Credentials) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIME_OUT))
            .timeout_resolve(Some(Duration::from_secs(3)))
            .timeout_connect(Some(Duration::from_secs(3)))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_age(IDLE_MAX)
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .max_idle_connections(IDLE_CONNECTIONS)
            .proxy(None)
            .user_agent("pitlane")
            .build();
        let agent = Agent::with_parts(config, Watched::default(), DefaultResolver::default());
        Self { agent, root: root.trim_end_matches('/').to_owned(), credentials }
    }

    /// Makes one call, once. It is never repeated here.
    ///
    /// # Errors
    /// If no whole answer came: whether anything left is in the error.
    pub fn call(&self, call: &Call) -> Result<Answer, CallError> {
        let pairs: Vec<(&str, &str)> =
            call.form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.request(call.method, &call.path, &pairs, true)
    }

    /// As [`Rest::call`], unless the kill switch was pulled since `count` was read, which is looked at once more when the
    /// connection stands: making one can take seconds.
    ///
    /// # Errors
    /// As [`Rest::call`].
    pub fn call_unless_latched(
        &self,
        call: &Call,
        latches: &LatchCount,
        count: u64,
    ) -> Result<Answer, CallError> {
        let _permit = latches.permit(count);
        if latches.now() != count {
            return Err(LATCHED);
        }
        self.call(call)
    }

    /// The dump of all instruments, or of one exchange: CSV text.
    ///
    /// # Errors
    /// If no whole answer came.
    pub fn instruments(&self, exchange: Option<&str>) -> Result<Answer, CallError> {
        let path = exchange.map_or("/instruments".to_owned(), |exchange| format!("/instruments/{exchange}"));
        self.request(Method::Get, &path, &[], true)
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        pairs: &[(&str, &str)],
        signed: bool,
    ) -> Result<Answer, CallError> {
        let url = format!("{}{path}", self.root);
        let version = ("X-Kite-Version", "3");
        let secret = if signed { self.credentials.get() } else { None };
        if signed && secret.is_none() {
            return Err(CallError::NeverLeft("there is no access token"));
        }
        let authorization = secret.as_ref().map(Secret::reveal);
        connect::begin();
        let sent = match method {
            Method::Get | Method::Delete => {
                let mut request =
                    if method == Method::Get { self.agent.get(&url) } else { self.agent.delete(&url) };
                for (name, value) in pairs {
                    request = request.query(name, value);
                }
                request = request.header(version.0, version.1);
                if let Some(authorization) = authorization {
                    request = request.header("Authorization", authorization);
                }
                request.call()
            }
            Method::Post | Method::Put => {
                let mut request =
                    if method == Method::Post { self.agent.post(&url) } else { self.agent.put(&url) };
                request = request.header(version.0, version.1);
                if let Some(authorization) = authorization {
                    request = request.header("Authorization", authorization);
                }
                request.send_form(pairs.iter().copied())
            }
        };
        let phase = connect::phase();
        sent.map_err(|error| classify(&error, phase)).and_then(read)
    }
}

fn read(mut response: Response<Body>) -> Result<Answer, CallError> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(BODY_MAX).read_to_vec();
    // Cut in its body: the status alone is no answer.
    let body = body.map_err(|_| CallError::MayHaveLeft("the answer broke off"))?;
    Ok(Answer { status, body })
}

/// The kill switch came first.
const LATCHED: CallError = CallError::NeverLeft("the kill switch was pulled");

/// What a failure proves. Only what is known to come before the first byte is `NeverLeft`: the same error of the system
/// can come from making a connection and from reading an answer, so what counts is where it came from.
fn classify(error: &Error, phase: Phase) -> CallError {
    match (phase, error) {
        (Phase::Latched, _) => LATCHED,
        (Phase::NoConnection, Error::Timeout(_)) => CallError::NeverLeft("no connection in time"),
        (Phase::NoConnection, _) => CallError::NeverLeft("no connection"),
        (_, Error::HostNotFound) => CallError::NeverLeft("the host's name is not known"),
        (_, Error::Timeout(Timeout::Resolve)) => CallError::NeverLeft("no answer from the name server"),
        (_, Error::BadUri(_) | Error::Http(_) | Error::RequireHttpsOnly(_)) => {
            CallError::NeverLeft("the request cannot be written")
        }
        (_, Error::Io(_)) => CallError::MayHaveLeft("the connection broke"),
        (_, Error::Timeout(_)) => CallError::MayHaveLeft("no answer in time"),
        (_, Error::Tls(_) | Error::Rustls(_)) => CallError::MayHaveLeft("a failure of TLS"),
        _ => CallError::MayHaveLeft("a failure of the protocol"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallId, CallKind};
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn a_switch_pulled_while_the_connection_is_made_lets_no_byte_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let credentials = Credentials::default();
        credentials.set("key", &Secret::new("token"));
        let rest = Rest::new(&format!("http://{}", listener.local_addr().unwrap()), credentials);
        let (kind, form) = (CallKind::Orders, vec![("tag", "p0000001".to_owned())]);
        let path = "/orders/regular".into();
        let call = Call { id: CallId(1), kind, method: Method::Post, path, form, ends_with_latch: true };
        let latches = LatchCount::default();
        let handed_over_at = latches.now();
        latches.pull();
        assert_eq!(rest.call_unless_latched(&call, &latches, handed_over_at), Err(LATCHED));
        // As if it were pulled after the first look: the connection is made, and given up unused.
        let permit = latches.permit(handed_over_at);
        assert_eq!(rest.call(&call), Err(LATCHED));
        drop(permit);
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        assert_eq!(stream.read_to_end(&mut got).unwrap_or(0), 0, "{}", String::from_utf8_lossy(&got));
    }
}
