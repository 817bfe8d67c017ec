//! What a work came to: one JSON object.

use serde::{Deserialize, Serialize};

/// The result of one work. Times are in nanoseconds, memory is in bytes.
///
/// Every field is always there: an object that lacks one, or has another, is no report.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The work's name, as on the command line.
    pub work: String,
    /// Streams that were open.
    pub streams: u64,
    /// Requests to publish that were under way at a time.
    pub publishers: u64,
    /// Events that were published.
    pub events: u64,
    /// Events that came to the streams that were to receive them, each counted once.
    pub deliveries: u64,
    /// What `deliveries` is to be; it follows from the work alone.
    pub expected: u64,
    /// Expected deliveries that did not come.
    pub lost: u64,
    /// Events that came again, or after a later one, or to the wrong stream.
    pub duplicates: u64,
    /// Times at which a stream missed one event or several in a row. An event that is missing at the end makes none.
    pub gaps: u64,
    /// Streams that ended.
    pub ended: u64,
    /// What the server and its descendants used of the processor.
    pub server_cpu_ns: u64,
    /// What the load generator used of it, but for waiting.
    pub own_cpu_ns: u64,
    /// From the request to publish to the last delivery, or where there is no stream to the answer; of idle work, from
    /// the first connection to the last; of replay, from the first connection that comes back to the last delivery.
    pub wall_ns: u64,
    /// The part of `wall_ns` in which the load generator was at work: near 1, it was what limited the server.
    pub own_busy: f64,
    /// The server's memory before the first connection.
    pub server_rss_before: u64,
    /// The server's memory at the end, the streams still open.
    pub server_rss_after: u64,
    /// How fast the streams were opened; none without streams.
    #[serde(deserialize_with = "Option::deserialize")]
    pub connects_per_second: Option<f64>,
    /// From the making of an event to its arrival; none without deliveries. In replay the streams are away in between.
    #[serde(deserialize_with = "Option::deserialize")]
    pub latency_ns: Option<Quantiles>,
    /// From the making of an event to its arrival at its last receiver; only where events are published at a rate.
    #[serde(deserialize_with = "Option::deserialize")]
    pub last_receiver_ns: Option<Quantiles>,
}

/// A distribution of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// Half of all took no longer.
    pub p50: u64,
    /// Nine of ten took no longer.
    pub p90: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Report {
    /// Whether everything came once, and no stream ended.
    pub fn is_flawless(&self) -> bool {
        self.lost == 0 && self.duplicates == 0 && self.ended == 0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, to_value};

    use super::*;

    fn report() -> Report {
        Report {
            work: "burst".to_owned(),
            streams: 10,
            publishers: 1,
            events: 5,
            deliveries: 50,
            expected: 50,
            lost: 0,
            duplicates: 0,
            gaps: 0,
            ended: 0,
            server_cpu_ns: 100_000,
            own_cpu_ns: 500,
            wall_ns: 1000,
            own_busy: 0.5,
            server_rss_before: 4096,
            server_rss_after: 8192,
            connects_per_second: Some(20_000.5),
            latency_ns: Some(Quantiles { p50: 1500, p90: 2000, p99: 3000, max: 9000 }),
            last_receiver_ns: None,
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_printed() {
        let printed = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&printed).unwrap(), report());
    }

    #[test]
    fn an_object_that_lacks_a_field_is_no_report() {
        let Value::Object(whole) = to_value(report()).unwrap() else { panic!("not an object") };
        for name in whole.keys() {
            let mut less = whole.clone();
            less.remove(name);
            assert!(from_value::<Report>(less.into()).is_err(), "{name}");
        }
        let mut more = whole;
        more.insert("other".to_owned(), Value::Null);
        assert!(from_value::<Report>(more.into()).is_err());
    }
}
