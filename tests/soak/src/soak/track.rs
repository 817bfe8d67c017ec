//! What a reader is owed of one sequence of events, and whether that is what comes.
//!
//! Events of a sequence are numbered from 0 on and sent one after the other. Two counts tell what a reader that begins
//! now is owed: an event whose sending had been answered before must not come, and one whose sending begins after
//! must. What is sent just then may come or not, and once the first has come, each next one is owed.

/// How completely the events of a sequence come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each of them.
    Every,
    /// Events of one key: a newer one may come in place of older ones, but the newest comes.
    Newest,
    /// Ephemeral events: none comes again to who was away.
    Fleeting,
}

/// What was wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// So many are missing before it.
    Lost(u64),
    /// It had come before, or was none of this reader's yet.
    Again,
    /// It was none of this reader's any more.
    TooLate,
}

/// How far one reader has come in one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    kind: Kind,
    /// The next event is none before this one,
    low: u64,
    /// and none after this one.
    high: u64,
    /// From this one on, none is this reader's any more.
    end: Option<u64>,
}

impl Track {
    /// One that begins while the sending of `sent` events has been answered and that of `begun` has begun.
    pub(crate) fn new(kind: Kind, sent: u64, begun: u64) -> Self {
        Self { kind, low: sent, high: begun, end: None }
    }

    /// Takes the event `number`; `told` when it tells a state, as events without an id do: the newest may come again then.
    pub(crate) fn take(&mut self, number: u64, told: bool) -> Result<(), Flaw> {
        let low = if told && self.kind == Kind::Newest { self.low.saturating_sub(1) } else { self.low };
        if number < low {
            return Err(Flaw::Again);
        }
        let lost = number.saturating_sub(self.high);
        self.low = self.low.max(number + 1);
        self.high = self.low;
        match self.kind {
            _ if self.end.is_some_and(|end| number >= end) => Err(Flaw::TooLate),
            Kind::Every if lost > 0 => Err(Flaw::Lost(lost)),
            _ => Ok(()),
        }
    }

    /// How many of the first `sent` events are missing, of a reader that has everything that was sent until now.
    pub(crate) fn missing(&self, sent: u64) -> u64 {
        match self.kind {
            Kind::Every => sent.saturating_sub(self.high),
            // Older ones are no loss.
            Kind::Newest => u64::from(sent > self.high),
            Kind::Fleeting => 0,
        }
    }

    /// What was sent until now may be missing, and the reader has been told so.
    pub(crate) fn may_jump(&mut self, begun: u64) {
        self.high = self.high.max(begun);
    }

    /// What is sent from now on is none of this reader's.
    pub(crate) fn ends(&mut self, begun: u64) {
        self.end = Some(begun);
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with `numbers` for a reader that began when 3 of 5 events had been sent.
    fn flaws(kind: Kind, numbers: &[u64]) -> Vec<Flaw> {
        let mut track = Track::new(kind, 3, 5);
        numbers.iter().filter_map(|number| track.take(*number, false).err()).collect()
    }

    #[test]
    fn a_reader_begins_with_one_of_those_that_are_being_sent() {
        for first in 3..=5 {
            assert_eq!(flaws(Kind::Every, &[first, first + 1]), []);
        }
        assert_eq!(flaws(Kind::Every, &[2, 3]), [Flaw::Again]);
        assert_eq!(flaws(Kind::Every, &[7, 8]), [Flaw::Lost(2)]);
    }

    #[test]
    fn each_flaw_is_told_once() {
        assert_eq!(flaws(Kind::Every, &[4, 4, 5, 7, 8]), [Flaw::Again, Flaw::Lost(1)]);
        assert_eq!(flaws(Kind::Every, &[4, 6, 5, 7]), [Flaw::Lost(1), Flaw::Again]);
    }

    #[test]
    fn a_key_may_skip_and_never_goes_back() {
        assert_eq!(flaws(Kind::Newest, &[9, 12]), []);
        assert_eq!(flaws(Kind::Newest, &[9, 9]), [Flaw::Again]);
        assert_eq!(flaws(Kind::Fleeting, &[9, 12, 10]), [Flaw::Again]);
    }

    #[test]
    fn a_snapshot_may_tell_the_newest_again_and_nothing_older() {
        let mut track = Track::new(Kind::Newest, 3, 5);
        assert_eq!(track.take(1, true), Err(Flaw::Again));
        assert_eq!(track.take(2, true), Ok(()), "the newest that had been sent");
        assert_eq!(track.take(9, false), Ok(()));
        assert_eq!(track.take(9, true), Ok(()));
        assert_eq!(track.take(9, false), Err(Flaw::Again));
        assert_eq!(track.take(10, false), Ok(()), "to be told again moves nothing back");
    }

    #[test]
    fn what_did_not_come_is_missing() {
        let mut every = Track::new(Kind::Every, 3, 5);
        assert_eq!((every.missing(5), every.missing(8)), (0, 3));
        every.take(4, false).unwrap();
        assert_eq!((every.missing(5), every.missing(8)), (0, 3));
        let newest = Track::new(Kind::Newest, 3, 5);
        assert_eq!((newest.missing(5), newest.missing(8)), (0, 1));
        assert_eq!(Track::new(Kind::Fleeting, 3, 5).missing(8), 0);
    }

    #[test]
    fn a_gap_that_is_told_excuses_what_was_sent_before_it() {
        let mut track = Track::new(Kind::Every, 0, 0);
        track.may_jump(10);
        assert_eq!(track.missing(10), 0);
        assert_eq!(track.take(11, false), Err(Flaw::Lost(1)));
        track.may_jump(20);
        assert_eq!((track.take(20, false), track.take(22, false)), (Ok(()), Err(Flaw::Lost(1))));
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let mut track = Track::new(Kind::Every, 0, 0);
        track.ends(2);
        let taken: Vec<_> = (0..3).map(|number| track.take(number, false)).collect();
        assert_eq!(taken, [Ok(()), Ok(()), Err(Flaw::TooLate)]);
    }
}
