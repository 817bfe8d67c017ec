//! The newest event of each key, on every node, when Redis and the links to it have been broken.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::StreamExt as _;
use rand::RngExt as _;
use ssehub::{ConnectRequest, Event, History, Hub, Topic};
use ssehub_backplane_tests::{
    redis::RedisServer,
    wait::{PATIENCE, until, within},
};
use tokio::{task::JoinHandle, time::sleep};

use crate::redis::Cluster;

/// The keys that are set and retracted.
const KEYS: usize = 40;

/// So few events are retained that most keys live in the state alone.
const RETAINED: usize = 20;

/// Who sets and retracts keys, on one node, without a pause.
struct Ticker {
    ends: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Ticker {
    fn start(hub: Hub) -> Self {
        let (ends, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn({
            let (ends, taken) = (Arc::clone(&ends), Arc::clone(&taken));
            async move {
                while !ends.load(Ordering::Relaxed) {
                    let (key, value) = (rand::random_range(0..KEYS), rand::random::<u32>());
                    let (key, event) = (key.to_string(), Event::message(format!("{key} is {value}")));
                    let event = if rand::rng().random_ratio(1, 4) { event.retract(key) } else { event.key(key) };
                    if within(PATIENCE, "an answer", hub.send(Topic::group("g"), event)).await.is_ok() {
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    sleep(Duration::from_millis(2)).await;
                }
            }
        });
        Self { ends, taken, task }
    }

    /// Waits until so many more of its events were taken.
    async fn tick(&self, more: usize) {
        let goal = self.taken.load(Ordering::Relaxed) + more;
        until(PATIENCE, &format!("{more} events to be taken"), async || {
            let taken = self.taken.load(Ordering::Relaxed);
            if taken >= goal { Ok(()) } else { Err(taken) }
        })
        .await;
    }
}

/// What a page gets that opens on this node.
async fn snapshot(hub: &Hub) -> BTreeSet<String> {
    let mut stream = hub.connect(ConnectRequest::new().group("g").snapshot(true)).expect("nothing is wrong with it");
    let mut found = BTreeSet::new();
    loop {
        let chunk = within(PATIENCE, "the snapshot", stream.next()).await.expect("the stream goes on");
        for block in std::str::from_utf8(&chunk).expect("a stream is UTF-8").split_terminator("\n\n") {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            match (field("event: "), field("id: "), field("data: ")) {
                (Some("hub:connected"), ..) => {}
                // The cursor is told behind the snapshot.
                (None, Some(_), None) => return found,
                (None, None, Some(data)) => assert!(found.insert(data.to_owned()), "{data} came twice"),
                _ => panic!("this is no part of a snapshot: {block}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_have_one_state_whatever_was_broken() {
    let mut server = RedisServer::start();
    let history = History::default().events(RETAINED);
    let cluster = Cluster::of(&server, 3, history.clone()).await;
    let tickers: Vec<_> = cluster.hubs.iter().cloned().map(Ticker::start).collect();
    for (link, ticker) in cluster.links.iter().zip(&tickers) {
        ticker.tick(30).await;
        link.stall();
        // More than is retained goes past the node that hears nothing.
        for other in tickers.iter().filter(|other| !std::ptr::eq(*other, ticker)) {
            other.tick(2 * RETAINED).await;
        }
        link.heal();
        ticker.tick(10).await;
        server.restart();
        ticker.tick(10).await;
        link.cut();
        link.heal();
    }
    for ticker in tickers {
        ticker.tick(10).await;
        ticker.ends.store(true, Ordering::Relaxed);
        within(PATIENCE, "the ticker to end", ticker.task).await.expect("a ticker does not fail");
    }
    let last = Event::message("last").key("last");
    cluster.hubs[0].send(Topic::group("g"), last).await.expect("nothing is broken any more");
    let late = Cluster::of(&server, 1, history).await;
    let mut states = Vec::new();
    for hub in cluster.hubs.iter().chain(&late.hubs) {
        let state = until(PATIENCE, "the node to have heard of the last event", async || {
            let state = snapshot(hub).await;
            if state.contains("last") { Ok(state) } else { Err(state) }
        });
        states.push(state.await);
    }
    assert!(states[0].len() > RETAINED, "most keys are older than what is retained: {:?}", states[0]);
    for state in &states {
        assert_eq!(*state, states[0]);
    }
}
