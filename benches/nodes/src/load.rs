//! Sending: many at once, as fast as they are answered, or one after the other at a rate.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hdrhistogram::Histogram;
use redis::aio::MultiplexedConnection;
use ssehub::{Event, Hub, Topic};
use tokio::time::MissedTickBehavior;

/// How large an event is, as in the other benchmark.
pub(crate) const EVENT_BYTES: usize = 96;

/// Longer answers are told as this one: a minute, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// What events are appended to.
#[derive(Clone)]
pub(crate) enum Log {
    Hub(Hub),
    /// A stream in Redis, with nothing around it.
    Bare(MultiplexedConnection),
}

/// What became of a load.
pub(crate) struct Sent {
    pub(crate) events: u64,
    pub(crate) elapsed: Duration,
    /// How long each answer took, in nanoseconds.
    pub(crate) waits: Histogram<u64>,
}

impl Sent {
    pub(crate) fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn wait_us(&self, quantile: f64) -> f64 {
        self.waits.value_at_quantile(quantile) as f64 / 1000.0
    }
}

impl Log {
    async fn append(&mut self, bytes: usize) -> Result<()> {
        match self {
            Self::Hub(hub) => drop(hub.send(Topic::group("news"), event(bytes)).await?),
            Self::Bare(connection) => {
                let mut add = redis::cmd("XADD");
                add.arg("bare").arg("MAXLEN").arg("~").arg(10_000).arg("*").arg("b").arg("x".repeat(bytes));
                add.query_async::<String>(connection).await?;
            }
        }
        Ok(())
    }
}

fn event(bytes: usize) -> Event {
    Event::message("x".repeat(bytes))
}

/// So many senders on each of the logs, each of which sends again when it has its answer.
pub(crate) async fn flood(logs: &[Log], senders: usize, time: Duration) -> Result<Sent> {
    let start = Instant::now();
    let end = start + time;
    let tasks = logs.iter().flat_map(|log| (0..senders).map(|_| log.clone())).map(|mut log| {
        tokio::spawn(async move {
            let mut waits = waits()?;
            let mut sent = Instant::now();
            while sent < end {
                log.append(EVENT_BYTES).await?;
                let answered = Instant::now();
                waits.saturating_record(nanos(answered - sent));
                sent = answered;
            }
            anyhow::Ok(waits)
        })
    });
    let mut waits = waits()?;
    for task in tasks.collect::<Vec<_>>() {
        waits.add(task.await??)?;
    }
    Ok(Sent { events: waits.len(), elapsed: start.elapsed(), waits })
}

/// So many events of so many bytes, many at once.
pub(crate) async fn fill(log: &Log, events: usize, bytes: usize) -> Result<()> {
    const AT_ONCE: usize = 512;
    let sends = stream::iter(0..events).map(|_| {
        let mut log = log.clone();
        async move { log.append(bytes).await }
    });
    sends.buffer_unordered(AT_ONCE).try_collect().await
}

/// One event after the other at a rate, for a while; late ones are made up for. Returns how many.
pub(crate) async fn pace(hub: &Hub, a_second: u32, time: Duration) -> Result<u64> {
    let events = (f64::from(a_second) * time.as_secs_f64()) as u64;
    let mut ticks = ticks(Duration::from_secs(1) / a_second);
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..events {
        ticks.tick().await;
        let hub = hub.clone();
        sends.spawn(async move { hub.send(Topic::group("news"), event(EVENT_BYTES)).await });
    }
    while let Some(sent) = sends.join_next().await {
        sent??;
    }
    Ok(events)
}

/// A tick each so often, none of which is left out.
pub(crate) fn ticks(each: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(each);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}

/// For times in nanoseconds.
pub(crate) fn waits() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(LONGEST, 3)?)
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
