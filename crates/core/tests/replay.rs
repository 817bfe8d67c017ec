//! Replay: a client that comes back goes on with exactly the next event of its audience, or is told that it may not.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use ssehub::{Audience, ConnectRequest, History, Hub};
use support::{Tab, anyone, hub, send};

/// The reason of the gap a stream begins with, if it has one.
fn gap(tab: &mut Tab) -> Option<String> {
    let events = tab.read_all();
    assert_eq!(events[0].name, "hub:connected");
    let gap = events.iter().find(|event| event.name == "hub:gap")?;
    assert_eq!(events[1], *gap, "a gap is the first thing a client gets");
    let data: serde_json::Value = serde_json::from_str(&gap.data).expect("a gap is JSON");
    Some(data["reason"].as_str().expect("a gap has a reason").to_owned())
}

#[test]
fn a_stream_opens_with_retry_and_a_cursor_that_loses_nothing() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    let opening = tab.read_all();
    assert_eq!((opening[0].name.as_str(), tab.retry.as_deref()), ("hub:connected", Some("3000")));
    let cursor = tab.last_event_id.clone();
    assert_eq!(opening[0].id.as_ref(), Some(&cursor));
    tab.cut();
    send(&hub, Audience::all(), "while away");
    let mut back = Tab::open(&hub, anyone().last_event_id(&cursor));
    assert_eq!(back.data(), ["while away"]);
}

#[test]
fn a_client_that_resumes_gets_the_next_event_of_its_audience_and_no_other() {
    let hub = Hub::new();
    let alice = || ConnectRequest::new().user("alice").group("g");
    let first = send(&hub, Audience::user("alice"), "1");
    send(&hub, Audience::user("bob"), "not hers");
    send(&hub, Audience::group("g").or_user("alice"), "2");
    send(&hub, Audience::all().except_user("alice"), "not hers either");
    send(&hub, Audience::all(), "3");
    let mut tab = Tab::open(&hub, alice().last_event_id(&first));
    assert_eq!(tab.data(), ["2", "3"]);
    send(&hub, Audience::user("alice"), "4");
    assert_eq!(tab.data(), ["4"]);
    let mut back = Tab::open(&hub, alice().last_event_id(&tab.last_event_id));
    assert_eq!(gap(&mut back), None);
}

#[test]
fn only_trimmed_events_of_this_audience_are_a_gap() {
    let hub = hub(|hub| hub.history(History::default().events(10)));
    let cursor = send(&hub, Audience::user("alice"), "seen");
    for n in 0..50 {
        send(&hub, Audience::user("bob"), &n.to_string());
    }
    let alice = || ConnectRequest::new().user("alice").last_event_id(&cursor);
    assert_eq!(gap(&mut Tab::open(&hub, alice())), None);
    for n in 0..11 {
        send(&hub, Audience::user("alice"), &n.to_string());
    }
    let mut tab = Tab::open(&hub, alice());
    let events = tab.read_all();
    assert_eq!(events[1].name, "hub:gap");
    let data: Vec<&str> = events[2..].iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    let after_gap = events[1].id.as_deref().expect("a gap tells where the stream goes on");
    let mut again = Tab::open(&hub, ConnectRequest::new().user("alice").last_event_id(after_gap));
    assert_eq!(gap(&mut again), None, "a gap is told once");
}

#[test]
fn ids_that_prove_nothing_are_a_gap_and_everything_retained_follows() {
    let hub = Hub::new();
    let id = send(&hub, Audience::all(), "kept");
    let (position, log) = id.rsplit_once('-').unwrap();
    let cases = [
        ("garbage", "malformed"),
        ("1-2", "malformed"),
        (&format!("{position}-other"), "unknown-log"),
        (&format!("99999999999999-0-{log}"), "future"),
        (&format!("0-0-{log}"), "trimmed"),
    ];
    for (requested, reason) in cases {
        let mut tab = Tab::open(&hub, anyone().last_event_id(requested));
        let events = tab.read_all();
        let data: serde_json::Value = serde_json::from_str(&events[1].data).unwrap();
        assert_eq!(data, serde_json::json!({ "requested": requested, "reason": reason }));
        assert_eq!(events[2].data, "kept", "{requested}");
    }
}

#[test]
fn without_history_only_who_missed_something_is_told() {
    let hub = hub(|hub| hub.history(History::none()));
    let mut tab = Tab::open(&hub, ConnectRequest::new().user("alice"));
    send(&hub, Audience::user("alice"), "live");
    assert_eq!(tab.data(), ["live"]);
    let cursor = tab.last_event_id.clone();
    tab.cut();
    send(&hub, Audience::user("bob"), "not hers");
    let alice = || ConnectRequest::new().user("alice").last_event_id(&cursor);
    assert_eq!(gap(&mut Tab::open(&hub, alice())), None);
    send(&hub, Audience::user("alice"), "lost");
    let mut back = Tab::open(&hub, alice());
    assert_eq!(gap(&mut back).as_deref(), Some("no-history"));
    assert_eq!(hub.stats().history_events, 0);
}

#[test]
fn a_reader_that_lagged_is_told_in_mid_stream_and_goes_on() {
    let hub = hub(|hub| hub.history(History::default().events(5)));
    let mut tab = Tab::open(&hub, anyone());
    tab.read_all();
    for n in 0..20 {
        send(&hub, Audience::all(), &n.to_string());
    }
    let events = tab.read_all();
    assert_eq!(events[0].name, "hub:gap");
    assert!(events[0].data.contains("lagged"), "{:?}", events[0]);
    let data: Vec<&str> = events[1..].iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, ["15", "16", "17", "18", "19"]);
    send(&hub, Audience::all(), "20");
    assert_eq!(tab.data(), ["20"]);
    assert_eq!(hub.stats().lagged, 1);
}

#[test]
fn an_event_over_the_limit_of_bytes_is_still_delivered() {
    let hub = hub(|hub| hub.history(History::default().bytes(100)));
    let mut tab = Tab::open(&hub, anyone());
    tab.read_all();
    let large = "x".repeat(5000);
    send(&hub, Audience::all(), &large);
    assert_eq!(tab.data(), [large]);
    assert_eq!(hub.stats().history_events, 1);
}
