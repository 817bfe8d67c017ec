//! Tickets, and whether each was good once.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use ssehub::{Hub, Identity};

use crate::support::now;
use crate::world::user_name;

/// Tickets of a run. What happens to them is ordered by a clock that counts.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    clock: AtomicU64,
    issued: Mutex<Vec<Issued>>,
    revoked: Mutex<Vec<Revoked>>,
}

#[derive(Debug)]
struct Issued {
    secret: String,
    user: u8,
    began: u64,
    ended: u64,
    tries: Vec<Try>,
}

#[derive(Clone, Copy, Debug)]
struct Try {
    began: u64,
    ended: u64,
    won: bool,
}

#[derive(Clone, Copy, Debug)]
struct Revoked {
    user: u8,
    began: u64,
    ended: u64,
}

impl Tickets {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn issue(&self, hub: &Hub, user: u8) {
        let began = self.tick();
        let ticket = now(hub.issue_ticket(Identity::user(user_name(user)))).expect("there is room for a ticket");
        let ended = self.tick();
        self.issued.lock().push(Issued { secret: ticket.to_string(), user, began, ended, tries: Vec::new() });
    }

    /// Redeems one of the newest. Whose it is, if it was good.
    pub(crate) fn redeem(&self, hub: &Hub, newest: usize) -> Option<(u8, Identity)> {
        let (place, secret, user) = {
            let issued = self.issued.lock();
            let place = issued.len().checked_sub(newest + 1)?;
            (place, issued[place].secret.clone(), issued[place].user)
        };
        let began = self.tick();
        let redeemed = now(hub.redeem_ticket(&secret));
        let ended = self.tick();
        self.issued.lock()[place].tries.push(Try { began, ended, won: redeemed.is_ok() });
        let identity = redeemed.ok()?;
        assert_eq!(identity.user_id(), Some(user_name(user).as_str()), "it is good for whom it was issued for");
        Some((user, identity))
    }

    /// Notes that `revoke` takes what a user has.
    pub(crate) fn revoke<T>(&self, user: u8, revoke: impl FnOnce() -> T) -> T {
        let began = self.tick();
        let result = revoke();
        self.revoked.lock().push(Revoked { user, began, ended: self.tick() });
        result
    }

    /// Each was good once, for the first, unless it was taken back before.
    pub(crate) fn check(&self) {
        let revoked = self.revoked.lock();
        for ticket in self.issued.lock().iter() {
            let won = ticket.tries.iter().filter(|attempt| attempt.won).count();
            assert!(won <= 1, "redeemed {won} times: {ticket:?}");
            let revoked = || revoked.iter().filter(|revoked| revoked.user == ticket.user);
            let was_void = |attempt: &Try| revoked().any(|it| it.began > ticket.ended && it.ended < attempt.began);
            assert!(!ticket.tries.iter().any(|attempt| attempt.won && was_void(attempt)), "it was revoked: {ticket:?}");
            let last = ticket.tries.iter().map(|attempt| attempt.ended).max().unwrap_or(0);
            let may_be_void = revoked().any(|it| it.ended > ticket.began && it.began < last);
            assert!(won == 1 || ticket.tries.is_empty() || may_be_void, "nobody could redeem it: {ticket:?}");
        }
    }
}
