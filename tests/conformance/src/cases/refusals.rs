//! What the hub refuses: with the right status, the reason in JSON, and `Retry-After` where waiting helps.

use crate::{
    http1::{Request, Response},
    playground::{Pair, Playground, events, path, query},
    subject::Subject,
};

pub(super) fn assert_refused(response: &Response, status: u16, what: &str) {
    let body = String::from_utf8_lossy(&response.body);
    assert_eq!(response.head.status, status, "{what}: {body}");
    let kind = response.head.header("content-type").unwrap_or_default();
    assert_eq!(kind.split(';').next(), Some("application/json"), "{what}");
    assert!(response.json()["error"].as_str().is_some_and(|error| !error.is_empty()), "{what}: {body}");
}

fn assert_retry_after(response: &Response) {
    let seconds = response.head.header("retry-after").and_then(|value| value.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| seconds >= 1), "Retry-After in whole seconds: {:?}", response.head);
}

/// The `Accept` headers of one request, and whether an event stream is acceptable to it.
const ACCEPT: &[(&[&str], bool)] = &[
    (&[], true),
    (&["text/event-stream"], true),
    (&["TEXT/Event-Stream"], true),
    (&["text/event-stream; charset=utf-8"], true),
    (&["text/*"], true),
    (&["*/*"], true),
    (&["text/html, */*;q=0.1"], true),
    (&["text/html,text/event-stream;q=0.001"], true),
    (&["text/event-stream ; q=1.0"], true),
    (&["text/html", "text/event-stream"], true),
    (&["application/json", "text/*;q=0.5"], true),
    (&["text/event-stream, */*;q=0"], true),
    (&["*/*;q=0, text/event-stream"], true),
    (&["text/html"], false),
    (&["application/json, text/html;q=0.5"], false),
    (&["text/event-stream;q=0"], false),
    (&["text/event-stream;q=0.000"], false),
    (&["text/event-stream;Q=0"], false),
    (&["*/*;q=0"], false),
    (&["text/*;q=0"], false),
    // What is named most exactly decides.
    (&["*/*, text/event-stream;q=0"], false),
    (&["*/*, text/*;q=0"], false),
    (&["text/*;q=0", "*/*"], false),
    (&["text/event-streams"], false),
    (&["text/event"], false),
    (&["application/*"], false),
];

/// The whole table.
pub async fn accept_is_understood(subject: Subject) {
    let hub = subject.start(&[]).await;
    for (values, acceptable) in ACCEPT {
        let request = values.iter().fold(Request::get("/events"), |request, value| request.header("accept", *value));
        if *acceptable {
            let stream = hub.open_by(&request).await;
            stream.reset();
        } else {
            assert_refused(&hub.request(request).await, 406, &format!("{values:?}"));
        }
    }
    let accepted = ACCEPT.iter().filter(|(_, acceptable)| *acceptable).count();
    let last = hub.open(&[]).await;
    hub.until_hook("connected", &last.connection()).await;
    let connected = hub.lifecycle().await.iter().filter(|call| call["hook"] == "connected").count();
    assert_eq!(connected, accepted + 1, "a refusal connects nobody");
}

/// Garbage in `Accept` is answered, one way or the other.
pub async fn a_garbled_accept_breaks_nothing(subject: Subject) {
    let hub = subject.start(&[]).await;
    for value in [
        &b";;,;"[..],
        b",",
        b"/",
        b"*",
        b"text/",
        b"text/event-stream;q=",
        b"text/event-stream;q=x",
        b"\xff\xfe",
        b"q=0",
    ] {
        let exchange =
            crate::http1::Exchange::start(hub.address(), &Request::get("/events").header("accept", value)).await;
        let status = exchange.expect("an answer").head.status;
        assert!([200, 400, 406].contains(&status), "{status} for {:?}", String::from_utf8_lossy(value));
    }
    hub.open(&[]).await;
}

/// One connection too many: 503, and a place that becomes free is given again.
pub async fn a_full_hub_refuses_and_recovers(subject: Subject) {
    let hub = subject.start(&["--max-connections", "2"]).await;
    let _one = hub.open(&[("user", "alice")]).await;
    let _two = hub.open(&[("user", "bob")]).await;
    for _ in 0..3 {
        let response = hub.request(events(&[("user", "carol")])).await;
        assert_refused(&response, 503, "a third connection");
        assert_retry_after(&response);
    }
    assert_eq!(hub.stat("connections").await, 2);
    assert_eq!(hub.disconnect("user:alice").await, 1);
    hub.until_stat("connections", 1).await;
    hub.open(&[("user", "carol")]).await;
}

/// One connection of a user too many: 429, and nobody else feels it.
pub async fn a_user_with_too_many_connections_is_refused_alone(subject: Subject) {
    let hub = subject.start(&["--max-connections-per-user", "2"]).await;
    let _one = hub.open(&[("user", "alice")]).await;
    let _two = hub.open(&[("user", "alice")]).await;
    let response = hub.request(events(&[("user", "alice")])).await;
    assert_refused(&response, 429, "a third connection of alice");
    assert_retry_after(&response);
    assert_eq!(hub.presence("alice").await, (true, 2));
    hub.open(&[("user", "bob")]).await;
    let mut strangers = Vec::new();
    for _ in 0..3 {
        strangers.push(hub.open(&[]).await);
    }
    assert_eq!(hub.disconnect("user:alice").await, 2);
    hub.until_stat("users", 0).await;
    hub.open(&[("user", "alice")]).await;
}

async fn post(hub: &Playground, path: &str, parameters: &[Pair<'_>], body: &[u8]) -> Response {
    let query = if parameters.is_empty() { String::new() } else { query(parameters) };
    hub.request(Request::new("POST", format!("{path}{query}")).body(body)).await
}

/// Data up to the limit passes, one byte more does not.
pub async fn data_beyond_the_limit_is_refused(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[]).await;
    let limit = 1 << 20;
    assert_refused(&post(&hub, "/send", &[("to", "all")], &vec![b'x'; limit + 1]).await, 413, "1 MiB and a byte");
    assert_refused(&post(&hub, "/send", &[("to", "all")], &vec![b'x'; 3 * limit]).await, 413, "3 MiB");
    hub.send(&[("to", "all")], vec![b'x'; limit]).await;
    assert_eq!(stream.event("the event").await.text().len(), limit);
}

/// A limit of one's own holds as the default one does.
pub async fn the_limit_for_data_can_be_set(subject: Subject) {
    let hub = subject.start(&["--max-event-bytes", "1000"]).await;
    assert_refused(&post(&hub, "/send", &[("to", "all")], &[b'x'; 1001]).await, 413, "1001 bytes");
    hub.send(&[("to", "all")], [b'x'; 1000]).await;
}

/// Requests that mean nothing: 400.
pub async fn a_senseless_request_is_refused(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[]).await;
    let rows: &[(&str, &[Pair<'_>])] = &[
        ("/send", &[("to", "planet")]),
        ("/send", &[("to", "")]),
        ("/send", &[("to", "user")]),
        ("/send", &[("to", "planet:earth")]),
        ("/send", &[("to", "All")]),
        ("/send", &[("to", "all"), ("except", "planet")]),
        ("/send", &[("to", "all"), ("event", "hub:gap")]),
        ("/send", &[("to", "all"), ("event", "hub:anything")]),
        ("/send", &[("to", "all"), ("event", "a\nb")]),
        ("/send", &[("to", "all"), ("event", "a\rb")]),
        ("/send", &[("to", "all"), ("event", "a\0b")]),
        ("/send", &[("to", "all"), ("event", "x\n\ndata: forged")]),
        ("/send", &[("to", "all"), ("ephemeral", "perhaps")]),
        // What leaves nothing behind cannot be the latest of a key.
        ("/send", &[("to", "all"), ("ephemeral", "true"), ("key", "k")]),
        ("/send", &[("event", "to is missing")]),
        ("/publish", &[("to", "planet"), ("count", "1")]),
        ("/publish", &[("to", "all"), ("count", "many")]),
        ("/publish", &[("to", "all"), ("count", "-1")]),
        ("/disconnect", &[("to", "planet")]),
    ];
    for (path, parameters) in rows {
        assert_refused(&post(&hub, path, parameters, b"data").await, 400, &format!("{path} {parameters:?}"));
    }
    assert_refused(&post(&hub, "/send", &[("to", "all")], b"\xff\xfe").await, 400, "data that is no text");
    assert_refused(&hub.request(events(&[("snapshot", "perhaps")])).await, 400, "snapshot=perhaps");
    assert_eq!(hub.seen_by(&mut stream).await, [], "a refused request sends nothing");
}

/// A name of any length is answered; one that is far too long is refused, and costs nobody a thing.
pub async fn a_name_that_is_too_long_is_refused(subject: Subject) {
    let hub = subject.start(&[]).await;
    let (long, too_long) = ("n".repeat(400), "n".repeat(4000));
    let mut stream = hub.open(&[("user", &long), ("group", &long)]).await;
    hub.join(&long, &stream.connection()).await;
    hub.send_to(&format!("user:{long}"), "long").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["long"]);
    assert_refused(&hub.request(events(&[("user", &too_long)])).await, 400, "a user");
    assert_refused(&hub.request(events(&[("group", &too_long)])).await, 400, "a group");
    let target = format!("group:{too_long}");
    assert_refused(&post(&hub, "/send", &[("to", &target)], b"x").await, 400, "a target");
    assert_refused(&post(&hub, "/send", &[("to", "all"), ("except", &target)], b"x").await, 400, "an exception");
    assert_refused(&post(&hub, "/send", &[("to", "all"), ("event", &too_long)], b"x").await, 400, "an event's name");
    assert_refused(&post(&hub, "/send", &[("to", "all"), ("key", &too_long)], b"x").await, 400, "a key");
    let path = path(&["groups", &too_long, "connections", &stream.connection()]);
    assert_refused(&post(&hub, &path, &[], b"").await, 400, "a group to join");
    assert_eq!(hub.stat("connections").await, 1);
    assert_eq!(hub.seen_by(&mut stream).await, []);
}

/// What is not there: 404.
pub async fn an_unknown_path_is_not_found(subject: Subject) {
    let hub = subject.start(&[]).await;
    for path in ["/", "/event", "/groups", "/groups/news", "/../etc/passwd"] {
        assert_refused(&hub.request(Request::get(path)).await, 404, path);
    }
}
