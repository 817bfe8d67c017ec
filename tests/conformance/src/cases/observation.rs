//! What operators and load generators ask for.

use crate::{
    http1::Request,
    playground::{Playground, events, query},
    subject::Subject,
};

/// The numbers of `/stats` follow what happens.
pub async fn stats_follow_what_happens(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut alice = hub.open(&[("user", "alice"), ("group", "news")]).await;
    let _again = hub.open(&[("user", "alice"), ("group", "sport")]).await;
    let _nobody = hub.open(&[("group", "news")]).await;
    for (name, value) in [("connections", 3), ("users", 1), ("groups", 2), ("published", 0), ("history_events", 0)] {
        assert_eq!(hub.stat(name).await, value, "{name}");
    }
    hub.send_to("group:news", "0123456789").await;
    hub.send(&[("to", "group:news"), ("ephemeral", "true")], "typing").await;
    hub.seen_by(&mut alice).await;
    assert_eq!(hub.stat("published").await, 3, "two events and the fence");
    assert_eq!(hub.stat("history_events").await, 2, "an ephemeral event is not retained");
    assert!(hub.stat("history_bytes").await >= 10);
    hub.until_stat("delivered", 5).await;
}

/// `/publish` with `users` goes round, and counts for each user by itself.
pub async fn publishing_to_users_goes_round(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut streams = Vec::new();
    for user in ["0", "1", "2"] {
        streams.push(hub.open(&[("user", user)]).await);
    }
    let target = format!("/publish{}", query(&[("users", "3"), ("count", "30"), ("size", "100")]));
    assert_eq!(hub.request(Request::new("POST", target)).await.json()["published"], 30);
    for stream in &mut streams {
        let counters = hub.texts_seen_by(stream).await.into_iter().map(|text| super::replay::counter(&text));
        assert!(counters.eq(0..10));
    }
}

/// Readiness and metrics answer as their readers expect.
pub async fn health_and_metrics_are_served(subject: Subject) {
    let hub: Playground = subject.start(&[]).await;
    let _stream = hub.open_by(&events(&[])).await;
    assert_eq!(hub.request(Request::get("/healthz")).await.head.status, 200);
    let metrics = hub.request(Request::get("/metrics")).await;
    assert_eq!(metrics.head.status, 200);
    assert!(metrics.head.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let text = String::from_utf8(metrics.body).expect("text");
    assert!(text.lines().any(|line| line.ends_with("connections 1")), "{text}");
}
