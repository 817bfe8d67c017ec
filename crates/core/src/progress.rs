//! How far this node has followed its backplane's log, and who waits until it gets there.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::id::{EventId, Position};
use crate::sync::Mutex;

#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    newest: Option<EventId>,
    /// By what they wait for, each with a number of its own.
    waiting: BTreeMap<(Position, u64), oneshot::Sender<()>>,
    last: u64,
}

impl Progress {
    /// This node has taken in everything up to a record. Costs what it wakes.
    pub(crate) fn reached(&self, id: EventId) {
        let reached = {
            let mut state = self.0.lock();
            if state.newest.replace(id).is_some_and(|before| before.log != id.log) {
                // What was waited for is in another log.
                state.waiting.clear();
            }
            let rest = state.waiting.split_off(&(id.position, u64::MAX));
            std::mem::replace(&mut state.waiting, rest)
        };
        for (_, waiter) in reached {
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
        let _place = {
            let mut state = self.0.lock();
            if state.newest.is_some_and(|newest| newest.log == id.log && newest.position >= id.position) {
                return true;
            }
            state.last += 1;
            let key = (id.position, state.last);
            state.waiting.insert(key, sender);
            Place { progress: self, key }
        };
        reached.await.is_ok()
    }
}

/// Among those who wait, until this is dropped.
struct Place<'a> {
    progress: &'a Progress,
    key: (Position, u64),
}

impl Drop for Place<'_> {
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
}
