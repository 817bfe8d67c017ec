//! Leaving: every stream is ended properly, and nobody is let in meanwhile.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    client::Stream,
    http1::{Ending, Request},
    playground::events,
    sse::Block,
    subject::Subject,
};

/// With every client reading, all is over within this time.
const LIMIT: Duration = Duration::from_secs(3);

/// With a client that does not read, the deadline of the hub or the framework ends it.
const DEADLINE: Duration = Duration::from_secs(20);

/// SIGTERM with 100 open streams: what was committed, `hub:closing`, a retry time that differs, the end; exit 0.
pub async fn sigterm_ends_a_hundred_streams_properly(subject: Subject) {
    let mut hub = subject.start(&["--keep-alive", "3600"]).await;
    let mut streams = Vec::new();
    for number in 0..100 {
        streams.push(hub.open(&[("user", &number.to_string())]).await);
    }
    hub.send_to("all", "last words").await;
    let start = Instant::now();
    hub.terminate();
    let mut retries = BTreeSet::new();
    for stream in &mut streams {
        let (blocks, ending) = stream.end("the end of the stream").await;
        assert_eq!(ending, Ending::Finished, "a finished response, not a broken one");
        assert!(blocks.iter().any(|block| block.text() == "last words"), "what was committed comes first: {blocks:?}");
        let closing = blocks.last().expect("hub:closing comes before the end");
        assert_eq!(closing.name(), "hub:closing");
        let data: serde_json::Value = serde_json::from_str(closing.text()).expect("hub:closing carries JSON");
        assert!(data["reason"].is_string(), "{data}");
        retries.extend(blocks.iter().filter_map(|block| block.retry));
    }
    assert!(retries.len() >= 20, "the retry times are spread: {retries:?}");
    let status = hub.exit(LIMIT.saturating_sub(start.elapsed())).await;
    assert_eq!(status.code(), Some(0));
}

/// SIGINT is no other way to end; and however often it is tried, no stream is cut off instead of ended.
pub async fn sigint_ends_it_as_well(subject: Subject) {
    for round in 0..8 {
        let mut hub = subject.start(&["--keep-alive", "3600"]).await;
        let mut stream = hub.open(&[]).await;
        hub.interrupt();
        let (blocks, ending) = stream.end("the end of the stream").await;
        let last = blocks.last().map(Block::name);
        assert_eq!((last, ending), (Some("hub:closing"), Ending::Finished), "round {round}");
        assert_eq!(hub.exit(LIMIT).await.code(), Some(0), "round {round}");
    }
}

/// Without anybody connected it ends at once.
pub async fn an_idle_server_ends_at_once(subject: Subject) {
    let mut hub = subject.start(&[]).await;
    hub.terminate();
    assert_eq!(hub.exit(LIMIT).await.code(), Some(0));
}

/// A client that does not read holds up nothing for long, and nobody is let in meanwhile.
pub async fn a_stalled_reader_delays_the_end_and_nobody_is_let_in(subject: Subject) {
    let mut hub = subject.start(&["--keep-alive", "3600"]).await;
    let stalled: Stream = hub.open_by(&events(&[("user", "alice")]).receive_buffer(4096)).await;
    hub.publish("user:alice", 256, 65_536).await;
    let start = Instant::now();
    hub.terminate();
    let mut refused = 0;
    while start.elapsed() < DEADLINE {
        match hub.try_request(events(&[])).await {
            // The signal may not have been taken yet, but a stream that is let in now must be ended properly,
            // or `try_request` would wait in vain.
            Ok(response) if response.head.status == 200 => {
                assert!(
                    String::from_utf8_lossy(&response.body).contains("hub:closing"),
                    "a stream was let in and dropped"
                );
            }
            Ok(response) => {
                assert_eq!(response.head.status, 503, "{response:?}");
                assert!(response.head.header("retry-after").is_some(), "{response:?}");
                refused += 1;
                let health = hub.try_request(Request::get("/healthz")).await;
                assert!(health.is_err() || health.is_ok_and(|health| health.head.status == 503));
            }
            // It listens no more.
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = hub.exit(DEADLINE.saturating_sub(start.elapsed())).await;
    assert_eq!(status.code(), Some(0), "after {refused} refusals");
    assert!(refused > 0, "nobody was refused while the stalled reader was waited for");
    drop(stalled);
}
