//! What the market answers instead of doing what was asked: a status, and a sentence that says what is allowed.

use serde_json::json;
use ssehub::{ConnectError, EventError, GroupError, GroupErrorKind, NodesError, SendError};

use crate::prices::Prices;
use crate::{orders, tabs};

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No user, or a name that cannot be one.
    #[error("`user` must be 1 to 32 letters, digits, `-`, `_` or `.`, as in user=alice")]
    User,
    /// No tab, or an id that cannot be one.
    #[error("`tab` must be 16 to 64 letters and digits, drawn at random by the page")]
    Tab,
    /// A tab that another user opened.
    #[error("this tab is another user's; draw a new `tab` at random")]
    ForeignTab,
    /// A tab without a stream.
    #[error("this tab has no open stream; open /events with it first")]
    NoStream,
    /// No such stock.
    #[error("`symbol` must be one of {0}")]
    Symbol(String),
    /// A limit that cannot be a price.
    #[error("`limit` must be above 0 and at most {}", orders::MAX_LIMIT)]
    Limit,
    /// The user has as many open orders as one may have.
    #[error("you have {} open orders, which is the most; wait for one to be answered", orders::MAX_PER_USER)]
    TooManyOrders,
    /// All users together have as many open orders as the book takes.
    #[error("the book has {} open orders, which is the most; try again later", orders::MAX_OPEN)]
    BookFull,
    /// As many tabs are known as the market remembers.
    #[error("the market remembers {} tabs, which is the most; try again later", tabs::MAX_TABS)]
    TooManyTabs,
    /// No such route, or not with this method.
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
    /// The hub opened no stream.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The hub did not let the connection into a group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The hub's nodes did not do it.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// An event could not be built.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The hub did not take an event.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Refusal {
    /// A symbol that is none of the stocks'.
    pub(crate) fn symbol(prices: &Prices) -> Self {
        let symbols: Vec<_> = prices.stocks().iter().map(|stock| stock.symbol).collect();
        Self::Symbol(symbols.join(", "))
    }

    /// A request that the framework could not make sense of.
    pub fn request(status: u16, error: impl Into<String>) -> Self {
        Self::Request { status, error: error.into() }
    }

    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::User | Self::Tab | Self::Symbol(_) | Self::Limit => 400,
            Self::ForeignTab => 403,
            Self::NoStream | Self::NothingHere => 404,
            Self::TooManyOrders => 429,
            Self::BookFull | Self::TooManyTabs | Self::Send(_) | Self::Nodes(_) => 503,
            Self::Event(_) => 500,
            Self::Request { status, .. } => *status,
            Self::Connect(error) => error.status(),
            Self::Group(error) => match error.kind() {
                GroupErrorKind::UnknownConnection => 404,
                GroupErrorKind::Unavailable => 503,
                _ => 400,
            },
        }
    }

    /// The body to answer with.
    pub fn to_json(&self) -> String {
        json!({ "error": self.to_string() }).to_string()
    }
}
