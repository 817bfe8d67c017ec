//! How many events go into one call of the kernel.

use std::num::NonZeroU16;
use std::str::FromStr;

/// The most events of one target that one `send(2)` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch(NonZeroU16);

impl Batch {
    /// Each event by itself.
    pub const ONE: Self = Self(NonZeroU16::MIN);

    /// `events` in one call, at most 1,024; at least one.
    pub fn of(events: u16) -> Option<Self> {
        NonZeroU16::new(events).filter(|events| events.get() <= 1024).map(Self)
    }

    pub(crate) fn events(self) -> u64 {
        self.0.get().into()
    }
}

impl FromStr for Batch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::of).ok_or("a batch is 1 to 1024 events")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_1_to_1024_events() {
        assert_eq!("64".parse::<Batch>().map(Batch::events), Ok(64));
        for bad in ["0", "1025", "-1", "many"] {
            assert!(bad.parse::<Batch>().is_err(), "{bad}");
        }
    }
}
