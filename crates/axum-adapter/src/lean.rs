//! A server loop for tens of thousands of streams: what [`axum::serve`] does, with smaller buffers.
//!
//! An idle stream costs about 20 kB of heap here, and about 32 kB with [`axum::serve`], whose buffers cannot be
//! configured. The router is the same; WebSockets, `ConnectInfo<SocketAddr>`, HTTP/1.1 and HTTP/2 without TLS work
//! as they do there. The price: a request head of more than 8 KiB is answered with 431.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The least that hyper allows. It bounds the read buffer, and with it a request's head.
const BUFFER_BYTES: usize = 8 * 1024;

/// A client gets this long for its request head, and an idle connection for its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What is open this long after `shutdown` is cut off.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves `router` on `listener` until `shutdown` completes, then finishes what is in flight.
///
/// As with `with_graceful_shutdown`, end the streams inside that future. New connections are accepted until it
/// completes; connections that are still open ten seconds later are cut.
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
/// .await
/// # }
/// ```
///
/// # Errors
///
/// None today. A failed accept is retried, after a second where the process has run out of sockets, as
/// [`axum::serve`] does.
pub async fn serve(mut listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(BUFFER_BYTES).writev(true).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // WebSockets over HTTP/2 need it.
    builder.http2().enable_connect_protocol();

    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            (io, peer) = Listener::accept(&mut listener) => {
                let router = TowerToHyperService::new(router.clone());
                let service = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(ConnectInfo(peer));
                    router.call(request)
                });
                let connection = builder.serve_connection_with_upgrades(TokioIo::new(io), service).into_owned();
                connections.spawn(graceful.watch(connection));
            }
            // How a connection ended concerns nobody; that it ended frees its place.
            Some(_) = connections.join_next() => {}
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    // Past the time limit the set is dropped, which cuts what is left.
    let _ = timeout(DRAIN, graceful.shutdown()).await;
    Ok(())
}
