//! One log, whoever writes to it and whoever reads it.

use std::collections::BTreeSet;

use ssehub_conformance::{
    http1::{Client, Request},
    playground::id_of,
    sse::place,
};
use tokio::task::JoinSet;

use crate::nodes::{Nodes, Pair};

const PUBLISHERS: usize = 3;
const EVENTS: usize = 50;
const READERS: usize = 2;

async fn publish(mut client: Client, name: String) -> Vec<String> {
    let mut ids = Vec::new();
    for event in 0..EVENTS {
        let request = Request::new("POST", "/send?to=all").body(format!("{name} {event}"));
        let response = client.request(&request).await.expect("the node answers");
        assert_eq!(response.head.status, 200, "{response:?}");
        ids.push(id_of(&response));
    }
    ids
}

/// Publishers on three nodes at once: each reader, on any of them, sees the same events in the same strictly rising order.
pub async fn one_order_on_all_nodes(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(&[]).await;
    let c = pair.first(&redis.url(), &[]).await;
    let nodes = [&a, &b, &c];
    let mut streams = Vec::new();
    for node in nodes {
        for _ in 0..READERS {
            streams.push(node.open(&[]).await);
        }
    }
    let mut publishers = JoinSet::new();
    for (number, node) in nodes.iter().enumerate() {
        for publisher in 0..PUBLISHERS {
            publishers.spawn(publish(node.client(), format!("{number}.{publisher}")));
        }
    }
    let ids = publishers.join_all().await;
    assert!(ids.iter().all(|ids| ids.is_sorted_by(|a, b| place(a) < place(b))), "one publisher's ids rise");
    let sent: BTreeSet<String> = ids.into_iter().flatten().collect();
    assert_eq!(sent.len(), nodes.len() * PUBLISHERS * EVENTS, "no id is given twice");

    let mut orders = Vec::new();
    for stream in &mut streams {
        orders.push(a.seen_by(stream).await);
    }
    for seen in &orders {
        let ids: Vec<&str> = seen.iter().map(|event| event.id.as_deref().expect("an event has an id")).collect();
        assert!(ids.is_sorted_by(|a, b| place(a) < place(b)), "ids rise strictly");
        assert!(ids.iter().copied().collect::<BTreeSet<_>>().into_iter().eq(&sent), "every event is seen");
        assert_eq!(seen, &orders[0], "every reader sees the same");
    }
}

/// The id that a node answers is the one that streams of every node carry.
pub async fn the_sender_and_readers_elsewhere_see_the_same_id(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut streams = [a.open(&[("user", "alice")]).await, b.open(&[("user", "alice")]).await];
    for node in [&a, &b, &b, &a] {
        let sent = node.send_to("user:alice", "text").await;
        for stream in &mut streams {
            assert_eq!(stream.event("the event").await.id.as_deref(), Some(sent.as_str()));
        }
    }
}
