//! What it takes to open a stream, and why it may be refused. The HTTP decisions are all here, so that every adapter
//! answers alike.

use std::sync::Arc;
use std::time::Duration;

use crate::accept::accepts_event_stream;
use crate::topic::MAX_NAME;

/// How much of a `Last-Event-ID` is looked at, and given back in `hub:gap`: longer than any id.
const MAX_LAST_EVENT_ID: usize = 128;

/// A request for a stream: what the client says of itself, and what the application vouches for.
///
/// An adapter makes it of an HTTP request; the application adds the user and the groups it has authenticated.
///
/// ```
/// use ssehub::{ConnectRequest, Hub};
///
/// let hub = Hub::new();
/// let connection = hub.connect(ConnectRequest::new().user("alice").group("market").snapshot(true))?;
/// assert!(hub.is_online("alice"));
/// drop(connection);
/// assert!(!hub.is_online("alice"));
/// # Ok::<(), ssehub::ConnectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) groups: Vec<Arc<str>>,
    pub(crate) snapshot: bool,
    pub(crate) last_event_id: Option<String>,
    pub(crate) acceptable: bool,
    pub(crate) head_only: bool,
}

impl Default for ConnectRequest {
    fn default() -> Self {
        Self::new()
    }
}

impl ConnectRequest {
    /// A request without HTTP, for who drives the core directly.
    pub fn new() -> Self {
        Self {
            user: None,
            groups: Vec::new(),
            snapshot: false,
            last_event_id: None,
            acceptable: true,
            head_only: false,
        }
    }

    /// What an HTTP request says: its method, its `Accept` headers, its `Last-Event-ID` header and its query string
    /// without the question mark, all as they came.
    ///
    /// The header wins over `lastEventId` in the query; an empty id is no id. A `HEAD` request opens nothing: its
    /// connection is registered nowhere and ends at once.
    pub fn from_http<'a>(
        method: &str,
        accept: impl IntoIterator<Item = &'a [u8]>,
        last_event_id: Option<&[u8]>,
        query: Option<&str>,
    ) -> Self {
        let header = last_event_id.map(String::from_utf8_lossy).filter(|id| !id.is_empty());
        let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let id = header
            .or_else(|| query.filter(|(name, id)| name == "lastEventId" && !id.is_empty()).map(|(_, id)| id).next());
        let request = Self { acceptable: accepts_event_stream(accept), head_only: method == "HEAD", ..Self::new() };
        match id {
            Some(id) => request.last_event_id(&id),
            None => request,
        }
    }

    /// The user the application has authenticated. All connections of a user get what is sent to the user.
    pub fn user(mut self, id: impl AsRef<str>) -> Self {
        self.user = Some(id.as_ref().into());
        self
    }

    /// A group the application puts this connection into. What was sent to it since the client's `Last-Event-ID` is
    /// replayed, as if the connection had never been away.
    pub fn group(mut self, name: impl AsRef<str>) -> Self {
        self.groups.push(name.as_ref().into());
        self
    }

    /// Several groups.
    pub fn groups(mut self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.groups.extend(names.into_iter().map(|name| name.as_ref().into()));
        self
    }

    /// Whether the stream begins with the newest event of each key of its topics. One that resumes from a
    /// `Last-Event-ID` needs none and gets none, unless it has a gap.
    pub fn snapshot(mut self, snapshot: bool) -> Self {
        self.snapshot = snapshot;
        self
    }

    /// The last id the client has seen. An empty id is no id.
    pub fn last_event_id(mut self, id: &str) -> Self {
        self.last_event_id = Some(id.chars().take(MAX_LAST_EVENT_ID).collect()).filter(|id: &String| !id.is_empty());
        self
    }

    /// What can be refused without looking at the hub.
    pub(crate) fn check(&mut self, max_groups: usize) -> Result<(), ConnectErrorKind> {
        if !self.acceptable {
            return Err(ConnectErrorKind::NotAcceptable);
        }
        if self.user.iter().chain(&self.groups).any(|name| name.len() > MAX_NAME) {
            return Err(ConnectErrorKind::NameTooLong);
        }
        self.groups.sort_unstable();
        self.groups.dedup();
        if self.groups.len() > max_groups { Err(ConnectErrorKind::TooManyGroups) } else { Ok(()) }
    }
}

/// Why a stream was refused, and how to say so over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.kind.message())]
pub struct ConnectError {
    kind: ConnectErrorKind,
    retry_after: Option<Duration>,
}

/// The kinds of [`ConnectError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The client's `Accept` excludes `text/event-stream`: 406.
    NotAcceptable,
    /// The user has as many connections as one user may have: 429.
    TooManyConnections,
    /// The hub has as many connections as it may have: 503.
    Full,
    /// The hub is being shut down: 503.
    ShuttingDown,
    /// Too many hook calls wait: 503.
    Overloaded,
    /// The user's id or a group's name is longer than [`MAX_NAME`] bytes: 400.
    NameTooLong,
    /// More groups than one connection may be in: 400.
    TooManyGroups,
}

impl ConnectErrorKind {
    fn message(self) -> &'static str {
        match self {
            Self::NotAcceptable => "this resource is an event stream; Accept must allow text/event-stream",
            Self::TooManyConnections => "this user has as many connections as one user may have; close one first",
            Self::Full => "the server has as many connections as it may have; try again later",
            Self::ShuttingDown => "the server is shutting down; try again",
            Self::Overloaded => "the server is behind with its connection hooks; try again later",
            Self::NameTooLong => "the id of a user or the name of a group is too long; at most 512 bytes are allowed",
            Self::TooManyGroups => "more groups than one connection may be in",
        }
    }
}

impl ConnectError {
    pub(crate) fn new(kind: ConnectErrorKind, retry_after: Duration) -> Self {
        let again = matches!(kind.status(), 429 | 503);
        Self { kind, retry_after: again.then_some(retry_after) }
    }

    /// What was wrong, for matching.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// The HTTP status that says it.
    pub fn status(&self) -> u16 {
        self.kind.status()
    }

    /// How long the client should wait, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same in whole seconds, as `Retry-After` has it (RFC 9110, section 10.2.3), rounded up: who comes back early
    /// would be refused again.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0))
    }

    /// The body that says it: `{"error":"…"}`.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "error": self.to_string() }).to_string()
    }
}

impl ConnectErrorKind {
    fn status(self) -> u16 {
        match self {
            Self::NotAcceptable => 406,
            Self::TooManyConnections => 429,
            Self::Full | Self::ShuttingDown | Self::Overloaded => 503,
            Self::NameTooLong | Self::TooManyGroups => 400,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_wins_over_the_query_and_an_empty_id_is_no_id() {
        let id = |header: Option<&[u8]>, query| ConnectRequest::from_http("GET", [], header, query).last_event_id;
        assert_eq!(id(Some(b"a"), Some("lastEventId=b")).as_deref(), Some("a"));
        assert_eq!(id(Some(b""), Some("x=1&lastEventId=b%20c")).as_deref(), Some("b c"));
        assert_eq!(id(None, Some("lastEventId=")), None);
        assert_eq!(id(None, None), None);
        assert_eq!(id(Some(b"\xff"), None).as_deref(), Some("\u{fffd}"));
        assert_eq!(id(Some(&[b'1'; 100_000]), None).map(|id| id.len()), Some(MAX_LAST_EVENT_ID));
    }
}
