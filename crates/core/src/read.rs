//! Reading: what lies between a cursor and the head, for one connection's topics.
//!
//! A plain function of cursor and log, whoever drives it. It takes one of two ways, whichever is shorter: where little
//! has been committed since the cursor it looks at that; else it merges the topics. So a read costs the smaller of
//! *what happened since* and *the topics of this connection*, and what it delivers; retained events and other
//! connections cost nothing.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque, btree_map, vec_deque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::block::{Blocks, assemble};
use crate::cell::{Cell, Subscriptions};
use crate::entry::{Entry, Mark, Offset};
use crate::id::Position;
use crate::index::{Record, TopicKey};
use crate::log::Log;
use crate::topic::Topic;

/// About how much one read brings: deeper batches cost more to copy than they save in writes.
pub(crate) const BATCH_BYTES: usize = 16 << 10;

/// How many entries one read looks at, so that a reader with much to skip does not hold the log.
const SCAN: usize = 4096;

/// Up to how many new entries are looked at one by one.
const FEW: u64 = 8;

/// How far one stream has read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// Everything up to here has been read.
    pub(crate) offset: Offset,
    /// The log's losses up to this one have been told, or do not concern this stream.
    pub(crate) told: u64,
    /// Ephemeral entries up to here were for who was connected then.
    pub(crate) live_from: Offset,
    /// Keyed entries up to here may have come in a snapshot.
    pub(crate) snapshot: Offset,
    /// The client has read up to here elsewhere; this node has not yet heard of it.
    pub(crate) ahead: Option<Position>,
}

/// What a read brought.
#[derive(Debug)]
pub(crate) enum Read {
    /// Some events, in one piece.
    Batch { bytes: Bytes, events: u64, last: Mark },
    /// Something was forgotten that this stream had not read.
    Gap,
    /// Nothing; the cursor stands at the limit, or the read has to be continued.
    Nothing,
}

/// One reader of the log, as it is locked.
pub(crate) struct Reader<'l> {
    pub(crate) log: &'l Log,
    pub(crate) blocks: &'l Blocks,
    pub(crate) cell: &'l Cell,
    pub(crate) subscriptions: &'l Subscriptions,
}

impl<'l> Reader<'l> {
    /// Reads a batch up to `limit` and moves the cursor behind it.
    pub(crate) fn read(&self, cursor: &mut Cursor, limit: Offset) -> Read {
        let head = self.log.head();
        let limit = limit.min(head.offset);
        if cursor.offset >= limit {
            return Read::Nothing;
        }
        if self.has_lost(cursor) {
            // A place in the log that was is none in the one that is.
            cursor.ahead = cursor.ahead.filter(|_| cursor.offset >= self.log.reset_at());
            return Read::Gap;
        }
        let batch = self.look_at_few(cursor, limit).unwrap_or_else(|| self.read_topics(cursor, limit));
        cursor.offset = batch.reached;
        if cursor.offset == head.offset {
            cursor.ahead = cursor.ahead.filter(|ahead| *ahead > head.position);
        }
        match batch.last {
            Some(last) => Read::Batch { bytes: batch.bytes, events: batch.events, last },
            None => Read::Nothing,
        }
    }

    /// Whether a topic forgot an entry that this stream should have read; tells it once.
    fn has_lost(&self, cursor: &mut Cursor) -> bool {
        if self.log.forgotten() <= cursor.offset || self.log.losses() == cursor.told {
            return false;
        }
        let told = std::mem::replace(&mut cursor.told, self.log.losses());
        self.subscriptions.iter().any(|subscription| {
            let record = self.log.index.get(subscription.topic);
            record.is_some_and(|record| record.has_lost(subscription, cursor.offset, told))
        })
    }

    /// The place a stream with a gap goes on from: as far as possible, but before everything it can still get.
    pub(crate) fn place(&self, cursor: &Cursor, position: Position) -> Position {
        let head = self.log.head();
        let mut from = cursor.offset;
        let mut next = None;
        while next.is_none() && from < head.offset {
            let cursor = Cursor { offset: from, ..*cursor };
            let gathered = self.gather(Merge::new(self.runs(&cursor, head.offset)), &cursor, head.offset);
            next = gathered.entries.first().map(|entry| entry.offset);
            from = gathered.reached;
        }
        let Some(next) = next else { return head.position };
        let marks = self.subscriptions.iter().filter_map(|subscription| self.log.index.get(subscription.topic));
        let marks = marks.map(|record| record.forgotten).filter(|mark| mark.offset < next);
        marks.map(|mark| mark.position).fold(position, Position::max)
    }

    /// Whether an entry is for this stream.
    fn wants(&self, entry: &Entry, cursor: &Cursor) -> bool {
        let is_over = entry.ephemeral && entry.offset <= cursor.live_from || self.is_superseded(entry);
        let had_before = entry.offset <= cursor.snapshot && self.was_in_snapshot(entry)
            || cursor.ahead.is_some_and(|ahead| entry.position <= ahead);
        let is_reached = entry.topics.iter().any(|topic| self.subscriptions.covers(*topic, entry.offset));
        is_reached && !is_over && !had_before && !self.is_excepted(entry)
    }

    /// Whether a newer event says it all to this stream: not if it has left since, for that one may not be its own.
    fn is_superseded(&self, entry: &Entry) -> bool {
        let stays_in = |topic| self.subscriptions.open(topic).is_some_and(|open| open.since < entry.offset);
        entry.is_superseded() && entry.topics.iter().any(|topic| stays_in(*topic))
    }

    /// Whether a snapshot brought the value of an entry's key, of this entry or of a newer one: what comes after it must
    /// not take it back. It did not where the newest is not for this stream, or ends the key.
    fn was_in_snapshot(&self, entry: &Entry) -> bool {
        let Some(key) = entry.key.as_deref() else { return false };
        entry.topics.iter().any(|topic| {
            let state = self.log.index.get(*topic).and_then(|record| record.state.as_deref());
            let newest = state.and_then(|state| state.get(key));
            newest.is_some_and(|newest| {
                self.subscriptions.had_in_snapshot(*topic, newest.offset) && !self.is_excepted(newest)
            })
        })
    }

    fn is_excepted(&self, entry: &Entry) -> bool {
        entry.except.iter().any(|topic| match topic {
            Topic::All => true,
            Topic::Connection(id) => *id == self.cell.id,
            Topic::User(id) => self.cell.user.as_ref() == Some(id),
            Topic::Group(_) => {
                let key = self.log.index.key(topic);
                key.is_some_and(|key| self.subscriptions.covers(key, entry.offset))
            }
        })
    }

    /// The short way: looks at each entry since the cursor. None if that is the longer one, or if there is more than one
    /// to deliver, which may be had as a block.
    fn look_at_few(&self, cursor: &Cursor, limit: Offset) -> Option<Batch> {
        let few = FEW.max(self.subscriptions.len() as u64);
        if limit - cursor.offset > few || cursor.offset < self.log.trimmed() {
            return None;
        }
        if limit - cursor.offset == 1
            && let Some(newest) = self.log.newest().filter(|entry| entry.offset == limit)
        {
            // By far the most frequent read: the one event that has just been committed.
            let wanted = self.wants(newest, cursor).then_some(newest);
            return Some(Batch::copied(wanted.as_slice(), limit));
        }
        let new = self.log.tail(cursor.offset).filter(|entry| entry.offset <= limit);
        let mut wanted = new.filter(|entry| self.wants(entry, cursor));
        let first = wanted.next();
        if wanted.next().is_some() {
            return None;
        }
        let first: Option<&Entry> = first.map(|entry| &**entry);
        Some(Batch::copied(first.as_slice(), limit))
    }

    /// The long way: merges the topics.
    fn read_topics(&self, cursor: &Cursor, limit: Offset) -> Batch {
        let mut runs = self.runs(cursor, limit);
        if let [TopicRun { record, until, entries: Entries::Ring(ring) }] = &mut runs[..]
            && cursor.ahead.is_none()
        {
            return self.read_one(record, ring, *until, cursor, limit);
        }
        let gathered = self.gather(Merge::new(runs), cursor, limit);
        Batch::copied(&gathered.entries, gathered.reached)
    }

    /// What the topics of this stream have after the cursor.
    fn runs(&self, cursor: &Cursor, limit: Offset) -> Runs<'l> {
        let mut runs = Runs::new();
        for subscription in self.subscriptions.iter() {
            let Some(record) = self.log.index.get(subscription.topic) else { continue };
            let after = cursor.offset.max(subscription.since);
            let until = limit.min(subscription.until);
            if after < until && record.newest > after {
                TopicRun::push(&mut runs, record, after, until);
            }
        }
        runs
    }

    /// One topic alone has something: others at the same place need the very same bytes.
    fn read_one(
        &self,
        record: &'l Record,
        ring: &mut Ring<'l>,
        until: Offset,
        cursor: &Cursor,
        limit: Offset,
    ) -> Batch {
        let mut entries: SmallVec<[&Entry; 32]> = SmallVec::new();
        // Who has left a topic may need what is superseded for others.
        let (mut bytes, mut shareable, mut reached) = (0, self.subscriptions.closed() == 0, limit);
        for (scanned, entry) in ring.take_while(|entry| entry.offset <= until).enumerate() {
            // What is left out for this reader alone makes the rest no block for others.
            shareable &= entry.except.is_empty() && entry.offset > cursor.snapshot;
            if self.wants(entry, cursor) {
                if entries.is_empty()
                    && shareable
                    && let Some(run) = self.blocks.get(record, entry.offset)
                    && run.last.offset <= until
                {
                    let reached = if run.last.offset == record.newest { limit } else { run.last.offset };
                    return Batch { bytes: run.bytes, events: run.events, last: Some(run.last), reached };
                }
                entries.push(entry);
                bytes += entry.frame.bytes().len();
            }
            if bytes >= BATCH_BYTES || scanned >= SCAN {
                reached = entry.offset;
                break;
            }
        }
        if !shareable || entries.len() < 2 || record.subscribers() < 2 {
            return Batch::copied(&entries, reached);
        }
        Batch { bytes: self.blocks.put(record, &entries), ..Batch::counted(&entries, reached) }
    }

    /// One batch of what this stream wants of some entries, which come in order.
    fn gather(&self, all: impl Iterator<Item = &'l Entry>, cursor: &Cursor, limit: Offset) -> Gathered<'l> {
        let mut gathered = Gathered { entries: SmallVec::new(), reached: limit };
        let mut bytes = 0;
        for (scanned, entry) in all.enumerate() {
            if self.wants(entry, cursor) {
                gathered.entries.push(entry);
                bytes += entry.frame.bytes().len();
            }
            if bytes >= BATCH_BYTES || scanned >= SCAN {
                gathered.reached = entry.offset;
                break;
            }
        }
        gathered
    }

    /// One batch of a snapshot: the newest entry of each key in some topics, in order, without ids. `from` moves behind
    /// what was read; none when there is no more up to `until`.
    pub(crate) fn snapshot(&self, topics: &[TopicKey], from: &mut Offset, until: Offset) -> Option<(Bytes, u64)> {
        let states = topics.iter().filter_map(|topic| self.log.index.get(*topic));
        let states = states.filter_map(|record| record.state.as_deref().map(|state| (record, state)));
        let runs =
            states.map(|(record, state)| TopicRun { record, until, entries: Entries::State(state.range(*from + 1..)) });
        let (mut bytes, mut events) = (BytesMut::new(), 0);
        for entry in Merge::new(runs.collect()) {
            if bytes.len() >= BATCH_BYTES {
                break;
            }
            *from = entry.offset;
            if !entry.retract && !self.is_excepted(entry) {
                bytes.extend_from_slice(&entry.frame.without_id());
                events += 1;
            }
        }
        (events > 0).then(|| (bytes.freeze(), events))
    }
}

/// A batch, and where the cursor stands after it.
struct Batch {
    bytes: Bytes,
    events: u64,
    last: Option<Mark>,
    reached: Offset,
}

impl Batch {
    fn counted(entries: &[&Entry], reached: Offset) -> Self {
        let last = entries.last().map(|entry| Mark::from(*entry));
        Self { bytes: Bytes::new(), events: entries.len() as u64, last, reached }
    }

    fn copied(entries: &[&Entry], reached: Offset) -> Self {
        Self { bytes: assemble(entries), ..Self::counted(entries, reached) }
    }
}

struct Gathered<'l> {
    entries: SmallVec<[&'l Entry; 32]>,
    reached: Offset,
}

type Runs<'l> = SmallVec<[TopicRun<'l>; 4]>;
type Ring<'l> = vec_deque::Iter<'l, Arc<Entry>>;

/// Some entries of one topic, in order.
struct TopicRun<'l> {
    record: &'l Record,
    until: Offset,
    entries: Entries<'l>,
}

enum Entries<'l> {
    Ring(Ring<'l>),
    State(btree_map::Range<'l, Offset, Arc<Entry>>),
}

impl<'l> TopicRun<'l> {
    /// What a topic has after an offset: what lives on as state alone, what is in the window, what is ephemeral.
    fn push(runs: &mut Runs<'l>, record: &'l Record, after: Offset, until: Offset) {
        let mut push = |entries| runs.push(Self { record, until, entries });
        let window = record.entries.front().map_or(Offset::MAX, |oldest| oldest.offset);
        if let Some(state) = record.state.as_deref()
            && after + 1 < window
        {
            let survivors = state.range(after + 1..window);
            if survivors.clone().next().is_some() {
                push(Entries::State(survivors));
            }
        }
        for ring in [&record.entries, &record.ephemeral] {
            if ring.back().is_some_and(|newest| newest.offset > after) {
                push(Entries::Ring(ring.range(first_after(ring, after)..)));
            }
        }
    }
}

/// Where in a topic's ring the first entry after an offset stands. At most as many entries of the topic are behind an
/// offset as there are entries at all, so where the topic gets most of them, that is where it stands.
fn first_after(ring: &VecDeque<Arc<Entry>>, after: Offset) -> usize {
    let behind = ring.back().map_or(0, |newest| newest.offset.saturating_sub(after));
    let start = ring.len().saturating_sub(usize::try_from(behind).unwrap_or(usize::MAX));
    if ring.get(start).is_none_or(|entry| entry.offset > after) {
        return start;
    }
    ring.partition_point(|entry| entry.offset <= after)
}

impl<'l> Iterator for TopicRun<'l> {
    type Item = &'l Entry;

    fn next(&mut self) -> Option<&'l Entry> {
        let entry = match &mut self.entries {
            Entries::Ring(ring) => ring.next(),
            Entries::State(state) => state.next().map(|(_, entry)| entry),
        };
        entry.map(|entry| &**entry).filter(|entry| entry.offset <= self.until)
    }
}

/// Several runs in one order, each entry once.
struct Merge<'l> {
    runs: Runs<'l>,
    next: BinaryHeap<Reverse<(Offset, usize)>>,
    heads: SmallVec<[Option<&'l Entry>; 4]>,
}

impl<'l> Merge<'l> {
    fn new(mut runs: Runs<'l>) -> Self {
        let heads: SmallVec<[_; 4]> = runs.iter_mut().map(Iterator::next).collect();
        let offsets = heads.iter().enumerate();
        let next = offsets.filter_map(|(run, head)| Some(Reverse((head.as_ref()?.offset, run)))).collect();
        Self { runs, next, heads }
    }

    /// Takes the head of the run that is first.
    fn pop(&mut self) -> Option<&'l Entry> {
        let Reverse((_, run)) = self.next.pop()?;
        let follower = self.runs.get_mut(run)?.next();
        if let Some(follower) = follower {
            self.next.push(Reverse((follower.offset, run)));
        }
        std::mem::replace(self.heads.get_mut(run)?, follower)
    }
}

impl<'l> Iterator for Merge<'l> {
    type Item = &'l Entry;

    fn next(&mut self) -> Option<&'l Entry> {
        let entry = self.pop()?;
        while self.next.peek().is_some_and(|Reverse((offset, _))| *offset == entry.offset) {
            self.pop();
        }
        Some(entry)
    }
}
