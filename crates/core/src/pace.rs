//! Pace: a publisher in a tight loop must not outrun readers that keep up.
//!
//! Publishers spend from a budget of a quarter of what is retained. Once it is spent, a send waits until every reader
//! that is due has had its turn, that is, has read up to the head; then the budget is new. A reader becomes due when
//! it is woken (or opened) and has had its turn when it finds nothing more to read. A send commits first and waits then,
//! so that no event is late; where so many publish at once that twice the budget is spent, it waits first.
//!
//! Those who are due are waited for while they move: at least [`MOVING`] bytes together in each [`TURN`], for
//! [`MOST_TURNS`] of these at most. Who is still due then, and was when that turn began, is given up: it is on its own until
//! it has caught up and [`PROBATION`] has passed. So sockets that take nothing cost one pause of [`TURN`], and nobody can
//! slow a publisher by stalling again and again; and who has become due a moment ago is not taken for one of them.

use std::time::Duration;

use tokio::sync::Notify;

use crate::history::History;
use crate::log::{EPHEMERAL_BYTES, EPHEMERAL_EVENTS};
use crate::sync::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// How long readers that are due may stand still before publishers go on without them.
pub(crate) const TURN: Duration = Duration::from_millis(500);

/// What counts as moving: 256 KiB in each turn, for all of them together. It is far less than what a machine that is
/// busy writes in that time, and more than a trickle.
const MOVING: usize = 256 << 10;

/// The longest wait is ten seconds: that long, everybody may be busy with reading.
const MOST_TURNS: usize = 20;

/// For how long nobody waits for a reader that let a turn pass.
pub(crate) const PROBATION: Duration = Duration::from_secs(10);

/// How many generations can have stragglers before two of them share a counter.
const GENERATIONS: usize = 256;

/// A reader's place among those who are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(u32);

#[derive(Debug)]
pub(crate) struct Pace {
    /// What may be committed in one round; ephemeral events have a window of their own.
    durable: Budget,
    ephemeral: Budget,
    /// The generation of who becomes due now. It and the one before are waited for, older ones have been given up: so
    /// beginning another gives up who was due already when this one began.
    generation: AtomicU32,
    /// How many budgets there were.
    round: AtomicUsize,
    due: [AtomicUsize; GENERATIONS],
    had: Notify,
    /// What those who are due have read since the timer last looked, and how often it has in this round.
    moved: AtomicUsize,
    looks: AtomicUsize,
    /// Whether the timer has been asked to look at a round.
    timed: AtomicBool,
}

impl Pace {
    pub(crate) fn new(history: &History) -> Self {
        Self {
            durable: Budget::of(history.window(), history.bytes),
            ephemeral: Budget::of(EPHEMERAL_EVENTS, EPHEMERAL_BYTES),
            generation: AtomicU32::new(0),
            round: AtomicUsize::new(0),
            due: std::array::from_fn(|_| AtomicUsize::new(0)),
            had: Notify::new(),
            moved: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
            timed: AtomicBool::new(false),
        }
    }

    /// A reader, or a pass that is about to wake readers, is due.
    pub(crate) fn enter(&self) -> Turn {
        let generation = self.generation.load(Ordering::Relaxed);
        self.counter(generation).fetch_add(1, Ordering::SeqCst);
        Turn(generation)
    }

    /// It has had its turn. False if it had been given up.
    pub(crate) fn leave(&self, turn: Turn) -> bool {
        let is_waited_for = self.is_waited_for(turn);
        if self.counter(turn.0).fetch_sub(1, Ordering::SeqCst) == 1 && is_waited_for {
            self.had.notify_waiters();
        }
        is_waited_for
    }

    /// A reader has read so many bytes.
    pub(crate) fn moved(&self, turn: Turn, bytes: usize) {
        if self.is_waited_for(turn) {
            self.moved.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn is_waited_for(&self, turn: Turn) -> bool {
        self.generation.load(Ordering::Relaxed).wrapping_sub(turn.0) <= 1
    }

    /// An event has been committed.
    pub(crate) fn spend(&self, ephemeral: bool, bytes: usize) {
        let budget = if ephemeral { &self.ephemeral } else { &self.durable };
        budget.spent_events.fetch_add(1, Ordering::Relaxed);
        budget.spent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.durable.is_spent() || self.ephemeral.is_spent()
    }

    /// Whether twice the budget is spent: half of what is retained. That takes many publishers at once.
    pub(crate) fn is_overspent(&self) -> bool {
        self.durable.is_overspent() || self.ephemeral.is_overspent()
    }

    /// Waits for the turns of those who are due, if the budget is spent. `time` is asked to call
    /// [`look`](Self::look) with the number it is given, [`TURN`] from then.
    pub(crate) async fn give_way(&self, time: impl Fn(usize)) {
        while self.is_spent() {
            let had = self.had.notified();
            tokio::pin!(had);
            had.as_mut().enable();
            let round = self.round.load(Ordering::SeqCst);
            if self.due() == 0 {
                self.round.fetch_add(1, Ordering::SeqCst);
                self.looks.store(0, Ordering::Relaxed);
                self.durable.renew();
                self.ephemeral.renew();
                return yield_once().await;
            }
            if !self.timed.swap(true, Ordering::SeqCst) {
                self.moved.store(0, Ordering::Relaxed);
                if self.due_before() == 0 {
                    // Who is due now is given up at the first look, who becomes due from here on is not.
                    self.generation.fetch_add(1, Ordering::SeqCst);
                }
                time(round);
            }
            had.await;
        }
    }

    /// Looks at a round after [`TURN`]: true if it is to look again after another one. Gives up who has been due for all of
    /// it where nobody moved. Who waits in a later round asks for a look of its own.
    #[must_use]
    pub(crate) fn look(&self, round: usize) -> bool {
        if self.round.load(Ordering::SeqCst) == round && self.due() > 0 {
            let moving = self.moved.swap(0, Ordering::Relaxed) >= MOVING;
            let is_last = self.looks.fetch_add(1, Ordering::Relaxed) >= MOST_TURNS;
            if moving && !is_last {
                return true;
            }
            self.generation.fetch_add(if is_last { 2 } else { 1 }, Ordering::SeqCst);
            if self.due() > 0 {
                return true;
            }
        }
        self.timed.store(false, Ordering::SeqCst);
        self.had.notify_waiters();
        false
    }

    /// How many are waited for.
    fn due(&self) -> usize {
        let generation = self.generation.load(Ordering::SeqCst);
        self.counter(generation).load(Ordering::SeqCst) + self.due_before()
    }

    /// How many of them were due when the current generation began.
    fn due_before(&self) -> usize {
        let generation = self.generation.load(Ordering::SeqCst);
        self.counter(generation.wrapping_sub(1)).load(Ordering::SeqCst)
    }

    fn counter(&self, generation: u32) -> &AtomicUsize {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &self.due[generation as usize % GENERATIONS]
    }
}

/// A quarter of a window, by events and by bytes, and what has been spent of it.
#[derive(Debug)]
struct Budget {
    events: usize,
    bytes: usize,
    spent_events: AtomicUsize,
    spent_bytes: AtomicUsize,
}

impl Budget {
    fn of(events: usize, bytes: usize) -> Self {
        Self {
            events: (events / 4).max(1),
            bytes: (bytes / 4).max(1),
            spent_events: AtomicUsize::new(0),
            spent_bytes: AtomicUsize::new(0),
        }
    }

    fn is_spent(&self) -> bool {
        self.has_spent(1)
    }

    fn is_overspent(&self) -> bool {
        self.has_spent(2)
    }

    fn has_spent(&self, times: usize) -> bool {
        self.spent_events.load(Ordering::Relaxed) >= self.events.saturating_mul(times)
            || self.spent_bytes.load(Ordering::Relaxed) >= self.bytes.saturating_mul(times)
    }

    fn renew(&self) {
        self.spent_events.store(0, Ordering::Relaxed);
        self.spent_bytes.store(0, Ordering::Relaxed);
    }
}

/// Lets the other tasks of this thread run once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt as _;

    use super::*;
    use crate::cell::CellState;

    #[test]
    fn readers_that_move_are_waited_for_in_so_many_turns_and_no_longer() {
        let pace = Pace::new(&History::default());
        let turn = pace.enter();
        for _ in 0..MOST_TURNS {
            pace.moved(turn, MOVING);
            assert!(pace.look(0), "it moves, and the longest wait is not over");
        }
        pace.moved(turn, MOVING);
        assert!(!pace.look(0), "it is given up");
        assert!(!pace.leave(turn), "and hears of that");
    }

    #[test]
    fn who_was_given_up_is_waited_for_again_when_its_probation_is_over() {
        let pace = Pace::new(&History::default());
        let mut reader = CellState::default();
        reader.begin_turn(&pace, 0);
        assert_eq!(pace.due(), 1);
        assert!(pace.look(0), "it may have become due just now");
        assert!(!pace.look(0), "it does not move");
        reader.end_turn(&pace, 1_000);
        let over = 1_000 + PROBATION.as_millis() as u64;
        reader.begin_turn(&pace, over - 1);
        assert_eq!(pace.due(), 0, "it is on probation");
        reader.begin_turn(&pace, over);
        assert_eq!(pace.due(), 1);
    }

    #[test]
    fn who_has_just_become_due_is_not_given_up_with_who_takes_nothing() {
        let pace = Pace::new(&History::default().events(4));
        let stalled = pace.enter();
        pace.spend(false, 1);
        let mut publisher = pin!(pace.give_way(|_| {}));
        assert!(publisher.as_mut().now_or_never().is_none(), "it waits");
        let healthy = pace.enter();
        assert!(pace.look(0), "the healthy one is waited for");
        assert!(!pace.leave(stalled), "the other one was given up at the first look");
        assert!(publisher.as_mut().now_or_never().is_none());
        assert!(pace.leave(healthy), "and this one was not");
        // Now it gives way once.
        assert!(publisher.as_mut().now_or_never().is_none());
        assert!(publisher.now_or_never().is_some());
    }
}
