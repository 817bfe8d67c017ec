//! A port that stays one's own while nobody listens on it.
//!
//! A server that is killed leaves its port to whoever asks the system for a free one. A socket that is bound and never
//! listens keeps it: the system hands the port to nobody, and who binds it by number, with `SO_REUSEADDR` as every server
//! does, can listen.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Socket, Type};

/// A port of the loopback, reserved until this is dropped.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _socket: Socket,
}

impl Port {
    /// Reserves a free one.
    ///
    /// # Errors
    /// If the system has none.
    pub fn reserve() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { address, _socket: socket })
    }

    /// Where to listen and to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_can_be_listened_on_again_and_again() {
        let port = Port::reserve().expect("a port is free");
        for _ in 0..3 {
            TcpStream::connect(port.address()).expect_err("nobody listens");
            let listener = TcpListener::bind(port.address()).expect("the port is ours");
            let client = TcpStream::connect(port.address()).expect("somebody listens");
            drop(listener.accept().expect("the client is there"));
            drop(client);
        }
    }

    #[test]
    fn a_reserved_port_is_given_to_nobody_else() {
        let port = Port::reserve().expect("a port is free");
        let others: Vec<_> = (0..2_000).map(|_| TcpListener::bind("127.0.0.1:0").expect("ports are free")).collect();
        assert!(others.iter().all(|other| other.local_addr().is_ok_and(|other| other != port.address())));
    }
}
