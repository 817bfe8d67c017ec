//! Two nodes of different frameworks, and the Redis behind them.

use std::time::{Duration, Instant};

use serde_json::Value;
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_conformance::{
    client::Stream,
    http1::{Request, Response},
    playground::{Pair as Parameter, Playground, query},
    sse::Block,
    subject::Subject,
    wait::{PATIENCE, until},
};

/// The frameworks of a case's nodes.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    first: Subject,
    second: Subject,
}

/// Two nodes behind one Redis, ready.
#[derive(Debug)]
pub struct Nodes {
    /// The node of the first framework.
    pub a: Playground,
    /// The node of the second.
    pub b: Playground,
    /// What they share.
    pub redis: RedisServer,
}

impl Pair {
    /// A pair of these.
    pub fn new(first: Subject, second: Subject) -> Self {
        Self { first, second }
    }

    /// Starts a Redis and a node of each framework behind it, both with these options.
    pub async fn start(self, options: &[&str]) -> Nodes {
        let redis = redis();
        let a = self.first(&redis.url(), options).await;
        let b = self.second(&redis.url(), options).await;
        Nodes { a, b, redis }
    }

    /// Starts a node of the first framework behind the Redis at `url`.
    pub async fn first(self, url: &str, options: &[&str]) -> Playground {
        node(self.first, url, options).await
    }

    /// Starts a node of the second framework behind the Redis at `url`.
    pub async fn second(self, url: &str, options: &[&str]) -> Playground {
        node(self.second, url, options).await
    }
}

async fn node(subject: Subject, url: &str, options: &[&str]) -> Playground {
    let node = subject.start(&[&["--redis", url], options].concat()).await;
    until_health(&node, 200, PATIENCE).await;
    node
}

/// A Redis of the case's own. (Starting it blocks the thread.)
pub fn redis() -> RedisServer {
    tokio::task::block_in_place(RedisServer::start)
}

/// Waits until `/healthz` answers this; returns how long that took.
pub async fn until_health(node: &Playground, status: u16, limit: Duration) -> Duration {
    let start = Instant::now();
    until(limit, &format!("/healthz to be {status}"), async || {
        match node.request(Request::get("/healthz")).await.head.status {
            seen if seen == status => Ok(()),
            seen => Err(seen),
        }
    })
    .await;
    start.elapsed()
}

/// Waits until a user has so many connections, as seen from this node; returns how long that took.
pub async fn until_present(node: &Playground, user: &str, connections: u64, limit: Duration) -> Duration {
    let start = Instant::now();
    let expected = (connections > 0, connections);
    until(limit, &format!("the presence of {user} to be {expected:?}"), async || match node.presence(user).await {
        seen if seen == expected => Ok(()),
        seen => Err(seen),
    })
    .await;
    start.elapsed()
}

/// Waits until a node has heard of a stream, which may be on another one.
pub async fn until_known(node: &Playground, stream: &Stream) {
    let id = stream.connection();
    until(PATIENCE, "a node to hear of a stream", async || match node.connection(&id).await {
        Value::Null => Err(&id),
        _ => Ok(()),
    })
    .await;
}

/// Sends an event, whatever the answer.
pub async fn try_send(node: &Playground, parameters: &[Parameter<'_>], data: &str) -> Response {
    node.request(Request::new("POST", format!("/send{}", query(parameters))).body(data)).await
}

/// Sends an event, and says whether it was taken, and that it surely was not if it was not.
///
/// # Panics
/// If the answer is neither 200 nor a 503 with a reason.
pub async fn is_taken(node: &Playground, parameters: &[Parameter<'_>], data: &str) -> bool {
    let response = try_send(node, parameters, data).await;
    match response.head.status {
        200 => true,
        503 => {
            assert!(response.json()["error"].as_str().is_some_and(|error| !error.is_empty()), "{response:?}");
            false
        }
        status => panic!("{status}: {response:?}"),
    }
}

/// Asserts that this is the gap after `requested`, told for this reason.
pub fn assert_gap(event: &Block, requested: &str, reason: &str) {
    assert_eq!(event.name(), "hub:gap", "{event:?}");
    let data: Value = serde_json::from_str(event.text()).expect("hub:gap carries JSON");
    assert_eq!((data["requested"].as_str(), data["reason"].as_str()), (Some(requested), Some(reason)));
}
