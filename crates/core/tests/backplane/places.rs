//! What ids mean when the log forgets, is another one, or was heard of elsewhere first.

use ssehub::{Event, EventId, Topic};

use crate::shared_log::SharedLog;
use crate::support::{Tab, anyone, eventually, within};
use crate::{node, read, send};

/// The reason of the gap that comes next.
fn gap(tab: &mut Tab) -> String {
    let events = tab.wait_for("hub:gap");
    let data: serde_json::Value = serde_json::from_str(&events[events.len() - 1].data).expect("a gap is JSON");
    data["reason"].as_str().expect("a gap has a reason").to_owned()
}

#[test]
fn when_the_log_is_another_one_everybody_is_told_once_and_goes_on() {
    let log = SharedLog::new();
    let line = log.line();
    let hub = node(&line);
    let mut tab = Tab::open(&hub, anyone());
    send(&hub, Topic::All, "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    let before = tab.last_event_id.clone();
    log.wipe(30_000);
    assert_eq!(gap(&mut tab), "unknown-log");
    let after = send(&hub, Topic::All, "2");
    assert_eq!(read(&mut tab, 1), ["2"]);
    assert_eq!(tab.last_event_id, after.to_string());
    let mut back = Tab::open(&hub, anyone().last_event_id(&before));
    assert_eq!(gap(&mut back), "unknown-log");
    assert_eq!(back.data(), ["2"]);
    assert_eq!(Tab::open(&hub, anyone().last_event_id(&tab.last_event_id)).read_all().len(), 1);
    assert_eq!(hub.stats().lagged, 1);
}

#[test]
fn what_was_trimmed_while_this_node_was_away_is_a_gap_for_who_may_have_needed_it() {
    let log = SharedLog::new();
    let line = log.line();
    let (hub, other) = (node(&line), node(&log.line()));
    let mut tab = Tab::open(&hub, anyone());
    send(&other, Topic::All, "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    let before = tab.last_event_id.clone();
    line.cut(true);
    for n in 2..10 {
        send(&other, Topic::All, &n.to_string());
    }
    log.trim_to(2);
    line.cut(false);
    assert_eq!(gap(&mut tab), "lagged");
    assert_eq!(read(&mut tab, 2), ["8", "9"]);
    let mut back = Tab::open(&hub, anyone().last_event_id(&before));
    assert_eq!(gap(&mut back), "trimmed");
    assert_eq!(back.data(), ["8", "9"]);
}

#[test]
fn a_node_that_starts_late_serves_what_the_log_has_to_who_comes_back() {
    let log = SharedLog::new();
    let early = node(&log.line());
    let mut tab = Tab::open(&early, anyone());
    let keyed = |data: &str| Event::message(data).key("k");
    within("a send", early.send(Topic::All, keyed("old"))).unwrap();
    let seen = send(&early, Topic::All, "seen").to_string();
    within("a send", early.send(Topic::All, keyed("newest"))).unwrap();
    send(&early, Topic::All, "missed");
    assert_eq!(read(&mut tab, 3).last().map(String::as_str), Some("missed"));
    let late = node(&log.line());
    eventually("the late node to have it all", || late.stats().published == 4);
    let mut back = Tab::open(&late, anyone().last_event_id(&seen));
    assert_eq!(back.read_all().len(), 3, "no gap");
    assert_eq!(back.last_event_id, log.newest().to_string());
    assert_eq!(Tab::open(&late, anyone().snapshot(true)).data(), ["newest"]);
    assert_eq!(Tab::open(&late, anyone()).data(), [""; 0], "a new client begins at the head");
}

#[test]
fn a_client_that_comes_from_a_node_that_is_ahead_sees_nothing_twice() {
    let log = SharedLog::new();
    let line = log.line();
    let (behind, ahead) = (node(&line), node(&log.line()));
    line.hold(true);
    let mut tab = Tab::open(&ahead, anyone());
    for n in 1..=3 {
        send(&ahead, Topic::All, &n.to_string());
    }
    assert_eq!(read(&mut tab, 3).len(), 3);
    let mut hopped = Tab::open(&behind, anyone().last_event_id(&tab.last_event_id));
    assert_eq!(hopped.read_all().len(), 1, "no gap: this node has not heard of it yet");
    assert_eq!(hopped.last_event_id, tab.last_event_id, "nor does its cursor go back");
    send(&ahead, Topic::All, "4");
    line.hold(false);
    assert_eq!(read(&mut hopped, 1), ["4"]);
    let far = EventId::new(log.newest().ms() + 3_600_000, 0, log.newest().log()).to_string();
    assert_eq!(gap(&mut Tab::open(&behind, anyone().last_event_id(&far))), "future");
}

#[test]
fn a_client_from_ahead_of_a_log_that_is_then_another_one_with_an_earlier_clock_misses_nothing_new() {
    let log = SharedLog::new();
    let line = log.line();
    let (behind, ahead) = (node(&line), node(&log.line()));
    line.hold(true);
    let mut tab = Tab::open(&ahead, anyone());
    send(&ahead, Topic::All, "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    let mut hopped = Tab::open(&behind, anyone().last_event_id(&tab.last_event_id));
    hopped.read_all();
    log.wipe(30_000);
    line.hold(false);
    assert_eq!(gap(&mut hopped), "unknown-log");
    send(&ahead, Topic::All, "2");
    assert_eq!(read(&mut hopped, 1), ["2"]);
}

#[test]
fn the_groups_of_users_are_those_of_the_log_also_when_it_is_another_one() {
    let log = SharedLog::new();
    let hub = node(&log.line());
    let mut tab = Tab::open(&hub, anyone().user("alice"));
    within("joining", hub.join_user("alice", "g")).unwrap();
    send(&hub, Topic::group("g"), "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    log.wipe(0);
    assert_eq!(gap(&mut tab), "unknown-log");
    within("joining", hub.join_user("alice", "h")).unwrap();
    send(&hub, Topic::group("g"), "2");
    send(&hub, Topic::group("h"), "3");
    assert_eq!(read(&mut tab, 1), ["3"], "a node that starts now does not know of g either");
    within("joining", hub.join_user("alice", "g")).unwrap();
    send(&hub, Topic::group("g"), "4");
    assert_eq!(read(&mut tab, 1), ["4"]);
}

#[test]
fn a_membership_of_a_user_that_ended_while_this_node_was_away_past_retention_has_ended() {
    let log = SharedLog::new();
    let line = log.line();
    let (hub, other) = (node(&line), node(&log.line()));
    let mut tab = Tab::open(&hub, anyone().user("alice"));
    for group in ["g", "h"] {
        within("joining", other.join_user("alice", group)).unwrap();
    }
    send(&other, Topic::group("g"), "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    line.cut(true);
    eventually("the hub to notice", || !hub.is_ready());
    within("leaving", other.leave_user("alice", "g")).unwrap();
    within("joining", other.join_user("alice", "i")).unwrap();
    log.trim_to(0);
    line.cut(false);
    assert_eq!(gap(&mut tab), "lagged");
    for group in ["g", "h", "i"] {
        send(&other, Topic::group(group), group);
    }
    assert_eq!(read(&mut tab, 2), ["h", "i"]);
}
