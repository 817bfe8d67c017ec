//! Who was logged out: so that a ticket redeemed before, whose stream is not open yet, opens none.

use std::collections::HashMap;
use std::sync::Arc;

/// How many users are remembered. When there is one more, all but the last half as many revocations are summed up in
/// one: whoever redeemed a ticket before that, and opens a stream with that identity, is sent for another ticket.
const MAX_REVOKED_USERS: usize = 100_000;

/// The revocations of a hub, numbered from one.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    last: u64,
    /// The last one of each user, as far as it is remembered.
    of: HashMap<Arc<str>, u64>,
    /// The last one that may have been forgotten.
    forgotten: u64,
}

impl Revocations {
    /// How many there have been.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn add(&mut self, user: &str) {
        if self.of.len() >= MAX_REVOKED_USERS {
            self.forgotten = self.last - MAX_REVOKED_USERS as u64 / 2;
            self.of.retain(|_, number| *number > self.forgotten);
        }
        self.last += 1;
        self.of.insert(user.into(), self.last);
    }

    /// All users are revoked.
    pub(crate) fn add_all(&mut self) {
        self.last += 1;
        self.forgotten = self.last;
        self.of.clear();
    }

    /// Whether a user was revoked after so many revocations.
    pub(crate) fn is_newer(&self, user: &str, than: u64) -> bool {
        self.of.get(user).copied().unwrap_or(self.forgotten) > than
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_concerns_what_came_before_it_and_nobody_else() {
        let mut revocations = Revocations::default();
        revocations.add("bob");
        let before = revocations.last();
        revocations.add("alice");
        assert!(revocations.is_newer("alice", before) && !revocations.is_newer("bob", before));
        assert!(!revocations.is_newer("alice", revocations.last()), "who comes back is let in");
    }

    #[test]
    fn what_is_forgotten_lets_nobody_in_who_was_revoked() {
        let mut revocations = Revocations::default();
        revocations.add("alice");
        for user in 1..MAX_REVOKED_USERS {
            revocations.add(&user.to_string());
        }
        assert!(!revocations.is_newer("bob", 0) && revocations.is_newer("alice", 0), "all are remembered");
        revocations.add("carol");
        assert_eq!(revocations.of.len(), MAX_REVOKED_USERS / 2 + 1);
        assert!(!revocations.of.contains_key("alice") && revocations.is_newer("alice", 0));
        let lately = revocations.last() - MAX_REVOKED_USERS as u64 / 2;
        assert!(!revocations.is_newer("alice", lately) && !revocations.is_newer("bob", lately));
        assert!(revocations.is_newer("carol", lately));
    }
}
