//! A client that comes back to another node goes on there, exactly where it was.

use ssehub_backplane_tests::proxy::Proxy;
use ssehub_conformance::{
    client::Stream,
    playground::{Pair as Parameter, events},
    sse::Block,
    wait::PATIENCE,
};

use crate::nodes::{Nodes, Pair, assert_gap, redis, until_health};

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("group", "news")];

/// From node to node: what was missed comes first, in order, each once, and then what is live.
pub async fn a_client_goes_on_at_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut stream = a.open(ALICE).await;
    for round in 0..6 {
        let (here, there) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
        here.send_to("user:alice", "here").await;
        there.send_to("group:news", "there").await;
        assert_eq!(here.texts_seen_by(&mut stream).await, ["here", "there"], "round {round}");
        let cursor = stream.last_event_id().to_owned();
        stream.reset();
        for (number, node) in [here, there, here].into_iter().enumerate() {
            node.send_to(["all", "group:news", "user:alice"][number], &number.to_string()).await;
            node.send_to("user:bob", "for bob").await;
        }
        stream = there.resume(ALICE, &cursor).await;
        assert_eq!(here.texts_seen_by(&mut stream).await, ["0", "1", "2"], "round {round}");
    }
}

/// The same while somebody publishes all the time, with a change of node after each event.
pub async fn a_client_that_changes_nodes_after_every_event_sees_each_once(pair: Pair) {
    const EVENTS: usize = 80;
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut seen = Vec::new();
    let mut stream = a.open(ALICE).await;
    tokio::join!(
        async {
            for number in 0..EVENTS {
                [&a, &b][number / 3 % 2].send_to("user:alice", &number.to_string()).await;
            }
        },
        async {
            while seen.len() < EVENTS {
                seen.push(stream.event("the next event").await.text().to_owned());
                stream = [&a, &b][seen.len() % 2].resume(ALICE, stream.last_event_id()).await;
            }
        }
    );
    assert_eq!(seen, (0..EVENTS).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(a.texts_seen_by(&mut stream).await, [""; 0]);
}

/// A client may have seen on one node what another has not heard of yet: that is no gap there, and nothing comes twice.
pub async fn a_client_that_is_ahead_of_a_node_misses_nothing_there(pair: Pair) {
    let redis = redis();
    let link = Proxy::to(redis.address());
    let a = pair.first(&redis.url(), &[]).await;
    let b = pair.second(&redis.url_by(link.address()), &[]).await;
    let mut stream = a.open(ALICE).await;
    a.send_to("user:alice", "known to both").await;
    assert_eq!(stream.event("the first event").await.text(), "known to both");
    link.stall();
    a.send_to("user:alice", "unknown there").await;
    let event = stream.event("what the other node does not know of").await;
    let (address, request) = (b.address(), events(ALICE).header("last-event-id", event.id.expect("an id")));
    let opening = tokio::spawn(async move { Stream::open(address, &request).await });
    a.send_to("user:alice", "next").await;
    link.heal();
    let mut stream = opening.await.expect("the stream opens");
    assert_eq!(a.texts_seen_by(&mut stream).await, ["next"]);
}

/// A quiet stream's cursor, told by one node's keep-alive, is a place to go on from at the other.
pub async fn the_cursor_of_a_keep_alive_is_good_at_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&["--keep-alive", "0.2", "--history-events", "5"]).await;
    let mut stream = a.open(ALICE).await;
    let opening = stream.last_event_id().to_owned();
    for _ in 0..20 {
        b.send_to("user:bob", "for bob").await;
    }
    stream.quietly("the cursor", |block| block.is_cursor() && block.id.as_deref() != Some(&opening)).await;
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    a.send_to("user:alice", "while away").await;
    let mut stream = b.resume(ALICE, &cursor).await;
    assert_eq!(a.texts_seen_by(&mut stream).await, ["while away"]);
}

/// What retention took is a gap at the other node too, told to the event; and up to the edge there is none.
pub async fn what_was_trimmed_is_a_gap_at_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&["--history-events", "5"]).await;
    let mut witness = b.open(&[]).await;
    let too_old = a.send_to("user:alice", "too old").await;
    let edge = b.send_to("user:alice", "edge").await;
    for number in 0..5 {
        a.send_to("user:alice", &number.to_string()).await;
    }
    // An event to one's own connection would trim what is awaited, so this one only says that the node has read so far.
    a.send(&[("to", "all"), ("ephemeral", "true")], "so far").await;
    while witness.event("what the other node has read").await.text() != "so far" {}
    let mut stream = b.resume(ALICE, &too_old).await;
    assert_gap(&stream.event("the gap").await, &too_old, "trimmed");
    for (mut stream, what) in [(stream, "after the gap"), (b.resume(ALICE, &edge).await, "exactly to the edge")] {
        for number in 0..5 {
            assert_eq!(stream.event("what is retained").await.text(), number.to_string(), "{what}");
        }
    }
}

/// Whatever id an ephemeral event leaves a client with, the other node goes on from there without a gap.
pub async fn an_ephemeral_event_is_a_place_to_go_on_from_at_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut stream = a.open(ALICE).await;
    b.send_to("group:news", "one").await;
    b.send(&[("to", "group:news"), ("ephemeral", "true")], "typing").await;
    while stream.event("the ephemeral event").await.text() != "typing" {}
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    a.send(&[("to", "group:news"), ("ephemeral", "true")], "unseen").await;
    a.send_to("group:news", "two").await;
    let mut stream = b.resume(ALICE, &cursor).await;
    assert_eq!(a.texts_seen_by(&mut stream).await, ["two"]);
}

/// An id tells nobody more at one node than at the other.
pub async fn an_id_shows_nothing_that_is_not_ones_own_at_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let cursor = a.send_to("user:alice", "of alice").await;
    a.send_to("user:alice", "a secret").await;
    a.send_to("group:board", "of the board").await;
    a.send_to("user:bob", "of bob").await;
    let mut bob = b.resume(&[("user", "bob")], &cursor).await;
    assert_eq!(a.texts_seen_by(&mut bob).await, ["of bob"]);
}

/// Streams stay with their node while it cannot hear; who comes to it meanwhile is let in, and both get what they missed.
pub async fn a_node_that_was_cut_off_catches_up(pair: Pair) {
    let redis = redis();
    let link = Proxy::to(redis.address());
    let a = pair.first(&redis.url(), &[]).await;
    let b = pair.second(&redis.url_by(link.address()), &[]).await;
    let mut old = b.open(ALICE).await;
    let cursor = a.send_to("user:alice", "before").await;
    assert_eq!(a.texts_seen_by(&mut old).await, ["before"]);
    link.cut();
    until_health(&b, 503, PATIENCE).await;
    for number in 0..5 {
        a.send_to("group:news", &number.to_string()).await;
    }
    let mut new = b.resume(ALICE, &cursor).await;
    link.heal();
    until_health(&b, 200, PATIENCE).await;
    for stream in [&mut old, &mut new] {
        let seen: Vec<Block> = b.seen_by(stream).await;
        let texts: Vec<_> = seen.iter().map(Block::text).filter(|text| !text.is_empty()).collect();
        assert_eq!(texts, ["0", "1", "2", "3", "4"]);
    }
}
