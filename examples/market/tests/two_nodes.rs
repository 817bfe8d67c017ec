//! One market of two nodes, behind a real Redis. A node here is what a front end serves, without the front end.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what fails here fails the test, also outside the test functions"
)]

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use clap::Parser as _;
use futures::future::join;
use futures::{Stream, StreamExt as _};
use market::{Market, NewOrder, Options, Seat, Side, Watch};
use serde_json::Value;
use sse_stream::{Sse, SseByteStream};
use ssehub::ConnectRequest;
use ssehub_backplane_tests::redis::RedisServer;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::{sleep, timeout};

const TAB: &str = "0123456789abcdef";

/// How long anything may take that should come soon.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node, which runs until it is dropped.
struct Node {
    market: Market,
    running: JoinHandle<()>,
}

impl Node {
    async fn start(redis: &RedisServer) -> Self {
        let options = Options::parse_from(["market", "--rate", "20", "--redis", &redis.url()]);
        let market = Market::open(&options).await.unwrap();
        let runs = market.clone();
        let running = tokio::spawn(async move { panic!("the market stopped: {}", runs.run().await) });
        Self { market, running }
    }

    /// Opens the stream of alice's tab, behind the last id that she has.
    async fn open(&self, last_id: Option<&str>) -> Tab {
        let request = last_id.map_or(ConnectRequest::new(), |id| ConnectRequest::new().last_event_id(id));
        let seat = Seat { user: "alice".to_owned(), tab: TAB.to_owned() };
        let stream = self.market.connect(request, &seat).await.unwrap();
        let events = SseByteStream::new(stream.map(Ok::<_, Infallible>)).map(Result::unwrap);
        Tab { events: Box::pin(events), last_id: String::new() }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// What a page does with its stream.
struct Tab {
    events: Pin<Box<dyn Stream<Item = Sse> + Send>>,
    last_id: String,
}

impl Tab {
    /// The data of the next event of this name. No other may be a gap.
    async fn next(&mut self, name: &str) -> Value {
        let found = timeout(PATIENCE, self.find(name)).await;
        found.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for the event {name}"))
    }

    async fn find(&mut self, name: &str) -> Value {
        loop {
            let event = self.events.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if let Some(id) = event.id {
                self.last_id = id;
            }
            if event.event.as_deref() == Some(name) {
                return serde_json::from_str(&event.data.unwrap()).unwrap();
            }
            assert_ne!(event.event.as_deref(), Some("hub:gap"));
        }
    }

    async fn tick(&mut self) -> u64 {
        self.next("price").await["tick"].as_u64().unwrap()
    }
}

/// Two nodes behind a Redis, which open the market at the same moment, and the tab of a stream at the first.
async fn two_nodes(redis: &RedisServer) -> ([Node; 2], Tab) {
    let (first, second) = join(Node::start(redis), Node::start(redis)).await;
    let tab = first.open(None).await;
    ([first, second], tab)
}

/// Has the tab watch IBM, by a node that hears of the tab sooner or later.
async fn watch(node: &Node) {
    let watch = Watch { tab: TAB.to_owned(), symbol: "IBM".to_owned() };
    let watched = async {
        while node.market.watch(&watch).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, watched).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tab_goes_on_at_either_node_and_misses_no_month() {
    let redis = RedisServer::start();
    let (nodes, mut tab) = two_nodes(&redis).await;
    watch(&nodes[1]).await;
    let mut last = tab.tick().await;
    for hop in 0..6 {
        for _ in 0..20 {
            last += 1;
            assert_eq!(tab.tick().await, last);
        }
        let last_id = tab.last_id.clone();
        tab = nodes[(hop + 1) % 2].open(Some(&last_id)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_placed_at_one_node_is_answered_at_the_other() {
    let redis = RedisServer::start();
    let (nodes, mut tab) = two_nodes(&redis).await;
    // Every close is as high.
    let order = NewOrder { user: "alice".to_owned(), symbol: "IBM".to_owned(), side: Side::Sell, limit: 1.0 };
    nodes[1].market.place(order).await.unwrap();
    // A reader that is behind is not told that it was open.
    while tab.next("order").await["status"] != "filled" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_stands_still_without_redis_and_goes_on_with_it() {
    let mut redis = RedisServer::start();
    let (nodes, mut tab) = two_nodes(&redis).await;
    watch(&nodes[0]).await;
    let mut last = tab.tick().await;
    for _ in 0..2 {
        for _ in 0..30 {
            let tick = tab.tick().await;
            // Who does not know whether a month was told tells it again, and so does who takes over.
            assert!(tick == last + 1 || tick == last || tick + 1 == last, "{tick} after {last}");
            last = last.max(tick);
        }
        block_in_place(|| {
            redis.kill();
            redis.restart();
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_has_lost_everything_is_told_as_a_gap_and_the_months_go_on() {
    let mut redis = RedisServer::start();
    let (nodes, mut tab) = two_nodes(&redis).await;
    watch(&nodes[0]).await;
    tab.tick().await;
    block_in_place(|| redis.restart_empty());
    assert_eq!(tab.next("hub:gap").await["reason"], "unknown-log");
    for _ in 0..30 {
        tab.tick().await;
    }
}
