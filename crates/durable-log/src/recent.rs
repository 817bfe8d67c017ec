//! The newest entries, in memory: what followers that keep up read, without going back to the store.
//!
//! Lasting and passing entries stand here in one order; passing ones are nowhere else. Entries leave by number and
//! bytes, the oldest first; lasting ones not before the store has them on disk, and passing ones do not wait for that.
//! The newest always stays, so that who keeps up gets it, whatever its size.

use std::collections::VecDeque;

use bytes::Bytes;
use ssehub::LogName;

use crate::frame::Lasting;
use crate::position::Position;

/// As many as a follower may lag behind before it has to read the store, or, for passing entries, before it misses some.
const ENTRIES: usize = 16_384;
const BYTES: usize = 16 << 20;

/// As many as a follower takes in one go.
const TAKEN: usize = 256;

#[derive(Clone, Debug)]
pub(crate) struct Latest {
    pub(crate) position: Position,
    pub(crate) bytes: Bytes,
    pub(crate) is_passing: bool,
}

impl From<&Lasting> for Latest {
    fn from(Lasting { position, record, .. }: &Lasting) -> Self {
        Self { position: *position, bytes: record.bytes().clone(), is_passing: false }
    }
}

#[derive(Debug)]
pub(crate) struct Recent {
    name: LogName,
    entries: VecDeque<Latest>,
    weight: Weight,
    /// Of the passing ones among them.
    passing: Weight,
    /// Every entry behind this is in here.
    base: Position,
    /// The newest entry there is.
    head: Position,
    /// The newest id that was given out: the head, or a passing entry's from before the log was opened.
    ids: Position,
    /// The newest passing entry that may be gone.
    passed: Position,
    /// Up to here the store has what is lasting.
    flushed: Position,
    /// Why there will be no more.
    closed: Option<&'static str>,
}

/// So many entries, and bytes of them.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    entries: usize,
    bytes: usize,
}

impl Weight {
    fn add(&mut self, entry: &Latest) {
        self.entries += 1;
        self.bytes += entry.bytes.len();
    }

    fn remove(&mut self, entry: &Latest) {
        self.entries -= 1;
        self.bytes -= entry.bytes.len();
    }

    /// Whether it is over this part of the limits.
    fn is_over(&self, part: usize) -> bool {
        self.entries > ENTRIES / part || self.bytes > BYTES / part
    }
}

/// What there is for a follower.
#[derive(Debug)]
pub(crate) enum Next {
    Entries(Vec<Latest>),
    /// It is in the store, up to here.
    Stored(Position),
    /// Nothing yet.
    Wait,
    /// What it had to read next is gone.
    Behind,
    /// It is another log now.
    Renamed,
    Closed(&'static str),
}

impl Recent {
    pub(crate) fn new(name: LogName, head: Position, ids: Position) -> Self {
        Self {
            name,
            entries: VecDeque::new(),
            weight: Weight::default(),
            passing: Weight::default(),
            base: head,
            head,
            ids,
            passed: ids.max(head),
            flushed: head,
            closed: None,
        }
    }

    /// The name of the log, which may change.
    pub(crate) fn name(&self) -> LogName {
        self.name
    }

    pub(crate) fn head(&self) -> Position {
        self.head
    }

    pub(crate) fn ids(&self) -> Position {
        self.ids.max(self.head)
    }

    pub(crate) fn passed(&self) -> Position {
        self.passed
    }

    /// Publishes entries, in the order of their ids. The store has them up to `flushed`.
    pub(crate) fn publish(&mut self, entries: impl IntoIterator<Item = Latest>, flushed: Position) {
        self.flushed = self.flushed.max(flushed);
        for entry in entries {
            if entry.position <= self.head {
                // It comes too late for its place: the store was read anew, which has later ones.
                self.passed = self.passed.max(entry.position);
                continue;
            }
            self.head = entry.position;
            self.weight.add(&entry);
            if entry.is_passing {
                self.passing.add(&entry);
            }
            self.entries.push_back(entry);
        }
        while self.weight.is_over(1) && self.entries.len() > 1 {
            if self.entries.front().is_none_or(|it| !it.is_passing && it.position > self.flushed) {
                break;
            }
            let Some(entry) = self.entries.pop_front() else { break };
            self.weight.remove(&entry);
            self.base = entry.position;
            if entry.is_passing {
                self.passing.remove(&entry);
                self.passed = entry.position;
            }
        }
        if self.passing.is_over(1) {
            self.let_pass();
        }
    }

    /// Lets go of the older half of the passing entries, which stand behind lasting ones that have to stay.
    fn let_pass(&mut self) {
        self.entries.retain(|it| {
            let stays = !it.is_passing || it.position == self.head || !self.passing.is_over(2);
            if !stays {
                self.weight.remove(it);
                self.passing.remove(it);
                self.passed = it.position;
            }
            stays
        });
    }

    /// The store was found to have more than was published: followers read it there.
    pub(crate) fn rebase(&mut self, head: Position) {
        if head > self.head {
            self.restart(head);
        }
    }

    /// The log is another one now. It has what it had, or, if that was lost, what the store has.
    pub(crate) fn rename(&mut self, name: LogName, found: Option<Position>) {
        self.name = name;
        if let Some(head) = found {
            self.ids = self.ids();
            self.restart(head);
        }
    }

    fn restart(&mut self, head: Position) {
        self.passed = self.entries.iter().rfind(|it| it.is_passing).map_or(self.passed, |it| it.position);
        self.entries.clear();
        (self.weight, self.passing) = Default::default();
        self.base = head;
        self.head = head;
        self.flushed = head;
    }

    pub(crate) fn close(&mut self, reason: &'static str) {
        self.closed.get_or_insert(reason);
    }

    /// What follows a cursor in the log of this name, for a follower that has been told of the passing entries it may
    /// have missed up to `told`.
    pub(crate) fn after(&self, name: LogName, cursor: Position, told: Position) -> Next {
        if name != self.name {
            return Next::Renamed;
        }
        if self.passed > cursor.max(told) {
            return Next::Behind;
        }
        if cursor < self.base {
            return Next::Stored(self.base);
        }
        let start = self.entries.partition_point(|it| it.position <= cursor);
        let entries: Vec<_> = self.entries.range(start..).take(TAKEN).cloned().collect();
        match self.closed {
            _ if !entries.is_empty() => Next::Entries(entries),
            Some(reason) => Next::Closed(reason),
            None => Next::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: u64) -> Position {
        Position { ms: 7, seq }
    }

    fn entry(seq: u64, is_passing: bool) -> Latest {
        Latest { position: at(seq), bytes: Bytes::new(), is_passing }
    }

    fn positions(next: Next) -> Vec<u64> {
        match next {
            Next::Entries(entries) => entries.iter().map(|entry| entry.position.seq).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn entries_stay_until_the_store_has_them() {
        let name = LogName::random();
        let mut recent = Recent::new(name, at(0), at(0));
        let many = ENTRIES as u64 + 10;
        recent.publish((1..=many).map(|seq| entry(seq, false)), at(0));
        assert_eq!(positions(recent.after(name, at(0), at(0)))[0], 1);
        recent.publish([], at(4));
        assert!(matches!(recent.after(name, at(0), at(0)), Next::Stored(base) if base == at(4)));
        assert_eq!(positions(recent.after(name, at(4), at(0)))[0], 5);
        recent.publish([], at(many));
        assert!(matches!(recent.after(name, at(0), at(0)), Next::Stored(base) if base == at(10)));
        assert!(matches!(recent.after(name, at(many), at(0)), Next::Wait));
        assert!(matches!(recent.after(LogName::random(), at(many), at(0)), Next::Renamed));
    }

    #[test]
    fn passing_entries_do_not_gather_behind_a_lasting_one_that_the_store_has_not() {
        let name = LogName::random();
        let mut recent = Recent::new(name, at(0), at(0));
        recent.publish([entry(1, false)], at(0));
        let many = 5 * ENTRIES as u64;
        for seq in 2..=many {
            recent.publish([entry(seq, true)], at(0));
            assert!(recent.entries.len() <= ENTRIES + 1, "{} entries", recent.entries.len());
            assert_eq!(positions(recent.after(name, at(seq - 1), at(0))), [seq]);
        }
        assert!(matches!(recent.after(name, at(1), at(0)), Next::Behind));
        assert_eq!(positions(recent.after(name, at(0), at(many)))[0], 1);
        let big = Bytes::from(vec![0; BYTES / 4]);
        for seq in many..many + 20 {
            let entry = Latest { position: at(seq + 1), bytes: big.clone(), is_passing: true };
            recent.publish([entry], at(0));
            assert!(recent.weight.bytes <= BYTES, "{} bytes", recent.weight.bytes);
        }
        recent.publish([], at(1));
        recent.publish((many + 21..=2 * many).map(|seq| entry(seq, true)), at(1));
        assert_eq!((recent.entries.len(), recent.weight.entries, recent.passing.entries), (ENTRIES, ENTRIES, ENTRIES));
        assert_eq!((recent.weight.bytes, recent.passing.bytes), (0, 0));
    }

    #[test]
    fn a_passing_entry_that_comes_behind_what_the_store_was_found_to_have_is_missed_and_not_out_of_order() {
        let name = LogName::random();
        let mut recent = Recent::new(name, at(0), at(0));
        recent.publish([entry(1, false)], at(1));
        recent.rebase(at(4));
        recent.publish([entry(3, true), entry(5, true)], at(4));
        assert_eq!(recent.head(), at(5));
        assert!(matches!(recent.after(name, at(1), at(0)), Next::Behind));
        assert!(matches!(recent.after(name, at(3), at(0)), Next::Stored(base) if base == at(4)));
        assert_eq!(positions(recent.after(name, at(4), at(0))), [5]);
    }
}
