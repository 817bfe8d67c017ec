//! The directory: what a node knows of the connections of others, in memory, and how soon it does when it starts.

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::newcomer;
use crate::node::Node;
use crate::server::Fsync;
use crate::table::grouped;

const ELSEWHERE: [usize; 2] = [10_000, 100_000];

pub(super) fn measure(runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    let server = Fsync::EverySecond.start();
    let alone = runtime.block_on(Node::on_redis(&server, "nobody"))?;
    let empty = newcomer::start(&server, "nobody", 0)?;
    drop(alone);
    let note = |figures: &mut Figures, subject: &str, found: newcomer::Found| {
        figures.note("until a node that starts knows all, ms", subject, found.ms);
        figures.note("CPU of the node that starts, ms", subject, found.cpu_ms);
        figures.note("memory of the node that starts, MB", subject, found.bytes as f64 / 1e6);
    };
    note(figures, "nobody elsewhere", empty);
    for elsewhere in ELSEWHERE {
        let (subject, hub) = (format!("{} elsewhere", grouped(elsewhere as f64)), format!("hub-of-{elsewhere}"));
        let node = runtime.block_on(Node::on_redis(&server, &hub))?;
        let _streams = (0..elsewhere).map(|number| node.connect(number)).collect::<Result<Vec<_>>>()?;
        let found = newcomer::start(&server, &hub, elsewhere)?;
        note(figures, &subject, found);
        let each = found.bytes.saturating_sub(empty.bytes) as f64 / elsewhere as f64;
        figures.note("memory of a connection elsewhere, bytes", &subject, each);
    }
    Ok(())
}
