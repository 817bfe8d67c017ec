//! Requests whose head comes a byte at a time.

use std::time::{Duration, Instant};

use ssehub_conformance::{
    playground::Playground,
    subject::Subject,
    wait::{PATIENCE, within},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{bystander::Bystander, raw};

/// How many at a time.
const CROWD: usize = 100;

/// Longer than the shortest limit that a framework sets, so that a framework without one is told from it.
const WITHOUT_LIMIT: Duration = Duration::from_secs(7);

/// What a busy machine may add to a time.
const MARGIN: Duration = Duration::from_secs(5);

/// A request that is being sent.
struct Slow {
    socket: TcpStream,
    rest: std::vec::IntoIter<u8>,
}

impl Slow {
    async fn begin(hub: &Playground) -> Self {
        let socket = TcpStream::connect(hub.address()).await.expect("the playground listens");
        // Longer than the longest limit has seconds.
        let head = raw::get("/events") + "\r\n";
        Self { socket, rest: head.into_bytes().into_iter() }
    }

    /// Sends a byte a second for so long; sooner over if the server hangs up, and then how soon.
    async fn dribble(&mut self, limit: Duration) -> Option<Duration> {
        let start = Instant::now();
        let mut answer = Vec::new();
        while start.elapsed() < limit {
            let byte = self.rest.next().expect("the head is longer");
            if self.socket.write_all(&[byte]).await.is_err() {
                return Some(start.elapsed());
            }
            match timeout(Duration::from_secs(1), self.socket.read_buf(&mut answer)).await {
                // The server may say that it took too long, before it hangs up.
                Ok(Ok(length)) if length > 0 => {}
                Ok(_) => return Some(start.elapsed()),
                Err(_) => {}
            }
        }
        None
    }

    /// Sends the rest, and reads the stream's beginning.
    async fn finish(mut self) {
        within(PATIENCE, "the answer to a request that took its time", async {
            self.socket.write_all(self.rest.as_slice()).await.expect("the server listens");
            let mut answer = Vec::new();
            while !String::from_utf8_lossy(&answer).contains("hub:connected") {
                let length = self.socket.read_buf(&mut answer).await.expect("an answer");
                assert!(length > 0, "the server has hung up");
            }
        })
        .await;
    }
}

/// Ended by the framework's limit where it has one, answered in the end where it has none, and no burden to others.
pub async fn slow_heads_are_ended_where_there_is_a_limit_and_slow_nobody(subject: Subject) {
    let hub = subject.start(&[]).await;
    let bystander = Bystander::watch(&hub).await;
    let limit = subject.can().head_timeout;
    let patience = limit.map_or(WITHOUT_LIMIT, |limit| limit + MARGIN);
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let mut slow = Slow::begin(&hub).await;
        crowd.spawn(async move { (slow.dribble(patience).await, slow) });
    }
    let mut heard = Duration::ZERO;
    for (hung_up, slow) in crowd.join_all().await {
        match (limit, hung_up) {
            (Some(limit), Some(after)) => {
                assert!(after + Duration::from_secs(1) >= limit, "ended after {after:?}, before {limit:?} were over");
                heard = heard.max(after);
            }
            (Some(limit), None) => {
                panic!("{patience:?} are over, {limit:?} was the limit, and the server still listens")
            }
            (None, Some(after)) => panic!("the server has hung up after {after:?}: the table can be improved"),
            (None, None) => slow.finish().await,
        }
    }
    match limit {
        Some(_) => println!("{}: {CROWD} slow heads were ended within {heard:.1?}", subject.name()),
        None => println!("{}: {CROWD} slow heads were answered after {WITHOUT_LIMIT:?}", subject.name()),
    }
    println!("{}: {}", subject.name(), bystander.end().await);
}
