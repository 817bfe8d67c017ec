//! Ending streams, wherever they are.

use ssehub_conformance::{
    client::Stream,
    playground::{Pair as Parameter, Playground},
    sse::Block,
};

use crate::nodes::{Nodes, Pair, until_known};

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("group", "news")];

/// Asserts that a stream got what was sent before its end, and nothing that was sent behind it.
async fn assert_ended(stream: &mut Stream) {
    let (before, reason) = stream.closing().await;
    let before: Vec<_> = before.iter().map(Block::text).collect();
    assert_eq!((before.as_slice(), reason.as_str()), (&["last words"][..], "disconnected"));
}

/// Opens five streams over two nodes, asks `by` to end `target`, and asserts that those of these places end, no others.
async fn assert_ends(nodes: [&Playground; 2], by: &Playground, target: &str, places: &[usize]) {
    let [a, b] = nodes;
    let mut streams = vec![a.open(ALICE).await, b.open(ALICE).await, b.open(ALICE).await];
    streams.extend([a.open(&[("user", "bob"), ("group", "news")]).await, b.open(&[]).await]);
    let target = match target.strip_prefix("connection:") {
        Some(place) => format!("connection:{}", streams[place.parse::<usize>().expect("a place")].connection()),
        None => target.to_owned(),
    };
    for stream in &streams {
        until_known(by, stream).await;
    }
    by.send_to("all", "last words").await;
    assert_eq!(by.disconnect(&target).await, places.len() as u64, "{target}");
    by.send_to("all", "too late").await;
    for (place, stream) in streams.iter_mut().enumerate() {
        if places.contains(&place) {
            assert_ended(stream).await;
        } else {
            assert_eq!(a.texts_seen_by(stream).await, ["last words", "too late"], "{target} is not {place}");
        }
    }
    assert_eq!(by.disconnect("all").await, (streams.len() - places.len()) as u64);
    drop(streams);
    for node in nodes {
        node.until_stat("connections", 0).await;
    }
}

/// A user, a group, a connection, everybody: they end on every node, and the answer is how many over all of them.
pub async fn streams_end_on_every_node_and_are_counted(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&["--keep-alive", "0.2"]).await;
    for by in [&a, &b] {
        assert_ends([&a, &b], by, "user:alice", &[0, 1, 2]).await;
        assert_ends([&a, &b], by, "group:news", &[0, 1, 2, 3]).await;
        assert_ends([&a, &b], by, "connection:0", &[0]).await;
        assert_ends([&a, &b], by, "connection:1", &[1]).await;
        assert_ends([&a, &b], by, "all", &[0, 1, 2, 3, 4]).await;
        assert_ends([&a, &b], by, "user:nobody", &[]).await;
    }
}

/// A stream that opens on the other node after the answer is a new one, and stays.
pub async fn a_stream_that_opens_after_the_end_stays(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    for (here, there) in [(&a, &b), (&b, &a)] {
        let mut old = there.open(ALICE).await;
        until_known(here, &old).await;
        here.send_to("all", "last words").await;
        assert_eq!(here.disconnect("user:alice").await, 1);
        let mut new = there.open(ALICE).await;
        assert_ended(&mut old).await;
        here.send_to("user:alice", "welcome back").await;
        assert_eq!(here.texts_seen_by(&mut new).await, ["welcome back"]);
        until_known(here, &new).await;
        assert_eq!(here.disconnect("user:alice").await, 1);
    }
}
