//! The limit on a user's streams counts those of all nodes.

use std::time::Duration;

use ssehub_conformance::{
    playground::{Playground, events},
    wait::{PATIENCE, until},
};

use crate::nodes::{Nodes, Pair, until_present};

const OPTIONS: &[&str] = &["--max-connections-per-user", "2", "--node-timeout", "2", "--keep-alive", "0.2"];

async fn assert_refused(node: &Playground) {
    let response = node.request(events(&[("user", "alice")])).await;
    assert_eq!(response.head.status, 429, "{response:?}");
    assert!(response.head.header("retry-after").is_some());
}

/// With one stream on each node a user has two; a third is refused by both, and nobody else's is.
pub async fn the_streams_of_a_user_are_counted_over_nodes(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let one = a.open(&[("user", "alice")]).await;
    let _two = b.open(&[("user", "alice")]).await;
    for node in [&a, &b] {
        until_present(node, "alice", 2, PATIENCE).await;
        assert_refused(node).await;
        node.open(&[("user", "bob")]).await.reset();
    }
    one.reset();
    for node in [&a, &b] {
        until_present(node, "alice", 1, PATIENCE).await;
    }
    let _three = b.open(&[("user", "alice")]).await;
    until_present(&a, "alice", 2, PATIENCE).await;
    assert_refused(&a).await;
}

/// What a killed node had counts no longer than that node does.
pub async fn a_killed_node_gives_its_places_back(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let _lost = [a.open(&[("user", "alice")]).await, a.open(&[("user", "alice")]).await];
    until_present(&b, "alice", 2, PATIENCE).await;
    assert_refused(&b).await;
    drop(a);
    until(Duration::from_secs(3), "the places of the killed node", async || {
        let answer = ssehub_conformance::client::Stream::try_open(b.address(), &events(&[("user", "alice")])).await;
        match answer.expect("the node answers") {
            Ok(stream) => Ok(stream),
            Err(refusal) => Err(refusal.head.status),
        }
    })
    .await;
}
