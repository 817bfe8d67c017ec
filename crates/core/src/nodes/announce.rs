//! What this node says of itself: which connections have come and gone, and that it is alive.
//!
//! Connections come and go without waiting for anybody. They leave a note here, one for each connection however often it
//! changes, and a task on the backplane's thread says what the notes are about as it finds it then: all that has gathered
//! while the last saying was under way goes in the next. So the price of a connect falls as their rate rises, and a
//! backplane that is away costs a note per connection.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::backoff::Backoff;
use crate::backplane::{Backplane, BackplaneError, BackplaneErrorKind, Record};
use crate::id::{EventId, Position};
use crate::inner::Inner;
use crate::nodes::Nodes;
use crate::nodes::signal::{Gone, NodeId, OrphanForm, Presence, Say, Signal};
use crate::registry::here;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// About how many bytes of presence go into one record.
const CHUNK_BYTES: usize = 32 << 10;

/// How many other sayings go into one record: with names of any length, half a megabyte.
const MAX_SAYS: usize = 256;

/// How many notes, and how many other sayings, are kept while the backplane is away. More notes than that, and all
/// connections are told of when it is back; more sayings, and the oldest are dropped: nobody waits for an answer that long.
const MAX_WAITING: usize = 100_000;

/// A node that is asked for all it has by several others tells it once.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);

/// How often a node is heard, at least, in the time after which it is taken for gone.
const BEATS: u32 = 4;

/// What has become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// It has come, or is not as it was.
    Changed,
    /// It is gone. Its session may be taken up elsewhere, or not.
    Gone { resumable: bool },
}

/// What is to be said.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    news: Notify,
    /// Nothing more is to be said.
    closed: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    notes: HashMap<Arc<str>, Note>,
    says: VecDeque<Say>,
    /// Everything is to be told.
    all: bool,
}

impl Outbox {
    /// Something has become of a connection: others are told what it is when it is their turn to hear of it.
    pub(crate) fn note(&self, connection: &Arc<str>, note: Note) {
        let mut waiting = self.waiting.lock();
        if waiting.notes.len() >= MAX_WAITING {
            waiting.notes.clear();
            waiting.all = true;
        }
        waiting.notes.insert(Arc::clone(connection), note);
        drop(waiting);
        self.news.notify_one();
    }

    /// Something else is to be said.
    pub(crate) fn say(&self, say: Say) {
        let mut waiting = self.waiting.lock();
        if waiting.says.len() >= MAX_WAITING {
            waiting.says.pop_front();
        }
        waiting.says.push_back(say);
        drop(waiting);
        self.news.notify_one();
    }

    /// Everything is to be told.
    pub(crate) fn tell_all(&self) {
        self.waiting.lock().all = true;
        self.news.notify_one();
    }

    /// Nothing more is to be said: the node leaves.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// What waits; everything only if it may be told again.
    fn take(&self, may_tell_all: bool) -> Waiting {
        let mut waiting = self.waiting.lock();
        let all = waiting.all && may_tell_all;
        if all {
            // Who is here is told; who is gone by whom it is not told of any more, but for what can be taken up elsewhere.
            waiting.notes.retain(|_, note| *note == Note::Gone { resumable: true });
        }
        let taken = std::mem::take(&mut *waiting);
        waiting.all = taken.all && !all;
        Waiting { all, ..taken }
    }

    /// Puts back what was not said.
    fn put_back(&self, unsaid: Waiting) {
        let mut waiting = self.waiting.lock();
        waiting.all |= unsaid.all;
        for (connection, note) in unsaid.notes {
            waiting.notes.entry(connection).or_insert(note);
        }
        unsaid.says.into_iter().rev().for_each(|say| waiting.says.push_front(say));
    }
}

/// Says what there is to say, for as long as there is a hub.
pub(crate) async fn announce(backplane: Arc<dyn Backplane>, hub: Weak<Inner>) {
    let mut announcer = Announcer { backplane, round: 0, next_round: Instant::now() };
    let mut backoff = Backoff::default();
    while let Some(strong) = hub.upgrade() {
        let Some(nodes) = strong.nodes.clone() else { return };
        drop(strong);
        let beat = nodes.timeout / BEATS;
        let waits_for_round = nodes.outbox.waiting.lock().all;
        let wait = if waits_for_round { announcer.next_round.duration_since(Instant::now()) } else { beat };
        let is_beat = timeout(wait, nodes.outbox.news.notified()).await.is_err() && !waits_for_round;
        if nodes.outbox.closed.load(Ordering::SeqCst) {
            return;
        }
        if is_beat {
            nodes.outbox.say(Say::Alive);
        }
        match announcer.tell(&nodes, &hub).await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                tracing::debug!(%error, "the backplane did not take what this node says; trying again");
                backoff.wait().await;
                nodes.outbox.news.notify_one();
            }
        }
    }
}

struct Announcer {
    backplane: Arc<dyn Backplane>,
    /// How often everything was told.
    round: u64,
    /// When it may be told again.
    next_round: Instant,
}

impl Announcer {
    /// Says all that waits.
    async fn tell(&mut self, nodes: &Nodes, hub: &Weak<Inner>) -> Result<(), BackplaneError> {
        let Waiting { notes, mut says, all } = nodes.outbox.take(Instant::now() >= self.next_round);
        while !says.is_empty() {
            let some: Vec<Say> = says.iter().take(MAX_SAYS).cloned().collect();
            let said = some.len();
            if let Err(error) = self.append(nodes.id, some).await {
                nodes.outbox.put_back(Waiting { notes, says, all });
                return Err(error);
            }
            says.drain(..said);
        }
        self.tell_presence(nodes, hub, notes, all).await
    }

    async fn tell_presence(
        &mut self,
        nodes: &Nodes,
        hub: &Weak<Inner>,
        notes: HashMap<Arc<str>, Note>,
        all: bool,
    ) -> Result<(), BackplaneError> {
        let mut rest: Vec<(Arc<str>, Note)> = notes.into_iter().collect();
        let mut orphans = Vec::new();
        if all {
            self.round += 1;
            self.next_round = Instant::now() + BETWEEN_ROUNDS;
            let cells = hub.upgrade().map(|hub| hub.cells()).unwrap_or_default();
            rest.extend(cells.iter().map(|cell| (Arc::clone(&cell.id), Note::Changed)));
            let now_ms = hub.upgrade().map_or(0, |hub| hub.clock.now_ms());
            orphans = nodes.directory.lock().orphans_to_tell(nodes.id, now_ms);
        }
        while all || !rest.is_empty() || !orphans.is_empty() {
            let mut presence = Presence { round: self.round, ..Presence::default() };
            let told = {
                let Some(hub) = hub.upgrade() else { return Ok(()) };
                hub.fill(&mut presence, &mut rest, &mut orphans)
            };
            let is_last = rest.is_empty() && orphans.is_empty();
            presence.is_all = all && is_last;
            if let Err(error) = self.append(nodes.id, vec![Say::Presence(presence)]).await {
                let notes = told.into_iter().chain(rest).collect();
                nodes.outbox.put_back(Waiting { notes, says: VecDeque::new(), all });
                return Err(error);
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// A backplane that panics is one that failed: what it was to take is said again.
    async fn append(&self, from: NodeId, says: Vec<Say>) -> Result<EventId, BackplaneError> {
        let appending = self.backplane.append(Record::of_signal(Signal { from, says }));
        let panicked = |_| Err(BackplaneError::new(BackplaneErrorKind::Uncertain, "the backplane panicked"));
        AssertUnwindSafe(appending).catch_unwind().await.unwrap_or_else(panicked)
    }
}

impl Inner {
    /// Says something at once.
    pub(crate) async fn say(&self, nodes: &Nodes, says: Vec<Say>) -> Result<EventId, BackplaneError> {
        match &self.backplane {
            Some(backplane) => backplane.append(Record::of_signal(Signal { from: nodes.id, says })).await,
            None => Err(BackplaneError::new(BackplaneErrorKind::Unavailable, "there is no backplane")),
        }
    }

    /// Fills one record with what has become of connections, and takes these from the rest.
    fn fill(
        &self,
        presence: &mut Presence,
        rest: &mut Vec<(Arc<str>, Note)>,
        orphans: &mut Vec<OrphanForm>,
    ) -> Vec<(Arc<str>, Note)> {
        let (mut size, mut told) = (0, Vec::new());
        let Position { ms, seq } = self.progress.newest();
        presence.as_of = (ms, seq);
        while size < CHUNK_BYTES
            && let Some(orphan) = orphans.pop()
        {
            size += orphan.size();
            presence.orphans.push(orphan);
        }
        while size < CHUNK_BYTES
            && let Some((id, note)) = rest.pop()
        {
            // With the log locked no other transport takes it over while it is looked at.
            let log = self.log.read();
            match (self.cell(&id), note) {
                (Some(cell), _) => {
                    let here = here(&log, &cell, &cell.inner.lock());
                    size += here.size();
                    presence.here.push(here);
                }
                (None, Note::Gone { resumable }) => {
                    size += id.len() + 2;
                    presence.gone.push(Gone { connection: id.to_string(), resumable });
                }
                // That it is gone is in a note that comes, or it is another node's now.
                (None, Note::Changed) => {}
            }
            told.push((id, note));
        }
        told
    }
}
