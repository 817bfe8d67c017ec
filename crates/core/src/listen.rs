//! Sockets for long-lived streams.
//!
//! On Linux these options, set on a listening socket, are inherited by every connection it accepts, so one helper
//! serves every framework that takes a listener.

use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// How the sockets of streams behave. All have defaults that suit event streams.
///
/// What each does is said by `tcp(7)`. Options that a platform lacks are left out there: all of them exist on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    nodelay: bool,
    user_timeout: Option<Duration>,
    unsent_low_water: Option<u32>,
    backlog: i32,
}

impl Default for ListenOptions {
    /// - `TCP_NODELAY`: else the second of two small events waits for the acknowledgement of the first.
    /// - `TCP_USER_TIMEOUT` of 30 s, with TCP keep-alives: a peer that vanished without a word is gone after that long
    ///   rather than after 15 minutes.
    /// - `TCP_NOTSENT_LOWAT` of 128 KiB: a client that stops reading holds that much of the kernel's memory and not
    ///   4 MiB, and is behind by that much.
    /// - A backlog of 4,096 connections that wait to be accepted, because all clients reconnect at once after a deploy.
    fn default() -> Self {
        Self {
            nodelay: true,
            user_timeout: Some(Duration::from_secs(30)),
            unsent_low_water: Some(128 << 10),
            backlog: 4096,
        }
    }
}

impl ListenOptions {
    /// Whether small writes are sent at once.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// How long a peer may leave data unacknowledged, or keep-alives unanswered. `None` leaves it to the system.
    pub fn user_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.user_timeout = timeout;
        self
    }

    /// How many bytes of unsent data the kernel holds before it takes no more. `None` leaves it to the system.
    pub fn unsent_low_water(mut self, bytes: Option<u32>) -> Self {
        self.unsent_low_water = bytes;
        self
    }

    /// How many connections may wait to be accepted.
    pub fn backlog(mut self, connections: i32) -> Self {
        self.backlog = connections;
        self
    }
}

/// Listens on the first of the addresses that can be had. The listener is non-blocking.
///
/// ```no_run
/// let listener = ssehub::listen("127.0.0.1:8080", ssehub::ListenOptions::default())?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// What the system says of the last address, or that there was no address.
pub fn listen(addresses: impl ToSocketAddrs, options: ListenOptions) -> io::Result<TcpListener> {
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
    for address in addresses.to_socket_addrs()? {
        let bound = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).and_then(|socket| {
            tune(&socket, &options)?;
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(options.backlog)?;
            Ok(socket.into())
        });
        match bound {
            Ok(listener) => return Ok(listener),
            Err(refused) => error = refused,
        }
    }
    Err(error)
}

fn tune(socket: &Socket, options: &ListenOptions) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(timeout) = options.user_timeout {
        // Idle half of the time, then probed: a peer that does not answer is given up when the time is over.
        let probe = (timeout / 6).max(Duration::from_secs(1));
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(timeout / 2).with_interval(probe))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    #[cfg(target_os = "linux")]
    if let Some(bytes) = options.unsent_low_water {
        socket.set_tcp_notsent_lowat(bytes)?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn accepted_sockets_inherit_the_options() {
        let listener = listen("127.0.0.1:0", ListenOptions::default()).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), 128 << 10);
    }

    #[test]
    fn an_address_in_use_is_an_error() {
        let first = listen("127.0.0.1:0", ListenOptions::default()).unwrap();
        assert!(listen(first.local_addr().unwrap(), ListenOptions::default()).is_err());
    }
}
