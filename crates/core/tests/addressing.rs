//! Addressing: who gets an event, live and in replay.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ssehub::{Audience, ConnectRequest, Hub, Topic};
use support::{Tab, anyone, hub, now, send};

/// Some tabs by name, with the request that opens each of them again.
struct Crowd {
    hub: Hub,
    /// The newest event that all tabs have seen.
    seen: String,
    tabs: Vec<(&'static str, ConnectRequest, Tab)>,
}

impl Crowd {
    fn new(requests: Vec<(&'static str, ConnectRequest)>) -> Self {
        let hub = Hub::new();
        let seen = send(&hub, Audience::nobody(), "start");
        let open = |(name, request): (_, ConnectRequest)| (name, request.clone(), Tab::open(&hub, request));
        let tabs = requests.into_iter().map(open).collect();
        Self { hub, seen, tabs }
    }

    fn id(&self, tab: &str) -> String {
        self.tabs.iter().find(|(name, ..)| *name == tab).map(|(.., tab)| tab.id.clone()).unwrap()
    }

    /// Who gets what is sent to this audience, each once: live, and from replay when they come back to it.
    fn reached(&mut self, audience: impl Into<Audience>) -> Vec<&'static str> {
        let id = send(&self.hub, audience, "it");
        let got = self.tabs.iter_mut().filter_map(|(name, _, tab)| match &tab.events()[..] {
            [] => None,
            [event] => {
                assert_eq!((event.data.as_str(), event.id.as_ref()), ("it", Some(&id)), "{name}");
                Some(*name)
            }
            more => panic!("{name} got {more:?}"),
        });
        let live: Vec<_> = got.collect();
        let seen = std::mem::replace(&mut self.seen, id);
        let comes_back = |request: &ConnectRequest| {
            let back = Tab::open(&self.hub, request.clone().last_event_id(&seen)).events();
            assert!(back.len() < 2, "replayed once: {back:?}");
            !back.is_empty()
        };
        let replayed: Vec<_> =
            self.tabs.iter().filter(|(_, request, _)| comes_back(request)).map(|(name, ..)| *name).collect();
        assert_eq!(live, replayed, "replay brings what live brought");
        live
    }

    /// As [`reached`](Self::reached), for audiences that name a connection, which is another one when it comes back.
    fn reached_live(&mut self, audience: impl Into<Audience>) -> Vec<&'static str> {
        self.seen = send(&self.hub, audience, "it");
        self.tabs.iter_mut().filter_map(|(name, _, tab)| (tab.data() == ["it"]).then_some(*name)).collect()
    }
}

fn request(user: &str, groups: &[&str]) -> ConnectRequest {
    ConnectRequest::new().user(user).groups(groups)
}

fn crowd() -> Crowd {
    Crowd::new(vec![
        ("nobody", anyone()),
        ("alice at home", request("alice", &["staff", "market"])),
        ("alice on the road", request("alice", &["market"])),
        ("bob", request("bob", &["market"])),
        ("guest in market", anyone().group("market")),
    ])
}

#[test]
fn an_event_reaches_its_topic_and_nobody_else_live_and_in_replay() {
    let mut crowd = crowd();
    let everybody = ["nobody", "alice at home", "alice on the road", "bob", "guest in market"];
    assert_eq!(crowd.reached(Audience::all()), everybody);
    assert_eq!(crowd.reached(Audience::user("alice")), everybody[1..3]);
    assert_eq!(crowd.reached(Audience::group("market")), everybody[1..]);
    assert_eq!(crowd.reached(Topic::group("staff")), ["alice at home"]);
    assert_eq!(crowd.reached(Audience::user("carol")), [""; 0]);
    let bob = crowd.id("bob");
    assert_eq!(crowd.reached_live(Audience::connection(bob)), ["bob"]);
}

#[test]
fn a_connection_that_several_topics_reach_gets_the_event_once() {
    let mut crowd = crowd();
    let union = Audience::group("market").or_user("bob").or(Topic::All).or_group("staff").or_user("bob");
    assert_eq!(crowd.reached(union).len(), 5);
    assert_eq!(crowd.reached(Audience::users(["alice", "alice", "bob"])).len(), 3);
    assert_eq!(crowd.reached(Audience::groups(["staff", "market", "no such"])).len(), 4);
    assert_eq!(crowd.reached([Topic::user("bob"), Topic::group("staff")].into_iter().collect::<Audience>()).len(), 2);
    let (bob, nobody) = (crowd.id("bob"), crowd.id("nobody"));
    let both = Audience::connections([&bob, &nobody, &bob]).or_connection(&bob).or_user("bob");
    assert_eq!(crowd.reached_live(both), ["nobody", "bob"]);
}

#[test]
fn exceptions_hold_live_and_in_replay() {
    let mut crowd = crowd();
    assert_eq!(crowd.reached(Audience::all().except_user("alice")), ["nobody", "bob", "guest in market"]);
    assert_eq!(crowd.reached(Audience::all().except_group("market")), ["nobody"]);
    assert_eq!(crowd.reached(Audience::group("market").except_group("staff").except_user("bob")).len(), 2);
    assert_eq!(crowd.reached(Audience::all().except(Topic::All)), [""; 0]);
    assert_eq!(crowd.reached(Audience::all().except_user("carol").except_group("no such")).len(), 5);
    // The sender's tab knows already; the sender's other tab does not.
    let home = crowd.id("alice at home");
    assert_eq!(crowd.reached_live(Audience::user("alice").except_connection(home)), ["alice on the road"]);
}

#[test]
fn an_exception_of_a_group_is_about_who_was_in_it_when_the_event_was_committed() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    tab.events();
    send(&hub, Audience::all().except_group("g"), "before it joined");
    now(hub.join(&tab.id, "g")).unwrap();
    send(&hub, Audience::all().except_group("g"), "while it was in");
    now(hub.leave(&tab.id, "g")).unwrap();
    send(&hub, Audience::all().except_group("g"), "after it left");
    assert_eq!(tab.data(), ["before it joined", "after it left"]);
}

#[test]
fn nobody_is_an_audience_and_its_event_takes_an_id() {
    let hub = Hub::new();
    let mut tab = Tab::open(&hub, anyone());
    tab.events();
    let id: ssehub::EventId = send(&hub, Audience::nobody(), "x").parse().unwrap();
    assert_eq!(tab.events(), []);
    let next: ssehub::EventId = send(&hub, Audience::all(), "y").parse().unwrap();
    assert!((id.ms(), id.seq()) < (next.ms(), next.seq()));
    assert_eq!(hub.stats().published, 2);
}

#[test]
fn any_text_is_a_name_and_topics_of_other_kinds_or_names_are_strangers() {
    let names = ["all", "*", "", " ", "a:b", "user:a", "ä", "a\u{308}", "\0", "a\0b", "\r\n", "🦀", "%00", "a", "A"];
    let hub = hub(|hub| hub.max_connections(100));
    let mut users: Vec<_> = names.iter().map(|name| Tab::open(&hub, anyone().user(name))).collect();
    let mut groups: Vec<_> = names.iter().map(|name| Tab::open(&hub, anyone().group(name))).collect();
    for name in names {
        assert_eq!((hub.connections_of(name), hub.member_count(name)), (1, 1), "{name:?}");
        send(&hub, Audience::user(name), &format!("user {name:?}"));
        send(&hub, Audience::group(name), &format!("group {name:?}"));
        send(&hub, Audience::connection(name), "nobody's id");
    }
    for ((name, user), group) in names.iter().zip(&mut users).zip(&mut groups) {
        assert_eq!(user.data(), [format!("user {name:?}")]);
        assert_eq!(group.data(), [format!("group {name:?}")]);
        assert_eq!(hub.connection(&user.id).unwrap().user.as_deref(), Some(*name));
        assert_eq!(hub.connection(&group.id).unwrap().groups, [*name]);
    }
}

#[test]
fn what_is_sent_to_a_topic_where_nobody_is_waits_for_who_comes_back() {
    let hub = Hub::new();
    let cursor = send(&hub, Audience::nobody(), "the last that was seen");
    send(&hub, Audience::user("alice").or_group("g"), "1");
    send(&hub, Audience::group("g"), "2");
    let back = |request: ConnectRequest| Tab::open(&hub, request.last_event_id(&cursor)).data();
    assert_eq!(back(request("alice", &[])), ["1"]);
    assert_eq!(back(request("bob", &["g"])), ["1", "2"]);
    assert_eq!(back(request("bob", &[])), [""; 0]);
    assert_eq!(Tab::open(&hub, request("alice", &["g"])).data(), [""; 0], "a new client begins at the head");
}

#[test]
fn an_id_from_another_users_stream_shows_nothing_that_is_not_ones_own() {
    let hub = Hub::new();
    let mut alice = Tab::open(&hub, request("alice", &[]));
    send(&hub, Audience::user("alice"), "secret 1");
    alice.events();
    send(&hub, Audience::user("alice"), "secret 2");
    send(&hub, Audience::connection(&alice.id), "secret 3");
    let mut mallory = Tab::open(&hub, request("mallory", &[]).last_event_id(&alice.last_event_id));
    let opening = mallory.read_all();
    assert_eq!(opening.len(), 1, "no gap, no event: {opening:?}");
}
