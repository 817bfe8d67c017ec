//! Readers that wait while others commit.

use shuttle::thread;
use ssehub::{Audience, ConnectRequest, Event, Hub, Topic};

use crate::support::{Tab, anyone};
use crate::{assert_in_order, check, data, join_all, next, read_messages, read_until, send, send_event};

#[test]
fn a_reader_that_waits_is_woken_for_what_two_publishers_send() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, anyone());
        let publishers = ["a", "b"].map(|name| {
            let hub = hub.clone();
            thread::spawn(move || {
                send(&hub, Audience::all(), &format!("{name}1"));
                send(&hub, Audience::all(), &format!("{name}2"));
            })
        });
        let reader = thread::spawn(move || read_messages(&mut tab, 4));
        join_all(publishers);
        let events = reader.join().expect("it reads");
        assert_in_order(&events);
        let of = |name| data(&events).into_iter().filter(move |data| data.starts_with(name)).collect::<Vec<_>>();
        assert_eq!((of("a"), of("b")), (vec!["a1", "a2"], vec!["b1", "b2"]));
    });
}

#[test]
fn readers_of_different_topics_see_one_order() {
    check(|| {
        let hub = Hub::new();
        let readers = ["x", "y"].map(|group| {
            let mut tab = Tab::open(&hub, ConnectRequest::new().group(group));
            thread::spawn(move || read_until(&mut tab, "end"))
        });
        let publishers = ["x", "y"].map(|group| {
            let hub = hub.clone();
            thread::spawn(move || {
                send(&hub, Audience::groups(["x", "y"]), &format!("both, from {group}"));
                send(&hub, Audience::group(group), group);
            })
        });
        join_all(publishers);
        send(&hub, Audience::all(), "end");
        let [x, y] = join_all(readers);
        let both = |events: &[_]| data(events).into_iter().filter(|it| it.len() > 1).map(str::to_owned).collect();
        let (of_x, of_y): (Vec<_>, Vec<_>) = (both(&x), both(&y));
        assert_eq!(of_x.len(), 2);
        assert_eq!(of_x, of_y);
        for (events, own) in [(x, "x"), (y, "y")] {
            assert_in_order(&events);
            assert_eq!(data(&events).into_iter().filter(|data| data.len() == 1).collect::<Vec<_>>(), [own]);
        }
    });
}

/// Under the model checker a send to more than one subscriber is a pass, in slices of two. Nothing is sent afterwards
/// that would wake whom a pass has forgotten.
#[test]
fn a_pass_over_many_subscribers_leaves_none_asleep() {
    check(|| {
        let hub = Hub::new();
        let readers = [(); 3].map(|()| {
            let mut tab = Tab::open(&hub, anyone());
            thread::spawn(move || read_messages(&mut tab, 2))
        });
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || send(&hub, Audience::all(), "1")
        });
        send(&hub, Audience::all(), "2");
        join_all(readers).iter().for_each(|events| assert_in_order(events));
        publisher.join().expect("it sends");
    });
}

#[test]
fn who_connects_during_a_pass_is_woken_too_and_who_leaves_is_gone() {
    check(|| {
        let hub = Hub::new();
        let mut stays = [(); 2].map(|()| Tab::open(&hub, anyone()));
        let leaves = Tab::open(&hub, anyone());
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                send(&hub, Audience::all(), "1");
                send(&hub, Audience::all(), "end");
            }
        });
        let comes = thread::spawn({
            let hub = hub.clone();
            move || {
                let mut tab = Tab::open(&hub, anyone());
                drop(leaves);
                let opening = next(&mut tab).expect("it opens");
                assert_eq!(opening[0].name, "hub:connected");
                tab
            }
        });
        for tab in &mut stays {
            assert_eq!(data(&read_until(tab, "end")), ["1"]);
        }
        publisher.join().expect("it sends");
        let mut tab = comes.join().expect("it comes");
        send(&hub, Audience::all(), "more");
        assert!(data(&read_until(&mut tab, "more")).iter().all(|data| ["1", "end"].contains(data)));
        assert_eq!(hub.stats().connections, 3);
    });
}

#[test]
fn a_reader_that_is_behind_gets_the_newest_of_a_key_and_never_goes_back() {
    check(|| {
        let hub = Hub::new();
        let mut tabs = [(); 2].map(|()| Tab::open(&hub, ConnectRequest::new().group("g")));
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                for value in ["1", "2", "3"] {
                    send_event(&hub, Topic::group("g"), Event::message(value).key("k"));
                }
                send(&hub, Topic::group("g"), "end");
            }
        });
        for tab in &mut tabs {
            let events = read_until(tab, "end");
            assert_in_order(&events);
            assert_eq!(events.last().map(|event| event.data.as_str()), Some("3"));
        }
        publisher.join().expect("it sends");
    });
}
