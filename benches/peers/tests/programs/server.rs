//! One of the programs, and requests to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program that is killed at the end of its test.
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts `program`, and waits until it tells where it listens.
    pub(crate) fn start(program: &str) -> Self {
        let mut command = Command::new(program);
        let mut child = command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }

    /// Sends a request without a body.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Answer {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(socket, "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n", self.address).unwrap();
        Answer { socket, text: String::new() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What has come of an answer.
pub(crate) struct Answer {
    pub(crate) socket: TcpStream,
    text: String,
}

impl Answer {
    /// Reads on until `end` has come. Tells everything that has come so far.
    pub(crate) fn until(&mut self, end: &str) -> &str {
        let mut bytes = [0; 4096];
        while !self.text.contains(end) {
            let length = self.socket.read(&mut bytes).unwrap_or_else(|error| panic!("{error} after {}", self.text));
            assert!(length > 0, "it ended before {end:?}: {}", self.text);
            self.text.push_str(std::str::from_utf8(bytes.get(..length).unwrap()).unwrap());
        }
        &self.text
    }
}
