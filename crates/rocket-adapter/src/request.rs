//! The request side: what of an HTTP request decides how a stream begins.

use std::convert::Infallible;

use rocket::http::Method;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::{Ignite, Rocket, Sentinel};
use ssehub::ConnectRequest;

use crate::fairing::{SseHub, came_as_head};

/// Guards a route with a [`ConnectRequest`]: method, `Accept`, and the last event id from header or query.
///
/// It always succeeds. Whether the request is acceptable is for [`Hub::connect`](ssehub::Hub::connect) to say, so
/// that every refusal leaves the handler on one way, as [`SseError`](crate::SseError). It says nothing about who
/// asks: add user and groups from what your application vouches for.
///
/// A route with this guard does not launch unless [`SseHub`] is attached.
#[derive(Debug)]
pub struct SseRequest(pub ConnectRequest);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SseRequest {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        // Rocket turns a `HEAD` that no route asks for into a `GET` before the guards run.
        let method = if came_as_head(request) { Method::Head } else { request.method() };
        let headers = request.headers();
        Outcome::Success(Self(ConnectRequest::from_http(
            method.as_str(),
            headers.get("accept").map(str::as_bytes),
            headers.get_one("last-event-id").map(str::as_bytes),
            request.uri().query().map(|query| query.as_str()),
        )))
    }
}

impl Sentinel for SseRequest {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        !SseHub::is_attached(rocket)
    }
}
