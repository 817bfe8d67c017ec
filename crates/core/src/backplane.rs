//! Backplanes: where the ordered log lives when it is not just this process.
//!
//! A hub with a backplane appends *records* to it, and commits only what comes back on its tail, in that order: so every
//! node has the same log, and append order is truth. Replay, state and live delivery are served from each node's own
//! memory. While the backplane is away connections stay open and sends fail; when it is back, the tail goes on from the
//! last id seen.
//!
//! A backplane knows nothing of events, audiences or connections: it keeps bytes in order. What they mean is the hub's
//! (`record.rs`), how it follows the tail is in `follow.rs`.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::history::History;
use crate::id::EventId;

/// The longest key of a [`StateChange`], in bytes: two names and what tells them apart.
pub const MAX_STATE_KEY: usize = 1100;

/// An entry for a backplane to keep and to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    bytes: Bytes,
    retention: Retention,
    state: Vec<StateChange>,
}

/// For how long a backplane keeps a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retention {
    /// As long as the hub's [`History`] says.
    Lasting,
    /// For who follows the log now: ephemeral events, and what nodes tell one another. It takes no room in the history;
    /// a backplane keeps some seconds of it, in a window of its own, so that a tail can be taken up again.
    Passing,
}

/// What a record does to the state of the log: the newest record of each key, which outlives retention.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StateChange {
    /// This record is the newest of the key from now on.
    Set(Bytes),
    /// The key is gone.
    Remove(Bytes),
}

impl Record {
    /// A lasting record without a part in the state. A hub makes its records itself; this is for tests of a backplane.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), retention: Retention::Lasting, state: Vec::new() }
    }

    /// Makes it one for who follows the log now.
    pub fn passing(self) -> Self {
        Self { retention: Retention::Passing, ..self }
    }

    /// Makes it the newest of a key.
    pub fn set(mut self, key: impl Into<Bytes>) -> Self {
        self.state.push(StateChange::Set(key.into()));
        self
    }

    /// Makes it end a key.
    pub fn remove(mut self, key: impl Into<Bytes>) -> Self {
        self.state.push(StateChange::Remove(key.into()));
        self
    }

    /// What is to be kept: opaque, with a version and a checksum of its own.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// For how long it is to be kept.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// What it does to the state, in the same step in which it is appended: nothing, for most records, and at most
    /// [`MAX_AUDIENCE`](crate::MAX_AUDIENCE) changes. A key is 1 to [`MAX_STATE_KEY`] bytes long.
    pub fn state(&self) -> &[StateChange] {
        &self.state
    }
}

/// What a backplane's tail brings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tailed {
    /// The first thing each tail brings.
    Start(Start),
    /// The next entry of the log: its id, and the bytes of its record.
    Entry(EventId, Bytes),
}

/// Where a tail starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Names the log and the place this tail starts from. That is the id it was asked to follow; or, if lasting entries
    /// behind that are not retained any more, or the log is another one, or it was asked for all, the place before the
    /// oldest lasting entry there is. Where it is not the id that was asked for, readers are told a gap.
    pub after: EventId,
    /// The newest entry there was when the tail was asked for; `after` if there was none behind that. The hub is ready,
    /// and its streams begin, when the tail has come this far.
    pub head: EventId,
    /// Whether passing entries behind the id that was asked for may be gone, as they are where none was asked for.
    pub missed: bool,
    /// What is older than `after` and still the newest of its keys, in the order of ids; nothing where `after` is the id
    /// that was asked for.
    pub state: Vec<Kept>,
}

/// A record that lives on in the state of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The id it was appended under.
    pub id: EventId,
    /// The keys that it is still the newest of.
    pub keys: Vec<Bytes>,
    /// Its bytes.
    pub record: Bytes,
}

/// An ordered log outside of this process.
///
/// # Contract
///
/// - `append` returns the id of the accepted record, or an error that says whether it may have been accepted: never
///   both, never neither. It is called from many tasks at once, on the runtimes of the senders, which come and go.
/// - `tail` yields [`Tailed::Start`], then every accepted entry from there, in one order that is the same for every
///   node and every call, ids growing; it never yields an entry before the ones that precede it. It is called on a
///   thread of the hub's own, on a runtime with time and I/O, one stream at a time, again after each end or error, with the
///   last id seen.
/// - Lasting and passing records stand in one order. Retention takes the oldest lasting ones when there are more than the
///   hub's history allows, and passing ones after some seconds.
/// - An id's log is named when the log is made, and differs after the log was wiped, or has lost what somebody may have
///   seen. Ids grow for as long as the log lives.
#[async_trait]
pub trait Backplane: Send + Sync + 'static {
    /// What the hub retains, told once and before anything else.
    fn retain(&self, history: &History);

    /// Whether other processes append to the same log.
    fn is_shared(&self) -> bool;

    /// Accepts a record at the end of the log, and changes the state in the same step.
    async fn append(&self, record: Record) -> Result<EventId, BackplaneError>;

    /// Follows the log from behind an id, or from its oldest entry.
    async fn tail(
        &self,
        after: Option<EventId>,
    ) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError>;
}

/// What went wrong at a backplane.
#[derive(Debug)]
pub struct BackplaneError {
    kind: BackplaneErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The kinds of [`BackplaneError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackplaneErrorKind {
    /// It cannot be reached, or refused: nothing was accepted.
    Unavailable,
    /// It failed in the middle: the entry may have been accepted.
    Uncertain,
}

impl BackplaneError {
    /// An error of this kind, for this reason.
    pub fn new(kind: BackplaneErrorKind, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// What it means for the entry, for matching.
    pub fn kind(&self) -> BackplaneErrorKind {
        self.kind
    }
}

impl fmt::Display for BackplaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for BackplaneError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
