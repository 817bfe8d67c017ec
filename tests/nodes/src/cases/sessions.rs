//! Sessions: any node takes one over, with its connection id and the groups that it joined.

use std::time::Duration;

use serde_json::json;
use ssehub_conformance::{
    client::Stream,
    http1::{Ending, Request},
    playground::{Pair as Parameter, Playground, events},
    wait::{PATIENCE, until, within},
};
use tokio::task::JoinSet;

use crate::nodes::{Nodes, Pair, until_present};

/// 128 random bits in base64, as a page would draw them.
const SESSION: &str = "3q2-7wEjRWeJq83vASNFZw";

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("session", SESSION)];

const OPTIONS: &[&str] = &["--resume-window", "600", "--keep-alive", "0.2", "--node-timeout", "2"];

/// Waits until every node tells of one connection, which is alice's and in one group.
async fn assert_one(nodes: &[&Playground], id: &str) {
    let expected = json!([{ "connection": id, "user": "alice", "groups": ["news"] }]);
    for (number, node) in nodes.iter().enumerate() {
        until(PATIENCE, &format!("node {number} to tell of alice alone"), async || {
            match node.request(Request::get("/connections")).await.json() {
                shown if shown == expected => Ok(()),
                shown => Err(shown),
            }
        })
        .await;
        assert_eq!(node.presence("alice").await, (true, 1));
    }
}

/// Over and back while the old transport lives: the same id and groups, and the old one is told.
pub async fn a_session_goes_over_to_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let mut old = a.open(ALICE).await;
    let id = old.connection();
    a.join("news", &id).await;
    assert_one(&[&a, &b], &id).await;
    for round in 0..4 {
        let (here, there) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
        here.send_to("group:news", "before").await;
        assert_eq!(here.texts_seen_by(&mut old).await, ["before"], "round {round}");
        let mut new = there.resume(ALICE, old.last_event_id()).await;
        assert_eq!(new.connection(), id, "round {round}");
        here.send_to("group:news", "after").await;
        there.send_to(&format!("connection:{id}"), "to the connection").await;
        assert_eq!(here.texts_seen_by(&mut new).await, ["after", "to the connection"], "round {round}");
        let (_, reason) = old.closing().await;
        assert_eq!(reason, "superseded");
        assert_one(&[&a, &b], &id).await;
        old = new;
    }
    assert_eq!(b.disconnect("user:alice").await, 1);
    old.closing().await;
    for node in [&a, &b] {
        until_present(node, "alice", 0, PATIENCE).await;
        node.until_stat("connections", 0).await;
    }
}

/// One that is parked comes back at the other node, with what was sent to it meanwhile.
pub async fn a_parked_session_resumes_at_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let mut stream = a.open(ALICE).await;
    let id = stream.connection();
    b.join("news", &id).await;
    for round in 0..4 {
        let (here, there) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
        here.send_to("user:alice", "seen").await;
        assert_eq!(here.texts_seen_by(&mut stream).await, ["seen"], "round {round}");
        let cursor = stream.last_event_id().to_owned();
        stream.reset();
        here.until_stat("parked", 1).await;
        assert_one(&[&a, &b], &id).await;
        let own = format!("connection:{id}");
        for target in ["group:news", "user:alice", "user:bob", own.as_str(), "group:sport", "all"] {
            there.send_to(target, target).await;
        }
        stream = there.resume(ALICE, &cursor).await;
        assert_eq!(stream.connection(), id, "round {round}");
        assert_eq!(there.texts_seen_by(&mut stream).await, ["group:news", "user:alice", &own, "all"]);
        here.until_stat("parked", 0).await;
        assert_one(&[&a, &b], &id).await;
    }
}

/// Opens a session on a node with somebody else's beside it, kills the node, and resumes at the other.
async fn assert_outlives(pair: Pair, waits_for_timeout: bool) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let mut stream = a.open(ALICE).await;
    let id = stream.connection();
    a.join("news", &id).await;
    b.send_to("group:news", "seen").await;
    assert_eq!(b.texts_seen_by(&mut stream).await, ["seen"]);
    assert_one(&[&b], &id).await;
    drop(a);
    if waits_for_timeout {
        b.until_stat("nodes", 1).await;
    }
    b.send_to("group:news", "while away").await;
    let mut stream = b.resume(ALICE, stream.last_event_id()).await;
    assert_eq!(stream.connection(), id);
    assert_eq!(b.texts_seen_by(&mut stream).await, ["while away"]);
    assert_one(&[&b], &id).await;
    // The end of the dead node takes nothing away from who has gone on.
    b.until_stat("nodes", 1).await;
    b.send_to("group:news", "live").await;
    assert_eq!(b.texts_seen_by(&mut stream).await, ["live"]);
    assert_one(&[&b], &id).await;
}

/// A node that is killed loses no session: who comes at once is who it was.
pub async fn a_session_outlives_its_node(pair: Pair) {
    assert_outlives(pair, false).await;
}

/// Nor when everybody knows that the node is dead.
pub async fn a_session_outlives_the_timeout_of_its_node(pair: Pair) {
    assert_outlives(pair, true).await;
}

/// A stolen name opens nothing at the other node, and a session that was ended is over there too.
pub async fn a_session_is_its_users_and_ends_on_every_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let mut alice = a.open(ALICE).await;
    let id = alice.connection();
    a.join("news", &id).await;
    let mut bob = b.open(&[("user", "bob"), ("session", SESSION)]).await;
    assert_ne!(bob.connection(), id);
    a.send_to("group:news", "a secret").await;
    assert_eq!(a.texts_seen_by(&mut bob).await, [""; 0]);
    assert_eq!(a.texts_seen_by(&mut alice).await, ["a secret"]);

    assert_eq!(b.disconnect("user:alice").await, 1);
    assert_eq!(alice.closing().await.1, "disconnected");
    let mut alice = b.open(ALICE).await;
    assert_ne!(alice.connection(), id, "an ended session begins anew");
    a.send_to("group:news", "for members").await;
    assert_eq!(b.texts_seen_by(&mut alice).await, [""; 0]);
}

/// To and fro while somebody publishes on both nodes: each event once and in order.
pub async fn takeovers_between_nodes_lose_and_double_nothing(pair: Pair) {
    const EVENTS: usize = 120;
    const EACH: usize = 5;
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let mut stream = a.open(ALICE).await;
    let id = stream.connection();
    a.join("news", &id).await;
    assert_one(&[&a, &b], &id).await;
    let mut seen = Vec::new();
    let mut old = JoinSet::new();
    tokio::join!(
        async {
            for number in 0..EVENTS {
                let target = ["group:news", "user:alice", "all"][number % 3];
                [&a, &b][number % 2].send_to(target, &number.to_string()).await;
            }
        },
        async {
            while seen.len() < EVENTS {
                for _ in 0..EACH {
                    seen.push(stream.event("the next event").await.text().to_owned());
                }
                let next = [&b, &a][seen.len() / EACH % 2].resume(ALICE, stream.last_event_id()).await;
                assert_eq!(next.connection(), id);
                let mut last = std::mem::replace(&mut stream, next);
                old.spawn(async move { last.end("the end of a stream that was taken over").await.1 });
            }
        }
    );
    assert_eq!(seen, (0..EVENTS).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(a.texts_seen_by(&mut stream).await, [""; 0]);
    assert!(old.join_all().await.iter().all(|ending| *ending == Ending::Finished));
    assert_one(&[&a, &b], &id).await;
}

/// Whoever comes to both nodes at once with one session: one stream goes on and misses nothing, and all others end.
pub async fn of_many_that_come_to_both_nodes_at_once_one_stays(pair: Pair) {
    const MANY: usize = 8;
    let Nodes { a, b, redis: _redis } = pair.start(OPTIONS).await;
    let mut stays = a.open(ALICE).await;
    let id = stays.connection();
    a.join("news", &id).await;
    assert_one(&[&a, &b], &id).await;
    for round in 0..5 {
        let mut opening = JoinSet::new();
        for number in 0..MANY {
            let address = [&a, &b][number % 2].address();
            opening.spawn(async move { Stream::try_open(address, &events(ALICE)).await });
        }
        let opened = within(PATIENCE, "every answer", opening.join_all()).await;
        let [first, last] = ["first", "last"].map(|text| format!("{text} of {round}"));
        [&a, &b][round % 2].send_to("group:news", &first).await;
        let mut reading = JoinSet::new();
        for stream in opened.into_iter().map(|stream| stream.expect("an answer").expect("a stream")).chain([stays]) {
            reading.spawn(until_event_or_end(stream, last.clone(), id.clone()));
        }
        for _ in 0..MANY {
            let ended = within(PATIENCE, "all streams but one to end", reading.join_next()).await;
            assert!(ended.expect("a stream is read").expect("a reader does not panic").is_none());
        }
        assert_one(&[&a, &b], &id).await;
        [&b, &a][round % 2].send_to("group:news", &last).await;
        let end = within(PATIENCE, "the last event", reading.join_next()).await;
        let (stream, mut texts) = end.expect("a stream is read").expect("a reader does not panic").expect("one stays");
        // Its node may not have heard of all that was sent in the round before when it was opened.
        texts.retain(|text| text.ends_with(&format!("of {round}")));
        assert_eq!(texts, [first, last]);
        stays = stream;
    }
}

/// Reads a stream to an event, and returns it with the data of all; nothing if it is superseded before.
async fn until_event_or_end(mut stream: Stream, text: String, id: String) -> Option<(Stream, Vec<String>)> {
    let mut texts = Vec::new();
    loop {
        match stream.next().await {
            Ok(block) if block.name() == "hub:connected" => {
                assert!(block.text().contains(&id), "{block:?} is not {id}")
            }
            Ok(block) if block.name() == "hub:closing" => assert!(block.text().contains("superseded"), "{block:?}"),
            Ok(block) if block.is_event() => {
                texts.push(block.text().to_owned());
                if block.text() == text {
                    return Some((stream, texts));
                }
            }
            Ok(_) => {}
            Err(ending) => {
                assert_eq!(ending, Ending::Finished);
                return None;
            }
        }
    }
}

/// A window that is over ends the session, on whatever node the client comes back.
pub async fn a_window_that_is_over_ends_the_session_on_every_node(pair: Pair) {
    let options = &["--resume-window", "0.5", "--keep-alive", "0.2"];
    let Nodes { a, b, redis: _redis } = pair.start(options).await;
    let stream = a.open(ALICE).await;
    let id = stream.connection();
    a.join("news", &id).await;
    until_present(&b, "alice", 1, PATIENCE).await;
    stream.reset();
    let gone = until_present(&b, "alice", 0, PATIENCE).await;
    assert!(gone >= Duration::from_millis(400), "it was there for its window: {gone:?}");
    let mut stream = b.open(ALICE).await;
    assert_ne!(stream.connection(), id);
    a.send_to("group:news", "for members").await;
    assert_eq!(a.texts_seen_by(&mut stream).await, [""; 0]);
}
