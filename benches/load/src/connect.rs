//! Connections, of which there are more than one address has ports for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, bind, connect as connect_to, send, socket_with};

/// Connections from one source address: fewer than the ports that Linux gives away by itself (28,232).
const PER_SOURCE: u64 = 20_000;

/// Connects to `server` and asks for `path`. The `nth` connection chooses the source address.
///
/// The loopback network is 127.0.0.0/8: each of its addresses has ports of its own.
pub(crate) fn request(server: SocketAddr, nth: u64, method: &str, path: &str) -> Result<OwnedFd> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).context("no socket")?;
    if server.ip() == Ipv4Addr::LOCALHOST {
        let last = 2 + u8::try_from(nth / PER_SOURCE).context("too many connections")?;
        bind(&socket, &SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)).context("no source address")?;
    }
    connect_to(&socket, &server).with_context(|| format!("no connection to {server}"))?;
    let accept = if method == "GET" { "accept: text/event-stream\r\n" } else { "connection: close\r\n" };
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {server}\r\n{accept}content-length: 0\r\n\r\n");
    let request = if method == "GET" { request.replace("content-length: 0\r\n", "") } else { request };
    // The connection is new: it has room for all of it, or it is broken.
    let sent = send(&socket, request.as_bytes(), SendFlags::NOSIGNAL).context("the request was not sent")?;
    ensure!(sent == request.len(), "the request was sent in part only");
    Ok(socket)
}
