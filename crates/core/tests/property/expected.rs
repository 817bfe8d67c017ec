//! What one stream has to be given, and what it must not be.

use std::collections::{BTreeSet, VecDeque};

use ssehub::Topic;

use crate::journal::{Forgotten, Journal, Meaning, Offset};
use crate::memberships::{Memberships, Origin};
use crate::support::Received;

/// What an event is to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// It has to come, or a gap before anything newer.
    Due,
    /// Nobody in the stream's topics needs it any more, but it is not superseded in all of its own.
    Spare,
    /// It is for others, or superseded.
    None,
}

/// The state of some topics, which the stream is to be given.
#[derive(Debug)]
struct Snapshot {
    topics: Vec<Topic>,
    /// The newest event of it that was given.
    given: Offset,
    until: Offset,
    /// A cursor is told after it, which stands here at least.
    then: Option<Offset>,
}

/// One stream, as its client sees it.
#[derive(Debug)]
pub(crate) struct Expected {
    user: Option<String>,
    pub(crate) memberships: Memberships,
    /// Everything up to here was given, excused, or is not for this stream.
    cursor: Offset,
    /// The newest that it was given or told.
    given: Offset,
    live_from: Offset,
    /// The newest snapshot of a gap is of the state up to here.
    in_snapshot: Offset,
    /// What came in snapshots.
    values: BTreeSet<Offset>,
    /// How much of what was forgotten has been told or was before this stream.
    told: usize,
    /// What topics had forgotten when a gap was told.
    excused: BTreeSet<(Topic, Offset)>,
    snapshots: VecDeque<Snapshot>,
    wants_snapshots: bool,
    closing: Option<Offset>,
    pub(crate) closed: bool,
    pub(crate) delivered: u64,
    /// Gaps told in mid-stream.
    pub(crate) lagged: u64,
}

/// What a stream is opened with.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) user_groups: Vec<(String, Offset)>,
    pub(crate) snapshot: bool,
    pub(crate) id: String,
    pub(crate) replays: bool,
}

impl Expected {
    /// Checks the first block of a stream.
    pub(crate) fn open(journal: &Journal, connection: &str, opening: Opening, received: &[Received]) -> Self {
        let Opening { user, groups, user_groups, snapshot, id, replays } = opening;
        let head = journal.head();
        let mut new = Self {
            user,
            memberships: Memberships::default(),
            cursor: head,
            given: 0,
            live_from: head,
            in_snapshot: 0,
            values: BTreeSet::new(),
            told: journal.forgotten.len(),
            excused: BTreeSet::new(),
            snapshots: VecDeque::new(),
            wants_snapshots: snapshot,
            closing: None,
            closed: false,
            delivered: 0,
            lagged: 0,
        };
        new.join(Topic::All, Origin::Connection, 0);
        new.join(Topic::connection(connection), Origin::Connection, 0);
        new.user.clone().into_iter().for_each(|user| new.join(Topic::user(user), Origin::Connection, 0));
        groups.iter().for_each(|group| new.join(Topic::group(group), Origin::Connection, 0));
        user_groups.iter().for_each(|(group, since)| new.join(Topic::group(group), Origin::User, *since));

        let (connected, rest) = received.split_first().expect("a stream opens with a block");
        assert_eq!(connected.name, "hub:connected");
        if id.is_empty() {
            assert!(rest.is_empty(), "a fresh stream opens with hub:connected alone: {rest:?}");
            if snapshot {
                assert_eq!(connected.id, None, "no cursor is told before a snapshot is through");
                new.take_snapshot(journal, head);
            } else {
                assert_eq!(journal.seen(connected), head, "a fresh stream tells the head");
            }
            return new;
        }
        assert!(rest.len() <= 1, "a stream opens with hub:connected and hub:gap: {rest:?}");
        new.resume(journal, &id, replays, connected, rest.first());
        new
    }

    fn resume(&mut self, journal: &Journal, id: &str, replays: bool, connected: &Received, gap: Option<&Received>) {
        let head = journal.head();
        let (reason, must, may) = match journal.meaning(id) {
            Meaning::Unknown(reason) => {
                self.cursor = 0;
                let reason =
                    if reason == "trimmed" && !replays && self.has_any(journal) { "no-history" } else { reason };
                (reason, true, true)
            }
            Meaning::Seen(seen) => {
                (self.cursor, self.given) = (seen, seen);
                let due = self.due(journal);
                if replays {
                    let lost = journal.forgotten.iter().any(|gone| self.misses(gone));
                    ("trimmed", due.iter().any(|offset| !self.is_kept(journal, *offset)), lost)
                } else {
                    ("no-history", !due.is_empty(), self.has_any(journal))
                }
            }
        };
        let Some(gap) = gap else {
            assert!(!must, "a stream that resumes from {id} needs a gap: {reason}");
            assert_eq!(connected.id.as_deref(), Some(id), "a stream that resumes tells where it is");
            return self.skip_history(journal, replays);
        };
        assert!(may, "a gap is told where nothing was lost: {gap:?}");
        assert_eq!(*gap, told_gap(gap, id, reason));
        let place = self.place(journal);
        self.skip_history(journal, replays);
        self.excuse(journal);
        if self.wants_snapshots {
            let unchanged = matches!(journal.meaning(gap.id.as_deref().expect("a gap has an id")), Meaning::Unknown(_))
                || gap.id.as_deref() == Some(id);
            assert!(unchanged, "a drop within the snapshot of a gap gets another one: {gap:?}");
            self.take_snapshot(journal, place);
            self.in_snapshot = head;
        } else {
            self.check_told(journal, gap, place);
        }
    }

    /// Whether its topics have anything newer, for whomever.
    fn has_any(&self, journal: &Journal) -> bool {
        let mut newer = (self.cursor + 1..=journal.head()).filter(|offset| !journal.at(*offset).ephemeral);
        newer.any(|offset| self.is_covered(journal, offset))
    }

    fn skip_history(&mut self, journal: &Journal, replays: bool) {
        if !replays {
            self.cursor = journal.head();
        }
    }

    /// Checks one event, in the order in which they come.
    pub(crate) fn take(&mut self, journal: &Journal, event: &Received, requested: &str) {
        match event.name.as_str() {
            "hub:gap" => self.take_gap(journal, event, requested),
            "hub:closing" => {
                self.end_snapshots(journal);
                let at = self.closing.expect("a stream that nobody ends goes on");
                self.pass(journal, at);
                self.closed = true;
            }
            "message" => {
                let number = event.data.split(':').next().and_then(|number| number.parse().ok());
                let offset = number.expect("every event begins with its number");
                self.delivered += 1;
                match &event.id {
                    Some(id) => {
                        assert_eq!(*id, journal.at(offset).id.to_string());
                        self.take_event(journal, offset);
                    }
                    None => self.take_state(journal, offset),
                }
            }
            name => panic!("not an event of this hub: {name}"),
        }
    }

    fn take_event(&mut self, journal: &Journal, offset: Offset) {
        self.end_snapshots(journal);
        assert!(offset > self.cursor, "{offset} comes again, or too late: the stream was at {}", self.cursor);
        assert!(self.closing.is_none_or(|at| offset <= at), "{offset} comes to a stream that was to end before");
        self.pass(journal, offset - 1);
        assert_ne!(self.claim(journal, offset), Claim::None, "{offset} is not for this stream");
        assert!(self.is_kept(journal, offset), "{offset} was forgotten");
        (self.cursor, self.given) = (offset, offset);
    }

    fn take_gap(&mut self, journal: &Journal, gap: &Received, requested: &str) {
        self.end_snapshots(journal);
        let news = &journal.forgotten[self.told..];
        assert!(
            journal.forgotten.iter().any(|gone| self.misses(gone) && news.iter().any(|it| it.topic == gone.topic)),
            "a gap is told at {} where nothing was lost: {news:?}",
            self.cursor
        );
        assert_eq!(*gap, told_gap(gap, requested, "lagged"));
        let place = self.place(journal);
        self.told = journal.forgotten.len();
        self.lagged += 1;
        self.excuse(journal);
        if self.wants_snapshots {
            assert_eq!(gap.id.as_deref(), Some(requested), "a drop within the snapshot of a gap gets another one");
            self.take_snapshot(journal, place);
            self.in_snapshot = journal.head();
        } else {
            self.check_told(journal, gap, place);
        }
    }

    /// Checks a block that only moves the cursor: here it ends a snapshot.
    pub(crate) fn take_cursor(&mut self, journal: &Journal, id: &str) {
        loop {
            let snapshot = self.snapshots.pop_front().expect("a cursor is told after a snapshot");
            self.check_snapshot(journal, &snapshot);
            if let Some(place) = snapshot.then {
                let cursor = Received { id: Some(id.to_owned()), name: String::new(), data: String::new() };
                return self.check_told(journal, &cursor, place);
            }
        }
    }

    /// Checks that there is nothing to read.
    pub(crate) fn idle(&mut self, journal: &Journal) {
        self.end_snapshots(journal);
        assert!(self.closing.is_none() || self.closed, "a stream that is to end ends");
        self.pass(journal, self.closing.unwrap_or(journal.head()));
    }

    /// Whether anything is to be read.
    pub(crate) fn has_news(&self, journal: &Journal) -> bool {
        !self.due(journal).is_empty() || self.closing.is_some() || !self.snapshots.is_empty()
    }

    // --- what the application does with it

    pub(crate) fn join(&mut self, topic: Topic, origin: Origin, since: Offset) {
        self.memberships.join(topic, origin, since);
    }

    pub(crate) fn leave(&mut self, topic: &Topic, origin: Origin, at: Offset) {
        self.memberships.leave(topic, origin, at);
        if !self.memberships.has(topic) {
            self.forget_snapshot(topic);
        }
    }

    pub(crate) fn queue_snapshot(&mut self, journal: &Journal, group: Topic) {
        self.forget_snapshot(&group);
        self.snapshots.push_back(Snapshot { topics: vec![group], given: 0, until: journal.head(), then: None });
    }

    fn forget_snapshot(&mut self, group: &Topic) {
        let is_it = |topics: &[Topic]| topics == std::slice::from_ref(group);
        self.snapshots.retain(|snapshot| snapshot.given > 0 || snapshot.then.is_some() || !is_it(&snapshot.topics));
    }

    /// Ends the stream. False if it was ending already.
    pub(crate) fn close(&mut self, journal: &Journal) -> bool {
        let begins = self.closing.is_none();
        self.closing.get_or_insert(journal.head());
        begins
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    // --- the rules

    fn is_covered(&self, journal: &Journal, offset: Offset) -> bool {
        journal.at(offset).topics.iter().any(|topic| self.memberships.covers(topic, offset))
    }

    fn is_excepted(&self, journal: &Journal, offset: Offset) -> bool {
        journal.at(offset).except.iter().any(|topic| self.memberships.covers(topic, offset))
    }

    fn claim(&self, journal: &Journal, offset: Offset) -> Claim {
        let sent = journal.at(offset);
        let covered = sent.topics.iter().filter(|topic| self.memberships.covers(topic, offset));
        // Who has left may not get what is newer.
        let stays = covered.clone().any(|topic| self.memberships.has_since(topic, offset));
        if !self.is_covered(journal, offset)
            || self.is_excepted(journal, offset)
            || sent.ephemeral && offset <= self.live_from
            || offset <= self.in_snapshot && self.came_in_snapshot(journal, offset)
            || journal.is_superseded(offset) && stays
        {
            Claim::None
        } else if self.values.contains(&offset)
            || covered.into_iter().all(|topic| {
                journal.outdated_by(topic, offset).any(|newer| self.memberships.covers(topic, newer))
                    || self.excused.contains(&(topic.clone(), offset))
            })
        {
            Claim::Spare
        } else {
            Claim::Due
        }
    }

    /// Whether the snapshot of a gap brought this event, or one that took its place: a value, and for this stream.
    fn came_in_snapshot(&self, journal: &Journal, offset: Offset) -> bool {
        journal.at(offset).topics.iter().any(|topic| {
            let Some(newest) = journal.newest(topic, offset) else { return false };
            newest <= self.memberships.snapshot(topic)
                && !journal.at(newest).retract
                && !self.is_excepted(journal, newest)
        })
    }

    /// What is still to come.
    fn due(&self, journal: &Journal) -> Vec<Offset> {
        (self.cursor + 1..=journal.head()).filter(|offset| self.claim(journal, *offset) == Claim::Due).collect()
    }

    /// Whether the stream can still be given an event.
    fn is_kept(&self, journal: &Journal, offset: Offset) -> bool {
        let mut covered = journal.at(offset).topics.iter().filter(|topic| self.memberships.covers(topic, offset));
        journal.is_retained(offset) || covered.any(|topic| journal.is_state(topic, offset))
    }

    /// Whether something a topic forgot is missing here. A topic remembers only the newest it forgot; so a stream that
    /// has left, or is being ended, and has not read up to there cannot know whether that was before or after, nor
    /// whether what says it all is for it too.
    fn misses(&self, gone: &Forgotten) -> bool {
        let Forgotten { topic, offset, compacted } = gone;
        *offset > self.cursor
            && if *compacted {
                self.memberships.may_have_left(topic, *offset, self.cursor)
            } else {
                self.memberships.may_cover(topic, *offset, self.cursor)
            }
    }

    /// What is gone has been told to be.
    fn excuse(&mut self, journal: &Journal) {
        self.excused.extend(journal.forgotten.iter().map(|gone| (gone.topic.clone(), gone.offset)));
    }

    /// Nothing up to here is still to come.
    fn pass(&mut self, journal: &Journal, to: Offset) {
        let missing = self.missing(journal, to);
        assert!(missing.is_empty(), "{missing:?} are left out without a gap; the stream was at {}", self.cursor);
        self.cursor = self.cursor.max(to);
    }

    fn missing(&self, journal: &Journal, to: Offset) -> Vec<Offset> {
        self.due(journal).into_iter().filter(|offset| *offset <= to).collect()
    }

    /// Where a gap has to say that the stream goes on, at least: who comes back with that is not told it again, unless
    /// there is something older to be given.
    fn place(&self, journal: &Journal) -> Offset {
        let kept = (self.cursor + 1..=journal.head()).filter(|offset| self.is_kept(journal, *offset));
        let next = kept.into_iter().find(|offset| self.claim(journal, *offset) != Claim::None);
        // A topic that was left counts or not, depending on how far the stream has read.
        let lost = journal.forgotten.iter().filter(|gone| !gone.compacted && self.misses(gone));
        let lost = lost.filter(|gone| self.memberships.has(&gone.topic)).map(|gone| gone.offset).max().unwrap_or(0);
        if next.is_none_or(|next| lost < next) { lost.max(self.given) } else { self.given }
    }

    /// A client that comes back with this id must miss nothing.
    fn check_told(&mut self, journal: &Journal, told: &Received, least: Offset) {
        let seen = journal.seen(told);
        assert!(seen >= least, "{told:?} stands at {seen}, before {least}");
        let missing = self.missing(journal, seen);
        assert!(missing.is_empty(), "{told:?} stands behind {missing:?}, which are still to come");
        self.given = seen;
    }

    // --- snapshots

    fn take_snapshot(&mut self, journal: &Journal, then: Offset) {
        let topics = self.memberships.take_snapshot(journal.head());
        self.snapshots.push_front(Snapshot { topics, given: 0, until: journal.head(), then: Some(then) });
    }

    /// What a snapshot has still to bring. Whether an exception of a group that the stream has left holds in the state
    /// depends on how far it has read: `surely` leaves those events out.
    fn left_in(&self, journal: &Journal, snapshot: &Snapshot, surely: bool) -> BTreeSet<Offset> {
        let mut left = journal.state(&snapshot.topics);
        left.retain(|offset| {
            let is_left = *offset > snapshot.given && *offset <= snapshot.until;
            let sent = journal.at(*offset);
            let excepted = if surely {
                self.is_excepted(journal, *offset)
            } else {
                sent.except.iter().any(|topic| self.memberships.has_since(topic, *offset))
            };
            is_left && !sent.retract && !excepted
        });
        left
    }

    fn take_state(&mut self, journal: &Journal, offset: Offset) {
        loop {
            let snapshot = self.snapshots.front().expect("an event without an id is part of a snapshot");
            let is_next = self.left_in(journal, snapshot, true).first().is_none_or(|next| *next >= offset);
            // The state of a group that was left before it began does not come.
            let comes = snapshot.given > 0 || self.is_wanted(snapshot);
            if comes && is_next && self.left_in(journal, snapshot, false).contains(&offset) {
                break;
            }
            assert_eq!(snapshot.then, None, "{offset} is not next in {snapshot:?}");
            self.check_snapshot(journal, snapshot);
            self.snapshots.pop_front();
        }
        self.snapshots[0].given = offset;
        self.values.insert(offset);
    }

    fn is_wanted(&self, snapshot: &Snapshot) -> bool {
        snapshot.then.is_some() || snapshot.topics.iter().all(|topic| self.memberships.has(topic))
    }

    fn check_snapshot(&self, journal: &Journal, snapshot: &Snapshot) {
        let left = self.left_in(journal, snapshot, true);
        assert!(!self.is_wanted(snapshot) || left.is_empty(), "{left:?} are missing in {snapshot:?}");
    }

    fn end_snapshots(&mut self, journal: &Journal) {
        for snapshot in std::mem::take(&mut self.snapshots) {
            assert_eq!(snapshot.then, None, "a snapshot ends with a cursor");
            self.check_snapshot(journal, &snapshot);
        }
    }
}

impl Journal {
    /// What a client has seen that was told this.
    fn seen(&self, told: &Received) -> Offset {
        let id = told.id.as_deref().expect("it tells an id");
        match self.meaning(id) {
            Meaning::Seen(offset) => offset,
            Meaning::Unknown(reason) => panic!("{id} is told, and means nothing: {reason}"),
        }
    }
}

/// A gap as it should be.
fn told_gap(gap: &Received, requested: &str, reason: &str) -> Received {
    let data: serde_json::Value = serde_json::from_str(&gap.data).expect("a gap is JSON");
    assert_eq!(data, serde_json::json!({ "requested": requested, "reason": reason }));
    gap.clone()
}
