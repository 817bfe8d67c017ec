//! The log's index: for each topic its entries, its keyed state, what retention took from it, and who is subscribed.
//!
//! A topic exists while it has a subscriber, an entry or a key. When the last of these goes, all that is left of it is
//! the mark of the newest entry it forgot, in a bounded table; what that table drops is summed up in one mark
//! for all topics it no longer knows. So a gap is told exactly within the bound, and too often rather than never beyond.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;

use crate::cell::{Cell, Subscription};
use crate::entry::{Entry, Mark, Offset};
use crate::losses::Losses;
use crate::members::{Members, Seat};
use crate::state::{Size, State};
use crate::topic::Topic;

/// How many topics without subscribers, entries and keys are remembered by their mark alone. At about 100 bytes each
/// this is 6 MiB when full.
pub(crate) const MAX_GRAVES: usize = 65_536;

/// Where a topic stands in the index. It is given to another topic only when nothing refers to it any more.
pub(crate) type TopicKey = u32;

/// One topic.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) topic: Topic,
    /// Never the same for two records, also when one takes the other's key.
    pub(crate) serial: u64,
    pub(crate) entries: VecDeque<Arc<Entry>>,
    pub(crate) ephemeral: VecDeque<Arc<Entry>>,
    pub(crate) state: Option<Box<State>>,
    /// The newest entry ever, of either kind.
    pub(crate) newest: Offset,
    /// The newest entry ever that a replay would have to bring.
    pub(crate) newest_durable: Mark,
    /// The newest entry that retention took and nothing supersedes.
    pub(crate) forgotten: Mark,
    losses: Losses,
    /// How many of its entries nobody needs any more: what was assembled before the last of them is out of date.
    pub(crate) supersessions: u64,
    pub(crate) members: Members,
    /// Subscriptions that refer to this record, open or not yet read to their end.
    holds: usize,
}

/// What becomes of an entry that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A newer one of its key, which excepts nobody, says it all.
    Compacted,
    Lost,
}

impl Record {
    fn is_empty(&self) -> bool {
        self.holds == 0
            && self.entries.is_empty()
            && self.ephemeral.is_empty()
            && self.state.as_ref().is_none_or(|state| state.is_empty())
    }

    /// What the keyed state holds.
    pub(crate) fn state_size(&self) -> Size {
        self.state.as_ref().map_or_else(Size::default, |state| state.size())
    }

    /// The oldest entry in the log's windows.
    pub(crate) fn oldest(&self) -> Option<&Entry> {
        let both = self.entries.front().into_iter().chain(self.ephemeral.front());
        both.min_by_key(|entry| entry.offset).map(|entry| &**entry)
    }

    /// How many connections are subscribed.
    pub(crate) fn subscribers(&self) -> usize {
        self.members.count()
    }

    /// Notes that the entry at `mark` is gone.
    pub(crate) fn lose(&mut self, mark: Mark, fate: Fate, loss: u64) {
        match (fate, &mut self.state) {
            (Fate::Compacted, Some(state)) => state.compact(mark.offset, loss),
            _ => {
                self.forgotten = self.forgotten.max(mark);
                self.losses.push(mark.offset, loss);
            }
        }
    }

    /// Whether this topic, since the loss that was told, has lost what a subscription should still have brought: to who
    /// is in it nothing is lost that a newer entry says, to who has left it that may be.
    pub(crate) fn has_lost(&self, subscription: &Subscription, read: Offset, told: u64) -> bool {
        let is_missing = |losses: &Losses| losses.any(read.max(subscription.since), subscription.until, told);
        let compacted = self.state.as_ref().filter(|_| !subscription.is_open()).map(|state| state.compacted());
        is_missing(&self.losses) || compacted.is_some_and(is_missing)
    }
}

/// All topics.
#[derive(Debug, Default)]
pub(crate) struct Index {
    records: Slab<Record>,
    keys: HashMap<Topic, TopicKey>,
    graves: HashMap<Topic, Mark>,
    burials: VecDeque<(Topic, Mark)>,
    /// The newest mark the table of graves has dropped.
    floor: Mark,
    serials: u64,
    /// Users and groups with at least one subscriber.
    pub(crate) users: usize,
    pub(crate) groups: usize,
}

impl Index {
    pub(crate) fn get(&self, key: TopicKey) -> Option<&Record> {
        self.records.get(key as usize)
    }

    pub(crate) fn get_mut(&mut self, key: TopicKey) -> Option<&mut Record> {
        self.records.get_mut(key as usize)
    }

    pub(crate) fn find(&self, topic: &Topic) -> Option<&Record> {
        self.get(*self.keys.get(topic)?)
    }

    pub(crate) fn key(&self, topic: &Topic) -> Option<TopicKey> {
        self.keys.get(topic).copied()
    }

    /// The key of a topic, which comes into being if it is not there.
    pub(crate) fn key_or_insert(&mut self, topic: &Topic) -> TopicKey {
        if let Some(key) = self.keys.get(topic) {
            return *key;
        }
        self.serials += 1;
        let forgotten = self.graves.remove(topic).unwrap_or(self.floor);
        let place = self.records.insert(Record {
            topic: topic.clone(),
            serial: self.serials,
            entries: VecDeque::new(),
            ephemeral: VecDeque::new(),
            state: None,
            newest: forgotten.offset,
            newest_durable: forgotten,
            forgotten,
            losses: Losses::default(),
            supersessions: 0,
            members: Members::None,
            holds: 0,
        });
        let key = TopicKey::try_from(place).unwrap_or_else(|_| unreachable!("that many topics need a terabyte"));
        self.keys.insert(topic.clone(), key);
        key
    }

    /// Adds `cell` to a topic.
    pub(crate) fn subscribe(&mut self, topic: &Topic, cell: &Arc<Cell>) -> (TopicKey, Seat) {
        let key = self.key_or_insert(topic);
        if let Some(record) = self.get_mut(key) {
            record.holds += 1;
        }
        (key, self.seat(key, cell))
    }

    /// Adds `cell` to a topic that its subscription holds already.
    pub(crate) fn seat(&mut self, key: TopicKey, cell: &Arc<Cell>) -> Seat {
        let Some(record) = self.get_mut(key) else {
            unreachable!("a record that is held is there");
        };
        let seat = record.members.insert(cell);
        if record.subscribers() == 1 {
            let topic = record.topic.clone();
            if let Some(gauge) = self.gauge(&topic) {
                *gauge += 1;
            }
        }
        seat
    }

    /// Takes `cell` out of a topic; the subscription still holds the record until it is [released](Self::release).
    pub(crate) fn unsubscribe(&mut self, key: TopicKey, cell: &Cell, seat: Seat) {
        let Some(record) = self.get_mut(key) else { return };
        let before = record.subscribers();
        record.members.remove(cell, seat);
        if before > 0 && record.subscribers() == 0 {
            let topic = record.topic.clone();
            if let Some(gauge) = self.gauge(&topic) {
                *gauge -= 1;
            }
        }
    }

    /// A subscription no longer refers to the topic.
    pub(crate) fn release(&mut self, key: TopicKey) {
        if let Some(record) = self.get_mut(key) {
            record.holds -= 1;
            self.bury_if_empty(key);
        }
    }

    /// Removes a topic that nothing needs, and keeps its mark.
    pub(crate) fn bury_if_empty(&mut self, key: TopicKey) {
        if !self.get(key).is_some_and(Record::is_empty) {
            return;
        }
        let record = self.records.remove(key as usize);
        self.keys.remove(&record.topic);
        if record.forgotten <= self.floor {
            return;
        }
        self.graves.insert(record.topic.clone(), record.forgotten);
        self.burials.push_back((record.topic, record.forgotten));
        // Topics that came back leave their burial behind, hence the second limit.
        while self.graves.len() > MAX_GRAVES || self.burials.len() > 2 * MAX_GRAVES {
            let Some((topic, mark)) = self.burials.pop_front() else { break };
            if self.graves.get(&topic) == Some(&mark) {
                self.graves.remove(&topic);
                self.floor = self.floor.max(mark);
            }
        }
    }

    /// Nobody needs an entry any more: a block that has it, in whichever of its topics, is out of date.
    pub(crate) fn outdate_blocks(&mut self, entry: &Entry) {
        for topic in &entry.topics {
            if let Some(record) = self.get_mut(*topic) {
                record.supersessions += 1;
            }
        }
    }

    /// Every topic forgets all it had, up to `mark`: the log is another one now.
    pub(crate) fn forget_all(&mut self, mark: Mark, loss: u64) {
        self.graves.clear();
        self.burials.clear();
        self.floor = mark;
        let keys: Vec<TopicKey> = self.keys.values().copied().collect();
        for key in keys {
            if let Some(record) = self.get_mut(key) {
                record.entries = VecDeque::new();
                record.ephemeral = VecDeque::new();
                record.state = None;
                record.newest = mark.offset;
                record.newest_durable = mark;
                record.lose(mark, Fate::Lost, loss);
                record.supersessions += 1;
            }
            self.bury_if_empty(key);
        }
    }

    /// The count of topics of this kind that have subscribers, where one is kept.
    fn gauge(&mut self, topic: &Topic) -> Option<&mut usize> {
        match topic {
            Topic::User(_) => Some(&mut self.users),
            Topic::Group(_) => Some(&mut self.groups),
            Topic::All | Topic::Connection(_) => None,
        }
    }
}
