//! Several hubs on one Redis, each with a node of its own: what it is to split the load, and what Redis takes in all.

use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::load::{Log, flood};
use crate::node::Node;
use crate::server::Fsync;
use crate::work::costs::Reading;

const HUBS: [usize; 3] = [1, 4, 16];

const SENDERS: usize = 64;
const WINDOW: Duration = Duration::from_secs(1);

pub(super) fn measure(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    HUBS.into_iter().try_for_each(|count| runtime.block_on(subject(figures, count)))
}

async fn subject(figures: &mut Figures, count: usize) -> Result<()> {
    let subject = if count == 1 { "1 hub".to_owned() } else { format!("{count} hubs") };
    let server = Fsync::EverySecond.start();
    let mut nodes = Vec::new();
    for number in 0..count {
        nodes.push(Node::on_redis(&server, &format!("tenant-{number}")).await?);
    }
    let logs: Vec<_> = nodes.iter().map(|node| Log::Hub(node.hub.clone())).collect();
    for (load, senders) in [("64 senders in all", SENDERS / count), ("64 senders a hub", SENDERS)] {
        // They are all where the load is: none of them is another's other node.
        let before = Reading::now(&[], Some(&server))?;
        let sent = flood(&logs, senders, WINDOW).await?;
        figures.note(&format!("{load}: events a second in all"), &subject, sent.rate());
        before.note(figures, &subject, load, sent.events, &[], Some(&server))?;
    }
    Ok(())
}
