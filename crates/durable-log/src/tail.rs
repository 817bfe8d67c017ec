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
use ssehub::{BackplaneError, EventId, Kept, LogName, Start, Tailed};
use tokio::sync::watch;

use crate::error::{DurableError, Reason};
use crate::log::Shared;
use crate::position::Position;
use crate::recent::Next;
use crate::store::{Held, Snapshot};

struct Follower {
    shared: Arc<Shared>,
    moved: watch::Receiver<()>,
    name: LogName,
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
    let name = shared.recent.lock().name();
    let Snapshot { trimmed, newest, held } = shared.in_doubt(shared.store.snapshot())?;
    // What the state has in place of older entries may not be published yet, but it is not behind the head.
    let (head, ids, told) = {
        let recent = shared.recent.lock();
        (recent.head().max(newest), recent.ids(), recent.passed())
    };
    let asked = asked.filter(|asked| asked.log() == name).map(Position::from);
    let resumed = asked.filter(|asked| (trimmed..=ids).contains(asked));
    let after = resumed.unwrap_or(trimmed);
    let kept = |held: Held| Kept { id: held.position.id(name), keys: held.keys, record: held.record };
    let start = Start {
        after: after.id(name),
        head: head.max(after).id(name),
        // What passed between the id and a later start does not come either.
        missed: resumed.is_none_or(|asked| asked < told),
        state: if resumed.is_some() { Vec::new() } else { held.into_iter().map(kept).collect() },
    };
    let ready = VecDeque::from([Tailed::Start(start)]);
    let follower = Follower { shared: Arc::clone(shared), moved, name, cursor: after, told, ready };
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
            let next = self.shared.recent.lock().after(self.name, self.cursor, self.told);
            match next {
                Next::Entries(entries) => {
                    for entry in entries {
                        self.ready(entry.position, entry.bytes);
                    }
                }
                Next::Stored(to) => {
                    let chunk = self.shared.in_doubt(self.shared.store.read(self.cursor, to))?;
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
                Next::Renamed => return Err(Reason::Renamed.into()),
                Next::Closed(reason) => return Err(Reason::Closed(self.shared.path.clone().into(), reason).into()),
            }
        }
    }

    fn ready(&mut self, position: Position, bytes: bytes::Bytes) {
        self.cursor = position;
        self.ready.push_back(Tailed::Entry(position.id(self.name), bytes));
    }
}
