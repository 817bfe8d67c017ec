//! Joining and leaving for a connection that is on another node, and for users, who are on any.

use serde_json::json;
use ssehub_conformance::{http1::Request, playground::path};

use crate::nodes::{Nodes, Pair};

/// The answer means that it is done: an event sent right behind it, on any node, comes or comes not accordingly.
pub async fn a_connection_of_another_node_joins_and_leaves(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(&[]).await;
    let c = pair.first(&redis.url(), &[]).await;
    let nodes = [&a, &b, &c];
    for home in nodes {
        let mut stream = home.open(&[]).await;
        let connection = stream.connection();
        let mut expected = Vec::new();
        for round in 0..9 {
            let (by, sender) = (nodes[round % 3], nodes[round / 3]);
            sender.send_to("group:news", &format!("before {round}")).await;
            by.join("news", &connection).await;
            sender.send_to("group:news", &format!("member {round}")).await;
            expected.push(format!("member {round}"));
            nodes[(round + 1) % 3].leave("news", &connection).await;
            sender.send_to("group:news", &format!("after {round}")).await;
        }
        assert_eq!(a.texts_seen_by(&mut stream).await, expected);
    }
}

/// Its groups are told by its own node as soon as the join is answered.
pub async fn a_join_by_another_node_is_told_by_the_own_one(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let stream = b.open(&[("group", "own")]).await;
    a.join("news", &stream.connection()).await;
    assert_eq!(b.connection(&stream.connection()).await["groups"], json!(["news", "own"]));
    a.leave("own", &stream.connection()).await;
    assert_eq!(b.connection(&stream.connection()).await["groups"], json!(["news"]));
}

/// Joining twice, by two nodes, is joining once; leaving a strange group is no error.
pub async fn a_member_that_joins_by_two_nodes_gets_each_event_once(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut stream = a.open(&[("group", "news")]).await;
    for node in [&a, &b] {
        node.join("news", &stream.connection()).await;
        node.leave("sport", &stream.connection()).await;
    }
    b.send_to("group:news", "once").await;
    assert_eq!(a.texts_seen_by(&mut stream).await, ["once"]);
    b.leave("news", &stream.connection()).await;
    b.send_to("group:news", "never").await;
    assert_eq!(a.texts_seen_by(&mut stream).await, [""; 0]);
}

/// Whoever is on no node cannot join, nor can who has gone.
pub async fn a_connection_of_no_node_is_unknown(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let stream = b.open(&[]).await;
    let gone = stream.connection();
    assert_eq!(b.disconnect(&format!("connection:{gone}")).await, 1);
    drop(stream);
    b.until_stat("connections", 0).await;
    for connection in ["nobody", &gone] {
        for method in ["POST", "DELETE"] {
            let target = path(&["groups", "news", "connections", connection]);
            let response = a.request(Request::new(method, target)).await;
            assert_eq!(response.head.status, 404, "{method} for {connection}: {response:?}");
            assert!(response.json()["error"].is_string());
        }
    }
}

/// A limit is the same, whichever node asks.
pub async fn a_join_beyond_the_limit_is_refused_by_every_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&["--max-groups", "2"]).await;
    let stream = b.open(&[]).await;
    for node in [&a, &b] {
        node.join("one", &stream.connection()).await;
        node.join("two", &stream.connection()).await;
        let target = path(&["groups", "three", "connections", &stream.connection()]);
        let response = node.request(Request::new("POST", target)).await;
        assert_eq!(response.head.status, 400, "{response:?}");
        assert_eq!(b.connection(&stream.connection()).await["groups"], json!(["one", "two"]));
    }
}

/// A user's groups are those of all its connections, on every node, also of the ones that open later.
pub async fn a_user_joins_on_every_node_now_and_later(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(&[]).await;
    let mut streams = vec![a.open(&[("user", "alice")]).await, b.open(&[("user", "alice")]).await];
    let bob = b.open(&[("user", "bob")]).await;
    a.join_user("news", "alice").await;
    b.send_to("group:news", "first").await;
    for stream in &mut streams {
        assert_eq!(a.texts_seen_by(stream).await, ["first"]);
    }
    streams.push(b.open(&[("user", "alice")]).await);
    streams.push(a.open(&[("user", "alice")]).await);
    let late = pair.second(&redis.url(), &[]).await;
    streams.push(late.open(&[("user", "alice")]).await);
    a.send_to("group:news", "member").await;
    b.leave_user("news", "alice").await;
    a.send_to("group:news", "no member").await;
    for stream in &mut streams {
        assert_eq!(a.texts_seen_by(stream).await, ["member"]);
    }
    let mut bob = bob;
    assert_eq!(a.texts_seen_by(&mut bob).await, [""; 0]);
}

/// A user that was let in by one node while it was away is replayed the group at the other.
pub async fn a_user_that_is_away_joins_on_every_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let stream = a.open(&[("user", "alice")]).await;
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    b.join_user("news", "alice").await;
    a.send_to("group:news", "while away").await;
    let mut witness = b.open(&[]).await;
    a.seen_by(&mut witness).await;
    let mut stream = b.resume(&[("user", "alice")], &cursor).await;
    assert_eq!(a.texts_seen_by(&mut stream).await, ["while away"]);
}
