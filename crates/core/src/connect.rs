//! What it takes to open a stream, and why it may be refused. The HTTP decisions are all here, so that every adapter
//! answers alike.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::accept::accepts_event_stream;
use crate::identity::{Identity, has_come};
use crate::tickets::{TicketError, TicketErrorKind};
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
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) groups: Vec<Arc<str>>,
    /// Until when the application vouches for that.
    pub(crate) expires: Option<SystemTime>,
    /// How many revocations there had been when the ticket was redeemed that let it in.
    pub(crate) redeemed: Option<u64>,
    pub(crate) session: Option<Arc<str>>,
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
            expires: None,
            redeemed: None,
            session: None,
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

    /// Whether it names no id to go on behind.
    pub(crate) fn resumes_nothing(&self) -> bool {
        self.last_event_id.is_none()
    }

    /// Whom the application has authenticated: its user, or none, is this request's from now on, its groups are added
    /// to those the request has, and the stream ends when it expires.
    ///
    /// One that came from a ticket opens a stream only while its user has not been
    /// [revoked](crate::Hub::revoke_user) since.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.user = identity.user;
        self.groups.extend(identity.groups);
        self.expires = identity.expires;
        self.redeemed = identity.redeemed;
        self
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

    /// The session this stream belongs to, as the page named it in its URL: 22 to 128 printable ASCII characters that
    /// the page has drawn at random, without spaces. 22 characters of base64 are 128 bits, and fewer could be guessed.
    ///
    /// Whoever comes back with it as the same user, within
    /// [`HubBuilder::resume_window`](crate::HubBuilder::resume_window) or while the server still believes in the
    /// transport before, takes over its connection: the id, and the groups it has [joined](crate::Hub::join). Hooks and
    /// presence see no flap. For another user the name is another session; without a user, the name is all there is, and
    /// whoever has it has the session, so put nobody you don't know into a private group. Where the window is zero, as it
    /// is by default, the name is ignored.
    ///
    /// The page draws a name for each time it is loaded, and keeps it in memory: two tabs with one name take the
    /// connection from each other. The transport that has lost it is told by `hub:closing` with the reason `superseded`.
    pub fn session(mut self, name: impl AsRef<str>) -> Self {
        self.session = Some(name.as_ref().into());
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
        if has_come(self.expires) {
            return Err(ConnectErrorKind::Expired);
        }
        if self.user.iter().chain(&self.groups).any(|name| name.len() > MAX_NAME) {
            return Err(ConnectErrorKind::NameTooLong);
        }
        self.groups.sort_unstable();
        self.groups.dedup();
        if self.groups.len() > max_groups { Err(ConnectErrorKind::TooManyGroups) } else { Ok(()) }
    }
}

impl fmt::Debug for ConnectRequest {
    /// Without the name of the session: whoever has it, and the user, could take the session over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("user", &self.user)
            .field("groups", &self.groups)
            .field("expires", &self.expires)
            .field("session", &self.session.as_ref().map(|_| "secret"))
            .field("snapshot", &self.snapshot)
            .field("last_event_id", &self.last_event_id)
            .field("acceptable", &self.acceptable)
            .field("head_only", &self.head_only)
            .finish_non_exhaustive()
    }
}

/// Why a stream was refused, and how to say so over HTTP.
///
/// The hub makes it of its limits. An application makes it where it lets nobody in itself:
/// [`unauthorized`](Self::unauthorized), [`forbidden`](Self::forbidden), [`stop`](Self::stop). Each adapter's
/// `SseError` answers all of them alike.
///
/// # What a browser makes of it
///
/// An `EventSource` does not come back after any status but 200, and shows its page none of them. After 204 it is over
/// as it should be; after the others the page's `onerror` finds `readyState` closed, gets what it lacks, and opens a
/// new one.
///
/// ```
/// use ssehub::ConnectError;
///
/// let refused = ConnectError::unauthorized();
/// assert_eq!(refused.status(), 401);
/// assert!(refused.headers().any(|(name, value)| name == "www-authenticate" && value == "Bearer"));
///
/// let stopped = ConnectError::stop();
/// assert_eq!((stopped.status(), stopped.body()), (204, None));
/// ```
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
    /// The application does not know who asks: 401.
    Unauthorized,
    /// The identity has expired, or was revoked since its ticket was redeemed: 401.
    Expired,
    /// The application knows who asks, and lets them have no stream: 403.
    Forbidden,
    /// The application wants the client not to come back: 204.
    Stop,
    /// A ticket was not issued, or let nobody in: the status is the [kind's](TicketErrorKind).
    Ticket(TicketErrorKind),
    /// The user has as many connections as one user may have: 429.
    TooManyConnections,
    /// The user has connected more often of late than one user may: 429.
    TooManyConnects,
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
    /// The name of the session is too short, too long, or not of printable ASCII characters: 400.
    InvalidSession,
}

impl ConnectErrorKind {
    fn message(self) -> &'static str {
        match self {
            Self::NotAcceptable => "this resource is an event stream; Accept must allow text/event-stream",
            Self::Unauthorized => "nobody has said who asks for this stream; log in, or get a ticket",
            Self::Expired => "the login has expired; log in again, or get a new ticket",
            Self::Forbidden => "this stream is not for whoever asks for it",
            Self::Stop => "this stream is over; do not come back",
            Self::Ticket(kind) => kind.message(),
            Self::TooManyConnections => "this user has as many connections as one user may have; close one first",
            Self::TooManyConnects => "this user has connected too often; wait before the next time",
            Self::Full => "the server has as many connections as it may have; try again later",
            Self::ShuttingDown => "the server is shutting down; try again",
            Self::Overloaded => "the server is behind with its connection hooks; try again later",
            Self::NameTooLong => "the id of a user or the name of a group is too long; at most 512 bytes are allowed",
            Self::TooManyGroups => "more groups than one connection may be in",
            Self::InvalidSession => "a session's name must be 22 to 128 printable ASCII characters, drawn at random",
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Stop => 204,
            Self::NameTooLong | Self::TooManyGroups | Self::InvalidSession => 400,
            Self::Unauthorized | Self::Expired => 401,
            Self::Forbidden => 403,
            Self::NotAcceptable => 406,
            Self::TooManyConnections | Self::TooManyConnects => 429,
            Self::Full | Self::ShuttingDown | Self::Overloaded => 503,
            Self::Ticket(kind) => kind.status(),
        }
    }
}

impl ConnectError {
    /// 401 with `WWW-Authenticate`: nobody has said who asks. What an application answers that finds neither login nor
    /// ticket, or a bad one; the page logs in, or gets a new ticket, and opens a new `EventSource`.
    pub fn unauthorized() -> Self {
        Self { kind: ConnectErrorKind::Unauthorized, retry_after: None }
    }

    /// 403: whoever asks is known, and the stream is not for them. A new login as the same user would not help.
    pub fn forbidden() -> Self {
        Self { kind: ConnectErrorKind::Forbidden, retry_after: None }
    }

    /// 204 without a body: the client shall not come back. An `EventSource` that reconnects stops for good, without a
    /// word; anything else would have it try again after the next break. For who was logged out, or for a stream that
    /// is over.
    pub fn stop() -> Self {
        Self { kind: ConnectErrorKind::Stop, retry_after: None }
    }

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

    /// The header fields that say it, each once, with names in lower case and values in ASCII.
    ///
    /// `cache-control` is among them, because a 204 may be cached by whoever is not told otherwise; `www-authenticate`
    /// names the scheme `Bearer`, of which a browser asks its user nothing.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, Cow<'static, str>)> {
        let status = self.status();
        let fields = [
            Some(("cache-control", Cow::Borrowed("no-store"))),
            (status != 204).then_some(("content-type", Cow::Borrowed("application/json"))),
            (status == 401).then_some(("www-authenticate", Cow::Borrowed("Bearer"))),
            self.retry_after_seconds().map(|seconds| ("retry-after", Cow::Owned(seconds.to_string()))),
        ];
        fields.into_iter().flatten()
    }

    /// The body that says it, `{"error":"…"}`; none with a 204, which can have none.
    pub fn body(&self) -> Option<String> {
        (self.status() != 204).then(|| serde_json::json!({ "error": self.to_string() }).to_string())
    }
}

impl From<TicketError> for ConnectError {
    fn from(error: TicketError) -> Self {
        Self::new(ConnectErrorKind::Ticket(error.kind()), error.retry_after())
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

    #[test]
    fn the_debug_output_of_a_request_tells_no_session() {
        let request = ConnectRequest::new().user("alice").session("a-secret-of-twenty-two-characters");
        let shown = format!("{request:?}");
        assert!(shown.contains("alice") && !shown.contains("twenty-two"), "{shown}");
    }

    #[test]
    fn an_identity_brings_its_user_and_expiry_and_adds_its_groups() {
        let soon = SystemTime::now() + Duration::from_secs(60);
        let identity = Identity::user("alice").groups(["b", "c"]).expires_at(soon);
        let request = ConnectRequest::new().user("bob").group("a").identity(identity);
        let expected = ConnectRequest::new().user("alice").groups(["a", "b", "c"]);
        assert_eq!(request, ConnectRequest { expires: Some(soon), ..expected });
        let nobody = request.identity(Identity::anonymous());
        assert_eq!((nobody.user, nobody.expires), (None, None), "it is vouched for nobody now");
    }
}
