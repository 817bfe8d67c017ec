//! How often one user may connect: a page that opens streams in a loop, or somebody with one login, is told to wait.
//!
//! The generic cell rate algorithm: for each user who has connected of late the hub keeps the moment at which that is
//! worked off. It stands here in ten lines because the usual crate, `governor` 0.10, keeps a map without a bound, reads
//! a clock of its own, which the model checker cannot replace, and would be the third version of `hashbrown` in the
//! tree.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::connect::{ConnectError, ConnectErrorKind, ConnectRequest};
use crate::inner::Inner;
use crate::sync::Mutex;

/// How many users the hub remembers at a time who have connected of late. Those who find no room are let in uncounted:
/// a limit for each user never held back somebody who has that many users.
pub const MAX_RATED_USERS: usize = 100_000;

/// So many connects at once, and one more each interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    interval: Duration,
    /// How far ahead of one in each interval a user may be.
    burst: Duration,
}

impl Rate {
    pub(crate) fn new(connects: u32, per: Duration) -> Self {
        let connects = connects.max(1);
        let interval = (per / connects).max(Duration::from_nanos(1));
        Self { interval, burst: interval.saturating_mul(connects - 1) }
    }
}

/// Who has connected of late. Its lock is a leaf: nothing else is locked meanwhile.
#[derive(Debug)]
pub(crate) struct Connects {
    rate: Option<Rate>,
    /// When each user's connects will be worked off, on the hub's clock.
    done_at: Mutex<HashMap<Arc<str>, Duration>>,
}

impl Connects {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self { rate, done_at: Mutex::default() }
    }

    /// Counts a connect, or says how long it has to wait; that one is not counted.
    fn admit(&self, user: &Arc<str>, now_ms: u64) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        let now = Duration::from_millis(now_ms);
        let mut done_at = self.done_at.lock();
        let known = done_at.get(user).copied();
        let begins = known.unwrap_or_default().max(now);
        let wait = begins.saturating_sub(now + rate.burst);
        if !wait.is_zero() {
            return Err(wait);
        }
        if known.is_some() || done_at.len() < MAX_RATED_USERS {
            done_at.insert(Arc::clone(user), begins + rate.interval);
        }
        Ok(())
    }

    /// Forgets who is known for nothing any more. Called each second.
    pub(crate) fn let_go(&self, now_ms: u64) {
        if self.rate.is_none() {
            return;
        }
        let now = Duration::from_millis(now_ms);
        let mut done_at = self.done_at.lock();
        done_at.retain(|_, done_at| *done_at > now);
        let room = done_at.len() * 2;
        done_at.shrink_to(room);
    }
}

impl Inner {
    /// Whether the user of a request may connect now, as far as the rate goes.
    pub(crate) fn admit(&self, request: &ConnectRequest) -> Result<(), ConnectError> {
        let Some(user) = &request.user else { return Ok(()) };
        let admitted = self.connects.admit(user, self.clock.now_ms());
        admitted.map_err(|wait| ConnectError::new(ConnectErrorKind::TooManyConnects, wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connects(connects: u32, per_ms: u64) -> Connects {
        Connects::new(Some(Rate::new(connects, Duration::from_millis(per_ms))))
    }

    fn wait(connects: &Connects, user: &str, now_ms: u64) -> u64 {
        connects.admit(&user.into(), now_ms).map_or_else(|wait| wait.as_millis() as u64, |()| 0)
    }

    #[test]
    fn so_many_are_let_in_at_once_and_then_one_each_interval() {
        let connects = connects(3, 3_000);
        let waits: Vec<u64> = [0, 0, 0, 0, 999, 1_000, 1_000, 1_500].map(|now| wait(&connects, "a", now)).into();
        assert_eq!(waits, [0, 0, 0, 1_000, 1, 0, 1_000, 500]);
        // After as long as it takes to work off all, all are there again.
        let waits: Vec<u64> = [10_000; 4].map(|now| wait(&connects, "a", now)).into();
        assert_eq!(waits, [0, 0, 0, 1_000]);
        assert_eq!(wait(&connects, "b", 10_000), 0, "it concerns nobody else");
    }

    #[test]
    fn who_waits_as_long_as_told_is_let_in_whatever_the_numbers() {
        for (count, per_ms) in [(1, 1), (1, 86_400_000), (7, 60_000), (1_000, 1), (u32::MAX, 60_000)] {
            let connects = connects(count, per_ms);
            let at_once = (0..count.min(2_000)).filter(|_| wait(&connects, "a", 5) == 0).count();
            assert_eq!(at_once as u32, count.min(2_000), "{count} in {per_ms} ms");
            let told = connects.admit(&"a".into(), 5).err().unwrap_or_default();
            let told_ms = told.as_nanos().div_ceil(1_000_000) as u64;
            assert_eq!(wait(&connects, "a", 5 + told_ms), 0, "{count} in {per_ms} ms, told {told:?}");
        }
    }

    #[test]
    fn memory_is_bounded_and_let_go() {
        let connects = connects(1, 1_000);
        for user in 0..=MAX_RATED_USERS {
            assert_eq!(wait(&connects, &user.to_string(), 0), 0);
        }
        assert_eq!(connects.done_at.lock().len(), MAX_RATED_USERS);
        assert_eq!(wait(&connects, "0", 500), 500, "who is remembered is held back");
        connects.let_go(999);
        assert_eq!(connects.done_at.lock().len(), MAX_RATED_USERS);
        connects.let_go(1_000);
        let done_at = connects.done_at.lock();
        assert_eq!((done_at.len(), done_at.capacity()), (0, 0));
    }
}
