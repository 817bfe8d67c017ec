//! The loop: takes up connections, reads requests, answers them.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags, accept_with, listen, recv, sockopt};

use crate::batch::Batch;
use crate::client::Stream;
use crate::clients::{Clients, Slot};
use crate::publish::{parse as order, publish};
use crate::request::{Parsed, Request, parse};
use crate::send::send_all;

/// What the listener is called among the sockets; connections are called by their slot.
const LISTENER: u64 = u64::MAX;

/// Connections that the kernel may keep until they are accepted.
const BACKLOG: i32 = 4096;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\
    transfer-encoding: chunked\r\n\r\n";

/// Serves on `listener` until the process ends.
///
/// # Errors
///
/// When the kernel refuses what no server can do without: an epoll instance, or another connection.
pub fn serve(listener: &TcpListener, batch: Batch) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    listen(listener, BACKLOG)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut clients = Clients::default();
    let mut events = Vec::with_capacity(1024);
    loop {
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let name = { event.data }.u64();
            if name == LISTENER {
                accept(&epoll, listener, &mut clients)?;
            } else if let Ok(slot) = Slot::try_from(name)
                && !read(&mut clients, slot, batch)
            {
                clients.remove(slot);
            }
        }
    }
}

fn accept(epoll: impl std::os::fd::AsFd, listener: &TcpListener, clients: &mut Clients) -> io::Result<()> {
    loop {
        let socket = match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(socket) => socket,
            Err(Errno::AGAIN) => return Ok(()),
            // The connection ended before it was accepted.
            Err(Errno::CONNABORTED | Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        sockopt::set_tcp_nodelay(&socket, true)?;
        let slot = clients.insert(socket);
        if let Some(client) = clients.get(slot) {
            let name = epoll::EventData::new_u64(slot as u64);
            epoll::add(epoll.as_fd(), &client.socket, name, epoll::EventFlags::IN)?;
        }
    }
}

/// Reads what the connection sends; `false` when it is over.
fn read(clients: &mut Clients, slot: Slot, batch: Batch) -> bool {
    // A connection removed in this round may still have an event in it.
    let Some(client) = clients.get_mut(slot) else { return true };
    let mut bytes = [0; 4096];
    let length = match recv(&client.socket, &mut bytes, RecvFlags::empty()) {
        Ok((0, _)) => return false,
        Ok((length, _)) => length,
        Err(Errno::AGAIN | Errno::INTR) => return true,
        Err(_) => return false,
    };
    if client.stream.is_some() {
        // Nothing that a stream sends means anything.
        return true;
    }
    client.head.extend_from_slice(bytes.get(..length).unwrap_or_default());
    match parse(&client.head) {
        Parsed::Incomplete => true,
        Parsed::Bad => answer(client.socket.as_fd(), 400, "not a request that this server reads"),
        Parsed::Complete(request) => serve_request(clients, slot, &request, batch),
    }
}

/// Answers one request; `false` when the connection is over with it.
fn serve_request(clients: &mut Clients, slot: Slot, request: &Request, batch: Batch) -> bool {
    let (status, body) = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/events") => return open(clients, slot, request),
        ("POST", "/publish") => match order(&request.query) {
            Ok(order) => (200, publish(clients, &order, batch)),
            Err(refused) => (400, refused),
        },
        ("GET", "/healthz") => (200, "ok".to_owned()),
        _ => (404, "only GET /events, POST /publish and GET /healthz are here".to_owned()),
    };
    clients.get(slot).is_some_and(|client| answer(client.socket.as_fd(), status, &body))
}

/// Makes the connection a stream.
fn open(clients: &mut Clients, slot: Slot, request: &Request) -> bool {
    let user = request.query.first("user").map(str::to_owned);
    let groups = request.query.all("group").map(str::to_owned).collect();
    clients.open(slot, Stream { user, groups });
    clients.get(slot).is_some_and(|client| send_all(client.socket.as_fd(), HEAD).is_ok())
}

/// Answers and ends the connection.
fn answer(socket: BorrowedFd<'_>, status: u16, body: &str) -> bool {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} \r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    // Whoever does not wait for the answer needs none.
    let _ = send_all(socket, answer.as_bytes());
    false
}
