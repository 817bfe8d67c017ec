//! The ordered log: the one thing everything else reads.
//!
//! `append` takes the next position, puts the entry into the log and into its topics, and applies retention. Its cost
//! is that of the event's topics; nothing in it grows with the number of receivers, connections or retained events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::encode::Draft;
use crate::entry::{Entry, Mark, Offset};
use crate::history::History;
use crate::id::{EventId, LogName, Position};
use crate::index::{Fate, Index, Record, TopicKey};
use crate::state::Size;
use crate::sync::AtomicUsize;
use crate::topic::{Audience, Topic};

/// How many ephemeral events a connected reader may lag behind.
pub(crate) const EPHEMERAL_EVENTS: usize = 1024;

/// And how many bytes of them: an eighth of the default history.
pub(crate) const EPHEMERAL_BYTES: usize = 8 << 20;

/// An event on its way into the log: encoded, but without an id.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) draft: Draft,
    pub(crate) audience: Audience,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) retract: bool,
    pub(crate) ephemeral: bool,
}

/// What the keyed state may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateLimits {
    pub(crate) keys_per_topic: usize,
    pub(crate) bytes: usize,
}

/// Why a keyed event was not taken.
#[derive(Debug)]
pub(crate) enum StateRefusal {
    TooManyKeys(Topic),
    Full,
}

/// The newest entries, oldest first, and what they cost.
#[derive(Debug, Default)]
struct Window {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Window {
    fn push(&mut self, entry: &Arc<Entry>) {
        self.bytes += entry.cost();
        self.entries.push_back(Arc::clone(entry));
    }

    fn pop(&mut self) -> Option<Arc<Entry>> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.cost();
        Some(entry)
    }

    /// Whether the oldest entry has to go. The newest stays, whatever its size.
    fn is_over(&self, events: usize, bytes: usize, oldest_ms: u64) -> bool {
        let aged = self.entries.front().is_some_and(|entry| entry.position.ms < oldest_ms);
        aged || self.entries.len() > 1 && (self.entries.len() > events || self.bytes > bytes)
    }

    /// The newest entry at or before a position.
    fn at_or_before(&self, position: Position) -> Option<&Arc<Entry>> {
        let end = self.entries.partition_point(|entry| entry.position <= position);
        self.entries.get(end.checked_sub(1)?)
    }
}

#[derive(Debug)]
pub(crate) struct Log {
    name: LogName,
    /// Where the log began: the id of a stream that is opened before the first event.
    start: Position,
    /// Where streams begin that were let in before there was a log to read; none while there is none.
    began: Option<Mark>,
    head: Mark,
    durable: Window,
    ephemeral: Window,
    pub(crate) index: Index,
    history: History,
    state_limits: StateLimits,
    /// The state of all topics together.
    state: Size,
    /// The newest offset that left the durable window.
    trimmed: Offset,
    /// The newest offset that is gone from any topic, superseded or not.
    forgotten: Offset,
    /// How often something was.
    losses: u64,
    /// Readers before this offset read another log.
    reset: Offset,
    pub(crate) published: u64,
}

impl Log {
    pub(crate) fn new(name: LogName, now_ms: u64, history: History, state_limits: StateLimits) -> Self {
        let start = Position { ms: now_ms, seq: 0 };
        let head = Mark { offset: 0, position: start };
        Self {
            name,
            start,
            began: Some(head),
            head,
            durable: Window::default(),
            ephemeral: Window::default(),
            index: Index::default(),
            history,
            state_limits,
            state: Size::default(),
            trimmed: 0,
            forgotten: 0,
            losses: 0,
            reset: 0,
            published: 0,
        }
    }

    pub(crate) fn name(&self) -> LogName {
        self.name
    }

    pub(crate) fn start(&self) -> Position {
        self.start
    }

    /// The newest entry: up to here everything is in its topics.
    pub(crate) fn head(&self) -> Mark {
        self.head
    }

    pub(crate) fn trimmed(&self) -> Offset {
        self.trimmed
    }

    pub(crate) fn forgotten(&self) -> Offset {
        self.forgotten
    }

    pub(crate) fn losses(&self) -> u64 {
        self.losses
    }

    pub(crate) fn reset_at(&self) -> Offset {
        self.reset
    }

    pub(crate) fn replays(&self) -> bool {
        self.history.replays()
    }

    pub(crate) fn id(&self, position: Position) -> EventId {
        EventId { position, log: self.name }
    }

    /// The keys of all topics, and their bytes.
    pub(crate) fn state(&self) -> Size {
        self.state
    }

    /// What is there for replay: events and bytes.
    pub(crate) fn retained(&self) -> (usize, usize) {
        if self.replays() { (self.durable.entries.len(), self.durable.bytes) } else { (0, 0) }
    }

    /// The retained entries after `offset`, newest first, each kind on its own.
    pub(crate) fn tail(&self, offset: Offset) -> impl Iterator<Item = &Arc<Entry>> {
        let after = move |entry: &&Arc<Entry>| entry.offset > offset;
        let durable = self.durable.entries.iter().rev().take_while(after);
        durable.chain(self.ephemeral.entries.iter().rev().take_while(after))
    }

    /// The newest retained entry of either kind.
    pub(crate) fn newest(&self) -> Option<&Entry> {
        let (durable, ephemeral) = (self.durable.entries.back(), self.ephemeral.entries.back());
        durable.into_iter().chain(ephemeral).max_by_key(|entry| entry.offset).map(|entry| &**entry)
    }

    /// The newest retained entry at or before a position.
    pub(crate) fn at_or_before(&self, position: Position) -> Offset {
        let newest = |window: &Window| window.at_or_before(position).map_or(0, |entry| entry.offset);
        newest(&self.durable).max(newest(&self.ephemeral))
    }

    /// Whether the state has room for an event of this key.
    pub(crate) fn admit(&self, audience: &Audience, key: &str, frame_bytes: usize) -> Result<(), StateRefusal> {
        let mut bytes = self.state.bytes;
        for topic in &audience.topics {
            let state = self.index.find(topic).and_then(|record| record.state.as_deref());
            let older = state.and_then(|state| state.get(key));
            let keys = state.map_or(0, |state| state.size().keys);
            if older.is_none() && keys >= self.state_limits.keys_per_topic {
                return Err(StateRefusal::TooManyKeys(topic.clone()));
            }
            bytes += frame_bytes;
            bytes -= older.map_or(0, |older| older.frame.bytes().len());
        }
        if bytes > self.state_limits.bytes { Err(StateRefusal::Full) } else { Ok(()) }
    }

    /// Commits an event at the next position.
    pub(crate) fn append(&mut self, pending: Pending, now_ms: u64) -> Arc<Entry> {
        let position = self.head.position.next(now_ms);
        self.append_at(pending, position, now_ms)
    }

    /// Commits an event at the position a backplane gave it, which is after the head.
    pub(crate) fn append_at(&mut self, pending: Pending, position: Position, now_ms: u64) -> Arc<Entry> {
        self.head = Mark { offset: self.head.offset + 1, position };
        self.published += 1;
        let entry = self.entry(pending);
        if entry.ephemeral {
            self.ephemeral.push(&entry)
        } else {
            self.durable.push(&entry)
        }
        for &topic in &entry.topics {
            let Some(record) = self.index.get_mut(topic) else { continue };
            record.newest = entry.offset;
            if entry.ephemeral {
                record.ephemeral.push_back(Arc::clone(&entry));
            } else {
                record.entries.push_back(Arc::clone(&entry));
                record.newest_durable = Mark::from(&*entry);
                self.supersede_in(topic, &entry);
            }
        }
        self.retain(now_ms);
        entry
    }

    /// The entry of an event at the head.
    fn entry(&mut self, pending: Pending) -> Arc<Entry> {
        let Mark { offset, position } = self.head;
        let Pending { draft, audience, key, retract, ephemeral } = pending;
        let index = &mut self.index;
        let topics = audience.topics.iter();
        let entry = Arc::new(Entry {
            offset,
            position,
            frame: draft.seal(EventId { position, log: self.name }),
            // An ephemeral event leaves no trace in topics where nobody is.
            topics: topics
                .filter_map(|topic| match ephemeral {
                    true => index.key(topic).filter(|key| index.get(*key).is_some_and(|it| it.subscribers() > 0)),
                    false => Some(index.key_or_insert(topic)),
                })
                .collect(),
            except: audience.except.into(),
            key,
            retract,
            ephemeral,
            current_in: AtomicUsize::new(0),
        });
        entry.current_in.store(entry.topics.len(), crate::sync::Ordering::Relaxed);
        entry
    }

    /// Makes an entry the newest of its key in one of its topics.
    fn supersede_in(&mut self, topic: TopicKey, entry: &Arc<Entry>) {
        let Some(record) = self.index.get_mut(topic) else { return };
        let before = record.state_size();
        let replaced = update_state(record, entry);
        self.state = self.state.changed(before, record.state_size());
        let Some((older, fate)) = replaced else { return };
        if record.entries.front().is_none_or(|oldest| oldest.offset > older.offset) {
            // It lived on as state alone.
            self.losses += 1;
            self.forgotten = self.forgotten.max(older.offset);
            record.lose(Mark::from(&*older), fate, self.losses);
        }
        if older.is_superseded() {
            self.index.outdate_blocks(&older);
        }
    }

    /// Applies retention: by count and bytes at each commit, by age also while nothing is sent.
    pub(crate) fn retain(&mut self, now_ms: u64) {
        let age = u64::try_from(self.history.age.min(Duration::from_millis(u64::MAX)).as_millis()).unwrap_or(u64::MAX);
        let oldest_ms = now_ms.saturating_sub(age);
        while self.durable.is_over(self.history.window(), self.history.bytes, oldest_ms) {
            let Some(entry) = self.durable.pop() else { break };
            self.trimmed = entry.offset;
            self.forget(&entry);
        }
        while self.ephemeral.is_over(EPHEMERAL_EVENTS, EPHEMERAL_BYTES, oldest_ms) {
            let Some(entry) = self.ephemeral.pop() else { break };
            for &topic in &entry.topics {
                if let Some(record) = self.index.get_mut(topic) {
                    record.ephemeral.pop_front();
                    self.index.bury_if_empty(topic);
                }
            }
        }
    }

    /// An entry has left the window: unless it lives on as state, its topics remember that it is gone.
    fn forget(&mut self, entry: &Entry) {
        for &topic in &entry.topics {
            let Some(record) = self.index.get_mut(topic) else { continue };
            record.entries.pop_front();
            let keyed = entry.key.as_deref().zip(record.state.as_deref());
            let is_newest =
                keyed.and_then(|(key, state)| state.newest(key)).is_some_and(|it| it.offset == entry.offset);
            let is_outdated = keyed.is_some_and(|(key, state)| state.is_outdated(key, entry.offset));
            let ends_key = is_newest && entry.retract;
            if let (true, Some(key), Some(state)) = (ends_key, &entry.key, &mut record.state) {
                state.remove(key);
            }
            if ends_key || !is_newest {
                self.losses += 1;
                self.forgotten = self.forgotten.max(entry.offset);
                let fate = if is_outdated { Fate::Compacted } else { Fate::Lost };
                record.lose(Mark::from(entry), fate, self.losses);
            }
            self.index.bury_if_empty(topic);
        }
    }

    /// The connection whose topic this is, if it is one's, is gone for good, and with it whoever could ask for the topic's state.
    pub(crate) fn end_connection(&mut self, topic: TopicKey) {
        let Some(record) = self.index.get_mut(topic) else { return };
        if matches!(record.topic, Topic::Connection(_)) {
            self.state = self.state.changed(record.state_size(), Size::default());
            record.state = None;
        }
    }

    /// The log behind a backplane is another one now: everything is forgotten, and every reader is told.
    pub(crate) fn become_another(&mut self, start: EventId, state: Vec<(Position, Pending)>) {
        self.name = start.log;
        self.start = place_before(&state, start.position);
        self.lose(start.position, state);
        self.reset = self.head.offset;
    }

    /// Entries up to `position` went by unseen: everything before is forgotten but what is state still, and every reader
    /// is told.
    pub(crate) fn lose(&mut self, position: Position, state: Vec<(Position, Pending)>) {
        self.durable = Window::default();
        self.ephemeral = Window::default();
        self.losses += 1;
        let offset = self.head.offset + state.len() as Offset + 1;
        self.index.forget_all(Mark { offset, position }, self.losses);
        self.state = Size::default();
        self.restore(state);
        self.head = Mark { offset, position };
        self.trimmed = offset;
        self.forgotten = offset;
    }

    /// Takes in what lives on as state alone, oldest first.
    fn restore(&mut self, state: Vec<(Position, Pending)>) {
        for (position, pending) in state {
            self.head = Mark { offset: self.head.offset + 1, position };
            let entry = self.entry(pending);
            for &topic in &entry.topics {
                let Some(record) = self.index.get_mut(topic) else { continue };
                record.newest = entry.offset;
                record.newest_durable = Mark::from(&*entry);
                self.supersede_in(topic, &entry);
            }
        }
    }

    /// The log is to be read from a backplane first.
    pub(crate) fn wait(&mut self) {
        self.began = None;
    }

    /// What the backplane had has been read. The head moves, for whoever waits for that.
    pub(crate) fn begin(&mut self) {
        self.head.offset += 1;
        self.began = Some(self.head);
    }

    /// Where streams begin that were let in before there was a log to read; none while there is none.
    pub(crate) fn began(&self) -> Option<Mark> {
        self.began
    }

    /// Since when who joins a topic now is in it. What is done before the log has begun sets up a node that comes back:
    /// it holds for all that its clients have missed.
    pub(crate) fn since(&self) -> Offset {
        if self.has_begun() { self.head.offset } else { 0 }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    /// A log that has nothing yet takes its name, its place and its state from the backplane.
    pub(crate) fn adopt(&mut self, start: EventId, state: Vec<(Position, Pending)>) {
        self.name = start.log;
        self.start = place_before(&state, start.position);
        if state.is_empty() {
            self.head.position = start.position;
        } else {
            self.lose(start.position, state);
        }
    }
}

/// The place before everything a log has when it begins.
fn place_before(state: &[(Position, Pending)], start: Position) -> Position {
    state.first().map_or(start, |(oldest, _)| oldest.previous())
}

/// Makes `entry` the newest of its key in one topic, and returns the one that was.
fn update_state(record: &mut Record, entry: &Arc<Entry>) -> Option<(Arc<Entry>, Fate)> {
    let key = entry.key.as_ref()?;
    // A connection's id is given once: where it is not here, nobody will ever ask for its state.
    if matches!(record.topic, Topic::Connection(_)) && record.subscribers() == 0 {
        return None;
    }
    // A retract of a key that is not there ends nothing: it is an event like any other.
    if entry.retract && record.state.as_ref().is_none_or(|state| state.newest(key).is_none()) {
        return None;
    }
    let older = record.state.get_or_insert_default().replace(key, entry)?;
    let fate = if entry.except.is_empty() {
        older.supersede();
        Fate::Compacted
    } else {
        // Not everybody gets the one that takes its place.
        Fate::Lost
    };
    Some((older, fate))
}
