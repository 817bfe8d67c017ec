//! A mix of audiences under which every reader gets a part of what is sent, and nobody gets all of it.

use rand::{RngExt as _, rngs::StdRng};

use crate::playground::{Pair, query};

/// So many users there are.
pub const USERS: usize = 6;

/// So many groups there are.
pub const GROUPS: usize = 4;

/// What decides the audiences and the cuts; `SSEHUB_SEED` sets another.
pub fn seed() -> u64 {
    std::env::var("SSEHUB_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_101)
}

/// The user and the group of a reader.
pub fn identity(reader: usize) -> (usize, usize) {
    (reader % USERS, (reader / USERS) % GROUPS)
}

/// Who an event is for.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// Everybody.
    All,
    /// A user.
    User(usize),
    /// A group.
    Group(usize),
    /// A user and a group, which may share readers.
    UserOrGroup(usize, usize),
    /// Everybody but a group.
    AllExceptGroup(usize),
}

impl Target {
    /// One at random.
    pub fn pick(random: &mut StdRng) -> Self {
        let (user, group) = (random.random_range(0..USERS), random.random_range(0..GROUPS));
        match random.random_range(0..6) {
            0 => Self::All,
            1 | 2 => Self::User(user),
            3 => Self::Group(group),
            4 => Self::UserOrGroup(user, group),
            _ => Self::AllExceptGroup(group),
        }
    }

    /// The query of `/send`.
    pub fn query(self) -> String {
        let (user, group) = (|user| format!("user:{user}"), |group| format!("group:{group}"));
        let pairs = match self {
            Self::All => vec![("to", "all".to_owned())],
            Self::User(to) => vec![("to", user(to))],
            Self::Group(to) => vec![("to", group(to))],
            Self::UserOrGroup(one, other) => vec![("to", user(one)), ("to", group(other))],
            Self::AllExceptGroup(except) => vec![("to", "all".to_owned()), ("except", group(except))],
        };
        let pairs: Vec<Pair<'_>> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        query(&pairs)
    }

    /// Whether it is for a reader.
    pub fn reaches(self, reader: usize) -> bool {
        let (user, group) = identity(reader);
        match self {
            Self::All => true,
            Self::User(to) => to == user,
            Self::Group(to) => to == group,
            Self::UserOrGroup(one, other) => one == user || other == group,
            Self::AllExceptGroup(except) => except != group,
        }
    }
}
