//! The keyed state of one topic: the newest event of each key.
//!
//! An entry stays here when retention takes it from the log's window, as in Kafka's compacted topics. A retract stands
//! here too while it is in the window, so that it supersedes what it ends; snapshots leave it out.

use std::collections::{BTreeMap, HashMap, btree_map};
use std::ops::RangeBounds;
use std::sync::Arc;

use crate::entry::{Entry, Offset};

#[derive(Debug, Default)]
pub(crate) struct State {
    newest: HashMap<Arc<str>, Offset>,
    entries: BTreeMap<Offset, Arc<Entry>>,
}

impl State {
    /// Makes `entry` the newest of its key and returns the one it takes the place of.
    pub(crate) fn replace(&mut self, key: &Arc<str>, entry: &Arc<Entry>) -> Option<Arc<Entry>> {
        let older = self.newest.insert(Arc::clone(key), entry.offset);
        let older = older.and_then(|offset| self.entries.remove(&offset));
        self.entries.insert(entry.offset, Arc::clone(entry));
        older
    }

    /// The newest entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.newest.get(key).and_then(|offset| self.entries.get(offset))
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<Entry>> {
        self.newest.remove(key).and_then(|offset| self.entries.remove(&offset))
    }

    /// The entries of a range of offsets, oldest first.
    pub(crate) fn range(&self, offsets: impl RangeBounds<Offset>) -> btree_map::Range<'_, Offset, Arc<Entry>> {
        self.entries.range(offsets)
    }

    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }
}
