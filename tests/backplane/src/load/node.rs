//! A node, as a client sees it.

use std::fmt::Debug;

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use ssehub::{ConnectRequest, Event, EventId, Hub, SendErrorKind, Topic, async_trait};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken(EventId),
    /// It was surely not taken.
    Refused,
    /// It may have been taken.
    Uncertain,
}

/// Somewhere to send to, and to read from.
#[async_trait]
pub trait Node: Debug + Send + Sync + 'static {
    /// Sends an event to all.
    async fn send(&self, text: &str) -> Outcome;

    /// Opens a stream behind an id; none if nobody is there to open it.
    async fn stream(&self, last: Option<&str>) -> Option<BoxStream<'static, Bytes>>;
}

#[async_trait]
impl Node for Hub {
    async fn send(&self, text: &str) -> Outcome {
        match Hub::send(self, Topic::All, Event::message(text)).await {
            Ok(id) => Outcome::Taken(id),
            Err(error) => match error.kind() {
                SendErrorKind::Unavailable => Outcome::Refused,
                SendErrorKind::Uncertain => Outcome::Uncertain,
                kind => panic!("an event that is all right is refused: {kind:?}, {error}"),
            },
        }
    }

    async fn stream(&self, last: Option<&str>) -> Option<BoxStream<'static, Bytes>> {
        let request = ConnectRequest::new();
        let request = if let Some(last) = last { request.last_event_id(last) } else { request };
        Some(self.connect(request).expect("nothing is wrong with the request").boxed())
    }
}
