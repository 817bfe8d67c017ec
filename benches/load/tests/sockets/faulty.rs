//! A small server that does to one event of one stream what a server must not do.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::spawn;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is wrong with the server. Only the second `/publish` has it: the first is for warming up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The event does not come.
    Lose { stream: usize, event: u64 },
    /// The event comes twice.
    Repeat { stream: usize, event: u64 },
    /// The event comes after the one behind it.
    Swap { stream: usize, event: u64 },
    /// The stream ends before the event.
    End { stream: usize, event: u64 },
    /// There is no `/publish`.
    Refuse,
}

/// Starts the server, which serves until the tests end. Its streams are numbered in the order in which they came.
pub(crate) fn start(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        let mut streams = Vec::new();
        let mut now = Fault::None;
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let request = head(&mut socket);
            if request.starts_with("GET /events") {
                // Neither a length nor chunks: the body ends with the connection.
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").unwrap();
                streams.push(socket);
            } else if fault == Fault::Refuse {
                socket.write_all(b"HTTP/1.1 501 \r\n\r\nnot here").unwrap();
            } else {
                let count = request.split("count=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
                publish(&mut streams, count, now);
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
                now = fault;
            }
        }
    });
    address
}

/// What `socket` asks for.
pub(crate) fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn publish(streams: &mut [TcpStream], count: u64, fault: Fault) {
    for (number, stream) in streams.iter_mut().enumerate() {
        let mut order: Vec<u64> = (0..count).collect();
        match fault {
            Fault::Lose { stream, event } if stream == number => order.retain(|&other| other != event),
            Fault::Repeat { stream, event } if stream == number => order.insert(event as usize, event),
            Fault::Swap { stream, event } if stream == number => order.swap(event as usize, event as usize + 1),
            Fault::End { stream, event } if stream == number => order.truncate(event as usize),
            _ => {}
        }
        for event in order {
            let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
            write!(stream, "id: {event}\ndata: #{event} {made}\n\n").unwrap();
        }
        if matches!(fault, Fault::End { stream, .. } if stream == number) {
            stream.shutdown(Shutdown::Both).unwrap();
        }
    }
}
