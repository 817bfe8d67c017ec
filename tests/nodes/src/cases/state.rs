//! Keys: the newest of each is the same on every node.

use ssehub_conformance::{
    playground::{Pair as Parameter, Playground},
    sse::Block,
};

use crate::nodes::{Nodes, Pair};

const SNAPSHOT: &[Parameter<'_>] = &[("group", "news"), ("snapshot", "true")];

async fn set(node: &Playground, key: &str, data: &str) {
    node.send(&[("to", "group:news"), ("key", key)], data).await;
}

/// The data of what came without an id, as a snapshot does, and of what came with one.
fn split(seen: &[Block]) -> (Vec<&str>, Vec<&str>) {
    let (snapshot, live): (Vec<_>, Vec<_>) = seen.iter().partition(|event| event.id.is_none());
    (snapshot.iter().map(|event| event.text()).collect(), live.iter().map(|event| event.text()).collect())
}

/// What was set on either node is in a snapshot of either.
pub async fn a_snapshot_holds_what_was_set_at_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut witnesses = [a.open(&[]).await, b.open(&[]).await];
    set(&a, "AAPL", "AAPL 1").await;
    set(&b, "MSFT", "MSFT 1").await;
    a.send_to("group:news", "no key").await;
    set(&b, "AAPL", "AAPL 2").await;
    set(&a, "GOOG", "GOOG 1").await;
    b.send(&[("to", "group:news"), ("retract", "GOOG")], "gone").await;
    for (node, witness) in [&a, &b].into_iter().zip(&mut witnesses) {
        // The node has read all of it when its own stream has.
        a.seen_by(witness).await;
        let mut stream = node.open(SNAPSHOT).await;
        a.send_to("group:news", "live").await;
        let seen = b.seen_by(&mut stream).await;
        assert_eq!(split(&seen), (vec!["MSFT 1", "AAPL 2"], vec!["live"]));
    }
}

/// A reader that was away gets the newest of a key, and all without a key in their place, at either node.
pub async fn a_newer_event_of_a_key_supersedes_an_older_one_of_the_other_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut witness = b.open(&[]).await;
    let cursor = a.send_to("all", "start").await;
    for number in 0..6 {
        set([&a, &b][number % 2], "AAPL", &format!("AAPL {number}")).await;
        [&b, &a][number % 2].send_to("group:news", &format!("plain {number}")).await;
    }
    a.seen_by(&mut witness).await;
    let mut stream = b.resume(&[("group", "news")], &cursor).await;
    let mut expected: Vec<_> = (0..6).map(|number| format!("plain {number}")).collect();
    expected.insert(5, "AAPL 5".to_owned());
    assert_eq!(a.texts_seen_by(&mut stream).await, expected);
}

/// A connection that another node puts into a group with its state gets that without a seam.
pub async fn a_join_by_the_other_node_may_bring_a_snapshot(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    set(&b, "AAPL", "old").await;
    set(&a, "AAPL", "latest").await;
    let (mut with, mut without) = (b.open(&[]).await, b.open(&[]).await);
    a.join_with_snapshot("news", &with.connection()).await;
    a.join("news", &without.connection()).await;
    let event = with.event("the snapshot").await;
    assert_eq!((event.text(), event.id.as_deref()), ("latest", None));
    set(&a, "AAPL", "live").await;
    for stream in [&mut with, &mut without] {
        assert_eq!(b.texts_seen_by(stream).await, ["live"]);
    }
}

/// While both nodes set a key over and over: a snapshot of either, and what follows it, have no seam.
pub async fn a_snapshot_and_live_have_no_seam_on_either_node(pair: Pair) {
    const ROUNDS: usize = 60;
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut witness = b.open(SNAPSHOT).await;
    set(&a, "state", "0").await;
    a.seen_by(&mut witness).await;
    let ((), mut streams) = tokio::join!(
        async {
            for round in 1..ROUNDS {
                set([&a, &b][round % 2], "state", &round.to_string()).await;
            }
        },
        async {
            let mut streams = Vec::new();
            for number in 0..16 {
                streams.push([&a, &b][number % 2].open(SNAPSHOT).await);
            }
            streams
        }
    );
    for stream in &mut streams {
        let seen = a.seen_by(stream).await;
        let states: Vec<usize> = seen.iter().map(|event| event.text().parse().expect("a round")).collect();
        assert!(states.is_sorted_by(|a, b| a < b), "{states:?}");
        assert_eq!(states.last(), Some(&(ROUNDS - 1)), "the newest is there");
        assert!(split(&seen).0.len() <= 1, "a snapshot has one event of a key");
    }
}
