//! Connects: what a client that comes, or comes and goes, costs its node, Redis and the nodes that hear of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Result;
use ssehub_backplane_tests::redis::RedisServer;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::figures::Figures;
use crate::load::ticks;
use crate::node::{Node, until, until_acquainted};
use crate::server::Fsync;
use crate::work::costs::Reading;

const NODES: [usize; 3] = [1, 2, 4];

const AT_ONCE: usize = 20_000;

/// As many as come each [`EACH`], and then as many go.
const COME: usize = 10;
const EACH: Duration = Duration::from_millis(10);
const OPEN: usize = 100;
const TURNS: usize = 100;

/// After this a node on its own has said what there is to say; nobody can tell.
const SAID: Duration = Duration::from_millis(250);

pub(super) fn measure(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    runtime.block_on(async {
        subject(figures, "no backplane", &[Node::in_memory()?], None).await?;
        for count in NODES {
            let server = Fsync::EverySecond.start();
            let mut nodes = Vec::new();
            for _ in 0..count {
                nodes.push(Node::on_redis(&server, "connects").await?);
            }
            until_acquainted(&nodes).await?;
            let name = if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") };
            subject(figures, &name, &nodes, Some(&server)).await?;
        }
        Ok(())
    })
}

async fn subject(figures: &mut Figures, name: &str, nodes: &[Node], server: Option<&RedisServer>) -> Result<()> {
    let Some((node, others)) = nodes.split_first() else { return Ok(()) };
    let others_know = async |connections| {
        let know = || others.iter().all(|other| other.hub.stats().connections_elsewhere == connections);
        until("the other nodes know who is connected", know).await
    };

    let (before, start) = (Reading::now(nodes, server)?, Instant::now());
    let streams = (0..AT_ONCE).map(|number| node.connect(number)).collect::<Result<Vec<_>>>()?;
    others_know(AT_ONCE).await?;
    let took = start.elapsed().as_secs_f64();
    sleep(SAID).await;
    before.note(figures, name, "20,000 come at once", AT_ONCE as u64, nodes, server)?;
    if !others.is_empty() {
        figures.note("20,000 come at once: until the others know, ms", name, took * 1e3);
    }
    drop(streams);
    others_know(0).await?;
    sleep(SAID).await;

    let before = Reading::now(nodes, server)?;
    let mut open = VecDeque::new();
    let mut ticks = ticks(EACH);
    for turn in 0..TURNS {
        ticks.tick().await;
        for number in 0..COME {
            open.push_back(node.connect(turn * COME + number)?);
        }
        open.drain(..open.len().saturating_sub(OPEN));
    }
    open.clear();
    others_know(0).await?;
    sleep(SAID).await;
    before.note(figures, name, "1,000 a second come and go", (TURNS * COME) as u64, nodes, server)
}
