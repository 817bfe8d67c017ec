//! Backplanes: where the ordered log lives when it is not just this process.
//!
//! A hub with a backplane appends what is sent to it, and commits only what comes back on its tail, in that order: so
//! every node has the same log, and append order is truth. Replay, state and live delivery are served from each
//! node's own memory. While the backplane is away connections stay open and sends fail; when it is back, the tail
//! goes on from the last id seen.
//!
//! A hub that has just started knows nothing of its log. Streams are let in, and begin when it has caught up with what
//! the log had when its tail was asked for.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use rand::RngExt as _;

use crate::event::Event;
use crate::fanout::Wakes;
use crate::id::EventId;
use crate::inner::Inner;
use crate::log::Pending;
use crate::topic::Audience;

/// The first wait before the tail is tried again; it doubles up to [`MAX_BACKOFF`], and each is drawn at random from
/// its upper half.
const MIN_BACKOFF: Duration = Duration::from_millis(50);

/// The longest wait before the tail is tried again: the backplane is heard again within two seconds of its return.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// An event on its way to a backplane or from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub(crate) audience: Audience,
    pub(crate) event: Event,
}

/// What a backplane's tail brings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tailed {
    /// The first thing each tail brings.
    Start {
        /// Names the log and the place this tail starts from. That is the id it was asked to follow; or, if entries behind
        /// that are not retained any more, or the log is another one, or it was asked for all, the place before the
        /// oldest entry there is. Where it is not the id that was asked for, readers are told a gap.
        after: EventId,
        /// The newest entry there was when the tail was asked for; `after` if there was none. The hub is ready, and its
        /// streams begin, when the tail has come this far.
        head: EventId,
    },
    /// The next entry of the log.
    Entry(EventId, Record),
}

/// An ordered log outside of this process.
///
/// # Contract
///
/// - `append` returns the id of the accepted entry, or an error that says whether it may have been accepted: never
///   both, never neither. It is called from many tasks at once, on the runtimes of the senders.
/// - `tail` yields [`Tailed::Start`], then every accepted entry from there, in one order that is the same for every
///   node and every call, ids growing; it never yields an entry before the ones that precede it. It is called on a
///   thread of the hub's own, one stream at a time, again after each end or error, with the last id seen.
/// - An id's log is named when the log is made, and differs after the log was wiped.
#[async_trait]
pub trait Backplane: Send + Sync + 'static {
    /// Accepts an entry at the end of the log.
    async fn append(&self, record: Record) -> Result<EventId, BackplaneError>;

    /// Follows the log from behind an id.
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

/// Starts the thread that tails the backplane, which ends with the hub.
pub(crate) fn start(hub: &Arc<Inner>, backplane: Arc<dyn Backplane>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (gone, weak) = (Arc::clone(&hub.gone), Arc::downgrade(hub));
    std::thread::Builder::new().name("ssehub-backplane".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = gone.notified() => {}
                () = follow(backplane, weak) => {}
            }
        });
    })?;
    Ok(())
}

/// Tails the log for as long as there is a hub.
async fn follow(backplane: Arc<dyn Backplane>, hub: Weak<Inner>) {
    let mut last = None;
    let mut backoff = MIN_BACKOFF;
    while hub.strong_count() > 0 {
        let tailing = AssertUnwindSafe(tail(&*backplane, &hub, &mut last, &mut backoff)).catch_unwind().await;
        match tailing {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the backplane's tail failed; trying again"),
            Err(_) => tracing::error!("the backplane's tail panicked; trying again"),
        }
        hub.upgrade().inspect(|hub| hub.set_tailing(false));
        tokio::time::sleep(backoff.mul_f64(rand::rng().random_range(0.5..=1.0))).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// Takes in one tail, to its end.
async fn tail(
    backplane: &dyn Backplane,
    hub: &Weak<Inner>,
    last: &mut Option<EventId>,
    backoff: &mut Duration,
) -> Result<(), BackplaneError> {
    let mut tail = backplane.tail(*last).await?;
    // What the log had when the tail was asked for; none when the hub has caught up with that.
    let mut goal = None;
    while let Some(tailed) = tail.next().await {
        let Some(hub) = hub.upgrade() else { break };
        match tailed? {
            Tailed::Start { after, head } => {
                hub.start_from(after, *last);
                *last = Some(after);
                *backoff = MIN_BACKOFF;
                goal = Some(head);
            }
            Tailed::Entry(id, record) if last.is_some_and(|last| last.precedes(id)) => {
                hub.take_in(id, record);
                *last = Some(id);
                // Publishers give way to what this node has heard of; the rest comes in one go.
                hub.give_way().await;
            }
            Tailed::Entry(id, _) => {
                tracing::warn!(%id, "the backplane's tail is out of order; following it anew");
                break;
            }
        }
        if goal.is_some_and(|goal| !last.is_some_and(|last| last.precedes(goal))) {
            goal = None;
            hub.catch_up();
            hub.set_tailing(true);
        }
    }
    Ok(())
}

impl EventId {
    fn precedes(self, next: Self) -> bool {
        self.log == next.log && self.position < next.position
    }
}

impl Inner {
    /// The tail starts from `id`, and this node has seen everything up to `last`.
    fn start_from(self: &Arc<Self>, id: EventId, last: Option<EventId>) {
        let Some(last) = last else { return self.log.write().adopt(id) };
        if last == id {
            return;
        }
        let wakes = {
            let mut log = self.log.write();
            if last.log == id.log {
                log.lose(id.position)
            } else {
                log.become_another(id)
            }
            self.show_head(&log);
            Wakes::everybody(&log, &self.pace, self.clock.now_ms())
        };
        wakes.fire(self);
    }

    /// Commits what the tail brought.
    fn take_in(self: &Arc<Self>, id: EventId, record: Record) {
        let now_ms = self.clock.now_ms();
        let wakes = {
            let mut log = self.log.write();
            let pending = Pending::new(record.audience, &record.event);
            self.address(&mut log, &pending.audience);
            let entry = log.append_at(pending, id.position, self.clock.unix_ms(now_ms));
            if !log.has_begun() {
                return;
            }
            self.show_head(&log);
            self.pace.spend(entry.ephemeral, entry.cost());
            Wakes::of(&entry, &log, &self.pace, now_ms)
        };
        wakes.fire(self);
    }

    /// This node knows its log now: streams that wait for that begin.
    fn catch_up(self: &Arc<Self>) {
        let wakes = {
            let mut log = self.log.write();
            if log.has_begun() {
                return;
            }
            log.begin();
            self.show_head(&log);
            Wakes::everybody(&log, &self.pace, self.clock.now_ms())
        };
        wakes.fire(self);
    }
}
