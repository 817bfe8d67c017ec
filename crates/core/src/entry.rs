//! One committed event.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::encode::Frame;
use crate::id::Position;
use crate::index::TopicKey;
use crate::sync::{AtomicUsize, Ordering};
use crate::topic::Topic;

/// What an entry costs the history beside its frame.
const ENTRY_OVERHEAD: usize = 192;

/// What each topic of an entry costs the history: a place in the topic's ring, and the topic itself.
const TOPIC_OVERHEAD: usize = 64;

/// A place in this process's log: 1 for the first event, then one more for each. Zero is before all of them.
pub(crate) type Offset = u64;

/// An event in the log: where it stands, whom it is for, and its frame, encoded once and shared.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) offset: Offset,
    pub(crate) position: Position,
    pub(crate) frame: Frame,
    pub(crate) topics: SmallVec<[TopicKey; 2]>,
    pub(crate) except: Box<[Topic]>,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) retract: bool,
    pub(crate) ephemeral: bool,
    /// In how many of its topics no newer event has superseded this one.
    pub(crate) current_in: AtomicUsize,
}

impl Entry {
    /// Whether a newer event with the same key stands in every one of its topics: nobody needs this one.
    pub(crate) fn is_superseded(&self) -> bool {
        self.key.is_some() && self.current_in.load(Ordering::Relaxed) == 0
    }

    /// A newer event supersedes this one in one topic.
    pub(crate) fn supersede(&self) {
        self.current_in.fetch_sub(1, Ordering::Relaxed);
    }

    /// What retaining it costs, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.frame.bytes().len() + ENTRY_OVERHEAD + TOPIC_OVERHEAD * (self.topics.len() + self.except.len())
    }
}

/// Where something stood: by offset for readers of this process, by position for ids that come from clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) offset: Offset,
    pub(crate) position: Position,
}

impl From<&Entry> for Mark {
    fn from(entry: &Entry) -> Self {
        Self { offset: entry.offset, position: entry.position }
    }
}
