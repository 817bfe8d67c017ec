//! What acts on a connection that another node has: it is said in the log, and answered there.

use std::time::Instant;

use anyhow::Result;
use ssehub::Topic;
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::load::{nanos, waits};
use crate::node::{Node, until, until_acquainted};
use crate::server::Fsync;

const NODES: [usize; 3] = [2, 4, 8];

const TIMES: usize = 100;

pub(super) fn measure(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    NODES.into_iter().try_for_each(|count| runtime.block_on(subject(figures, count)))
}

async fn subject(figures: &mut Figures, count: usize) -> Result<()> {
    let server = Fsync::EverySecond.start();
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(Node::on_redis(&server, "acts").await?);
    }
    until_acquainted(&nodes).await?;
    let [here, there, ..] = nodes.as_slice() else { return Ok(()) };
    let streams = (0..TIMES).map(|number| there.connect(number)).collect::<Result<Vec<_>>>()?;
    let knows = || here.hub.stats().connections_elsewhere == TIMES;
    until("this node knows the connections of the other", knows).await?;

    let (mut joins, mut ends) = (waits()?, waits()?);
    for stream in &streams {
        let start = Instant::now();
        here.hub.join(stream.id(), "desk").await?;
        joins.saturating_record(nanos(start.elapsed()));
    }
    for stream in &streams {
        let start = Instant::now();
        let ended = here.hub.disconnect(Topic::connection(stream.id()), "over").await?;
        ends.saturating_record(nanos(start.elapsed()));
        anyhow::ensure!(ended == 1, "{ended} streams were ended, not 1");
    }
    for (act, waits) in [("join", joins), ("disconnect", ends)] {
        for (quantile, title) in [(0.5, "p50"), (0.99, "p99")] {
            let micros = waits.value_at_quantile(quantile) as f64 / 1000.0;
            figures.note(&format!("{act}, {title}, us"), &format!("{count} nodes"), micros);
        }
    }
    Ok(())
}
