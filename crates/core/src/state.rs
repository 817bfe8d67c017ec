//! The keyed state of one topic: the newest event of each key.
//!
//! An entry stays here when retention takes it from the log's window, as in Kafka's compacted topics. A retract stands
//! here too while it is in the window, so that it supersedes what it ends; it counts as no key, and snapshots leave it out.

use std::collections::{BTreeMap, HashMap, btree_map};
use std::ops::RangeBounds;
use std::sync::Arc;

use crate::entry::{Entry, Offset};
use crate::losses::Losses;

#[derive(Debug, Default)]
pub(crate) struct State {
    keys: HashMap<Arc<str>, Newest>,
    entries: BTreeMap<Offset, Arc<Entry>>,
    size: Size,
    /// What is gone because a newer event says it all. It is none to who gets that one; who left the topic before it
    /// does not.
    compacted: Losses,
}

/// The newest entries of one key.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    offset: Offset,
    /// The newest that excepts nobody.
    for_all: Offset,
}

/// How many keys there are, and the bytes of their frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) keys: usize,
    pub(crate) bytes: usize,
}

impl Size {
    /// What an entry adds to the state it stands in.
    fn of(entry: &Entry) -> Self {
        if entry.retract { Self::default() } else { Self { keys: 1, bytes: entry.frame.bytes().len() } }
    }

    /// A sum of sizes of which one part has become another.
    pub(crate) fn changed(self, from: Self, to: Self) -> Self {
        Self { keys: self.keys - from.keys + to.keys, bytes: self.bytes - from.bytes + to.bytes }
    }
}

impl State {
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// Makes `entry` the newest of its key and returns the one it takes the place of.
    pub(crate) fn replace(&mut self, key: &Arc<str>, entry: &Arc<Entry>) -> Option<Arc<Entry>> {
        let newest = self.keys.entry(Arc::clone(key)).or_default();
        let older = self.entries.remove(&newest.offset);
        newest.offset = entry.offset;
        if entry.except.is_empty() {
            newest.for_all = entry.offset;
        }
        self.entries.insert(entry.offset, Arc::clone(entry));
        let from = older.as_deref().map(Size::of).unwrap_or_default();
        self.size = self.size.changed(from, Size::of(entry));
        older
    }

    /// The newest entry of a key, be it a retract.
    pub(crate) fn newest(&self, key: &str) -> Option<&Arc<Entry>> {
        self.keys.get(key).and_then(|newest| self.entries.get(&newest.offset))
    }

    /// Whether something newer than the entry at `offset` says it to everybody.
    pub(crate) fn is_outdated(&self, key: &str, offset: Offset) -> bool {
        self.keys.get(key).is_some_and(|newest| newest.for_all > offset)
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.newest(key).filter(|entry| !entry.retract)
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &str) {
        let entry = self.keys.remove(key).and_then(|newest| self.entries.remove(&newest.offset));
        let from = entry.as_deref().map(Size::of).unwrap_or_default();
        self.size = self.size.changed(from, Size::default());
    }

    /// Notes that the entry at `offset` is gone, and that a newer one says it all.
    pub(crate) fn compact(&mut self, offset: Offset, loss: u64) {
        self.compacted.push(offset, loss);
    }

    pub(crate) fn compacted(&self) -> &Losses {
        &self.compacted
    }

    /// The entries of a range of offsets, oldest first.
    pub(crate) fn range(&self, offsets: impl RangeBounds<Offset>) -> btree_map::Range<'_, Offset, Arc<Entry>> {
        self.entries.range(offsets)
    }

    /// Whether there is nothing, not even a retract.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
