//! The market: a hub, what is published on it, and what its users may do.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use ssehub::{
    BuildError, ConnectRequest, Connection, Event, EventError, GroupErrorKind, Hub, LogName, SendError, SendErrorKind,
    Topic,
};
use ssehub_redis::{RedisBackplane, RedisConnectError};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::crowd::{self, Doorbell};
use crate::floor::{FLOOR, Floor, Said};
use crate::options::{Options, Rate};
use crate::orders::{MAX_OPEN, NewOrder, Order, Status};
use crate::prices::{Prices, PricesError, Stock};
use crate::refusal::Refusal;
use crate::replay::{Replay, is_away};
use crate::seat::{Seat, Watch, check_user};
use crate::tabs::{MAX_TABS, TabFacts};

/// The name of the hub that the nodes share.
const HUB: &str = "market";

/// How long a browser waits before it reconnects: long enough to see that something was missed.
const RETRY: Duration = Duration::from_secs(2);

/// Streams in all, and of one user.
const MAX_STREAMS: usize = 5_000;
const MAX_STREAMS_PER_USER: usize = 50;

/// How long a node may take to know its log before it lets anybody in.
const READY: Duration = Duration::from_secs(5);

/// How often tabs that have gone are looked for.
const SWEEP: Duration = Duration::from_secs(30);

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
    floor: Floor,
    orders: AtomicUsize,
    /// There may be more or fewer who watch.
    crowd_changed: Arc<Notify>,
}

impl Market {
    /// Opens the market, or a node of it. Nothing happens on it before it is [run](Self::run).
    ///
    /// # Errors
    ///
    /// The prices or the hub's limits are wrong, or there is no such Redis.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        let crowd_changed = Arc::new(Notify::new());
        let mut hub = Hub::builder()
            .retry(RETRY)
            .max_connections(MAX_STREAMS)
            .max_connections_per_user(MAX_STREAMS_PER_USER)
            .max_keys_per_topic(MAX_TABS + 2 * MAX_OPEN)
            .hooks(Doorbell(Arc::clone(&crowd_changed)));
        if let Some(url) = &options.redis {
            hub = hub.backplane(RedisBackplane::builder(url).hub(HUB).connect().await?);
        }
        let hub = hub.build()?;
        wait_for(&hub).await;
        let floor = Floor::new(LogName::random().to_string(), Arc::clone(&crowd_changed));
        let (prices, rate, orders) = (Prices::load()?, options.rate, AtomicUsize::default());
        Ok(Self { inner: Arc::new(Inner { hub, prices, rate, floor, orders, crowd_changed }) })
    }

    /// Replays the prices, answers orders and counts who watches, until the future is dropped; with several nodes, as far
    /// as this one is to.
    ///
    /// It returns only if the market cannot go on, with the reason. When the hub is shut down, it just falls silent.
    pub async fn run(&self) -> Failure {
        let Inner { hub, prices, rate, floor, crowd_changed, .. } = &*self.inner;
        let replay = Replay { hub, prices, rate: *rate, floor };
        let Err(failure) = tokio::select! {
            // First, so that nothing is said before this node listens.
            biased;
            never = floor.follow(hub) => match never {},
            stopped = replay.run() => stopped,
            stopped = crowd::announce(hub, prices, floor, crowd_changed) => stopped,
            stopped = self.sweep() => stopped,
        };
        match failure {
            Failure::Send(error) if error.kind() == SendErrorKind::ShuttingDown => std::future::pending().await,
            failure => failure,
        }
    }

    /// Forgets tabs that have been without a stream for long, for ever.
    async fn sweep(&self) -> Result<Infallible, Failure> {
        let Inner { hub, floor, .. } = &*self.inner;
        loop {
            sleep(SWEEP).await;
            for tab in floor.tabs().overdue(hub, Instant::now()) {
                let key = tab_key(&tab);
                match hub.send_to_group(FLOOR, Said::Forgotten { tab }.event()?.retract(key)).await {
                    Err(error) if !is_away(&error) => return Err(error.into()),
                    _ => {}
                }
            }
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
        let Inner { hub, floor, .. } = &*self.inner;
        let (user, tab) = seat.check()?;
        let opened = floor.tabs().open(hub, request.user(user).snapshot(true), user, tab)?;
        let Some(facts) = opened.facts else { return Ok(opened.connection) };
        let live = Event::json("tab", &Live { watching: &facts.watching })?;
        hub.send_to_connection(opened.connection.id(), live.ephemeral()).await?;
        self.tell(facts).await?;
        if let Some(old) = opened.replaced {
            // Its node may have gone; nobody waits for that.
            let hub = hub.clone();
            tokio::spawn(async move { hub.disconnect(Topic::connection(old), "the tab has a newer stream").await });
        }
        Ok(opened.connection)
    }

    /// Adds a symbol to a tab's open stream: all its months at once, then each new one.
    ///
    /// # Errors
    ///
    /// There is no such tab, or no such symbol.
    pub async fn watch(&self, watch: &Watch) -> Result<(), Refusal> {
        let Inner { hub, floor, crowd_changed, .. } = &*self.inner;
        let symbol = self.stock(&watch.symbol)?.symbol;
        let facts = floor.tabs().watch(&watch.tab, symbol)?;
        self.tell(facts.clone()).await?;
        let joined = hub.join_with_snapshot(&facts.connection, symbol).await;
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
        let Inner { hub, floor, crowd_changed, .. } = &*self.inner;
        let symbol = self.stock(&watch.symbol)?.symbol;
        let facts = floor.tabs().unwatch(&watch.tab, symbol)?;
        self.tell(facts.clone()).await?;
        let left = hub.leave(&facts.connection, symbol).await;
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
        let Inner { hub, floor, .. } = &*self.inner;
        let connection = floor.tabs().connection(tab)?;
        match hub.disconnect(Topic::connection(connection), "cut by hand").await? {
            0 => Err(Refusal::NoStream),
            _ => Ok(()),
        }
    }

    /// Places an order; the user's tabs hear of it, and of the answer.
    ///
    /// # Errors
    ///
    /// The order makes no sense, or there are too many.
    pub async fn place(&self, new: NewOrder) -> Result<Order, Refusal> {
        let Inner { hub, prices, floor, orders, .. } = &*self.inner;
        check_user(&new.user)?;
        let id = format!("{}-{}", floor.node(), orders.fetch_add(1, Ordering::Relaxed) + 1);
        let tick = floor.ticks().borrow().map_or(0, |tick| tick.number);
        let order = floor.book().draft(new, id, tick, prices)?;
        hub.send(order.audience(), order.event(&Status::Open)?).await?;
        Ok(order)
    }

    /// Tells all nodes of a tab.
    async fn tell(&self, facts: TabFacts) -> Result<(), Refusal> {
        let Inner { hub, floor, .. } = &*self.inner;
        let key = tab_key(&facts.tab);
        let said = Said::Tab { node: floor.node().to_owned(), facts };
        hub.send_to_group(FLOOR, said.event()?.key(key)).await?;
        Ok(())
    }

    fn stock(&self, symbol: &str) -> Result<&Stock, Refusal> {
        let prices = &self.inner.prices;
        prices.stock(symbol).ok_or_else(|| Refusal::symbol(prices))
    }
}

/// Waits until a hub knows its log: a stream that is opened earlier begins behind what has been sent to it by then.
async fn wait_for(hub: &Hub) {
    let ready = async {
        while !hub.is_ready() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    // If it is away again, streams wait for it as well as this can.
    let _ = timeout(READY, ready).await;
}

fn tab_key(tab: &str) -> String {
    format!("tab-{tab}")
}

/// The data of `tab`.
#[derive(Serialize)]
struct Live<'a> {
    watching: &'a BTreeSet<String>,
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
    /// Redis cannot be used.
    #[error(transparent)]
    Redis(#[from] RedisConnectError),
}

/// Why the market cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// An event could not be built.
    #[error(transparent)]
    Event(#[from] EventError),
    /// What an event was to carry is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The hub did not take an event.
    #[error(transparent)]
    Send(#[from] SendError),
}
