//! What something costs over several nodes: who has used how much between two moments.

use std::time::Duration;

use anyhow::Result;
use ssehub_backplane_tests::redis::RedisServer;

use crate::cpu;
use crate::figures::Figures;
use crate::node::Node;
use crate::server::Use;

/// What all have used up to a moment. The first node is the one where things happen.
pub(crate) struct Reading {
    process: Duration,
    others: Duration,
    redis: Option<Use>,
}

impl Reading {
    pub(crate) fn now(nodes: &[Node], server: Option<&RedisServer>) -> Result<Self> {
        Ok(Self {
            others: nodes.iter().skip(1).map(Node::cpu).sum::<Result<_>>()?,
            process: cpu::of_process(),
            redis: server.map(Use::of).transpose()?,
        })
    }

    /// Notes what each of some things has cost since then: where they happened, on each of the other nodes, and in Redis.
    pub(crate) fn note(
        self,
        figures: &mut Figures,
        subject: &str,
        thing: &str,
        things: u64,
        nodes: &[Node],
        server: Option<&RedisServer>,
    ) -> Result<()> {
        let now = Self::now(nodes, server)?;
        let (things, micros) = (things as f64, 1e6);
        let others = (now.others - self.others).as_secs_f64();
        let here = (now.process - self.process).as_secs_f64() - others;
        figures.note(&format!("{thing}: CPU of its node, us"), subject, here * micros / things);
        if nodes.len() > 1 {
            let each = others * micros / things / (nodes.len() - 1) as f64;
            figures.note(&format!("{thing}: CPU of each other node, us"), subject, each);
        }
        if let Some((after, before)) = now.redis.zip(self.redis) {
            let used = after.since(before);
            figures.note(&format!("{thing}: CPU of Redis, us"), subject, used.cpu * micros / things);
            figures.note(&format!("{thing}: bytes into Redis"), subject, used.received / things);
            figures.note(&format!("{thing}: bytes out of Redis"), subject, used.sent / things);
        }
        Ok(())
    }
}
