//! Following the log: from the store what is old, then live from memory.
//!
//! A follower that keeps up never goes back to the store. One that lags reads the store again, in chunks; if retention
//! has overtaken it, or passing entries have gone by, its tail ends with an error and it follows anew.
//!
//! The store is read on the thread that polls the tail, which is the hub's own: a chunk is at most a megabyte or one
//! record.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use ssehub::{BackplaneError, EventId, Kept, Start, Tailed};
use tokio::sync::watch;

use crate::error::{DurableError, Reason};
use crate::format::Position;
use crate::log::Shared;
use crate::recent::Next;

struct Follower {
    shared: Arc<Shared>,
    moved: watch::Receiver<()>,
    /// What the next entry comes behind.
    cursor: Position,
    /// Up to here the follower knows that it may have missed passing entries.
    told: Position,
    ready: VecDeque<Tailed>,
}

/// A stream of what comes behind an id.
pub(crate) fn follow(
    shared: &Arc<Shared>,
    asked: Option<EventId>,
) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, DurableError> {
    let moved = shared.moved.subscribe();
    let (head, ids, told) = {
        let recent = shared.recent.lock();
        (recent.head(), recent.ids(), recent.passed())
    };
    let (trimmed, kept) = shared.store.kept()?;
    let asked = asked.filter(|asked| asked.log() == shared.name).map(Position::from);
    let resumed = asked.filter(|asked| (trimmed..=ids).contains(asked));
    let after = resumed.unwrap_or(trimmed);
    let id = |position: Position| position.id(shared.name);
    let kept = if resumed.is_some() { Vec::new() } else { kept };
    let start = Start {
        after: id(after),
        head: id(head.max(after)),
        missed: asked.filter(|asked| *asked <= ids).is_none_or(|asked| told > asked),
        state: kept
            .into_iter()
            .map(|held| Kept { id: id(held.position), keys: held.keys, record: held.record })
            .collect(),
    };
    let ready = VecDeque::from([Tailed::Start(start)]);
    let follower = Follower { shared: Arc::clone(shared), moved, cursor: after, told, ready };
    // An error ends the stream.
    let tail = stream::unfold(Some(follower), |follower| async {
        let mut follower = follower?;
        match follower.next().await {
            Ok(tailed) => Some((Ok(tailed), Some(follower))),
            Err(error) => Some((Err(error.unavailable()), None)),
        }
    });
    Ok(tail.boxed())
}

impl Follower {
    async fn next(&mut self) -> Result<Tailed, DurableError> {
        loop {
            if let Some(tailed) = self.ready.pop_front() {
                return Ok(tailed);
            }
            let next = self.shared.recent.lock().after(self.cursor, self.told);
            match next {
                Next::Entries(entries) => {
                    for entry in entries {
                        self.ready(entry.position, entry.bytes);
                    }
                }
                Next::Stored(to) => {
                    let chunk = self.shared.store.read(self.cursor, to)?;
                    for (position, bytes) in chunk.entries {
                        self.ready(position, bytes);
                    }
                    if chunk.is_last {
                        self.cursor = to;
                    }
                }
                // The sender lives as long as this follower.
                Next::Wait => drop(self.moved.changed().await),
                Next::Behind => return Err(Reason::Behind.into()),
                Next::Closed(reason) => return Err(Reason::Closed(self.shared.path.clone().into(), reason).into()),
            }
        }
    }

    fn ready(&mut self, position: Position, bytes: bytes::Bytes) {
        self.cursor = position;
        self.ready.push_back(Tailed::Entry(position.id(self.shared.name), bytes));
    }
}
