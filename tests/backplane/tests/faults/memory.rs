//! The log in memory: the same faults without a network, and so without chance.

use std::time::Instant;

use ssehub::Hub;
use ssehub_backplane_tests::{
    load::Crowd,
    memory::{Appends, MemoryLine, MemoryLog},
};

use crate::nodes::{everything, hub, is_ready, nodes};

async fn three_nodes(log: &MemoryLog) -> (Vec<MemoryLine>, Vec<Hub>) {
    let lines: Vec<_> = (0..3).map(|_| log.line()).collect();
    let mut hubs = Vec::new();
    for line in &lines {
        hubs.push(hub(line.clone(), everything()).await);
    }
    (lines, hubs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_loses_nothing() {
    let (lines, hubs) = three_nodes(&MemoryLog::default()).await;
    let crowd = Crowd::gather(nodes(&hubs)).await;
    crowd.publish(50).await;
    lines[0].cut(true);
    crowd.fail_on(0..1).await;
    crowd.publish_on(50, 1..3).await;
    lines[0].cut(false);
    crowd.publish(50).await;
    crowd.disperse().await.is_perfect();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_been_taken_comes_at_most_once() {
    let (lines, hubs) = three_nodes(&MemoryLog::default()).await;
    let crowd = Crowd::gather(nodes(&hubs)).await;
    for appends in [Appends::Lost, Appends::TakenUnheard] {
        lines[1].appends(appends);
        crowd.fail_on(1..2).await;
        lines[1].appends(Appends::Taken);
        crowd.publish(20).await;
    }
    crowd.disperse().await.is_perfect();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_wiped_is_told_as_a_gap() {
    let log = MemoryLog::default();
    let (_lines, hubs) = three_nodes(&log).await;
    let crowd = Crowd::gather(nodes(&hubs)).await;
    crowd.publish(50).await;
    log.wipe(&everything());
    crowd.publish(50).await;
    for hub in &hubs {
        is_ready(hub).await;
    }
    let healed = Instant::now();
    crowd.publish(50).await;
    let verdict = crowd.disperse().await;
    verdict.is_honest(healed);
    assert!(verdict.readings.iter().all(|reading| !reading.gaps().is_empty()), "everybody was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_its_newest_entries_is_told_as_a_gap() {
    let log = MemoryLog::default();
    let (_lines, hubs) = three_nodes(&log).await;
    let crowd = Crowd::gather(nodes(&hubs)).await;
    crowd.publish(50).await;
    log.lose(20);
    crowd.publish(50).await;
    for hub in &hubs {
        is_ready(hub).await;
    }
    let healed = Instant::now();
    crowd.publish(50).await;
    let verdict = crowd.disperse().await;
    verdict.is_honest(healed);
    assert!(verdict.readings.iter().all(|reading| !reading.gaps().is_empty()), "everybody was told");
}
