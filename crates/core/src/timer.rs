//! One timer for everything: keep-alives, lifetimes, retention by age, the bound on a publisher's wait, deadlines.
//!
//! It is a thread of the hub's own, because a hub serves several runtimes and must work without any. Setting and
//! unsetting a time costs the logarithm of the number of connections.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::cell::Cell;
use crate::clock::millis;
use crate::inner::Inner;
use crate::pace::TURN;

/// How often retention by age is applied while nothing is sent.
const RETENTION_INTERVAL_MS: u64 = 1000;

/// What to do when a time has come.
#[derive(Debug)]
pub(crate) enum Task {
    /// See whether a connection needs a keep-alive or has lived long enough.
    Connection(Arc<Cell>),
    /// Drop what is too old: events, tickets, and who connected when.
    Retention,
    /// See whether publishers still wait for the same readers.
    Round(usize),
    /// Tell somebody who waits.
    Deadline(Arc<Notify>),
}

/// A time that was set: the millisecond, and a number that makes it unique.
pub(crate) type Key = (u64, NonZeroU64);

#[derive(Debug, Default)]
struct Queue {
    tasks: BTreeMap<Key, Task>,
    last: Option<NonZeroU64>,
    stopped: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Timer {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Timer {
    pub(crate) fn set(&self, at_ms: u64, task: Task) -> Key {
        let mut queue = self.queue.lock();
        let number = queue.last.map_or(NonZeroU64::MIN, |last| last.saturating_add(1));
        queue.last = Some(number);
        let key = (at_ms, number);
        queue.tasks.insert(key, task);
        if queue.tasks.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.changed.notify_one();
        }
        key
    }

    pub(crate) fn unset(&self, key: Key) {
        self.queue.lock().tasks.remove(&key);
    }

    pub(crate) fn stop(&self) {
        self.queue.lock().stopped = true;
        self.changed.notify_one();
    }

    /// Waits for the next task whose time has come; none when the hub is gone.
    fn next(&self, clock: &crate::clock::Clock) -> Option<Task> {
        let mut queue = self.queue.lock();
        loop {
            if queue.stopped {
                return None;
            }
            let Some((&first, _)) = queue.tasks.first_key_value() else {
                self.changed.wait(&mut queue);
                continue;
            };
            match first.0.checked_sub(clock.now_ms()) {
                None | Some(0) => return queue.tasks.remove(&first),
                Some(left) => drop(self.changed.wait_for(&mut queue, Duration::from_millis(left))),
            }
        }
    }
}

/// Starts the hub's timer thread, which ends with the hub.
pub(crate) fn start(hub: &Arc<Inner>) -> std::io::Result<()> {
    if cfg!(shuttle) {
        // The model checker knows nothing of threads that are not its own; models run without time.
        return Ok(());
    }
    hub.timer.set(RETENTION_INTERVAL_MS, Task::Retention);
    let (timer, clock, hub) = (Arc::clone(&hub.timer), Arc::clone(&hub.clock), Arc::downgrade(hub));
    std::thread::Builder::new().name("ssehub-timer".into()).spawn(move || {
        while let Some(task) = timer.next(&clock) {
            run(task, &hub);
        }
    })?;
    Ok(())
}

/// A deadline that somebody waits for, until this is dropped.
struct Deadline<'a> {
    timer: &'a Timer,
    key: Key,
}

impl Drop for Deadline<'_> {
    fn drop(&mut self) {
        self.timer.unset(self.key);
    }
}

impl Inner {
    /// What a future brings, if it does so in time.
    pub(crate) async fn in_time<T>(&self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        let over = Arc::new(Notify::new());
        let at_ms = self.clock.now_ms().saturating_add(millis(time));
        let _deadline = Deadline { timer: &self.timer, key: self.timer.set(at_ms, Task::Deadline(Arc::clone(&over))) };
        tokio::select! {
            done = future => Some(done),
            () = over.notified() => None,
        }
    }
}

fn run(task: Task, hub: &Weak<Inner>) {
    let Some(hub) = hub.upgrade() else { return };
    let now_ms = hub.clock.now_ms();
    match task {
        Task::Connection(cell) => hub.look_after(&cell, now_ms),
        Task::Round(round) => {
            if hub.pace.look(round) {
                hub.timer.set(now_ms + TURN.as_millis() as u64, Task::Round(round));
            }
        }
        Task::Deadline(notify) => notify.notify_one(),
        Task::Retention => {
            hub.clock.follow();
            hub.log.write().retain(hub.clock.unix_ms(now_ms));
            hub.tickets.let_go(now_ms);
            hub.connects.let_go(now_ms);
            hub.nodes.iter().for_each(|nodes| nodes.let_go(now_ms, hub.is_tailing(), &hub.config));
            hub.timer.set(now_ms + RETENTION_INTERVAL_MS, Task::Retention);
        }
    }
}
