//! A small server to which each event is posted, at `/pub/TARGET`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// The streams, each with the target whose events it gets.
type Streams = Arc<Mutex<Vec<(String, TcpStream)>>>;

/// Starts the server, which serves until the tests end. It loses the first event that contains `lost`.
pub(crate) fn start(lost: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (streams, lost) = (Streams::default(), Arc::new(Mutex::new(Some(lost).filter(|lost| !lost.is_empty()))));
    spawn(move || {
        for socket in listener.incoming() {
            let (streams, lost) = (Arc::clone(&streams), Arc::clone(&lost));
            spawn(move || serve(socket.unwrap(), &streams, &lost));
        }
    });
    address
}

/// Answers one request after the other on `socket`.
fn serve(mut socket: TcpStream, streams: &Streams, lost: &Mutex<Option<&str>>) {
    let mut requests = BufReader::new(socket.try_clone().unwrap());
    loop {
        let (mut line, mut length) = (String::new(), 0);
        requests.read_line(&mut line).unwrap();
        let mut header = line.clone();
        while header != "\r\n" {
            header.clear();
            if requests.read_line(&mut header).unwrap() == 0 {
                return;
            }
            length = header.strip_prefix("content-length: ").map_or(length, |length| length.trim().parse().unwrap());
        }
        let path = line.split(' ').nth(1).unwrap();
        if let Some(stream) = path.strip_prefix("/events") {
            let target = stream.strip_prefix("?user=").map_or("all".to_owned(), |user| format!("user:{user}"));
            // Whoever sees the answer gets the next event.
            let mut streams = streams.lock().unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            return streams.push((target, socket));
        }
        let mut data = vec![0; length];
        requests.read_exact(&mut data).unwrap();
        let Some(target) = path.strip_prefix("/pub/") else {
            return socket.write_all(b"HTTP/1.1 501 \r\ncontent-length: 8\r\n\r\nnot here").unwrap();
        };
        let data = String::from_utf8(data).unwrap();
        if lost.lock().unwrap().take_if(|lost| data.contains(*lost)).is_none() {
            // Streams of an earlier test have gone; they are forgotten.
            let mut streams = streams.lock().unwrap();
            streams.retain_mut(|(of, stream)| of != target || write!(stream, "data: {data}\n\n").is_ok());
        }
        socket.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok").unwrap();
    }
}
