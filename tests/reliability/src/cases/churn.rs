//! Connections that come and go, and topics that are used once: what has gone leaves nothing behind.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use ssehub_conformance::{
    http1::Request,
    playground::{Playground, query},
    subject::Subject,
    wait::{CASE, PATIENCE, until, within},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
};

use crate::{
    bystander::Bystander,
    flood,
    memory::{MIB, Memory},
    raw,
};

/// What an allocator may keep of what it was given back.
const SLACK: u64 = 8 * MIB;

/// What the tables of losses may grow by while topics come and go in them: the tables double, and then stay.
const TABLES: u64 = 8 * MIB;

/// Clients that connect at the same time.
const AT_ONCE: usize = 32;

/// Connects and drops, a thousand at a time, until the server has seen them all go. Where a framework learns of a drop by its
/// next write alone, memory would else tell how many there were at once, which is up to chance.
async fn churn(hub: &Playground, numbers: Range<u32>) {
    const AT_A_TIME: u32 = 1000;
    for first in numbers.clone().step_by(AT_A_TIME as usize) {
        connect_and_drop(hub, first..numbers.end.min(first + AT_A_TIME)).await;
        for (gauge, left) in [("connections", 1), ("users", 1), ("groups", 0)] {
            hub.until_stat(gauge, left).await;
        }
    }
}

/// Connects and drops in every way there is: before the answer, at its first byte, behind `hub:connected`.
async fn connect_and_drop(hub: &Playground, numbers: Range<u32>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut clients = JoinSet::new();
    let address = hub.address();
    for number in numbers {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        clients.spawn(async move {
            let request = raw::get(&format!("/events?user=u{number}&group=g{number}")) + "\r\n";
            let socket = within(PATIENCE, "a place in the backlog", TcpStream::connect(address)).await;
            let mut socket = socket.expect("the playground listens");
            // A reset leaves no port behind that would be of no use for a minute: there are not enough of them.
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("linger can be set");
            socket.write_all(request.as_bytes()).await.expect("the socket is open");
            let awaited: Option<&[u8]> = match number % 3 {
                0 => None,
                1 => Some(b"H"),
                _ => Some(b"hub:connected"),
            };
            if let Some(awaited) = awaited {
                within(PATIENCE, "the stream to open", read_until(&mut socket, awaited)).await;
            }
            drop(place);
        });
        while let Some(done) = clients.try_join_next() {
            done.expect("a client is served");
        }
    }
    clients.join_all().await;
}

async fn read_until(socket: &mut TcpStream, awaited: &[u8]) {
    let mut answer = Vec::new();
    while !answer.windows(awaited.len()).any(|window| window == awaited) {
        let length = socket.read_buf(&mut answer).await.expect("an answer");
        assert!(length > 0, "the server has hung up before {:?}", String::from_utf8_lossy(awaited));
    }
}

/// Connects and drops: after the first fifth, memory grows no more.
pub async fn connects_and_drops_leave_memory_flat(subject: Subject) {
    let connects = 10_000 * flood::times();
    let hub = subject.start(&["--keep-alive", "0.5"]).await;
    let bystander = Bystander::watch(&hub).await;
    let descriptors = hub.process().descriptors();
    // By then the playground's own record of hook calls is full, too.
    let first = (connects / 5).max(4000);
    churn(&hub, 0..first).await;
    let memory = Memory::of(&hub);
    let start = Instant::now();
    churn(&hub, first..connects).await;
    let rate = f64::from(connects - first) / start.elapsed().as_secs_f64();
    let grown = memory.grown(&hub, SLACK);
    // Some may be of this case's own requests.
    until(PATIENCE, "the descriptors to be given back", async || match hub.process().descriptors() {
        left if left <= descriptors + 3 => Ok(()),
        left => Err(left),
    })
    .await;
    println!("{}: {connects} connects and drops, {rate:.0} a second; behind the first {first} {grown}", subject.name());
    println!("{}: {}", subject.name(), bystander.end().await);
}

/// How many names the playground makes up for one load.
const MOST_NAMES: usize = 1_000_000;

/// Topics that had an event once and have nobody in them: beyond the table of what they lost, nothing is kept of them.
pub async fn topics_once_used_leave_memory_flat(subject: Subject) {
    let topics = 100_000 * u64::from(flood::times());
    // A topic is forgotten when its last event is; so most are at once.
    let hub = subject.start(&["--history-events", "1000"]).await;
    let bystander = Bystander::watch(&hub).await;
    let publish = async |kind: &str, topics: u64| {
        let topics = topics.to_string();
        let order = query(&[(kind, &topics), ("count", &topics), ("size", "64")]);
        let request = Request::new("POST", format!("/publish{order}")).patience(CASE);
        assert_eq!(hub.request(request).await.head.status, 200);
    };
    // Twice what the table of losses has room for.
    publish("users", 140_000).await;
    let memory = Memory::of(&hub);
    let start = Instant::now();
    for done in (0..topics).step_by(MOST_NAMES) {
        publish("groups", (topics - done).min(MOST_NAMES as u64)).await;
    }
    let rate = topics as f64 / start.elapsed().as_secs_f64();
    let grown = memory.grown(&hub, SLACK + TABLES);
    println!("{}: {topics} topics once used, {rate:.0} a second; {grown}", subject.name());
    println!("{}: {}", subject.name(), bystander.end().await);
}
