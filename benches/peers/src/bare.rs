//! An endless response without a hub: what a framework itself keeps for each stream.
//!
//! It has the headers and as long a first frame as the hub's streams, and then nothing more ever comes. The body is
//! made as the adapters make theirs, so that what a stream of the hub takes beyond it is the hub.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http_body::Frame;
/// The headers of the hub's streams.
pub use ssehub::RESPONSE_HEADERS;
use tokio::io::{AsyncRead, ReadBuf};

const FIRST: &[u8] = b"retry: 3000\nid: 1700000000000-0-aaaaaa\nevent: hub:connected\n\
    data: {\"connection\":\"aaaaaaaaaaaaaaaaaaaaaa\"}\n\n";

/// What is left to be sent: the first frame, or nothing.
#[derive(Debug)]
pub struct Endless(Bytes);

impl Endless {
    /// A stream of which nothing has been sent.
    pub fn begin() -> Self {
        Self(Bytes::from_static(FIRST))
    }

    /// The first frame, once; after that it waits, and nobody will wake it.
    fn poll<T>(&mut self, send: impl FnOnce(Bytes) -> T) -> Poll<T> {
        if self.0.is_empty() { Poll::Pending } else { Poll::Ready(send(std::mem::take(&mut self.0))) }
    }
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll(|frame| Some(Ok(Frame::data(frame))))
    }
}

impl MessageBody for Endless {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.poll(|frame| Some(Ok(frame)))
    }
}

impl AsyncRead for Endless {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let fits = self.0.len().min(buffer.remaining());
        if fits == 0 {
            return Poll::Pending;
        }
        buffer.put_slice(&self.0.split_to(fits));
        Poll::Ready(Ok(()))
    }
}

/// The router of axum's bare streams.
pub fn router() -> Router {
    Router::new().route("/events", get(events))
}

async fn events() -> Response {
    let mut response = Response::new(Body::new(Endless::begin()));
    let headers = response.headers_mut();
    for (name, value) in RESPONSE_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Listens as the playground does, and says so.
///
/// # Errors
/// The address cannot be listened on.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = ssehub::listen(address, ssehub::ListenOptions::default())?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}
