//! The handle an application holds.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::builder::HubBuilder;
use crate::connect::{ConnectError, ConnectRequest};
use crate::connection::Connection;
use crate::event::Event;
use crate::groups::{Change, GroupError};
use crate::id::EventId;
use crate::identity::Identity;
use crate::inner::Inner;
use crate::nodes::NodesError;
use crate::nodes::directory::Directory;
use crate::nodes::signal::Say;
use crate::refusals::{Reason, Refusals};
use crate::registry::ConnectionInfo;
use crate::send::SendError;
use crate::shutdown::{Shutdown, ShutdownReport};
use crate::sync::Ordering;
use crate::tickets::{Ticket, TicketError};
use crate::topic::{Audience, Topic};

/// A hub: an ordered log of events, and the connections that read it.
///
/// Cloning it is cheap, and all clones are the same hub. It is `Send + Sync` and bound to no runtime: one hub can serve
/// several servers, on several runtimes and threads of one process.
///
/// # Order and delivery
///
/// Every connection sees the events of its audience in the order in which they were committed, each once. A client that
/// comes back with its `Last-Event-ID` goes on with the next one, as long as that is retained; if it is not, or nobody can
/// know, it is told by `hub:gap`.
///
/// # Slow clients
///
/// A slow client holds no queue: it is a cursor that lags. It costs what a fast one costs, and slows nobody.
///
/// # Dropping
///
/// The hub lives until its last handle and its last [`Connection`] are dropped.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Hub {
    /// A hub with all defaults.
    ///
    /// # Panics
    ///
    /// If the system has no thread left for its timer; [`HubBuilder::build`] returns that as an error.
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "documented; the defaults are in range")]
        Self::builder().build().expect("a thread for the timer of the hub")
    }

    /// Sets up a hub.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Sends an event to an audience and returns the id it was committed under.
    ///
    /// Its cost is that of its topics and of waking few of its receivers; the others are woken behind its back. It
    /// gives way where readers that keep up have not had their turn and a quarter of what is retained was committed
    /// since: so no publisher, however fast, outruns a reader whose socket takes what it is given. It waits for turns,
    /// not for sockets that take nothing: half a second when readers stop to take anything, and never longer than ten. It
    /// does so when the event is committed; where so many publish at once that half of what is retained was committed,
    /// before that too.
    ///
    /// An event sent to a topic where nobody is is retained like any other, for who comes back.
    ///
    /// Whoever drops the future before it resolves does not learn whether the event was sent.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the event or the audience is over a limit, the keyed state is full, the hub is shutting down, or
    /// the backplane did not take the event.
    ///
    /// ```
    /// use ssehub::{Audience, Event, Hub};
    ///
    /// # futures::executor::block_on(async {
    /// let hub = Hub::new();
    /// let audience = Audience::group("market").or_user("bob").except_user("alice");
    /// hub.send(audience, Event::text("price", "213.25")?.key("AAPL")).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn send(&self, audience: impl Into<Audience>, event: Event) -> Result<EventId, SendError> {
        self.inner.hold_back().await;
        let sent = self.inner.send(audience.into(), event).await;
        let id = sent.inspect_err(|error| self.refused(error.kind()))?;
        self.inner.give_way().await;
        Ok(id)
    }

    /// As [`send`](Self::send), but never gives way to readers. In a tight loop it can outrun them; they are told a gap
    /// then. Without a backplane it resolves when it is first polled.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_unpaced(&self, audience: impl Into<Audience>, event: Event) -> Result<EventId, SendError> {
        let sent = self.inner.send(audience.into(), event).await;
        sent.inspect_err(|error| self.refused(error.kind()))
    }

    /// Sends an event to every connection.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_to_all(&self, event: Event) -> Result<EventId, SendError> {
        self.send(Audience::all(), event).await
    }

    /// Sends an event to all connections of a user.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_to_user(&self, user: impl AsRef<str>, event: Event) -> Result<EventId, SendError> {
        self.send(Audience::user(user), event).await
    }

    /// Sends an event to the members of a group.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_to_group(&self, group: impl AsRef<str>, event: Event) -> Result<EventId, SendError> {
        self.send(Audience::group(group), event).await
    }

    /// Sends an event to one connection.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_to_connection(&self, connection: impl AsRef<str>, event: Event) -> Result<EventId, SendError> {
        self.send(Audience::connection(connection), event).await
    }

    /// Opens a stream. Adapters call this; so does who drives the core directly.
    ///
    /// It costs what the topics of the connection cost; retained events and other connections cost nothing. Call it on the
    /// runtime that will poll the stream, as adapters do, or outside of any: there the readers of one event are woken in
    /// one go. On a runtime that exists but that nobody drives, they hear of events to more than 64 receivers at their
    /// next keep-alive only.
    ///
    /// A hub that does not know its backplane's log yet lets the stream in, and the stream begins when it does: see
    /// [`is_ready`](Self::is_ready).
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if a limit is reached, the hub is shutting down, the client takes no event streams, or the
    /// identity has expired or was revoked.
    pub fn connect(&self, request: ConnectRequest) -> Result<Connection, ConnectError> {
        self.inner.connect(request).inspect_err(|error| self.refused(error.kind()))
    }

    /// Issues a ticket: what lets one stream in as `identity`, once, within
    /// [`ticket_lifetime`](HubBuilder::ticket_lifetime) and before the identity expires.
    ///
    /// For a page whose `EventSource` can send no more than a URL. It asks the application for a ticket, by a request
    /// that can say who asks; the application authenticates that and answers the ticket, with `Cache-Control:
    /// no-store`; the page opens its stream with it in the query; and what the log of a proxy keeps of that URL is
    /// worth nothing by then.
    ///
    /// When the browser reconnects by itself it comes with the same URL and the used ticket. So give the stream
    /// something of its own with the answer to the first, a cookie for its path alone, and let that in; or answer
    /// [401](ConnectError::unauthorized) and have the page open a new `EventSource` with a new ticket and the last id
    /// it has seen (`?lastEventId=`).
    ///
    /// Where several nodes share a [backplane](HubBuilder::backplane), a ticket that one has issued can be redeemed on any,
    /// once.
    ///
    /// # Errors
    ///
    /// [`TicketError`] if the identity has expired or is over a limit, its user has
    /// [`MAX_TICKETS_PER_USER`](crate::MAX_TICKETS_PER_USER) unredeemed ones, or the hub has
    /// [`MAX_TICKETS`](crate::MAX_TICKETS).
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssehub::{ConnectRequest, Hub, Identity};
    ///
    /// # futures::executor::block_on(async {
    /// let hub = Hub::new();
    /// let alice = Identity::user("alice").group("traders").expires_in(Duration::from_secs(3600));
    /// let ticket = hub.issue_ticket(alice).await?.to_string();
    ///
    /// let identity = hub.redeem_ticket(&ticket).await?;
    /// let connection = hub.connect(ConnectRequest::new().identity(identity))?;
    /// assert!(hub.is_online("alice"));
    /// assert!(hub.redeem_ticket(&ticket).await.is_err(), "a ticket is good for once");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn issue_ticket(&self, identity: Identity) -> Result<Ticket, TicketError> {
        self.inner.issue_ticket(identity).await.inspect_err(|error| self.refused(error.kind()))
    }

    /// Redeems a ticket for the identity it was issued for. Of any number who come with the same ticket exactly one
    /// gets it, and whatever becomes of that one's stream, the ticket is used up.
    ///
    /// # Errors
    ///
    /// [`TicketError`] if it was redeemed before, has expired, was revoked, or never was one. All are the same error,
    /// so that nobody can find out which tickets there are; as a [`ConnectError`] it is a 401.
    pub async fn redeem_ticket(&self, ticket: &str) -> Result<Identity, TicketError> {
        self.inner.redeem_ticket(ticket).await.inspect_err(|error| self.refused(error.kind()))
    }

    /// Logs a user out: forgets the tickets that were issued for the user, ends the streams and sessions as
    /// [`disconnect`](Self::disconnect) does, and returns how many streams that were. An identity that came from a
    /// ticket before opens no stream afterwards. The user may come back at once, with a new login. (The hub remembers at
    /// least the last 50,000 revocations. An identity whose ticket was redeemed before those opens no stream either, and
    /// needs a new ticket.)
    ///
    /// Whether a browser does is the application's to say: it reconnects with what it has, and is stopped for good by
    /// [`ConnectError::stop`]. First make the login itself worthless, then call this. A request that had been
    /// authenticated by other means than a ticket just before, and connects just after, is not seen here: where that
    /// matters, look again whether the login still holds *after* `connect`, and drop the connection if not.
    ///
    /// It costs the number of unredeemed tickets, and that of the user's streams.
    ///
    /// ```
    /// use ssehub::{ConnectRequest, Hub, Identity};
    ///
    /// # futures::executor::block_on(async {
    /// let hub = Hub::new();
    /// let ticket = hub.issue_ticket(Identity::user("alice")).await?.to_string();
    /// let stream = hub.connect(ConnectRequest::new().user("alice"))?;
    ///
    /// assert_eq!(hub.revoke_user("alice", "logged out").await?, 1);
    /// assert!(hub.redeem_ticket(&ticket).await.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`NodesError`] if it was done on this node and may not have been on others. Saying it again does no harm.
    pub async fn revoke_user(&self, user: &str, reason: &str) -> Result<usize, NodesError> {
        self.inner.tickets.revoke(user);
        self.end(&Topic::user(user), reason, Some(Say::Revoke(user.into()))).await
    }

    /// Puts a connection into a group, from now on: what is sent to the group after this has resolved reaches it, from
    /// whichever node it is sent, and whichever node has the connection.
    ///
    /// # Errors
    ///
    /// [`GroupError`] if no such connection is open, a limit is reached, or its node does not answer.
    pub async fn join(&self, connection: &str, group: &str) -> Result<(), GroupError> {
        self.change_group(connection, group, Change::Join { snapshot: false }).await
    }

    /// As [`join`](Self::join), and the stream gets the newest event of each key of the group first, without ids. What
    /// is sent to the group from now on comes after them: there is no seam.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn join_with_snapshot(&self, connection: &str, group: &str) -> Result<(), GroupError> {
        self.change_group(connection, group, Change::Join { snapshot: true }).await
    }

    /// Takes a connection out of a group. What was sent to the group before still reaches it, and nothing sent after. If
    /// its client drops before it has read that, it comes back to the groups that it is in then, and to no other.
    /// A connection that is in the group through its user stays in it. Leaving a group one is not in is no error.
    ///
    /// # Errors
    ///
    /// [`GroupError`] if no such connection is open.
    pub async fn leave(&self, connection: &str, group: &str) -> Result<(), GroupError> {
        self.change_group(connection, group, Change::Leave).await
    }

    /// Puts all connections of a user into a group: those now, and those that are opened later, until
    /// [`leave_user`](Self::leave_user). The user need not be online. With a backplane it holds on all nodes, from one place of
    /// the log, and outlives them.
    ///
    /// # Errors
    ///
    /// [`GroupError`] if a limit is reached.
    pub async fn join_user(&self, user: &str, group: &str) -> Result<(), GroupError> {
        self.change_user_group(user, group, true).await
    }

    /// Takes a user out of a group. Connections that joined it themselves stay in it.
    ///
    /// # Errors
    ///
    /// [`GroupError`] if a name is too long.
    pub async fn leave_user(&self, user: &str, group: &str) -> Result<(), GroupError> {
        self.change_user_group(user, group, false).await
    }

    async fn change_group(&self, connection: &str, group: &str, change: Change) -> Result<(), GroupError> {
        let changed = self.inner.change_group(connection, group, change).await;
        changed.inspect_err(|error| self.refused(error.kind()))
    }

    async fn change_user_group(&self, user: &str, group: &str, join: bool) -> Result<(), GroupError> {
        let changed = self.inner.change_user_group(user, group, join).await;
        changed.inspect_err(|error| self.refused(error.kind()))
    }

    fn refused(&self, kind: impl Reason) {
        self.inner.refusals.count(kind);
    }

    /// Ends the streams of a topic: of a connection, a user, a group, or all, on all nodes. Each gets what was committed
    /// before, then `hub:closing` with the reason. Returns how many that were. A browser comes back after its `retry` time,
    /// unless the application refuses it with 204.
    ///
    /// A node that is away hears of it when it is back, for as long as the log keeps events; one that was away for longer, and
    /// was taken for gone, ends all its streams then ([`DisconnectReason::CutOff`](crate::DisconnectReason::CutOff)).
    ///
    /// # Errors
    ///
    /// [`NodesError`] if it was done on this node and may not have been on others.
    pub async fn disconnect(&self, topic: Topic, reason: &str) -> Result<usize, NodesError> {
        self.end(&topic, reason, None).await
    }

    async fn end(&self, topic: &Topic, reason: &str, first: Option<Say>) -> Result<usize, NodesError> {
        match &self.inner.nodes {
            None => Ok(self.inner.end_here(topic, reason)),
            Some(nodes) => self.inner.end_everywhere(nodes, topic, reason, first).await,
        }
    }

    /// Who is connected, to any node, in no order. Costs what it returns.
    ///
    /// This and the queries below answer from this node's memory: what happened on other nodes is in it a moment later, and
    /// a node that has crashed is out of it within [`node_timeout`](HubBuilder::node_timeout).
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        let mut connections: Vec<_> = self.inner.cells().iter().filter_map(|cell| self.inner.info(&cell.id)).collect();
        connections.extend(self.inner.elsewhere(|others| others.connections().collect::<Vec<_>>()));
        connections
    }

    /// One connection; none if it is not open.
    pub fn connection(&self, id: &str) -> Option<ConnectionInfo> {
        let here = self.inner.info(id);
        here.or_else(|| self.inner.elsewhere(|others| others.connection(id)))
    }

    /// Who is in a group, in no order.
    pub fn members(&self, group: &str) -> Vec<ConnectionInfo> {
        let cells: Vec<_> = {
            let log = self.inner.log.read();
            let record = log.index.find(&Topic::group(group));
            record.into_iter().flat_map(|record| record.members.iter()).cloned().collect()
        };
        let mut members: Vec<_> = cells.iter().filter_map(|cell| self.inner.info(&cell.id)).collect();
        members.extend(self.inner.elsewhere(|others| others.members(group).collect::<Vec<_>>()));
        members
    }

    /// How many connections are in a group.
    pub fn member_count(&self, group: &str) -> usize {
        self.subscribers(&Topic::group(group)) + self.inner.elsewhere(|others| others.member_count(group))
    }

    /// Whether a user has an open stream.
    pub fn is_online(&self, user: &str) -> bool {
        self.connections_of(user) > 0
    }

    /// How many open streams a user has.
    pub fn connections_of(&self, user: &str) -> usize {
        self.subscribers(&Topic::user(user)) + self.inner.elsewhere(|others| others.connections_of(user))
    }

    /// On this node.
    fn subscribers(&self, topic: &Topic) -> usize {
        self.inner.log.read().index.find(topic).map_or(0, |record| record.subscribers())
    }

    /// The gauges and counters of this node's hub. Costs the number of its connections.
    pub fn stats(&self) -> Stats {
        let cells = self.inner.cells();
        let open: u64 =
            cells.iter().map(|cell| cell.inner.lock()).filter(|state| !state.gone).map(|state| state.delivered).sum();
        let log = self.inner.log.read();
        let (history_events, history_bytes) = log.retained();
        Stats {
            connections: self.inner.connections.len(),
            parked: self.inner.sessions.lock().parked(),
            users: log.index.users,
            groups: log.index.groups,
            published: log.published,
            delivered: open + self.inner.delivered.load(Ordering::Relaxed),
            lagged: self.inner.lagged.load(Ordering::Relaxed),
            history_events,
            history_bytes,
            state_keys: log.state().keys,
            state_bytes: log.state().bytes,
            tickets: self.inner.tickets.len(),
            nodes: 1 + self.inner.elsewhere(Directory::nodes),
            connections_elsewhere: self.inner.elsewhere(Directory::len),
            skipped: self.inner.skipped.load(Ordering::Relaxed),
        }
    }

    /// How often the hub has refused what, since it was built.
    pub fn refusals(&self) -> Refusals {
        self.inner.refusals.read()
    }

    /// Whether the hub takes connections and events: not while it shuts down, nor while its backplane is away, nor until
    /// it has caught up with what the backplane has; where there are several nodes, not until it knows what the others that
    /// are there have, for which it waits a second and a half at most.
    pub fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    /// Ends the hub's work: from now on connections and events are refused, every stream gets what is committed, then
    /// `hub:closing` and a `retry:` drawn at random, and ends. Returns when all are gone and their hooks have run, or the
    /// deadline has passed. The framework's own graceful shutdown then finishes at once.
    pub async fn shutdown(&self, shutdown: Shutdown) -> ShutdownReport {
        self.inner.shutdown(shutdown).await
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = self.inner.open.load(Ordering::Relaxed);
        f.debug_struct("Hub")
            .field("connections", &connections)
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}

/// What a hub holds and has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Connections: open streams, and those that are parked.
    pub connections: usize,
    /// Those of them whose transport is gone and whose session may still be resumed.
    pub parked: usize,
    /// Users with an open stream.
    pub users: usize,
    /// Groups with a member.
    pub groups: usize,
    /// Events committed.
    pub published: u64,
    /// Events handed to transports, live, in replay and in snapshots.
    pub delivered: u64,
    /// Gaps told to streams that fell behind what is retained.
    pub lagged: u64,
    /// Events that a client coming back can get.
    pub history_events: usize,
    /// What they take, in bytes.
    pub history_bytes: usize,
    /// Keys in all topics.
    pub state_keys: usize,
    /// The bytes of their newest events.
    pub state_bytes: usize,
    /// Tickets that were issued and not redeemed, but for those that have expired more than a second ago.
    pub tickets: usize,
    /// Nodes of the hub that are alive, this one included.
    pub nodes: usize,
    /// Connections that other nodes have.
    pub connections_elsewhere: usize,
    /// Records of the backplane that could not be read: damaged ones, or of another version of this crate.
    pub skipped: u64,
}
