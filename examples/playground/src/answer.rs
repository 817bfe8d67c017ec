//! What the API answers, in no framework's terms.

use std::fmt::Display;

use serde::Serialize;
use serde_json::json;
use ssehub::{ConnectError, EventError, GroupError, GroupErrorKind, NodesError, SendError, SendErrorKind, TicketError};

/// A whole answer. Each front end turns it into its own response type.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// The methods that would have been allowed, of a 405.
    pub(crate) allow: Option<&'static str>,
    pub(crate) body: String,
}

impl Answer {
    /// 200 with `value` as JSON.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self::new(200, "application/json", body),
            Err(error) => Self::error(500, &error),
        }
    }

    /// 200 in Prometheus' text format.
    pub(crate) fn metrics(body: String) -> Self {
        Self::new(200, "text/plain; version=0.0.4", body)
    }

    /// 204.
    pub(crate) fn nothing() -> Self {
        Self::new(204, "application/json", String::new())
    }

    /// `{"error":…}` with this status.
    pub(crate) fn error(status: u16, error: &(impl Display + ?Sized)) -> Self {
        let body = json!({ "error": error.to_string() }).to_string();
        Self::new(status, "application/json", body)
    }

    /// 400: what was asked for cannot be meant.
    pub(crate) fn bad(error: &(impl Display + ?Sized)) -> Self {
        Self::error(400, error)
    }

    /// 405, with the methods that are allowed.
    pub(crate) fn not_allowed(allow: &'static str) -> Self {
        let mut answer = Self::error(405, &format!("method not allowed; allowed are {allow}"));
        answer.allow = Some(allow);
        answer
    }

    fn new(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, allow: None, body }
    }
}

impl From<EventError> for Answer {
    fn from(error: EventError) -> Self {
        Self::bad(&error)
    }
}

impl From<SendError> for Answer {
    fn from(error: SendError) -> Self {
        let status = match error.kind() {
            SendErrorKind::EventTooLarge => 413,
            SendErrorKind::EphemeralKey | SendErrorKind::NameTooLong | SendErrorKind::AudienceTooLarge => 400,
            // The state is full, the hub is leaving, or its backplane is away: later may be better.
            _ => 503,
        };
        Self::error(status, &error)
    }
}

impl From<GroupError> for Answer {
    fn from(error: GroupError) -> Self {
        let status = match error.kind() {
            GroupErrorKind::UnknownConnection => 404,
            GroupErrorKind::Unavailable => 503,
            _ => 400,
        };
        Self::error(status, &error)
    }
}

impl From<NodesError> for Answer {
    fn from(error: NodesError) -> Self {
        Self::error(503, &error)
    }
}

impl From<TicketError> for Answer {
    fn from(error: TicketError) -> Self {
        let error = ConnectError::from(error);
        Self::error(error.status(), &error)
    }
}
