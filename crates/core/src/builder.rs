//! How a hub is set up. Every number has its default and the reason for it here.

use std::sync::Arc;
use std::time::Duration;

use crate::backplane::Backplane;
use crate::follow;
use crate::history::History;
use crate::hooks::{HookRunner, Hooks};
use crate::hub::Hub;
use crate::inner::Inner;
use crate::log::StateLimits;
use crate::timer;

/// The default of [`HubBuilder::keep_alive`]: under the 60 s after which most proxies give up a silent stream, and
/// often enough that a client's cursor is fresh.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The default of [`HubBuilder::retry`]: what browsers wait by themselves.
pub const DEFAULT_RETRY: Duration = Duration::from_secs(3);

/// The default of [`HubBuilder::retry_after`].
pub const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The default of [`HubBuilder::ticket_lifetime`]: a page redeems its ticket with the next request, on a slow network
/// too.
pub const DEFAULT_TICKET_LIFETIME: Duration = Duration::from_secs(30);

/// The default of [`HubBuilder::max_event_bytes`]: 1 MiB, more than a browser should be pushed.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 1 << 20;

/// The default of [`HubBuilder::max_groups_per_connection`].
pub const DEFAULT_MAX_GROUPS: usize = 1024;

/// The default of [`HubBuilder::max_keys_per_topic`]: a snapshot of 10,000 small events is about a megabyte.
pub const DEFAULT_MAX_KEYS: usize = 10_000;

/// The default of [`HubBuilder::max_state_bytes`]: as much as the history.
pub const DEFAULT_MAX_STATE_BYTES: usize = 64 << 20;

/// The default of [`HubBuilder::max_parked`]. At less than a kilobyte each this is about 50 MB when full.
pub const DEFAULT_MAX_PARKED: usize = 65_536;

/// The default of [`HubBuilder::stall_timeout`]: as long as a cut link is waited for, and longer than a phone takes to
/// change networks.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The default of [`HubBuilder::node_timeout`]: longer than a node takes to hear of its backplane again after a restart of
/// either, or of a network.
pub const DEFAULT_NODE_TIMEOUT: Duration = Duration::from_secs(30);

/// The shortest keep-alive: below this a hub of many connections does nothing else.
const MIN_KEEP_ALIVE: Duration = Duration::from_millis(10);

/// The longest time that may be set anywhere: ten years, so that no sum of times can overflow.
const MAX_TIME: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What a hub was built with.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) history: History,
    pub(crate) state: StateLimits,
    pub(crate) keep_alive: Duration,
    pub(crate) retry: Duration,
    pub(crate) retry_after: Duration,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) stall_timeout: Duration,
    pub(crate) resume_window: Duration,
    pub(crate) max_parked: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_user: usize,
    /// How many, in how long a time.
    pub(crate) max_connects: Option<(u32, Duration)>,
    pub(crate) ticket_lifetime: Duration,
    pub(crate) max_groups: usize,
    pub(crate) max_event_bytes: usize,
    pub(crate) node_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            history: History::default(),
            state: StateLimits { keys_per_topic: DEFAULT_MAX_KEYS, bytes: DEFAULT_MAX_STATE_BYTES },
            keep_alive: DEFAULT_KEEP_ALIVE,
            retry: DEFAULT_RETRY,
            retry_after: DEFAULT_RETRY_AFTER,
            max_lifetime: None,
            stall_timeout: DEFAULT_STALL_TIMEOUT,
            resume_window: Duration::ZERO,
            max_parked: DEFAULT_MAX_PARKED,
            max_connections: usize::MAX,
            max_connections_per_user: usize::MAX,
            max_connects: None,
            ticket_lifetime: DEFAULT_TICKET_LIFETIME,
            max_groups: DEFAULT_MAX_GROUPS,
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
            node_timeout: DEFAULT_NODE_TIMEOUT,
        }
    }
}

/// Sets up a [`Hub`].
///
/// ```
/// use std::time::Duration;
/// use ssehub::{History, Hub};
///
/// let hub = Hub::builder()
///     .history(History::default().events(100_000))
///     .keep_alive(Duration::from_secs(20))
///     .max_connections(50_000)
///     .max_connections_per_user(20)
///     .build()?;
///
/// assert!(Hub::builder().keep_alive(Duration::ZERO).build().is_err());
/// # Ok::<(), ssehub::BuildError>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct HubBuilder {
    config: Config,
    hooks: Option<Arc<dyn Hooks>>,
    backplane: Option<Arc<dyn Backplane>>,
}

impl HubBuilder {
    /// What is retained for replay. Defaults to [`History::default`].
    pub fn history(mut self, history: History) -> Self {
        self.config.history = history;
        self
    }

    /// After how long without a write a stream gets a keep-alive, which also moves its client's cursor to the head.
    /// At least 10 ms. Defaults to [`DEFAULT_KEEP_ALIVE`].
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.config.keep_alive = time;
        self
    }

    /// The reconnection time each stream tells its client first. Defaults to [`DEFAULT_RETRY`].
    pub fn retry(mut self, time: Duration) -> Self {
        self.config.retry = time;
        self
    }

    /// The `Retry-After` of a refusal. Defaults to [`DEFAULT_RETRY_AFTER`].
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.config.retry_after = time;
        self
    }

    /// Ends each stream after 80 to 100 % of this time, drawn at random, so that load balancers rebalance and tokens
    /// expire. The client reconnects and goes on where it was. Defaults to none.
    pub fn max_lifetime(mut self, time: Duration) -> Self {
        self.config.max_lifetime = Some(time);
        self
    }

    /// For how long a client may take nothing though there is something to take, before its stream leaves every topic
    /// and count. It is noticed within one [`keep_alive`](Self::keep_alive) more. What becomes of the socket then is
    /// the framework's and the kernel's affair: see [`listen`](crate::listen). If the client reads on all the same, its
    /// stream ends, and it comes back with its `Last-Event-ID`. At least 10 ms. Defaults to [`DEFAULT_STALL_TIMEOUT`].
    pub fn stall_timeout(mut self, time: Duration) -> Self {
        self.config.stall_timeout = time;
        self
    }

    /// How long a connection with a [session](crate::ConnectRequest::session) outlives its transport. Defaults to zero:
    /// no sessions; a request that names one opens a plain stream.
    ///
    /// Where several nodes share a [backplane](Self::backplane) its client may come back to any of them, also while the one
    /// that had it is away or has crashed. A node hears of a session some milliseconds after it was opened; a client that comes
    /// to another one before that opens a new connection there, and the earlier one ends.
    pub fn resume_window(mut self, time: Duration) -> Self {
        self.config.resume_window = time;
        self
    }

    /// How many connections may be without a transport at a time, within their [window](Self::resume_window). When
    /// there is one more, the one that has waited longest is let go. It counts among [all](Self::max_connections) and
    /// among [its user's](Self::max_connections_per_user) as if it were open, but makes room when a new one comes.
    /// Defaults to [`DEFAULT_MAX_PARKED`].
    pub fn max_parked(mut self, connections: usize) -> Self {
        self.config.max_parked = connections;
        self
    }

    /// The most streams at a time; one more is refused with 503. Defaults to no limit but the system's.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.config.max_connections = connections;
        self
    }

    /// The most streams of one user at a time; one more is refused with 429. Where several nodes share a
    /// [backplane](Self::backplane), on all of them, as far as the one that is asked has heard: it can be exceeded by what
    /// comes to others in the same moment. Defaults to no limit.
    pub fn max_connections_per_user(mut self, connections: usize) -> Self {
        self.config.max_connections_per_user = connections;
        self
    }

    /// How often a user may connect: `connects` times at once, and one time more each `per / connects`. One more is
    /// refused with 429 and with a `Retry-After` that says how long it has to wait; waiting that long is enough.
    /// Reconnects count, those of a [session](crate::ConnectRequest::session) too; streams without a user don't, nor
    /// does what is refused for this. At least one connect, and a `per` of at least 1 ms. Defaults to no limit.
    ///
    /// Leave room for a browser that restores all its tabs, and for a network that comes and goes: each tab then
    /// connects once each [`retry`](Self::retry). The hub remembers [`MAX_RATED_USERS`](crate::MAX_RATED_USERS) users
    /// at a time.
    pub fn max_connects_per_user(mut self, connects: u32, per: Duration) -> Self {
        self.config.max_connects = Some((connects, per));
        self
    }

    /// For how long a [ticket](crate::Hub::issue_ticket) may be redeemed: no longer than a page needs from the answer
    /// that brings it to the request that uses it, and never longer than the identity it was issued for. At least 1 ms.
    /// Defaults to [`DEFAULT_TICKET_LIFETIME`].
    pub fn ticket_lifetime(mut self, time: Duration) -> Self {
        self.config.ticket_lifetime = time;
        self
    }

    /// The most groups a connection may join, and the most a user may. Defaults to [`DEFAULT_MAX_GROUPS`].
    pub fn max_groups_per_connection(mut self, groups: usize) -> Self {
        self.config.max_groups = groups;
        self
    }

    /// The most bytes of data in one event. Defaults to [`DEFAULT_MAX_EVENT_BYTES`].
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.config.max_event_bytes = bytes;
        self
    }

    /// The most keys in one topic. Defaults to [`DEFAULT_MAX_KEYS`].
    pub fn max_keys_per_topic(mut self, keys: usize) -> Self {
        self.config.state.keys_per_topic = keys;
        self
    }

    /// The most bytes the newest events of all keys may have together. Defaults to [`DEFAULT_MAX_STATE_BYTES`].
    pub fn max_state_bytes(mut self, bytes: usize) -> Self {
        self.config.state.bytes = bytes;
        self
    }

    /// What to do when connections come and go. Defaults to nothing.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// Where the log lives. Defaults to this process.
    ///
    /// Give all its hubs the same limits. Those on keys and state are checked where an event is sent, before the backplane
    /// takes it; so what is under way at that moment can exceed them, by that much.
    pub fn backplane(mut self, backplane: impl Backplane) -> Self {
        self.backplane = Some(Arc::new(backplane));
        self
    }

    /// After how long a node that says nothing is taken for gone, where several share a [backplane](Self::backplane): its
    /// connections are in no count any more then. It may take a second more. A node says something four times in that time;
    /// one that shuts down says so. While the backplane takes nothing from this node, none is taken for gone. At least 100 ms.
    /// Defaults to [`DEFAULT_NODE_TIMEOUT`].
    pub fn node_timeout(mut self, time: Duration) -> Self {
        self.config.node_timeout = time;
        self
    }

    /// Builds the hub and starts its timer thread, its hook thread if it has hooks, and the one that follows its
    /// backplane if it has one. They end with the last handle and the last stream.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a value is out of its range, or the system has no thread left.
    pub fn build(self) -> Result<Hub, BuildError> {
        self.config.check()?;
        let hooks = self.hooks.map(HookRunner::start).transpose().map_err(BuildError::Thread)?;
        if let Some(backplane) = &self.backplane {
            backplane.retain(&self.config.history);
        }
        let inner = Arc::new(Inner::new(self.config, hooks, self.backplane.clone()));
        timer::start(&inner).map_err(BuildError::Thread)?;
        if let Some(backplane) = self.backplane {
            follow::start(&inner, backplane).map_err(BuildError::Thread)?;
        }
        Ok(Hub::from_inner(inner))
    }
}

impl std::fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Config {
    fn check(&self) -> Result<(), BuildError> {
        let times = [
            ("keep_alive", Some(self.keep_alive), MIN_KEEP_ALIVE),
            ("retry", Some(self.retry), Duration::ZERO),
            ("retry_after", Some(self.retry_after), Duration::ZERO),
            ("max_lifetime", self.max_lifetime, MIN_KEEP_ALIVE),
            ("stall_timeout", Some(self.stall_timeout), MIN_KEEP_ALIVE),
            ("resume_window", Some(self.resume_window), Duration::ZERO),
            ("history age", Some(self.history.age), Duration::from_millis(1)),
            ("max_connects_per_user's time", self.max_connects.map(|(_, per)| per), Duration::from_millis(1)),
            ("node_timeout", Some(self.node_timeout), Duration::from_millis(100)),
            ("ticket_lifetime", Some(self.ticket_lifetime), Duration::from_millis(1)),
        ];
        for (option, time, least) in times {
            if time.is_some_and(|time| time < least || time > MAX_TIME) {
                return Err(BuildError::Time { option, least });
            }
        }
        let counts = [
            ("max_connections", self.max_connections),
            ("max_connections_per_user", self.max_connections_per_user),
            ("max_connects_per_user", self.max_connects.map_or(usize::MAX, |(connects, _)| connects as usize)),
            ("max_event_bytes", self.max_event_bytes),
            ("history bytes", self.history.bytes),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((option, _)) => Err(BuildError::Zero { option }),
            None => Ok(()),
        }
    }
}

/// Why a hub could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A time is out of its range.
    #[error("{option} must be between {least:?} and ten years")]
    Time {
        /// What was set.
        option: &'static str,
        /// The least it may be.
        least: Duration,
    },
    /// A limit is zero, which would let nothing through.
    #[error("{option} must be at least 1")]
    Zero {
        /// What was set.
        option: &'static str,
    },
    /// The system gave the hub no thread.
    #[error("the hub could not start a thread: {0}")]
    Thread(#[source] std::io::Error),
}
