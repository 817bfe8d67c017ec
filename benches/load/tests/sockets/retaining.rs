//! A small server that keeps what it published, and sends to a stream that comes back what it missed.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::spawn;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::faulty::head;

/// An event with the user whom it is for.
struct Kept {
    user: u64,
    id: u64,
    text: String,
}

/// An event to somebody else is kept for this user.
const NOBODY: u64 = u64::MAX;

/// Starts the server, which serves until the tests end. Of what a stream missed it leaves out the first `skipped`.
/// Returns with its address how many events it has kept that were for nobody.
pub(crate) fn start(skipped: usize) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let for_nobody = Arc::new(AtomicU64::new(0));
    let count_for_nobody = Arc::clone(&for_nobody);
    spawn(move || {
        let (mut kept, mut streams) = (Vec::new(), Vec::new());
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let request = head(&mut socket);
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            if let Some(count) = number(&request, "count=") {
                match number(&request, "users=") {
                    Some(users) => publish(&mut kept, (0..count).map(|event| (event % users, event / users))),
                    None => {
                        publish(&mut kept, (0..count).map(|event| (NOBODY, event)));
                        count_for_nobody.fetch_add(count, Ordering::Relaxed);
                    }
                }
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
    (address, for_nobody)
}

/// Makes events with these users and counters.
fn publish(kept: &mut Vec<Kept>, events: impl Iterator<Item = (u64, u64)>) {
    for (user, counter) in events {
        let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let id = kept.len() as u64;
        kept.push(Kept { user, id, text: format!("id: {id}\ndata: #{counter} {made}\n\n") });
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
