//! Backplanes: several hubs on one log that is delayed, fails, goes away, comes back, forgets, or is another one.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod nodes;
mod places;
mod shared_log;
mod starting;
#[path = "../support/mod.rs"]
mod support;

use shared_log::{Appends, Line, SharedLog};
use ssehub::{
    Audience, ConnectErrorKind, ConnectRequest, Event, EventId, History, Hub, SendErrorKind, Shutdown, Topic,
};
use support::{Tab, anyone, eventually, hub, within};

/// A hub on a line, which has heard of everything on it.
fn node(line: &Line) -> Hub {
    let hub = hub(|hub| hub.backplane(line.clone()));
    eventually("the hub to follow its backplane", || hub.is_ready());
    hub
}

fn send(hub: &Hub, audience: impl Into<Audience>, data: &str) -> EventId {
    within("a send", hub.send(audience, Event::message(data))).expect("the backplane takes the event")
}

/// Reads until there are that many events of the application, in all.
fn read(tab: &mut Tab, count: usize) -> Vec<String> {
    let mut data = Vec::new();
    eventually(&format!("{count} events"), || {
        data.extend(tab.data());
        data.len() >= count
    });
    data
}

#[test]
fn all_nodes_have_one_order_whoever_sends() {
    let log = SharedLog::new();
    let hubs = [node(&log.line()), node(&log.line()), node(&log.line())];
    let mut tabs = hubs.each_ref().map(|hub| Tab::open(hub, anyone()));
    let senders: Vec<_> = hubs
        .iter()
        .cloned()
        .enumerate()
        .map(|(node, hub)| {
            std::thread::spawn(move || {
                (0..50).map(|n| send(&hub, Topic::All, &format!("{node}-{n}")).to_string()).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut sent: Vec<String> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    let received = tabs.each_mut().map(|tab| {
        let mut events = Vec::new();
        eventually("all events", || {
            events.extend(tab.events());
            events.len() >= 150
        });
        events
    });
    assert_eq!(received[0], received[1]);
    assert_eq!(received[0], received[2]);
    let mut ids: Vec<String> = received[0].iter().filter_map(|event| event.id.clone()).collect();
    ids.sort();
    sent.sort();
    assert_eq!(ids, sent, "what send returned is what clients see");
}

#[test]
fn a_send_is_done_when_the_backplane_has_taken_it_and_what_is_delivered_is_what_it_has() {
    let log = SharedLog::new();
    let line = log.line();
    let hub = node(&line);
    let mut tab = Tab::open(&hub, ConnectRequest::new().user("alice").group("g"));
    line.hold(true);
    let id = send(&hub, Audience::user("alice").or_group("g").except_user("bob"), "x");
    assert_eq!(log.newest(), id);
    assert_eq!(tab.data(), [""; 0], "not before the log has told this node");
    line.hold(false);
    assert_eq!(read(&mut tab, 1), ["x"]);
    assert_eq!(tab.last_event_id, id.to_string());
}

#[test]
fn while_the_backplane_is_away_sends_fail_clearly_streams_stay_open_and_nothing_is_lost_after() {
    let log = SharedLog::new();
    let (away, fine) = (log.line(), log.line());
    let (cut_off, other) = (node(&away), node(&fine));
    let mut tab = Tab::open(&cut_off, anyone());
    send(&other, Topic::All, "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    away.cut(true);
    eventually("the hub to notice", || !cut_off.is_ready());
    let refused = within("a send", cut_off.send(Topic::All, Event::message("never"))).unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::Unavailable);
    assert!(refused.to_string().contains("the line is cut"), "{refused}");
    send(&other, Topic::All, "2");
    send(&other, Topic::All, "3");
    assert_eq!((tab.data(), tab.over), (Vec::new(), false));
    let mut newcomer = Tab::open(&cut_off, anyone().last_event_id(&tab.last_event_id));
    away.cut(false);
    assert_eq!(read(&mut tab, 2), ["2", "3"]);
    assert_eq!(read(&mut newcomer, 2), ["2", "3"], "who came meanwhile resumes like anybody");
    eventually("the hub to be ready", || cut_off.is_ready());
    send(&cut_off, Topic::All, "4");
    assert_eq!(read(&mut tab, 1), ["4"]);
}

#[test]
fn a_send_without_an_answer_is_uncertain_and_what_was_taken_comes_once() {
    let line = SharedLog::new().line();
    let hub = node(&line);
    let mut tab = Tab::open(&hub, anyone());
    for (appends, data) in [(Appends::Failed, "lost"), (Appends::TakenAndFailed, "taken"), (Appends::Taken, "last")] {
        line.appends(appends);
        let sent = within("a send", hub.send(Topic::All, Event::message(data)));
        let kind = sent.map_err(|error| error.kind()).map(|_| ());
        assert_eq!(kind, if data == "last" { Ok(()) } else { Err(SendErrorKind::Uncertain) });
    }
    assert_eq!(read(&mut tab, 2), ["taken", "last"]);
}

#[test]
fn a_tail_that_is_restarted_or_repeats_itself_loses_and_doubles_nothing() {
    let log = SharedLog::new();
    let line = log.line();
    let (hub, other) = (node(&line), node(&log.line()));
    let mut tab = Tab::open(&hub, anyone());
    for n in 0..60 {
        send(&other, Topic::All, &n.to_string());
        match n % 20 {
            5 => line.restart(),
            10 => line.cut(true),
            12 => line.cut(false),
            _ => {}
        }
    }
    let expected: Vec<_> = (0..60).map(|n| n.to_string()).collect();
    assert_eq!(read(&mut tab, 60), expected);
    line.stutter(true);
    for n in 0..5 {
        send(&other, Topic::All, &n.to_string());
    }
    assert_eq!(read(&mut tab, 5), expected[..5]);
    assert_eq!(hub.stats().published, 65);
}

#[test]
fn a_hub_whose_backplane_is_away_from_the_start_is_not_ready_and_catches_up() {
    let log = SharedLog::new();
    let (line, other) = (log.line(), node(&log.line()));
    line.cut(true);
    let hub = hub(|hub| hub.backplane(line.clone()));
    let mut tab = Tab::open(&hub, anyone());
    assert!(!hub.is_ready());
    assert_eq!(
        within("a send", hub.send(Topic::All, Event::message("x"))).unwrap_err().kind(),
        SendErrorKind::Unavailable
    );
    line.cut(false);
    eventually("the hub to be ready", || hub.is_ready());
    send(&other, Topic::All, "1");
    send(&hub, Topic::All, "2");
    assert_eq!(read(&mut tab, 2), ["1", "2"]);
    let mut back = Tab::open(&hub, anyone().last_event_id(&tab.last_event_id));
    assert_eq!(back.read_all().len(), 1);
}

#[test]
fn a_hub_is_ready_when_its_tail_has_started_and_not_before() {
    let line = SharedLog::new().line();
    line.hold(true);
    let hub = hub(|hub| hub.backplane(line.clone()));
    // Three users: this one, the hub's, and the tail's.
    eventually("the tail to be asked for", || line.users() == 3);
    for _ in 0..20 {
        assert!(!hub.is_ready(), "it does not even know which log it is");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    line.hold(false);
    eventually("the hub to be ready", || hub.is_ready());
}

#[test]
fn a_tail_that_panics_is_followed_anew() {
    let log = SharedLog::new();
    let line = log.line();
    let (hub, other) = (node(&line), node(&log.line()));
    let mut tab = Tab::open(&hub, anyone());
    line.panic();
    eventually("the hub to notice", || !hub.is_ready());
    send(&other, Topic::All, "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    eventually("the hub to be ready", || hub.is_ready());
}

#[test]
fn a_hub_that_shuts_down_sends_nothing_more_to_its_backplane() {
    let log = SharedLog::new();
    let (hub, other) = (node(&log.line()), node(&log.line()));
    let mut tab = Tab::open(&hub, anyone());
    send(&hub, Topic::All, "1");
    assert_eq!(read(&mut tab, 1), ["1"]);
    let shutdown = support::begin_shutdown(&hub, Shutdown::within(std::time::Duration::from_secs(9)));
    let refused = within("a send", hub.send(Topic::All, Event::message("2"))).unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::ShuttingDown);
    assert_eq!(hub.connect(anyone()).unwrap_err().kind(), ConnectErrorKind::ShuttingDown);
    let events = tab.read_all();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(shutdown.join().unwrap().remaining, 0);
    send(&other, Topic::All, "3");
    let mut back = Tab::open(&other, anyone().last_event_id(&tab.last_event_id));
    assert_eq!(read(&mut back, 1), ["3"], "its clients go on elsewhere");
}

#[test]
fn limits_are_checked_before_the_backplane_is_asked() {
    let log = SharedLog::new();
    let line = log.line();
    let hub = hub(|hub| hub.backplane(line.clone()).max_event_bytes(10).max_keys_per_topic(1));
    eventually("the hub to follow its backplane", || hub.is_ready());
    within("a send", hub.send(Topic::All, Event::message("x").key("a"))).unwrap();
    eventually("the key to be there", || hub.stats().state_keys == 1);
    let kind = |event| within("a send", hub.send(Topic::All, event)).unwrap_err().kind();
    assert_eq!(kind(Event::message("x").key("b")), SendErrorKind::TooManyKeys);
    assert_eq!(kind(Event::message("x".repeat(11))), SendErrorKind::EventTooLarge);
    assert_eq!(hub.stats().published, 1);
}

#[test]
fn readers_that_keep_up_are_not_outrun_over_a_backplane_either() {
    let log = SharedLog::new();
    let line = log.line();
    let hub = hub(|hub| hub.backplane(line.clone()).history(History::default().events(100)));
    eventually("the hub to follow its backplane", || hub.is_ready());
    let mut stream = Tab::open(&hub, anyone()).into_connection();
    let reader = std::thread::spawn(move || {
        let mut count = 0;
        while count < 3_000 {
            let bytes = within("the next write", futures::StreamExt::next(&mut stream)).expect("the stream goes on");
            let text = String::from_utf8(bytes.to_vec()).expect("a stream is UTF-8");
            assert!(!text.contains("hub:gap"), "outrun after {count} events");
            count += text.matches("data: x").count();
        }
    });
    for _ in 0..3_000 {
        send(&hub, Topic::All, "x");
    }
    reader.join().expect("it loses nothing");
}

#[test]
fn the_line_is_let_go_when_the_hub_is_gone() {
    let line = SharedLog::new().line();
    let hub = node(&line);
    let tab = Tab::open(&hub, anyone());
    drop(hub);
    assert!(line.users() > 1, "a stream still reads");
    drop(tab);
    eventually("the thread of the tail to end", || line.users() == 1);
    let cut = SharedLog::new().line();
    cut.cut(true);
    drop(support::hub(|hub| hub.backplane(cut.clone())));
    eventually("the thread that tries to tail to end", || cut.users() == 1);
}
