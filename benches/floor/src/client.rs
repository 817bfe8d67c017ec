//! One connection, from its request to its end.

use std::os::fd::OwnedFd;

/// What a connection is, as far as it has said.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) socket: OwnedFd,
    /// What it has sent of its request.
    pub(crate) head: Vec<u8>,
    /// Who it is, once it has asked for events.
    pub(crate) stream: Option<Stream>,
}

/// What an open stream was opened with.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
}
