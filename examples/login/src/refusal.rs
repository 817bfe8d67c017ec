//! What the site answers instead of doing what was asked: a status, and a sentence that says what is allowed.

use serde_json::json;
use ssehub::{ConnectError, EventError, NodesError, SendError};

use crate::{forms, site};

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No user, or a name that cannot be one.
    #[error("`user` must be 1 to 32 letters, digits, `-`, `_` or `.`, as in {{\"user\":\"alice\"}}")]
    User,
    /// No session, or a name that cannot be one.
    #[error("`session` must be 22 to 64 letters, digits, `-` or `_`, drawn at random by the page")]
    Session,
    /// No note, or too long a one.
    #[error("`text` must be 1 to {} characters, as in {{\"text\":\"buy milk\"}}", forms::MAX_NOTE)]
    Note,
    /// As many are logged in as may be.
    #[error("{} logins hold, which is the most; try again later", site::MAX_LOGINS)]
    TooManyLogins,
    /// As many streams may come back as the site remembers.
    #[error("the site remembers {} streams, which is the most; try again later", site::MAX_STREAMS)]
    TooManyStreams,
    /// No such route.
    #[error("there is nothing here; the page is at /")]
    NothingHere,
    /// The framework could not make sense of the request.
    #[error("{error}")]
    Request {
        /// The status the framework would have answered.
        status: u16,
        /// What it found wrong.
        error: String,
    },
    /// Nobody is let in by what came with the request, or the hub opened no stream.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// An event could not be built.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The hub did not take an event.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Other nodes were not reached.
    #[error(transparent)]
    Nodes(#[from] NodesError),
}

impl Refusal {
    /// A request that the framework could not make sense of.
    pub fn request(status: u16, error: impl Into<String>) -> Self {
        Self::Request { status, error: error.into() }
    }

    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::User | Self::Session | Self::Note => 400,
            Self::NothingHere => 404,
            Self::Event(_) => 500,
            Self::TooManyLogins | Self::TooManyStreams | Self::Send(_) | Self::Nodes(_) => 503,
            Self::Request { status, .. } => *status,
            Self::Connect(error) => error.status(),
        }
    }

    /// The body to answer with.
    pub fn to_json(&self) -> String {
        json!({ "error": self.to_string() }).to_string()
    }
}
