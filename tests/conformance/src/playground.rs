//! The playground's HTTP interface, as the cases drive it.

use std::{io, net::SocketAddr, process::ExitStatus, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    backplane::Log,
    client::Stream,
    http1::{Client, Request, Response},
    sse::Block,
    subject::Process,
    wait::{PATIENCE, until},
};

/// How long a load may take on a machine that is busy with something else.
const LOAD: Duration = Duration::from_secs(120);

/// A pair of a query string.
pub type Pair<'a> = (&'a str, &'a str);

/// The query string of these pairs, with its question mark.
pub fn query(pairs: &[Pair<'_>]) -> String {
    form_urlencoded::Serializer::for_suffix(String::from("?"), 1).extend_pairs(pairs).finish()
}

/// A path of these segments; what a segment holds is never taken for a separator.
pub fn path(segments: &[&str]) -> String {
    segments.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, NON_ALPHANUMERIC))).collect()
}

/// A running playground.
#[derive(Debug)]
pub struct Playground {
    process: Process,
    address: SocketAddr,
    log: Log,
}

impl Playground {
    pub(crate) fn new(process: Process, address: SocketAddr, log: Log) -> Self {
        Self { process, address, log }
    }

    /// Kills it with SIGKILL, and leaves the log it has served.
    pub(crate) fn kill(self) -> Log {
        drop(self.process);
        self.log
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Asks it to end with SIGTERM.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Asks it to end with SIGINT.
    pub fn interrupt(&self) {
        self.process.signal(Signal::INT);
    }

    /// Waits until it has ended by itself.
    pub async fn exit(&mut self, limit: Duration) -> ExitStatus {
        self.process.exit(limit).await
    }

    /// A client that keeps its connection.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Sends any request on a connection of its own.
    ///
    /// # Errors
    /// If the connection is refused or breaks.
    pub async fn try_request(&self, request: Request) -> io::Result<Response> {
        self.client().request(&request.header("connection", "close")).await
    }

    /// Sends any request on a connection of its own.
    ///
    /// # Panics
    /// If the connection is refused or breaks.
    pub async fn request(&self, request: Request) -> Response {
        let what = format!("{request:?}");
        self.try_request(request).await.unwrap_or_else(|error| panic!("{error}: {what}"))
    }

    /// Sends a request that must be answered with this status.
    async fn expect(&self, status: u16, request: Request) -> Response {
        let what = format!("{request:?}");
        let response = self.request(request).await;
        let body = String::from_utf8_lossy(&response.body);
        assert_eq!(response.head.status, status, "{what}: {body}");
        response
    }

    async fn json(&self, path: &str) -> Value {
        self.expect(200, Request::get(path)).await.json()
    }

    // --- streams

    /// Opens a stream with these parameters.
    pub async fn open(&self, parameters: &[Pair<'_>]) -> Stream {
        Stream::open(self.address, &events(parameters)).await
    }

    /// Opens a stream that goes on after `last_event_id`.
    pub async fn resume(&self, parameters: &[Pair<'_>], last_event_id: &str) -> Stream {
        Stream::open(self.address, &events(parameters).header("last-event-id", last_event_id)).await
    }

    /// Opens a stream by a request of the case's own.
    pub async fn open_by(&self, request: &Request) -> Stream {
        Stream::open(self.address, request).await
    }

    /// Every event that `stream` gets before one that is sent to its connection now.
    ///
    /// Since a stream is ordered, that is all that was sent to it until now: nothing has to be waited for.
    pub async fn seen_by(&self, stream: &mut Stream) -> Vec<Block> {
        let fence = self.send(&[("to", &format!("connection:{}", stream.connection())), ("event", "fence")], "").await;
        let mut seen = Vec::new();
        loop {
            let event = stream.event("the fence").await;
            if event.name() == "fence" && event.id.as_deref() == Some(fence.as_str()) {
                return seen;
            }
            seen.push(event);
        }
    }

    /// The data of every event that `stream` gets before one that is sent to its connection now.
    pub async fn texts_seen_by(&self, stream: &mut Stream) -> Vec<String> {
        self.seen_by(stream).await.iter().map(|event| event.text().to_owned()).collect()
    }

    // --- sending

    /// Sends an event and returns its id.
    pub async fn send(&self, parameters: &[Pair<'_>], data: impl Into<Vec<u8>>) -> String {
        let response = self.expect(200, Request::new("POST", format!("/send{}", query(parameters))).body(data)).await;
        id_of(&response)
    }

    /// Sends an event to one target and returns its id.
    pub async fn send_to(&self, target: &str, data: &str) -> String {
        self.send(&[("to", target)], data).await
    }

    /// Sends `count` events to `target` as fast as the hub takes them, which is as fast as readers keep up.
    pub async fn publish(&self, target: &str, count: u64, size: usize) -> Value {
        let parameters = [("to", target), ("count", &count.to_string()), ("size", &size.to_string())];
        let request = Request::new("POST", format!("/publish{}", query(&parameters))).patience(LOAD);
        self.expect(200, request).await.json()
    }

    // --- groups and connections

    /// Puts a connection into a group.
    pub async fn join(&self, group: &str, connection: &str) {
        self.expect(204, Request::new("POST", path(&["groups", group, "connections", connection]))).await;
    }

    /// Puts a connection into a group and gives it the group's state.
    pub async fn join_with_snapshot(&self, group: &str, connection: &str) {
        let path = path(&["groups", group, "connections", connection]);
        self.expect(204, Request::new("POST", format!("{path}?snapshot=true"))).await;
    }

    /// Takes a connection out of a group.
    pub async fn leave(&self, group: &str, connection: &str) {
        self.expect(204, Request::new("DELETE", path(&["groups", group, "connections", connection]))).await;
    }

    /// Puts a user into a group.
    pub async fn join_user(&self, group: &str, user: &str) {
        self.expect(204, Request::new("POST", path(&["groups", group, "users", user]))).await;
    }

    /// Takes a user out of a group.
    pub async fn leave_user(&self, group: &str, user: &str) {
        self.expect(204, Request::new("DELETE", path(&["groups", group, "users", user]))).await;
    }

    /// Ends the streams of `target` and returns how many.
    pub async fn disconnect(&self, target: &str) -> u64 {
        let request = Request::new("POST", format!("/disconnect{}", query(&[("to", target)])));
        self.expect(200, request).await.json()["disconnected"].as_u64().expect("disconnected is a number")
    }

    /// Issues a ticket for this user and these groups.
    pub async fn issue_ticket(&self, identity: &[Pair<'_>]) -> String {
        let issued = self.expect(200, Request::new("POST", format!("/tickets{}", query(identity)))).await.json();
        issued["ticket"].as_str().expect("/tickets answers with a ticket").to_owned()
    }

    // --- looking

    /// A number of `/stats`.
    pub async fn stat(&self, name: &str) -> u64 {
        let stats = self.json("/stats").await;
        stats[name].as_u64().unwrap_or_else(|| panic!("{name} is no number: {stats}"))
    }

    /// What `/connections` tells of a connection, or null.
    pub async fn connection(&self, id: &str) -> Value {
        let connections = self.json("/connections").await;
        let connections = connections.as_array().expect("/connections is a list");
        connections.iter().find(|connection| connection["connection"] == id).cloned().unwrap_or_default()
    }

    /// What `/users/ID` tells: online, and with how many connections.
    pub async fn presence(&self, user: &str) -> (bool, u64) {
        let presence = self.json(&path(&["users", user])).await;
        match (presence["online"].as_bool(), presence["connections"].as_u64()) {
            (Some(online), Some(connections)) => (online, connections),
            _ => panic!("the presence of {user:?} is {presence}"),
        }
    }

    /// Every hook call so far.
    pub async fn lifecycle(&self) -> Vec<Value> {
        match self.json("/lifecycle").await {
            Value::Array(calls) => calls,
            other => panic!("/lifecycle is {other}"),
        }
    }

    /// Waits until it is ready: until it has read what its backplane has kept.
    pub(crate) async fn until_ready(&self) {
        until(PATIENCE, "the playground to be ready", async || {
            match self.request(Request::get("/healthz")).await.head.status {
                200 => Ok(()),
                status => Err(status),
            }
        })
        .await;
    }

    /// Waits until a number of `/stats` is this.
    pub async fn until_stat(&self, name: &str, value: u64) {
        until(PATIENCE, &format!("{name} to be {value}"), async || match self.stat(name).await {
            seen if seen == value => Ok(()),
            seen => Err(seen),
        })
        .await;
    }

    /// Waits until the latest hook call that concerns a user says that it is offline, and returns all that do.
    pub async fn until_offline(&self, user: &str) -> Vec<Value> {
        until(PATIENCE, &format!("{user:?} to be offline"), async || {
            let mut calls = self.lifecycle().await;
            calls.retain(|call| call["user"] == user);
            if calls.last().is_some_and(|call| call["hook"] == "user_offline") { Ok(calls) } else { Err(calls) }
        })
        .await
    }

    /// Waits until a hook was called for a connection, and returns the call.
    pub async fn until_hook(&self, hook: &str, connection: &str) -> Value {
        until(PATIENCE, &format!("the hook {hook} for {connection}"), async || {
            let calls = self.lifecycle().await;
            let call = calls.iter().find(|call| call["hook"] == hook && call["connection"] == connection);
            call.cloned().ok_or(calls)
        })
        .await
    }
}

/// A request for a stream with these parameters, as a browser sends it.
pub fn events(parameters: &[Pair<'_>]) -> Request {
    let target = if parameters.is_empty() { "/events".to_owned() } else { format!("/events{}", query(parameters)) };
    Request::get(target).header("accept", "text/event-stream")
}

/// The id that `/send` answered.
pub fn id_of(response: &Response) -> String {
    response.json()["id"].as_str().expect("/send answers with an id").to_owned()
}
