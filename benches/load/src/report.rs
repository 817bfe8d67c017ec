//! What a work came to: one JSON object.

use serde::Serialize;

use crate::times::Quantiles;

/// The result of one work. Times are in nanoseconds, memory is in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) work: String,
    pub(crate) streams: u64,
    pub(crate) events: u64,
    /// Events that came to the streams that were to receive them, each counted once.
    pub(crate) deliveries: u64,
    /// What `deliveries` is to be; it follows from the work alone.
    pub(crate) expected: u64,
    pub(crate) lost: u64,
    /// Events that came again, or after a later one, or to the wrong stream.
    pub(crate) duplicates: u64,
    /// Times at which a stream missed one event or several in a row. An event that is missing at the end makes none.
    pub(crate) gaps: u64,
    /// Streams that ended.
    pub(crate) ended: u64,
    pub(crate) server_cpu_ns: u64,
    pub(crate) own_cpu_ns: u64,
    /// From the request to publish to the last delivery; of idle work, from the first connection to the last; of replay,
    /// from the first connection that comes back to the last delivery.
    pub(crate) wall_ns: u64,
    /// The part of `wall_ns` in which the load generator was at work: near 1, it was what limited the server.
    pub(crate) own_busy: f64,
    pub(crate) server_rss_before: u64,
    pub(crate) server_rss_after: u64,
    pub(crate) connects_per_second: f64,
    /// From the making of an event to its arrival; none without deliveries. In replay the streams are away in between.
    pub(crate) latency_ns: Option<Quantiles>,
    /// From the making of an event to its arrival at its last receiver; of paced work only.
    pub(crate) last_receiver_ns: Option<Quantiles>,
}

impl Report {
    /// Whether everything came once, and no stream ended.
    pub(crate) fn is_flawless(&self) -> bool {
        self.lost == 0 && self.duplicates == 0 && self.ended == 0
    }
}
