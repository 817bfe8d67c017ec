//! What this process knows of its log: its keys, what is retained, and how far it has been seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, cmd};
use ssehub::{Bytes, EventId, History, Retention};

use crate::keys::Keys;
use crate::place::Place;

/// How many passing records are kept for tails that are taken up again: what a busy hub sends in some seconds.
pub const MAX_PASSING: usize = 16_384;

/// How many bytes of passing records are kept.
pub const MAX_PASSING_BYTES: usize = 16 << 20;

/// For how long passing records are kept: longer than a node needs to come back.
pub const MAX_PASSING_AGE: Duration = Duration::from_secs(60);

/// The log of one hub, as this process knows it.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) keys: Keys,
    bounds: Mutex<Bounds>,
    known: Mutex<Known>,
    /// The last entry that was seen on the tail.
    seen: Mutex<Option<(EventId, Bytes)>>,
    /// An entry before which another was missing.
    stumbled: Mutex<Option<EventId>>,
    skipped: AtomicU64,
}

/// What is known to have been taken, all of one log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The newest entry that was seen on the tail or appended from here, or where the tail began; none before that.
    pub(crate) newest: Option<EventId>,
    /// The newest of them that lasts.
    pub(crate) lasting: Option<EventId>,
}

/// What is retained, in the numbers of Redis.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    events: u64,
    bytes: u64,
    age_ms: u64,
}

impl Bounds {
    fn new(events: usize, bytes: usize, age: Duration) -> Self {
        // Lua's numbers are exact up to here.
        let exact = |number: u128| number.min(1 << 53) as u64;
        Self { events: exact(events as u128), bytes: exact(bytes as u128), age_ms: exact(age.as_millis()) }
    }

    fn of(history: &History) -> Self {
        Self::new(history.max_events().max(1), history.max_bytes(), history.max_age())
    }
}

impl Log {
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            keys,
            bounds: Mutex::new(Bounds::of(&History::default())),
            known: Mutex::default(),
            seen: Mutex::default(),
            stumbled: Mutex::default(),
            skipped: AtomicU64::new(0),
        }
    }

    /// From now on this is retained.
    pub(crate) fn retain(&self, history: &History) {
        *self.bounds.lock() = Bounds::of(history);
    }

    /// Adds what is retained, of lasting and of passing records, to the call of a script.
    pub(crate) fn add_bounds_to(&self, call: &mut Cmd) {
        let passing = Bounds::new(MAX_PASSING, MAX_PASSING_BYTES, MAX_PASSING_AGE);
        for bounds in [*self.bounds.lock(), passing] {
            call.arg(bounds.events).arg(bounds.bytes).arg(bounds.age_ms);
        }
    }

    /// Asks what the log is called now, and for the last id that it has given.
    pub(crate) fn ask_last(&self) -> Cmd {
        let mut ask = cmd("HMGET");
        ask.arg(&self.keys.meta).arg("name").arg("last");
        ask
    }

    /// What is known to have been taken.
    pub(crate) fn known(&self) -> Known {
        *self.known.lock()
    }

    /// A tail starts here: what is known of another log counts no more.
    pub(crate) fn starts(&self, after: EventId) {
        let mut known = self.known.lock();
        if known.newest.is_none_or(|newest| newest.log() != after.log()) {
            *known = Known { newest: Some(after), lasting: None };
        }
    }

    /// An entry was taken.
    pub(crate) fn takes(&self, id: EventId, retention: Retention) {
        let mut known = self.known.lock();
        // Only the start of a tail says that it is another log now.
        if known.newest.is_some_and(|newest| newest.log() != id.log()) {
            return;
        }
        let Known { newest, lasting } = &mut *known;
        let is_newer = |than: &Option<EventId>| than.is_none_or(|than| Place::from(than) < Place::from(id));
        if is_newer(newest) {
            *newest = Some(id);
        }
        if retention == Retention::Lasting && is_newer(lasting) {
            *lasting = Some(id);
        }
    }

    /// An entry was seen on the tail.
    pub(crate) fn sees(&self, id: EventId, retention: Retention, record: &Bytes) {
        self.takes(id, retention);
        *self.seen.lock() = Some((id, record.clone()));
    }

    /// A tail cannot go on to this entry: another is missing before it.
    pub(crate) fn stumbles(&self, id: EventId) {
        *self.stumbled.lock() = Some(id);
    }

    /// Where a tail has stumbled, told once.
    pub(crate) fn take_stumbled(&self) -> Option<EventId> {
        self.stumbled.lock().take()
    }

    /// The record with this id, if it was the last one seen.
    pub(crate) fn record_of(&self, id: EventId) -> Option<Bytes> {
        let seen = self.seen.lock();
        seen.as_ref().filter(|(seen, _)| *seen == id).map(|(_, record)| record.clone())
    }

    /// An entry was passed over that is not of a hub's making.
    pub(crate) fn skips(&self, place: Place) {
        // One line tells that somebody else writes here; how often is for `skipped`.
        if self.skipped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(%place, key = self.keys.lasting, "passing over entries that no hub has written");
        }
    }

    /// How many entries were passed over.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}
