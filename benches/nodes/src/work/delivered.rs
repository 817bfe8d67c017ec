//! Deliveries: how long it takes from a send on one node to a reader on the same, or on another.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::StreamExt as _;
use ssehub::{ConnectRequest, Connection, Event, History, Hub, Topic};
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::load::{EVENT_BYTES, nanos, ticks, waits};
use crate::node::{Node, PATIENCE, until_acquainted};
use crate::server::Fsync;

const EACH: Duration = Duration::from_millis(5);
const EVENTS: usize = 400;

pub(super) fn measure(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    runtime.block_on(async {
        let memory = Node::in_memory()?;
        subject(figures, "memory", &memory.hub, &memory.hub).await?;
        let folder = tempfile::tempdir()?;
        let durable = Node::on_disk(folder.path(), None, History::default()).await?;
        subject(figures, "durable", &durable.hub, &durable.hub).await?;
        for fsync in [Fsync::Always, Fsync::EverySecond] {
            let server = fsync.start();
            let nodes = [Node::on_redis(&server, "news").await?, Node::on_redis(&server, "news").await?];
            until_acquainted(&nodes).await?;
            let [here, there] = &nodes;
            subject(figures, &format!("Redis {}, same node", fsync.name()), &here.hub, &here.hub).await?;
            subject(figures, &format!("Redis {}, other node", fsync.name()), &here.hub, &there.hub).await?;
        }
        Ok(())
    })
}

async fn subject(figures: &mut Figures, name: &str, from: &Hub, to: &Hub) -> Result<()> {
    let mut stream = to.connect(ConnectRequest::new().group("news"))?;
    stream.next().await.context("the stream does not begin")?;
    let reading = tokio::spawn(tokio::time::timeout(PATIENCE, read(stream)));
    let mut ticks = ticks(EACH);
    let mut sent = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        ticks.tick().await;
        sent.push(Instant::now());
        from.send(Topic::group("news"), Event::message(format!("{number:0EVENT_BYTES$}"))).await?;
    }
    let read = reading.await?.context("not all events came")??;
    let mut ways = waits()?;
    for (sent, read) in sent.iter().zip(read) {
        ways.saturating_record(nanos(read - *sent));
    }
    for (quantile, title) in [(0.5, "p50"), (0.99, "p99")] {
        figures.note(&format!("{title}, us"), name, ways.value_at_quantile(quantile) as f64 / 1000.0);
    }
    Ok(())
}

/// When each event came.
async fn read(mut stream: Connection) -> Result<Vec<Instant>> {
    let mut read = Vec::with_capacity(EVENTS);
    while read.len() < EVENTS {
        let block = stream.next().await.context("the stream ended")?;
        let now = Instant::now();
        let text = str::from_utf8(&block)?;
        for number in text.lines().filter_map(|line| line.strip_prefix("data: ")?.parse::<usize>().ok()) {
            anyhow::ensure!(number == read.len(), "event {number} came where {} was due", read.len());
            read.push(now);
        }
    }
    Ok(read)
}
