//! Joins that are heard of before their connection is.
//!
//! A node says which connections it has a moment after they are opened, and may have looked at one before it joined a
//! group. The join stands in the log all the same; whoever takes the session over from there has to know of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::id::Position;
use crate::nodes::signal::Joins;

/// How many joins of connections that are not known yet are kept.
const MAX_EARLY: usize = 4096;

/// That a connection has joined a group, or left it, at a place of the log.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) group: Arc<str>,
    pub(crate) at: Position,
    pub(crate) joins: Option<Joins>,
}

/// The newest joins of connections that were not known when they were heard of: their nodes say so a moment later, and
/// may have looked before.
#[derive(Debug, Default)]
pub(crate) struct Early {
    of: HashMap<Arc<str>, Vec<Joining>>,
    order: VecDeque<Arc<str>>,
}

impl Early {
    /// Keeps one; the oldest gives way if there are too many.
    pub(crate) fn push(&mut self, connection: &str, change: Joining) {
        let connection: Arc<str> = connection.into();
        self.of.entry(Arc::clone(&connection)).or_default().push(change);
        self.order.push_back(connection);
        if self.order.len() > MAX_EARLY
            && let Some(oldest) = self.order.pop_front()
        {
            self.of.remove(&oldest);
        }
    }

    /// Those of a connection, oldest first.
    pub(crate) fn take(&mut self, connection: &Arc<str>) -> Vec<Joining> {
        let joins = self.of.remove(connection).unwrap_or_default();
        if !joins.is_empty() {
            self.order.retain(|other| other != connection);
        }
        joins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_up_to_a_bound() {
        let mut early = Early::default();
        let change = |ms| Joining { group: "g".into(), at: Position { ms, seq: 0 }, joins: None };
        (0..=MAX_EARLY as u64).for_each(|n| early.push(&n.to_string(), change(n)));
        assert_eq!((early.of.len(), early.order.len()), (MAX_EARLY, MAX_EARLY));
        assert!(early.take(&"0".into()).is_empty() && early.take(&"1".into()).len() == 1);
        assert!(early.take(&"1".into()).is_empty(), "once");
    }
}
