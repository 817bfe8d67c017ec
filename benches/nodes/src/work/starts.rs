//! Starts: a node that has to read what is retained, from Redis or from its own disk.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ssehub::History;
use ssehub_durable::{DurableError, DurableErrorKind, DurableLog};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::figures::Figures;
use crate::load::{EVENT_BYTES, Log, fill};
use crate::node::{Node, PATIENCE};
use crate::server::Fsync;

/// Events and their bytes.
const LATE: [(&str, usize, usize); 3] =
    [("nothing", 0, 0), ("10,000 events of 96 bytes", 10_000, EVENT_BYTES), ("10,000 events of 1 KiB", 10_000, 1024)];

const RECOVERED: [(&str, usize); 3] = [("nothing", 0), ("10,000 events", 10_000), ("100,000 events", 100_000)];

/// The log is filled with few writes to the disk.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// How long it takes until a node that starts is ready.
pub(super) fn late(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    runtime.block_on(async {
        for (subject, events, bytes) in LATE {
            let server = Fsync::EverySecond.start();
            let first = Node::on_redis(&server, "late").await?;
            fill(&Log::Hub(first.hub.clone()), events, bytes).await?;
            let start = Instant::now();
            let second = Node::on_redis(&server, "late").await?;
            figures.note("until it is ready, ms", subject, start.elapsed().as_secs_f64() * 1e3);
            let had = second.hub.stats().history_events;
            anyhow::ensure!(had == events, "the node has read {had} events of {events}");
        }
        Ok(())
    })
}

/// How long it takes to open a durable log, and until its hub is ready.
pub(super) fn recovery(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    runtime.block_on(async {
        for (subject, events) in RECOVERED {
            let folder = tempfile::tempdir()?;
            let history = || History::default().events(100_000).bytes(256 << 20);
            let node = Node::on_disk(folder.path(), Some(FLUSH_EVERY), history()).await?;
            fill(&Log::Hub(node.hub.clone()), events, EVENT_BYTES).await?;
            drop(node);
            let (opening, log) = open(folder.path()).await?;
            figures.note("until the log is open, ms", subject, opening.as_secs_f64() * 1e3);
            drop(log);
            let start = Instant::now();
            let node = Node::on_disk(folder.path(), None, history()).await?;
            figures.note("until its hub is ready, ms", subject, start.elapsed().as_secs_f64() * 1e3);
            let had = node.hub.stats().history_events;
            anyhow::ensure!(had == events, "the hub has read {had} events of {events}");
        }
        Ok(())
    })
}

/// Opens a log as soon as the threads of its former hub have let go of it.
async fn open(folder: &std::path::Path) -> Result<(Duration, DurableLog)> {
    let end = Instant::now() + PATIENCE;
    loop {
        let start = Instant::now();
        let in_use = |error: &DurableError| error.kind() == DurableErrorKind::InUse && start < end;
        match DurableLog::open(folder) {
            Err(error) if in_use(&error) => sleep(Duration::from_millis(5)).await,
            log => return Ok((start.elapsed(), log.context("the log cannot be opened again")?)),
        }
    }
}
