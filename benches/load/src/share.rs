//! What a stream is to receive of all that is published, and the check that it does.
//!
//! Event k of a work goes to target k mod T and carries the counter k / T. A stream's share of the events is every
//! `stride`-th from its `offset` on, so both its counters and how many there are follow from the work alone.

/// Which of the published events a stream is to receive, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) offset: u64,
    pub(crate) stride: u64,
    /// Targets that the events go to in turn.
    pub(crate) targets: u64,
}

impl Share {
    /// How many of `events` belong to the share.
    pub(crate) fn of(self, events: u64) -> u64 {
        events.saturating_sub(self.offset).div_ceil(self.stride)
    }

    /// Which of all events is the share's `nth`.
    pub(crate) fn event(self, nth: u64) -> u64 {
        nth * self.stride + self.offset
    }

    /// The counter of the share's `nth` event.
    fn counter(self, nth: u64) -> u64 {
        self.event(nth) / self.targets
    }

    /// The first of the share's events that carries `counter`; later ones do where a stream has several targets.
    fn first_with(self, counter: u64) -> u64 {
        counter.saturating_mul(self.targets).saturating_sub(self.offset).div_ceil(self.stride)
    }
}

/// What has come to one stream, against its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    share: Share,
    /// How many events the share is.
    owed: u64,
    /// Which of them is to come next.
    next: u64,
}

/// What an event is to the stream to which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// The one that was to come next, or with a gap a later one; it is that one of all events.
    Owed { event: u64, gap: bool },
    /// One that came before, or after a later one, or that the stream was not to receive.
    Surplus,
}

impl Progress {
    /// Nothing has come yet of the share of `events`.
    pub(crate) fn new(share: Share, events: u64) -> Self {
        Self { share, owed: share.of(events), next: 0 }
    }

    /// Takes the next event that came.
    pub(crate) fn take(&mut self, counter: u64) -> Came {
        let share = self.share;
        let expected = share.counter(self.next);
        let nth = if counter > expected { share.first_with(counter) } else { self.next };
        if counter < expected || nth >= self.owed {
            return Came::Surplus;
        }
        self.next = nth + 1;
        Came::Owed { event: share.event(nth), gap: counter > expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Share = Share { offset: 0, stride: 1, targets: 1 };
    /// The third of five users, or a member of the third of five groups.
    const THIRD: Share = Share { offset: 2, stride: 5, targets: 5 };
    /// Member of each of three groups.
    const EACH: Share = Share { offset: 0, stride: 1, targets: 3 };

    /// How many of `counters` are received, surplus, and behind a gap, where 100 events are published.
    fn take(share: Share, counters: &[u64]) -> (u64, u64, u64) {
        let mut progress = Progress::new(share, 100);
        let (mut received, mut surplus, mut gaps) = (0, 0, 0);
        for &counter in counters {
            match progress.take(counter) {
                Came::Owed { gap, .. } => {
                    received += 1;
                    gaps += u64::from(gap);
                }
                Came::Surplus => surplus += 1,
            }
        }
        (received, surplus, gaps)
    }

    #[test]
    fn a_share_is_counted_from_the_work() {
        assert_eq!((ALL.of(0), ALL.of(7)), (0, 7));
        assert_eq!((0..=8).map(|events| THIRD.of(events)).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1, 1, 1, 2]);
        assert_eq!(THIRD.event(1), 7);
    }

    #[test]
    fn counters_in_order_are_received_without_complaint() {
        assert_eq!(take(ALL, &[0, 1, 2, 3]), (4, 0, 0));
        assert_eq!(take(THIRD, &[0, 1, 2, 3]), (4, 0, 0));
        assert_eq!(take(EACH, &[0, 0, 0, 1, 1, 1, 2]), (7, 0, 0));
    }

    #[test]
    fn a_missing_event_is_a_gap_and_is_not_received() {
        assert_eq!(take(ALL, &[0, 2, 3]), (3, 0, 1));
        assert_eq!(take(THIRD, &[1, 4]), (2, 0, 2));
        assert_eq!(take(EACH, &[0, 0, 1, 1, 1]), (5, 0, 1));
    }

    #[test]
    fn an_event_that_comes_again_is_surplus() {
        assert_eq!(take(ALL, &[0, 1, 1, 2]), (3, 1, 0));
        assert_eq!(take(EACH, &[0, 0, 0, 0, 1]), (4, 1, 0));
        assert_eq!(take(THIRD, &[0, 0]), (1, 1, 0));
    }

    #[test]
    fn two_events_in_the_wrong_order_are_a_gap_and_a_surplus() {
        assert_eq!(take(ALL, &[0, 2, 1, 3]), (3, 1, 1));
    }

    #[test]
    fn an_event_behind_the_last_is_surplus() {
        assert_eq!(take(ALL, &[100, u64::MAX, 99]), (1, 2, 1));
        assert_eq!(take(THIRD, &[20, u64::MAX]), (0, 2, 0));
    }

    #[test]
    fn each_event_is_told_by_its_place_among_all() {
        let mut progress = Progress::new(THIRD, 100);
        assert_eq!(progress.take(0), Came::Owed { event: 2, gap: false });
        assert_eq!(progress.take(3), Came::Owed { event: 17, gap: true });
        assert_eq!(progress.take(3), Came::Surplus);
    }
}
