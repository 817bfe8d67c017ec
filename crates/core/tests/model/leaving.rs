//! Streams that end while events are committed to them.

use std::time::Duration;

use futures::StreamExt as _;
use shuttle::future::block_on;
use shuttle::thread;
use ssehub::{Audience, ConnectErrorKind, ConnectRequest, Event, Hub, SendErrorKind, Shutdown, Topic};

use crate::support::{Tab, anyone, hub};
use crate::{check, data, join_all, read_to_end, read_until, send};

fn request() -> ConnectRequest {
    ConnectRequest::new().user("alice").group("g")
}

/// Nothing of what was open is left.
fn assert_empty(hub: &Hub) {
    let stats = hub.stats();
    assert_eq!((stats.connections, stats.users, stats.groups), (0, 0, 0));
    assert_eq!((hub.connections().len(), hub.members("g").len(), hub.connections_of("alice")), (0, 0, 0));
}

#[test]
fn a_stream_that_is_dropped_while_it_is_sent_to_leaves_nothing_and_others_lose_nothing() {
    check(|| {
        let hub = Hub::new();
        let mut stays = Tab::open(&hub, request());
        let mut goes = Tab::open(&hub, request());
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                for data in ["1", "2", "end"] {
                    send(&hub, Audience::group("g").or_user("alice"), data);
                }
            }
        });
        let leaver = thread::spawn(move || {
            // Up to where it waits, so that its waker is there to be taken.
            while goes.read_one() {}
            drop(goes);
        });
        assert_eq!(data(&read_until(&mut stays, "end")), ["1", "2"]);
        publisher.join().expect("it sends");
        leaver.join().expect("it leaves");
        assert_eq!(hub.connections_of("alice"), 1);
        drop(stays);
        assert_empty(&hub);
    });
}

#[test]
fn a_stream_that_is_ended_gets_what_was_committed_before_and_nothing_after() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, request());
        let id = tab.id.clone();
        send(&hub, Audience::user("alice"), "before");
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || {
                send(&hub, Audience::user("alice"), "1");
                send(&hub, Audience::group("g"), "2");
            }
        });
        let ender = thread::spawn({
            let hub = hub.clone();
            move || {
                assert_eq!(block_on(hub.disconnect(Topic::connection(id), "bye")).unwrap(), 1);
                send(&hub, Audience::user("alice"), "after");
            }
        });
        let events = read_to_end(&mut tab);
        assert_eq!((events[0].name.as_str(), events[1].data.as_str()), ("hub:connected", "before"));
        let (closing, between) = events[2..].split_last().expect("a stream that is ended is told");
        assert_eq!((closing.name.as_str(), closing.data.as_str()), ("hub:closing", r#"{"reason":"bye"}"#));
        assert!(["1", "2"].starts_with(&data(between)), "{between:?}");
        assert_empty(&hub);
        publisher.join().expect("it sends");
        ender.join().expect("it ends the stream");
    });
}

#[test]
fn a_stream_that_is_ended_twice_and_dropped_meanwhile_is_counted_once() {
    check(|| {
        let hub = Hub::new();
        let tab = Tab::open(&hub, request());
        let enders = [Topic::user("alice"), Topic::group("g")].map(|topic| {
            let hub = hub.clone();
            thread::spawn(move || block_on(hub.disconnect(topic, "bye")).unwrap())
        });
        let leaver = thread::spawn(move || drop(tab));
        let counted: usize = join_all(enders).iter().sum();
        assert!(counted <= 1, "{counted}");
        leaver.join().expect("it leaves");
        assert_empty(&hub);
    });
}

#[test]
fn a_shutdown_lets_nothing_in_after_it_and_delivers_what_was_taken_before() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, request());
        let publisher = thread::spawn({
            let hub = hub.clone();
            move || match block_on(hub.send_unpaced(Audience::all(), Event::message("1"))) {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.kind(), SendErrorKind::ShuttingDown);
                    false
                }
            }
        });
        let comer = thread::spawn({
            let hub = hub.clone();
            move || match hub.connect(anyone()) {
                // Who is let in is sent away.
                Ok(mut connection) => while block_on(connection.next()).is_some() {},
                Err(error) => assert_eq!(error.kind(), ConnectErrorKind::ShuttingDown),
            }
        });
        let reader = thread::spawn(move || read_to_end(&mut tab));
        // Nothing but the streams' ends can end this: the clock stands still here.
        let report = block_on(hub.shutdown(Shutdown::within(Duration::from_secs(1))));
        assert_eq!(report.remaining, 0);
        let taken = publisher.join().expect("it sends");
        let events = reader.join().expect("it reads");
        let delivered = events.iter().any(|event| event.data == "1");
        assert_eq!(delivered, taken);
        assert_eq!(events.last().map(|event| event.name.as_str()), Some("hub:closing"));
        comer.join().expect("it connects or is refused");
        assert_empty(&hub);
    });
}

#[test]
fn the_last_place_is_given_to_one() {
    check(|| {
        let hub = hub(|hub| hub.max_connections(1));
        let comers = [(); 2].map(|()| {
            let hub = hub.clone();
            thread::spawn(move || hub.connect(request()))
        });
        let let_in = join_all(comers);
        assert_eq!(let_in.iter().filter(|connection| connection.is_ok()).count(), 1);
        drop(let_in);
        assert_empty(&hub);
        assert!(hub.connect(request()).is_ok());
    });
}

#[test]
fn the_hub_may_go_before_its_streams() {
    check(|| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, request());
        let publisher = thread::spawn(move || send(&hub, Audience::all(), "last"));
        assert!(read_until(&mut tab, "last").is_empty());
        publisher.join().expect("it sends");
    });
}
