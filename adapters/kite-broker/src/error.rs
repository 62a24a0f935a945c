//! What the broker answers when it does not do what it is asked.

use crate::json::object;

/// A refusal as the broker's clients know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The broker's name of the kind of error.
    pub kind: &'static str,
    /// For people.
    pub message: String,
}

impl ApiError {
    /// A bad or missing parameter.
    pub fn input(message: impl Into<String>) -> Self {
        Self { status: 400, kind: "InputException", message: message.into() }
    }

    /// A parameter that is needed.
    pub fn missing(name: &str) -> Self {
        Self::input(format!("Missing or empty field `{name}`"))
    }

    /// An order that cannot be placed, changed or found.
    pub fn order(message: impl Into<String>) -> Self {
        Self { status: 400, kind: "OrderException", message: message.into() }
    }

    /// The session is dead or was never there.
    pub fn token() -> Self {
        Self {
            status: 403,
            kind: "TokenException",
            message: "Incorrect `api_key` or `access_token`.".to_owned(),
        }
    }

    /// Asked too often.
    pub fn rate(message: &str) -> Self {
        Self { status: 429, kind: "NetworkException", message: message.to_owned() }
    }

    /// No such place.
    pub fn route() -> Self {
        Self { status: 404, kind: "GeneralException", message: "Route not found".to_owned() }
    }

    /// The body of the answer.
    pub fn body(&self) -> String {
        object(|o| {
            o.str("status", "error");
            o.str("message", &self.message);
            o.null("data");
            o.str("error_type", self.kind);
        })
    }
}
