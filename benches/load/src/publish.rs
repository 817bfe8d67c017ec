//! How a server is made to publish: by one request for all events, or by one for each.

mod endpoint;
mod posts;

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use anyhow::Result;
use ssehub_order::Order;

use self::endpoint::Endpoint;
use self::posts::Posts;

/// What the server understands.
#[derive(Clone, Debug)]
pub(crate) enum How {
    /// One `POST /publish` tells how many events it is to make.
    Endpoint,
    /// The load generator makes the events, and posts each of them.
    Posts(Template),
}

/// Whom all events of an order are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    All,
    /// A user who never connects.
    Nobody,
}

/// A path in which `{target}` stands for whom an event is for: `all`, `user:ID` or `group:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    before: String,
    behind: String,
}

/// One order that is being published.
#[derive(Debug)]
pub(crate) enum Publisher {
    Endpoint(Endpoint),
    Posts(Posts),
}

impl Publisher {
    /// Connects, as the `nth` connection, and begins.
    pub(crate) fn start(server: SocketAddr, nth: u64, how: &How, order: &Order<To>) -> Result<Self> {
        Ok(match how {
            How::Endpoint => Self::Endpoint(Endpoint::start(server, nth, order)?),
            How::Posts(template) => Self::Posts(Posts::start(server, nth, template.clone(), order.clone())?),
        })
    }

    /// Goes on without waiting; `ready` says whether its socket has something to read. `true` once all is published
    /// and the server has said so.
    pub(crate) fn go_on(&mut self, ready: bool, buffer: &mut [u8]) -> Result<bool> {
        match self {
            Self::Endpoint(endpoint) => Ok(ready && endpoint.read(buffer)?),
            Self::Posts(posts) => {
                if ready {
                    posts.read(buffer)?;
                }
                posts.write()
            }
        }
    }

    /// When it is to go on, whether or not its socket has something to read.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Self::Endpoint(_) => None,
            Self::Posts(posts) => posts.due(),
        }
    }
}

impl AsFd for Publisher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Endpoint(endpoint) => endpoint.as_fd(),
            Self::Posts(posts) => posts.as_fd(),
        }
    }
}

impl To {
    /// As servers name it.
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Nobody => "user:nobody",
        }
    }
}

impl std::str::FromStr for Template {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("{target}") {
            Some((before, behind)) if before.starts_with('/') => {
                Ok(Self { before: before.to_owned(), behind: behind.to_owned() })
            }
            _ => Err("wanted is a path with {target} in it, such as /pub/{target}"),
        }
    }
}
