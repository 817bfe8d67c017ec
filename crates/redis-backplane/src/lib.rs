//! ssehub on many nodes: the log of a hub in Redis.
//!
//! ```no_run
//! use ssehub::{Audience, Event, Hub};
//! use ssehub_redis::RedisBackplane;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let redis = RedisBackplane::builder("redis://:secret@redis.internal/").hub("shop").connect().await?;
//! let hub = Hub::builder().backplane(redis).build()?;
//! hub.send(Audience::all(), Event::message("hello from any node")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Every process with a hub of this name on this Redis is a node of it. What one sends goes to the end of one log, in
//! one atomic step with the state of keys, and each node follows that log and serves its own clients from its own
//! memory. So any client may come back to any node, with the id it has from another.
//!
//! # What it promises
//!
//! - [`append`](ssehub::Backplane::append) returns the id of the entry, or says what became of it:
//!   [`Unavailable`](ssehub::BackplaneErrorKind::Unavailable) if it was surely not taken, because Redis refused it or
//!   was not there, and [`Uncertain`](ssehub::BackplaneErrorKind::Uncertain) if it was sent and no answer came. Nothing
//!   is ever sent twice on its own account.
//! - All nodes see all entries in the order of their ids, each once. An id is the time of the Redis server, which never
//!   goes back even if its clock does, and a counter.
//! - Each entry names the one before it. What is missing is noticed, never passed over.
//! - A log that has lost what somebody may have seen is another log: it gets another name, and clients are told a gap.
//! - Retention is exactly the hub's [`History`]: a node that starts gets no entry more, and none less. Give all nodes
//!   the same. Passing records (ephemeral events and what nodes tell one another) are kept for [`MAX_PASSING_AGE`], up
//!   to [`MAX_PASSING`] of them and [`MAX_PASSING_BYTES`], beside the history.
//!
//! # How Redis has to be set up
//!
//! Redis 7.0 or later, or Valkey. Since 7.0 it decides before a script runs whether it may write here and has the
//! memory; before that, an append could fail in the middle.
//!
//! - `maxmemory-policy noeviction`, the default. A server that evicts keys takes parts of a log, which ends it.
//! - `client-output-buffer-limit normal` without limits, the default: who catches up reads some MiB at once.
//! - `appendonly yes`. With `appendfsync everysec`, a crash of the machine loses up to a second: clients are told a gap
//!   then. With `appendfsync always` nothing that was acknowledged is lost, and appends wait for the disk; many at once
//!   share one write. Without a file, a restart is the end of the log.
//! - Replicas: the primary alone acknowledges (`WAIT` is not used: it makes losses rarer, and does not end them). After
//!   a failover to a replica that lacks the last entries, the log is another one if any node has seen them.
//!   `min-replicas-to-write 1` with a small `min-replicas-max-lag` bounds what an old primary takes that is cut off
//!   from the rest; what it refuses is `Unavailable`.
//! - A user needs `~ssehub:*` and `+hello +script|load +evalsha +eval +xread +xadd +xlen +xrange +xtrim +xinfo|stream
//!   +hget +hmget +hset +hdel +hlen +hincrby +hexists +hscan +unlink +time`, in a Cluster also `+cluster|slots`. With a
//!   database in the URL, `+select`.
//!
//! # Where it is
//!
//! The URL is `redis://[USER][:PASSWORD@]HOST[:PORT][/DATABASE]`, `rediss:` for TLS, or `unix:///PATH`. TLS is rustls
//! with the system's authorities, or [yours](RedisBackplaneBuilder::tls_authorities); certificates are always checked.
//!
//! **Cluster** needs no setting. The six keys of a hub, `ssehub:{NAME}:…`, share a hash slot; any node tells which one
//! has it. Name a [second node](RedisBackplaneBuilder::node) for when the first is down at the start. While Redis moves
//! the slot, appends are `Unavailable`. One hub is on one node; many hubs, one for each tenant or region, spread.
//!
//! **Sentinels** tell where the primary is: `builder("redis://:secret@mymaster/")` with the URL of each as a
//! [`sentinel`](RedisBackplaneBuilder::sentinel). A server that has become a replica is left, and they are asked again.
//! Without them, let a name or a proxy lead to the primary: the address is looked up for each new connection.
//!
//! # When something fails
//!
//! | what | an append | the tail |
//! |---|---|---|
//! | Redis is down, or loads its data | `Unavailable` | ends; the hub tries again, up to a second later |
//! | it stalls, or the network is cut | `Uncertain` after the [patience](RedisBackplaneBuilder::patience), 1.5 s; then `Unavailable` | ends after the patience |
//! | it dies while appends are under way | `Uncertain` for those | ends |
//! | it restarts with all its data | works | goes on behind the last entry seen |
//! | it comes back with less, or was flushed | `Unavailable` until a tail has named the new log | starts anew; clients are told a gap |
//! | it has become a replica, has no memory left, or too few replicas | `Unavailable` | ends at a replica; else goes on |
//! | it forgets the scripts | works: it gets them again | works |
//! | somebody else writes to the streams | works | passes over it: [`skipped_entries`](RedisBackplane::skipped_entries) |
//! | somebody else trims or deletes the streams, or entries of them | works | ends for who lacks an entry, and starts anew behind it; clients that lack what is gone are told a gap |
//! | somebody else removes `meta` or a part of the state, by hand or by evicting it | `Unavailable` until a tail has named the new log | starts anew; clients are told a gap |
//! | a key has something that is not of the log | `Unavailable`, and the key is named | fails until the key is removed |
//! | a node falls behind by more than is retained | works | starts anew; its clients are told a gap |
//!
//! Raise the patience for a server that stalls for longer, because its disk is slow or it forks with much memory in
//! use. A link may be slow: what counts is that something moves. Below 1 MiB a second a large record may be given up,
//! as `Uncertain`.
//!
//! # What it takes
//!
//! In Redis an entry takes its bytes and about 65 more. What retention has taken stays for a little longer, so that
//! nodes that are starting still find it: up to half of the history again, or 2,048 entries or 2 MiB where that is
//! more. The newest record of a key that retention took is kept once, and each of its keys with an id. A record may
//! have up to [`MAX_RECORD_BYTES`].
//!
//! In the process it takes a thread and two connections for each backplane. Up to 1,024 appends wait for the thread,
//! and more wait for room there, for as long as it takes to be sent or refused: some seconds at most. They are sent in
//! batches of up to 128 records or 1 MiB, of which up to eight are under way: so many senders at once are much faster
//! than one. `examples/rate.rs` measures it.

mod append;
mod connection;
mod driver;
mod entry;
mod error;
mod hello;
mod keys;
mod log;
mod nodes;
mod options;
mod place;
mod script;
mod state;
mod tail;
mod tls;
mod transport;

use std::sync::Arc;

use futures::stream::BoxStream;
use ssehub::{Backplane, BackplaneError, BackplaneErrorKind, EventId, History, Record, Tailed, async_trait};
use tokio::sync::{mpsc, oneshot};

use crate::driver::Order;
use crate::error::Failure;
use crate::log::Log;
use crate::nodes::Nodes;

pub use append::MAX_RECORD_BYTES;
pub use error::{RedisConnectError, RedisConnectErrorKind};
pub use keys::MAX_HUB_NAME;
pub use log::{MAX_PASSING, MAX_PASSING_AGE, MAX_PASSING_BYTES};
pub use options::{DEFAULT_HUB, DEFAULT_PATIENCE, RedisBackplaneBuilder};

/// The log of a hub, in Redis.
///
/// Clones are the same backplane, and cheap. Its thread and its connections end with the last of them.
#[derive(Clone, Debug)]
pub struct RedisBackplane {
    nodes: Arc<Nodes>,
    log: Arc<Log>,
    driver: mpsc::Sender<Order>,
}

impl RedisBackplane {
    /// Sets one up, for the server at this URL: see [above](crate#where-it-is).
    pub fn builder(url: impl Into<String>) -> RedisBackplaneBuilder {
        RedisBackplaneBuilder::new(url.into())
    }

    /// How many entries were passed over because they are not of a hub's making: somebody else writes to its keys.
    pub fn skipped_entries(&self) -> u64 {
        self.log.skipped()
    }

    async fn start(nodes: Arc<Nodes>, log: Arc<Log>) -> Result<Self, RedisConnectError> {
        let driver = driver::start(Arc::clone(&nodes), Arc::clone(&log)).map_err(RedisConnectError::invalid)?;
        let backplane = Self { nodes, log, driver };
        let (answer, connected) = oneshot::channel();
        let order = Order::Connect(answer);
        backplane.driver.send(order).await.map_err(|_| Failure::Gone)?;
        connected.await.map_err(|_| Failure::Gone)??;
        Ok(backplane)
    }
}

#[async_trait]
impl Backplane for RedisBackplane {
    fn retain(&self, history: &History) {
        self.log.retain(history);
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, record: Record) -> Result<EventId, BackplaneError> {
        let size = record.bytes().len();
        if size > MAX_RECORD_BYTES {
            let reason =
                format!("a record of {size} bytes is too large for Redis: at most {MAX_RECORD_BYTES} are kept");
            return Err(BackplaneError::new(BackplaneErrorKind::Unavailable, reason));
        }
        let (answer, outcome) = oneshot::channel();
        let unsent = |_| Failure::Gone.into_error(BackplaneErrorKind::Unavailable);
        self.driver.send(Order::Append(record, answer)).await.map_err(unsent)?;
        outcome.await.map_err(|_| Failure::Gone.into_error(BackplaneErrorKind::Uncertain))?
    }

    async fn tail(
        &self,
        after: Option<EventId>,
    ) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError> {
        tail::tail(&self.nodes, &self.log, after).await
    }
}
