//! Event ids: positions in the log.
//!
//! An id reads `ms-seq-log`. `ms-seq` is ordered and has the form of a Redis Streams id: Unix milliseconds at
//! commit, never going back, then a counter inside that millisecond. `log` is a short random name of the log,
//! so that an id from another log, or from before a restart, is recognised. Clients treat ids as opaque.

use std::fmt;
use std::str::FromStr;

/// The longest name a log may have, in bytes.
const MAX_LOG_NAME: usize = 15;

/// Where an event stands in the log's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

impl Position {
    /// The place right before this one.
    pub(crate) fn previous(self) -> Self {
        match self.seq.checked_sub(1) {
            Some(seq) => Self { ms: self.ms, seq },
            None => Self { ms: self.ms.saturating_sub(1), seq: u64::MAX },
        }
    }

    /// The position of an event committed at `now_ms` after this one: time never goes back, and a full
    /// counter borrows the next millisecond.
    pub(crate) fn next(self, now_ms: u64) -> Self {
        if now_ms > self.ms {
            return Self { ms: now_ms, seq: 0 };
        }
        match self.seq.checked_add(1) {
            Some(seq) => Self { ms: self.ms, seq },
            None => Self { ms: self.ms.saturating_add(1), seq: 0 },
        }
    }
}

/// The short name of one log: 1 to 15 ASCII letters and digits, drawn at random when the log is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogName {
    length: u8,
    bytes: [u8; MAX_LOG_NAME],
}

impl LogName {
    /// Draws a new name: six letters and digits, one in 57 billion.
    pub fn random() -> Self {
        use rand::RngExt as _;
        use rand::distr::Alphanumeric;

        let mut bytes = [0; MAX_LOG_NAME];
        let drawn = rand::rng().sample_iter(Alphanumeric);
        let length = bytes.iter_mut().take(6).zip(drawn).map(|(byte, drawn)| *byte = drawn).count();
        Self { length: length as u8, bytes }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        let name = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl FromStr for LogName {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; MAX_LOG_NAME];
        let room = bytes.get_mut(..text.len()).ok_or(ParseEventIdError)?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ParseEventIdError);
        }
        room.copy_from_slice(text.as_bytes());
        Ok(Self { length: text.len() as u8, bytes })
    }
}

impl fmt::Debug for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogName({})", self.as_str())
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of a committed event, as the client sees it in `id:` and gives back in `Last-Event-ID`.
///
/// Ids of one log are ordered by commit; ids of different logs are not comparable, so there is no `Ord`.
///
/// ```
/// let id: ssehub::EventId = "1732186542123-0-x7Qp".parse()?;
/// assert_eq!((id.ms(), id.seq(), id.log().as_str()), (1_732_186_542_123, 0, "x7Qp"));
/// assert!("1732186542123-0".parse::<ssehub::EventId>().is_err());
/// # Ok::<(), ssehub::ParseEventIdError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId {
    pub(crate) position: Position,
    pub(crate) log: LogName,
}

impl EventId {
    /// The id at `ms`-`seq` of the log `log`. Only a [`Backplane`](crate::Backplane) makes ids itself.
    pub fn new(ms: u64, seq: u64, log: LogName) -> Self {
        Self { position: Position { ms, seq }, log }
    }

    /// Unix milliseconds at commit.
    pub fn ms(&self) -> u64 {
        self.position.ms
    }

    /// The counter inside that millisecond.
    pub fn seq(&self) -> u64 {
        self.position.seq
    }

    /// The log this is an id of.
    pub fn log(&self) -> LogName {
        self.log
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.position.ms, self.position.seq, self.log)
    }
}

impl FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next().ok_or(ParseEventIdError);
        let (ms, seq, log) = (number(next()?)?, number(next()?)?, next()?.parse()?);
        Ok(Self::new(ms, seq, log))
    }
}

/// Digits alone: `u64::from_str` would take a plus sign too.
fn number(text: &str) -> Result<u64, ParseEventIdError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseEventIdError);
    }
    text.parse().map_err(|_| ParseEventIdError)
}

/// The text is no event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event id reads ms-seq-log: two numbers and 1 to 15 letters or digits, joined by dashes")]
pub struct ParseEventIdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_the_round_trip_and_nothing_else_is_an_id() {
        let id = EventId::new(u64::MAX, 7, LogName::random());
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "1",
            "1-2",
            "1-2-",
            "-1-2-a",
            "+1-2-a",
            "1-2-a b",
            "1-2-a-b",
            "1--a",
            "99999999999999999999-0-a",
            "1-2-aaaaaaaaaaaaaaaa",
            "1-2-é",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(ParseEventIdError), "{text:?}");
        }
    }

    #[test]
    fn positions_grow_when_the_clock_stands_still_or_goes_back() {
        let first = Position { ms: 10, seq: 0 };
        assert_eq!(first.next(10), Position { ms: 10, seq: 1 });
        assert_eq!(first.next(3), Position { ms: 10, seq: 1 });
        assert_eq!(first.next(11), Position { ms: 11, seq: 0 });
        assert_eq!(Position { ms: 10, seq: u64::MAX }.next(10), Position { ms: 11, seq: 0 });
    }
}
