//! Publishers that give way to readers. The clock stands still here: who waits waits for a turn.

use shuttle::future::block_on;
use shuttle::thread;
use ssehub::{Audience, Event, History, Hub};

use crate::support::{Tab, anyone, hub};
use crate::{assert_in_order, check, join_all, next};

/// A budget of one event.
fn narrow() -> Hub {
    hub(|hub| hub.history(History::default().events(4)))
}

#[test]
fn a_reader_that_takes_what_it_is_given_is_not_outrun_by_two_publishers() {
    check(|| {
        let hub = narrow();
        let mut tab = Tab::open(&hub, anyone());
        let publishers = [(); 2].map(|()| {
            let hub = hub.clone();
            thread::spawn(move || {
                for _ in 0..4 {
                    block_on(hub.send(Audience::all(), Event::message("x"))).expect("it is taken");
                }
            })
        });
        let mut events = Vec::new();
        while events.len() < 9 {
            events.extend(next(&mut tab).expect("the stream goes on"));
        }
        let connected = events.remove(0);
        assert_eq!(connected.name, "hub:connected");
        assert!(events.iter().all(|event| event.name == "message"), "outrun: {events:?}");
        assert_in_order(&events);
        // It has read all there is, but has not found that out: nobody waits for it when it is gone.
        drop(tab);
        join_all(publishers);
    });
}

#[test]
fn a_publisher_does_not_wait_for_a_reader_that_is_gone() {
    check(|| {
        let hub = narrow();
        let tab = Tab::open(&hub, anyone());
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                for _ in 0..3 {
                    block_on(hub.send(Audience::all(), Event::message("x"))).expect("it is taken");
                }
            }
        });
        drop(tab);
        publisher.join().expect("it sends");
    });
}
