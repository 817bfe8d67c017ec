//! How many records a second one hub appends and follows: `cargo run --release -p ssehub-redis --example rate`.
//!
//! Arguments: the URL of a Redis to fill (the hub is named `rate`), how many senders there are, for how many seconds,
//! and how large a record is. Redis and this process share the machine, if they are on one.
#![expect(clippy::expect_used, reason = "a measurement that fails tells why by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use ssehub::{Backplane as _, Record, Tailed};
use ssehub_redis::RedisBackplane;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "redis://127.0.0.1/".into());
    let mut number = |default| arguments.next().map_or(default, |number| number.parse().expect("a number"));
    let (senders, seconds, bytes) = (number(64), number(5), number(200));

    let backplane = RedisBackplane::builder(url).hub("rate").connect().await.expect("there is a redis");
    let followed = Arc::new(AtomicUsize::new(0));
    let follower = tokio::spawn(follow(backplane.clone(), Arc::clone(&followed)));
    let end = Instant::now() + Duration::from_secs(seconds as u64);
    let sending = (0..senders).map(|_| {
        let (backplane, record) = (backplane.clone(), Record::new(vec![b'x'; bytes]));
        tokio::spawn(async move {
            let mut waits = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                backplane.append(record.clone()).await.expect("it is taken");
                waits.push(start.elapsed());
            }
            waits
        })
    });
    let mut waits = Vec::new();
    for sender in sending.collect::<Vec<_>>() {
        waits.extend(sender.await.expect("a sender does not panic"));
    }
    waits.sort_unstable();
    let at = |part: usize| waits.get(waits.len() * part / 1000).copied().unwrap_or_default();
    println!(
        "{senders} senders, {bytes} bytes: {} appends/s, {} followed/s; an append took {:?} (median), {:?} (99.9 %)",
        waits.len() / seconds,
        followed.load(Ordering::Relaxed) / seconds,
        at(500),
        at(999),
    );
    follower.abort();

    let start = Instant::now();
    let mut tail = backplane.tail(None).await.expect("there is a redis");
    let (mut read, mut head) = (0, None);
    while let Some(tailed) = tail.next().await {
        match tailed.expect("the tail goes on") {
            Tailed::Start(start) => head = Some(start.head),
            Tailed::Entry(id, _) => {
                read += 1;
                if head == Some(id) {
                    break;
                }
            }
            _ => {}
        }
    }
    println!("a node that starts read {read} entries in {:?}", start.elapsed());
}

async fn follow(backplane: RedisBackplane, followed: Arc<AtomicUsize>) {
    let mut tail = backplane.tail(None).await.expect("there is a redis");
    while let Some(tailed) = tail.next().await {
        if matches!(tailed.expect("the tail goes on"), Tailed::Entry(..)) {
            followed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
