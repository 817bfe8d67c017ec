//! The figures that follow from one measurement.

use ssehub_load::Report;

/// A figure of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Metric {
    CpuPerDelivery,
    DeliveriesPerSecond,
    CpuPerSend,
    SendsPerSecond,
    LatencyP50,
    LatencyP99,
    LastReceiverP50,
    WallTime,
    MemoryPerStream,
    /// What is left when the memory of the same framework's bare stream is taken away; see [`crate::results`].
    OwnMemoryPerStream,
    ConnectsPerSecond,
}

impl Metric {
    /// What it is, with its unit.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::CpuPerDelivery => "server CPU a delivery, ns",
            Self::DeliveriesPerSecond => "deliveries a second",
            Self::CpuPerSend => "server CPU a send, ns",
            Self::SendsPerSecond => "sends a second",
            Self::LatencyP50 => "latency p50, us",
            Self::LatencyP99 => "latency p99, us",
            Self::LastReceiverP50 => "latency to the last receiver p50, us",
            Self::WallTime => "time until all have everything, ms",
            Self::MemoryPerStream => "memory a stream, bytes",
            Self::OwnMemoryPerStream => "hub's own memory a stream, bytes",
            Self::ConnectsPerSecond => "connects a second",
        }
    }

    /// The figure, where the work has it and it follows from this measurement alone.
    pub(crate) fn of(self, report: &Report) -> Option<f64> {
        let microseconds = |ns: u64| ns as f64 / 1e3;
        match self {
            Self::CpuPerDelivery => quotient(report.server_cpu_ns as f64, report.deliveries as f64),
            Self::DeliveriesPerSecond => quotient(report.deliveries as f64 * 1e9, report.wall_ns as f64),
            Self::CpuPerSend => quotient(report.server_cpu_ns as f64, report.events as f64),
            Self::SendsPerSecond => quotient(report.events as f64 * 1e9, report.wall_ns as f64),
            Self::LatencyP50 => report.latency_ns.map(|latency| microseconds(latency.p50)),
            Self::LatencyP99 => report.latency_ns.map(|latency| microseconds(latency.p99)),
            Self::LastReceiverP50 => report.last_receiver_ns.map(|last| microseconds(last.p50)),
            Self::WallTime => Some(report.wall_ns as f64 / 1e6),
            Self::MemoryPerStream => {
                quotient(report.server_rss_after as f64 - report.server_rss_before as f64, report.streams as f64)
            }
            Self::OwnMemoryPerStream => None,
            Self::ConnectsPerSecond => report.connects_per_second,
        }
    }
}

fn quotient(of: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| of / by)
}

#[cfg(test)]
pub(crate) mod tests {
    use ssehub_load::Quantiles;

    use super::*;

    /// A measurement of `deliveries` deliveries to 10 streams that took `cpu` ns in all.
    pub(crate) fn report(deliveries: u64, cpu: u64) -> Report {
        Report {
            streams: 10,
            events: 5,
            deliveries,
            expected: deliveries,
            server_cpu_ns: cpu,
            wall_ns: 1000,
            own_busy: 0.5,
            server_rss_before: 4096,
            server_rss_after: 8192,
            connects_per_second: Some(20_000.5),
            latency_ns: Some(Quantiles { p50: 1500, p90: 2000, p99: 3000, max: 9000 }),
            ..Report::default()
        }
    }

    #[test]
    fn figures_follow_from_what_load_reports() {
        let report = report(50, 100_000);
        for (metric, figure) in [
            (Metric::CpuPerDelivery, Some(2000.0)),
            (Metric::DeliveriesPerSecond, Some(5e7)),
            (Metric::CpuPerSend, Some(20_000.0)),
            (Metric::SendsPerSecond, Some(5e6)),
            (Metric::LatencyP50, Some(1.5)),
            (Metric::LatencyP99, Some(3.0)),
            (Metric::LastReceiverP50, None),
            (Metric::WallTime, Some(0.001)),
            (Metric::MemoryPerStream, Some(409.6)),
            (Metric::ConnectsPerSecond, Some(20_000.5)),
        ] {
            assert_eq!(metric.of(&report), figure, "{metric:?}");
        }
    }

    #[test]
    fn a_work_without_deliveries_has_no_cost_a_delivery() {
        assert_eq!(Metric::CpuPerDelivery.of(&report(0, 100)), None);
    }
}
