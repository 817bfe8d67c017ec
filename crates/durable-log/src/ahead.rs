//! `flush_every`: records are accepted ahead of the disk, and brought to it together when the interval has passed.

use std::time::Duration;

use tokio::time::Instant;

use crate::frame::{self, Lasting};
use crate::journal::Journal;
use crate::position::Position;
use crate::recent::Latest;
use crate::writer::{Failure, PAUSE, Writer};

/// How many bytes `flush_every` lets gather before it flushes early.
const MAX_AHEAD_BYTES: usize = 8 << 20;

/// What `flush_every` has accepted and the store has not yet.
#[derive(Debug)]
pub(crate) struct Ahead {
    every: Duration,
    journal: Journal,
    entries: Vec<Lasting>,
    bytes: usize,
    due: Option<Instant>,
}

impl Ahead {
    /// Begins with what a journal was found to hold.
    pub(crate) fn new(every: Duration, journal: Journal, entries: Vec<Lasting>) -> Self {
        let bytes = entries.iter().map(|entry| frame::length_of(&entry.record)).sum();
        let due = (!entries.is_empty()).then(Instant::now);
        Self { every, journal, entries, bytes, due }
    }

    /// The newest entry that was accepted and is not in the store.
    pub(crate) fn newest(&self) -> Option<Position> {
        self.entries.last().map(|entry| entry.position)
    }

    /// When it is to be flushed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl Writer {
    /// Accepts entries before they are on disk.
    pub(crate) fn run_ahead(&mut self, lasting: Vec<Lasting>) -> Result<(), Failure> {
        if self.ahead.as_ref().is_some_and(|ahead| ahead.bytes >= MAX_AHEAD_BYTES) {
            // These ones have not come to it yet.
            self.flush().map_err(|failure| Failure { is_certain: true, ..failure })?;
        }
        let Some(ahead) = &mut self.ahead else { return Ok(()) };
        ahead.journal.append(&lasting).map_err(|error| Failure { error, is_certain: true })?;
        ahead.bytes += lasting.iter().map(|entry| frame::length_of(&entry.record)).sum::<usize>();
        ahead.entries.extend(lasting);
        ahead.due.get_or_insert_with(|| Instant::now() + ahead.every);
        Ok(())
    }

    /// Brings what was accepted to the disk.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let Some(ahead) = &mut self.ahead else { return Ok(()) };
        let entries = std::mem::take(&mut ahead.entries);
        let flushed = self.commit(&entries);
        let stored = self.retained.newest;
        let Some(ahead) = &mut self.ahead else { return Ok(()) };
        if entries.last().is_some_and(|newest| newest.position > stored) {
            ahead.entries = entries;
            ahead.due = Some(Instant::now() + PAUSE);
            self.show_ahead();
            return flushed;
        }
        (ahead.bytes, ahead.due) = (0, None);
        if let Err(error) = ahead.journal.clear() {
            // What it has more than the store is told by its ids.
            tracing::warn!(%error, "the journal of the durable log could not be cleared");
        }
        self.shared.publish(|recent| {
            recent.publish([], stored);
            recent.rebase(stored);
        });
        Ok(())
    }

    /// Publishes what the store has not yet and followers do not find in memory: the log has been renamed.
    pub(crate) fn show_ahead(&self) {
        let Some(ahead) = &self.ahead else { return };
        self.shared.publish(|recent| {
            let head = recent.head();
            let behind = ahead.entries.iter().filter(|entry| entry.position > head);
            recent.publish(behind.map(Latest::from), self.retained.newest);
        });
    }
}
