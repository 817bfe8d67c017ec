//! The request side: what of an HTTP request decides how a stream begins.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT;
use axum::http::{HeaderValue, request::Parts};
use ssehub::ConnectRequest;

/// Extracts a [`ConnectRequest`]: method, `Accept`, and the last event id from header or query.
///
/// It never rejects. Whether the request is acceptable is for [`Hub::connect`](ssehub::Hub::connect) to say, so
/// that every refusal leaves the handler on one way, as [`SseError`](crate::SseError). It says nothing about who
/// asks: add user and groups from what your application vouches for.
#[derive(Debug)]
pub struct SseRequest(pub ConnectRequest);

impl<S: Send + Sync> FromRequestParts<S> for SseRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        Ok(Self(ConnectRequest::from_http(
            parts.method.as_str(),
            headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes),
            headers.get("last-event-id").map(HeaderValue::as_bytes),
            parts.uri.query(),
        )))
    }
}
