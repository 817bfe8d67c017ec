//! Promise 4: a quiet stream's cursor stays fresh.

use std::time::{Duration, Instant};

use crate::subject::Subject;

/// When the head has moved for others, the keep-alive tells it; when it has not, the keep-alive is a comment.
pub async fn a_quiet_stream_is_told_the_head_and_fires_no_event(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.2"]).await;
    let mut stream = hub.open(&[("user", "alice")]).await;
    let block = stream.block("a keep-alive").await;
    assert!(block.is_comment(), "the head has not moved: {block:?}");
    for round in 0..3 {
        let head = hub.send_to("user:bob", "for bob").await;
        let cursor = stream.quietly("the head", |block| !block.is_comment()).await;
        assert!(cursor.is_cursor(), "round {round}: nothing but the head: {cursor:?}");
        assert_eq!(cursor.id.as_deref(), Some(head.as_str()));
        let block = stream.block("a keep-alive").await;
        assert!(block.is_comment(), "the head has not moved: {block:?}");
    }
}

/// A cursor from a keep-alive resumes, though everything before it is long trimmed.
pub async fn a_cursor_from_a_keep_alive_outlives_the_history(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.2", "--history-events", "3"]).await;
    let mut stream = hub.open(&[("user", "alice")]).await;
    hub.send_to("user:alice", "seen").await;
    assert_eq!(stream.event("the event").await.text(), "seen");
    let mut head = String::new();
    for _ in 0..20 {
        head = hub.send_to("user:bob", "for bob").await;
    }
    stream.quietly("the head", |block| block.id.as_ref() == Some(&head)).await;
    stream.reset();
    hub.send_to("user:alice", "while away").await;
    let mut stream = hub.resume(&[("user", "alice")], &head).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["while away"]);
}

/// Keep-alives come when nothing else does, at their interval, neither much sooner nor much later.
pub async fn keep_alives_come_at_their_interval(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.5"]).await;
    let start = Instant::now();
    let mut stream = hub.open(&[]).await;
    for _ in 0..5 {
        let block = stream.block("a keep-alive").await;
        assert!(block.is_comment(), "{block:?}");
    }
    let five = start.elapsed();
    assert!(five >= Duration::from_millis(2000), "five keep-alives of 0.5 s came in {five:?}");
    assert!(five <= Duration::from_secs(10), "five keep-alives of 0.5 s took {five:?}");
}

/// A stream that is written to needs no keep-alive.
pub async fn a_busy_stream_gets_no_keep_alive(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "3"]).await;
    let mut stream = hub.open(&[]).await;
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < Duration::from_secs(4) {
        hub.send_to("all", "busy").await;
        sent += 1;
        let block = stream.block("the event").await;
        assert_eq!(block.text(), "busy", "event {sent}, {:?} after the first: {block:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
