//! What the hub allocates: counted, on the thread that asks for it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use futures::StreamExt as _;
use ssehub::{Audience, ConnectRequest, Connection, Event, History, Hub};
use support::{anyone, hub, now};

/// A hub whose timer has nothing to do while a test runs.
fn quiet_hub() -> Hub {
    hub(|hub| hub.keep_alive(Duration::from_secs(3600)))
}

/// What one poll brings; none if there is nothing now.
fn poll(connection: &mut Connection) -> Option<Bytes> {
    match connection.poll_next_unpin(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(bytes) => Some(bytes.expect("the stream goes on")),
        Poll::Pending => None,
    }
}

/// Opens streams that wait.
fn open(hub: &Hub, count: usize, request: impl Fn(usize) -> ConnectRequest) -> Vec<Connection> {
    let mut connections: Vec<_> =
        (0..count).map(|number| hub.connect(request(number)).expect("the stream is let in")).collect();
    for connection in &mut connections {
        while poll(connection).is_some() {}
    }
    connections
}

fn send(hub: &Hub, audience: impl Into<Audience>, event: Event) {
    now(hub.send_unpaced(audience, event)).expect("the event is taken");
}

/// What a send allocates, with its audience and event made before.
fn measure_send(hub: &Hub, audience: impl Into<Audience>, data: String) -> AllocationInfo {
    let (audience, event) = (audience.into(), Event::message(data));
    measure(|| send(hub, audience, event))
}

/// Polls each once, and returns what came and what that allocated.
fn read_each(connections: &mut [Connection]) -> (Vec<Bytes>, AllocationInfo) {
    let mut chunks = Vec::with_capacity(connections.len());
    let info = measure(|| chunks.extend(connections.iter_mut().filter_map(poll)));
    (chunks, info)
}

#[test]
fn an_event_is_encoded_once_and_shared_by_a_thousand_readers() {
    const LARGE: usize = 100_000;
    let hub = quiet_hub();
    let mut connections = open(&hub, 1000, |_| anyone());
    let sent = measure_send(&hub, Audience::all(), "x".repeat(LARGE));
    assert!(sent.bytes_total < LARGE as u64 + 10_000, "it is encoded once: {sent:?}");
    let (chunks, read) = read_each(&mut connections);
    assert_eq!(chunks.len(), 1000);
    assert!(chunks.iter().all(|chunk| chunk.as_ptr() == chunks[0].as_ptr() && chunk.len() > LARGE));
    assert!(read.count_total <= 10, "to read it copies nothing: {read:?}");
}

#[test]
fn what_many_need_at_the_same_place_is_assembled_once() {
    let hub = quiet_hub();
    let mut connections = open(&hub, 1000, |_| anyone());
    for number in 0..100 {
        send(&hub, Audience::all(), Event::message(format!("event {number}")));
    }
    let (chunks, read) = read_each(&mut connections);
    let events = |chunk: &Bytes| std::str::from_utf8(chunk).map_or(0, |text| text.matches("data: event").count());
    assert_eq!((chunks.len(), events(&chunks[0])), (1000, 100));
    assert!(chunks.iter().all(|chunk| chunk.as_ptr() == chunks[0].as_ptr() && chunk.len() == chunks[0].len()));
    assert!(read.bytes_total < 3 * chunks[0].len() as u64, "one batch, not a thousand: {read:?}");
}

#[test]
fn a_poll_allocates_nothing_whether_it_brings_an_event_or_not() {
    let hub = quiet_hub();
    let request = |_| ConnectRequest::new().user("alice").groups(["a", "b", "c"]);
    let mut connections = open(&hub, 2, request);
    for audience in [Audience::all(), Audience::user("alice"), Audience::groups(["a", "c"])] {
        send(&hub, audience.clone(), Event::message("makes room"));
        read_each(&mut connections);
        send(&hub, audience, Event::message("x"));
        // The first of its readers makes it shared.
        assert!(poll(&mut connections[0]).is_some());
        let mut came = None;
        let brings = measure(|| came = poll(&mut connections[1]));
        assert_eq!((came.is_some(), brings.count_total), (true, 0));
        let waits = measure(|| assert!(poll(&mut connections[1]).is_none()));
        assert_eq!(waits.count_total, 0);
    }
}

#[test]
fn a_broadcast_to_many_allocates_what_one_to_few_does() {
    let [few, many] = [2, 20_000].map(|count| {
        let hub = quiet_hub();
        let _connections = open(&hub, count, |_| anyone());
        send(&hub, Audience::all(), Event::message("makes room"));
        measure_send(&hub, Audience::all(), "x".repeat(1000))
    });
    assert!(many.count_total <= few.count_total + 5 && many.bytes_total <= few.bytes_total + 1000, "{few:?} {many:?}");
}

#[test]
fn a_connection_takes_little_memory() {
    const COUNT: usize = 10_000;
    let hub = quiet_hub();
    let mut connections = Vec::with_capacity(COUNT);
    let info = measure(|| {
        connections.extend((0..COUNT).map(|number| {
            let request = ConnectRequest::new().user(format!("user {}", number % 1000)).group("news");
            let mut connection = hub.connect(request).expect("the stream is let in");
            while poll(&mut connection).is_some() {}
            connection
        }));
    });
    let each = usize::try_from(info.bytes_current).expect("it grows") / COUNT + size_of::<Connection>();
    println!("a connection with a user and a group takes {each} bytes");
    assert!(each < 1024, "{each} bytes");
    let gone = measure(|| connections.clear());
    println!("and gives back {} of them", -gone.bytes_current / COUNT as i64);
    assert_eq!(hub.stats().connections, 0);
}

#[test]
fn connections_that_come_and_go_leave_the_heap_as_it_was() {
    let hub = quiet_hub();
    let cycle = |number: usize| {
        let user = format!("user {number}");
        let request = ConnectRequest::new().user(&user).group(&user).group("news");
        let mut connection = hub.connect(request).expect("the stream is let in");
        while poll(&mut connection).is_some() {}
        now(hub.join(connection.id(), "lobby")).expect("it joins");
        now(hub.join_user(&user, "team")).expect("it joins");
        now(hub.leave_user(&user, "team")).expect("it leaves");
    };
    (0..1000).for_each(cycle);
    let info = measure(|| (1000..21_000).for_each(cycle));
    assert!(info.bytes_current.abs() < 1000, "{info:?}");
    assert_eq!(hub.stats().connections, 0);
}

#[test]
fn what_is_sent_to_ever_new_users_takes_no_more_memory_at_last() {
    let hub = hub(|hub| hub.keep_alive(Duration::from_secs(3600)).history(History::default().events(100)));
    let sends = |users: std::ops::Range<usize>| {
        for user in users {
            send(&hub, Audience::user(format!("user {user}")), Event::message("x"));
        }
    };
    // What topics forgot is remembered for so many of them, and summed up for the rest.
    sends(0..140_000);
    let info = measure(|| sends(140_000..280_000));
    assert!(info.bytes_current < 1_000_000, "{info:?}");
}
