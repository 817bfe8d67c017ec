//! A node that starts late serves what is retained, and the state.

use ssehub_conformance::playground::Pair as Parameter;

use crate::nodes::{Nodes, Pair, assert_gap};

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("group", "news")];

/// A client that has seen the log on another node goes on at one that has only just started.
pub async fn a_node_that_starts_late_serves_what_is_retained(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(&[]).await;
    let cursor = a.send_to("user:alice", "seen").await;
    for number in 0..300 {
        [&a, &b][number % 2].send_to(["group:news", "user:bob"][number % 2], &number.to_string()).await;
    }
    let c = pair.second(&redis.url(), &[]).await;
    let mut stream = c.resume(ALICE, &cursor).await;
    let expected: Vec<_> = (0..300).step_by(2).map(|number| number.to_string()).collect();
    assert_eq!(c.texts_seen_by(&mut stream).await, expected);
}

/// The newest of a key is there on a node that starts when the history has long forgotten it.
pub async fn a_node_that_starts_late_knows_the_state(pair: Pair) {
    let options = &["--history-events", "3"];
    let Nodes { a, b, redis } = pair.start(options).await;
    for (key, text) in [("AAPL", "old"), ("MSFT", "MSFT"), ("AAPL", "latest"), ("GOOG", "GOOG")] {
        b.send(&[("to", "group:news"), ("key", key)], text).await;
    }
    a.send(&[("to", "group:news"), ("retract", "GOOG")], "gone").await;
    for _ in 0..10 {
        a.send_to("user:bob", "for bob").await;
    }
    let c = pair.second(&redis.url(), options).await;
    let mut stream = c.open(&[("group", "news"), ("snapshot", "true")]).await;
    assert_eq!(c.texts_seen_by(&mut stream).await, ["MSFT", "latest"]);
}

/// What retention took while the node was not there is a gap to who needs it, and none to who does not.
pub async fn a_node_that_starts_late_tells_gaps_exactly(pair: Pair) {
    let options = &["--history-events", "5"];
    let Nodes { a, b: _b, redis } = pair.start(options).await;
    let too_old = a.send_to("user:alice", "too old").await;
    let edge = a.send_to("user:alice", "edge").await;
    for number in 0..5 {
        a.send_to("user:alice", &number.to_string()).await;
    }
    let c = pair.second(&redis.url(), options).await;
    let mut stream = c.resume(ALICE, &too_old).await;
    assert_gap(&stream.event("the gap").await, &too_old, "trimmed");
    for mut stream in [stream, c.resume(ALICE, &edge).await] {
        for number in 0..5 {
            assert_eq!(stream.event("what is retained").await.text(), number.to_string());
        }
    }
}

/// All nodes restarted one after the other, as a deploy does, and in the end all at once: no client misses anything.
pub async fn a_deploy_of_every_node_loses_nothing(pair: Pair) {
    let Nodes { mut a, mut b, redis } = pair.start(&[]).await;
    let mut cursor = a.send_to("user:alice", "start").await;
    for round in 0..2 {
        drop(a);
        b.send_to("user:alice", "a is away").await;
        a = pair.second(&redis.url(), &[]).await;
        drop(b);
        a.send_to("user:alice", "b is away").await;
        b = pair.first(&redis.url(), &[]).await;
        let mut stream = b.resume(ALICE, &cursor).await;
        assert_eq!(b.texts_seen_by(&mut stream).await, ["a is away", "b is away"], "round {round}");
        cursor = stream.last_event_id().to_owned();
    }
    a.send_to("user:alice", "last").await;
    drop((a, b));
    let a = pair.first(&redis.url(), &[]).await;
    let mut stream = a.resume(ALICE, &cursor).await;
    assert_eq!(a.texts_seen_by(&mut stream).await, ["last"]);
}
