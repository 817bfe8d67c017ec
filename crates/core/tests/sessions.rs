//! Sessions: a connection outlives its transport, for whom it belongs to and for as long as it may.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, SystemTime};

use ssehub::{ConnectErrorKind, ConnectRequest, Event, Hub, HubBuilder, Identity, SESSION_NAME_BYTES, Shutdown, Topic};
use support::diary::Diary;
use support::{Tab, eventually, hub, now, send, within};

const NAME: &str = "0123456789abcdefghijkl";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

fn with_sessions(options: impl FnOnce(HubBuilder) -> HubBuilder) -> Hub {
    hub(|hub| options(hub.resume_window(LONG)))
}

fn alice() -> ConnectRequest {
    ConnectRequest::new().user("alice").session(NAME)
}

fn alice_until(time: SystemTime) -> ConnectRequest {
    ConnectRequest::new().identity(Identity::user("alice").expires_at(time)).session(NAME)
}

/// What comes back with what it has seen.
fn back(tab: &Tab, request: ConnectRequest) -> ConnectRequest {
    request.last_event_id(&tab.last_event_id)
}

fn text(data: &str) -> Event {
    Event::message(data)
}

#[test]
fn who_comes_back_has_its_id_and_its_groups_and_what_was_sent_to_them_meanwhile() {
    let hub = with_sessions(|hub| hub);
    let mut tab = Tab::open(&hub, alice());
    tab.read_all();
    now(hub.join(&tab.id, "g")).unwrap();
    send(&hub, Topic::group("g"), "1");
    assert_eq!(tab.data(), ["1"]);
    tab.cut();
    send(&hub, Topic::group("g"), "2");
    send(&hub, Topic::connection(&tab.id), "3");
    send(&hub, Topic::user("alice"), "4");
    let mut again = Tab::open(&hub, back(&tab, alice()));
    assert_eq!(again.id, tab.id);
    assert_eq!(again.data(), ["2", "3", "4"]);
    send(&hub, Topic::group("g"), "5");
    assert_eq!(again.data(), ["5"]);
    assert_eq!(hub.connection(&tab.id).unwrap().groups, ["g"]);
}

#[test]
fn the_new_transport_wins_and_whatever_the_old_one_does_touches_nothing() {
    let hub = with_sessions(|hub| hub);
    let mut old = Tab::open(&hub, alice());
    now(hub.join(&old.id, "g")).unwrap();
    old.read_all();
    let mut new = Tab::open(&hub, back(&old, alice()));
    send(&hub, Topic::group("g"), "1");
    let ending = old.read_all();
    assert_eq!(ending.len(), 1);
    assert_eq!((ending[0].name.as_str(), ending[0].data.as_str()), ("hub:closing", r#"{"reason":"superseded"}"#));
    assert!(old.over);
    old.cut();
    assert_eq!(new.data(), ["1"]);
    assert_eq!((hub.connections_of("alice"), hub.member_count("g"), hub.stats().connections), (1, 1, 1));
    new.cut();
    assert_eq!((hub.connections_of("alice"), hub.stats().parked), (1, 1));
}

#[test]
fn an_old_transport_that_waits_is_woken_to_its_end() {
    let hub = with_sessions(|hub| hub);
    let mut old = Tab::open(&hub, alice());
    old.read_all();
    let id = old.id.clone();
    let waiting = std::thread::spawn(move || {
        old.wait_for("hub:closing");
        old.wait();
        old.over
    });
    assert_eq!(Tab::open(&hub, alice()).id, id);
    assert!(waiting.join().unwrap());
}

#[test]
fn a_stolen_name_opens_nothing() {
    let hub = with_sessions(|hub| hub);
    let mut tab = Tab::open(&hub, alice());
    now(hub.join(&tab.id, "secret")).unwrap();
    tab.read_all();
    let mut thieves = [
        Tab::open(&hub, back(&tab, ConnectRequest::new().user("mallory").session(NAME))),
        Tab::open(&hub, back(&tab, ConnectRequest::new().session(NAME))),
    ];
    send(&hub, Topic::group("secret"), "1");
    for thief in &mut thieves {
        assert_ne!(thief.id, tab.id);
        assert_eq!(thief.data(), [""; 0]);
    }
    assert_ne!(thieves[0].id, thieves[1].id);
    assert_eq!(tab.data(), ["1"]);
}

#[test]
fn the_groups_of_a_request_are_that_requests_alone() {
    let hub = with_sessions(|hub| hub);
    let mut tab = Tab::open(&hub, alice().group("asked").group("both"));
    tab.read_all();
    now(hub.join(&tab.id, "both")).unwrap();
    tab.cut();
    send(&hub, Topic::group("asked"), "1");
    send(&hub, Topic::group("both"), "2");
    let mut again = Tab::open(&hub, back(&tab, alice()));
    assert_eq!(again.data(), ["2"]);
    assert_eq!(hub.connection(&tab.id).unwrap().groups, ["both"]);
    now(hub.leave(&tab.id, "both")).unwrap();
    assert_eq!(hub.stats().groups, 0);
}

#[test]
fn a_parked_connection_joins_leaves_and_is_disconnected_like_any_other() {
    let hub = with_sessions(|hub| hub);
    let mut tab = Tab::open(&hub, alice());
    now(hub.join(&tab.id, "left")).unwrap();
    tab.read_all();
    tab.cut();
    now(hub.join(&tab.id, "joined")).unwrap();
    now(hub.join_user("alice", "hers")).unwrap();
    now(hub.leave(&tab.id, "left")).unwrap();
    assert_eq!(hub.connection(&tab.id).unwrap().groups, ["hers", "joined"]);
    send(&hub, Topic::group("joined"), "1");
    send(&hub, Topic::group("left"), "2");
    send(&hub, Topic::group("hers"), "3");
    let mut again = Tab::open(&hub, back(&tab, alice()));
    assert_eq!(again.id, tab.id);
    assert_eq!(again.data(), ["1", "3"]);
    again.cut();
    assert_eq!(now(hub.disconnect(Topic::user("alice"), "out")).unwrap(), 1);
    assert_eq!((hub.stats().connections, hub.stats().parked), (0, 0));
    assert!(!hub.is_online("alice"));
    assert_ne!(Tab::open(&hub, alice()).id, tab.id);
}

#[test]
fn a_stream_that_the_application_has_ended_is_not_come_back_to() {
    let hub = with_sessions(|hub| hub);
    let mut tab = Tab::open(&hub, alice());
    tab.read_all();
    assert_eq!(now(hub.disconnect(Topic::connection(&tab.id), "out")).unwrap(), 1);
    // Its transport is still there.
    let other = Tab::open(&hub, alice());
    assert_ne!(other.id, tab.id);
    tab.wait_for("hub:closing");
    tab.cut();
    assert_eq!(hub.stats().connections, 1);
    assert_eq!(Tab::open(&hub, alice()).id, other.id);
}

#[test]
fn a_snapshot_that_may_not_have_arrived_comes_again() {
    let hub = with_sessions(|hub| hub);
    now(hub.send(Topic::group("g"), text("old").key("k"))).unwrap();
    let mut tab = Tab::open(&hub, alice());
    tab.read_all();
    now(hub.join_with_snapshot(&tab.id, "g")).unwrap();
    assert_eq!(tab.data(), ["old"]);
    tab.cut();
    // Nobody knows whether that has arrived: the cursor is from before.
    let mut again = Tab::open(&hub, back(&tab, alice()));
    assert_eq!(again.data(), ["old"]);
    send(&hub, Topic::All, "behind it");
    assert_eq!(again.data(), ["behind it"]);
    again.cut();
    let mut third = Tab::open(&hub, back(&again, alice()));
    assert_eq!(third.data(), [""; 0]);
}

#[test]
fn hooks_and_presence_see_no_flap() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()).resume_window(LONG));
    let mut tab = Tab::open(&hub, alice());
    for _ in 0..10 {
        tab.read_all();
        tab.cut();
        assert!(hub.is_online("alice"));
        assert_eq!((hub.connections_of("alice"), hub.stats().users, hub.stats().parked), (1, 1, 1));
        tab = Tab::open(&hub, back(&tab, alice()));
        assert_eq!((hub.connections_of("alice"), hub.stats().parked), (1, 0));
    }
    tab.cut();
    now(hub.disconnect(Topic::All, "end")).unwrap();
    let expected = [
        "online alice".to_owned(),
        format!("connected {}", tab.id),
        format!("disconnected {} end", tab.id),
        "offline alice".to_owned(),
    ];
    eventually("the last hook", || diary.lines().len() >= expected.len());
    assert_eq!(diary.lines(), expected);
}

#[test]
fn when_the_window_is_over_so_is_the_connection() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()).resume_window(Duration::from_millis(50)));
    let mut tab = Tab::open(&hub, alice());
    tab.cut();
    eventually("the window to end", || hub.stats().connections == 0);
    assert_eq!(hub.stats().parked, 0);
    eventually("the hooks", || diary.lines().len() == 4);
    assert_eq!(diary.lines()[2..], [format!("disconnected {} gone", tab.id), "offline alice".to_owned()]);
    assert_ne!(Tab::open(&hub, alice()).id, tab.id);
}

#[test]
fn without_a_window_a_session_is_a_plain_stream() {
    let hub = hub(|hub| hub);
    let mut tab = Tab::open(&hub, ConnectRequest::new().session("short"));
    tab.cut();
    assert_eq!(hub.stats().connections, 0);
    assert_ne!(Tab::open(&hub, ConnectRequest::new().session("short")).id, tab.id);
}

#[test]
fn a_name_that_can_be_guessed_is_refused() {
    let hub = with_sessions(|hub| hub);
    let (least, most) = (*SESSION_NAME_BYTES.start(), *SESSION_NAME_BYTES.end());
    for bad in ["", "x", &"x".repeat(least - 1), &"x".repeat(most + 1), &" ".repeat(least), &"é".repeat(least)] {
        let refused = hub.connect(ConnectRequest::new().session(bad)).unwrap_err();
        assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::InvalidSession, 400), "{bad:?}");
    }
    for good in ["x".repeat(least), "~".repeat(most)] {
        assert!(hub.connect(ConnectRequest::new().session(good)).is_ok());
    }
}

#[test]
fn limits_count_a_session_once_and_what_is_parked_gives_way() {
    let hub = with_sessions(|hub| hub.max_connections(2).max_connections_per_user(2));
    let session = |name: char| ConnectRequest::new().user("alice").session(name.to_string().repeat(30));
    let (mut first, mut second) = (Tab::open(&hub, session('1')), Tab::open(&hub, session('2')));
    assert_eq!(hub.connect(session('3')).unwrap_err().kind(), ConnectErrorKind::Full);
    // Who comes back needs no second place, whether its transport is gone or not.
    let id = second.id.clone();
    second = Tab::open(&hub, session('2'));
    first.cut();
    first = Tab::open(&hub, session('1'));
    second.cut();
    assert_eq!((first.id == id, second.id == id, hub.stats().connections), (false, true, 2));
    // A new one takes the place of one that is parked.
    let third = Tab::open(&hub, session('3'));
    assert_eq!((hub.stats().connections, hub.stats().parked), (2, 0));
    assert_eq!(hub.connect(session('2')).unwrap_err().kind(), ConnectErrorKind::Full);
    drop((first, third));
    let strangers: Vec<_> = ["b", "c"].map(|user| Tab::open(&hub, ConnectRequest::new().user(user))).into();
    assert_eq!((hub.stats().connections, hub.stats().parked), (2, 0));
    drop(strangers);
}

#[test]
fn a_users_own_parked_connection_makes_room_for_the_next() {
    let hub = with_sessions(|hub| hub.max_connections_per_user(2));
    let session = |name: char| ConnectRequest::new().user("alice").session(name.to_string().repeat(30));
    let tabs = ['1', '2'].map(|name| Tab::open(&hub, session(name)));
    assert_eq!(hub.connect(session('3')).unwrap_err().kind(), ConnectErrorKind::TooManyConnections);
    let [mut first, mut second] = tabs;
    first.cut();
    second.cut();
    let _third = Tab::open(&hub, session('3'));
    assert_eq!((hub.connections_of("alice"), hub.stats().parked), (2, 1));
    assert_eq!(Tab::open(&hub, session('2')).id, second.id, "the one that was parked first has made room");
}

#[test]
fn a_refusal_drives_nobody_out() {
    let hub = with_sessions(|hub| hub.max_connections(2).max_connections_per_user(1));
    let mut parked = Tab::open(&hub, alice());
    let _bob = Tab::open(&hub, ConnectRequest::new().user("bob"));
    parked.cut();
    let refused = hub.connect(ConnectRequest::new().user("bob")).unwrap_err();
    assert_eq!(refused.kind(), ConnectErrorKind::TooManyConnections);
    assert_eq!(Tab::open(&hub, alice()).id, parked.id);
}

#[test]
fn who_was_logged_out_takes_nothing_over() {
    let hub = with_sessions(|hub| hub);
    let ticket = now(hub.issue_ticket(Identity::user("alice"))).unwrap().to_string();
    let old = now(hub.redeem_ticket(&ticket)).unwrap();
    now(hub.revoke_user("alice", "out")).unwrap();
    let mut new = Tab::open(&hub, alice());
    let refused = hub.connect(ConnectRequest::new().identity(old).session(NAME)).unwrap_err();
    assert_eq!(refused.kind(), ConnectErrorKind::Expired);
    send(&hub, Topic::connection(&new.id), "1");
    assert_eq!(new.data(), ["1"]);
}

#[test]
fn a_session_that_is_being_ended_holds_up_nobody_in_a_full_hub() {
    let hub = with_sessions(|hub| hub.max_connections(3));
    let _plain = Tab::open(&hub, ConnectRequest::new());
    let ending = Tab::open(&hub, alice());
    now(hub.disconnect(Topic::connection(&ending.id), "out")).unwrap();
    drop(Tab::open(&hub, ConnectRequest::new().user("bob").session(NAME)));
    assert_ne!(Tab::open(&hub, alice()).id, ending.id);
}

#[test]
fn so_many_are_parked_and_no_more() {
    let hub = with_sessions(|hub| hub.max_parked(10));
    let mut ids = Vec::new();
    for n in 0..1_000 {
        let tab = Tab::open(&hub, ConnectRequest::new().session(format!("{n:030}")));
        ids.push(tab.id.clone());
        drop(tab);
        assert!(hub.stats().parked <= 10);
    }
    assert_eq!((hub.stats().connections, hub.stats().parked), (10, 10));
    let resumed = |n: usize| Tab::open(&hub, ConnectRequest::new().session(format!("{n:030}"))).id == ids[n];
    assert!(resumed(999) && resumed(990) && !resumed(989));
}

#[test]
fn groups_joined_and_asked_for_are_bounded_together() {
    let hub = with_sessions(|hub| hub.max_groups_per_connection(3));
    let mut tab = Tab::open(&hub, alice().group("a"));
    now(hub.join(&tab.id, "b")).unwrap();
    now(hub.join(&tab.id, "c")).unwrap();
    tab.cut();
    let refused = hub.connect(alice().groups(["d", "e"])).unwrap_err();
    assert_eq!(refused.kind(), ConnectErrorKind::TooManyGroups);
    assert_eq!(hub.stats().parked, 1, "nothing has happened to it");
    let again = Tab::open(&hub, alice().groups(["a", "b"]));
    assert_eq!(again.id, tab.id);
    assert!(now(hub.join(&again.id, "d")).is_err());
    now(hub.leave(&again.id, "a")).unwrap();
    now(hub.join(&again.id, "d")).unwrap();
}

#[test]
fn shutdown_waits_for_nobody_who_is_not_there() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()).resume_window(LONG));
    let mut tab = Tab::open(&hub, alice());
    tab.cut();
    let report = within("the shutdown", hub.shutdown(Shutdown::within(LONG)));
    assert_eq!(report.remaining, 0);
    assert_eq!(diary.lines()[2], format!("disconnected {} shutdown", tab.id));
}

#[test]
fn a_stream_that_has_lived_long_enough_is_come_back_to() {
    let hub = with_sessions(|hub| hub.max_lifetime(Duration::from_millis(20)));
    let mut tab = Tab::open(&hub, alice());
    tab.wait_for("hub:closing");
    while !tab.over {
        tab.wait();
    }
    assert_eq!(hub.stats().parked, 1);
    assert_eq!(Tab::open(&hub, alice()).id, tab.id);
}

#[test]
fn an_end_that_one_may_come_back_from_gives_way_to_one_that_is_final() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()).resume_window(LONG).max_lifetime(Duration::from_millis(20)));
    let mut tab = Tab::open(&hub, alice());
    tab.wait_for("hub:closing");
    assert_eq!(now(hub.disconnect(Topic::user("alice"), "out")).unwrap(), 1);
    assert_eq!(now(hub.disconnect(Topic::user("alice"), "again")).unwrap(), 0);
    tab.cut();
    assert_eq!((hub.stats().connections, hub.stats().parked), (0, 0));
    eventually("the hooks", || diary.lines().len() == 4);
    assert_eq!(diary.lines()[2], format!("disconnected {} out", tab.id));
    assert_ne!(Tab::open(&hub, alice()).id, tab.id);
}

#[test]
fn the_groups_of_a_user_are_come_back_to_as_the_user_joined_them() {
    let hub = with_sessions(|hub| hub);
    let mut tab = Tab::open(&hub, alice().group("g"));
    tab.read_all();
    send(&hub, Topic::group("g"), "before");
    now(hub.join_user("alice", "g")).unwrap();
    send(&hub, Topic::group("g"), "after");
    tab.cut();
    assert_eq!(Tab::open(&hub, back(&tab, alice())).data(), ["after"], "this request does not name the group");
}

#[test]
fn a_stream_ends_with_its_identity_and_so_does_its_session() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()).resume_window(LONG));
    let until = |millis| SystemTime::now() + Duration::from_millis(millis);
    let expires = until(50);
    let mut tab = Tab::open(&hub, alice_until(expires));
    let ending = tab.wait_for("hub:closing");
    assert_eq!(ending.last().unwrap().data, r#"{"reason":"expired"}"#);
    // The hub counts in whole milliseconds.
    assert!(SystemTime::now() + Duration::from_millis(1) >= expires);
    while !tab.over {
        tab.wait();
    }
    assert_eq!(hub.stats().connections, 0);
    let mut parked = Tab::open(&hub, alice_until(until(50)));
    parked.cut();
    assert_eq!(hub.stats().parked, 1);
    eventually("the identity to expire", || hub.stats().connections == 0);
    let refused = hub.connect(alice_until(SystemTime::now() - Duration::from_secs(1))).unwrap_err();
    assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::Expired, 401));
}

#[test]
fn a_parked_connection_does_not_outlive_its_identity_whatever_ended_its_stream() {
    let hub = with_sessions(|hub| hub.max_lifetime(Duration::from_millis(10)));
    let mut tab = Tab::open(&hub, alice_until(SystemTime::now() + Duration::from_millis(200)));
    tab.wait_for("hub:closing");
    tab.cut();
    assert_eq!(hub.stats().parked, 1);
    eventually("the identity to expire", || hub.stats().connections == 0);
}

#[test]
fn so_many_are_parked_and_no_more_also_when_many_go_at_once() {
    let hub = with_sessions(|hub| hub.max_parked(10));
    let tabs: Vec<_> = (0..400).map(|n| Tab::open(&hub, ConnectRequest::new().session(format!("{n:030}")))).collect();
    std::thread::scope(|scope| {
        let mut tabs = tabs.into_iter();
        for _ in 0..4 {
            let some: Vec<_> = tabs.by_ref().take(100).collect();
            scope.spawn(|| some.into_iter().for_each(drop));
        }
    });
    assert_eq!((hub.stats().connections, hub.stats().parked), (10, 10));
}

#[test]
fn a_lifetime_that_ends_first_is_no_expiry() {
    let hub = with_sessions(|hub| hub.max_lifetime(Duration::from_millis(20)));
    let mut tab = Tab::open(&hub, alice_until(SystemTime::now() + LONG));
    let ending = tab.wait_for("hub:closing");
    assert_eq!(ending.last().unwrap().data, r#"{"reason":"max-lifetime"}"#);
}

#[test]
fn who_takes_nothing_leaves_and_is_told_why_if_it_reads_on() {
    let diary = Diary::default();
    let times = |hub: HubBuilder| hub.keep_alive(Duration::from_millis(20)).stall_timeout(Duration::from_millis(60));
    let hub = hub(|hub| times(hub).hooks(diary.clone()));
    let mut tab = Tab::open(&hub, ConnectRequest::new().user("alice").group("g"));
    eventually("the stalled stream to leave", || hub.stats().connections == 0);
    assert_eq!((hub.is_online("alice"), hub.member_count("g")), (false, 0));
    eventually("the hooks", || diary.lines().len() == 4);
    assert_eq!(diary.lines()[2], format!("disconnected {} stalled", tab.id));
    send(&hub, Topic::group("g"), "1");
    let read: Vec<_> = tab.read_all().into_iter().map(|event| (event.name, event.data)).collect();
    let opening = ("hub:connected".to_owned(), format!(r#"{{"connection":"{}"}}"#, tab.id));
    let closing = ("hub:closing".to_owned(), r#"{"reason":"stalled"}"#.to_owned());
    assert_eq!(read, [opening, closing]);
    assert!(tab.over);
    let mut again = Tab::open(&hub, back(&tab, ConnectRequest::new().user("alice").group("g")));
    assert_eq!(again.data(), ["1"]);
}

#[test]
fn who_takes_what_there_is_stays_however_quiet_it_is() {
    let times = |hub: HubBuilder| hub.keep_alive(Duration::from_millis(10)).stall_timeout(Duration::from_millis(200));
    let hub = hub(times);
    let mut tab = Tab::open(&hub, ConnectRequest::new());
    tab.read_all();
    // Five times as long as a stalled one would be left.
    while tab.comments < 100 {
        tab.wait();
    }
    assert_eq!(hub.stats().connections, 1);
}

#[test]
fn a_stalled_session_is_parked() {
    let times = |hub: HubBuilder| hub.keep_alive(Duration::from_millis(20)).stall_timeout(Duration::from_millis(60));
    let hub = with_sessions(times);
    let mut old = Tab::open(&hub, alice());
    eventually("the stalled stream to be parked", || hub.stats().parked == 1);
    let new = Tab::open(&hub, alice());
    assert_eq!(new.id, old.id);
    old.read_all();
    assert!(old.over);
    old.cut();
    assert_eq!((hub.stats().connections, hub.stats().parked), (1, 0));
}
