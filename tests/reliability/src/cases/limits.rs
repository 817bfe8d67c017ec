//! Every limit of the playground, met over sockets: each refusal says what was wrong, and moves its counter.

use ssehub_conformance::{
    http1::{Request, Response},
    playground::{Pair, Playground, events, path, query},
    subject::Subject,
};

/// How often the hub has refused something for this reason, as an operator sees it.
async fn count(hub: &Playground, reason: &str) -> u64 {
    let response = hub.request(Request::get("/metrics")).await;
    let text = String::from_utf8_lossy(&response.body);
    let name = format!("ssehub_refused_total{{reason=\"{reason}\"}} ");
    let count = text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    count.unwrap_or_else(|| panic!("no {name:?} in {text}"))
}

/// Asserts that `request` is refused with this status, in JSON that says why.
async fn assert_told(hub: &Playground, request: Request, status: u16, what: &str) -> Response {
    let response = hub.request(request).await;
    let body = String::from_utf8_lossy(&response.body);
    assert_eq!(response.head.status, status, "{what}: {body}");
    let kind = response.head.header("content-type").unwrap_or_default();
    assert_eq!(kind.split(';').next(), Some("application/json"), "{what}");
    assert!(response.json()["error"].as_str().is_some_and(|error| error.len() > 10), "{what}: {body}");
    response
}

/// The same, and that it is counted for this reason, and says when to come back if that helps.
async fn assert_refused(hub: &Playground, request: Request, status: u16, reason: &str) {
    let before = count(hub, reason).await;
    let response = assert_told(hub, request, status, reason).await;
    if reason.starts_with("connect_") && matches!(status, 429 | 503) {
        let seconds = response.head.header("retry-after").and_then(|value| value.parse::<u64>().ok());
        assert!(seconds.is_some_and(|seconds| seconds >= 1), "{reason}: {:?}", response.head);
    }
    assert_eq!(count(hub, reason).await, before + 1, "{reason} is counted");
}

fn send(parameters: &[Pair<'_>], body: &[u8]) -> Request {
    Request::new("POST", format!("/send{}", query(parameters))).body(body)
}

fn join(group: &str, connection: &str) -> Request {
    Request::new("POST", path(&["groups", group, "connections", connection]))
}

/// A name that is one byte longer than names may be.
fn too_long() -> String {
    "n".repeat(513)
}

/// Of streams: how many, how often, and what they may ask for.
pub async fn every_limit_on_streams_is_told_and_counted(subject: Subject) {
    let hub = subject
        .start(&[
            "--max-connections",
            "3",
            "--max-connections-per-user",
            "2",
            "--max-connect-rate",
            "4/600",
            "--max-groups",
            "4",
            "--resume-window",
            "30",
        ])
        .await;
    let _one = hub.open(&[("user", "alice")]).await;
    let _two = hub.open(&[("user", "alice")]).await;
    assert_refused(&hub, events(&[("user", "alice")]), 429, "connect_too_many_connections").await;
    let _three = hub.open(&[("user", "bob")]).await;
    assert_refused(&hub, events(&[("user", "carol")]), 503, "connect_full").await;
    assert_eq!(hub.disconnect("user:alice").await, 2);
    hub.until_stat("connections", 1).await;

    for _ in 0..4 {
        let dave = hub.open(&[("user", "dave")]).await;
        assert_eq!(hub.disconnect("user:dave").await, 1);
        hub.until_stat("connections", 1).await;
        drop(dave);
    }
    assert_refused(&hub, events(&[("user", "dave")]), 429, "connect_too_many_connects").await;
    // Nobody else feels it.
    let _erin = hub.open(&[("user", "erin")]).await;

    let groups: Vec<Pair<'_>> = ["a", "b", "c", "d", "e"].map(|name| ("group", name)).to_vec();
    assert_refused(&hub, events(&groups), 400, "connect_too_many_groups").await;
    assert_refused(&hub, events(&[("user", &too_long())]), 400, "connect_name_too_long").await;
    assert_refused(&hub, events(&[("group", &too_long())]), 400, "connect_name_too_long").await;
    for name in ["2short", &"x".repeat(129), "with a space in twenty-two"] {
        assert_refused(&hub, events(&[("session", name)]), 400, "connect_invalid_session").await;
    }
    assert_refused(&hub, Request::get("/events").header("accept", "text/html"), 406, "connect_not_acceptable").await;
    let _last = hub.open(&groups[..4]).await;
    assert_eq!(hub.stat("connections").await, 3, "refusals take no place");
}

/// Of events: how large, how many keys, how much state. Of groups: how many, and of whom.
pub async fn every_limit_on_events_and_groups_is_told_and_counted(subject: Subject) {
    let hub = subject
        .start(&[
            "--max-event-bytes",
            "1000",
            "--max-keys-per-topic",
            "3",
            "--max-state-bytes",
            "3000",
            "--max-groups",
            "4",
        ])
        .await;
    let mut stream = hub.open(&[("user", "alice")]).await;
    let connection = stream.connection();

    // The playground reads no more than the hub takes, and so refuses it by itself.
    assert_told(&hub, send(&[("to", "all")], &[b'x'; 1001]), 413, "data of 1001 bytes").await;
    let both = [("to", "all"), ("ephemeral", "true"), ("key", "k")];
    assert_refused(&hub, send(&both, b"x"), 400, "send_ephemeral_key").await;
    let target = format!("user:{}", too_long());
    assert_refused(&hub, send(&[("to", &target)], b"x"), 400, "send_name_too_long").await;
    assert_refused(&hub, send(&[("to", "all"), ("except", &target)], b"x"), 400, "send_name_too_long").await;
    assert_refused(&hub, send(&[("to", "all"), ("key", &too_long())], b"x"), 400, "send_name_too_long").await;
    for key in ["a", "b", "c"] {
        hub.send(&[("to", "group:few"), ("key", key)], "x").await;
    }
    let another = [("to", "group:few"), ("key", "d")];
    assert_refused(&hub, send(&another, b"x"), 503, "send_too_many_keys").await;
    hub.send(&[("to", "group:large"), ("key", "a")], [b'x'; 1000]).await;
    hub.send(&[("to", "group:large"), ("key", "b")], [b'x'; 1000]).await;
    let more = [("to", "group:large"), ("key", "c")];
    assert_refused(&hub, send(&more, &[b'x'; 1000]), 503, "send_state_full").await;
    // A key that is there already may be set again, and one that is retracted makes room.
    hub.send(&[("to", "group:few"), ("key", "a")], "y").await;
    hub.send(&[("to", "group:few"), ("retract", "a")], "").await;
    hub.send(&another, "x").await;

    assert_refused(&hub, join("news", "nobody"), 404, "group_unknown_connection").await;
    assert_refused(&hub, join(&too_long(), &connection), 400, "group_name_too_long").await;
    for group in ["a", "b", "c", "d"] {
        hub.join(group, &connection).await;
    }
    assert_refused(&hub, join("e", &connection), 400, "group_too_many_groups").await;
    assert_eq!(hub.seen_by(&mut stream).await, [], "a refused event is nobody's");
}
