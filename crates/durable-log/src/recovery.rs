//! What was found when a log was opened.

use std::path::{Path, PathBuf};

use ssehub::{EventId, LogName};

/// What a log was found to hold when it was opened, and what became of it.
///
/// A log that was not closed is the usual case after a crash, and nothing to worry about. One that had to take
/// [another name](Self::renamed_from) has lost something that clients have seen, or may have: they are told a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    pub(crate) was_closed: bool,
    pub(crate) retained: usize,
    pub(crate) replayed: usize,
    pub(crate) torn_bytes: u64,
    pub(crate) damaged: usize,
    pub(crate) lost_after: Option<EventId>,
    pub(crate) renamed_from: Option<LogName>,
    pub(crate) set_aside: Option<PathBuf>,
}

impl Recovery {
    /// Whether the log is new, or was closed cleanly.
    pub fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// How many entries there are, those apart that only the state keeps.
    pub fn retained(&self) -> usize {
        self.retained
    }

    /// How many of them were accepted with [`flush_every`](crate::DurableLogBuilder::flush_every) and not yet in the
    /// store.
    pub fn replayed(&self) -> usize {
        self.replayed
    }

    /// How many bytes were cut off behind the last whole entry of the journal, where `flush_every` keeps what the store
    /// has not yet. A crash in the middle of a write leaves some, of an entry that was not accepted yet.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// How many entries were damaged, and left out.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// The entry behind which others that were accepted are gone, if any are.
    pub fn lost_after(&self) -> Option<EventId> {
        self.lost_after
    }

    /// The name the log had, if it had to take another one.
    pub fn renamed_from(&self) -> Option<LogName> {
        self.renamed_from
    }

    /// Where the damaged store is now, if it was so damaged that a new one was made of its whole entries: the newest one
    /// and all before it up to the first that is missing. What the state kept of older ones is gone.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }
}
