//! The bare streams over sockets: each has the head and the first frame of the hub's streams, and stays open.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ssehub_peers::bare::RESPONSE_HEADERS;

/// A program that is killed at the end of its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Starts `program`, and tells where it listens.
fn start(program: &str) -> (Server, String) {
    let mut command = Command::new(program);
    let mut child = command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Server(child), line.trim().strip_prefix("listening on http://").unwrap().to_owned())
}

fn check(program: &str) {
    let (_server, address) = start(program);
    let mut socket = TcpStream::connect(&address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(socket, "GET /events HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let (mut answer, mut bytes) = (String::new(), [0; 4096]);
    while !answer.contains("}\n\n\r\n") {
        let length = socket.read(&mut bytes).unwrap();
        assert!(length > 0, "the stream ended: {answer}");
        answer.push_str(std::str::from_utf8(bytes.get(..length).unwrap()).unwrap());
    }
    let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ntransfer-encoding: chunked"), "{head}");
    for (name, value) in RESPONSE_HEADERS {
        assert!(head.contains(&format!("\r\n{name}: {value}")), "{name} in {head}");
    }
    assert!(answer.contains("\r\nretry: 3000\nid: "), "{answer}");

    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let more = socket.read(&mut bytes).map_err(|error| error.kind());
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
