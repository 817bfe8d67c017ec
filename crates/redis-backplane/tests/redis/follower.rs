//! What the tests share: backplanes on a real Redis, and a tail that is waited for.

use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _};
use ssehub::{Backplane as _, BackplaneError, BackplaneErrorKind, Bytes, EventId, Record, Start, Tailed};
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_backplane_tests::wait::{PATIENCE, until, within};
use ssehub_redis::RedisBackplane;

/// A backplane on this server.
pub(crate) async fn backplane(server: &RedisServer) -> RedisBackplane {
    backplane_at(&server.url()).await
}

/// A backplane on the server at this URL.
pub(crate) async fn backplane_at(url: &str) -> RedisBackplane {
    RedisBackplane::builder(url).hub("test").connect().await.expect("there is a redis that will do")
}

/// Appends a lasting record.
pub(crate) async fn append(backplane: &RedisBackplane, text: &str) -> EventId {
    backplane.append(Record::new(text.to_owned())).await.expect("it is taken")
}

/// Appends a record again and again, as long as it is surely not taken.
pub(crate) async fn append_when_possible(backplane: &RedisBackplane, text: &str) -> EventId {
    until(PATIENCE, "an append to be taken", async || match backplane.append(Record::new(text.to_owned())).await {
        Err(error) if error.kind() == BackplaneErrorKind::Unavailable => Err(error.to_string()),
        outcome => Ok(outcome.expect("it is not left uncertain")),
    })
    .await
}

/// What a tail brings, waited for.
pub(crate) struct Follower {
    pub(crate) start: Start,
    tail: BoxStream<'static, Result<Tailed, BackplaneError>>,
}

impl Follower {
    pub(crate) async fn follow(backplane: &RedisBackplane, after: Option<EventId>) -> Result<Self, BackplaneError> {
        let mut tail = within(PATIENCE, "a tail to begin", backplane.tail(after)).await?;
        match tail.next().await {
            Some(Ok(Tailed::Start(start))) => Ok(Self { start, tail }),
            other => panic!("a tail begins with its start, not with {other:?}"),
        }
    }

    /// Follows as a hub does: again, as long as it fails.
    pub(crate) async fn follow_again(backplane: &RedisBackplane, after: Option<EventId>) -> Self {
        until(PATIENCE, "a tail that begins", async || {
            Self::follow(backplane, after).await.map_err(|error| error.to_string())
        })
        .await
    }

    /// Follows as a hub does, again as long as a tail fails before this entry; and returns one that brings it.
    pub(crate) async fn follow_past_errors(backplane: &RedisBackplane, asked: Option<EventId>, id: EventId) -> Self {
        let tail = until(PATIENCE, "a tail that comes so far", async || {
            let mut tail = Self::follow(backplane, asked).await.map_err(|error| error.to_string())?;
            loop {
                if tail.try_next().await.map_err(|error| error.to_string())?.0 == id {
                    return Ok::<_, String>(tail.start);
                }
            }
        });
        let start = tail.await;
        let again = Self::follow(backplane, asked).await.expect("it did before");
        assert_eq!(again.start, start);
        again
    }

    /// The next entry, or the error that the tail ends with.
    pub(crate) async fn try_next(&mut self) -> Result<(EventId, Bytes), BackplaneError> {
        match within(PATIENCE, "an entry", self.tail.next()).await.expect("a tail does not just end")? {
            Tailed::Entry(id, bytes) => Ok((id, bytes)),
            other => panic!("after the start come entries, not {other:?}"),
        }
    }

    pub(crate) async fn next(&mut self) -> (EventId, Bytes) {
        self.try_next().await.expect("the tail goes on")
    }

    /// The texts of the next so many entries.
    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(String::from_utf8(self.next().await.1.to_vec()).expect("tests append text"));
        }
        texts
    }

    /// The texts of the next entries, up to this one.
    pub(crate) async fn texts_until(&mut self, id: EventId) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let (next, bytes) = self.next().await;
            texts.push(String::from_utf8(bytes.to_vec()).expect("tests append text"));
            if next == id {
                return texts;
            }
        }
    }

    /// Nothing comes for this long.
    pub(crate) async fn is_quiet(&mut self, time: Duration) {
        if let Ok(something) = tokio::time::timeout(time, self.tail.next()).await {
            panic!("nothing was to come, and this came: {something:?}");
        }
    }

    /// Everything from here to the head that the start named.
    pub(crate) async fn until_head(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut last = self.start.after;
        while last != self.start.head {
            let (id, bytes) = self.next().await;
            last = id;
            texts.push(String::from_utf8(bytes.to_vec()).expect("tests append text"));
        }
        texts
    }
}
