//! What all handles of one hub share.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::Notify;

use crate::backplane::Backplane;
use crate::block::Blocks;
use crate::builder::Config;
use crate::cell::Cell;
use crate::clock::Clock;
use crate::connects::{Connects, Rate};
use crate::fanout::Shards;
use crate::groups::UserGroups;
use crate::hooks::HookRunner;
use crate::id::LogName;
use crate::log::Log;
use crate::nodes::Nodes;
use crate::nodes::announce::Note;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::refusals::Counters;
use crate::session::Sessions;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, RwLock};
use crate::tickets::Tickets;
use crate::timer::Timer;

/// One hub.
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) log: RwLock<Log>,
    /// The newest offset, for who wants to know whether there is anything new without locking the log. It moves when
    /// everything up to it is in its topics.
    pub(crate) head: AtomicU64,
    pub(crate) blocks: Blocks,
    pub(crate) pace: Pace,
    pub(crate) clock: Arc<Clock>,
    pub(crate) timer: Arc<Timer>,
    pub(crate) shards: Shards,
    /// The connections by id. Only ever looked at for one key at a time, or copied whole.
    pub(crate) connections: DashMap<Arc<str>, Arc<Cell>>,
    /// Open streams, and those that are being opened.
    pub(crate) open: AtomicUsize,
    /// Tells that `open` has come to zero.
    pub(crate) emptied: Notify,
    /// The groups of users. Locked after the log.
    pub(crate) user_groups: Mutex<UserGroups>,
    /// Who can come back to what. Locked after a cell.
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) connects: Connects,
    pub(crate) tickets: Tickets,
    pub(crate) refusals: Counters,
    pub(crate) hooks: Option<HookRunner>,
    pub(crate) backplane: Option<Arc<dyn Backplane>>,
    /// There if other nodes use the same backplane.
    pub(crate) nodes: Option<Arc<Nodes>>,
    /// How far the backplane was followed.
    pub(crate) progress: Progress,
    /// How many records of the backplane could not be read.
    pub(crate) skipped: AtomicU64,
    /// Whether the backplane is being followed.
    tailing: AtomicBool,
    closing: AtomicBool,
    /// What connections that are gone were given.
    pub(crate) delivered: AtomicU64,
    /// How many gaps streams were told in mid-stream.
    pub(crate) lagged: AtomicU64,
    /// Told when the hub is gone.
    pub(crate) gone: Arc<Notify>,
}

impl Inner {
    pub(crate) fn new(config: Config, hooks: Option<HookRunner>, backplane: Option<Arc<dyn Backplane>>) -> Self {
        let clock = Clock::new();
        let now_ms = clock.unix_ms(clock.now_ms());
        let mut log = Log::new(LogName::random(), now_ms, config.history.clone(), config.state);
        if backplane.is_some() {
            log.wait();
        }
        let is_shared = backplane.as_ref().is_some_and(|backplane| backplane.is_shared());
        Self {
            nodes: is_shared.then(|| Arc::new(Nodes::new(config.node_timeout))),
            pace: Pace::new(&config.history),
            connects: Connects::new(config.max_connects.map(|(connects, per)| Rate::new(connects, per))),
            config,
            log: RwLock::new(log),
            head: AtomicU64::new(0),
            blocks: Blocks::new(),
            clock: Arc::new(clock),
            timer: Arc::default(),
            shards: Shards::default(),
            connections: DashMap::new(),
            open: AtomicUsize::new(0),
            emptied: Notify::new(),
            user_groups: Mutex::default(),
            sessions: Mutex::default(),
            tickets: Tickets::default(),
            refusals: Counters::default(),
            hooks,
            backplane,
            progress: Progress::default(),
            skipped: AtomicU64::new(0),
            tailing: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            lagged: AtomicU64::new(0),
            gone: Arc::default(),
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Lets nothing more in. Said with the log locked, so that no connection is opened across it.
    pub(crate) fn set_closing(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(crate) fn set_tailing(&self, tailing: bool) {
        self.tailing.store(tailing, Ordering::SeqCst);
    }

    pub(crate) fn is_tailing(&self) -> bool {
        self.tailing.load(Ordering::SeqCst)
    }

    pub(crate) fn is_ready(&self) -> bool {
        let has_joined = || self.nodes.as_ref().is_none_or(|nodes| nodes.is_one_of_them(self.clock.now_ms()));
        !self.is_closing() && (self.backplane.is_none() || self.is_tailing() && has_joined())
    }

    /// Other nodes are to know what has become of a connection.
    pub(crate) fn note(&self, connection: &Arc<str>, note: Note) {
        if let Some(nodes) = &self.nodes {
            nodes.outbox.note(connection, note);
        }
    }

    /// Lets readers see the head, once the log has begun.
    pub(crate) fn show_head(&self, log: &Log) {
        if log.has_begun() {
            self.head.store(log.head().offset, Ordering::SeqCst);
        }
    }

    /// Every connection, copied so that no lock is held.
    pub(crate) fn cells(&self) -> Vec<Arc<Cell>> {
        self.connections.iter().map(|entry| Arc::clone(entry.value())).collect()
    }

    pub(crate) fn cell(&self, id: &str) -> Option<Arc<Cell>> {
        self.connections.get(id).map(|entry| Arc::clone(entry.value()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.timer.stop();
        self.gone.notify_one();
    }
}
