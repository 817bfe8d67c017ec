//! The load generator against servers: the floor, of which everything comes, one that makes a chosen mistake, one
//! that can replay, and one to which each event is posted.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod faulty;
mod posted;
mod retaining;

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, id};
use std::sync::atomic::Ordering;
use std::thread::spawn;

use serde_json::Value;
use ssehub_floor::{Batch, serve};

use crate::faulty::Fault;

/// Runs `load LINE` against `server`, which is in this process. Tells its exit status and what it printed.
fn load(line: &str, server: SocketAddr) -> (Option<i32>, String) {
    let server = ["--url", &format!("http://{server}"), "--pid", &id().to_string()].map(str::to_owned);
    // A mistake is told soon, and a test that hangs ends.
    let patience = ["--quiet", "0.5", "--deadline", "20"].map(str::to_owned);
    let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
    let output = command.args(line.split(' ')).args(server).args(patience).output().unwrap();
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// A floor that serves until the tests end.
fn floor(batch: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || serve(&listener, Batch::of(batch).unwrap()));
    address
}

/// The report of a work that has nothing to complain of.
fn flawless(line: &str, server: SocketAddr) -> Value {
    let (status, text) = load(line, server);
    assert_eq!(status, Some(0), "{line}: {text}");
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    for none in ["lost", "duplicates", "gaps", "ended"] {
        assert_eq!(report[none], 0, "{line}: {none} in {text}");
    }
    report
}

#[test]
fn every_work_receives_from_the_floor_what_it_expects() {
    let works = [
        ("burst --streams 10 --events 200", 2000),
        ("paced --streams 10 --events 10 --rate 200", 100),
        ("targeted --streams 10 --events 205", 205),
        ("groups --streams 10 --groups 5 --events 200", 400),
        ("groups --streams 3 --shape many-groups:7 --events 100", 300),
        ("groups --streams 1 --shape many-groups:1000 --events 3000", 3000),
        ("groups --streams 6 --shape one-in-all:5 --events 500", 1000),
        ("slow --streams 100 --events 50 --stalled 0", 5000),
        ("commit --events 1000", 0),
        ("commit --events 1000 --publishers 4", 0),
        ("idle --streams 10", 0),
    ];
    for batch in [1, 64] {
        let floor = floor(batch);
        for (line, expected) in works {
            let report = flawless(line, floor);
            assert_eq!(report["expected"], expected, "{line}");
            assert_eq!(report["deliveries"], expected, "{line}");
        }
    }
}

#[test]
fn a_report_tells_times_and_costs() {
    let report = flawless("paced --streams 5 --events 10 --rate 100", floor(1));
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64).unwrap();
    // Ten events at 100 a second: the last is made 90 ms after the first.
    assert!(number("/wall_ns") >= 90e6, "{report}");
    for some in ["/server_cpu_ns", "/server_rss_before", "/server_rss_after", "/connects_per_second"] {
        assert!(number(some) > 0.0, "{some}: {report}");
    }
    assert!(0.0 < number("/latency_ns/p50") && number("/latency_ns/p50") <= number("/latency_ns/max"), "{report}");
    assert!(number("/latency_ns/p50") <= number("/last_receiver_ns/p50"), "{report}");
    assert_eq!(number("/latency_ns/max"), number("/last_receiver_ns/max"), "{report}");
}

#[test]
fn a_slow_stream_is_not_waited_for() {
    for (line, expected) in [("slow --streams 100", 4950), ("slow --streams 110 --stalled 20", 4500)] {
        let report = flawless(&format!("{line} --events 50"), floor(1));
        assert_eq!((&report["expected"], &report["deliveries"]), (&expected.into(), &expected.into()), "{line}");
    }
}

/// What the work finds out about a server with that fault: lost, duplicates, gaps and ended streams.
fn found(fault: Fault) -> [u64; 4] {
    let (status, text) = load("burst --streams 3 --events 20", faulty::start(fault));
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let found = ["lost", "duplicates", "gaps", "ended"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(status, Some(if fault == Fault::None { 0 } else { 1 }), "{text}");
    assert_eq!(report["expected"], 60);
    assert_eq!(report["deliveries"].as_u64().unwrap() + found[0], 60, "{text}");
    found
}

#[test]
fn a_body_that_is_not_chunked_is_read_too() {
    assert_eq!(found(Fault::None), [0, 0, 0, 0]);
}

#[test]
fn one_event_lost_to_one_stream_is_found() {
    assert_eq!(found(Fault::Lose { stream: 1, event: 7 }), [1, 0, 1, 0]);
}

#[test]
fn the_last_event_lost_is_found() {
    assert_eq!(found(Fault::Lose { stream: 2, event: 19 }), [1, 0, 0, 0]);
}

#[test]
fn one_event_that_comes_twice_is_found() {
    assert_eq!(found(Fault::Repeat { stream: 0, event: 7 }), [0, 1, 0, 0]);
}

#[test]
fn the_last_event_that_comes_twice_is_found() {
    assert_eq!(found(Fault::Repeat { stream: 2, event: 19 }), [0, 1, 0, 0]);
}

#[test]
fn two_events_in_the_wrong_order_are_found() {
    assert_eq!(found(Fault::Swap { stream: 1, event: 7 }), [1, 1, 1, 0]);
}

#[test]
fn a_stream_that_ends_is_found() {
    assert_eq!(found(Fault::End { stream: 1, event: 7 }), [13, 0, 0, 1]);
}

#[test]
fn streams_that_come_back_receive_what_they_missed() {
    let report = flawless("replay --streams 5 --events 52", retaining::start(0).0);
    assert_eq!((&report["expected"], &report["deliveries"]), (&52.into(), &52.into()));
}

#[test]
fn events_that_nobody_missed_can_be_kept_besides() {
    let (server, for_nobody) = retaining::start(0);
    let report = flawless("replay --streams 5 --events 50 --retained 70", server);
    assert_eq!((&report["expected"], &report["deliveries"]), (&50.into(), &50.into()));
    assert_eq!(for_nobody.load(Ordering::Relaxed), 70);
}

#[test]
fn an_event_that_is_not_replayed_is_found() {
    let (status, text) = load("replay --streams 5 --events 50", retaining::start(1).0);
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert_eq!((status, &report["lost"], &report["gaps"]), (Some(1), &5.into(), &5.into()), "{text}");
}

/// What makes the load generator post each event.
const POST: &str = "--publish post --post-path /pub/{target}";

#[test]
fn events_can_be_posted_one_by_one() {
    let server = posted::start("");
    for (line, expected) in [
        ("burst --streams 5 --events 500", 2500),
        ("targeted --streams 7 --events 500", 500),
        ("burst --streams 2 --events 3 --size 300000", 6),
        ("commit --events 500 --publishers 3", 0),
    ] {
        let report = flawless(&format!("{line} {POST}"), server);
        assert_eq!((&report["expected"], &report["deliveries"]), (&expected.into(), &expected.into()), "{line}");
    }
}

#[test]
fn posts_keep_the_rate() {
    let report = flawless(&format!("paced --streams 2 --events 11 --rate 100 {POST}"), posted::start(""));
    // The last of eleven events at 100 a second is made 100 ms after the first.
    assert!((100e6..1e9).contains(&report["wall_ns"].as_f64().unwrap()), "{report}");
}

#[test]
fn one_posted_event_that_is_lost_is_found() {
    // Only the measured events get as far as that: the first three are for warming up.
    let (status, text) = load(&format!("burst --streams 3 --events 20 {POST}"), posted::start("#7 "));
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert_eq!((status, &report["lost"], &report["gaps"]), (Some(1), &3.into(), &3.into()), "{text}");
}

#[test]
fn a_server_that_takes_no_posts_is_no_result() {
    let line = "burst --streams 1 --publish post --post-path /elsewhere/{target}";
    assert_eq!(load(line, posted::start("")), (Some(2), "load: publish: status 501: not here\n".to_owned()));
}

#[test]
fn a_server_that_cannot_be_measured_is_no_result() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (status, text) = load("burst --streams 1", closed);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.starts_with("load: stream 0 of 1: no connection to 127.0.0.1:"), "{text}");
    let (status, text) = load("burst --streams 1", faulty::start(Fault::Refuse));
    assert_eq!((status, text.as_str()), (Some(2), "load: publish: status 501: not here\n"));
}
