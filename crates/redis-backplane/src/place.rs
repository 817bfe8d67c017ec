//! Places in a log, as Redis writes them: `ms-seq`, an event id without the name of its log.

use std::fmt;
use std::str::FromStr;

use ssehub::{EventId, LogName};

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    ms: u64,
    seq: u64,
}

impl Place {
    /// The event id of this place in that log.
    pub(crate) fn in_log(self, log: LogName) -> EventId {
        EventId::new(self.ms, self.seq, log)
    }
}

impl From<EventId> for Place {
    fn from(id: EventId) -> Self {
        Self { ms: id.ms(), seq: id.seq() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ms, seq) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self { ms: ms.parse()?, seq: seq.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_as_in_redis() {
        let place = |text: &str| text.parse::<Place>().unwrap();
        assert!(place("9-9") < place("10-0") && place("10-0") < place("10-1"));
        assert_eq!(place("1732186542123-18446744073709551615").to_string(), "1732186542123-18446744073709551615");
        for text in ["", "1", "1-", "-1", "1-a", "1-2-3"] {
            assert!(text.parse::<Place>().is_err(), "{text:?}");
        }
    }
}
