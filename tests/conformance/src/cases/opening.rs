//! How a stream begins.

use crate::{http1::Request, playground::events, sse::Position, subject::Subject};

/// Promise 4: the cursor is told before anything else happens, and so are the connection and the retry time.
pub async fn a_stream_opens_with_retry_cursor_and_connection(subject: Subject) {
    let hub = subject.start(&["--retry", "1234"]).await;
    let stream = hub.open(&[("user", "alice"), ("group", "news")]).await;
    let opening = stream.opening();
    assert_eq!(opening.order.first(), Some(&"retry"), "retry comes first: {opening:?}");
    assert_eq!(opening.retry, Some(1234));
    Position::parse(opening.id.as_deref().expect("the cursor is told")).expect("the cursor is an id");
    let told = hub.connection(&stream.connection()).await;
    assert_eq!(told["user"], "alice");
    assert_eq!(told["groups"], serde_json::json!(["news"]));
}

/// Two connections of one user are two connections.
pub async fn every_stream_has_a_connection_of_its_own(subject: Subject) {
    let hub = subject.start(&[]).await;
    let (one, other) = (hub.open(&[("user", "alice")]).await, hub.open(&[("user", "alice")]).await);
    assert_ne!(one.connection(), other.connection());
    assert_eq!(hub.presence("alice").await, (true, 2));
}

/// Promise 4: a client that drops before its first event misses nothing.
pub async fn the_opening_cursor_resumes_before_the_first_event(subject: Subject) {
    let hub = subject.start(&[]).await;
    hub.send_to("user:alice", "before").await;
    let stream = hub.open(&[("user", "alice")]).await;
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    hub.send_to("user:alice", "while away").await;
    let mut stream = hub.resume(&[("user", "alice")], &cursor).await;
    assert_eq!(stream.opening().id.as_deref(), Some(cursor.as_str()), "a stream that resumes goes on from there");
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["while away"]);
}

/// A stream without an id is a new one: it gets what comes, not what was.
pub async fn a_stream_without_an_id_starts_at_the_head(subject: Subject) {
    let hub = subject.start(&[]).await;
    let before = hub.send_to("all", "before").await;
    let mut stream = hub.open(&[]).await;
    assert_eq!(stream.opening().id.as_deref(), Some(before.as_str()));
    let after = hub.send_to("all", "after").await;
    let event = stream.event("the event").await;
    assert_eq!((event.id.as_deref(), event.text()), (Some(after.as_str()), "after"));
}

/// Nothing on the way may cache, compress or hold back an event stream.
pub async fn the_response_has_the_headers_of_an_event_stream(subject: Subject) {
    let hub = subject.start(&[]).await;
    let stream = hub.open_by(&events(&[]).header("accept-encoding", "gzip, deflate, br")).await;
    let head = stream.head();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store, no-transform"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    assert!(matches!(head.header("content-encoding"), None | Some("identity")), "{head:?}");
}

/// The first bytes are there while nothing has ever been sent, so that proxies and pages see the stream open.
pub async fn a_stream_opens_on_an_empty_log(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let stream = hub.open_by(&Request::get("/events")).await;
    let cursor = stream.last_event_id().to_owned();
    Position::parse(&cursor).expect("the cursor of an empty log is an id too");
    stream.reset();
    hub.send_to("all", "first").await;
    let mut stream = hub.resume(&[], &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["first"]);
}
