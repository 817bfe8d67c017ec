//! A real Redis that is killed, stalled, cut off, wiped and replaced.

use std::time::{Duration, Instant};

use ssehub::{History, Hub};
use ssehub_backplane_tests::{
    load::{Crowd, Reading},
    proxy::Proxy,
    redis::RedisServer,
    wait::{PATIENCE, until, within},
};
use ssehub_redis::RedisBackplane;
use tokio::time::sleep;

use crate::nodes::{everything, hub, is_ready, nodes};

/// The promise is two seconds, from when Redis answers again until each reader has an event that was sent since. On a
/// machine that does much else at once it may take as long again.
const HEARS_AGAIN: Duration = Duration::from_secs(4);

/// An outage that is so long that each wait between two tries is as long as it gets.
const LONG: Duration = Duration::from_secs(6);

/// Nodes on one Redis, each by a link of its own.
pub(crate) struct Cluster {
    pub(crate) links: Vec<Proxy>,
    pub(crate) hubs: Vec<Hub>,
}

impl Cluster {
    pub(crate) async fn of(server: &RedisServer, count: usize, history: History) -> Self {
        let links: Vec<_> = (0..count).map(|_| Proxy::to(server.address())).collect();
        let mut hubs = Vec::new();
        for link in &links {
            let backplane = RedisBackplane::builder(server.url_by(link.address())).hub("faults").connect().await;
            hubs.push(hub(backplane.expect("the server is there"), history.clone()).await);
        }
        Self { links, hubs }
    }

    pub(crate) async fn are_ready(&self) {
        for hub in &self.hubs {
            is_ready(hub).await;
        }
    }
}

/// So many nodes on a Redis, and those who send and read there.
pub(crate) async fn crowded(server: &RedisServer, count: usize) -> (Cluster, Crowd) {
    let cluster = Cluster::of(server, count, everything()).await;
    let crowd = Crowd::gather(nodes(&cluster.hubs)).await;
    (cluster, crowd)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_and_comes_back_with_its_data_loses_nothing() {
    let mut server = RedisServer::start();
    let (_cluster, crowd) = crowded(&server, 3).await;
    let mut back = Instant::now();
    for _ in 0..3 {
        crowd.publish(100).await;
        server.kill();
        crowd.fail().await;
        server.restart();
        back = Instant::now();
    }
    crowd.publish(100).await;
    let verdict = crowd.disperse().await;
    verdict.is_perfect();
    verdict.heard_again(back, HEARS_AGAIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_without_its_data_is_told_as_a_gap() {
    let mut server = RedisServer::start();
    let (cluster, crowd) = crowded(&server, 3).await;
    crowd.publish(100).await;
    server.restart_empty();
    let back = Instant::now();
    crowd.publish(100).await;
    cluster.are_ready().await;
    let healed = Instant::now();
    crowd.publish(100).await;
    let verdict = crowd.disperse().await;
    verdict.is_honest(healed);
    verdict.heard_again(back, HEARS_AGAIN);
    assert!(verdict.readings.iter().all(|reading| !reading.gaps().is_empty()), "everybody was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_flushed_is_told_as_a_gap() {
    let server = RedisServer::start();
    let (cluster, crowd) = crowded(&server, 3).await;
    crowd.publish(100).await;
    server.flush();
    let flushed = Instant::now();
    crowd.publish(100).await;
    cluster.are_ready().await;
    let healed = Instant::now();
    crowd.publish(100).await;
    let verdict = crowd.disperse().await;
    verdict.is_honest(healed);
    verdict.heard_again(flushed, HEARS_AGAIN);
    assert!(verdict.readings.iter().all(|reading| !reading.gaps().is_empty()), "everybody was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_pauses_for_three_seconds_loses_nothing() {
    let server = RedisServer::start();
    let (_cluster, crowd) = crowded(&server, 3).await;
    crowd.publish(100).await;
    server.pause();
    let paused = Instant::now();
    // Nobody waits for an answer for ever.
    crowd.fail().await;
    // The pause itself is the test.
    sleep(Duration::from_secs(3).saturating_sub(paused.elapsed())).await;
    server.resume();
    let back = Instant::now();
    crowd.publish(100).await;
    let verdict = crowd.disperse().await;
    verdict.is_perfect();
    verdict.heard_again(back, HEARS_AGAIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_again_and_again_loses_nothing() {
    let server = RedisServer::start();
    let (cluster, crowd) = crowded(&server, 3).await;
    let mut back = Instant::now();
    for round in 0..6 {
        let link = round % 3;
        crowd.publish(30).await;
        cluster.links[link].cut();
        crowd.fail_on(link..link + 1).await;
        cluster.links[link].heal();
        back = Instant::now();
    }
    crowd.publish(30).await;
    let verdict = crowd.disperse().await;
    verdict.is_perfect();
    verdict.heard_again(back, HEARS_AGAIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_stalls_is_noticed_and_loses_nothing() {
    let server = RedisServer::start();
    let (cluster, crowd) = crowded(&server, 3).await;
    crowd.publish(100).await;
    cluster.links[0].stall();
    crowd.fail_on(0..1).await;
    until(PATIENCE, "the node to say that it is not ready", async || {
        if cluster.hubs[0].is_ready() { Err(cluster.hubs[0].stats()) } else { Ok(()) }
    })
    .await;
    crowd.publish_on(100, 1..3).await;
    cluster.links[0].heal();
    let back = Instant::now();
    crowd.publish(100).await;
    let verdict = crowd.disperse().await;
    assert!(verdict.uncertain() > 0, "what the link swallowed may have been taken");
    verdict.is_perfect();
    verdict.heard_again(back, HEARS_AGAIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_long_redis_was_down_it_is_heard_again_soon() {
    let mut server = RedisServer::start();
    let (_cluster, crowd) = crowded(&server, 3).await;
    crowd.publish(50).await;
    server.kill();
    let away = Instant::now();
    crowd.fail().await;
    sleep(LONG.saturating_sub(away.elapsed())).await;
    server.restart();
    let back = Instant::now();
    crowd.publish(50).await;
    let verdict = crowd.disperse().await;
    verdict.is_perfect();
    verdict.heard_again(back, HEARS_AGAIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_long_the_links_stalled_redis_is_heard_again_soon() {
    let server = RedisServer::start();
    let (cluster, crowd) = crowded(&server, 3).await;
    crowd.publish(50).await;
    for link in &cluster.links {
        link.stall();
    }
    let away = Instant::now();
    crowd.fail().await;
    sleep(LONG.saturating_sub(away.elapsed())).await;
    for link in &cluster.links {
        link.heal();
    }
    let back = Instant::now();
    crowd.publish(50).await;
    let verdict = crowd.disperse().await;
    verdict.is_perfect();
    verdict.heard_again(back, HEARS_AGAIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_link_loses_nothing_and_hinders_nobody_else() {
    let server = RedisServer::start();
    let (cluster, crowd) = crowded(&server, 3).await;
    crowd.publish(50).await;
    cluster.links[0].slow(Duration::from_millis(100));
    crowd.publish_on(200, 1..3).await;
    crowd.publish_on(20, 0..1).await;
    cluster.links[0].heal();
    crowd.publish(50).await;
    crowd.disperse().await.is_perfect();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_to_a_replica_that_lacks_the_newest_entries_is_told_as_a_gap() {
    let mut primary = RedisServer::start();
    let replication = Proxy::to(primary.address());
    let mut replica = RedisServer::options().replica_of(replication.address()).start();
    let (cluster, crowd) = crowded(&primary, 3).await;
    crowd.publish(100).await;
    replication.stall();
    crowd.publish(100).await;
    primary.kill();
    crowd.fail().await;
    replica.promote();
    for link in &cluster.links {
        link.cut();
        link.lead_to(replica.address());
        link.heal();
    }
    let back = Instant::now();
    crowd.publish(100).await;
    cluster.are_ready().await;
    let healed = Instant::now();
    crowd.publish(100).await;
    let verdict = crowd.disperse().await;
    verdict.is_honest(healed);
    verdict.heard_again(back, HEARS_AGAIN);
    assert!(verdict.readings.iter().all(|reading| !reading.gaps().is_empty()), "everybody was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_outrun_while_its_link_stalls_is_told_a_gap() {
    let server = RedisServer::start();
    let cluster = Cluster::of(&server, 2, History::default().events(2_000)).await;
    let crowd = Crowd::gather(nodes(&cluster.hubs)).await;
    crowd.publish(100).await;
    cluster.links[0].stall();
    crowd.fail_on(0..1).await;
    // Two publishers are on that node.
    crowd.publish_on(2_000, 1..2).await;
    cluster.links[0].heal();
    cluster.are_ready().await;
    crowd.publish(50).await;
    let healed = Instant::now();
    crowd.publish(50).await;
    let verdict = crowd.disperse().await;
    verdict.is_honest(healed);
    assert_eq!(verdict.reading("the reader on node 0").gaps().len(), 1, "it has missed something once");
    assert_eq!(verdict.reading("the reader on node 1").gaps().len(), 0, "it has missed nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_have_nothing_to_say_stay_connected() {
    let server = RedisServer::start();
    let cluster = Cluster::of(&server, 2, everything()).await;
    let before = server.info("total_connections_received");
    // Five times as long as the tail waits for news at a time.
    let idle = Instant::now();
    while idle.elapsed() < Duration::from_secs(5) {
        assert!(cluster.hubs.iter().all(Hub::is_ready), "nothing is wrong after {:?}", idle.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    let connections: u64 = server.info("total_connections_received").parse().expect("a number");
    let mine: u64 = before.parse().expect("a number");
    // The test has asked twice.
    assert!(connections <= mine + 1, "nobody has connected anew");
    let crowd = Crowd::gather(nodes(&cluster.hubs)).await;
    crowd.publish(10).await;
    crowd.disperse().await.is_perfect();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_while_redis_is_away_says_so_in_time() {
    let mut server = RedisServer::start();
    server.kill();
    let connecting = RedisBackplane::builder(server.url()).hub("faults").connect();
    let error = within(Duration::from_secs(8), "a clear error", connecting).await;
    println!("{}", error.expect_err("nobody is there"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_in_mid_load_has_everything_that_is_retained() {
    let server = RedisServer::start();
    let (_cluster, crowd) = crowded(&server, 2).await;
    crowd.publish(200).await;
    let late = Cluster::of(&server, 1, everything()).await;
    crowd.publish(200).await;
    let verdict = crowd.disperse().await;
    verdict.is_perfect();
    let events: Vec<_> = verdict.readings[0].events().collect();
    let ((first, _), (_, last)) = (events[0], events[events.len() - 1]);
    let again = Reading::of(nodes(&late.hubs).remove(0), first, last).await;
    assert_eq!(again.gaps(), [""; 0]);
    assert!(again.events().eq(events.into_iter().skip(1)), "it has the same events in the same order");
}
