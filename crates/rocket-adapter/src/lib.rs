//! [ssehub] for [Rocket](rocket) 0.5: server-sent events with replay, groups and users.
//!
//! A complete server, where `curl -N 'localhost:8000/events?user=alice'` listens and
//! `curl -d hello localhost:8000/say/alice` speaks:
//!
//! ```no_run
//! use rocket::{State, get, launch, post, routes};
//! use ssehub_rocket::{Event, Hub, Shutdown, SseError, SseHub, SseRequest, SseResponse};
//! use std::time::Duration;
//!
//! // Whoever a stream belongs to is the application's word: a session cookie in real life, `?user=` here.
//! #[get("/events?<user>")]
//! fn events(hub: &State<Hub>, user: Option<&str>, request: SseRequest) -> Result<SseResponse, SseError> {
//!     let SseRequest(request) = request;
//!     Ok(SseResponse(hub.connect(request.user(user.unwrap_or("guest")))?))
//! }
//!
//! #[post("/say/<user>", data = "<text>")]
//! async fn say(hub: &State<Hub>, user: &str, text: String) -> Result<String, String> {
//!     let sent = hub.send_to_user(user, Event::message(text)).await;
//!     sent.map(|id| id.to_string()).map_err(|error| error.to_string())
//! }
//!
//! #[launch]
//! fn rocket() -> _ {
//!     let shutdown = Shutdown::within(Duration::from_secs(2));
//!     rocket::build().attach(SseHub::fairing(Hub::new(), shutdown)).mount("/", routes![events, say])
//! }
//! ```
//!
//! [`SseRequest`] makes a [`ConnectRequest`] of a request, [`SseResponse`] a response of a [`Connection`], and [`SseError`]
//! an answer of a refusal. All else is [the hub](ssehub), whose names are here too and whose
//! [promises](ssehub#what-is-promised) hold over this crate's sockets.
//!
//! # What becomes of a client that is …
//!
//! - **slow**: Rocket reads its body no further, and its cursor stays behind; hyper queues up to 16 chunks of
//!   8 KiB for it. It reads on from the log when its socket has room again, or is told `hub:gap` where retention has
//!   passed it by.
//! - **gone**: Rocket notices only when a write fails, so the disconnect comes with the first event or keep-alive
//!   after it, HTTP/2 included. Keep the keep-alive short where presence matters.
//! - **behind a cut link**: only the kernel's timeouts tell, and Rocket binds its socket itself, so they are the
//!   system's (`net.ipv4.tcp_retries2` and its like), about 15 minutes by default.
//! - **here at shutdown**: the fairing ends all streams and waits for them: each client gets `hub:closing` and a
//!   finished response, and Rocket stops at once instead of waiting for `shutdown.grace` and `shutdown.mercy`. Those
//!   (2 and 3 s unless set) still cut off clients that do not read, so a hub's deadline beyond `grace` needs a longer
//!   `grace`. Rarely, where the signal finds its accept loop at work, Rocket 0.5.2 leaves without its shutdown
//!   fairings, and streams are cut. Who cannot have that handles the signal itself, and calls [`Hub::shutdown`] before
//!   `rocket.shutdown().notify()`.
//! - **asking with `HEAD`**: a `#[get]` route answers it with the headers alone; nothing is registered.
//! - **not to be let in**: return [`ConnectError::unauthorized`], [`ConnectError::forbidden`] or
//!   [`ConnectError::stop`] by `?`, as [`SseError`]: 401, 403, and the 204 after which a browser never comes back. A
//!   client that can send no header is let in by a [ticket](Hub::issue_ticket).
//! - **refused by the hub**: the same `?` answers 406 to who accepts no event stream, 400 to names out of bounds, and 429 or
//!   503 with `Retry-After` at a limit or during a shutdown.
//!
//! # What to know about Rocket
//!
//! - [`SseHub`] is attached, not `Hub` managed: it does both. A route that takes an [`SseRequest`] does not launch
//!   without it.
//! - Rocket binds and configures its sockets itself (`TCP_NODELAY` is on), so [`listen`] is of no use with it, and
//!   HTTP/2 streams have no limit but the hub's. An idle stream costs about 49 kB of heap, most of it Rocket's.
//! - Do not ask for `format = "text/event-stream"` in a route: a client that accepts something else would get a
//!   404 instead of a 406.
//! - A guard's error reaches only a catcher, which cannot say `Retry-After`; so [`SseRequest`] never fails, and
//!   refusals are the handler's to return, as [`SseError`].

mod error;
mod fairing;
mod request;
mod response;

pub use error::SseError;
pub use fairing::SseHub;
pub use request::SseRequest;
pub use response::SseResponse;
/// The hub itself; all its names are in this crate too.
pub use ssehub;
#[doc(no_inline)]
pub use ssehub::*;
