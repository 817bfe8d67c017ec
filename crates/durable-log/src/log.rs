//! The handle: what an application opens and gives to its hub.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use futures::stream::BoxStream;
use parking_lot::Mutex;
use ssehub::{Backplane, BackplaneError, EventId, History, LogName, Record, Tailed, async_trait};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};

use crate::error::{DurableError, Reason};
use crate::frame::{self, MAX_FRAME};
use crate::options::DurableLogBuilder;
use crate::position::Position;
use crate::recent::Recent;
use crate::recovery::Recovery;
use crate::retention::Retention;
use crate::store::Store;
use crate::tail;
use crate::writer::{Append, Request};

/// The longest record, in bytes.
pub const MAX_RECORD_BYTES: usize = 32 << 20;

/// How many records, and bytes of them, may wait for the disk. Who appends more waits for room.
pub(crate) const MAX_WAITING: usize = 1024;
const MAX_WAITING_BYTES: usize = 2 * MAX_RECORD_BYTES;

/// A log on the disk of this machine, for one hub: the [`Backplane`] with which it forgets nothing over a restart.
///
/// Clones are handles of the same log. Dropping the last one waits until what was accepted is on disk, and closes the
/// log: it can be opened again at once.
#[derive(Clone)]
pub struct DurableLog {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    recovery: Recovery,
    /// Taken when the last handle goes, which ends the writer.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

/// What the handles, the writer and the followers have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: Box<Path>,
    pub(crate) store: Store,
    pub(crate) recent: Mutex<Recent>,
    /// Told after each change of `recent`.
    pub(crate) moved: watch::Sender<()>,
    pub(crate) retention: Mutex<Retention>,
    /// Told when the retention has changed.
    pub(crate) retained_anew: Notify,
    /// Told when the store was found to be damaged.
    pub(crate) damaged: Notify,
}

impl DurableLog {
    /// Opens the log in a directory of its own, which is made if there is none.
    ///
    /// It reads and verifies all that is retained, so do it where blocking is fine: before the server starts.
    ///
    /// # Errors
    ///
    /// If somebody else has the log open, if what is there has another format or is damaged beyond its tail, or if the
    /// operating system refuses. Nothing is changed then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DurableError> {
        Self::builder(path).open()
    }

    /// Opens the log in this directory with options.
    pub fn builder(path: impl AsRef<Path>) -> DurableLogBuilder {
        DurableLogBuilder::new(path.as_ref())
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        recovery: Recovery,
        requests: mpsc::Sender<Request>,
        writer: JoinHandle<()>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(MAX_WAITING_BYTES));
        Self { inner: Arc::new(Inner { shared, room, recovery, requests: Some(requests), writer: Some(writer) }) }
    }

    /// The name of the log: part of each id. It changes if the log turns out to have lost what somebody has seen.
    pub fn name(&self) -> LogName {
        self.inner.shared.recent.lock().name()
    }

    /// The directory of the log.
    pub fn path(&self) -> &Path {
        &self.inner.shared.path
    }

    /// What was found when the log was opened, and what became of it.
    pub fn recovery(&self) -> &Recovery {
        &self.inner.recovery
    }

    async fn request(&self, request: Request) -> Result<(), BackplaneError> {
        let Some(requests) = &self.inner.requests else { return Err(self.closed().unavailable()) };
        requests.send(request).await.map_err(|_| self.closed().unavailable())
    }

    fn closed(&self) -> DurableError {
        Reason::Closed(self.path().into(), "its writer has ended").into()
    }
}

#[async_trait]
impl Backplane for DurableLog {
    fn retain(&self, history: &History) {
        *self.inner.shared.retention.lock() = Retention::from(history);
        self.inner.shared.retained_anew.notify_one();
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn append(&self, record: Record) -> Result<EventId, BackplaneError> {
        let length = frame::length_of(&record);
        if record.bytes().len() > MAX_RECORD_BYTES || length > MAX_FRAME {
            return Err(DurableError::from(Reason::TooLarge(record.bytes().len())).unavailable());
        }
        // Given back when the writer is done with it, whatever becomes of this future.
        let room = Arc::clone(&self.inner.room).acquire_many_owned(length as u32).await;
        let room = room.map_err(|_| self.closed().unavailable())?;
        let (reply, answer) = oneshot::channel();
        self.request(Request::Append(Append { record, reply, room })).await?;
        answer.await.unwrap_or_else(|_| Err(self.closed().uncertain()))
    }

    async fn tail(
        &self,
        after: Option<EventId>,
    ) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError> {
        if let Some(asked) = after.filter(|asked| self.inner.shared.is_to_come(*asked)) {
            // Somebody has seen what is not here: a copy was put in the place of the log, perhaps.
            let (reply, answer) = oneshot::channel();
            self.request(Request::Rename { from: asked.log(), reply }).await?;
            answer.await.unwrap_or_else(|_| Err(self.closed().unavailable()))?;
        }
        tail::follow(&self.inner.shared, after).map_err(DurableError::unavailable)
    }
}

impl fmt::Debug for DurableLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableLog").field("path", &self.path()).field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take()
            // A waker that the writer calls could drop the last handle.
            && writer.thread().id() != std::thread::current().id()
        {
            // Whatever it panicked with has been printed already.
            let _ = writer.join();
        }
    }
}

impl Shared {
    /// Whether this is an id of the log that it has not given out yet.
    fn is_to_come(&self, id: EventId) -> bool {
        let recent = self.recent.lock();
        id.log() == recent.name() && Position::from(id) > recent.ids()
    }

    /// Has the writer look at the whole store if what was read of it is damaged.
    pub(crate) fn in_doubt<T>(&self, read: Result<T, DurableError>) -> Result<T, DurableError> {
        read.inspect_err(|error| {
            if error.is_of_damage() {
                tracing::error!(%error, "a durable log is damaged; looking for what is left of it");
                self.damaged.notify_one();
            }
        })
    }

    /// Changes what followers see, and tells them.
    pub(crate) fn publish<T>(&self, change: impl FnOnce(&mut Recent) -> T) -> T {
        let changed = change(&mut self.recent.lock());
        self.moved.send_replace(());
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use futures::StreamExt as _;

    use super::*;
    use crate::store::LOG;

    /// The bytes that come before something else does.
    async fn entries(log: &DurableLog) -> Result<Vec<Bytes>, BackplaneError> {
        let mut tail = log.tail(None).await?;
        let mut entries = Vec::new();
        let mut head = None;
        while let Some(tailed) = tail.next().await {
            match tailed? {
                Tailed::Start(start) => head = Some(start.head),
                Tailed::Entry(id, bytes) => {
                    entries.push(bytes);
                    if head == Some(id) {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(entries)
    }

    #[tokio::test]
    async fn an_entry_that_is_damaged_while_the_log_is_open_makes_it_another_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = DurableLog::open(dir.path()).unwrap();
        let mut ids = Vec::new();
        for text in ["a", "b", "c"] {
            ids.push(log.append(Record::new(text)).await.unwrap());
        }
        drop(log);
        // All of it has to be read from the store.
        let log = DurableLog::open(dir.path()).unwrap();
        let damage = |database: &redb::Database| {
            let write = database.begin_write()?;
            write.open_table(LOG)?.insert((ids[1].ms(), ids[1].seq()), &b"no frame"[..])?;
            Ok(write.commit()?)
        };
        log.inner.shared.store.with(damage).unwrap();
        let name = log.name();
        assert!(entries(&log).await.is_err(), "it is left out and nobody is told");
        let renamed = async {
            while log.name() == name {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), renamed).await.expect("waited 20 s for another name");
        assert_eq!(entries(&log).await.unwrap(), ["a", "c"]);
        log.append(Record::new("d")).await.unwrap();
        assert_eq!(entries(&log).await.unwrap(), ["a", "c", "d"]);
    }
}
