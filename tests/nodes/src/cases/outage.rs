//! Redis away: streams stay open, sends fail clearly, and all goes on where it was when it is back.

use std::time::{Duration, Instant};

use ssehub_backplane_tests::{proxy::Proxy, redis::RedisServer};
use ssehub_conformance::{
    client::Stream,
    http1::Request,
    playground::{Pair as Parameter, Playground, path, query},
    sse::Block,
    wait::PATIENCE,
};
use tokio::task::block_in_place;

use crate::nodes::{Nodes, Pair, assert_gap, is_taken, redis, until_health, until_present};

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("group", "news")];

/// A node hears again within this time after Redis is back.
const HEARS_AGAIN: Duration = Duration::from_secs(2);

/// A Redis or a link that has stopped, with its connections open, is noticed within this time.
const NOTICES: Duration = Duration::from_secs(5);

/// A node that is asked to go is gone within this time.
const LEAVES: Duration = Duration::from_secs(5);

/// Asserts that a node refuses what it cannot do alone, soon, and with a reason.
async fn assert_refuses(node: &Playground, connection_elsewhere: &str) {
    assert!(!is_taken(node, &[("to", "all")], "refused").await, "an event while Redis is away");
    for target in [
        path(&["groups", "news", "connections", connection_elsewhere]),
        path(&["groups", "news", "users", "alice"]),
        format!("/disconnect{}", query(&[("to", "user:nobody")])),
    ] {
        let response = node.request(Request::new("POST", &target)).await;
        assert_eq!(response.head.status, 503, "{target}: {response:?}");
        assert!(response.json()["error"].is_string(), "{target}");
    }
}

/// The data of what a stream gets up to a fence, without what was refused or uncertain.
async fn texts(node: &Playground, stream: &mut Stream) -> Vec<String> {
    let seen: Vec<Block> = node.seen_by(stream).await;
    assert!(seen.iter().all(|event| !event.name().starts_with("hub:")), "{seen:?}");
    assert!(seen.iter().all(|event| event.text() != "refused"), "{seen:?}");
    seen.iter().map(|event| event.text().to_owned()).filter(|text| text != "uncertain").collect()
}

/// Killed and started again with its data: the streams are the same, nothing is lost, nothing comes twice.
pub async fn streams_outlive_a_restart_of_redis(pair: Pair) {
    let Nodes { a, b, mut redis } = pair.start(&["--keep-alive", "0.2"]).await;
    let mut streams = [a.open(ALICE).await, b.open(ALICE).await];
    a.join_user("board", "alice").await;
    for round in 0..2 {
        a.send_to("user:alice", "before").await;
        block_in_place(|| redis.kill());
        for (node, elsewhere) in [(&a, &streams[1]), (&b, &streams[0])] {
            until_health(node, 503, PATIENCE).await;
            assert_refuses(node, &elsewhere.connection()).await;
        }
        // Who comes meanwhile is let in.
        let mut new = b.open(ALICE).await;
        block_in_place(|| redis.restart());
        let back = Instant::now();
        for node in [&a, &b] {
            until_health(node, 200, HEARS_AGAIN.saturating_sub(back.elapsed())).await;
        }
        b.send_to("group:board", "after").await;
        for stream in &mut streams {
            assert_eq!(texts(&a, stream).await, ["before", "after"], "round {round}");
        }
        // Its node may not have heard of the first event before Redis was gone.
        let seen = texts(&a, &mut new).await;
        assert!(seen == ["after"] || seen == ["before", "after"], "round {round}: {seen:?}");
        assert_eq!(b.disconnect(&format!("connection:{}", new.connection())).await, 1);
    }
    for node in [&a, &b] {
        until_present(node, "alice", 2, PATIENCE).await;
    }
}

/// Stopped without closing anything: that is noticed, and an event that may have been taken comes at most once.
pub async fn streams_outlive_a_redis_that_stands_still(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(&["--keep-alive", "0.2"]).await;
    let mut streams = [a.open(ALICE).await, b.open(ALICE).await];
    a.send_to("user:alice", "before").await;
    redis.pause();
    assert!(!is_taken(&b, &[("to", "all")], "uncertain").await, "an event while Redis stands still");
    for node in [&a, &b] {
        until_health(node, 503, NOTICES).await;
    }
    redis.resume();
    let back = Instant::now();
    for node in [&a, &b] {
        until_health(node, 200, HEARS_AGAIN.saturating_sub(back.elapsed())).await;
    }
    a.send_to("group:news", "after").await;
    for stream in &mut streams {
        assert_eq!(texts(&b, stream).await, ["before", "after"]);
    }
}

/// Started again without its data it is another log: every stream is told the gap, and goes on.
pub async fn a_log_that_was_lost_is_told_as_a_gap(pair: Pair) {
    let Nodes { a, b, mut redis } = pair.start(&["--keep-alive", "0.2"]).await;
    let mut streams = [a.open(ALICE).await, b.open(ALICE).await];
    let mut wipe: [&mut dyn FnMut(&mut RedisServer); 2] =
        [&mut |redis| redis.restart_empty(), &mut |redis| redis.flush()];
    for wipe in &mut wipe {
        let last = a.send_to("user:alice", "before").await;
        for stream in &mut streams {
            assert_eq!(stream.event("the event").await.id.as_deref(), Some(last.as_str()));
        }
        block_in_place(|| wipe(&mut redis));
        for stream in &mut streams {
            assert_gap(&stream.event("the gap").await, &last, "unknown-log");
        }
        for node in [&a, &b] {
            until_health(node, 200, PATIENCE).await;
        }
        b.send_to("group:news", "after").await;
        for stream in &mut streams {
            assert_eq!(stream.event("the live event").await.text(), "after");
        }
        // Who was there is there still.
        for node in [&a, &b] {
            until_present(node, "alice", 2, PATIENCE).await;
        }
    }
}

/// A node whose own link is cut, or stalls, is not ready; the other does not feel it.
pub async fn one_node_that_is_cut_off_is_alone_in_that(pair: Pair) {
    let redis = redis();
    let link = Proxy::to(redis.address());
    let a = pair.first(&redis.url(), &["--keep-alive", "0.2"]).await;
    let b = pair.second(&redis.url_by(link.address()), &["--keep-alive", "0.2"]).await;
    let mut streams = [a.open(ALICE).await, b.open(ALICE).await];
    for stalls in [false, true] {
        a.send_to("all", "before").await;
        if stalls {
            link.stall();
        } else {
            link.cut();
        }
        until_health(&b, 503, NOTICES).await;
        assert_eq!(a.request(Request::get("/healthz")).await.head.status, 200);
        assert!(!is_taken(&b, &[("to", "all")], "uncertain").await);
        a.send_to("all", "meanwhile").await;
        assert_eq!(texts(&a, &mut streams[0]).await, ["before", "meanwhile"]);
        link.heal();
        let back = Instant::now();
        until_health(&b, 200, HEARS_AGAIN.saturating_sub(back.elapsed())).await;
        assert_eq!(texts(&b, &mut streams[1]).await, ["before", "meanwhile"]);
        assert_eq!(texts(&b, &mut streams[0]).await, [""; 0]);
    }
}

/// SIGTERM while Redis is away: streams are ended properly, and the process is gone in time with 0.
pub async fn a_node_leaves_in_time_while_redis_is_away(pair: Pair) {
    let Nodes { mut a, mut b, mut redis } = pair.start(&[]).await;
    let mut streams = [a.open(ALICE).await, b.open(ALICE).await];
    a.send_to("all", "last words").await;
    for stream in &mut streams {
        assert_eq!(stream.event("the last words").await.text(), "last words");
    }
    // For one of them it is gone, for the other it stands still.
    redis.pause();
    b.terminate();
    assert_eq!(streams[1].closing().await.1, "shutdown");
    assert_eq!(b.exit(LEAVES).await.code(), Some(0), "while Redis stands still");
    block_in_place(|| redis.kill());
    until_health(&a, 503, PATIENCE).await;
    a.terminate();
    assert_eq!(streams[0].closing().await.1, "shutdown");
    assert_eq!(a.exit(LEAVES).await.code(), Some(0), "while Redis is gone");
}
