//! [ssehub] for [axum] 0.8: server-sent events with replay, groups and users.
//!
//! A complete server, where `curl -N 'localhost:3000/events?user=alice'` listens and
//! `curl -d hello localhost:3000/say/alice` speaks:
//!
//! ```no_run
//! use axum::{Router, extract::{Path, Query, State}, routing::{get, post}};
//! use ssehub_axum::{Event, Hub, ListenOptions, Shutdown, SseError, SseRequest, SseResponse};
//! use std::{collections::HashMap, error::Error, time::Duration};
//!
//! // Whoever a stream belongs to is the application's word: a session cookie in real life, `?user=` here.
//! async fn events(
//!     State(hub): State<Hub>, Query(query): Query<HashMap<String, String>>, SseRequest(request): SseRequest,
//! ) -> Result<SseResponse, SseError> {
//!     let user = query.get("user").map_or("guest", String::as_str);
//!     Ok(SseResponse(hub.connect(request.user(user))?))
//! }
//!
//! async fn say(State(hub): State<Hub>, Path(user): Path<String>, text: String) -> Result<String, String> {
//!     let sent = hub.send_to_user(&user, Event::message(text)).await;
//!     sent.map(|id| id.to_string()).map_err(|error| error.to_string())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let hub = Hub::new();
//!     let app = Router::new().route("/events", get(events)).route("/say/{user}", post(say)).with_state(hub.clone());
//!     let listener = ssehub_axum::listen("127.0.0.1:3000", ListenOptions::default())?;
//!     let listener = tokio::net::TcpListener::from_std(listener)?;
//!     axum::serve(listener, app)
//!         .with_graceful_shutdown(async move {
//!             let _ = tokio::signal::ctrl_c().await;
//!             hub.shutdown(Shutdown::within(Duration::from_secs(5))).await;
//!         })
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! [`SseRequest`] makes a [`ConnectRequest`] of a request, [`SseResponse`] a response of a [`Connection`], and [`SseError`]
//! an answer of a refusal. All else is [the hub](ssehub), whose names are here too and whose
//! [promises](ssehub#what-is-promised) hold over this crate's sockets.
//!
//! # What becomes of a client that is …
//!
//! - **slow**: hyper stops polling its body, and its cursor stays behind; nothing is queued for it. It reads on
//!   from the log when its socket has room again, or is told `hub:gap` where retention has passed it by.
//! - **gone**: hyper sees the end of the connection, or the reset of the HTTP/2 stream, at once and drops the
//!   body, which is the disconnect. Two cases wait for the next keep-alive: a client that pipelined bytes behind
//!   its request, and a cut link, which only the kernel's timeouts tell ([`listen`] sets them to 30 s).
//! - **here at shutdown**: `axum::serve` waits for every response to end, and a stream does not end by itself. So
//!   call [`Hub::shutdown`] *inside* the future given to `with_graceful_shutdown`, as above: each client gets
//!   `hub:closing` and a finished response, and axum has nothing left to wait for.
//! - **asking with `HEAD`**: `get(events)` answers it with the headers alone; nothing is registered.
//! - **not to be let in**: return [`ConnectError::unauthorized`], [`ConnectError::forbidden`] or
//!   [`ConnectError::stop`] by `?`, as [`SseError`]: 401, 403, and the 204 after which a browser never comes back. A
//!   client that can send no header is let in by a [ticket](Hub::issue_ticket).
//! - **refused by the hub**: the same `?` answers 406 to who accepts no event stream, 400 to names out of bounds, and 429 or
//!   503 with `Retry-After` at a limit or during a shutdown.
//!
//! # What to know about axum
//!
//! - `axum::serve` speaks HTTP/1.1 and, with axum's feature `http2`, HTTP/2 without TLS. It cannot be tuned, and
//!   an idle stream costs it about 32 kB of heap: [`lean::serve`] serves the same router for about 21 kB.
//! - [`SseRequest`] copies what it needs out of the request. Keep no `HeaderMap`, `HeaderValue` or `Uri` in a
//!   stream of your own: they pin the connection's read buffer.
//! - The response says `content-encoding: identity`, so that a `CompressionLayer` with a predicate of its own
//!   leaves it alone too. `ResponseBodyTimeoutLayer` and the like cut quiet streams; keep them off this route.

mod error;
pub mod lean;
mod request;
mod response;

pub use error::SseError;
pub use request::SseRequest;
pub use response::SseResponse;
/// The hub itself; all its names are in this crate too.
pub use ssehub;
#[doc(no_inline)]
pub use ssehub::*;
