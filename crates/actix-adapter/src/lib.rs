//! [ssehub] for [actix-web](actix_web) 4: server-sent events with replay, groups and users.
//!
//! A complete server, where `curl -N 'localhost:3000/events?user=alice'` listens and
//! `curl -d hello localhost:3000/say/alice` speaks:
//!
//! ```no_run
//! use actix_web::{App, HttpServer, Responder, error::ErrorInternalServerError, web};
//! use ssehub_actix::{Event, Hub, ListenOptions, Shutdown, SseError, SseRequest, SseResponse};
//! use std::{collections::HashMap, io, time::Duration};
//!
//! // Whoever a stream belongs to is the application's word: a session cookie in real life, `?user=` here.
//! async fn events(
//!     hub: web::Data<Hub>, query: web::Query<HashMap<String, String>>, SseRequest(request): SseRequest,
//! ) -> Result<SseResponse, SseError> {
//!     let user = query.get("user").map_or("guest", String::as_str);
//!     Ok(SseResponse(hub.connect(request.user(user))?))
//! }
//!
//! async fn say(hub: web::Data<Hub>, user: web::Path<String>, text: String) -> actix_web::Result<impl Responder> {
//!     let sent = hub.send_to_user(user.as_str(), Event::message(text)).await;
//!     sent.map(|id| id.to_string()).map_err(ErrorInternalServerError)
//! }
//!
//! #[actix_web::main]
//! async fn main() -> io::Result<()> {
//!     let hub = Hub::new(); // outside the factory, which runs once in each worker
//!     let data = web::Data::new(hub.clone());
//!     let events = || web::resource("/events").get(events).route(web::head().to(events));
//!     let say = || web::resource("/say/{user}").post(say);
//!     HttpServer::new(move || App::new().app_data(data.clone()).service(events()).service(say()))
//!         .h1_allow_half_closed(false) // notices at once that a client is gone
//!         .shutdown_timeout(1)
//!         .shutdown_signal(async move {
//!             let _ = actix_web::rt::signal::ctrl_c().await;
//!             hub.shutdown(Shutdown::within(Duration::from_secs(5))).await;
//!         })
//!         .listen(ssehub_actix::listen("127.0.0.1:3000", ListenOptions::default())?)?
//!         .run()
//!         .await
//! }
//! ```
//!
//! [`SseRequest`] makes a [`ConnectRequest`] of a request, [`SseResponse`] a response of a [`Connection`], and [`SseError`]
//! an answer of a refusal. All else is [the hub](ssehub), whose names are here too and whose
//! [promises](ssehub#what-is-promised) hold over this crate's sockets.
//!
//! # What becomes of a client that is …
//!
//! - **slow**: actix stops polling its body once 32 KiB wait in its write buffer (`h1_write_buffer_size`), and its
//!   cursor stays behind; nothing more is queued for it. It reads on from the log when its socket has room again,
//!   or is told `hub:gap` where retention has passed it by.
//! - **gone**: with `h1_allow_half_closed(false)` the body is dropped at once, which is the disconnect. *By
//!   default* actix lets a client that has closed its side read on, and notices only when a write fails: at the
//!   second keep-alive. Over HTTP/2 it never looks, whatever is set: at the next keep-alive. So keep the
//!   keep-alive short where presence matters.
//! - **behind a cut link**: only the kernel's timeouts tell; [`listen`] sets them to 30 s.
//! - **here at shutdown**: actix waits for open responses for `shutdown_timeout` (30 s by default), and a stream
//!   does not end by itself. So call [`Hub::shutdown`] inside the future given to `shutdown_signal`, as above (or
//!   before `ServerHandle::stop`): each client gets `hub:closing` and a finished response, and actix has nothing
//!   left to wait for.
//! - **asking with `HEAD`**: route it to the same handler, as above; it answers the headers alone and nothing is
//!   registered. `web::get()` by itself answers 404 to it.
//! - **not to be let in**: return [`ConnectError::unauthorized`], [`ConnectError::forbidden`] or
//!   [`ConnectError::stop`] by `?`, as [`SseError`]: 401, 403, and the 204 after which a browser never comes back. A
//!   client that can send no header is let in by a [ticket](Hub::issue_ticket).
//! - **refused by the hub**: the same `?` answers 406 to who accepts no event stream, 400 to names out of bounds, and 429 or
//!   503 with `Retry-After` at a limit or during a shutdown.
//!
//! # What to know about actix
//!
//! - Every setting above is the server's, so an adapter can only ask for it. [`listen`] gives a socket with
//!   `TCP_NODELAY` and the timeouts that streams need; with a listener of your own, set
//!   `HttpServer::tcp_nodelay(true)` at least.
//! - The response says `content-encoding: identity`: the `Compress` middleware would compress an event stream
//!   otherwise.
//! - A worker takes 25 600 connections at most unless `max_connections` says otherwise; HTTP/2 streams have no
//!   limit but the hub's.
//! - To an HTTP/1.0 client the stream goes without chunks and ends with its connection.

mod error;
mod request;
mod response;

pub use error::SseError;
pub use request::SseRequest;
pub use response::{SseBody, SseResponse};
/// The hub itself; all its names are in this crate too.
pub use ssehub;
#[doc(no_inline)]
pub use ssehub::*;
