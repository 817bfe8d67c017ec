//! What was sent, who was put into which group, and what was ended: each with its place in the log, or with the two
//! places between which it happened.

use std::collections::{BTreeMap, BTreeSet};

use ssehub::EventId;

use crate::span::Span;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64, u64);

impl Place {
    /// Behind the last one: nothing is sent any more.
    pub(crate) const END: Self = Self(u64::MAX, u64::MAX);

    pub(crate) fn of(id: &str) -> Self {
        id.parse::<EventId>().expect("an id of the hub").into()
    }
}

impl From<EventId> for Place {
    fn from(id: EventId) -> Self {
        Self(id.ms(), id.seq())
    }
}

/// The topic of an event, of a membership, or of an end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum To {
    All,
    User(u8),
    Group(u8),
    Connection(String),
}

/// The two places between which something was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Between {
    pub(crate) after: Place,
    pub(crate) before: Place,
}

/// A join, or a leave.
#[derive(Clone, Copy, Debug)]
struct Change {
    joins: bool,
    at: Between,
}

/// Whether somebody was in a group at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Membership {
    No,
    /// The place lies between those of a join or a leave.
    Perhaps,
    Yes,
}

/// Streams that were ended for one reason.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) whom: To,
    pub(crate) at: Between,
    pub(crate) count: usize,
}

impl Ended {
    /// Whether a stream that was open all the time is one of them for sure.
    fn is_meant(&self, span: &Span) -> bool {
        let is_it = match &self.whom {
            To::All => true,
            To::User(user) => span.user == Some(*user),
            To::Connection(id) => *id == span.connection,
            To::Group(_) => false,
        };
        is_it && span.opened.before <= self.at.after
    }
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    sent: BTreeMap<Place, (usize, To)>,
    /// Which connections' requests named which group.
    named: BTreeSet<(String, u8)>,
    /// By who is in the group, a user or a connection.
    changes: BTreeMap<(To, u8), Vec<Change>>,
    pub(crate) ended: BTreeMap<String, Ended>,
}

impl Journal {
    pub(crate) fn sent(&mut self, place: Place, number: usize, to: To) {
        let other = self.sent.insert(place, (number, to));
        assert_eq!(other, None, "two events have one id");
    }

    pub(crate) fn named(&mut self, connection: &str, groups: &[u8]) {
        self.named.extend(groups.iter().map(|group| (connection.to_owned(), *group)));
    }

    pub(crate) fn changed(&mut self, who: To, group: u8, joins: bool, at: Between) {
        self.changes.entry((who, group)).or_default().push(Change { joins, at });
    }

    pub(crate) fn ended(&mut self, reason: String, ended: Ended) {
        self.ended.insert(reason, ended);
    }

    /// Nobody comes back to what was ended before.
    pub(crate) fn check_ends(&self, spans: &[Span]) {
        for (reason, ended) in &self.ended {
            let later = spans.iter().filter(|span| span.opened.after >= ended.at.before);
            for back in later.filter(|span| span.has_session) {
                let of_connection = |span: &&Span| span.connection == back.connection;
                let survivor = spans.iter().filter(of_connection).find(|span| ended.is_meant(span));
                assert!(survivor.is_none(), "{back:#?} comes back to {survivor:#?} in spite of {reason}: {ended:?}");
            }
            let heard = spans.iter().filter(|span| span.closing.as_ref() == Some(reason)).count();
            assert!(heard <= ended.count, "{heard} streams were told {reason}: {ended:?}");
        }
    }

    /// The events between two places, neither of them included, that a stream has to be given.
    pub(crate) fn due(&self, span: &Span, after: Place, before: Place) -> Vec<usize> {
        let between =
            self.sent.iter().skip_while(|(place, _)| **place <= after).take_while(|(place, _)| **place < before);
        let due = between.filter(|(place, (_, to))| self.is_for(span, to, **place) == Membership::Yes);
        due.map(|(_, (number, _))| *number).collect()
    }

    /// Whether a stream may be given an event.
    pub(crate) fn may_get(&self, span: &Span, place: Place, number: usize) -> bool {
        let sent = self.sent.get(&place).filter(|(other, _)| *other == number);
        sent.is_some_and(|(_, to)| self.is_for(span, to, place) != Membership::No || self.was_named(span, to))
    }

    /// A group that an earlier request of its session had named, and that a connection has joined, is its own from the
    /// former on.
    fn was_named(&self, span: &Span, to: &To) -> bool {
        let To::Group(group) = to else { return false };
        self.named.contains(&(span.connection.clone(), *group))
            && self.changes.contains_key(&(To::Connection(span.connection.clone()), *group))
    }

    fn is_for(&self, span: &Span, to: &To, place: Place) -> Membership {
        let is_it = match to {
            To::All => true,
            To::User(user) => span.user == Some(*user),
            To::Connection(id) => *id == span.connection,
            To::Group(group) => return self.membership(span, *group, place),
        };
        if is_it { Membership::Yes } else { Membership::No }
    }

    /// By its request, by its user, or because it was put into it: by any of them it is in the group.
    fn membership(&self, span: &Span, group: u8, place: Place) -> Membership {
        let user = span.user.map(|user| self.by(&To::User(user), group, span, false, place));
        let named = span.groups.contains(&group);
        let itself = self.by(&To::Connection(span.connection.clone()), group, span, named, place);
        user.unwrap_or(Membership::No).max(itself)
    }

    /// What the last change before a place says. There may be several that were the last.
    fn by(&self, who: &To, group: u8, span: &Span, named: bool, place: Place) -> Membership {
        let mut changes = self.changes.get(&(who.clone(), group)).cloned().unwrap_or_default();
        if named {
            // As if it had never been away.
            if place <= span.opened.after {
                return Membership::Yes;
            }
            changes.push(Change { joins: true, at: span.opened });
        }
        let is_last = |change: &&Change| {
            let later = |other: &Change| change.at.before <= other.at.after && other.at.before < place;
            change.at.after < place && !changes.iter().any(later)
        };
        let mut last: Vec<bool> = changes.iter().filter(is_last).map(|change| change.joins).collect();
        if !named && !changes.iter().any(|change| change.at.before < place) {
            // Perhaps there was none before.
            last.push(false);
        }
        // What one left before the stream was opened, one need not be given by it.
        let left = |change: &Change| !change.joins && change.at.before > place && change.at.after < span.opened.before;
        if !last.contains(&true) {
            Membership::No
        } else if last.contains(&false) || !named && changes.iter().any(left) {
            Membership::Perhaps
        } else {
            Membership::Yes
        }
    }
}
