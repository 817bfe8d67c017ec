//! How much the hub remembers.

use std::time::Duration;

/// The default of [`History::events`]: a minute of replay at 160 events a second.
pub const DEFAULT_HISTORY_EVENTS: usize = 10_000;

/// The default of [`History::bytes`]: 64 MiB, what a small container can spare.
pub const DEFAULT_HISTORY_BYTES: usize = 64 << 20;

/// The default of [`History::age`]: ten minutes, longer than most tunnels.
pub const DEFAULT_HISTORY_AGE: Duration = Duration::from_secs(600);

/// With no history, how many events a connected reader may lag behind.
const LIVE_EVENTS: usize = 1024;

/// What is retained for replay, and for readers that lag: the newest events, until the first of three limits.
///
/// Because every stream tells its client a fresh cursor, also while it is quiet, history need only outlast an outage,
/// not a silence. The newest event is always retained, even if it alone is over the limit of bytes. The newest event
/// of each key outlives these limits: see [`Event::key`](crate::Event::key).
///
/// ```
/// use std::time::Duration;
/// use ssehub::{History, Hub};
///
/// let hub = Hub::builder()
///     .history(History::default().events(50_000).age(Duration::from_secs(120)))
///     .build()?;
/// # Ok::<(), ssehub::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
}

impl Default for History {
    fn default() -> Self {
        Self { events: DEFAULT_HISTORY_EVENTS, bytes: DEFAULT_HISTORY_BYTES, age: DEFAULT_HISTORY_AGE }
    }
}

impl History {
    /// No replay at all: a client that comes back is told a gap if it missed anything that was meant for it.
    ///
    /// Connected readers may still lag, by up to 1,024 events.
    pub fn none() -> Self {
        Self::default().events(0)
    }

    /// The most events to retain. 0 is [`none`](Self::none).
    pub fn events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// The most bytes to retain: encoded events, and what the hub itself needs to hold them.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The longest time to retain an event.
    pub fn age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// How many events a backplane has to retain at least: for replay, and for a node that lags behind.
    pub fn max_events(&self) -> usize {
        self.window()
    }

    /// How many bytes of them.
    pub fn max_bytes(&self) -> usize {
        self.bytes
    }

    /// For how long.
    pub fn max_age(&self) -> Duration {
        self.age
    }

    /// Whether events are there for who comes back.
    pub(crate) fn replays(&self) -> bool {
        self.events > 0
    }

    /// The events a connected reader may lag behind.
    pub(crate) fn window(&self) -> usize {
        if self.replays() { self.events } else { LIVE_EVENTS }
    }
}
