//! What both sets of benchmarks measure: hubs whose timer has nothing to do meanwhile, and streams polled by hand.
//!
//! What a type's `step` does is what is measured. Building it is not, and everything is warm before: the history is
//! full, so that each commit also forgets one.
#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use ssehub::{Audience, ConnectRequest, Connection, Event, EventId, History, Hub};
use tokio::runtime::{Builder, Runtime};

/// The data of an event where it does not matter: 96 bytes, as in `cargo xtask bench`.
pub(crate) const DATA: &str =
    r#"{"symbol":"AAPL","price":213.25,"change":-0.42,"volume":1234567,"at":"2025-01-01T12:00:00.000Z"}"#;
const _: () = assert!(DATA.len() == 96);

/// How much is retained where that does not matter: the hub's default.
pub(crate) const RETAINED: usize = ssehub::DEFAULT_HISTORY_EVENTS;

/// A hub that retains so many events, and has them, all for others than whom the benchmarks send to.
pub(crate) fn full_hub(retained: usize) -> Hub {
    let hub = empty_hub(retained);
    for number in 0..retained {
        send(&hub, Audience::user(other(number)), message());
    }
    hub
}

/// A hub that retains so many events, and has none.
pub(crate) fn empty_hub(retained: usize) -> Hub {
    let long = Duration::from_secs(86_400);
    let history = History::default().events(retained).bytes(1 << 30).age(long);
    Hub::builder().keep_alive(long).history(history).build().expect("the settings are in range")
}

/// One of a thousand users who take no part.
pub(crate) fn other(number: usize) -> String {
    format!("other {}", number % 1000)
}

pub(crate) fn message() -> Event {
    Event::message(DATA)
}

/// Commits an event, and wakes its readers unless there are so many that their runtime does.
pub(crate) fn send(hub: &Hub, audience: impl Into<Audience>, event: Event) -> EventId {
    let sent = hub.send_unpaced(audience, event).now_or_never();
    sent.expect("without a backplane it waits for nothing").expect("the event is within the limits")
}

pub(crate) fn connect(hub: &Hub, request: ConnectRequest) -> Connection {
    hub.connect(request).expect("the stream is let in")
}

/// Reads until there is nothing more, as a response body does, and returns how many bytes that were.
pub(crate) fn read(connection: &mut Connection, waker: &Waker) -> usize {
    let mut bytes = 0;
    while let Poll::Ready(chunk) = connection.poll_next_unpin(&mut Context::from_waker(waker)) {
        bytes += chunk.expect("the stream goes on").len();
    }
    bytes
}

/// Streams that wait, and how often they were woken.
pub(crate) struct Crowd {
    connections: Vec<Connection>,
    wakes: Arc<Wakes>,
    waker: Waker,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Crowd {
    pub(crate) fn open(hub: &Hub, count: usize, request: impl Fn(usize) -> ConnectRequest) -> Self {
        let wakes = Arc::<Wakes>::default();
        let waker = Waker::from(Arc::clone(&wakes));
        let connections = (0..count).map(|number| connect(hub, request(number))).collect();
        let mut crowd = Self { connections, wakes, waker };
        crowd.read();
        crowd
    }

    /// Streams of a thousand users who take no part, each in a group of its own.
    pub(crate) fn of_others(hub: &Hub, count: usize) -> Self {
        Self::open(hub, count, |number| ConnectRequest::new().user(other(number)).group(format!("group {number}")))
    }

    pub(crate) fn read(&mut self) -> usize {
        self.connections.iter_mut().map(|connection| read(connection, &self.waker)).sum()
    }

    fn read_from(&mut self, number: usize) -> usize {
        self.connections.get_mut(number).map_or(0, |connection| read(connection, &self.waker))
    }

    fn woken(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }
}

/// Sends each event to one user, the users in turn, who each have one stream and read it at once.
pub(crate) struct Targeted {
    hub: Hub,
    users: Crowd,
    names: Vec<String>,
    next: usize,
}

impl Targeted {
    pub(crate) fn new(users: usize) -> Self {
        let hub = full_hub(RETAINED);
        let names: Vec<_> = (0..users).map(|number| format!("user {number}")).collect();
        let users = Crowd::open(&hub, users, |number| ConnectRequest::new().user(format!("user {number}")));
        Self { hub, users, names, next: 0 }
    }

    pub(crate) fn step(&mut self) {
        let number = self.next;
        self.next = (number + 1) % self.names.len();
        if let Some(name) = self.names.get(number) {
            send(&self.hub, Audience::user(name), message());
            assert!(self.users.read_from(number) > DATA.len());
        }
    }
}

/// Sends to a group all of whose members are polled by one current-thread runtime, which wakes them; and reads them.
pub(crate) struct Broadcast {
    runtime: Runtime,
    hub: Hub,
    readers: Crowd,
    stalled: Crowd,
}

impl Broadcast {
    pub(crate) fn new(readers: usize) -> Self {
        Self::past_stalled(readers, 0)
    }

    /// Beside them, `stalled` members have been woken once and never read since.
    pub(crate) fn past_stalled(readers: usize, stalled: usize) -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let hub = full_hub(RETAINED);
        let open = |count| Crowd::open(&hub, count, |_| ConnectRequest::new().group("everybody"));
        let (readers, stalled) = {
            let _polled_here = runtime.enter();
            (open(readers), open(stalled))
        };
        let mut broadcast = Self { runtime, hub, readers, stalled };
        broadcast.step();
        while broadcast.stalled.woken() < broadcast.stalled.connections.len() {
            broadcast.runtime.block_on(tokio::task::yield_now());
        }
        broadcast
    }

    pub(crate) fn step(&mut self) {
        self.burst(1);
    }

    /// Sends so many before anybody reads.
    pub(crate) fn burst(&mut self, events: usize) {
        let all_woken = self.readers.woken() + self.readers.connections.len();
        self.runtime.block_on(async {
            for _ in 0..events {
                send(&self.hub, Audience::group("everybody"), message());
            }
            while self.readers.woken() < all_woken {
                tokio::task::yield_now().await;
            }
        });
        assert!(self.readers.read() > self.readers.connections.len() * events * DATA.len());
    }
}

/// Opens a stream of a user in so many groups, reads how it begins, and drops it.
pub(crate) struct ComeAndGo {
    hub: Hub,
    request: ConnectRequest,
    _others: Crowd,
}

impl ComeAndGo {
    pub(crate) fn new(groups: usize, others: usize) -> Self {
        let hub = full_hub(RETAINED);
        let request = ConnectRequest::new().user("alice").groups((0..groups).map(|number| format!("group {number}")));
        let others = Crowd::of_others(&hub, others);
        Self { hub, request, _others: others }
    }

    pub(crate) fn step(&mut self) {
        let mut connection = connect(&self.hub, self.request.clone());
        assert!(read(&mut connection, Waker::noop()) > 0);
    }
}

/// A hub in which a client was away while its user and others were sent to.
pub(crate) struct Absence {
    hub: Hub,
    request: ConnectRequest,
    pub(crate) missed: usize,
    _another: Option<Connection>,
}

impl Absence {
    /// It missed `missed` events, to its user or, if it is in any, to its groups in turn; and `others` that were not for
    /// it, as many after each of its own.
    pub(crate) fn new(missed: usize, groups: usize, others: usize) -> Self {
        let hub = empty_hub(1 + missed + others);
        let seen = send(&hub, Audience::all(), message()).to_string();
        let group = |number: usize| format!("group {number}");
        for number in 0..missed {
            let in_turn = number.checked_rem(groups);
            let audience = in_turn.map_or_else(|| Audience::user("alice"), |number| Audience::group(group(number)));
            send(&hub, audience, message());
            for number in 0..others / missed {
                send(&hub, Audience::user(other(number)), message());
            }
        }
        let request = ConnectRequest::new().user("alice").groups((0..groups).map(group)).last_event_id(&seen);
        Self { hub, request, missed, _another: None }
    }

    /// The same, with another stream open for the same topics: what both need is assembled once and kept for them.
    pub(crate) fn of_two(missed: usize, groups: usize, others: usize) -> Self {
        let absence = Self::new(missed, groups, others);
        Self { _another: Some(absence.come_back()), ..absence }
    }

    /// The client's new stream, of which it has read how it begins and not what it missed.
    pub(crate) fn come_back(&self) -> Connection {
        let mut connection = connect(&self.hub, self.request.clone());
        let opening = connection.next().now_or_never().flatten();
        assert!(opening.is_some_and(|opening| !opening.is_empty()));
        connection
    }

    /// Comes back, reads everything and goes.
    pub(crate) fn step(&mut self) {
        self.read(&mut self.come_back());
    }

    pub(crate) fn read(&self, connection: &mut Connection) {
        assert!(read(connection, Waker::noop()) > self.missed * DATA.len());
    }
}
