//! Joins and leaves while events are committed and read.

use shuttle::future::block_on;
use shuttle::thread;
use ssehub::{Audience, ConnectRequest, Event, Hub, Topic};

use crate::support::{Tab, anyone};
use crate::{assert_in_order, check, data, join_all, read_until, send, send_event};

#[test]
fn a_member_gets_what_was_sent_between_its_join_and_its_leave_and_nothing_else() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, anyone());
        let id = tab.id.clone();
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || ["1", "2", "3"].map(|data| send(&hub, Topic::group("g"), data))
        });
        let member = thread::spawn({
            let hub = hub.clone();
            move || {
                block_on(hub.join(&id, "g")).expect("it joins");
                send(&hub, Topic::group("g"), "own");
                block_on(hub.leave(&id, "g")).expect("it leaves");
                send(&hub, Topic::group("g"), "never");
                send(&hub, Audience::all(), "end");
            }
        });
        let events = read_until(&mut tab, "end");
        assert_in_order(&events);
        let data = data(&events);
        assert!(data.contains(&"own") && !data.contains(&"never"), "{data:?}");
        let others: Vec<&str> = data.iter().copied().filter(|data| *data != "own").collect();
        let sent = ["1", "2", "3"];
        let is_run = others.is_empty() || sent.windows(others.len()).any(|run| run == others);
        assert!(is_run, "{data:?}");
        publisher.join().expect("it sends");
        member.join().expect("it joins and leaves");
        assert_eq!((hub.member_count("g"), hub.stats().groups), (0, 0));
    });
}

#[test]
fn who_leaves_with_much_unread_lets_go_of_the_group() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, ConnectRequest::new().group("g"));
        let id = tab.id.clone();
        let leaver = thread::spawn({
            let hub = hub.clone();
            move || {
                send(&hub, Topic::group("g"), "1");
                block_on(hub.leave(&id, "g")).expect("it leaves");
                block_on(hub.join(&id, "g")).expect("it joins again");
                send(&hub, Topic::group("g"), "end");
            }
        });
        assert_eq!(data(&read_until(&mut tab, "end")), ["1"]);
        leaver.join().expect("it leaves and joins");
        assert_eq!(hub.member_count("g"), 1);
    });
}

#[test]
fn a_user_that_joins_while_it_connects_is_a_member_at_last() {
    check(|| {
        let hub = Hub::new();
        let joiner = thread::spawn({
            let hub = hub.clone();
            move || block_on(hub.join_user("alice", "g")).expect("it joins")
        });
        let tabs = [(); 2].map(|()| {
            let hub = hub.clone();
            thread::spawn(move || Tab::open(&hub, ConnectRequest::new().user("alice")))
        });
        joiner.join().expect("it joins");
        let mut tabs = join_all(tabs);
        send(&hub, Topic::group("g"), "end");
        for tab in &mut tabs {
            assert!(read_until(tab, "end").is_empty());
        }
        block_on(hub.leave_user("alice", "g")).expect("it leaves");
        assert_eq!((hub.member_count("g"), hub.stats().groups), (0, 0));
    });
}

#[test]
fn a_snapshot_joins_what_comes_after_it_without_a_seam() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, anyone());
        let id = tab.id.clone();
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                for value in ["1", "2", "3"] {
                    send_event(&hub, Topic::group("g"), Event::message(value).key("k"));
                }
            }
        });
        let member = thread::spawn({
            let hub = hub.clone();
            move || block_on(hub.join_with_snapshot(&id, "g")).expect("it joins")
        });
        let reader = thread::spawn(move || read_until(&mut tab, "end"));
        publisher.join().expect("it sends");
        member.join().expect("it joins");
        send(&hub, Audience::all(), "end");
        let events = reader.join().expect("it reads");
        let values = data(&events);
        assert!(values.is_sorted_by(|older, newer| older < newer), "{values:?} goes back, or comes twice");
        assert_eq!(values.last(), Some(&"3"));
    });
}

#[test]
fn a_reader_that_waits_is_woken_for_a_snapshot() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, anyone());
        let id = tab.id.clone();
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || send_event(&hub, Topic::group("g"), Event::message("value").key("k"))
        });
        let member = thread::spawn({
            let hub = hub.clone();
            move || block_on(hub.join_with_snapshot(&id, "g")).expect("it joins")
        });
        // One way or the other, and nothing is sent afterwards that would wake it.
        assert!(read_until(&mut tab, "value").is_empty());
        publisher.join().expect("it sends");
        member.join().expect("it joins");
    });
}
