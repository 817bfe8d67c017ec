//! Several nodes, one hub: what they tell one another, through the log and in its order.
//!
//! Nodes share nothing but their backplane's log. What one wants of another it says there, in *signals*: records that
//! pass, between the events. Each node hears all of them, in the same order, and so all agree on who has a connection, who
//! was first with a ticket, and which events came before a stream was ended. None of this asks anything of a backplane
//! but to keep bytes in order.
//!
//! - [`signal`]: what can be said, and its form.
//! - [`directory`]: who is connected elsewhere, as this node has heard; what the queries of a hub answer from.
//! - [`by_name`]: those of one user or group among them.
//! - [`orphans`]: sessions whose node is gone.
//! - [`early`]: joins of connections that it has not heard of yet.
//! - [`announce`]: what this node says of itself, and that it is alive.
//! - [`hear`]: what becomes of a signal.
//! - [`ask`]: questions to other nodes, and how long their answers are waited for.
//!
//! A node that falls silent is out of the directory of all others after [`HubBuilder::node_timeout`]. Its sessions can be
//! taken up elsewhere all the same, before that and for a resume window after.
//!
//! [`HubBuilder::node_timeout`]: crate::HubBuilder::node_timeout

pub(crate) mod announce;
pub(crate) mod ask;
pub(crate) mod by_name;
pub(crate) mod directory;
pub(crate) mod early;
pub(crate) mod hear;
pub(crate) mod orphans;
pub(crate) mod signal;

use std::time::Duration;

use crate::builder::Config;
use crate::clock::millis;
use crate::identity::Identity;
use crate::nodes::announce::Outbox;
use crate::nodes::ask::{Asks, Reply};
use crate::nodes::directory::Directory;
use crate::nodes::signal::NodeId;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// What a node of several knows of itself and the others.
pub(crate) struct Nodes {
    pub(crate) id: NodeId,
    timeout: Duration,
    /// A leaf: nothing else is locked meanwhile.
    pub(crate) directory: Mutex<Directory>,
    pub(crate) outbox: Outbox,
    pub(crate) is_one_of_them: AtomicBool,
    /// How many sessions this node has claimed.
    pub(crate) claims: AtomicU64,
    /// What other nodes are asked.
    pub(crate) asks: Asks<Reply>,
    /// Tickets that are being redeemed.
    pub(crate) redeems: Asks<Option<Identity>>,
}

impl Nodes {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            id: NodeId::draw(),
            timeout,
            directory: Mutex::default(),
            outbox: Outbox::default(),
            is_one_of_them: AtomicBool::new(false),
            claims: AtomicU64::new(0),
            asks: Asks::default(),
            redeems: Asks::default(),
        }
    }

    /// Whether this node and the others know of each other: what it has said is in the log before whatever is said from now
    /// on, and they have told it what they have; or do not, as one that has crashed.
    pub(crate) fn is_one_of_them(&self, now_ms: u64) -> bool {
        // Once it was, nodes that come after it change nothing about that.
        let was = self.is_one_of_them.load(Ordering::Relaxed);
        let is = was || self.directory.lock().is_one_of_them(now_ms);
        self.is_one_of_them.store(is, Ordering::Relaxed);
        is
    }

    /// Whether others have heard nothing of this node for so long that it is in no count any more.
    pub(crate) fn is_taken_for_gone(&self, now_ms: u64) -> bool {
        !self.directory.lock().has_heard_itself_since(now_ms.saturating_sub(millis(self.timeout)))
    }

    /// Forgets nodes that have been silent for too long, and sessions that nobody came back to in time. Called each second.
    /// While this node does not hear even itself nobody is silent: the backplane brings nothing, or takes nothing.
    pub(crate) fn let_go(&self, now_ms: u64, is_listening: bool, config: &Config) {
        let since_ms = now_ms.saturating_sub(millis(self.timeout));
        let mut directory = self.directory.lock();
        if !is_listening || !directory.has_heard_itself_since(since_ms) {
            directory.hear_all(now_ms);
        }
        let silent = directory.silent_since(since_ms);
        for &node in &silent {
            tracing::warn!(%node, "a node of the hub is silent; its connections are taken for gone");
            directory.drop_node(node, now_ms + millis(config.resume_window), config.max_parked, false);
        }
        directory.let_go_of_orphans(now_ms);
        // Who has started since knows nothing of what the silent ones had.
        if !silent.is_empty() && directory.is_oldest(self.id) {
            self.outbox.tell_all();
        }
    }
}

/// Why it is not known what became of something on the other nodes of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.message())]
pub struct NodesError(pub(crate) NodesErrorKind);

impl NodesError {
    /// What was wrong, for matching.
    pub fn kind(&self) -> NodesErrorKind {
        self.0
    }
}

/// The kinds of [`NodesError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodesErrorKind {
    /// The backplane is away: it was done on this node, and may not have been on the others.
    Unavailable,
    /// It was done on this node, and some other did not say so in time: one that has crashed, or is behind.
    Silent,
}

impl NodesErrorKind {
    fn message(self) -> &'static str {
        match self {
            Self::Unavailable => "the backplane is away; this was done on one node only: try again",
            Self::Silent => "a node did not answer in time; this was done on the others",
        }
    }
}
