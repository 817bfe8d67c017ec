//! What the tests have in common.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use ssehub::{Backplane as _, BackplaneError, EventId, Record, Start, Tailed};
use ssehub_durable::DurableLog;

/// Long enough for a slow machine, short enough to be told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Tail = BoxStream<'static, Result<Tailed, BackplaneError>>;

/// Waits, for so long and no longer.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

pub(crate) async fn append(log: &DurableLog, record: Record) -> EventId {
    soon("an append", log.append(record)).await.expect("a log that is open takes records")
}

/// Begins to follow.
pub(crate) async fn follow(log: &DurableLog, after: Option<EventId>) -> (Start, Tail) {
    let mut tail = soon("a tail", log.tail(after)).await.expect("a log that is open can be followed");
    match soon("the start of a tail", tail.next()).await {
        Some(Ok(Tailed::Start(start))) => (start, tail),
        other => panic!("a tail begins with {other:?}"),
    }
}

/// The next entries.
pub(crate) async fn take(tail: &mut Tail, count: usize) -> Vec<(EventId, Bytes)> {
    let mut entries = Vec::new();
    while entries.len() < count {
        match soon(&format!("entry {} of {count}", entries.len() + 1), tail.next()).await {
            Some(Ok(Tailed::Entry(id, bytes))) => entries.push((id, bytes)),
            other => panic!("instead of entry {} of {count}: {other:?}", entries.len() + 1),
        }
    }
    entries
}

/// Everything up to the head, which comes with the tail.
pub(crate) async fn take_all(log: &DurableLog, after: Option<EventId>) -> (Start, Vec<(EventId, Bytes)>) {
    let (start, mut tail) = follow(log, after).await;
    let mut entries: Vec<(EventId, Bytes)> = Vec::new();
    while entries.last().map_or(start.after, |(id, _)| *id) != start.head {
        entries.append(&mut take(&mut tail, 1).await);
    }
    (start, entries)
}

pub(crate) fn key(id: EventId) -> (u64, u64) {
    (id.ms(), id.seq())
}
