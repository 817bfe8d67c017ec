//! The thread that appends, for all senders of this process, whatever runtimes they are on.
//!
//! It takes what is waiting, as one batch; sends it; and takes the next while the answer is under way. A few batches
//! are under way at most, so that many senders make large batches and not long queues. It connects when there is
//! something to append and no connection, and never sends a record twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use ssehub::{BackplaneError, BackplaneErrorKind, EventId, Record, StateChange};
use tokio::sync::{mpsc, oneshot};

use crate::append::append;
use crate::connection::{Connection, Link};
use crate::error::Failure;
use crate::log::Log;
use crate::nodes::Nodes;

/// How many appends wait for the thread; more wait for room.
const MAX_WAITING: usize = 1024;

/// How many records go into one batch.
const MAX_BATCH: usize = 128;

/// A batch gets no further record when it has so many bytes.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// What a change of the state counts for beside its key, in bytes: it takes the server about as long.
const STATE_CHANGE: usize = 64;

/// How many batches are under way.
const MAX_SENT: usize = 8;

/// For how long after a failure to connect appends fail at once, unless a tail gets through.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What the thread is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// To append a record.
    Append(Record, oneshot::Sender<Result<EventId, BackplaneError>>),
    /// To connect.
    Connect(oneshot::Sender<Result<(), Failure>>),
}

type Waiting = (Record, oneshot::Sender<Result<EventId, BackplaneError>>);

/// Starts the thread, which ends when what is returned is dropped.
pub(crate) fn start(nodes: Arc<Nodes>, log: Arc<Log>) -> std::io::Result<mpsc::Sender<Order>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, orders) = mpsc::channel(MAX_WAITING);
    let driver = Driver { nodes, log, orders, connection: None, sent: FuturesUnordered::new(), failed: None };
    std::thread::Builder::new().name("ssehub-redis".into()).spawn(move || runtime.block_on(driver.run()))?;
    Ok(sender)
}

struct Driver {
    nodes: Arc<Nodes>,
    log: Arc<Log>,
    orders: mpsc::Receiver<Order>,
    connection: Option<Connection>,
    /// The batches under way, all on `connection`; each says in the end whether that is of no more use.
    sent: FuturesUnordered<BoxFuture<'static, bool>>,
    /// Why there is no connection, since when, and how often a server had been found by then.
    failed: Option<(Failure, Instant, u64)>,
}

impl Driver {
    async fn run(mut self) {
        loop {
            // When a connection is lost, what was sent on it comes to its end before there is another.
            let takes = self.sent.is_empty() || (self.connection.is_some() && self.sent.len() < MAX_SENT);
            tokio::select! {
                // Nothing is sent on a connection that is known to have ended.
                biased;
                Some(is_over) = self.sent.next() => if is_over { self.connection = None },
                () = ended(&mut self.connection) => self.connection = None,
                order = self.orders.recv(), if takes => match order {
                    Some(order) => self.take(order).await,
                    None => break,
                },
            }
        }
        while self.sent.next().await.is_some() {}
    }

    /// Sends a batch that begins with this, or refuses it.
    async fn take(&mut self, first: Order) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Connect(answer) => drop(answer.send(self.connect().await.map(drop))),
                // Whoever has gone meanwhile is told nothing: it is not sent.
                Order::Append(_, answer) if answer.is_closed() => {}
                Order::Append(record, answer) => {
                    bytes += weight(&record);
                    batch.push((record, answer));
                }
            }
            let has_room = batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES;
            next = if has_room { self.orders.try_recv().ok() } else { None };
        }
        if batch.is_empty() {
            return;
        }
        match self.connect().await {
            Ok(link) => self.sent.push(send(link, Arc::clone(&self.log), batch).boxed()),
            // Nothing was sent.
            Err(failure) => refuse(batch, &failure, BackplaneErrorKind::Unavailable),
        }
    }

    /// The connection that there is, or a new one.
    async fn connect(&mut self) -> Result<Link, Failure> {
        if let Some(connection) = &self.connection {
            return Ok(connection.link().clone());
        }
        let found = self.nodes.found();
        if let Some((failure, when, found_then)) = &self.failed
            && when.elapsed() < RETRY_AFTER
            && *found_then == found
        {
            return Err(failure.clone());
        }
        match self.nodes.open().await {
            Ok(connection) => {
                self.failed = None;
                Ok(self.connection.insert(connection).link().clone())
            }
            Err(failure) => {
                self.failed = Some((failure.clone(), Instant::now(), found));
                Err(failure)
            }
        }
    }
}

/// How much of a batch a record makes up, in bytes.
fn weight(record: &Record) -> usize {
    let key = |change: &StateChange| match change {
        StateChange::Set(key) | StateChange::Remove(key) => key.len(),
    };
    record.bytes().len() + record.state().iter().map(|change| key(change) + STATE_CHANGE).sum::<usize>()
}

/// Comes back when the server has closed the connection.
async fn ended(connection: &mut Option<Connection>) {
    match connection {
        Some(connection) => drop(connection.await),
        None => std::future::pending().await,
    }
}

/// Sends a batch and tells everybody what became of it. Returns whether the connection is of no more use.
async fn send(link: Link, log: Arc<Log>, batch: Vec<Waiting>) -> bool {
    let records: Vec<_> = batch.iter().map(|(record, _)| record).collect();
    match append(&link, &log, &records).await {
        Ok(ids) => {
            for ((_, answer), id) in batch.into_iter().zip(ids) {
                // Whoever has gone does not want to know.
                drop(answer.send(Ok(id)));
            }
            false
        }
        Err(failure) => {
            refuse(batch, &failure, failure.kind());
            failure.ends_connection()
        }
    }
}

fn refuse(batch: Vec<Waiting>, failure: &Failure, kind: BackplaneErrorKind) {
    for (_, answer) in batch {
        drop(answer.send(Err(failure.clone().into_error(kind))));
    }
}
