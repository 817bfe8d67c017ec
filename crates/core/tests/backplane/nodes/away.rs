//! What is said while somebody does not hear it, twice, or too late; and what has to come right all the same.

use std::time::{Duration, Instant};

use ssehub::{ConnectErrorKind, ConnectRequest, Hub, HubBuilder, Identity, TicketErrorKind, Topic};

use super::{LONG, join_hub, nodes, open_known};
use crate::shared_log::{Appends, SharedLog};
use crate::support::{Tab, anyone, eventually, hub, within};
use crate::{read, send};

const NAME: &str = "0123456789abcdefghijkl";
const SHORT: Duration = Duration::from_millis(300);

fn alice() -> ConnectRequest {
    ConnectRequest::new().user("alice").session(NAME)
}

fn back(tab: &Tab) -> ConnectRequest {
    alice().last_event_id(&tab.last_event_id)
}

fn lasting(hub: HubBuilder) -> HubBuilder {
    hub.resume_window(LONG).node_timeout(LONG)
}

fn fleeting(hub: HubBuilder) -> HubBuilder {
    hub.resume_window(LONG).node_timeout(SHORT)
}

fn ids(hub: &Hub) -> Vec<String> {
    let mut ids: Vec<_> = hub.connections().into_iter().map(|connection| connection.id).collect();
    ids.sort();
    ids
}

/// Does something, and waits until that many records more are in the log.
fn appended<T>(log: &SharedLog, records: usize, act: impl FnOnce() -> T) -> T {
    let before = log.entries();
    let done = act();
    eventually("it to be said", || log.entries() >= before + records);
    done
}

/// Waits until no node has said anything for a while.
fn settled(log: &SharedLog) {
    let mut newest = (log.entries(), Instant::now());
    eventually("the nodes to have nothing more to say", || {
        if log.entries() != newest.0 {
            newest = (log.entries(), Instant::now());
        }
        newest.1.elapsed() > Duration::from_millis(500)
    });
}

#[test]
fn a_session_that_was_claimed_while_its_node_was_away_for_long_is_one_stream() {
    let (log, nodes) = nodes::<2>(lasting);
    let mut old = open_known(&nodes, 0, alice());
    let [(line, here), (_, there)] = &nodes;
    line.cut(true);
    eventually("the node to notice", || !here.is_ready());
    let mut new = appended(&log, 2, || Tab::open(there, back(&old)));
    assert_eq!(new.id, old.id);
    log.forget_passing();
    line.cut(false);
    eventually("the node to be back", || here.is_ready());
    old.wait_for("hub:closing");
    settled(&log);
    send(there, Topic::user("alice"), "still there");
    assert_eq!(read(&mut new, 1), ["still there"]);
}

#[test]
fn a_node_that_is_ready_knows_the_sessions_of_the_others() {
    let (log, [(line, here)]) = nodes::<1>(|hub| hub.resume_window(LONG).node_timeout(Duration::from_secs(2)));
    let tab = Tab::open(&here, alice());
    within("joining", here.join(&tab.id, "g")).unwrap();
    log.forget_passing();
    appended(&log, 1, || ());
    line.lets(Some(0));
    let next = log.line();
    let there = hub(|hub| lasting(hub.backplane(next.clone())));
    eventually("the first node to be about to tell what it has", || line.waiting() == 1);
    eventually("the next one to have said that it is there", || here.stats().nodes == 2);
    assert!(!there.is_ready());
    line.lets(None);
    eventually("the next one to be ready", || there.is_ready());
    assert_eq!(Tab::open(&there, back(&tab)).id, tab.id, "the session goes on");
}

#[test]
fn a_claim_that_was_lost_with_its_log_does_not_keep_a_session_for_ever() {
    let (log, nodes) = nodes::<2>(lasting);
    let first = open_known(&nodes, 0, alice());
    let [(line, here), (_, there)] = &nodes;
    line.hold(true);
    let mut old = appended(&log, 2, || Tab::open(here, back(&first)));
    log.wipe(0);
    line.hold(false);
    old.wait_for("hub:gap");
    eventually("all to know it", || there.connection(&old.id).is_some());
    settled(&log);
    let new = Tab::open(there, back(&old));
    assert_eq!(new.id, old.id);
    old.wait_for("hub:closing");
    for (_, hub) in &nodes {
        eventually("it to be one", || ids(hub) == [new.id.clone()]);
    }
}

#[test]
fn a_claim_that_is_said_twice_takes_nothing_from_who_has_claimed_since() {
    let (log, nodes) = nodes::<3>(lasting);
    let first = open_known(&nodes, 0, alice());
    let [(line, here), (_, there), (_, other)] = &nodes;
    line.appends(Appends::TakenAndFailed);
    let mut old = appended(&log, 1, || Tab::open(here, back(&first)));
    let mut new = Tab::open(there, back(&old));
    old.wait_for("hub:closing");
    appended(&log, 1, || line.appends(Appends::Taken));
    settled(&log);
    send(other, Topic::connection(&new.id), "still there");
    assert_eq!(read(&mut new, 1), ["still there"]);
    drop(new);
}

#[test]
fn who_claims_a_session_does_not_get_another_connection_of_it() {
    let (log, nodes) = nodes::<3>(lasting);
    let [(first, here), (second, there), (_, other)] = &nodes;
    first.hold(true);
    second.hold(true);
    let x = Tab::open(here, alice());
    eventually("x to be known", || other.connection(&x.id).is_some());
    let mut y = Tab::open(there, alice());
    eventually("y to be known", || other.connection(&y.id).is_some());
    let back = appended(&log, 2, || Tab::open(here, alice()));
    assert_eq!(back.id, x.id);
    drop(x);
    first.hold(false);
    second.hold(false);
    y.wait_for("hub:closing");
    for (_, hub) in &nodes {
        eventually(&format!("one to be left, there is {:?}; x {} y {}", ids(hub), back.id, y.id), || {
            ids(hub) == [back.id.clone()]
        });
    }
}

#[test]
fn a_group_that_was_joined_before_the_log_was_known_goes_on_on_another_node() {
    let (log, [(_, there)]) = nodes::<1>(lasting);
    let line = log.line();
    line.hold(true);
    let here = hub(|hub| lasting(hub.backplane(line.clone())));
    let mut tab = Tab::open(&here, alice());
    within("joining", here.join(&tab.id, "g")).unwrap();
    line.hold(false);
    tab.wait_for("hub:connected");
    eventually("it to be known elsewhere", || there.member_count("g") == 1);
    let mut next = Tab::open(&there, back(&tab));
    assert_eq!(next.id, tab.id);
    send(&there, Topic::group("g"), "for its members");
    assert_eq!(read(&mut next, 1), ["for its members"]);
}

#[test]
fn a_user_joins_again_on_a_node_that_has_not_heard_that_she_left() {
    let (_log, nodes) = nodes::<2>(lasting);
    let mut tab = open_known(&nodes, 1, anyone().user("alice"));
    let [(line, behind), (_, there)] = &nodes;
    within("joining", there.join_user("alice", "g")).unwrap();
    eventually("it to be known", || behind.member_count("g") == 1);
    line.hold(true);
    within("leaving", there.leave_user("alice", "g")).unwrap();
    std::thread::scope(|scope| {
        let joining = scope.spawn(|| within("joining", behind.join_user("alice", "g")));
        std::thread::sleep(Duration::from_millis(100));
        line.hold(false);
        joining.join().unwrap().unwrap();
    });
    send(there, Topic::group("g"), "for its members");
    assert_eq!(read(&mut tab, 1), ["for its members"]);
}

fn issue(hub: &Hub) -> String {
    let identity = Identity::user("alice").expires_in(Duration::from_secs(3600));
    within("a ticket", hub.issue_ticket(identity)).unwrap().to_string()
}

fn redeem(hub: &Hub, ticket: &str) -> Result<Identity, TicketErrorKind> {
    within("redeeming it", hub.redeem_ticket(ticket)).map_err(|error| error.kind())
}

#[test]
fn a_ticket_that_was_redeemed_while_a_node_was_away_for_long_is_worth_nothing_there() {
    let (log, nodes) = nodes::<2>(lasting);
    let [(_, here), (line, there)] = &nodes;
    let ticket = issue(here);
    eventually("it to be known", || there.stats().tickets == 1);
    line.cut(true);
    eventually("the node to notice", || !there.is_ready());
    redeem(here, &ticket).unwrap();
    log.forget_passing();
    line.cut(false);
    eventually("the node to be back", || there.is_ready());
    assert_eq!(redeem(there, &ticket).unwrap_err(), TicketErrorKind::Invalid);
}

#[test]
fn a_logout_that_a_node_did_not_hear_holds_there_too() {
    let (log, nodes) = nodes::<2>(lasting);
    let [(_, here), (line, there)] = &nodes;
    let ticket = issue(here);
    let redeemed = redeem(there, &issue(here)).unwrap();
    eventually("it to be known", || there.stats().tickets == 1);
    line.cut(true);
    eventually("the node to notice", || !there.is_ready());
    assert_eq!(within("the logout", here.revoke_user("alice", "out")), Ok(0));
    log.forget_passing();
    line.cut(false);
    eventually("the node to be back", || there.is_ready());
    let connected = there.connect(ConnectRequest::new().identity(redeemed));
    let redeemed = redeem(there, &ticket);
    assert!(redeemed.is_err(), "a ticket of before the logout lets somebody in");
    assert_eq!(connected.map(|_| ()).map_err(|error| error.kind()), Err(ConnectErrorKind::Expired));
}

#[test]
fn a_stream_that_was_ended_while_its_node_was_thought_dead_ends_when_that_is_back() {
    let (log, nodes) = nodes::<2>(fleeting);
    let [(_, here), (line, there)] = &nodes;
    let mut tab = open_known(&nodes, 1, anyone().user("alice"));
    line.cut(true);
    eventually("it to be taken for gone", || here.stats().nodes == 1);
    assert_eq!(within("the logout", here.revoke_user("alice", "out")), Ok(0));
    log.forget_passing();
    line.cut(false);
    eventually("the node to be back", || there.is_ready());
    send(here, Topic::user("alice"), "secret");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(tab.data(), [""; 0], "she was logged out");
}

#[test]
fn the_limit_of_a_users_streams_holds_for_sessions_of_dead_nodes_too() {
    let (_log, nodes) = nodes::<3>(|hub| fleeting(hub).max_connections_per_user(2));
    let first = open_known(&nodes, 0, alice());
    let [(line, _), (_, there), (_, other)] = &nodes;
    line.cut(true);
    eventually("it to be taken for gone", || !there.is_online("alice") && !other.is_online("alice"));
    let _two = [Tab::open(other, anyone().user("alice")), Tab::open(other, anyone().user("alice"))];
    eventually("both to be known", || there.connections_of("alice") == 2);
    let third = Tab::try_open(there, back(&first)).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(third, Err(ConnectErrorKind::TooManyConnections));
}

#[test]
fn what_was_said_before_an_end_and_heard_after_does_not_revive_a_session() {
    let (log, nodes) = nodes::<2>(lasting);
    let mut tab = open_known(&nodes, 0, alice());
    let [(line, _), (_, there)] = &nodes;
    line.lets(Some(0));
    within("joining", there.join_user("alice", "g")).unwrap();
    eventually("the node to look at it", || line.waiting() == 1);
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| within("ending it", there.disconnect(Topic::user("alice"), "out")));
        tab.wait_for("hub:closing");
        // What waits, the answer, and that the session is over.
        appended(&log, 3, || line.lets(None));
        assert_eq!(ending.join().unwrap(), Ok(1));
    });
    assert_ne!(Tab::open(there, back(&tab)).id, tab.id, "what was ended is not come back to");
}

#[test]
fn a_node_that_starts_and_one_that_has_a_session_keep_one_of_two_streams() {
    let (log, [(line, here)]) = nodes::<1>(lasting);
    let mut old = Tab::open(&here, alice());
    settled(&log);
    // It may tell all again.
    std::thread::sleep(Duration::from_secs(1));
    line.lets(Some(0));
    log.forget_passing();
    let (_, there) = join_hub(&log, lasting);
    eventually("the node to tell all", || line.waiting() == 1);
    let mut new = Tab::open(&there, back(&old));
    assert_ne!(new.id, old.id);
    old.wait_for("hub:closing");
    line.lets(None);
    settled(&log);
    send(&there, Topic::connection(&new.id), "still there");
    assert_eq!(read(&mut new, 1), ["still there"]);
}

#[test]
fn the_newest_stream_of_a_session_stays_when_a_node_is_back_that_had_it_before() {
    let (log, nodes) = nodes::<2>(|hub| hub.resume_window(SHORT).node_timeout(SHORT));
    let mut old = open_known(&nodes, 0, alice());
    let [(line, here), (_, there)] = &nodes;
    line.cut(true);
    eventually("it to be taken for gone", || !there.is_online("alice"));
    std::thread::sleep(Duration::from_millis(2500));
    let mut new = Tab::open(there, alice());
    assert_ne!(new.id, old.id, "its window is over");
    within("joining", there.join(&new.id, "g")).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    log.forget_passing();
    line.cut(false);
    eventually("the node to be back", || here.is_ready());
    std::thread::sleep(Duration::from_millis(1500));
    send(there, Topic::group("g"), "still there");
    assert_eq!(read(&mut new, 1), ["still there"]);
    old.wait_for("hub:closing");
}

#[test]
fn a_node_that_did_not_hear_the_end_of_a_session_does_not_revive_it() {
    let (_log, nodes) = nodes::<3>(fleeting);
    let mut tab = open_known(&nodes, 1, alice());
    let [(line, behind), _, (_, other)] = &nodes;
    line.hold(true);
    assert_eq!(within("ending it", other.disconnect(Topic::connection(&tab.id), "out")), Ok(1));
    tab.wait_for("hub:closing");
    let id = tab.id.clone();
    drop(tab);
    eventually("the end to be heard of", || other.connections().is_empty());
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(behind.stats().nodes, 3, "who hears not even itself takes nobody for gone");
    assert_ne!(Tab::open(other, alice()).id, id, "what was ended is not come back to");
}

#[test]
fn groups_of_a_session_are_its_own_also_in_another_log_with_an_earlier_clock() {
    let (log, nodes) = nodes::<2>(lasting);
    let mut tab = open_known(&nodes, 0, alice());
    let [(_, here), (_, there)] = &nodes;
    within("joining", here.join(&tab.id, "g")).unwrap();
    send(here, Topic::group("g"), "0");
    assert_eq!(read(&mut tab, 1), ["0"]);
    log.wipe(30_000);
    tab.wait_for("hub:gap");
    send(here, Topic::group("g"), "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    tab.cut();
    send(here, Topic::group("g"), "2");
    settled(&log);
    let mut next = Tab::open(there, back(&tab));
    assert_eq!(next.id, tab.id);
    assert_eq!(read(&mut next, 1), ["2"]);
}

#[test]
fn what_was_said_of_a_connection_before_it_moved_leaves_nothing_when_it_is_gone() {
    let (log, nodes) = nodes::<3>(lasting);
    let mut old = open_known(&nodes, 0, alice());
    let [(line, here), (_, there), (_, other)] = &nodes;
    line.lets(Some(0));
    within("joining", there.join_user("alice", "g")).unwrap();
    eventually("the node to look at it", || line.waiting() == 1);
    let mut new = Tab::open(there, back(&old));
    old.wait_for("hub:closing");
    let topic = Topic::connection(&new.id);
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| within("ending it", other.disconnect(topic, "out")));
        new.wait_for("hub:closing");
        new.cut();
        for hub in [there, other] {
            eventually("it to be gone", || hub.connections().is_empty());
        }
        line.lets(None);
        assert_eq!(ending.join().unwrap(), Ok(1));
    });
    drop(old);
    settled(&log);
    for hub in [here, there, other] {
        assert_eq!(ids(hub), [""; 0]);
    }
}

#[test]
fn a_node_that_starts_takes_no_node_for_alive_that_has_long_left() {
    let (log, [(_, left)]) = nodes::<1>(lasting);
    assert_eq!(within("ending nobody", left.disconnect(Topic::user("nobody"), "out")), Ok(0));
    within("the shutdown", left.shutdown(ssehub::Shutdown::within(SHORT)));
    drop(left);
    log.forget_passing();
    let (_, late) = join_hub(&log, lasting);
    assert_eq!(late.stats().nodes, 1);
}

#[test]
fn a_node_that_was_taken_for_gone_until_the_log_forgot_what_was_ended_lets_its_clients_in_anew() {
    let (log, nodes) = nodes::<2>(fleeting);
    let mut tab = open_known(&nodes, 1, anyone().user("alice"));
    let [(_, here), (line, there)] = &nodes;
    line.cut(true);
    eventually("it to be taken for gone", || here.stats().nodes == 1);
    assert_eq!(within("the logout", here.revoke_user("alice", "out")), Ok(0));
    send(here, Topic::user("alice"), "secret");
    log.trim_to(0);
    line.cut(false);
    let events = tab.wait_for("hub:closing");
    assert!(events[events.len() - 1].data.contains("cut-off"), "{events:?}");
    assert!(events.iter().all(|event| event.data != "secret"), "{events:?}");
    eventually("the node to be back", || there.is_ready());
}
