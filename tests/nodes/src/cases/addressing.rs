//! Who gets an event that was sent on another node.

use ssehub_conformance::{client::Stream, playground::Pair as Parameter};

use crate::nodes::{Nodes, Pair};

/// The parameters of five streams, and the letters under which the rows name them. Every other one is on the second node.
const CAST: [(char, &[Parameter<'_>]); 5] = [
    ('a', &[("user", "alice"), ("group", "news"), ("group", "sport")]),
    ('b', &[("user", "bob"), ("group", "news")]),
    ('c', &[("user", "carol"), ("group", "sport")]),
    ('A', &[("user", "alice")]),
    ('n', &[]),
];

/// The query of `/send`, and who gets the event. `connection:b` stands for the id of `b`'s connection.
const ROWS: &[(&[Parameter<'_>], &str)] = &[
    (&[("to", "all")], "abcAn"),
    (&[("to", "user:alice")], "aA"),
    (&[("to", "user:bob"), ("to", "user:carol")], "bc"),
    (&[("to", "user:nobody")], ""),
    (&[("to", "group:news")], "ab"),
    (&[("to", "group:news"), ("to", "group:sport")], "abc"),
    (&[("to", "group:empty")], ""),
    (&[("to", "connection:n")], "n"),
    (&[("to", "connection:A"), ("to", "connection:b")], "bA"),
    // Reached by several topics of one audience, and yet once.
    (&[("to", "all"), ("to", "user:alice"), ("to", "group:news"), ("to", "connection:a")], "abcAn"),
    (&[("to", "all"), ("except", "connection:a")], "bcAn"),
    (&[("to", "all"), ("except", "user:alice")], "bcn"),
    (&[("to", "all"), ("except", "group:news")], "cAn"),
    (&[("to", "user:alice"), ("except", "connection:A")], "a"),
    (&[("to", "group:sport"), ("except", "group:news")], "c"),
    (&[("to", "user:alice"), ("except", "user:alice")], ""),
];

/// Puts the connection ids in the place of the letters.
fn address(row: &[Parameter<'_>], streams: &[Stream]) -> Vec<(&'static str, String)> {
    let target = |target: &str| match target.strip_prefix("connection:") {
        Some(letter) => {
            let at = CAST.iter().position(|(name, _)| letter.starts_with(*name)).expect("a letter of the cast");
            format!("connection:{}", streams[at].connection())
        }
        None => target.to_owned(),
    };
    row.iter().map(|(name, value)| (if *name == "to" { "to" } else { "except" }, target(value))).collect()
}

/// Every row of the table, sent on each node: who is on the other gets it as who is here.
pub async fn every_audience_reaches_whom_it_names_on_every_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut streams = Vec::new();
    for (number, (_, parameters)) in CAST.iter().enumerate() {
        streams.push([&a, &b][number % 2].open(parameters).await);
    }
    for (number, (row, _)) in ROWS.iter().enumerate() {
        let row = address(row, &streams);
        let row: Vec<Parameter<'_>> = row.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (node, name) in [(&a, "a"), (&b, "b")] {
            node.send(&row, format!("{number}{name}")).await;
        }
    }
    for ((name, _), stream) in CAST.iter().zip(&mut streams) {
        let reached = ROWS.iter().enumerate().filter(|(_, (_, reached))| reached.contains(*name));
        let expected: Vec<_> = reached.flat_map(|(number, _)| [format!("{number}a"), format!("{number}b")]).collect();
        assert_eq!(b.texts_seen_by(stream).await, expected, "the rows that reached {name}");
    }
}

/// An ephemeral event reaches who is connected to any node, in its place.
pub async fn an_ephemeral_event_reaches_every_node_in_its_place(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(&[]).await;
    let mut streams = [a.open(&[]).await, b.open(&[]).await];
    a.send_to("all", "one").await;
    b.send(&[("to", "all"), ("ephemeral", "true")], "typing").await;
    a.send(&[("to", "all"), ("ephemeral", "true")], "still typing").await;
    b.send_to("all", "two").await;
    for stream in &mut streams {
        assert_eq!(a.texts_seen_by(stream).await, ["one", "typing", "still typing", "two"]);
    }
}
