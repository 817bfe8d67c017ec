//! Time, read seldom: a commit reads the clock once, a delivery not at all.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sync::{AtomicU64, Ordering};

/// Milliseconds since the hub was built, and the Unix time they stand for.
#[derive(Debug)]
pub(crate) struct Clock {
    built: Instant,
    unix_at_build_ms: AtomicU64,
    coarse_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { built: Instant::now(), unix_at_build_ms: AtomicU64::new(unix_ms()), coarse_ms: AtomicU64::new(0) }
    }

    /// Milliseconds since the hub was built.
    pub(crate) fn now_ms(&self) -> u64 {
        let now = millis(self.built.elapsed());
        self.coarse_ms.store(now, Ordering::Relaxed);
        now
    }

    /// What [`now_ms`](Self::now_ms) said when anybody last asked: never later than now, and as fresh as the newest
    /// commit.
    pub(crate) fn coarse_ms(&self) -> u64 {
        self.coarse_ms.load(Ordering::Relaxed)
    }

    /// The Unix time at `now_ms` of this clock.
    pub(crate) fn unix_ms(&self, now_ms: u64) -> u64 {
        self.unix_at_build_ms.load(Ordering::Relaxed).saturating_add(now_ms)
    }

    /// Follows the machine's clock where it was set or has drifted.
    pub(crate) fn follow(&self) {
        self.unix_at_build_ms.store(unix_ms().saturating_sub(self.now_ms()), Ordering::Relaxed);
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unix_ms() -> u64 {
    // A clock before 1970 counts as 1970: ids still grow.
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
