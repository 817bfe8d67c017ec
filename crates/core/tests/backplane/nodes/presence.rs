//! Who is connected, on whichever node.

use std::time::{Duration, Instant};

use ssehub::{ConnectErrorKind, Shutdown};

use super::{LONG, join_hub, nodes, open_known};
use crate::shared_log::Appends;
use crate::support::{Tab, anyone, begin_shutdown, eventually, within};

#[test]
fn every_node_knows_who_is_connected_and_in_which_groups() {
    let (_log, nodes) = nodes::<3>(|hub| hub);
    let mut one = open_known(&nodes, 0, anyone().user("alice").group("g"));
    let two = open_known(&nodes, 1, anyone().user("alice"));
    let [_, (_, there), (_, other)] = &nodes;
    within("joining", other.join(&two.id, "g")).unwrap();
    within("joining", other.join_user("alice", "hers")).unwrap();
    for (_, hub) in &nodes {
        eventually("the groups to be heard of", || hub.member_count("g") == 2 && hub.member_count("hers") == 2);
        assert_eq!((hub.connections_of("alice"), hub.connections_of("bob")), (2, 0));
        assert!(hub.is_online("alice") && !hub.is_online("bob"));
        let mut ids: Vec<_> = hub.members("g").into_iter().map(|member| member.id).collect();
        ids.sort();
        let mut expected = [one.id.clone(), two.id.clone()];
        expected.sort();
        assert_eq!(ids, expected);
        assert_eq!(hub.connections().len(), 2);
        let info = hub.connection(&two.id).unwrap();
        assert_eq!((info.user.as_deref(), &info.groups[..]), (Some("alice"), &["g".to_owned(), "hers".to_owned()][..]));
    }
    assert_eq!((there.stats().connections, there.stats().connections_elsewhere), (1, 1));
    one.cut();
    drop(two);
    for (_, hub) in &nodes {
        eventually("their end to be heard of", || !hub.is_online("alice") && hub.member_count("g") == 0);
    }
}

#[test]
fn a_node_that_falls_silent_is_out_of_every_count_and_one_that_leaves_is_so_at_once() {
    let (log, nodes) = nodes::<3>(|hub| hub.node_timeout(Duration::from_millis(300)));
    let tabs = [0, 1, 2].map(|at| open_known(&nodes, at, anyone().user("alice")));
    let [(_, here), (line, there), (_, leaving)] = nodes;
    line.cut(true);
    eventually("the silent one to be gone", || here.connections_of("alice") == 2 && here.stats().nodes == 2);
    assert_eq!(there.connections_of("alice"), 3, "who hears nothing takes nobody for gone");
    line.cut(false);
    eventually("all to know all again", || {
        [&here, &there, &leaving].iter().all(|hub| hub.connections_of("alice") == 3 && hub.stats().nodes == 3)
    });
    let (_, late) = join_hub(&log, |hub| hub.node_timeout(LONG));
    eventually("one that starts late to know all", || late.connections_of("alice") == 3);
    let shutdown = begin_shutdown(&leaving, Shutdown::within(Duration::from_secs(9)));
    drop(tabs);
    shutdown.join().unwrap();
    eventually("its leave to be heard of", || late.stats().nodes == 3);
}

#[test]
fn a_node_that_was_away_for_longer_than_what_passes_is_kept_learns_what_it_missed() {
    let (log, nodes) = nodes::<2>(|hub| hub);
    let before = open_known(&nodes, 0, anyone().user("before"));
    let [(_, here), (line, there)] = &nodes;
    line.cut(true);
    let before_it = log.entries();
    drop(before);
    let _after = Tab::open(here, anyone().user("after"));
    eventually("it to be said", || log.entries() > before_it);
    log.forget_passing();
    line.cut(false);
    eventually("it to know what is now", || !there.is_online("before") && there.is_online("after"));
}

#[test]
fn a_node_that_starts_hears_of_sessions_whose_node_is_gone() {
    let with_sessions = |hub: ssehub::HubBuilder| hub.resume_window(LONG).node_timeout(Duration::from_millis(300));
    let (log, nodes) = nodes::<2>(with_sessions);
    let request = || anyone().user("alice").session("0123456789abcdefghijkl");
    let tab = open_known(&nodes, 1, request());
    let [(_, here), (line, gone)] = nodes;
    within("joining", here.join(&tab.id, "g")).unwrap();
    line.cut(true);
    let (_, early) = join_hub(&log, with_sessions);
    eventually("the silent one to be gone", || here.stats().nodes == 2 && early.stats().nodes == 2);
    let (_, late) = join_hub(&log, with_sessions);
    for hub in [early, late] {
        let mut found = None;
        eventually("it to hear of the session", || {
            let comes = Tab::open(&hub, request().user(if found.is_some() { "bob" } else { "alice" }));
            found = found.take().or_else(|| (comes.id == tab.id).then_some(comes));
            found.is_some()
        });
    }
    drop(gone);
}

#[test]
fn the_limit_of_a_users_streams_holds_over_all_nodes() {
    let (_log, nodes) = nodes::<2>(|hub| hub.max_connections_per_user(2));
    let one = open_known(&nodes, 0, anyone().user("alice"));
    let _two = open_known(&nodes, 1, anyone().user("alice"));
    for (_, hub) in &nodes {
        let refused = hub.connect(anyone().user("alice")).unwrap_err();
        assert_eq!(refused.kind(), ConnectErrorKind::TooManyConnections);
        assert!(hub.connect(anyone().user("bob")).is_ok());
    }
    drop(one);
    eventually("its end to be heard of", || nodes[1].1.connections_of("alice") == 1);
    assert!(nodes[1].1.connect(anyone().user("alice")).is_ok());
}

#[test]
fn nodes_whose_backplane_takes_nothing_do_not_take_one_another_for_gone() {
    let (_log, [(here_line, here), (there_line, there)]) =
        nodes::<2>(|hub| hub.node_timeout(Duration::from_millis(300)));
    let _tab = Tab::open(&here, anyone().user("alice"));
    eventually("alice to be known elsewhere", || there.is_online("alice"));
    for line in [&here_line, &there_line] {
        line.appends(Appends::Failed);
    }
    // Nodes that are silent are looked for once a second.
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(2_500) {
        assert!(there.is_online("alice"), "after {:?}", since.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    there_line.appends(Appends::Taken);
    eventually("the one that is still silent to be taken for gone", || !there.is_online("alice"));
    here_line.appends(Appends::Taken);
    eventually("it to be back", || there.is_online("alice"));
}
