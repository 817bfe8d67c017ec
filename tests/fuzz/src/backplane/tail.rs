//! A backplane whose tail brings what it was given, and one that gives what it was sent.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use ssehub::{
    Audience, Backplane, BackplaneError, BackplaneErrorKind, Event, EventId, History, Hub, LogName, Record, Tailed,
    async_trait,
};

use crate::reader::now;

/// How long the hub's thread may take for what takes microseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// What holds a tail back, and tells when it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    is_open: bool,
    waits: Option<Waker>,
    is_read: bool,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) {
        let waker = {
            let mut state = self.lock();
            state.is_open = true;
            state.waits.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits until the hub has read everything, or wants to hear no more.
    pub(crate) fn wait(&self) {
        let (state, outcome) = self
            .0
            .1
            .wait_timeout_while(self.lock(), PATIENCE, |state| !state.is_read)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        assert!(!outcome.timed_out(), "waited {PATIENCE:?} for the hub to read its backplane's tail");
    }

    fn is_open(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if !state.is_open {
            state.waits = Some(cx.waker().clone());
        }
        state.is_open
    }

    fn read(&self) {
        self.lock().is_read = true;
        self.0.1.notify_all();
    }
}

/// A backplane whose first tail brings these items, when its gate is open; any other brings nothing.
pub(crate) struct Script {
    tail: Mutex<Option<Tail>>,
    is_shared: bool,
}

impl Script {
    pub(crate) fn new(items: Vec<Tailed>) -> (Gate, Self) {
        let gate = Gate::default();
        let tail = Tail { items: items.into(), gate: gate.clone() };
        (gate, Self { tail: Mutex::new(Some(tail)), is_shared: false })
    }

    /// The same, of a log that other nodes write, too.
    pub(crate) fn shared(items: Vec<Tailed>) -> (Gate, Self) {
        let (gate, script) = Self::new(items);
        (gate, Self { is_shared: true, ..script })
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

struct Tail {
    items: VecDeque<Tailed>,
    gate: Gate,
}

impl Stream for Tail {
    type Item = Result<Tailed, BackplaneError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.gate.is_open(cx) {
            return Poll::Pending;
        }
        match self.items.pop_front() {
            Some(item) => Poll::Ready(Some(Ok(item))),
            None => {
                // Whoever asks for more is done with what there was.
                self.gate.read();
                Poll::Pending
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.gate.read();
    }
}

#[async_trait]
impl Backplane for Script {
    fn retain(&self, _: &History) {}

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    async fn append(&self, _: Record) -> Result<EventId, BackplaneError> {
        Err(BackplaneError::new(BackplaneErrorKind::Unavailable, "this log is read only"))
    }

    async fn tail(
        &self,
        _: Option<EventId>,
    ) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(tail.map_or_else(|| stream::pending().boxed(), |tail| tail.boxed()))
    }
}

/// Makes records of events: a hub whose backplane hands out what it is asked to append.
pub(crate) struct Press {
    hub: Hub,
    records: Sheets,
}

/// The records that nobody has taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheets {
    records: Arc<Mutex<Vec<Record>>>,
    is_shared: bool,
}

impl Press {
    pub(crate) fn new() -> Self {
        let records = Sheets::default();
        let hub = Hub::builder().backplane(records.clone()).build().expect("the defaults are in range");
        Self { hub, records }
    }

    pub(crate) fn record(&self, audience: Audience, event: Event) -> Record {
        now(self.hub.send_unpaced(audience, event)).expect("the backplane takes the event");
        let record = self.records.records.lock().unwrap_or_else(PoisonError::into_inner).pop();
        record.expect("what was appended is there")
    }
}

impl Sheets {
    /// Those of a hub that takes itself for one node of several.
    pub(crate) fn shared() -> Self {
        Self { is_shared: true, ..Self::default() }
    }

    /// All that were appended.
    pub(crate) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Backplane for Sheets {
    fn retain(&self, _: &History) {}

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    async fn append(&self, record: Record) -> Result<EventId, BackplaneError> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        Ok(EventId::new(0, 0, LogName::random()))
    }

    async fn tail(
        &self,
        _: Option<EventId>,
    ) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError> {
        Ok(stream::pending().boxed())
    }
}
