//! Questions that other nodes answer, or the log does when they come back on its tail.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::identity::Identity;
use crate::inner::Inner;
use crate::nodes::signal::{Answer, End, GroupChange, NodeId, Say};
use crate::nodes::{Nodes, NodesError, NodesErrorKind};
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::topic::Topic;

/// How long an answer is waited for: some round trips on a bad day. Who has crashed does not answer at all.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How many questions may be open at a time. Each is a call of the application that waits.
const MAX_ASKS: usize = 65_536;

/// The questions that are open, by number.
pub(crate) struct Asks<T> {
    last: AtomicU64,
    open: Mutex<HashMap<u64, UnboundedSender<T>>>,
}

impl<T> Default for Asks<T> {
    fn default() -> Self {
        Self { last: AtomicU64::new(0), open: Mutex::default() }
    }
}

impl<T> Asks<T> {
    /// Opens a question; none if there are too many.
    pub(crate) fn open(&self) -> Option<Ask<'_, T>> {
        let (sender, answers) = mpsc::unbounded_channel();
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock();
        if open.len() >= MAX_ASKS {
            return None;
        }
        open.insert(number, sender);
        drop(open);
        Some(Ask { asks: self, number, answers })
    }

    /// Somebody answers. Who asked may have given up.
    pub(crate) fn answer(&self, number: u64, answer: T) {
        if let Some(sender) = self.open.lock().get(&number) {
            // Its end is in the same map: it is there.
            let _ = sender.send(answer);
        }
    }
}

/// A question that is open until this is dropped.
pub(crate) struct Ask<'a, T> {
    asks: &'a Asks<T>,
    pub(crate) number: u64,
    answers: UnboundedReceiver<T>,
}

impl<T> Ask<'_, T> {
    pub(crate) async fn answer(&mut self) -> Option<T> {
        self.answers.recv().await
    }
}

impl<T> Drop for Ask<'_, T> {
    fn drop(&mut self) {
        self.asks.open.lock().remove(&self.number);
    }
}

impl Inner {
    /// Has the node that has a connection change its groups. None if nobody says in time that it was done.
    pub(crate) async fn ask_to_change_group(&self, nodes: &Nodes, change: GroupChange) -> Option<Answer> {
        let mut ask = nodes.asks.open()?;
        self.say(nodes, vec![Say::Group(GroupChange { ask: ask.number, ..change })]).await.ok()?;
        let (_, answer) = self.in_time(ANSWER_TIMEOUT, ask.answer()).await??;
        Some(answer)
    }

    /// Redeems a ticket before anybody else on any node; the identity, unless somebody was before. None if the log does not
    /// say in time.
    pub(crate) async fn ask_to_redeem(&self, nodes: &Nodes, ticket: u128) -> Option<Option<Identity>> {
        let mut ask = nodes.redeems.open()?;
        self.say(nodes, vec![Say::Redeem { ask: ask.number, ticket }]).await.ok()?;
        self.in_time(ANSWER_TIMEOUT, ask.answer()).await?
    }

    /// Ends the streams of a topic on all nodes, and returns how many that were. `first` is said in the same breath.
    pub(crate) async fn end_everywhere(
        &self,
        nodes: &Nodes,
        topic: &Topic,
        reason: &str,
        first: Option<Say>,
    ) -> Result<usize, NodesError> {
        let others = nodes.directory.lock().nodes_with(topic);
        let Some(mut ask) = nodes.asks.open() else { return Err(NodesError(NodesErrorKind::Unavailable)) };
        let of = others.iter().copied().collect();
        let end = End { ask: ask.number, of, topic: topic.into(), reason: reason.into() };
        let says = first.into_iter().chain([Say::End(end)]).collect();
        let mut silent: HashSet<NodeId> = others;
        let mut ended = 0;
        if self.is_tailing() {
            silent.insert(nodes.id);
        } else {
            // This node hears nothing, not even itself.
            ended = self.end_here(topic, reason);
        }
        if self.say(nodes, says).await.is_err() {
            self.end_here(topic, reason);
            return Err(NodesError(NodesErrorKind::Unavailable));
        }
        let all = async {
            while !silent.is_empty() {
                let Some((node, answer)) = ask.answer().await else { return };
                silent.remove(&node);
                if let Answer::Ended(streams) = answer {
                    ended += usize::try_from(streams).unwrap_or(usize::MAX);
                }
            }
        };
        match self.in_time(ANSWER_TIMEOUT, all).await {
            Some(()) => Ok(ended),
            None => Err(NodesError(NodesErrorKind::Silent)),
        }
    }
}
