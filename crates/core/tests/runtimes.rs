//! Runtimes: one hub serves several of them, and threads that have none; and none of them can leave anything behind.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use ssehub::{Audience, ConnectRequest, Connection, Event, History, HookResult, Hooks, Hub, Topic, async_trait};
use support::{Tab, anyone, eventually, hub, send, within};
use tokio::runtime::{Builder, Runtime};

/// More than a send wakes by itself.
const MANY: usize = 100;

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn open(hub: &Hub) -> Connection {
    hub.connect(anyone()).expect("the stream is let in")
}

/// The data of a stream up to `end`.
async fn read(mut stream: Connection) -> Vec<String> {
    let mut data = Vec::new();
    while let Some(bytes) = stream.next().await {
        let text = String::from_utf8(bytes.to_vec()).expect("a stream is UTF-8");
        assert!(!text.contains("hub:gap"), "it keeps up");
        data.extend(text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned));
        if data.last().is_some_and(|data| data == "end") {
            data.pop();
            data.remove(0);
            return data;
        }
    }
    panic!("the stream ended after {} events", data.len());
}

/// Opens streams and reads them all, on whatever drives this.
async fn read_many(hub: Hub, open_streams: Arc<AtomicUsize>) -> Vec<Vec<String>> {
    let streams: Vec<_> = (0..MANY).map(|_| open(&hub)).collect();
    open_streams.fetch_add(MANY, Ordering::SeqCst);
    join_all(streams.into_iter().map(read)).await
}

#[test]
fn streams_on_several_runtimes_and_on_none_all_get_everything_in_order() {
    let hub = hub(|hub| hub.history(History::default().events(200)));
    let count = Arc::new(AtomicUsize::new(0));
    // As actix does it: each worker is a thread with a runtime of its own.
    let mut threads: Vec<_> = (0..3)
        .map(|_| {
            let (hub, count) = (hub.clone(), Arc::clone(&count));
            std::thread::spawn(move || current_thread().block_on(read_many(hub, count)))
        })
        .collect();
    let (on_none, also) = (hub.clone(), Arc::clone(&count));
    threads.push(std::thread::spawn(move || futures::executor::block_on(read_many(on_none, also))));
    // As axum and rocket do it: one runtime with several threads, and a task for each stream.
    let shared = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tasks: Vec<_> = {
        let _on = shared.enter();
        (0..MANY).map(|_| shared.spawn(read(open(&hub)))).collect()
    };
    eventually("all streams to be open", || count.load(Ordering::SeqCst) == 4 * MANY);

    let publish = |name: &'static str| {
        let hub = hub.clone();
        async move {
            for n in 0..100 {
                hub.send_to_all(Event::message(format!("{name}-{n}"))).await.expect("the event is taken");
            }
        }
    };
    let publishers = [shared.spawn(publish("a")), shared.spawn(publish("b"))];
    futures::executor::block_on(publish("c"));
    shared.block_on(join_all(publishers));
    within("the last event", hub.send_to_all(Event::message("end"))).unwrap();

    let mut all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("it reads all")).collect();
    all.extend(shared.block_on(join_all(tasks)).into_iter().map(|data| data.expect("it reads all")));
    assert_eq!((all.len(), all[0].len()), (5 * MANY, 300));
    assert!(all.iter().all(|data| *data == all[0]), "everybody sees the same order");
    assert_eq!((hub.stats().connections, hub.stats().lagged), (0, 0));
}

#[test]
fn a_runtime_that_is_shut_down_leaves_no_ghost() {
    #[derive(Clone, Default)]
    struct Ends(Arc<AtomicUsize>);
    #[async_trait]
    impl Hooks for Ends {
        async fn disconnected(&self, _: &ssehub::ConnectionInfo, reason: &ssehub::DisconnectReason) -> HookResult {
            assert_eq!(*reason, ssehub::DisconnectReason::Gone);
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }
    for runtime in [current_thread(), Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()] {
        let ends = Ends::default();
        let hub = hub(|hub| hub.hooks(ends.clone()));
        let mut outside = Tab::open(&hub, anyone());
        let serve = hub.clone();
        runtime.block_on(async move {
            for n in 0..MANY {
                let request = ConnectRequest::new().user(n.to_string()).group("g");
                let mut stream = serve.connect(request).expect("the stream is let in");
                tokio::spawn(async move { while stream.next().await.is_some() {} });
            }
            // Tasks that wait, tasks that are due, and a pass that wakes them, are all cut off.
            tokio::task::yield_now().await;
            send(&serve, Topic::All, "1");
        });
        drop(runtime);
        let stats = hub.stats();
        assert_eq!((stats.connections, stats.users, stats.groups), (1, 0, 0));
        eventually("all hooks", || ends.0.load(Ordering::SeqCst) == MANY);
        for _ in 0..10 {
            send(&hub, Audience::all().or_group("g"), "2");
        }
        assert_eq!(outside.data().len(), 11);
        within("a send that waits for nobody who is gone", hub.send_to_all(Event::message("3"))).unwrap();
    }
}

#[test]
fn streams_that_were_opened_on_a_runtime_that_is_gone_are_still_woken_elsewhere() {
    let hub = Hub::new();
    let streams: Vec<_> = {
        let runtime = current_thread();
        let _on = runtime.enter();
        (0..MANY).map(|_| open(&hub)).collect()
    };
    let (opened, also) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        futures::executor::block_on(join_all(streams.into_iter().map(|mut stream| {
            let opened = opened.clone();
            async move {
                stream.next().await.expect("the stream opens");
                opened.send(()).expect("the test waits");
                read_rest(stream).await
            }
        })))
    });
    for _ in 0..MANY {
        also.recv_timeout(Duration::from_secs(10)).expect("every stream opens");
    }
    for n in 0..20 {
        send(&hub, Topic::All, &n.to_string());
        // So that some are found waiting.
        std::thread::sleep(Duration::from_millis(1));
    }
    send(&hub, Topic::All, "end");
    eventually("all of them to be woken", || reader.is_finished());
    assert!(reader.join().expect("they read").iter().all(|count| *count == 20));
}

/// How many events come before `end`.
async fn read_rest(mut stream: Connection) -> usize {
    let mut count = 0;
    while let Some(bytes) = stream.next().await {
        let text = String::from_utf8(bytes.to_vec()).expect("a stream is UTF-8");
        count += text.matches("data: ").count();
        if text.ends_with("data: end\n\n") {
            return count - 1;
        }
    }
    panic!("the stream ended after {count} events");
}

#[test]
fn a_stream_may_move_to_another_runtime_after_it_was_opened() {
    let hub = Hub::new();
    let (first, second) = (current_thread(), current_thread());
    let streams: Vec<_> = first.block_on(async { (0..MANY).map(|_| open(&hub)).collect() });
    let stop = Arc::new(tokio::sync::Notify::new());
    let driver = std::thread::spawn({
        let stop = Arc::clone(&stop);
        // The runtime it was opened on lives on, with other things to do.
        move || first.block_on(async move { stop.notified().await })
    });
    let publisher = std::thread::spawn({
        let hub = hub.clone();
        move || {
            for n in 0..50 {
                within("a send", hub.send_to_all(Event::message(n.to_string()))).unwrap();
            }
            within("a send", hub.send_to_all(Event::message("end"))).unwrap();
        }
    });
    let counts = second.block_on(join_all(streams.into_iter().map(read)));
    assert!(counts.iter().all(|data| data.len() == 50));
    publisher.join().unwrap();
    stop.notify_one();
    driver.join().unwrap();
}

#[test]
fn a_hub_with_threads_of_its_own_is_built_and_dropped_inside_a_runtime() {
    struct Idle;
    impl Hooks for Idle {}
    for runtime in [current_thread(), Builder::new_multi_thread().worker_threads(1).build().unwrap()] {
        runtime.block_on(async {
            let hub = hub(|hub| hub.hooks(Idle).keep_alive(Duration::from_millis(10)));
            let mut stream = open(&hub);
            stream.next().await.expect("the stream opens");
            hub.send_to_all(Event::message("x")).await.expect("the event is taken");
            stream.next().await.expect("the event comes");
            drop(hub);
            assert_eq!(stream.next().await.as_deref(), Some(&b":\n\n"[..]), "time goes on without the runtime's");
        });
    }
}

#[test]
fn time_does_not_depend_on_the_clock_of_a_runtime_that_a_test_has_stopped() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let hub = hub(|hub| hub.keep_alive(Duration::from_millis(20)));
        let mut tab = Tab::open(&hub, anyone());
        eventually("a keep-alive", || {
            tab.read_all();
            tab.comments > 0
        });
    });
}
