//! Calls over HTTPS, blocking, on threads of their own: a broker that hangs costs its thread and nothing else.

mod workers;

pub use workers::{Answered, Workers};

use crate::call::{Answer, Call, CallError, Method};
use crate::session::Secret;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use ureq::http::Response;
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
            .proxy(None)
            .user_agent("pitlane")
            .build();
        Self { agent: config.into(), root: root.trim_end_matches('/').to_owned(), credentials }
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
        sent.map_err(|error| classify(&error)).and_then(read)
    }
}

fn read(mut response: Response<Body>) -> Result<Answer, CallError> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(BODY_MAX).read_to_vec();
    // Cut in its body: the status alone is no answer.
    let body = body.map_err(|_| CallError::MayHaveLeft("the answer broke off"))?;
    Ok(Answer { status, body })
}

/// What a failure proves. Only what is known to come before the first byte is `NeverLeft`.
fn classify(error: &Error) -> CallError {
    use std::io::ErrorKind;
    match error {
        Error::HostNotFound => CallError::NeverLeft("the host's name is not known"),
        Error::ConnectionFailed => CallError::NeverLeft("no connection"),
        Error::Timeout(Timeout::Resolve) => CallError::NeverLeft("no answer from the name server"),
        Error::Timeout(Timeout::Connect) => CallError::NeverLeft("no connection in time"),
        Error::BadUri(_) | Error::Http(_) | Error::RequireHttpsOnly(_) => {
            CallError::NeverLeft("the request cannot be written")
        }
        Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => CallError::NeverLeft("connection refused"),
            ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
                CallError::NeverLeft("the network is unreachable")
            }
            _ => CallError::MayHaveLeft("the connection broke"),
        },
        Error::Timeout(_) => CallError::MayHaveLeft("no answer in time"),
        Error::Tls(_) | Error::Rustls(_) => CallError::MayHaveLeft("a failure of TLS"),
        _ => CallError::MayHaveLeft("a failure of the protocol"),
    }
}
