//! Who is there, who came and went, and how the server ends a stream on purpose.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    playground::{Pair, Playground},
    sse::Block,
    subject::Subject,
    wait::{PATIENCE, until},
};

/// Every way of leaving, with several connections and users: each hook once, in pairs and in order.
pub async fn hooks_come_in_pairs_and_once(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.2"]).await;
    for round in 0..3 {
        let streams = [
            hub.open(&[("user", "alice")]).await,
            hub.open(&[("user", "alice")]).await,
            hub.open(&[("user", "bob")]).await,
            hub.open(&[]).await,
        ];
        let asked_to_go = streams[round].connection();
        assert_eq!(hub.disconnect(&format!("connection:{asked_to_go}")).await, 1);
        for (number, stream) in streams.into_iter().enumerate() {
            if number % 2 == 0 {
                stream.reset();
            } else {
                stream.fin().await;
            }
        }
        hub.until_stat("connections", 0).await;
    }
    let calls = until(PATIENCE, "12 disconnects and 6 users to go offline", async || {
        let calls = hub.lifecycle().await;
        let count = |hook: &str| calls.iter().filter(|call| call["hook"] == hook).count();
        if count("disconnected") >= 12 && count("user_offline") >= 6 { Ok(calls) } else { Err(calls) }
    })
    .await;

    let mut hooks: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for call in &calls {
        let hook = call["hook"].as_str().expect("a hook has a name");
        let whose = match hook {
            "connected" | "disconnected" => format!("connection {}", call["connection"]),
            _ => format!("user {}", call["user"]),
        };
        hooks.entry(whose).or_default().push(hook);
        assert_eq!(call["reason"].is_string(), hook == "disconnected", "{call}");
    }
    assert_eq!(hooks.len(), 12 + 2, "12 connections and 2 users: {hooks:?}");
    for (whose, hooks) in hooks {
        let expected: &[_] = match whose.starts_with("user") {
            true => &["user_online", "user_offline", "user_online", "user_offline", "user_online", "user_offline"],
            false => &["connected", "disconnected"],
        };
        assert_eq!(hooks, expected, "the hooks of {whose}");
    }
}

/// A user is online while at least one of its connections is, and goes offline with the last one.
pub async fn a_user_is_online_while_one_connection_is(subject: Subject) {
    let hub = subject.start(&[]).await;
    assert_eq!(hub.presence("alice").await, (false, 0));
    let one = hub.open(&[("user", "alice")]).await;
    let two = hub.open(&[("user", "alice")]).await;
    assert_eq!(hub.presence("alice").await, (true, 2));
    hub.disconnect(&format!("connection:{}", one.connection())).await;
    hub.until_hook("disconnected", &one.connection()).await;
    assert_eq!(hub.presence("alice").await, (true, 1));
    assert!(hub.lifecycle().await.iter().all(|call| call["hook"] != "user_offline"));
    hub.disconnect("user:alice").await;
    hub.until_hook("disconnected", &two.connection()).await;
    assert_eq!(hub.presence("alice").await, (false, 0));
    until(PATIENCE, "alice to be offline", async || {
        let calls = hub.lifecycle().await;
        if calls.iter().any(|call| call["hook"] == "user_offline" && call["user"] == "alice") {
            Ok(())
        } else {
            Err(calls)
        }
    })
    .await;
}

/// What was sent before is delivered before the stream is closed, and the hook tells the same reason.
pub async fn a_disconnected_stream_gets_its_events_and_hub_closing(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[("user", "alice")]).await;
    hub.send_to("user:alice", "one").await;
    hub.send_to("user:alice", "two").await;
    assert_eq!(hub.disconnect("user:alice").await, 1);
    let (before, reason) = stream.closing().await;
    assert_eq!(before.iter().map(Block::text).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(hub.until_hook("disconnected", &stream.connection()).await["reason"], reason.as_str());
    assert_eq!(hub.stat("connections").await, 0);
}

/// Each target ends its own streams and no others, and a stream that is ended may come back.
pub async fn disconnect_reaches_its_target_alone(subject: Subject) {
    let hub = subject.start(&[]).await;
    let cast: [&[Pair<'_>]; 4] =
        [&[("user", "alice")], &[("user", "alice"), ("group", "news")], &[("user", "bob"), ("group", "news")], &[]];
    let mut streams = Vec::new();
    for parameters in cast {
        streams.push(hub.open(parameters).await);
    }
    assert_eq!(hub.disconnect("user:nobody").await, 0);
    assert_eq!(hub.disconnect(&format!("connection:{}", streams[0].connection())).await, 1);
    streams[0].closing().await;
    assert_eq!(hub.disconnect("group:news").await, 2);
    streams[1].closing().await;
    streams[2].closing().await;
    assert_eq!(hub.texts_seen_by(&mut streams[3]).await, [""; 0]);
    let cursor = streams[2].last_event_id().to_owned();
    let mut back = hub.resume(cast[2], &cursor).await;
    assert_eq!(hub.disconnect("all").await, 2);
    streams[3].closing().await;
    back.closing().await;
    hub.until_stat("connections", 0).await;
}

/// A stream ends after 80 to 100 % of its maximum lifetime, and the client continues without noticing.
pub async fn a_stream_has_a_maximum_lifetime(subject: Subject) {
    let hub: Playground = subject.start(&["--max-lifetime", "1.5", "--keep-alive", "3600"]).await;
    let start = Instant::now();
    let mut stream = hub.open(&[("user", "alice")]).await;
    let opened = Instant::now();
    hub.send_to("user:alice", "one").await;
    let (before, reason) = stream.closing().await;
    assert_eq!(before.iter().map(Block::text).collect::<Vec<_>>(), ["one"]);
    assert_eq!(reason, "max-lifetime");
    assert!(start.elapsed() >= Duration::from_millis(1150), "it ended after {:?} of 1.5 s", start.elapsed());
    assert!(opened.elapsed() <= Duration::from_secs(8), "it ended after {:?} of 1.5 s", opened.elapsed());
    assert_eq!(hub.until_hook("disconnected", &stream.connection()).await["reason"], "max-lifetime");
    hub.send_to("user:alice", "two").await;
    let mut stream = hub.resume(&[("user", "alice")], stream.last_event_id()).await;
    assert_eq!(stream.event("what came in between").await.text(), "two");
}

/// Lifetimes are spread, so that clients which came together do not come back together.
pub async fn lifetimes_are_spread(subject: Subject) {
    let hub = subject.start(&["--max-lifetime", "10", "--keep-alive", "3600"]).await;
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let mut stream = hub.open(&[]).await;
        streams.spawn(async move {
            stream.closing().await;
            Instant::now()
        });
    }
    let ends = streams.join_all().await;
    let spread = ends.iter().max().zip(ends.iter().min()).map(|(last, first)| last.duration_since(*first));
    // They end within 20 % of 10 s, so long that a busy machine does not see them end together. That all of a dozen do so within
    // a twentieth of that is one chance in a million millions.
    assert!(spread > Some(Duration::from_millis(100)), "a dozen streams ended within {spread:?}");
}
