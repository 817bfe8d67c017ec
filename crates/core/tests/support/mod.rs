//! A tab: what a browser would make of one stream, driven by hand.
#![allow(
    dead_code,
    clippy::expect_used,
    reason = "each test target uses its own part of this; a test fails by panicking"
)]

pub(crate) mod diary;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use ssehub::{ConnectError, ConnectRequest, Connection, Event, Hub, Shutdown, ShutdownReport};

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// One event as `EventSource` would dispatch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The `id:` of its own block, if there was one.
    pub(crate) id: Option<String>,
    /// `message` if it has none.
    pub(crate) name: String,
    pub(crate) data: String,
}

/// A stream and the state a browser keeps of it.
pub(crate) struct Tab {
    connection: Option<Connection>,
    pub(crate) id: String,
    /// What the browser would send as `Last-Event-ID`.
    pub(crate) last_event_id: String,
    pub(crate) retry: Option<String>,
    pub(crate) comments: usize,
    /// Blocks that moved the cursor and fired nothing.
    pub(crate) cursors: usize,
    pub(crate) over: bool,
    received: VecDeque<Received>,
}

impl Tab {
    /// Opens a stream, which has to be let in.
    pub(crate) fn open(hub: &Hub, request: ConnectRequest) -> Self {
        Self::try_open(hub, request).expect("the stream is let in")
    }

    /// Opens a stream, unless it is refused.
    pub(crate) fn try_open(hub: &Hub, request: ConnectRequest) -> Result<Self, ConnectError> {
        let connection = hub.connect(request)?;
        Ok(Self {
            id: connection.id().to_owned(),
            connection: Some(connection),
            last_event_id: String::new(),
            retry: None,
            comments: 0,
            cursors: 0,
            over: false,
            received: VecDeque::new(),
        })
    }

    /// Reads what there is now and returns every event, those of the hub too.
    pub(crate) fn read_all(&mut self) -> Vec<Received> {
        while self.read_one() {}
        self.take()
    }

    /// Reads what there is now and returns the application's events.
    pub(crate) fn events(&mut self) -> Vec<Received> {
        let mut events = self.read_all();
        events.retain(|event| !event.name.starts_with("hub:"));
        events
    }

    /// The data of the application's events there are now.
    pub(crate) fn data(&mut self) -> Vec<String> {
        self.events().into_iter().map(|event| event.data).collect()
    }

    /// Reads one write. False if there is nothing now.
    pub(crate) fn read_one(&mut self) -> bool {
        // A reader with much to skip gives way in the middle of it, and asks to be polled again.
        let flag = Arc::new(Flag::default());
        loop {
            if self.read_one_with(&Waker::from(Arc::clone(&flag))) {
                return true;
            }
            if !flag.0.swap(false, Ordering::SeqCst) {
                return false;
            }
        }
    }

    /// Polls once with this waker, which is kept if there is nothing now.
    pub(crate) fn read_one_with(&mut self, waker: &Waker) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        match connection.poll_next_unpin(&mut Context::from_waker(waker)) {
            Poll::Pending => false,
            Poll::Ready(None) => {
                self.over = true;
                self.connection = None;
                false
            }
            Poll::Ready(Some(bytes)) => {
                self.take_in(&bytes);
                true
            }
        }
    }

    /// Every event that was read and not yet returned, those of the hub too.
    pub(crate) fn take(&mut self) -> Vec<Received> {
        self.received.drain(..).collect()
    }

    /// Waits for the next write or the end, ten seconds at most.
    pub(crate) fn wait(&mut self) {
        let connection = self.connection.as_mut().expect("the stream is open");
        match within("the next write", connection.next()) {
            Some(bytes) => self.take_in(&bytes),
            None => {
                self.over = true;
                self.connection = None;
            }
        }
    }

    /// Waits for an event of this name, ten seconds at most, and returns all events up to it.
    pub(crate) fn wait_for(&mut self, name: &str) -> Vec<Received> {
        loop {
            if let Some(place) = self.received.iter().position(|event| event.name == name) {
                return self.received.drain(..=place).collect();
            }
            assert!(!self.over, "the stream ended before an event {name}");
            self.wait();
        }
    }

    /// The client goes away.
    pub(crate) fn cut(&mut self) {
        self.connection = None;
    }

    /// Takes the stream itself, to be polled by the test.
    pub(crate) fn into_connection(mut self) -> Connection {
        self.connection.take().expect("the stream is open")
    }

    /// Every chunk is whole blocks of `field: value` lines in the order the hub writes them.
    fn take_in(&mut self, chunk: &[u8]) {
        let text = std::str::from_utf8(chunk).expect("a stream is UTF-8");
        assert!(text.ends_with("\n\n"), "a chunk is whole events: {text:?}");
        for block in text.strip_suffix("\n\n").unwrap_or(text).split("\n\n") {
            let (mut id, mut name, mut data) = (None, None, None::<String>);
            for line in block.split('\n') {
                match line.split_once(": ") {
                    Some(("id", value)) => id = Some(value.to_owned()),
                    Some(("event", value)) => name = Some(value.to_owned()),
                    Some(("retry", value)) => self.retry = Some(value.to_owned()),
                    Some(("data", value)) => {
                        data = Some(data.map_or_else(|| value.to_owned(), |before| before + "\n" + value));
                    }
                    None if line == ":" => self.comments += 1,
                    _ => panic!("not a line of this hub: {line:?}"),
                }
            }
            if let Some(id) = &id {
                self.last_event_id.clone_from(id);
            }
            match data {
                Some(data) => {
                    let name = name.unwrap_or_else(|| "message".to_owned());
                    self.received.push_back(Received { id, name, data });
                }
                None => self.cursors += usize::from(id.is_some()),
            }
        }
    }
}

/// What resolves without waiting.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("this does not wait")
}

/// Runs a future on this thread, for ten seconds at most.
pub(crate) fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        let left = deadline.checked_duration_since(Instant::now());
        std::thread::park_timeout(left.unwrap_or_else(|| panic!("waited {PATIENCE:?} for: {what}")));
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Sends a message that must be taken, without giving way.
pub(crate) fn send(hub: &Hub, audience: impl Into<ssehub::Audience>, data: &str) -> String {
    send_event(hub, audience, Event::message(data))
}

/// Sends an event that must be taken, without giving way.
pub(crate) fn send_event(hub: &Hub, audience: impl Into<ssehub::Audience>, event: Event) -> String {
    now(hub.send_unpaced(audience, event)).expect("the event is taken").to_string()
}

/// A request without user and groups.
pub(crate) fn anyone() -> ConnectRequest {
    ConnectRequest::new()
}

/// A hub with the defaults but for what `set` changes.
pub(crate) fn hub(set: impl FnOnce(ssehub::HubBuilder) -> ssehub::HubBuilder) -> Hub {
    set(Hub::builder()).build().expect("the options are in range")
}

/// Waits for a condition, at most ten seconds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Begins a shutdown, which tells every stream, and has a thread of its own wait for the end of it.
pub(crate) fn begin_shutdown(hub: &Hub, shutdown: Shutdown) -> std::thread::JoinHandle<ShutdownReport> {
    let hub = hub.clone();
    let mut shutdown = Box::pin(async move { hub.shutdown(shutdown).await });
    let begun = shutdown.as_mut().now_or_never();
    std::thread::spawn(move || begun.unwrap_or_else(|| within("the shutdown", shutdown)))
}
