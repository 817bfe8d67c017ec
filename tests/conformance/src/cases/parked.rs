//! A connection that is parked: its transport is gone, its window is open.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    refusals::assert_refused,
    sessions::{ALICE, SESSION, SESSIONS, assert_one_life, park},
};
use crate::{
    http1::{Client, Request},
    playground::{Pair, Playground, events},
    sse::Block,
    subject::Subject,
    wait::{PATIENCE, until},
};

/// It is in its topics like any other, and can be put into groups and taken out of them.
pub async fn a_parked_connection_is_addressed_joined_and_left(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let stream = hub.open(ALICE).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    hub.join("board", &id).await;
    let cursor = stream.last_event_id().to_owned();
    park(&hub, stream).await;

    hub.send_to("group:sport", "before the join").await;
    hub.join("sport", &id).await;
    hub.send_to("group:sport", "member").await;
    hub.send_to(&format!("connection:{id}"), "addressed").await;
    hub.send(&[("to", "user:alice"), ("except", &format!("connection:{id}"))], "excepted").await;
    hub.send(&[("to", "user:alice"), ("ephemeral", "true")], "ephemeral").await;
    hub.leave("board", &id).await;
    hub.send_to("group:board", "no member").await;
    hub.leave("news", &id).await;
    hub.send_to("group:news", "no member").await;
    hub.join("news", &id).await;
    hub.send_to("group:news", "member again").await;
    hub.join_user("fans", "alice").await;
    hub.send_to("group:fans", "member through its user").await;
    assert_eq!(hub.connection(&id).await["groups"], json!(["fans", "news", "sport"]));

    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_eq!(stream.connection(), id);
    assert_eq!(hub.connection(&id).await["groups"], json!(["fans", "news", "sport"]));
    let expected = ["member", "addressed", "member again", "member through its user"];
    assert_eq!(hub.texts_seen_by(&mut stream).await, expected);
    hub.leave("sport", &id).await;
    hub.send_to("group:sport", "no member any more").await;
    hub.send_to("group:news", "still a member").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["still a member"]);
}

async fn set(hub: &Playground, text: &str) {
    hub.send(&[("to", "group:news"), ("key", "AAPL")], text).await;
}

/// What came without an id, which is how a snapshot comes, and what came with one.
fn split(seen: &[Block]) -> (Vec<&str>, Vec<&str>) {
    let (with, without): (Vec<&Block>, Vec<&Block>) = seen.iter().partition(|event| event.id.is_some());
    (without.into_iter().map(Block::text).collect(), with.into_iter().map(Block::text).collect())
}

/// A join with a snapshot that came while the client was away brings it when the client is back, and once.
pub async fn a_snapshot_that_was_joined_for_while_away_comes_with_the_resume(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    set(&hub, "old").await;
    set(&hub, "latest").await;
    let stream = hub.open(ALICE).await;
    let id = stream.connection();
    let cursor = stream.last_event_id().to_owned();
    park(&hub, stream).await;
    hub.join_with_snapshot("news", &id).await;
    hub.send_to("group:news", "missed").await;

    let mut stream = hub.resume(ALICE, &cursor).await;
    let seen = hub.seen_by(&mut stream).await;
    assert_eq!(split(&seen), (vec!["latest"], vec!["missed"]));
    let cursor = stream.last_event_id().to_owned();
    park(&hub, stream).await;
    hub.send_to("group:news", "missed again").await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    let seen = hub.seen_by(&mut stream).await;
    assert_eq!(split(&seen), (vec![], vec!["missed again"]), "who has seen what came after it has seen the snapshot");
}

/// A snapshot has no id, so that nobody can tell whether a client that was lost had got it: it comes again.
pub async fn a_snapshot_that_may_have_been_lost_comes_again(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    set(&hub, "latest").await;
    let mut stream = hub.open(ALICE).await;
    let id = stream.connection();
    let cursor = stream.last_event_id().to_owned();
    hub.join_with_snapshot("news", &id).await;
    // It is on its way to a client that does not take it any more.
    assert_eq!(stream.event("the snapshot").await.text(), "latest");
    for round in 0..2 {
        park(&hub, stream).await;
        stream = hub.resume(ALICE, &cursor).await;
        assert_eq!(stream.connection(), id);
        let event = stream.event("the snapshot").await;
        assert_eq!((event.text(), event.id.as_deref()), ("latest", None), "round {round}");
    }
    hub.send_to("group:news", "live").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["live"]);
}

/// The same for a client that had stopped reading before it got to it.
pub async fn a_snapshot_that_was_never_read_comes_with_the_resume(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    set(&hub, "latest").await;
    let stream = hub.open_by(&events(ALICE).receive_buffer(4096)).await;
    let id = stream.connection();
    let cursor = stream.last_event_id().to_owned();
    // 16 MB are more than any socket holds.
    hub.publish(&format!("connection:{id}"), 256, 65_536).await;
    hub.join_with_snapshot("news", &id).await;
    hub.send_to("group:news", "missed").await;
    park(&hub, stream).await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    let seen = hub.seen_by(&mut stream).await;
    let (snapshot, missed) = split(&seen);
    assert_eq!((snapshot, missed.len(), missed.last()), (vec!["latest"], 256 + 1, Some(&"missed")));
}

/// A stream that asks for snapshots gets them of joined groups too: without an id, and after a gap.
pub async fn the_groups_of_a_session_are_in_its_snapshots(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let parameters: &[Pair<'_>] = &[ALICE, &[("snapshot", "true")]].concat();
    let stream = hub.open(parameters).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    set(&hub, "old").await;
    set(&hub, "latest").await;
    park(&hub, stream).await;

    let mut stream = hub.open(parameters).await;
    assert_eq!(stream.connection(), id);
    let seen = hub.seen_by(&mut stream).await;
    assert_eq!(split(&seen), (vec!["latest"], vec![]));
    let cursor = stream.last_event_id().to_owned();
    park(&hub, stream).await;

    hub.send_to("group:news", "missed").await;
    let mut stream = hub.resume(parameters, &cursor).await;
    let seen = hub.seen_by(&mut stream).await;
    assert_eq!(split(&seen), (vec![], vec!["missed"]), "who comes back with an id resumes");
    park(&hub, stream).await;

    let mut stream = hub.resume(parameters, "1-0-another").await;
    assert_eq!(stream.connection(), id);
    assert_eq!(stream.event("the gap").await.name(), "hub:gap");
    let event = stream.event("the snapshot").await;
    assert_eq!((event.text(), event.id.as_deref()), ("latest", None));
}

/// Looks until alice is offline; until `time` after `since` she must not be.
async fn assert_online_for(hub: &Playground, since: Instant, time: Duration) {
    until(PATIENCE, "the window to be over", async || {
        let presence = hub.presence("alice").await;
        assert!(presence == (true, 1) || since.elapsed() >= time, "after {:?} she was {presence:?}", since.elapsed());
        if presence == (false, 0) { Ok(()) } else { Err(presence) }
    })
    .await;
}

/// When nobody has come back the session is over: whoever comes then with its name is another connection.
pub async fn a_window_that_is_over_ends_the_session(subject: Subject) {
    let hub = subject.start(&["--resume-window", "0.7", "--keep-alive", "0.2"]).await;
    let mut stream = hub.open(ALICE).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    hub.send_to("group:news", "live").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["live"]);
    let cursor = stream.last_event_id().to_owned();
    let lost = Instant::now();
    stream.reset();
    hub.send_to("group:news", "in the window").await;
    assert_online_for(&hub, lost, Duration::from_millis(650)).await;
    assert_one_life(&hub, "alice", &id, "gone").await;
    for name in ["parked", "connections", "users", "groups"] {
        assert_eq!(hub.stat(name).await, 0, "{name}");
    }
    assert!(hub.connection(&id).await.is_null());

    hub.send_to("group:news", "after it").await;
    hub.send_to("user:alice", "her own").await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_ne!(stream.connection(), id);
    assert_eq!(hub.connection(&stream.connection()).await["groups"], json!([]));
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["her own"]);
}

/// A window begins with each loss: the one before ends nothing.
pub async fn every_loss_has_a_window_of_its_own(subject: Subject) {
    const WINDOW: Duration = Duration::from_millis(1500);
    let hub = subject.start(&["--resume-window", "1.5", "--keep-alive", "0.1"]).await;
    let stream = hub.open(ALICE).await;
    let id = stream.connection();
    let first = Instant::now();
    park(&hub, stream).await;
    let mut stream = hub.open(ALICE).await;
    assert_eq!(stream.connection(), id);
    // Keep-alives tell the time.
    while first.elapsed() < WINDOW * 2 / 3 {
        stream.block("a keep-alive").await;
    }
    let second = Instant::now();
    stream.reset();
    assert_online_for(&hub, second, WINDOW * 9 / 10).await;
    assert_one_life(&hub, "alice", &id, "gone").await;
}

/// It holds its place, but not against somebody who is there: the one that was lost first makes room.
pub async fn a_parked_connection_makes_room(subject: Subject) {
    for (option, parameters) in [
        ("--max-connections", &[("user", "bob")][..]),
        ("--max-connections-per-user", &[("user", "alice")]),
        ("--max-connections-per-user", &[("user", "alice"), ("session", "another-3q2-7wEjRWeJq83v")]),
    ] {
        let hub = subject.start(&[SESSIONS, &[option, "2"]].concat()).await;
        let first = hub.open(ALICE).await;
        let second = hub.open(&[("user", "alice"), ("session", "the-second-3q2-7wEjRWeJq83v")]).await;
        let ids = [first.connection(), second.connection()];
        park(&hub, first).await;
        park(&hub, second).await;
        let mut third = hub.open(parameters).await;
        assert_eq!(hub.until_hook("disconnected", &ids[0]).await["reason"], "gone");
        assert_eq!((hub.stat("parked").await, hub.stat("connections").await), (1, 2), "{option} {parameters:?}");
        let second = hub.open(&[("user", "alice"), ("session", "the-second-3q2-7wEjRWeJq83v")]).await;
        assert_eq!(second.connection(), ids[1], "the other is still there");
        let refused = hub.request(events(ALICE)).await;
        assert!([429, 503].contains(&refused.head.status), "what was lost is a new connection: {refused:?}");
        assert_eq!(hub.texts_seen_by(&mut third).await, [""; 0]);
    }
}

/// Nobody is driven out for somebody who is refused in the end.
pub async fn a_refused_request_drives_nobody_out(subject: Subject) {
    let options = &["--max-connections", "2", "--max-connections-per-user", "1"];
    let hub = subject.start(&[SESSIONS, options].concat()).await;
    let stream = hub.open(ALICE).await;
    let id = stream.connection();
    let _bob = hub.open(&[("user", "bob")]).await;
    park(&hub, stream).await;
    assert_refused(&hub.request(events(&[("user", "bob")])).await, 429, "a second connection of bob");
    assert_eq!(hub.stat("parked").await, 1);
    assert_eq!(hub.open(ALICE).await.connection(), id);
}

/// A session that was ended is none to come back to: who names it is somebody new, for whom a parked one makes room.
pub async fn a_parked_connection_makes_room_for_a_session_that_was_ended(subject: Subject) {
    let hub = subject.start(&[SESSIONS, &["--max-connections", "2"]].concat()).await;
    let deaf = hub.open_by(&events(ALICE).receive_buffer(4096)).await;
    let other = hub.open(&[("user", "bob"), ("session", SESSION)]).await;
    let ids = [deaf.connection(), other.connection()];
    park(&hub, other).await;
    // 16 MB are more than any socket holds: it does not hear of its end, and keeps its place.
    hub.publish("user:alice", 256, 65_536).await;
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_eq!(hub.stat("connections").await, 2);
    let stream = hub.open(ALICE).await;
    assert_ne!(stream.connection(), ids[0]);
    assert_eq!(hub.until_hook("disconnected", &ids[1]).await["reason"], "gone");
    deaf.reset();
    hub.until_stat("connections", 1).await;
}

/// Nobody reads them any more, so a shutdown has nothing to wait for.
pub async fn a_shutdown_does_not_wait_for_parked_connections(subject: Subject) {
    /// What the playground gives its streams: a hub that waited for parked ones would never be faster.
    const DEADLINE: Duration = Duration::from_secs(2);
    let mut took = Vec::new();
    // A loaded machine may be slow once.
    while took.len() < 3 {
        let mut hub = subject.start(SESSIONS).await;
        for number in 0..20 {
            let stream = hub.open(&[("user", "alice"), ("session", &format!("{number:022}"))]).await;
            stream.reset();
        }
        hub.until_stat("parked", 20).await;
        let mut stream = hub.open(&[("user", "bob"), ("session", SESSION)]).await;
        let start = Instant::now();
        hub.terminate();
        let (blocks, _) = stream.end("the end of the stream").await;
        assert_eq!(blocks.last().map(Block::name), Some("hub:closing"));
        assert_eq!(hub.exit(PATIENCE).await.code(), Some(0));
        took.push(start.elapsed());
        if took.last() < Some(&DEADLINE) {
            return;
        }
    }
    panic!("three shutdowns took {took:?}");
}

const MANY: usize = 5000;
const MOST: u64 = 100;
const MIB: u64 = 1 << 20;

/// Long names, so that a session that is kept is felt: 128 bytes of its own, and 500 of its user and its group.
fn one_of_many(number: usize) -> [(&'static str, String); 3] {
    [("session", format!("{number:0128}")), ("user", format!("{number:0500}")), ("group", format!("{number:0500}"))]
}

async fn open_and_lose(hub: &Playground, number: usize) {
    let parameters = one_of_many(number);
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    hub.open(&parameters).await.reset();
}

/// Thousands of sessions to which nobody comes back: there are never more of them than may be, the oldest go first,
/// and nothing stays of who is gone.
pub async fn sessions_that_are_given_up_are_bounded(subject: Subject) {
    /// What the allocator keeps for itself; the sessions of one part, if they were kept, would take more than 8 MiB.
    const SLACK: u64 = 6 * MIB;
    let hub = subject.start(&[SESSIONS, &["--max-parked", &MOST.to_string()]].concat()).await;
    let mut client = hub.client();
    let mut after = Vec::new();
    for part in [0..MANY / 2, MANY / 2..MANY] {
        for number in part {
            open_and_lose(&hub, number).await;
            if number % 50 == 0 {
                let parked = parked(&mut client).await;
                // One may be about to make room for another.
                assert!(parked <= MOST + 1, "{parked} are parked after {number}");
            }
        }
        hub.until_stat("connections", MOST).await;
        assert_eq!(hub.stat("parked").await, MOST);
        after.push(hub.process().resident_bytes());
    }
    let grown = after[1].saturating_sub(after[0]);
    println!("grown by {} KiB, from {} KiB", grown / 1024, after[0] / 1024);
    assert!(grown <= SLACK, "memory grew by {grown} bytes over {} sessions", MANY / 2);

    let stream = hub.open(ALICE).await;
    let id = stream.connection();
    stream.reset();
    hub.until_stat("connections", MOST).await;
    assert_eq!(hub.stat("parked").await, MOST);
    assert_eq!(hub.open(ALICE).await.connection(), id, "the newest is there");
}

async fn parked(client: &mut Client) -> u64 {
    let stats = client.request(&Request::get("/stats")).await.expect("the playground answers").json();
    stats["parked"].as_u64().expect("parked is a number")
}

/// When their windows are over, there are none.
pub async fn a_thousand_windows_end(subject: Subject) {
    let hub = subject.start(&["--resume-window", "1", "--keep-alive", "0.2"]).await;
    let hub = Arc::new(hub);
    let mut losing = JoinSet::new();
    for part in 0..8 {
        let hub = Arc::clone(&hub);
        losing.spawn(async move {
            for number in 0..125 {
                open_and_lose(&hub, part * 125 + number).await;
            }
        });
    }
    losing.join_all().await;
    for name in ["connections", "parked", "users", "groups"] {
        hub.until_stat(name, 0).await;
    }
}
