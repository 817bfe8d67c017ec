//! Who is there, over all nodes; and what becomes of that when a node goes.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use ssehub_conformance::{
    http1::Request,
    playground::Playground,
    wait::{PATIENCE, until},
};

use crate::nodes::{Nodes, Pair, until_health, until_present};

/// Nodes that are silent for so long are taken for dead.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

const OPTIONS: &[&str] = &["--node-timeout", "2", "--keep-alive", "0.2"];

/// A machine that is busy with other tests is that late at most.
const LATE: Duration = Duration::from_secs(1);

/// A node timeout that no case outlives.
const NEVER: &[&str] = &["--node-timeout", "600", "--keep-alive", "0.2"];

/// Every connection that a node tells of: its user and its groups, in order.
async fn everybody(node: &Playground) -> Vec<(Value, Value)> {
    let connections = node.request(Request::get("/connections")).await.json();
    let connections = connections.as_array().expect("a list");
    let mut all: Vec<_> = connections.iter().map(|shown| (shown["user"].clone(), shown["groups"].clone())).collect();
    all.sort_by_key(|(user, groups)| (user.to_string(), groups.to_string()));
    all
}

async fn until_everybody_is(node: &Playground, expected: &[(Value, Value)]) {
    until(PATIENCE, "the connections of all nodes", async || match everybody(node).await {
        seen if seen == expected => Ok(()),
        seen => Err(seen),
    })
    .await;
}

/// Each node tells of the connections, users and groups of all.
pub async fn every_node_tells_who_is_on_any(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let one = a.open(&[("user", "alice"), ("group", "news")]).await;
    let two = b.open(&[("user", "alice")]).await;
    let three = b.open(&[]).await;
    a.join("sport", &two.connection()).await;
    b.join_user("board", "alice").await;
    for node in [&a, &b] {
        node.until_stat("nodes", 2).await;
        until_present(node, "alice", 2, PATIENCE).await;
        let alice = json!("alice");
        let expected =
            [(alice.clone(), json!(["board", "news"])), (alice, json!(["board", "sport"])), (Value::Null, json!([]))];
        until_everybody_is(node, &expected).await;
        for stream in [&one, &two, &three] {
            assert!(node.connection(&stream.connection()).await.is_object(), "one is told by its id");
        }
    }
    two.reset();
    three.reset();
    for node in [&a, &b] {
        until_present(node, "alice", 1, PATIENCE).await;
        until_everybody_is(node, &[(json!("alice"), json!(["board", "news"]))]).await;
    }
    one.reset();
    for node in [&a, &b] {
        until_present(node, "alice", 0, PATIENCE).await;
        until_everybody_is(node, &[]).await;
    }
}

/// A node that starts late hears who is on the others.
pub async fn a_node_that_starts_late_knows_who_is_there(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(NEVER).await;
    let _alice = a.open(&[("user", "alice"), ("group", "news")]).await;
    let _bob = b.open(&[("user", "bob")]).await;
    until_present(&a, "bob", 1, PATIENCE).await;
    let c = pair.second(&redis.url(), NEVER).await;
    until_everybody_is(&c, &[(json!("alice"), json!(["news"])), (json!("bob"), json!([]))]).await;
    c.until_stat("nodes", 3).await;
    let _carol = c.open(&[("user", "carol")]).await;
    for node in [&a, &b] {
        until_present(node, "carol", 1, PATIENCE).await;
    }
}

/// Killed with SIGKILL: what it had is gone within the timeout, and not before somebody could have come back.
pub async fn what_a_killed_node_had_is_gone_in_time(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(OPTIONS).await;
    let c = pair.first(&redis.url(), OPTIONS).await;
    let _alice = [a.open(&[("user", "alice")]).await, b.open(&[("user", "alice")]).await];
    let bob = a.open(&[("user", "bob")]).await;
    for node in [&b, &c] {
        until_present(node, "alice", 2, PATIENCE).await;
        until_present(node, "bob", 1, PATIENCE).await;
        node.until_stat("nodes", 3).await;
    }
    drop(a);
    let gone = until_present(&b, "bob", 0, NODE_TIMEOUT + LATE).await;
    assert!(gone >= NODE_TIMEOUT / 2, "it last said something a quarter of the timeout before, at most: {gone:?}");
    for node in [&b, &c] {
        until_present(node, "bob", 0, LATE).await;
        until_present(node, "alice", 1, LATE).await;
        until_everybody_is(node, &[(json!("alice"), json!([]))]).await;
        node.until_stat("nodes", 2).await;
    }
    let target = ssehub_conformance::playground::path(&["groups", "news", "connections", &bob.connection()]);
    assert_eq!(b.request(Request::new("POST", target)).await.head.status, 404, "nobody waits for it");
}

/// Asked to go with SIGTERM: what it had is gone at once, whatever the timeout.
pub async fn what_a_node_had_that_was_stopped_is_gone_at_once(pair: Pair) {
    let Nodes { mut a, b, redis: _redis } = pair.start(NEVER).await;
    let _bob = a.open(&[("user", "bob")]).await;
    let _alice = b.open(&[("user", "alice")]).await;
    until_present(&b, "bob", 1, PATIENCE).await;
    a.terminate();
    assert_eq!(a.exit(PATIENCE).await.code(), Some(0));
    until_present(&b, "bob", 0, LATE).await;
    b.until_stat("nodes", 1).await;
    assert_eq!(b.presence("alice").await, (true, 1));
}

/// A node that stood still for longer than the timeout was taken for dead; when it goes on, all is as it was.
pub async fn a_node_that_stood_still_is_back_with_what_it_had(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let mut bob = a.open(&[("user", "bob")]).await;
    a.join("news", &bob.connection()).await;
    until_present(&b, "bob", 1, PATIENCE).await;
    a.process().signal(Signal::STOP);
    until_present(&b, "bob", 0, NODE_TIMEOUT + LATE).await;
    b.send_to("group:news", "meanwhile").await;
    a.process().signal(Signal::CONT);
    until_health(&a, 200, PATIENCE).await;
    until_present(&b, "bob", 1, PATIENCE).await;
    b.until_stat("nodes", 2).await;
    until_everybody_is(&b, &[(json!("bob"), json!(["news"]))]).await;
    b.send_to("group:news", "after").await;
    assert_eq!(b.texts_seen_by(&mut bob).await, ["meanwhile", "after"]);
    assert_eq!(b.disconnect("user:bob").await, 1);
}
