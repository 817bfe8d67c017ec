//! How far this node has followed its backplane's log, and who waits until it gets there.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::id::{EventId, LogName, Position};
use crate::sync::Mutex;

#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    newest: Option<EventId>,
    /// By the place they wait for, each with a number of its own; and the log that place is in.
    waiting: BTreeMap<(Position, u64), (LogName, oneshot::Sender<()>)>,
    last: u64,
}

impl Progress {
    /// This node has taken in everything up to a record. Costs what it wakes.
    pub(crate) fn reached(&self, id: EventId) {
        let reached = {
            let mut state = self.0.lock();
            if state.newest.replace(id).is_some_and(|before| before.log != id.log) {
                // Who has written to this log already was faster than its tail; all others wait in vain.
                state.waiting.retain(|_, (log, _)| *log == id.log);
            }
            let places = ..=(id.position, u64::MAX);
            state.waiting.extract_if(places, |_, (log, _)| *log == id.log).collect::<Vec<_>>()
        };
        for (_, (_, waiter)) in reached {
            // Whoever waited may have given up.
            let _ = waiter.send(());
        }
    }

    /// The newest record that this node has taken in.
    pub(crate) fn newest(&self) -> Position {
        self.0.lock().newest.map_or_else(Position::default, |newest| newest.position)
    }

    /// Waits until this node has taken in a record of its log; false if the log became another one first.
    pub(crate) async fn reach(&self, id: EventId) -> bool {
        let (sender, reached) = oneshot::channel();
        let _waiting = {
            let mut state = self.0.lock();
            if state.newest.is_some_and(|newest| newest.log == id.log && newest.position >= id.position) {
                return true;
            }
            state.last += 1;
            let key = (id.position, state.last);
            state.waiting.insert(key, (id.log, sender));
            Waiting { progress: self, key }
        };
        reached.await.is_ok()
    }
}

/// Among those who wait, until this is dropped.
struct Waiting<'a> {
    progress: &'a Progress,
    key: (Position, u64),
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.progress.0.lock().waiting.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn id(text: &str) -> EventId {
        text.parse().unwrap()
    }

    #[test]
    fn who_waits_is_woken_when_its_place_is_reached_and_not_before() {
        let progress = Progress::default();
        let mut third = Box::pin(progress.reach(id("1-3-a")));
        let mut second = Box::pin(progress.reach(id("1-2-a")));
        let mut dropped = Box::pin(progress.reach(id("1-2-a")));
        for waiter in [&mut third, &mut second, &mut dropped] {
            assert_eq!(waiter.as_mut().now_or_never(), None);
        }
        drop(dropped);
        assert_eq!(progress.0.lock().waiting.len(), 2, "who gives up leaves nothing");
        progress.reached(id("1-2-a"));
        assert_eq!((second.now_or_never(), third.as_mut().now_or_never()), (Some(true), None));
        assert_eq!(progress.reach(id("1-1-a")).now_or_never(), Some(true));
        progress.reached(id("9-0-b"));
        assert_eq!(third.now_or_never(), Some(false), "its log is no more");
    }

    #[test]
    fn who_is_ahead_of_the_tail_with_another_log_waits_for_that_and_for_nothing_else() {
        let progress = Progress::default();
        progress.reached(id("5-0-a"));
        let mut first = Box::pin(progress.reach(id("1-1-b")));
        let mut second = Box::pin(progress.reach(id("1-2-b")));
        assert_eq!((first.as_mut().now_or_never(), second.as_mut().now_or_never()), (None, None));
        progress.reached(id("6-0-a"));
        assert_eq!(first.as_mut().now_or_never(), None, "a later place of another log is not its place");
        progress.reached(id("1-1-b"));
        assert_eq!((first.now_or_never(), second.as_mut().now_or_never()), (Some(true), None));
        progress.reached(id("1-2-b"));
        assert_eq!(second.now_or_never(), Some(true));
    }
}
