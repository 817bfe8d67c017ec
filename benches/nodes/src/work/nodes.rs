//! One hub on several nodes: what each event costs the node it is sent from, Redis, and each node that only follows.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::load::{Log, flood, pace};
use crate::node::{Node, until, until_acquainted};
use crate::server::{Fsync, Use};
use crate::work::costs::Reading;

const NODES: [usize; 5] = [1, 2, 4, 8, 32];

const SENDERS: usize = 64;
const WINDOW: Duration = Duration::from_secs(1);

const PACED: u32 = 1_000;

pub(super) fn measure(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    NODES.into_iter().try_for_each(|count| runtime.block_on(subject(figures, count)))
}

async fn subject(figures: &mut Figures, count: usize) -> Result<()> {
    let subject = if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") };
    let server = Fsync::EverySecond.start();
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(Node::on_redis(&server, "nodes").await?);
    }
    until_acquainted(&nodes).await?;
    let Some(sender) = nodes.first() else { return Ok(()) };
    let all_have = async |events| {
        until("all nodes have all events", || nodes.iter().all(|node| node.hub.stats().published >= events)).await
    };

    let (before, start) = (Reading::now(&nodes, Some(&server))?, Instant::now());
    let sent = flood(&[Log::Hub(sender.hub.clone())], SENDERS, WINDOW).await?;
    all_have(sent.events).await?;
    let until_all = start.elapsed().as_secs_f64();
    figures.note("flood: events a second, until the last node has them", &subject, sent.events as f64 / until_all);
    before.note(figures, &subject, "flood", sent.events, &nodes, Some(&server))?;

    let before = Use::of(&server)?;
    let logs: Vec<_> = nodes.iter().map(|node| Log::Hub(node.hub.clone())).collect();
    let spread = flood(&logs, SENDERS / count, WINDOW).await?;
    all_have(sent.events + spread.events).await?;
    let used = Use::of(&server)?.since(before);
    figures.note("flood from all nodes: events a second", &subject, spread.rate());
    figures.note("flood from all nodes: CPU of Redis, us", &subject, used.cpu * 1e6 / spread.events as f64);

    let before = Reading::now(&nodes, Some(&server))?;
    let paced = pace(&sender.hub, PACED, WINDOW).await?;
    all_have(sent.events + spread.events + paced).await?;
    before.note(figures, &subject, "1,000 a second", paced, &nodes, Some(&server))
}
