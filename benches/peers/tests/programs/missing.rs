//! A program that lacks something says so, with a status of its own.

use std::process::Command;

#[test]
fn a_peer_without_nodejs_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer-node"));
    let output = command.arg("transmit").env("PATH", "/nowhere").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.starts_with("Node.js is not installed: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
