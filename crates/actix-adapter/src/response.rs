//! The response side: a connection as a body, and the headers that keep middleware off it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode, Version};
use actix_web::{HttpRequest, HttpResponse, Responder};
use bytes::Bytes;
use futures::Stream;
use ssehub::{Connection, RESPONSE_HEADERS};

/// Answers with the stream of a [`Connection`]: status 200 and the headers that keep proxies from storing or
/// holding it.
///
/// The connection lives in the body. When actix drops that, for whatever reason, the client is disconnected.
#[derive(Debug)]
pub struct SseResponse(pub Connection);

impl Responder for SseResponse {
    type Body = SseBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse<SseBody> {
        let mut response = HttpResponse::with_body(StatusCode::OK, SseBody(self.0));
        let headers = response.headers_mut();
        for (name, value) in RESPONSE_HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if request.version() < Version::HTTP_11 {
            // Before 1.1 there are no chunks and the end of the connection ends the body; actix 4 would send chunks.
            let head = response.head_mut();
            head.no_chunking(true);
            head.set_connection_type(ConnectionType::Close);
        }
        response
    }
}

/// The body of an [`SseResponse`]: the connection's bytes, of unknown length.
#[derive(Debug)]
pub struct SseBody(Connection);

impl MessageBody for SseBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Pin::new(&mut self.0).poll_next(cx).map(|bytes| bytes.map(Ok))
    }
}
