//! What an application sends.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The longest event name, in bytes.
pub const MAX_EVENT_NAME: usize = 256;

/// The names the hub keeps for its own events begin with this.
pub(crate) const RESERVED_PREFIX: &str = "hub:";

/// An event, before the hub has given it an id and a place in the log.
///
/// Its data may be any text: CR, LF and CRLF become one line break each in the browser, and nothing in it can
/// forge a field or another event. Its name is checked here, so that what exists can be sent.
///
/// ```
/// use ssehub::{Event, EventErrorKind};
///
/// #[derive(serde::Serialize)]
/// struct Tick { price: f64 }
///
/// let price = Event::json("price", &Tick { price: 213.25 })?.key("AAPL");
/// let typing = Event::text("typing", "bob")?.ephemeral();
/// let note = Event::message("a plain message");
///
/// assert_eq!(Event::text("a\nb", "").unwrap_err().kind(), EventErrorKind::InvalidName);
/// # Ok::<(), ssehub::EventError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    pub(crate) name: Option<Box<str>>,
    pub(crate) data: String,
    pub(crate) key: Option<Box<str>>,
    pub(crate) retract: bool,
    pub(crate) ephemeral: bool,
    pub(crate) retry: Option<Duration>,
}

impl Event {
    /// An event without a name: `EventSource` hands it to `onmessage`.
    pub fn message(data: impl Into<String>) -> Self {
        Self { name: None, data: data.into(), key: None, retract: false, ephemeral: false, retry: None }
    }

    /// An event named `name` whose data is `data`, as it is.
    ///
    /// # Errors
    ///
    /// [`EventError`] if the name is empty, longer than [`MAX_EVENT_NAME`] bytes, has a CR, LF or NUL, or begins
    /// with `hub:`, which is the hub's own.
    pub fn text(name: &str, data: impl Into<String>) -> Result<Self, EventError> {
        check_name(name)?;
        Ok(Self { name: Some(name.into()), ..Self::message(data) })
    }

    /// An event named `name` whose data is `data` as JSON, in one line.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text), and if `data` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(name: &str, data: &T) -> Result<Self, EventError> {
        let data = serde_json::to_string(data).map_err(|error| EventError(Refusal::Json(error.to_string())))?;
        Self::text(name, data)
    }

    /// Says which piece of state this event is the newest value of.
    ///
    /// Within each topic it is sent to, a newer event supersedes an older one with the same key: readers that are
    /// behind skip the older one, retention never drops the newest, and a snapshot is the newest of each key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into().into_boxed_str());
        self.retract = false;
        self
    }

    /// Makes this the event that ends the piece of state named `key`: it is delivered like any other, and the key
    /// is in no snapshot any more.
    pub fn retract(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into().into_boxed_str());
        self.retract = true;
        self
    }

    /// Reaches who is connected now and is never replayed: for typing, cursors, presence.
    ///
    /// Ephemeral events have a window of their own and take no room in the history. A reader that lags by more than
    /// that window misses the oldest of them, and is told nothing. They cannot carry a key.
    pub fn ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// Tells the browser how long to wait before it reconnects, in whole milliseconds.
    pub fn retry(mut self, time: Duration) -> Self {
        self.retry = Some(time);
        self
    }
}

impl fmt::Debug for Event {
    /// The data stays out of logs: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .field("data_bytes", &self.data.len())
            .field("key", &self.key)
            .field("retract", &self.retract)
            .field("ephemeral", &self.ephemeral)
            .field("retry", &self.retry)
            .finish()
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), EventError> {
    let refusal = if name.is_empty() || name.contains(['\r', '\n', '\0']) {
        Refusal::InvalidName
    } else if name.len() > MAX_EVENT_NAME {
        Refusal::NameTooLong(name.len())
    } else if name.starts_with(RESERVED_PREFIX) {
        Refusal::ReservedName
    } else {
        return Ok(());
    };
    Err(EventError(refusal))
}

/// Why an [`Event`] could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct EventError(Refusal);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error(
        "an event name must not be empty and must not contain CR, LF or NUL; for an event without a name use Event::message"
    )]
    InvalidName,
    #[error("event names that begin with `hub:` are the hub's own; choose another")]
    ReservedName,
    #[error("the event name has {0} bytes, and at most {MAX_EVENT_NAME} are allowed")]
    NameTooLong(usize),
    #[error("the data cannot be written as JSON: {0}")]
    Json(String),
}

impl EventError {
    /// What was wrong, for matching.
    pub fn kind(&self) -> EventErrorKind {
        match self.0 {
            Refusal::InvalidName => EventErrorKind::InvalidName,
            Refusal::ReservedName => EventErrorKind::ReservedName,
            Refusal::NameTooLong(_) => EventErrorKind::NameTooLong,
            Refusal::Json(_) => EventErrorKind::Json,
        }
    }
}

/// The kinds of [`EventError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventErrorKind {
    /// The name is empty or has a CR, LF or NUL.
    InvalidName,
    /// The name begins with `hub:`.
    ReservedName,
    /// The name is longer than [`MAX_EVENT_NAME`] bytes.
    NameTooLong,
    /// The data cannot be written as JSON.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_break_the_wire_are_refused_when_the_event_is_built() {
        let kind = |name: &str| Event::text(name, "").unwrap_err().kind();
        for name in ["", "\n", "a\rb", "a\0"] {
            assert_eq!(kind(name), EventErrorKind::InvalidName, "{name:?}");
        }
        assert_eq!(kind("hub:gap"), EventErrorKind::ReservedName);
        assert_eq!(kind(&"n".repeat(MAX_EVENT_NAME + 1)), EventErrorKind::NameTooLong);
        assert!(Event::text(&"n".repeat(MAX_EVENT_NAME), "").is_ok());
        assert!(Event::text("id: 7, é ", "").is_ok());
    }

    #[test]
    fn data_that_is_no_json_is_an_error_and_debug_hides_data() {
        let map = std::collections::BTreeMap::from([(vec![1u8], 2)]);
        assert_eq!(Event::json("x", &map).unwrap_err().kind(), EventErrorKind::Json);
        assert!(!format!("{:?}", Event::message("secret")).contains("secret"));
    }
}
