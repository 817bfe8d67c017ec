//! Connections, of which there are more than one address has ports for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, bind, connect as connect_to, send, socket_with};

/// Connections from one source address: fewer than the ports that Linux gives away by itself, usually 28,232.
const PER_SOURCE: u64 = 20_000;

/// Connects to `server` and asks for `path`. The `nth` connection chooses the source address.
///
/// The loopback network is 127.0.0.0/8: each of its addresses has ports of its own. The first connections are left to
/// Linux, which unlike `bind` uses ports again whose last connection has just ended.
pub(crate) fn request(server: SocketAddr, nth: u64, method: &str, path: &str) -> Result<OwnedFd> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).context("no socket")?;
    if server.ip() == Ipv4Addr::LOCALHOST && nth >= PER_SOURCE {
        let last = 1 + u8::try_from(nth / PER_SOURCE).context("too many connections")?;
        bind(&socket, &SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)).context("no source address")?;
    }
    connect_to(&socket, &server).with_context(|| format!("no connection to {server}"))?;
    // A stream goes on for ever; whatever else is asked for ends with its answer.
    let rest = if method == "GET" { "accept: text/event-stream" } else { "content-length: 0\r\nconnection: close" };
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {server}\r\n{rest}\r\n\r\n");
    // The connection is new: it has room for all of it, or it is broken.
    let sent = send(&socket, request.as_bytes(), SendFlags::NOSIGNAL).context("the request was not sent")?;
    ensure!(sent == request.len(), "the request was sent in part only");
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    /// Who asked, and what.
    fn asked(nth: u64, method: &str) -> (IpAddr, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        drop(request(listener.local_addr().unwrap(), nth, method, "/path").unwrap());
        let (mut socket, peer) = listener.accept().unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        (peer.ip(), text)
    }

    #[test]
    fn connections_beyond_the_ports_of_one_address_come_from_the_next() {
        let from = |nth| asked(nth, "GET").0.to_string();
        assert_eq!(
            [from(0), from(19_999), from(20_000), from(40_000)],
            ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3"]
        );
    }

    #[test]
    fn the_request_is_whole() {
        for method in ["GET", "POST"] {
            let text = asked(0, method).1;
            assert!(text.starts_with(&format!("{method} /path HTTP/1.1\r\nhost: 127.0.0.1:")), "{text}");
            assert!(text.ends_with("\r\n\r\n") && !text.trim_end().contains("\r\n\r\n"), "{text}");
        }
    }
}
