//! The request side: what of an HTTP request decides how a stream begins.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT, HeaderValue};
use actix_web::{FromRequest, HttpRequest};
use ssehub::ConnectRequest;

/// Extracts a [`ConnectRequest`]: method, `Accept`, and the last event id from header or query.
///
/// It never rejects. Whether the request is acceptable is for [`Hub::connect`](ssehub::Hub::connect) to say, so
/// that every refusal leaves the handler on one way, as [`SseError`](crate::SseError). It says nothing about who
/// asks: add user and groups from what your application vouches for.
#[derive(Debug)]
pub struct SseRequest(pub ConnectRequest);

impl FromRequest for SseRequest {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        ready(Ok(Self(ConnectRequest::from_http(
            request.method().as_str(),
            headers.get_all(ACCEPT).map(HeaderValue::as_bytes),
            headers.get("last-event-id").map(HeaderValue::as_bytes),
            request.uri().query(),
        ))))
    }
}
