//! What the hub knows of one connection, shared between its reader and everybody who wakes or changes it.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use smallvec::SmallVec;

use crate::entry::Offset;
use crate::fanout::Shard;
use crate::index::TopicKey;
use crate::members::Seat;
use crate::pace::{PROBATION, Pace, Turn};
use crate::session::Session;
use crate::sync::Mutex;
use crate::timer;

/// The end of a subscription that has none.
pub(crate) const OPEN: Offset = Offset::MAX;

/// One connection. What is looked at for each event stands together at the beginning: with tens of thousands of
/// connections, its price is that of the memory it touches.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Cell {
    pub(crate) inner: Mutex<CellState>,
    pub(crate) id: Arc<str>,
    pub(crate) user: Option<Arc<str>>,
    shard: Arc<Shard>,
}

#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct CellState {
    /// There while the reader waits for something to read.
    pub(crate) waker: Option<Waker>,
    /// There while publishers may have to wait for this reader.
    turn: Option<Turn>,
    /// Nobody waits for this reader before this time.
    probation_until_ms: u64,
    /// Nothing was written for the keep-alive time.
    pub(crate) keep_alive_due: bool,
    /// Something it was still to read is gone.
    pub(crate) lost: bool,
    /// The connection was taken out of everything: nothing may be added to it.
    pub(crate) gone: bool,
    /// The timer has seen the reader at work; it has not been seen since.
    pub(crate) seen_at_work: bool,
    /// It is its identity that ends when the time of `expires_ms` comes.
    pub(crate) identity_expires: bool,
    /// How many groups it is in by itself.
    pub(crate) joined: u32,
    pub(crate) closing: Option<Box<Closing>>,
    pub(crate) written_ms: u64,
    pub(crate) delivered: u64,
    pub(crate) subscriptions: Subscriptions,
    /// Groups joined with a snapshot that is still to be read.
    pub(crate) snapshots: JoinSnapshots,
    /// When the timer looks at this connection next.
    pub(crate) timer: Option<timer::Key>,
    /// When the stream has lived long enough.
    pub(crate) expires_ms: Option<NonZeroU64>,
    /// When the timer saw the reader at work.
    pub(crate) seen_ms: u64,
    /// There if the connection can outlive its transport.
    pub(crate) session: Option<Box<Session>>,
}

/// How a stream is to end: with what is committed up to `at`, then `hub:closing`.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub(crate) at: Offset,
    pub(crate) reason: crate::hooks::DisconnectReason,
    pub(crate) retry: Option<Duration>,
    /// The deadline has passed: end at once, with nothing.
    pub(crate) now: bool,
}

/// None of them for most connections: then it takes a pointer's room.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "the box is what makes it small where there is none")]
pub(crate) struct JoinSnapshots(Option<Box<VecDeque<JoinSnapshot>>>);

impl JoinSnapshots {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Queues one, in the place of one that is queued for the same group.
    pub(crate) fn push(&mut self, snapshot: JoinSnapshot) {
        self.remove(snapshot.topic);
        self.0.get_or_insert_default().push_back(snapshot);
    }

    pub(crate) fn remove(&mut self, topic: TopicKey) {
        if let Some(queue) = &mut self.0 {
            queue.retain(|queued| queued.topic != topic);
            self.0.take_if(|queue| queue.is_empty());
        }
    }

    pub(crate) fn pop(&mut self) -> Option<JoinSnapshot> {
        let first = self.0.as_mut()?.pop_front();
        self.0.take_if(|queue| queue.is_empty());
        first
    }

    /// Adds all of another queue.
    pub(crate) fn append(&mut self, other: Self) {
        other.0.into_iter().flat_map(|queue| *queue).for_each(|snapshot| self.push(snapshot));
    }

    /// Forgets those that a client has got which has read up to `offset`: snapshots go before what comes after them.
    pub(crate) fn prove(&mut self, offset: Offset) {
        if let Some(queue) = &mut self.0 {
            queue.retain(|queued| offset <= queued.at);
            self.0.take_if(|queue| queue.is_empty());
        }
    }

    /// All that are queued are of the state at this offset now.
    pub(crate) fn move_to(&mut self, at: Offset) {
        self.0.iter_mut().flat_map(|queue| queue.iter_mut()).for_each(|queued| queued.at = at);
    }

    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

/// The state of a group as it was when a connection joined it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JoinSnapshot {
    pub(crate) topic: TopicKey,
    pub(crate) at: Offset,
}

impl Cell {
    pub(crate) fn new(id: Arc<str>, user: Option<Arc<str>>, shard: Arc<Shard>) -> Self {
        Self { inner: Mutex::new(CellState::default()), id, user, shard }
    }

    /// The runtime that polls this connection.
    pub(crate) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// As [`CellState::take_waker`] does.
    pub(crate) fn take_waker(&self, pace: &Pace, now_ms: u64) -> Option<Waker> {
        self.inner.lock().take_waker(pace, now_ms)
    }
}

impl CellState {
    /// Takes the waker of a reader that waits, which makes it due, whatever it is woken for: nobody wakes it again for
    /// what is committed before it waits again. A reader that is not waiting reads on by itself.
    pub(crate) fn take_waker(&mut self, pace: &Pace, now_ms: u64) -> Option<Waker> {
        let waker = self.waker.take()?;
        self.begin_turn(pace, now_ms);
        Some(waker)
    }

    /// When the stream has lived long enough; the end of time where it may live for ever.
    pub(crate) fn expires_ms(&self) -> u64 {
        self.expires_ms.map_or(u64::MAX, NonZeroU64::get)
    }

    /// Whether the transport has taken nothing for so long though there was something to take. Sees to it that the next
    /// look can tell.
    pub(crate) fn is_stalled(&mut self, now_ms: u64, timeout_ms: u64) -> bool {
        let is_at_work = self.waker.is_none();
        if !is_at_work || !self.seen_at_work {
            (self.seen_at_work, self.seen_ms) = (is_at_work, now_ms);
        }
        self.seen_at_work && now_ms.saturating_sub(self.seen_ms) >= timeout_ms
    }

    pub(crate) fn begin_turn(&mut self, pace: &Pace, now_ms: u64) {
        if self.turn.is_none() && now_ms >= self.probation_until_ms {
            self.turn = Some(pace.enter());
        }
    }

    /// The reader has been given so many bytes.
    pub(crate) fn moved(&self, pace: &Pace, bytes: usize) {
        if let Some(turn) = self.turn {
            pace.moved(turn, bytes);
        }
    }

    /// The reader has read all there is, or is gone.
    pub(crate) fn end_turn(&mut self, pace: &Pace, now_ms: u64) {
        if let Some(turn) = self.turn.take()
            && !pace.leave(turn)
        {
            self.probation_until_ms = now_ms + PROBATION.as_millis() as u64;
        }
    }
}

/// That a connection gets the entries of a topic, from `since` (excluded) to `until` (included).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) topic: TopicKey,
    pub(crate) seat: Seat,
    pub(crate) since: Offset,
    pub(crate) until: Offset,
    /// Up to where the topic's state came in a snapshot.
    pub(crate) snapshot: Offset,
    pub(crate) origin: Origin,
}

impl Subscription {
    pub(crate) fn is_open(&self) -> bool {
        self.until == OPEN
    }
}

/// Through what a connection is in a topic: in a group by one way or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(u8);

impl Origin {
    /// What every connection is in: all, its user, itself.
    pub(crate) const NATURE: Self = Self(1);
    /// Its user was put into the group.
    pub(crate) const USER: Self = Self(2);
    /// It was put into the group.
    pub(crate) const JOINED: Self = Self(4);
    /// The request that opened it named the group.
    pub(crate) const REQUEST: Self = Self(8);
    /// It is in the group by itself.
    pub(crate) const ITSELF: Self = Self(Self::JOINED.0 | Self::REQUEST.0);

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Option<Self> {
        Some(self.0 & !other.0).filter(|rest| *rest != 0).map(Self)
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The subscriptions of one connection, by topic: a look-up costs the logarithm of their number. A topic can stand here
/// more than once: at most one of its subscriptions is open, the others are being read to their end.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    sorted: SmallVec<[Subscription; 3]>,
    closed: usize,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.sorted.iter()
    }

    fn of(&self, topic: TopicKey) -> &[Subscription] {
        let start = self.sorted.partition_point(|subscription| subscription.topic < topic);
        let rest = self.sorted.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|subscription| subscription.topic == topic).count();
        rest.get(..length).unwrap_or_default()
    }

    /// Whether the connection was subscribed to a topic when the entry at `offset` was committed.
    pub(crate) fn covers(&self, topic: TopicKey, offset: Offset) -> bool {
        self.of(topic).iter().any(|subscription| subscription.since < offset && offset <= subscription.until)
    }

    pub(crate) fn open(&self, topic: TopicKey) -> Option<&Subscription> {
        self.of(topic).iter().find(|subscription| subscription.is_open())
    }

    pub(crate) fn open_mut(&mut self, topic: TopicKey) -> Option<&mut Subscription> {
        let start = self.sorted.partition_point(|subscription| subscription.topic < topic);
        let of_topic = self.sorted.iter_mut().skip(start).take_while(|subscription| subscription.topic == topic);
        of_topic.into_iter().find(|subscription| subscription.is_open())
    }

    /// Notes that a snapshot of all topics that are open brings their state up to `offset`, and returns these topics.
    pub(crate) fn begin_snapshot(&mut self, offset: Offset) -> Vec<TopicKey> {
        let open = self.sorted.iter_mut().filter(|subscription| subscription.is_open());
        let begun = open.map(|subscription| {
            subscription.snapshot = offset;
            subscription.topic
        });
        begun.collect()
    }

    /// Has all but one topic begin behind `offset`.
    pub(crate) fn begin_at(&mut self, offset: Offset, but: TopicKey) {
        for subscription in self.sorted.iter_mut().filter(|subscription| subscription.topic != but) {
            subscription.since = subscription.since.max(offset);
        }
    }

    /// Whether a snapshot brought the value of a topic at `offset`.
    pub(crate) fn had_in_snapshot(&self, topic: TopicKey, offset: Offset) -> bool {
        self.of(topic).iter().any(|subscription| offset <= subscription.snapshot)
    }

    pub(crate) fn insert(&mut self, subscription: Subscription) {
        let place = self.sorted.partition_point(|other| other.topic <= subscription.topic);
        self.sorted.insert(place, subscription);
    }

    /// Ends the open subscription to a topic at `until`.
    pub(crate) fn close(&mut self, topic: TopicKey, until: Offset) {
        if let Some(subscription) = self.open_mut(topic) {
            subscription.until = until;
            self.closed += 1;
        }
    }

    /// How many are being read to their end.
    pub(crate) fn closed(&self) -> usize {
        self.closed
    }

    /// Takes out those that have been read up to `offset` to their end.
    pub(crate) fn take_finished(&mut self, offset: Offset) -> SmallVec<[TopicKey; 4]> {
        let mut finished = SmallVec::new();
        if self.closed > 0 {
            self.sorted.retain(|subscription| {
                let over = !subscription.is_open() && subscription.until <= offset;
                if over {
                    finished.push(subscription.topic);
                }
                !over
            });
            self.closed -= finished.len();
        }
        finished
    }

    /// Takes out the closed one that ends first.
    pub(crate) fn take_oldest_closed(&mut self) -> Option<TopicKey> {
        let closed = self.sorted.iter().enumerate().filter(|(_, subscription)| !subscription.is_open());
        let (place, _) = closed.min_by_key(|(_, subscription)| subscription.until)?;
        self.closed -= 1;
        Some(self.sorted.remove(place).topic)
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Subscription> {
        self.closed = 0;
        std::mem::take(&mut self.sorted).into_iter()
    }
}
