//! Streams: keep-alives, lifetimes, ends, drops, and how much one write brings.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use futures::stream::FusedStream as _;
use futures::{FutureExt as _, StreamExt as _};
use ssehub::{Audience, ConnectRequest, Event, Hub, Topic};
use support::{Tab, anyone, eventually, hub, now, send, send_event, within};

/// Far below the default, far above what a busy machine needs for a step of a test.
const KEEP_ALIVE: Duration = Duration::from_millis(100);

/// What the next write is, waited for.
fn next(connection: &mut ssehub::Connection) -> String {
    let bytes = within("the next write", connection.next()).expect("the stream goes on");
    String::from_utf8(bytes.to_vec()).expect("a stream is UTF-8")
}

#[test]
fn a_quiet_stream_gets_a_comment_or_the_cursor_if_the_head_has_moved() {
    let hub = hub(|hub| hub.keep_alive(KEEP_ALIVE));
    let mut stream = Tab::open(&hub, ConnectRequest::new().user("alice")).into_connection();
    next(&mut stream);
    assert_eq!(next(&mut stream), ":\n\n");
    let id = send(&hub, Audience::user("bob"), "not hers");
    assert_eq!(next(&mut stream), format!("id: {id}\n\n"));
    assert_eq!(next(&mut stream), ":\n\n", "its client is at the head now");
    let own = send(&hub, Audience::user("alice"), "x");
    assert_eq!(next(&mut stream), format!("id: {own}\ndata: x\n\n"));
    assert_eq!(next(&mut stream), ":\n\n");
}

#[test]
fn a_client_whose_cursor_came_with_a_keep_alive_misses_nothing() {
    let hub = hub(|hub| hub.keep_alive(KEEP_ALIVE).history(ssehub::History::default().events(3)));
    let mut tab = Tab::open(&hub, ConnectRequest::new().user("alice"));
    (0..20).for_each(|n| drop(send(&hub, Audience::user("bob"), &n.to_string())));
    while tab.cursors == 0 {
        tab.wait();
    }
    tab.cut();
    send(&hub, Audience::user("alice"), "while away");
    let mut back = Tab::open(&hub, ConnectRequest::new().user("alice").last_event_id(&tab.last_event_id));
    let events = back.read_all();
    assert_eq!((events.len(), events[1].data.as_str()), (2, "while away"), "{events:?}");
}

#[test]
fn keep_alives_come_after_silence_and_not_between_events() {
    let hub = hub(|hub| hub.keep_alive(KEEP_ALIVE));
    let (mut quiet, mut busy) = (Tab::open(&hub, anyone()), Tab::open(&hub, anyone().group("busy")));
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    while quiet.comments + quiet.cursors < 3 {
        let sent = Instant::now();
        send(&hub, Audience::group("busy"), "x");
        busy.read_all();
        quiet.read_all();
        std::thread::sleep(Duration::from_millis(5));
        longest = longest.max(sent.elapsed());
        assert!(start.elapsed() < Duration::from_secs(10), "waited ten seconds for three keep-alives");
    }
    assert!(start.elapsed() >= 3 * KEEP_ALIVE - Duration::from_millis(5), "not sooner: {:?}", start.elapsed());
    // Only where this thread itself was held up for that long was the busy stream silent.
    assert!(busy.comments + busy.cursors == 0 || longest >= KEEP_ALIVE / 2, "{longest:?}");
}

#[test]
fn a_thousand_streams_get_their_keep_alives_without_anything_being_sent() {
    let hub = hub(|hub| hub.keep_alive(Duration::from_millis(20)));
    let mut tabs: Vec<_> = (0..1_000).map(|_| Tab::open(&hub, anyone())).collect();
    eventually("two keep-alives for everybody", || {
        tabs.iter_mut().for_each(|tab| drop(tab.read_all()));
        tabs.iter().all(|tab| tab.comments >= 2)
    });
}

#[test]
fn a_stream_ends_within_its_lifetime_and_its_client_goes_on_where_it_was() {
    let lifetime = Duration::from_millis(200);
    let hub = hub(|hub| hub.max_lifetime(lifetime));
    let opened = Instant::now();
    let mut tabs: Vec<_> = (0..20).map(|_| Tab::open(&hub, anyone())).collect();
    send(&hub, Topic::All, "1");
    let mut last = String::new();
    for tab in &mut tabs {
        let events = tab.wait_for("hub:closing");
        assert!(opened.elapsed() >= lifetime * 4 / 5 - Duration::from_millis(2), "not before 80 % of it");
        let data: Vec<_> = events.iter().map(|event| event.data.as_str()).collect();
        assert_eq!(data[1..], ["1", r#"{"reason":"max-lifetime"}"#]);
        assert_eq!(events[2].id, None, "hub:closing moves no cursor");
        assert!(!tab.read_one() && tab.over);
        last.clone_from(&tab.last_event_id);
    }
    assert_eq!(hub.stats().connections, 0);
    send(&hub, Topic::All, "2");
    assert_eq!(Tab::open(&hub, anyone().last_event_id(&last)).data(), ["2"]);
}

#[test]
fn disconnecting_a_topic_ends_its_streams_after_what_was_committed_and_no_others() {
    let hub = Hub::new();
    let alice = || ConnectRequest::new().user("alice");
    let requests = [anyone(), alice(), alice().group("g"), anyone().group("g"), anyone()];
    let mut tabs = requests.map(|request| Tab::open(&hub, request));
    let topics = [Topic::user("alice"), Topic::group("g"), Topic::connection(&tabs[4].id), Topic::All];
    for (topic, (count, open)) in topics.into_iter().zip([(2, 3), (1, 2), (1, 1), (1, 0)]) {
        send(&hub, topic.clone(), "last words");
        assert_eq!(now(hub.disconnect(topic.clone(), "so\nit \"goes\"")).unwrap(), count, "{topic:?}");
        assert_eq!(now(hub.disconnect(topic.clone(), "again")).unwrap(), 0, "it is ending already");
        send(&hub, topic.clone(), "too late");
        let mut ended = 0;
        for tab in tabs.iter_mut().filter(|tab| !tab.over) {
            let events = tab.read_all();
            let data: Vec<_> = events.iter().map(|event| event.data.as_str()).collect();
            if tab.over {
                ended += 1;
                assert_eq!(data[data.len() - 2..], ["last words", r#"{"reason":"so\nit \"goes\""}"#], "{topic:?}");
                assert!(!data.contains(&"too late"));
            }
        }
        assert_eq!((ended, hub.stats().connections), (count, open), "{topic:?}");
    }
    assert_eq!(now(hub.disconnect(Topic::connection("no such"), "x")).unwrap(), 0);
}

#[test]
fn a_stream_that_is_ended_before_it_was_read_still_opens_and_closes_properly() {
    let hub = Hub::new();
    put(&hub, "k");
    let mut tab = Tab::open(&hub, anyone().snapshot(true));
    send(&hub, Topic::All, "x");
    now(hub.disconnect(Topic::All, "bye")).unwrap();
    let names: Vec<_> = tab.read_all().into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["hub:connected", "message", "message", "hub:closing"]);
}

fn put(hub: &Hub, key: &str) {
    send_event(hub, Topic::All, Event::message(key).key(key));
}

#[test]
fn the_answer_to_head_is_over_and_registered_nowhere() {
    let hub = hub(|hub| hub.max_connections(1).max_connections_per_user(1));
    let _full = Tab::open(&hub, ConnectRequest::new().user("alice"));
    let request = ConnectRequest::from_http("HEAD", [], None, None).user("alice").group("g");
    let mut head = hub.connect(request).expect("HEAD is answered");
    assert_eq!((head.id(), head.info(), head.is_over(), head.is_terminated()), ("", None, true, true));
    assert_eq!(head.next().now_or_never(), Some(None));
    assert_eq!((hub.stats().connections, hub.member_count("g")), (1, 0));
    let refused = ConnectRequest::from_http("HEAD", [&b"image/png"[..]], None, None);
    assert_eq!(hub.connect(refused).unwrap_err().status(), 406);
}

#[test]
fn a_stream_that_is_over_stays_over_and_is_out_of_everything_before_it_is_dropped() {
    let hub = Hub::new();
    let mut stream = Tab::open(&hub, ConnectRequest::new().user("alice").group("g")).into_connection();
    let id = stream.id().to_owned();
    assert_eq!(stream.info(), hub.connection(&id));
    now(hub.disconnect(Topic::All, "bye")).unwrap();
    assert!(!stream.is_terminated());
    while now(stream.next()).is_some() {}
    assert!(stream.is_terminated() && stream.is_over() && stream.info().is_none());
    assert_eq!((now(stream.next()), stream.id()), (None, id.as_str()));
    assert_eq!((hub.stats().connections, hub.is_online("alice"), hub.member_count("g")), (0, false, 0));
    assert!(hub.connection(&id).is_none());
}

#[test]
fn a_drop_is_the_disconnect_on_any_thread_and_inside_a_panic() {
    let hub = Hub::new();
    let open = || Tab::open(&hub, ConnectRequest::new().user("alice").group("g")).into_connection();
    let (elsewhere, panicking, unread, mut read) = (open(), open(), open(), open());
    assert!(now(read.next()).is_some() && read.next().now_or_never().is_none(), "it waits");
    std::thread::spawn(move || drop(elsewhere)).join().unwrap();
    assert_eq!(hub.connections_of("alice"), 3);
    let panic = std::thread::spawn(move || {
        let _guard = panicking;
        std::panic::resume_unwind(Box::new("a test"));
    });
    assert!(panic.join().is_err());
    assert_eq!(hub.connections_of("alice"), 2);
    drop((unread, read));
    assert_eq!((hub.stats().connections, hub.stats().users, hub.member_count("g")), (0, 0, 0));
    send(&hub, Audience::user("alice").or_group("g"), "nobody is hurt");
}

#[test]
fn streams_outlive_the_last_handle_of_their_hub() {
    let hub = hub(|hub| hub.keep_alive(KEEP_ALIVE));
    let mut stream = Tab::open(&hub, anyone()).into_connection();
    send(&hub, Topic::All, "x");
    drop(hub);
    assert!(next(&mut stream).contains("hub:connected"));
    assert!(next(&mut stream).ends_with("data: x\n\n"));
    assert_eq!(next(&mut stream), ":\n\n");
}

#[test]
fn one_write_brings_about_16_kib_and_never_part_of_an_event() {
    const BATCH: usize = 16 << 10;
    let hub = Hub::new();
    let group = ConnectRequest::new().group("g");
    let mut readers = [anyone(), anyone(), group.clone(), group].map(|request| Tab::open(&hub, request));
    readers.iter_mut().for_each(|tab| assert!(tab.read_one()));
    let sizes = [1, 100, 1_000, 5_000, 40_000, 10];
    for n in 0..300 {
        send(&hub, Audience::all().or_group("g"), &"x".repeat(sizes[n % sizes.len()]));
    }
    for reader in readers {
        let mut stream = reader.into_connection();
        let (mut events, mut writes) = (0, 0);
        while let Some(Some(bytes)) = stream.next().now_or_never() {
            assert!(!bytes.is_empty() && bytes.starts_with(b"id: ") && bytes.ends_with(b"\n\n"));
            assert!(bytes.len() <= BATCH + 40_100, "a batch and the event that filled it: {}", bytes.len());
            events += bytes.windows(6).filter(|window| window == b"\ndata:").count();
            writes += 1;
        }
        assert_eq!(events, 300);
        assert!(writes <= 300 * 8_000 / BATCH, "many events come in few writes: {writes}");
    }
}

#[test]
fn an_event_of_ten_megabytes_is_one_write_that_all_readers_share() {
    let hub = hub(|hub| hub.max_event_bytes(10 << 20));
    let open = || Tab::open(&hub, anyone()).into_connection();
    let mut streams = [open(), open()];
    streams.iter_mut().for_each(|stream| drop(next(stream)));
    send(&hub, Topic::All, &"x".repeat(10 << 20));
    let writes = streams.each_mut().map(|stream| now(stream.next()).expect("the stream goes on"));
    assert!(writes[0].len() > 10 << 20);
    assert_eq!(writes[0].as_ptr(), writes[1].as_ptr(), "the very same memory");
    let mut back = Tab::open(&hub, anyone());
    assert_eq!(back.data(), [""; 0]);
}
