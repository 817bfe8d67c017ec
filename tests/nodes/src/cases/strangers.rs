//! Hubs of different names on one Redis are strangers.

use ssehub_conformance::{
    http1::Request,
    playground::{Pair as Parameter, path},
    wait::PATIENCE,
};

use crate::nodes::{Pair, assert_gap, redis, until_present};

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("group", "news")];

/// Names that a careless join of strings would mistake for one another.
const NAMES: [&str; 3] = ["one", "two", "one:log"];

/// Events, connections, presence, groups, limits and the ends of streams of one are nothing to the other.
pub async fn hubs_of_different_names_share_nothing(pair: Pair) {
    let redis = redis();
    let mut nodes = Vec::new();
    for name in NAMES {
        nodes.push(pair.first(&redis.url(), &["--hub", name, "--max-connections-per-user", "1"]).await);
    }
    let namesake = pair.second(&redis.url(), &["--hub", NAMES[0], "--max-connections-per-user", "1"]).await;
    let mut streams = Vec::new();
    for node in &nodes {
        streams.push(node.open(ALICE).await);
    }
    until_present(&namesake, "alice", 1, PATIENCE).await;
    for (name, node) in NAMES.iter().zip(&nodes) {
        for target in ["all", "user:alice", "group:news"] {
            node.send(&[("to", target), ("key", "k")], *name).await;
        }
    }
    for ((name, node), stream) in NAMES.iter().zip(&nodes).zip(&mut streams) {
        let seen = node.texts_seen_by(stream).await;
        assert!(seen.len() == 3 && seen.iter().all(|text| text == name), "{name} got {seen:?}");
        assert_eq!(node.presence("alice").await, (true, 1), "{name}");
        assert_eq!(node.stat("nodes").await, if *name == NAMES[0] { 2 } else { 1 }, "{name}");
    }

    let elsewhere = path(&["groups", "news", "connections", &streams[0].connection()]);
    assert_eq!(nodes[1].request(Request::new("POST", elsewhere)).await.head.status, 404);
    assert_eq!(nodes[0].disconnect("all").await, 1);
    for (node, stream) in nodes.iter().zip(&mut streams).skip(1) {
        node.send_to("all", "still here").await;
        assert_eq!(node.texts_seen_by(stream).await, ["still here"]);
    }
}

/// An id of one hub is unknown to the other.
pub async fn an_id_of_another_hub_is_of_another_log(pair: Pair) {
    let redis = redis();
    let one = pair.first(&redis.url(), &["--hub", "one"]).await;
    let two = pair.second(&redis.url(), &["--hub", "two"]).await;
    let cursor = one.send_to("user:alice", "of one").await;
    two.send_to("user:alice", "of two").await;
    let mut stream = two.resume(ALICE, &cursor).await;
    assert_gap(&stream.event("the gap").await, &cursor, "unknown-log");
    assert_eq!(stream.event("what is retained").await.text(), "of two");
}
