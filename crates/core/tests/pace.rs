//! Pace: however fast one publishes, a reader that reads sees everything, and one that does not slows nobody for long.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use ssehub::{ConnectRequest, Connection, Event, EventId, History, Hub, SendError, Topic};
use support::{Tab, anyone, eventually, hub, now, within};
use tokio::runtime::Builder;

/// Long enough for several of the longest pauses that a publisher makes for who stands still.
const A_WHILE: Duration = Duration::from_millis(1_300);

fn small_history() -> Hub {
    hub(|hub| hub.history(History::default().events(100)))
}

/// Publishes numbers to everybody as fast as it can for a while, then `end`; returns how many.
async fn publish(hub: &Hub) -> usize {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < A_WHILE {
        hub.send_to_all(Event::message(count.to_string())).await.expect("the event is taken");
        count += 1;
    }
    hub.send_to_all(Event::message("end")).await.expect("the event is taken");
    count
}

/// Reads to the end, counting, with `pause` after each write. Panics at a gap or a number that is not the next.
async fn read(mut stream: Connection, pause: Duration) -> usize {
    let mut count = 0;
    while let Some(bytes) = stream.next().await {
        for line in std::str::from_utf8(&bytes).expect("a stream is UTF-8").lines() {
            assert!(!line.contains("hub:gap"), "outrun after {count} events");
            match line.strip_prefix("data: ") {
                Some("end") => return count,
                Some(data) if !data.starts_with('{') => {
                    assert_eq!(data, count.to_string(), "in order, each once");
                    count += 1;
                }
                _ => {}
            }
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    panic!("the stream ended after {count} events");
}

/// A send that waits for readers; what it sends, and all before it, is committed.
fn waiting_send(hub: &Hub) -> Pin<Box<dyn Future<Output = Result<EventId, SendError>> + Send>> {
    for _ in 0..1_000 {
        let hub = hub.clone();
        let mut send = Box::pin(async move { hub.send_to_all(Event::message("x")).await });
        // The second poll is for a send that only gives way once.
        if (&mut send).now_or_never().is_none() && (&mut send).now_or_never().is_none() {
            return send;
        }
    }
    panic!("no send waits");
}

#[test]
fn more_publishers_at_once_than_events_are_retained_outrun_nobody() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let read = runtime.block_on(async {
        let hub = hub(|hub| hub.history(History::default().events(8)));
        let reader = tokio::spawn(count_to_end(hub.connect(anyone()).unwrap()));
        let publishers: Vec<_> = (0..64)
            .map(|_| {
                let hub = hub.clone();
                tokio::spawn(async move {
                    for _ in 0..20 {
                        hub.send_to_all(Event::message("x")).await.expect("the event is taken");
                    }
                })
            })
            .collect();
        for publisher in publishers {
            publisher.await.unwrap();
        }
        hub.send_to_all(Event::message("end")).await.expect("the event is taken");
        reader.await.unwrap()
    });
    assert_eq!(read, 64 * 20);
}

/// Counts events up to the one that says `end`. Panics at a gap.
async fn count_to_end(mut stream: Connection) -> usize {
    let mut count = 0;
    while let Some(bytes) = stream.next().await {
        let text = std::str::from_utf8(&bytes).expect("a stream is UTF-8");
        assert!(!text.contains("hub:gap"), "outrun after {count} events");
        count += text.matches("data: x").count();
        if text.contains("data: end") {
            return count;
        }
    }
    panic!("the stream ended after {count} events");
}

#[test]
fn readers_on_the_publishers_own_thread_lose_nothing() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let hub = small_history();
        let stream = || hub.connect(anyone()).expect("the stream is let in");
        let mut readers: Vec<_> = (0..4).map(|_| tokio::spawn(read(stream(), Duration::ZERO))).collect();
        readers.push(tokio::spawn(read(stream(), Duration::from_millis(1))));
        let published = publish(&hub).await;
        assert!(published > 500, "it goes on all the time: {published}");
        for reader in readers {
            assert_eq!(reader.await.expect("it loses nothing"), published);
        }
        assert_eq!(hub.stats().lagged, 0);
    });
}

#[test]
fn readers_on_many_threads_and_runtimes_and_on_none_lose_nothing() {
    let hub = small_history();
    let several = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let hub = hub.clone();
            several.spawn(async move { read_by_number(&hub, n, || {}).await })
        })
        .collect();
    let open = Arc::new(Barrier::new(5));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let (hub, open) = (hub.clone(), Arc::clone(&open));
            std::thread::spawn(move || {
                let read = read_by_number(&hub, n, || {
                    open.wait();
                });
                match n {
                    // Without any runtime.
                    3 => futures::executor::block_on(read),
                    _ => Builder::new_current_thread().enable_all().build().unwrap().block_on(read),
                }
            })
        })
        .collect();
    open.wait();
    eventually("all streams to be open", || hub.stats().connections == 8);
    let published = several.block_on(publish(&hub));
    for thread in threads {
        assert_eq!(thread.join().expect("it loses nothing"), published);
    }
    for task in tasks {
        assert_eq!(several.block_on(task).expect("it loses nothing"), published);
    }
    assert_eq!(hub.stats().lagged, 0);
}

/// Opens a stream and reads it, the first of some slowly.
async fn read_by_number(hub: &Hub, n: usize, opened: impl FnOnce()) -> usize {
    let stream = hub.connect(anyone()).expect("the stream is let in");
    opened();
    read(stream, Duration::from_millis(if n == 0 { 2 } else { 0 })).await
}

#[test]
fn many_readers_that_are_woken_in_slices_lose_nothing() {
    let hub = small_history();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = || hub.connect(anyone()).expect("the stream is let in");
        let readers: Vec<_> = (0..300).map(|_| tokio::spawn(read(stream(), Duration::ZERO))).collect();
        let published = publish(&hub).await;
        for reader in readers {
            assert_eq!(reader.await.expect("it loses nothing"), published);
        }
    });
}

#[test]
fn several_publishers_at_once_outrun_nobody() {
    let hub = small_history();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = hub.connect(anyone()).expect("the stream is let in");
        let reader = tokio::spawn(async move {
            let mut count = 0;
            while let Some(bytes) = stream.next().await {
                let text = String::from_utf8(bytes.to_vec()).expect("a stream is UTF-8");
                assert!(!text.contains("hub:gap"), "outrun after {count} events");
                count += text.matches("data: x").count();
                if count == 8 * 2_000 {
                    break;
                }
            }
            count
        });
        let publishers = (0..8).map(|_| {
            let hub = hub.clone();
            tokio::spawn(async move {
                for _ in 0..2_000 {
                    hub.send_to_all(Event::message("x")).await.expect("the event is taken");
                }
            })
        });
        futures::future::join_all(publishers.collect::<Vec<_>>()).await;
        assert_eq!(reader.await.expect("it loses nothing"), 16_000);
    });
}

#[test]
fn large_events_and_ephemeral_ones_outrun_nobody_either() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (ephemeral, mebibytes) in [(false, 4), (true, 4), (true, 64)] {
            let hub = hub(|hub| hub.history(History::default().bytes(mebibytes << 20)));
            let mut stream = hub.connect(anyone()).expect("the stream is let in");
            let reader = tokio::spawn(async move {
                let mut count = 0;
                while let Some(bytes) = stream.next().await {
                    let text = std::str::from_utf8(&bytes).expect("a stream is UTF-8");
                    assert!(!text.contains("hub:gap"), "outrun after {count} events");
                    count += usize::from(bytes.len() > 100_000);
                    if bytes.ends_with(b"data: end\n\n") {
                        break;
                    }
                }
                count
            });
            let large = Event::message("x".repeat(200_000));
            let large = if ephemeral { large.ephemeral() } else { large };
            for _ in 0..70 {
                hub.send_to_all(large.clone()).await.expect("the event is taken");
            }
            hub.send_to_all(Event::message("end")).await.expect("the event is taken");
            assert_eq!(reader.await.expect("it loses nothing"), 70, "ephemeral: {ephemeral}, {mebibytes} MiB");
        }
    });
}

#[test]
fn a_send_waits_for_the_turns_of_those_who_are_due_and_for_nothing_else() {
    let hub = small_history();
    let (mut first, mut second) = (Tab::open(&hub, anyone()), Tab::open(&hub, anyone()));
    let mut idle = Tab::open(&hub, ConnectRequest::new());
    idle.read_all();
    first.read_all();
    second.read_all();
    let mut send = waiting_send(&hub);
    assert_eq!(first.data().len(), idle.data().len());
    assert!((&mut send).now_or_never().is_none(), "one is still due");
    second.read_all();
    within("the send that has waited", send).unwrap();

    first.read_all();
    idle.read_all();
    let send = waiting_send(&hub);
    for mut gone in [first, second, idle] {
        gone.cut();
    }
    let start = Instant::now();
    within("the send that has waited", send).unwrap();
    assert!(start.elapsed() < Duration::from_millis(400), "who is gone is not waited for");
}

#[test]
fn a_send_that_is_given_up_while_it_waits_is_committed_and_holds_up_nobody() {
    let hub = small_history();
    let mut tab = Tab::open(&hub, anyone());
    tab.read_all();
    drop(waiting_send(&hub));
    let published = hub.stats().published;
    let other = waiting_send(&hub);
    assert_eq!(tab.data().len() as u64, published + 1);
    within("the other send", other).unwrap();
    let send = waiting_send(&hub);
    within("a send that is given up on by nobody", send).unwrap();
}

#[test]
fn streams_that_are_never_polled_cost_one_pause_together_and_then_none() {
    let hub = small_history();
    let _stalled: Vec<_> = (0..50).map(|_| Tab::open(&hub, anyone())).collect();
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    for _ in 0..2_000 {
        let sent = Instant::now();
        within("a send", hub.send_to_all(Event::message("x"))).unwrap();
        longest = longest.max(sent.elapsed());
    }
    // 80 budgets: were each of them to wait, that would take 40 seconds.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert!(longest >= Duration::from_millis(400), "they had their chance: {longest:?}");
}

#[test]
fn who_stalls_again_and_again_is_not_waited_for_again() {
    let hub = small_history();
    let mut tab = Tab::open(&hub, anyone());
    let start = Instant::now();
    for _ in 0..40 {
        for _ in 0..100 {
            within("a send", hub.send_to_all(Event::message("x"))).unwrap();
        }
        tab.read_all();
    }
    assert!(start.elapsed() < Duration::from_secs(8), "40 pauses would take 20 seconds: {:?}", start.elapsed());
}

#[test]
fn a_stalled_stream_costs_a_healthy_one_nothing() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let hub = small_history();
        let _stalled: Vec<_> = (0..20).map(|_| Tab::open(&hub, anyone())).collect();
        let reader = tokio::spawn(read(hub.connect(anyone()).expect("the stream is let in"), Duration::ZERO));
        let published = publish(&hub).await;
        assert_eq!(reader.await.expect("it loses nothing"), published);
    });
}

#[test]
fn an_unpaced_send_never_waits() {
    let hub = small_history();
    let _stalled = Tab::open(&hub, anyone());
    for _ in 0..10_000 {
        now(hub.send_unpaced(Topic::All, Event::message("x"))).unwrap();
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                within("a send that waits", hub.send_to_all(Event::message("x"))).unwrap();
            }
        });
        for _ in 0..1_000 {
            now(hub.send_unpaced(Topic::All, Event::message("x"))).unwrap();
        }
        stop.store(true, Ordering::SeqCst);
    });
}
