//! What nodes say to one another, and its form.
//!
//! Variants and fields stay as they are, and new ones come last: nodes of two versions run side by side in a deploy. A
//! node that does not know what is said skips the record.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::clock::millis;
use crate::id::Position;
use crate::identity::Identity;
use crate::session::SessionKey;
use crate::topic::{MAX_NAME, Topic};

/// Names a node for as long as it runs. Who has started first has the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct NodeId(u64);

impl NodeId {
    /// Milliseconds for ten thousand years, and 16 random bits.
    pub(crate) fn draw() -> Self {
        let started_ms = millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Self(started_ms << 16 | u64::from(rand::random::<u16>()))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Some things that one node says, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signal {
    pub(crate) from: NodeId,
    pub(crate) says: Vec<Say>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Say {
    /// It is there: said when there is nothing else to say.
    Alive,
    /// Tell me all that you have: one node, or each.
    Hello(Option<NodeId>),
    /// It has shut down.
    Leaving,
    Presence(Presence),
    Group(GroupChange),
    End(End),
    /// The user's tickets are worth nothing any more. An [`End`](Self::End) follows.
    Revoke(String),
    Answer {
        to: NodeId,
        ask: u64,
        answer: Answer,
    },
    Ticket(TicketForm),
    /// The first who says this of a ticket gets what it is worth.
    Redeem {
        ask: u64,
        ticket: u128,
    },
    /// The session's connection is here now.
    Claim {
        user: Option<String>,
        session: String,
        connection: String,
        /// Of the claims of this node.
        number: u64,
    },
}

/// What has changed about the connections of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Presence {
    /// How often the node has told all that it has.
    pub(crate) round: u64,
    /// Up to where it had heard the log: milliseconds, and the counter inside of that.
    pub(crate) as_of: (u64, u64),
    pub(crate) here: Vec<Here>,
    pub(crate) gone: Vec<Gone>,
    /// Sessions that no node has: told by the oldest node, for those that have just started.
    pub(crate) orphans: Vec<OrphanForm>,
    /// All has been told: what is of an earlier round is not there any more.
    pub(crate) is_all: bool,
}

/// A connection that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Here {
    pub(crate) connection: String,
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) session: Option<SessionForm>,
    pub(crate) standing: Standing,
}

/// What a node has said of the session of one of its connections. Of two nodes that have the same session it is that
/// node's which has said so last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// Nothing yet: it says so here.
    New,
    /// That it has claimed it, and that has not come back to it.
    Claimed,
    /// That it is its own, at this place of the log.
    Heard { ms: u64, seq: u64 },
}

/// A connection that is there no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gone {
    pub(crate) connection: String,
    /// Its session can be taken up on another node: this one shuts down.
    pub(crate) resumable: bool,
}

/// A session whose node is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrphanForm {
    pub(crate) connection: String,
    pub(crate) user: Option<String>,
    pub(crate) session: SessionForm,
    /// For how long it may be taken up.
    pub(crate) left_ms: u64,
    /// The hooks of its node were told that it is gone.
    pub(crate) is_told: bool,
}

/// With what a connection can be come back to, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionForm {
    pub(crate) name: String,
    pub(crate) joined: Vec<JoinedForm>,
}

/// A group that a connection has joined, and after which event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinedForm {
    pub(crate) group: String,
    pub(crate) ms: u64,
    pub(crate) seq: u64,
    pub(crate) snapshot: bool,
}

/// A connection is put into a group, or taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupChange {
    pub(crate) ask: u64,
    /// Who has the connection, as far as who asks knows; each answers if it does not.
    pub(crate) at: Option<NodeId>,
    pub(crate) connection: String,
    pub(crate) group: String,
    pub(crate) joins: Option<Joins>,
}

/// How a group is joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Joins {
    pub(crate) snapshot: bool,
}

/// Streams are ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) ask: u64,
    pub(crate) topic: TopicName,
    pub(crate) reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TopicName {
    All,
    User(String),
    Group(String),
    Connection(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    UnknownConnection,
    TooManyGroups,
    Ended(u64),
}

/// A ticket, and what it is worth.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TicketForm {
    pub(crate) ticket: u128,
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
    /// When the identity ends, in Unix milliseconds.
    pub(crate) identity_ends_ms: Option<u64>,
    pub(crate) lifetime_ms: u64,
}

impl fmt::Debug for TicketForm {
    /// The ticket itself is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketForm").field("user", &self.user).finish_non_exhaustive()
    }
}

impl TicketForm {
    pub(crate) fn new(ticket: u128, identity: &Identity, lifetime: Duration) -> Self {
        let unix_ms = |at: SystemTime| millis(at.duration_since(UNIX_EPOCH).unwrap_or_default());
        Self {
            ticket,
            user: identity.user.as_deref().map(str::to_owned),
            groups: identity.groups.iter().map(|group| group.to_string()).collect(),
            identity_ends_ms: identity.expires.map(unix_ms),
            lifetime_ms: millis(lifetime),
        }
    }

    pub(crate) fn into_identity(self) -> Identity {
        let identity = self.user.map_or_else(Identity::anonymous, Identity::user).groups(self.groups);
        let ends = self.identity_ends_ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
        Identity { expires: ends, ..identity }
    }
}

impl Signal {
    /// Whether a node that comes back after a while is to hear it as it hears events: who was ended stays out.
    pub(crate) fn lasts(&self) -> bool {
        self.says.iter().any(|say| matches!(say, Say::End(_) | Say::Revoke(_)))
    }

    /// Whether all names in it are as long as names may be.
    pub(crate) fn is_valid(&self) -> bool {
        self.says.iter().all(|say| match say {
            Say::Alive | Say::Hello(_) | Say::Leaving | Say::Answer { .. } | Say::Redeem { .. } => true,
            Say::Presence(presence) => {
                presence.here.iter().all(Here::is_valid) && presence.orphans.iter().all(OrphanForm::is_valid)
            }
            Say::Group(change) => is_name(&change.connection) && is_name(&change.group),
            Say::End(end) => is_name(Topic::from(&end.topic).name()),
            Say::Revoke(user) => is_name(user),
            Say::Ticket(ticket) => ticket.user.iter().chain(&ticket.groups).all(|name| is_name(name)),
            Say::Claim { user, session, connection, .. } => {
                user.iter().chain([session, connection]).all(|name| is_name(name))
            }
        })
    }
}

impl Presence {
    /// What was looked at in an earlier log, whose clock may have been ahead, has its place before all of this one.
    pub(crate) fn forget_places_behind(&mut self, at: Position) {
        let forget = |ms: &mut u64, seq: &mut u64| {
            if (Position { ms: *ms, seq: *seq }) >= at {
                (*ms, *seq) = (0, 0);
            }
        };
        forget(&mut self.as_of.0, &mut self.as_of.1);
        for here in &mut self.here {
            if let Standing::Heard { ms, seq } = &mut here.standing {
                forget(ms, seq);
            }
        }
    }
}

impl Here {
    fn is_valid(&self) -> bool {
        let names = self.user.iter().chain(&self.groups).chain([&self.connection]);
        names.into_iter().all(|name| is_name(name)) && self.session.iter().all(SessionForm::is_valid)
    }

    pub(crate) fn session_key(&self) -> Option<SessionKey> {
        let session = self.session.as_ref()?;
        Some((self.user.as_deref().map(Arc::from), session.name.as_str().into()))
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let groups: usize = self.groups.iter().map(|group| group.len() + 2).sum();
        let user = self.user.as_ref().map_or(0, String::len);
        self.connection.len() + user + groups + self.session.as_ref().map_or(0, SessionForm::size) + 8
    }
}

impl OrphanForm {
    pub(crate) fn session_key(&self) -> SessionKey {
        (self.user.as_deref().map(Arc::from), self.session.name.as_str().into())
    }

    fn is_valid(&self) -> bool {
        self.user.iter().chain([&self.connection]).all(|name| is_name(name)) && self.session.is_valid()
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.connection.len() + self.user.as_ref().map_or(0, String::len) + self.session.size() + 16
    }
}

impl SessionForm {
    fn is_valid(&self) -> bool {
        self.joined.iter().map(|joined| &joined.group).chain([&self.name]).all(|name| is_name(name))
    }

    fn size(&self) -> usize {
        self.name.len() + self.joined.iter().map(|joined| joined.group.len() + 20).sum::<usize>()
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
}

impl From<&Topic> for TopicName {
    fn from(topic: &Topic) -> Self {
        match topic {
            Topic::All => Self::All,
            Topic::User(id) => Self::User(id.to_string()),
            Topic::Group(name) => Self::Group(name.to_string()),
            Topic::Connection(id) => Self::Connection(id.to_string()),
        }
    }
}

impl From<&TopicName> for Topic {
    fn from(name: &TopicName) -> Self {
        match name {
            TopicName::All => Self::All,
            TopicName::User(id) => Self::user(id),
            TopicName::Group(name) => Self::group(name),
            TopicName::Connection(id) => Self::connection(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_an_earlier_log_is_before_all_of_this_one() {
        let here = |ms| Here {
            connection: "c".into(),
            user: None,
            groups: Vec::new(),
            session: None,
            standing: Standing::Heard { ms, seq: 1 },
        };
        let at = Position { ms: 5, seq: 0 };
        let mut presence = Presence { as_of: (5, 0), here: vec![here(4), here(6)], ..Presence::default() };
        presence.forget_places_behind(at);
        assert_eq!(presence.as_of, (0, 0));
        let standing: Vec<Standing> = presence.here.iter().map(|here| here.standing).collect();
        assert_eq!(standing, [Standing::Heard { ms: 4, seq: 1 }, Standing::Heard { ms: 0, seq: 0 }]);
        presence.as_of = (4, 9);
        presence.forget_places_behind(at);
        assert_eq!(presence.as_of, (4, 9));
    }
}
