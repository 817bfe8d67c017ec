//! Methods and versions of HTTP.

use crate::{
    client::Stream,
    http1::{Ending, Request},
    playground::events,
    sse::Block,
    subject::Subject,
};

/// HEAD tells the headers and touches nothing: nobody connects, no hook runs.
pub async fn head_touches_nothing(subject: Subject) {
    let hub = subject.start(&["--max-connections", "1"]).await;
    let mut client = hub.client();
    for _ in 0..3 {
        let request = Request::new("HEAD", "/events?user=alice&group=news").header("accept", "text/event-stream");
        let response = client.request(&request).await.expect("HEAD is answered");
        assert_eq!(response.head.status, 200);
        assert_eq!(response.head.header("content-type"), Some("text/event-stream"));
        assert_eq!(response.head.header("cache-control"), Some("no-store, no-transform"));
        assert!(response.body.is_empty());
        let stats = client.request(&Request::get("/stats")).await.expect("the connection goes on").json();
        assert_eq!(stats["connections"], 0);
    }
    let stream = hub.open(&[("user", "bob")]).await;
    hub.until_hook("connected", &stream.connection()).await;
    let strangers = hub.lifecycle().await.into_iter().filter(|call| call["user"] != "bob").count();
    assert_eq!(strangers, 0, "HEAD ran a hook");
}

/// A stream may be opened by POST, as `fetch` does where a page wants to send a body.
pub async fn a_post_opens_a_stream_too(subject: Subject) {
    let hub = subject.start(&[]).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    hub.send_to("user:alice", "missed").await;
    let request = Request::new("POST", "/events?user=alice").header("last-event-id", cursor).body("{}");
    let mut stream = hub.open_by(&request).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["missed"]);
}

/// A client of HTTP/1.0 gets a stream that ends with the connection; it would not understand chunks.
pub async fn http10_gets_a_stream_that_ends_with_the_connection(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.3"]).await;
    let mut stream = hub.open_by(&events(&[("user", "alice")]).http10()).await;
    let head = stream.head();
    assert!(head.header("transfer-encoding").is_none() && head.header("content-length").is_none(), "{head:?}");
    hub.send_to("user:alice", "one").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["one"]);
    assert_eq!(hub.disconnect("user:alice").await, 1);
    let (blocks, ending) = stream.end("the end of the stream").await;
    assert_eq!(blocks.last().map(Block::name), Some("hub:closing"));
    assert_eq!(ending, Ending::Closed);
}

/// HTTP/2 carries a stream as HTTP/1.1 does, where it is spoken in clear text.
pub async fn http2_carries_a_stream_where_it_is_spoken(subject: Subject) {
    let hub = subject.start(&[]).await;
    let opened = Stream::open_http2(hub.address(), "/events?user=alice").await;
    let Some(_) = subject.can().http2_fin else {
        assert!(opened.is_err(), "HTTP/2 in clear text is spoken: the table can be improved");
        return;
    };
    let mut stream = opened.expect("HTTP/2 is spoken");
    let cursor = stream.last_event_id().to_owned();
    hub.publish("user:alice", 500, 1000).await;
    assert_eq!(hub.seen_by(&mut stream).await.len(), 500);
    assert_eq!(hub.disconnect("user:alice").await, 1);
    let (blocks, ending) = stream.end("the end of the stream").await;
    assert_eq!(blocks.last().map(Block::name), Some("hub:closing"));
    assert_eq!(ending, Ending::Finished);
    let target = format!("/events?user=alice&lastEventId={cursor}");
    let mut stream = Stream::open_http2(hub.address(), &target).await.expect("HTTP/2 is spoken");
    assert_eq!(hub.seen_by(&mut stream).await.len(), 500, "replay over HTTP/2");
}

/// Two requests on one connection: a stream that the server has finished leaves the connection usable.
pub async fn a_finished_stream_leaves_the_connection_usable(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut client = hub.client();
    let request = events(&[("user", "alice")]);
    let (response, _) = tokio::join!(client.request(&request), async {
        crate::wait::until(crate::wait::PATIENCE, "alice to be connected", async || {
            match hub.disconnect("user:alice").await {
                1 => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
    });
    let response = response.expect("a whole response");
    assert!(String::from_utf8_lossy(&response.body).contains("hub:closing"));
    assert_eq!(client.request(&Request::get("/healthz")).await.expect("the next answer").head.status, 200);
}
