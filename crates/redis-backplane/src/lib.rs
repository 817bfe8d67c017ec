//! ssehub on many nodes: one log in Redis.

mod append;
mod connection;
mod driver;
mod entry;
mod error;
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
    /// Sets one up, for the server at a URL: `redis://[USER][:PASSWORD@]HOST[:PORT][/DATABASE]`, with `rediss:` for TLS, or
    /// `unix:///PATH`. In a Cluster it is any node.
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
