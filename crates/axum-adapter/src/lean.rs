//! A server loop for tens of thousands of streams: what [`axum::serve`] does, with smaller buffers.
//!
//! An idle stream costs about 19 kB of heap here, and about 31 kB with [`axum::serve`], whose buffers cannot be
//! configured. The router is the same; WebSockets, `ConnectInfo<SocketAddr>`, HTTP/1.1 and HTTP/2 without TLS work
//! as they do there. The price: a request head of more than 16 KiB is answered with 431.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
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
/// [`axum::serve`] does.
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
    let builder = tokio::select! {
        chosen = timeout(HEAD_TIMEOUT, protocols.choose(&io)) => match chosen {
            Ok(Some(builder)) => builder,
            _ => return,
        },
        _ = leaving.changed() => return,
    };
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = leaving.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// hyper's builder for either protocol reads the start of a connection to tell them apart, and puts it back in front of
/// a second read buffer. Looking without reading saves that buffer for all who speak HTTP/1.
struct Protocols {
    http1: Builder<TokioExecutor>,
    either: Builder<TokioExecutor>,
}

impl Protocols {
    fn new() -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .max_buf_size(BUFFER_BYTES)
            .writev(true)
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT);
        // WebSockets over HTTP/2 need it.
        builder.http2().enable_connect_protocol();
        Self { http1: builder.clone().http1_only(), either: builder }
    }

    /// What the first bytes of a connection ask for; `None` if they do not come.
    async fn choose(&self, io: &TcpStream) -> Option<&Builder<TokioExecutor>> {
        let mut start = [0; PREFACE.len()];
        match io.peek(&mut start).await {
            Ok(0) | Err(_) => None,
            Ok(length) if PREFACE.get(..length) == start.get(..length) => Some(&self.either),
            Ok(_) => Some(&self.http1),
        }
    }
}

/// How HTTP/2 without TLS begins. No method of HTTP/1 does.
const PREFACE: &[u8; 4] = b"PRI ";
