//! Connections of other nodes by a name that they share: that of their user, or of a group.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Coming and going cost the same however many share a name.
#[derive(Debug, Default)]
pub(crate) struct ByName(HashMap<Arc<str>, HashSet<Arc<str>>>);

impl ByName {
    /// One copy of a name for all who bear it.
    pub(crate) fn share(&self, name: String) -> Arc<str> {
        self.0.get_key_value(name.as_str()).map_or_else(|| name.into(), |(name, _)| Arc::clone(name))
    }

    pub(crate) fn insert(&mut self, name: &Arc<str>, connection: &Arc<str>) {
        self.0.entry(Arc::clone(name)).or_default().insert(Arc::clone(connection));
    }

    pub(crate) fn remove(&mut self, name: &str, connection: &str) {
        let Some(connections) = self.0.get_mut(name) else { return };
        connections.remove(connection);
        if connections.is_empty() {
            self.0.remove(name);
        }
    }

    /// The connections that bear a name.
    pub(crate) fn of(&self, name: &str) -> impl Iterator<Item = &Arc<str>> {
        self.0.get(name).into_iter().flatten()
    }

    /// How many those are.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, HashSet::len)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
