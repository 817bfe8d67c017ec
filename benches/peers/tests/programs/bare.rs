//! The bare streams: each has the head and the first frame of the hub's streams, and stays open.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use ssehub_peers::bare::RESPONSE_HEADERS;

use crate::server::Server;

fn check(program: &str) {
    let server = Server::start(program);
    let mut stream = server.ask("GET", "/events");
    let answer = stream.until("}\n\n\r\n").to_owned();
    let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ntransfer-encoding: chunked"), "{head}");
    for (name, value) in RESPONSE_HEADERS {
        assert!(head.contains(&format!("\r\n{name}: {value}")), "{name} in {head}");
    }
    assert!(answer.contains("\r\nretry: 3000\nid: "), "{answer}");

    stream.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let more = stream.socket.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(more, Err(ErrorKind::WouldBlock), "nothing more comes, and no end");
}

#[test]
fn axum_has_a_bare_stream() {
    check(env!("CARGO_BIN_EXE_bare-axum"));
}

#[test]
fn the_lean_loop_has_a_bare_stream() {
    check(env!("CARGO_BIN_EXE_bare-lean"));
}

#[test]
fn actix_has_a_bare_stream() {
    check(env!("CARGO_BIN_EXE_bare-actix"));
}

#[test]
fn rocket_has_a_bare_stream() {
    check(env!("CARGO_BIN_EXE_bare-rocket"));
}
