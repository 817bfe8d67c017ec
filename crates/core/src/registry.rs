//! Who is connected: how connections come into their topics, and how they go. The registry *is* the set of topics: a user is
//! online if and only if its topic has subscribers.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::Waker;
use std::time::SystemTime;

use serde::Serialize;

use crate::cell::{Cell, CellState, OPEN, Origin, Subscription};
use crate::clock::millis;
use crate::connect::{ConnectError, ConnectErrorKind, ConnectRequest};
use crate::connection::{Connection, Stream};
use crate::entry::Offset;
use crate::hooks::{Call, DisconnectReason};
use crate::index::TopicKey;
use crate::inner::Inner;
use crate::log::Log;
use crate::nodes::announce::Note;
use crate::nodes::directory::Directory;
use crate::nodes::signal::Here;
use crate::resume::Resume;
use crate::session::oldest_parked_of;
use crate::sync::Ordering;
use crate::timer::Task;
use crate::topic::{Audience, Topic};

/// One connection, as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The id the hub gave it: 128 random bits, in letters and digits.
    #[serde(rename = "connection")]
    pub id: String,
    /// The user the application vouched for.
    pub user: Option<String>,
    /// The groups it is in, itself or through its user, by name.
    pub groups: Vec<String>,
}

impl Inner {
    /// Opens a stream.
    pub(crate) fn connect(self: &Arc<Self>, mut request: ConnectRequest) -> Result<Connection, ConnectError> {
        let refuse = |kind| ConnectError::new(kind, self.config.retry_after);
        request.check(self.config.max_groups).map_err(refuse)?;
        self.check_session(&mut request).map_err(refuse)?;
        if self.is_closing() {
            return Err(refuse(ConnectErrorKind::ShuttingDown));
        }
        if request.head_only {
            return Ok(Connection::inert());
        }
        if self.hooks.as_ref().is_some_and(|hooks| hooks.is_overloaded()) {
            return Err(refuse(ConnectErrorKind::Overloaded));
        }
        self.admit(&request)?;
        let now_ms = self.clock.now_ms();
        let left = request.expires.map(|expires| expires.duration_since(SystemTime::now()).unwrap_or_default());
        let mut place = Place::take(self);
        let mut cell = Arc::new(Cell::new(connection_id(), request.user.clone(), self.shards.current()));
        // Dropped when nothing is locked.
        let (mut driven_out, mut superseded) = (None, None);
        let resume = {
            let mut log = self.log.write();
            if self.is_closing() {
                return Err(refuse(ConnectErrorKind::ShuttingDown));
            }
            // A revocation that is not seen yet will see the connection.
            if self.is_revoked(&request) {
                return Err(refuse(ConnectErrorKind::Expired));
            }
            let inherited = self.take_over(&mut log, &request).map_err(refuse)?;
            let mut claimed = None;
            if inherited.is_none() {
                let moves_here = self.may_claim(&request).map_err(refuse)?;
                driven_out = self.make_room(&mut log, &request, &mut place, moves_here).map_err(refuse)?;
                claimed = self.claim(&request);
            }
            let known_id = inherited.as_ref().map(|it| &it.id).or(claimed.as_ref().map(|it| &it.id));
            if let Some(id) = known_id {
                cell = Arc::new(Cell::new(Arc::clone(id), request.user.clone(), self.shards.current()));
            }
            let mut state = cell.inner.lock();
            let identity_ends_ms = left.map_or(u64::MAX, |left| now_ms.saturating_add(millis(left)));
            self.begin_session(&cell, &mut state, &request, identity_ends_ms);
            if inherited.is_some() || claimed.is_some() {
                self.say_claim(&cell, &mut state);
            }
            // The place of whom it follows here is its own now.
            if let Some(place) = place.filter(|_| inherited.is_none()) {
                place.keep();
            }
            let is_known = inherited.is_some() || claimed.as_ref().is_some_and(|claimed| !claimed.is_told);
            if let Some(inherited) = inherited {
                superseded = inherited.give_to(&mut log, &cell, &mut state);
            }
            if let Some(claimed) = claimed {
                let seen = request.last_event_id.as_deref().and_then(|id| id.parse().ok());
                claimed.give_to(&mut log, &cell, &mut state, seen);
            }
            self.enter(&mut log, &cell, &mut state, &request, is_known);
            self.start_clocks(&cell, &mut state, now_ms, identity_ends_ms);
            if log.has_begun() {
                state.begin_turn(&self.pace, now_ms);
                let resume = Resume::new(self, &log, &cell, &mut state, &request, log.head());
                state.snapshots.prove(resume.cursor.offset);
                resume
            } else {
                Resume::later(&log, request)
            }
        };
        drop(driven_out);
        superseded.into_iter().for_each(Waker::wake);
        Ok(Connection::open(Stream::new(Arc::clone(self), cell, resume)))
    }

    /// Sees to it that there may be one connection more, of this user too: one without a transport gives way, if it has to.
    fn make_room<'h>(
        &'h self,
        log: &mut Log,
        request: &ConnectRequest,
        place: &mut Option<Place<'h>>,
        moves_here: bool,
    ) -> Result<Option<Left<'h>>, ConnectErrorKind> {
        if place.is_none() && self.oldest_parked().is_none() {
            return Err(ConnectErrorKind::Full);
        }
        let user = request.user.as_ref().filter(|user| {
            let record = log.index.find(&Topic::User(Arc::clone(user)));
            let here = record.map_or(0, |record| record.subscribers());
            let elsewhere = self.elsewhere(|others| others.connections_of(user));
            here + elsewhere.saturating_sub(usize::from(moves_here)) >= self.config.max_connections_per_user
        });
        let gives_way = match user {
            Some(user) => Some(oldest_parked_of(log, user).ok_or(ConnectErrorKind::TooManyConnections)?),
            None if place.is_none() => self.oldest_parked(),
            None => None,
        };
        let mut left = gives_way.map(|cell| self.remove(log, &cell, &mut cell.inner.lock()));
        if place.is_none() {
            *place = left.as_mut().and_then(|left| left.place.take());
        }
        Ok(left)
    }

    /// Puts a connection into all its topics, and tells the hooks of one that they do not know.
    fn enter(&self, log: &mut Log, cell: &Arc<Cell>, state: &mut CellState, request: &ConnectRequest, is_known: bool) {
        subscribe(log, cell, state, &Topic::All, 0, Origin::NATURE);
        for group in &request.groups {
            subscribe(log, cell, state, &Topic::Group(Arc::clone(group)), 0, Origin::REQUEST);
        }
        let by_itself = state.subscriptions.iter().filter(|subscription| subscription.origin.has(Origin::ITSELF));
        state.joined = by_itself.count() as u32;
        let mut came_online = None;
        if let Some(user) = &cell.user {
            let topic = Topic::User(Arc::clone(user));
            subscribe(log, cell, state, &topic, 0, Origin::NATURE);
            let is_first = log.index.find(&topic).is_some_and(|record| record.subscribers() == 1);
            came_online = (is_first && self.elsewhere(|others| others.connections_of(user)) == 0).then_some(user);
            for (group, since) in self.user_groups.lock().of(user) {
                subscribe(log, cell, state, &Topic::Group(Arc::clone(group)), *since, Origin::USER);
            }
        }
        self.connections.insert(Arc::clone(&cell.id), Arc::clone(cell));
        self.note(&cell.id, Note::Changed);
        if let Some(hooks) = self.hooks.as_ref().filter(|_| !is_known) {
            if let Some(user) = came_online {
                hooks.call(Call::UserOnline(Arc::clone(user)));
            }
            hooks.call(Call::Connected(info(log, cell, state)));
        }
    }

    /// Puts connections into their own topics, before the first event to them is committed. Nothing was ever sent to a
    /// connection that is new, and most are never sent anything.
    pub(crate) fn address(&self, log: &mut Log, audience: &Audience) {
        for topic in &audience.topics {
            let Topic::Connection(id) = topic else { continue };
            let Some(cell) = self.cell(id) else { continue };
            let mut state = cell.inner.lock();
            let since = log.head().offset;
            subscribe(log, &cell, &mut state, topic, since, Origin::NATURE);
        }
    }

    fn start_clocks(&self, cell: &Arc<Cell>, state: &mut CellState, now_ms: u64, identity_ends_ms: u64) {
        state.written_ms = now_ms;
        let lifetime = self.config.max_lifetime.map(|lifetime| {
            let part = rand::RngExt::random_range(&mut rand::rng(), 0.8..=1.0);
            millis(lifetime.mul_f64(part))
        });
        let lifetime_ends_ms = lifetime.map_or(u64::MAX, |lifetime| now_ms.saturating_add(lifetime));
        let ends_ms = identity_ends_ms.min(lifetime_ends_ms);
        state.identity_expires = identity_ends_ms < lifetime_ends_ms;
        state.expires_ms = NonZeroU64::new(ends_ms.saturating_add(1)).filter(|ends_ms| ends_ms.get() < u64::MAX);
        let at_ms = (now_ms + millis(self.config.keep_alive)).min(state.expires_ms());
        state.timer = Some(self.timer.set(at_ms, Task::Connection(Arc::clone(cell))));
    }

    /// The transport of a connection is gone. From any thread, with or without a runtime.
    pub(crate) fn leave(&self, cell: &Arc<Cell>) {
        self.let_go(cell, |_| true);
    }

    /// Parks a connection if somebody may come back to it, else takes it out of everything; unless its stream has lost it
    /// already, or what was the reason is one no longer.
    pub(crate) fn let_go(&self, cell: &Arc<Cell>, still: impl FnOnce(&mut CellState) -> bool) {
        // Dropped when nothing is locked.
        let (mut _left, mut _driven_out, mut _waker) = (None, None, None);
        let mut log = self.log.write();
        let mut state = cell.inner.lock();
        if state.is_over() || !still(&mut state) {
            return;
        }
        if !self.may_park(&state) {
            _left = Some(self.remove(&mut log, cell, &mut state));
            return;
        }
        let crowded;
        (_waker, crowded) = self.park(cell, &mut state);
        drop(state);
        // There and then: the next one that is parked would find the same.
        if let Some(crowded) = crowded {
            let mut state = crowded.inner.lock();
            _driven_out = Some(self.remove(&mut log, &crowded, &mut state));
        }
    }

    /// Takes a connection that is there out of everything, and tells the hooks.
    pub(crate) fn remove<'h>(&'h self, log: &mut Log, cell: &Arc<Cell>, state: &mut CellState) -> Left<'h> {
        let info = self.hooks.as_ref().map(|_| info(log, cell, state));
        let resumable = self.is_closing() && state.may_come_back_elsewhere();
        let left = self.take_out(log, cell, state);
        self.note(&cell.id, Note::Gone { resumable });
        if let (Some(hooks), Some(info)) = (&self.hooks, info) {
            let reason = state.closing.as_ref().map_or(DisconnectReason::Gone, |closing| closing.reason.clone());
            hooks.call(Call::Disconnected(info, reason));
            if let Some(user) = &cell.user
                && log.index.find(&Topic::User(Arc::clone(user))).is_none_or(|record| record.subscribers() == 0)
                && self.elsewhere(|others| others.connections_of(user)) == 0
            {
                hooks.call(Call::UserOffline(Arc::clone(user)));
            }
        }
        left
    }

    /// Takes a connection that is there out of everything: the one way out.
    pub(crate) fn take_out<'h>(&'h self, log: &mut Log, cell: &Arc<Cell>, state: &mut CellState) -> Left<'h> {
        state.gone = true;
        for subscription in state.subscriptions.take_all() {
            if subscription.is_open() {
                log.index.unsubscribe(subscription.topic, cell, subscription.seat);
            }
            log.end_connection(subscription.topic);
            log.index.release(subscription.topic);
        }
        state.snapshots.clear();
        self.connections.remove(&cell.id);
        self.end_session(cell, state);
        Left { waker: self.quiet(state), place: Some(Place(self)) }
    }

    /// What other nodes have, as far as this one has heard; nothing where there are none.
    pub(crate) fn elsewhere<T: Default>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        self.nodes.as_ref().map_or_else(T::default, |nodes| look(&nodes.directory.lock()))
    }

    /// The connection has no reader any more. Returns what that would have been woken by.
    pub(crate) fn quiet(&self, state: &mut CellState) -> Option<Waker> {
        if let Some(timer) = state.timer.take() {
            self.timer.unset(timer);
        }
        state.end_turn(&self.pace, self.clock.coarse_ms());
        state.keep_alive_due = false;
        self.delivered.fetch_add(std::mem::take(&mut state.delivered), Ordering::Relaxed);
        state.waker.take()
    }

    /// A subscription was read to its end.
    pub(crate) fn release(&self, topics: &[TopicKey]) {
        let mut log = self.log.write();
        for topic in topics {
            log.index.release(*topic);
        }
    }

    /// A connection as the application sees it; none if it is not here.
    pub(crate) fn info(&self, id: &str) -> Option<ConnectionInfo> {
        // With the log locked no other transport takes it over while it is looked at.
        let log = self.log.read();
        let cell = self.cell(id)?;
        let state = cell.inner.lock();
        Some(info(&log, &cell, &state))
    }
}

/// A place among the open streams.
struct Place<'h>(&'h Inner);

impl<'h> Place<'h> {
    fn take(hub: &'h Inner) -> Option<Self> {
        let max = hub.config.max_connections;
        let taken = hub.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |open| (open < max).then_some(open + 1));
        taken.ok().map(|_| Self(hub))
    }

    /// The stream is open: its end gives the place back.
    fn keep(self) {
        std::mem::forget(self);
    }
}

/// What is left of a connection that was taken out of everything. To be dropped when nothing is locked: a waker may own
/// what it wakes, and whoever waits for the last stream's place may run at once.
#[must_use]
pub(crate) struct Left<'h> {
    /// Of a stream that is to end though its transport is there.
    pub(crate) waker: Option<Waker>,
    place: Option<Place<'h>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.emptied.notify_waiters();
        }
    }
}

/// Adds a connection to a topic, or one more way to be in it.
pub(crate) fn subscribe(
    log: &mut Log,
    cell: &Arc<Cell>,
    state: &mut CellState,
    topic: &Topic,
    since: Offset,
    origin: Origin,
) {
    if let Some(key) = log.index.key(topic)
        && let Some(subscription) = state.subscriptions.open_mut(key)
    {
        subscription.origin = subscription.origin.with(origin);
        subscription.since = subscription.since.min(since);
        return;
    }
    let (topic, seat) = log.index.subscribe(topic, cell);
    state.subscriptions.insert(Subscription { topic, seat, since, until: OPEN, snapshot: 0, origin });
}

fn info(log: &Log, cell: &Cell, state: &CellState) -> ConnectionInfo {
    let open = state.subscriptions.iter().filter(|subscription| subscription.is_open());
    let topics = open.filter_map(|subscription| log.index.get(subscription.topic));
    let groups = topics.filter_map(|record| match &record.topic {
        Topic::Group(name) => Some(name.to_string()),
        _ => None,
    });
    let mut groups: Vec<String> = groups.collect();
    groups.sort_unstable();
    ConnectionInfo { id: cell.id.to_string(), user: cell.user.as_deref().map(str::to_owned), groups }
}

/// A connection as other nodes are to know it.
pub(crate) fn here(log: &Log, cell: &Cell, state: &CellState) -> Here {
    let ConnectionInfo { id, user, groups } = info(log, cell, state);
    Here { connection: id, user, groups, session: state.session_form(), standing: state.standing() }
}

/// 128 random bits: whoever knows a connection's id may be let to act on it.
fn connection_id() -> Arc<str> {
    use rand::RngExt as _;
    use rand::distr::Alphanumeric;

    // 22 of 62 letters and digits: 131 bits.
    let id: String = rand::rng().sample_iter(Alphanumeric).take(22).map(char::from).collect();
    id.into()
}
