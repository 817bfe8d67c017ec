//! The way to a server: TCP, TLS over it, or a Unix socket; watched, so that silence is noticed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::Tls;

/// How fast a link has to be at least, in bytes a second: so much longer than a small record may a large one take.
const MIN_RATE: u64 = 1 << 20;

/// After how long without traffic the kernel asks whether the other side is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// For how long the kernel is looked at before a server is given up.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// A connection that bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

impl Address {
    /// Connects. How long that may take is the caller's to say.
    pub(crate) async fn open(&self, tls: Option<&Tls>) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                // Nothing on the way forgets a connection on which nothing is sent.
                let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                Ok(match tls {
                    Some(tls) => Box::new(tls.over(stream, host).await?),
                    None => Box::new(stream),
                })
            }
            #[cfg(unix)]
            Self::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// When a server that owes an answer last gave a sign of life: it sent something, or took something, of which there is
/// never much without an answer.
#[derive(Debug)]
pub(crate) struct Pulse {
    started: Instant,
    /// Milliseconds since `started`.
    alive_ms: AtomicU64,
    /// How many requests are without their answer, and how many bytes they have.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            alive_ms: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
        })
    }

    /// A request of so many bytes waits for its answer, until what is returned is dropped.
    pub(crate) fn wait(&self, bytes: usize) -> Waiting<'_> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            self.beat();
        }
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        Waiting { pulse: self, bytes }
    }

    /// Comes back when the server owes an answer and has given no sign of life for this long; longer if it has much to
    /// read.
    pub(crate) async fn silence(&self, patience: Duration) {
        let mut is_late = false;
        loop {
            let reading = self.waiting_bytes.load(Ordering::Relaxed) as u64 * 1000 / MIN_RATE;
            let limit = self.alive_ms.load(Ordering::Relaxed) + reading + patience.as_millis() as u64;
            let left = limit.saturating_sub(self.now_ms());
            if left == 0 && is_late {
                return;
            }
            // If it was this process that did not run, what has come meanwhile is read first.
            is_late = left == 0;
            tokio::time::sleep(Duration::from_millis(left).max(LAST_LOOK)).await;
        }
    }

    fn beat(&self) {
        self.alive_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// A request without its answer.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    pulse: &'a Pulse,
    bytes: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pulse.waiting.fetch_sub(1, Ordering::Relaxed);
        self.pulse.waiting_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A stream that notes when something goes through.
pub(crate) struct Watched {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) pulse: Arc<Pulse>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if buf.filled().len() > before {
            self.pulse.beat();
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.pulse.beat();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
