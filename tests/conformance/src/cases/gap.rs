//! Promise 3: never a silent gap, and never a false one.

use super::replay::counter;
use crate::{
    client::Stream,
    playground::{Pair, Playground, events},
    sse::{Block, Position},
    subject::Subject,
};

const ALICE: &[Pair<'_>] = &[("user", "alice"), ("group", "news")];

/// Asserts that `event` tells the gap after `requested` and where the stream goes on.
fn assert_gap(event: &Block, requested: &str) {
    assert_eq!(event.name(), "hub:gap", "{event:?}");
    let data: serde_json::Value = serde_json::from_str(event.text()).expect("hub:gap carries JSON");
    assert_eq!(data["requested"], requested);
    Position::parse(event.id.as_deref().expect("a gap tells the place that the stream goes on from")).expect("an id");
    assert!(data["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "a gap tells its reason: {data}");
}

async fn send_numbers(hub: &Playground, target: &str, range: std::ops::Range<usize>) {
    for number in range {
        hub.send_to(target, &number.to_string()).await;
    }
}

/// Gap, then what is left in order, then live: read one by one, since a fence would trim what is awaited.
pub(super) async fn assert_gap_and_rest(hub: &Playground, mut stream: Stream, requested: &str, rest: &[&str]) {
    assert_gap(&stream.event("the gap").await, requested);
    for text in rest {
        assert_eq!(stream.event(text).await.text(), *text, "what is left comes after the gap");
    }
    hub.send_to("user:alice", "live").await;
    assert_eq!(stream.event("the live event").await.text(), "live");
}

/// Trimmed events of this audience: the gap is told, then what is left comes.
pub async fn a_client_whose_events_were_trimmed_is_told_so(subject: Subject) {
    let hub = subject.start(&["--history-events", "5"]).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    send_numbers(&hub, "group:news", 0..8).await;
    let stream = hub.resume(ALICE, &cursor).await;
    assert_gap_and_rest(&hub, stream, &cursor, &["3", "4", "5", "6", "7"]).await;
}

/// Trimmed events of others: nothing was missed, nothing is told.
pub async fn a_client_that_missed_only_what_others_got_is_told_nothing(subject: Subject) {
    let hub = subject.start(&["--history-events", "5"]).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    send_numbers(&hub, "user:bob", 0..50).await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_eq!(hub.seen_by(&mut stream).await, []);
    hub.send_to("user:alice", "live").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["live"]);
}

/// The last event that a client saw may be trimmed itself: what it has seen it does not miss.
pub async fn the_event_that_was_seen_last_may_be_trimmed(subject: Subject) {
    let hub = subject.start(&["--history-events", "5"]).await;
    send_numbers(&hub, "user:alice", 0..3).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    send_numbers(&hub, "user:alice", 3..8).await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    for text in ["3", "4", "5", "6", "7"] {
        assert_eq!(stream.event(text).await.text(), text, "exactly to the edge");
    }
}

/// One event too many beyond the edge is a gap.
pub async fn one_trimmed_event_is_a_gap(subject: Subject) {
    let hub = subject.start(&["--history-events", "5"]).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    send_numbers(&hub, "user:alice", 0..6).await;
    let stream = hub.resume(ALICE, &cursor).await;
    assert_gap_and_rest(&hub, stream, &cursor, &["1", "2", "3", "4", "5"]).await;
}

/// Retention by bytes and by age leaves the same trace.
pub async fn trimming_by_bytes_is_told(subject: Subject) {
    let hub = subject.start(&["--history-bytes", "100000"]).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    hub.publish("user:alice", 200, 1000).await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_gap(&stream.event("the gap").await, &cursor);
    let first = counter(stream.event("what is left").await.text());
    for number in first + 1..200 {
        assert_eq!(counter(stream.event("what is left").await.text()), number);
    }
    assert!(
        (50..=100).contains(&(200 - first)),
        "100 kB hold somewhat less than 100 events of 1000 bytes: {}",
        200 - first
    );
    assert!(hub.stat("history_bytes").await <= 100_000);
}

/// What is older than the history's age is gone, and the gap is told.
pub async fn trimming_by_age_is_told(subject: Subject) {
    let hub = subject.start(&["--history-age", "1"]).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    hub.send_to("user:alice", "old").await;
    hub.until_stat("history_events", 0).await;
    let stream = hub.resume(ALICE, &cursor).await;
    assert_gap_and_rest(&hub, stream, &cursor, &[]).await;
}

/// Without a history every missed event is a gap, and live delivery is complete.
pub async fn without_history_whatever_was_missed_is_a_gap(subject: Subject) {
    let hub = subject.start(&["--history-events", "0"]).await;
    let mut stream = hub.open(ALICE).await;
    hub.send_to("user:alice", "live").await;
    assert_eq!(stream.event("the live event").await.text(), "live");
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    let mut again = hub.resume(ALICE, &cursor).await;
    assert_eq!(again.opening().id.as_deref(), Some(cursor.as_str()));
    hub.send_to("user:alice", "nothing was missed").await;
    assert_eq!(again.event("the next event").await.text(), "nothing was missed");
    again.reset();
    hub.send_to("user:alice", "missed").await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_gap(&stream.event("the gap").await, &cursor);
    hub.send_to("user:alice", "live again").await;
    assert_eq!(stream.event("the live event").await.text(), "live again");
}

/// Ids that this log never gave: each is a gap, and what is retained follows.
pub async fn an_id_that_proves_nothing_is_a_gap(subject: Subject) {
    let hub = subject.start(&[]).await;
    let real = Position::parse(&hub.send_to("user:alice", "retained").await).expect("an id");
    let (ms, seq) = real.place;
    let other_log = if real.log == "zzzz" { "yyyy" } else { "zzzz" };
    let long = "9".repeat(2000);
    let ids = [
        // From another log, or from before a wipe.
        format!("{ms}-{seq}-{other_log}"),
        // From the future.
        format!("{}-0-{}", ms + 86_400_000, real.log),
        format!("{}-{}-{}", u64::MAX, u64::MAX, real.log),
        // Garbage.
        "17".to_owned(),
        "hello".to_owned(),
        format!("{ms}-{seq}"),
        format!("{ms}-{seq}-{}-", real.log),
        format!("-{seq}-{}", real.log),
        format!("{ms}-{seq}-"),
        format!("99999999999999999999999-0-{}", real.log),
        "\"</script>".to_owned(),
        "null".to_owned(),
        long,
    ];
    for id in &ids {
        for stream in [hub.resume(ALICE, id).await, hub.open(&[ALICE, &[("lastEventId", id)]].concat()).await] {
            // What is long may be told in short, but the id is told.
            let mut stream = stream;
            let event = stream.event("the gap").await;
            assert_eq!(event.name(), "hub:gap", "for {id:?} came {event:?}");
            let data: serde_json::Value = serde_json::from_str(event.text()).expect("hub:gap carries JSON");
            let requested = data["requested"].as_str().expect("the gap tells what was requested");
            assert!(
                !requested.is_empty() && id.starts_with(requested.trim_end_matches('…')),
                "{requested:?} of {id:?}"
            );
            assert_eq!(stream.event("what is retained").await.text(), "retained");
            hub.disconnect("user:alice").await;
        }
    }
}

/// Bytes that are no text are garbage, not a missing header, where the framework shows such a header at all.
pub async fn an_id_that_is_no_text_is_a_gap_where_it_is_seen(subject: Subject) {
    let hub = subject.start(&[]).await;
    hub.send_to("user:alice", "retained").await;
    let mut stream = hub.open_by(&events(ALICE).header("last-event-id", *b"\xff\xfe\xfd")).await;
    let seen: Vec<_> = hub.seen_by(&mut stream).await.iter().map(|event| event.name().to_owned()).collect();
    let expected: &[_] = if subject.can().headers_of_any_bytes { &["hub:gap", "message"] } else { &[] };
    assert_eq!(seen, expected);
}

/// A client that is cut off between the opening and the gap comes back to the gap, not behind it.
pub async fn a_gap_cannot_be_lost_on_the_way(subject: Subject) {
    let hub = subject.start(&["--history-events", "5"]).await;
    let cursor = hub.send_to("user:alice", "seen").await;
    send_numbers(&hub, "user:alice", 0..8).await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    loop {
        let held = if stream.last_event_id().is_empty() { cursor.clone() } else { stream.last_event_id().to_owned() };
        let mut next = hub.resume(ALICE, &held).await;
        assert_eq!(next.event("the gap again").await.name(), "hub:gap", "with {held}");
        next.reset();
        if stream.block("the gap").await.name() == "hub:gap" {
            break;
        }
    }
    let held = stream.last_event_id().to_owned();
    let mut stream = hub.resume(ALICE, &held).await;
    for text in ["3", "4", "5", "6", "7"] {
        assert_eq!(stream.event(text).await.text(), text, "the gap's id is the place to go on from");
    }
}

/// A reader that lagged past retention is told so in mid-stream, and goes on with what is left.
pub async fn a_reader_that_lagged_past_retention_is_told_in_mid_stream(subject: Subject) {
    const EVENTS: u64 = 400;
    const SIZE: usize = 65_536;
    let hub = subject.start(&["--history-events", "20", "--keep-alive", "3600"]).await;
    // The reader takes little and then nothing; 26 MB are more than any socket holds.
    let mut stream = hub.open_by(&events(ALICE).receive_buffer(16_384)).await;
    let mut healthy = hub.open(&[("user", "bob"), ("group", "news")]).await;
    healthy.forget_bytes();
    let (published, seen) = tokio::join!(hub.publish("group:news", EVENTS, SIZE), async {
        let mut seen = Vec::new();
        while seen.len() < EVENTS as usize {
            seen.push(counter(healthy.event("the next event").await.text()));
        }
        seen
    });
    assert_eq!(published["published"], EVENTS);
    assert!(seen.into_iter().eq(0..EVENTS), "who reads sees all");
    hub.send_to("group:news", "end").await;
    let mut before: Option<String> = None;
    let mut gap = None;
    let mut after = Vec::new();
    loop {
        let event = stream.event("the rest").await;
        match event.name() {
            "hub:gap" => {
                assert!(gap.is_none(), "one gap is told once");
                let held = before.clone().expect("some events come before the gap");
                assert_gap(&event, &held);
                gap = Some(event);
            }
            _ if event.text() == "end" => break,
            _ if gap.is_none() => before.clone_from(&event.id),
            _ => after.push(counter(event.text())),
        }
    }
    assert!(gap.is_some(), "what was trimmed is told");
    assert!(
        after.iter().copied().eq(EVENTS - after.len() as u64..EVENTS) && after.len() >= 19,
        "then what is left: {after:?}"
    );
    assert!(hub.stat("lagged").await >= 1);
}
