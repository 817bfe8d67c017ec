//! Joining and leaving while a stream is open.

use crate::{
    http1::Request,
    playground::{events, path},
    subject::Subject,
};

/// From the join on, and not before; until the leave, and not after.
pub async fn a_connection_gets_what_comes_while_it_is_a_member(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[]).await;
    let connection = stream.connection();
    hub.send_to("group:news", "before").await;
    hub.join("news", &connection).await;
    hub.send_to("group:news", "while").await;
    assert_eq!(hub.connection(&connection).await["groups"], serde_json::json!(["news"]));
    hub.leave("news", &connection).await;
    hub.send_to("group:news", "after").await;
    assert_eq!(hub.connection(&connection).await["groups"], serde_json::json!([]));
    hub.join("news", &connection).await;
    hub.send_to("group:news", "again").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["while", "again"]);
}

/// Membership counts when an event is sent, not when it is read: a reader that is behind loses nothing by a leave.
pub async fn what_was_sent_before_a_leave_is_read_after_it(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let mut stream = hub.open_by(&events(&[("group", "news")]).receive_buffer(4096)).await;
    let connection = stream.connection();
    // 16 MB are more than any socket holds, so that the hub has read no further when the member leaves.
    hub.publish(&format!("connection:{connection}"), 256, 65_536).await;
    hub.send_to("group:news", "member").await;
    hub.leave("news", &connection).await;
    hub.send_to("group:news", "no member").await;
    hub.join("news", &connection).await;
    hub.send_to("group:news", "member again").await;
    let seen = hub.texts_seen_by(&mut stream).await;
    assert_eq!(seen.len(), 256 + 2);
    assert_eq!(seen[256..], ["member", "member again"]);
}

/// Joining twice is joining once.
pub async fn a_member_that_joins_again_gets_each_event_once(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[("group", "news"), ("group", "news")]).await;
    hub.join("news", &stream.connection()).await;
    hub.join("news", &stream.connection()).await;
    hub.send_to("group:news", "once").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["once"]);
    hub.leave("news", &stream.connection()).await;
    hub.send_to("group:news", "never").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, [""; 0]);
}

/// Leaving a group that one is not in changes nothing.
pub async fn leaving_a_strange_group_is_no_error(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[("group", "news")]).await;
    hub.leave("sport", &stream.connection()).await;
    hub.send_to("group:news", "still here").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["still here"]);
}

/// A user's groups are those of all its connections, also of the ones that open later.
pub async fn a_user_joins_with_every_connection_now_and_later(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut streams = vec![hub.open(&[("user", "alice")]).await, hub.open(&[("user", "alice")]).await];
    let bob = hub.open(&[("user", "bob")]).await;
    hub.join_user("news", "alice").await;
    streams.push(hub.open(&[("user", "alice")]).await);
    hub.send_to("group:news", "member").await;
    hub.leave_user("news", "alice").await;
    let late = hub.open(&[("user", "alice")]).await;
    hub.send_to("group:news", "no member").await;
    for stream in &mut streams {
        assert_eq!(hub.texts_seen_by(stream).await, ["member"]);
    }
    for mut stream in [late, bob] {
        assert_eq!(hub.texts_seen_by(&mut stream).await, [""; 0]);
    }
}

/// A user can join before it has ever been there, and is still a member when it comes back.
pub async fn a_user_that_is_away_joins_all_the_same(subject: Subject) {
    let hub = subject.start(&[]).await;
    hub.join_user("news", "alice").await;
    let mut stream = hub.open(&[("user", "alice")]).await;
    hub.send_to("group:news", "first").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["first"]);
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    hub.send_to("group:news", "while away").await;
    let mut stream = hub.resume(&[("user", "alice")], &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["while away"], "a user's group is replayed too");
}

/// A group that nobody is in is forgotten.
pub async fn an_empty_group_is_not_counted(subject: Subject) {
    let hub = subject.start(&[]).await;
    let stream = hub.open(&[("group", "news")]).await;
    hub.join("sport", &stream.connection()).await;
    hub.until_stat("groups", 2).await;
    hub.leave("sport", &stream.connection()).await;
    hub.until_stat("groups", 1).await;
    assert_eq!(hub.disconnect("group:news").await, 1);
    hub.until_stat("groups", 0).await;
}

/// Whoever is not there cannot join.
pub async fn an_unknown_connection_cannot_join(subject: Subject) {
    let hub = subject.start(&[]).await;
    for method in ["POST", "DELETE"] {
        let response = hub.request(Request::new(method, path(&["groups", "news", "connections", "nobody"]))).await;
        assert_eq!(response.head.status, 404, "{method}");
        assert!(response.json()["error"].is_string());
    }
}
