//! Keys: conflation, compaction, snapshots; and ephemeral events, which leave no state at all.

use std::collections::BTreeMap;

use crate::{
    client::Stream,
    http1::Request,
    playground::{Pair, Playground, events, query},
    sse::Block,
    subject::Subject,
};

const NEWS: &[Pair<'_>] = &[("group", "news")];
const SNAPSHOT: &[Pair<'_>] = &[("group", "news"), ("snapshot", "true")];

async fn set(hub: &Playground, target: &str, key: &str, data: &str) -> String {
    hub.send(&[("to", target), ("key", key)], data).await
}

/// The data of the events that came without an id, which is how a snapshot comes, and of those with one.
fn split(seen: &[Block]) -> (Vec<&str>, Vec<&str>) {
    let snapshot = seen.iter().take_while(|event| event.id.is_none());
    let live = seen.iter().skip_while(|event| event.id.is_none());
    (snapshot.map(Block::text).collect(), live.map(Block::text).collect())
}

/// A reader that is behind gets the newest of a key, and all without a key in their place.
pub async fn a_newer_event_supersedes_an_older_one_with_its_key(subject: Subject) {
    let hub = subject.start(&[]).await;
    let cursor = hub.send_to("all", "start").await;
    for number in 0..10 {
        set(&hub, "group:news", "AAPL", &format!("AAPL {number}")).await;
        hub.send_to("group:news", &format!("plain {number}")).await;
        set(&hub, "group:news", "MSFT", &format!("MSFT {number}")).await;
    }
    let mut stream = hub.resume(NEWS, &cursor).await;
    let mut expected: Vec<_> = (0..10).map(|number| format!("plain {number}")).collect();
    expected.insert(9, "AAPL 9".to_owned());
    expected.push("MSFT 9".to_owned());
    assert_eq!(hub.texts_seen_by(&mut stream).await, expected);
}

/// A reader that keeps up sees every change.
pub async fn a_reader_that_keeps_up_sees_every_change_of_a_key(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(NEWS).await;
    for number in 0..10 {
        let text = number.to_string();
        set(&hub, "group:news", "AAPL", &text).await;
        assert_eq!(stream.event("the change").await.text(), text);
    }
}

/// A socket that is not read gets the newest when it is read again, and not the backlog; and that is no gap.
pub async fn a_stalled_reader_gets_the_newest_instead_of_the_backlog(subject: Subject) {
    const CHANGES: usize = 300;
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let mut stream = hub.open_by(&events(NEWS).receive_buffer(16_384)).await;
    let mut client = hub.client();
    let target = format!("/send{}", query(&[("to", "group:news"), ("key", "AAPL")]));
    for number in 0..CHANGES {
        let body = format!("{number}{}", "_".repeat(65_536));
        let response = client.request(&Request::new("POST", &target).body(body)).await.expect("an answer");
        assert_eq!(response.head.status, 200);
    }
    let seen = hub.seen_by(&mut stream).await;
    let numbers: Vec<usize> = seen
        .iter()
        .map(|event| {
            event.text().split('_').next().and_then(|number| number.parse().ok()).expect("a number, and no gap")
        })
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
    assert_eq!(numbers.last(), Some(&(CHANGES - 1)), "the newest is there");
    assert!(numbers.len() < CHANGES / 2, "19 MB are more than a socket holds, and {} of {CHANGES} came", numbers.len());
}

/// One key in two topics is two keys.
pub async fn a_key_belongs_to_its_topic(subject: Subject) {
    let hub = subject.start(&[]).await;
    let cursor = hub.send_to("all", "start").await;
    set(&hub, "group:news", "k", "of news").await;
    set(&hub, "user:alice", "k", "of alice").await;
    set(&hub, "all", "k", "of all").await;
    let parameters: &[Pair<'_>] = &[("user", "alice"), ("group", "news")];
    let mut stream = hub.resume(parameters, &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["of news", "of alice", "of all"]);
    let mut stream = hub.open(&[parameters, &[("snapshot", "true")]].concat()).await;
    let seen = hub.seen_by(&mut stream).await;
    assert_eq!(split(&seen), (vec!["of news", "of alice", "of all"], vec![]));
}

/// A snapshot is the latest of each key of one's topics, and nothing else.
pub async fn a_snapshot_is_the_latest_of_each_key(subject: Subject) {
    let hub = subject.start(&[]).await;
    set(&hub, "group:news", "AAPL", "AAPL 1").await;
    set(&hub, "group:news", "MSFT", "MSFT 1").await;
    hub.send_to("group:news", "no key").await;
    set(&hub, "group:news", "AAPL", "AAPL 2").await;
    set(&hub, "user:bob", "secret", "of bob").await;
    set(&hub, "group:board", "secret", "of the board").await;
    let mut stream = hub.open(SNAPSHOT).await;
    hub.send_to("group:news", "live").await;
    let seen = hub.seen_by(&mut stream).await;
    assert_eq!(split(&seen), (vec!["MSFT 1", "AAPL 2"], vec!["live"]));
    let mut stream = hub.open(NEWS).await;
    assert_eq!(hub.seen_by(&mut stream).await, [], "who asks for no snapshot gets none");
}

/// A snapshot of nothing tells the cursor all the same.
pub async fn an_empty_snapshot_tells_its_cursor(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let mut stream = hub.open(SNAPSHOT).await;
    stream.quietly("the cursor", Block::is_cursor).await;
    hub.send_to("group:news", "while away").await;
    let mut stream = hub.resume(SNAPSHOT, stream.last_event_id()).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["while away"]);
}

/// A snapshot that is far larger than one batch is complete, whatever changes while it is read.
pub async fn a_large_snapshot_is_complete(subject: Subject) {
    const KEYS: usize = 400;
    let hub = subject.start(&[]).await;
    let mut client = hub.client();
    let mut set = async |key: usize, round: usize| {
        let target = format!("/send{}", query(&[("to", "group:news"), ("key", &key.to_string())]));
        let request = Request::new("POST", target).body(format!("{key} {round} {}", "_".repeat(1000)));
        assert_eq!(client.request(&request).await.expect("an answer").head.status, 200);
    };
    for key in 0..KEYS {
        set(key, 0).await;
    }
    let (mut stream, ()) = tokio::join!(hub.open(SNAPSHOT), async {
        for key in (0..KEYS).step_by(7) {
            set(key, 1).await;
        }
    });
    let mut state = BTreeMap::new();
    for event in hub.seen_by(&mut stream).await {
        let numbers: Vec<usize> =
            event.text().split(' ').take(2).map(|number| number.parse().expect("a number")).collect();
        let older = state.insert(numbers[0], numbers[1]);
        assert!(older.is_none_or(|older| older < numbers[1]), "key {} came twice", numbers[0]);
    }
    assert!(state.into_iter().eq((0..KEYS).map(|key| (key, usize::from(key % 7 == 0)))));
}

/// Retention never drops the latest of a key.
pub async fn the_latest_of_a_key_outlives_the_history(subject: Subject) {
    let hub = subject.start(&["--history-events", "3"]).await;
    set(&hub, "group:news", "AAPL", "old").await;
    set(&hub, "group:news", "AAPL", "latest").await;
    for _ in 0..20 {
        hub.send_to("user:bob", "for bob").await;
    }
    let mut stream = hub.open(SNAPSHOT).await;
    assert_eq!(stream.event("the snapshot").await.text(), "latest");
}

/// A snapshot, then what comes live, without a seam while somebody publishes all the time.
pub async fn a_snapshot_and_live_have_no_seam(subject: Subject) {
    const ROUNDS: usize = 60;
    let hub = subject.start(&[]).await;
    set(&hub, "group:news", "state", "0").await;
    let ((), mut streams) = tokio::join!(
        async {
            for round in 1..ROUNDS {
                hub.send_to("group:news", &format!("after {}", round - 1)).await;
                set(&hub, "group:news", "state", &round.to_string()).await;
            }
        },
        async {
            let mut streams = Vec::new();
            for _ in 0..20 {
                streams.push(hub.open(SNAPSHOT).await);
            }
            streams
        }
    );
    for stream in &mut streams {
        let seen = hub.seen_by(stream).await;
        let (snapshot, live) = split(&seen);
        let states: Vec<usize> = live.iter().filter_map(|text| text.parse().ok()).collect();
        // A snapshot leaves out what a newer event supersedes that comes live.
        let state = match snapshot.as_slice() {
            [] => *states.first().expect("a state that is in no snapshot comes live"),
            [state] => state.parse().expect("a round"),
            _ => panic!("the snapshot is {snapshot:?}"),
        };
        // The sends alternate, so the first plain event behind the state of round n is that of n or of n + 1; where
        // that state itself came live, earlier ones may have come before it.
        let plain: Vec<usize> = live.iter().filter_map(|text| text.strip_prefix("after ")?.parse().ok()).collect();
        let first = plain.first().copied().unwrap_or(ROUNDS - 1);
        assert!(first <= state + 1, "after the state of round {state} comes what followed round {first}");
        assert!(snapshot.is_empty() || first >= state, "what followed round {first} comes after the state of {state}");
        assert!(plain.iter().copied().eq(first..ROUNDS - 1), "{plain:?}");
        assert!(states.is_sorted_by(|a, b| a < b), "{states:?}");
        assert!(snapshot.is_empty() || states.first().is_none_or(|first| *first > state), "{states:?} after {state}");
        assert_eq!(states.last().copied().unwrap_or(state), ROUNDS - 1, "the newest is there");
    }
}

/// The cursor is told after a snapshot, so that a drop in its middle gets a whole one next time.
pub async fn a_drop_in_the_middle_of_a_snapshot_gets_a_whole_one(subject: Subject) {
    let hub = subject.start(&[]).await;
    set_four(&hub).await;
    let mut stream = hub.open(SNAPSHOT).await;
    drop_in_the_middle(&hub, &mut stream).await;
    hub.send_to("group:news", "while away").await;
    let mut again = hub.resume(SNAPSHOT, stream.last_event_id()).await;
    assert_eq!(hub.texts_seen_by(&mut again).await, ["while away"], "who held the whole snapshot resumes");
}

/// The same for a snapshot that heals a gap; behind it comes what is retained, so that is where the cursor is.
pub async fn a_drop_in_the_middle_of_a_healing_snapshot_gets_a_whole_one(subject: Subject) {
    let hub = subject.start(&[]).await;
    hub.send_to("group:news", "retained").await;
    set_four(&hub).await;
    let mut stream = hub.resume(SNAPSHOT, "1-0-another").await;
    drop_in_the_middle(&hub, &mut stream).await;
    hub.send_to("group:news", "while away").await;
    let mut again = hub.resume(SNAPSHOT, stream.last_event_id()).await;
    let seen = hub.texts_seen_by(&mut again).await;
    assert_eq!(
        (seen.first().map(String::as_str), seen.last().map(String::as_str)),
        (Some("retained"), Some("while away"))
    );
}

async fn set_four(hub: &Playground) {
    for key in ["a", "b", "c", "d"] {
        set(hub, "group:news", key, key).await;
    }
}

/// Takes the snapshot block by block, and before each sees what a client would get that lost its stream there;
/// in the end the stream's cursor is the one behind the snapshot.
async fn drop_in_the_middle(hub: &Playground, stream: &mut Stream) {
    let opening = stream.last_event_id().to_owned();
    let mut left = 4;
    while left > 0 {
        let held = stream.last_event_id();
        let mut again = if held.is_empty() { hub.open(SNAPSHOT).await } else { hub.resume(SNAPSHOT, held).await };
        let seen: Vec<_> =
            hub.seen_by(&mut again).await.into_iter().filter(|event| event.name() != "hub:gap").collect();
        assert_eq!(split(&seen).0, ["a", "b", "c", "d"], "with {held:?}, {left} before the snapshot's end");
        let block = stream.block("the snapshot").await;
        left -= usize::from(block.is_event() && block.name() != "hub:gap");
    }
    if stream.last_event_id() == opening {
        stream
            .quietly("the cursor behind the snapshot", |block| block.id.as_ref().is_some_and(|id| *id != opening))
            .await;
    }
}

/// After a gap, a stream that asked for snapshots gets one.
pub async fn a_gap_is_healed_by_a_snapshot(subject: Subject) {
    let hub = subject.start(&["--history-events", "3"]).await;
    let cursor = hub.send_to("group:news", "seen").await;
    set(&hub, "group:news", "AAPL", "latest").await;
    for number in 0..10 {
        hub.send_to("group:news", &number.to_string()).await;
    }
    let mut stream = hub.resume(SNAPSHOT, &cursor).await;
    assert_eq!(stream.event("the gap").await.name(), "hub:gap");
    let event = stream.event("the snapshot").await;
    assert_eq!((event.text(), event.id.as_deref()), ("latest", None));
    hub.send_to("group:news", "live").await;
    while stream.event("the live event").await.text() != "live" {}
}

/// A member that joins may ask for the group's state, and gets it without a seam and without an old event.
pub async fn a_join_may_bring_a_snapshot(subject: Subject) {
    let hub = subject.start(&[]).await;
    set(&hub, "group:news", "AAPL", "old").await;
    set(&hub, "group:news", "AAPL", "latest").await;
    hub.send_to("group:news", "no key").await;
    let (mut with, mut without) = (hub.open(&[]).await, hub.open(&[]).await);
    hub.join_with_snapshot("news", &with.connection()).await;
    hub.join("news", &without.connection()).await;
    let event = with.event("the snapshot").await;
    assert_eq!((event.text(), event.id.as_deref()), ("latest", None));
    set(&hub, "group:news", "AAPL", "live").await;
    assert_eq!(hub.texts_seen_by(&mut with).await, ["live"]);
    assert_eq!(hub.texts_seen_by(&mut without).await, ["live"]);
}

/// A retraction is an event to who is there, and leaves nothing for who comes.
pub async fn a_retracted_key_is_in_no_snapshot(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(NEWS).await;
    for (key, text) in [("AAPL", "1"), ("MSFT", "2")] {
        set(&hub, "group:news", key, text).await;
        // Read before the next one is sent, which may take its place.
        assert_eq!(stream.event("the change").await.text(), text);
    }
    hub.send(&[("to", "group:news"), ("retract", "AAPL")], "gone").await;
    assert_eq!(stream.event("the retraction").await.text(), "gone");
    assert_eq!(hub.stat("state_keys").await, 1);
    let mut late: Stream = hub.open(SNAPSHOT).await;
    assert_eq!(hub.texts_seen_by(&mut late).await, ["2"]);
    set(&hub, "group:news", "AAPL", "back").await;
    let mut late = hub.open(SNAPSHOT).await;
    assert_eq!(hub.texts_seen_by(&mut late).await, ["2", "back"]);
}

/// A snapshot shows nobody what was sent with an exception for them.
pub async fn a_snapshot_respects_exceptions(subject: Subject) {
    let hub = subject.start(&[]).await;
    hub.send(&[("to", "group:news"), ("except", "user:bob"), ("key", "k")], "not for bob").await;
    let mut bob = hub.open(&[SNAPSHOT, &[("user", "bob")]].concat()).await;
    let mut alice = hub.open(&[SNAPSHOT, &[("user", "alice")]].concat()).await;
    assert_eq!(hub.texts_seen_by(&mut bob).await, [""; 0]);
    assert_eq!(hub.texts_seen_by(&mut alice).await, ["not for bob"]);
}

/// An ephemeral event reaches who is connected, in its place, and is never replayed.
pub async fn an_ephemeral_event_is_never_replayed(subject: Subject) {
    let hub = subject.start(&[]).await;
    let cursor = hub.send_to("group:news", "start").await;
    let mut stream = hub.open(NEWS).await;
    hub.send_to("group:news", "one").await;
    hub.send(&[("to", "group:news"), ("ephemeral", "true")], "typing").await;
    hub.send_to("group:news", "two").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["one", "typing", "two"]);
    let mut late = hub.resume(NEWS, &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut late).await, ["one", "two"]);
}

/// Whatever id an ephemeral event leaves a client with, it goes on from there without a gap.
pub async fn a_client_that_saw_an_ephemeral_event_last_misses_nothing(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(NEWS).await;
    hub.send_to("group:news", "one").await;
    hub.send(&[("to", "group:news"), ("ephemeral", "true")], "typing").await;
    while stream.event("the ephemeral event").await.text() != "typing" {}
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    hub.send(&[("to", "group:news"), ("ephemeral", "true")], "unseen").await;
    hub.send_to("group:news", "two").await;
    let mut stream = hub.resume(NEWS, &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["two"]);
}
