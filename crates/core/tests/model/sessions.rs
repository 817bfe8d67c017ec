//! Sessions whose next transport comes while the one before goes, ends, or is let go.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;
use ssehub::{Audience, ConnectRequest, Hub, Topic};

use crate::support::{Tab, hub};
use crate::{assert_in_order, check, data, join_all, read_to_end, read_until, send};

/// 22 characters, as few as may be.
const NAME: &str = "0123456789012345678901";

fn with_sessions() -> Hub {
    hub(|hub| hub.resume_window(Duration::from_secs(60)))
}

fn request() -> ConnectRequest {
    ConnectRequest::new().user("alice").session(NAME)
}

/// A stream of the session that has joined a group itself.
fn member(hub: &Hub) -> Tab {
    let mut tab = Tab::open(hub, request());
    tab.read_all();
    block_on(hub.join(&tab.id, "g")).expect("it joins");
    tab
}

/// One connection is there, in its group, with this stream.
fn assert_one(hub: &Hub, tab: &mut Tab) {
    let stats = hub.stats();
    assert_eq!((stats.connections, stats.parked, stats.users, stats.groups), (1, 0, 1, 1));
    assert_eq!((hub.member_count("g"), hub.connections_of("alice")), (1, 1));
    let there = hub.connection(&tab.id).expect("it is there");
    assert_eq!((there.user.as_deref(), there.groups), (Some("alice"), vec!["g".to_owned()]));
    send(hub, Topic::group("g"), "to its group");
    send(hub, Topic::connection(&tab.id), "end");
    let last = read_until(tab, "end");
    assert_eq!(last.last().map(|event| event.data.as_str()), Some("to its group"));
}

/// Nothing of what was open is left.
fn assert_empty(hub: &Hub) {
    let stats = hub.stats();
    assert_eq!((stats.connections, stats.parked, stats.users, stats.groups), (0, 0, 0, 0));
    assert_eq!((hub.connections().len(), hub.members("g").len(), hub.connections_of("alice")), (0, 0, 0));
}

#[test]
fn a_transport_that_goes_while_the_next_one_comes_takes_nothing_with_it() {
    check(|| {
        let hub = with_sessions();
        let old = member(&hub);
        let (id, last) = (old.id.clone(), old.last_event_id.clone());
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || ["1", "2"].map(|data| send(&hub, Topic::group("g"), data))
        });
        let leaver = thread::spawn(move || drop(old));
        let mut new = Tab::open(&hub, request().last_event_id(&last));
        assert_eq!(new.id, id);
        publisher.join().expect("it sends");
        leaver.join().expect("it goes");
        send(&hub, Audience::all(), "both");
        assert_eq!(data(&read_until(&mut new, "both")), ["1", "2"], "nothing is missing, and nothing comes twice");
        assert_one(&hub, &mut new);
        assert_eq!(block_on(hub.disconnect(Topic::All, "bye")).unwrap(), 1);
        drop(new);
        assert_empty(&hub);
    });
}

#[test]
fn a_reader_that_waits_is_told_that_the_next_one_has_taken_its_place() {
    check(|| {
        let hub = with_sessions();
        let mut old = member(&hub);
        let reader = thread::spawn(move || read_to_end(&mut old));
        let mut new = Tab::open(&hub, request());
        // Nothing is sent that would wake it.
        let closing = reader.join().expect("it reads").pop().expect("it is told");
        assert_eq!(closing.name, "hub:closing");
        assert_one(&hub, &mut new);
    });
}

#[test]
fn of_two_transports_that_come_at_once_one_has_the_session_and_the_other_is_ended() {
    check(|| {
        let hub = with_sessions();
        let old = member(&hub);
        let id = old.id.clone();
        let leaver = thread::spawn(move || drop(old));
        let comers = [(); 2].map(|()| {
            let hub = hub.clone();
            thread::spawn(move || Tab::open(&hub, request()))
        });
        leaver.join().expect("it goes");
        let mut tabs = join_all(comers);
        assert!(tabs.iter().all(|tab| tab.id == id), "there is one connection");
        let over = tabs.each_mut().map(|tab| {
            tab.read_all();
            tab.over
        });
        assert!(over[0] != over[1], "one of them has it: {over:?}");
        let place = usize::from(over[0]);
        assert_one(&hub, &mut tabs[place]);
        assert_eq!(block_on(hub.disconnect(Topic::All, "bye")).unwrap(), 1);
        drop(tabs);
        assert_empty(&hub);
    });
}

#[test]
fn who_comes_back_as_its_session_is_let_go_has_it_or_a_new_one_and_never_half_of_it() {
    check(|| {
        let hub = hub(|hub| hub.resume_window(Duration::from_secs(60)).max_parked(1));
        let old = member(&hub);
        let id = old.id.clone();
        drop(old);
        // The clock stands still here: what lets go of it is that another one is parked.
        let other = Tab::open(&hub, ConnectRequest::new().user("bob").session(NAME));
        let leaver = thread::spawn(move || drop(other));
        let mut new = Tab::open(&hub, request());
        leaver.join().expect("it goes");
        if new.id == id {
            assert_eq!(hub.member_count("g"), 1);
        } else {
            assert_eq!(hub.connection(&id), None);
            assert_eq!(hub.member_count("g"), 0);
            block_on(hub.join(&new.id, "g")).expect("it joins");
        }
        assert_eq!((hub.stats().connections, hub.stats().parked), (2, 1), "bob waits");
        send(&hub, Topic::group("g"), "end");
        assert!(read_until(&mut new, "end").is_empty());
        assert_eq!(block_on(hub.disconnect(Topic::All, "bye")).unwrap(), 2);
        drop(new);
        assert_empty(&hub);
    });
}

#[test]
fn of_those_that_go_at_once_no_more_wait_than_may() {
    check(|| {
        let hub = hub(|hub| hub.resume_window(Duration::from_secs(60)).max_parked(1));
        let leavers = ["alice", "bob", "carol"].map(|user| {
            let tab = Tab::open(&hub, ConnectRequest::new().user(user).session(NAME));
            thread::spawn(move || drop(tab))
        });
        join_all(leavers);
        assert_eq!((hub.stats().connections, hub.stats().parked), (1, 1));
    });
}

#[test]
fn who_comes_back_as_its_session_is_ended_is_ended_or_begins_anew() {
    check(|| {
        let hub = with_sessions();
        let old = member(&hub);
        let id = old.id.clone();
        drop(old);
        let ender = thread::spawn({
            let hub = hub.clone();
            move || block_on(hub.disconnect(Topic::user("alice"), "bye")).unwrap()
        });
        let mut new = Tab::open(&hub, request());
        let ended = ender.join().expect("it ends the stream");
        let events = new.read_all();
        match (ended, new.over) {
            (1, true) => assert_eq!(events.last().map(|event| event.name.as_str()), Some("hub:closing")),
            (1, false) => assert_ne!(new.id, id, "an ended session is not come back to"),
            other => panic!("{other:?}: whoever had the session was there all the time"),
        }
        drop(new);
        block_on(hub.disconnect(Topic::All, "bye")).unwrap();
        assert_empty(&hub);
    });
}

#[test]
fn events_that_two_transports_of_a_session_read_between_them_are_all_there() {
    check(|| {
        let hub = with_sessions();
        let mut old = member(&hub);
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || ["1", "2", "3"].map(|data| send(&hub, Topic::group("g"), data))
        });
        old.read_one();
        let mut events = old.take();
        let mut new = Tab::open(&hub, request().last_event_id(&old.last_event_id));
        publisher.join().expect("it sends");
        send(&hub, Audience::all(), "end");
        events.extend(read_until(&mut new, "end"));
        assert_in_order(&events);
        assert_eq!(data(&events), ["1", "2", "3"]);
    });
}
