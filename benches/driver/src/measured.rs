//! What `load` found out in one measurement, and the figures that follow from it.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The one JSON object that `load` prints. Fields that it has besides are not used here.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) streams: u64,
    pub(crate) events: u64,
    /// Events that came, each counted once.
    pub(crate) deliveries: u64,
    pub(crate) expected: u64,
    pub(crate) lost: u64,
    /// Events that came again, late or to the wrong stream.
    pub(crate) duplicates: u64,
    #[serde(default)]
    pub(crate) gaps: u64,
    /// Streams that ended.
    #[serde(default)]
    pub(crate) ended: u64,
    pub(crate) server_cpu_ns: u64,
    pub(crate) own_cpu_ns: u64,
    pub(crate) wall_ns: u64,
    pub(crate) server_rss_before: u64,
    pub(crate) server_rss_after: u64,
    #[serde(default)]
    pub(crate) connects_per_second: Option<f64>,
    #[serde(default)]
    pub(crate) latency_ns: Option<Quantiles>,
    #[serde(default)]
    pub(crate) last_receiver_ns: Option<Quantiles>,
}

/// Of many times, in nanoseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Quantiles {
    #[serde(default)]
    p50: Option<f64>,
    #[serde(default)]
    p90: Option<f64>,
    #[serde(default)]
    p99: Option<f64>,
    #[serde(default)]
    max: Option<f64>,
}

impl Measured {
    /// Reads what `load` printed.
    ///
    /// # Errors
    /// It is not such an object, or lacks a field.
    pub(crate) fn parse(output: &str) -> Result<Self> {
        serde_json::from_str(output.trim()).with_context(|| format!("load printed {output:?}"))
    }

    /// Why the figures don't count, if they don't: an event that is not delivered costs nothing.
    pub(crate) fn fault(&self) -> Option<String> {
        let faults = [("LOST", self.lost), ("DUPLICATES", self.duplicates), ("ENDED", self.ended)];
        let mut named: Vec<String> =
            faults.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what} {count}")).collect();
        if named.is_empty() && self.deliveries != self.expected {
            named.push(format!("MISCOUNTED {} of {}", self.deliveries, self.expected));
        }
        (!named.is_empty()).then(|| named.join(", "))
    }

    /// The part of the time for which the load generator was at work: near 1, it is what limits the server.
    pub(crate) fn generator_busy(&self) -> Option<f64> {
        quotient(self.own_cpu_ns as f64, self.wall_ns as f64)
    }
}

/// A figure of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Metric {
    CpuPerDelivery,
    DeliveriesPerSecond,
    LatencyP50,
    LatencyP99,
    LastReceiverP50,
    MemoryPerStream,
    ConnectsPerSecond,
}

impl Metric {
    /// What it is, with its unit.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::CpuPerDelivery => "server CPU a delivery, ns",
            Self::DeliveriesPerSecond => "deliveries a second",
            Self::LatencyP50 => "latency p50, us",
            Self::LatencyP99 => "latency p99, us",
            Self::LastReceiverP50 => "latency to the last receiver p50, us",
            Self::MemoryPerStream => "memory a stream, bytes",
            Self::ConnectsPerSecond => "connects a second",
        }
    }

    /// The figure, where the work has it.
    pub(crate) fn of(self, measured: &Measured) -> Option<f64> {
        let microseconds = |ns: Option<f64>| ns.map(|ns| ns / 1e3);
        let latency = measured.latency_ns.as_ref();
        match self {
            Self::CpuPerDelivery => quotient(measured.server_cpu_ns as f64, measured.deliveries as f64),
            Self::DeliveriesPerSecond => quotient(measured.deliveries as f64 * 1e9, measured.wall_ns as f64),
            Self::LatencyP50 => microseconds(latency.and_then(|latency| latency.p50)),
            Self::LatencyP99 => microseconds(latency.and_then(|latency| latency.p99)),
            Self::LastReceiverP50 => microseconds(measured.last_receiver_ns.as_ref().and_then(|last| last.p50)),
            Self::MemoryPerStream => {
                quotient(measured.server_rss_after as f64 - measured.server_rss_before as f64, measured.streams as f64)
            }
            Self::ConnectsPerSecond => measured.connects_per_second,
        }
    }
}

fn quotient(of: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| of / by)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A measurement of `deliveries` deliveries that took `cpu` ns in all.
    pub(crate) fn measured(deliveries: u64, cpu: u64) -> Measured {
        let json = format!(
            r#"{{"work":"burst","streams":10,"events":5,"deliveries":{deliveries},"expected":{deliveries},"lost":0,
            "duplicates":0,"gaps":0,"server_cpu_ns":{cpu},"own_cpu_ns":500,"wall_ns":1000,"server_rss_before":4096,
            "server_rss_after":8192,"connects_per_second":20000.5,
            "latency_ns":{{"p50":1500,"p90":2000,"p99":3000,"max":9000}},"last_receiver_ns":null,"own_busy":0.5}}"#
        );
        Measured::parse(&json).unwrap()
    }

    #[test]
    fn figures_follow_from_what_load_prints() {
        let measured = measured(50, 100_000);
        assert_eq!(Metric::CpuPerDelivery.of(&measured), Some(2000.0));
        assert_eq!(Metric::DeliveriesPerSecond.of(&measured), Some(5e7));
        assert_eq!(Metric::LatencyP50.of(&measured), Some(1.5));
        assert_eq!(Metric::LatencyP99.of(&measured), Some(3.0));
        assert_eq!(Metric::LastReceiverP50.of(&measured), None);
        assert_eq!(Metric::MemoryPerStream.of(&measured), Some(409.6));
        assert_eq!(Metric::ConnectsPerSecond.of(&measured), Some(20000.5));
        assert_eq!(measured.generator_busy(), Some(0.5));
        assert_eq!(measured.fault(), None);
    }

    #[test]
    fn a_work_without_deliveries_has_no_cost_a_delivery() {
        assert_eq!(Metric::CpuPerDelivery.of(&measured(0, 100)), None);
    }

    #[test]
    fn a_lost_or_repeated_event_is_a_fault() {
        let good = measured(50, 1);
        let lost = Measured { lost: 3, deliveries: 47, ..good.clone() };
        assert_eq!(lost.fault().as_deref(), Some("LOST 3"));
        let all = Measured { lost: 1, duplicates: 2, ended: 3, ..good.clone() };
        assert_eq!(all.fault().as_deref(), Some("LOST 1, DUPLICATES 2, ENDED 3"));
        let miscounted = Measured { deliveries: 49, ..good };
        assert_eq!(miscounted.fault().as_deref(), Some("MISCOUNTED 49 of 50"));
    }

    #[test]
    fn output_that_is_no_measurement_is_shown() {
        let error = Measured::parse("connection refused").unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
    }
}
