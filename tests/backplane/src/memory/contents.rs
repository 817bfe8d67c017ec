//! What a log in memory holds: the contract of a backplane, written as plainly as it goes.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use ssehub::{EventId, History, Kept, LogName, Record, Retention, Start, StateChange};

/// What is kept of passing entries.
const PASSING: Limits = Limits { entries: 16_384, bytes: 16 << 20, age: Duration::from_secs(60) };

/// Where an entry stands: the id without the log's name, which may change.
type Place = (u64, u64);

#[derive(Debug)]
pub(super) struct Contents {
    name: LogName,
    /// The newest place that was given to an entry, or where the log began.
    last: Place,
    lasting: Window,
    passing: Window,
    /// The newest record of each key.
    state: HashMap<Bytes, (Place, Bytes)>,
    /// How often the newest entries were lost.
    losses: u64,
}

/// How far a tail has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// The entry that came last.
    pub(super) at: EventId,
    /// The newest passing entry that was forgotten when the tail was asked for.
    passed: Place,
    /// How often entries had been lost then.
    losses: u64,
}

/// The newest entries, until the first of three limits.
#[derive(Debug)]
struct Window {
    limits: Limits,
    entries: VecDeque<(Place, Bytes)>,
    bytes: usize,
    /// The newest entry that is not here any more, or where the log began.
    forgotten: Place,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    entries: usize,
    bytes: usize,
    age: Duration,
}

impl Contents {
    /// An empty log that begins now.
    pub(super) fn new(history: &History, now_ms: u64) -> Self {
        let begun = (now_ms, 0);
        let [lasting, passing] = [Limits::of(history), PASSING].map(|limits| Window {
            limits,
            entries: VecDeque::new(),
            bytes: 0,
            forgotten: begun,
        });
        Self { name: LogName::random(), last: begun, lasting, passing, state: HashMap::new(), losses: 0 }
    }

    pub(super) fn retain(&mut self, history: &History) {
        self.lasting.limits = Limits::of(history);
    }

    /// The log has lost what somebody may have seen: it is another one from now on.
    pub(super) fn fork(&mut self) {
        self.name = LogName::random();
    }

    /// Loses the newest entries: tails end, and find out when they are asked for anew.
    pub(super) fn lose(&mut self, count: usize) {
        for _ in 0..count {
            let newest = [&self.lasting, &self.passing].map(|window| window.entries.back().map(|(place, _)| *place));
            let window = if newest[0] > newest[1] { &mut self.lasting } else { &mut self.passing };
            let lost = window.entries.pop_back().expect("what is lost was there");
            window.bytes -= lost.1.len();
        }
        // To take over takes longer than a millisecond: no id is given twice.
        self.last = (self.last.0 + 1, 0);
        self.losses += 1;
    }

    pub(super) fn append(&mut self, record: &Record, now_ms: u64) -> EventId {
        let (ms, seq) = self.last;
        self.last = if now_ms > ms { (now_ms, 0) } else { (ms, seq + 1) };
        for change in record.state() {
            match change {
                StateChange::Set(key) => drop(self.state.insert(key.clone(), (self.last, record.bytes().clone()))),
                StateChange::Remove(key) => drop(self.state.remove(key)),
            }
        }
        let window = match record.retention() {
            Retention::Lasting => &mut self.lasting,
            Retention::Passing => &mut self.passing,
        };
        window.bytes += record.bytes().len();
        window.entries.push_back((self.last, record.bytes().clone()));
        self.forget(now_ms);
        self.id(self.last)
    }

    /// Applies retention.
    pub(super) fn forget(&mut self, now_ms: u64) {
        self.lasting.forget(now_ms);
        self.passing.forget(now_ms);
    }

    /// What a tail brings first that is asked to follow this id.
    pub(super) fn start(&mut self, asked: Option<EventId>) -> Start {
        if asked.is_some_and(|asked| asked.log() == self.name && self.never_was(place(asked))) {
            self.fork();
        }
        let known = asked.filter(|asked| asked.log() == self.name).map(place);
        let after = known.filter(|place| *place >= self.lasting.forgotten);
        let newest = self.lasting.newest().max(self.passing.newest());
        let start = after.unwrap_or(self.lasting.forgotten);
        Start {
            after: self.id(start),
            head: self.id(newest.max(start)),
            // What passed between the id and a later start does not come either.
            missed: after.is_none_or(|place| place < self.passing.forgotten),
            state: if after.is_some() { Vec::new() } else { self.state_at(start) },
        }
    }

    /// How far a tail is that has started now, after this id.
    pub(super) fn begin(&self, after: EventId) -> Progress {
        Progress { at: after, passed: self.passing.forgotten, losses: self.losses }
    }

    /// The entry behind a tail's last; nothing if there is none yet, an error if it is not certain that it is the next one.
    pub(super) fn next_after(&self, tail: Progress) -> Result<Option<(EventId, Bytes)>, ()> {
        let at = place(tail.at);
        let lost = tail.losses != self.losses || tail.at.log() != self.name;
        if lost || at < self.lasting.forgotten || at.max(tail.passed) < self.passing.forgotten {
            return Err(());
        }
        let next = [self.lasting.next_after(at), self.passing.next_after(at)];
        let next = next.into_iter().flatten().min_by_key(|(place, _)| *place);
        Ok(next.map(|(place, bytes)| (self.id(*place), bytes.clone())))
    }

    fn id(&self, (ms, seq): Place) -> EventId {
        EventId::new(ms, seq, self.name)
    }

    /// Whether this would be here, or be forgotten, if it had ever been an entry of this log.
    fn never_was(&self, place: Place) -> bool {
        [&self.lasting, &self.passing].iter().all(|window| place > window.forgotten && !window.has(place))
    }

    /// The records up to a place that are the newest of their keys.
    fn state_at(&self, start: Place) -> Vec<Kept> {
        let mut kept = BTreeMap::<Place, Kept>::new();
        for (key, (place, record)) in self.state.iter().filter(|(_, (place, _))| *place <= start) {
            let new = || Kept { id: self.id(*place), keys: Vec::new(), record: record.clone() };
            kept.entry(*place).or_insert_with(new).keys.push(key.clone());
        }
        kept.into_values().collect()
    }
}

impl Window {
    fn forget(&mut self, now_ms: u64) {
        let age_ms = self.limits.age.as_millis().try_into().unwrap_or(u64::MAX);
        while let Some(((ms, seq), bytes)) = self.entries.front() {
            let over = self.entries.len() > self.limits.entries
                // The newest is kept however big it is.
                || self.bytes > self.limits.bytes && self.entries.len() > 1
                || ms.saturating_add(age_ms) < now_ms;
            if !over {
                break;
            }
            self.forgotten = (*ms, *seq);
            self.bytes -= bytes.len();
            self.entries.pop_front();
        }
    }

    fn newest(&self) -> Place {
        self.entries.back().map_or(self.forgotten, |(place, _)| *place)
    }

    fn has(&self, place: Place) -> bool {
        self.entries.binary_search_by_key(&place, |(place, _)| *place).is_ok()
    }

    fn next_after(&self, at: Place) -> Option<&(Place, Bytes)> {
        self.entries.get(self.entries.partition_point(|(place, _)| *place <= at))
    }
}

impl Limits {
    fn of(history: &History) -> Self {
        Self { entries: history.max_events(), bytes: history.max_bytes(), age: history.max_age() }
    }
}

fn place(id: EventId) -> Place {
    (id.ms(), id.seq())
}
