//! The market: a hub, what is published on it, and what its users may do.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use ssehub::{
    BuildError, ConnectRequest, Connection, Event, EventError, GroupErrorKind, Hub, SendError, SendErrorKind, Topic,
};
use tokio::sync::{Mutex, Notify};

use crate::Refusal;
use crate::crowd::{self, Doorbell};
use crate::options::Rate;
use crate::orders::{Book, NewOrder, Order, Status};
use crate::prices::{Prices, PricesError, Stock};
use crate::replay::Replay;
use crate::seat::{Seat, Watch, check_user};
use crate::tabs::Tabs;

/// How long a browser waits before it reconnects: long enough to see that something was missed.
const RETRY: Duration = Duration::from_secs(2);

/// Streams in all, and of one user.
const MAX_STREAMS: usize = 5_000;
const MAX_STREAMS_PER_USER: usize = 50;

/// The longest body that a request may have, in bytes. An order is far shorter.
pub const MAX_BODY: usize = 4096;

/// The market. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Market {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    prices: Prices,
    rate: Rate,
    tabs: Tabs,
    book: Mutex<Book>,
    /// There may be more or fewer who watch.
    crowd_changed: Arc<Notify>,
}

impl Market {
    /// Opens the market. Nothing happens on it before it is [run](Self::run).
    ///
    /// # Errors
    ///
    /// The prices or the hub's limits are wrong.
    pub fn open(rate: Rate) -> Result<Self, OpenError> {
        let crowd_changed = Arc::new(Notify::new());
        let hub = Hub::builder()
            .retry(RETRY)
            .max_connections(MAX_STREAMS)
            .max_connections_per_user(MAX_STREAMS_PER_USER)
            .hooks(Doorbell(Arc::clone(&crowd_changed)))
            .build()?;
        let (prices, tabs, book) = (Prices::load()?, Tabs::default(), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { hub, prices, rate, tabs, book, crowd_changed }) })
    }

    /// Replays the prices, answers orders and counts who watches, until the future is dropped.
    ///
    /// It returns only if the market cannot go on, with the reason. When the hub is shut down, it just falls silent.
    pub async fn run(&self) -> Failure {
        let Inner { hub, prices, rate, tabs, book, crowd_changed } = &*self.inner;
        let replay = Replay { hub, prices, rate: *rate, book };
        let Err(failure) = tokio::select! {
            stopped = replay.run() => stopped,
            stopped = crowd::announce(hub, prices, crowd_changed) => stopped,
            never = tabs.sweep(hub) => match never {},
        };
        match failure {
            Failure::Send(error) if error.kind() == SendErrorKind::ShuttingDown => std::future::pending().await,
            failure => failure,
        }
    }

    /// The hub, for the framework to shut down.
    pub fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    /// Opens the stream of a tab: what all get, what the user gets, and the symbols the tab watches.
    ///
    /// The last thing a stream has before it is live is the event `tab`: what came before it on a stream that was
    /// resumed is what had been missed.
    ///
    /// # Errors
    ///
    /// The user or the tab cannot be one, the tab is another user's, or the hub takes no more streams.
    pub async fn connect(&self, request: ConnectRequest, seat: &Seat) -> Result<Connection, Refusal> {
        let Inner { hub, tabs, .. } = &*self.inner;
        let (user, tab) = seat.check()?;
        let opened = tabs.open(hub, request.user(user).snapshot(true), user, tab)?;
        if opened.connection.is_over() {
            return Ok(opened.connection);
        }
        if let Some(old) = opened.replaced {
            hub.disconnect(Topic::connection(old), "the tab has a newer stream").await;
        }
        let live = Event::json("tab", &TabFacts { watching: opened.watching })?;
        hub.send_to_connection(opened.connection.id(), live.ephemeral()).await?;
        Ok(opened.connection)
    }

    /// Adds a symbol to a tab's open stream: all its months at once, then each new one.
    ///
    /// # Errors
    ///
    /// There is no such tab, or no such symbol.
    pub async fn watch(&self, watch: &Watch) -> Result<(), Refusal> {
        let Inner { hub, tabs, crowd_changed, .. } = &*self.inner;
        let symbol = self.stock(&watch.symbol)?.symbol;
        let connection = tabs.watch(&watch.tab, symbol)?;
        let joined = hub.join_with_snapshot(&connection, symbol).await;
        crowd_changed.notify_one();
        match joined {
            // Between two streams: the next one has the symbol.
            Err(error) if error.kind() == GroupErrorKind::UnknownConnection => Ok(()),
            joined => Ok(joined?),
        }
    }

    /// Takes a symbol off a tab's open stream.
    ///
    /// # Errors
    ///
    /// There is no such tab, or no such symbol.
    pub async fn unwatch(&self, watch: &Watch) -> Result<(), Refusal> {
        let Inner { hub, tabs, crowd_changed, .. } = &*self.inner;
        let symbol = self.stock(&watch.symbol)?.symbol;
        let connection = tabs.unwatch(&watch.tab, symbol)?;
        let left = hub.leave(&connection, symbol).await;
        crowd_changed.notify_one();
        match left {
            Err(error) if error.kind() == GroupErrorKind::UnknownConnection => Ok(()),
            left => Ok(left?),
        }
    }

    /// Cuts a tab's stream, to see what comes of it.
    ///
    /// # Errors
    ///
    /// There is no such tab, or it has no stream now.
    pub async fn cut(&self, tab: &str) -> Result<(), Refusal> {
        let Inner { hub, tabs, .. } = &*self.inner;
        let connection = tabs.connection(tab)?;
        match hub.disconnect(Topic::connection(connection), "cut by hand").await {
            0 => Err(Refusal::NoStream),
            _ => Ok(()),
        }
    }

    /// Takes an order into the book; the user's tabs hear of it, and of the answer.
    ///
    /// # Errors
    ///
    /// The order makes no sense, or there are too many.
    pub async fn place(&self, new: NewOrder) -> Result<Order, Refusal> {
        let Inner { hub, prices, book, .. } = &*self.inner;
        check_user(&new.user)?;
        let mut book = book.lock().await;
        // In the book first: should this future be dropped while it sends, the order is answered all the same.
        let order = book.add(new, prices)?;
        let told = order.event(&Status::Open)?;
        if let Err(error) = hub.send_to_user(&order.user, told).await {
            book.withdraw(&order);
            return Err(error.into());
        }
        Ok(order)
    }

    fn stock(&self, symbol: &str) -> Result<&Stock, Refusal> {
        let prices = &self.inner.prices;
        prices.stock(symbol).ok_or_else(|| Refusal::symbol(prices))
    }
}

/// The data of `tab`.
#[derive(Serialize)]
struct TabFacts {
    watching: Vec<&'static str>,
}

/// Why the market cannot open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file of prices is wrong.
    #[error(transparent)]
    Prices(#[from] PricesError),
    /// The hub's limits are wrong.
    #[error(transparent)]
    Hub(#[from] BuildError),
}

/// Why the market cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// An event could not be built.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The hub did not take an event.
    #[error(transparent)]
    Send(#[from] SendError),
}
