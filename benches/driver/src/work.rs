//! What is measured: each work with its sizes, and what `load` is told for it.

use serde::Serialize;

use crate::measured::Metric;

/// Bytes of data in each event.
pub(crate) const EVENT_SIZE: u32 = 96;

/// One work at one size.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) streams: u32,
    /// Events a second; as fast as they are taken where it is absent.
    pub(crate) rate: Option<u32>,
    /// Events in a full run.
    pub(crate) full_events: u32,
    /// Events in a quick run; it leaves out works that have none.
    pub(crate) quick_events: Option<u32>,
}

/// What happens in a work. `load` has a word for each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Every stream gets every event, as fast as it goes.
    Burst,
    /// Every stream gets every event, at a rate.
    Paced,
    /// Each event goes to one user, in turn.
    Targeted,
    /// Streams are opened and nothing is sent.
    Idle,
}

/// All works, the short ones of a kind first.
pub(crate) const WORKS: &[Work] = &[
    work("burst-1k", Kind::Burst, 1_000, None, 4_000, Some(2_000)),
    work("burst-10k", Kind::Burst, 10_000, None, 300, Some(100)),
    work("paced-10k-5", Kind::Paced, 10_000, Some(5), 50, Some(20)),
    work("paced-10k-20", Kind::Paced, 10_000, Some(20), 200, None),
    work("targeted-1k", Kind::Targeted, 1_000, None, 50_000, None),
    work("targeted-10k", Kind::Targeted, 10_000, None, 50_000, Some(50_000)),
    work("idle-10k", Kind::Idle, 10_000, None, 0, Some(0)),
];

const fn work(
    name: &'static str,
    kind: Kind,
    streams: u32,
    rate: Option<u32>,
    full_events: u32,
    quick_events: Option<u32>,
) -> Work {
    Work { name, kind, streams, rate, full_events, quick_events }
}

impl Work {
    pub(crate) fn events(&self, full: bool) -> u32 {
        if full { self.full_events } else { self.quick_events.unwrap_or(self.full_events) }
    }

    /// What tells the subjects apart in this work.
    pub(crate) fn metrics(&self) -> &'static [Metric] {
        match self.kind {
            Kind::Burst | Kind::Targeted => &[Metric::CpuPerDelivery, Metric::DeliveriesPerSecond],
            Kind::Paced => &[Metric::CpuPerDelivery, Metric::LatencyP50, Metric::LatencyP99, Metric::LastReceiverP50],
            Kind::Idle => &[Metric::MemoryPerStream, Metric::ConnectsPerSecond],
        }
    }

    /// The command line of `load`, but for the server.
    pub(crate) fn load_args(&self, full: bool) -> Vec<String> {
        let mut args = vec![self.kind.word().to_owned()];
        let mut option = |name: &str, value: u32| args.extend([name.to_owned(), value.to_string()]);
        option("--streams", self.streams);
        option("--size", EVENT_SIZE);
        if self.kind != Kind::Idle {
            option("--events", self.events(full));
        }
        if let Some(rate) = self.rate {
            option("--rate", rate);
        }
        args
    }
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Paced => "paced",
            Self::Targeted => "targeted",
            Self::Idle => "idle",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_told_everything_that_makes_the_work() {
        let paced = WORKS.iter().find(|work| work.name == "paced-10k-5").unwrap();
        assert_eq!(paced.load_args(false).join(" "), "paced --streams 10000 --size 96 --events 20 --rate 5");
        assert_eq!(paced.load_args(true).join(" "), "paced --streams 10000 --size 96 --events 50 --rate 5");
    }

    #[test]
    fn a_work_without_a_quick_size_that_is_asked_for_is_done_in_full() {
        let full_only = WORKS.iter().find(|work| work.quick_events.is_none()).unwrap();
        assert_eq!(full_only.events(false), full_only.full_events);
    }
}
