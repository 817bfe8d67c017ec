//! Leaving: every stream is told and ended, so that the framework's own graceful shutdown has nothing to wait for.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::cell::Closing;
use crate::clock::millis;
use crate::hooks::DisconnectReason;
use crate::inner::Inner;
use crate::nodes::signal::Say;
use crate::sync::Ordering;
use rand::RngExt as _;

/// The default of [`Shutdown::retry`]: a deploy's clients come back over four seconds, not at once.
pub(crate) const DEFAULT_SPREAD: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(5);

/// How long a backplane may take to hear that this node leaves: it may be away.
const LEAVING_TIMEOUT: Duration = Duration::from_secs(1);

/// How streams are ended by [`Hub::shutdown`](crate::Hub::shutdown).
///
/// ```
/// use std::time::Duration;
/// use ssehub::Shutdown;
///
/// let shutdown = Shutdown::within(Duration::from_secs(5))
///     .retry(Duration::from_secs(1)..=Duration::from_secs(10))
///     .reason("deploy");
/// # let _ = shutdown;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Shutdown {
    deadline: Duration,
    retry: RangeInclusive<Duration>,
    reason: Arc<str>,
}

impl Shutdown {
    /// After this long, streams that still have not taken what they were sent are given up.
    pub fn within(deadline: Duration) -> Self {
        Self { deadline, retry: DEFAULT_SPREAD, reason: "shutdown".into() }
    }

    /// The range from which each stream's `retry:` is drawn at random, so that a deploy is no stampede. Defaults to one
    /// to five seconds. An empty range counts as its start.
    pub fn retry(mut self, range: RangeInclusive<Duration>) -> Self {
        self.retry = range;
        self
    }

    /// What `hub:closing` and the disconnect hooks say. Defaults to `shutdown`.
    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = reason.into();
        self
    }
}

/// After how long one of many clients is to come back.
pub(crate) fn draw_retry(range: &RangeInclusive<Duration>) -> Duration {
    let (start, end) = (millis(*range.start()), millis(*range.end()));
    Duration::from_millis(rand::rng().random_range(start..=end.max(start)))
}

/// What became of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Streams that ended in time.
    pub closed: usize,
    /// Streams that were still there at the deadline: nothing polled them. They end without a word when something does.
    pub remaining: usize,
}

impl Inner {
    pub(crate) async fn shutdown(self: &Arc<Self>, shutdown: Shutdown) -> ShutdownReport {
        let at = {
            let log = self.log.write();
            self.set_closing();
            log.head().offset
        };
        let cells = self.cells();
        for cell in &cells {
            let reason = DisconnectReason::Shutdown(Arc::clone(&shutdown.reason));
            self.close(cell, &Closing { at, reason, retry: Some(draw_retry(&shutdown.retry)), now: false });
        }
        let ended = async {
            self.emptied().await;
            if let Some(hooks) = &self.hooks {
                hooks.drained().await;
            }
        };
        self.in_time(shutdown.deadline, ended).await;
        let remaining = self.cells();
        for cell in &remaining {
            let reason = DisconnectReason::Shutdown(Arc::clone(&shutdown.reason));
            self.close(cell, &Closing { at, reason, retry: None, now: true });
        }
        if let Some(nodes) = &self.nodes {
            nodes.outbox.close();
            // Others find out by themselves if it does not reach them.
            let _ = self.in_time(LEAVING_TIMEOUT, self.say(nodes, vec![Say::Leaving])).await;
        }
        ShutdownReport { closed: cells.len().saturating_sub(remaining.len()), remaining: remaining.len() }
    }

    /// Resolves when no stream is open.
    async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.open.load(Ordering::SeqCst) == 0 {
                return;
            }
            emptied.await;
        }
    }
}
