//! Appends: how many events one hub takes, and how long a sender waits, by where the log is.

use std::time::Duration;

use anyhow::Result;
use ssehub::History;
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::load::{EVENT_BYTES, Log, fill, flood};
use crate::node::Node;
use crate::server::Fsync;

const SENDERS: [usize; 4] = [1, 8, 64, 512];

/// Those whose waits are told.
const WAITING: [usize; 2] = [1, 64];

const WINDOW: Duration = Duration::from_millis(500);

/// As many as are retained: from then on, each append takes another event away.
const RETAINED: usize = 10_000;

/// What an application loses at most that chose not to wait for the disk.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

pub(super) fn measure(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    runtime.block_on(async {
        let server = Fsync::EverySecond.start();
        let bare = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
        subject(figures, "bare XADD, everysec", Log::Bare(bare)).await?;
        subject(figures, "memory", Log::Hub(Node::in_memory()?.hub)).await?;
        for (name, flush_every) in [("durable", None), ("durable, flush_every 100 ms", Some(FLUSH_EVERY))] {
            let folder = tempfile::tempdir()?;
            let node = Node::on_disk(folder.path(), flush_every, History::default()).await?;
            subject(figures, name, Log::Hub(node.hub)).await?;
        }
        for fsync in [Fsync::Always, Fsync::EverySecond, Fsync::No] {
            let server = fsync.start();
            let node = Node::on_redis(&server, "appends").await?;
            subject(figures, &format!("Redis {}", fsync.name()), Log::Hub(node.hub)).await?;
        }
        Ok(())
    })
}

async fn subject(figures: &mut Figures, name: &str, log: Log) -> Result<()> {
    fill(&log, RETAINED, EVENT_BYTES).await?;
    for senders in SENDERS {
        let sent = flood(std::slice::from_ref(&log), senders, WINDOW).await?;
        figures.note(&format!("{senders} at once: events a second"), name, sent.rate());
        if WAITING.contains(&senders) {
            figures.note(&format!("{senders} at once: send, p50, us"), name, sent.wait_us(0.5));
            figures.note(&format!("{senders} at once: send, p99, us"), name, sent.wait_us(0.99));
        }
    }
    Ok(())
}
