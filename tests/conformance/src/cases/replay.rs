//! Promise 2: no loss and no duplicate inside retention.

use crate::{
    playground::{Pair, Playground, events},
    subject::Subject,
};

const ALICE: &[Pair<'_>] = &[("user", "alice"), ("group", "news")];

/// Sends numbers from `range` to alice, to her group and to all in turn, and others in between to others.
async fn send_numbers(hub: &Playground, range: std::ops::Range<usize>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in range {
        hub.send_to("user:bob", "for bob").await;
        let target = ["user:alice", "group:news", "all"][number % 3];
        ids.push(hub.send_to(target, &number.to_string()).await);
    }
    ids
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Whatever id a client comes back with, it gets exactly the next event of its own, and so on to live ones.
pub async fn replay_goes_on_with_exactly_the_next_event(subject: Subject) {
    let hub = subject.start(&[]).await;
    let ids = send_numbers(&hub, 0..12).await;
    for (number, id) in ids.iter().enumerate() {
        let mut stream = hub.resume(ALICE, id).await;
        let seen = hub.seen_by(&mut stream).await;
        let texts: Vec<_> = seen.iter().map(|event| event.text().to_owned()).collect();
        assert_eq!(texts, numbers(number + 1..12), "after {number}");
        assert!(seen.iter().zip(&ids[number + 1..]).all(|(event, id)| event.id.as_ref() == Some(id)), "with its id");
    }
}

/// The join between replay and live has no seam: events that are sent while a client comes back are neither
/// lost nor doubled.
pub async fn replay_after_reconnect_has_no_seam(subject: Subject) {
    let hub = subject.start(&[]).await;
    let first = hub.open(ALICE).await;
    let cursor = first.last_event_id().to_owned();
    first.reset();
    send_numbers(&hub, 0..30).await;
    let (ids, mut streams) = tokio::join!(send_numbers(&hub, 30..90), async {
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(hub.resume(ALICE, &cursor).await);
        }
        streams
    });
    assert_eq!(ids.len(), 60);
    for stream in &mut streams {
        assert_eq!(hub.texts_seen_by(stream).await, numbers(0..90));
    }
}

/// Replayed events carry their ids, so a second drop is no worse than the first.
pub async fn a_client_that_drops_after_every_event_sees_each_once(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(ALICE).await;
    send_numbers(&hub, 0..10).await;
    let mut seen = Vec::new();
    while seen.len() < 10 {
        seen.push(stream.event("the next event").await.text().to_owned());
        let cursor = stream.last_event_id().to_owned();
        stream.reset();
        stream = hub.resume(ALICE, &cursor).await;
    }
    assert_eq!(seen, numbers(0..10));
    assert_eq!(hub.texts_seen_by(&mut stream).await, [""; 0]);
}

/// A polyfill that cannot set headers tells its id in the query.
pub async fn the_last_event_id_may_come_by_query(subject: Subject) {
    let hub = subject.start(&[]).await;
    let ids = send_numbers(&hub, 0..5).await;
    let mut stream = hub.open(&[ALICE, &[("lastEventId", &ids[2])]].concat()).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, numbers(3..5));
}

/// A browser repeats the URL with its old id, and sends the newer one as a header.
pub async fn the_header_wins_over_the_query(subject: Subject) {
    let hub = subject.start(&[]).await;
    let ids = send_numbers(&hub, 0..5).await;
    let mut stream = hub.resume(&[ALICE, &[("lastEventId", &ids[0])]].concat(), &ids[3]).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, numbers(4..5));
}

/// An empty id is no id, in the header as in the query; an empty header leaves the word to the query.
pub async fn an_empty_id_is_no_id(subject: Subject) {
    let hub = subject.start(&[]).await;
    let ids = send_numbers(&hub, 0..5).await;
    let requests = [events(ALICE).header("last-event-id", ""), events(&[ALICE, &[("lastEventId", "")]].concat())];
    for request in &requests {
        let stream = hub.open_by(request).await;
        assert_eq!(stream.opening().id.as_ref(), ids.last(), "a new stream starts at the head");
    }
    for request in &requests {
        let mut stream = hub.open_by(request).await;
        assert_eq!(hub.seen_by(&mut stream).await, []);
    }
    let request = events(&[ALICE, &[("lastEventId", &ids[3])]].concat()).header("last-event-id", "");
    let mut stream = hub.open_by(&request).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, numbers(4..5));
}

/// The id that a keep-alive or an event of another audience would tell is as good as one of one's own.
pub async fn an_id_of_the_log_resumes_whoever_its_event_was_for(subject: Subject) {
    let hub = subject.start(&[]).await;
    send_numbers(&hub, 0..3).await;
    let cursor = hub.send_to("user:bob", "for bob").await;
    send_numbers(&hub, 3..6).await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, numbers(3..6));
}

/// A replay that is far larger than one batch is complete.
pub async fn a_long_replay_is_complete(subject: Subject) {
    let hub = subject.start(&[]).await;
    let cursor = hub.send_to("user:alice", "start").await;
    hub.publish("user:alice", 2000, 1000).await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    let seen = hub.seen_by(&mut stream).await;
    let counters = seen.iter().map(|event| counter(event.text()));
    assert!(counters.eq(0..2000), "2000 events of 1000 bytes, each once and in order");
    assert!(seen.iter().all(|event| event.text().len() == 1000));
}

/// The counter of an event from `/publish`.
pub(crate) fn counter(text: &str) -> u64 {
    let counter = text.strip_prefix('#').and_then(|text| text.split(' ').next()?.parse().ok());
    counter.unwrap_or_else(|| panic!("no counter opens {:?}", text.get(..40)))
}
