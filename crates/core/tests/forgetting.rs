//! What counts as lost: a gap is told for that, and for nothing else.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ssehub::{Audience, Event, History};
use support::{Tab, anyone, hub, send, send_event, within};

/// What a stream that resumes from an id is given, gaps too.
fn resumed(hub: &ssehub::Hub, id: &str) -> Vec<String> {
    let events = Tab::open(hub, anyone().last_event_id(id)).read_all();
    events.into_iter().skip(1).map(|event| if event.name == "hub:gap" { event.name } else { event.data }).collect()
}

#[test]
fn what_a_newer_event_says_to_everybody_is_not_lost_whatever_came_after_that() {
    let hub = hub(|hub| hub.history(History::default().events(3)));
    let seen = send(&hub, Audience::all(), "seen");
    let value = |data: &str| Event::message(data).key("k");
    send_event(&hub, Audience::all(), value("1"));
    send_event(&hub, Audience::all(), value("2"));
    send_event(&hub, Audience::all().except_user("bob"), value("3"));
    send(&hub, Audience::all(), "newest");
    assert_eq!(resumed(&hub, &seen), ["2", "3", "newest"]);
}

#[test]
fn what_is_lost_after_older_losses_were_known_is_told_all_the_same() {
    let hub = hub(|hub| hub.history(History::default().events(1)));
    let seen = send(&hub, Audience::all(), "seen");
    let value = |data: &str| Event::message(data).key("k");
    send_event(&hub, Audience::all(), value("1"));
    send(&hub, Audience::user("bob"), "lost to bob alone");
    send(&hub, Audience::user("bob"), "newest");
    let mut tab = Tab::open(&hub, anyone().user("alice").last_event_id(&seen));
    send_event(&hub, Audience::all().except_user("alice"), value("2"));
    let events = tab.read_all();
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("hub:gap"), "{events:?}");
}

#[test]
fn without_history_nothing_is_replayed_whatever_the_id() {
    let hub = hub(|hub| hub.history(History::none()));
    let id = send(&hub, Audience::all(), "sent before");
    for requested in ["garbage", "1-0-another", &format!("9{id}")] {
        assert_eq!(resumed(&hub, requested), ["hub:gap"], "{requested}");
    }
}

#[test]
fn who_has_left_a_group_is_told_that_compaction_took_what_was_its_own() {
    let hub = hub(|hub| hub.history(History::default().events(3)));
    let mut tab = Tab::open(&hub, anyone().group("g"));
    let id = tab.id.clone();
    let value = |data: &str| Event::message(data).key("k");
    send_event(&hub, Audience::group("g"), value("1"));
    within("leaving", hub.leave(&id, "g")).unwrap();
    send_event(&hub, Audience::group("g"), value("2"));
    for n in 0..10 {
        send(&hub, Audience::user("bob"), &n.to_string());
    }
    let names: Vec<_> = tab.read_all().into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["hub:connected", "hub:gap"], "the newer value is for who is in the group");
}

#[test]
fn who_stays_in_a_group_misses_nothing_when_compaction_takes_old_values() {
    let hub = hub(|hub| hub.history(History::default().events(3)));
    let mut tab = Tab::open(&hub, anyone().group("g"));
    for n in 0..10 {
        send_event(&hub, Audience::group("g"), Event::message(n.to_string()).key("k"));
    }
    assert_eq!(tab.data(), ["9"]);
}
