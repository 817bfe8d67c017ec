//! Publishers that never pause and readers that never look away, on nodes that are being broken.
//!
//! Each publisher knows of each event it sent whether it was taken, refused, or may have been taken. Some readers stay
//! where they are; others hop from node to node with the last id they have seen. When all is over, what was read is held
//! against what was sent.

mod node;
mod publisher;
mod reader;
mod verdict;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

pub use self::{
    node::{Node, Outcome},
    publisher::Sent,
    reader::{Item, What},
    verdict::{Reading, Verdict},
};
use self::{publisher::Publisher, reader::Reader};
use crate::wait::{PATIENCE, until, within};

/// How long the crowd may take for what it does while nothing is wrong.
const LONG: Duration = Duration::from_secs(60);

/// Publishers and readers at work.
#[derive(Debug)]
pub struct Crowd {
    nodes: Vec<Arc<dyn Node>>,
    publishers: Vec<Publisher>,
    readers: Vec<Reader>,
    /// The text at which readers are done.
    last: watch::Sender<Option<String>>,
}

impl Crowd {
    /// Starts a reader that stays and two publishers on each node, and as many readers that hop as there are nodes.
    ///
    /// # Panics
    /// If a reader is not let in in time.
    pub async fn gather(nodes: Vec<Arc<dyn Node>>) -> Self {
        let last = watch::Sender::new(None);
        let mut readers = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let stays = format!("the reader on node {number}");
            readers.push(Reader::start(stays, vec![node.clone()], false, &last).await);
            let mut all = nodes.clone();
            all.rotate_left(number);
            readers.push(Reader::start(format!("hopping reader {number}"), all, true, &last).await);
        }
        let publishers = nodes.iter().cycle().take(2 * nodes.len()).cloned().enumerate();
        let publishers = publishers.map(|(number, node)| Publisher::start(number, node)).collect();
        Self { nodes, publishers, readers, last }
    }

    /// Waits until each publisher has had so many more events taken.
    ///
    /// # Panics
    /// If that does not happen in time.
    pub async fn publish(&self, more: usize) {
        self.publish_on(more, 0..self.nodes.len()).await;
    }

    /// The same for the publishers on these nodes.
    ///
    /// # Panics
    /// If that does not happen in time.
    pub async fn publish_on(&self, more: usize, nodes: std::ops::Range<usize>) {
        let on_nodes = |number: usize| nodes.contains(&(number % self.nodes.len()));
        let publishers = || self.publishers.iter().enumerate().filter(|(number, _)| on_nodes(*number));
        let goals: Vec<_> = publishers().map(|(_, publisher)| publisher.taken() + more).collect();
        until(LONG, &format!("{more} more events of each publisher"), async || {
            let taken: Vec<_> = publishers().map(|(_, publisher)| publisher.taken()).collect();
            if taken.iter().zip(&goals).all(|(taken, goal)| taken >= goal) {
                Ok(())
            } else {
                Err((taken, goals.clone()))
            }
        })
        .await;
    }

    /// Waits until each publisher on these nodes has failed once more.
    ///
    /// # Panics
    /// If that does not happen in time.
    pub async fn fail_on(&self, nodes: std::ops::Range<usize>) {
        let on_nodes = |number: usize| nodes.contains(&(number % self.nodes.len()));
        let publishers = || self.publishers.iter().enumerate().filter(|(number, _)| on_nodes(*number));
        let before: Vec<_> = publishers().map(|(_, publisher)| publisher.failed()).collect();
        until(PATIENCE, "each publisher to fail", async || {
            let failed: Vec<_> = publishers().map(|(_, publisher)| publisher.failed()).collect();
            if failed.iter().zip(&before).all(|(failed, before)| failed > before) { Ok(()) } else { Err(failed) }
        })
        .await;
    }

    /// Waits until each publisher has failed once more.
    ///
    /// # Panics
    /// If that does not happen in time.
    pub async fn fail(&self) {
        self.fail_on(0..self.nodes.len()).await;
    }

    /// Has the publishers end, and the readers read what is left.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn disperse(self) -> Verdict {
        let mut sent = Vec::new();
        for publisher in self.publishers {
            sent.extend(publisher.stop().await);
        }
        let mut tries = 0;
        let node = &self.nodes[0];
        let last = until(PATIENCE, "the last event to be taken", async || {
            tries += 1;
            let text = format!("last {tries}");
            let at = Instant::now();
            let outcome = node.send(&text).await;
            sent.push(Sent { text: text.clone(), outcome, at });
            if matches!(outcome, Outcome::Taken(_)) { Ok(text) } else { Err(outcome) }
        })
        .await;
        self.last.send_replace(Some(last));
        let mut readings = Vec::new();
        for reader in self.readers {
            let what = format!("{} to read the last event", reader.name);
            readings.push(within(LONG, &what, reader.done()).await);
        }
        Verdict { sent, readings }
    }
}
