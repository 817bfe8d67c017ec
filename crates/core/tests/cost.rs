//! What an act costs does not grow with what it does not concern: counted in allocated bytes and wake-ups, not timed. Steps
//! on shared memory are counted by the model checker, in `model/cost.rs`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use futures::StreamExt as _;
use ssehub::{Audience, ConnectRequest, Connection, Event, History, Hub, Topic};
use support::{anyone, hub, now};

const FEW: usize = 10;
const MANY: usize = 100_000;

/// Wakes, counted.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Streams that wait, and how often they were woken.
struct Crowd {
    connections: Vec<Connection>,
    wakes: Arc<Wakes>,
}

impl Crowd {
    fn open(hub: &Hub, count: usize, request: impl Fn(usize) -> ConnectRequest) -> Self {
        let connections = (0..count).map(|number| hub.connect(request(number)).expect("the stream is let in"));
        let mut crowd = Self { connections: connections.collect(), wakes: Arc::default() };
        crowd.read();
        crowd
    }

    /// Reads all there is, and waits. Returns how many events came.
    fn read(&mut self) -> usize {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.connections.iter_mut().map(|connection| read(connection, &waker).len()).sum()
    }
}

/// Reads all there is.
fn read(connection: &mut Connection, waker: &Waker) -> Vec<Bytes> {
    let mut chunks = Vec::with_capacity(8);
    while let Poll::Ready(chunk) = connection.poll_next_unpin(&mut Context::from_waker(waker)) {
        chunks.push(chunk.expect("the stream goes on"));
    }
    chunks
}

fn quiet_hub() -> Hub {
    hub(|hub| {
        let history = History::default().events(2 * MANY).bytes(1 << 30);
        hub.keep_alive(Duration::from_secs(3600)).history(history)
    })
}

fn send(hub: &Hub, audience: impl Into<Audience>, data: &str) {
    now(hub.send_unpaced(audience, Event::message(data))).expect("the event is taken");
}

/// The least that an act allocates of some times in a row: what grows by doubling does so seldom.
fn least(act: impl FnMut() -> u64) -> u64 {
    std::iter::repeat_with(act).take(8).min().expect("it acts eight times")
}

/// One byte for each of many would be a hundred thousand. An id can have a digit more, and a tree can split a node.
fn assert_same(few: u64, many: u64) {
    assert!(few.abs_diff(many) < 1000, "{few} bytes where there are few, {many} where there are many");
}

/// The same for a hub that has few of something, and for one that has many.
fn least_with<S>(set_up: impl Fn(usize) -> S, mut act: impl FnMut(&mut S) -> u64) -> [u64; 2] {
    [FEW, MANY].map(|count| {
        let mut state = set_up(count);
        least(|| act(&mut state))
    })
}

#[test]
fn to_send_to_one_user_does_not_concern_a_hundred_thousand_others() {
    let set_up = |count| {
        let hub = quiet_hub();
        let others = Crowd::open(&hub, count, |number| ConnectRequest::new().user(format!("user {number}")).group("g"));
        let alice = Crowd::open(&hub, 2, |_| ConnectRequest::new().user("alice").group("g"));
        (hub, others, alice)
    };
    let [few, many] = least_with(set_up, |(hub, others, alice)| {
        let before = alice.wakes.count();
        let audience = Audience::user("alice");
        let sent = measure(|| send(hub, audience, "x"));
        assert_eq!((alice.wakes.count() - before, others.wakes.count()), (2, 0));
        assert_eq!(alice.read(), 2);
        sent.bytes_total
    });
    assert_same(few, many);
}

#[test]
fn to_come_and_to_go_does_not_concern_a_hundred_thousand_others() {
    let set_up = |count| {
        let hub = quiet_hub();
        let others = Crowd::open(&hub, count, |number| ConnectRequest::new().user(format!("user {number}")).group("g"));
        (hub, others)
    };
    let [few, many] = least_with(set_up, |(hub, others)| {
        let request = ConnectRequest::new().user("alice").group("g").group("own");
        let mut connection = None;
        let comes = measure(|| connection = hub.connect(request).ok());
        let goes = measure(|| drop(connection.take()));
        assert_eq!(others.wakes.count(), 0);
        comes.bytes_total + goes.bytes_total
    });
    assert_same(few, many);
}

#[test]
fn a_replay_of_ten_events_does_not_concern_a_hundred_thousand_others() {
    let set_up = |count| {
        let hub = quiet_hub();
        let seen = now(hub.send_unpaced(Topic::All, Event::message("seen"))).expect("the event is taken").to_string();
        for number in 0..count {
            send(&hub, Audience::user(format!("user {number}")), "x");
        }
        for _ in 0..10 {
            send(&hub, Audience::user("alice"), "x");
        }
        (hub, seen)
    };
    let [few, many] = least_with(set_up, |(hub, seen)| {
        let request = ConnectRequest::new().user("alice").last_event_id(seen);
        let mut chunks = Vec::new();
        let resumes = measure(|| {
            let mut connection = hub.connect(request).expect("the stream is let in");
            chunks = read(&mut connection, Waker::noop());
        });
        assert_eq!(chunks.len(), 2, "the opening, and all ten events in one piece");
        resumes.bytes_total
    });
    assert_same(few, many);
}

#[test]
fn a_connection_in_a_thousand_groups_is_sent_to_as_one_in_ten_is() {
    let [few, many] = [10, 1000].map(|count| {
        let hub = quiet_hub();
        let groups = |number| format!("group {number}");
        let mut crowd = Crowd::open(&hub, 1, |_| ConnectRequest::new().groups((0..count).map(groups)));
        least(|| {
            let before = crowd.wakes.count();
            let audience = Audience::group("group 7").or_group("group 8");
            let sent = measure(|| send(&hub, audience, "x"));
            assert_eq!(crowd.wakes.count() - before, 1);
            let got = measure(|| assert_eq!(crowd.read(), 1));
            sent.bytes_total + got.bytes_total
        })
    });
    assert!(few.abs_diff(many) < 10, "{few} bytes with ten groups, {many} with a thousand");
}

#[test]
fn to_join_and_to_leave_a_group_does_not_concern_its_other_members() {
    let set_up = |count| {
        let hub = quiet_hub();
        let members = Crowd::open(&hub, count, |_| ConnectRequest::new().group("g"));
        let crowd = Crowd::open(&hub, 1, |_| anyone());
        (hub, members, crowd)
    };
    let [few, many] = least_with(set_up, |(hub, members, crowd)| {
        let id = crowd.connections[0].id().to_owned();
        let changed = measure(|| {
            now(hub.join(&id, "g")).expect("it joins");
            now(hub.leave(&id, "g")).expect("it leaves");
        });
        crowd.read();
        assert_eq!(members.wakes.count(), 0);
        changed.bytes_total
    });
    assert_same(few, many);
}

#[test]
fn broadcasts_that_nobody_has_read_yet_wake_nobody_again() {
    let hub = quiet_hub();
    let mut crowd = Crowd::open(&hub, 1000, |_| anyone());
    for _ in 0..10 {
        send(&hub, Audience::all(), "x");
    }
    assert_eq!(crowd.wakes.count(), 1000);
    assert_eq!(crowd.read(), 1000, "ten events in one piece, for each");
    send(&hub, Audience::all(), "x");
    assert_eq!(crowd.wakes.count(), 2000);
}

#[test]
fn a_broadcast_on_a_runtime_wakes_each_once_and_the_sender_wakes_none() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let hub = quiet_hub();
    let mut crowd = runtime.block_on(async { Crowd::open(&hub, 1000, |_| anyone()) });
    runtime.block_on(async {
        for _ in 0..10 {
            send(&hub, Audience::all(), "x");
        }
        assert_eq!(crowd.wakes.count(), 0, "a pass of the readers' runtime wakes them");
        while crowd.wakes.count() < 1000 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(crowd.wakes.count(), 1000, "ten broadcasts cost one pass");
    assert_eq!(crowd.read(), 1000);
}
