//! What is retained, as the hub's [`History`] says: the newest entries, until the first of three limits.

use ssehub::History;

use crate::position::{Position, millis};

/// The limits. There are none until the hub has said what they are: nothing is taken before that.
#[derive(Clone, Debug)]
pub(crate) struct Retention {
    events: usize,
    bytes: usize,
    age_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events: usize::MAX, bytes: usize::MAX, age_ms: u64::MAX }
    }
}

impl From<&History> for Retention {
    fn from(history: &History) -> Self {
        Self { events: history.max_events(), bytes: history.max_bytes(), age_ms: millis(history.max_age()) }
    }
}

/// What is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retained {
    /// The newest entry that retention took, or the place where the log began.
    pub(crate) trimmed: Position,
    pub(crate) oldest: Option<Position>,
    /// The newest entry; the place where retention has come to if there is none.
    pub(crate) newest: Position,
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Retained {
    /// Nothing, behind this.
    pub(crate) fn behind(trimmed: Position) -> Self {
        Self { trimmed, oldest: None, newest: trimmed, events: 0, bytes: 0 }
    }

    pub(crate) fn add(&mut self, position: Position, bytes: usize) {
        self.oldest.get_or_insert(position);
        self.newest = position;
        self.events += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes the oldest entry. Which one is the oldest then is not known here.
    pub(crate) fn take(&mut self, position: Position, bytes: usize) {
        self.trimmed = position;
        self.oldest = None;
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Retention {
    /// Whether the oldest entry has to go. The newest stays, whatever its size, until it is too old.
    pub(crate) fn is_over(&self, retained: &Retained, oldest: Position, now_ms: u64) -> bool {
        let is_aged = oldest.ms < now_ms.saturating_sub(self.age_ms);
        is_aged || retained.events > 1 && (retained.events > self.events || retained.bytes > self.bytes)
    }

    /// When the oldest entry will have to go for its age.
    pub(crate) fn expiry_ms(&self, retained: &Retained) -> Option<u64> {
        Some(retained.oldest?.ms.saturating_add(self.age_ms).saturating_add(1))
    }
}
