//! The response side: a connection as a body that hands its bytes on without a copy.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use http_body::Frame;
use ssehub::{Connection, RESPONSE_HEADERS};

/// Answers with the stream of a [`Connection`]: status 200 and the headers that keep proxies from storing or
/// holding it.
///
/// The connection lives in the body. When hyper drops that, for whatever reason, the client is disconnected.
#[derive(Debug)]
pub struct SseResponse(pub Connection);

impl IntoResponse for SseResponse {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::new(EventBody(self.0)));
        let headers = response.headers_mut();
        for (name, value) in RESPONSE_HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    }
}

struct EventBody(Connection);

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_next(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
