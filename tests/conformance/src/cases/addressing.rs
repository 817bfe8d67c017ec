//! Who gets an event: topics, unions and exceptions, live and in replay.

use crate::{
    client::Stream,
    playground::{Pair, Playground},
    subject::Subject,
};

/// Four strangers: their parameters, and the letters under which the rows name them.
const CAST: [(&str, &[Pair<'_>]); 4] = [
    ("a", &[("user", "alice"), ("group", "news"), ("group", "sport")]),
    ("b", &[("user", "bob"), ("group", "news")]),
    ("c", &[("user", "carol"), ("group", "sport")]),
    ("n", &[]),
];

/// Each row: the query of `/send`, and who gets the event.
///
/// `connection:a` stands for the id of `a`'s connection.
const ROWS: &[(&[Pair<'_>], &str)] = &[
    (&[("to", "all")], "abcn"),
    (&[("to", "user:alice")], "a"),
    (&[("to", "user:alice"), ("to", "user:carol")], "ac"),
    (&[("to", "user:nobody")], ""),
    (&[("to", "group:news")], "ab"),
    (&[("to", "group:news"), ("to", "group:sport")], "abc"),
    (&[("to", "group:empty")], ""),
    (&[("to", "connection:n")], "n"),
    (&[("to", "connection:n"), ("to", "connection:b")], "bn"),
    (&[("to", "user:alice"), ("to", "group:sport"), ("to", "connection:n")], "acn"),
    // Reached by several topics of one audience, and yet once.
    (
        &[("to", "all"), ("to", "user:alice"), ("to", "group:news"), ("to", "group:sport"), ("to", "connection:a")],
        "abcn",
    ),
    (&[("to", "user:alice"), ("to", "user:alice")], "a"),
    (&[("to", "all"), ("except", "connection:a")], "bcn"),
    (&[("to", "all"), ("except", "user:bob")], "acn"),
    (&[("to", "all"), ("except", "group:news")], "cn"),
    (&[("to", "group:sport"), ("except", "group:news")], "c"),
    (&[("to", "all"), ("except", "user:alice"), ("except", "group:sport"), ("except", "connection:b")], "n"),
    (&[("to", "user:alice"), ("except", "user:alice")], ""),
    (&[("to", "all"), ("except", "user:nobody"), ("except", "group:empty")], "abcn"),
];

async fn cast(hub: &Playground) -> Vec<Stream> {
    let mut streams = Vec::new();
    for (_, parameters) in CAST {
        streams.push(hub.open(parameters).await);
    }
    streams
}

/// Puts the connection ids in the place of the letters.
fn address<'a>(row: &[Pair<'a>], connections: &[String]) -> Vec<(&'a str, String)> {
    let target = |target: &str| match target.strip_prefix("connection:") {
        Some(letter) => {
            let place = CAST.iter().position(|(name, _)| *name == letter).expect("a letter of the cast");
            format!("connection:{}", connections[place])
        }
        None => target.to_owned(),
    };
    row.iter().map(|(name, value)| (*name, target(value))).collect()
}

async fn send_every_row(hub: &Playground, connections: &[String]) {
    for (number, (row, _)) in ROWS.iter().enumerate() {
        let row = address(row, connections);
        let row: Vec<Pair<'_>> = row.iter().map(|(name, value)| (*name, value.as_str())).collect();
        hub.send(&row, number.to_string()).await;
    }
}

/// The rows that reach the one called `name`, for which `counts` holds.
fn expected(name: &str, counts: impl Fn(&[Pair<'_>]) -> bool) -> Vec<String> {
    let rows = ROWS.iter().enumerate();
    rows.filter(|(_, (row, reached))| reached.contains(name) && counts(row))
        .map(|(number, _)| number.to_string())
        .collect()
}

/// Every row of the table, while everybody is connected.
pub async fn every_audience_reaches_whom_it_names_and_once(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut streams = cast(&hub).await;
    let connections: Vec<_> = streams.iter().map(Stream::connection).collect();
    send_every_row(&hub, &connections).await;
    for ((name, _), stream) in CAST.iter().zip(&mut streams) {
        assert_eq!(hub.texts_seen_by(stream).await, expected(name, |_| true), "the rows that reached {name}");
    }
}

/// The same table for clients that come back: topics and exceptions hold in replay as they do live.
///
/// A connection that comes back is a new one, so rows that name connections are left out.
pub async fn every_audience_holds_in_replay(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut left = Vec::new();
    for stream in cast(&hub).await {
        left.push((stream.connection(), stream.last_event_id().to_owned()));
        stream.reset();
    }
    let connections: Vec<_> = left.iter().map(|(connection, _)| connection.clone()).collect();
    send_every_row(&hub, &connections).await;
    let names_no_connection = |row: &[Pair<'_>]| row.iter().all(|(_, target)| !target.starts_with("connection:"));
    for ((name, parameters), (_, cursor)) in CAST.iter().zip(&left) {
        let mut stream = hub.resume(parameters, cursor).await;
        let mut seen = hub.texts_seen_by(&mut stream).await;
        seen.retain(|number| names_no_connection(ROWS[number.parse::<usize>().expect("a row's number")].0));
        assert_eq!(seen, expected(name, names_no_connection), "the rows that reached {name}");
    }
}

/// An event to a connection dies with it: whoever comes next has another connection.
pub async fn an_event_to_a_connection_is_for_no_later_one(subject: Subject) {
    let hub = subject.start(&[]).await;
    let stream = hub.open(&[("user", "alice")]).await;
    let (connection, cursor) = (stream.connection(), stream.last_event_id().to_owned());
    stream.reset();
    hub.send_to(&format!("connection:{connection}"), "for the old one").await;
    hub.send_to("user:alice", "for alice").await;
    let mut stream = hub.resume(&[("user", "alice")], &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, ["for alice"]);
}

/// An exception of a user that has several connections holds for all of them.
pub async fn an_excepted_user_is_excepted_on_every_connection(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut streams = [hub.open(&[("user", "alice")]).await, hub.open(&[("user", "alice"), ("group", "g")]).await];
    let mut bob = hub.open(&[("user", "bob"), ("group", "g")]).await;
    hub.send(&[("to", "all"), ("to", "group:g"), ("except", "user:alice")], "not for alice").await;
    for stream in &mut streams {
        assert_eq!(hub.texts_seen_by(stream).await, [""; 0]);
    }
    assert_eq!(hub.texts_seen_by(&mut bob).await, ["not for alice"]);
}
