//! The market: a hub, what is published on it, and what its users may do.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ssehub::{
    BuildError, ConnectRequest, Connection, Event, EventError, GroupErrorKind, Hub, SendError, SendErrorKind, Topic,
};
use tokio::sync::{Mutex, Notify};
use tokio::time::{MissedTickBehavior, interval};

use crate::Refusal;
use crate::crowd::{self, Doorbell};
use crate::options::Rate;
use crate::orders::{Book, NewOrder, Order, Status};
use crate::prices::{Month, Prices, PricesError, Stock};
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

/// Who opens a stream: the query of `GET /events`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Seat {
    /// The user's name. The market vouches for whoever asks: this is where a real application has its login.
    pub user: String,
    /// The tab's id, drawn at random by the page.
    pub tab: String,
}

/// What a tab is to do with a symbol: the query of `POST /watch` and `DELETE /watch`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// The tab's id.
    pub tab: String,
    /// The symbol of a stock.
    pub symbol: String,
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
    /// It returns only if the market cannot go on, with the reason. When the hub is shut down, it just
    /// stops.
    pub async fn run(&self) -> Failure {
        let Inner { hub, prices, tabs, crowd_changed, .. } = &*self.inner;
        let failure = tokio::select! {
            failure = self.inner.replay() => failure,
            failure = crowd::announce(hub, prices, crowd_changed) => failure,
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
        let (user, tab) = (check_user(&seat.user)?, check_tab(&seat.tab)?);
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
        let order = book.draft(new, prices)?;
        hub.send_to_user(&order.user, order.event(&Status::Open)?).await?;
        book.add(order.clone());
        Ok(order)
    }

    fn stock(&self, symbol: &str) -> Result<&Stock, Refusal> {
        let prices = &self.inner.prices;
        prices.stock(symbol).ok_or_else(|| Refusal::symbol(prices))
    }
}

impl Inner {
    async fn replay(&self) -> Failure {
        match self.replay_forever().await {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    async fn replay_forever(&self) -> Result<Infallible, Failure> {
        let Self { hub, prices, rate, .. } = self;
        let market = MarketFacts {
            stocks: prices.stocks(),
            months: (0..prices.months()).map(|number| prices.month(number)).collect(),
            rate: rate.months_per_second(),
        };
        hub.send_to_all(Event::json("market", &market)?.key("market")).await?;
        // A first lap at once, so that every chart is full from the start.
        for tick in 0..prices.months() {
            self.publish(tick).await?;
        }
        let mut time = interval(rate.period());
        time.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = prices.months();
        loop {
            time.tick().await;
            self.publish(tick).await?;
            self.settle(tick).await?;
            tick += 1;
        }
    }

    /// Tells all what month it is, and each symbol's group its close.
    ///
    /// The key of a close is its month: the newest event of each key is then a chart of one whole lap, the months of
    /// this lap followed by the rest of the last one.
    async fn publish(&self, tick: usize) -> Result<(), Failure> {
        let Self { hub, prices, .. } = self;
        let number = prices.number(tick);
        let month = prices.month(number);
        hub.send_to_all(Event::json("clock", &Clock { tick, month })?.key("clock")).await?;
        for stock in prices.stocks() {
            if let Some(close) = stock.close(number) {
                let price = Event::json("price", &Price { symbol: stock.symbol, tick, month, close })?;
                hub.send_to_group(stock.symbol, price.key(month.to_string())).await?;
            }
        }
        Ok(())
    }

    /// Answers the orders that the closes of this tick cross.
    async fn settle(&self, tick: usize) -> Result<(), Failure> {
        let mut book = self.book.lock().await;
        for (order, status) in book.settle(&self.prices, tick) {
            self.hub.send_to_user(&order.user, order.event(&status)?).await?;
        }
        Ok(())
    }
}

/// What doesn't change: the data of `market`.
#[derive(Serialize)]
struct MarketFacts<'a> {
    stocks: &'a [Stock],
    months: Vec<Month>,
    rate: f64,
}

/// The data of `clock`.
#[derive(Serialize)]
struct Clock {
    tick: usize,
    month: Month,
}

/// The data of `price`.
#[derive(Serialize)]
struct Price {
    symbol: &'static str,
    tick: usize,
    month: Month,
    close: f64,
}

/// The data of `tab`.
#[derive(Serialize)]
struct TabFacts {
    watching: Vec<&'static str>,
}

fn check_user(user: &str) -> Result<&str, Refusal> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=32).contains(&user.chars().count());
    if fits && user.chars().all(allowed) { Ok(user) } else { Err(Refusal::User) }
}

fn check_tab(tab: &str) -> Result<&str, Refusal> {
    let fits = (16..=64).contains(&tab.len());
    if fits && tab.chars().all(|c| c.is_ascii_alphanumeric()) { Ok(tab) } else { Err(Refusal::Tab) }
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
