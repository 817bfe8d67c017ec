//! Whom an event is for.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

/// The longest name of a user, group or connection, and the longest key, in bytes.
pub const MAX_NAME: usize = 512;

/// The most topics one audience may unite, and the most it may except.
pub const MAX_AUDIENCE: usize = 10_000;

/// An index over the log, and the connections subscribed to it.
///
/// Topics are typed, never one joined string: user `all`, group `*`, user `a:b` and group `a:b` are four strangers.
/// Any text is a name, the empty one too, up to [`MAX_NAME`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Every connection.
    All,
    /// All connections of one user.
    User(Arc<str>),
    /// The members of one group.
    Group(Arc<str>),
    /// One connection.
    Connection(Arc<str>),
}

impl Topic {
    /// All connections of the user `id`.
    pub fn user(id: impl AsRef<str>) -> Self {
        Self::User(id.as_ref().into())
    }

    /// The members of the group `name`.
    pub fn group(name: impl AsRef<str>) -> Self {
        Self::Group(name.as_ref().into())
    }

    /// The connection `id`.
    pub fn connection(id: impl AsRef<str>) -> Self {
        Self::Connection(id.as_ref().into())
    }

    /// The name inside its kind; [`Topic::All`] has none.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::All => "",
            Self::User(name) | Self::Group(name) | Self::Connection(name) => name,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Connection(name) => write!(f, "connection:{name}"),
        }
    }
}

/// Who gets an event: a union of topics, minus exceptions.
///
/// A connection that several topics of one audience reach gets the event once. Exceptions hold in replay as they do
/// live. A member of a group is who was subscribed to it when the event was committed.
///
/// ```
/// use ssehub::Audience;
///
/// let audience = Audience::group("market").or_user("bob").except_connection("dUYpVbT3n1k");
/// # let _ = audience;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    pub(crate) topics: SmallVec<[Topic; 1]>,
    pub(crate) except: Vec<Topic>,
}

impl Audience {
    /// Nobody: a place to start a union from. An event sent to nobody is accepted and reaches nobody.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Every connection.
    pub fn all() -> Self {
        Topic::All.into()
    }

    /// All connections of one user.
    pub fn user(id: impl AsRef<str>) -> Self {
        Topic::user(id).into()
    }

    /// All connections of several users.
    pub fn users(ids: impl IntoIterator<Item: AsRef<str>>) -> Self {
        ids.into_iter().map(Topic::user).collect()
    }

    /// The members of one group.
    pub fn group(name: impl AsRef<str>) -> Self {
        Topic::group(name).into()
    }

    /// The members of several groups.
    pub fn groups(names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        names.into_iter().map(Topic::group).collect()
    }

    /// One connection.
    pub fn connection(id: impl AsRef<str>) -> Self {
        Topic::connection(id).into()
    }

    /// Several connections.
    pub fn connections(ids: impl IntoIterator<Item: AsRef<str>>) -> Self {
        ids.into_iter().map(Topic::connection).collect()
    }

    /// Adds a topic.
    pub fn or(mut self, topic: Topic) -> Self {
        self.topics.push(topic);
        self
    }

    /// Adds all connections of a user.
    pub fn or_user(self, id: impl AsRef<str>) -> Self {
        self.or(Topic::user(id))
    }

    /// Adds the members of a group.
    pub fn or_group(self, name: impl AsRef<str>) -> Self {
        self.or(Topic::group(name))
    }

    /// Adds a connection.
    pub fn or_connection(self, id: impl AsRef<str>) -> Self {
        self.or(Topic::connection(id))
    }

    /// Takes everybody in a topic out.
    pub fn except(mut self, topic: Topic) -> Self {
        self.except.push(topic);
        self
    }

    /// Takes all connections of a user out.
    pub fn except_user(self, id: impl AsRef<str>) -> Self {
        self.except(Topic::user(id))
    }

    /// Takes the members of a group out.
    pub fn except_group(self, name: impl AsRef<str>) -> Self {
        self.except(Topic::group(name))
    }

    /// Takes a connection out: usually the one the sender came from.
    pub fn except_connection(self, id: impl AsRef<str>) -> Self {
        self.except(Topic::connection(id))
    }

    /// Each topic and each exception once.
    pub(crate) fn dedup(&mut self) {
        self.topics.sort_unstable();
        self.topics.dedup();
        self.except.sort_unstable();
        self.except.dedup();
    }
}

impl From<Topic> for Audience {
    fn from(topic: Topic) -> Self {
        Self::nobody().or(topic)
    }
}

impl FromIterator<Topic> for Audience {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Self {
        Self { topics: topics.into_iter().collect(), except: Vec::new() }
    }
}
