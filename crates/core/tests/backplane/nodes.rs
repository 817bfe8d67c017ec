//! What acts on connections works from any node, and nodes come and go.

mod away;
mod presence;
mod random;
mod sessions;
mod tickets;

use std::time::Duration;

use ssehub::{Audience, Event, GroupErrorKind, Hub, HubBuilder, NodesErrorKind, Topic};

use crate::shared_log::{Appends, Line, SharedLog};
use crate::support::{Tab, anyone, eventually, hub, within};
use crate::{read, send};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// So many nodes on one log, each of which has heard of all others.
fn nodes<const N: usize>(set: impl Fn(HubBuilder) -> HubBuilder) -> (SharedLog, [(Line, Hub); N]) {
    let log = SharedLog::new();
    let nodes = std::array::from_fn(|_| join_hub(&log, &set));
    for (_, hub) in &nodes {
        eventually("all nodes to hear of one another", || hub.stats().nodes == N);
    }
    (log, nodes)
}

/// One node more.
fn join_hub(log: &SharedLog, set: impl Fn(HubBuilder) -> HubBuilder) -> (Line, Hub) {
    let line = log.line();
    let hub = hub(|hub| set(hub.backplane(line.clone())));
    eventually("the hub to follow its backplane", || hub.is_ready());
    (line, hub)
}

/// Opens a stream of which all nodes have heard.
fn open_known<const N: usize>(nodes: &[(Line, Hub); N], at: usize, request: ssehub::ConnectRequest) -> Tab {
    let mut tab = Tab::open(&nodes[at].1, request);
    tab.wait_for("hub:connected");
    for (_, hub) in nodes {
        eventually("all nodes to hear of it", || hub.connection(&tab.id).is_some());
    }
    tab
}

#[test]
fn a_connection_is_put_into_groups_from_any_node_and_what_is_sent_then_reaches_it() {
    let (_log, nodes) = nodes::<3>(|hub| hub);
    let mut tab = open_known(&nodes, 0, anyone());
    let [(_, here), (_, there), (_, other)] = &nodes;
    send(other, Topic::group("g"), "before");
    within("joining", there.join(&tab.id, "g")).unwrap();
    send(other, Topic::group("g"), "after");
    within("leaving", other.leave(&tab.id, "g")).unwrap();
    assert_eq!(read(&mut tab, 1), ["after"]);
    send(there, Topic::group("g"), "left");
    within("leaving again", other.leave(&tab.id, "g")).unwrap();
    within("a send", here.send(Topic::group("h"), Event::message("state").key("k"))).unwrap();
    within("joining", there.join_with_snapshot(&tab.id, "h")).unwrap();
    send(here, Topic::group("h"), "end");
    assert_eq!(read(&mut tab, 2), ["state", "end"]);
}

#[test]
fn what_cannot_be_done_to_a_connection_elsewhere_is_told() {
    let (_log, nodes) = nodes::<2>(|hub| hub.max_groups_per_connection(1));
    let mut tab = open_known(&nodes, 0, anyone());
    let [(_, here), (line, there)] = &nodes;
    let kind = |hub: &Hub, connection: &str, group: &str| {
        within("joining", hub.join(connection, group)).map_err(|error| error.kind())
    };
    assert_eq!(kind(there, "no such", "g"), Err(GroupErrorKind::UnknownConnection));
    assert_eq!(kind(there, &tab.id, &"g".repeat(513)), Err(GroupErrorKind::NameTooLong));
    assert_eq!(kind(there, &tab.id, "g"), Ok(()));
    assert_eq!(kind(there, &tab.id, "h"), Err(GroupErrorKind::TooManyGroups));
    line.cut(true);
    assert_eq!(kind(there, &tab.id, "g"), Err(GroupErrorKind::Unavailable));
    line.cut(false);
    eventually("the line to be back", || there.is_ready());
    assert_eq!(kind(there, &tab.id, "g"), Ok(()), "what is done is done");
    tab.cut();
    eventually("its end to be heard of", || there.connection(&tab.id).is_none());
    assert_eq!(kind(there, &tab.id, "g"), Err(GroupErrorKind::UnknownConnection));
    let refused = |hub: &Hub| hub.refusals().iter().find(|(reason, _)| *reason == "group_unknown_connection");
    assert_eq!(
        [here, there].map(|hub| refused(hub).map(|(_, count)| count)),
        [Some(0), Some(2)],
        "who asks is refused"
    );
}

#[test]
fn streams_are_ended_on_all_nodes_with_what_was_sent_before() {
    let (_log, nodes) = nodes::<3>(|hub| hub);
    let mut tabs: Vec<Tab> = (0..6).map(|n| open_known(&nodes, n % 3, anyone().user("alice").group("g"))).collect();
    let mut bob = open_known(&nodes, 0, anyone().user("bob"));
    let [_, (_, by), (_, other)] = &nodes;
    send(other, Topic::user("alice"), "last");
    let one = Topic::connection(&tabs[5].id);
    assert_eq!(within("ending one", by.disconnect(one.clone(), "enough")).unwrap(), 1);
    assert_eq!(within("ending it again", by.disconnect(one, "enough")).unwrap(), 0);
    assert_eq!(within("ending a group", other.disconnect(Topic::group("g"), "enough")).unwrap(), 5);
    for tab in &mut tabs {
        let events = tab.wait_for("hub:closing");
        assert_eq!(events[0].data, "last");
    }
    send(by, Topic::All, "goes on");
    assert_eq!(read(&mut bob, 1), ["goes on"]);
    assert_eq!(within("ending all", by.disconnect(Topic::All, "enough")).unwrap(), 1);
}

#[test]
fn a_node_that_is_cut_off_ends_its_own_streams_and_says_so() {
    let (_log, nodes) = nodes::<2>(|hub| hub);
    let mut here = open_known(&nodes, 0, anyone().user("alice"));
    let mut there = open_known(&nodes, 1, anyone().user("alice"));
    let (line, hub) = &nodes[0];
    line.cut(true);
    let ended = within("ending them", hub.disconnect(Topic::user("alice"), "enough"));
    assert_eq!(ended.unwrap_err().kind(), NodesErrorKind::Unavailable);
    here.wait_for("hub:closing");
    line.cut(false);
    eventually("the line to be back", || hub.is_ready());
    assert_eq!(within("ending the rest", hub.disconnect(Topic::user("alice"), "enough")).unwrap(), 1);
    there.wait_for("hub:closing");
}

#[test]
fn a_node_that_does_not_answer_is_waited_for_no_longer_than_a_bound() {
    let (_log, nodes) = nodes::<2>(|hub| hub.node_timeout(LONG));
    let mut here = open_known(&nodes, 0, anyone().user("alice"));
    let _there = open_known(&nodes, 1, anyone().user("alice"));
    let [(_, hub), (line, _)] = &nodes;
    line.hold(true);
    let ended = within("ending them", hub.disconnect(Topic::user("alice"), "enough"));
    assert_eq!(ended.unwrap_err().kind(), NodesErrorKind::Silent);
    here.wait_for("hub:closing");
}

#[test]
fn a_record_that_cannot_be_read_is_skipped_and_counted() {
    let (log, nodes) = nodes::<2>(|hub| hub);
    let mut tab = open_known(&nodes, 0, anyone());
    for garbage in [&b""[..], b"garbage", b"\x01\0\0\0\0", b"\x02later"] {
        log.append_bytes(garbage);
    }
    send(&nodes[1].1, Audience::all(), "goes on");
    assert_eq!(read(&mut tab, 1), ["goes on"]);
    assert!(nodes.iter().all(|(_, hub)| hub.stats().skipped == 4));
}

#[test]
fn what_a_node_says_while_its_backplane_panics_is_said_again() {
    let (_log, [(line, here), (_, there)]) = nodes(|hub| hub);
    line.appends(Appends::Panics);
    let before = line.appended();
    let tab = Tab::open(&here, anyone().user("alice"));
    eventually("it to be said twice", || line.appended() >= before + 2);
    assert!(!there.is_online("alice"), "nobody could say so");
    line.appends(Appends::Taken);
    eventually("alice to be known elsewhere", || there.is_online("alice"));
    within("joining", there.join(&tab.id, "g")).unwrap();
}
