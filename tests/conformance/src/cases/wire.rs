//! Promise 10: no value that an application passes can forge a field or another event.

use crate::{client::Stream, foreign, playground::Playground, subject::Subject};

/// What an encoder gets wrong.
const VALUES: &[&str] = &[
    "",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\r\r",
    "\r\n\r\n",
    "\n\r",
    "\r\r\n\n",
    "a\nb",
    "a\rb",
    "a\r\nb",
    "a\n\nb",
    "a\r\n\r\nb",
    "trailing\n",
    "trailing\r",
    "trailing\r\n",
    "\nleading",
    " leading",
    "  leading",
    "\tleading",
    "\u{feff}bom",
    "\u{feff}",
    "nul\0inside",
    "\0",
    ":",
    ": comment",
    "data: x",
    "id: 1-0-forged",
    "x\nid: 1-0-forged",
    "x\rid: 1-0-forged\r\rdata: forged",
    "x\n\nevent: hub:gap\ndata: {}\n\n",
    "x\r\n\r\nretry: 1\r\n\r\n",
    "line\u{2028}paragraph\u{2029}next\u{85}vertical\u{b}form\u{c}",
    "größe 日本語 🦀",
    "{\"json\":\"a\\nb\"}",
];

/// Names that are no syntax either.
const EVENT_NAMES: &[&str] =
    &["message", "error", "open", "a b", "a:b", ":", "data", "größe", "🦀", "hub", "hubba:bubba", "trailing "];

/// What is received of a value: each line break is one LF.
fn received(value: &str) -> String {
    value.replace("\r\n", "\n").replace('\r', "\n")
}

/// What both parsers read of everything that the stream carried so far.
async fn assert_both_parsers_agree(stream: &Stream, piece: usize) {
    let own = crate::sse::Parser::default().push(stream.bytes()).expect("the stream is well-formed");
    let own: Vec<_> = own.into_iter().filter(|block| !block.is_comment()).collect();
    let foreign = foreign::parse(stream.bytes(), piece).await;
    assert_eq!(own.len(), foreign.len(), "both parsers see as many blocks");
    for (own, foreign) in own.iter().zip(foreign) {
        assert_eq!((&own.id, &own.event, own.retry), (&foreign.id, &foreign.event, foreign.retry));
        assert!(own.data == foreign.data, "the data of {:?} differs", own.id);
    }
}

async fn assert_round_trip(hub: &Playground, stream: &mut Stream, value: &str) {
    let id = hub.send(&[("to", "all"), ("event", "value")], value).await;
    let event = stream.event("the event").await;
    assert_eq!((event.name(), event.id.as_deref()), ("value", Some(id.as_str())));
    let expected = received(value);
    let told = |text: &str| text.chars().take(60).collect::<String>();
    assert!(event.text() == expected, "{:?} came as {:?}", told(value), told(event.text()));
}

/// Every odd value arrives as it is, as one event, in two parsers, live and in replay.
pub async fn every_value_arrives_as_one_event(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[]).await;
    let cursor = stream.last_event_id().to_owned();
    for value in VALUES {
        assert_round_trip(&hub, &mut stream, value).await;
    }
    assert_both_parsers_agree(&stream, 1).await;
    let mut replayed = hub.resume(&[], &cursor).await;
    let texts = hub.texts_seen_by(&mut replayed).await;
    assert_eq!(texts, VALUES.iter().map(|value| received(value)).collect::<Vec<_>>());
    assert_both_parsers_agree(&replayed, 7).await;
}

/// Every odd name arrives as it is, in two parsers.
pub async fn every_event_name_arrives_as_it_is(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[]).await;
    for name in EVENT_NAMES {
        hub.send(&[("to", "all"), ("event", name)], "x").await;
        assert_eq!(stream.event("the event").await.name(), *name);
    }
    hub.send_to("all", "x").await;
    assert_eq!(stream.event("the event").await.name(), "message");
    assert_both_parsers_agree(&stream, 1).await;
}

/// Keys are the hub's own affair: no key shows up on the wire.
pub async fn a_key_is_not_on_the_wire(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[]).await;
    for key in ["\n\ndata: forged\n\n", "\r", "\0", "", "k"] {
        hub.send(&[("to", "all"), ("key", key)], "keyed").await;
        assert_eq!(stream.event("the event").await.text(), "keyed");
    }
    assert!(!String::from_utf8_lossy(stream.bytes()).contains("forged"));
}

/// 10 MB in one line, and a million lines.
pub async fn large_values_arrive_whole(subject: Subject) {
    let hub = subject.start(&["--max-event-bytes", "20000000"]).await;
    let mut stream = hub.open(&[]).await;
    assert_round_trip(&hub, &mut stream, &"x".repeat(10_000_000)).await;
    assert_round_trip(&hub, &mut stream, &"\r\n".repeat(500_000)).await;
    assert_round_trip(&hub, &mut stream, &"größe\r".repeat(500_000)).await;
    assert_both_parsers_agree(&stream, 65_536).await;
}
