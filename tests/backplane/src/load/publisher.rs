//! One who publishes without a pause.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinHandle, time::sleep};

use super::{LONG, Node, Outcome};
use crate::wait::{PATIENCE, within};

/// Between two events: what leaves the machine some room for readers, and makes some hundred events a second.
const PACE: Duration = Duration::from_millis(2);

/// An event that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What no other event says.
    pub text: String,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was sent.
    pub at: Instant,
}

#[derive(Debug)]
pub(super) struct Publisher {
    task: JoinHandle<Vec<Sent>>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    ends: AtomicBool,
    taken: AtomicUsize,
    failed: AtomicUsize,
}

impl Publisher {
    pub(super) fn start(number: usize, node: Arc<dyn Node>) -> Self {
        let state = Arc::new(State::default());
        Self { task: tokio::spawn(publish(number, node, Arc::clone(&state))), state }
    }

    /// How many events were taken.
    pub(super) fn taken(&self) -> usize {
        self.state.taken.load(Ordering::Relaxed)
    }

    /// How many events were not, or perhaps.
    pub(super) fn failed(&self) -> usize {
        self.state.failed.load(Ordering::Relaxed)
    }

    pub(super) async fn stop(self) -> Vec<Sent> {
        self.state.ends.store(true, Ordering::Relaxed);
        within(LONG, "a publisher to end", self.task).await.expect("a publisher does not fail")
    }
}

async fn publish(number: usize, node: Arc<dyn Node>, state: Arc<State>) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !state.ends.load(Ordering::Relaxed) {
        let (text, at) = (format!("{number}.{}", sent.len()), Instant::now());
        let outcome = within(PATIENCE, &format!("an answer to {text}"), node.send(&text)).await;
        let count = if matches!(outcome, Outcome::Taken(_)) { &state.taken } else { &state.failed };
        sent.push(Sent { text, outcome, at });
        count.fetch_add(1, Ordering::Relaxed);
        sleep(PACE).await;
    }
    sent
}
