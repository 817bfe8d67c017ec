//! A hub that pushes events from a Rust server to browsers, over Server-Sent Events.
//!
//! An application sends to a user, a group, a connection or everybody; every tab gets each event once, in order, also
//! the tab that was in a tunnel for two minutes. This crate is the hub itself and knows no web framework; the adapters
//! `ssehub-axum`, `ssehub-actix` and `ssehub-rocket` turn a request into a [`ConnectRequest`] and a [`Connection`] into
//! a response.
//!
//! ```
//! use futures::StreamExt as _;
//! use ssehub::{ConnectRequest, Event, Hub};
//!
//! # futures::executor::block_on(async {
//! let hub = Hub::new();
//! let mut tab = hub.connect(ConnectRequest::new().user("alice"))?;
//! hub.send_to_user("alice", Event::text("greeting", "hello")?).await?;
//!
//! let opening = tab.next().await.unwrap_or_default();
//! assert!(opening.starts_with(b"retry: 3000\nid: "));
//! let event = tab.next().await.unwrap_or_default();
//! assert!(event.ends_with(b"event: greeting\ndata: hello\n\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # One idea
//!
//! A hub is one ordered log, indexed by [`Topic`]; a connection is a cursor on it. Live delivery, replay after
//! `Last-Event-ID`, a slow client and a snapshot are one operation: *read what lies between my cursor and the head, for my
//! topics*.
//!
//! # What is promised
//!
//! 1. **Order.** Every connection sees events in the order of their ids, whatever the number of publishers.
//! 2. **No loss, no duplicate, inside retention** ([`History`]): a client that comes back with the last id it has seen
//!    goes on with exactly the next event of its audience.
//! 3. **Never a silent gap.** Where that cannot be had, the client gets the event `hub:gap` first, with what it asked for
//!    and a reason: `trimmed`, `unknown-log`, `future`, `malformed`, `no-history`, or `lagged` in mid-stream.
//! 4. **Fresh cursors.** A stream tells its cursor in its first block, and a quiet one's keep-alive moves it.
//! 5. **Privacy.** Replay goes by the identity the application vouches for on this very request.
//! 6. **Clean-up.** Dropping a [`Connection`] takes it out of everything at once; [`Hooks`] see it once.
//! 7. **No healthy reader is outrun**, and stalled ones slow nobody: see [`Hub::send`].
//! 8. **Bounded memory**: see [`HubBuilder`] for the limits and their defaults.
//! 9. **Append order is truth**, also with a [`Backplane`].
//! 10. **Well-formed wire**: no value that an application passes can forge a field or another event.
//!
//! # Sessions
//!
//! With a [resume window](HubBuilder::resume_window) a page that names a [session](ConnectRequest::session) gets its
//! connection id and the groups it has joined back after a drop, and neither [`Hooks`] nor anybody who counts sees that it
//! was away. It draws the name at random for each page that is loaded, and keeps it in memory: a name that two tabs share is
//! a connection that they take from each other.
//!
//! # Who is let in
//!
//! The hub believes the application: [`Identity`] says whom a stream is for and until when. A page that can send no more
//! than a URL opens its stream with a [ticket](Hub::issue_ticket), good for once and for seconds;
//! [`Hub::revoke_user`] logs somebody out. What is refused is an [HTTP answer](ConnectError), and
//! [counted](Hub::refusals).
//!
//! # What goes over the wire
//!
//! `hub:connected` opens every stream, with `{"connection":"…"}`, `retry:` and the cursor; `hub:gap` tells that something
//! may have been missed, with `{"requested":"…","reason":"…"}`; `hub:closing` comes before the server ends a stream on
//! purpose, with `{"reason":"…"}`. Names that begin with `hub:` are the hub's own.
//!
//! # When something goes wrong
//!
//! - *A send is refused*: [`SendErrorKind`] says why, and nobody gets the event; but after
//!   [`Uncertain`](SendErrorKind::Uncertain), which only a backplane causes, somebody may.
//! - *A client takes nothing*: after [`stall_timeout`](HubBuilder::stall_timeout), 30 s, its stream is out of every topic and
//!   count. Until then it costs nobody anything; what it missed is in the log if it comes back in time, and a gap if not.
//! - *A deploy*: [`Hub::shutdown`] refuses what is new with [503 and `Retry-After`](ConnectError), lets every stream read what
//!   is committed, and ends it with `hub:closing` and a `retry:` of its own, so that all do not come back at once.
//! - *The backplane is away*: streams stay open, sends fail, [`Hub::is_ready`] is false; then everybody goes on.
//!
//! # Several nodes
//!
//! With a [`Backplane`] that several processes share, such as that of `ssehub-redis`, they are one hub: what is sent on any
//! reaches the streams of all, in one order and under one id, and a client goes on on whichever node it comes back to.
//! [`join`](Hub::join), [`disconnect`](Hub::disconnect) and whatever else names a connection, user or group act on all
//! nodes, and so do sessions, tickets and the limit of a user's streams. A node that crashes is out of every count within
//! [`node_timeout`](HubBuilder::node_timeout). Per node are the [limit of all streams](HubBuilder::max_connections), the
//! [rate of connects](HubBuilder::max_connects_per_user), [`Stats`] and [`Hooks`]: each node's hooks hear of its own
//! connections, of a session that changes nodes once, and of those of a crashed node not at all.
//!
//! # Threads
//!
//! A hub has a thread for its timer, one for its [`Hooks`] if it has any, and one for its [`Backplane`] if it has one. It
//! spawns no tasks but short ones that wake readers, on the runtimes that poll them.

mod accept;
mod backoff;
mod backplane;
mod block;
mod builder;
mod cell;
mod clock;
mod connect;
mod connection;
mod connects;
mod encode;
mod ending;
mod entry;
mod event;
mod fanout;
mod follow;
mod groups;
mod history;
mod hooks;
mod hub;
mod id;
mod identity;
mod index;
mod inner;
mod listen;
mod log;
mod losses;
mod members;
mod nodes;
mod pace;
mod progress;
mod read;
mod record;
mod refusals;
mod registry;
mod resume;
mod revocations;
mod send;
mod session;
mod shutdown;
mod state;
mod sync;
mod tickets;
mod timer;
mod topic;

/// For implementing [`Hooks`] and [`Backplane`].
pub use async_trait::async_trait;
/// What a [`Record`] is made of, re-exported.
pub use bytes::Bytes;

pub use backplane::{
    Backplane, BackplaneError, BackplaneErrorKind, Kept, MAX_STATE_KEY, Record, Retention, Start, StateChange, Tailed,
};
pub use builder::{
    BuildError, DEFAULT_KEEP_ALIVE, DEFAULT_MAX_EVENT_BYTES, DEFAULT_MAX_GROUPS, DEFAULT_MAX_KEYS, DEFAULT_MAX_PARKED,
    DEFAULT_MAX_STATE_BYTES, DEFAULT_NODE_TIMEOUT, DEFAULT_RETRY, DEFAULT_RETRY_AFTER, DEFAULT_STALL_TIMEOUT,
    DEFAULT_TICKET_LIFETIME, HubBuilder,
};
pub use connect::{ConnectError, ConnectErrorKind, ConnectRequest};
pub use connection::Connection;
pub use connects::MAX_RATED_USERS;
pub use encode::RESPONSE_HEADERS;
pub use event::{Event, EventError, EventErrorKind, MAX_EVENT_NAME};
pub use groups::{GroupError, GroupErrorKind, MAX_USER_GROUPS};
pub use history::{DEFAULT_HISTORY_AGE, DEFAULT_HISTORY_BYTES, DEFAULT_HISTORY_EVENTS, History};
pub use hooks::{DisconnectReason, HOOK_TIMEOUT, HookResult, Hooks, MAX_HOOK_BACKLOG};
pub use hub::{Hub, Stats};
pub use id::{EventId, LogName, ParseEventIdError};
pub use identity::Identity;
pub use listen::{ListenOptions, listen};
pub use nodes::{NodesError, NodesErrorKind};
pub use refusals::Refusals;
pub use registry::ConnectionInfo;
pub use send::{SendError, SendErrorKind};
pub use session::SESSION_NAME_BYTES;
pub use shutdown::{Shutdown, ShutdownReport};
pub use tickets::{MAX_TICKETS, MAX_TICKETS_PER_USER, Ticket, TicketError, TicketErrorKind};
pub use topic::{Audience, MAX_AUDIENCE, MAX_NAME, Topic};
