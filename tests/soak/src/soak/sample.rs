//! A line of the report: what the server holds and does, beside what its clients hold.

use std::{fmt, net::SocketAddr, ops::RangeInclusive, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::Value;
use ssehub_conformance::http1::Request;
use tokio::time::{Instant, sleep, timeout};

use super::{shared::Shared, tally::Fault};
use crate::{
    api,
    server::{Server, Usage},
};

/// How long the acts of readers may take that are under way.
const ACTS_WITHIN: Duration = Duration::from_secs(60);

/// How long the server may take to notice who has gone, beside two keep-alives.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The server's gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gauges {
    pub(crate) connections: u64,
    pub(crate) parked: u64,
    pub(crate) users: u64,
    pub(crate) groups: u64,
}

impl Gauges {
    /// Asks the server.
    ///
    /// # Errors
    /// It does not answer, or not with all of them.
    pub(crate) async fn ask(address: SocketAddr) -> Result<Self> {
        let stats = api::call(address, Request::get("/stats"), 200).await?.json();
        let gauge =
            |name: &str| stats.get(name).and_then(Value::as_u64).with_context(|| format!("no {name} in {stats}"));
        Ok(Self {
            connections: gauge("connections")?,
            parked: gauge("parked")?,
            users: gauge("users")?,
            groups: gauge("groups")?,
        })
    }

    pub(crate) fn are_zero(&self) -> bool {
        *self == Self { connections: 0, parked: 0, users: 0, groups: 0 }
    }
}

impl fmt::Display for Gauges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, parked, users, groups } = self;
        write!(formatter, "connections {connections}, parked {parked}, users {users}, groups {groups}")
    }
}

/// What was seen at one time.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) minute: f64,
    pub(crate) gauges: Gauges,
    /// Connections that the clients know of: at least and at most, because windows end at their own time.
    pub(crate) held: RangeInclusive<u64>,
    pub(crate) sent: f64,
    pub(crate) delivered: f64,
    pub(crate) p99: Duration,
    pub(crate) usage: Usage,
    pub(crate) faults: u64,
}

impl Sample {
    /// The head of the table.
    pub(crate) const HEAD: &str =
        "minute  streams      clients  parked  sends/s  deliveries/s   p99 ms  RSS MiB  files  threads  faults";
}

impl fmt::Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = match (self.held.start(), self.held.end()) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least}-{most}"),
        };
        write!(
            formatter,
            "{:>6.1} {:>8} {held:>12} {:>7} {:>8.0} {:>13.0} {:>8.1} {:>8.1} {:>6} {:>8} {:>7}",
            self.minute,
            self.gauges.connections,
            self.gauges.parked,
            self.sent,
            self.delivered,
            self.p99.as_secs_f64() * 1000.0,
            self.usage.resident_kib as f64 / 1024.0,
            self.usage.files,
            self.usage.threads,
            self.faults,
        )
    }
}

/// Takes one sample after the other.
#[derive(Debug)]
pub(crate) struct Observer {
    shared: Arc<Shared>,
    begun: Instant,
    last: Instant,
    sent: u64,
    delivered: u64,
}

impl Observer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (sent, delivered) = (shared.tally.sent(), shared.tally.delivered());
        Self { shared, begun: Instant::now(), last: Instant::now(), sent, delivered }
    }

    /// Lets nobody act until the gauges are what the clients hold, and looks at everything.
    ///
    /// # Errors
    /// The server does not answer, or acts do not end. Gauges that differ are a fault and no error.
    pub(crate) async fn sample(&mut self, server: &Server) -> Result<Sample> {
        let shared = Arc::clone(&self.shared);
        let (sent, delivered, elapsed) = (shared.tally.sent(), shared.tally.delivered(), self.last.elapsed());
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / elapsed.as_secs_f64();
        let (sends, deliveries) = (rate(sent, self.sent), rate(delivered, self.delivered));
        (self.last, self.sent, self.delivered) = (Instant::now(), sent, delivered);

        let acts = timeout(ACTS_WITHIN, shared.acting.write()).await.context("the acts of readers do not end")?;
        let deadline = Instant::now() + self.noticed_within();
        let (gauges, held) = loop {
            let (gauges, held) = (Gauges::ask(server.address).await?, self.held());
            if held.contains(&gauges.connections) {
                break (gauges, held);
            }
            if Instant::now() > deadline {
                shared.tally.fault(Fault::Gauge, 1, || format!("{gauges}; the clients hold {held:?}"));
                break (gauges, held);
            }
            sleep(LOOK_EVERY).await;
        };
        drop(acts);
        Ok(Sample {
            minute: self.begun.elapsed().as_secs_f64() / 60.0,
            gauges,
            held,
            sent: sends,
            delivered: deliveries,
            p99: shared.tally.take_p99(),
            usage: server.usage()?,
            faults: shared.tally.faults().values().sum(),
        })
    }

    /// Connections that the server may know of: those with a reader, and those whose window may not be over.
    fn held(&self) -> RangeInclusive<u64> {
        let (tally, window) = (&self.shared.tally, self.shared.plan.window);
        let expected = tally.open() + tally.away();
        let (least, most) = tally.abandoned(window, window + self.noticed_within());
        (expected + least) as u64..=(expected + most) as u64
    }

    fn noticed_within(&self) -> Duration {
        2 * self.shared.plan.keep_alive + NOTICED_WITHIN
    }
}
