//! What a secret grants: to act with an identity, until that expires or is revoked.
//!
//! The token of a login is such a secret, and so is the cookie of a stream. There are bounds: for each user, where one
//! more takes the place of the oldest, and in all, where one more is refused. What has expired grants nothing, and is
//! forgotten when room is needed.

use std::collections::HashMap;
use std::fmt;
use std::time::SystemTime;

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use ssehub::Identity;

/// Of 62 letters and digits: 131 bits.
const SECRET_LENGTH: usize = 22;

/// What is granted to whoever knows the secret.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) identity: Identity,
    /// Kept all the same until it expires: who comes with it is told that it is over.
    pub(crate) revoked: bool,
    number: u64,
}

impl Grant {
    /// Whose it is. Nobody is anonymous here.
    pub(crate) fn user(&self) -> &str {
        self.identity.user_id().unwrap_or_default()
    }

    fn has_expired(&self) -> bool {
        self.identity.expires().is_some_and(|moment| moment <= SystemTime::now())
    }
}

/// Grants by their secrets.
pub(crate) struct Grants {
    grants: HashMap<String, Grant>,
    max: usize,
    max_per_user: usize,
    /// How many there have been.
    given: u64,
}

impl Grants {
    pub(crate) fn new(max: usize, max_per_user: usize) -> Self {
        Self { grants: HashMap::new(), max, max_per_user, given: 0 }
    }

    /// Makes a secret that grants to act with this identity; `None` if there is no room for it.
    ///
    /// It looks at all grants, which are few enough for that.
    pub(crate) fn give(&mut self, identity: Identity) -> Option<String> {
        if self.grants.len() >= self.max {
            self.grants.retain(|_, grant| !grant.has_expired());
        }
        self.given += 1;
        let new = Grant { identity, revoked: false, number: self.given };
        let user = new.user();
        let theirs = || self.grants.iter().filter(move |(_, grant)| grant.user() == user);
        if theirs().count() >= self.max_per_user
            && let Some(oldest) = theirs().min_by_key(|(_, grant)| grant.number).map(|(secret, _)| secret.clone())
        {
            self.grants.remove(&oldest);
        }
        if self.grants.len() >= self.max {
            return None;
        }
        let secret: String = rand::rng().sample_iter(Alphanumeric).take(SECRET_LENGTH).map(char::from).collect();
        self.grants.insert(secret.clone(), new);
        Some(secret)
    }

    /// What a secret grants, or granted until it was revoked.
    pub(crate) fn find(&self, secret: &str) -> Option<&Grant> {
        self.grants.get(secret).filter(|grant| !grant.has_expired())
    }

    /// Revokes whatever was granted to a user.
    pub(crate) fn revoke(&mut self, user: &str) {
        self.grants.values_mut().filter(|grant| grant.user() == user).for_each(|grant| grant.revoked = true);
    }
}

/// Without the secrets.
impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").field("len", &self.grants.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    fn valid(user: &str) -> Identity {
        Identity::user(user).expires_in(Duration::from_secs(3600))
    }

    fn expired(user: &str) -> Identity {
        Identity::user(user).expires_in(Duration::ZERO)
    }

    #[test]
    fn a_secret_grants_until_its_identity_expires() {
        let mut grants = Grants::new(10, 10);
        let (good, old) = (grants.give(valid("alice")).unwrap(), grants.give(expired("alice")).unwrap());
        assert_eq!(grants.find(&good).unwrap().identity.user_id(), Some("alice"));
        for wrong in [&old, "", "alice", &good[1..], &format!("{good} ")] {
            assert!(grants.find(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let mut grants = Grants::new(100, 100);
        let secrets: HashSet<_> = (0..100).map(|_| grants.give(valid("alice")).unwrap()).collect();
        assert_eq!(secrets.len(), 100);
        assert!(secrets.iter().all(|secret| secret.len() == SECRET_LENGTH));
    }

    #[test]
    fn what_is_revoked_is_the_users_alone_and_is_remembered_as_revoked() {
        let mut grants = Grants::new(10, 10);
        let (alices, bobs) = (grants.give(valid("alice")).unwrap(), grants.give(valid("bob")).unwrap());
        grants.revoke("alice");
        assert!(grants.find(&alices).unwrap().revoked);
        assert!(!grants.find(&bobs).unwrap().revoked);
        let next = grants.give(valid("alice")).unwrap();
        assert!(!grants.find(&next).unwrap().revoked);
    }

    #[test]
    fn one_more_than_a_user_may_have_takes_the_place_of_the_oldest() {
        let mut grants = Grants::new(10, 2);
        let alices: Vec<_> = (0..3).map(|_| grants.give(valid("alice")).unwrap()).collect();
        let bobs = grants.give(valid("bob")).unwrap();
        let found: Vec<_> = alices.iter().map(|secret| grants.find(secret).is_some()).collect();
        assert_eq!(found, [false, true, true]);
        assert!(grants.find(&bobs).is_some());
    }

    #[test]
    fn one_more_than_there_may_be_is_refused_until_one_expires() {
        let mut grants = Grants::new(2, 2);
        grants.give(valid("alice")).unwrap();
        grants.give(expired("bob")).unwrap();
        let carols = grants.give(valid("carol")).unwrap();
        assert_eq!(grants.give(valid("dave")), None);
        assert!(grants.find(&carols).is_some());
        assert_eq!(grants.grants.len(), 2);
    }

    #[test]
    fn a_secret_is_in_no_debug_text() {
        let mut grants = Grants::new(2, 2);
        let secret = grants.give(valid("alice")).unwrap();
        assert!(!format!("{grants:?}").contains(&secret));
    }
}
