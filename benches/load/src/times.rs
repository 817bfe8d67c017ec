//! How long events were on their way.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use hdrhistogram::Histogram;
use ssehub_load::Quantiles;

/// Longer ways are told as this one: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Nanoseconds since 1970, as in the events.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// The ways of all deliveries of one work.
#[derive(Debug)]
pub(crate) struct Times {
    latency: Histogram<u64>,
    /// By event, the longest way to any of its receivers; empty where nobody asks for it.
    last: Vec<u64>,
}

impl Times {
    /// For `events` whose last receivers are asked for; none where they are not.
    pub(crate) fn new(events: usize) -> Result<Self> {
        Ok(Self { latency: Histogram::new_with_max(LONGEST, 3)?, last: vec![0; events] })
    }

    /// A delivery of an event that was on its way for so many nanoseconds.
    pub(crate) fn record(&mut self, event: u64, nanos: u64) {
        self.latency.saturating_record(nanos);
        if let Some(last) = usize::try_from(event).ok().and_then(|event| self.last.get_mut(event)) {
            *last = nanos.max(*last);
        }
    }

    /// Of all deliveries.
    pub(crate) fn latency(&self) -> Option<Quantiles> {
        quantiles(&self.latency)
    }

    /// Of each event's last delivery.
    pub(crate) fn last_receiver(&self) -> Result<Option<Quantiles>> {
        let mut last = Histogram::<u64>::new_with_max(LONGEST, 3)?;
        // An event that nobody received has no last receiver.
        self.last.iter().filter(|&&nanos| nanos > 0).for_each(|&nanos| last.saturating_record(nanos));
        Ok(quantiles(&last))
    }
}

fn quantiles(of: &Histogram<u64>) -> Option<Quantiles> {
    let at = |quantile| of.value_at_quantile(quantile);
    (!of.is_empty()).then(|| Quantiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: of.max() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_deliveries() {
        let mut times = Times::new(0).unwrap();
        (1..=100).for_each(|nanos| times.record(0, nanos));
        assert_eq!(times.latency(), Some(Quantiles { p50: 50, p90: 90, p99: 99, max: 100 }));
        assert_eq!(times.last_receiver().unwrap(), None);
    }

    #[test]
    fn the_last_receiver_of_an_event_is_its_slowest() {
        let mut times = Times::new(2).unwrap();
        for (event, nanos) in [(0, 10), (1, 500), (0, 30), (0, 20), (2, 900)] {
            times.record(event, nanos);
        }
        let last = times.last_receiver().unwrap().unwrap();
        assert_eq!((last.p50, last.max), (30, 500));
    }

    #[test]
    fn without_deliveries_there_are_no_times() {
        let times = Times::new(3).unwrap();
        assert_eq!((times.latency(), times.last_receiver().unwrap()), (None, None));
    }
}
