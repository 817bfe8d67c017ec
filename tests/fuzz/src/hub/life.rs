//! What the model knows of a connection, and of the stream that reads it.

use std::collections::BTreeSet;

use ssehub::{EventId, Topic};

use super::{Group, Session, User};
use crate::reader::Reader;

/// One event that was sent, by its number.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: EventId,
    pub(super) to: BTreeSet<Topic>,
    pub(super) except: BTreeSet<Topic>,
    pub(super) is_keyed: bool,
}

/// A connection of the hub: from its first transport to the end of its session.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) user: Option<User>,
    pub(super) session: Option<Session>,
    /// The groups of the request that its transport came with.
    pub(super) asked: BTreeSet<Group>,
    /// The groups it was put into.
    pub(super) joined: BTreeSet<Group>,
    pub(super) parked: bool,
    /// It is to end when it was read.
    pub(super) ending: bool,
    /// Every topic it was ever in.
    pub(super) ever: BTreeSet<Topic>,
    /// What its client has not read.
    pub(super) owed: Vec<Owed>,
    /// What its client would send as `Last-Event-ID`.
    pub(super) held: String,
}

/// An event that is due to a connection.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) number: usize,
    /// Through which of the topics that the next transport takes over.
    pub(super) via: BTreeSet<Topic>,
}

/// A stream, as its client has it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) reader: Reader,
    pub(super) connection: String,
    /// Another transport has taken the connection over.
    pub(super) superseded: bool,
    /// The client came with an id that means nothing.
    pub(super) expects_gap: bool,
    /// Ephemeral events that are due.
    pub(super) ephemeral: Vec<usize>,
    /// What was sent meanwhile and is not for it.
    pub(super) banned: BTreeSet<usize>,
    /// The number of the newest event that came with an id.
    pub(super) newest: Option<usize>,
}

impl Life {
    /// The topics it is in. `user_groups` are those of its user.
    pub(super) fn topics(&self, connection: &str, user_groups: &BTreeSet<Group>) -> BTreeSet<Topic> {
        let mut topics = self.kept_topics(connection, user_groups);
        topics.extend(self.asked.iter().map(|group| group.topic()));
        topics
    }

    /// Those that the next transport of its session will be in, whatever it asks for.
    pub(super) fn kept_topics(&self, connection: &str, user_groups: &BTreeSet<Group>) -> BTreeSet<Topic> {
        let groups = self.joined.union(user_groups).map(|group| group.topic());
        let user = self.user.map(User::topic);
        [Topic::All, Topic::connection(connection)].into_iter().chain(user).chain(groups).collect()
    }

    /// It has left a group: the next transport does not come back to that.
    pub(super) fn left(&mut self, group: Group) {
        for owed in &mut self.owed {
            owed.via.remove(&group.topic());
        }
    }
}

impl User {
    pub(super) fn id(self) -> String {
        format!("user {}", self.0)
    }

    pub(super) fn topic(self) -> Topic {
        Topic::user(self.id())
    }
}

impl Group {
    pub(super) fn name(self) -> String {
        format!("group {}", self.0)
    }

    pub(super) fn topic(self) -> Topic {
        Topic::group(self.name())
    }
}

impl Session {
    pub(super) fn name(self) -> String {
        format!("a-session-of-128-bits-{}", self.0)
    }
}
