//! Waking the readers of what was committed.
//!
//! A send to few subscribers wakes them itself. A send to many marks the topic dirty on each runtime that has
//! subscribers of it, and a pass on that runtime wakes them in slices, giving way between them. Ten broadcasts while it
//! runs cost one pass more, not ten. A wake inside one runtime is a push to its own queue; a wake into another
//! current-thread runtime would be a system call each, which is why each runtime has its own pass.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::task::Waker;

use smallvec::SmallVec;
use tokio::runtime::{Handle, Id};

use crate::entry::Entry;
use crate::index::TopicKey;
use crate::inner::Inner;
use crate::log::Log;
use crate::pace::{Pace, Turn};
use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::topic::Topic;

/// Up to how many subscribers a send wakes by itself. The model checker sees more with less of everything.
const INLINE: usize = if cfg!(shuttle) { 1 } else { 64 };

/// How many subscribers a pass wakes before it gives way.
const SLICE: usize = if cfg!(shuttle) { 2 } else { 64 };

/// The connections that one runtime polls, and the pass that wakes them.
#[derive(Debug)]
pub(crate) struct Shard {
    /// None for connections that were opened outside of any tokio runtime: the sender wakes them all.
    runtime: Option<Handle>,
    dirty: Mutex<HashSet<TopicKey>>,
    /// Whether a pass is under way that will look at `dirty` once more.
    running: AtomicBool,
}

/// The shards that have connections.
#[derive(Debug, Default)]
pub(crate) struct Shards(Mutex<Vec<Weak<Shard>>>);

impl Shards {
    /// The shard of the runtime this is called on.
    pub(crate) fn current(&self) -> Arc<Shard> {
        let runtime = Handle::try_current().ok();
        let id = runtime.as_ref().map(Handle::id);
        let mut shards = self.0.lock();
        if let Some(shard) = shards.iter().filter_map(Weak::upgrade).find(|shard| shard.runtime_id() == id) {
            return shard;
        }
        shards.retain(|shard| shard.strong_count() > 0);
        let shard = Arc::new(Shard { runtime, dirty: Mutex::default(), running: AtomicBool::new(false) });
        shards.push(Arc::downgrade(&shard));
        shard
    }
}

impl Shard {
    fn runtime_id(&self) -> Option<Id> {
        self.runtime.as_ref().map(Handle::id)
    }

    /// Starts a pass, if none is under way.
    fn start(self: &Arc<Self>, hub: &Arc<Inner>) {
        if self.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let pass = Pass::new(self, hub);
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(pass.run())),
            None => drop(pass),
        }
    }
}

/// Whom to wake after a commit, gathered while the log is locked, woken when it is not.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    wakers: SmallVec<[Waker; 8]>,
    shards: SmallVec<[Arc<Shard>; 2]>,
}

impl Wakes {
    /// Whom an entry is for.
    pub(crate) fn of(entry: &Entry, log: &Log, pace: &Pace, now_ms: u64) -> Self {
        let mut wakes = Self::default();
        let mut left = INLINE;
        for &topic in &entry.topics {
            let Some(record) = log.index.get(topic) else { continue };
            if let Some(rest) = left.checked_sub(record.subscribers()) {
                left = rest;
                wakes.wakers.extend(record.members.iter().filter_map(|cell| cell.take_waker(pace, now_ms)));
                continue;
            }
            for shard in record.members.shards() {
                shard.dirty.lock().insert(topic);
                if !wakes.shards.iter().any(|known| Arc::ptr_eq(known, shard)) {
                    wakes.shards.push(Arc::clone(shard));
                }
            }
        }
        wakes
    }

    /// Everybody: something has happened to the log itself.
    pub(crate) fn everybody(log: &Log, pace: &Pace, now_ms: u64) -> Self {
        let members = log.index.find(&Topic::All).into_iter().flat_map(|record| record.members.iter());
        let wakers = members.filter_map(|cell| cell.take_waker(pace, now_ms)).collect();
        Self { wakers, shards: SmallVec::new() }
    }

    pub(crate) fn fire(self, hub: &Arc<Inner>) {
        self.wakers.into_iter().for_each(Waker::wake);
        for shard in &self.shards {
            shard.start(hub);
        }
    }
}

/// One run over the dirty topics of a shard. It counts as a reader that is due, so that nobody publishes away from
/// readers that have not even been woken.
struct Pass {
    shard: Arc<Shard>,
    hub: Arc<Inner>,
    turn: Turn,
    /// The topics that are left, of which the last is left from this seat on.
    topics: Vec<TopicKey>,
    seat: usize,
    over: bool,
}

impl Pass {
    fn new(shard: &Arc<Shard>, hub: &Arc<Inner>) -> Self {
        let turn = hub.pace.enter();
        Self { shard: Arc::clone(shard), hub: Arc::clone(hub), turn, topics: Vec::new(), seat: 0, over: false }
    }

    async fn run(mut self) {
        while self.step() {
            tokio::task::yield_now().await;
        }
    }

    /// Wakes some subscribers. False when the pass is over.
    fn step(&mut self) -> bool {
        if let Some(&topic) = self.topics.last() {
            let next = self.wake_slice(topic, self.seat);
            self.seat = next.unwrap_or(0);
            if next.is_none() {
                self.topics.pop();
            }
        } else if !self.over {
            self.over = !self.take_dirty();
        }
        !self.over
    }

    /// Takes what is to be done. False if that is nothing: then another pass may begin.
    fn take_dirty(&mut self) -> bool {
        loop {
            self.topics.extend(self.shard.dirty.lock().drain());
            if !self.topics.is_empty() {
                return true;
            }
            self.shard.running.store(false, Ordering::SeqCst);
            // A topic that was marked in between found the pass running: it is still this pass's.
            if self.shard.dirty.lock().is_empty() || self.shard.running.swap(true, Ordering::SeqCst) {
                return false;
            }
        }
    }

    /// Wakes some subscribers and returns the seat to go on from. Who takes a seat behind it meanwhile has read, or will
    /// read, what this pass is about: a new reader looks at the log before it waits.
    fn wake_slice(&self, topic: TopicKey, seat: usize) -> Option<usize> {
        let now_ms = self.hub.clock.coarse_ms();
        let mut wakers: SmallVec<[Waker; SLICE]> = SmallVec::new();
        let next = {
            let log = self.hub.log.read();
            let members = &log.index.get(topic)?.members;
            let (cells, more) = members.seated(&self.shard, seat..seat + SLICE);
            wakers.extend(cells.filter_map(|cell| cell.take_waker(&self.hub.pace, now_ms)));
            more.then_some(seat + SLICE)
        };
        wakers.into_iter().for_each(Waker::wake);
        next
    }
}

impl Drop for Pass {
    /// Does what is left at once: outside of any runtime that is all, and where a runtime is shut down in the middle of a
    /// pass, those whom it has not woken may be polled elsewhere.
    fn drop(&mut self) {
        while self.step() {}
        self.hub.pace.leave(self.turn);
    }
}
