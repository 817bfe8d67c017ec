//! Faults of a real Redis and of the links to it, drawn at random, one on top of the other.
//!
//! None of them loses data, so nobody may notice but the publishers. `SSEHUB_SEED=…` draws the same again.

use std::{env, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use ssehub_backplane_tests::{load::Crowd, redis::RedisServer};
use tokio::time::sleep;

use crate::{
    nodes::{everything, nodes},
    redis::Cluster,
};

const NODES: usize = 3;

/// How many times everything is broken and healed.
const ROUNDS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_redis_and_the_links_nothing_is_lost_or_repeated() {
    let seed = env::var("SSEHUB_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    println!("to draw the same again: SSEHUB_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut server = RedisServer::start();
    let cluster = Cluster::of(&server, NODES, everything()).await;
    let crowd = Crowd::gather(nodes(&cluster.hubs)).await;
    for _ in 0..ROUNDS {
        crowd.publish(30).await;
        let mut is_paused = false;
        for _ in 0..chance.random_range(1..6) {
            let link = &cluster.links[chance.random_range(0..NODES)];
            match chance.random_range(0..7) {
                0 => link.cut(),
                1 => link.stall(),
                2 => link.slow(Duration::from_millis(chance.random_range(1..60))),
                3 => link.heal(),
                4 if !is_paused => {
                    server.pause();
                    is_paused = true;
                }
                _ => {
                    server.restart();
                    is_paused = false;
                }
            }
            // What happens meanwhile is the test: from nothing to a time-out.
            sleep(Duration::from_millis(chance.random_range(0..700))).await;
        }
        if is_paused {
            server.resume();
        }
        for link in &cluster.links {
            link.heal();
        }
    }
    crowd.publish(30).await;
    crowd.disperse().await.is_perfect();
}
