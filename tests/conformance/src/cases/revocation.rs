//! Logging a user out: all its streams end now, and so do the sessions by which it could come back to them.

use serde_json::json;

use super::sessions::{ALICE, QUIET, SESSION, SESSIONS, park};
use crate::{
    client::Stream,
    http1::Ending,
    playground::{Pair, events},
    sse::Block,
    subject::Subject,
};

const OTHER: &[Pair<'_>] = &[("user", "alice"), ("session", "another-3q2-7wEjRWeJq83v")];

/// Whatever carries them: each gets what was committed before, `hub:closing`, and its end; nobody else's does.
pub async fn every_stream_of_a_user_ends(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let mut bob = hub.open(&[("user", "bob"), ("session", SESSION)]).await;
    let mut streams = Vec::new();
    for parameters in [&[("user", "alice")][..], &[("user", "alice"), ("group", "news")], ALICE] {
        streams.push(hub.open(parameters).await);
    }
    if subject.can().http2_fin.is_some() {
        streams.push(Stream::open_http2(hub.address(), "/events?user=alice").await.expect("HTTP/2 is spoken"));
    }
    let mut http10 = hub.open_by(&events(&[("user", "alice")]).http10()).await;
    park(&hub, hub.open(OTHER).await).await;
    let all = streams.len() as u64 + 2;
    assert_eq!(hub.presence("alice").await, (true, all));

    hub.send_to("user:alice", "last words").await;
    assert_eq!(hub.disconnect("user:alice").await, all);
    hub.send_to("user:alice", "too late").await;
    for stream in &mut streams {
        let (before, reason) = stream.closing().await;
        let before: Vec<_> = before.iter().map(Block::text).collect();
        assert_eq!((before.as_slice(), reason.as_str()), (&["last words"][..], "disconnected"));
        assert_eq!(hub.until_hook("disconnected", &stream.connection()).await["reason"], "disconnected");
    }
    let (blocks, ending) = http10.end("the end of the stream").await;
    assert_eq!((blocks.last().map(Block::name), ending), (Some("hub:closing"), Ending::Closed));

    hub.until_stat("connections", 1).await;
    assert_eq!(hub.stat("parked").await, 0);
    assert_eq!(hub.presence("alice").await, (false, 0));
    hub.until_offline("alice").await;
    assert_eq!(hub.texts_seen_by(&mut bob).await, [""; 0]);
    assert_eq!(hub.disconnect("user:alice").await, 0);
}

/// There is nothing to come back to: the name opens another connection, in no group that the one before had joined.
pub async fn a_session_ends_with_the_stream_that_is_ended(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    for (target, is_away) in [
        ("user", false),
        ("connection", false),
        ("group", false),
        ("all", false),
        ("user", true),
        ("connection", true),
        ("group", true),
        ("all", true),
    ] {
        let mut stream = hub.open(ALICE).await;
        let id = stream.connection();
        hub.join("news", &id).await;
        let cursor = hub.send_to("group:news", "seen").await;
        let target = match target {
            "user" => "user:alice".to_owned(),
            "connection" => format!("connection:{id}"),
            "group" => "group:news".to_owned(),
            all => all.to_owned(),
        };
        if is_away {
            park(&hub, stream).await;
            assert_eq!(hub.disconnect(&target).await, 1, "{target}");
        } else {
            assert_eq!(hub.disconnect(&target).await, 1, "{target}");
            assert_eq!(stream.closing().await.1, "disconnected");
        }
        assert_eq!(hub.until_hook("disconnected", &id).await["reason"], "disconnected", "{target}");
        assert!(hub.connection(&id).await.is_null());
        for name in ["parked", "connections", "users", "groups"] {
            hub.until_stat(name, 0).await;
        }
        hub.send_to("group:news", "for members").await;
        let mut stream = hub.resume(ALICE, &cursor).await;
        assert_ne!(stream.connection(), id, "{target}");
        assert_eq!(hub.connection(&stream.connection()).await["groups"], json!([]));
        assert_eq!(hub.texts_seen_by(&mut stream).await, [""; 0], "{target}");
        assert_eq!(hub.disconnect("all").await, 1);
        hub.until_stat("connections", 0).await;
    }
}

/// Ending one connection leaves the user's other sessions alone.
pub async fn ending_one_connection_ends_no_other_session(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let (one, other) = (hub.open(ALICE).await, hub.open(OTHER).await);
    let ids = [one.connection(), other.connection()];
    park(&hub, one).await;
    park(&hub, other).await;
    assert_eq!(hub.disconnect(&format!("connection:{}", ids[0])).await, 1);
    assert_eq!(hub.stat("parked").await, 1);
    assert_eq!(hub.open(OTHER).await.connection(), ids[1]);
    assert_ne!(hub.open(ALICE).await.connection(), ids[0]);
}

/// A stream that reads nothing has not heard of its end yet; its session is over all the same.
pub async fn a_stream_that_does_not_hear_of_its_end_cannot_be_taken_over(subject: Subject) {
    let hub = subject.start(QUIET).await;
    let deaf = hub.open_by(&events(ALICE).receive_buffer(4096)).await;
    let id = deaf.connection();
    hub.join("news", &id).await;
    // 16 MB are more than any socket holds.
    hub.publish("user:alice", 256, 65_536).await;
    assert_eq!(hub.disconnect("user:alice").await, 1);
    let mut stream = hub.open(ALICE).await;
    let new = stream.connection();
    assert_ne!(new, id);
    hub.join("sport", &new).await;
    // Its late end is not that of the session's next connection.
    deaf.reset();
    assert_eq!(hub.until_hook("disconnected", &id).await["reason"], "disconnected");
    hub.until_stat("connections", 1).await;
    assert_eq!(hub.presence("alice").await, (true, 1));
    assert_eq!(hub.connection(&new).await["groups"], json!(["sport"]));
    hub.send_to("group:sport", "live").await;
    hub.send_to("group:news", "for members").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["live"]);
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    let stream = hub.resume(ALICE, &cursor).await;
    assert_eq!(stream.connection(), new, "and the session goes on");
}

/// Nor can one whose lifetime was over before: that alone it could have come back from.
pub async fn a_stream_that_has_lived_long_enough_can_still_be_ended(subject: Subject) {
    let hub = subject.start(&[QUIET, &["--max-lifetime", "0.6"]].concat()).await;
    let deaf = hub.open_by(&events(ALICE).receive_buffer(4096)).await;
    let id = deaf.connection();
    hub.join("news", &id).await;
    hub.publish("user:alice", 256, 65_536).await;
    // Each of these lives for at least 80 % of the lifetime.
    for _ in 0..2 {
        hub.open(&[]).await.closing().await;
    }
    assert_eq!(hub.disconnect("user:alice").await, 1);
    let stream = hub.open(ALICE).await;
    assert_ne!(stream.connection(), id);
    assert_eq!(hub.connection(&stream.connection()).await["groups"], json!([]));
    deaf.reset();
    assert_eq!(hub.until_hook("disconnected", &id).await["reason"], "disconnected");
}

/// A user who was logged out is no stranger: whoever the application lets in again begins anew, and gets what is sent.
pub async fn a_user_that_was_logged_out_may_come_back(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    for round in 0..3 {
        let mut stream = hub.open(ALICE).await;
        let id = stream.connection();
        hub.send_to("user:alice", "welcome").await;
        assert_eq!(hub.texts_seen_by(&mut stream).await, ["welcome"], "round {round}");
        assert_eq!(hub.disconnect("user:alice").await, 1);
        stream.closing().await;
        hub.until_hook("disconnected", &id).await;
        let calls = hub.until_offline("alice").await;
        assert_eq!(calls.len(), 4 * (round + 1), "each life has four: {calls:?}");
    }
}
