//! Shutdown: everybody is told and given what is theirs, nobody is let in, and it ends in time.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use ssehub::{
    Audience, ConnectErrorKind, ConnectRequest, Event, History, HookResult, Hooks, Hub, SendErrorKind, Shutdown, Topic,
    async_trait,
};
use support::{Tab, anyone, begin_shutdown, hub, now, send, send_event, within};

/// A deadline that no healthy run comes near.
const LONG: Duration = Duration::from_secs(9);

#[test]
fn from_then_on_connections_and_events_are_refused() {
    let hub = hub(|hub| hub.retry_after(Duration::from_secs(7)));
    let tab = Tab::open(&hub, anyone());
    assert!(hub.is_ready());
    let shutdown = begin_shutdown(&hub, Shutdown::within(LONG));
    for request in [anyone(), ConnectRequest::from_http("HEAD", [], None, None)] {
        let refused = hub.connect(request).unwrap_err();
        assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::ShuttingDown, 503));
        assert_eq!(refused.retry_after_seconds(), Some(7));
    }
    let refused = [
        now(hub.send(Topic::All, Event::message("x"))),
        now(hub.send_unpaced(Audience::nobody(), Event::message("x"))),
        now(hub.send_to_connection(&tab.id, Event::message("x").key("k"))),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), SendErrorKind::ShuttingDown);
    }
    drop(tab);
    let report = shutdown.join().unwrap();
    assert_eq!((report.closed, report.remaining), (1, 0));
    assert!(!hub.is_ready() && hub.connect(anyone()).is_err(), "and it stays so");
}

#[test]
fn every_stream_gets_what_was_committed_then_hub_closing_and_ends() {
    let hub = Hub::new();
    for n in 0..50 {
        send_event(&hub, Topic::All, Event::message(format!("{n} {}", "x".repeat(1_000))).key(n.to_string()));
    }
    let cursor = send(&hub, Topic::All, "seen");
    let mut tabs = [
        Tab::open(&hub, anyone()),
        Tab::open(&hub, anyone().snapshot(true)),
        Tab::open(&hub, anyone().group("g").last_event_id(&cursor)),
    ];
    for n in 0..100 {
        send(&hub, Audience::all().or_group("g"), &format!("{n} {}", "x".repeat(1_000)));
    }
    let shutdown = begin_shutdown(&hub, Shutdown::within(LONG).reason("deploy"));
    for (tab, snapshot) in tabs.iter_mut().zip([0, 50, 0]) {
        let events = tab.read_all();
        assert!(tab.over);
        let (closing, opening) = (&events[events.len() - 1], &events[0]);
        assert_eq!((opening.name.as_str(), events.len()), ("hub:connected", 1 + snapshot + 100 + 1));
        assert_eq!((closing.name.as_str(), closing.data.as_str()), ("hub:closing", r#"{"reason":"deploy"}"#));
        assert_eq!(closing.id, None, "it moves no cursor");
        assert_eq!(tab.last_event_id, tabs_last(&events));
    }
    let report = shutdown.join().unwrap();
    assert_eq!((report.closed, report.remaining, hub.stats().connections), (3, 0, 0));
}

/// The newest id among some events.
fn tabs_last(events: &[support::Received]) -> String {
    events.iter().rev().find_map(|event| event.id.clone()).expect("one of them has an id")
}

#[test]
fn the_retry_of_each_stream_is_drawn_from_the_range_and_spread() {
    let hub = Hub::new();
    let mut tabs: Vec<_> = (0..100).map(|_| Tab::open(&hub, anyone())).collect();
    let (least, most) = (Duration::from_millis(2_000), Duration::from_millis(12_000));
    let shutdown = begin_shutdown(&hub, Shutdown::within(LONG).retry(least..=most));
    let mut drawn: Vec<u64> = tabs
        .iter_mut()
        .map(|tab| {
            tab.read_all();
            tab.retry.as_deref().expect("hub:closing brings a retry").parse().expect("milliseconds")
        })
        .collect();
    shutdown.join().unwrap();
    drawn.sort_unstable();
    assert!(drawn[0] >= 2_000 && drawn[99] <= 12_000, "{drawn:?}");
    assert!(drawn[99] - drawn[0] > 5_000, "100 draws over 10 seconds lie together with a chance below 10^-28");
}

#[test]
fn an_empty_range_of_retries_is_its_start_and_the_longest_is_taken() {
    for (range, expected) in [
        (Duration::from_secs(5)..=Duration::from_secs(1), "5000"),
        (Duration::MAX..=Duration::MAX, &u64::MAX.to_string()),
    ] {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, anyone());
        let shutdown = begin_shutdown(&hub, Shutdown::within(LONG).retry(range));
        tab.read_all();
        assert_eq!(tab.retry.as_deref(), Some(expected));
        shutdown.join().unwrap();
    }
}

#[test]
fn streams_that_nobody_polls_are_given_up_at_the_deadline_and_end_without_a_word() {
    let hub = Hub::new();
    let mut stalled: Vec<_> = (0..3).map(|_| Tab::open(&hub, anyone())).collect();
    let mut fine = Tab::open(&hub, anyone());
    stalled[0].read_all();
    send(&hub, Topic::All, "x");
    let start = Instant::now();
    let shutdown = begin_shutdown(&hub, Shutdown::within(Duration::from_millis(200)));
    assert_eq!(fine.read_all().len(), 3);
    let report = shutdown.join().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(195), "it waits for them: {:?}", start.elapsed());
    assert_eq!((report.closed, report.remaining), (1, 3));
    assert_eq!(stalled[0].read_all(), []);
    assert_eq!(stalled[1].read_all().len(), 1, "what was to open it, and nothing after");
    assert!(stalled[0].over && stalled[1].over);
    stalled[2].cut();
    assert_eq!(hub.stats().connections, 0);
}

#[test]
fn a_second_shutdown_waits_for_the_same_streams_and_changes_nothing_for_them() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    let first = begin_shutdown(&hub, Shutdown::within(LONG).reason("first"));
    let second = begin_shutdown(&hub, Shutdown::within(LONG).reason("second"));
    let hurried = within("the shutdown", hub.shutdown(Shutdown::within(Duration::ZERO)));
    assert_eq!((hurried.closed, hurried.remaining), (0, 1));
    tab.read_all();
    assert!(tab.over);
    assert_eq!((first.join().unwrap().remaining, second.join().unwrap().remaining), (0, 0));
    let third = within("the shutdown", hub.shutdown(Shutdown::within(LONG)));
    assert_eq!((third.closed, third.remaining), (0, 0), "there is nothing left to do");
}

#[test]
fn a_stream_that_was_ending_already_keeps_its_reason() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    tab.read_all();
    now(hub.disconnect(Topic::All, "kicked")).unwrap();
    let shutdown = begin_shutdown(&hub, Shutdown::within(LONG));
    let events = tab.read_all();
    assert_eq!((events.len(), events[0].data.as_str()), (1, r#"{"reason":"kicked"}"#));
    assert_eq!(shutdown.join().unwrap().remaining, 0);
}

#[test]
fn the_hub_of_nobody_shuts_down_at_once_and_a_shutdown_that_is_given_up_still_refuses() {
    let hub = Hub::new();
    let report = now(hub.shutdown(Shutdown::within(Duration::MAX)));
    assert_eq!((report.closed, report.remaining), (0, 0));

    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    assert!(hub.shutdown(Shutdown::within(LONG)).now_or_never().is_none(), "it waits for the stream");
    assert!(hub.connect(anyone()).is_err());
    assert_eq!(tab.wait_for("hub:closing").len(), 2);
}

#[test]
fn readers_that_wait_are_woken_and_end_on_their_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let hub = Hub::new();
        for _ in 0..200 {
            let mut stream = hub.connect(anyone()).expect("the stream is let in");
            tokio::spawn(async move { while stream.next().await.is_some() {} });
        }
        tokio::task::yield_now().await;
        hub.send_to_all(Event::message("x")).await.expect("the event is taken");
        hub.shutdown(Shutdown::within(LONG)).await
    });
    assert_eq!((report.closed, report.remaining), (200, 0));
}

#[test]
fn a_shutdown_waits_for_hooks_and_a_stuck_one_holds_it_up_to_the_deadline_only() {
    struct Stuck;
    #[async_trait]
    impl Hooks for Stuck {
        async fn user_offline(&self, _: &str) -> HookResult {
            std::future::pending().await
        }
    }
    let hub = hub(|hub| hub.hooks(Stuck));
    drop(Tab::open(&hub, ConnectRequest::new().user("alice")));
    let start = Instant::now();
    let report = within("the shutdown", hub.shutdown(Shutdown::within(Duration::from_millis(150))));
    assert!(start.elapsed() >= Duration::from_millis(145), "it waits for the hook: {:?}", start.elapsed());
    assert_eq!((report.closed, report.remaining), (0, 0));
}

#[test]
fn nothing_that_was_accepted_is_lost_by_a_shutdown_in_the_middle_of_it() {
    for _ in 0..20 {
        let hub = hub(|hub| hub.history(History::default().events(1_000_000)));
        let mut tab = Tab::open(&hub, anyone());
        tab.read_all();
        let publishers: Vec<_> = (0..3)
            .map(|publisher| {
                let hub = hub.clone();
                std::thread::spawn(move || {
                    let texts = (0..).map(|n| format!("{publisher}-{n}"));
                    let sent = texts.take_while(|text| now(hub.send_unpaced(Topic::All, Event::message(text))).is_ok());
                    sent.collect::<Vec<_>>()
                })
            })
            .collect();
        tab.wait();
        let shutdown = begin_shutdown(&hub, Shutdown::within(LONG));
        let events = tab.wait_for("hub:closing");
        let mut received: Vec<_> = events.into_iter().map(|event| event.data).collect();
        received.pop();
        tab.cut();
        let mut accepted: Vec<_> = publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect();
        assert_eq!(shutdown.join().unwrap().remaining, 0);
        received.sort();
        accepted.sort();
        assert_eq!(received, accepted);
    }
}
