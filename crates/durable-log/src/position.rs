//! Positions: ids without the name of their log, and the clock they come from.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssehub::{EventId, LogName};

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

/// Unix milliseconds by the machine's clock. One before 1970 counts as 1970: ids still grow.
pub(crate) fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_grow_when_the_clock_stands_still_or_goes_back() {
        let first = Position { ms: 10, seq: 0 };
        assert_eq!(first.next(10), Position { ms: 10, seq: 1 });
        assert_eq!(first.next(3), Position { ms: 10, seq: 1 });
        assert_eq!(first.next(11), Position { ms: 11, seq: 0 });
        assert_eq!(Position { ms: 10, seq: u64::MAX }.next(10), Position { ms: 11, seq: 0 });
    }
}
