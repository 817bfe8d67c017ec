//! The playground without a server: each request is a function call, for tests that need no socket.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream;
use ssehub::{ConnectRequest, Connection, Hub};

use crate::Playground;
use crate::answer::Answer;
use crate::api::{self, Request};
use crate::lifecycle::Lifecycle;
use crate::log::Log;
use crate::query::Query;
use crate::stream::identify;

/// A playground that no front end serves. Its answers are those that a front end would send.
#[derive(Clone, Debug)]
pub struct Offline(Playground);

/// An answer, without its other headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Offline {
    /// A playground of this hub; larger data than `max_event_bytes` is refused with 413.
    #[must_use]
    pub fn new(hub: Hub, max_event_bytes: usize) -> Self {
        Self(Playground { hub, log: Log::Memory, lifecycle: Lifecycle::default(), max_event_bytes })
    }

    /// Answers any request but `GET /events`. Path and query are as a client sends them, percent-encoded.
    pub async fn ask(&self, method: &str, path: &str, query: Option<&str>, body: &[u8]) -> Reply {
        let length = Some(body.len() as u64);
        let body = stream::iter([Ok::<_, Infallible>(Bytes::copy_from_slice(body))]);
        api::answer(&self.0, Request { method, path, query, length, body }).await.into()
    }

    /// Opens the stream of `GET /events?query`, where `request` is what the adapters make of the rest of it. It knows no
    /// tickets.
    ///
    /// # Errors
    /// The answer to a stream that is refused.
    pub fn open(&self, request: ConnectRequest, query: Option<&str>) -> Result<Connection, Reply> {
        let request = identify(request, Query::parse(query)?)?;
        let opened = self.0.hub.connect(request);
        opened.map_err(|error| Reply {
            status: error.status(),
            content_type: "application/json",
            body: error.body().unwrap_or_default(),
        })
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let Answer { status, content_type, body, .. } = answer;
        Self { status, content_type, body }
    }
}
