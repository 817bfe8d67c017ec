//! Streams that go on where others ended, while events are committed.

use shuttle::thread;
use ssehub::{Audience, ConnectRequest, Event, History, Hub};

use crate::support::{Tab, anyone, hub};
use crate::{check, data, next, read_until, send, send_event};

#[test]
fn the_join_of_replay_and_live_has_no_seam() {
    check(|| {
        let hub = Hub::new();
        let seen = crate::support::send(&hub, Audience::all(), "seen");
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || ["1", "2", "3", "end"].map(|data| send(&hub, Audience::all(), data))
        });
        let mut tab = Tab::open(&hub, anyone().last_event_id(&seen));
        let mut events = next(&mut tab).expect("it opens");
        assert_eq!(events.remove(0).name, "hub:connected");
        assert!(events.is_empty(), "no gap: {events:?}");
        assert_eq!(data(&read_until(&mut tab, "end")), ["1", "2", "3"]);
        publisher.join().expect("it sends");
    });
}

#[test]
fn a_client_that_drops_in_the_middle_goes_on_there() {
    check(|| {
        let hub = Hub::new();
        let alice = || ConnectRequest::new().user("alice").group("g");
        let mut tab = Tab::open(&hub, alice());
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                for (number, data) in ["1", "2", "3", "end"].into_iter().enumerate() {
                    let audience = if number % 2 == 0 { Audience::user("alice") } else { Audience::group("g") };
                    send(&hub, audience, data);
                }
            }
        });
        let mut events = next(&mut tab).expect("it opens");
        events.extend(next(&mut tab).expect("something comes"));
        let last = tab.last_event_id.clone();
        drop(tab);
        let mut back = Tab::open(&hub, alice().last_event_id(&last));
        while events.last().is_none_or(|event| event.data != "end") {
            events.extend(next(&mut back).expect("the stream goes on"));
        }
        assert!(events.iter().all(|event| event.name != "hub:gap"), "{events:?}");
        events.retain(|event| event.name == "message");
        assert_eq!(data(&events), ["1", "2", "3", "end"]);
        publisher.join().expect("it sends");
    });
}

#[test]
fn a_reader_that_retention_overtakes_is_told_a_gap_where_something_is_missing() {
    check(|| {
        let hub = hub(|hub| hub.history(History::default().events(2)));
        let mut tab = Tab::open(&hub, anyone());
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || ["1", "2", "3", "4", "end"].map(|data| send(&hub, Audience::all(), data))
        });
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &crate::Received| event.data != "end") {
            events.extend(next(&mut tab).expect("the stream goes on"));
        }
        let mut expected = 1;
        for event in &events[1..] {
            let number: u32 = match event.data.as_str() {
                "end" => 5,
                data => data.parse().unwrap_or(0),
            };
            match number {
                0 => {
                    assert_eq!(event.name, "hub:gap");
                    expected = 0;
                }
                number => {
                    assert!(expected == 0 || number == expected, "{number} comes where {expected} should: {events:?}");
                    expected = number + 1;
                }
            }
        }
        publisher.join().expect("it sends");
    });
}

#[test]
fn a_snapshot_at_the_opening_joins_what_comes_after_it_without_a_seam() {
    check(|| {
        let hub = Hub::new();
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                for value in ["1", "2", "3"] {
                    send_event(&hub, Audience::all(), Event::message(value).key("k"));
                }
                send(&hub, Audience::all(), "end");
            }
        });
        let mut tab = Tab::open(&hub, anyone().snapshot(true));
        let from = hub.stats().published;
        if from < 4 {
            let events = read_until(&mut tab, "end");
            let values = data(&events);
            assert!(values.is_sorted_by(|older, newer| older < newer), "{values:?} goes back, or comes twice");
            assert_eq!(values.last(), Some(&"3"));
        }
        publisher.join().expect("it sends");
    });
}
