//! The wire: whatever an application passes comes out as exactly that, through a parser written by others and through a
//! strict one that takes no line the hub does not mean.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use proptest::prelude::*;
use sse_stream::{Sse, SseByteStream};
use ssehub::{ConnectRequest, Event, EventErrorKind, Hub, MAX_EVENT_NAME, RESPONSE_HEADERS, Topic};
use support::{Received, Tab, anyone, hub, now, send, send_event};

/// What a stream has brought up to its end, which the test brings about.
fn all_bytes(hub: &Hub, tab: Tab) -> Vec<Bytes> {
    now(hub.disconnect(Topic::All, "the end")).unwrap();
    now(tab.into_connection().collect())
}

/// The blocks of a stream as the foreign parser reads it in pieces of this many bytes.
fn foreign(writes: &[Bytes], piece: usize) -> Vec<Sse> {
    let stream = writes.concat();
    let pieces = stream.chunks(piece).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
    let blocks = SseByteStream::new(futures::stream::iter(pieces));
    now(blocks.try_collect()).expect("the foreign parser takes the stream")
}

/// What a browser makes of line breaks.
fn normalized(data: &str) -> String {
    data.replace("\r\n", "\n").replace('\r', "\n")
}

/// Sends some events and checks that both parsers see them, and nothing else.
fn check_round_trip(hub: &Hub, events: &[(Option<&str>, &str)], piece: usize) {
    let (mut strict, watched) = (Tab::open(hub, anyone()), Tab::open(hub, anyone()));
    let send = |(name, data): &(Option<&str>, &str)| {
        let event = name.map_or_else(|| Ok(Event::message(*data)), |name| Event::text(name, *data));
        send_event(hub, Topic::All, event.expect("the name is allowed"))
    };
    let ids: Vec<String> = events.iter().map(send).collect();
    let expected: Vec<_> = events
        .iter()
        .zip(ids)
        .map(|((name, data), id)| Received {
            id: Some(id),
            name: name.unwrap_or("message").to_owned(),
            data: normalized(data),
        })
        .collect();
    assert_eq!(strict.events(), expected);
    assert_eq!(strict.retry.as_deref(), Some("3000"));
    let blocks = foreign(&all_bytes(hub, watched), piece);
    let names: Vec<_> = [&blocks[0], &blocks[blocks.len() - 1]].map(|block| block.event.as_deref()).into();
    assert_eq!(names, [Some("hub:connected"), Some("hub:closing")]);
    let received = blocks[1..blocks.len() - 1].iter().map(|block| {
        assert_eq!(block.retry, None);
        let name = block.event.clone().unwrap_or_else(|| "message".to_owned());
        Received { id: block.id.clone(), name, data: block.data.clone().expect("every event has data") }
    });
    assert_eq!(received.collect::<Vec<_>>(), expected);
}

const HOSTILE: [&str; 20] = [
    "",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\r\r\n\n",
    "a\nb\rc\r\nd",
    "\n\nevent: forged\ndata: x\n\n",
    "x\r\rid: 7\rdata: forged\r\r",
    "id: 1-2-abc",
    ": comment",
    "data: x",
    "retry: 1",
    " leading and trailing ",
    "\0",
    "a\0b\n\0",
    "\u{feff}",
    "\u{feff}data: x\n\u{feff}",
    "\u{2028}\u{2029}\u{85}\u{b}\u{c}",
    "日本語 🦀 e\u{301}",
];

#[test]
fn no_data_forges_a_field_or_an_event() {
    for piece in [1, 3, usize::MAX] {
        let hub = Hub::new();
        check_round_trip(&hub, &HOSTILE.map(|data| (None, data)), piece);
        check_round_trip(&hub, &HOSTILE.map(|data| (Some("named"), data)), piece);
    }
}

#[test]
fn no_name_forges_a_field_and_bad_ones_are_errors() {
    let names = ["id: 7", "data", ":", " a ", "message", "ä\u{feff}", "Hub:x", "\u{85}\u{2028}", "\t"];
    check_round_trip(&Hub::new(), &names.map(|name| (Some(name), "x")), 1);
    let longest = "n".repeat(MAX_EVENT_NAME);
    check_round_trip(&Hub::new(), &[(Some(&longest), "")], 7);
    for (name, kind) in [
        ("", EventErrorKind::InvalidName),
        ("a\rdata: x", EventErrorKind::InvalidName),
        ("a\n", EventErrorKind::InvalidName),
        ("\0", EventErrorKind::InvalidName),
        ("hub:", EventErrorKind::ReservedName),
        (&format!("{longest}n"), EventErrorKind::NameTooLong),
    ] {
        assert_eq!(Event::text(name, "").unwrap_err().kind(), kind, "{name:?}");
        assert_eq!(Event::json(name, &1).unwrap_err().kind(), kind, "{name:?}");
    }
}

#[test]
fn ten_megabytes_of_every_kind_of_line_survive() {
    let hub = hub(|hub| hub.max_event_bytes(11 << 20));
    let unit = "some text\n\rmore\r\n: id: 7 äöü\n";
    let large = unit.repeat((10 << 20) / unit.len() + 1);
    let breaks = "\r".repeat(1 << 20);
    check_round_trip(&hub, &[(None, &large), (Some("breaks"), &breaks), (None, "after")], 64 << 10);
}

#[test]
fn keys_users_groups_reasons_and_ids_are_never_written_raw() {
    let hub = Hub::new();
    for text in HOSTILE {
        let request = ConnectRequest::new().user(text).group(text).last_event_id(text);
        let mut tab = Tab::open(&hub, request.clone());
        send_event(&hub, Topic::user(text), Event::message("x").key(text));
        send_event(&hub, Topic::group(text), Event::message("y").retract(text));
        now(hub.disconnect(Topic::user(text), text)).unwrap();
        let events = tab.read_all();
        let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        let expected = ["hub:connected", "hub:gap", "message", "message", "hub:closing"];
        assert_eq!(
            names,
            expected.into_iter().filter(|name| !text.is_empty() || *name != "hub:gap").collect::<Vec<_>>()
        );
        let json = |event: &Received| serde_json::from_str::<serde_json::Value>(&event.data).expect("it is JSON");
        assert_eq!(json(&events[events.len() - 1]), serde_json::json!({ "reason": text }));
        if !text.is_empty() {
            assert_eq!(json(&events[1]), serde_json::json!({ "requested": text, "reason": "malformed" }));
        }
    }
}

#[test]
fn what_a_client_gives_as_its_last_id_may_be_anything() {
    let hub = Hub::new();
    let kept = send(&hub, Topic::All, "kept");
    let (position, log) = kept.rsplit_once('-').unwrap();
    let odd = [
        format!("{position}-{log}-"),
        format!(" {kept}"),
        format!("{kept}\n"),
        format!("18446744073709551615-18446744073709551615-{log}"),
        format!("18446744073709551616-0-{log}"),
        format!("-1-0-{log}"),
        "0-0-0".to_owned(),
        "\0".repeat(1_000),
        "🦀".repeat(100_000),
    ];
    for id in odd {
        let bytes = id.as_bytes();
        let mut tab = Tab::open(&hub, ConnectRequest::from_http("GET", [], Some(bytes), Some("lastEventId=1")));
        let events = tab.read_all();
        assert_eq!(events[1].name, "hub:gap", "{id:?}");
        assert!(events[1].data.len() < 2_000, "what is given back is bounded");
        assert_eq!(events[2].data, "kept");
        let mut again = Tab::open(&hub, anyone().last_event_id(&tab.last_event_id));
        assert_eq!(again.read_all().len(), 1, "after that the client has an id that is good");
    }
    let query = ConnectRequest::from_http("GET", [], Some(b""), Some(&format!("a=b&lastEventId={kept}")));
    assert_eq!(Tab::open(&hub, query).read_all().len(), 1);
}

#[test]
fn an_events_retry_is_whole_milliseconds_before_its_data() {
    let hub = hub(|hub| hub.retry(Duration::from_millis(1_234)));
    let tab = Tab::open(&hub, anyone());
    for retry in [Duration::ZERO, Duration::from_micros(7_999), Duration::MAX] {
        send_event(&hub, Topic::All, Event::text("x", "y").unwrap().retry(retry));
    }
    let text = String::from_utf8(all_bytes(&hub, tab).concat()).unwrap();
    assert!(text.starts_with("retry: 1234\nid: "));
    for retry in ["0", "7", "18446744073709551615999"] {
        assert!(text.contains(&format!("\nevent: x\nretry: {retry}\ndata: y\n\n")), "{text}");
    }
}

#[test]
fn json_is_one_line() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    send_event(&hub, Topic::All, Event::json("j", &serde_json::json!({ "a\n\r": ["\0\u{2028}", null, 1.5] })).unwrap());
    assert_eq!(tab.data(), [r#"{"a\n\r":["\u0000"#.to_owned() + "\u{2028}" + r#"",null,1.5]}"#]);
}

#[test]
fn the_headers_are_what_every_response_needs() {
    let value = |name: &str| RESPONSE_HEADERS.iter().find(|header| header.0 == name).map(|header| header.1);
    assert_eq!(value("content-type"), Some("text/event-stream"));
    assert_eq!(value("cache-control"), Some("no-store, no-transform"));
    assert_eq!(value("x-accel-buffering"), Some("no"));
    assert!(RESPONSE_HEADERS.iter().all(|(name, _)| *name == name.to_lowercase()));
}

/// Text with many of the characters that mean something.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(&["\r", "\n", "\r\n", "\0", ":", " ", "id: 1", "data:", "event:", "\u{feff}"][..])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives_the_round_trip(
        events in prop::collection::vec((prop::option::of("[^\r\n\0]{1,60}"), text()), 0..8),
        piece in 1_usize..50,
    ) {
        prop_assume!(events.iter().flat_map(|(name, _)| name).all(|name| !name.starts_with("hub:")));
        let events: Vec<_> = events.iter().map(|(name, data)| (name.as_deref(), data.as_str())).collect();
        check_round_trip(&Hub::new(), &events, piece);
    }
}
