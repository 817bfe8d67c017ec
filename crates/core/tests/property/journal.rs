//! Everything ever sent, in order, and what of it is kept: the log without any cleverness.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ssehub::{EventId, LogName, Topic};

/// The place of an event: 1 for the first.
pub(crate) type Offset = usize;

/// One event that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: EventId,
    pub(crate) topics: BTreeSet<Topic>,
    pub(crate) except: BTreeSet<Topic>,
    pub(crate) key: Option<String>,
    pub(crate) retract: bool,
    pub(crate) ephemeral: bool,
    pub(crate) frame_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Journal {
    start: EventId,
    sent: Vec<Sent>,
    /// The topics of connections that are open: nobody will ever ask for the state of another's.
    connections: BTreeSet<Topic>,
    /// The newest events, without ephemeral ones.
    retained: VecDeque<Offset>,
    /// The newest event of each key of each topic.
    newest: BTreeMap<(Topic, String), Offset>,
    /// Which events became the newest of their key in which topic.
    took_place: BTreeSet<(Topic, Offset)>,
    /// Whose place was taken by an event that excepts nobody.
    replaced: BTreeSet<(Topic, Offset)>,
    /// What topics forgot, in the order in which they forgot it.
    pub(crate) forgotten: Vec<Forgotten>,
}

/// What a topic keeps no more.
#[derive(Debug)]
pub(crate) struct Forgotten {
    pub(crate) topic: Topic,
    pub(crate) offset: Offset,
    /// Whether something newer says it, to everybody who is still in the topic then.
    pub(crate) compacted: bool,
}

/// What an id means.
pub(crate) enum Meaning {
    /// Everything up to here has been seen.
    Seen(Offset),
    /// Nothing can be said, for this reason.
    Unknown(&'static str),
}

impl Journal {
    pub(crate) fn new(start: EventId) -> Self {
        Self {
            start,
            sent: Vec::new(),
            connections: BTreeSet::new(),
            retained: VecDeque::new(),
            newest: BTreeMap::new(),
            took_place: BTreeSet::new(),
            replaced: BTreeSet::new(),
            forgotten: Vec::new(),
        }
    }

    pub(crate) fn log(&self) -> LogName {
        self.start.log()
    }

    pub(crate) fn start(&self) -> EventId {
        self.start
    }

    pub(crate) fn head(&self) -> Offset {
        self.sent.len()
    }

    pub(crate) fn at(&self, offset: Offset) -> &Sent {
        &self.sent[offset - 1]
    }

    pub(crate) fn open(&mut self, connection: &str) {
        self.connections.insert(Topic::connection(connection));
    }

    /// A connection is gone, and with it the state of its topic.
    pub(crate) fn close(&mut self, connection: &str) {
        let gone = Topic::connection(connection);
        self.newest.retain(|(topic, _), _| *topic != gone);
        self.connections.remove(&gone);
    }

    pub(crate) fn commit(&mut self, sent: Sent) {
        assert!(
            place(sent.id) > place(self.sent.last().map_or(self.start, |last| last.id)) && sent.id.log() == self.log(),
            "ids grow"
        );
        let offset = self.head() + 1;
        if !sent.ephemeral {
            self.retained.push_back(offset);
        }
        if let Some(key) = &sent.key {
            let is_kept = |topic: &&Topic| !matches!(topic, Topic::Connection(_)) || self.connections.contains(*topic);
            let kept: Vec<&Topic> = sent.topics.iter().filter(is_kept).collect();
            for topic in kept {
                self.set(topic, key, offset, &sent);
            }
        }
        self.sent.push(sent);
    }

    fn set(&mut self, topic: &Topic, key: &str, offset: Offset, sent: &Sent) {
        let place = (topic.clone(), key.to_owned());
        let older = self.newest.get(&place).copied();
        if sent.retract && older.is_none() {
            return;
        }
        self.newest.insert(place, offset);
        self.took_place.insert((topic.clone(), offset));
        let Some(older) = older else { return };
        let compacted = sent.except.is_empty();
        if compacted {
            self.replaced.insert((topic.clone(), older));
        }
        if !self.retained.contains(&older) {
            self.forgotten.push(Forgotten { topic: topic.clone(), offset: older, compacted });
        }
    }

    /// Retention leaves the newest `events`.
    pub(crate) fn trim_to(&mut self, events: usize) {
        while self.retained.len() > events {
            let offset = self.retained.pop_front().expect("there are more than that");
            for topic in self.at(offset).topics.clone() {
                self.forget(&topic, offset);
            }
        }
    }

    fn forget(&mut self, topic: &Topic, offset: Offset) {
        let sent = self.at(offset);
        let place = sent.key.as_ref().map(|key| (topic.clone(), key.clone()));
        let is_newest = place.as_ref().is_some_and(|place| self.newest.get(place) == Some(&offset));
        if is_newest && !sent.retract {
            return;
        }
        let compacted = self.is_outdated(topic, offset);
        if let (true, Some(place)) = (is_newest, place) {
            self.newest.remove(&place);
        }
        self.forgotten.push(Forgotten { topic: topic.clone(), offset, compacted });
    }

    pub(crate) fn retained(&self) -> usize {
        self.retained.len()
    }

    pub(crate) fn is_retained(&self, offset: Offset) -> bool {
        self.retained.contains(&offset) || self.at(offset).ephemeral
    }

    /// The newest event of each key in a topic, oldest first.
    pub(crate) fn state<'a>(&'a self, topics: &'a [Topic]) -> BTreeSet<Offset> {
        self.newest.iter().filter(|((topic, _), _)| topics.contains(topic)).map(|(_, offset)| *offset).collect()
    }

    /// The newest event of an event's key in a topic.
    pub(crate) fn newest(&self, topic: &Topic, offset: Offset) -> Option<Offset> {
        let key = self.at(offset).key.clone()?;
        self.newest.get(&(topic.clone(), key)).copied()
    }

    pub(crate) fn is_state(&self, topic: &Topic, offset: Offset) -> bool {
        self.newest(topic, offset) == Some(offset)
    }

    /// The values there are: a retract is none.
    fn values(&self) -> impl Iterator<Item = (&(Topic, String), Offset)> {
        self.newest.iter().map(|(place, offset)| (place, *offset)).filter(|(_, offset)| !self.at(*offset).retract)
    }

    /// How many keys a topic has, and whether this is one of them.
    pub(crate) fn keys(&self, topic: &Topic, key: &str) -> (usize, bool) {
        let keys: Vec<&str> =
            self.values().filter(|((other, _), _)| other == topic).map(|((_, key), _)| &**key).collect();
        (keys.len(), keys.contains(&key))
    }

    /// The keys of all topics, and the bytes of their newest events.
    pub(crate) fn state_size(&self) -> (usize, usize) {
        (self.values().count(), self.values().map(|(_, offset)| self.at(offset).frame_bytes).sum())
    }

    /// Whether in each of its topics the event that took its place is for everybody: nobody is given this one.
    pub(crate) fn is_superseded(&self, offset: Offset) -> bool {
        let mut topics = self.at(offset).topics.iter();
        self.at(offset).key.is_some() && topics.all(|topic| self.replaced.contains(&(topic.clone(), offset)))
    }

    /// Whether a topic has a newer event of the same key that is for everybody: nobody in it needs this one.
    pub(crate) fn is_outdated(&self, topic: &Topic, offset: Offset) -> bool {
        self.outdated_by(topic, offset).next().is_some()
    }

    /// The newer events of the same key in a topic that are for everybody.
    pub(crate) fn outdated_by<'a>(&'a self, topic: &'a Topic, offset: Offset) -> impl Iterator<Item = Offset> + 'a {
        let key = &self.at(offset).key;
        (offset + 1..=self.head()).filter(move |newer| {
            let other = self.at(*newer);
            key.is_some()
                && other.key == *key
                && other.except.is_empty()
                && self.took_place.contains(&(topic.clone(), *newer))
        })
    }

    /// What a client that gives this id has seen.
    pub(crate) fn meaning(&self, id: &str) -> Meaning {
        let Ok(id) = id.parse::<EventId>() else { return Meaning::Unknown("malformed") };
        let head = self.sent.last().map_or(self.start, |last| last.id);
        if id.log() != self.log() {
            Meaning::Unknown("unknown-log")
        } else if place(id) > place(head) {
            Meaning::Unknown("future")
        } else if place(id) < place(self.start) {
            Meaning::Unknown("trimmed")
        } else {
            Meaning::Seen(self.sent.partition_point(|sent| place(sent.id) <= place(id)))
        }
    }
}

fn place(id: EventId) -> (u64, u64) {
    (id.ms(), id.seq())
}
