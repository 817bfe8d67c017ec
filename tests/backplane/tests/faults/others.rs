//! Others, or Redis itself, remove parts of the log while publishers never pause.

use std::time::{Duration, Instant};

use ssehub_backplane_tests::redis::RedisServer;
use tokio::time::sleep;

use crate::redis::crowded;

fn key(what: &str) -> String {
    format!("ssehub:{{faults}}:{what}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_removed_is_told_as_a_gap_and_no_end() {
    let server = RedisServer::start();
    let (cluster, crowd) = crowded(&server, 3).await;
    for what in ["log", "passing", "meta", "state", "newest", "records"] {
        crowd.publish(30).await;
        server.command::<usize>("DEL", &[key(what)]);
        crowd.publish(30).await;
        // The newest entries: some nodes have read them, some have not.
        for stream in ["log", "passing"] {
            let entries: Vec<(String, Vec<Vec<u8>>)> =
                server.command("XREVRANGE", &[&key(stream), "+", "-", "COUNT", "2"]);
            for (id, _) in entries {
                server.command::<usize>("XDEL", &[key(stream), id]);
            }
        }
        crowd.publish(30).await;
        server.command::<usize>("XTRIM", &[&key("log"), "MAXLEN", "3"]);
    }
    crowd.publish(30).await;
    cluster.are_ready().await;
    let healed = Instant::now();
    crowd.publish(30).await;
    let verdict = crowd.disperse().await;
    verdict.is_honest(healed);
    assert!(verdict.readings.iter().all(|reading| !reading.gaps().is_empty()), "everybody was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_evicts_is_told_as_a_gap_and_no_end() {
    let server = RedisServer::options().setting("maxmemory-policy", "allkeys-random").start();
    let (cluster, crowd) = crowded(&server, 3).await;
    for _ in 0..5 {
        crowd.publish(30).await;
        server.command::<()>("CONFIG", &["SET", "maxmemory", "1"]);
        // For as long as it takes a key or two.
        sleep(Duration::from_millis(20)).await;
        server.command::<()>("CONFIG", &["SET", "maxmemory", "0"]);
    }
    assert_ne!(server.info("evicted_keys"), "0");
    crowd.publish(30).await;
    cluster.are_ready().await;
    let healed = Instant::now();
    crowd.publish(30).await;
    crowd.disperse().await.is_honest(healed);
}
