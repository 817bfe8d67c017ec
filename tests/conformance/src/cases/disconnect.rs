//! Promise 6: when the transport is gone, the connection is in no topic, no count and no memory.
//!
//! A peer that falls silent for good cannot be made without rights over the network; a reader that stops
//! reading stands for it.

use std::time::{Duration, Instant};

use crate::{
    capabilities::Notice,
    client::Stream,
    http1::Request,
    playground::{Pair, Playground, events},
    subject::Subject,
    wait::{PATIENCE, until, within},
};

const ALICE: &[Pair<'_>] = &[("user", "alice"), ("group", "news")];

/// Far longer than a framework takes that notices at once, or a write that meets a closed socket.
const UNNOTICED: Duration = Duration::from_millis(700);

/// Starts a playground that writes nothing by itself, and opens one stream.
async fn quiet(subject: Subject) -> (Playground, Stream) {
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let stream = hub.open(ALICE).await;
    assert_eq!(hub.presence("alice").await, (true, 1));
    (hub, stream)
}

/// Asserts that the loss of `connection` is noticed when the table says so: not later, and not sooner either.
async fn assert_noticed(hub: &Playground, connection: &str, notice: Notice) {
    if let Notice::AtWrite(last) = notice {
        for write in 1..=last {
            let start = Instant::now();
            while start.elapsed() < UNNOTICED {
                assert_eq!(hub.stat("connections").await, 1, "noticed before write {write}: the table can be improved");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            hub.send_to("user:alice", "into the void").await;
        }
    }
    hub.until_stat("connections", 0).await;
    assert_left_no_trace(hub, connection).await;
}

async fn assert_left_no_trace(hub: &Playground, connection: &str) {
    assert_eq!(hub.stat("users").await, 0);
    assert_eq!(hub.stat("groups").await, 0);
    assert_eq!(hub.presence("alice").await, (false, 0));
    assert!(hub.connection(connection).await.is_null());
    assert_eq!(hub.until_hook("disconnected", connection).await["reason"], "gone");
}

/// A closed tab.
pub async fn a_fin_is_noticed_when_the_framework_can(subject: Subject) {
    let (hub, stream) = quiet(subject).await;
    let connection = stream.connection();
    stream.fin().await;
    assert_noticed(&hub, &connection, subject.can().fin).await;
}

/// A crashed peer.
pub async fn a_reset_is_noticed_when_the_framework_can(subject: Subject) {
    let (hub, stream) = quiet(subject).await;
    let connection = stream.connection();
    stream.reset();
    assert_noticed(&hub, &connection, subject.can().reset).await;
}

/// A peer that sends no more, and still reads.
pub async fn a_half_closed_connection_is_noticed_when_the_framework_can(subject: Subject) {
    let (hub, mut stream) = quiet(subject).await;
    let connection = stream.connection();
    stream.socket().half_close().await.expect("the socket is open");
    assert_noticed(&hub, &connection, subject.can().half_close).await;
}

/// A peer that began another request before it left.
pub async fn a_fin_after_stray_bytes_is_noticed_when_the_framework_can(subject: Subject) {
    let (hub, mut stream) = quiet(subject).await;
    let connection = stream.connection();
    stream.socket().write(b"GET /stats HT").await.expect("the socket is open");
    stream.fin().await;
    assert_noticed(&hub, &connection, subject.can().fin_after_stray_bytes).await;
}

/// A closed tab over HTTP/2, where the connection ends with it.
pub async fn a_lost_http2_connection_is_noticed_when_the_framework_can(subject: Subject) {
    let Some(notice) = subject.can().http2_fin else { return no_http2(subject).await };
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let stream = Stream::open_http2(hub.address(), "/events?user=alice&group=news").await.expect("HTTP/2 is spoken");
    let connection = stream.connection();
    drop(stream);
    assert_noticed(&hub, &connection, notice).await;
}

/// `EventSource.close()` over HTTP/2, where the connection stays.
pub async fn a_reset_http2_stream_is_noticed_when_the_framework_can(subject: Subject) {
    let Some(notice) = subject.can().http2_reset else { return no_http2(subject).await };
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let mut stream =
        Stream::open_http2(hub.address(), "/events?user=alice&group=news").await.expect("HTTP/2 is spoken");
    let connection = stream.connection();
    stream.cancel();
    assert_noticed(&hub, &connection, notice).await;
}

pub(super) async fn no_http2(subject: Subject) {
    let hub = subject.start(&[]).await;
    let refused = Stream::open_http2(hub.address(), "/events").await;
    assert!(refused.is_err(), "HTTP/2 in clear text is spoken: the table can be improved");
}

/// Whatever the framework can: keep-alives find out about everybody, however they left.
pub async fn keep_alives_clean_up_whoever_is_gone(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.2"]).await;
    hub.open(ALICE).await.fin().await;
    hub.open(ALICE).await.reset();
    let mut half_closed = hub.open(ALICE).await;
    half_closed.socket().half_close().await.expect("the socket is open");
    let mut stray = hub.open(ALICE).await;
    stray.socket().write(b"GET /stats HTTP/1.1\r\nhost: x\r\n\r\nGET").await.expect("the socket is open");
    stray.fin().await;
    if subject.can().http2_fin.is_some() {
        let open = || Stream::open_http2(hub.address(), "/events?user=alice");
        drop(open().await.expect("HTTP/2 is spoken"));
        open().await.expect("HTTP/2 is spoken").cancel();
    }
    hub.until_stat("connections", 0).await;
    assert_eq!(hub.presence("alice").await, (false, 0));
}

/// A socket that takes nothing any more is no reason to keep its connection when it is closed.
pub async fn a_stalled_reader_that_leaves_is_cleaned_up(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let stream = hub.open_by(&events(ALICE).receive_buffer(4096)).await;
    let connection = stream.connection();
    // 16 MB are more than any socket holds: the body is not polled any more.
    hub.publish("user:alice", 256, 65_536).await;
    assert_eq!(hub.stat("connections").await, 1);
    stream.reset();
    hub.until_stat("connections", 0).await;
    assert_left_no_trace(&hub, &connection).await;
}

/// Connections that are gone before they have read a byte leave nothing behind, and each hook has its pair.
pub async fn a_storm_of_aborted_connects_leaves_no_ghost(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.2"]).await;
    for attempt in 0..60 {
        let mut socket = tokio::net::TcpStream::connect(hub.address()).await.expect("the playground listens");
        let request = b"GET /events?user=alice&group=news HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n";
        // Some leave in the middle of the request, some just after it, some while the answer is on its way.
        let length = if attempt % 3 == 0 { request.len() / 2 } else { request.len() };
        tokio::io::AsyncWriteExt::write_all(&mut socket, &request[..length]).await.expect("the socket is open");
        if attempt % 3 == 2 {
            within(PATIENCE, "the answer", socket.readable()).await.expect("the answer comes");
        }
        if attempt % 2 == 0 {
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("linger can be set");
        }
    }
    let stream = hub.open(&[("user", "bob")]).await;
    hub.until_stat("connections", 1).await;
    assert_eq!(hub.presence("alice").await, (false, 0));
    until(PATIENCE, "every connect to have its disconnect", async || {
        let calls = hub.lifecycle().await;
        let count = |hook: &str| calls.iter().filter(|call| call["hook"] == hook && call["user"] == "alice").count();
        match (count("connected"), count("disconnected")) {
            (connected, disconnected) if connected == disconnected => Ok(()),
            counts => Err(counts),
        }
    })
    .await;
    drop(stream);
}

/// The server still answers on the connection that it would not look at: nothing a client sends in vain hurts.
pub async fn stray_bytes_disturb_no_stream(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let mut stray = hub.open(ALICE).await;
    let mut other = hub.open(ALICE).await;
    for _ in 0..4 {
        // The server may close the connection over this, but nothing else.
        let _closed_already = stray.socket().write(&[0x16; 1000]).await;
    }
    hub.send_to("user:alice", "undisturbed").await;
    assert_eq!(hub.texts_seen_by(&mut other).await, ["undisturbed"]);
    assert_eq!(hub.request(Request::get("/healthz")).await.head.status, 200);
}
