//! A session goes on on whichever node its client comes back to.

use std::time::Duration;

use ssehub::{ConnectRequest, Event, Hub, HubBuilder, Shutdown, Topic};

use super::{LONG, nodes, open_known};
use crate::support::diary::Diary;
use crate::support::{Tab, begin_shutdown, eventually, within};
use crate::{read, send};

const NAME: &str = "0123456789abcdefghijkl";

fn alice() -> ConnectRequest {
    ConnectRequest::new().user("alice").session(NAME)
}

fn back(tab: &Tab) -> ConnectRequest {
    alice().last_event_id(&tab.last_event_id)
}

fn with_sessions(hub: HubBuilder) -> HubBuilder {
    hub.resume_window(LONG)
}

#[test]
fn a_session_goes_on_on_another_node_with_its_id_and_its_groups() {
    let (_log, nodes) = nodes::<2>(with_sessions);
    let [(_, here), (_, there)] = &nodes;
    let mut tab = open_known(&nodes, 0, alice());
    within("joining", here.join(&tab.id, "g")).unwrap();
    within("joining", there.join(&tab.id, "h")).unwrap();
    within("joining", there.join(&tab.id, "left")).unwrap();
    within("leaving", here.leave(&tab.id, "left")).unwrap();
    send(there, Topic::group("g"), "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    tab.cut();
    for (topic, data) in [("g", "2"), ("left", "not hers"), ("h", "3")] {
        send(here, Topic::group(topic), data);
    }
    send(here, Topic::connection(&tab.id), "4");
    let mut next = Tab::open(there, back(&tab));
    assert_eq!(next.id, tab.id);
    send(here, Topic::group("h"), "5");
    assert_eq!(read(&mut next, 4), ["2", "3", "4", "5"]);
    for (_, hub) in &nodes {
        eventually("it to be one connection", || hub.connections().len() == 1 && hub.member_count("g") == 1);
    }
    assert_eq!(here.stats().parked, 0);
    assert_eq!(within("ending it", here.disconnect(Topic::connection(&next.id), "out")).unwrap(), 1);
    next.wait_for("hub:closing");
    assert_ne!(Tab::open(here, back(&next)).id, tab.id, "what was ended is not come back to");
}

#[test]
fn the_one_who_comes_back_wins_over_a_transport_that_is_believed_in_elsewhere() {
    let (_log, nodes) = nodes::<3>(with_sessions);
    let mut old = open_known(&nodes, 0, alice());
    let mut new = Tab::open(&nodes[1].1, back(&old));
    let closing = old.wait_for("hub:closing");
    assert!(closing.last().unwrap().data.contains("superseded"), "{closing:?}");
    assert_eq!(new.id, old.id);
    drop(old);
    let mut last = Tab::open(&nodes[2].1, back(&new));
    new.wait_for("hub:closing");
    send(&nodes[0].1, Topic::connection(&last.id), "to the last");
    assert_eq!(read(&mut last, 1), ["to the last"]);
    drop(new);
    for (_, hub) in &nodes {
        eventually("it to be one connection", || hub.connections_of("alice") == 1);
    }
}

#[test]
fn two_who_come_back_at_once_on_two_nodes_are_one_in_the_end() {
    let (_log, nodes) = nodes::<3>(with_sessions);
    for _ in 0..20 {
        let old = open_known(&nodes, 0, alice());
        let mut both = std::thread::scope(|scope| {
            let comers = [1, 2].map(|at| {
                let (hub, old) = (&nodes[at].1, &old);
                scope.spawn(move || Tab::open(hub, back(old)))
            });
            comers.map(|comer| comer.join().unwrap())
        });
        assert!(both.iter().all(|tab| tab.id == old.id));
        let mut over = 0;
        eventually("one of them to be superseded", || {
            over += both.iter_mut().flat_map(Tab::read_all).filter(|event| event.name == "hub:closing").count();
            over == 1
        });
        for (_, hub) in &nodes {
            eventually("it to be one connection", || hub.connections_of("alice") == 1);
        }
        let ended = within("ending it", nodes[0].1.disconnect(Topic::user("alice"), "next"));
        assert_eq!(ended.unwrap(), 1);
        drop((old, both));
        for (_, hub) in &nodes {
            eventually("it to be gone", || hub.connections().is_empty());
        }
    }
}

#[test]
fn a_session_outlives_the_node_that_had_it() {
    let (_log, nodes) = nodes::<2>(|hub| with_sessions(hub).node_timeout(Duration::from_millis(300)));
    let mut tab = open_known(&nodes, 0, alice());
    let [(line, gone), (_, there)] = &nodes;
    within("joining", gone.join(&tab.id, "g")).unwrap();
    line.cut(true);
    eventually("it to be taken for gone", || !there.is_online("alice"));
    tab.cut();
    send(there, Topic::group("g"), "meanwhile");
    let mut next = Tab::open(there, back(&tab));
    assert_eq!(next.id, tab.id);
    assert_eq!(read(&mut next, 1), ["meanwhile"]);
    assert!(there.is_online("alice"));
    line.cut(false);
    eventually("the other to be back", || gone.is_ready() && gone.stats().connections == 0);
    assert_eq!(gone.connections_of("alice"), 1);
}

#[test]
fn a_snapshot_that_the_client_may_not_have_got_is_owed_on_the_other_node_too() {
    let (_log, nodes) = nodes::<2>(with_sessions);
    let mut tab = open_known(&nodes, 0, alice());
    let [(_, here), (_, there)] = &nodes;
    within("a send", there.send(Topic::group("g"), Event::message("state").key("k"))).unwrap();
    within("joining", there.join_with_snapshot(&tab.id, "g")).unwrap();
    assert_eq!(read(&mut tab, 1), ["state"]);
    let mut next = Tab::open(there, back(&tab));
    assert_eq!(read(&mut next, 1), ["state"], "it has no id from behind it");
    send(here, Topic::group("g"), "news");
    assert_eq!(read(&mut next, 1), ["news"]);
    let mut last = Tab::open(here, back(&next));
    last.wait_for("hub:connected");
    send(here, Topic::group("g"), "end");
    assert_eq!(read(&mut last, 1), ["end"], "now it has");
}

#[test]
fn the_hooks_of_all_nodes_see_a_session_come_and_go_once() {
    let diary = Diary::default();
    let (_log, nodes) = nodes::<2>(|hub| with_sessions(hub).hooks(diary.clone()));
    let mut tab = open_known(&nodes, 0, alice());
    eventually("the hooks", || diary.lines().len() == 2);
    assert_eq!(diary.lines(), ["online alice".to_owned(), format!("connected {}", tab.id)]);
    for at in [1, 0, 1] {
        let next = Tab::open(&nodes[at].1, back(&tab));
        tab.wait_for("hub:closing");
        tab = next;
        tab.wait_for("hub:connected");
    }
    within("ending it", nodes[0].1.disconnect(Topic::All, "out")).unwrap();
    tab.wait_for("hub:closing");
    let id = tab.id.clone();
    drop(tab);
    eventually("the hooks", || diary.lines().len() == 4);
    assert_eq!(diary.lines()[2..], [format!("disconnected {id} out"), "offline alice".to_owned()]);
}

#[test]
fn a_session_of_a_node_that_shuts_down_goes_on_elsewhere_and_the_hooks_are_told_so() {
    let diary = Diary::default();
    let (_log, nodes) = nodes::<2>(|hub| with_sessions(hub).hooks(diary.clone()));
    let mut tab = open_known(&nodes, 0, alice());
    let [(_, leaving), (_, there)] = &nodes;
    within("joining", there.join(&tab.id, "g")).unwrap();
    let shutdown = begin_shutdown(leaving, Shutdown::within(Duration::from_secs(9)));
    tab.wait_for("hub:closing");
    tab.cut();
    shutdown.join().unwrap();
    eventually("its leave to be heard of", || there.stats().nodes == 1);
    assert!(!there.is_online("alice"));
    send(there, Topic::group("g"), "meanwhile");
    let mut next = Tab::open(there, back(&tab));
    assert_eq!(next.id, tab.id);
    assert_eq!(read(&mut next, 1), ["meanwhile"]);
    eventually("the hooks", || diary.lines().len() == 6);
    let connected = format!("connected {}", tab.id);
    let gone = format!("disconnected {} shutdown", tab.id);
    let (online, offline) = ("online alice".to_owned(), "offline alice".to_owned());
    let expected = [online.clone(), connected.clone(), gone, offline, online, connected];
    assert_eq!(diary.lines(), expected);
}

#[test]
fn a_client_that_comes_back_before_anybody_has_heard_of_it_has_one_session_all_the_same() {
    let diary = Diary::default();
    let (log, nodes) = nodes::<2>(|hub| with_sessions(hub).hooks(diary.clone()));
    let [(_, first), (line, second)] = &nodes;
    line.hold(true);
    let before = log.entries();
    let mut old = Tab::open(first, alice());
    eventually("the first to be announced", || log.entries() > before);
    let new = Tab::open(second, back(&old));
    assert_ne!(new.id, old.id, "nobody there has heard of it");
    line.hold(false);
    old.wait_for("hub:closing");
    for hub in [first, second] {
        eventually("it to be one connection", || {
            let ids: Vec<_> = hub.connections().into_iter().map(|connection| connection.id).collect();
            ids == [new.id.clone()]
        });
    }
    let count = |what: &str| diary.lines().iter().filter(|line| *line == what).count();
    let superseded = format!("disconnected {} superseded", old.id);
    let connected = [&old.id, &new.id].map(|id| format!("connected {id}"));
    eventually("the hooks", || count(&superseded) == 1 && connected.iter().all(|line| count(line) == 1));
}

#[test]
fn sessions_of_other_users_are_others_sessions() {
    let (_log, nodes) = nodes::<2>(with_sessions);
    let tab = open_known(&nodes, 0, alice());
    let bob = Tab::open(&nodes[1].1, ConnectRequest::new().user("bob").session(NAME));
    let nobody = Tab::open(&nodes[1].1, ConnectRequest::new().session(NAME));
    assert!(bob.id != tab.id && nobody.id != tab.id);
    let hub: &Hub = &nodes[0].1;
    eventually("all three to be heard of", || hub.connections().len() == 3);
}
