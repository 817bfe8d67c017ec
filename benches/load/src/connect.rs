//! Connections, of which there are more than one address has ports for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, bind, connect as connect_to, send, socket_with};

/// Connections from one source address: fewer than the ports that Linux gives away by itself, usually 28,232.
const PER_SOURCE: u64 = 20_000;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask<'a> {
    /// A stream, behind that id.
    Stream { path: &'a str, last_id: Option<&'a str> },
    /// To publish.
    Publish { path: &'a str },
}

impl Ask<'_> {
    fn request(self, server: SocketAddr) -> String {
        // A stream goes on for ever; whatever else is asked for ends with its answer.
        let (method, path, rest) = match self {
            Self::Stream { path, last_id } => {
                let last_id = last_id.map(|id| format!("\r\nlast-event-id: {id}")).unwrap_or_default();
                ("GET", path, format!("accept: text/event-stream{last_id}"))
            }
            Self::Publish { path } => ("POST", path, "content-length: 0\r\nconnection: close".to_owned()),
        };
        format!("{method} {path} HTTP/1.1\r\nhost: {server}\r\n{rest}\r\n\r\n")
    }
}

/// Connects to `server` and asks.
pub(crate) fn request(server: SocketAddr, nth: u64, ask: Ask<'_>) -> Result<OwnedFd> {
    let socket = connect(server, nth)?;
    let request = ask.request(server);
    // The connection is new: it has room for all of it, or it is broken.
    let sent = send(&socket, request.as_bytes(), SendFlags::NOSIGNAL).context("the request was not sent")?;
    ensure!(sent == request.len(), "the request was sent in part only");
    Ok(socket)
}

/// Connects to `server`. Which connection it is, chooses the source address.
///
/// The loopback network is 127.0.0.0/8: each of its addresses has ports of its own. The first connections are left to
/// Linux, which unlike `bind` uses ports again whose last connection has just ended.
pub(crate) fn connect(server: SocketAddr, nth: u64) -> Result<OwnedFd> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).context("no socket")?;
    if server.ip() == Ipv4Addr::LOCALHOST && nth >= PER_SOURCE {
        let last = 1 + u8::try_from(nth / PER_SOURCE).context("too many connections")?;
        bind(&socket, &SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)).context("no source address")?;
    }
    connect_to(&socket, &server).with_context(|| format!("no connection to {server}"))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    /// Who asked, and what.
    fn asked(nth: u64, ask: Ask<'_>) -> (IpAddr, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        drop(request(listener.local_addr().unwrap(), nth, ask).unwrap());
        let (mut socket, peer) = listener.accept().unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        (peer.ip(), text)
    }

    #[test]
    fn connections_beyond_the_ports_of_one_address_come_from_the_next() {
        for (nth, address) in [(0, 1), (19_999, 1), (20_000, 2), (40_000, 3)] {
            assert_eq!(asked(nth, Ask::Publish { path: "/" }).0, Ipv4Addr::new(127, 0, 0, address), "{nth}");
        }
    }

    #[test]
    fn the_request_is_whole() {
        let stream = |last_id| Ask::Stream { path: "/path", last_id };
        let asks = [
            (stream(None), "GET", "accept: text/event-stream"),
            (stream(Some("1-0-a")), "GET", "accept: text/event-stream\r\nlast-event-id: 1-0-a"),
            (Ask::Publish { path: "/path" }, "POST", "content-length: 0\r\nconnection: close"),
        ];
        for (ask, method, rest) in asks {
            let text = asked(0, ask).1;
            assert!(text.starts_with(&format!("{method} /path HTTP/1.1\r\nhost: 127.0.0.1:")), "{text}");
            assert!(text.ends_with(&format!("\r\n{rest}\r\n\r\n")), "{text}");
        }
    }
}
