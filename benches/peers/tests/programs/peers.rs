//! The peers: streams get the events that are for them, and what a peer cannot do it refuses.

use crate::server::{Answer, Server};

/// The counters of the events that come to a stream, up to the one with the counter `last`.
fn counters(stream: &mut Answer, last: u64) -> Vec<u64> {
    let text = stream.until(&format!("#{last} "));
    let events = text.split('#').skip(1);
    events.map(|event| event.split(' ').next().unwrap().parse().unwrap()).collect()
}

fn check(program: &str) {
    let server = Server::start(program);
    let mut streams = ["/events?user=0", "/events?user=1"].map(|path| server.ask("GET", path));
    for stream in &mut streams {
        // From here on it gets what is published.
        assert!(stream.until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    }
    let publish = |query: &str| server.ask("POST", &format!("/publish?{query}"));
    assert!(publish("count=3&size=40").until("}").contains("\"published\":3,"));
    for stream in &mut streams {
        assert_eq!(counters(stream, 2), [0, 1, 2]);
    }
    assert!(publish("count=9&size=40&users=2").until("}").starts_with("HTTP/1.1 200 "));
    let [first, second] = &mut streams;
    assert_eq!(counters(first, 4), [0, 1, 2, 0, 1, 2, 3, 4]);
    assert_eq!(counters(second, 3), [0, 1, 2, 0, 1, 2, 3]);

    for (query, status) in [("groups=2", 501), ("to=group:1", 501), ("users=0", 400), ("users=1&to=all", 400)] {
        let mut answer = publish(&format!("count=1&size=40&{query}"));
        assert!(answer.until("\r\n\r\n").starts_with(&format!("HTTP/1.1 {status} ")), "{query}");
    }
}

#[test]
fn axum_publishes_to_all_and_to_users() {
    check(env!("CARGO_BIN_EXE_peer-axum"));
}

#[test]
fn actix_publishes_to_all_and_to_users() {
    check(env!("CARGO_BIN_EXE_peer-actix"));
}

#[test]
fn rocket_publishes_to_all_and_to_users() {
    check(env!("CARGO_BIN_EXE_peer-rocket"));
}
