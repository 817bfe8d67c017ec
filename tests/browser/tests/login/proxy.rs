//! A proxy before the server: it notes what the browser asks and what it is answered, and it can cut every connection.
//!
//! Each connection carries one request, so that a request and its answer are easily told.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::page::{LOOK_AGAIN, PATIENCE};

/// The longest head of a request or an answer.
const MAX_HEAD: usize = 64 << 10;

/// A running proxy; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// `http://` and where it listens.
    pub(crate) address: String,
    road: Arc<Road>,
    accepting: AbortHandle,
}

/// What all connections share.
#[derive(Debug, Default)]
struct Road {
    /// The server's address and port.
    to: Mutex<String>,
    hides_cookies: AtomicBool,
    seen: Mutex<Vec<Exchange>>,
    connections: Mutex<JoinSet<io::Result<()>>>,
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// With the query.
    pub(crate) path: String,
    pub(crate) has_cookie: bool,
    pub(crate) status: u16,
}

impl Proxy {
    /// Starts a proxy before the server at this address.
    pub(crate) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let road = Arc::new(Road::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&road))).abort_handle();
        let proxy = Self { address, road, accepting };
        proxy.lead_to(server);
        proxy
    }

    /// Leads to the server at this address from now on.
    pub(crate) fn lead_to(&self, server: &str) {
        *self.road.to.lock().unwrap() = server.trim_start_matches("http://").to_owned();
    }

    /// Cuts all connections in the middle of whatever they carry.
    pub(crate) fn cut(&self) {
        self.road.connections.lock().unwrap().abort_all();
    }

    /// Takes the cookies out of all requests from now on.
    pub(crate) fn hide_cookies(&self) {
        self.road.hides_cookies.store(true, Ordering::SeqCst);
    }

    /// The requests to a path so far, with or without a query.
    pub(crate) fn seen(&self, path: &str) -> Vec<Exchange> {
        let seen = self.road.seen.lock().unwrap();
        seen.iter().filter(|request| request.path.split('?').next() == Some(path)).cloned().collect()
    }

    /// Waits until there were as many requests to a path, and returns them; there must not be more.
    pub(crate) async fn wait_for<const N: usize>(&self, path: &str) -> [Exchange; N] {
        let deadline = Instant::now() + PATIENCE;
        while self.seen(path).len() < N && Instant::now() < deadline {
            sleep(LOOK_AGAIN).await;
        }
        let requests = self.seen(path).try_into();
        requests.unwrap_or_else(|seen| panic!("not {N} requests to {path} after {PATIENCE:?}: {seen:?}"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, road: Arc<Road>) -> io::Result<()> {
    loop {
        let (browser, _) = listener.accept().await?;
        let mut connections = road.connections.lock().unwrap();
        while connections.try_join_next().is_some() {}
        connections.spawn(carry(browser, Arc::clone(&road)));
    }
}

/// Carries one request to the server, and its answer back.
async fn carry(mut browser: TcpStream, road: Arc<Road>) -> io::Result<()> {
    let (head, mut body) = read_head(&mut browser).await?;
    let mut lines: Vec<&str> = head.lines().collect();
    let value = |name: &str| {
        lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let length: usize = value("content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        if browser.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }

    let hides_cookies = road.hides_cookies.load(Ordering::SeqCst);
    let is = |line: &str, name: &str| line.to_ascii_lowercase().starts_with(name);
    lines.retain(|line| !is(line, "connection:"));
    if hides_cookies {
        lines.retain(|line| !is(line, "cookie:"));
    }
    let has_cookie = lines.iter().any(|line| is(line, "cookie:"));

    let to = road.to.lock().unwrap().clone();
    let mut server = TcpStream::connect(to).await?;
    let request = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    server.write_all(request.as_bytes()).await?;
    server.write_all(&body).await?;

    let (head, rest) = read_head(&mut server).await?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    road.seen.lock().unwrap().push(Exchange { path, has_cookie, status });
    browser.write_all(format!("{head}\r\n\r\n").as_bytes()).await?;
    browser.write_all(&rest).await?;
    copy_bidirectional(&mut browser, &mut server).await?;
    Ok(())
}

/// A head without its last, empty line, and what has come after it.
async fn read_head(from: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            read.truncate(end);
            return Ok((String::from_utf8_lossy(&read).into_owned(), rest));
        }
        if read.len() > MAX_HEAD || from.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
