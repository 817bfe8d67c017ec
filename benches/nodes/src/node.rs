//! A node: a hub in this process, with its log in memory, on disk or in Redis.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ssehub::{ConnectRequest, Connection, History, Hub, HubBuilder};
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_durable::DurableLog;
use ssehub_redis::RedisBackplane;
use tokio::time::sleep;

use crate::cpu;

/// The longest anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than a measurement: its streams are not read, and must not be let go for that.
const UNREAD: Duration = Duration::from_secs(3600);

/// A hub, and the threads that are its own.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) hub: Hub,
    threads: BTreeSet<u32>,
}

impl Node {
    pub(crate) fn in_memory() -> Result<Self> {
        let before = cpu::threads()?;
        Self::new(&before, builder(History::default()))
    }

    /// On the disk of this machine; on disk before each answer, or within an interval.
    pub(crate) async fn on_disk(folder: &Path, flush_every: Option<Duration>, history: History) -> Result<Self> {
        let before = cpu::threads()?;
        let log = DurableLog::builder(folder);
        let log = if let Some(interval) = flush_every { log.flush_every(interval) } else { log };
        Self::new(&before, builder(history).backplane(log.open()?))?.ready().await
    }

    /// One of the nodes of the hub of this name.
    pub(crate) async fn on_redis(server: &RedisServer, hub: &str) -> Result<Self> {
        Self::on_url(&server.url(), hub).await
    }

    pub(crate) async fn on_url(url: &str, hub: &str) -> Result<Self> {
        let before = cpu::threads()?;
        let backplane = RedisBackplane::builder(url).hub(hub).connect().await?;
        Self::new(&before, builder(History::default()).backplane(backplane))?.ready().await
    }

    fn new(before: &BTreeSet<u32>, builder: HubBuilder) -> Result<Self> {
        let hub = builder.build()?;
        Ok(Self { hub, threads: &cpu::threads()? - before })
    }

    async fn ready(self) -> Result<Self> {
        until("a node knows its log", || self.hub.is_ready()).await?;
        Ok(self)
    }

    /// What its threads have taken: all that it does where nobody sends from it or reads.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu::of_threads(&self.threads)
    }

    /// Opens a stream of a user of its own, in one of a thousand groups. Nobody reads it.
    pub(crate) fn connect(&self, number: usize) -> Result<Connection> {
        let request = ConnectRequest::new().user(format!("user-{number}")).group(format!("group-{}", number % 1000));
        Ok(self.hub.connect(request)?)
    }
}

fn builder(history: History) -> HubBuilder {
    Hub::builder().history(history).keep_alive(UNREAD).stall_timeout(UNREAD)
}

/// Waits until something is the case.
///
/// # Errors
/// It takes too long.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > PATIENCE {
            bail!("waited for {PATIENCE:?} until {what}");
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Waits until the nodes all know of each other.
pub(crate) async fn until_acquainted(nodes: &[Node]) -> Result<()> {
    until("all nodes know of each other", || nodes.iter().all(|node| node.hub.stats().nodes == nodes.len())).await
}
