//! A server loop for tens of thousands of streams: what [`axum::serve()`] does, with smaller buffers.
//!
//! An idle stream costs about 21 kB of heap here, and about 32 kB with [`axum::serve()`], whose buffers cannot be
//! configured. The router is the same; WebSockets, `ConnectInfo<SocketAddr>`, HTTP/1.1 and HTTP/2 without TLS work
//! as they do there. The price: a request head of more than 16 KiB is answered with 431.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Bounds a request's head, and what hyper queues of a response before it writes.
const BUFFER_BYTES: usize = 16 * 1024;

/// A client gets this long for its request head, and an idle connection for its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What is open this long after `shutdown` is cut off.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves `router` on `listener` until `shutdown` completes, then finishes what is in flight.
///
/// As with `with_graceful_shutdown`, end the streams inside that future. New connections are accepted until it
/// completes; connections that are still open ten seconds later are cut. A failed accept is retried, as
/// [`axum::serve()`] does.
///
/// ```no_run
/// # async fn example(router: axum::Router, hub: ssehub_axum::Hub) -> std::io::Result<()> {
/// use ssehub_axum::{ListenOptions, Shutdown, lean, listen};
/// use std::time::Duration;
///
/// let listener = tokio::net::TcpListener::from_std(listen("127.0.0.1:3000", ListenOptions::default())?)?;
/// lean::serve(listener, router, async move {
///     let _ = tokio::signal::ctrl_c().await;
///     hub.shutdown(Shutdown::within(Duration::from_secs(5))).await;
/// })
/// .await;
/// # Ok(())
/// # }
/// ```
pub async fn serve(mut listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let protocols = Arc::new(Protocols::new());
    let (leave, leaving) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            (io, peer) = Listener::accept(&mut listener) => {
                connections.spawn(serve_connection(Arc::clone(&protocols), io, peer, router.clone(), leaving.clone()));
            }
            // How a connection ended concerns nobody; that it ended frees its place.
            Some(_) = connections.join_next() => {}
            () = &mut shutdown => break,
        }
    }
    drop((listener, leave));
    // Past the time limit the set is dropped, which cuts what is left.
    let _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
}

/// Serves one connection to its end. When `leaving` closes, it ends with the response that is under way.
async fn serve_connection(
    protocols: Arc<Protocols>,
    io: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut leaving: watch::Receiver<()>,
) {
    let http1 = tokio::select! {
        begun = timeout(HEAD_TIMEOUT, begins_as_http1(&io)) => begun,
        _ = leaving.changed() => return,
    };
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let io = TokioIo::new(io);
    match http1 {
        Ok(Ok(true)) => {
            let connection = protocols.http1.serve_connection(io, service).with_upgrades();
            finish(Box::pin(connection), |connection| connection.graceful_shutdown(), leaving).await;
        }
        Ok(Ok(false)) => {
            let connection = protocols.either.serve_connection_with_upgrades(io, service);
            finish(Box::pin(connection), |connection| connection.graceful_shutdown(), leaving).await;
        }
        // Nothing has come in time, or the connection broke.
        Ok(Err(_)) | Err(_) => {}
    }
}

/// The connection is boxed because a future that is handed on takes its place twice in the task.
async fn finish<C: Future>(
    mut connection: Pin<Box<C>>,
    leave: impl FnOnce(Pin<&mut C>),
    mut leaving: watch::Receiver<()>,
) {
    tokio::select! {
        // How a connection ended concerns nobody but its client.
        _ = connection.as_mut() => return,
        _ = leaving.changed() => leave(connection.as_mut()),
    }
    let _ = connection.await;
}

/// Whether the first bytes can only be HTTP/1's; they stay where they are.
///
/// hyper's builder for either protocol reads them to find out, and pays for putting them back with a second read buffer.
async fn begins_as_http1(io: &TcpStream) -> io::Result<bool> {
    let mut start = [0; HTTP2_BEGINS.len()];
    let length = io.peek(&mut start).await?;
    Ok(start.get(..length) != HTTP2_BEGINS.get(..length))
}

/// How HTTP/2 without TLS begins, and no request of HTTP/1.
const HTTP2_BEGINS: &[u8; 4] = b"PRI ";

/// How connections are served.
struct Protocols {
    http1: http1::Builder,
    either: auto::Builder<TokioExecutor>,
}

impl Protocols {
    fn new() -> Self {
        let mut http1 = http1::Builder::new();
        http1.max_buf_size(BUFFER_BYTES).writev(true).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        let mut either = auto::Builder::new(TokioExecutor::new());
        either.http1().max_buf_size(BUFFER_BYTES).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        // WebSockets over HTTP/2 need it.
        either.http2().enable_connect_protocol();
        Self { http1, either }
    }
}
