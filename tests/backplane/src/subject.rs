//! What the cases are run on: a kind of backplane, and the means to have logs of it.

use std::{fmt, sync::Arc};

use futures::{StreamExt as _, stream};
use ssehub::{Backplane, EventId, History, Record, async_trait};

mod durable;
mod memory;
mod redis;

pub use self::{durable::Durable, memory::Memory, redis::Redis};
use crate::{
    tail::{Entry, place},
    wait::{PATIENCE, within},
};

/// How many appends are under way at once where there are many.
const AT_ONCE: usize = 200;

/// A kind of backplane.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A fresh and empty log, beside those there are.
    async fn log(&self, history: History) -> Box<dyn Log>;
}

/// One log.
#[async_trait]
pub trait Log: Send + Sync {
    /// One more line to it, as another node would have, where there can be other nodes; else the only one again.
    async fn line(&mut self) -> Line;

    /// Every process that had a line has ended, and one has started again. Lines and tails from before are dropped by
    /// now.
    async fn reopen(&mut self) -> Line;

    /// Whether several nodes can have lines.
    fn is_shared(&self) -> bool;

    /// Whether a tail that is taken up again gets the passing entries of the last seconds.
    fn keeps_passing(&self) -> bool;
}

/// A line to a log.
#[derive(Clone)]
pub struct Line(Arc<dyn Backplane>);

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Line {
    /// A backplane that is told what to retain.
    pub fn new(backplane: impl Backplane, history: &History) -> Self {
        backplane.retain(history);
        Self(Arc::new(backplane))
    }

    /// The backplane itself.
    pub fn backplane(&self) -> &dyn Backplane {
        &*self.0
    }

    /// Appends what has to be accepted.
    ///
    /// # Panics
    /// If it is not, or no answer comes in time.
    pub async fn append(&self, record: Record) -> EventId {
        within(PATIENCE, "an append", self.0.append(record)).await.expect("the record is accepted")
    }

    /// Appends lasting records of these texts.
    ///
    /// # Panics
    /// If one is not accepted in time.
    pub async fn append_all(&self, texts: impl IntoIterator<Item = impl ToString>) -> Vec<EventId> {
        let mut ids = Vec::new();
        for text in texts {
            ids.push(self.append(Record::new(text.to_string())).await);
        }
        ids
    }

    /// Appends these records, hundreds at a time, and returns them as a tail will bring them.
    ///
    /// # Panics
    /// If one is not accepted in time.
    pub async fn append_at_once(&self, records: impl IntoIterator<Item = Record>) -> Vec<Entry> {
        let appends = records.into_iter().map(async |record| {
            let bytes = record.bytes().clone();
            (self.append(record).await, bytes)
        });
        let mut entries: Vec<Entry> = stream::iter(appends).buffer_unordered(AT_ONCE).collect().await;
        entries.sort_unstable_by_key(|(id, _)| place(*id));
        entries
    }
}
