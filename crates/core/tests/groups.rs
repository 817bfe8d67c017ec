//! Groups: connections and users join and leave while streams are open.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ssehub::{Audience, ConnectRequest, Event, GroupErrorKind, History, Hub, MAX_NAME, Topic};
use support::{Tab, anyone, eventually, hub, now, send, send_event};

fn join(hub: &Hub, tab: &Tab, group: &str) {
    now(hub.join(&tab.id, group)).expect("the tab joins");
}

fn leave(hub: &Hub, tab: &Tab, group: &str) {
    now(hub.leave(&tab.id, group)).expect("the tab leaves");
}

fn user(name: &str) -> ConnectRequest {
    ConnectRequest::new().user(name)
}

/// How many connections, users and groups there are.
fn gauges(hub: &Hub) -> (usize, usize, usize) {
    let stats = hub.stats();
    (stats.connections, stats.users, stats.groups)
}

#[test]
fn a_member_gets_what_is_sent_between_its_join_and_its_leave() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    let group = || Audience::group("g");
    send(&hub, group(), "before");
    join(&hub, &tab, "g");
    send(&hub, group(), "1");
    join(&hub, &tab, "g");
    send(&hub, group().or(Topic::All), "2");
    leave(&hub, &tab, "g");
    send(&hub, group(), "between");
    send(&hub, group().or(Topic::All), "3");
    leave(&hub, &tab, "g");
    join(&hub, &tab, "g");
    send(&hub, group(), "4");
    assert_eq!(tab.data(), ["1", "2", "3", "4"], "read in one go, long after all of it happened");
}

#[test]
fn what_was_committed_before_a_leave_is_delivered_in_order_to_a_reader_that_is_behind() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    tab.events();
    let mut expected = Vec::new();
    for round in 0..20 {
        join(&hub, &tab, "g");
        for n in 0..20 {
            expected.push(format!("{round}-{n}"));
            send(&hub, Audience::group("g"), &expected[expected.len() - 1]);
        }
        leave(&hub, &tab, "g");
        send(&hub, Audience::group("g"), "not for it");
    }
    assert_eq!(tab.data(), expected);
}

#[test]
fn a_keyed_event_from_before_a_leave_is_delivered_although_a_newer_one_came_after_it() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone().group("g"));
    tab.events();
    send_event(&hub, Audience::group("g"), Event::message("old").key("k"));
    send_event(&hub, Audience::group("g"), Event::message("newest before").key("k"));
    leave(&hub, &tab, "g");
    send_event(&hub, Audience::group("g"), Event::message("after").key("k"));
    assert_eq!(tab.data().last().map(String::as_str), Some("newest before"));

    send_event(&hub, Audience::group("g"), Event::message("missed").key("k"));
    join(&hub, &tab, "g");
    send_event(&hub, Audience::group("g"), Event::message("old").key("k"));
    leave(&hub, &tab, "g");
    send_event(&hub, Audience::group("g"), Event::message("between").key("k"));
    join(&hub, &tab, "g");
    assert_eq!(tab.data(), ["old"], "it has joined again, but not when the newer one was sent");
}

#[test]
fn a_user_that_joins_brings_all_connections_those_now_and_those_later() {
    let hub = Hub::new();
    let (mut first, mut second) = (Tab::open(&hub, user("alice")), Tab::open(&hub, user("alice")));
    let mut other = Tab::open(&hub, user("bob"));
    now(hub.join_user("alice", "g")).unwrap();
    now(hub.join_user("alice", "g")).unwrap();
    now(hub.join_user("carol", "g")).unwrap();
    let mut later = Tab::open(&hub, user("alice"));
    let mut carol = Tab::open(&hub, user("carol"));
    assert_eq!(hub.member_count("g"), 4);
    send(&hub, Audience::group("g"), "1");
    for tab in [&mut first, &mut second, &mut later, &mut carol] {
        assert_eq!(tab.data(), ["1"]);
    }
    assert_eq!(other.data(), [""; 0]);
    now(hub.leave_user("alice", "g")).unwrap();
    now(hub.leave_user("alice", "g")).unwrap();
    now(hub.leave_user("nobody", "g")).unwrap();
    send(&hub, Audience::group("g"), "2");
    let mut latest = Tab::open(&hub, user("alice"));
    for tab in [&mut first, &mut second, &mut later, &mut latest] {
        assert_eq!(tab.data(), [""; 0]);
    }
    assert_eq!(carol.data(), ["2"]);
    assert_eq!(hub.connection(&later.id).unwrap().groups, [""; 0]);
}

#[test]
fn who_is_in_a_group_twice_leaves_it_twice() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, user("alice").group("g"));
    let is_in = |tab: &mut Tab| {
        send(&hub, Audience::group("g"), "x");
        let count = tab.data().len();
        assert_eq!(hub.member_count("g"), count);
        count == 1
    };
    now(hub.join_user("alice", "g")).unwrap();
    assert!(is_in(&mut tab));
    leave(&hub, &tab, "g");
    assert!(is_in(&mut tab), "through its user");
    join(&hub, &tab, "g");
    now(hub.leave_user("alice", "g")).unwrap();
    assert!(is_in(&mut tab), "by itself");
    leave(&hub, &tab, "g");
    assert!(!is_in(&mut tab));
    now(hub.join_user("alice", "g")).unwrap();
    leave(&hub, &tab, "g");
    assert!(is_in(&mut tab), "a leave does not undo what its user did");
}

#[test]
fn replay_of_a_users_group_begins_when_the_user_joined() {
    let hub = Hub::new();
    let cursor = send(&hub, Audience::nobody(), "seen");
    send(&hub, Audience::group("g"), "before");
    now(hub.join_user("alice", "g")).unwrap();
    send(&hub, Audience::group("g"), "after");
    let back = |request: ConnectRequest| Tab::open(&hub, request.last_event_id(&cursor)).data();
    assert_eq!(back(user("alice")), ["after"]);
    assert_eq!(back(user("alice").group("g")), ["before", "after"], "the application vouches for more");
    now(hub.leave_user("alice", "g")).unwrap();
    now(hub.join_user("alice", "g")).unwrap();
    assert_eq!(back(user("alice")), [""; 0]);
    send(&hub, Audience::group("g"), "since it came again");
    assert_eq!(back(user("alice")), ["since it came again"]);
}

#[test]
fn what_a_group_forgot_before_the_user_joined_is_no_gap() {
    for history in [History::default().events(3), History::none()] {
        let hub = hub(|hub| hub.history(history));
        let cursor = send(&hub, Audience::nobody(), "seen");
        (0..5).for_each(|n| drop(send(&hub, Audience::group("g"), &n.to_string())));
        now(hub.join_user("alice", "g")).unwrap();
        let mut tab = Tab::open(&hub, user("alice").last_event_id(&cursor));
        assert_eq!(tab.read_all().len(), 1, "it has missed nothing");
    }
}

#[test]
fn the_members_are_told_and_the_gauges_come_back_to_zero() {
    let hub = Hub::new();
    now(hub.join_user("alice", "b")).unwrap();
    let mut alice = Tab::open(&hub, user("alice").groups(["c", "a", "c"]));
    let mut guest = Tab::open(&hub, anyone().group("a"));
    assert_eq!(hub.connection(&alice.id).unwrap().groups, ["a", "b", "c"]);
    let mut members: Vec<_> = hub.members("a").into_iter().map(|member| member.id).collect();
    members.sort();
    let mut expected = [alice.id.clone(), guest.id.clone()];
    expected.sort();
    assert_eq!(members, expected);
    assert_eq!((hub.members("no such").len(), hub.connections().len()), (0, 2));
    assert_eq!(gauges(&hub), (2, 1, 3));
    let json = serde_json::to_value(hub.connection(&guest.id).unwrap()).unwrap();
    assert_eq!(json, serde_json::json!({ "connection": guest.id, "user": null, "groups": ["a"] }));
    leave(&hub, &alice, "c");
    assert_eq!(gauges(&hub), (2, 1, 2));
    alice.cut();
    assert_eq!(gauges(&hub), (1, 0, 1));
    assert!(!hub.is_online("alice") && hub.connection(&alice.id).is_none());
    guest.cut();
    assert_eq!(gauges(&hub), (0, 0, 0));
    assert_eq!((hub.members("a").len(), hub.connections().len()), (0, 0));
}

#[test]
fn churn_leaves_nothing_behind() {
    let hub = hub(|hub| hub.history(History::default().events(50)));
    for n in 0..2_000 {
        let mut tab = Tab::open(&hub, user(&format!("u{n}")).group(format!("g{n}")));
        join(&hub, &tab, &format!("h{n}"));
        send(&hub, Audience::user(format!("u{n}")).or_group(format!("g{n}")).or_group(format!("h{n}")), "x");
        if n % 2 == 0 {
            leave(&hub, &tab, &format!("g{n}"));
            assert_eq!(tab.data(), ["x"]);
        }
    }
    assert_eq!(gauges(&hub), (0, 0, 0));
    assert_eq!(hub.stats().history_events, 50);
    assert_eq!(hub.stats().delivered, 1_000);
}

#[test]
fn a_connection_that_is_unknown_or_gone_joins_nothing() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    tab.cut();
    for id in [tab.id.as_str(), "", "no such"] {
        for error in [now(hub.join(id, "g")), now(hub.join_with_snapshot(id, "g")), now(hub.leave(id, "g"))] {
            assert_eq!(error.unwrap_err().kind(), GroupErrorKind::UnknownConnection);
        }
    }
    assert_eq!(gauges(&hub), (0, 0, 0));
}

#[test]
fn the_limit_of_groups_holds_for_connections_and_for_users_each() {
    let hub = hub(|hub| hub.max_groups_per_connection(2));
    let tab = Tab::open(&hub, user("alice").group("a"));
    join(&hub, &tab, "b");
    join(&hub, &tab, "b");
    let refused = now(hub.join(&tab.id, "c")).unwrap_err();
    assert_eq!(refused.kind(), GroupErrorKind::TooManyGroups);
    leave(&hub, &tab, "a");
    join(&hub, &tab, "c");
    for group in ["c", "d"] {
        now(hub.join_user("alice", group)).unwrap();
    }
    assert_eq!(now(hub.join_user("alice", "e")).unwrap_err().kind(), GroupErrorKind::TooManyGroups);
    now(hub.leave_user("alice", "c")).unwrap();
    now(hub.join_user("alice", "e")).unwrap();
    assert_eq!(hub.connection(&tab.id).unwrap().groups, ["b", "c", "d", "e"]);
}

#[test]
fn names_that_are_too_long_are_refused() {
    let hub = Hub::new();
    let tab = Tab::open(&hub, anyone());
    let (longest, too_long) = ("n".repeat(MAX_NAME), "n".repeat(MAX_NAME + 1));
    join(&hub, &tab, &longest);
    now(hub.join_user(&longest, &longest)).unwrap();
    let refused = [
        now(hub.join(&tab.id, &too_long)),
        now(hub.leave(&tab.id, &too_long)),
        now(hub.join_user("u", &too_long)),
        now(hub.join_user(&too_long, "g")),
        now(hub.leave_user(&too_long, "g")),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), GroupErrorKind::NameTooLong);
    }
}

#[test]
fn a_reader_that_is_moved_through_many_groups_without_reading_is_told_a_gap() {
    let hub = hub(|hub| hub.max_groups_per_connection(2));
    let mut tab = Tab::open(&hub, anyone());
    tab.events();
    for group in ["a", "b", "c", "d"] {
        join(&hub, &tab, group);
        send(&hub, Audience::group(group), group);
        leave(&hub, &tab, group);
    }
    let events = tab.read_all();
    assert_eq!(events[0].name, "hub:gap", "{events:?}");
    assert!(events[0].data.contains("lagged"));
    let data: Vec<_> = events[1..].iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, ["c", "d"], "what is still its own follows");
    send(&hub, Audience::all(), "on");
    assert_eq!(tab.data(), ["on"]);
}

#[test]
fn joins_and_leaves_from_many_threads_lose_nothing_that_was_sent_in_between() {
    let hub = Hub::new();
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let hub = hub.clone();
            std::thread::spawn(move || {
                let mut tab = Tab::open(&hub, user(&format!("u{worker}")));
                tab.events();
                for n in 0..300 {
                    let text = format!("{worker}-{n}");
                    join(&hub, &tab, "g");
                    send(&hub, Audience::group("g"), &text);
                    leave(&hub, &tab, "g");
                    assert_eq!(tab.data().iter().filter(|data| **data == text).count(), 1, "{text}");
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    eventually("the group to be empty", || gauges(&hub) == (0, 0, 0));
}
