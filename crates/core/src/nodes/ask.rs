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

/// How long is waited for what may have been said on another node and not heard here yet.
pub(crate) const MAX_BEHIND: Duration = Duration::from_millis(500);

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

/// What is answered to a question of this node.
#[derive(Debug)]
pub(crate) enum Reply {
    Of(NodeId, Answer),
    /// This node has heard itself ask, and these others were there then.
    Asked(HashSet<NodeId>),
    /// This node has heard itself say that streams are to end, and these others are known to have had any.
    Ended {
        here: usize,
        having: HashSet<NodeId>,
    },
}

impl Inner {
    /// Has the node that has a connection change its groups. None if nobody says in time that it was done.
    pub(crate) async fn ask_to_change_group(&self, nodes: &Nodes, change: GroupChange) -> Option<Answer> {
        // A connection that was opened a moment ago may not be known here yet: each node is asked.
        let mut asked = change.at.map(|at| HashSet::from([at]));
        let mut not_there = HashSet::new();
        let mut ask = nodes.asks.open()?;
        self.say(nodes, vec![Say::Group(GroupChange { ask: ask.number, ..change })]).await.ok()?;
        let answer = async {
            loop {
                match ask.answer().await? {
                    Reply::Of(node, Answer::UnknownConnection) => not_there.extend([node]),
                    Reply::Of(_, answer) => return Some(answer),
                    Reply::Asked(nodes) => asked = asked.or(Some(nodes)),
                    Reply::Ended { .. } => {}
                }
                if asked.as_ref().is_some_and(|asked| asked.is_subset(&not_there)) {
                    return Some(Answer::UnknownConnection);
                }
            }
        };
        self.in_time(ANSWER_TIMEOUT, answer).await?
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
        let Some(mut ask) = nodes.asks.open() else { return Err(NodesError(NodesErrorKind::Unavailable)) };
        let end = End { ask: ask.number, topic: topic.into(), reason: reason.into() };
        let mut having = None;
        let (mut ended, mut silent) = (0, nodes.directory.lock().nodes_with(&Topic::All));
        if !self.is_tailing() {
            // It hears nothing, not even itself.
            ended = self.end_here(topic, reason);
            having = Some(nodes.directory.lock().nodes_with(topic));
        }
        if self.say(nodes, first.into_iter().chain([Say::End(end)]).collect()).await.is_err() {
            self.end_here(topic, reason);
            return Err(NodesError(NodesErrorKind::Unavailable));
        }
        let mut answers = async |needs: fn(&HashSet<NodeId>, &HashSet<NodeId>) -> bool| {
            while having.as_ref().is_none_or(|having| needs(&silent, having)) {
                match ask.answer().await {
                    Some(Reply::Of(node, Answer::Ended(streams))) => {
                        silent.remove(&node);
                        ended += usize::try_from(streams).unwrap_or(usize::MAX);
                    }
                    Some(Reply::Ended { here, having: others }) => {
                        ended += here;
                        having = Some(others);
                    }
                    Some(Reply::Of(..) | Reply::Asked(_)) => {}
                    None => return,
                }
            }
        };
        // Any may have one that this node has not heard of. One that has crashed is not waited for, unless it had one.
        let all = self.in_time(MAX_BEHIND, answers(|silent, _| !silent.is_empty())).await;
        let all = match all {
            None => self.in_time(ANSWER_TIMEOUT, answers(|silent, having| !silent.is_disjoint(having))).await,
            all => all,
        };
        all.map(|()| ended).ok_or(NodesError(NodesErrorKind::Silent))
    }
}
