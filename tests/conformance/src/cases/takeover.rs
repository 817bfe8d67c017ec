//! The newest transport of a session wins, also over one that the server still believes in; and whatever becomes of that
//! one touches nothing.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{
    refusals::assert_refused,
    sessions::{ALICE, QUIET, SESSIONS, assert_one_life, assert_unmoved, park},
};
use crate::{
    capabilities::Notice,
    client::Stream,
    http1::{Ending, Request},
    playground::{Pair, Playground, events, query},
    subject::Subject,
    wait::{PATIENCE, until, within},
};

/// Far longer than a framework takes that notices at once.
const UNNOTICED: Duration = Duration::from_millis(500);

/// Asserts that the server says why it ends a stream that was taken over, and nothing else.
async fn assert_taken_over(mut old: Stream) {
    let (before, reason) = old.closing().await;
    assert_eq!(reason, "superseded");
    assert_eq!(before, []);
}

/// Two streams with one session: the first ends, the second is the connection, and gets what is sent, once.
pub async fn the_new_transport_wins(subject: Subject) {
    let hub = subject.start(QUIET).await;
    let mut old = hub.open(ALICE).await;
    let id = old.connection();
    hub.join("news", &id).await;
    for round in 0..5 {
        hub.send_to("group:news", "before").await;
        assert_eq!(hub.texts_seen_by(&mut old).await, ["before"], "round {round}");
        let mut new = hub.resume(ALICE, old.last_event_id()).await;
        assert_eq!(new.connection(), id);
        hub.send_to("group:news", "after").await;
        assert_eq!(hub.texts_seen_by(&mut new).await, ["after"], "round {round}");
        assert_taken_over(old).await;
        assert_unmoved(&hub, &id, 0).await;
        old = new;
    }
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id, "disconnected").await;
}

/// Where the server does not notice that a client is gone, the client's next stream is no less its own.
pub async fn a_loss_that_was_not_noticed_is_taken_over(subject: Subject) {
    let hub = subject.start(QUIET).await;
    let mut stream = hub.open(ALICE).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    for (way, notice) in [("RST", subject.can().reset), ("FIN", subject.can().fin), ("RST", subject.can().reset)] {
        let cursor = stream.last_event_id().to_owned();
        if way == "RST" {
            stream.reset();
        } else {
            stream.fin().await;
        }
        match notice {
            Notice::AtOnce => hub.until_stat("parked", 1).await,
            Notice::AtWrite(_) => {
                let start = Instant::now();
                while start.elapsed() < UNNOTICED {
                    assert_eq!(hub.stat("parked").await, 0, "a {way} was noticed: the table can be improved");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        stream = hub.resume(ALICE, &cursor).await;
        assert_eq!(stream.connection(), id, "after a {way}");
        hub.send_to("group:news", way).await;
        assert_eq!(hub.texts_seen_by(&mut stream).await, [way]);
        assert_unmoved(&hub, &id, 0).await;
    }
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id, "disconnected").await;
}

/// How a client leaves the transport that was taken from it.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    ReadsOn,
    Fin,
    Reset,
}

/// A transport that takes nothing does not hear that it was taken over until long after; then it touches nothing.
pub async fn the_late_clean_up_of_the_old_transport_touches_nothing(subject: Subject) {
    let hub = subject.start(QUIET).await;
    let request = events(ALICE).receive_buffer(4096);
    let mut old = hub.open_by(&request).await;
    let id = old.connection();
    hub.join("news", &id).await;
    for way in [Leaving::ReadsOn, Leaving::Fin, Leaving::Reset, Leaving::ReadsOn] {
        // 16 MB are more than any socket holds. The new stream wants none of it, and begins at the head.
        hub.publish(&format!("connection:{id}"), 256, 65_536).await;
        let descriptors = hub.process().descriptors();
        let mut new = hub.open_by(&request).await;
        assert_eq!(new.connection(), id, "{way:?}");
        match way {
            Leaving::ReadsOn => {
                old.forget_bytes();
                let (blocks, ending) = old.end("the end of a stream that was taken over").await;
                assert_eq!(ending, Ending::Finished);
                assert!(blocks.len() < 256, "it was not given everything: it does not read for anybody any more");
                drop(old);
            }
            Leaving::Fin => old.fin().await,
            Leaving::Reset => old.reset(),
        }
        until(PATIENCE, "the server to close the old socket", async || match hub.process().descriptors() {
            open if open <= descriptors => Ok(()),
            open => Err(open),
        })
        .await;
        hub.send_to("group:news", "live").await;
        assert_eq!(hub.texts_seen_by(&mut new).await, ["live"], "{way:?}");
        assert_unmoved(&hub, &id, 0).await;
        old = new;
    }
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id, "disconnected").await;
    hub.until_stat("connections", 0).await;
}

/// Over and over, while somebody publishes and no old transport is ever closed: each event once and in order.
pub async fn takeovers_lose_and_double_nothing(subject: Subject) {
    const EVENTS: usize = 200;
    const EACH: usize = 5;
    let hub = subject.start(QUIET).await;
    let mut stream = hub.open(ALICE).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    let mut seen = Vec::new();
    let mut old = JoinSet::new();
    tokio::join!(
        async {
            for number in 0..EVENTS {
                hub.send_to(["group:news", "user:alice", "all"][number % 3], &number.to_string()).await;
            }
        },
        async {
            while seen.len() < EVENTS {
                for _ in 0..EACH {
                    seen.push(stream.event("the next event").await.text().to_owned());
                }
                let next = hub.resume(ALICE, stream.last_event_id()).await;
                assert_eq!(next.connection(), id);
                let mut last = std::mem::replace(&mut stream, next);
                old.spawn(async move { last.end("the end of a stream that was taken over").await.1 });
            }
        }
    );
    assert_eq!(seen, (0..EVENTS).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(hub.texts_seen_by(&mut stream).await, [""; 0]);
    assert!(old.join_all().await.iter().all(|ending| *ending == Ending::Finished));
    assert_unmoved(&hub, &id, 0).await;
}

/// Whoever comes at the same time with one session, also with a new one: one stream goes on, and all others end.
pub async fn of_many_that_come_at_once_one_stays(subject: Subject) {
    const MANY: usize = 24;
    let hub = subject.start(QUIET).await;
    let mut id = None;
    for round in 0..8 {
        let mut opening = JoinSet::new();
        for _ in 0..MANY {
            let address = hub.address();
            opening.spawn(async move { Stream::try_open(address, &events(ALICE)).await });
        }
        let streams = within(PATIENCE, "every answer", opening.join_all()).await;
        hub.send_to("user:alice", "for the one").await;
        let mut reading = JoinSet::new();
        for stream in streams {
            let stream = stream.expect("the playground answers").expect("a stream is let in");
            reading.spawn(read_to_the_event(stream));
        }
        let read = within(PATIENCE, "every stream to end or to get the event", reading.join_all()).await;
        for (connection, _) in &read {
            // One that was over before it began may have told nothing.
            if let Some(connection) = connection {
                assert_eq!(id.get_or_insert_with(|| connection.clone()), connection, "round {round}");
            }
        }
        let mut winners: Vec<Stream> = read.into_iter().filter_map(|(_, winner)| winner).collect();
        assert_eq!(winners.len(), 1, "round {round}: so many got the event");
        assert_eq!(hub.presence("alice").await, (true, 1), "round {round}");
        assert_eq!(hub.stat("connections").await, 1, "round {round}");
        hub.send_to("user:alice", "the next").await;
        for winner in &mut winners {
            assert_eq!(winner.event("the next event").await.text(), "the next", "round {round}: each comes once");
        }
    }
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id.expect("a stream told its connection"), "disconnected").await;
}

/// Reads to the event; gives the connection that the stream told, and the stream if it got the event.
async fn read_to_the_event(mut stream: Stream) -> (Option<String>, Option<Stream>) {
    let mut connection = None;
    loop {
        match stream.next().await {
            Ok(block) if block.name() == "hub:connected" => {
                let data: serde_json::Value = serde_json::from_str(block.text()).expect("hub:connected carries JSON");
                connection = data["connection"].as_str().map(str::to_owned);
            }
            Ok(block) if block.name() == "message" && block.is_event() => return (connection, Some(stream)),
            Ok(_) => {}
            Err(ending) => {
                assert_eq!(ending, Ending::Finished);
                return (connection, None);
            }
        }
    }
}

/// HEAD and refused requests take nothing from whoever has the session, there or away.
pub async fn a_request_that_opens_nothing_takes_nothing_over(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let mut stream = hub.open(ALICE).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    ask_for_nothing(&hub).await;
    hub.send_to("group:news", "there").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["there"]);
    assert_unmoved(&hub, &id, 0).await;

    let cursor = stream.last_event_id().to_owned();
    park(&hub, stream).await;
    ask_for_nothing(&hub).await;
    assert_eq!(hub.stat("parked").await, 1);
    hub.send_to("group:news", "away").await;
    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["away"]);
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id, "disconnected").await;
}

async fn ask_for_nothing(hub: &Playground) {
    let target = format!("/events{}", query(ALICE));
    let head = hub.request(Request::new("HEAD", &target).header("accept", "text/event-stream")).await;
    assert_eq!(head.head.status, 200);
    assert_refused(&hub.request(Request::get(&target).header("accept", "text/html")).await, 406, "Accept");
    let long = "x".repeat(513);
    assert_refused(&hub.request(events(&[ALICE, &[("group", &long)]].concat())).await, 400, "a group's name");
}

/// Whoever has a session has a place already, at the limit of its user too.
pub async fn a_takeover_is_not_refused_at_the_limit_of_its_user(subject: Subject) {
    let hub = subject.start(&[SESSIONS, &["--max-connections-per-user", "1"]].concat()).await;
    let _alice = assert_takeover_at_the_limit(&hub, 429).await;
    let other: &[Pair<'_>] = &[("user", "alice"), ("session", "another-3q2-7wEjRWeJq83v")];
    assert_refused(&hub.request(events(other)).await, 429, "another session of alice");
}

/// And where the hub is full.
pub async fn a_full_hub_lets_a_session_resume(subject: Subject) {
    let hub = subject.start(&[SESSIONS, &["--max-connections", "1"]].concat()).await;
    let _alice = assert_takeover_at_the_limit(&hub, 503).await;
    assert_refused(&hub.request(events(&[("user", "bob")])).await, 503, "bob");
}

/// Returns the stream of alice that is open in the end.
async fn assert_takeover_at_the_limit(hub: &Playground, status: u16) -> Stream {
    let old = hub.open(ALICE).await;
    let id = old.connection();
    assert_refused(&hub.request(events(&[("user", "alice")])).await, status, "a connection without the session");
    let new = hub.open(ALICE).await;
    assert_eq!(new.connection(), id, "from one that is believed in");
    assert_taken_over(old).await;
    park(hub, new).await;
    let mut stream = hub.open(ALICE).await;
    assert_eq!(stream.connection(), id, "from one that is parked");
    hub.send_to("user:alice", "live").await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["live"]);
    stream
}
