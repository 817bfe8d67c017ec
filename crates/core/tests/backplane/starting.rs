//! A node that starts: it lets streams in before it knows its log, and serves them as if it had always been there.

use std::time::Duration;

use ssehub::{Audience, Event, Hub, HubBuilder, Shutdown, Topic};

use crate::shared_log::{Line, SharedLog};
use crate::support::{Tab, anyone, begin_shutdown, eventually, hub, within};
use crate::{node, read, send};

/// A log with five entries, and the id of the third.
fn log_of_five() -> (SharedLog, String) {
    let log = SharedLog::new();
    let early = node(&log.line());
    let ids: Vec<_> = (1..=5).map(|n| send(&early, Topic::group("g"), &n.to_string()).to_string()).collect();
    (log, ids[2].clone())
}

/// A hub that has not heard of its log yet.
fn starting(log: &SharedLog, set: impl FnOnce(HubBuilder) -> HubBuilder) -> (Line, Hub) {
    let line = log.line();
    line.hold(true);
    let hub = hub(|hub| set(hub.backplane(line.clone())));
    (line, hub)
}

#[test]
fn who_comes_before_the_node_knows_its_log_is_served_as_if_it_did() {
    let (log, third) = log_of_five();
    let (line, hub) = starting(&log, |hub| hub);
    let mut fresh = Tab::open(&hub, anyone().group("g"));
    let mut back = Tab::open(&hub, anyone().group("g").last_event_id(&third));
    let mut stranger = Tab::open(&hub, anyone().group("g").last_event_id("1-0-another"));
    let mut snapshot = Tab::open(&hub, anyone().group("g").snapshot(true));
    for tab in [&mut fresh, &mut back, &mut stranger, &mut snapshot] {
        assert!(!tab.read_one(), "there is nothing to say yet");
    }
    line.hold(false);
    eventually("the hub to be ready", || hub.is_ready());
    let sixth = send(&hub, Topic::group("g"), "6").to_string();
    for (tab, expected) in [(&mut fresh, vec!["6"]), (&mut back, vec!["4", "5", "6"]), (&mut snapshot, vec!["6"])] {
        let mut events = Vec::new();
        eventually("the sixth event", || {
            events.extend(tab.read_all());
            tab.last_event_id == sixth
        });
        assert_eq!(events[0].name, "hub:connected");
        let data: Vec<_> = events[1..].iter().map(|event| event.data.as_str()).collect();
        assert_eq!(data, expected);
    }
    let gap = stranger.wait_for("hub:gap");
    assert!(gap[1].data.contains("unknown-log"), "{gap:?}");
    assert_eq!(read(&mut stranger, 6), ["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn what_is_sent_to_a_connection_that_waits_reaches_it() {
    let (log, _) = log_of_five();
    let (line, hub) = starting(&log, |hub| hub);
    let mut tab = Tab::open(&hub, anyone());
    eventually("the tail to be asked for", || line.tails() == 1);
    send(&hub, Topic::connection(&tab.id), "to you");
    line.hold(false);
    assert_eq!(read(&mut tab, 1), ["to you"]);
}

#[test]
fn what_is_sent_to_a_connection_while_its_node_catches_up_reaches_it_and_nothing_else_does() {
    let (log, _) = log_of_five();
    let line = log.line();
    line.cut(true);
    let hub = hub(|hub| hub.backplane(line.clone()));
    let mut tab = Tab::open(&hub, anyone().user("alice").group("g"));
    let other = node(&log.line());
    // All of this is there before the tail is asked for.
    send(&other, Topic::group("g"), "6");
    send(&other, Topic::connection(&tab.id), "to you");
    within("a send", other.send(Topic::connection(&tab.id), Event::message("passing").ephemeral())).unwrap();
    send(&other, Topic::user("alice"), "7");
    line.cut(false);
    eventually("the hub to be ready", || hub.is_ready());
    send(&other, Topic::group("g"), "8");
    assert_eq!(read(&mut tab, 3)[..], ["to you", "passing", "8"]);
}

#[test]
fn the_groups_of_a_user_and_the_place_where_they_were_joined_are_in_the_log() {
    let (log, third) = log_of_five();
    let early = node(&log.line());
    within("joining", early.join_user("alice", "g")).unwrap();
    let sixth = send(&early, Topic::group("g"), "6").to_string();
    let (line, hub) = starting(&log, |hub| hub);
    let mut tab = Tab::open(&hub, anyone().user("alice").last_event_id(&third));
    line.hold(false);
    assert_eq!(read(&mut tab, 1), ["6"], "what was sent before the join is not hers");
    within("leaving", early.leave_user("alice", "g")).unwrap();
    log.trim_to(0);
    let late = node(&log.line());
    let mut later = Tab::open(&late, anyone().user("alice").last_event_id(&sixth));
    within("joining", late.join_user("alice", "h")).unwrap();
    send(&late, Topic::group("g"), "7");
    send(&late, Topic::group("h"), "8");
    assert_eq!(read(&mut later, 1), ["8"]);
    log.trim_to(0);
    let last = node(&log.line());
    let mut tab = Tab::open(&last, anyone().user("alice"));
    send(&early, Topic::group("h"), "9");
    assert_eq!(read(&mut tab, 1), ["9"], "a membership outlives what retention takes");
}

#[test]
fn a_stream_that_waits_is_kept_alive_leaves_groups_and_is_ended() {
    let (log, _) = log_of_five();
    let (_line, hub) = starting(&log, |hub| hub.keep_alive(Duration::from_millis(20)));
    let mut tab = Tab::open(&hub, anyone().group("g"));
    within("leaving", hub.leave(&tab.id, "g")).unwrap();
    within("joining", hub.join_with_snapshot(&tab.id, "h")).unwrap();
    eventually("two keep-alives", || {
        tab.read_all();
        tab.comments >= 2
    });
    assert_eq!(within("ending it", hub.disconnect(Topic::connection(&tab.id), "enough")).unwrap(), 1);
    assert_eq!(tab.wait_for("hub:closing").len(), 1);
    let mut other = Tab::open(&hub, anyone());
    let shutdown = begin_shutdown(&hub, Shutdown::within(Duration::from_secs(9)));
    assert_eq!(other.wait_for("hub:closing").len(), 1);
    drop((tab, other));
    assert_eq!(shutdown.join().unwrap().remaining, 0);
}

#[test]
fn the_snapshot_of_a_stream_that_waited_is_whole_and_has_no_seam() {
    let log = SharedLog::new();
    let early = node(&log.line());
    let keyed = |data: &str, key: &str| Event::message(data).key(key);
    for (data, key) in [("a1", "a"), ("b1", "b"), ("a2", "a")] {
        within("a send", early.send(Topic::All, keyed(data, key))).unwrap();
    }
    let (line, hub) = starting(&log, |hub| hub);
    let mut tab = Tab::open(&hub, anyone().snapshot(true));
    assert!(!tab.read_one());
    line.hold(false);
    eventually("the hub to be ready", || hub.is_ready());
    // The tab has not been polled: these are behind where it begins.
    within("a send", hub.send(Topic::All, keyed("a3", "a"))).unwrap();
    send(&hub, Topic::All, "no key");
    eventually("both to come back", || hub.stats().published == 5);
    assert_eq!(read(&mut tab, 3), ["b1", "a3", "no key"]);
}

#[test]
fn the_newest_of_each_key_outlives_what_retention_takes_from_the_log() {
    let log = SharedLog::new();
    let early = node(&log.line());
    let keyed = |data: &str, key: &str| Event::message(data).key(key);
    let both = || Audience::group("g").or_group("h");
    let first = within("a send", early.send(both(), keyed("both", "a"))).unwrap();
    within("a send", early.send(Topic::group("g"), keyed("g alone", "a"))).unwrap();
    within("a send", early.send(Topic::group("g"), keyed("gone", "b"))).unwrap();
    within("a send", early.send(Topic::group("g"), Event::message("ended").retract("b"))).unwrap();
    log.trim_to(0);
    let late = node(&log.line());
    assert_eq!(late.stats().state_keys, 2);
    let snapshot = |group: &str| {
        let mut tab = Tab::open(&late, anyone().group(group).snapshot(true));
        tab.data()
    };
    assert_eq!(snapshot("g"), ["g alone"]);
    assert_eq!(snapshot("h"), ["both"]);
    let mut both = Tab::open(&late, anyone().group("g").group("h").snapshot(true));
    assert_eq!(both.data(), ["both", "g alone"]);
    let mut back = Tab::open(&late, anyone().group("h").last_event_id(&both.last_event_id));
    assert_eq!(back.data(), [""; 0], "it is seen");
    let mut behind = Tab::open(&late, anyone().group("g").group("h").last_event_id(&first.to_string()));
    let events = behind.wait_for("hub:gap");
    assert!(events[1].data.contains("trimmed"), "{events:?}");
    assert_eq!(events[1].id, Some(first.to_string()), "it goes on before what comes");
    assert_eq!(behind.data(), ["g alone"], "after a gap comes what is still there and was not seen");
}

#[test]
fn a_node_that_was_cut_off_past_retention_tells_a_gap_and_takes_the_state_in_anew() {
    let log = SharedLog::new();
    let (line, other) = (log.line(), node(&log.line()));
    let hub = node(&line);
    let mut tab = Tab::open(&hub, anyone().group("g"));
    let keyed = |data: &str, key: &str| Event::message(data).key(key);
    within("a send", other.send(Topic::group("g"), keyed("seen", "a"))).unwrap();
    assert_eq!(read(&mut tab, 1), ["seen"]);
    line.cut(true);
    eventually("the hub to notice", || !hub.is_ready());
    within("a send", other.send(Topic::group("g"), keyed("unseen", "b"))).unwrap();
    send(&other, Topic::group("g"), "lost");
    log.trim_to(0);
    line.cut(false);
    let gap = tab.wait_for("hub:gap");
    assert!(gap[0].data.contains("lagged"), "{gap:?}");
    send(&other, Topic::group("g"), "news");
    assert_eq!(read(&mut tab, 2), ["unseen", "news"], "what was seen does not come again");
    assert_eq!(hub.stats().state_keys, 2);
}
