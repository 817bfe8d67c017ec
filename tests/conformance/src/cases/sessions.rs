//! Sessions: a client that comes back within its window is the connection that it was, in the groups that it joined.

use serde_json::json;

use super::{disconnect::no_http2, gap::assert_gap_and_rest, refusals::assert_refused};
use crate::{
    client::Stream,
    http1::Read,
    playground::{Pair, Playground, events, query},
    subject::Subject,
    wait::{PATIENCE, within},
};

/// 128 random bits in base64, as a page would draw them.
pub(super) const SESSION: &str = "3q2-7wEjRWeJq83vASNFZw";

/// Alice, with a session.
pub(super) const ALICE: &[Pair<'_>] = &[("user", "alice"), ("session", SESSION)];

/// A window that no case outlives, and keep-alives by which every framework soon notices who is gone.
pub(super) const SESSIONS: &[&str] = &["--resume-window", "600", "--keep-alive", "0.2"];

/// The same, and nothing is written that nobody sends: who is gone is noticed when the framework can.
pub(super) const QUIET: &[&str] = &["--resume-window", "600", "--keep-alive", "3600"];

/// Loses a stream and waits until the hub knows that.
pub(super) async fn park(hub: &Playground, stream: Stream) {
    let parked = hub.stat("parked").await;
    stream.reset();
    hub.until_stat("parked", parked + 1).await;
}

/// Asserts that the hooks have seen one connection of a user come, and go for this reason, and nothing else of the user.
pub(super) async fn assert_one_life(hub: &Playground, user: &str, connection: &str, reason: &str) {
    hub.until_hook("disconnected", connection).await;
    let calls = hub.until_offline(user).await;
    let calls: Vec<_> = calls
        .iter()
        .map(|call| [&call["hook"], &call["connection"], &call["reason"]].map(|value| value.as_str().unwrap_or("")))
        .collect();
    let life = [
        ["user_online", "", ""],
        ["connected", connection, ""],
        ["disconnected", connection, reason],
        ["user_offline", "", ""],
    ];
    assert_eq!(calls, life, "the hooks of {user}");
}

/// How a client loses its stream.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Fin,
    Reset,
    /// Killed when it had read a part of an event.
    InMidEvent,
}

const LARGE: usize = 800_000;

/// Loses the stream; what was under way is to come again.
async fn lose(hub: &Playground, mut stream: Stream, way: Loss) {
    match way {
        Loss::Fin => stream.fin().await,
        Loss::Reset => stream.reset(),
        Loss::InMidEvent => {
            hub.send_to("group:news", &"x".repeat(LARGE)).await;
            let mut part = Vec::new();
            within(PATIENCE, "a part of the event", async {
                while part.is_empty() {
                    assert_eq!(stream.socket().read(&mut part).await, Read::More);
                }
            })
            .await;
            assert!(part.len() < LARGE);
            stream.reset();
        }
    }
}

/// However the stream is lost: the next one has its id and its groups, and begins with what was sent meanwhile.
pub async fn id_and_joined_groups_survive_every_loss(subject: Subject) {
    // Without keep-alives, a framework that does not notice the loss by itself believes in the old transport.
    let hub = subject.start(QUIET).await;
    let request = events(ALICE).receive_buffer(16_384);
    let mut stream = hub.open_by(&request).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    for way in [Loss::Fin, Loss::Reset, Loss::InMidEvent, Loss::Reset] {
        hub.send_to("group:news", "live").await;
        assert_eq!(hub.texts_seen_by(&mut stream).await, ["live"], "before {way:?}");
        let cursor = stream.last_event_id().to_owned();
        lose(&hub, stream, way).await;
        for to in ["group:news", "user:alice", &format!("connection:{id}"), "user:bob", "group:sport", "all"] {
            hub.send_to(to, to).await;
        }
        stream = hub.open_by(&request.clone().header("last-event-id", cursor)).await;
        assert_eq!(stream.connection(), id, "after {way:?}");
        assert_eq!(hub.connection(&id).await["groups"], json!(["news"]));
        let mut seen = hub.texts_seen_by(&mut stream).await;
        if matches!(way, Loss::InMidEvent) {
            assert_eq!(seen.remove(0).len(), LARGE, "the whole event comes again");
        }
        assert_eq!(seen, ["group:news", "user:alice", &format!("connection:{id}"), "all"], "after {way:?}");
    }
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id, "disconnected").await;
}

/// The same over HTTP/2, where the loss may be that of one stream, and between the versions.
pub async fn a_session_survives_over_http2_where_it_is_spoken(subject: Subject) {
    if subject.can().http2_fin.is_none() {
        return no_http2(subject).await;
    }
    let hub = subject.start(QUIET).await;
    let open = async |cursor: &str| {
        let target = format!("/events{}", query(&[ALICE, &[("lastEventId", cursor)]].concat()));
        Stream::open_http2(hub.address(), &target).await.expect("HTTP/2 is spoken")
    };
    let mut stream = open("").await;
    let id = stream.connection();
    hub.join("news", &id).await;
    for round in 0..4 {
        let cursor = stream.last_event_id().to_owned();
        match round {
            0 => drop(stream),
            // This one came over HTTP/1.1.
            2 => stream.reset(),
            _ => stream.cancel(),
        }
        hub.send_to("group:news", &round.to_string()).await;
        stream = if round == 1 { hub.resume(ALICE, &cursor).await } else { open(&cursor).await };
        assert_eq!(stream.connection(), id, "round {round}");
        assert_eq!(hub.texts_seen_by(&mut stream).await, [round.to_string()]);
    }
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id, "disconnected").await;
}

/// While the window is open, presence, counts and hooks do not move, however often the client is lost.
pub async fn nobody_sees_a_client_that_is_away_for_a_moment(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let mut stream = hub.open(ALICE).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    for _ in 0..3 {
        assert_unmoved(&hub, &id, 0).await;
        let cursor = stream.last_event_id().to_owned();
        park(&hub, stream).await;
        assert_unmoved(&hub, &id, 1).await;
        stream = hub.resume(ALICE, &cursor).await;
    }
    assert_unmoved(&hub, &id, 0).await;
    assert_eq!(hub.disconnect("user:alice").await, 1);
    assert_one_life(&hub, "alice", &id, "disconnected").await;
}

/// Asserts that there is alice with one connection, in one group, and so many that are away.
pub(super) async fn assert_unmoved(hub: &Playground, id: &str, parked: u64) {
    for (name, value) in [("parked", parked), ("connections", 1), ("users", 1), ("groups", 1)] {
        assert_eq!(hub.stat(name).await, value, "{name}");
    }
    assert_eq!(hub.presence("alice").await, (true, 1));
    let shown = json!({ "connection": id, "user": "alice", "groups": ["news"] });
    assert_eq!(hub.connection(id).await, shown);
}

/// A connection without a session ends with its transport, window or not.
pub async fn who_names_no_session_has_none(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let stream = hub.open(&[("user", "alice")]).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    stream.reset();
    assert_one_life(&hub, "alice", &id, "gone").await;
    let stream = hub.open(&[("user", "alice")]).await;
    assert_ne!(stream.connection(), id);
    assert_eq!(hub.connection(&stream.connection()).await["groups"], json!([]));
}

/// What a request is let into holds for that request: the next one has what it joined, and what it may see itself.
pub async fn the_groups_of_a_request_are_not_inherited(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let request: &[Pair<'_>] = &[ALICE, &[("group", "board"), ("group", "news")]].concat();
    for is_noticed in [true, false] {
        let mut stream = hub.open(request).await;
        let id = stream.connection();
        // This one it is in by both ways.
        hub.join("news", &id).await;
        hub.join("sport", &id).await;
        hub.send_to("group:board", "of the board").await;
        assert_eq!(hub.texts_seen_by(&mut stream).await, ["of the board"]);
        let cursor = stream.last_event_id().to_owned();
        let mut old = None;
        if is_noticed {
            park(&hub, stream).await
        } else {
            old = Some(stream)
        }
        for group in ["group:board", "group:news", "group:sport"] {
            hub.send_to(group, group).await;
        }
        let mut stream = hub.resume(ALICE, &cursor).await;
        assert_eq!(stream.connection(), id);
        assert_eq!(hub.connection(&id).await["groups"], json!(["news", "sport"]));
        hub.send_to("group:board", "a secret of the board").await;
        assert_eq!(hub.texts_seen_by(&mut stream).await, ["group:news", "group:sport"]);

        // Who is let in again gets what it missed.
        let cursor = stream.last_event_id().to_owned();
        stream.reset();
        hub.send_to("group:board", "for the board").await;
        let mut stream = hub.resume(request, &cursor).await;
        assert_eq!(hub.connection(&id).await["groups"], json!(["board", "news", "sport"]));
        assert_eq!(hub.texts_seen_by(&mut stream).await, ["for the board"]);
        assert_eq!(hub.disconnect("user:alice").await, 1);
        drop(old);
        hub.until_stat("connections", 0).await;
    }
}

/// A stolen name opens nothing: to another user, or to nobody, it is any new name.
pub async fn a_stranger_with_the_name_gets_nothing(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let mut alice = hub.open(ALICE).await;
    let id = alice.connection();
    hub.join("news", &id).await;
    let strangers: [&[Pair<'_>]; 3] =
        [&[("user", "bob"), ("session", SESSION)], &[("session", SESSION)], &[("user", ""), ("session", SESSION)]];
    let mut own = Vec::new();
    for is_away in [false, true] {
        let cursor = alice.last_event_id().to_owned();
        if is_away {
            park(&hub, alice).await;
            alice = hub.resume(&[("user", "alice")], &cursor).await;
            assert_ne!(alice.connection(), id, "without the name it is another connection");
        }
        for (number, parameters) in strangers.iter().enumerate() {
            let mut stranger = hub.resume(parameters, &cursor).await;
            let stranger_id = stranger.connection();
            assert_ne!(stranger_id, id, "{parameters:?}");
            assert_eq!(hub.connection(&stranger_id).await["groups"], json!([]));
            for to in ["group:news", "user:alice", &format!("connection:{id}")] {
                hub.send_to(to, "a secret").await;
            }
            assert_eq!(hub.texts_seen_by(&mut stranger).await, [""; 0], "{parameters:?}");
            match own.get(number) {
                None => own.push((stranger_id, stranger)),
                Some((own, _)) => assert_eq!(*own, stranger_id, "a stranger has a session of its own"),
            }
        }
        let expected = if is_away { vec!["a secret"; 3] } else { vec!["a secret"; 9] };
        assert_eq!(hub.texts_seen_by(&mut alice).await, expected, "alice is undisturbed");
        if is_away {
            let mut alice = hub.resume(ALICE, &cursor).await;
            assert_eq!(alice.connection(), id);
            assert_eq!(hub.texts_seen_by(&mut alice).await, ["a secret"; 9]);
        }
    }
}

/// Two users who happen to draw one name do not meet.
pub async fn two_users_with_one_name_have_two_sessions(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let users = ["alice", "bob"].map(|user| [("user", user), ("session", SESSION)]);
    let mut streams = Vec::new();
    for (user, group) in users.iter().zip(["a", "b"]) {
        let stream = hub.open(user).await;
        hub.join(group, &stream.connection()).await;
        streams.push(stream);
    }
    let ids = [streams[0].connection(), streams[1].connection()];
    assert_ne!(ids[0], ids[1]);
    let cursor = hub.send_to("all", "seen").await;
    for stream in streams {
        park(&hub, stream).await;
    }
    hub.send_to("group:a", "for a").await;
    hub.send_to("group:b", "for b").await;
    for ((user, id), text) in users.iter().zip(&ids).zip(["for a", "for b"]) {
        let mut stream = hub.resume(user, &cursor).await;
        assert_eq!(stream.connection(), *id);
        assert_eq!(hub.texts_seen_by(&mut stream).await, [text]);
    }
}

/// Without a window there are no sessions, and whatever a page names is ignored.
pub async fn without_a_window_names_are_ignored(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.2"]).await;
    for name in [SESSION, "short", "with a space in its middle", ""] {
        let request = [("user", "alice"), ("session", name)];
        let (one, two) = (hub.open(&request).await, hub.open(&request).await);
        let (id, other) = (one.connection(), two.connection());
        assert_ne!(id, other, "{name:?}");
        assert_eq!(hub.presence("alice").await, (true, 2));
        one.reset();
        two.reset();
        assert_eq!(hub.until_hook("disconnected", &id).await["reason"], "gone");
        assert_eq!(hub.until_hook("disconnected", &other).await["reason"], "gone");
        assert_eq!(hub.stat("parked").await, 0);
        assert_ne!(hub.open(&request).await.connection(), id);
        hub.until_stat("connections", 0).await;
    }
}

/// A name that could be guessed, or is none, is refused, and says what is allowed.
pub async fn a_name_that_is_none_is_refused(subject: Subject) {
    let hub = subject.start(SESSIONS).await;
    let (short, long) = ("x".repeat(21), "x".repeat(129));
    for name in [
        "",
        "x",
        &short,
        &long,
        "3q2-7wEjRWe Jq83vASNFZw",
        " 3q2-7wEjRWeJq83vASNFZw",
        "3q2-7wEjRWeJq83vASNFZw\t",
        "3q2-7wEjRWeJq83vASNFZw\0",
        "3q2-7wEjRWeJq83vASNFZw\r\n",
        "3q2-7wEjRWeJq83vASNFZw\u{7f}",
        "3q2-7wEjRWeJq83vASNFZwé",
        "€€€€€€€€€€",
    ] {
        let response = hub.request(events(&[("user", "alice"), ("session", name)])).await;
        assert_refused(&response, 400, &format!("{name:?}"));
        let error = response.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains("22") && error.contains("128"), "it says what is allowed: {error}");
    }
    let twice = hub.request(events(&[ALICE, &[("session", SESSION)]].concat())).await;
    assert_refused(&twice, 400, "two names");
    assert_eq!(hub.stat("connections").await, 0);

    let (least, most) = ("x".repeat(22), "x".repeat(128));
    let mut resumed = Vec::new();
    for name in ["!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &least, &most] {
        let request = [("user", "alice"), ("session", name)];
        let stream = hub.open(&request).await;
        let id = stream.connection();
        park(&hub, stream).await;
        let stream = hub.open(&request).await;
        assert_eq!(stream.connection(), id, "{name:?}");
        resumed.push(stream);
    }
}

/// A session promises nothing about history: what retention took from its groups since it joined is told.
pub async fn a_gap_is_told_when_a_session_resumes(subject: Subject) {
    let hub = subject.start(&[SESSIONS, &["--history-events", "5"]].concat()).await;
    let stream = hub.open(ALICE).await;
    let id = stream.connection();
    let cursor = hub.send_to("user:alice", "seen").await;
    for _ in 0..8 {
        hub.send_to("group:news", "before it joined").await;
    }
    hub.join("news", &id).await;
    park(&hub, stream).await;
    for number in 0..4 {
        hub.send_to("group:news", &number.to_string()).await;
    }
    let mut stream = hub.resume(ALICE, &cursor).await;
    assert_eq!(stream.connection(), id);
    for number in 0..4 {
        let event = stream.event("what was retained").await;
        assert_eq!(event.text(), number.to_string(), "what was trimmed before the join is no gap");
    }
    park(&hub, stream).await;
    for number in 4..9 {
        hub.send_to("group:news", &number.to_string()).await;
    }
    let stream = hub.resume(ALICE, &cursor).await;
    assert_eq!(stream.connection(), id);
    assert_gap_and_rest(&hub, stream, &cursor, &["4", "5", "6", "7", "8"]).await;
}

/// A stream that has lived long enough is come back to like any other; if nobody does, that is why it ended.
pub async fn a_session_outlives_the_lifetime_of_its_streams(subject: Subject) {
    let hub = subject.start(&["--resume-window", "2", "--max-lifetime", "1", "--keep-alive", "3600"]).await;
    let mut stream = hub.open(ALICE).await;
    let id = stream.connection();
    hub.join("news", &id).await;
    let (_, reason) = stream.closing().await;
    assert_eq!(reason, "max-lifetime");
    hub.send_to("group:news", "in between").await;
    let mut stream = hub.resume(ALICE, stream.last_event_id()).await;
    assert_eq!(stream.connection(), id);
    assert_eq!(stream.event("what came in between").await.text(), "in between");
    let (_, reason) = stream.closing().await;
    assert_eq!(reason, "max-lifetime");
    assert_one_life(&hub, "alice", &id, "max-lifetime").await;
}
