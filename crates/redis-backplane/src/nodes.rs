//! Finding the server that has the log: the one of the URL, or that Sentinels tell of; in a Cluster the node that its hash
//! slot is on, which any other tells; and none that is a replica, or too old.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::select_ok;
use parking_lot::Mutex;
use redis::{Pipeline, RedisConnectionInfo, Value, cmd, from_redis_value};

use crate::connection::Connection;
use crate::error::Failure;
use crate::hello::{Hello, text};
use crate::script;
use crate::tls::Tls;
use crate::transport::Address;

/// How often one node may send on to another: a slot that moves is found at the second.
const MAX_REDIRECTS: usize = 5;

/// How many nodes of a Cluster are remembered.
const MAX_LEARNED: usize = 64;

/// The servers that may have the log.
#[derive(Debug)]
pub(crate) struct Nodes {
    given: Vec<Address>,
    /// Who knows where it is, by the name that is given as a host; and who comes to ask.
    sentinels: Vec<(Address, RedisConnectionInfo)>,
    tls: Option<Tls>,
    settings: RedisConnectionInfo,
    patience: Duration,
    key: String,
    /// Where it was last, and the other nodes that were told of.
    learned: Mutex<Vec<Address>>,
    found: AtomicU64,
}

impl Nodes {
    /// These servers, of which the one is looked for that has this key; or the one that these Sentinels know by the name
    /// of the first.
    pub(crate) fn new(
        given: Vec<Address>,
        sentinels: Vec<(Address, RedisConnectionInfo)>,
        tls: Option<Tls>,
        settings: RedisConnectionInfo,
        patience: Duration,
        key: String,
    ) -> Self {
        let (learned, found) = (Mutex::default(), AtomicU64::new(0));
        Self { given, sentinels, tls, settings, patience, key, learned, found }
    }

    /// How often a server was found.
    pub(crate) fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// Connects to the server that has the log now, within twice the patience.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<Connection, Failure> {
        let mut addresses = self.learned.lock().clone();
        addresses.extend(self.given.iter().filter(|given| !addresses.contains(given)).cloned().collect::<Vec<_>>());
        let mut addresses = addresses.into_iter();
        let Some(first) = addresses.next() else { return Err(Failure::Answer("no server is known")) };
        let name = first.to_string();
        let searching = async {
            // Where it was last may be a primary still that has been replaced.
            if !self.sentinels.is_empty() {
                return Ok(select_ok(self.sentinels.iter().map(|sentinel| self.ask(sentinel).boxed())).await?.0);
            }
            match self.follow(first).await {
                Err(_) if addresses.len() > 0 => {
                    Ok(select_ok(addresses.map(|address| self.follow(address).boxed())).await?.0)
                }
                found => found,
            }
        };
        let limit = 2 * self.patience;
        tokio::time::timeout(limit, searching).await.map_err(|_| Failure::Slow(name, limit))?
    }

    /// Connects to the server that this Sentinel takes for the primary.
    async fn ask(&self, (sentinel, settings): &(Address, RedisConnectionInfo)) -> Result<Connection, Failure> {
        let Some(Address::Tcp(name, _)) = self.given.first() else {
            return Err(Failure::Unsupported("what a Sentinel is asked for is a name, not a socket".into()));
        };
        let connection = Connection::open(sentinel, self.tls.as_ref(), settings, self.patience).await?;
        let mut ask = cmd("SENTINEL");
        let answer = connection.link().request(ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name)).await?;
        if answer == Value::Nil {
            return Err(Failure::Unsupported(format!(
                "the Sentinel at {sentinel} watches nothing that is named {name}"
            )));
        }
        let malformed = |_| Failure::Answer("a Sentinel tells a host and a port");
        let (host, port) = from_redis_value::<(String, u16)>(answer).map_err(malformed)?;
        self.greet(&Address::Tcp(host, port)).await
    }

    /// Connects to this server, or to the one it names.
    async fn follow(&self, mut address: Address) -> Result<Connection, Failure> {
        for _ in 0..MAX_REDIRECTS {
            let failure = match self.greet(&address).await {
                Ok(connection) => return Ok(connection),
                Err(failure) => failure,
            };
            address = match (failure.moved_to(), address) {
                (None, _) => return Err(failure),
                (Some(("", port)), Address::Tcp(same, _)) => Address::Tcp(same, port),
                (Some((host, port)), _) => Address::Tcp(host.to_owned(), port),
            };
        }
        self.greet(&address).await
    }

    /// Connects to this server and sees whether it will do.
    async fn greet(&self, address: &Address) -> Result<Connection, Failure> {
        let connection = Connection::open(address, self.tls.as_ref(), &self.settings, self.patience).await?;
        let mut greeting = Pipeline::new();
        greeting.cmd("HELLO").cmd("HGET").arg(&self.key).arg("format");
        greeting.add_command(script::APPEND.load()).add_command(script::START.load());
        let mut answers = connection.link().request_all(&greeting).await?.into_iter().map(Value::extract_error);
        let hello = Hello::from(answers.next().ok_or(Failure::Answer("a greeting without an answer"))??)?;
        hello.check(address)?;
        let format = answers.next().ok_or(Failure::Answer("a greeting without a format"))?.map_err(Failure::from);
        let format = format.map_err(|failure| match failure.code() {
            Some("WRONGTYPE") => Failure::Key(format!("{}: {failure}", self.key)),
            _ => failure,
        })?;
        if !["", script::FORMAT].contains(&text(&format)) {
            return Err(Failure::Format(text(&format).to_owned()));
        }
        answers.try_for_each(|answer| answer.map(drop))?;
        self.remember(address, hello.mode == "cluster", &connection).await;
        Ok(connection)
    }

    async fn remember(&self, address: &Address, is_cluster: bool, connection: &Connection) {
        let mut nodes = vec![address.clone()];
        if is_cluster && let Ok(slots) = connection.link().request(cmd("CLUSTER").arg("SLOTS")).await {
            for node in addresses(slots) {
                if nodes.len() < MAX_LEARNED && !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        *self.learned.lock() = nodes;
        self.found.fetch_add(1, Ordering::Relaxed);
    }
}

/// The nodes in an answer to `CLUSTER SLOTS`: a list of first slot, last slot, and nodes that begin with host and port.
fn addresses(slots: Value) -> Vec<Address> {
    let list = |value| if let Value::Array(list) = value { list } else { Vec::new() };
    let nodes = list(slots).into_iter().flat_map(|range| list(range).into_iter().skip(2));
    nodes
        .filter_map(|node| match &*list(node) {
            [host, Value::Int(port), ..] if !text(host).is_empty() => {
                Some(Address::Tcp(text(host).to_owned(), u16::try_from(*port).ok()?))
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn the_nodes_of_a_cluster_are_those_with_a_host() {
        let node = |host: Value, port| Value::Array(vec![host, Value::Int(port), value("an id")]);
        let range = |nodes: Vec<Value>| Value::Array([Value::Int(0), Value::Int(9)].into_iter().chain(nodes).collect());
        let slots = Value::Array(vec![
            range(vec![node(value("one"), 1), node(Value::Nil, 2), node(value(""), 3)]),
            range(vec![node(value("four"), 4), node(value("five"), 70_000), Value::Nil]),
            Value::Int(1),
        ]);
        assert_eq!(addresses(slots), [Address::Tcp("one".into(), 1), Address::Tcp("four".into(), 4)]);
        assert_eq!(addresses(Value::Nil), []);
    }
}
