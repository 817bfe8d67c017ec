//! Promises 7 and 8: stalled readers cost nothing that grows, and slow nobody.

use super::replay::counter;
use crate::{
    playground::events,
    subject::Subject,
    wait::{PATIENCE, within},
};

const STALLED: u64 = 300;
const EVENTS: u64 = 60_000;
const EVENT_BYTES: usize = 1500;
const MIB: u64 = 1 << 20;
const HISTORY: u64 = 8 * MIB;

/// What one stalled connection may hold outside the kernel: a batch of at most 64 KiB that its socket does not
/// take; what the framework has framed (hyper queues up to 16 buffers, which are 8 KiB each under Rocket; actix has a
/// write buffer of 32 KiB); and 32 KiB for the connection itself.
pub const PER_STALLED: u64 = (64 + 16 * 8 + 32) * 1024;

/// What the allocator keeps for itself after a history was filled and trimmed over and over.
pub const SLACK: u64 = 8 * MIB;

/// 90 MB to 300 sockets that nobody reads: a healthy reader gets everything, and memory stays bounded.
///
/// If each stalled reader held a queue, that would be up to 27 GB; if each only kept what it has not yet taken
/// alive, the 90 MB would stay. The bound is below either.
pub async fn stalled_readers_cost_no_memory_and_slow_nobody(subject: Subject) {
    let bytes = HISTORY.to_string();
    let hub = subject.start(&["--history-bytes", &bytes, "--keep-alive", "3600"]).await;
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(hub.open_by(&events(&[]).receive_buffer(4096)).await);
    }
    let mut healthy = hub.open(&[]).await;
    healthy.forget_bytes();
    // What a first burst makes the process allocate once and for all is not counted.
    hub.publish("all", 10, EVENT_BYTES).await;
    let before = hub.process().resident_bytes();
    let mut highest = before;
    let (published, ()) = tokio::join!(hub.publish("all", EVENTS, EVENT_BYTES), async {
        for number in (0..10).chain(0..EVENTS) {
            let event = healthy.event("the next event").await;
            assert_eq!(event.name(), "message", "instead of event {number}: {event:?}");
            assert_eq!(counter(event.text()), number);
            if number % 1000 == 0 {
                highest = highest.max(hub.process().resident_bytes());
            }
        }
    });
    assert_eq!(published["published"], EVENTS);
    highest = highest.max(hub.process().resident_bytes());
    let grown = highest.saturating_sub(before);
    let bound = HISTORY + STALLED * PER_STALLED + SLACK;
    println!("grown by {} KiB of {} KiB, from {} KiB", grown / 1024, bound / 1024, before / 1024);
    assert!(grown <= bound, "memory grew by {grown} bytes, more than {bound}");
    assert!(bound < EVENTS * EVENT_BYTES as u64, "the bound tells a leak from none");
    assert!(hub.stat("history_bytes").await <= HISTORY);
    drop(stalled);
    within(PATIENCE, "the stalled readers to be cleaned up", async {
        hub.send_to("all", "one").await;
        hub.send_to("all", "two").await;
        hub.until_stat("connections", 1).await;
    })
    .await;
}

/// One batch at a time, in replay too: clients that ask for everything and read nothing get no copy of it.
pub async fn stalled_replays_cost_no_memory(subject: Subject) {
    const REPLAYS: u64 = 200;
    // Less than what is retained, so that nobody is told a gap.
    const REPLAYED: u64 = 4000;
    let bytes = HISTORY.to_string();
    let hub = subject.start(&["--history-bytes", &bytes, "--keep-alive", "3600"]).await;
    let start = hub.send_to("all", "start").await;
    hub.publish("all", REPLAYED, EVENT_BYTES).await;
    let before = hub.process().resident_bytes();
    let mut stalled = Vec::new();
    for _ in 0..REPLAYS {
        stalled.push(hub.open_by(&events(&[]).header("last-event-id", start.as_str()).receive_buffer(4096)).await);
    }
    let mut healthy = hub.resume(&[], &start).await;
    healthy.forget_bytes();
    for number in 0..REPLAYED {
        assert_eq!(counter(healthy.event("the next event").await.text()), number);
    }
    let grown = hub.process().resident_bytes().saturating_sub(before);
    let bound = REPLAYS * PER_STALLED + SLACK;
    println!("grown by {} KiB of {} KiB, from {} KiB", grown / 1024, bound / 1024, before / 1024);
    assert!(grown <= bound, "memory grew by {grown} bytes, more than {bound}");
}
