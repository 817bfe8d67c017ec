//! How things lie on the disk: positions, and entries with their checksum.
//!
//! The numbers of [`FORMAT`] say which form the whole directory has. It grows when anything in here, in the tables of
//! `store.rs` or in the frames of `journal.rs` changes its meaning.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssehub::{EventId, LogName};

/// The form that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// The bytes of a checksum.
pub(crate) const CHECKSUM: usize = 4;

/// Where an entry stands in the log's order: an id without the log's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

impl Position {
    /// The next position at `now_ms`: time never goes back, and a full counter borrows the next millisecond.
    pub(crate) fn next(self, now_ms: u64) -> Self {
        if now_ms > self.ms {
            return Self { ms: now_ms, seq: 0 };
        }
        match self.seq.checked_add(1) {
            Some(seq) => Self { ms: self.ms, seq },
            None => Self { ms: self.ms.saturating_add(1), seq: 0 },
        }
    }

    pub(crate) fn id(self, log: LogName) -> EventId {
        EventId::new(self.ms, self.seq, log)
    }

    pub(crate) fn key(self) -> (u64, u64) {
        (self.ms, self.seq)
    }
}

impl From<(u64, u64)> for Position {
    fn from((ms, seq): (u64, u64)) -> Self {
        Self { ms, seq }
    }
}

impl From<EventId> for Position {
    fn from(id: EventId) -> Self {
        Self { ms: id.ms(), seq: id.seq() }
    }
}

/// What is kept with an entry, so that one that was damaged, or stands in the wrong place, is told from a whole one.
pub(crate) fn checksum(position: Position, record: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&position.ms.to_le_bytes());
    hasher.update(&position.seq.to_le_bytes());
    hasher.update(record);
    hasher.finalize().to_le_bytes()
}

/// The record of an entry as it was stored; none if it is damaged.
pub(crate) fn verified(position: Position, stored: &[u8]) -> Option<&[u8]> {
    let (sum, record) = stored.split_first_chunk::<CHECKSUM>()?;
    (*sum == checksum(position, record)).then_some(record)
}

/// Unix milliseconds by the machine's clock. One before 1970 counts as 1970: ids still grow.
pub(crate) fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
