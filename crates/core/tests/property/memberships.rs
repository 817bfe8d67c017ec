//! In which topics a stream is and was, since when and until when.

use std::collections::BTreeSet;

use ssehub::Topic;

use crate::journal::Offset;

/// Through what a stream is in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Connection,
    User,
}

#[derive(Debug)]
struct Membership {
    topic: Topic,
    origin: Origin,
    since: Offset,
    until: Option<Offset>,
    /// Up to where a snapshot of everything brought its state.
    snapshot: Offset,
}

#[derive(Debug, Default)]
pub(crate) struct Memberships(Vec<Membership>);

impl Memberships {
    fn open(&self) -> impl Iterator<Item = &Membership> {
        self.0.iter().filter(|membership| membership.until.is_none())
    }

    fn of<'a>(&'a self, topic: &'a Topic) -> impl Iterator<Item = &'a Membership> {
        self.0.iter().filter(move |membership| membership.topic == *topic)
    }

    pub(crate) fn join(&mut self, topic: Topic, origin: Origin, since: Offset) {
        if !self.open().any(|membership| membership.topic == topic && membership.origin == origin) {
            self.0.push(Membership { topic, origin, since, until: None, snapshot: 0 });
        }
    }

    pub(crate) fn leave(&mut self, topic: &Topic, origin: Origin, at: Offset) {
        let mut open = self.0.iter_mut().filter(|membership| membership.until.is_none());
        if let Some(membership) = open.find(|it| it.topic == *topic && it.origin == origin) {
            membership.until = Some(at);
        }
    }

    /// Whether the stream is in a topic.
    pub(crate) fn has(&self, topic: &Topic) -> bool {
        self.open().any(|membership| membership.topic == *topic)
    }

    /// Whether it is in a topic, and has been since an event.
    pub(crate) fn has_since(&self, topic: &Topic, offset: Offset) -> bool {
        self.open().any(|membership| membership.topic == *topic && membership.since < offset)
    }

    /// Whether it was in a topic when an event was sent.
    pub(crate) fn covers(&self, topic: &Topic, offset: Offset) -> bool {
        self.of(topic).any(|it| it.since < offset && it.until.is_none_or(|until| offset <= until))
    }

    /// Whether it has left a topic in which it was before an event, and was not yet out of at `cursor`.
    pub(crate) fn may_have_left(&self, topic: &Topic, offset: Offset, cursor: Offset) -> bool {
        self.of(topic).any(|it| it.since < offset && it.until.is_some_and(|until| until > cursor))
    }

    /// Whether it was in a topic before an event, and not yet out of it at `cursor`.
    pub(crate) fn may_cover(&self, topic: &Topic, offset: Offset, cursor: Offset) -> bool {
        self.of(topic).any(|it| it.since < offset && it.until.is_none_or(|until| until > cursor))
    }

    /// The groups it is in, by name.
    pub(crate) fn groups(&self) -> Vec<String> {
        let groups = self.open().filter_map(|membership| match &membership.topic {
            Topic::Group(name) => Some(name.to_string()),
            _ => None,
        });
        groups.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Notes that a snapshot brings the state of all topics it is in, and returns these.
    pub(crate) fn take_snapshot(&mut self, head: Offset) -> Vec<Topic> {
        let open = self.0.iter_mut().filter(|membership| membership.until.is_none());
        let begun = open.map(|membership| {
            membership.snapshot = head;
            membership.topic.clone()
        });
        begun.collect()
    }

    /// Up to where a snapshot of everything brought the state of a topic.
    pub(crate) fn snapshot(&self, topic: &Topic) -> Offset {
        self.of(topic).map(|membership| membership.snapshot).max().unwrap_or(0)
    }
}
