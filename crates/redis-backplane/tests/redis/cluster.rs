//! A Cluster of several nodes: one hub is on one of them, is found there, and is found again when its slot moves.

use ssehub_backplane_tests::redis::RedisServer;
use ssehub_backplane_tests::wait::{PATIENCE, until, until_blocking};
use ssehub_redis::RedisBackplane;

use crate::follower::{Follower, append, append_when_possible, backplane, backplane_at};

/// Two nodes, of which the first has all slots. How long they take to agree grows with the time-out.
fn cluster() -> [RedisServer; 2] {
    let nodes = [(); 2].map(|()| RedisServer::options().cluster().setting("cluster-node-timeout", "1000").start());
    nodes[1].command::<()>("CLUSTER", &["FLUSHSLOTS"]);
    let [_, bus]: [String; 2] = nodes[0].command("CONFIG", &["GET", "cluster-port"]);
    let meet = ["MEET".to_owned(), "127.0.0.1".to_owned(), nodes[0].address().port().to_string(), bus];
    nodes[1].command::<()>("CLUSTER", &meet);
    for node in &nodes {
        until_blocking(PATIENCE, "the nodes to agree on who has the slots", || {
            let info: String = node.command("CLUSTER", &["INFO"]);
            let agreed = ["cluster_known_nodes:2", "cluster_state:ok", "cluster_slots_assigned:16384"];
            if agreed.iter().all(|line| info.contains(line)) { Ok(()) } else { Err(info) }
        });
    }
    nodes
}

fn id(node: &RedisServer) -> String {
    node.command("CLUSTER", &["MYID"])
}

#[tokio::test]
async fn a_hub_is_found_by_any_node_and_again_when_its_slot_has_moved() {
    let nodes = cluster();
    let [from, to] = &nodes;
    // By the node that has nothing.
    let backplanes = [backplane(to).await, backplane(from).await];
    let mut tail = Follower::follow(&backplanes[0], None).await.unwrap();
    let first = append(&backplanes[1], "first").await;
    assert_eq!(tail.texts(1).await, ["first"]);
    assert_eq!(append(&backplanes[0], "second").await.log(), first.log());

    // The slot and its keys go to the other node.
    let slot: usize = from.command("CLUSTER", &["KEYSLOT", "ssehub:{test}:meta"]);
    let slot = slot.to_string();
    let (from_id, to_id) = (id(from), id(to));
    to.command::<()>("CLUSTER", &["SETSLOT", &slot, "IMPORTING", &from_id]);
    from.command::<()>("CLUSTER", &["SETSLOT", &slot, "MIGRATING", &to_id]);
    let keys: Vec<String> = from.command("CLUSTER", &["GETKEYSINSLOT", &slot, "100"]);
    assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with("ssehub:{test}:")), "{keys:?}");
    let port = to.address().port().to_string();
    let migrate = ["127.0.0.1", &port, "", "0", "5000", "KEYS"].map(str::to_owned);
    from.command::<()>("MIGRATE", &migrate.into_iter().chain(keys).collect::<Vec<_>>());
    for node in [to, from] {
        node.command::<()>("CLUSTER", &["SETSLOT", &slot, "NODE", &to_id]);
    }

    for backplane in &backplanes {
        append_when_possible(backplane, "moved").await;
    }
    // The tail has noticed, and goes on where it was.
    let mut texts = Vec::new();
    let mut last = first;
    let mut tail = tail;
    until(PATIENCE, "all that was appended", async || {
        match tail.try_next().await {
            Ok((id, text)) => {
                last = id;
                texts.push(text);
            }
            Err(_) => tail = Follower::follow_again(&backplanes[0], Some(last)).await,
        }
        assert_eq!(tail.start.after.log(), first.log());
        if texts.len() == 3 { Ok(()) } else { Err(texts.len()) }
    })
    .await;
    assert_eq!(texts, ["second", "moved", "moved"]);
}

#[tokio::test]
async fn hubs_of_different_names_are_on_different_nodes_and_all_are_found() {
    let nodes = cluster();
    let to = id(&nodes[1]);
    let hubs: Vec<_> = (0..20).map(|number| format!("hub-{number}")).collect();
    for (number, hub) in hubs.iter().enumerate() {
        let slot: usize = nodes[0].command("CLUSTER", &["KEYSLOT", &format!("ssehub:{{{hub}}}:meta")]);
        // Half of the slots are the other node's.
        if number.is_multiple_of(2) {
            for node in [&nodes[1], &nodes[0]] {
                node.command::<()>("CLUSTER", &["SETSLOT", &slot.to_string(), "NODE", &to]);
            }
        }
    }
    for hub in &hubs {
        let backplane = RedisBackplane::builder(nodes[0].url()).hub(hub).connect().await.unwrap();
        append(&backplane, hub).await;
        assert_eq!(Follower::follow(&backplane, None).await.unwrap().until_head().await, [hub.as_str()]);
    }
    // Each has the two keys that a hub begins with, on one node.
    assert_eq!(nodes.each_ref().map(|node| node.command::<usize>("DBSIZE", &[""; 0])), [20, 20]);
}

#[tokio::test]
async fn a_cluster_is_found_though_the_node_of_the_url_is_gone() {
    let [first, mut second] = cluster();
    let backplane = backplane_at(&second.url()).await;
    let id = append(&backplane, "first").await;
    second.kill();
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!(tail.until_head().await, ["first"]);
    assert_eq!(append_when_possible(&backplane, "second").await.log(), id.log());
    drop(first);
}
