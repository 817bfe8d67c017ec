//! Keys and state: conflation for who is behind, compaction by retention, snapshots, retracts, and what is ephemeral.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use ssehub::{Audience, ConnectRequest, Event, History, Hub, SendErrorKind, Topic};
use support::{Received, Tab, anyone, eventually, hub, now, send, send_event};

/// Sets a key of a topic; the data says both.
fn put(hub: &Hub, audience: impl Into<Audience>, key: &str, value: u32) -> String {
    send_event(hub, audience, Event::text("put", format!("{key}={value}")).unwrap().key(key))
}

fn retract(hub: &Hub, audience: impl Into<Audience>, key: &str) -> String {
    send_event(hub, audience, Event::text("retract", key).unwrap().retract(key))
}

fn group() -> Audience {
    Audience::group("g")
}

fn watcher() -> ConnectRequest {
    ConnectRequest::new().group("g").snapshot(true)
}

/// What a page has that applies every event it gets.
fn apply(page: &mut BTreeMap<String, String>, events: &[Received]) {
    for event in events {
        match (event.name.as_str(), event.data.split_once('=')) {
            ("put", Some((key, value))) => drop(page.insert(key.to_owned(), value.to_owned())),
            ("retract", _) => drop(page.remove(&event.data)),
            _ => {}
        }
    }
}

fn page(tab: &mut Tab) -> BTreeMap<String, String> {
    let mut page = BTreeMap::new();
    apply(&mut page, &tab.read_all());
    page
}

fn state<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn who_is_behind_gets_the_newest_of_each_key_and_everything_that_has_none() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone().group("g"));
    put(&hub, group(), "a", 1);
    assert_eq!(tab.data(), ["a=1"], "who keeps up gets them all");
    put(&hub, group(), "a", 2);
    send(&hub, group(), "no key");
    put(&hub, group(), "b", 1);
    put(&hub, group(), "a", 3);
    put(&hub, Topic::All, "a", 9);
    send(&hub, group(), "no key either");
    assert_eq!(tab.data(), ["no key", "b=1", "a=3", "a=9", "no key either"], "a key is its topic's own");
    let mut again = Tab::open(&hub, anyone().group("g").last_event_id(&tab.last_event_id));
    assert_eq!(again.events(), []);
}

#[test]
fn an_event_of_a_union_is_superseded_only_when_it_is_in_all_of_its_topics() {
    let hub = Hub::new();
    let mut both = Tab::open(&hub, anyone().groups(["g", "h"]));
    let mut one = Tab::open(&hub, anyone().group("h"));
    put(&hub, group().or_group("h"), "k", 1);
    put(&hub, group(), "k", 2);
    assert_eq!(one.data(), ["k=1"], "the newer one is not for it");
    put(&hub, Audience::group("h"), "k", 3);
    assert_eq!(both.data(), ["k=2", "k=3"]);
    assert_eq!(one.data(), ["k=3"]);
}

#[test]
fn what_others_have_read_together_is_not_handed_on_when_it_is_superseded_in_another_topic() {
    let hub = Hub::new();
    let begin = send(&hub, Audience::all(), "begin");
    let mut first = Tab::open(&hub, anyone());
    let _another = Tab::open(&hub, anyone());
    // So many that they are read as a block, which others share.
    send(&hub, Audience::all(), "some");
    put(&hub, group().or(Topic::All), "k", 1);
    (0..10).for_each(|_| drop(send(&hub, Audience::all(), "more")));
    put(&hub, Topic::All, "k", 2);
    assert_eq!(first.data()[..2], ["some", "k=1"], "it is still the newest in the group");
    put(&hub, group(), "k", 3);
    let mut later = Tab::open(&hub, anyone().last_event_id(&begin));
    assert_eq!(later.data()[..2], ["some", "more"]);
}

#[test]
fn who_is_excepted_from_the_newer_event_still_gets_the_older_one() {
    let hub = Hub::new();
    let mut alice = Tab::open(&hub, ConnectRequest::new().user("alice").group("g"));
    let mut bob = Tab::open(&hub, ConnectRequest::new().user("bob").group("g"));
    put(&hub, group(), "k", 1);
    put(&hub, group().except_user("alice"), "k", 2);
    assert_eq!(alice.data(), ["k=1"]);
    assert_eq!(bob.data().last().map(String::as_str), Some("k=2"));
    put(&hub, group(), "k", 3);
    assert_eq!((alice.data(), bob.data()), (vec!["k=3".to_owned()], vec!["k=3".to_owned()]));
}

#[test]
fn retention_by_count_bytes_or_age_never_drops_the_newest_of_a_key() {
    let histories = [
        (History::default().events(5), false),
        (History::default().bytes(2_000), false),
        (History::default().age(Duration::from_millis(30)), true),
    ];
    for (history, by_age) in histories {
        let hub = hub(|hub| hub.history(history.clone()));
        let cursor = put(&hub, group(), "a", 1);
        put(&hub, group(), "b", 1);
        put(&hub, group(), "a", 2);
        if by_age {
            eventually("the keyed events to be too old", || hub.stats().history_events == 0);
        } else {
            (0..50).for_each(|n| drop(send(&hub, Topic::All, &n.to_string())));
            assert!(hub.stats().history_events < 50);
        }
        assert_eq!(page(&mut Tab::open(&hub, watcher())), state([("a", "2"), ("b", "1")]), "{history:?}");
        // Who comes back to before all of that has missed nothing that a newer event does not say.
        let mut back = Tab::open(&hub, anyone().group("g").last_event_id(&cursor));
        let data = back.data();
        assert_eq!(data[..2], ["b=1", "a=2"], "{history:?}");
        assert_eq!(hub.stats().state_keys, 2);
    }
}

#[test]
fn a_snapshot_has_no_ids_and_the_cursor_comes_after_it() {
    let hub = Hub::new();
    put(&hub, group(), "a", 1);
    put(&hub, Topic::All, "b", 2);
    put(&hub, Audience::group("other"), "c", 3);
    put(&hub, group(), "a", 4);
    let newest = send(&hub, group(), "no state");
    let mut tab = Tab::open(&hub, watcher());
    let events = tab.read_all();
    let told: Vec<_> = events.iter().map(|event| (event.name.as_str(), event.id.as_deref())).collect();
    assert_eq!(told, [("hub:connected", None), ("put", None), ("put", None)]);
    assert_eq!((tab.last_event_id.as_str(), tab.cursors), (newest.as_str(), 1));
    assert_eq!(events[1..].iter().map(|event| event.data.as_str()).collect::<Vec<_>>(), ["b=2", "a=4"]);
    put(&hub, group(), "a", 5);
    assert_eq!(tab.data(), ["a=5"]);
    let mut resumed = Tab::open(&hub, watcher().last_event_id(&newest));
    assert_eq!(resumed.data(), ["a=5"], "who comes back with an id resumes instead");
}

#[test]
fn a_drop_in_the_middle_of_a_large_snapshot_gets_a_whole_one_again() {
    let hub = Hub::new();
    let value = "x".repeat(1_000);
    for n in 0..200 {
        let event = Event::message(format!("{n} {value}")).key(n.to_string());
        send_event(&hub, group(), event);
    }
    let mut tab = Tab::open(&hub, watcher());
    for _ in 0..3 {
        assert!(tab.read_one());
    }
    assert!(tab.take().len() < 100, "a snapshot of 200 KB is more than two batches");
    assert_eq!(tab.last_event_id, "", "its client would come back without an id");
    tab.cut();
    let mut again = Tab::open(&hub, watcher());
    assert!(again.read_one());
    send_event(&hub, group(), Event::message("newer").key("199"));
    send_event(&hub, group(), Event::message("new").key("200"));
    let data = again.data();
    let numbers: Vec<_> = data.iter().map(|data| data.split(' ').next().unwrap()).collect();
    let expected = (0..199).map(|n| n.to_string()).chain(["newer".to_owned(), "new".to_owned()]).collect::<Vec<_>>();
    assert_eq!(numbers, expected, "what changes meanwhile comes after it, once");
    assert_ne!(again.last_event_id, "");
}

#[test]
fn a_snapshot_of_a_group_that_is_joined_has_no_seam() {
    let hub = Hub::new();
    put(&hub, group(), "a", 1);
    put(&hub, group(), "b", 1);
    let mut tab = Tab::open(&hub, anyone());
    tab.events();
    send(&hub, Topic::All, "before");
    now(hub.join_with_snapshot(&tab.id, "g")).unwrap();
    put(&hub, group(), "a", 2);
    let mut data = tab.data();
    data.sort();
    assert_eq!(data, ["a=2", "b=1", "before"], "a=1 was superseded before it was read");
    now(hub.join_with_snapshot(&tab.id, "g")).unwrap();
    assert_eq!(tab.data(), ["b=1", "a=2"], "who is in already may ask again");
    now(hub.join_with_snapshot(&tab.id, "empty")).unwrap();
    assert_eq!(tab.data(), [""; 0]);
}

#[test]
fn a_join_without_snapshot_gets_none_although_an_earlier_one_had_asked() {
    let hub = Hub::new();
    put(&hub, group(), "a", 1);
    let mut tab = Tab::open(&hub, anyone());
    tab.events();
    now(hub.join_with_snapshot(&tab.id, "g")).unwrap();
    now(hub.leave(&tab.id, "g")).unwrap();
    now(hub.join(&tab.id, "g")).unwrap();
    assert_eq!(tab.data(), [""; 0]);
}

#[test]
fn a_snapshot_taken_while_others_send_ends_in_the_newest_state() {
    let hub = Hub::new();
    let sender = std::thread::spawn({
        let hub = hub.clone();
        move || (0..5_000).for_each(|n| drop(put(&hub, group(), &(n % 7).to_string(), n)))
    });
    let mut pages = Vec::new();
    while !sender.is_finished() && pages.len() < 100 {
        let mut tab = Tab::open(&hub, anyone());
        now(hub.join_with_snapshot(&tab.id, "g")).unwrap();
        tab.read_one();
        pages.push((tab, Tab::open(&hub, watcher())));
    }
    sender.join().unwrap();
    let expected = page(&mut Tab::open(&hub, watcher()));
    assert_eq!(expected.len(), 7);
    for (joined, connected) in &mut pages {
        assert_eq!(page(connected), expected);
        assert_eq!(page(joined), expected);
    }
}

#[test]
fn after_a_gap_a_stream_that_asked_for_snapshots_gets_one_in_mid_stream_too() {
    let hub = hub(|hub| hub.history(History::default().events(4)));
    let (mut with, mut without) = (Tab::open(&hub, watcher()), Tab::open(&hub, anyone().group("g")));
    with.events();
    without.events();
    put(&hub, group(), "a", 1);
    (0..10).for_each(|n| drop(send(&hub, group(), &n.to_string())));
    put(&hub, group(), "b", 2);
    let events = with.read_all();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["hub:gap", "put", "put", "message", "message", "message"]);
    assert!(events[1..3].iter().all(|event| event.id.is_none()), "a snapshot has no ids: {events:?}");
    let kept: Vec<_> = without.read_all().into_iter().map(|event| event.data).collect();
    assert_eq!(kept[1..], ["a=1", "7", "8", "9", "b=2"], "what is still there follows the gap");
}

#[test]
fn a_snapshot_after_a_gap_heals_a_key_that_was_retracted_twice_and_set_again() {
    let hub = hub(|hub| hub.history(History::default().events(4)));
    let cursor = put(&hub, group(), "other", 1);
    (0..10).for_each(|n| drop(send(&hub, group(), &n.to_string())));
    retract(&hub, group(), "k");
    retract(&hub, group(), "k");
    put(&hub, group(), "k", 7);
    let mut tab = Tab::open(&hub, watcher().last_event_id(&cursor));
    let events = tab.read_all();
    assert_eq!(events[1].name, "hub:gap");
    let mut page = BTreeMap::new();
    apply(&mut page, &events);
    assert_eq!(page, state([("k", "7"), ("other", "1")]), "{events:?}");
}

#[test]
fn a_snapshot_after_a_gap_loses_nothing_that_only_an_excepted_event_took_the_place_of() {
    let hub = hub(|hub| hub.history(History::default().events(4)));
    let cursor = send(&hub, Audience::nobody(), "seen");
    (0..10).for_each(|n| drop(send(&hub, group(), &n.to_string())));
    put(&hub, group(), "k", 1);
    put(&hub, group().except_user("alice"), "k", 2);
    let mut alice = Tab::open(&hub, watcher().user("alice").last_event_id(&cursor));
    let mut bob = Tab::open(&hub, watcher().user("bob").last_event_id(&cursor));
    assert_eq!(page(&mut alice), state([("k", "1")]));
    assert_eq!(page(&mut bob), state([("k", "2")]));
}

#[test]
fn a_retract_reaches_who_is_connected_and_who_comes_back_and_ends_the_key() {
    let hub = hub(|hub| hub.history(History::default().events(4)));
    let mut tab = Tab::open(&hub, watcher());
    let cursor = put(&hub, group(), "a", 1);
    put(&hub, group(), "b", 1);
    assert_eq!(tab.data().len(), 2);
    retract(&hub, group(), "a");
    assert_eq!(tab.data(), ["a"]);
    assert_eq!(page(&mut Tab::open(&hub, watcher())), state([("b", "1")]));
    let back = Tab::open(&hub, watcher().last_event_id(&cursor)).read_all();
    assert_eq!(back.iter().map(|event| event.data.as_str()).collect::<Vec<_>>()[1..], ["b=1", "a"]);
    assert_eq!(hub.stats().state_keys, 1);
    (0..10).for_each(|n| drop(send(&hub, Topic::All, &n.to_string())));
    assert_eq!(page(&mut Tab::open(&hub, watcher())), state([("b", "1")]), "also when the retract is trimmed");
    let mut late = Tab::open(&hub, watcher().last_event_id(&cursor));
    let events = late.read_all();
    assert_eq!(events[1].name, "hub:gap", "the retract it never saw is gone: {events:?}");
    put(&hub, group(), "a", 2);
    assert_eq!(page(&mut Tab::open(&hub, watcher())), state([("a", "2"), ("b", "1")]));
}

#[test]
fn the_state_is_bounded_by_keys_in_a_topic_and_by_bytes_in_all() {
    let hub = hub(|hub| hub.max_keys_per_topic(2).max_state_bytes(3_000));
    let mut tab = Tab::open(&hub, anyone().group("g"));
    tab.events();
    let kind = |audience: Audience, event: Event| now(hub.send(audience, event)).unwrap_err().kind();
    put(&hub, group(), "a", 1);
    put(&hub, group(), "b", 1);
    assert_eq!(kind(group(), Event::message("c").key("c")), SendErrorKind::TooManyKeys);
    assert_eq!(kind(group().or_group("h"), Event::message("c").key("c")), SendErrorKind::TooManyKeys);
    put(&hub, group(), "a", 2);
    put(&hub, Audience::group("h"), "c", 1);
    retract(&hub, group(), "a");
    put(&hub, group(), "c", 1);
    assert_eq!(kind(group(), Event::message("a").key("a")), SendErrorKind::TooManyKeys);
    let large = Event::message("x".repeat(2_500));
    assert_eq!(kind(Audience::groups(["x", "y"]), large.clone().key("c")), SendErrorKind::StateFull);
    send_event(&hub, Audience::group("x"), large.clone().key("c"));
    assert_eq!(kind(Audience::group("y"), large.clone().key("c")), SendErrorKind::StateFull);
    retract(&hub, Audience::group("x"), "c");
    send_event(&hub, Audience::group("y"), large.key("c"));
    assert_eq!(tab.data(), ["b=1", "a", "c=1"], "what was refused reached nobody");
    assert!(hub.stats().state_bytes <= 3_000 && hub.stats().state_keys == 4, "{:?}", hub.stats());
}

#[test]
fn an_ephemeral_event_reaches_who_is_connected_and_is_never_replayed() {
    let hub = Hub::new();
    let cursor = send(&hub, Topic::All, "seen");
    let mut here = Tab::open(&hub, anyone());
    send_event(&hub, Topic::All, Event::message("typing").ephemeral());
    let id = send(&hub, Topic::All, "kept");
    let mut back = Tab::open(&hub, anyone().last_event_id(&cursor));
    send_event(&hub, Topic::All, Event::message("typing more").ephemeral());
    assert_eq!(here.data(), ["typing", "kept", "typing more"]);
    assert_eq!(back.data(), ["kept", "typing more"]);
    let after = here.last_event_id.clone();
    assert_ne!(after, id, "an ephemeral event moves the cursor too");
    send(&hub, Topic::All, "next");
    assert_eq!(Tab::open(&hub, anyone().last_event_id(&after)).data(), ["next"]);
    assert_eq!(hub.stats().history_events, 3);
    let keyed = now(hub.send(Topic::All, Event::message("x").key("k").ephemeral())).unwrap_err();
    assert_eq!(keyed.kind(), SendErrorKind::EphemeralKey);
}

#[test]
fn a_reader_that_is_far_behind_misses_the_oldest_ephemeral_events_and_is_told_nothing() {
    let hub = hub(|hub| hub.history(History::default().events(100)));
    let mut tab = Tab::open(&hub, anyone());
    tab.events();
    send(&hub, Topic::All, "first");
    (0..5_000).for_each(|n| drop(send_event(&hub, Topic::All, Event::message(n.to_string()).ephemeral())));
    let events = tab.read_all();
    assert_eq!((events.len(), events[0].data.as_str()), (1 + 1_024, "first"));
    assert_eq!(events[events.len() - 1].data, "4999");
    let large = Event::message("x".repeat(1 << 20)).ephemeral();
    (0..20).for_each(|_| drop(send_event(&hub, Topic::All, large.clone())));
    assert!(tab.events().len() <= 8, "8 MiB of ephemeral events at most");
    assert_eq!(hub.stats().history_events, 1, "they take no room in the history");
}

#[test]
fn what_was_kept_for_a_connection_goes_with_it() {
    let hub = hub(|hub| hub);
    let mut tab = Tab::open(&hub, anyone());
    let keyed = |data: &str| Event::message(data).key("k");
    send_event(&hub, Topic::connection(&tab.id), keyed("1"));
    send_event(&hub, Topic::connection(&tab.id), keyed("2"));
    assert_eq!(hub.stats().state_keys, 1);
    assert_eq!(tab.data(), ["2"]);
    let id = tab.id.clone();
    tab.cut();
    assert_eq!((hub.stats().state_keys, hub.stats().state_bytes), (0, 0));
    // Nobody will ever come as that connection.
    send_event(&hub, Topic::connection(&id), keyed("3"));
    send_event(&hub, Topic::connection("nobody"), keyed("4"));
    assert_eq!((hub.stats().state_keys, hub.stats().state_bytes), (0, 0));
}
