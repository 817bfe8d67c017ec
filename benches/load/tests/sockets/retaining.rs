//! A small server that keeps what it published, and sends to a stream that comes back what it missed.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::spawn;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::faulty::head;

/// An event with the user whom it is for.
struct Kept {
    user: u64,
    id: u64,
    text: String,
}

/// Starts the server, which serves until the tests end. Of what a stream missed it leaves out the first `skipped`.
pub(crate) fn start(skipped: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        let (mut kept, mut streams) = (Vec::new(), Vec::new());
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let request = head(&mut socket);
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            if let Some(count) = number(&request, "count=") {
                publish(&mut kept, count, number(&request, "users=").unwrap());
                let sent = kept.len() - count as usize;
                kept[sent..].iter().for_each(|event: &Kept| send_to(&mut streams, event));
            } else {
                let user = number(&request, "user=").unwrap();
                if let Some(last) = number(&request, "last-event-id: ") {
                    let missed = kept.iter().filter(|event| event.user == user && event.id > last);
                    missed.skip(skipped).for_each(|event| socket.write_all(event.text.as_bytes()).unwrap());
                }
                streams.push((user, socket));
            }
        }
    });
    address
}

fn publish(kept: &mut Vec<Kept>, count: u64, users: u64) {
    for event in 0..count {
        let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let id = kept.len() as u64;
        let text = format!("id: {id}\ndata: #{} {made}\n\n", event / users);
        kept.push(Kept { user: event % users, id, text });
    }
}

/// Sends the event to its user's streams; those that have gone are forgotten.
fn send_to(streams: &mut Vec<(u64, TcpStream)>, event: &Kept) {
    streams.retain_mut(|(user, socket)| *user != event.user || socket.write_all(event.text.as_bytes()).is_ok());
}

/// The number behind `name`.
fn number(request: &str, name: &str) -> Option<u64> {
    let (_, behind) = request.split_once(name)?;
    behind.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()
}
